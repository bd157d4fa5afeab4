//! Sessions of users: what they may not do.

use serde_json::json;

use crate::support::{allow, cloud, denied, done, refused, user, with_key};

#[tokio::test]
async fn a_session_token_does_what_its_user_may_but_not_iam() {
    let root = cloud();
    let ann = user(&root, "ann", &allow("*", "*")).await;
    let token = done(&ann, "sts", "GetSessionToken", json!({})).await;
    let session = with_key(&ann, &token["Credentials"]);
    done(&session, "s3", "ListBuckets", json!({})).await;
    let error = refused(&session, "iam", "ListUsers", json!({})).await;
    assert_eq!(
        (error.code(), error.status(), error.message()),
        ("InvalidClientTokenId", 403, "The security token included in the request is invalid")
    );
    done(&session, "sts", "GetCallerIdentity", json!({})).await;
    let message = denied(&session, "sts", "GetSessionToken", json!({})).await;
    assert_eq!(message, "Cannot call GetSessionToken with session credentials");
}

#[tokio::test]
async fn a_federated_user_needs_a_session_policy() {
    let root = cloud();
    let broker = user(&root, "broker", &allow("*", "*")).await;
    let bare = done(&broker, "sts", "GetFederationToken", json!({"Name": "guest"})).await;
    let bare = with_key(&broker, &bare["Credentials"]);
    denied(&bare, "s3", "ListBuckets", json!({})).await;
    let asked = json!({"Name": "guest", "Policy": allow("s3:ListAllMyBuckets", "*")});
    let guest = done(&broker, "sts", "GetFederationToken", asked).await;
    let guest = with_key(&broker, &guest["Credentials"]);
    done(&guest, "s3", "ListBuckets", json!({})).await;
    let message = denied(&guest, "sqs", "ListQueues", json!({})).await;
    assert!(message.starts_with("User: arn:aws:sts::000000000000:federated-user/guest is not"), "{message}");
    assert_eq!(refused(&guest, "iam", "ListUsers", json!({})).await.code(), "InvalidClientTokenId");
    denied(
        &guest,
        "sts",
        "AssumeRole",
        crate::support::of_role("arn:aws:iam::000000000000:role/x", json!({})),
    )
    .await;
    // What the broker loses, its guests lose.
    done(&root, "iam", "DeleteUserPolicy", json!({"UserName": "broker", "PolicyName": "own"})).await;
    denied(&guest, "s3", "ListBuckets", json!({})).await;
}
