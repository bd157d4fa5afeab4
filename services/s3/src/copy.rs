//! Copies: new rows for the same bytes.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::ReadTx;

use crate::absent_objects;
use crate::acl;
use crate::api::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, errors};
use crate::body;
use crate::checksums::{self, show_checksum};
use crate::conditions::{ReadConditions, Validators, WriteConditions};
use crate::encryption::{CustomerHeaders, requested_encryption, show_encryption};
use crate::errors::{invalid_argument, invalid_request, no_such_key};
use crate::lifecycle::expiration;
use crate::metadata::{self, system_headers};
use crate::notification::events::{Event, Notifier};
use crate::object_lock::requested_lock;
use crate::objects::put::Write;
use crate::state::{Bucket, Content, StoredObject};
use crate::tagging;
use crate::versions::{self, Made, Place};

/// What `x-amz-copy-source` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version_id: Option<String>,
}

impl Source {
    /// Reads the header: `bucket/key?versionId=…`, URL-encoded, with or without a leading slash.
    ///
    /// # Errors
    /// `InvalidArgument`.
    pub(crate) fn parse(header: &str) -> Result<Self, AwsError> {
        let invalid =
            || invalid_argument("Invalid copy source object key", "x-amz-copy-source", "x-amz-copy-source");
        let (path, version_id) = match header.rsplit_once("?versionId=") {
            Some((path, version_id)) => (path, Some(version_id.to_owned())),
            None => (header, None),
        };
        // Some SDKs encode blanks as in forms.
        let path = path.replace('+', " ");
        let path = percent_encoding::percent_decode_str(&path).decode_utf8().map_err(|_| invalid())?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        let (bucket, key) = path.split_once('/').ok_or_else(invalid)?;
        if bucket.is_empty() || key.is_empty() {
            return Err(invalid());
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned(), version_id })
    }

    /// The version that is copied, with its bucket.
    ///
    /// # Errors
    /// `NoSuchBucket`, `NoSuchKey`, `NoSuchVersion`, `InvalidRequest` for a delete marker,
    /// `InvalidObjectState`; what the store reports.
    pub(crate) fn find(
        &self,
        tx: &ReadTx<'_>,
        expected_owner: Option<&str>,
    ) -> Result<(Bucket, Place, StoredObject), AwsError> {
        let bucket = versions::bucket(tx, &self.bucket, expected_owner)?;
        let version_id = self.version_id.as_deref();
        let found = versions::read(tx, &bucket, &self.key, version_id, "GET");
        let (place, object) = found.map_err(|error| match error.code() {
            "MethodNotAllowed" => invalid_request(
                "The source of a copy request may not specifically refer to a delete marker by version id.",
            ),
            "NoSuchKey" => no_such_key(&self.key),
            _ => error,
        })?;
        if object.is_archived() && object.restored_until.is_none() {
            return Err(errors::INVALID_OBJECT_STATE
                .with("Operation is not valid for the source object's storage class")
                .field("StorageClass", object.storage_class));
        }
        Ok((bucket, place, object))
    }
}

/// Conditions and key of a copy's source among an input's members.
macro_rules! source_conditions {
    ($input:expr) => {
        $crate::conditions::ReadConditions {
            if_match: $input.copy_source_if_match.as_deref(),
            if_none_match: $input.copy_source_if_none_match.as_deref(),
            if_modified_since: $input.copy_source_if_modified_since,
            if_unmodified_since: $input.copy_source_if_unmodified_since,
        }
    };
}
pub(crate) use source_conditions;

/// The customer's key of a copy's source among an input's members.
macro_rules! source_key {
    ($input:expr) => {
        $crate::encryption::CustomerHeaders {
            algorithm: $input.copy_source_sse_customer_algorithm.as_deref(),
            key: $input.copy_source_sse_customer_key.as_deref(),
            key_md5: $input.copy_source_sse_customer_key_md5.as_deref(),
        }
    };
}
pub(crate) use source_key;

/// Checks that the source may be read, by its key and the request's conditions.
///
/// # Errors
/// `PreconditionFailed`, and as [`CustomerHeaders::unlock`].
pub(crate) fn check_source(
    ctx: &Ctx,
    object: &StoredObject,
    key: &CustomerHeaders<'_>,
    conditions: &ReadConditions<'_>,
) -> Result<(), AwsError> {
    key.unlock(object)?;
    let found = Validators { etag: &object.etag, modified: object.modified, version_id: None };
    conditions.check_copy_source(&found, ctx.now())
}

