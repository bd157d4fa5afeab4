//! Completing an upload: its parts become an object, without a byte being copied.

use cloudtwin_core::Ctx;
use cloudtwin_sigv4::{Checksum, ChecksumAlgorithm, composite, full_object};
use cloudtwin_smithy::AwsError;
use md5::{Digest, Md5};

use super::parts::algorithm_of;
use super::{find, forget};
use crate::api::{CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, errors};
use crate::body::hex;
use crate::buckets::object_url;
use crate::checksums::{self, given_checksums, show_checksum};
use crate::conditions::WriteConditions;
use crate::errors::{invalid_request, malformed_xml};
use crate::lifecycle::expiration;
use crate::notification::events::{Event, Notifier};
use crate::objects::put::Write;
use crate::state::{Content, OBJECTS, PARTS, PartSummary, StoredChecksum, Upload, UploadedPart};
use crate::versions::{self, Made};

/// The least size of every part but the last: 5 MiB.
const MIN_PART: u64 = 5 << 20;

/// `CompleteMultipartUpload`
pub(crate) async fn complete_multipart_upload(
    ctx: Ctx,
    input: CompleteMultipartUploadInput,
) -> Result<CompleteMultipartUploadOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = ctx.db().read(|tx| versions::bucket(tx, &input.bucket, owner))?;
    let conditions = WriteConditions {
        if_match: input.if_match.as_deref(),
        if_none_match: input.if_none_match.as_deref(),
    };
    conditions.validate()?;
    let made = Made::now(&ctx);
    let write = Write { key: &input.key, owner, conditions, event: Event::CompleteMultipartUpload, made };
    let notifier = Notifier::of(&ctx, &bucket, &input.key)?;
    let (bucket, object) = ctx
        .db()
        .write::<_, AwsError, _>(|tx| {
            let upload = find(tx, &input.bucket, &input.key, &input.upload_id)?;
            let listed = input.multipart_upload.as_ref().and_then(|listed| listed.parts.as_deref());
            let listed = listed.filter(|listed| !listed.is_empty());
            let listed = listed.ok_or_else(|| invalid_request("You must specify at least one part"))?;
            check_order(listed, &input.upload_id)?;
            let mut parts = Vec::with_capacity(listed.len());
            for wanted in listed {
                let number = wanted.part_number.and_then(|number| u32::try_from(number).ok());
                let number = number.ok_or_else(malformed_xml)?;
                let stored = tx.get(&PARTS, (input.upload_id.as_str(), number))?;
                parts.push((number, check_part(&upload, &input.upload_id, number, wanted, stored)?));
            }
            check_sizes(&parts)?;
            let size = parts.iter().map(|(_, part)| part.size).sum::<u64>();
            if let Some(expected) = input.mpu_object_size
                && u64::try_from(expected).ok() != Some(size)
            {
                return Err(invalid_request(format!(
                    "The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {size}"
                )));
            }
            let checksum = object_checksum(&upload, &parts)?;
            check_mode(&upload, &input)?;
            check_given(&input, &checksum)?;
            if !conditions.is_empty() {
                let current = tx.get(&OBJECTS, (input.bucket.as_str(), input.key.as_str()))?;
                let current = current.filter(|current| !current.delete_marker);
                conditions.check(&input.key, current.as_ref().map(|current| current.etag.as_str()))?;
                if upload.found.is_some() && current.map(|current| current.seq) != upload.found {
                    return Err(conflict(&conditions, &input.key));
                }
            }
            let named = upload.algorithm.is_some();
            let mut object = upload.object;
            object.modified = made.modified();
            object.etag = multipart_etag(&parts);
            object.size = size;
            object.checksum = Some(checksum);
            object.parts = parts
                .iter()
                .map(|(number, part)| PartSummary {
                    number: *number,
                    size: part.size,
                    checksum: named.then(|| part.checksum.value.clone()),
                })
                .collect();
            object.content = Content::Segments(parts.into_iter().flat_map(|(_, part)| part.segments).collect());
            let written = write.within(tx, &input.bucket, &object, &notifier)?;
            forget(tx, &input.bucket, &input.key, &input.upload_id)?;
            Ok(written)
        })
        .await?;
    let mut output = CompleteMultipartUploadOutput {
        location: Some(object_url(&ctx, &input.bucket, &input.key)),
        e_tag: Some(format!("\"{}\"", object.etag)),
        version_id: versions::written_header(&object),
        expiration: expiration(&ctx, &bucket, &input.key, &object)?,
        bucket: Some(input.bucket),
        key: Some(input.key),
        ..CompleteMultipartUploadOutput::default()
    };
    show_checksum!(output, &object.checksum);
    if object.customer_key.is_none() {
        output.server_side_encryption = Some(object.encryption.algorithm.clone());
        output.ssekms_key_id = object.encryption.kms_key_id.clone();
        output.bucket_key_enabled = object.encryption.bucket_key.filter(|enabled| *enabled);
    }
    Ok(output)
}

fn conflict(conditions: &WriteConditions<'_>, key: &str) -> AwsError {
    let condition = if conditions.if_match.is_some() { "If-Match" } else { "If-None-Match" };
    errors::CONDITIONAL_REQUEST_CONFLICT
        .with("The conditional request cannot succeed due to a conflicting operation against this resource.")
        .field("Condition", condition)
        .field("Key", key)
}

