//! Who may use a bucket or an object, as far as these say so themselves: the owner, the bucket
//! policy, access control lists, what blocks public access, and the tags of objects.
//!
//! [How S3 authorizes a request](https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-s3-evaluates-access-control.html).
//! Tags of buckets are no condition keys: that is something a bucket has to be told
//! (`PutBucketAbac`, which is not served).

use cloudtwin_core::authorize::{KeyValue, ResourceAccess, ResourceQuery, Resources};
use cloudtwin_core::{Caller, Cloud, Principal};
use cloudtwin_policy::PolicyName;
use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::Document;
use cloudtwin_smithy::codec::document::DocumentReader;
use cloudtwin_smithy::shape::{DecodeReport, ReadShape};
use cloudtwin_store::ReadTx;
use serde_json::Value;

use crate::acl::{self, ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY};
use crate::api::{AccessControlPolicy, Grant, PublicAccessBlockConfiguration};
use crate::bucket_config::configs::{self, Kind};
use crate::public_policy::is_public;
use crate::state::{BUCKETS, Bucket};
use crate::versions;

/// The service that writes access logs.
const LOG_WRITER: &str = "logging.s3.amazonaws.com";

/// What the root of a bucket's owner may do whatever the bucket policy denies (S3 user guide, "Policy
/// actions for bucket policies").
const POLICY_ACTIONS: &[&str] = &["s3:DeleteBucketPolicy", "s3:GetBucketPolicy", "s3:PutBucketPolicy"];

/// The buckets and their objects.
pub(crate) struct Buckets;

impl Resources for Buckets {
    fn namespace(&self) -> &'static str {
        "s3"
    }

    fn access(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<ResourceAccess, AwsError> {
        let version_id = version_id(query.keys);
        let found = cloud
            .db()
            .scoped("", "")
            .read(|tx| facts(tx, query.arn, query.action, version_id, query.caller))?;
        let Some(Facts { account, bucket_arn, policy, granted }) = found else {
            // S3 looks for the bucket before it looks at permissions.
            let absent = addressed(query.arn).is_some() && query.action != "s3:CreateBucket";
            return Ok(ResourceAccess { absent, ..ResourceAccess::default() });
        };
        // No policy keeps the owner's root from changing it.
        let is_root = query.caller.principal == Principal::Root && query.caller.account == account;
        let policy = policy.filter(|_| !(is_root && POLICY_ACTIONS.contains(&query.action)));
        let name = PolicyName::Resource(bucket_arn);
        Ok(ResourceAccess {
            account: Some(account),
            policy: policy.map(|policy| cloud.compiled_policy(name, &policy)),
            granted: granted.map(|list| format!("the access control list of the {list}")),
            ..ResourceAccess::default()
        })
    }

    fn keys(&self, cloud: &Cloud, query: &ResourceQuery<'_>) -> Result<Vec<(String, KeyValue)>, AwsError> {
        let version_id = version_id(query.keys);
        let tags = cloud.db().scoped("", "").read(|tx| object_tags(tx, query.arn, version_id))?;
        Ok(tags
            .into_iter()
            .map(|(name, value)| (format!("s3:ExistingObjectTag/{name}"), value.into()))
            .collect())
    }
}

/// The version that a call names.
fn version_id(keys: &[(String, KeyValue)]) -> Option<&str> {
    keys.iter().find_map(|(name, value)| match value {
        KeyValue::One(id) if name.eq_ignore_ascii_case("s3:VersionId") => Some(id.as_ref()),
        _ => None,
    })
}

/// What a bucket says of who may use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Facts {
    /// The account that owns the bucket.
    account: String,
    /// ARN of the bucket, of which `policy` is the policy.
    bucket_arn: String,
    /// The bucket policy, unless the bucket keeps it from this caller (`RestrictPublicBuckets`).
    policy: Option<String>,
    /// The access control list that allows this action to this caller: `bucket` or `object`.
    granted: Option<&'static str>,
}

/// The bucket and the key in an ARN; `None` if it is not one of a bucket or an object.
fn addressed(arn: &str) -> Option<(&str, Option<&str>)> {
    let mut segments = arn.splitn(6, ':');
    let bucket = match (segments.next(), segments.nth(1), segments.next(), segments.next(), segments.next()) {
        (Some("arn"), Some("s3"), Some(""), Some(""), Some(bucket)) => bucket,
        _ => return None,
    };
    match bucket.split_once('/') {
        Some((bucket, key)) => Some((bucket, Some(key))),
        None => Some((bucket, None)),
    }
}

/// What the bucket of `arn` says of `action` by `caller`; `None` if there is no such bucket.
/// `version_id` is that of the object version that is meant, if one is named.
///
/// # Errors
/// What the store reports, or a row that cannot be read.
fn facts(
    tx: &ReadTx<'_>,
    arn: &str,
    action: &str,
    version_id: Option<&str>,
    caller: &Caller,
) -> Result<Option<Facts>, AwsError> {
    let Some((name, key)) = addressed(arn) else { return Ok(None) };
    let Some(bucket) = tx.get(&BUCKETS, name)? else { return Ok(None) };
    let blocks: PublicAccessBlockConfiguration = match configs::read(tx, name, Kind::PublicAccessBlock, "")? {
        Some(stored) => shape(&stored)?,
        None => PublicAccessBlockConfiguration::default(),
    };
    let policy = configs::read(tx, name, Kind::Policy, "")?;
    let mut policy = policy.as_ref().and_then(Document::as_str).map(str::to_owned);
    let mut facts = Facts { bucket_arn: bucket.arn(), account: bucket.account.clone(), ..Facts::default() };

    let stranger = match &caller.principal {
        Principal::Service { .. } => false,
        Principal::Anonymous => true,
        _ => caller.account != bucket.account,
    };
    if stranger && blocks.restrict_public_buckets == Some(true) && policy.as_deref().is_some_and(reads_public)
    {
        // Neither policy nor list lets anybody in from outside.
        policy = None;
    } else if bucket.ownership.as_deref() != Some("BucketOwnerEnforced") {
        let ignores_public = blocks.ignore_public_acls == Some(true);
        facts.granted = granted(tx, &bucket, key, action, version_id, caller, ignores_public)?;
    }
    facts.policy = policy;
    Ok(Some(facts))
}

