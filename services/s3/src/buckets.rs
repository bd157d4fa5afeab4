//! Buckets.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};

use crate::acl;
use crate::api::{
    Bucket as BucketShape, CreateBucketInput, CreateBucketOutput, DeleteBucketInput, DeleteBucketOutput,
    GetBucketLocationInput, GetBucketLocationOutput, HeadBucketInput, HeadBucketOutput, ListBucketsInput,
    ListBucketsOutput, Owner, Tagging, errors,
};
use crate::bucket_config::configs::{self, Kind};
use crate::bucket_config::public_access;
use crate::errors::{invalid_argument, invalid_argument_name};
use crate::state::{BUCKETS, Bucket, Encryption, OBJECTS, UPLOADS, Versioning};
use crate::tagging::{self, Tagged};
use crate::versions;

const US_EAST_1: &str = "us-east-1";

/// The most buckets that one answer lists.
const MAX_LISTED: i32 = 10_000;

/// Regions that buckets can be in.
const REGIONS: &[&str] = &[
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// Checks a name by the rules for general purpose buckets.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn is_valid_name(name: &str) -> bool {
    let labels_are_numbers = || {
        let mut labels = name.split('.');
        labels.clone().count() == 4
            && labels.all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()))
    };
    (3..=63).contains(&name.len())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        && name.split('.').all(|label| !label.is_empty())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !labels_are_numbers()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| name.ends_with(suffix))
}

/// The region of a new bucket. A request outside of us-east-1 that names no location, which AWS
/// refuses, means the region it is sent to: scripts that were written for emulators rely on it.
fn region_of(request_region: &str, constraint: Option<&str>) -> Result<String, AwsError> {
    let incompatible = |constraint: &str| {
        errors::ILLEGAL_LOCATION_CONSTRAINT_EXCEPTION.with(format!(
            "The {constraint} location constraint is incompatible for the region specific endpoint this request was sent to."
        ))
    };
    let Some(constraint) = constraint else { return Ok(request_region.to_owned()) };
    if request_region == US_EAST_1 || request_region == "aws-global" {
        return match constraint {
            "EU" => Ok("eu-west-1".to_owned()),
            region if region != US_EAST_1 && REGIONS.contains(&region) => Ok(region.to_owned()),
            _ => Err(errors::INVALID_LOCATION_CONSTRAINT
                .with("The specified location-constraint is not valid")
                .field("LocationConstraint", constraint)),
        };
    }
    if constraint == request_region || (constraint == "EU" && request_region == "eu-west-1") {
        return Ok(request_region.to_owned());
    }
    Err(incompatible(constraint))
}

