//! Beginning an upload.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::acl;
use crate::api::{CreateMultipartUploadInput, CreateMultipartUploadOutput};
use crate::checksums;
use crate::encryption::{requested_encryption, show_encryption};
use crate::errors::invalid_request;
use crate::metadata::{self, system_headers};
use crate::object_lock::requested_lock;
use crate::state::{OBJECTS, StoredObject, UPLOADS, Upload};
use crate::tagging;
use crate::versions::{self, Made, encode_id};

/// `CreateMultipartUpload`
pub(crate) async fn create_multipart_upload(
    ctx: Ctx,
    mut input: CreateMultipartUploadInput,
) -> Result<CreateMultipartUploadOutput, AwsError> {
    let owner = input.expected_bucket_owner.clone();
    let bucket = ctx.db().read(|tx| versions::bucket(tx, &input.bucket, owner.as_deref()))?;
    metadata::check_key(&input.key)?;
    let (algorithm, checksum_type) =
        checksum_mode(input.checksum_algorithm.as_deref(), input.checksum_type.as_deref())?;
    let made = Made::now(&ctx);
    let (encryption, customer_key) = requested_encryption!(input).resolve(&bucket)?;
    let object = StoredObject {
        storage_class: metadata::storage_class(input.storage_class.as_deref())?,
        encryption,
        customer_key,
        lock: requested_lock!(input).resolve(&bucket, made.at)?,
        acl: acl::requested!(input).for_object(&ctx, &bucket)?,
        tags: input.tagging.as_deref().map(tagging::of_header).transpose()?.unwrap_or_default(),
        headers: system_headers!(input),
        metadata: metadata::user_metadata(input.metadata.take())?,
        ..StoredObject::default()
    };
    let upload_id = upload_id(&ctx, made);
    let mut upload = Upload {
        initiated: made.modified(),
        object,
        initiator: initiator(&ctx),
        algorithm,
        checksum_type,
        found: None,
    };
    ctx.db()
        .write::<_, AwsError, _>(|tx| {
            versions::bucket(tx, &input.bucket, owner.as_deref())?;
            let current = tx.get(&OBJECTS, (input.bucket.as_str(), input.key.as_str()))?;
            upload.found = current.filter(|current| !current.delete_marker).map(|current| current.seq);
            tx.put(&UPLOADS, (input.bucket.as_str(), input.key.as_str(), upload_id.as_str()), &upload)?;
            Ok(())
        })
        .await?;
    let mut output = CreateMultipartUploadOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(upload_id),
        checksum_algorithm: upload.algorithm,
        checksum_type: upload.checksum_type,
        ssekms_encryption_context: upload.object.encryption.context.clone(),
        ..CreateMultipartUploadOutput::default()
    };
    show_encryption!(output, upload.object);
    Ok(output)
}

/// An id of 128 characters; later uploads have higher ones, which is the order of listings.
fn upload_id(ctx: &Ctx, made: Made) -> String {
    let mut bytes = made.at.as_millis().to_be_bytes().to_vec();
    for _ in 0..5 {
        bytes.extend_from_slice(&ctx.random().to_be_bytes());
    }
    bytes.extend_from_slice(&made.entropy.to_be_bytes());
    bytes.truncate(96);
    encode_id(&bytes)
}

/// Id and name of whoever begins an upload.
fn initiator(ctx: &Ctx) -> (String, String) {
    let caller = ctx.caller();
    match caller.arn.rsplit_once('/') {
        Some((_, name)) => (caller.arn.clone(), name.to_owned()),
        None => (acl::owner_id(&caller.account), "root".to_owned()),
    }
}

/// Algorithm and type of the object's checksum, where the client chooses them.
fn checksum_mode(
    algorithm: Option<&str>,
    checksum_type: Option<&str>,
) -> Result<(Option<String>, Option<String>), AwsError> {
    let Some(name) = algorithm else {
        if checksum_type.is_some() {
            return Err(invalid_request(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            ));
        }
        return Ok((None, None));
    };
    let algorithm = checksums::algorithm(name)?;
    let unusable = |checksum_type: &str| {
        invalid_request(format!(
            "The {checksum_type} checksum type cannot be used with the {} checksum algorithm.",
            algorithm.as_str().to_ascii_lowercase()
        ))
    };
    let chosen = match checksum_type {
        Some("FULL_OBJECT") if !algorithm.supports_full_object() => return Err(unusable("FULL_OBJECT")),
        Some("COMPOSITE") if !algorithm.supports_composite() => return Err(unusable("COMPOSITE")),
        Some(chosen @ ("FULL_OBJECT" | "COMPOSITE")) => chosen,
        Some(_) => return Err(invalid_request("Value for x-amz-checksum-type header is invalid.")),
        None if algorithm.supports_composite() => "COMPOSITE",
        None => "FULL_OBJECT",
    };
    Ok((Some(algorithm.as_str().to_owned()), Some(chosen.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_have_types_that_suit_them() {
        let mode =
            |algorithm, checksum_type| checksum_mode(algorithm, checksum_type).ok().map(|(_, chosen)| chosen);
        assert_eq!(mode(None, None), Some(None));
        assert_eq!(mode(Some("crc32"), None), Some(Some("COMPOSITE".to_owned())));
        assert_eq!(mode(Some("CRC64NVME"), None), Some(Some("FULL_OBJECT".to_owned())));
        assert_eq!(mode(Some("CRC64NVME"), Some("COMPOSITE")), None);
        assert_eq!(mode(Some("SHA1"), Some("FULL_OBJECT")), None);
        assert_eq!(mode(None, Some("COMPOSITE")), None);
        assert_eq!(mode(Some("FAKE"), None), None);
    }
}