fn check_order(listed: &[CompletedPart], upload_id: &str) -> Result<(), AwsError> {
    let ascending = listed.windows(2).all(|pair| match pair {
        [one, next] => one.part_number < next.part_number,
        _ => true,
    });
    if ascending {
        return Ok(());
    }
    Err(errors::INVALID_PART_ORDER
        .with("The list of parts was not in ascending order. Parts must be ordered by part number.")
        .field("UploadId", upload_id))
}

/// The part that the client lists, if it is the one that was uploaded.
fn check_part(
    upload: &Upload,
    upload_id: &str,
    number: u32,
    wanted: &CompletedPart,
    stored: Option<UploadedPart>,
) -> Result<UploadedPart, AwsError> {
    let etag = wanted.e_tag.as_deref().unwrap_or_default().trim_matches('"');
    let invalid = || {
        errors::INVALID_PART
            .with("One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.")
            .field("UploadId", upload_id)
            .field("PartNumber", i64::from(number))
            .field("ETag", etag)
    };
    let stored = stored.filter(|stored| stored.etag == etag).ok_or_else(invalid)?;
    let given = given_checksums!(wanted).into_iter().find_map(|(algorithm, value)| Some((algorithm, value?)));
    match (&upload.algorithm, given) {
        (_, Some((algorithm, value)))
            if algorithm.as_str() == stored.checksum.algorithm && value == stored.checksum.value => {}
        (Some(own), Some((algorithm, _))) if algorithm.as_str() != own => {
            return Err(errors::BAD_DIGEST.with(format!(
                "The {} you specified for part {number} did not match what we received.",
                algorithm.as_str().to_ascii_lowercase()
            )));
        }
        (_, Some(_)) => return Err(invalid()),
        (Some(own), None) if upload.checksum_type.as_deref() == Some("COMPOSITE") => {
            return Err(invalid_request(format!(
                "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {number} in the request.",
                own.to_ascii_lowercase()
            )));
        }
        _ => {}
    }
    Ok(stored)
}

fn check_sizes(parts: &[(u32, UploadedPart)]) -> Result<(), AwsError> {
    let Some((_, all_but_last)) = parts.split_last() else { return Ok(()) };
    match all_but_last.iter().find(|(_, part)| part.size < MIN_PART) {
        None => Ok(()),
        Some((number, part)) => Err(errors::ENTITY_TOO_SMALL
            .with("Your proposed upload is smaller than the minimum allowed size")
            .field("ProposedSize", i64::try_from(part.size).unwrap_or(i64::MAX))
            .field("MinSizeAllowed", MIN_PART as i64)
            .field("PartNumber", i64::from(*number))
            .field("ETag", part.etag.as_str())),
    }
}

/// Whether the request speaks of the same type of checksum as the upload.
fn check_mode(upload: &Upload, input: &CompleteMultipartUploadInput) -> Result<(), AwsError> {
    match input.checksum_type.as_deref() {
        Some(given) if upload.checksum_type.as_deref() != Some(given) => {
            let own = upload.checksum_type.as_deref().unwrap_or("null");
            Err(invalid_request(format!(
                "The upload was created using the {own} checksum mode. The complete request must use the same checksum mode."
            )))
        }
        _ => Ok(()),
    }
}

/// Compares the object's checksum with the one in the request.
fn check_given(input: &CompleteMultipartUploadInput, own: &StoredChecksum) -> Result<(), AwsError> {
    let Some((algorithm, value)) = checksums::single(given_checksums!(input))? else { return Ok(()) };
    let plain = value.split('-').next().unwrap_or_default();
    if Checksum::parse(algorithm, plain).is_none() {
        return Err(checksums::invalid_value(algorithm));
    }
    if algorithm.as_str() == own.algorithm
        && (value == own.value || Some(plain) == own.value.split('-').next())
    {
        return Ok(());
    }
    Err(checksums::mismatch(&algorithm.as_str().to_ascii_lowercase()))
}

/// `md5-of-md5s-N`.
fn multipart_etag(parts: &[(u32, UploadedPart)]) -> String {
    let mut md5 = Md5::new();
    for (_, part) in parts {
        let digits = part.etag.as_bytes().chunks_exact(2);
        let bytes: Vec<u8> =
            digits.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        md5.update(&bytes);
    }
    format!("{}-{}", hex(&md5.finalize()), parts.len())
}

/// The checksum of the object, from those of its parts.
fn object_checksum(upload: &Upload, parts: &[(u32, UploadedPart)]) -> Result<StoredChecksum, AwsError> {
    let algorithm = algorithm_of(upload)?;
    let damaged = || errors::INTERNAL_ERROR.with("We encountered an internal error. Please try again.");
    let sums: Vec<(Checksum, u64)> = parts
        .iter()
        .map(|(_, part)| Some((Checksum::parse(algorithm, &part.checksum.value)?, part.size)))
        .collect::<Option<_>>()
        .ok_or_else(damaged)?;
    if upload.checksum_type.as_deref() == Some("COMPOSITE") {
        return Ok(composed(algorithm, &sums));
    }
    let whole = full_object(algorithm, sums.iter().map(|(sum, size)| (sum, *size))).ok_or_else(damaged)?;
    Ok(checksums::stored(&whole))
}

fn composed(algorithm: ChecksumAlgorithm, sums: &[(Checksum, u64)]) -> StoredChecksum {
    let (checksum, count) = composite(algorithm, sums.iter().map(|(sum, _)| sum));
    StoredChecksum {
        algorithm: algorithm.as_str().to_owned(),
        value: format!("{}-{count}", checksum.to_base64()),
        composite: true,
    }
}
