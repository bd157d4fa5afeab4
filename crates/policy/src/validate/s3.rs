//! Bucket policies.

use super::identity::{check_sids, check_types, check_values};
use super::resource::is_of;
use super::{BUCKET_POLICY_SIZE, has_known_version, principals, read, texts};
use crate::json::Node;
use crate::parse::PolicyError;

/// Actions on objects that do not say so in their name.
const OBJECT_ACTIONS: [&str; 7] = [
    "abortmultipartupload",
    "bypassgovernanceretention",
    "initiatereplication",
    "listmultipartuploadparts",
    "replicatedelete",
    "replicatetags",
    "updateobjectencryption",
];

pub(super) fn check(document: &str, bucket: &str) -> Result<(), PolicyError> {
    let malformed = |message: &str| Err(PolicyError::malformed(message));
    if document.len() > BUCKET_POLICY_SIZE {
        return malformed("Normalized policy document exceeds the maximum allowed size of 20480 bytes.");
    }
    let Some(policy) = read(document).filter(|_| document.starts_with('{')) else {
        return malformed("Policies must be valid JSON and the first byte must be '{'");
    };
    if !has_known_version(&policy) {
        return malformed("The policy must contain a valid version string");
    }
    if let Some((name, _)) = policy.members().iter().find(|(name, _)| !is_element(name)) {
        return malformed(&format!("Unknown field {name}"));
    }
    let Some(statements) = policy.get("Statement").map(Node::elements) else {
        return malformed("Missing required field Statement");
    };
    if statements.is_empty() {
        return malformed("Could not parse the policy: Statement is empty!");
    }
    for statement in statements {
        check_statement(statement, bucket)?;
    }
    check_sids(statements, |_| true).or_else(|error| malformed(error.message()))
}

fn is_element(name: &str) -> bool {
    matches!(name, "Version" | "Id" | "Statement")
}

fn check_statement(statement: &Node, bucket: &str) -> Result<(), PolicyError> {
    let malformed = |message: &str| Err(PolicyError::malformed(message));
    match statement.get("Effect").map(Node::as_text) {
        None => return malformed("Missing required field Effect"),
        Some(Some("Allow" | "Deny")) => {}
        Some(other) => return malformed(&format!("Invalid effect: {}", other.unwrap_or_default())),
    }
    let either = |name: &str, opposite: &str| statement.get(name).or_else(|| statement.get(opposite));
    let Some(principal) = either("Principal", "NotPrincipal") else {
        return malformed("Missing required field Principal");
    };
    if principals::first_invalid(principal).is_some() {
        return malformed("Invalid principal in policy");
    }
    if either("Action", "NotAction").is_none() {
        return malformed("Missing required field Action");
    }
    if either("Resource", "NotResource").is_none() {
        return malformed("Missing required field Resource");
    }
    if check_types(statement).is_err() || check_values(statement).is_err() {
        return malformed("Invalid policy syntax.");
    }
    let actions = texts(statement, "Action", "NotAction");
    if actions.is_empty() || !actions.iter().all(|action| is_of(action, "s3")) {
        return malformed("Policy has invalid action");
    }
    let resources = texts(statement, "Resource", "NotResource");
    if resources.is_empty() || !resources.iter().all(|resource| is_about(resource, bucket)) {
        return malformed("Policy has invalid resource");
    }
    if statement.get("Action").is_some()
        && statement.get("Resource").is_some()
        && !actions.iter().all(|action| resources.iter().any(|resource| applies(action, resource)))
    {
        return malformed("Action does not apply to any resource(s) in statement");
    }
    Ok(())
}

/// The part of an ARN of S3 that names the bucket and what is in it.
fn name_of(resource: &str) -> Option<&str> {
    resource.strip_prefix("arn:")?.splitn(5, ':').nth(4)
}

/// Whether a resource names the bucket or something in it; variables and wildcards may stand for it.
fn is_about(resource: &str, bucket: &str) -> bool {
    let Some(name) = name_of(resource) else { return resource == "*" };
    let name = name.split('/').next().unwrap_or_default();
    name == bucket || name.contains(['*', '?', '$'])
}

/// Whether an action is about what the resource names: the bucket, or objects in it.
fn applies(action: &str, resource: &str) -> bool {
    let name = action.split_once(':').map_or("", |(_, name)| name).to_ascii_lowercase();
    if name.is_empty() || name.contains(['*', '?']) {
        return true;
    }
    let of_objects =
        (name.contains("object") && !name.contains("bucket")) || OBJECT_ACTIONS.contains(&name.as_str());
    let resource = name_of(resource).unwrap_or(resource);
    match resource.split_once('/') {
        Some(_) => of_objects,
        // A wildcard or variable may go on into the bucket.
        None => !of_objects || resource.contains(['*', '?', '$']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_refused_in_the_words_of_s3() {
        let refusal = |text: &str| check(text, "b").unwrap_err().to_string();
        assert_eq!(refusal("invalid json"), "Policies must be valid JSON and the first byte must be '{'");
        assert_eq!(refusal(""), "Policies must be valid JSON and the first byte must be '{'");
        assert_eq!(refusal("{}"), "Missing required field Statement");
        let statement = |principal: &str, action: &str, resource: &str| {
            format!(
                r#"{{"Statement":[{{"Sid":"a b","Effect":"Allow","Principal":{principal},"Action":"{action}","Resource":"{resource}"}}]}}"#
            )
        };
        let everybody = r#""*""#;
        assert!(check(&statement(everybody, "s3:*", "arn:aws:s3:::b/*"), "b").is_ok());
        assert!(check(&statement(everybody, "s3:ListBucket", "arn:aws:s3:::b"), "b").is_ok());
        assert!(check(&statement(everybody, "s3:GetObject", "arn:aws:s3:::b*"), "b").is_ok());
        assert_eq!(
            refusal(&statement(everybody, "s3:*", "arn:aws:s3:::other/*")),
            "Policy has invalid resource"
        );
        assert_eq!(
            refusal(&statement(everybody, "invalid_action", "arn:aws:s3:::b")),
            "Policy has invalid action"
        );
        assert_eq!(
            refusal(&statement(r#"{"AWS":"user"}"#, "s3:*", "arn:aws:s3:::b")),
            "Invalid principal in policy"
        );
        assert_eq!(
            refusal(&statement(everybody, "s3:PutObject", "arn:aws:s3:::b")),
            "Action does not apply to any resource(s) in statement"
        );
        assert_eq!(
            refusal(&statement(everybody, "s3:ListBucket", "arn:aws:s3:::b/*")),
            "Action does not apply to any resource(s) in statement"
        );
        let effect = statement(everybody, "s3:*", "arn:aws:s3:::b").replace("Allow", "hello");
        assert_eq!(refusal(&effect), "Invalid effect: hello");
    }
}
