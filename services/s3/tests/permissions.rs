//! What calls of S3 require, resolved from real inputs.

#![cfg(test)]

use cloudtwin_core::authorize::{Access, CallFacts, KeyValue, required};
use cloudtwin_s3::api::*;
use cloudtwin_smithy::shape::Operation;

const CALL: CallFacts<'_> =
    CallFacts { partition: "aws", region: "eu-west-1", account: "111122223333", caller: None };

fn of<O: Operation>(_: O, input: &O::Input) -> Vec<Access> {
    required(O::schema().authorization, input, &CALL, &|_, _| None)
}

fn check(found: &[Access], expected: &[(&str, &str)]) {
    let found: Vec<(&str, &str)> =
        found.iter().map(|access| (access.action.as_ref(), access.resource.as_str())).collect();
    assert_eq!(found, expected);
}

fn key<'a>(access: &'a Access, name: &str) -> Option<&'a KeyValue> {
    access.keys.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[test]
fn copying_a_version_with_tags_reads_the_version_and_writes_the_tags() {
    let input = CopyObjectInput {
        bucket: "target".into(),
        key: "a/b.jpg".into(),
        copy_source: "/photos/my%20cat.jpg?versionId=v1".into(),
        tagging: Some("env=prod&owner=a%20b".into()),
        ..Default::default()
    };
    let found = of(CopyObject, &input);
    check(
        &found,
        &[
            ("s3:GetObjectVersion", "arn:aws:s3:::photos/my cat.jpg"),
            ("s3:PutObject", "arn:aws:s3:::target/a/b.jpg"),
            ("s3:PutObjectTagging", "arn:aws:s3:::target/a/b.jpg"),
        ],
    );
    assert_eq!(key(&found[0], "s3:VersionId"), Some(&KeyValue::from("v1")));
    for access in &found[1..] {
        assert_eq!(key(access, "s3:RequestObjectTag/owner"), Some(&KeyValue::from("a b")));
        assert_eq!(
            key(access, "s3:RequestObjectTagKeys"),
            Some(&KeyValue::Many(vec!["env".into(), "owner".into()]))
        );
    }
}

#[test]
fn copying_without_a_version_reads_the_object() {
    let input = CopyObjectInput {
        bucket: "target".into(),
        key: "b".into(),
        copy_source: "photos/a".into(),
        ..Default::default()
    };
    check(
        &of(CopyObject, &input),
        &[("s3:GetObject", "arn:aws:s3:::photos/a"), ("s3:PutObject", "arn:aws:s3:::target/b")],
    );
}

#[test]
fn a_version_asks_for_the_versions_action() {
    let mut input = GetObjectInput { bucket: "b".into(), key: "k".into(), ..Default::default() };
    check(&of(GetObject, &input), &[("s3:GetObject", "arn:aws:s3:::b/k")]);
    input.version_id = Some("v".into());
    let found = of(GetObject, &input);
    check(&found, &[("s3:GetObjectVersion", "arn:aws:s3:::b/k")]);
    assert_eq!(key(&found[0], "s3:VersionId"), Some(&KeyValue::from("v")));
}

#[test]
fn several_grant_headers_ask_for_one_permission() {
    let input = PutObjectInput {
        bucket: "b".into(),
        key: "k".into(),
        grant_read: Some("id=1".into()),
        grant_full_control: Some("id=2".into()),
        ..Default::default()
    };
    check(
        &of(PutObject, &input),
        &[("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:PutObjectAcl", "arn:aws:s3:::b/k")],
    );
}

#[test]
fn each_deleted_object_is_decided_by_itself() {
    let object = |key: &str, version: Option<&str>| ObjectIdentifier {
        key: key.into(),
        version_id: version.map(str::to_owned),
        ..Default::default()
    };
    let input = DeleteObjectsInput {
        bucket: "b".into(),
        delete: Delete {
            objects: vec![object("one", None), object("two", Some("v2")), object("three", None)],
            ..Default::default()
        },
        ..Default::default()
    };
    assert_eq!(DeleteObjects::schema().authorization.each, Some("Delete.Objects"));
    let found = of(DeleteObjects, &input);
    check(
        &found,
        &[
            ("s3:DeleteObject", "arn:aws:s3:::b/one"),
            ("s3:DeleteObject", "arn:aws:s3:::b/three"),
            ("s3:DeleteObjectVersion", "arn:aws:s3:::b/two"),
        ],
    );
    assert_eq!(found.iter().map(|access| access.element).collect::<Vec<_>>(), [Some(0), Some(2), Some(1)]);
    assert_eq!(key(&found[2], "s3:VersionId"), Some(&KeyValue::from("v2")));
}