/// The tags of the object version that is meant (`s3:ExistingObjectTag/…`), if there is one.
///
/// # Errors
/// What the store reports.
fn object_tags(
    tx: &ReadTx<'_>,
    arn: &str,
    version_id: Option<&str>,
) -> Result<Vec<(String, String)>, AwsError> {
    let Some((bucket, Some(key))) = addressed(arn) else { return Ok(Vec::new()) };
    Ok(versions::locate(tx, bucket, key, version_id)?.map(|(_, object)| object.tags).unwrap_or_default())
}

/// One that cannot be read is denied as it is compiled.
fn reads_public(policy: &str) -> bool {
    serde_json::from_str::<Value>(policy).is_ok_and(|policy| is_public(&policy))
}

fn shape<T: ReadShape>(stored: &Document) -> Result<T, AwsError> {
    let mut report = DecodeReport::default();
    T::read_shape(&mut DocumentReader::new(stored, &mut report))
        .map_err(|error| AwsError::new("InternalError", 500, error.message))
}

/// Whose list decides on an action, and which permission in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needed {
    Bucket(&'static str),
    Object(&'static str),
    /// `WRITE` of the bucket, and the object must be the caller's own.
    OwnObject(&'static str),
}

/// [Mapping of ACL permissions and access policy permissions](https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#acl-access-policy-permission-mapping);
/// `None` for what no list can grant.
fn needed(action: &str) -> Option<Needed> {
    Some(match action {
        "s3:ListBucket" | "s3:ListBucketVersions" | "s3:ListBucketMultipartUploads" => Needed::Bucket("READ"),
        "s3:PutObject" => Needed::Bucket("WRITE"),
        "s3:DeleteObject" => Needed::OwnObject("WRITE"),
        "s3:GetBucketAcl" => Needed::Bucket("READ_ACP"),
        "s3:PutBucketAcl" => Needed::Bucket("WRITE_ACP"),
        "s3:GetObject" | "s3:GetObjectVersion" | "s3:GetObjectTorrent" => Needed::Object("READ"),
        "s3:GetObjectAcl" | "s3:GetObjectVersionAcl" => Needed::Object("READ_ACP"),
        "s3:PutObjectAcl" | "s3:PutObjectVersionAcl" => Needed::Object("WRITE_ACP"),
        _ => return None,
    })
}

fn granted(
    tx: &ReadTx<'_>,
    bucket: &Bucket,
    key: Option<&str>,
    action: &str,
    version_id: Option<&str>,
    caller: &Caller,
    ignores_public: bool,
) -> Result<Option<&'static str>, AwsError> {
    let Some(needed) = needed(action) else { return Ok(None) };
    let list_of_object = || -> Result<Option<Document>, AwsError> {
        let Some(key) = key else { return Ok(None) };
        Ok(versions::locate(tx, &bucket.name, key, version_id)?.and_then(|(_, object)| object.acl))
    };
    let (list, permission, whose) = match needed {
        Needed::Bucket(permission) => (bucket.acl.clone(), permission, "bucket"),
        Needed::Object(permission) => (list_of_object()?, permission, "object"),
        Needed::OwnObject(permission) => {
            let owner = match list_of_object()? {
                Some(list) => shape::<AccessControlPolicy>(&list)?.owner.and_then(|owner| owner.id),
                None => None,
            };
            let own = caller.principal != Principal::Anonymous
                && owner.is_some_and(|owner| owner == acl::owner_id(&caller.account));
            (bucket.acl.clone().filter(|_| own), permission, "bucket")
        }
    };
    // Without a list, the owner has full control, which is not a matter of lists.
    let Some(list) = list else { return Ok(None) };
    let grants = shape::<AccessControlPolicy>(&list)?.grants.unwrap_or_default();
    let fits = |grant: &Grant| {
        let given = grant.permission.as_deref();
        (given == Some(permission) || given == Some("FULL_CONTROL"))
            && reaches(grant, caller, &bucket.account, ignores_public)
    };
    Ok(grants.iter().any(fits).then_some(whose))
}

/// Whether a grant is one for the caller. A grant to an account leaves it to that account which of
/// its users may use it; the bucket's own account has its policies for that.
fn reaches(grant: &Grant, caller: &Caller, bucket_account: &str, ignores_public: bool) -> bool {
    let Some(grantee) = &grant.grantee else { return false };
    match (grantee.r#type.as_str(), grantee.uri.as_deref(), &caller.principal) {
        ("Group", Some(ALL_USERS), _) => !ignores_public,
        ("Group", Some(AUTHENTICATED_USERS), principal) => {
            !ignores_public && *principal != Principal::Anonymous
        }
        ("Group", Some(LOG_DELIVERY), Principal::Service { name, .. }) => name == LOG_WRITER,
        ("CanonicalUser", _, principal) => {
            let signed = !matches!(principal, Principal::Anonymous | Principal::Service { .. });
            signed
                && caller.account != bucket_account
                && grantee.id.as_deref() == Some(acl::owner_id(&caller.account).as_str())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
