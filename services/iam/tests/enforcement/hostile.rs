//! Policies that are made to be a burden.

use std::fmt::Write as _;

use serde_json::json;

use crate::support::{allow, cloud, denied, done, refused, user};

#[tokio::test]
async fn policies_that_are_too_deep_or_too_long_are_refused() {
    let root = cloud();
    user(&root, "ann", "").await;
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let deep_inside = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{deep}}}}}"#
    );
    let long = allow("s3:*", &format!("arn:aws:s3:::{}", "x".repeat(120_000)));
    let mut many = String::from(r#"{"Version":"2012-10-17","Statement":["#);
    for index in 0..10_000 {
        let _ = write!(many, r#"{{"Sid":"s{index}","Effect":"Allow","Action":"s3:*","Resource":"*"}},"#);
    }
    many.push_str(r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#);
    for document in [deep, deep_inside, long, many] {
        let input = json!({"UserName": "ann", "PolicyName": "p", "PolicyDocument": document});
        let error = refused(&root, "iam", "PutUserPolicy", input).await;
        assert!(error.status() < 500, "{error}");
        let input = json!({"PolicyName": "p", "PolicyDocument": document});
        assert!(refused(&root, "iam", "CreatePolicy", input).await.status() < 500);
        let input = json!({"RoleArn": "arn:aws:iam::000000000000:role/x", "RoleSessionName": "job", "Policy": document});
        assert!(refused(&root, "sts", "AssumeRole", input).await.status() < 500);
    }
}

#[tokio::test]
async fn patterns_that_are_made_to_be_slow_are_not() {
    let root = cloud();
    // All that fits: twenty patterns, none of which fits the key.
    let patterns: Vec<String> =
        (0..20).map(|index| format!("arn:aws:s3:::b-1/{}{index}", "*a?*a".repeat(12))).collect();
    let statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": patterns});
    let document = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    let ann = user(&root, "ann", &document).await;
    done(&root, "s3", "CreateBucket", json!({"Bucket": "b-1"})).await;
    let key = "a".repeat(1_000);
    for _ in 0..50 {
        denied(&ann, "s3", "GetObject", json!({"Bucket": "b-1", "Key": key})).await;
    }
}
