//! What users do with S3, through the pipeline.

#![cfg(test)]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudtwin_core::{Caller, Cloud, CloudConfig};
use cloudtwin_smithy::Document;
use cloudtwin_store::Db;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

fn cloud() -> TestCloud {
    TestCloud::start(vec![cloudtwin_s3::service()]).unwrap()
}

async fn ok(cloud: &TestCloud, operation: &str, input: Value) -> Value {
    match cloud.call("s3", operation, input).await {
        Ok(output) => output,
        Err(error) => panic!("{operation}: {error}"),
    }
}

async fn refusal(cloud: &TestCloud, operation: &str, input: Value) -> (String, u16) {
    let error = cloud.call("s3", operation, input).await.unwrap_err();
    (error.code().to_owned(), error.status())
}

async fn put(cloud: &TestCloud, key: &str, body: &str) -> Value {
    ok(cloud, "PutObject", json!({"Bucket": "b-1", "Key": key, "Body": {"$blob": body}})).await
}

async fn body(cloud: &TestCloud, input: Value) -> String {
    let output = ok(cloud, "GetObject", input).await;
    String::from_utf8(BASE64_STANDARD.decode(output["Body"].as_str().unwrap_or_default()).unwrap()).unwrap()
}

async fn with_bucket() -> TestCloud {
    let cloud = cloud();
    ok(&cloud, "CreateBucket", json!({"Bucket": "b-1"})).await;
    cloud
}

fn keys(listing: &Value) -> Vec<&str> {
    listing["Contents"]
        .as_array()
        .map_or(Vec::new(), |list| list.iter().filter_map(|object| object["Key"].as_str()).collect())
}

#[tokio::test]
async fn a_call_by_name_carries_large_objects() {
    let cloud = with_bucket().await;
    let large: String = (0..1 << 17).map(|number| format!("{number:08}")).collect();
    put(&cloud, "large", &large).await;
    assert_eq!(body(&cloud, json!({"Bucket": "b-1", "Key": "large"})).await, large);
    let range = json!({"Bucket": "b-1", "Key": "large", "Range": "bytes=8-800007"});
    assert_eq!(body(&cloud, range).await, large[8..800_008]);
}

