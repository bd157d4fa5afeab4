//! Uploading a part.

use cloudtwin_core::Ctx;
use cloudtwin_sigv4::ChecksumAlgorithm;
use cloudtwin_smithy::AwsError;

use super::{find, part_number};
use crate::api::{UploadPartInput, UploadPartOutput};
use crate::body;
use crate::checksums::{self, Plan, given_checksums, set_checksum};
use crate::encryption::{customer_headers, show_encryption};
use crate::errors::invalid_request;
use crate::state::{PARTS, Segment, Upload, UploadedPart};
use crate::versions::{self, Made};

/// `UploadPart`
pub(crate) async fn upload_part(ctx: Ctx, input: UploadPartInput) -> Result<UploadPartOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let number = part_number(input.part_number)?;
    let upload = ctx.db().read::<_, AwsError, _>(|tx| {
        versions::bucket(tx, &input.bucket, owner)?;
        find(tx, &input.bucket, &input.key, &input.upload_id)
    })?;
    customer_headers!(input).check_part(&upload.object)?;
    let algorithm = algorithm_of(&upload)?;
    let plan = Plan::of(given_checksums!(input), input.checksum_algorithm.as_deref(), algorithm)?;
    if upload.algorithm.is_some() && plan.algorithm != algorithm {
        return Err(invalid_request(format!(
            "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
            algorithm.as_str().to_ascii_lowercase(),
            plan.algorithm.as_str().to_ascii_lowercase()
        )));
    }
    // The object will need checksums of one kind, whatever the parts came with.
    let extra = (plan.algorithm != algorithm).then_some(algorithm);
    let received = body::receive(&ctx, input.body.take(), input.content_md5.as_deref(), &plan, extra).await?;
    let own = received.extra.as_ref().unwrap_or(&received.checksum);
    let part = UploadedPart {
        modified: Made::now(&ctx).modified(),
        etag: received.etag(),
        size: received.size,
        segments: vec![Segment::whole(received.staged.payload().clone())],
        checksum: checksums::stored(own),
    };
    ctx.db()
        .write::<_, AwsError, _>(|tx| {
            find(tx, &input.bucket, &input.key, &input.upload_id)?;
            tx.put(&PARTS, (input.upload_id.as_str(), number), &part)?;
            Ok(())
        })
        .await?;
    let mut output =
        UploadPartOutput { e_tag: Some(format!("\"{}\"", part.etag)), ..UploadPartOutput::default() };
    // Shown is what the client sent or the upload demands.
    if plan.named || upload.algorithm.is_some() {
        set_checksum!(output, plan.algorithm.as_str(), received.checksum.to_base64());
    }
    show_encryption!(output, upload.object);
    Ok(output)
}

/// The algorithm of an upload's parts.
///
/// # Errors
/// None for uploads that this release began.
pub(super) fn algorithm_of(upload: &Upload) -> Result<ChecksumAlgorithm, AwsError> {
    upload.algorithm.as_deref().map_or(Ok(checksums::DEFAULT), checksums::algorithm)
}
