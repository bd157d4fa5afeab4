//! What enforcement leaves of calls that concern several things.

#![cfg(test)]

use cloudtwin_core::authorize::Enforcement;
use cloudtwin_testkit::TestCloud;
use serde_json::json;

#[tokio::test]
async fn keys_that_may_not_be_deleted_stay_and_the_others_go() {
    let cloud = TestCloud::start(vec![cloudtwin_s3::service()]).unwrap();
    cloud.call("s3", "CreateBucket", json!({"Bucket": "b-1"})).await.unwrap();
    for key in ["draft", "kept/contract"] {
        cloud.call("s3", "PutObject", json!({"Bucket": "b-1", "Key": key})).await.unwrap();
    }
    let statement = json!({
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject*",
        "Resource": "arn:aws:s3:::b-1/kept/*",
    });
    let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    cloud.call("s3", "PutBucketPolicy", json!({"Bucket": "b-1", "Policy": policy})).await.unwrap();
    cloud.cloud().set_enforcement(Enforcement::Enforced);

    let objects = json!([{"Key": "draft"}, {"Key": "kept/contract"}, {"Key": "never-there"}]);
    let delete = json!({"Bucket": "b-1", "Delete": {"Objects": objects}});
    let answer = cloud.call("s3", "DeleteObjects", delete).await.unwrap();
    assert_eq!(answer["Deleted"], json!([{"Key": "draft"}, {"Key": "never-there"}]));
    let errors = answer["Errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!((&errors[0]["Key"], &errors[0]["Code"]), (&json!("kept/contract"), &json!("AccessDenied")));
    let message = errors[0]["Message"].as_str().unwrap();
    assert!(message.ends_with("with an explicit deny in a resource-based policy"), "{message}");

    let left = cloud.call("s3", "ListObjectsV2", json!({"Bucket": "b-1"})).await.unwrap();
    assert_eq!(left["Contents"].as_array().unwrap().len(), 1);
    assert_eq!(left["Contents"][0]["Key"], "kept/contract");
}
