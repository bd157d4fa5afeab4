//! Who takes on roles.

use serde_json::{Value, json};

use crate::support::{
    HOME, OTHER, allow, assume, cloud, denied, done, of_role, policy, refused, role, trust, user,
};

const NOTHING: Value = Value::Null;

#[tokio::test]
async fn both_sides_let_another_account_in_and_the_external_id_must_be_right() {
    let root = cloud();
    let other = root.account(OTHER);
    let condition = json!({"StringEquals": {"sts:ExternalId": "deal-17"}});
    let trusted =
        trust(&json!({"AWS": format!("arn:aws:iam::{OTHER}:root")}), &json!("sts:AssumeRole"), &condition);
    let arn = role(&root, "vendor", &trusted, &allow("s3:ListAllMyBuckets", "*")).await;
    let without = user(&other, "without", "").await;
    let message =
        denied(&without, "sts", "AssumeRole", of_role(&arn, json!({"ExternalId": "deal-17"}))).await;
    assert!(
        message.ends_with("because no identity-based policy allows the sts:AssumeRole action"),
        "{message}"
    );
    let vendor = user(&other, "vendor", &allow("sts:AssumeRole", &arn)).await;
    for wrong in [json!({}), json!({"ExternalId": "deal-18"})] {
        let message = denied(&vendor, "sts", "AssumeRole", of_role(&arn, wrong)).await;
        assert!(message.contains(&format!("sts:AssumeRole on resource: {arn}")), "{message}");
    }
    let session = assume(&vendor, &arn, json!({"ExternalId": "deal-17"})).await;
    done(&session, "s3", "ListBuckets", json!({})).await;
    denied(&session, "sqs", "ListQueues", json!({})).await;
}

#[tokio::test]
async fn in_its_own_account_a_role_may_trust_a_user_by_name() {
    let root = cloud();
    let ann = user(&root, "ann", "").await;
    let ben = user(&root, "ben", &allow("sts:AssumeRole", "*")).await;
    let by_name =
        trust(&json!({"AWS": format!("arn:aws:iam::{HOME}:user/ann")}), &json!("sts:AssumeRole"), &NOTHING);
    let arn = role(&root, "app", &by_name, "").await;
    assume(&ann, &arn, json!({})).await;
    let message = denied(&ben, "sts", "AssumeRole", of_role(&arn, json!({}))).await;
    assert!(message.ends_with("because no role trust policy allows the sts:AssumeRole action"), "{message}");
    // One that trusts nobody of this account is closed even to administrators.
    let service = trust(&json!({"Service": "lambda.amazonaws.com"}), &json!("sts:AssumeRole"), &NOTHING);
    let closed = role(&root, "lambda", &service, "").await;
    denied(&ben, "sts", "AssumeRole", of_role(&closed, json!({}))).await;
    let absent = format!("arn:aws:iam::{HOME}:role/absent");
    denied(&ben, "sts", "AssumeRole", of_role(&absent, json!({}))).await;
}

#[tokio::test]
async fn a_role_trusts_the_user_that_there_was() {
    let root = cloud();
    let ann = user(&root, "ann", "").await;
    let name = format!("arn:aws:iam::{HOME}:user/ann");
    let id = done(&root, "iam", "GetUser", json!({"UserName": "ann"})).await["User"]["UserId"].clone();
    let id = id.as_str().unwrap();
    let by_name = trust(
        &json!({"AWS": [name, format!("arn:aws:iam::{HOME}:root")]}),
        &json!("sts:AssumeRole"),
        &NOTHING,
    );
    let arn = role(&root, "app", &by_name, "").await;
    assume(&ann, &arn, json!({})).await;

    let key = done(&ann, "sts", "GetCallerIdentity", json!({})).await["UserId"].clone();
    assert_eq!(key, id);
    let keys = done(&root, "iam", "ListAccessKeys", json!({"UserName": "ann"})).await;
    let key = keys["AccessKeyMetadata"][0]["AccessKeyId"].clone();
    done(&root, "iam", "DeleteAccessKey", json!({"UserName": "ann", "AccessKeyId": key})).await;
    done(&root, "iam", "DeleteUser", json!({"UserName": "ann"})).await;
    let again = user(&root, "ann", "").await;
    denied(&again, "sts", "AssumeRole", of_role(&arn, json!({}))).await;
    let shown = done(&root, "iam", "GetRole", json!({"RoleName": "app"})).await;
    let shown = shown["Role"]["AssumeRolePolicyDocument"].as_str().unwrap().to_owned();
    assert!(shown.contains(id) && !shown.contains("user%2Fann"), "{shown}");
    // Stored again, it means the new one.
    let update = json!({"RoleName": "app", "PolicyDocument": by_name});
    done(&root, "iam", "UpdateAssumeRolePolicy", update).await;
    assume(&again, &arn, json!({})).await;
}

#[tokio::test]
async fn nobody_is_trusted_who_does_not_exist() {
    let root = cloud();
    let nobody = format!("arn:aws:iam::{HOME}:role/nobody");
    let document = trust(&json!({"AWS": nobody}), &json!("sts:AssumeRole"), &NOTHING);
    let made = json!({"RoleName": "app", "AssumeRolePolicyDocument": document});
    let error = refused(&root, "iam", "CreateRole", made).await;
    assert_eq!(
        (error.code(), error.status(), error.message()),
        (
            "MalformedPolicyDocument",
            400,
            format!("Invalid principal in policy: \"AWS\":\"{nobody}\"").as_str()
        )
    );
    // Accounts that are not used here are somewhere else.
    let elsewhere =
        trust(&json!({"AWS": "arn:aws:iam::999988887777:role/x"}), &json!("sts:AssumeRole"), &NOTHING);
    role(&root, "app", &elsewhere, "").await;
}

