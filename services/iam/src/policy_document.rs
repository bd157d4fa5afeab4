//! Whether a text is a policy: the mistakes that AWS names when a document is stored.
//!
//! This is syntax only. What a policy means is not decided here.

use std::collections::HashSet;

use cloudtwin_smithy::AwsError;
use serde_json::{Map, Value};

use crate::errors::malformed_policy;

/// The words for whatever has no words of its own.
const SYNTAX: &str = "Syntax errors in policy.";

/// What may stand in a statement of an identity policy.
const STATEMENT_ELEMENTS: [&str; 7] =
    ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];

/// The partitions that resources may name.
const PARTITIONS: [&str; 8] =
    ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"];

/// Checks an inline policy.
pub(crate) fn check_inline(document: &str) -> Result<(), AwsError> {
    identity(document).map(drop).map_err(malformed_policy)
}

/// Checks a managed policy, which must be of the newest version of the policy language.
pub(crate) fn check_managed(document: &str) -> Result<(), AwsError> {
    let policy = identity(document).map_err(malformed_policy)?;
    if policy.get("Version").and_then(Value::as_str) != Some("2012-10-17") {
        return Err(malformed_policy("Policy document must be version 2012-10-17 or greater."));
    }
    Ok(())
}

/// Checks the policy that says who may assume a role.
pub(crate) fn check_trust(document: &str) -> Result<(), AwsError> {
    trust(document).map_err(malformed_policy)
}

/// How long a document is for quotas: white space does not count.
pub(crate) fn length(document: &str) -> usize {
    document.chars().filter(|character| !character.is_ascii_whitespace()).count()
}

type Mistake = String;

fn syntax() -> Mistake {
    SYNTAX.to_owned()
}

fn identity(document: &str) -> Result<Map<String, Value>, Mistake> {
    let Ok(Value::Object(policy)) = serde_json::from_str(document) else { return Err(syntax()) };
    if policy.keys().any(|key| !matches!(key.as_str(), "Version" | "Id" | "Statement")) {
        return Err(syntax());
    }
    if !matches!(policy.get("Version"), None | Some(Value::String(_))) || !known_version(&policy) {
        return Err(syntax());
    }
    if !matches!(policy.get("Id"), None | Some(Value::String(_))) {
        return Err(syntax());
    }
    let statements = statements(&policy)?;
    for statement in &statements {
        if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
            return Err("Policy document should not specify a principal.".to_owned());
        }
        if statement.keys().any(|key| !STATEMENT_ELEMENTS.contains(&key.as_str())) {
            return Err(syntax());
        }
        check_types(statement)?;
    }
    check_sids(&statements)?;
    for statement in &statements {
        let actions = texts(statement, &["Action", "NotAction"]);
        if actions.is_empty() {
            return Err("Policy statement must contain actions.".to_owned());
        }
        if actions.iter().any(|action| *action != "*" && !action.contains(':')) {
            return Err(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.".to_owned()
            );
        }
    }
    for statement in &statements {
        let resources = texts(statement, &["Resource", "NotResource"]);
        if resources.is_empty() {
            return Err("Policy statement must contain resources.".to_owned());
        }
        resources.into_iter().try_for_each(check_resource)?;
    }
    for statement in &statements {
        texts(statement, &["Action", "NotAction"]).into_iter().try_for_each(check_action)?;
    }
    Ok(policy.clone())
}

fn trust(document: &str) -> Result<(), Mistake> {
    let Ok(Value::Object(policy)) = serde_json::from_str(document) else {
        return Err("This policy contains invalid Json".to_owned());
    };
    if !known_version(&policy) {
        return Err("The policy failed legacy parsing".to_owned());
    }
    if !policy.contains_key("Statement") {
        return Err("Missing required field Statement".to_owned());
    }
    let statements = statements(&policy)?;
    for statement in &statements {
        check_types(statement)?;
        if statement.contains_key("Resource") || statement.contains_key("NotResource") {
            return Err("Has prohibited field Resource.".to_owned());
        }
        if !statement.contains_key("Principal") && !statement.contains_key("NotPrincipal") {
            return Err("Missing required field Principal".to_owned());
        }
        let actions = texts(statement, &["Action", "NotAction"]);
        if actions.is_empty() {
            return Err("Missing required field Action".to_owned());
        }
        if actions.iter().any(|action| !action.to_ascii_lowercase().starts_with("sts:")) {
            return Err("AssumeRole policy may only specify STS AssumeRole actions.".to_owned());
        }
    }
    check_sids(&statements)
}

