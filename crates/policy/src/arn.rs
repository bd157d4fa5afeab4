//! ARNs, and the patterns of them that policies name resources with.
//!
//! An ARN has six segments between colons, the last of which may hold more colons. Patterns are
//! compared segment by segment, so that a `*` never reaches into the next segment.

use crate::context::{Context, Key};
use crate::variables::{Syntax, Template, variable};

/// The segments of an ARN: `arn`, partition, service, region, account and resource.
pub(crate) type Segments<'a> = [&'a str; 6];

/// The segments of an ARN; nothing if it has fewer than six.
pub(crate) fn segments(arn: &str) -> Option<Segments<'_>> {
    let mut parts = arn.splitn(6, ':');
    let mut segments = [""; 6];
    for segment in &mut segments {
        *segment = parts.next()?;
    }
    Some(segments)
}

/// The account of an ARN; nothing if it has none.
///
/// ```
/// use cloudtwin_policy::account_of;
///
/// assert_eq!(account_of("arn:aws:sqs:eu-west-1:123456789012:jobs"), Some("123456789012"));
/// assert_eq!(account_of("arn:aws:s3:::photos"), None);
/// ```
#[must_use]
pub fn account_of(arn: &str) -> Option<&str> {
    segments(arn).map(|[_, _, _, _, account, _]| account).filter(|account| !account.is_empty())
}

/// A pattern of ARNs.
#[derive(Debug, Clone)]
pub(crate) enum ArnPattern {
    /// `*`, which alone describes the resource of actions that have none.
    Any,
    Segments(Box<[Template; 6]>),
    /// Not an ARN. AWS stores no such policy.
    Unreadable,
}

impl ArnPattern {
    /// A resource of a statement. AWS completes an ARN with too few segments with `*`.
    pub(crate) fn resource(text: &str, syntax: Syntax) -> Self {
        Self::new(text, syntax, true)
    }

    /// A value of an `Arn…` condition, which must be complete.
    pub(crate) fn condition(text: &str, syntax: Syntax) -> Self {
        Self::new(text, syntax, false)
    }

    fn new(text: &str, syntax: Syntax, complete: bool) -> Self {
        if !text.is_empty() && text.bytes().all(|byte| byte == b'*') {
            return Self::Any;
        }
        let parts = split(text, syntax.variables);
        if parts.len() < 2 || (!complete && parts.len() < 6) {
            return Self::Unreadable;
        }
        let part = |index: usize| Template::new(parts.get(index).copied().unwrap_or("*"), syntax);
        let segments = [part(0), part(1), part(2), part(3), part(4), part(5)];
        // Variables may stand in the last segment of a resource only.
        let early = segments.iter().take(5).any(|segment| segment.keys().next().is_some());
        if complete && early { Self::Unreadable } else { Self::Segments(Box::new(segments)) }
    }

    /// Whether an ARN is what this describes; nothing if that cannot be told, because the pattern is
    /// unreadable or a variable has no value.
    pub(crate) fn matches(&self, arn: Option<&Segments<'_>>, context: &Context) -> Option<bool> {
        match self {
            Self::Any => Some(true),
            Self::Unreadable => None,
            Self::Segments(patterns) => {
                let Some(arn) = arn else { return Some(false) };
                // The last segment tells most ARNs apart, so it comes first.
                let mut known = true;
                for (pattern, segment) in patterns.iter().zip(arn).rev() {
                    match pattern.matches(segment, context) {
                        Some(true) => {}
                        Some(false) => return Some(false),
                        None => known = false,
                    }
                }
                known.then_some(true)
            }
        }
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable)
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let segments = if let Self::Segments(segments) = self { &segments[..] } else { &[] };
        segments.iter().flat_map(Template::keys)
    }
}

/// At most six segments, cut at colons that are not inside of a variable.
fn split(text: &str, variables: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while parts.len() < 5
        && let Some(rest) = text.get(at..)
        && let Some(found) = rest.find([':', '$'])
    {
        at += found;
        let here = text.get(at..).unwrap_or_default();
        if here.starts_with(':') {
            parts.push(text.get(start..at).unwrap_or_default());
            at += 1;
            start = at;
        } else {
            at += variable(here).filter(|_| variables).map_or(1, |(_, length)| length);
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNTAX: Syntax = Syntax { wildcards: true, variables: true };

    fn matches(pattern: &str, arn: &str) -> Option<bool> {
        let context = [("aws:username", "alice")].into_iter().collect();
        ArnPattern::resource(pattern, SYNTAX).matches(segments(arn).as_ref(), &context)
    }

    #[test]
    fn segments_are_compared_one_by_one() {
        let queue = "arn:aws:sqs:us-east-1:111122223333:alice-queue";
        assert_eq!(matches("arn:aws:sqs:*:*:*", queue), Some(true));
        assert_eq!(matches("arn:aws:sqs:*:alice-queue", queue), Some(false));
        assert_eq!(matches("arn:aws:sqs", queue), Some(true));
        assert_eq!(matches("arn:aws:sqs:us-east-?:111122223333:${aws:username}-*", queue), Some(true));
        assert_eq!(matches("*", "*"), Some(true));
        assert_eq!(matches("arn:aws:s3:::*", "*"), Some(false));
        assert_eq!(
            matches("arn:aws:logs:*:*:log-group:/a:*", "arn:aws:logs:r:1:log-group:/a:x:y"),
            Some(true)
        );
    }

    #[test]
    fn what_is_no_arn_cannot_be_told() {
        assert_eq!(matches("al*", "arn:aws:sqs:us-east-1:111122223333:q"), None);
        assert_eq!(matches("arn:aws:sqs:${aws:username}:1:q", "arn:aws:sqs:alice:1:q"), None);
        assert_eq!(matches("arn:aws:s3:::${nothing}", "arn:aws:s3:::b"), None);
    }
}