/// The source was replaced while it was read.
pub(crate) fn source_changed() -> AwsError {
    errors::OPERATION_ABORTED.with(
        "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    )
}

/// Whether two reads of a source found the same version.
pub(crate) fn is_same(one: &StoredObject, other: &StoredObject) -> bool {
    one.seq == other.seq && one.etag == other.etag && one.content == other.content
}

/// Whether a directive says that what comes with the request replaces what the source has.
fn replaces(directive: Option<&str>, header: &'static str) -> Result<bool, AwsError> {
    match directive {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(other) => {
            let what = if header == "x-amz-tagging-directive" { "tagging" } else { "metadata" };
            Err(invalid_argument(&format!("Unknown {what} directive."), header, other))
        }
    }
}

/// `CopyObject`
pub(crate) async fn copy_object(ctx: Ctx, mut input: CopyObjectInput) -> Result<CopyObjectOutput, AwsError> {
    let owner = input.expected_bucket_owner.clone();
    let source_owner = input.expected_source_bucket_owner.clone();
    let bucket = ctx.db().read(|tx| versions::bucket(tx, &input.bucket, owner.as_deref()))?;
    metadata::check_key(&input.key)?;
    let source = Source::parse(&input.copy_source)?;
    let found = ctx.db().read::<_, AwsError, _>(|tx| source.find(tx, source_owner.as_deref()));
    let (source_bucket, place, original) = absent_objects::hide(&ctx, &source.bucket, found).await?;
    check_source(&ctx, &original, &source_key!(input), &source_conditions!(input))?;
    let conditions_of = (input.if_match.clone(), input.if_none_match.clone());
    let conditions =
        WriteConditions { if_match: conditions_of.0.as_deref(), if_none_match: conditions_of.1.as_deref() };
    conditions.validate()?;
    let replaces_metadata = replaces(input.metadata_directive.as_deref(), "x-amz-metadata-directive")?;
    let replaces_tags = replaces(input.tagging_directive.as_deref(), "x-amz-tagging-directive")?;
    let in_place = source.bucket == input.bucket && source.key == input.key && place == Place::Current;
    let changes = replaces_metadata
        || input.storage_class.is_some()
        || input.website_redirect_location.is_some()
        || input.server_side_encryption.is_some()
        || input.sse_customer_algorithm.is_some()
        || bucket.encryption_configured
        || original.restored_until.is_some();
    if in_place && !changes {
        return Err(invalid_request(
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let made = Made::now(&ctx);
    let (encryption, customer_key) = requested_encryption!(input).resolve(&bucket)?;
    let lock = requested_lock!(input).resolve(&bucket, made.at)?;
    let website_redirect_location = input.website_redirect_location.clone();
    let mut object = StoredObject {
        modified: made.modified(),
        etag: original.etag.clone(),
        size: original.size,
        content: original.content.clone(),
        checksum: original.checksum.clone(),
        storage_class: metadata::storage_class(input.storage_class.as_deref())?,
        encryption,
        customer_key,
        lock,
        acl: acl::requested!(input).for_object(&ctx, &bucket)?,
        ..StoredObject::default()
    };
    if replaces_metadata {
        object.headers = system_headers!(input);
        object.metadata = metadata::user_metadata(input.metadata.take())?;
    } else {
        object.headers = original.headers.clone();
        object.headers.website_redirect_location = website_redirect_location;
        object.metadata = original.metadata.clone();
    }
    object.tags = if replaces_tags {
        input.tagging.as_deref().map(tagging::of_header).transpose()?.unwrap_or_default()
    } else {
        original.tags.clone()
    };
    rehash(&ctx, &mut object, &original, input.checksum_algorithm.as_deref()).await?;
    let write = Write { key: &input.key, owner: owner.as_deref(), conditions, event: Event::Copy, made };
    let notifier = Notifier::of(&ctx, &bucket, &input.key)?;
    let (bucket, object) = ctx
        .db()
        .write::<_, AwsError, _>(|tx| {
            // The source holds the bytes until the copy does.
            let (_, _, again) = source.find(tx, source_owner.as_deref())?;
            if !is_same(&original, &again) {
                return Err(source_changed());
            }
            write.within(tx, &bucket.name, &object, &notifier)
        })
        .await?;
    let mut result = CopyObjectResult {
        e_tag: Some(format!("\"{}\"", object.etag)),
        last_modified: Some(object.modified),
        ..CopyObjectResult::default()
    };
    show_checksum!(result, &object.checksum);
    let mut output = CopyObjectOutput {
        copy_object_result: Some(result),
        expiration: expiration(&ctx, &bucket, &input.key, &object)?,
        copy_source_version_id: versions::read_header(&source_bucket, &original),
        version_id: versions::read_header(&bucket, &object),
        ssekms_encryption_context: object.encryption.context.clone(),
        ..CopyObjectOutput::default()
    };
    show_encryption!(output, object);
    Ok(output)
}

/// A copy is an object in one piece: it has an MD5 and a checksum of its whole content, also where
/// its source was uploaded in parts, or with another algorithm.
async fn rehash(
    ctx: &Ctx,
    object: &mut StoredObject,
    original: &StoredObject,
    requested: Option<&str>,
) -> Result<(), AwsError> {
    let requested = requested.map(checksums::algorithm).transpose()?;
    let kept = original.checksum.as_ref().filter(|checksum| {
        !checksum.composite && requested.is_none_or(|algorithm| algorithm.as_str() == checksum.algorithm)
    });
    let in_parts = !original.parts.is_empty() || matches!(original.content, Content::Segments(_));
    if kept.is_some() && !in_parts {
        return Ok(());
    }
    let algorithm = match (requested, &original.checksum) {
        (Some(algorithm), _) => algorithm,
        (None, Some(checksum)) => checksums::algorithm(&checksum.algorithm)?,
        (None, None) => checksums::DEFAULT,
    };
    let hashed = body::hash(ctx, &original.content, 0, original.size, algorithm).await?;
    object.etag = body::hex(&hashed.md5);
    object.checksum = Some(checksums::stored(&hashed.checksum));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_written_in_several_ways() {
        let source = |header| Source::parse(header).unwrap();
        let expected =
            Source { bucket: "b".to_owned(), key: "a key/ü".to_owned(), version_id: Some("v".to_owned()) };
        for header in
            ["b/a key/%C3%BC?versionId=v", "/b/a+key/%C3%BC?versionId=v", "b%2Fa%20key%2F%C3%BC?versionId=v"]
        {
            assert_eq!(source(header), expected, "{header}");
        }
        assert_eq!(source("b/k").version_id, None);
        assert_eq!(source("b//k").key, "/k");
        for bad in ["wrongformat", "/", "b/", "", "b/%ff"] {
            assert!(Source::parse(bad).is_err(), "{bad}");
        }
    }
}
