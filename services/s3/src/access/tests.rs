use cloudtwin_core::Caller;
use cloudtwin_testkit::TestCloud;
use serde_json::json;

use super::*;

const OWNER: &str = "000000000000";
const FRIEND: &str = "111122223333";

/// A bucket `b` with the object `k`, whose lists count and are not blocked.
async fn open_cloud() -> TestCloud {
    let cloud = TestCloud::start(vec![crate::service()]).unwrap();
    cloud.call("s3", "CreateBucket", json!({"Bucket": "b-1"})).await.unwrap();
    cloud.call("s3", "DeletePublicAccessBlock", json!({"Bucket": "b-1"})).await.unwrap();
    cloud.call("s3", "DeleteBucketOwnershipControls", json!({"Bucket": "b-1"})).await.unwrap();
    let object = json!({"Bucket": "b-1", "Key": "k", "Body": {"$blob": "x"}, "Tagging": "team=blue"});
    cloud.call("s3", "PutObject", object).await.unwrap();
    cloud
}

fn ask(cloud: &TestCloud, caller: &Caller, action: &str, arn: &str) -> Facts {
    let facts = cloud.cloud().db().scoped("", "").read(|tx| facts(tx, arn, action, None, caller));
    facts.unwrap().unwrap()
}

fn granted(cloud: &TestCloud, caller: &Caller, action: &str) -> Option<&'static str> {
    let arn = if action.contains("Object") { "arn:aws:s3:::b-1/k" } else { "arn:aws:s3:::b-1" };
    ask(cloud, caller, action, arn).granted
}

#[test]
fn arns_name_buckets_and_objects() {
    assert_eq!(addressed("arn:aws:s3:::b"), Some(("b", None)));
    assert_eq!(addressed("arn:aws:s3:::b/a:b/c"), Some(("b", Some("a:b/c"))));
    assert_eq!(addressed("arn:aws-cn:s3:::b/"), Some(("b", Some(""))));
    for other in ["*", "arn:aws:sqs:::b", "arn:aws:s3:us-east-1:111122223333:accesspoint/a", ""] {
        assert_eq!(addressed(other), None, "{other}");
    }
}

#[tokio::test]
async fn a_private_bucket_grants_nothing_beside_its_policy() {
    let cloud = open_cloud().await;
    let nobody = Caller::anonymous(OWNER);
    for caller in [&nobody, &Caller::root(FRIEND), &Caller::root(OWNER)] {
        for action in ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"] {
            assert_eq!(granted(&cloud, caller, action), None);
        }
    }
    let facts = ask(&cloud, &nobody, "s3:GetObject", "arn:aws:s3:::b-1/k");
    assert_eq!(facts.account, OWNER);
    assert_eq!(facts.bucket_arn, "arn:aws:s3:::b-1");
    assert_eq!(facts.policy, None);
    cloud
        .cloud()
        .db()
        .scoped("", "")
        .read::<_, AwsError, _>(|tx| {
            assert_eq!(super::facts(tx, "arn:aws:s3:::none", "s3:ListBucket", None, &nobody)?, None);
            assert_eq!(
                object_tags(tx, "arn:aws:s3:::b-1/k", None)?,
                [("team".to_owned(), "blue".to_owned())]
            );
            assert_eq!(object_tags(tx, "arn:aws:s3:::b-1/none", None)?, []);
            assert_eq!(object_tags(tx, "arn:aws:s3:::b-1", None)?, []);
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn public_lists_let_everybody_in_until_they_are_ignored() {
    let cloud = open_cloud().await;
    let nobody = Caller::anonymous(OWNER);
    let acl = json!({"Bucket": "b-1", "ACL": "public-read-write"});
    cloud.call("s3", "PutBucketAcl", acl).await.unwrap();
    assert_eq!(granted(&cloud, &nobody, "s3:ListBucket"), Some("bucket"));
    assert_eq!(granted(&cloud, &nobody, "s3:PutObject"), Some("bucket"));
    // The object has a list of its own, and is not nobody's to delete.
    for action in ["s3:GetObject", "s3:DeleteObject", "s3:GetBucketAcl", "s3:PutBucketPolicy"] {
        assert_eq!(granted(&cloud, &nobody, action), None, "{action}");
    }
    let acl = json!({"Bucket": "b-1", "Key": "k", "ACL": "authenticated-read"});
    cloud.call("s3", "PutObjectAcl", acl).await.unwrap();
    assert_eq!(granted(&cloud, &nobody, "s3:GetObject"), None);
    assert_eq!(granted(&cloud, &Caller::root(FRIEND), "s3:GetObject"), Some("object"));
    assert_eq!(granted(&cloud, &Caller::root(FRIEND), "s3:GetObjectAcl"), None);

    let block = json!({"Bucket": "b-1", "PublicAccessBlockConfiguration": {"IgnorePublicAcls": true}});
    cloud.call("s3", "PutPublicAccessBlock", block).await.unwrap();
    assert_eq!(granted(&cloud, &nobody, "s3:ListBucket"), None);
    assert_eq!(granted(&cloud, &Caller::root(FRIEND), "s3:GetObject"), None);
}

#[tokio::test]
async fn an_account_that_is_named_gets_what_is_granted() {
    let cloud = open_cloud().await;
    let friend = Caller::root(FRIEND);
    let grant = json!({"Bucket": "b-1", "GrantFullControl": format!("id={}", acl::owner_id(FRIEND))});
    cloud.call("s3", "PutBucketAcl", grant).await.unwrap();
    for action in ["s3:ListBucket", "s3:PutObject", "s3:GetBucketAcl", "s3:PutBucketAcl"] {
        assert_eq!(granted(&cloud, &friend, action), Some("bucket"), "{action}");
        assert_eq!(granted(&cloud, &Caller::root("444455556666"), action), None, "{action}");
        assert_eq!(granted(&cloud, &Caller::anonymous(OWNER), action), None, "{action}");
    }
    let enforced = json!({"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]});
    let enforced = json!({"Bucket": "b-1", "OwnershipControls": enforced});
    cloud.call("s3", "PutBucketOwnershipControls", enforced).await.unwrap();
    assert_eq!(granted(&cloud, &friend, "s3:ListBucket"), None);
}

#[tokio::test]
async fn a_restricted_bucket_keeps_its_public_policy_from_others() {
    let cloud = open_cloud().await;
    let statement =
        json!({"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b-1/*"});
    let policy = json!({"Statement": [statement]}).to_string();
    cloud.call("s3", "PutBucketPolicy", json!({"Bucket": "b-1", "Policy": policy})).await.unwrap();
    let acl = json!({"Bucket": "b-1", "ACL": "public-read"});
    cloud.call("s3", "PutBucketAcl", acl).await.unwrap();
    let seen = |caller: &Caller| ask(&cloud, caller, "s3:ListBucket", "arn:aws:s3:::b-1");
    let strangers = [Caller::anonymous(OWNER), Caller::root(FRIEND)];
    for stranger in &strangers {
        assert_eq!(seen(stranger).policy.as_ref(), Some(&policy));
    }
    let block = json!({"Bucket": "b-1", "PublicAccessBlockConfiguration": {"RestrictPublicBuckets": true}});
    cloud.call("s3", "PutPublicAccessBlock", block).await.unwrap();
    for stranger in &strangers {
        let facts = seen(stranger);
        assert_eq!((facts.policy, facts.granted), (None, None));
    }
    assert_eq!(seen(&Caller::root(OWNER)).policy.as_ref(), Some(&policy));
}
