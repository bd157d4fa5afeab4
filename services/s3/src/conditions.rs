//! Conditional requests: `If-Match` and its relatives (RFC 9110, section 13).

use cloudtwin_smithy::schema::TimestampFormat;
use cloudtwin_smithy::{AwsError, Timestamp};
use http::{HeaderName, HeaderValue};

use crate::api::errors;
use crate::errors::{precondition_failed, unaccepted_condition};

/// The four conditions of a read or of a copy's source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadConditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

/// What a condition is checked against.
pub(crate) struct Validators<'a> {
    pub(crate) etag: &'a str,
    pub(crate) modified: Timestamp,
    /// The version's id, for the answer.
    pub(crate) version_id: Option<&'a str>,
}

/// Whether one of the entity tags in a header is `etag`.
pub(crate) fn matches(header: &str, etag: &str) -> bool {
    header
        .split(',')
        .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'))
        .any(|tag| tag == "*" || tag == etag)
}

impl ReadConditions<'_> {
    /// Which condition does not hold: its name without a prefix, and whether the answer to a read
    /// is `304 Not Modified`.
    fn failed(&self, found: &Validators<'_>, now: Timestamp) -> Option<(&'static str, bool)> {
        let seconds = found.modified.seconds;
        match self.if_match {
            Some(header) if !matches(header, found.etag) => return Some(("If-Match", false)),
            Some(_) => {}
            // A matching entity tag overrides the date.
            None => {
                if self.if_unmodified_since.is_some_and(|since| seconds > since.seconds) {
                    return Some(("If-Unmodified-Since", false));
                }
            }
        }
        match self.if_none_match {
            Some(header) if matches(header, found.etag) => return Some(("If-None-Match", true)),
            Some(_) => {}
            None => {
                // A date in the future is no condition.
                if self
                    .if_modified_since
                    .is_some_and(|since| seconds <= since.seconds && since.seconds <= now.seconds)
                {
                    return Some(("If-Modified-Since", true));
                }
            }
        }
        None
    }

    /// Checks a read.
    ///
    /// # Errors
    /// `NotModified` or `PreconditionFailed`.
    pub(crate) fn check(&self, found: &Validators<'_>, now: Timestamp) -> Result<(), AwsError> {
        match self.failed(found, now) {
            None => Ok(()),
            Some((_, true)) => Err(not_modified(found)),
            Some((condition, false)) => Err(precondition_failed(condition)),
        }
    }

    /// Checks the source of a copy.
    ///
    /// # Errors
    /// `PreconditionFailed`.
    pub(crate) fn check_copy_source(&self, found: &Validators<'_>, now: Timestamp) -> Result<(), AwsError> {
        match self.failed(found, now) {
            None => Ok(()),
            Some((condition, _)) => Err(precondition_failed(&format!("x-amz-copy-source-{condition}"))),
        }
    }
}

/// The answer repeats the headers that caches need.
fn not_modified(found: &Validators<'_>) -> AwsError {
    let mut error = errors::NOT_MODIFIED.with("Not Modified");
    let mut add = |name: HeaderName, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            error = error.clone().header(name, value);
        }
    };
    add(http::header::ETAG, &format!("\"{}\"", found.etag));
    add(http::header::LAST_MODIFIED, &found.modified.format(TimestampFormat::HttpDate));
    if let Some(version_id) = found.version_id {
        add(HeaderName::from_static("x-amz-version-id"), version_id);
    }
    error
}

/// The two conditions of a write.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WriteConditions<'a> {
    pub(crate) if_match: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
}

impl WriteConditions<'_> {
    /// Refuses combinations and values that S3 does not offer.
    ///
    /// # Errors
    /// `NotImplemented`.
    pub(crate) fn validate(&self) -> Result<(), AwsError> {
        match (self.if_match, self.if_none_match) {
            (Some(_), Some(_)) => Err(crate::errors::not_implemented("If-Match,If-None-Match")
                .field("additionalMessage", "Multiple conditional request headers present in the request")),
            (None, Some(tag)) if tag != "*" => Err(unaccepted_condition("If-None-Match")),
            (Some("*"), None) => Err(unaccepted_condition("If-Match")),
            _ => Ok(()),
        }
    }

    /// Whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.if_match.is_none() && self.if_none_match.is_none()
    }

    /// Checks a write of `key`, whose current version has the entity tag `etag` (`None` when there
    /// is none, or a delete marker).
    ///
    /// # Errors
    /// `PreconditionFailed`, or `NoSuchKey` for a match with nothing.
    pub(crate) fn check(&self, key: &str, etag: Option<&str>) -> Result<(), AwsError> {
        if self.if_none_match.is_some() && etag.is_some() {
            return Err(precondition_failed("If-None-Match"));
        }
        match (self.if_match, etag) {
            (Some(_), None) => Err(crate::errors::no_such_key(key)),
            (Some(expected), Some(etag)) if !matches(expected, etag) => Err(precondition_failed("If-Match")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOUND: Validators<'_> =
        Validators { etag: "abc", modified: Timestamp { seconds: 100, nanos: 0 }, version_id: None };

    fn code(conditions: ReadConditions<'_>) -> Option<u16> {
        conditions.check(&FOUND, Timestamp::from_seconds(200)).err().map(|error| error.status())
    }

    #[test]
    fn entity_tags_override_dates() {
        let none = ReadConditions::default();
        let (early, late) = (Some(Timestamp::from_seconds(50)), Some(Timestamp::from_seconds(150)));
        assert_eq!(code(none), None);
        assert_eq!(code(ReadConditions { if_match: Some("\"abc\""), ..none }), None);
        assert_eq!(code(ReadConditions { if_match: Some("\"x\""), ..none }), Some(412));
        assert_eq!(code(ReadConditions { if_match: Some("abc"), if_unmodified_since: early, ..none }), None);
        assert_eq!(code(ReadConditions { if_unmodified_since: early, ..none }), Some(412));
        assert_eq!(code(ReadConditions { if_none_match: Some("*"), ..none }), Some(304));
        assert_eq!(code(ReadConditions { if_none_match: Some("x"), if_modified_since: late, ..none }), None);
        assert_eq!(code(ReadConditions { if_modified_since: late, ..none }), Some(304));
        let future = Some(Timestamp::from_seconds(300));
        assert_eq!(code(ReadConditions { if_modified_since: future, ..none }), None);
    }

    #[test]
    fn writes_can_demand_that_nothing_or_something_is_there() {
        let new = WriteConditions { if_none_match: Some("*"), ..WriteConditions::default() };
        assert!(new.check("k", None).is_ok());
        assert_eq!(new.check("k", Some("abc")).unwrap_err().status(), 412);
        let same = WriteConditions { if_match: Some("\"abc\""), ..WriteConditions::default() };
        assert!(same.check("k", Some("abc")).is_ok());
        assert_eq!(same.check("k", Some("x")).unwrap_err().status(), 412);
        assert_eq!(same.check("k", None).unwrap_err().status(), 404);
    }
}
