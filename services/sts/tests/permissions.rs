//! What calls of STS require, resolved from real inputs.

#![cfg(test)]

use cloudtwin_core::authorize::{Access, CallFacts, KeyValue, required};
use cloudtwin_smithy::shape::Operation;
use cloudtwin_sts::api::*;

const CALL: CallFacts<'_> =
    CallFacts { partition: "aws", region: "us-east-1", account: "111122223333", caller: None };

const ROLE: &str = "arn:aws:iam::444455556666:role/deploy";

fn of<O: Operation>(_: O, input: &O::Input) -> Vec<Access> {
    required(O::schema().authorization, input, &CALL, &|_, _| None)
}

fn actions(found: &[Access]) -> Vec<(&str, &str)> {
    found.iter().map(|access| (access.action.as_ref(), access.resource.as_str())).collect()
}

#[test]
fn session_tags_and_source_identity_ask_for_more() {
    let mut input = AssumeRoleInput {
        role_arn: ROLE.into(),
        role_session_name: "ci".into(),
        external_id: Some("secret".into()),
        ..Default::default()
    };
    let found = of(AssumeRole, &input);
    assert_eq!(actions(&found), [("sts:AssumeRole", ROLE)]);
    assert!(found[0].keys.contains(&("sts:ExternalId".into(), KeyValue::from("secret"))));
    assert!(found[0].keys.contains(&("sts:RoleSessionName".into(), KeyValue::from("ci"))));

    input.tags = Some(vec![Tag { key: "team".into(), value: "a".into() }]);
    input.transitive_tag_keys = Some(vec!["team".into()]);
    input.source_identity = Some("alice".into());
    let found = of(AssumeRole, &input);
    assert_eq!(
        actions(&found),
        [("sts:AssumeRole", ROLE), ("sts:TagSession", ROLE), ("sts:SetSourceIdentity", ROLE)]
    );
    assert!(found[1].keys.contains(&("aws:RequestTag/team".into(), KeyValue::from("a"))));
    assert!(found[1].keys.contains(&("sts:TransitiveTagKeys".into(), KeyValue::Many(vec!["team".into()]))));
    assert!(found[2].keys.contains(&("sts:SourceIdentity".into(), KeyValue::from("alice"))));
}

#[test]
fn who_one_is_needs_no_permission() {
    assert!(GetCallerIdentity::schema().authorization.permissionless);
    assert!(of(GetCallerIdentity, &GetCallerIdentityInput::default()).is_empty());
}
