//! Tags of buckets and objects.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::{
    DeleteBucketTaggingInput, DeleteBucketTaggingOutput, DeleteObjectTaggingInput, DeleteObjectTaggingOutput,
    GetBucketTaggingInput, GetBucketTaggingOutput, GetObjectTaggingInput, GetObjectTaggingOutput,
    PutBucketTaggingInput, PutBucketTaggingOutput, PutObjectTaggingInput, PutObjectTaggingOutput, Tag,
    Tagging, errors,
};
use crate::bucket_config::configs::{self, Kind};
use crate::errors::invalid_argument;
use crate::notification::events::{Event, Notifier};
use crate::versions;

/// The most tags that an object, and a bucket, can have.
const MAX_OBJECT_TAGS: usize = 10;
const MAX_BUCKET_TAGS: usize = 50;

/// What is tagged; the refusals differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tagged {
    NewBucket,
    Bucket,
    Object,
}

/// Whether a text has only characters that tags can have.
fn is_allowed(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c.is_whitespace() || "_.:/=+-@".contains(c))
}

/// Checks a set of tags.
///
/// # Errors
/// `InvalidTag`, `BadRequest`.
pub(crate) fn check(tags: &[Tag], tagged: Tagged) -> Result<(), AwsError> {
    let limit = if tagged == Tagged::Object { MAX_OBJECT_TAGS } else { MAX_BUCKET_TAGS };
    if tags.len() > limit {
        let what = if tagged == Tagged::Object { "Object" } else { "Bucket" };
        return Err(errors::BAD_REQUEST.with(format!("{what} tag count cannot be greater than {limit}")));
    }
    let mut seen = std::collections::BTreeSet::new();
    for tag in tags {
        let invalid = |message: &str| errors::INVALID_TAG.with(message).field("TagKey", tag.key.as_str());
        if !seen.insert(tag.key.as_str()) {
            if tagged == Tagged::NewBucket {
                return Err(
                    errors::INTERNAL_ERROR.with("We encountered an internal error. Please try again.")
                );
            }
            return Err(invalid("Cannot provide multiple Tags with the same key"));
        }
        if tag.key.starts_with("aws:") {
            return Err(match tagged {
                Tagged::NewBucket => errors::INVALID_TAG.with(
                    "User-defined tag keys can't start with \"aws:\". This prefix is reserved for system tags. Remove \"aws:\" from your tag keys and try again.",
                ),
                Tagged::Bucket => invalid("System tags cannot be added/updated by requester"),
                Tagged::Object => invalid("Your TagKey cannot be prefixed with aws:"),
            });
        }
        if tag.key.is_empty() || tag.key.chars().count() > 128 || !is_allowed(&tag.key) {
            return Err(invalid("The TagKey you have provided is invalid"));
        }
        if tag.value.chars().count() > 256 || !is_allowed(&tag.value) {
            return Err(
                invalid("The TagValue you have provided is invalid").field("TagValue", tag.value.as_str())
            );
        }
    }
    Ok(())
}

/// Tags in a header, as URL query parameters.
///
/// # Errors
/// `InvalidArgument`, and as [`check`].
pub(crate) fn of_header(header: &str) -> Result<Vec<(String, String)>, AwsError> {
    let malformed = || {
        invalid_argument(
            "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
            "x-amz-tagging",
            header,
        )
    };
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_encoding::percent_decode_str(&text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| malformed())
    };
    let mut tags: Vec<(String, String)> = Vec::new();
    for pair in header.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (key, value) = (decode(key)?, decode(value)?);
        let is_duplicate = tags.iter().any(|(other, _)| *other == key);
        if is_duplicate || !is_allowed(&key) || !is_allowed(&value) || pair.split('=').count() > 2 {
            return Err(malformed());
        }
        tags.push((key, value));
    }
    let shapes: Vec<Tag> = tags.iter().map(to_shape).collect();
    check(&shapes, Tagged::Object)?;
    tags.sort();
    Ok(tags)
}

fn to_shape((key, value): &(String, String)) -> Tag {
    Tag { key: key.clone(), value: value.clone() }
}

/// `PutBucketTagging`
pub(crate) async fn put_bucket_tagging(
    ctx: Ctx,
    input: PutBucketTaggingInput,
) -> Result<PutBucketTaggingOutput, AwsError> {
    let document = configs::document(&ctx, &input.tagging)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            check(&input.tagging.tag_set, Tagged::Bucket)?;
            configs::put(tx, &bucket, Kind::Tagging, "", &document)?;
            Ok(PutBucketTaggingOutput::default())
        })
        .await
}

