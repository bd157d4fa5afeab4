//! `ListObjects` and `ListObjectsV2`.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::encoding::Encoding;
use super::token;
use super::walk::{Item, Page, Walk};
use crate::acl::owner_id;
use crate::api::{
    CommonPrefix, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
    Owner, RestoreStatus,
};
use crate::errors::{invalid_argument, invalid_argument_name};
use crate::state::ListedObject;
use crate::versions;

/// The most entries of a page.
pub(super) const MAX_KEYS: i32 = 1000;

/// How many entries a page has at most.
///
/// # Errors
/// `InvalidArgument` for a negative number.
pub(super) fn limit(max_keys: Option<i32>) -> Result<usize, AwsError> {
    let max_keys = max_keys.unwrap_or(MAX_KEYS);
    usize::try_from(max_keys.min(MAX_KEYS)).map_err(|_| {
        invalid_argument(
            "Argument maxKeys must be an integer between 0 and 2147483647",
            "maxKeys",
            &max_keys.to_string(),
        )
    })
}

/// A parameter that means nothing when it is empty.
pub(super) fn given(parameter: Option<&str>) -> Option<&str> {
    parameter.filter(|text| !text.is_empty())
}

fn object(key: &str, found: ListedObject, encoding: Encoding, owner: Option<&str>, restore: bool) -> Object {
    let algorithms = found.checksum.as_ref().map(|checksum| vec![checksum.algorithm.clone()]);
    Object {
        key: Some(encoding.write(key)),
        last_modified: Some(found.modified),
        e_tag: Some(format!("\"{}\"", found.etag)),
        checksum_algorithm: algorithms,
        checksum_type: found.checksum.as_ref().map(|checksum| checksum.kind().to_owned()),
        size: i64::try_from(found.size).ok(),
        storage_class: Some(found.storage_class),
        owner: owner.map(|id| Owner { id: Some(id.to_owned()), display_name: None }),
        restore_status: found.restored_until.filter(|_| restore).map(|until| RestoreStatus {
            is_restore_in_progress: Some(false),
            restore_expiry_date: Some(until),
        }),
    }
}

type Entries = (Option<Vec<Object>>, Option<Vec<CommonPrefix>>);

fn entries(page: Page, encoding: Encoding, owner: Option<&str>, restore: bool) -> Entries {
    let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
    for item in page.items {
        match item {
            Item::Object(key, found) => objects.push(object(&key, found, encoding, owner, restore)),
            Item::Prefix(prefix) => prefixes.push(CommonPrefix { prefix: Some(encoding.write(&prefix)) }),
        }
    }
    ((!objects.is_empty()).then_some(objects), (!prefixes.is_empty()).then_some(prefixes))
}

/// `ListObjects`
pub(crate) async fn list_objects(ctx: Ctx, input: ListObjectsInput) -> Result<ListObjectsOutput, AwsError> {
    let encoding = Encoding::of(input.encoding_type.as_deref())?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let marker = input.marker.as_deref().unwrap_or_default();
    let delimiter = given(input.delimiter.as_deref());
    let limit = limit(input.max_keys)?;
    let (bucket, page) = ctx.db().read::<_, AwsError, _>(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let walk = Walk { bucket: &input.bucket, prefix, delimiter, after: given(Some(marker)), limit };
        Ok((bucket, walk.objects(tx)?))
    })?;
    let next = page.last().filter(|_| page.truncated && delimiter.is_some()).map(|last| encoding.write(last));
    let truncated = page.truncated;
    let restore = input.optional_object_attributes.iter().flatten().any(|name| name == "RestoreStatus");
    let owner = owner_id(&bucket.account);
    let (contents, common_prefixes) = entries(page, encoding, Some(&owner), restore);
    Ok(ListObjectsOutput {
        prefix: Some(encoding.write(prefix)),
        marker: Some(encoding.write(marker)),
        next_marker: next,
        max_keys: Some(i32::try_from(limit).unwrap_or(MAX_KEYS)),
        delimiter: delimiter.map(|delimiter| encoding.write(delimiter)),
        is_truncated: Some(truncated),
        contents,
        common_prefixes,
        bucket_region: Some(bucket.region),
        name: Some(input.bucket),
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}

/// `ListObjectsV2`
pub(crate) async fn list_objects_v2(
    ctx: Ctx,
    input: ListObjectsV2Input,
) -> Result<ListObjectsV2Output, AwsError> {
    let encoding = Encoding::of(input.encoding_type.as_deref())?;
    let prefix = input.prefix.as_deref().unwrap_or_default();
    let delimiter = given(input.delimiter.as_deref());
    let limit = limit(input.max_keys)?;
    let incorrect =
        || invalid_argument_name("The continuation token provided is incorrect", "continuation-token");
    let last = match input.continuation_token.as_deref() {
        Some(found) => Some(token::decode(found).ok_or_else(incorrect)?),
        None => None,
    };
    let after = last.as_deref().or(given(input.start_after.as_deref()));
    let (bucket, page) = ctx.db().read::<_, AwsError, _>(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let walk = Walk { bucket: &input.bucket, prefix, delimiter, after, limit };
        Ok((bucket, walk.objects(tx)?))
    })?;
    let next = page.last().filter(|_| page.truncated).map(token::encode);
    let (truncated, count) = (page.truncated, page.items.len());
    let restore = input.optional_object_attributes.iter().flatten().any(|name| name == "RestoreStatus");
    let owner = (input.fetch_owner == Some(true)).then(|| owner_id(&bucket.account));
    let (contents, common_prefixes) = entries(page, encoding, owner.as_deref(), restore);
    let start_after = given(input.start_after.as_deref()).filter(|_| input.continuation_token.is_none());
    Ok(ListObjectsV2Output {
        prefix: Some(encoding.write(prefix)),
        start_after: start_after.map(|start| encoding.write(start)),
        next_continuation_token: next,
        key_count: i32::try_from(count).ok(),
        max_keys: Some(i32::try_from(limit).unwrap_or(MAX_KEYS)),
        delimiter: delimiter.map(|delimiter| encoding.write(delimiter)),
        is_truncated: Some(truncated),
        contents,
        common_prefixes,
        bucket_region: Some(bucket.region),
        name: Some(input.bucket),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        request_charged: None,
    })
}
