//! Users, their policies and boundaries, and the words of refusals.

use serde_json::json;

use crate::support::{HOME, allow, cloud, denied, done, permit, policy, refused, user};

#[tokio::test]
async fn a_user_may_do_what_its_policies_say_and_root_everything() {
    let root = cloud();
    let alice = user(&root, "alice", "").await;
    let bucket = json!({"Bucket": "tickets"});
    assert_eq!(
        denied(&alice, "s3", "CreateBucket", bucket.clone()).await,
        "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: s3:CreateBucket on resource: \
         \"arn:aws:s3:::tickets\" because no identity-based policy allows the s3:CreateBucket action"
    );
    permit(&root, "alice", &allow("s3:CreateBucket", "*")).await;
    done(&alice, "s3", "CreateBucket", bucket).await;
    done(&root, "s3", "ListBuckets", json!({})).await;
}

#[tokio::test]
async fn what_has_no_resource_is_named_as_each_service_names_it() {
    let root = cloud();
    let nobody = user(&root, "nobody", "").await;
    for (service, operation, expected) in [
        ("iam", "ListUsers", "iam:ListUsers on resource: arn:aws:iam::000000000000:user/ because no"),
        ("iam", "ListRoles", "iam:ListRoles on resource: arn:aws:iam::000000000000:role/ because no"),
        ("iam", "ListPolicies", "iam:ListPolicies on resource: policy path / because no"),
        ("iam", "GetAccountSummary", "iam:GetAccountSummary on resource: * because no"),
        ("iam", "ListAccountAliases", "iam:ListAccountAliases on resource: * because no"),
        ("sqs", "ListQueues", "sqs:listqueues on resource: arn:aws:sqs:us-east-1:000000000000: because no"),
        (
            "s3",
            "ListBuckets",
            "perform: s3:ListAllMyBuckets because no identity-based policy allows the s3:List",
        ),
    ] {
        let message = denied(&nobody, service, operation, json!({})).await;
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(done(&nobody, "sts", "GetCallerIdentity", json!({})).await["Account"], HOME);
}

#[tokio::test]
async fn nobody_gives_more_than_a_boundary_leaves() {
    let root = cloud();
    let boundary = json!({"PolicyName": "edge", "PolicyDocument": allow("sqs:*", "*")});
    let boundary = done(&root, "iam", "CreatePolicy", boundary).await["Policy"]["Arn"].clone();
    // An administrator of users, who must put the boundary on whomever she makes.
    let delegated = policy(&json!([
        {"Effect": "Allow", "Action": ["iam:CreateUser", "iam:PutUserPermissionsBoundary"], "Resource": "*",
         "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}}},
        {"Effect": "Allow", "Action": ["iam:PutUserPolicy", "iam:CreateAccessKey"], "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:DeleteUserPermissionsBoundary", "Resource": "*"},
    ]));
    let admin = user(&root, "admin", &delegated).await;
    denied(&admin, "iam", "CreateUser", json!({"UserName": "free"})).await;
    let made = json!({"UserName": "bob", "PermissionsBoundary": boundary});
    done(&admin, "iam", "CreateUser", made).await;
    let message = denied(&admin, "iam", "DeleteUserPermissionsBoundary", json!({"UserName": "bob"})).await;
    assert!(message.ends_with("with an explicit deny in an identity-based policy"), "{message}");
    permit(&admin, "bob", &allow("*", "*")).await;
    let key = done(&admin, "iam", "CreateAccessKey", json!({"UserName": "bob"})).await;
    let bob = crate::support::with_key(&root, &key["AccessKey"]);
    done(&bob, "sqs", "CreateQueue", json!({"QueueName": "jobs"})).await;
    let message = denied(&bob, "s3", "CreateBucket", json!({"Bucket": "b-1"})).await;
    assert!(
        message.ends_with("because no permissions boundary allows the s3:CreateBucket action"),
        "{message}"
    );
}

#[tokio::test]
async fn a_deny_of_a_managed_policy_is_told_with_its_arn() {
    let root = cloud();
    let eve = user(&root, "eve", &allow("*", "*")).await;
    let deny = policy(&json!({"Effect": "Deny", "Action": "iam:DeleteUser", "Resource": "*"}));
    let deny = json!({"PolicyName": "no-deletes", "PolicyDocument": deny});
    let deny = done(&root, "iam", "CreatePolicy", deny).await["Policy"]["Arn"].clone();
    done(&root, "iam", "AttachUserPolicy", json!({"UserName": "eve", "PolicyArn": deny})).await;
    assert_eq!(
        denied(&eve, "iam", "DeleteUser", json!({"UserName": "eve"})).await,
        "User: arn:aws:iam::000000000000:user/eve is not authorized to perform: iam:DeleteUser on resource: \
         arn:aws:iam::000000000000:user/eve with an explicit deny in an identity-based policy: \
         arn:aws:iam::000000000000:policy/no-deletes"
    );
}

#[tokio::test]
async fn a_user_made_anew_is_somebody_else() {
    let root = cloud();
    let first = user(&root, "carol", &allow("*", "*")).await;
    done(&first, "s3", "ListBuckets", json!({})).await;
    let key = first.call("iam", "ListAccessKeys", json!({})).await.unwrap();
    let key = key["AccessKeyMetadata"][0]["AccessKeyId"].clone();
    let inactive = json!({"UserName": "carol", "AccessKeyId": key, "Status": "Inactive"});
    done(&root, "iam", "UpdateAccessKey", inactive).await;
    assert!(root.key(key.as_str().unwrap()).unwrap().is_none());

    done(&root, "iam", "DeleteAccessKey", json!({"UserName": "carol", "AccessKeyId": key})).await;
    done(&root, "iam", "DeleteUserPolicy", json!({"UserName": "carol", "PolicyName": "own"})).await;
    done(&root, "iam", "DeleteUser", json!({"UserName": "carol"})).await;
    user(&root, "carol", &allow("*", "*")).await;
    // Calls that were signed before keep the first one's id, and have nothing.
    denied(&first, "s3", "ListBuckets", json!({})).await;
}

#[tokio::test]
async fn tags_of_principals_resources_and_requests_decide() {
    let root = cloud();
    let own_team = policy(&json!([
        {"Effect": "Allow", "Action": "sqs:CreateQueue", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:TagQueue", "Resource": "*", "Condition": {
            "StringEquals": {"aws:RequestTag/team": "${aws:PrincipalTag/team}"},
            "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}},
        {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*", "Condition": {
            "StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}},
    ]));
    let dora = user(&root, "dora", &own_team).await;
    let tags = json!([{"Key": "team", "Value": "red"}]);
    done(&root, "iam", "TagUser", json!({"UserName": "dora", "Tags": tags})).await;
    done(&dora, "sqs", "CreateQueue", json!({"QueueName": "mine", "tags": {"team": "red"}})).await;
    denied(&dora, "sqs", "CreateQueue", json!({"QueueName": "x", "tags": {"team": "blue"}})).await;
    denied(&dora, "sqs", "CreateQueue", json!({"QueueName": "x", "tags": {"team": "red", "more": "1"}}))
        .await;
    done(&root, "sqs", "CreateQueue", json!({"QueueName": "theirs", "tags": {"team": "blue"}})).await;
    done(&dora, "sqs", "SendMessage", json!({"QueueUrl": "mine", "MessageBody": "x"})).await;
    let message =
        denied(&dora, "sqs", "SendMessage", json!({"QueueUrl": "theirs", "MessageBody": "x"})).await;
    assert!(message.contains("sqs:sendmessage on resource: arn:aws:sqs:us-east-1:000000000000:theirs"));
}

#[tokio::test]
async fn only_who_may_pass_a_role_gives_it_away() {
    let root = cloud();
    let trust = crate::support::trust(
        &json!({"Service": "ec2.amazonaws.com"}),
        &json!("sts:AssumeRole"),
        &json!(null),
    );
    for name in ["worker", "admin"] {
        crate::support::role(&root, name, &trust, "").await;
    }
    done(&root, "iam", "CreateInstanceProfile", json!({"InstanceProfileName": "box"})).await;
    let passes = policy(&json!([
        {"Effect": "Allow", "Action": "iam:AddRoleToInstanceProfile", "Resource": "*"},
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/worker",
         "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}},
    ]));
    let frank = user(&root, "frank", &passes).await;
    let of = |role: &str| json!({"InstanceProfileName": "box", "RoleName": role});
    let message = denied(&frank, "iam", "AddRoleToInstanceProfile", of("admin")).await;
    assert!(message.contains("iam:PassRole on resource: arn:aws:iam::000000000000:role/admin"), "{message}");
    done(&frank, "iam", "AddRoleToInstanceProfile", of("worker")).await;
}

#[tokio::test]
async fn keys_that_were_never_issued_can_be_refused() {
    let config = cloudtwin_core::CloudConfig { refuse_unknown_keys: true, ..Default::default() };
    let root = crate::support::with(config);
    assert!(root.key("test").unwrap().is_none());
    let grace = user(&root, "grace", "").await;
    let error = refused(&grace, "iam", "GetUser", json!({})).await;
    assert_eq!(error.code(), "AccessDenied");
}