/// `CreateBucket`
pub(crate) async fn create_bucket(
    ctx: Ctx,
    input: CreateBucketInput,
) -> Result<CreateBucketOutput, AwsError> {
    if !is_valid_name(&input.bucket) {
        return Err(errors::INVALID_BUCKET_NAME
            .with("The specified bucket is not valid.")
            .field("BucketName", input.bucket));
    }
    let ownership = input.object_ownership.as_deref().unwrap_or("BucketOwnerEnforced");
    if !matches!(ownership, "BucketOwnerEnforced" | "BucketOwnerPreferred" | "ObjectWriter") {
        return Err(invalid_argument_name(
            &format!("Invalid x-amz-object-ownership header: {ownership}"),
            "x-amz-object-ownership",
        ));
    }
    let grants = acl::requested!(input, write);
    let is_public = !grants.is_empty() && grants.canned != Some("private");
    if is_public && ownership == "BucketOwnerEnforced" {
        return Err(errors::INVALID_BUCKET_ACL_WITH_OBJECT_OWNERSHIP
            .with("Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"));
    }
    let configuration = input.create_bucket_configuration.as_ref();
    let constraint = configuration.and_then(|configuration| configuration.location_constraint.as_deref());
    let region = region_of(ctx.region(), constraint)?;
    let tags = configuration.and_then(|configuration| configuration.tags.clone()).unwrap_or_default();
    tagging::check(&tags, Tagged::NewBucket)?;
    let tags = match tags.is_empty() {
        true => None,
        false => Some(configs::document(&ctx, &Tagging { tag_set: tags })?),
    };
    let block = configs::document(&ctx, &public_access::default())?;
    let object_lock = input.object_lock_enabled_for_bucket == Some(true);
    let account = ctx.account();
    let bucket = Bucket {
        name: input.bucket.clone(),
        account: account.to_owned(),
        region: region.clone(),
        created: Timestamp::from_seconds(ctx.now().seconds),
        versioning: if object_lock { Versioning::Enabled } else { Versioning::Never },
        mfa_delete: None,
        object_lock,
        default_retention: None,
        encryption: Encryption::default(),
        encryption_configured: false,
        ownership: Some(ownership.to_owned()),
        notifies: false,
        has_lifecycle: false,
        acl: grants.resolve(&ctx, account, account)?,
    };
    let is_us_east_1 = ctx.region() == US_EAST_1;
    ctx.db()
        .write(|tx| {
            if let Some(existing) = tx.get(&BUCKETS, input.bucket.as_str())? {
                if existing.account != account {
                    return Err(errors::BUCKET_ALREADY_EXISTS
                        .with("The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.")
                        .field("BucketName", input.bucket.as_str()));
                }
                // Only us-east-1 takes it as a repetition, and only without anything to change.
                if is_us_east_1 && existing.region == US_EAST_1 && tags.is_none() {
                    return Ok(());
                }
                return Err(errors::BUCKET_ALREADY_OWNED_BY_YOU
                    .with("Your previous request to create the named bucket succeeded and you already own it.")
                    .field("BucketName", input.bucket.as_str()));
            }
            tx.put(&BUCKETS, input.bucket.as_str(), &bucket)?;
            configs::put(tx, &bucket, Kind::PublicAccessBlock, "", &block)?;
            if let Some(tags) = &tags {
                configs::put(tx, &bucket, Kind::Tagging, "", tags)?;
            }
            Ok(())
        })
        .await?;
    let location =
        if region == US_EAST_1 { format!("/{}", input.bucket) } else { object_url(&ctx, &input.bucket, "") };
    Ok(CreateBucketOutput { location: Some(location), bucket_arn: Some(bucket.arn()) })
}

/// `http://bucket.s3.host/key`, as answers name the place of something.
pub(crate) fn object_url(ctx: &Ctx, bucket: &str, key: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    let base = ctx.base_url();
    let (scheme, host) = base.split_once("://").unwrap_or(("http", &base));
    let host = host.strip_prefix(&format!("{bucket}.")).unwrap_or(host);
    let host = host.strip_prefix("s3.").unwrap_or(host);
    format!("{scheme}://{bucket}.s3.{host}/{}", utf8_percent_encode(key, ENCODED))
}

/// `DeleteBucket`
pub(crate) async fn delete_bucket(
    ctx: Ctx,
    input: DeleteBucketInput,
) -> Result<DeleteBucketOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            // A key that has any version has a current one.
            if tx.prefix(&OBJECTS, (bucket.name.as_str(),))?.next_entry().is_some() {
                let message = match bucket.versioning {
                    Versioning::Never => "The bucket you tried to delete is not empty",
                    _ => "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
                };
                return Err(errors::BUCKET_NOT_EMPTY.with(message).field("BucketName", bucket.name));
            }
            configs::delete_all(tx, &bucket.name)?;
            let uploads: Vec<_> =
                tx.prefix(&UPLOADS, (bucket.name.as_str(),))?.keys().collect::<Result<_, _>>()?;
            for (_, key, upload_id) in uploads {
                crate::multipart::forget(tx, &bucket.name, &key, &upload_id)?;
            }
            tx.delete(&BUCKETS, bucket.name.as_str())?;
            Ok(DeleteBucketOutput::default())
        })
        .await
}

/// `HeadBucket`
pub(crate) async fn head_bucket(ctx: Ctx, input: HeadBucketInput) -> Result<HeadBucketOutput, AwsError> {
    ctx.db().read(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        ctx.add_header(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/xml"));
        Ok(HeadBucketOutput {
            bucket_arn: Some(bucket.arn()),
            bucket_region: Some(bucket.region),
            access_point_alias: Some(false),
            ..HeadBucketOutput::default()
        })
    })
}

