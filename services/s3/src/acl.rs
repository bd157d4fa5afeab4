//! Access control lists: canned ones, grants in headers, documents.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Document};
use md5::{Digest, Md5};

use crate::api::{
    AccessControlPolicy, GetBucketAclInput, GetBucketAclOutput, GetObjectAclInput, GetObjectAclOutput, Grant,
    Grantee, Owner, PutBucketAclInput, PutBucketAclOutput, PutObjectAclInput, PutObjectAclOutput, errors,
};
use crate::body::hex;
use crate::bucket_config::configs;
use crate::errors::{invalid_argument, invalid_request};
use crate::notification::events::{Event, Notifier};
use crate::state::{BUCKETS, Bucket};
use crate::versions;

pub(crate) const ALL_USERS: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
pub(crate) const AUTHENTICATED_USERS: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";
pub(crate) const LOG_DELIVERY: &str = "http://acs.amazonaws.com/groups/s3/LogDelivery";

/// The canonical user id of an account, which never changes.
pub(crate) fn owner_id(account: &str) -> String {
    if account == "000000000000" {
        // The id that emulators have always given to the default account.
        return "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a".to_owned();
    }
    let half = |salt: &str| hex(&Md5::digest(format!("{salt}{account}")));
    half("canonical user ") + &half("canonical id ")
}

fn owner(account: &str) -> Owner {
    Owner { id: Some(owner_id(account)), display_name: None }
}

/// The headers that grant access.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requested<'a> {
    pub(crate) canned: Option<&'a str>,
    /// Header, permission and value.
    pub(crate) grants: Vec<(&'static str, &'static str, &'a str)>,
}

/// The grant headers among an input's members.
macro_rules! requested {
    ($input:expr) => {
        $crate::acl::Requested {
            canned: $input.acl.as_deref(),
            grants: [
                ("x-amz-grant-full-control", "FULL_CONTROL", $input.grant_full_control.as_deref()),
                ("x-amz-grant-read", "READ", $input.grant_read.as_deref()),
                ("x-amz-grant-read-acp", "READ_ACP", $input.grant_read_acp.as_deref()),
                ("x-amz-grant-write-acp", "WRITE_ACP", $input.grant_write_acp.as_deref()),
            ]
            .into_iter()
            .filter_map(|(header, permission, value)| Some((header, permission, value?)))
            .collect(),
        }
    };
    ($input:expr, write) => {{
        let mut requested = $crate::acl::requested!($input);
        requested
            .grants
            .extend($input.grant_write.as_deref().map(|value| ("x-amz-grant-write", "WRITE", value)));
        requested
    }};
}
pub(crate) use requested;

const CANNED: &[&str] = &[
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
    "log-delivery-write",
];

impl Requested<'_> {
    /// Whether there is no such header.
    pub(crate) fn is_empty(&self) -> bool {
        self.canned.is_none() && self.grants.is_empty()
    }

    /// What to store: `None` for the default, which gives the owner full control and nobody else
    /// anything. `bucket_owner` is who a grant to the bucket's owner means.
    ///
    /// # Errors
    /// `InvalidArgument`, `InvalidRequest`.
    pub(crate) fn resolve(
        &self,
        ctx: &Ctx,
        account: &str,
        bucket_owner: &str,
    ) -> Result<Option<Document>, AwsError> {
        if self.canned.is_some() && !self.grants.is_empty() {
            return Err(invalid_request("Specifying both Canned ACLs and Header Grants is not allowed"));
        }
        let grants = match self.canned {
            Some(canned) if !CANNED.contains(&canned) => {
                return Err(invalid_argument("", "x-amz-acl", canned));
            }
            Some("private") => return Ok(None),
            Some(canned) => canned_grants(canned, account, bucket_owner),
            None if self.grants.is_empty() => return Ok(None),
            None => {
                let mut grants = Vec::new();
                for (header, permission, value) in &self.grants {
                    for grantee in value.split(',') {
                        grants.push(grant(header_grantee(header, grantee.trim())?, permission));
                    }
                }
                grants
            }
        };
        let policy = AccessControlPolicy { grants: Some(grants), owner: Some(owner(account)) };
        configs::document(ctx, &policy).map(Some)
    }

    /// The list of a new object. A bucket that enforces its owner's control takes none but those
    /// which change nothing.
    ///
    /// # Errors
    /// `AccessControlListNotSupported`, and as [`Requested::resolve`].
    pub(crate) fn for_object(&self, ctx: &Ctx, bucket: &Bucket) -> Result<Option<Document>, AwsError> {
        let harmless = self.grants.is_empty()
            && matches!(self.canned, None | Some("private" | "bucket-owner-full-control"));
        if is_enforced(bucket) && !harmless {
            return Err(not_supported());
        }
        self.resolve(ctx, ctx.account(), &bucket.account)
    }
}