fn known_version(policy: &Map<String, Value>) -> bool {
    policy.get("Version").is_none_or(|version| matches!(version.as_str(), Some("2012-10-17" | "2008-10-17")))
}

fn statements(policy: &Map<String, Value>) -> Result<Vec<&Map<String, Value>>, Mistake> {
    let statements = match policy.get("Statement") {
        Some(Value::Object(statement)) => vec![statement],
        Some(Value::Array(statements)) => statements
            .iter()
            .map(|statement| statement.as_object().ok_or_else(syntax))
            .collect::<Result<_, _>>()?,
        _ => return Err(syntax()),
    };
    if statements.is_empty() { Err(syntax()) } else { Ok(statements) }
}

/// Whether the elements of a statement have the types that they must have, and none excludes another.
fn check_types(statement: &Map<String, Value>) -> Result<(), Mistake> {
    let textual = |value: &Value| match value {
        Value::String(_) => true,
        Value::Array(values) => values.iter().all(Value::is_string),
        _ => false,
    };
    let all_textual = ["Action", "NotAction", "Resource", "NotResource"]
        .iter()
        .all(|name| statement.get(*name).is_none_or(textual));
    let both = |one: &str, other: &str| statement.contains_key(one) && statement.contains_key(other);
    let effect = matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny"));
    let sid = statement.get("Sid").is_none_or(Value::is_string);
    let condition = statement.get("Condition").is_none_or(|condition| {
        condition.as_object().is_some_and(|operators| operators.values().all(Value::is_object))
    });
    let exclusive = !both("Action", "NotAction")
        && !both("Resource", "NotResource")
        && !both("Principal", "NotPrincipal");
    if all_textual && effect && sid && condition && exclusive { Ok(()) } else { Err(syntax()) }
}

fn check_sids(statements: &[&Map<String, Value>]) -> Result<(), Mistake> {
    let mut seen = HashSet::new();
    for sid in statements.iter().filter_map(|statement| statement.get("Sid")?.as_str()) {
        if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the \
                        regular expression [0-9A-Za-z]*"
                .to_owned());
        }
        if !sid.is_empty() && !seen.insert(sid) {
            return Err("Statement IDs (SID) in a single policy must be unique.".to_owned());
        }
    }
    Ok(())
}

/// The texts of whichever of these elements the statement has.
fn texts<'a>(statement: &'a Map<String, Value>, names: &[&str]) -> Vec<&'a str> {
    names
        .iter()
        .filter_map(|name| statement.get(*name))
        .flat_map(|value| match value {
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
            value => value.as_str().into_iter().collect::<Vec<_>>(),
        })
        .collect()
}

fn check_action(action: &str) -> Result<(), Mistake> {
    let Some((vendor, name)) = action.split_once(':') else { return Ok(()) };
    if name.contains(':') {
        return Err("Actions/Condition can contain only one colon.".to_owned());
    }
    if vendor.is_empty() || !vendor.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
        return Err(format!("Vendor {vendor} is not valid"));
    }
    Ok(())
}