#[tokio::test]
async fn sessions_have_what_role_and_session_policy_both_allow() {
    let root = cloud();
    let by_account = trust(&json!({"AWS": HOME}), &json!("sts:AssumeRole"), &NOTHING);
    let arn = role(&root, "wide", &by_account, &allow("sqs:*", "*")).await;
    let caller = user(&root, "ann", &allow("sts:AssumeRole", "*")).await;
    let narrow = json!({"Policy": allow("sqs:ListQueues", "*")});
    let session = assume(&caller, &arn, narrow).await;
    done(&session, "sqs", "ListQueues", json!({})).await;
    let message = denied(&session, "sqs", "CreateQueue", json!({"QueueName": "q"})).await;
    assert!(message.ends_with("because no session policy allows the sqs:createqueue action"), "{message}");
    let more = json!({"Policy": allow("*", "*"), "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"}]});
    let session = assume(&caller, &arn, more).await;
    done(&session, "sqs", "CreateQueue", json!({"QueueName": "q"})).await;
    let message = denied(&session, "s3", "ListBuckets", json!({})).await;
    assert!(message.ends_with("because no identity-based policy allows the s3:ListAllMyBuckets action"));
}

#[tokio::test]
async fn tags_and_the_source_identity_go_along_a_chain_of_roles() {
    let root = cloud();
    let actions = json!(["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]);
    let first =
        role(&root, "first", &trust(&json!({"AWS": HOME}), &actions, &NOTHING), &allow("sts:*", "*")).await;
    let only_red = json!({"StringEquals": {"aws:PrincipalTag/team": "red", "aws:SourceIdentity": "ann"}});
    let reads = policy(&json!({
        "Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*", "Condition": only_red
    }));
    let second = role(&root, "second", &trust(&json!({"AWS": first}), &actions, &only_red), &reads).await;
    let ann = user(&root, "ann", &allow("sts:*", "*")).await;
    let tagged = json!({
        "Tags": [{"Key": "team", "Value": "red"}], "TransitiveTagKeys": ["team"], "SourceIdentity": "ann"
    });
    let one = assume(&ann, &first, tagged).await;
    let two = assume(&one, &second, json!({})).await;
    done(&two, "sqs", "ListQueues", json!({})).await;
    let untagged = assume(&ann, &first, json!({})).await;
    denied(&untagged, "sts", "AssumeRole", of_role(&second, json!({}))).await;

    // Tags must be allowed by the trust policy too.
    let plain =
        role(&root, "plain", &trust(&json!({"AWS": HOME}), &json!("sts:AssumeRole"), &NOTHING), "").await;
    let tags = json!({"Tags": [{"Key": "a", "Value": "b"}]});
    let message = denied(&ann, "sts", "AssumeRole", of_role(&plain, tags)).await;
    assert!(message.contains("sts:TagSession"), "{message}");
}

#[tokio::test]
async fn a_role_may_ask_for_a_second_factor() {
    let root = cloud();
    let condition = json!({
        "Bool": {"aws:MultiFactorAuthPresent": "true"}, "NumericLessThan": {"aws:MultiFactorAuthAge": "300"}
    });
    let arn =
        role(&root, "guarded", &trust(&json!({"AWS": HOME}), &json!("sts:AssumeRole"), &condition), "").await;
    let ann = user(&root, "ann", &allow("sts:AssumeRole", "*")).await;
    denied(&ann, "sts", "AssumeRole", of_role(&arn, json!({}))).await;
    // Past the policies, and then the code is wrong.
    let code = json!({"SerialNumber": format!("arn:aws:iam::{HOME}:mfa/ann"), "TokenCode": "123456"});
    let message = denied(&ann, "sts", "AssumeRole", of_role(&arn, code)).await;
    assert!(message.starts_with("MultiFactorAuthentication failed"), "{message}");
}

#[tokio::test]
async fn a_role_made_anew_leaves_old_sessions_behind() {
    let root = cloud();
    let by_account = trust(&json!({"AWS": HOME}), &json!("sts:AssumeRole"), &NOTHING);
    let arn = role(&root, "app", &by_account, &allow("*", "*")).await;
    let ann = user(&root, "ann", &allow("sts:AssumeRole", "*")).await;
    let session = assume(&ann, &arn, json!({})).await;
    done(&session, "s3", "ListBuckets", json!({})).await;
    done(&root, "iam", "DeleteRolePolicy", json!({"RoleName": "app", "PolicyName": "own"})).await;
    done(&root, "iam", "DeleteRole", json!({"RoleName": "app"})).await;
    denied(&session, "s3", "ListBuckets", json!({})).await;
    role(&root, "app", &by_account, &allow("*", "*")).await;
    denied(&session, "s3", "ListBuckets", json!({})).await;
    let anew = assume(&ann, &arn, json!({})).await;
    done(&anew, "s3", "ListBuckets", json!({})).await;
}
