//! The condition keys that a policy asks for.

use crate::policy::Policy;

/// The condition keys that a policy uses, in conditions and in policy variables, in the order in which
/// they appear, each once. This is what `GetContextKeysForCustomPolicy` lists.
///
/// ```
/// use cloudtwin_policy::{Policy, context_keys};
///
/// let policy = r#"{"Version": "2012-10-17", "Statement": {
///     "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/${aws:username}",
///     "Condition": {"Bool": {"aws:SecureTransport": "true"}}
/// }}"#;
/// assert_eq!(context_keys(&Policy::parse(policy)?), ["aws:username", "aws:SecureTransport"]);
/// # Ok::<(), cloudtwin_policy::PolicyError>(())
/// ```
#[must_use]
pub fn context_keys(policy: &Policy) -> Vec<&str> {
    let mut keys: Vec<&str> = Vec::new();
    for statement in policy.statements() {
        let resources = statement.resources.iter().flat_map(|resources| &resources.patterns);
        let in_resources = resources.flat_map(|resource| resource.pattern.keys());
        let in_conditions = statement.conditions.iter().flat_map(|condition| condition.keys());
        for key in in_resources.chain(in_conditions) {
            if !keys.iter().any(|known| known.eq_ignore_ascii_case(&key.name)) {
                keys.push(&key.name);
            }
        }
    }
    keys
}
