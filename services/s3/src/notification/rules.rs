//! Which events a configuration wants: event names, and filters of keys.

use cloudtwin_smithy::AwsError;

use crate::api::{FilterRule, NotificationConfigurationFilter, errors};
use crate::errors::{invalid_argument, malformed_xml};

/// The event types that can be asked for.
const EVENTS: &[&str] = &[
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
];

/// Whether a configured event type covers an event (`ObjectCreated:Put`).
pub(crate) fn covers(configured: &str, event: &str) -> bool {
    let configured = configured.strip_prefix("s3:").unwrap_or(configured);
    match configured.strip_suffix('*') {
        Some(family) => event.starts_with(family),
        None => configured == event,
    }
}

/// Prefix and suffix of the keys that a filter lets pass.
pub(crate) fn affixes(filter: Option<&NotificationConfigurationFilter>) -> (&str, &str) {
    let rules = filter.and_then(|filter| filter.key.as_ref()).and_then(|key| key.filter_rules.as_deref());
    let value = |name: &str| {
        let rule = rules.unwrap_or_default().iter().find(|rule| named(rule, name));
        rule.and_then(|rule| rule.value.as_deref()).unwrap_or_default()
    };
    (value("prefix"), value("suffix"))
}

fn named(rule: &FilterRule, name: &str) -> bool {
    rule.name.as_deref().is_some_and(|found| found.eq_ignore_ascii_case(name))
}

/// Checks a filter, and spells the names of its rules as S3 gives them back.
///
/// # Errors
/// `InvalidArgument`, `MalformedXML`.
pub(crate) fn check_filter(filter: Option<&mut NotificationConfigurationFilter>) -> Result<(), AwsError> {
    let rules = filter.and_then(|filter| filter.key.as_mut()).and_then(|key| key.filter_rules.as_mut());
    let mut seen = (false, false);
    for rule in rules.into_iter().flatten() {
        let (Some(name), Some(_)) = (&rule.name, &rule.value) else { return Err(malformed_xml()) };
        let (seen, name) = match name.to_ascii_lowercase().as_str() {
            "prefix" => (&mut seen.0, "Prefix"),
            "suffix" => (&mut seen.1, "Suffix"),
            _ => {
                return Err(invalid_argument(
                    "filter rule name must be either prefix or suffix",
                    "FilterRule.Name",
                    name,
                ));
            }
        };
        if std::mem::replace(seen, true) {
            return Err(errors::INVALID_ARGUMENT.with(format!(
                "Cannot specify more than one {} rule in a filter.",
                name.to_ascii_lowercase()
            )));
        }
        rule.name = Some(name.to_owned());
    }
    Ok(())
}

/// Checks event types.
///
/// # Errors
/// `InvalidArgument`, `MalformedXML`.
pub(crate) fn check_events(events: &[String]) -> Result<(), AwsError> {
    if events.is_empty() {
        return Err(malformed_xml());
    }
    match events.iter().find(|event| !EVENTS.contains(&event.as_str())) {
        Some(unknown) => {
            Err(invalid_argument("The event is not supported for notifications", "Event", unknown))
        }
        None => Ok(()),
    }
}

/// What two configurations must not share.
pub(crate) struct Claim<'a> {
    pub(crate) events: &'a [String],
    pub(crate) prefix: &'a str,
    pub(crate) suffix: &'a str,
}

impl Claim<'_> {
    /// Whether an event of some key belongs to both.
    fn overlaps(&self, other: &Self) -> bool {
        let shared = self.events.iter().any(|one| {
            let name =
                |event: &str| event.strip_prefix("s3:").unwrap_or(event).trim_end_matches('*').to_owned();
            other.events.iter().any(|two| covers(one, &name(two)) || covers(two, &name(one)))
        });
        let prefix = self.prefix.starts_with(other.prefix) || other.prefix.starts_with(self.prefix);
        let suffix = self.suffix.ends_with(other.suffix) || other.suffix.ends_with(self.suffix);
        shared && prefix && suffix
    }
}

/// Checks that no event belongs to two configurations.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_overlap(claims: &[Claim<'_>]) -> Result<(), AwsError> {
    let mut rest = claims;
    while let Some((one, others)) = rest.split_first() {
        if let Some(other) = others.iter().find(|other| one.overlaps(other)) {
            let filtered =
                [one, other].iter().any(|claim| !claim.prefix.is_empty() || !claim.suffix.is_empty());
            return Err(errors::INVALID_ARGUMENT.with(if filtered {
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are overlapping for the same event type."
            } else {
                "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            }));
        }
        rest = others;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_a_family_of_events() {
        assert!(covers("s3:ObjectCreated:*", "ObjectCreated:Put"));
        assert!(covers("s3:ObjectCreated:Put", "ObjectCreated:Put"));
        assert!(!covers("s3:ObjectCreated:Put", "ObjectCreated:Post"));
        assert!(!covers("s3:ObjectRemoved:*", "ObjectCreated:Put"));
    }

    #[test]
    fn one_event_has_one_destination() {
        let created = ["s3:ObjectCreated:*".to_owned()];
        let put = ["s3:ObjectCreated:Put".to_owned()];
        let removed = ["s3:ObjectRemoved:*".to_owned()];
        let claim = |events, prefix, suffix| Claim { events, prefix, suffix };
        assert!(check_overlap(&[claim(&created, "", ""), claim(&removed, "", "")]).is_ok());
        assert!(check_overlap(&[claim(&created, "", ""), claim(&put, "", "")]).is_err());
        assert!(check_overlap(&[claim(&created, "a/", ""), claim(&put, "b/", "")]).is_ok());
        assert!(check_overlap(&[claim(&created, "a/", ".jpg"), claim(&put, "a/b", ".jpg")]).is_err());
        assert!(check_overlap(&[claim(&created, "", ".jpg"), claim(&put, "", ".png")]).is_ok());
    }
}