/// `GetBucketLocation`
pub(crate) async fn get_bucket_location(
    ctx: Ctx,
    input: GetBucketLocationInput,
) -> Result<GetBucketLocationOutput, AwsError> {
    ctx.db().read(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let constraint = Some(bucket.region).filter(|region| region != US_EAST_1);
        Ok(GetBucketLocationOutput { location_constraint: constraint })
    })
}

/// `ListBuckets`
pub(crate) async fn list_buckets(ctx: Ctx, input: ListBucketsInput) -> Result<ListBucketsOutput, AwsError> {
    if let Some(region) = input.bucket_region.as_deref()
        && !REGIONS.contains(&region)
    {
        return Err(invalid_argument_name(
            &format!("Argument value {region} is not a valid AWS Region"),
            "bucket-region",
        ));
    }
    if input.max_buckets.is_some_and(|max| !(1..=MAX_LISTED).contains(&max)) {
        let value = input.max_buckets.unwrap_or_default().to_string();
        return Err(invalid_argument(
            "Argument max-buckets must be an integer between 1 and 10000",
            "max-buckets",
            &value,
        ));
    }
    let after = match input.continuation_token.as_deref() {
        None | Some("") => None,
        Some(token) => Some(crate::listing::token::decode(token).ok_or_else(|| {
            invalid_argument_name("The continuation token provided is incorrect", "continuation-token")
        })?),
    };
    let limit = usize::try_from(input.max_buckets.unwrap_or(MAX_LISTED)).unwrap_or_default();
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let mut found = ctx.db().read::<_, AwsError, _>(|tx| {
        let mut buckets = Vec::new();
        for row in tx.index_scan(&BUCKETS, "by_account", ctx.account())? {
            let (name, bucket) = row?;
            let is_wanted = name.starts_with(prefix)
                && after.as_ref().is_none_or(|after| name > *after)
                && input.bucket_region.as_ref().is_none_or(|region| *region == bucket.region);
            if is_wanted {
                buckets.push(bucket);
            }
            if buckets.len() > limit {
                break;
            }
        }
        Ok(buckets)
    })?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|bucket| crate::listing::token::encode(&bucket.name));
    // Regions and ARNs are shown to those who page.
    let paged = input.max_buckets.is_some()
        || input.continuation_token.is_some()
        || input.prefix.is_some()
        || input.bucket_region.is_some();
    let buckets = found.into_iter().map(|bucket| BucketShape {
        bucket_arn: Some(bucket.arn()),
        name: Some(bucket.name),
        creation_date: Some(bucket.created),
        bucket_region: Some(bucket.region).filter(|_| paged),
    });
    Ok(ListBucketsOutput {
        owner: Some(Owner { id: Some(acl::owner_id(ctx.account())), display_name: None }),
        buckets: Some(buckets.collect()),
        continuation_token: next,
        prefix: input.prefix,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for good in ["abc", "my.bucket-1", "1234", "a.b.c", "xn-a"] {
            assert!(is_valid_name(good), "{good}");
        }
        for bad in
            ["ab", "Abc", "a_b", "-ab", "ab-", "a..b", ".ab", "192.168.5.4", "xn--a", "a-s3alias", "x y"]
        {
            assert!(!is_valid_name(bad), "{bad}");
        }
        assert!(is_valid_name(&"a".repeat(63)) && !is_valid_name(&"a".repeat(64)));
    }

    #[test]
    fn a_location_must_suit_the_endpoint() {
        assert_eq!(region_of("us-east-1", None).unwrap(), "us-east-1");
        assert_eq!(region_of("eu-central-1", None).unwrap(), "eu-central-1");
        assert_eq!(region_of("us-east-1", Some("eu-central-1")).unwrap(), "eu-central-1");
        assert_eq!(region_of("eu-west-1", Some("EU")).unwrap(), "eu-west-1");
        let code = |region, constraint| region_of(region, Some(constraint)).unwrap_err().code().to_owned();
        assert_eq!(code("us-east-1", "us-east-1"), "InvalidLocationConstraint");
        assert_eq!(code("us-east-1", "foo"), "InvalidLocationConstraint");
        assert_eq!(code("eu-west-1", "bar"), "IllegalLocationConstraintException");
    }
}
