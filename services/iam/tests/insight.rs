//! What is told about decisions, and what follows from them.

#![cfg(test)]

use cloudtwin_core::authorize::Enforcement;
use cloudtwin_core::credentials::CREDENTIALS;
use cloudtwin_core::{Caller, Service};
use cloudtwin_smithy::ByteStream;
use cloudtwin_store::StoreError;
use cloudtwin_testkit::TestCloud;
use http::Request;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

const ALICE: &str = "arn:aws:iam::000000000000:user/alice";

struct Story {
    root: TestCloud,
    alice: TestCloud,
    key: String,
}

impl Story {
    /// A cloud in soft mode and a user who may do nothing.
    async fn begin() -> Self {
        Self::begin_with(Vec::new()).await
    }

    async fn begin_with(mut services: Vec<Service>) -> Self {
        services.push(cloudtwin_iam::service());
        let root = TestCloud::start(services).unwrap();
        iam(&root, "CreateUser", json!({"UserName": "alice"})).await;
        let made = iam(&root, "CreateAccessKey", json!({"UserName": "alice"})).await;
        let key = made["AccessKey"]["AccessKeyId"].as_str().unwrap().to_owned();
        let db = root.cloud().db().scoped("", "");
        let credential = db.read::<_, StoreError, _>(|tx| tx.get(&CREDENTIALS, &key)).unwrap().unwrap();
        let caller = Caller { access_key_id: Some(key.clone()), ..credential.caller };
        let alice = root.caller(caller);
        root.cloud().set_enforcement(Enforcement::SoftMode);
        Self { root, alice, key }
    }

