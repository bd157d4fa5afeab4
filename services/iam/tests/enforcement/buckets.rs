//! Buckets: their policies, lists and owners.

use cloudtwin_core::{CloudConfig, ConnectionInfo};
use cloudtwin_smithy::ByteStream;
use cloudtwin_testkit::TestCloud;
use http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{HOME, OTHER, allow, cloud, denied, done, permit, policy, refused, user, with};

async fn bucket(owner: &TestCloud, name: &str, document: &str) {
    done(owner, "s3", "CreateBucket", json!({"Bucket": name})).await;
    let keys = [("k", ""), ("secret", "level=high")];
    for (key, tags) in keys {
        let object = json!({"Bucket": name, "Key": key, "Body": {"$blob": key}, "Tagging": tags});
        done(owner, "s3", "PutObject", object).await;
    }
    if !document.is_empty() {
        open_blocks(owner, name).await;
        done(owner, "s3", "PutBucketPolicy", json!({"Bucket": name, "Policy": document})).await;
    }
}

async fn open_blocks(owner: &TestCloud, name: &str) {
    done(owner, "s3", "DeletePublicAccessBlock", json!({"Bucket": name})).await;
}

fn object(bucket: &str, key: &str) -> Value {
    json!({"Bucket": bucket, "Key": key})
}

