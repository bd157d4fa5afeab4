//! Session tags: what a session is given, and what it has from the session before it.

use std::collections::HashSet;

use cloudtwin_core::Session;
use cloudtwin_smithy::AwsError;

use crate::api;

fn invalid(message: &str) -> AwsError {
    AwsError::new("InvalidParameterValue", 400, message)
}

/// Tags and the keys of the transitive ones among them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct SessionTags {
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) transitive: Vec<String>,
}

/// How many tags a session can have, and how long their keys and values can be, in characters.
const MOST: usize = 50;
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

/// Checks tags that come from an identity provider, which no schema has seen.
pub(crate) fn check_limits(tags: &[api::Tag]) -> Result<(), AwsError> {
    let too_large = |tag: &api::Tag| {
        tag.key.is_empty()
            || tag.key.chars().count() > LONGEST_KEY
            || tag.value.chars().count() > LONGEST_VALUE
    };
    if tags.len() > MOST || tags.iter().any(too_large) {
        return Err(invalid("The tags that the identity provider passed exceed the limits of session tags."));
    }
    Ok(())
}

/// Whether a text can be the name of a session or a source identity.
pub(crate) fn is_name(text: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    (2..=64).contains(&text.len()) && text.chars().all(letter)
}

/// The tags of a new session: those asked for, and the transitive ones of the session that asks.
pub(crate) fn combine(
    tags: Vec<api::Tag>,
    transitive: Vec<String>,
    caller: Option<&Session>,
) -> Result<SessionTags, AwsError> {
    let mut keys = HashSet::new();
    // Keys are told apart without regard to case.
    if tags.iter().any(|tag| !keys.insert(tag.key.to_lowercase())) {
        return Err(invalid("Duplicate tag keys found. Please note that Tag keys are case insensitive."));
    }
    if transitive.iter().any(|key| !keys.contains(&key.to_lowercase())) {
        return Err(invalid("The specified transitive tag key must be included in the requested tags."));
    }
    let mut combined = SessionTags::default();
    if let Some(caller) = caller {
        let inherited: HashSet<String> =
            caller.transitive_tag_keys.iter().map(|key| key.to_lowercase()).collect();
        if keys.iter().any(|key| inherited.contains(key)) {
            return Err(invalid(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive \
                 tag key from the calling session.",
            ));
        }
        combined.transitive.clone_from(&caller.transitive_tag_keys);
        combined.tags =
            caller.tags.iter().filter(|(key, _)| inherited.contains(&key.to_lowercase())).cloned().collect();
    }
    combined.tags.extend(tags.into_iter().map(|tag| (tag.key, tag.value)));
    combined.transitive.extend(transitive);
    Ok(combined)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(key: &str, value: &str) -> api::Tag {
        api::Tag { key: key.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn transitive_tags_are_handed_on_and_stay_as_they_are() {
        let first = combine(vec![tag("Team", "a"), tag("Job", "1")], vec!["team".to_owned()], None).unwrap();
        let session =
            Session { tags: first.tags, transitive_tag_keys: first.transitive, ..Session::default() };
        let second = combine(vec![tag("Job", "2")], Vec::new(), Some(&session)).unwrap();
        assert_eq!(second.tags, [("Team".to_owned(), "a".to_owned()), ("Job".to_owned(), "2".to_owned())]);
        assert_eq!(second.transitive, ["team"]);
        let error = combine(vec![tag("TEAM", "b")], Vec::new(), Some(&session)).unwrap_err();
        assert!(error.message().starts_with("One of the specified transitive tag keys can't be set"));
    }

    #[test]
    fn tags_that_cannot_stand_together_are_refused() {
        let twice = combine(vec![tag("A", "1"), tag("a", "2")], Vec::new(), None).unwrap_err();
        assert!(twice.message().starts_with("Duplicate tag keys found."));
        let absent = combine(vec![tag("A", "1")], vec!["B".to_owned()], None).unwrap_err();
        assert!(absent.message().starts_with("The specified transitive tag key must be included"));
    }
}