    async fn grant(&self, document: Value) {
        let input = json!({"UserName": "alice", "PolicyName": "own", "PolicyDocument": document.to_string()});
        iam(&self.root, "PutUserPolicy", input).await;
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder().method(method).uri(path).body(ByteStream::from(body)).unwrap();
        let response = self.root.cloud().handle(request).await;
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.ask("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    async fn newest(&self) -> Value {
        self.get("/_cloudtwin/decisions?limit=1").await["decisions"][0].clone()
    }
}

async fn iam(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("iam", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Given", "Effect": "Allow", "Action": action, "Resource": resource}]})
}

#[tokio::test]
async fn the_state_is_read_and_set_as_in_localstack() {
    let story = Story::begin().await;
    let state =
        |state: &str| json!({"state": state, "config_enforce_iam": false, "config_iam_soft_mode": false});
    assert_eq!(story.get("/_aws/iam/config").await, state("SOFT_MODE"));
    for wanted in ["DISABLED", "ENGINE_ONLY", "ENFORCED"] {
        let (status, answer) = story.ask("POST", "/_aws/iam/config", json!({"state": wanted})).await;
        assert_eq!((status, answer), (200, state(wanted)));
    }
    let (status, answer) = story.ask("POST", "/_aws/iam/config", json!({"state": "ON"})).await;
    assert_eq!(status, 400);
    let message =
        "`ON` is no state of IAM enforcement; it is one of DISABLED, ENGINE_ONLY, SOFT_MODE, ENFORCED";
    assert_eq!(answer["message"], message);
    assert_eq!(story.ask("DELETE", "/_aws/iam/config", Value::Null).await.0, 405);
    assert_eq!(story.ask("POST", "/_aws/iam/config", json!({})).await.0, 400);
    let huge = json!({"state": "x".repeat(1 << 20)});
    assert_eq!(story.ask("POST", "/_aws/iam/config", huge).await.0, 400);
    assert_eq!(story.ask("GET", "/_aws/iam/nothing", Value::Null).await.0, 404);
}

#[tokio::test]
async fn actions_can_be_checked_for_an_access_key() {
    let story = Story::begin().await;
    story
        .grant(json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*"}]}))
        .await;
    let permission = |action: &str| json!({"action": action, "resource": "arn:aws:s3:::photos"});
    let body = json!({
        "access_key_id": story.key,
        "region_name": "us-east-1",
        "required_permission": [
            permission("s3:CreateBucket"), permission("s3:DeleteBucket"), permission("sqs:SendMessage")],
    });
    let (status, answer) = story.ask("POST", "/_aws/iam/check-actions-allowed", body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["explicit_allow"][0]["action"], "s3:CreateBucket");
    assert_eq!(answer["explicit_deny"][0]["action"], "s3:DeleteBucket");
    assert_eq!(answer["implicit_deny"][0]["action"], "sqs:SendMessage");
    assert_eq!(answer["implicit_deny"][0]["account"], "000000000000");
    assert_eq!(answer["source_principal"], json!({"arn": ALICE, "account": "000000000000"}));
    let root = json!({"access_key_id": "test", "region_name": "us-east-1",
                      "required_permissions": [permission("s3:CreateBucket")]});
    let (_, answer) = story.ask("POST", "/_aws/iam/check-actions-allowed", root).await;
    assert_eq!(
        (&answer["allowed"], &answer["source_principal"]["account"]),
        (&json!(true), &json!("000000000000"))
    );
    assert_eq!(
        story.ask("POST", "/_aws/iam/check-actions-allowed", json!({"region_name": "x"})).await.0,
        400
    );
    assert_eq!(story.ask("GET", "/_aws/iam/check-actions-allowed", Value::Null).await.0, 405);
}

#[tokio::test]
async fn a_denied_call_says_what_would_allow_it() {
    let story = Story::begin().await;
    iam(&story.alice, "ListUsers", json!({})).await;
    let newest = story.newest().await;
    assert_eq!((&newest["operation"], &newest["principal"]), (&json!("ListUsers"), &json!(ALICE)));
    assert_eq!((&newest["allowed"], &newest["refused"]), (&json!(false), &json!(false)));
    let remedy = json!([{
        "advice": "add to a policy of the user alice",
        "layer": "identity",
        "place": ALICE,
        "add": [{"Effect": "Allow", "Action": "iam:ListUsers", "Resource": newest["permissions"][0]["resource"]}],
    }]);
    assert_eq!(newest["remedies"], remedy);

    // What is advised helps.
    story.grant(json!({"Version": "2012-10-17", "Statement": remedy[0]["add"]})).await;
    iam(&story.alice, "ListUsers", json!({})).await;
    let newest = story.newest().await;
    assert_eq!((&newest["allowed"], &newest["remedies"]), (&json!(true), &json!([])));
}

#[tokio::test]
async fn an_explicit_denial_names_the_statement_to_change() {
    let story = Story::begin().await;
    story
        .grant(json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Sid": "NoUsers", "Effect": "Deny", "Action": "iam:*User", "Resource": "*"}]}))
        .await;
    iam(&story.alice, "CreateUser", json!({"UserName": "bob"})).await;
    let remedies = story.newest().await["remedies"].clone();
    assert_eq!(remedies.as_array().unwrap().len(), 1);
    assert_eq!(
        remedies[0]["advice"],
        "narrow or remove `NoUsers` (statement 1) of own (user/alice): it denies this, and whatever denies wins \
         over whatever allows"
    );
    assert_eq!(remedies[0]["change"], json!({"policy": "own (user/alice)", "sid": "NoUsers", "index": 1}));
}

#[tokio::test]
async fn a_permissions_boundary_is_named_when_it_is_what_is_missing() {
    let story = Story::begin().await;
    let made = iam(
        &story.root,
        "CreatePolicy",
        json!({"PolicyName": "limit", "PolicyDocument": allow("s3:*", "*").to_string()}),
    )
    .await;
    let boundary = json!({"UserName": "alice", "PermissionsBoundary": made["Policy"]["Arn"]});
    iam(&story.root, "PutUserPermissionsBoundary", boundary).await;
    story.grant(allow("*", "*")).await;
    iam(&story.alice, "ListUsers", json!({})).await;
    let remedies = story.newest().await["remedies"].clone();
    assert_eq!(remedies.as_array().unwrap().len(), 1);
    assert_eq!(remedies[0]["layer"], "boundary");
    assert_eq!(remedies[0]["place"], "arn:aws:iam::000000000000:policy/limit");
}

#[tokio::test]
async fn decisions_are_filtered() {
    let story = Story::begin().await;
    story.grant(allow("iam:ListUsers", "*")).await;
    iam(&story.alice, "ListUsers", json!({})).await;
    iam(&story.alice, "ListRoles", json!({})).await;
    let of = async |query: &str| {
        let found = story.get(&format!("/_cloudtwin/decisions?{query}")).await;
        let decisions = found["decisions"].as_array().unwrap().clone();
        decisions
            .iter()
            .map(|decision| decision["operation"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&format!("principal={ALICE}")).await, ["ListRoles", "ListUsers"]);
    assert_eq!(of(&format!("principal={ALICE}&allowed=true")).await, ["ListUsers"]);
    assert_eq!(of("allowed=false&service=iam").await, ["ListRoles"]);
    assert!(of("service=s3").await.is_empty());
    let newest = story.newest().await;
    assert_eq!(of(&format!("request_id={}", newest["request_id"].as_str().unwrap())).await, ["ListRoles"]);
    let (status, answer) = story.ask("GET", "/_cloudtwin/decisions?principle=x", Value::Null).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().starts_with("unknown parameter `principle`: use request_id"));
    assert_eq!(story.ask("GET", "/_cloudtwin/decisions?limit=0", Value::Null).await.0, 400);
}

#[tokio::test]
async fn decisions_and_policies_are_streamed_as_they_are_made() {
    let story = Story::begin().await;
    let open = async |path: &str| {
        let request = Request::builder().uri(path).body(ByteStream::empty()).unwrap();
        story.root.cloud().handle(request).await.into_body()
    };
    let mut decisions = open(&format!("/_cloudtwin/decisions?follow=true&principal={ALICE}")).await;
    let mut policies = open("/_cloudtwin/iam/stream").await;
    iam(&story.alice, "ListRoles", json!({"PathPrefix": "/x/"})).await;
    let next = async |body: &mut ByteStream| {
        let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(bytes.ends_with(b"\n"));
        serde_json::from_slice::<Value>(&bytes).unwrap()
    };
    assert_eq!(next(&mut decisions).await["operation"], "ListRoles");
    let policy = next(&mut policies).await;
    assert_eq!((&policy["attached_to"], &policy["arn"]), (&json!("identity"), &json!(ALICE)));
    assert_eq!(policy["policies"][0]["Statement"][0]["Action"], "iam:ListRoles");
    assert_eq!(policy["policies"][0]["Statement"][0]["Sid"], "ListRoles1");
}

#[tokio::test]
async fn the_generated_policy_is_enough_when_it_is_enforced() {
    let story = Story::begin().await;
    let run = async || {
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let calls = [
            ("CreateRole", json!({"RoleName": "web", "AssumeRolePolicyDocument": trust})),
            ("CreateInstanceProfile", json!({"InstanceProfileName": "web"})),
            ("AddRoleToInstanceProfile", json!({"InstanceProfileName": "web", "RoleName": "web"})),
            ("RemoveRoleFromInstanceProfile", json!({"InstanceProfileName": "web", "RoleName": "web"})),
            ("DeleteInstanceProfile", json!({"InstanceProfileName": "web"})),
            ("DeleteRole", json!({"RoleName": "web"})),
        ];
        for (operation, input) in calls {
            story.alice.call("iam", operation, input).await?;
        }
        Ok::<_, cloudtwin_smithy::AwsError>(())
    };
    run().await.unwrap();
    story.root.cloud().set_enforcement(Enforcement::Enforced);
    assert_eq!(run().await.unwrap_err().code(), "AccessDenied");
    let generated = story.get(&format!("/_cloudtwin/iam/policy?principal={ALICE}&since=1h")).await;
    let policies = generated["policies"].as_array().unwrap();
    assert_eq!(policies.len(), 1);
    let statements = policies[0]["Statement"].as_array().unwrap();
    let pass = statements.iter().find(|statement| statement["Action"] == "iam:PassRole").unwrap();
    assert_eq!(pass["Condition"], json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}));
    story.grant(policies[0].clone()).await;
    run().await.unwrap();
    // Nothing more than that.
    let other = story.alice.call("iam", "DeleteRole", json!({"RoleName": "other"})).await;
    assert_eq!(other.unwrap_err().code(), "AccessDenied");

    let nobody = "/_cloudtwin/iam/policy?principal=arn:aws:iam::000000000000:user/nobody";
    let (status, answer) = story.ask("GET", nobody, Value::Null).await;
    assert_eq!(status, 404);
    assert!(answer["message"].as_str().unwrap().contains(ALICE), "{answer}");
    assert_eq!(story.ask("GET", "/_cloudtwin/iam/policy", Value::Null).await.0, 400);
    let bad = format!("/_cloudtwin/iam/policy?principal={ALICE}&since=soon");
    assert_eq!(story.ask("GET", &bad, Value::Null).await.0, 400);
    assert_eq!(story.ask("DELETE", "/_cloudtwin/iam/observed", Value::Null).await.0, 200);
    assert_eq!(story.get("/_cloudtwin/iam/observed").await["principals"], json!([]));
}

#[tokio::test]
async fn a_changed_policy_is_tried_on_the_recorded_calls() {
    let story = Story::begin().await;
    story.grant(allow("iam:ListUsers", "*")).await;
    iam(&story.alice, "ListUsers", json!({})).await;
    iam(&story.alice, "ListRoles", json!({})).await;
    let ask = async |add: bool| {
        let body = json!({"principal": ALICE, "policies": [allow("iam:ListRoles", "*")], "add": add});
        let (status, answer) = story.ask("POST", "/_cloudtwin/iam/what-if", body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let instead = ask(false).await;
    assert_eq!(
        (&instead["calls"], &instead["newly_denied"], &instead["newly_allowed"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!(instead["flips"][0]["operation"], "ListUsers");
    let beside = ask(true).await;
    assert_eq!((&beside["newly_denied"], &beside["newly_allowed"]), (&json!(0), &json!(1)));
    let bad = json!({"principal": ALICE, "policies": [{"Version": "2012-10-17"}]});
    let (status, answer) = story.ask("POST", "/_cloudtwin/iam/what-if", bad).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().unwrap().starts_with("policy 1 cannot be attached"), "{answer}");
}

#[tokio::test]
async fn what_was_granted_and_never_used_is_listed() {
    let story = Story::begin().await;
    story.grant(allow("iam:List*", "*")).await;
    iam(&story.alice, "ListUsers", json!({})).await;
    let found = story.get(&format!("/_cloudtwin/iam/unused?principal={ALICE}")).await;
    assert_eq!(found["policies"][0]["policy"], "own (user/alice)");
    let statement = &found["policies"][0]["statements"][0];
    assert_eq!(statement["used"], json!(["iam:ListUsers"]));
    assert!(statement["unused"].as_array().unwrap().contains(&json!("iam:ListRoles")));
    let summary = story.get("/_cloudtwin/iam/summary").await;
    let mine = summary["policies"].as_array().unwrap().iter().find(|policy| policy["arn"] == ALICE).unwrap();
    assert_eq!(mine["policies"][0]["Statement"][0]["Action"], "iam:ListUsers");
}

#[tokio::test]
async fn without_enforcement_the_way_out_is_told() {
    let root = TestCloud::start(vec![cloudtwin_iam::service()]).unwrap();
    let story = Story { alice: root.clone(), root, key: String::new() };
    let path = format!("/_cloudtwin/iam/policy?principal={ALICE}");
    let (status, answer) = story.ask("GET", &path, Value::Null).await;
    assert_eq!(status, 404);
    let message = answer["message"].as_str().unwrap();
    assert!(message.contains("cloudtwin iam config SOFT_MODE"), "{message}");
    assert_eq!(story.get("/_cloudtwin/decisions").await, json!({"state": "DISABLED", "decisions": []}));
}

/// The remedies of the newest call of an operation.
async fn remedies_of(story: &Story, operation: &str) -> Vec<Value> {
    let found = story.get("/_cloudtwin/decisions?allowed=false").await;
    let decisions = found["decisions"].as_array().unwrap();
    let newest = decisions.iter().find(|decision| decision["operation"] == operation).unwrap();
    newest["remedies"].as_array().unwrap().clone()
}

#[tokio::test]
async fn another_account_must_open_the_door_too() {
    let story = Story::begin_with(vec![cloudtwin_sqs::service()]).await;
    let theirs = story.root.account("111111111111");
    let queue = theirs.call("sqs", "CreateQueue", json!({"QueueName": "jobs"})).await.unwrap();
    let message = json!({"QueueUrl": queue["QueueUrl"], "MessageBody": "x"});
    story.alice.call("sqs", "SendMessage", message.clone()).await.unwrap();
    let arn = "arn:aws:sqs:us-east-1:111111111111:jobs";
    let remedies = remedies_of(&story, "SendMessage").await;
    assert_eq!(remedies.len(), 2);
    assert_eq!((&remedies[0]["layer"], &remedies[0]["place"]), (&json!("identity"), &json!(ALICE)));
    assert_eq!((&remedies[1]["layer"], &remedies[1]["place"]), (&json!("resource"), &json!(arn)));
    assert_eq!(remedies[1]["add"][0]["Principal"], json!({"AWS": ALICE}));

    // Both together are enough, and either alone is not.
    story.grant(json!({"Version": "2012-10-17", "Statement": remedies[0]["add"]})).await;
    story.root.cloud().set_enforcement(Enforcement::Enforced);
    story.alice.call("sqs", "SendMessage", message.clone()).await.unwrap_err();
    let remedies = remedies_of(&story, "SendMessage").await;
    assert_eq!(remedies.len(), 1);
    let policy = json!({"Version": "2012-10-17", "Statement": remedies[0]["add"]}).to_string();
    let attributes = json!({"QueueUrl": queue["QueueUrl"], "Attributes": {"Policy": policy}});
    theirs.call("sqs", "SetQueueAttributes", attributes).await.unwrap();
    story.alice.call("sqs", "SendMessage", message).await.unwrap();
}

#[tokio::test]
async fn a_service_is_let_in_by_the_policy_of_the_resource() {
    let story = Story::begin_with(vec![cloudtwin_s3::service(), cloudtwin_sqs::service()]).await;
    let root = &story.root;
    root.call("sqs", "CreateQueue", json!({"QueueName": "jobs"})).await.unwrap();
    root.call("s3", "CreateBucket", json!({"Bucket": "photos"})).await.unwrap();
    let arn = "arn:aws:sqs:us-east-1:000000000000:jobs";
    let notification = json!({"Bucket": "photos", "NotificationConfiguration": {
        "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}});
    root.call("s3", "PutBucketNotificationConfiguration", notification).await.unwrap();
    root.call("s3", "PutObject", json!({"Bucket": "photos", "Key": "a"})).await.unwrap();
    let remedies = remedies_of(&story, "SendMessage").await;
    assert_eq!(remedies.len(), 1);
    assert_eq!(remedies[0]["place"], arn);
    let expected = json!({
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::photos"}},
    });
    assert_eq!(remedies[0]["add"], json!([expected]));
    let summary = story.get("/_cloudtwin/iam/summary").await;
    let attached = summary["policies"].as_array().unwrap();
    let queue = attached.iter().find(|policy| policy["attached_to"] == "resource").unwrap();
    assert_eq!(queue["arn"], arn);
    assert_eq!(queue["policies"][0]["Statement"][0]["Principal"], json!({"Service": "s3.amazonaws.com"}));
}

#[tokio::test]
async fn a_role_must_trust_who_takes_it_on() {
    let story = Story::begin_with(vec![cloudtwin_sts::service()]).await;
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]});
    let role = json!({"RoleName": "web", "AssumeRolePolicyDocument": trust.to_string()});
    iam(&story.root, "CreateRole", role).await;
    let arn = "arn:aws:iam::000000000000:role/web";
    let assume = json!({"RoleArn": arn, "RoleSessionName": "me"});
    story.alice.call("sts", "AssumeRole", assume.clone()).await.unwrap();
    let remedies = remedies_of(&story, "AssumeRole").await;
    let trusting = remedies.iter().find(|remedy| remedy["layer"] == "resource").unwrap();
    assert_eq!(trusting["advice"], format!("add to the trust policy of {arn}"));
    let statement = json!({"Effect": "Allow", "Principal": {"AWS": ALICE}, "Action": "sts:AssumeRole"});
    assert_eq!(trusting["add"], json!([statement]));

    // What is advised helps.
    for remedy in &remedies {
        let document = json!({"Version": "2012-10-17", "Statement": remedy["add"]});
        if remedy["layer"] == "resource" {
            let update = json!({"RoleName": "web", "PolicyDocument": document.to_string()});
            iam(&story.root, "UpdateAssumeRolePolicy", update).await;
        } else {
            story.grant(document).await;
        }
    }
    story.root.cloud().set_enforcement(Enforcement::Enforced);
    story.alice.call("sts", "AssumeRole", assume).await.unwrap();
}