#[tokio::test]
async fn an_object_too_large_for_a_call_by_name_is_not_cut_off() {
    let config = CloudConfig { max_body: 100_000, ..CloudConfig::default() };
    let cloud = Cloud::start(Db::ephemeral().unwrap(), config, vec![cloudtwin_s3::service()]);
    let call = async |operation: &str, size: Option<usize>| {
        let mut input = vec![("Bucket".to_owned(), "b-1".into())];
        if operation != "CreateBucket" {
            input.push(("Key".to_owned(), "large".into()));
        }
        input.extend(size.map(|size| ("Body".to_owned(), Document::Blob(vec![0; size].into()))));
        let input: Document = input.into_iter().collect();
        cloud.call_by_name("s3", operation, &input, Caller::root("000000000000"), "us-east-1").await
    };
    call("CreateBucket", None).await.unwrap();
    call("PutObject", Some(100_000)).await.unwrap();
    assert!(call("GetObject", None).await.is_ok());
    call("PutObject", Some(100_001)).await.unwrap();
    let error = call("GetObject", None).await.unwrap_err();
    assert_eq!((error.code(), error.status()), ("RequestEntityTooLargeException", 413));
    assert_eq!(
        error.message(),
        "`Body` is longer than the 100000 bytes that a call between services can carry."
    );
    cloud.stop();
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_stored() {
    let cloud = with_bucket().await;
    let stored = ok(
        &cloud,
        "PutObject",
        json!({"Bucket": "b-1", "Key": "../a//b ü/", "Body": {"$blob": "hello"}, "Metadata": {"Color": "blue"},
               "ContentType": "text/plain", "ContentEncoding": "aws-chunked,gzip", "Tagging": "a=1&b=2"}),
    )
    .await;
    assert_eq!(stored["ETag"], "\"5d41402abc4b2a76b9719d911017c592\"");
    assert_eq!(stored["ServerSideEncryption"], "AES256");
    assert_eq!(stored["ChecksumType"], "FULL_OBJECT");
    assert!(stored["ChecksumCRC64NVME"].is_string());
    let got =
        ok(&cloud, "GetObject", json!({"Bucket": "b-1", "Key": "../a//b ü/", "ChecksumMode": "ENABLED"}))
            .await;
    assert_eq!(got["ContentType"], "text/plain");
    assert_eq!(got["ContentEncoding"], "gzip");
    assert_eq!(got["Metadata"], json!({"color": "blue"}));
    assert_eq!(got["TagCount"], 2);
    assert_eq!(got["ChecksumCRC64NVME"], stored["ChecksumCRC64NVME"]);
    assert_eq!(got["ContentLength"], 5);
    let key = json!({"Bucket": "b-1", "Key": "../a//b ü/"});
    assert_eq!(body(&cloud, key).await, "hello");
}

#[tokio::test]
async fn bucket_names_belong_to_whoever_took_them_first() {
    let cloud = with_bucket().await;
    ok(&cloud, "CreateBucket", json!({"Bucket": "b-1"})).await;
    let other = cloud.account("111111111111");
    assert_eq!(refusal(&other, "CreateBucket", json!({"Bucket": "b-1"})).await.0, "BucketAlreadyExists");
    let elsewhere = cloud.region("eu-central-1");
    assert_eq!(
        refusal(&elsewhere, "CreateBucket", json!({"Bucket": "b-1"})).await,
        ("BucketAlreadyOwnedByYou".to_owned(), 409)
    );
    ok(&elsewhere, "CreateBucket", json!({"Bucket": "b-2"})).await;
    let location = ok(&cloud, "GetBucketLocation", json!({"Bucket": "b-2"})).await;
    assert_eq!(location["LocationConstraint"], "eu-central-1");
    let listed = ok(&cloud, "ListBuckets", json!({"MaxBuckets": 1})).await;
    assert_eq!(listed["Buckets"][0]["Name"], "b-1");
    let next = ok(&cloud, "ListBuckets", json!({"ContinuationToken": listed["ContinuationToken"]})).await;
    assert_eq!(next["Buckets"][0]["Name"], "b-2");
    assert!(ok(&other, "ListBuckets", json!({})).await["Buckets"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn listings_roll_up_and_go_on_where_they_ended() {
    let cloud = with_bucket().await;
    for key in ["a/1", "a/2", "b", "c/1", "c/d/2", "e"] {
        put(&cloud, key, "").await;
    }
    let mut seen = Vec::new();
    let mut token = Value::Null;
    loop {
        let mut input = json!({"Bucket": "b-1", "Delimiter": "/", "MaxKeys": 1});
        if !token.is_null() {
            input["ContinuationToken"] = token;
        }
        let page = ok(&cloud, "ListObjectsV2", input).await;
        assert_eq!(page["KeyCount"], 1);
        seen.extend(keys(&page).into_iter().map(str::to_owned));
        if let Some(prefix) = page["CommonPrefixes"][0]["Prefix"].as_str() {
            seen.push(prefix.to_owned());
        }
        if page["IsTruncated"] == json!(false) {
            break;
        }
        token = page["NextContinuationToken"].clone();
    }
    assert_eq!(seen, ["a/", "b", "c/", "e"]);
    let none = ok(&cloud, "ListObjectsV2", json!({"Bucket": "b-1", "MaxKeys": 0})).await;
    assert_eq!((keys(&none), &none["IsTruncated"]), (vec![], &json!(false)));
    let after = ok(&cloud, "ListObjects", json!({"Bucket": "b-1", "Marker": "b", "Prefix": "c/"})).await;
    assert_eq!(keys(&after), ["c/1", "c/d/2"]);
    assert_eq!(
        refusal(&cloud, "ListObjectsV2", json!({"Bucket": "b-1", "ContinuationToken": "x"})).await.0,
        "InvalidArgument"
    );
}

#[tokio::test]
async fn versions_come_and_go() {
    let cloud = with_bucket().await;
    let versioning = |status: &str| json!({"Bucket": "b-1", "VersioningConfiguration": {"Status": status}});
    put(&cloud, "k", "null version").await;
    ok(&cloud, "PutBucketVersioning", versioning("Enabled")).await;
    let one = put(&cloud, "k", "one").await["VersionId"].clone();
    let two = put(&cloud, "k", "two").await["VersionId"].clone();
    let key = json!({"Bucket": "b-1", "Key": "k"});
    let at = |id: &Value| json!({"Bucket": "b-1", "Key": "k", "VersionId": id});
    assert_eq!(body(&cloud, at(&json!("null"))).await, "null version");
    assert_eq!(body(&cloud, at(&one)).await, "one");
    let deleted = ok(&cloud, "DeleteObject", key.clone()).await;
    assert_eq!(deleted["DeleteMarker"], true);
    assert_eq!(refusal(&cloud, "GetObject", key.clone()).await, ("NoSuchKey".to_owned(), 404));
    assert_eq!(
        refusal(&cloud, "GetObject", at(&deleted["VersionId"])).await,
        ("MethodNotAllowed".to_owned(), 405)
    );
    let listed = ok(&cloud, "ListObjectVersions", json!({"Bucket": "b-1"})).await;
    let ids: Vec<&Value> =
        listed["Versions"].as_array().unwrap().iter().map(|version| &version["VersionId"]).collect();
    assert_eq!(ids, [&two, &one, &json!("null")]);
    assert_eq!(listed["DeleteMarkers"][0]["IsLatest"], true);
    let page = json!({"Bucket": "b-1", "KeyMarker": "k", "VersionIdMarker": two, "MaxKeys": 1});
    let page = ok(&cloud, "ListObjectVersions", page).await;
    assert_eq!(page["Versions"][0]["VersionId"], one);
    ok(&cloud, "DeleteObject", at(&deleted["VersionId"])).await;
    assert_eq!(body(&cloud, key.clone()).await, "two");

    ok(&cloud, "PutBucketVersioning", versioning("Suspended")).await;
    assert!(put(&cloud, "k", "new null").await["VersionId"].is_null());
    assert_eq!(body(&cloud, at(&json!("null"))).await, "new null");
    let listed = ok(&cloud, "ListObjectVersions", json!({"Bucket": "b-1"})).await;
    assert_eq!(listed["Versions"].as_array().unwrap().len(), 3, "one null version only");
    ok(&cloud, "DeleteObject", at(&json!("null"))).await;
    assert_eq!(body(&cloud, key).await, "two");
    assert_eq!(refusal(&cloud, "DeleteBucket", json!({"Bucket": "b-1"})).await.0, "BucketNotEmpty");
    for id in [one, two] {
        ok(&cloud, "DeleteObject", at(&id)).await;
    }
    ok(&cloud, "DeleteBucket", json!({"Bucket": "b-1"})).await;
}

#[tokio::test]
async fn small_parts_are_refused_and_ranges_can_be_copied() {
    let cloud = with_bucket().await;
    put(&cloud, "source", "0123456789").await;
    let upload = ok(&cloud, "CreateMultipartUpload", json!({"Bucket": "b-1", "Key": "m"})).await;
    let mut parts = Vec::new();
    for (number, range) in [(1, "bytes=0-4"), (2, "bytes=5-9")] {
        let part = json!({"Bucket": "b-1", "Key": "m", "UploadId": upload["UploadId"], "PartNumber": number,
                          "CopySource": "b-1/source", "CopySourceRange": range});
        let part = ok(&cloud, "UploadPartCopy", part).await;
        parts.push(json!({"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]}));
    }
    let listed =
        ok(&cloud, "ListParts", json!({"Bucket": "b-1", "Key": "m", "UploadId": upload["UploadId"]})).await;
    assert_eq!(listed["Parts"][1]["Size"], 5);
    let mut complete = json!({"Bucket": "b-1", "Key": "m", "UploadId": upload["UploadId"],
                              "MultipartUpload": {"Parts": parts}});
    assert_eq!(refusal(&cloud, "CompleteMultipartUpload", complete.clone()).await.0, "EntityTooSmall");
    complete["MultipartUpload"]["Parts"] = json!([parts[1]]);
    ok(&cloud, "CompleteMultipartUpload", complete).await;
    assert_eq!(body(&cloud, json!({"Bucket": "b-1", "Key": "m"})).await, "56789");
    let upload = ok(&cloud, "CreateMultipartUpload", json!({"Bucket": "b-1", "Key": "m"})).await;
    let abort = json!({"Bucket": "b-1", "Key": "m", "UploadId": upload["UploadId"]});
    ok(&cloud, "AbortMultipartUpload", abort.clone()).await;
    assert_eq!(refusal(&cloud, "AbortMultipartUpload", abort).await, ("NoSuchUpload".to_owned(), 404));
}

#[tokio::test]
async fn writes_can_depend_on_what_is_there() {
    let cloud = with_bucket().await;
    let new = json!({"Bucket": "b-1", "Key": "k", "Body": {"$blob": "x"}, "IfNoneMatch": "*"});
    let first = ok(&cloud, "PutObject", new.clone()).await;
    assert_eq!(refusal(&cloud, "PutObject", new).await, ("PreconditionFailed".to_owned(), 412));
    let same = json!({"Bucket": "b-1", "Key": "k", "Body": {"$blob": "y"}, "IfMatch": first["ETag"]});
    ok(&cloud, "PutObject", same.clone()).await;
    assert_eq!(refusal(&cloud, "PutObject", same).await.0, "PreconditionFailed");
    let bad = json!({"Bucket": "b-1", "Key": "k", "Body": {"$blob": "y"}, "ChecksumCRC32": "AAAAAA=="});
    assert_eq!(refusal(&cloud, "PutObject", bad).await, ("BadDigest".to_owned(), 400));
    let bad = json!({"Bucket": "b-1", "Key": "k", "Body": {"$blob": "y"}, "ContentMD5": "x"});
    assert_eq!(refusal(&cloud, "PutObject", bad).await, ("InvalidDigest".to_owned(), 400));
    let key = "k".repeat(1025);
    let long = json!({"Bucket": "b-1", "Key": key, "Body": {"$blob": "y"}});
    assert_eq!(refusal(&cloud, "PutObject", long).await, ("KeyTooLongError".to_owned(), 400));
}

#[tokio::test]
async fn deleting_many_keys_tells_what_became_of_each() {
    let cloud = with_bucket().await;
    put(&cloud, "a", "").await;
    let delete = json!({"Bucket": "b-1", "Delete": {"Objects": [
        {"Key": "a"}, {"Key": "none"}, {"Key": "a", "VersionId": "HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD"}]}});
    let result = ok(&cloud, "DeleteObjects", delete).await;
    assert_eq!(result["Deleted"], json!([{"Key": "a"}, {"Key": "none"}]));
    assert_eq!(result["Errors"][0]["Code"], "NoSuchVersion");
    let none = json!({"Bucket": "b-1", "Delete": {"Objects": []}});
    assert_eq!(refusal(&cloud, "DeleteObjects", none).await.0, "MalformedXML");
}

#[tokio::test]
async fn terraform_finds_every_configuration_of_a_new_bucket() {
    let cloud = with_bucket().await;
    let bucket = json!({"Bucket": "b-1"});
    for (operation, code) in [
        ("GetBucketPolicy", "NoSuchBucketPolicy"),
        ("GetBucketCors", "NoSuchCORSConfiguration"),
        ("GetBucketWebsite", "NoSuchWebsiteConfiguration"),
        ("GetBucketLifecycleConfiguration", "NoSuchLifecycleConfiguration"),
        ("GetBucketReplication", "ReplicationConfigurationNotFoundError"),
        ("GetObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"),
        ("GetBucketTagging", "NoSuchTagSet"),
    ] {
        assert_eq!(refusal(&cloud, operation, bucket.clone()).await, (code.to_owned(), 404), "{operation}");
    }
    for operation in [
        "GetBucketAcl",
        "GetBucketVersioning",
        "GetBucketAccelerateConfiguration",
        "GetBucketRequestPayment",
        "GetBucketLogging",
        "GetBucketEncryption",
        "GetPublicAccessBlock",
        "GetBucketOwnershipControls",
        "GetBucketNotificationConfiguration",
        "ListBucketMetricsConfigurations",
    ] {
        ok(&cloud, operation, bucket.clone()).await;
    }
    let rules =
        json!([{"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}}]);
    let lifecycle = json!({"Bucket": "b-1", "LifecycleConfiguration": {"Rules": rules}});
    ok(&cloud, "PutBucketLifecycleConfiguration", lifecycle).await;
    let got = ok(&cloud, "GetBucketLifecycleConfiguration", bucket.clone()).await;
    assert_eq!(got["Rules"], rules);
    assert_eq!(got["TransitionDefaultMinimumObjectSize"], "all_storage_classes_128K");
    assert!(put(&cloud, "k", "").await["Expiration"].as_str().unwrap().ends_with("rule-id=\"r\""));
    let website = json!({"Bucket": "b-1", "WebsiteConfiguration": {"IndexDocument": {"Suffix": "i.html"}}});
    ok(&cloud, "PutBucketWebsite", website).await;
    assert_eq!(ok(&cloud, "GetBucketWebsite", bucket).await["IndexDocument"]["Suffix"], "i.html");
}

#[tokio::test]
async fn locked_versions_stay() {
    let cloud = cloud();
    ok(&cloud, "CreateBucket", json!({"Bucket": "b-1", "ObjectLockEnabledForBucket": true})).await;
    let version = put(&cloud, "k", "x").await["VersionId"].clone();
    let hold = |status: &str| json!({"Bucket": "b-1", "Key": "k", "LegalHold": {"Status": status}});
    ok(&cloud, "PutObjectLegalHold", hold("ON")).await;
    let delete = json!({"Bucket": "b-1", "Key": "k", "VersionId": version});
    assert_eq!(refusal(&cloud, "DeleteObject", delete.clone()).await, ("AccessDenied".to_owned(), 403));
    ok(&cloud, "PutObjectLegalHold", hold("OFF")).await;
    ok(&cloud, "DeleteObject", delete).await;
}
