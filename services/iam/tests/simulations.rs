//! The policy simulator, as a person who writes policies uses it.

#![cfg(test)]

use cloudtwin_smithy::AwsError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

fn cloud() -> TestCloud {
    TestCloud::start(vec![cloudtwin_iam::service()]).unwrap()
}

async fn iam(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("iam", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(cloud: &TestCloud, operation: &str, input: Value) -> AwsError {
    cloud.call("iam", operation, input).await.expect_err(operation)
}

fn statement(effect: &str, action: &str, resource: &str) -> Value {
    json!({"Effect": effect, "Action": action, "Resource": resource})
}

fn policy(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

#[tokio::test]
async fn what_a_user_may_do_is_told_with_the_statement() {
    let cloud = cloud();
    // As recorded from AWS.
    let document = r#"{"Version": "2012-10-17", "Statement": {"Sid": "", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}"#;
    let made = iam(&cloud, "CreatePolicy", json!({"PolicyName": "put", "PolicyDocument": document})).await;
    let user = iam(&cloud, "CreateUser", json!({"UserName": "ann"})).await["User"]["Arn"].clone();
    iam(&cloud, "AttachUserPolicy", json!({"UserName": "ann", "PolicyArn": made["Policy"]["Arn"]})).await;
    let input = json!({"PolicySourceArn": user, "ActionNames": ["s3:PutObject", "s3:GetObjectVersion"],
        "ResourceArns": ["arn:aws:s3:::bucket"]});
    let answer = iam(&cloud, "SimulatePrincipalPolicy", input).await;
    let matched = json!([{"SourcePolicyId": "put", "SourcePolicyType": "IAM Policy",
        "StartPosition": {"Line": 1, "Column": 41}, "EndPosition": {"Line": 1, "Column": 113}}]);
    assert_eq!(
        answer["EvaluationResults"],
        json!([
            {"EvalActionName": "s3:PutObject", "EvalResourceName": "arn:aws:s3:::bucket", "EvalDecision": "allowed",
             "MatchedStatements": matched, "MissingContextValues": [], "EvalDecisionDetails": {},
             "ResourceSpecificResults": [{"EvalResourceName": "arn:aws:s3:::bucket", "EvalResourceDecision": "allowed",
                "MatchedStatements": matched, "MissingContextValues": []}]},
            {"EvalActionName": "s3:GetObjectVersion", "EvalResourceName": "arn:aws:s3:::bucket",
             "EvalDecision": "implicitDeny", "MatchedStatements": [], "MissingContextValues": [],
             "EvalDecisionDetails": {},
             "ResourceSpecificResults": [{"EvalResourceName": "arn:aws:s3:::bucket",
                "EvalResourceDecision": "implicitDeny", "MatchedStatements": [], "MissingContextValues": []}]},
        ])
    );
    assert_eq!(answer["IsTruncated"], false);

    let wrong = json!({"PolicySourceArn": made["Policy"]["Arn"], "ActionNames": ["s3:PutObject"]});
    let wrong = refused(&cloud, "SimulatePrincipalPolicy", wrong).await;
    assert_eq!(wrong.code(), "InvalidInput");
    assert!(wrong.message().ends_with("does not clearly define entity type and name."));
}

#[tokio::test]
async fn groups_boundaries_and_exclusions_count() {
    let cloud = cloud();
    let everything = policy(&[statement("Allow", "*", "*")]);
    let boundary =
        json!({"PolicyName": "bound", "PolicyDocument": policy(&[statement("Allow", "s3:*", "*")])});
    let bound = iam(&cloud, "CreatePolicy", boundary).await["Policy"]["Arn"].clone();
    iam(&cloud, "CreateUser", json!({"UserName": "ann", "PermissionsBoundary": bound})).await;
    iam(&cloud, "CreateGroup", json!({"GroupName": "dev"})).await;
    iam(&cloud, "AddUserToGroup", json!({"GroupName": "dev", "UserName": "ann"})).await;
    let put = json!({"GroupName": "dev", "PolicyName": "all", "PolicyDocument": everything});
    iam(&cloud, "PutGroupPolicy", put).await;
    let simulate = async |more: Value| {
        let mut input = json!({"PolicySourceArn": "arn:aws:iam::000000000000:user/ann",
            "ActionNames": ["s3:ListAllMyBuckets", "sqs:ListQueues"]});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let results = iam(&cloud, "SimulatePrincipalPolicy", input).await["EvaluationResults"].clone();
        [0, 1].map(|index| results[index]["EvalDecision"].as_str().unwrap().to_owned())
    };
    assert_eq!(simulate(json!({})).await, ["allowed", "implicitDeny"]);
    let no_bound = json!({"PolicyExclusionList": [{"PolicyType": "permission-boundary"}]});
    assert_eq!(simulate(no_bound).await, ["allowed", "allowed"]);
    let no_inline = json!({"PolicyExclusionList": [{"InlinePolicyIdentifier":
        {"PolicyName": "all", "AttachmentType": "group", "AttachmentName": "dev"}}]});
    assert_eq!(simulate(no_inline).await, ["implicitDeny", "implicitDeny"]);
    let denied = json!({"PolicyInputList": [policy(&[statement("Deny", "s3:*", "*")])]});
    assert_eq!(simulate(denied).await, ["explicitDeny", "implicitDeny"]);
}

#[tokio::test]
async fn a_policy_is_tried_before_it_is_stored() {
    let cloud = cloud();
    let conditional = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:username}",
        "Condition": {"Bool": {"aws:SecureTransport": "true"}}});
    let document = policy(&[conditional, statement("Deny", "s3:DeleteObject", "*")]);
    let keys = iam(&cloud, "GetContextKeysForCustomPolicy", json!({"PolicyInputList": [document]})).await;
    assert_eq!(keys["ContextKeyNames"], json!(["aws:username", "aws:SecureTransport"]));

    let input = json!({"PolicyInputList": [document], "ActionNames": ["s3:DeleteObject", "s3:GetObject"],
        "ResourceArns": ["arn:aws:s3:::b/ann"], "MaxItems": 1,
        "ContextEntries": [{"ContextKeyName": "aws:username", "ContextKeyValues": ["ann"], "ContextKeyType": "string"}]});
    let first = iam(&cloud, "SimulateCustomPolicy", input.clone()).await;
    assert_eq!(
        (&first["IsTruncated"], first["EvaluationResults"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    let denied = &first["EvaluationResults"][0];
    assert_eq!(denied["EvalDecision"], "explicitDeny");
    assert_eq!(denied["MatchedStatements"][0]["SourcePolicyId"], "PolicyInputList.1");
    let mut next = input;
    next["Marker"] = first["Marker"].clone();
    let second = iam(&cloud, "SimulateCustomPolicy", next.clone()).await["EvaluationResults"][0].clone();
    assert_eq!(
        (&second["EvalDecision"], &second["MissingContextValues"]),
        (&json!("implicitDeny"), &json!(["aws:SecureTransport"]))
    );
    next["ContextEntries"].as_array_mut().unwrap().push(json!({"ContextKeyName": "AWS:securetransport",
        "ContextKeyValues": ["true"], "ContextKeyType": "boolean"}));
    let allowed = iam(&cloud, "SimulateCustomPolicy", next).await;
    assert_eq!(allowed["EvaluationResults"][0]["EvalDecision"], "allowed");

    for (input, what) in [
        (json!({"PolicyInputList": ["{"], "ActionNames": ["s3:GetObject"]}), "a document"),
        (json!({"PolicyInputList": [], "ActionNames": ["GetObject"]}), "an action"),
        (json!({"PolicyInputList": [], "ActionNames": ["s3:GetObject"], "CallerArn": "ann"}), "a caller"),
        (
            json!({"PolicyInputList": [], "ActionNames": ["s3:GetObject"], "ResourceArns": ["b"]}),
            "a resource",
        ),
    ] {
        assert_eq!(refused(&cloud, "SimulateCustomPolicy", input).await.code(), "InvalidInput", "{what}");
    }
}

#[tokio::test]
async fn a_role_of_another_account_needs_both_sides() {
    let cloud = cloud();
    let identity = policy(&[statement("Allow", "s3:GetObject", "*")]);
    let bucket =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Principal": {"AWS": "arn:aws:iam::111111111111:role/app"}}})
        .to_string();
    let simulate = async |documents: Value| {
        let input = json!({"PolicyInputList": documents, "ActionNames": ["s3:GetObject"],
            "ResourceArns": ["arn:aws:s3:::b/k"], "ResourcePolicy": bucket,
            "ResourceOwner": "arn:aws:iam::222222222222:root",
            "CallerArn": "arn:aws:sts::111111111111:assumed-role/app/session"});
        iam(&cloud, "SimulateCustomPolicy", input).await["EvaluationResults"][0].clone()
    };
    let both = simulate(json!([identity])).await;
    assert_eq!(both["EvalDecision"], "allowed");
    assert_eq!(both["EvalDecisionDetails"], json!({"IAM Policy": "allowed", "Resource Policy": "allowed"}));
    let one = simulate(json!([policy(&[statement("Allow", "sqs:*", "*")])])).await;
    assert_eq!(one["EvalDecision"], "implicitDeny");
    assert_eq!(
        one["EvalDecisionDetails"],
        json!({"IAM Policy": "implicitDeny", "Resource Policy": "allowed"})
    );
}
