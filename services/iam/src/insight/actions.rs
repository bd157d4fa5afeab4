//! The actions that are known, to tell what `s3:*` stands for.

use cloudtwin_policy::wildcard_matches;

const ACTIONS: &str = include_str!(concat!(env!("OUT_DIR"), "/actions.txt"));

/// All known actions that a pattern is about; nothing if its service is not known.
pub(super) fn matching(pattern: &str) -> impl Iterator<Item = &'static str> {
    let pattern = pattern.to_ascii_lowercase();
    ACTIONS.lines().filter(move |action| wildcard_matches(&pattern, &action.to_ascii_lowercase()))
}

/// All known actions that none of the patterns is about.
pub(super) fn outside(patterns: &[&str]) -> impl Iterator<Item = &'static str> {
    let patterns: Vec<String> = patterns.iter().map(|pattern| pattern.to_ascii_lowercase()).collect();
    ACTIONS.lines().filter(move |action| {
        let action = action.to_ascii_lowercase();
        !patterns.iter().any(|pattern| wildcard_matches(pattern, &action))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_spelt_out() {
        let found: Vec<_> = matching("SQS:*Message").collect();
        assert_eq!(found, ["sqs:DeleteMessage", "sqs:ReceiveMessage", "sqs:SendMessage"]);
        assert!(matching("*").count() > 500);
        assert_eq!(matching("nothing:*").count(), 0);
        assert!(outside(&["iam:*"]).all(|action| !action.starts_with("iam:")));
    }
}