fn check_resource(resource: &str) -> Result<(), Mistake> {
    if resource == "*" {
        return Ok(());
    }
    // A variable may hold colons in its default value.
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    let (Some(&partition), true) = (parts.get(1), parts.len() > 1) else {
        return Err(format!("Resource {resource} must be in ARN format or \"*\"."));
    };
    let wild = |text: &str| text.contains(['*', '?']);
    if !PARTITIONS.contains(&partition) && !wild(partition) {
        let mut arn = vec!["arn"];
        arn.extend(parts.iter().skip(1));
        arn.resize(arn.len().max(6), "*");
        return Err(format!("Partition \"{partition}\" is not valid for resource \"{}\".", arn.join(":")));
    }
    match parts.get(2) {
        None | Some(&"") => {
            Err("Resource vendor must be fully qualified and cannot contain regexes.".to_owned())
        }
        Some(vendor) if wild(vendor) && *vendor != "*" => {
            Err("Resource vendor must be fully qualified and cannot contain regexes.".to_owned())
        }
        Some(_) if parts.len() < 6 && !parts.last().is_some_and(|last| last.ends_with('*')) => {
            Err("The policy failed legacy parsing".to_owned())
        }
        Some(&"iam") if parts.get(3).is_some_and(|region| !region.is_empty() && !wild(region)) => {
            Err(format!("IAM resource {resource} cannot contain region information."))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn managed(statement: &str) -> String {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        check_managed(&document).map_or_else(|error| error.message().to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn what_aws_accepts_is_accepted() {
        for statement in [
            r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
            r#"[{"Sid":"","Effect":"Deny","NotAction":["iam:*"],"NotResource":["arn:aws:s3:::b/*"]}]"#,
            r#"[{"Sid":"a1","Effect":"Allow","Action":["s3:Get*"],"Resource":"arn:aws:s3:::${aws:username}/*"},
                {"Sid":"a2","Effect":"Allow","Action":["s3:Get*"],"Resource":"arn:*:iam::*:user/x"}]"#,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}"#,
        ] {
            assert_eq!(managed(statement), "ok", "{statement}");
        }
        assert!(check_inline(r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#).is_ok());
    }

    #[test]
    fn mistakes_are_named_as_aws_names_them() {
        let allow = |rest: &str| format!(r#"{{"Effect":"Allow",{rest}}}"#);
        for (statement, message) in [
            (r#""x""#.to_owned(), SYNTAX),
            ("[]".to_owned(), SYNTAX),
            (r#"["afd"]"#.to_owned(), SYNTAX),
            (r#"{"Action":"s3:*","Resource":"*"}"#.to_owned(), SYNTAX),
            (allow(r#""Action":{},"Resource":"*""#), SYNTAX),
            (allow(r#""Action":"s3:*","Resource":"*","Extra":1"#), SYNTAX),
            (allow(r#""Action":"s3:*","Resource":"*","Condition":{"Bool":"x"}"#), SYNTAX),
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
            (allow(r#""Action":"s3:L","Resource":"""#), "Resource  must be in ARN format or \"*\"."),
            (
                allow(r#""NotAction":"s3s:L","Resource":"a:bsd""#),
                "Partition \"bsd\" is not valid for resource \"arn:bsd:*:*:*:*\".",
            ),
            (
                allow(r#""NotAction":"s3s:L","Resource":"a:b:c:d:e:f:g:h""#),
                "Partition \"b\" is not valid for resource \"arn:b:c:d:e:f:g:h\".",
            ),
            (
                allow(r#""Action":"s3:L","Resource":"arn:aws""#),
                "Resource vendor must be fully qualified and cannot contain regexes.",
            ),
            (allow(r#""Action":"s3:L","Resource":"arn:aws:s3::b""#), "The policy failed legacy parsing"),
            (
                allow(r#""Action":"s3:L","Resource":"*","Principal":"*""#),
                "Policy document should not specify a principal.",
            ),
            (
                allow(r#""Sid":"a b","Action":"s3:L","Resource":"*""#),
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                 expression [0-9A-Za-z]*",
            ),
        ] {
            assert_eq!(managed(&statement), message, "{statement}");
        }
        let twice = r#"[{"Sid":"a","Effect":"Allow","Action":"s3:L","Resource":"*"},
                        {"Sid":"a","Effect":"Allow","Action":"s3:L","Resource":"*"}]"#;
        assert_eq!(managed(twice), "Statement IDs (SID) in a single policy must be unique.");
        let old = r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:L","Resource":"*"}}"#;
        let error = check_managed(old).unwrap_err();
        assert_eq!(error.message(), "Policy document must be version 2012-10-17 or greater.");
        assert!(check_inline(old).is_ok());
    }

    #[test]
    fn trust_policies_have_principals_and_no_resources() {
        let trust = |statement: &str| {
            let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
            check_trust(&document).map_or_else(|error| error.message().to_owned(), |()| "ok".to_owned())
        };
        let good =
            r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
        assert_eq!(trust(good), "ok");
        assert_eq!(trust(&format!("{good},")), "This policy contains invalid Json");
        assert_eq!(
            trust(r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}"#),
            "Has prohibited field Resource."
        );
        assert_eq!(
            trust(r#"{"Effect":"Allow","Principal":"*","Action":"s3:*"}"#),
            "AssumeRole policy may only specify STS AssumeRole actions."
        );
        assert_eq!(
            trust(r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#),
            "Missing required field Principal"
        );
    }

    #[test]
    fn white_space_is_free() {
        assert_eq!(length("{ \"a\":\n\t1 }"), 7);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(document in ".{0,200}", resource in ".{0,60}", action in ".{0,40}") {
            drop(check_managed(&document));
            drop(check_trust(&document));
            let statement = serde_json::json!({"Effect": "Allow", "Action": action, "Resource": resource});
            let document = serde_json::json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            drop(check_inline(&document));
        }
    }
}
