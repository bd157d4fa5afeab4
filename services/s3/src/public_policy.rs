//! When a bucket policy is public.
//!
//! [The meaning of "public"](https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status):
//! a policy is, unless each of its allowing statements is limited to fixed values, without wildcards
//! and variables, of the principal or of one of a few condition keys.

use serde_json::Value;

/// The condition keys whose fixed values limit a statement.
const LIMITING_KEYS: [&str; 14] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

/// Networks wider than these count as everybody.
const WIDEST_IPV4: u8 = 8;
const WIDEST_IPV6: u8 = 32;

/// Whether the policy lets everybody do something.
pub(crate) fn is_public(policy: &Value) -> bool {
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement) => std::slice::from_ref(statement),
        None => &[],
    };
    statements.iter().any(|statement| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && names_everybody(statement)
            && !statement.get("Condition").is_some_and(limits)
    })
}

fn names_everybody(statement: &Value) -> bool {
    match statement.get("Principal") {
        Some(Value::String(principal)) => principal == "*",
        Some(Value::Object(kinds)) => kinds.values().any(|kind| texts(Some(kind)).contains(&"*")),
        _ => statement.get("NotPrincipal").is_some(),
    }
}

/// Whether one of the conditions, all of which must hold, leaves only known callers.
fn limits(conditions: &Value) -> bool {
    let Some(operators) = conditions.as_object() else { return false };
    operators.iter().any(|(operator, keys)| {
        let operator = operator.to_ascii_lowercase();
        let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
        let Some(keys) = keys.as_object() else { return false };
        keys.iter().any(|(key, values)| {
            let key = key.to_ascii_lowercase();
            let values = texts(Some(values));
            let each =
                |fixed: fn(&str) -> bool| !values.is_empty() && values.iter().all(|value| fixed(value));
            match operator {
                "ipaddress" => key == "aws:sourceip" && each(is_narrow),
                "stringequals" | "stringequalsignorecase" | "stringlike" | "arnequals" | "arnlike" => {
                    LIMITING_KEYS.contains(&key.as_str())
                        && match key.as_str() {
                            // The sessions of one role.
                            "aws:userid" => each(|id| is_fixed(id.strip_suffix(":*").unwrap_or(id))),
                            // The access points of one account.
                            "s3:dataaccesspointarn" => {
                                each(|arn| arn.split(':').nth(4).is_some_and(is_fixed))
                            }
                            _ => each(is_fixed),
                        }
                }
                _ => false,
            }
        })
    })
}

fn is_fixed(value: &str) -> bool {
    !value.is_empty() && !value.contains(['*', '?']) && !value.contains("${")
}

fn is_narrow(network: &str) -> bool {
    let (address, bits) = match network.split_once('/') {
        Some((address, bits)) => (address, bits.parse::<u8>().ok()),
        None => (network, Some(u8::MAX)),
    };
    let widest = if address.contains(':') { WIDEST_IPV6 } else { WIDEST_IPV4 };
    bits.is_some_and(|bits| bits >= widest)
}

/// One text or several.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(principal: Value, condition: Value, expected: bool) {
        let mut statement = json!({"Effect": "Allow", "Principal": principal, "Action": "s3:GetObject"});
        if !condition.is_null() {
            statement["Condition"] = condition.clone();
        }
        assert_eq!(is_public(&json!({"Statement": [statement]})), expected, "{condition}");
    }

    #[test]
    fn everybody_is_public_unless_fixed_values_limit_it() {
        check(json!("*"), Value::Null, true);
        check(json!({"AWS": ["*"]}), Value::Null, true);
        check(json!({"AWS": "arn:aws:iam::111122223333:root"}), Value::Null, false);
        check(json!({"Service": "logging.s3.amazonaws.com"}), Value::Null, false);
        let limited = |condition: Value, public: bool| check(json!("*"), condition, public);
        limited(json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}), false);
        limited(json!({"StringLike": {"aws:PrincipalOrgID": "o-*"}}), true);
        limited(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}), true);
        limited(json!({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}), true);
        limited(json!({"StringEquals": {"aws:sourcevpc": ["vpc-1", "vpc-2"]}}), false);
        limited(json!({"StringLike": {"aws:userid": "AROAEXAMPLE:*"}}), false);
        limited(json!({"StringLike": {"aws:Referer": "https://example.com"}}), true);
        limited(
            json!({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:111122223333:accesspoint/*"}}),
            false,
        );
        limited(json!({"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:*:accesspoint/*"}}), true);
        limited(json!({"Bool": {"aws:SecureTransport": "true"}}), true);
        limited(json!({"IpAddress": {"aws:SourceIp": ["203.0.113.0/24", "2001:db8::/32"]}}), false);
        limited(json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}), true);
        limited(json!({"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}), true);
    }

    #[test]
    fn denials_make_nothing_public() {
        let policy = json!({"Statement": {"Effect": "Deny", "Principal": "*", "Action": "s3:*"}});
        assert!(!is_public(&policy));
    }
}
