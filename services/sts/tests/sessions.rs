//! Sessions, as those who take on roles meet them.

#![cfg(test)]

use cloudtwin_core::credentials::{SESSION_CREDENTIALS, check};
use cloudtwin_core::mfa::{MFA_DEVICES, MfaDevice};
use cloudtwin_core::{Caller, Principal};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111111111111:role/path/app";

fn cloud() -> TestCloud {
    TestCloud::start(vec![cloudtwin_sts::service()]).unwrap()
}

async fn sts(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    cloud.call("sts", operation, input).await.unwrap_or_else(|error| panic!("{operation}: {error}"))
}

async fn refused(cloud: &TestCloud, operation: &str, input: Value) -> AwsError {
    cloud.call("sts", operation, input).await.expect_err(operation)
}

/// The caller that the credentials of an answer stand for, as authentication finds it.
fn caller_of(cloud: &TestCloud, answer: &Value) -> Caller {
    let key = answer["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned();
    let db = cloud.cloud().db().scoped("", "");
    let credential = db.read::<_, StoreError, _>(|tx| tx.get(&SESSION_CREDENTIALS, &key)).unwrap().unwrap();
    assert_eq!(credential.session_token.as_deref(), answer["Credentials"]["SessionToken"].as_str());
    credential.caller
}

#[tokio::test]
async fn a_session_belongs_to_its_roles_account() {
    let cloud = cloud();
    let session = sts(&cloud, "AssumeRole", json!({"RoleArn": ROLE, "RoleSessionName": "job"})).await;
    let arn = "arn:aws:sts::111111111111:assumed-role/app/job";
    assert_eq!(session["AssumedRoleUser"]["Arn"], arn);
    assert!(session.get("PackedPolicySize").is_none());
    let caller = caller_of(&cloud, &session);
    assert_eq!((caller.account.as_str(), caller.arn.as_str()), ("111111111111", arn));
    assert_eq!(
        caller.principal,
        Principal::AssumedRole { role_arn: ROLE.to_owned(), session_name: "job".to_owned() }
    );
    let me = sts(&cloud.caller(caller), "GetCallerIdentity", json!({})).await;
    assert_eq!(me["UserId"], session["AssumedRoleUser"]["AssumedRoleId"]);
    let key = json!({"AccessKeyId": session["Credentials"]["AccessKeyId"]});
    assert_eq!(sts(&cloud, "GetAccessKeyInfo", key).await["Account"], "111111111111");
}

#[tokio::test]
async fn the_root_of_a_key_that_was_never_issued_has_the_well_known_id() {
    let me = sts(&cloud(), "GetCallerIdentity", json!({})).await;
    assert_eq!(
        me,
        json!({
            "UserId": "AKIAIOSFODNN7EXAMPLE",
            "Account": "000000000000",
            "Arn": "arn:aws:iam::000000000000:root"
        })
    );
    let key = json!({"AccessKeyId": "ASIAQNZGKIQY56JQ7WML"});
    assert_eq!(sts(&cloud(), "GetAccessKeyInfo", key).await["Account"], "029608264753");
}

#[tokio::test]
async fn tags_that_a_session_hands_on_stay() {
    let cloud = cloud();
    let tags = json!([{"Key": "SessionTag1", "Value": "1"}]);
    let first = json!({
        "RoleArn": ROLE, "RoleSessionName": "one", "Tags": tags, "TransitiveTagKeys": ["SessionTag1"]
    });
    let session = sts(&cloud, "AssumeRole", first).await;
    let inside = cloud.caller(caller_of(&cloud, &session));
    let tags = json!([{"Key": "sessiontag1", "Value": "2"}]);
    let error =
        refused(&inside, "AssumeRole", json!({"RoleArn": ROLE, "RoleSessionName": "two", "Tags": tags}))
            .await;
    assert_eq!((error.code(), error.status()), ("InvalidParameterValue", 400));
    let long = json!({"RoleArn": ROLE, "RoleSessionName": "two", "DurationSeconds": 3601});
    let error = refused(&inside, "AssumeRole", long).await;
    assert_eq!(
        error.message(),
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    );
    let error = refused(&inside, "GetSessionToken", json!({})).await;
    assert_eq!(error.message(), "Cannot call GetSessionToken with session credentials");
}

#[tokio::test]
async fn what_is_no_role_or_session_name_is_refused() {
    let cloud = cloud();
    for (role, session, message) in [
        ("nothing-valid-in-here", "Session1", "nothing-valid-in-here is invalid"),
        (
            "arn:a:b:::something/test-role",
            "Session1:2",
            "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: [\\w+=,.@-]*",
        ),
    ] {
        let input = json!({"RoleArn": role, "RoleSessionName": session});
        let error = refused(&cloud, "AssumeRole", input).await;
        assert_eq!((error.code(), error.message()), ("ValidationError", message));
    }
}

#[tokio::test]
async fn tokens_last_as_long_as_their_caller_may_have_them() {
    let cloud = cloud();
    let now = cloud.cloud().clock().now_millis() / 1000;
    let lasts = |answer: &Value| answer["Credentials"]["Expiration"].as_f64().unwrap() as i64 - now;
    let of_root = sts(&cloud, "GetSessionToken", json!({})).await;
    assert!((3_600..3_610).contains(&lasts(&of_root)));
    let user = Caller {
        arn: "arn:aws:iam::000000000000:user/ann".to_owned(),
        principal: Principal::User { name: "ann".to_owned() },
        ..Caller::root("000000000000")
    };
    let of_user = sts(&cloud.caller(user), "GetSessionToken", json!({})).await;
    assert!((43_200..43_210).contains(&lasts(&of_user)));

    let federated = sts(&cloud, "GetFederationToken", json!({"Name": "bob", "DurationSeconds": 900})).await;
    assert_eq!(federated["FederatedUser"]["Arn"], "arn:aws:sts::000000000000:federated-user/bob");
    assert_eq!(federated["FederatedUser"]["FederatedUserId"], "000000000000:bob");
    assert_eq!(federated["PackedPolicySize"], 0);
    assert!((900..910).contains(&lasts(&federated)));
}

#[tokio::test]
async fn ended_sessions_are_forgotten_and_refused() {
    let cloud = cloud();
    let session = sts(&cloud, "GetSessionToken", json!({"DurationSeconds": 900})).await;
    let key = session["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned();
    let row = || {
        let db = cloud.cloud().db().scoped("", "");
        db.read::<_, StoreError, _>(|tx| tx.get(&SESSION_CREDENTIALS, &key)).unwrap()
    };
    let token = session["Credentials"]["SessionToken"].as_str();
    let refused = || check(&key, row().as_ref(), token, cloud.cloud().clock().now_millis()).is_err();
    assert!(!refused());
    cloud.advance_seconds(3_600);
    sts(&cloud, "GetSessionToken", json!({})).await;
    assert!(row().is_some() && refused());
    cloud.advance_seconds(25 * 3_600);
    sts(&cloud, "GetSessionToken", json!({})).await;
    assert!(row().is_none() && refused());
}

#[tokio::test]
async fn a_reset_ends_every_session() {
    let cloud = cloud();
    let session = sts(&cloud, "AssumeRole", json!({"RoleArn": ROLE, "RoleSessionName": "job"})).await;
    cloud.cloud().reset(Some("sts")).await.unwrap();
    let key = session["Credentials"]["AccessKeyId"].as_str().unwrap();
    let db = cloud.cloud().db().scoped("", "");
    let row = db.read::<_, StoreError, _>(|tx| tx.get(&SESSION_CREDENTIALS, key)).unwrap();
    assert!(row.is_none());
    let token = session["Credentials"]["SessionToken"].as_str();
    assert!(check(key, None, token, 0).is_err());
    // Without the token it is no better.
    assert!(check(key, None, None, 0).is_err());
}

#[tokio::test]
async fn what_policies_see_of_a_session_stays_with_its_credentials() {
    let cloud = cloud();
    let session = sts(
        &cloud,
        "AssumeRole",
        json!({
            "RoleArn": ROLE, "RoleSessionName": "job", "SourceIdentity": "ann",
            "Tags": [{"Key": "Team", "Value": "a"}],
            "Policy": "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}]}",
            "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]
        }),
    )
    .await;
    let caller = caller_of(&cloud, &session);
    let facts = caller.session.clone().unwrap();
    assert_eq!(facts.source_identity.as_deref(), Some("ann"));
    assert_eq!(facts.tags, [("Team".to_owned(), "a".to_owned())]);
    assert!(facts.policy.is_some() && facts.has_policies());
    assert_eq!(facts.policy_arns, ["arn:aws:iam::aws:policy/ReadOnlyAccess"]);
    assert_eq!(facts.issuer_arn.as_deref(), Some("arn:aws:iam::000000000000:root"));
    assert!((3_599_000..=3_600_000).contains(&(facts.expires - facts.issued)));

    // Who is behind it stays, and cannot be changed.
    let inside = cloud.caller(caller);
    let next = sts(&inside, "AssumeRole", json!({"RoleArn": ROLE, "RoleSessionName": "next"})).await;
    assert_eq!(next["SourceIdentity"], "ann");
    let other = json!({"RoleArn": ROLE, "RoleSessionName": "next", "SourceIdentity": "eve"});
    assert_eq!(refused(&inside, "AssumeRole", other).await.code(), "AccessDenied");
}

#[tokio::test]
async fn codes_of_mfa_devices_are_checked() {
    let cloud = cloud();
    let serial = "arn:aws:iam::000000000000:mfa/phone";
    let device = MfaDevice {
        serial_number: serial.to_owned(),
        seed: b"12345678901234567890".to_vec(),
        enabled: Some(cloud.cloud().clock().now()),
        owner: Some("000000000000".to_owned()),
        drift: 0,
        last_step: None,
        tags: Vec::new(),
    };
    let code = device.code_at(cloud.cloud().clock().now_millis());
    let db = cloud.cloud().db().scoped("000000000000", "");
    db.write::<_, StoreError, _>(|tx| tx.put(&MFA_DEVICES, serial, &device)).await.unwrap();
    let with = |code: &str| json!({"SerialNumber": serial, "TokenCode": code});
    let session = sts(&cloud, "GetSessionToken", with(&code)).await;
    assert!(caller_of(&cloud, &session).session.unwrap().mfa_authenticated_at.is_some());
    // A code is good once.
    for (input, message) in [
        (with(&code), "MultiFactorAuthentication failed with invalid MFA one time pass code. "),
        (
            json!({"SerialNumber": serial}),
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.",
        ),
        (
            json!({"SerialNumber": "arn:aws:iam::000000000000:mfa/other", "TokenCode": "123456"}),
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial \
             number is valid and associated with this user.",
        ),
    ] {
        let error = refused(&cloud, "GetSessionToken", input).await;
        assert_eq!((error.code(), error.status(), error.message()), ("AccessDenied", 403, message));
    }
}

#[tokio::test]
async fn tokens_are_as_long_as_asked() {
    let cloud = cloud();
    let plain = sts(&cloud, "GetSessionToken", json!({})).await;
    assert!(plain.get("SessionTokenSize").is_none());
    let long = sts(&cloud, "GetSessionToken", json!({"MinimumSessionTokenSize": 4096})).await;
    assert_eq!(long["Credentials"]["SessionToken"].as_str().unwrap().len(), 4096);
    assert_eq!((&long["SessionTokenSize"], &long["SessionTokenUtilization"]), (&json!(4096), &json!(100)));
}

#[tokio::test]
async fn only_encoded_messages_are_decoded() {
    let cloud = cloud();
    let message = json!({"allowed": false, "explicitDeny": false});
    let encoded = cloud.cloud().encode_authorization_message("000000000000", &message).await.unwrap();
    let decoded = sts(&cloud, "DecodeAuthorizationMessage", json!({"EncodedMessage": encoded})).await;
    assert_eq!(decoded["DecodedMessage"], message.to_string());
    for (cloud, text) in [(&cloud, "nothing"), (&cloud.account("111111111111"), encoded.as_str())] {
        let error = refused(cloud, "DecodeAuthorizationMessage", json!({"EncodedMessage": text})).await;
        assert_eq!((error.code(), error.status()), ("InvalidAuthorizationMessageException", 400));
    }
}
