//! Users, roles, groups and instance profiles, as a person who sets up an account meets them.

#![cfg(test)]

use cloudtwin_smithy::AwsError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

fn cloud() -> TestCloud {
    TestCloud::start(vec![cloudtwin_iam::service()]).unwrap()
}

async fn iam(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("iam", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(cloud: &TestCloud, operation: &str, input: Value) -> AwsError {
    cloud.call("iam", operation, input).await.expect_err(operation)
}

#[tokio::test]
async fn a_user_comes_and_goes() {
    let cloud = cloud();
    let made = iam(&cloud, "CreateUser", json!({"UserName": "ann", "Path": "/team/"})).await;
    assert_eq!(made["User"]["Arn"], "arn:aws:iam::000000000000:user/team/ann");
    assert_eq!(made["User"]["UserId"].as_str().unwrap().len(), 21);
    assert!(made["User"].get("Tags").is_none());

    let taken = refused(&cloud, "CreateUser", json!({"UserName": "ANN"})).await;
    assert_eq!((taken.code(), taken.status()), ("EntityAlreadyExists", 409));
    assert_eq!(taken.message(), "User with name ANN already exists.");
    let elsewhere = iam(&cloud.account("111111111111"), "CreateUser", json!({"UserName": "ann"})).await;
    assert_eq!(elsewhere["User"]["Arn"], "arn:aws:iam::111111111111:user/ann");

    iam(&cloud, "UpdateUser", json!({"UserName": "ann", "NewUserName": "anna", "NewPath": "/"})).await;
    let gone = refused(&cloud, "GetUser", json!({"UserName": "ann"})).await;
    assert_eq!((gone.code(), gone.status()), ("NoSuchEntity", 404));
    assert_eq!(gone.message(), "The user with name ann cannot be found.");
    let found = iam(&cloud, "GetUser", json!({"UserName": "anna"})).await;
    assert_eq!(found["User"]["Arn"], "arn:aws:iam::000000000000:user/anna");

    iam(&cloud, "DeleteUser", json!({"UserName": "anna"})).await;
    assert_eq!(iam(&cloud, "ListUsers", json!({})).await["Users"], json!([]));
}

#[tokio::test]
async fn the_root_is_asked_for_without_a_name() {
    let root = iam(&cloud(), "GetUser", json!({})).await;
    assert_eq!(root["User"]["UserId"], "000000000000");
    assert_eq!(root["User"]["Arn"], "arn:aws:iam::000000000000:root");
}

#[tokio::test]
async fn lists_come_in_pages_and_by_path() {
    let cloud = cloud();
    for name in ["c", "B", "a", "d"] {
        let path = if name == "d" { "/ops/" } else { "/dev/" };
        iam(&cloud, "CreateUser", json!({"UserName": name, "Path": path})).await;
    }
    let first = iam(&cloud, "ListUsers", json!({"MaxItems": 2, "PathPrefix": "/dev/"})).await;
    let names = |page: &Value| -> Vec<String> {
        page["Users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["UserName"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(names(&first), ["a", "B"]);
    assert_eq!(first["IsTruncated"], true);
    let input = json!({"Marker": first["Marker"], "PathPrefix": "/dev/"});
    let second = iam(&cloud, "ListUsers", input).await;
    assert_eq!(names(&second), ["c"]);
    assert_eq!(second["IsTruncated"], false);
}

#[tokio::test]
async fn a_user_has_two_access_keys_at_most() {
    let cloud = cloud();
    iam(&cloud, "CreateUser", json!({"UserName": "ann"})).await;
    let key = iam(&cloud, "CreateAccessKey", json!({"UserName": "ann"})).await["AccessKey"].clone();
    assert!(key["AccessKeyId"].as_str().unwrap().starts_with("AKIAQAAAAAAA"));
    assert_eq!(key["SecretAccessKey"].as_str().unwrap().len(), 40);
    iam(&cloud, "CreateAccessKey", json!({"UserName": "ann"})).await;
    let third = refused(&cloud, "CreateAccessKey", json!({"UserName": "ann"})).await;
    assert_eq!((third.code(), third.status()), ("LimitExceeded", 409));
    assert_eq!(third.message(), "Cannot exceed quota for AccessKeysPerUser: 2");

    let id = &key["AccessKeyId"];
    let unused = iam(&cloud, "GetAccessKeyLastUsed", json!({"AccessKeyId": id})).await;
    assert_eq!(
        unused,
        json!({"UserName": "ann", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}})
    );
    let input = json!({"UserName": "ann", "AccessKeyId": id, "Status": "Inactive"});
    iam(&cloud, "UpdateAccessKey", input).await;
    let listed = iam(&cloud, "ListAccessKeys", json!({"UserName": "ann"})).await;
    assert_eq!(listed["AccessKeyMetadata"][0]["Status"], "Inactive");

    let blocked = refused(&cloud, "DeleteUser", json!({"UserName": "ann"})).await;
    assert_eq!(blocked.message(), "Cannot delete entity, must delete access keys first.");
    iam(&cloud, "DeleteAccessKey", json!({"UserName": "ann", "AccessKeyId": id})).await;
    let gone = refused(&cloud, "DeleteAccessKey", json!({"UserName": "ann", "AccessKeyId": id})).await;
    assert_eq!(gone.code(), "NoSuchEntity");
}

#[tokio::test]
async fn a_role_shows_what_it_was_made_with() {
    let cloud = cloud();
    let input =
        json!({"RoleName": "app", "AssumeRolePolicyDocument": TRUST, "Tags": [{"Key": "a", "Value": "1"}]});
    let made = iam(&cloud, "CreateRole", input).await["Role"].clone();
    assert!(made["AssumeRolePolicyDocument"].as_str().unwrap().starts_with("%7B%22Version%22%3A"));
    assert_eq!(made["Tags"], json!([{"Key": "a", "Value": "1"}]));
    assert!(made.get("MaxSessionDuration").is_none() && made.get("RoleLastUsed").is_none());

    let found = iam(&cloud, "GetRole", json!({"RoleName": "app"})).await["Role"].clone();
    assert_eq!((&found["MaxSessionDuration"], &found["RoleLastUsed"]), (&json!(3600), &json!({})));
    let listed = iam(&cloud, "ListRoles", json!({})).await["Roles"][0].clone();
    assert!(listed.get("Tags").is_none() && listed.get("RoleLastUsed").is_none());

    iam(&cloud, "UpdateRole", json!({"RoleName": "app", "Description": "d", "MaxSessionDuration": 7200}))
        .await;
    let found = iam(&cloud, "GetRole", json!({"RoleName": "app"})).await["Role"].clone();
    assert_eq!((&found["MaxSessionDuration"], &found["Description"]), (&json!(7200), &json!("d")));

    // A description that is left out stays.
    iam(&cloud, "UpdateRole", json!({"RoleName": "app"})).await;
    let found = iam(&cloud, "GetRole", json!({"RoleName": "app"})).await["Role"].clone();
    assert_eq!((&found["MaxSessionDuration"], &found["Description"]), (&json!(3600), &json!("d")));

    let broken = json!({"RoleName": "bad", "AssumeRolePolicyDocument": "{\"Version\":\"2012-10-17\","});
    let error = refused(&cloud, "CreateRole", broken).await;
    assert_eq!(
        (error.code(), error.message()),
        ("MalformedPolicyDocument", "This policy contains invalid Json")
    );
}

#[tokio::test]
async fn a_role_goes_only_when_nothing_holds_it() {
    let cloud = cloud();
    let role = json!({"RoleName": "app"});
    iam(&cloud, "CreateRole", json!({"RoleName": "app", "AssumeRolePolicyDocument": TRUST})).await;
    iam(&cloud, "CreateInstanceProfile", json!({"InstanceProfileName": "p"})).await;
    let both = json!({"InstanceProfileName": "p", "RoleName": "app"});
    iam(&cloud, "AddRoleToInstanceProfile", both.clone()).await;
    let full = refused(&cloud, "AddRoleToInstanceProfile", both.clone()).await;
    assert_eq!(full.message(), "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1");
    let shown = iam(&cloud, "GetInstanceProfile", json!({"InstanceProfileName": "p"})).await;
    assert_eq!(shown["InstanceProfile"]["Roles"][0]["RoleName"], "app");
    let listed = iam(&cloud, "ListInstanceProfilesForRole", role.clone()).await;
    assert_eq!(listed["InstanceProfiles"][0]["InstanceProfileName"], "p");
    let inline = json!({"RoleName": "app", "PolicyName": "in", "PolicyDocument": ALLOW});
    iam(&cloud, "PutRolePolicy", inline).await;

    let blocked = refused(&cloud, "DeleteRole", role.clone()).await;
    assert_eq!(blocked.message(), "Cannot delete entity, must remove roles from instance profile first.");
    iam(&cloud, "RemoveRoleFromInstanceProfile", both).await;
    let blocked = refused(&cloud, "DeleteRole", role.clone()).await;
    assert_eq!((blocked.code(), blocked.status()), ("DeleteConflict", 409));
    assert_eq!(blocked.message(), "Cannot delete entity, must delete policies first.");
    iam(&cloud, "DeleteRolePolicy", json!({"RoleName": "app", "PolicyName": "in"})).await;
    iam(&cloud, "DeleteRole", role).await;
}

#[tokio::test]
async fn a_service_keeps_its_role() {
    let cloud = cloud();
    let made = iam(&cloud, "CreateServiceLinkedRole", json!({"AWSServiceName": "batch.amazonaws.com"})).await;
    assert_eq!(
        made["Role"]["Arn"],
        "arn:aws:iam::000000000000:role/aws-service-role/batch.amazonaws.com/AWSServiceRoleForBatch"
    );
    let again =
        refused(&cloud, "CreateServiceLinkedRole", json!({"AWSServiceName": "batch.amazonaws.com"})).await;
    assert_eq!(
        again.message(),
        "Service role name AWSServiceRoleForBatch has been taken in this account, please try a different suffix."
    );
    let suffix = json!({"AWSServiceName": "ecs.amazonaws.com", "CustomSuffix": "x"});
    let error = refused(&cloud, "CreateServiceLinkedRole", suffix).await;
    assert_eq!(error.message(), "Custom suffix is not allowed for ecs.amazonaws.com");
    let role = json!({"RoleName": "AWSServiceRoleForBatch"});
    let attached = iam(&cloud, "ListAttachedRolePolicies", role.clone()).await;
    assert_eq!(attached["AttachedPolicies"][0]["PolicyName"], "BatchServiceRolePolicy");
    assert_eq!(refused(&cloud, "DeleteRole", role.clone()).await.code(), "UnmodifiableEntity");

    let task = iam(&cloud, "DeleteServiceLinkedRole", role.clone()).await;
    let status = iam(&cloud, "GetServiceLinkedRoleDeletionStatus", task).await;
    assert_eq!(status["Status"], "SUCCEEDED");
    assert_eq!(refused(&cloud, "GetRole", role).await.code(), "NoSuchEntity");
}

#[tokio::test]
async fn a_group_is_renamed_and_keeps_its_members() {
    let cloud = cloud();
    iam(&cloud, "CreateGroup", json!({"GroupName": "dev"})).await;
    iam(&cloud, "CreateUser", json!({"UserName": "ann"})).await;
    iam(&cloud, "AddUserToGroup", json!({"GroupName": "dev", "UserName": "ann"})).await;
    iam(&cloud, "UpdateGroup", json!({"GroupName": "dev", "NewGroupName": "ops"})).await;
    let group = iam(&cloud, "GetGroup", json!({"GroupName": "ops"})).await;
    assert_eq!(group["Users"][0]["UserName"], "ann");
    let groups = iam(&cloud, "ListGroupsForUser", json!({"UserName": "ann"})).await;
    assert_eq!(groups["Groups"][0]["Arn"], "arn:aws:iam::000000000000:group/ops");

    let blocked = refused(&cloud, "DeleteGroup", json!({"GroupName": "ops"})).await;
    assert_eq!(blocked.message(), "Cannot delete entity, must remove users from group first.");
    let blocked = refused(&cloud, "DeleteUser", json!({"UserName": "ann"})).await;
    assert_eq!(blocked.message(), "Cannot delete entity, must remove users from group first.");
    iam(&cloud, "RemoveUserFromGroup", json!({"GroupName": "ops", "UserName": "ann"})).await;
    iam(&cloud, "DeleteGroup", json!({"GroupName": "ops"})).await;
}

#[tokio::test]
async fn what_breaks_the_schema_is_refused_in_iams_words() {
    let cloud = cloud();
    for (operation, input, message) in [
        (
            "CreateUser",
            json!({"UserName": "a b"}),
            "The specified value for userName is invalid. It must contain only alphanumeric characters and/or \
             the following: +=,.@_-",
        ),
        (
            "CreateRole",
            json!({"RoleName": "r".repeat(65), "AssumeRolePolicyDocument": TRUST}),
            "1 validation error detected: Value at 'roleName' failed to satisfy constraint: Member must have \
             length less than or equal to 64",
        ),
        (
            "UpdateAccessKey",
            json!({"AccessKeyId": "AKIAQAAAAAAAAAAAAAAA", "Status": "On"}),
            "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy \
             enum value set",
        ),
        (
            "CreateGroup",
            json!({"GroupName": "g", "Path": "x"}),
            "The specified value for path is invalid. It must begin and end with / and contain only \
             alphanumeric characters and/or / characters.",
        ),
        (
            "ResetServiceSpecificCredential",
            json!({"ServiceSpecificCredentialId": "totally-wrong-credential-id"}),
            "1 validation error detected: Value at 'serviceSpecificCredentialId' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\w]+",
        ),
    ] {
        let error = refused(&cloud, operation, input).await;
        assert_eq!((error.code(), error.message()), ("ValidationError", message), "{operation}");
    }
}

#[tokio::test]
async fn the_account_has_an_alias_rules_for_passwords_and_numbers() {
    let cloud = cloud();
    iam(&cloud, "CreateAccountAlias", json!({"AccountAlias": "acme"})).await;
    let taken =
        refused(&cloud.account("111111111111"), "CreateAccountAlias", json!({"AccountAlias": "acme"})).await;
    assert_eq!(taken.message(), "The account alias acme already exists.");
    assert_eq!(iam(&cloud, "ListAccountAliases", json!({})).await["AccountAliases"], json!(["acme"]));

    let none = refused(&cloud, "GetAccountPasswordPolicy", json!({})).await;
    assert_eq!(none.message(), "The Password Policy with domain name 000000000000 cannot be found.");
    iam(&cloud, "UpdateAccountPasswordPolicy", json!({"MinimumPasswordLength": 12})).await;
    iam(&cloud, "CreateUser", json!({"UserName": "ann"})).await;
    let short = json!({"UserName": "ann", "Password": "Passw0rd!"});
    assert_eq!(refused(&cloud, "CreateLoginProfile", short).await.code(), "PasswordPolicyViolation");
    iam(&cloud, "CreateLoginProfile", json!({"UserName": "ann", "Password": "long enough now"})).await;
    let blocked = refused(&cloud, "DeleteUser", json!({"UserName": "ann"})).await;
    assert_eq!(blocked.message(), "Cannot delete entity, must delete login profile first.");

    let summary = iam(&cloud, "GetAccountSummary", json!({})).await["SummaryMap"].clone();
    assert_eq!((&summary["Users"], &summary["Roles"]), (&json!(1), &json!(0)));
}
