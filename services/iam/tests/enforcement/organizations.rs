//! What organizations leave to their accounts.

use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

use crate::support::{allow, cloud, denied, done, policy, user};

const SCP: &str = "SERVICE_CONTROL_POLICY";
const RCP: &str = "RESOURCE_CONTROL_POLICY";

/// An organization: management account, its root's id, a unit in it, and an account in that.
async fn organization(kind: &str) -> (TestCloud, String, String, String) {
    let cloud = cloud();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    done(&cloud, "organizations", "CreateOrganization", json!({})).await;
    let root = text(&done(&cloud, "organizations", "ListRoots", json!({})).await["Roots"][0]["Id"]);
    let unit = json!({"ParentId": root, "Name": "unit"});
    let unit = done(&cloud, "organizations", "CreateOrganizationalUnit", unit).await;
    let unit = text(&unit["OrganizationalUnit"]["Id"]);
    let account = json!({"AccountName": "dev", "Email": "dev@corp.test"});
    let account = done(&cloud, "organizations", "CreateAccount", account).await;
    let account = text(&account["CreateAccountStatus"]["AccountId"]);
    let inside = json!({"AccountId": account, "SourceParentId": root, "DestinationParentId": unit});
    done(&cloud, "organizations", "MoveAccount", inside).await;
    done(&cloud, "organizations", "EnablePolicyType", json!({"RootId": root, "PolicyType": kind})).await;
    (cloud, root, unit, account)
}

async fn attach(cloud: &TestCloud, kind: &str, name: &str, content: &str, target: &str) -> String {
    let made = json!({"Name": name, "Description": "", "Type": kind, "Content": content});
    let made = done(cloud, "organizations", "CreatePolicy", made).await;
    let id = made["Policy"]["PolicySummary"]["Id"].as_str().unwrap().to_owned();
    done(cloud, "organizations", "AttachPolicy", json!({"PolicyId": id, "TargetId": target})).await;
    id
}

#[tokio::test]
async fn a_deny_of_the_unit_binds_even_the_members_root() {
    let (management, _, unit, account) = organization(SCP).await;
    let member = management.account(&account);
    let ann = user(&member, "ann", &allow("*", "*")).await;
    let deny = policy(&json!({"Effect": "Deny", "Action": "sqs:CreateQueue", "Resource": "*"}));
    done(&ann, "sqs", "CreateQueue", json!({"QueueName": "before"})).await;
    let id = attach(&management, SCP, "no-queues", &deny, &unit).await;
    for caller in [&ann, &member] {
        let message = denied(caller, "sqs", "CreateQueue", json!({"QueueName": "q"})).await;
        let words = "with an explicit deny in a service control policy: arn:aws:organizations::";
        assert!(message.contains(words) && message.ends_with(&id), "{message}");
    }
    // The management account is exempt.
    done(&management, "sqs", "CreateQueue", json!({"QueueName": "q"})).await;
}

#[tokio::test]
async fn every_level_must_allow() {
    let (management, _, unit, account) = organization(SCP).await;
    let member = management.account(&account);
    attach(&management, SCP, "only-s3", &allow("s3:*", "*"), &unit).await;
    done(&member, "sqs", "ListQueues", json!({})).await;
    let full = json!({"PolicyId": "p-FullAWSAccess", "TargetId": unit});
    done(&management, "organizations", "DetachPolicy", full).await;
    done(&member, "s3", "ListBuckets", json!({})).await;
    let message = denied(&member, "sqs", "ListQueues", json!({})).await;
    assert!(
        message.ends_with("because no service control policy allows the sqs:listqueues action"),
        "{message}"
    );
}

#[tokio::test]
async fn resources_of_an_organization_can_be_closed_to_outsiders() {
    let (management, root, _, account) = organization(RCP).await;
    let member = management.account(&account);
    done(&member, "s3", "CreateBucket", json!({"Bucket": "shared"})).await;
    done(&member, "s3", "PutObject", json!({"Bucket": "shared", "Key": "k"})).await;
    done(&member, "s3", "DeletePublicAccessBlock", json!({"Bucket": "shared"})).await;
    let open = policy(&json!({
        "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shared/*"
    }));
    done(&member, "s3", "PutBucketPolicy", json!({"Bucket": "shared", "Policy": open})).await;
    let outsider = management.account("999988887777");
    let object = json!({"Bucket": "shared", "Key": "k"});
    done(&outsider, "s3", "GetObject", object.clone()).await;
    let organization = done(&management, "organizations", "DescribeOrganization", json!({})).await;
    let id = organization["Organization"]["Id"].clone();
    let perimeter = policy(&json!({
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
        "Condition": {"StringNotEqualsIfExists": {"aws:PrincipalOrgID": id},
                      "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    }));
    attach(&management, RCP, "perimeter", &perimeter, &root).await;
    assert_eq!(denied(&outsider, "s3", "GetObject", object.clone()).await, "Access Denied");
    done(&management, "s3", "GetObject", object.clone()).await;
    done(&member, "s3", "GetObject", object).await;
}