fn is_enforced(bucket: &Bucket) -> bool {
    bucket.ownership.as_deref() == Some("BucketOwnerEnforced")
}

fn not_supported() -> AwsError {
    errors::ACCESS_CONTROL_LIST_NOT_SUPPORTED.with("The bucket does not allow ACLs")
}

fn grant(grantee: Grantee, permission: &str) -> Grant {
    Grant { grantee: Some(grantee), permission: Some(permission.to_owned()) }
}

fn user(account: &str) -> Grantee {
    Grantee { r#type: "CanonicalUser".to_owned(), id: Some(owner_id(account)), ..Grantee::default() }
}

fn group(uri: &str) -> Grantee {
    Grantee { r#type: "Group".to_owned(), uri: Some(uri.to_owned()), ..Grantee::default() }
}

fn canned_grants(canned: &str, account: &str, bucket_owner: &str) -> Vec<Grant> {
    let mut grants = vec![grant(user(account), "FULL_CONTROL")];
    match canned {
        "public-read" => grants.push(grant(group(ALL_USERS), "READ")),
        "public-read-write" => {
            grants.push(grant(group(ALL_USERS), "READ"));
            grants.push(grant(group(ALL_USERS), "WRITE"));
        }
        "authenticated-read" => grants.push(grant(group(AUTHENTICATED_USERS), "READ")),
        "bucket-owner-read" if bucket_owner != account => grants.push(grant(user(bucket_owner), "READ")),
        "bucket-owner-full-control" if bucket_owner != account => {
            grants.push(grant(user(bucket_owner), "FULL_CONTROL"));
        }
        "log-delivery-write" => {
            grants.push(grant(group(LOG_DELIVERY), "WRITE"));
            grants.push(grant(group(LOG_DELIVERY), "READ_ACP"));
        }
        _ => {}
    }
    grants
}

/// `id="…"` or `uri="…"` in a header.
fn header_grantee(header: &str, text: &str) -> Result<Grantee, AwsError> {
    let malformed = || invalid_argument("Argument format not recognized", header, text);
    let (kind, value) = text.split_once('=').ok_or_else(malformed)?;
    let value = value.trim().trim_matches('"');
    match kind.trim() {
        "id" => {
            check_id(value)?;
            Ok(Grantee {
                r#type: "CanonicalUser".to_owned(),
                id: Some(value.to_owned()),
                ..Grantee::default()
            })
        }
        "uri" => {
            check_uri(value)?;
            Ok(group(value))
        }
        "emailAddress" => Ok(Grantee {
            r#type: "AmazonCustomerByEmail".to_owned(),
            email_address: Some(value.to_owned()),
            ..Grantee::default()
        }),
        _ => Err(malformed()),
    }
}

fn check_id(id: &str) -> Result<(), AwsError> {
    if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(invalid_argument("Invalid id", "id", id))
}

fn check_uri(uri: &str) -> Result<(), AwsError> {
    if [ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY].contains(&uri) {
        return Ok(());
    }
    Err(invalid_argument("Invalid group uri", "uri", uri))
}

/// Checks the document of an access control list.
fn check_document(policy: &AccessControlPolicy) -> Result<(), AwsError> {
    let malformed = || {
        errors::MALFORMED_ACL_ERROR
            .with("The XML you provided was not well-formed or did not validate against our published schema")
    };
    let (Some(owner), Some(grants)) = (&policy.owner, &policy.grants) else { return Err(malformed()) };
    let id = owner.id.as_deref().ok_or_else(malformed)?;
    check_id(id)?;
    for Grant { grantee, permission } in grants {
        let known = ["FULL_CONTROL", "WRITE", "WRITE_ACP", "READ", "READ_ACP"];
        if !permission.as_deref().is_some_and(|permission| known.contains(&permission)) {
            return Err(malformed());
        }
        let grantee = grantee.as_ref().ok_or_else(malformed)?;
        match grantee.r#type.as_str() {
            "CanonicalUser" => check_id(grantee.id.as_deref().unwrap_or_default())?,
            "Group" => check_uri(grantee.uri.as_deref().unwrap_or_default())?,
            "AmazonCustomerByEmail" => {}
            _ => return Err(malformed()),
        }
    }
    Ok(())
}

/// What a request to replace a list says; `None` for the default list.
fn replacement(
    ctx: &Ctx,
    requested: &Requested<'_>,
    policy: Option<&AccessControlPolicy>,
    account: &str,
    bucket: &Bucket,
) -> Result<Option<Document>, AwsError> {
    let document = match policy {
        None if requested.is_empty() => {
            return Err(errors::MISSING_SECURITY_HEADER
                .with("Your request was missing a required header")
                .field("MissingHeaderName", "x-amz-acl"));
        }
        None => requested.resolve(ctx, account, &bucket.account)?,
        Some(_) if !requested.is_empty() => {
            return Err(errors::UNEXPECTED_CONTENT.with("This request does not support content"));
        }
        Some(policy) => {
            check_document(policy)?;
            Some(configs::document(ctx, policy)?)
        }
    };
    let private = matches!(requested.canned, Some("private" | "bucket-owner-full-control"));
    if is_enforced(bucket) && !private {
        return Err(not_supported());
    }
    Ok(document)
}

/// The list that is stored, or the default one.
fn stored(ctx: &Ctx, acl: Option<&Document>, account: &str) -> Result<AccessControlPolicy, AwsError> {
    match acl {
        Some(document) => configs::shape(ctx, document),
        None => Ok(AccessControlPolicy {
            grants: Some(vec![grant(user(account), "FULL_CONTROL")]),
            owner: Some(owner(account)),
        }),
    }
}

/// `PutBucketAcl`
pub(crate) async fn put_bucket_acl(
    ctx: Ctx,
    input: PutBucketAclInput,
) -> Result<PutBucketAclOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let requested = requested!(input, write);
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, owner)?;
            let account = bucket.account.clone();
            bucket.acl =
                replacement(&ctx, &requested, input.access_control_policy.as_ref(), &account, &bucket)?;
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            Ok(PutBucketAclOutput::default())
        })
        .await
}

