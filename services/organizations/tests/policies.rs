//! Policies: written, attached, inherited.

#![cfg(test)]

use cloudtwin_organizations::policies_in_force::policies_in_force;
use cloudtwin_smithy::AwsError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:DeleteBucket","Resource":"*"}]}"#;
const SCP: &str = "SERVICE_CONTROL_POLICY";

async fn organizations(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("organizations", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(cloud: &TestCloud, operation: &str, input: Value) -> AwsError {
    cloud.call("organizations", operation, input).await.expect_err(operation)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// A cloud whose organization has a unit with an account: with the ids of root, unit and account.
async fn organization() -> (TestCloud, String, String, String) {
    let cloud = TestCloud::start(vec![cloudtwin_organizations::service()]).unwrap();
    organizations(&cloud, "CreateOrganization", json!({})).await;
    let root = text(&organizations(&cloud, "ListRoots", json!({})).await["Roots"][0]["Id"]);
    let unit = json!({"ParentId": root, "Name": "unit"});
    let unit = organizations(&cloud, "CreateOrganizationalUnit", unit).await;
    let unit = text(&unit["OrganizationalUnit"]["Id"]);
    let account = json!({"AccountName": "dev", "Email": "dev@corp.test"});
    let account = organizations(&cloud, "CreateAccount", account).await;
    let account = text(&account["CreateAccountStatus"]["AccountId"]);
    let inside = json!({"AccountId": account, "SourceParentId": root, "DestinationParentId": unit});
    organizations(&cloud, "MoveAccount", inside).await;
    (cloud, root, unit, account)
}

async fn new_policy(cloud: &TestCloud, name: &str, policy_type: &str, content: &str) -> Value {
    let input = json!({"Name": name, "Description": "d", "Type": policy_type, "Content": content});
    organizations(cloud, "CreatePolicy", input).await["Policy"]["PolicySummary"].clone()
}

async fn attached(cloud: &TestCloud, target: &str) -> Vec<String> {
    let input = json!({"TargetId": target, "Filter": SCP});
    let policies = organizations(cloud, "ListPoliciesForTarget", input).await;
    policies["Policies"].as_array().unwrap().iter().map(|policy| text(&policy["Name"])).collect()
}

#[tokio::test]
async fn service_control_policies_limit_an_account() {
    let (cloud, root, unit, account) = organization().await;
    let policy = new_policy(&cloud, "no-delete", SCP, DENY).await;
    let id = text(&policy["Id"]);
    assert!(text(&policy["Arn"]).ends_with(&format!("/service_control_policy/{id}")));
    let attach = json!({"PolicyId": id, "TargetId": unit});
    let early = refused(&cloud, "AttachPolicy", attach.clone()).await;
    assert_eq!(early.code(), "PolicyTypeNotEnabledException");
    assert_eq!(early.message(), "This operation can be performed only for enabled policy types.");
    assert_eq!(policies_in_force(cloud.cloud(), &account).unwrap().unwrap().service_control, None);

    let enable = json!({"RootId": root, "PolicyType": SCP});
    let enabled = organizations(&cloud, "EnablePolicyType", enable.clone()).await;
    assert_eq!(enabled["Root"]["PolicyTypes"], json!([{"Type": SCP, "Status": "ENABLED"}]));
    let again = refused(&cloud, "EnablePolicyType", enable.clone()).await;
    assert_eq!(again.message(), "The specified policy type is already enabled.");
    for target in [&root, &unit, &account] {
        assert_eq!(attached(&cloud, target).await, ["FullAWSAccess"]);
    }
    organizations(&cloud, "AttachPolicy", attach.clone()).await;
    let twice = refused(&cloud, "AttachPolicy", attach.clone()).await;
    assert_eq!(twice.code(), "DuplicatePolicyAttachmentException");

    let in_force = policies_in_force(cloud.cloud(), &account).unwrap().unwrap();
    assert!(in_force.path.starts_with(&in_force.organization_id));
    assert!(in_force.path.ends_with(&format!("/{root}/{unit}/")), "{}", in_force.path);
    assert!(!in_force.is_management_account);
    assert_eq!(in_force.resource_control, None);
    let levels = in_force.service_control.unwrap();
    let names: Vec<Vec<&str>> =
        levels.iter().map(|level| level.iter().map(|policy| policy.name.as_str()).collect()).collect();
    assert_eq!(names[0], ["FullAWSAccess"]);
    assert_eq!(names[2], ["FullAWSAccess"]);
    let mut middle = names[1].clone();
    middle.sort_unstable();
    assert_eq!(middle, ["FullAWSAccess", "no-delete"]);
    assert_eq!(levels[0][0].arn, "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess");
    assert_eq!(levels[1].iter().find(|policy| policy.name == "no-delete").unwrap().document, DENY);
    assert!(policies_in_force(cloud.cloud(), "000000000000").unwrap().unwrap().is_management_account);
    assert_eq!(policies_in_force(cloud.cloud(), "999999999999").unwrap(), None);

    let targets = organizations(&cloud, "ListTargetsForPolicy", json!({"PolicyId": id})).await;
    assert_eq!(targets["Targets"][0]["Type"], "ORGANIZATIONAL_UNIT");
    assert_eq!(targets["Targets"][0]["Name"], "unit");
    let in_use = refused(&cloud, "DeletePolicy", json!({"PolicyId": id})).await;
    assert_eq!(in_use.code(), "PolicyInUseException");

    let default = json!({"PolicyId": "p-FullAWSAccess", "TargetId": account});
    let last = refused(&cloud, "DetachPolicy", default).await;
    assert_eq!(
        last.message(),
        "You cannot remove the last policy attached to the specified target. \
         You must have at least one attached at all times."
    );
    organizations(&cloud, "DetachPolicy", attach.clone()).await;
    let gone = refused(&cloud, "DetachPolicy", attach).await;
    assert_eq!(gone.code(), "PolicyNotAttachedException");
    organizations(&cloud, "DeletePolicy", json!({"PolicyId": id})).await;

    organizations(&cloud, "DisablePolicyType", enable).await;
    assert!(attached(&cloud, &account).await.is_empty());
}

#[tokio::test]
async fn new_units_and_accounts_are_allowed_everything() {
    let (cloud, root, ..) = organization().await;
    for policy_type in [SCP, "RESOURCE_CONTROL_POLICY"] {
        organizations(&cloud, "EnablePolicyType", json!({"RootId": root, "PolicyType": policy_type})).await;
    }
    let account = json!({"AccountName": "new", "Email": "new@corp.test"});
    let account = organizations(&cloud, "CreateAccount", account).await;
    let account = text(&account["CreateAccountStatus"]["AccountId"]);
    assert_eq!(attached(&cloud, &account).await, ["FullAWSAccess"]);
    let in_force = policies_in_force(cloud.cloud(), &account).unwrap().unwrap();
    assert_eq!(in_force.resource_control.unwrap()[1][0].name, "RCPFullAWSAccess");
    let keep = json!({"PolicyId": "p-RCPFullAWSAccess", "TargetId": account});
    assert_eq!(refused(&cloud, "DetachPolicy", keep).await.code(), "InvalidInputException");
}

#[tokio::test]
async fn policies_are_checked_and_have_names_of_their_own() {
    let (cloud, root, unit, _) = organization().await;
    organizations(&cloud, "EnablePolicyType", json!({"RootId": root, "PolicyType": SCP})).await;
    let policy = |name: &str, content: &str| json!({"Name": name, "Description": "d", "Type": SCP, "Content": content});
    let malformed = refused(&cloud, "CreatePolicy", policy("bad", "{\"Statement\": 1}")).await;
    assert_eq!((malformed.code(), malformed.status()), ("MalformedPolicyDocumentException", 400));
    assert_eq!(
        malformed.message(),
        "The provided policy document does not meet the requirements of the specified policy type."
    );
    let first = text(&new_policy(&cloud, "one", SCP, DENY).await["Id"]);
    let twice = refused(&cloud, "CreatePolicy", policy("one", DENY)).await;
    assert_eq!(twice.message(), "A policy with the specified name and type already exists.");
    let renamed = organizations(&cloud, "UpdatePolicy", json!({"PolicyId": first, "Name": "first"})).await;
    assert_eq!(renamed["Policy"]["PolicySummary"]["Name"], "first");
    assert_eq!(renamed["Policy"]["Content"], DENY);
    let managed = refused(&cloud, "UpdatePolicy", json!({"PolicyId": "p-FullAWSAccess", "Name": "x"})).await;
    assert_eq!(managed.code(), "InvalidInputException");
    let missing = refused(&cloud, "DescribePolicy", json!({"PolicyId": "p-12345678"})).await;
    assert_eq!(missing.message(), "You specified a policy that doesn't exist.");
    let odd = refused(&cloud, "DescribePolicy", json!({"PolicyId": "meaningless"})).await;
    assert_eq!((odd.code(), odd.message()), ("InvalidInputException", "You specified an invalid value."));

    for number in 0..9 {
        let id = text(&new_policy(&cloud, &format!("p{number}"), SCP, DENY).await["Id"]);
        organizations(&cloud, "AttachPolicy", json!({"PolicyId": id, "TargetId": unit})).await;
    }
    let many = refused(&cloud, "AttachPolicy", json!({"PolicyId": first, "TargetId": unit})).await;
    assert_eq!(many.message(), "You have attached the maximum number of policies to the specified target.");
    let nowhere = json!({"PolicyId": first, "TargetId": "ou-none-12345678"});
    assert_eq!(refused(&cloud, "AttachPolicy", nowhere).await.code(), "TargetNotFoundException");
}

#[tokio::test]
async fn tag_policies_are_inherited() {
    let (cloud, root, unit, account) = organization().await;
    organizations(&cloud, "EnablePolicyType", json!({"RootId": root, "PolicyType": "TAG_POLICY"})).await;
    let effective = json!({"PolicyType": "TAG_POLICY", "TargetId": account});
    let none = refused(&cloud, "DescribeEffectivePolicy", effective.clone()).await;
    assert_eq!(none.code(), "EffectivePolicyNotFoundException");
    for (target, content) in [
        (&root, r#"{"tags":{"cost":{"tag_key":{"@@assign":"Cost"},"tag_value":{"@@assign":["1"]}}}}"#),
        (&unit, r#"{"tags":{"cost":{"tag_value":{"@@append":["2"]}}}}"#),
    ] {
        let id = text(&new_policy(&cloud, target, "TAG_POLICY", content).await["Id"]);
        organizations(&cloud, "AttachPolicy", json!({"PolicyId": id, "TargetId": target})).await;
    }
    let found = organizations(&cloud, "DescribeEffectivePolicy", effective).await;
    assert_eq!(
        found["EffectivePolicy"]["PolicyContent"],
        r#"{"tags":{"cost":{"tag_key":"Cost","tag_value":["1","2"]}}}"#
    );
    // The account may ask for its own.
    let own = json!({"PolicyType": "TAG_POLICY"});
    organizations(&cloud.account(&account), "DescribeEffectivePolicy", own).await;
}

#[tokio::test]
async fn everything_can_be_tagged() {
    let (cloud, root, unit, account) = organization().await;
    let policy = text(&new_policy(&cloud, "p", SCP, DENY).await["Id"]);
    let document = json!({"Content": DENY});
    let rules = organizations(&cloud, "PutResourcePolicy", document).await;
    let rules = text(&rules["ResourcePolicy"]["ResourcePolicySummary"]["Id"]);
    for id in [&root, &unit, &account, &policy, &rules] {
        let tags = json!({"ResourceId": id, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]});
        organizations(&cloud, "TagResource", tags).await;
        organizations(&cloud, "UntagResource", json!({"ResourceId": id, "TagKeys": ["b"]})).await;
        let tags = organizations(&cloud, "ListTagsForResource", json!({"ResourceId": id})).await;
        assert_eq!(tags["Tags"], json!([{"Key": "a", "Value": "1"}]), "{id}");
    }
    let unknown = json!({"ResourceId": "000000000001", "Tags": [{"Key": "a", "Value": "1"}]});
    let unknown = refused(&cloud, "TagResource", unknown).await;
    assert_eq!(unknown.message(), "You specified a target that doesn't exist.");
    let odd = refused(&cloud, "ListTagsForResource", json!({"ResourceId": "0A000A000A0A"})).await;
    assert_eq!(odd.message(), "You provided a value that does not match the required pattern.");

    organizations(&cloud, "DeleteResourcePolicy", json!({})).await;
    let gone = refused(&cloud, "DescribeResourcePolicy", json!({})).await;
    assert_eq!(gone.code(), "ResourcePolicyNotFoundException");
}
