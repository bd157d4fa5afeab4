//! Giving an upload up.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::{find, forget};
use crate::api::{AbortMultipartUploadInput, AbortMultipartUploadOutput};
use crate::versions;

/// `AbortMultipartUpload`
pub(crate) async fn abort_multipart_upload(
    ctx: Ctx,
    input: AbortMultipartUploadInput,
) -> Result<AbortMultipartUploadOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            find(tx, &input.bucket, &input.key, &input.upload_id)?;
            forget(tx, &input.bucket, &input.key, &input.upload_id)?;
            Ok(AbortMultipartUploadOutput::default())
        })
        .await
}
