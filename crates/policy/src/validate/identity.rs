//! Policies of users, groups and roles, and of sessions.
//!
//! The checks are in the order in which AWS finds mistakes, which decides which of several is named.

use std::collections::HashSet;

use super::{has_known_version, legacy, read, syntax, texts};
use crate::conditions::Operator;
use crate::json::Node;
use crate::parse::{PolicyError, STATEMENT_ELEMENTS};

/// The partitions that resources may name.
const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

/// How names of IAM's own resources start.
const IAM_PATHS: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

fn malformed(message: impl Into<String>) -> PolicyError {
    PolicyError::malformed(message)
}

/// Checks a policy without principals. Those with variables only in mind must be of the new version.
pub(super) fn check(document: &str, new_version: bool) -> Result<(), PolicyError> {
    let policy = read(document).ok_or_else(syntax)?;
    let statements = statements(&policy)?;
    for statement in statements {
        if statement.get("Principal").is_some() || statement.get("NotPrincipal").is_some() {
            return Err(malformed("Policy document should not specify a principal."));
        }
        check_types(statement)?;
    }
    if new_version && policy.get("Version").and_then(Node::as_text) != Some("2012-10-17") {
        return Err(malformed("Policy document must be version 2012-10-17 or greater."));
    }
    let mut wrong_resource = None;
    for statement in statements {
        if !matches!(statement.get("Effect").and_then(Node::as_text), Some("Allow" | "Deny")) {
            return Err(legacy());
        }
        check_values(statement)?;
        for resource in texts(statement, "Resource", "NotResource") {
            match check_resource(resource) {
                Err(ResourceMistake::Legacy) => return Err(legacy()),
                Err(ResourceMistake::Named(message)) if wrong_resource.is_none() => {
                    wrong_resource = Some(message);
                    // What follows is not looked at any more.
                    break;
                }
                Err(ResourceMistake::Named(_)) | Ok(()) => {}
            }
        }
    }
    check_sids(statements, |sid| sid.bytes().all(|byte| byte.is_ascii_alphanumeric()))?;
    let actions = || statements.iter().map(|statement| texts(statement, "Action", "NotAction"));
    if actions().any(|actions| actions.is_empty()) {
        return Err(malformed("Policy statement must contain actions."));
    }
    if actions().flatten().any(|action| action != "*" && !action.contains(':')) {
        return Err(malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
    }
    if statements.iter().any(|statement| texts(statement, "Resource", "NotResource").is_empty()) {
        return Err(malformed("Policy statement must contain resources."));
    }
    if let Some(message) = wrong_resource {
        return Err(malformed(message));
    }
    actions().flatten().try_for_each(check_action)
}

/// The statements of a policy that has nothing else in it than it may have.
pub(super) fn statements(policy: &Node) -> Result<&[Node], PolicyError> {
    let known = |(name, value): &(String, Node)| match name.as_str() {
        "Version" => has_known_version(policy),
        "Id" => value.as_text().is_some(),
        "Statement" => true,
        _ => false,
    };
    let statements = policy.get("Statement").map(Node::elements).unwrap_or_default();
    let objects = statements.iter().all(|statement| matches!(statement, Node::Object(_)));
    if policy.members().iter().all(known) && objects && !statements.is_empty() {
        Ok(statements)
    } else {
        Err(syntax())
    }
}

/// Whether the elements of a statement have the types that they must have, and none excludes another.
pub(super) fn check_types(statement: &Node) -> Result<(), PolicyError> {
    let both = |one: &str, other: &str| statement.get(one).is_some() && statement.get(other).is_some();
    let exclusive = !both("Action", "NotAction")
        && !both("Resource", "NotResource")
        && !both("Principal", "NotPrincipal");
    let known = statement.members().iter().all(|(name, value)| match name.as_str() {
        "Sid" => value.as_text().is_some(),
        "Effect" => value.as_text().is_some_and(|effect| {
            effect.eq_ignore_ascii_case("Allow") || effect.eq_ignore_ascii_case("Deny")
        }),
        "Action" | "NotAction" | "NotResource" => value.texts().is_some(),
        "Resource" => value.texts_but_nulls().is_some(),
        "Condition" => is_condition(value),
        name => STATEMENT_ELEMENTS.contains(&name),
    });
    if exclusive && known && statement.get("Effect").is_some() { Ok(()) } else { Err(syntax()) }
}

/// Whether all operators exist. One that does not is no mistake as long as it has no keys.
fn is_condition(condition: &Node) -> bool {
    let Node::Object(operators) = condition else { return false };
    operators.iter().all(|(operator, keys)| {
        let Node::Object(keys) = keys else { return false };
        let scalars = |(_, values): &(String, Node)| values.elements().iter().all(|v| v.scalar().is_some());
        (keys.is_empty() || Operator::read(operator).is_some()) && keys.iter().all(scalars)
    })
}

/// Whether what conditions compare with can be read: dates, numbers and addresses.
pub(super) fn check_values(statement: &Node) -> Result<(), PolicyError> {
    for (operator, keys) in statement.get("Condition").map(Node::members).unwrap_or_default() {
        let Some(operator) = Operator::read(operator) else { continue };
        let mut values = keys.members().iter().flat_map(|(_, values)| values.elements());
        if !values.all(|value| value.scalar().is_some_and(|value| operator.can_read(&value))) {
            return Err(legacy());
        }
    }
    Ok(())
}

/// Whether names of statements are what the service takes, and different.
pub(super) fn check_sids(statements: &[Node], valid: impl Fn(&str) -> bool) -> Result<(), PolicyError> {
    let mut seen = HashSet::new();
    for sid in statements.iter().filter_map(|statement| statement.get("Sid")?.as_text()) {
        if !valid(sid) {
            return Err(malformed(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                 expression [0-9A-Za-z]*",
            ));
        }
        if !sid.is_empty() && !seen.insert(sid) {
            return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
        }
    }
    Ok(())
}

fn check_action(action: &str) -> Result<(), PolicyError> {
    let Some((vendor, name)) = action.split_once(':') else { return Ok(()) };
    if name.contains(':') {
        return Err(malformed("Actions/Condition can contain only one colon."));
    }
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*' | b'?');
    if vendor.is_empty() || !vendor.bytes().all(valid) {
        return Err(malformed(format!("Vendor {vendor} is not valid")));
    }
    Ok(())
}

enum ResourceMistake {
    Legacy,
    Named(String),
}

fn check_resource(resource: &str) -> Result<(), ResourceMistake> {
    if resource == "*" {
        return Ok(());
    }
    let named = |message: String| Err(ResourceMistake::Named(message));
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let part = |index: usize| parts.get(index).copied();
    let wild = |text: &str| text.contains(['*', '?']);
    let Some(partition) = part(1) else {
        return named(format!("Resource {resource} must be in ARN format or \"*\"."));
    };
    if !PARTITIONS.contains(&partition) && !wild(partition) {
        let mut arn = vec!["arn"];
        arn.extend(parts.iter().skip(1));
        arn.resize(arn.len().max(6), "*");
        return named(format!("Partition \"{partition}\" is not valid for resource \"{}\".", arn.join(":")));
    }
    let Some(vendor) = part(2).filter(|vendor| *vendor == "*" || !wild(vendor)) else {
        return named("Resource vendor must be fully qualified and cannot contain regexes.".to_owned());
    };
    // AWS completes short ARNs, but an account or region cannot be a name.
    let open = parts.last().is_some_and(|last| last.ends_with('*'));
    if vendor.is_empty() || (matches!(parts.len(), 4 | 5) && !open) {
        return Err(ResourceMistake::Legacy);
    }
    let region = part(3).is_some_and(|region| !region.is_empty() && !wild(region));
    match (vendor, part(5)) {
        ("iam", _) if region => named(format!("IAM resource {resource} cannot contain region information.")),
        ("s3", Some(_)) if region && part(4) == Some("") => {
            named(format!("Resource {resource} can not contain region information."))
        }
        ("iam", Some(path)) if !path.starts_with('*') && !IAM_PATHS.iter().any(|p| path.starts_with(p)) => {
            named(format!("IAM resource path must either be \"*\" or start with {}.", IAM_PATHS.join(", ")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{PolicyKind, validate};

    fn managed(statement: &str) -> String {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        validate(PolicyKind::Managed, &document).map_or_else(|error| error.to_string(), |()| "ok".to_owned())
    }

    const SYNTAX: &str = "Syntax errors in policy.";
    const LEGACY: &str = "The policy failed legacy parsing";

    #[test]
    fn what_aws_accepts_is_accepted() {
        let allow = |rest: &str| format!(r#"{{"Effect":"Allow",{rest}}}"#);
        let condition =
            |condition: &str| allow(&format!(r#""Action":"s3:*","Resource":"*","Condition":{condition}"#));
        for statement in [
            allow(r#""Action":"*","Resource":"*""#),
            r#"[{"Sid":"","Effect":"Deny","NotAction":["iam:*"],"NotResource":["arn:aws:s3:::b/*"]}]"#
                .to_owned(),
            allow(r#""Action":["s3:Get*"],"Resource":"arn:aws:s3:::${aws:username}/*""#),
            allow(r#""Action":["s3:Get*"],"Resource":"arn:*:iam::*:user/x""#),
            allow(r#""Action":"iam: as df ","Resource":"arn:aws:invalid-service:us-east-1::b""#),
            allow(r#""Action":"s3.s:L","Resource":"arn:aws:something""#),
            allow(r#""Action":"s3-s:L","Resource":"arn:aws:sqs:*""#),
            allow(r#""Action":"s3:L","Resource":["*",null]"#),
            condition(r#"{"Bool":{"aws:SecureTransport":"true"}}"#),
            condition(r#"{"a":{}}"#),
            condition(r#"{"DateGreaterThan":{"a":[]}}"#),
            condition(r#"{"DateGreaterThan":{"a":"01T"}}"#),
            condition(r#"{"DateLessThan":{"a":"-292275054"}}"#),
            condition(r#"{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+23"}}"#),
            condition(r#"{"ForAnyValue:StringEqualsIfExists":{"a":"asf"}}"#),
            condition(r#"{"NumericLessThan":{"s3:max-keys":10}}"#),
        ] {
            assert_eq!(managed(&statement), "ok", "{statement}");
        }
        let old = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        assert!(validate(PolicyKind::Inline, old).is_ok());
        assert!(validate(PolicyKind::Session, old).is_ok());
    }

    #[test]
    fn mistakes_are_named_as_aws_names_them() {
        let allow = |rest: &str| format!(r#"{{"Effect":"Allow",{rest}}}"#);
        let on = |resource: &str| allow(&format!(r#""Action":"s3:L","Resource":"{resource}""#));
        let condition =
            |condition: &str| allow(&format!(r#""Action":"s3:*","Resource":"*","Condition":{condition}"#));
        for (statement, message) in [
            (r#""x""#.to_owned(), SYNTAX),
            ("[]".to_owned(), SYNTAX),
            (r#"["afd"]"#.to_owned(), SYNTAX),
            (r#"{"Action":"s3:*","Resource":"*"}"#.to_owned(), SYNTAX),
            (r#"{"Effect":"Allow","Effect":"Allow","Action":"s3:*","Resource":"*"}"#.to_owned(), SYNTAX),
            (r#"{"Effect":"denY","Action":"s3:*","Resource":"*"}"#.to_owned(), LEGACY),
            (r#"{"Effect":"maybe","Action":"s3:*","Resource":"*"}"#.to_owned(), SYNTAX),
            (allow(r#""Action":{},"Resource":"*""#), SYNTAX),
            (allow(r#""Action":"s3:*","Resource":"*","Extra":1"#), SYNTAX),
            (allow(r#""Action":"s3:L","NotResource":["*",null]"#), SYNTAX),
            (allow(r#""Sid":[],"Action":"s3:*","Resource":"*""#), SYNTAX),
            (condition(r#"{"Bool":"x"}"#), SYNTAX),
            (condition("[]"), SYNTAX),
            (condition(r#"{"x":{"a":"1"}}"#), SYNTAX),
            (condition(r#"{"DateGreaterThan":{"a":{}}}"#), SYNTAX),
            (condition(r#"{"ForAnyValue::StringEqualsIfExists":{"a":"asf"}}"#), SYNTAX),
            (condition(r#"{"DateGreaterThan":{"a":"sdfdsf"}}"#), LEGACY),
            (condition(r#"{"DateLessThanEquals":{"a":"234-13"}}"#), LEGACY),
            (condition(r#"{"DateLessThan":{"a":"9223372036854775808"}}"#), LEGACY),
            (condition(r#"{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+1"}}"#), LEGACY),
            (condition(r#"{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.1999999999+10:59"}}"#), LEGACY),
            (allow(r#""Action":"s3:*","NotAction":[],"Resource":"*""#), SYNTAX),
            (allow(r#""Resource":"*""#), "Policy statement must contain actions."),
            (allow(r#""Action":[],"Resource":"*""#), "Policy statement must contain actions."),
            (allow(r#""Action":"s3:*""#), "Policy statement must contain resources."),
            (allow(r#""Action":"s3:*","Resource":[]"#), "Policy statement must contain resources."),
            (
                allow(r#""Action":"invalid""#),
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            ),
            (allow(r#""Action":"a a:List","Resource":"*""#), "Vendor a a is not valid"),
            (
                allow(r#""Action":"s3:List:B","Resource":"*""#),
                "Actions/Condition can contain only one colon.",
            ),
            (
                allow(r#""Action":"s:3:L","Resource":"sdfsadf""#),
                "Resource sdfsadf must be in ARN format or \"*\".",
            ),
            (on(""), "Resource  must be in ARN format or \"*\"."),
            (on("a:bsd"), "Partition \"bsd\" is not valid for resource \"arn:bsd:*:*:*:*\"."),
            (on("a:b:c:d:e:f:g:h"), "Partition \"b\" is not valid for resource \"arn:b:c:d:e:f:g:h\"."),
            (on("aws:s3:::b"), "Partition \"s3\" is not valid for resource \"arn:s3:::b:*\"."),
            (on("arn:aws"), "Resource vendor must be fully qualified and cannot contain regexes."),
            (on("arn:aws:s3::b"), LEGACY),
            (on("arn:aws::::b"), LEGACY),
            (on("arn:aws::fdsasf"), LEGACY),
            (allow(r#""Resource":"arn:aws:s3::b""#), LEGACY),
            (
                allow(r#""Action":"s3:L","Resource":["arn:error:s3:::b","arn:error:s3::b"]"#),
                "Partition \"error\" is not valid for resource \"arn:error:s3:::b\".",
            ),
            (
                on("arn:aws:iam:us-east-1::b"),
                "IAM resource arn:aws:iam:us-east-1::b cannot contain region information.",
            ),
            (
                on("arn:aws:s3:us-east-1::b"),
                "Resource arn:aws:s3:us-east-1::b can not contain region information.",
            ),
            (
                on("arn:aws:iam:::b"),
                "IAM resource path must either be \"*\" or start with user/, federated-user/, role/, group/, \
                 instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, \
                 oidc-provider/, report/, access-report/.",
            ),
            (
                allow(r#""Action":"s3:L","Resource":"*","Principal":"*""#),
                "Policy document should not specify a principal.",
            ),
            (
                allow(r#""Sid":"a b","Action":"s3:L","Resource":"*""#),
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                 expression [0-9A-Za-z]*",
            ),
            (
                r#"[{"Sid":"a","Effect":"Allow","Action":"s3:L","Resource":"*"},{"Sid":"a","Effect":"Allow"}]"#
                    .to_owned(),
                "Statement IDs (SID) in a single policy must be unique.",
            ),
        ] {
            assert_eq!(managed(&statement), message, "{statement}");
        }
    }

    #[test]
    fn documents_are_checked_before_their_statements() {
        let check = |document: &str| validate(PolicyKind::Managed, document).unwrap_err().to_string();
        let statement = r#"{"Effect":"denY","Action":"s3:L","Resource":"*"}"#;
        let version = "Policy document must be version 2012-10-17 or greater.";
        assert_eq!(check(&format!(r#"{{"Statement":{statement}}}"#)), version);
        assert_eq!(check(&format!(r#"{{"Version":"2008-10-17","Statement":{statement}}}"#)), version);
        assert_eq!(check(&format!(r#"{{"Version":"2013-10-17","Statement":{statement}}}"#)), SYNTAX);
        assert_eq!(check("null"), SYNTAX);
        assert_eq!(check(r#"{"Version":"2012-10-17"}"#), SYNTAX);
        let id =
            r#"{"Version":"2012-10-17","Id":{},"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        assert_eq!(check(id), SYNTAX);
    }
}