/// Asks without a signature: status and body.
async fn visit(
    cloud: &TestCloud,
    method: Method,
    path: &str,
    peer: &str,
    headers: &[(&str, &str)],
) -> (u16, String) {
    let mut request =
        Request::builder().method(method).uri(path).header("host", "s3.localhost.localstack.cloud:4566");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(ByteStream::from(String::new())).unwrap();
    let peer = format!("{peer}:50000").parse().unwrap();
    request.extensions_mut().insert(ConnectionInfo {
        peer,
        local_port: 4566,
        tls: false,
        port_service: None,
    });
    let response = cloud.cloud().handle(request).await;
    let (head, body) = response.into_parts();
    let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_there_for_anybody() {
    let root = cloud();
    let nobody = user(&root, "nobody", "").await;
    for (operation, input) in [
        ("GetObject", object("absent", "k")),
        ("PutObject", object("absent", "k")),
        ("DeleteObject", object("absent", "k")),
        ("ListObjectsV2", json!({"Bucket": "absent"})),
        ("GetBucketPolicy", json!({"Bucket": "absent"})),
    ] {
        let error = refused(&nobody, "s3", operation, input).await;
        assert_eq!((error.code(), error.status()), ("NoSuchBucket", 404), "{operation}");
    }
    denied(&nobody, "s3", "CreateBucket", json!({"Bucket": "absent"})).await;
    denied(&nobody, "s3", "ListBuckets", json!({})).await;
    let (status, body) = visit(&root, Method::GET, "/absent/k", "127.0.0.1", &[]).await;
    assert_eq!(status, 404);
    assert!(body.contains("<Code>NoSuchBucket</Code>"), "{body}");
}

#[tokio::test]
async fn who_may_not_list_does_not_learn_which_keys_are_missing() {
    let root = cloud();
    bucket(&root, "b-1", "").await;
    let ann = user(&root, "ann", &allow("s3:GetObject*", "*")).await;
    done(&ann, "s3", "GetObject", object("b-1", "k")).await;
    for operation in ["GetObject", "HeadObject"] {
        let message = denied(&ann, "s3", operation, object("b-1", "absent")).await;
        assert_eq!(
            message,
            "User: arn:aws:iam::000000000000:user/ann is not authorized to perform: s3:ListBucket on resource: \
             \"arn:aws:s3:::b-1\" because no identity-based policy allows the s3:ListBucket action"
        );
    }
    permit(&root, "ann", &allow("s3:*", "*")).await;
    assert_eq!(refused(&ann, "s3", "GetObject", object("b-1", "absent")).await.code(), "NoSuchKey");
}

#[tokio::test]
async fn other_accounts_need_the_bucket_policy_and_their_own() {
    let root = cloud();
    let other = root.account(OTHER);
    let shared = policy(&json!([
        {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": ["s3:GetObject", "s3:ListBucket"],
         "Resource": ["arn:aws:s3:::b-1", "arn:aws:s3:::b-1/*"]},
    ]));
    bucket(&root, "b-1", "").await;
    let ann = user(&other, "ann", &allow("s3:*", "*")).await;
    let ben = user(&other, "ben", "").await;
    assert_eq!(denied(&ann, "s3", "GetObject", object("b-1", "k")).await, "Access Denied");
    done(&root, "s3", "PutBucketPolicy", json!({"Bucket": "b-1", "Policy": shared})).await;
    done(&ann, "s3", "GetObject", object("b-1", "k")).await;
    done(&other, "s3", "GetObject", object("b-1", "k")).await;
    denied(&ben, "s3", "GetObject", object("b-1", "k")).await;
    denied(&ann, "s3", "PutObject", object("b-1", "new")).await;
    // An account's bucket is no less its own for having been made by a user of it.
    done(&ann, "s3", "CreateBucket", json!({"Bucket": "theirs"})).await;
    done(&ann, "s3", "PutObject", object("theirs", "k")).await;
    assert_eq!(denied(&root, "s3", "GetObject", object("theirs", "k")).await, "Access Denied");
    done(&other, "s3", "GetObject", object("theirs", "k")).await;
    // Copies need both ends.
    let copy = |source: &str| json!({"Bucket": "theirs", "Key": "copy", "CopySource": source});
    done(&ann, "s3", "CopyObject", copy("b-1/k")).await;
    done(&root, "s3", "DeleteBucketPolicy", json!({"Bucket": "b-1"})).await;
    denied(&ann, "s3", "CopyObject", copy("b-1/k")).await;
}

#[tokio::test]
async fn the_bucket_policy_can_let_in_and_shut_out_users_of_its_account() {
    let root = cloud();
    let ann = user(&root, "ann", "").await;
    let ben = user(&root, "ben", &allow("s3:*", "*")).await;
    let document = policy(&json!([
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{HOME}:user/ann")},
         "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*"},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*",
         "Condition": {"StringEquals": {"s3:ExistingObjectTag/level": "high"}}},
        {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b-1/*",
         "Condition": {"StringLike": {"s3:x-amz-acl": "public-*"}}},
    ]));
    bucket(&root, "b-1", &document).await;
    done(&ann, "s3", "GetObject", object("b-1", "k")).await;
    for caller in [&ann, &ben, &root] {
        let message = denied(caller, "s3", "GetObject", object("b-1", "secret")).await;
        assert!(message.ends_with("with an explicit deny in a resource-based policy"), "{message}");
    }
    let public = json!({"Bucket": "b-1", "Key": "p", "ACL": "public-read"});
    denied(&ben, "s3", "PutObject", public).await;
    done(&ben, "s3", "PutObject", object("b-1", "p")).await;
}

#[tokio::test]
async fn an_owner_that_has_shut_itself_out_changes_the_policy() {
    let root = cloud();
    let deny = policy(&json!({
        "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b-1", "arn:aws:s3:::b-1/*"]
    }));
    bucket(&root, "b-1", &deny).await;
    let ann = user(&root, "ann", &allow("s3:*", "*")).await;
    denied(&root, "s3", "GetObject", object("b-1", "k")).await;
    denied(&ann, "s3", "DeleteBucketPolicy", json!({"Bucket": "b-1"})).await;
    done(&root, "s3", "DeleteBucketPolicy", json!({"Bucket": "b-1"})).await;
    done(&root, "s3", "GetObject", object("b-1", "k")).await;
}

#[tokio::test]
async fn a_user_may_be_confined_to_a_prefix() {
    let root = cloud();
    bucket(&root, "b-1", "").await;
    let home = policy(&json!([
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b-1",
         "Condition": {"StringLike": {"s3:prefix": ["${aws:username}/*"]}}},
        {"Effect": "Allow", "Action": "s3:*Object", "Resource": "arn:aws:s3:::b-1/${aws:username}/*"},
    ]));
    let ann = user(&root, "ann", &home).await;
    done(&ann, "s3", "PutObject", object("b-1", "ann/x")).await;
    denied(&ann, "s3", "PutObject", object("b-1", "ben/x")).await;
    done(&ann, "s3", "ListObjectsV2", json!({"Bucket": "b-1", "Prefix": "ann/"})).await;
    denied(&ann, "s3", "ListObjectsV2", json!({"Bucket": "b-1"})).await;
    denied(&ann, "s3", "ListObjectsV2", json!({"Bucket": "b-1", "Prefix": "ben/"})).await;
}

#[tokio::test]
async fn visitors_see_what_is_public_and_nothing_else() {
    let root = cloud();
    let public = policy(&json!({
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::open/*"
    }));
    bucket(&root, "open", &public).await;
    bucket(&root, "closed", "").await;
    assert_eq!(visit(&root, Method::GET, "/open/k", "127.0.0.1", &[]).await, (200, "k".to_owned()));
    let (status, body) = visit(&root, Method::GET, "/closed/k", "127.0.0.1", &[]).await;
    assert_eq!(status, 403);
    assert!(body.contains("<Code>AccessDenied</Code><Message>Access Denied</Message>"), "{body}");
    // Nothing is said where there is no body to say it in.
    assert_eq!(visit(&root, Method::HEAD, "/closed/k", "127.0.0.1", &[]).await, (403, String::new()));
    assert_eq!(visit(&root, Method::GET, "/open/absent", "127.0.0.1", &[]).await.0, 403);
    assert_eq!(visit(&root, Method::PUT, "/open/new", "127.0.0.1", &[]).await.0, 403);

    open_blocks(&root, "closed").await;
    let ownership = json!({"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]});
    let ownership = json!({"Bucket": "closed", "OwnershipControls": ownership});
    done(&root, "s3", "PutBucketOwnershipControls", ownership).await;
    let acl = json!({"Bucket": "closed", "Key": "k", "ACL": "public-read"});
    done(&root, "s3", "PutObjectAcl", acl).await;
    assert_eq!(visit(&root, Method::GET, "/closed/k", "127.0.0.1", &[]).await, (200, "k".to_owned()));
    // What everybody may see, a user without policies of the same account may see too.
    let nobody = user(&root, "nobody", "").await;
    done(&nobody, "s3", "GetObject", object("closed", "k")).await;
    denied(&nobody, "s3", "GetObject", object("closed", "secret")).await;
}

#[tokio::test]
async fn the_clients_address_is_told_by_proxies_that_are_trusted() {
    let config = CloudConfig { trusted_proxies: "10.0.0.0/8".parse().unwrap(), ..CloudConfig::default() };
    let root = with(config);
    let office = policy(&json!({
        "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*",
        "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    }));
    bucket(&root, "b-1", &office).await;
    for (peer, forwarded, status) in [
        ("192.0.2.7", "", 200),
        ("198.51.100.1", "", 403),
        ("198.51.100.1", "192.0.2.7", 403),
        ("10.1.1.1", "192.0.2.7", 200),
        ("10.1.1.1", "192.0.2.7, 198.51.100.1", 403),
        ("10.1.1.1", "198.51.100.1, 192.0.2.7, 10.2.2.2", 200),
    ] {
        let headers = [("x-forwarded-for", forwarded)];
        let headers = if forwarded.is_empty() { &[][..] } else { &headers };
        let (found, body) = visit(&root, Method::GET, "/b-1/k", peer, headers).await;
        assert_eq!(found, status, "{peer} {forwarded}: {body}");
    }
}

#[tokio::test]
async fn plain_http_is_secure_unless_it_is_said_not_to_be() {
    for (plain_http_is_secure, status) in [(true, 200), (false, 403)] {
        let root = with(CloudConfig { plain_http_is_secure, ..CloudConfig::default() });
        let only_tls = policy(&json!([
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*"},
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b-1/*",
             "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        ]));
        bucket(&root, "b-1", &only_tls).await;
        assert_eq!(visit(&root, Method::GET, "/b-1/k", "127.0.0.1", &[]).await.0, status);
    }
}

#[tokio::test]
async fn a_form_that_nobody_signed_uploads_nothing() {
    let root = cloud();
    let public = policy(&json!({
        "Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::open/in/*"
    }));
    bucket(&root, "open", &public).await;
    let form = |key: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--b--\r\n"
        )
    };
    for (key, status) in [("in/x", 204), ("x", 403)] {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/open")
            .header("host", "s3.localhost.localstack.cloud:4566")
            .header("content-type", "multipart/form-data; boundary=b")
            .body(ByteStream::from(form(key)))
            .unwrap();
        assert_eq!(root.cloud().handle(request).await.status().as_u16(), status, "{key}");
    }
}

#[tokio::test]
async fn a_bucket_policy_names_nobody_who_does_not_exist() {
    let root = cloud();
    bucket(&root, "b-1", "").await;
    let document = policy(&json!({
        "Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{HOME}:user/absent")},
        "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b-1/*"
    }));
    let error = refused(&root, "s3", "PutBucketPolicy", json!({"Bucket": "b-1", "Policy": document})).await;
    assert_eq!((error.code(), error.message()), ("MalformedPolicy", "Invalid principal in policy"));
}
