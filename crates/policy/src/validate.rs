//! What AWS refuses to store, and its words for it.
//!
//! Each kind of policies has its own checks and messages. Whether a principal exists, a key policy
//! locks out everybody, or the inline policies of a user are too long together is for the service.

mod identity;
mod principals;
mod resource;
mod s3;
mod trust;

use crate::json::Node;
use crate::parse::{ErrorCode, MAX_DOCUMENT, PolicyError};

/// A kind of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyKind<'a> {
    /// `iam:CreatePolicy`, `iam:CreatePolicyVersion`
    Managed,
    /// `iam:PutUserPolicy`, `iam:PutGroupPolicy`, `iam:PutRolePolicy`
    Inline,
    /// The policy of `sts:AssumeRole` and its relatives
    Session,
    /// `iam:CreateRole`, `iam:UpdateAssumeRolePolicy`
    Trust,
    /// Organizations, type `SERVICE_CONTROL_POLICY`
    ServiceControl,
    /// Organizations, type `RESOURCE_CONTROL_POLICY`
    ResourceControl,
    /// The policy of a resource
    Resource(ResourceService<'a>),
}

/// The service whose resource has the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceService<'a> {
    /// A bucket of S3: `MalformedPolicy`, 400
    S3 {
        /// The bucket's name; the policy must be about it.
        bucket: &'a str,
    },
    /// A queue: `InvalidAttributeValue`, 400
    Sqs,
    /// A topic: `InvalidParameter`, 400
    Sns,
    /// A key of KMS: `MalformedPolicyDocumentException`, 400
    Kms,
    /// A secret: `MalformedPolicyDocumentException`, 400
    SecretsManager,
    /// A repository of ECR: `InvalidParameterException`, 400
    Ecr,
    /// Any other
    Other,
}

/// The longest managed policy, in characters that are not white space.
pub const MANAGED_POLICY_SIZE: usize = 6144;
/// The longest trust policy, in characters that are not white space.
pub const TRUST_POLICY_SIZE: usize = 2048;
/// All inline policies of a user together, in characters that are not white space.
pub const USER_POLICIES_SIZE: usize = 2048;
/// All inline policies of a group together, in characters that are not white space.
pub const GROUP_POLICIES_SIZE: usize = 5120;
/// All inline policies of a role together, in characters that are not white space.
pub const ROLE_POLICIES_SIZE: usize = 10_240;
/// The longest service control or resource control policy, in characters.
pub const ORGANIZATION_POLICY_SIZE: usize = 5120;
/// The longest bucket policy, in bytes.
pub const BUCKET_POLICY_SIZE: usize = 20_480;

/// How long a document is for the quotas of IAM: white space does not count.
///
/// ```
/// assert_eq!(cloudtwin_policy::policy_size("{ \"a\":\n\t1 }"), 7);
/// ```
#[must_use]
pub fn policy_size(document: &str) -> usize {
    document.chars().filter(|character| !character.is_ascii_whitespace()).count()
}

/// Checks a document that is about to be stored.
///
/// # Errors
///
/// What AWS says about it. The code of the error is the service's: see [`ErrorCode`] and
/// [`ResourceService`].
pub fn validate(kind: PolicyKind<'_>, document: &str) -> Result<(), PolicyError> {
    match kind {
        PolicyKind::Managed => {
            identity::check(document, true)?;
            quota(document, MANAGED_POLICY_SIZE, "Cannot exceed quota for PolicySize: 6144")
        }
        PolicyKind::Inline | PolicyKind::Session => identity::check(document, false),
        PolicyKind::Trust => {
            trust::check(document)?;
            quota(document, TRUST_POLICY_SIZE, "Cannot exceed quota for ACLSizePerRole: 2048")
        }
        PolicyKind::ServiceControl | PolicyKind::ResourceControl => {
            if document.chars().count() > ORGANIZATION_POLICY_SIZE {
                let message = "You have exceeded the maximum policy size.".to_owned();
                return Err(PolicyError { code: ErrorCode::TooLong, message });
            }
            let checked = if kind == PolicyKind::ServiceControl {
                identity::check(document, true)
            } else {
                resource::check_resource_control(document)
            };
            let message = "The provided policy document does not meet the requirements of the specified \
                           policy type.";
            checked.map_err(|_| PolicyError::malformed(message))
        }
        PolicyKind::Resource(ResourceService::S3 { bucket }) => s3::check(document, bucket),
        PolicyKind::Resource(service) => resource::check(document, service),
    }
}

fn quota(document: &str, longest: usize, message: &str) -> Result<(), PolicyError> {
    if policy_size(document) <= longest {
        return Ok(());
    }
    Err(PolicyError { code: ErrorCode::TooLong, message: message.to_owned() })
}

fn syntax() -> PolicyError {
    PolicyError::malformed("Syntax errors in policy.")
}

fn legacy() -> PolicyError {
    PolicyError::malformed("The policy failed legacy parsing")
}

/// Reads a document of a bearable size.
fn read(document: &str) -> Option<Node> {
    if document.len() > MAX_DOCUMENT { None } else { Node::read(document).ok() }
}

/// The version is missing or one of those that exist.
fn has_known_version(policy: &Node) -> bool {
    policy.get("Version").is_none_or(|version| matches!(version.as_text(), Some("2012-10-17" | "2008-10-17")))
}

/// The texts of whichever of two elements the statement has.
fn texts<'a>(statement: &'a Node, name: &str, opposite: &str) -> Vec<&'a str> {
    let elements = statement.get(name).or_else(|| statement.get(opposite));
    elements.and_then(Node::texts_but_nulls).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Policy;

    const KINDS: [PolicyKind<'_>; 11] = [
        PolicyKind::Managed,
        PolicyKind::Inline,
        PolicyKind::Trust,
        PolicyKind::ServiceControl,
        PolicyKind::ResourceControl,
        PolicyKind::Resource(ResourceService::S3 { bucket: "b" }),
        PolicyKind::Resource(ResourceService::Sqs),
        PolicyKind::Resource(ResourceService::Sns),
        PolicyKind::Resource(ResourceService::Kms),
        PolicyKind::Resource(ResourceService::Ecr),
        PolicyKind::Resource(ResourceService::Other),
    ];

    proptest! {
        #[test]
        fn no_text_is_too_strange(document in ".{0,200}", resource in ".{0,60}", action in ".{0,40}") {
            let statement = serde_json::json!({
                "Effect": "Allow", "Principal": {"AWS": [resource]}, "Action": action, "Resource": resource,
                "Condition": {action.clone(): {resource: [action, true, 1]}},
            });
            let built = serde_json::json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            for kind in KINDS {
                drop(validate(kind, &document));
                // What may be stored can be evaluated.
                if validate(kind, &built).is_ok() {
                    prop_assert!(Policy::parse(&built).is_ok(), "{:?} {}", kind, built);
                }
            }
        }
    }

    #[test]
    fn sizes_are_limited() {
        let policy = |length: usize| {
            let resource = "x".repeat(length);
            format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::{resource}"}}}}"#
            )
        };
        let error = validate(PolicyKind::Managed, &policy(6144)).unwrap_err();
        assert_eq!(
            (error.code(), error.message()),
            (ErrorCode::TooLong, "Cannot exceed quota for PolicySize: 6144")
        );
        assert!(validate(PolicyKind::Managed, &policy(6000)).is_ok());
        assert!(validate(PolicyKind::Managed, &format!("{}{}", " ".repeat(9000), policy(6000))).is_ok());
        assert!(validate(PolicyKind::ServiceControl, &policy(6000)).is_err());
    }
}