/// `GetBucketTagging`
pub(crate) async fn get_bucket_tagging(
    ctx: Ctx,
    input: GetBucketTaggingInput,
) -> Result<GetBucketTaggingOutput, AwsError> {
    let tagging: Option<Tagging> =
        configs::get(&ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Kind::Tagging)?;
    match tagging {
        Some(Tagging { tag_set }) if !tag_set.is_empty() => Ok(GetBucketTaggingOutput { tag_set }),
        _ => Err(errors::NO_SUCH_TAG_SET.with("The TagSet does not exist").field("BucketName", input.bucket)),
    }
}

/// `DeleteBucketTagging`
pub(crate) async fn delete_bucket_tagging(
    ctx: Ctx,
    input: DeleteBucketTaggingInput,
) -> Result<DeleteBucketTaggingOutput, AwsError> {
    configs::delete(&ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Kind::Tagging).await?;
    Ok(DeleteBucketTaggingOutput::default())
}

/// `PutObjectTagging`
pub(crate) async fn put_object_tagging(
    ctx: Ctx,
    input: PutObjectTaggingInput,
) -> Result<PutObjectTaggingOutput, AwsError> {
    let tags: Vec<(String, String)> =
        input.tagging.tag_set.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
    let version_id = input.version_id.as_deref();
    let notifier = Notifier::prepare(&ctx, &input.bucket, &input.key)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let (place, mut object) = versions::read(tx, &bucket, &input.key, version_id, "PUT")?;
            check(&input.tagging.tag_set, Tagged::Object)?;
            object.tags.clone_from(&tags);
            object.tags.sort();
            versions::update(tx, &bucket.name, &input.key, place, &object)?;
            notifier.emit(tx, Event::TaggingPut, &object)?;
            Ok(PutObjectTaggingOutput { version_id: versions::read_header(&bucket, &object) })
        })
        .await
}

/// `GetObjectTagging`
pub(crate) async fn get_object_tagging(
    ctx: Ctx,
    input: GetObjectTaggingInput,
) -> Result<GetObjectTaggingOutput, AwsError> {
    ctx.db().read(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let read = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "GET");
        // Here S3 names the key with its bucket.
        let (_, object) = read.map_err(|error| match error.code() {
            "NoSuchKey" => crate::errors::no_such_key(&format!("{}/{}", input.bucket, input.key)),
            _ => error,
        })?;
        Ok(GetObjectTaggingOutput {
            version_id: versions::read_header(&bucket, &object),
            tag_set: object.tags.iter().map(to_shape).collect(),
        })
    })
}

/// `DeleteObjectTagging`
pub(crate) async fn delete_object_tagging(
    ctx: Ctx,
    input: DeleteObjectTaggingInput,
) -> Result<DeleteObjectTaggingOutput, AwsError> {
    let version_id = input.version_id.as_deref();
    let notifier = Notifier::prepare(&ctx, &input.bucket, &input.key)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let (place, mut object) = versions::read(tx, &bucket, &input.key, version_id, "DELETE")?;
            object.tags.clear();
            versions::update(tx, &bucket.name, &input.key, place, &object)?;
            notifier.emit(tx, Event::TaggingDelete, &object)?;
            Ok(DeleteObjectTaggingOutput { version_id: versions::read_header(&bucket, &object) })
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_in_headers_are_query_parameters() {
        let tags = of_header("tag2=b%20c&tag1=a+d&flag").unwrap();
        let expected = [("flag", ""), ("tag1", "a d"), ("tag2", "b c")];
        assert_eq!(tags, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        for bad in ["key1=val1&key1=val2", "key1=val1,key2=val2"] {
            assert_eq!(of_header(bad).unwrap_err().code(), "InvalidArgument", "{bad}");
        }
    }

    #[test]
    fn bad_tags_are_named() {
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        let message = |tags: &[Tag], tagged| check(tags, tagged).unwrap_err().message().to_owned();
        assert_eq!(message(&[tag("aws:x", "")], Tagged::Object), "Your TagKey cannot be prefixed with aws:");
        assert_eq!(message(&[tag("a,b", "")], Tagged::Bucket), "The TagKey you have provided is invalid");
        assert_eq!(message(&[tag("a", "b,c")], Tagged::Bucket), "The TagValue you have provided is invalid");
        let two = [tag("a", "1"), tag("a", "2")];
        assert_eq!(message(&two, Tagged::Object), "Cannot provide multiple Tags with the same key");
    }
}
