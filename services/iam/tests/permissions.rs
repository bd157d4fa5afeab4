//! What calls of IAM require, resolved from real inputs.

#![cfg(test)]

use cloudtwin_core::authorize::{Access, CallFacts, KeyValue, required};
use cloudtwin_iam::api::*;
use cloudtwin_smithy::shape::Operation;

const CALL: CallFacts<'_> = CallFacts {
    partition: "aws",
    region: "us-east-1",
    account: "111122223333",
    caller: Some("division/bob"),
};

/// The state that answers for names: a role and a user with paths.
fn stored(wanted: &str, value: &str) -> Option<String> {
    match (wanted, value) {
        ("RoleName", "ci") => Some("service/ci".into()),
        ("UserName", "alice") => Some("staff/alice".into()),
        ("service_linked_role_name", "ecs.amazonaws.com") => Some("AWSServiceRoleForECS".into()),
        _ => None,
    }
}

fn of<O: Operation>(_: O, input: &O::Input) -> Vec<Access> {
    required(O::schema().authorization, input, &CALL, &stored)
}

fn check(found: &[Access], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> =
        found.iter().map(|access| (access.action.as_ref(), access.resource.as_str())).collect();
    assert_eq!(found, expected);
}

fn key<'a>(access: &'a Access, name: &str) -> Option<&'a KeyValue> {
    access.keys.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

#[test]
fn a_new_user_has_the_path_that_it_is_given() {
    let mut input = CreateUserInput { user_name: "alice".into(), ..Default::default() };
    check(&of(CreateUser, &input), &[("iam:CreateUser", "arn:aws:iam::111122223333:user/alice")]);
    input.path = Some("/staff/".into());
    input.tags = Some(vec![Tag { key: "team".into(), value: "a".into() }]);
    input.permissions_boundary = Some("arn:aws:iam::111122223333:policy/limits".into());
    let found = of(CreateUser, &input);
    let arn = "arn:aws:iam::111122223333:user/staff/alice";
    check(&found, &[("iam:CreateUser", arn), ("iam:TagUser", arn)]);
    assert_eq!(
        key(&found[0], "iam:PermissionsBoundary"),
        Some(&KeyValue::from("arn:aws:iam::111122223333:policy/limits"))
    );
    assert_eq!(key(&found[1], "aws:RequestTag/team"), Some(&KeyValue::from("a")));
    assert_eq!(key(&found[1], "aws:TagKeys"), Some(&KeyValue::Many(vec!["team".into()])));
}

#[test]
fn entities_are_named_with_their_stored_path() {
    let delete = DeleteUserInput { user_name: "alice".into() };
    check(&of(DeleteUser, &delete), &[("iam:DeleteUser", "arn:aws:iam::111122223333:user/staff/alice")]);
    let unknown = DeleteUserInput { user_name: "nobody".into() };
    check(&of(DeleteUser, &unknown), &[("iam:DeleteUser", "arn:aws:iam::111122223333:user/nobody")]);
    let myself = GetUserInput::default();
    check(&of(GetUser, &myself), &[("iam:GetUser", "arn:aws:iam::111122223333:user/division/bob")]);
}

#[test]
fn an_instance_profile_passes_its_role_to_ec2() {
    let input = AddRoleToInstanceProfileInput { instance_profile_name: "web".into(), role_name: "ci".into() };
    let found = of(AddRoleToInstanceProfile, &input);
    check(
        &found,
        &[
            ("iam:AddRoleToInstanceProfile", "arn:aws:iam::111122223333:instance-profile/web"),
            ("iam:PassRole", "arn:aws:iam::111122223333:role/service/ci"),
        ],
    );
    assert_eq!(key(&found[1], "iam:PassedToService"), Some(&KeyValue::from("ec2.amazonaws.com")));
    assert!(found[1].dependent);
}

#[test]
fn attaching_tells_the_policy() {
    let arn = "arn:aws:iam::aws:policy/AdministratorAccess";
    let input = AttachRolePolicyInput { role_name: "ci".into(), policy_arn: arn.into() };
    let found = of(AttachRolePolicy, &input);
    check(&found, &[("iam:AttachRolePolicy", "arn:aws:iam::111122223333:role/service/ci")]);
    assert_eq!(key(&found[0], "iam:PolicyARN"), Some(&KeyValue::from(arn)));
}

#[test]
fn a_service_linked_role_is_named_by_its_service() {
    let mut input =
        CreateServiceLinkedRoleInput { aws_service_name: "ecs.amazonaws.com".into(), ..Default::default() };
    let role = "arn:aws:iam::111122223333:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS";
    check(&of(CreateServiceLinkedRole, &input), &[("iam:CreateServiceLinkedRole", role)]);
    input.custom_suffix = Some("blue".into());
    let suffixed = format!("{role}_blue");
    check(&of(CreateServiceLinkedRole, &input), &[("iam:CreateServiceLinkedRole", &suffixed)]);
}
