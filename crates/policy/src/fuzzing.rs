//! What the fuzz target runs: a text from a stranger, through everything that reads policies.
//!
//! Panics if something here does, and if what is read is not decided and explained alike.

use std::sync::Arc;

use crate::{
    Context, Layers, NamedPolicy, Policy, PolicyKind, PolicyName, Principal, Request, ResourceService,
    context_keys, evaluate, explain, statement_positions, validate,
};

const KINDS: [PolicyKind<'_>; 7] = [
    PolicyKind::Managed,
    PolicyKind::Inline,
    PolicyKind::Trust,
    PolicyKind::ResourceControl,
    PolicyKind::Resource(ResourceService::S3 { bucket: "b" }),
    PolicyKind::Resource(ResourceService::Sns),
    PolicyKind::Resource(ResourceService::Ecr),
];

/// Reads, checks and evaluates a document.
pub fn fuzz_policy(data: &[u8]) {
    let Ok(document) = std::str::from_utf8(data) else { return };
    let parsed = Policy::parse(document);
    for kind in KINDS {
        if validate(kind, document).is_ok() {
            assert!(parsed.is_ok(), "{kind:?} may be stored and cannot be read");
        }
    }
    let positions = statement_positions(document);
    if let Ok(policy) = &parsed {
        // An escaped name of an element hides it from the scan, and a list of none has none.
        assert!(document.contains('\\') || positions.len() == policy.statements().len());
    }
    let policy = Arc::new(parsed.unwrap_or_else(|_| Policy::unreadable()));
    let mut context: Context =
        [("aws:username", "alice"), ("aws:SourceIp", "10.0.0.1")].into_iter().collect();
    // Half of the keys have a value.
    for (index, key) in context_keys(&policy).into_iter().enumerate().filter(|(index, _)| index % 2 == 0) {
        context
            .set(key.to_owned(), if index % 4 == 0 { vec!["1".to_owned(), "a*".to_owned()] } else { vec![] });
    }
    let named = [NamedPolicy { name: PolicyName::Numbered(1), policy }];
    let layers = [
        Layers { identity: &named, ..Layers::default() },
        Layers { resource: named.first(), boundary: Some(&named), ..Layers::default() },
        Layers { identity: &named, endpoint: Some(&named), session: Some(&named), ..Layers::default() },
    ];
    for principal in ["*", "s3.amazonaws.com", "arn:aws:sts::111122223333:assumed-role/r/s"] {
        let Some(principal) = Principal::from_arn(principal) else { return };
        for (action, resource) in [("s3:GetObject", "arn:aws:s3:::b/alice/k"), ("iam:ListUsers", "*")] {
            let resource_account = Some("111122223333");
            let request =
                Request { principal: &principal, action, resource, resource_account, context: &context };
            for layers in &layers {
                let decision = evaluate(&request, layers);
                let story = explain(&request, layers);
                assert_eq!((story.outcome, story.layer), (decision.outcome, decision.layer));
                let index = decision.statement.map(|deciding| deciding.statement.index());
                assert_eq!(story.statement.map(|statement| statement.index), index);
                assert!(named.iter().all(|named| named.policy.is_readable()) || !decision.is_allowed());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEED: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"*"},
        "Action":["s3:Get*","?am:*"],"Resource":["arn:aws:s3:::b/${aws:username}/*","*"],"Condition":{
        "StringLike":{"k:a":["${aws:username, 'x'}*"]},"ForAllValues:NumericLessThan":{"k:b":[1,"2.5"]},
        "DateLessThan":{"k:c":"2031-01-01T00:00:00Z"},"NotIpAddress":{"aws:SourceIp":"10.0.0.0/8"}}},
        {"Effect":"Deny","NotPrincipal":{"AWS":["111122223333"]},"NotAction":"sts:*","NotResource":"arn:aws:iam::*:user/*"}]}"#;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn texts(document in "\\PC{0,300}") {
            fuzz_policy(document.as_bytes());
        }

        #[test]
        fn policies_with_something_changed(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3usize), 1..6),
        ) {
            let mut document = SEED.as_bytes().to_vec();
            for (at, byte, length) in changes {
                let at = at.index(document.len());
                let end = (at + length).min(document.len());
                document.splice(at..end, [byte & 0x7f]);
            }
            fuzz_policy(&document);
        }
    }

    #[test]
    fn the_seed_is_a_policy() {
        assert!(Policy::parse(SEED).is_ok());
        fuzz_policy(SEED.as_bytes());
    }
}
