//! Policies: managed, AWS's, inline, attached, bounding.

#![cfg(test)]

use cloudtwin_smithy::AwsError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const ARN: &str = "arn:aws:iam::000000000000:policy/read";
const LAMBDA: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

/// A cloud with the policy `read`, the user `ann`, the role `app` and the group `dev`.
async fn cloud() -> TestCloud {
    let cloud = TestCloud::start(vec![cloudtwin_iam::service()]).unwrap();
    iam(&cloud, "CreatePolicy", json!({"PolicyName": "read", "PolicyDocument": ALLOW, "Description": "d"}))
        .await;
    iam(&cloud, "CreateUser", json!({"UserName": "ann"})).await;
    iam(&cloud, "CreateRole", json!({"RoleName": "app", "AssumeRolePolicyDocument": TRUST})).await;
    iam(&cloud, "CreateGroup", json!({"GroupName": "dev"})).await;
    cloud
}

async fn iam(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("iam", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(cloud: &TestCloud, operation: &str, input: Value) -> AwsError {
    cloud.call("iam", operation, input).await.expect_err(operation)
}

#[tokio::test]
async fn a_policy_has_five_versions_at_most() {
    let cloud = cloud().await;
    let version = json!({"PolicyArn": ARN, "PolicyDocument": ALLOW});
    for expected in ["v2", "v3", "v4", "v5"] {
        let made = iam(&cloud, "CreatePolicyVersion", version.clone()).await;
        assert_eq!(made["PolicyVersion"]["VersionId"], expected);
        assert_eq!(made["PolicyVersion"]["IsDefaultVersion"], false);
    }
    let sixth = refused(&cloud, "CreatePolicyVersion", version.clone()).await;
    assert_eq!((sixth.code(), sixth.status()), ("LimitExceeded", 409));

    let v1 = json!({"PolicyArn": ARN, "VersionId": "v1"});
    let default = refused(&cloud, "DeletePolicyVersion", v1.clone()).await;
    assert_eq!(default.message(), "Cannot delete the default version of a policy.");
    iam(&cloud, "SetDefaultPolicyVersion", json!({"PolicyArn": ARN, "VersionId": "v5"})).await;
    iam(&cloud, "DeletePolicyVersion", v1.clone()).await;
    let gone = refused(&cloud, "GetPolicyVersion", v1).await;
    assert_eq!(gone.code(), "NoSuchEntity");
    // Numbers are not used again.
    let made = iam(&cloud, "CreatePolicyVersion", version).await;
    assert_eq!(made["PolicyVersion"]["VersionId"], "v6");
    let listed = iam(&cloud, "ListPolicyVersions", json!({"PolicyArn": ARN})).await;
    let ids: Vec<&Value> = listed["Versions"].as_array().unwrap().iter().map(|v| &v["VersionId"]).collect();
    assert_eq!(ids, ["v6", "v5", "v4", "v3", "v2"]);

    let versions = refused(&cloud, "DeletePolicy", json!({"PolicyArn": ARN})).await;
    assert!(versions.message().starts_with("This policy has more than one version."));
}

#[tokio::test]
async fn a_policy_knows_who_has_it() {
    let cloud = cloud().await;
    iam(&cloud, "AttachUserPolicy", json!({"UserName": "ann", "PolicyArn": ARN})).await;
    iam(&cloud, "AttachUserPolicy", json!({"UserName": "ann", "PolicyArn": ARN})).await;
    iam(&cloud, "AttachRolePolicy", json!({"RoleName": "app", "PolicyArn": ARN})).await;
    iam(&cloud, "AttachGroupPolicy", json!({"GroupName": "dev", "PolicyArn": ARN})).await;
    iam(&cloud, "PutRolePermissionsBoundary", json!({"RoleName": "app", "PermissionsBoundary": ARN})).await;

    let policy = iam(&cloud, "GetPolicy", json!({"PolicyArn": ARN})).await["Policy"].clone();
    assert_eq!(
        (&policy["AttachmentCount"], &policy["PermissionsBoundaryUsageCount"]),
        (&json!(3), &json!(1))
    );
    let entities = iam(&cloud, "ListEntitiesForPolicy", json!({"PolicyArn": ARN})).await;
    assert_eq!(entities["PolicyUsers"][0]["UserName"], "ann");
    assert_eq!(entities["PolicyRoles"][0]["RoleName"], "app");
    assert_eq!(entities["PolicyGroups"][0]["GroupName"], "dev");
    let filter = json!({"PolicyArn": ARN, "PolicyUsageFilter": "PermissionsBoundary"});
    let bounded = iam(&cloud, "ListEntitiesForPolicy", filter).await;
    assert_eq!(
        (&bounded["PolicyUsers"], &bounded["PolicyRoles"][0]["RoleName"]),
        (&json!([]), &json!("app"))
    );

    let blocked = refused(&cloud, "DeletePolicy", json!({"PolicyArn": ARN})).await;
    assert_eq!(
        (blocked.code(), blocked.message()),
        ("DeleteConflict", "Cannot delete a policy attached to entities.")
    );
    let blocked = refused(&cloud, "DeleteRole", json!({"RoleName": "app"})).await;
    assert_eq!(blocked.message(), "Cannot delete entity, must detach all policies first.");

    iam(&cloud, "DetachUserPolicy", json!({"UserName": "ann", "PolicyArn": ARN})).await;
    let again = refused(&cloud, "DetachUserPolicy", json!({"UserName": "ann", "PolicyArn": ARN})).await;
    assert_eq!(again.message(), format!("Policy {ARN} was not found."));
    iam(&cloud, "DetachRolePolicy", json!({"RoleName": "app", "PolicyArn": ARN})).await;
    iam(&cloud, "DetachGroupPolicy", json!({"GroupName": "dev", "PolicyArn": ARN})).await;
    iam(&cloud, "DeleteRolePermissionsBoundary", json!({"RoleName": "app"})).await;
    iam(&cloud, "DeletePolicy", json!({"PolicyArn": ARN})).await;
}

#[tokio::test]
async fn awss_policies_are_there_with_their_documents() {
    let cloud = cloud().await;
    iam(&cloud, "AttachRolePolicy", json!({"RoleName": "app", "PolicyArn": LAMBDA})).await;
    let attached = iam(&cloud, "ListAttachedRolePolicies", json!({"RoleName": "app"})).await;
    assert_eq!(
        attached["AttachedPolicies"],
        json!([{"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": LAMBDA}])
    );
    let policy = iam(&cloud, "GetPolicy", json!({"PolicyArn": LAMBDA})).await["Policy"].clone();
    assert_eq!((&policy["Path"], &policy["AttachmentCount"]), (&json!("/service-role/"), &json!(1)));
    let version = json!({"PolicyArn": LAMBDA, "VersionId": policy["DefaultVersionId"]});
    let document = iam(&cloud, "GetPolicyVersion", version).await["PolicyVersion"]["Document"].clone();
    assert!(document.as_str().unwrap().contains("logs%3APutLogEvents"));

    let used = iam(&cloud, "ListPolicies", json!({"Scope": "AWS", "OnlyAttached": true})).await;
    assert_eq!(used["Policies"].as_array().unwrap().len(), 1);
    let all = iam(&cloud, "ListPolicies", json!({"Scope": "AWS", "MaxItems": 1000})).await;
    assert_eq!((all["Policies"].as_array().unwrap().len(), &all["IsTruncated"]), (1000, &json!(true)));
    let own = iam(&cloud, "ListPolicies", json!({"Scope": "Local"})).await;
    assert_eq!(own["Policies"][0]["Arn"], ARN);
    assert!(own["Policies"][0].get("Description").is_none());

    let for_services = "arn:aws:iam::aws:policy/aws-service-role/BatchServiceRolePolicy";
    let error =
        refused(&cloud, "AttachRolePolicy", json!({"RoleName": "app", "PolicyArn": for_services})).await;
    assert_eq!(error.code(), "PolicyNotAttachable");
}

#[tokio::test]
async fn what_cannot_be_attached_is_refused() {
    let cloud = cloud().await;
    let attach = |arn: &str| json!({"RoleName": "app", "PolicyArn": arn});
    for arn in ["longpolicynamebutnoarn", "arn:aws:iam::000000000000:role/app"] {
        let error = refused(&cloud, "AttachRolePolicy", attach(arn)).await;
        assert_eq!(
            (error.code(), error.message()),
            ("ValidationError", "Invalid ARN:  Could not be parsed!")
        );
    }
    let absent = refused(&cloud, "AttachRolePolicy", attach(&format!("{ARN}123"))).await;
    assert_eq!((absent.code(), absent.status()), ("NoSuchEntity", 404));
    assert_eq!(absent.message(), format!("Policy {ARN}123 does not exist or is not attachable."));
    for number in 0..10 {
        let policy = json!({"PolicyName": format!("p{number}"), "PolicyDocument": ALLOW});
        let made = iam(&cloud, "CreatePolicy", policy).await;
        iam(&cloud, "AttachRolePolicy", attach(made["Policy"]["Arn"].as_str().unwrap())).await;
    }
    let eleventh = refused(&cloud, "AttachRolePolicy", attach(ARN)).await;
    assert_eq!(eleventh.message(), "Cannot exceed quota for PoliciesPerRole: 10");
}

#[tokio::test]
async fn inline_policies_are_checked_and_come_back_encoded() {
    let cloud = cloud().await;
    let put = json!({"UserName": "ann", "PolicyName": "in", "PolicyDocument": ALLOW});
    iam(&cloud, "PutUserPolicy", put).await;
    let found = iam(&cloud, "GetUserPolicy", json!({"UserName": "ann", "PolicyName": "in"})).await;
    assert!(found["PolicyDocument"].as_str().unwrap().contains("%22s3%3AGet%2A%22"));
    let listed = iam(&cloud, "ListUserPolicies", json!({"UserName": "ann"})).await;
    assert_eq!(listed["PolicyNames"], json!(["in"]));

    let bad = json!({"UserName": "ann", "PolicyName": "in", "PolicyDocument": "{}"});
    let error = refused(&cloud, "PutUserPolicy", bad).await;
    assert_eq!((error.code(), error.message()), ("MalformedPolicyDocument", "Syntax errors in policy."));
    let large = ALLOW.replace("s3:Get*", &format!("s3:{}", "x".repeat(2_100)));
    let large = json!({"UserName": "ann", "PolicyName": "large", "PolicyDocument": large});
    let error = refused(&cloud, "PutUserPolicy", large).await;
    assert_eq!(error.message(), "Maximum policy size of 2048 bytes exceeded for user ann");

    iam(&cloud, "DeleteUserPolicy", json!({"UserName": "ann", "PolicyName": "in"})).await;
    let gone = refused(&cloud, "GetUserPolicy", json!({"UserName": "ann", "PolicyName": "in"})).await;
    assert_eq!(gone.message(), "The user policy with name in cannot be found.");
}

#[tokio::test]
async fn everything_can_be_seen_at_once() {
    let cloud = cloud().await;
    iam(&cloud, "AddUserToGroup", json!({"GroupName": "dev", "UserName": "ann"})).await;
    iam(&cloud, "AttachRolePolicy", json!({"RoleName": "app", "PolicyArn": LAMBDA})).await;
    let all = iam(&cloud, "GetAccountAuthorizationDetails", json!({})).await;
    assert_eq!(all["UserDetailList"][0]["GroupList"], json!(["dev"]));
    assert_eq!(all["RoleDetailList"][0]["AttachedManagedPolicies"][0]["PolicyArn"], LAMBDA);
    let arns: Vec<&Value> = all["Policies"].as_array().unwrap().iter().map(|policy| &policy["Arn"]).collect();
    assert_eq!(arns, [ARN, LAMBDA]);
    let roles = iam(&cloud, "GetAccountAuthorizationDetails", json!({"Filter": ["Role"]})).await;
    assert_eq!((&roles["UserDetailList"], &roles["Policies"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn tags_are_put_taken_and_listed() {
    let cloud = cloud().await;
    let tags = json!([{"Key": "env", "Value": "dev"}, {"Key": "team", "Value": "a"}]);
    iam(&cloud, "TagPolicy", json!({"PolicyArn": ARN, "Tags": tags})).await;
    iam(&cloud, "UntagPolicy", json!({"PolicyArn": ARN, "TagKeys": ["ENV", "none"]})).await;
    let left = iam(&cloud, "ListPolicyTags", json!({"PolicyArn": ARN})).await;
    assert_eq!(left["Tags"], json!([{"Key": "team", "Value": "a"}]));
    let twice = json!({"UserName": "ann", "Tags": [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]});
    let error = refused(&cloud, "TagUser", twice).await;
    assert_eq!(error.code(), "InvalidInput");
}
