//! Parts from objects that are there already.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::parts::algorithm_of;
use super::{find, part_number};
use crate::absent_objects;
use crate::api::{CopyPartResult, UploadPartCopyInput, UploadPartCopyOutput};
use crate::body;
use crate::checksums::{self, set_checksum};
use crate::copy::{Source, check_source, is_same, source_changed, source_conditions, source_key};
use crate::encryption::{customer_headers, show_encryption};
use crate::ranges;
use crate::state::{PARTS, UploadedPart};
use crate::versions::{self, Made};

/// `UploadPartCopy`
pub(crate) async fn upload_part_copy(
    ctx: Ctx,
    input: UploadPartCopyInput,
) -> Result<UploadPartCopyOutput, AwsError> {
    let number = part_number(input.part_number)?;
    let source = Source::parse(&input.copy_source)?;
    let source_owner = input.expected_source_bucket_owner.as_deref();
    let found = ctx.db().read::<_, AwsError, _>(|tx| {
        versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let upload = find(tx, &input.bucket, &input.key, &input.upload_id)?;
        let (source_bucket, _, original) = source.find(tx, source_owner)?;
        Ok((upload, source_bucket, original))
    });
    let (upload, source_bucket, original) = absent_objects::hide(&ctx, &source.bucket, found).await?;
    customer_headers!(input).check_part(&upload.object)?;
    check_source(&ctx, &original, &source_key!(input), &source_conditions!(input))?;
    let range = match input.copy_source_range.as_deref() {
        Some(header) => ranges::copy_source(header, original.size)?,
        None => 0..original.size,
    };
    let algorithm = algorithm_of(&upload)?;
    let hashed = body::hash(&ctx, &original.content, range.start, range.end, algorithm).await?;
    let part = UploadedPart {
        modified: Made::now(&ctx).modified(),
        etag: body::hex(&hashed.md5),
        size: range.end - range.start,
        segments: original.content.slice(range.start, range.end),
        checksum: checksums::stored(&hashed.checksum),
    };
    ctx.db()
        .write::<_, AwsError, _>(|tx| {
            find(tx, &input.bucket, &input.key, &input.upload_id)?;
            // The source holds the bytes until the part does.
            let (_, _, again) = source.find(tx, source_owner)?;
            if !is_same(&original, &again) {
                return Err(source_changed());
            }
            tx.put(&PARTS, (input.upload_id.as_str(), number), &part)?;
            Ok(())
        })
        .await?;
    let mut result = CopyPartResult {
        e_tag: Some(format!("\"{}\"", part.etag)),
        last_modified: Some(part.modified),
        ..CopyPartResult::default()
    };
    if upload.algorithm.is_some() {
        set_checksum!(result, part.checksum.algorithm.as_str(), part.checksum.value);
    }
    let mut output = UploadPartCopyOutput {
        copy_source_version_id: versions::read_header(&source_bucket, &original),
        copy_part_result: Some(result),
        ..UploadPartCopyOutput::default()
    };
    show_encryption!(output, upload.object);
    Ok(output)
}