/// `GetBucketAcl`
pub(crate) async fn get_bucket_acl(
    ctx: Ctx,
    input: GetBucketAclInput,
) -> Result<GetBucketAclOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = ctx.db().read(|tx| versions::bucket(tx, &input.bucket, owner))?;
    let AccessControlPolicy { grants, owner } = stored(&ctx, bucket.acl.as_ref(), &bucket.account)?;
    Ok(GetBucketAclOutput { owner, grants })
}

/// `PutObjectAcl`
pub(crate) async fn put_object_acl(
    ctx: Ctx,
    input: PutObjectAclInput,
) -> Result<PutObjectAclOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let requested = requested!(input, write);
    let notifier = Notifier::prepare(&ctx, &input.bucket, &input.key)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, owner)?;
            let (place, mut object) =
                versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "PUT")?;
            let account = bucket.account.clone();
            object.acl =
                replacement(&ctx, &requested, input.access_control_policy.as_ref(), &account, &bucket)?;
            versions::update(tx, &bucket.name, &input.key, place, &object)?;
            notifier.emit(tx, Event::AclPut, &object)?;
            Ok(PutObjectAclOutput::default())
        })
        .await
}

/// `GetObjectAcl`
pub(crate) async fn get_object_acl(
    ctx: Ctx,
    input: GetObjectAclInput,
) -> Result<GetObjectAclOutput, AwsError> {
    let (bucket, object) = ctx.db().read::<_, AwsError, _>(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let (_, object) = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
        Ok((bucket, object))
    })?;
    let AccessControlPolicy { grants, owner } = stored(&ctx, object.acl.as_ref(), &bucket.account)?;
    Ok(GetObjectAclOutput { owner, grants, request_charged: None })
}