#[test]
fn deleting_a_configuration_is_writing_it() {
    let bucket = || "b".to_owned();
    let arn = "arn:aws:s3:::b";
    let cors = DeleteBucketCorsInput { bucket: bucket(), ..Default::default() };
    check(&of(DeleteBucketCors, &cors), &[("s3:PutBucketCORS", arn)]);
    let tags = DeleteBucketTaggingInput { bucket: bucket(), ..Default::default() };
    check(&of(DeleteBucketTagging, &tags), &[("s3:PutBucketTagging", arn)]);
    let lifecycle = DeleteBucketLifecycleInput { bucket: bucket(), ..Default::default() };
    check(&of(DeleteBucketLifecycle, &lifecycle), &[("s3:PutLifecycleConfiguration", arn)]);
    let encryption = DeleteBucketEncryptionInput { bucket: bucket(), ..Default::default() };
    check(&of(DeleteBucketEncryption, &encryption), &[("s3:PutEncryptionConfiguration", arn)]);
    let policy = DeleteBucketPolicyInput { bucket: bucket(), ..Default::default() };
    check(&of(DeleteBucketPolicy, &policy), &[("s3:DeleteBucketPolicy", arn)]);
    let website = DeleteBucketWebsiteInput { bucket: bucket(), ..Default::default() };
    check(&of(DeleteBucketWebsite, &website), &[("s3:DeleteBucketWebsite", arn)]);
}

#[test]
fn listing_tells_its_parameters() {
    let input = ListObjectsV2Input {
        bucket: "b".into(),
        prefix: Some("home/bob/".into()),
        delimiter: Some("/".into()),
        max_keys: Some(10),
        ..Default::default()
    };
    let found = of(ListObjectsV2, &input);
    check(&found, &[("s3:ListBucket", "arn:aws:s3:::b")]);
    assert_eq!(key(&found[0], "s3:prefix"), Some(&KeyValue::from("home/bob/")));
    assert_eq!(key(&found[0], "s3:delimiter"), Some(&KeyValue::from("/")));
    assert_eq!(key(&found[0], "s3:max-keys"), Some(&KeyValue::from("10")));
}

#[test]
fn locked_buckets_ask_for_what_locking_needs() {
    let mut input = CreateBucketInput { bucket: "b".into(), ..Default::default() };
    input.object_lock_enabled_for_bucket = Some(false);
    check(&of(CreateBucket, &input), &[("s3:CreateBucket", "arn:aws:s3:::b")]);
    input.object_lock_enabled_for_bucket = Some(true);
    check(
        &of(CreateBucket, &input),
        &[
            ("s3:CreateBucket", "arn:aws:s3:::b"),
            ("s3:PutBucketObjectLockConfiguration", "arn:aws:s3:::b"),
            ("s3:PutBucketVersioning", "arn:aws:s3:::b"),
        ],
    );
}

#[test]
fn replication_passes_its_role() {
    let input = PutBucketReplicationInput {
        bucket: "b".into(),
        replication_configuration: ReplicationConfiguration {
            role: "arn:aws:iam::111122223333:role/replicate".into(),
            ..Default::default()
        },
        ..Default::default()
    };
    let found = of(PutBucketReplication, &input);
    check(
        &found,
        &[
            ("s3:PutReplicationConfiguration", "arn:aws:s3:::b"),
            ("iam:PassRole", "arn:aws:iam::111122223333:role/replicate"),
        ],
    );
    assert_eq!(key(&found[1], "iam:PassedToService"), Some(&KeyValue::from("s3.amazonaws.com")));
}
