//! Whether a document is a policy of its type.

use cloudtwin_policy::{PolicyKind, validate};
use cloudtwin_smithy::AwsError;
use serde_json::Value;

use crate::errors;
use crate::policy_types::{RESOURCE_CONTROL, SERVICE_CONTROL, limits};

/// Refuses what AWS would not store as the content of a policy.
pub(crate) fn check(policy_type: &str, content: &str) -> Result<(), AwsError> {
    if content.chars().count() > limits(policy_type).size {
        return Err(errors::constraint(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            "You have exceeded the maximum policy size.",
        ));
    }
    match policy_type {
        SERVICE_CONTROL => {
            validate(PolicyKind::ServiceControl, content).map_err(|_| errors::malformed_policy())
        }
        RESOURCE_CONTROL => {
            validate(PolicyKind::ResourceControl, content).map_err(|_| errors::malformed_policy())
        }
        _ => management_policy(policy_type, content),
    }
}

/// The members that the document of a type begins with; nothing is known of the newest types.
fn top_level(policy_type: &str) -> Option<&'static [&'static str]> {
    match policy_type {
        "TAG_POLICY" => Some(&["tags"]),
        "BACKUP_POLICY" => Some(&["plans"]),
        "AISERVICES_OPT_OUT_POLICY" => Some(&["services"]),
        "CHATBOT_POLICY" => Some(&["chatbots", "default"]),
        "DECLARATIVE_POLICY_EC2" => Some(&["ec2_attributes"]),
        "SECURITYHUB_POLICY" => Some(&["securityhub"]),
        "INSPECTOR_POLICY" => Some(&["inspector"]),
        _ => None,
    }
}

fn management_policy(policy_type: &str, content: &str) -> Result<(), AwsError> {
    let Ok(Value::Object(document)) = serde_json::from_str(content) else {
        return Err(errors::malformed_policy());
    };
    let known = |key: &String| match top_level(policy_type) {
        Some(members) => members.contains(&key.as_str()) || key.starts_with("@@"),
        None => true,
    };
    if document.iter().all(|(key, value)| known(key) && (value.is_object() || key.starts_with("@@"))) {
        Ok(())
    } else {
        Err(errors::malformed_policy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_of_its_type() {
        let deny =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
        let limit = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"*"}]}"#;
        let tags = r#"{"tags":{"team":{"tag_key":{"@@assign":"team"}}}}"#;
        for (policy_type, good, bad) in
            [(SERVICE_CONTROL, deny, limit), (RESOURCE_CONTROL, limit, deny), ("TAG_POLICY", tags, deny)]
        {
            check(policy_type, good).unwrap();
            for document in [bad, "", "{", "[]", "{\"Statement\":1}"] {
                let error = check(policy_type, document).unwrap_err();
                assert_eq!(error.code(), "MalformedPolicyDocumentException", "{policy_type} {document}");
            }
            let long = format!("{good}{}", " ".repeat(20_000));
            assert_eq!(check(policy_type, &long).unwrap_err().code(), "ConstraintViolationException");
        }
    }
}
