//! The parts of an upload.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::find;
use crate::acl::owner_id;
use crate::api::{Initiator, ListPartsInput, ListPartsOutput, Owner, Part};
use crate::checksums::set_checksum;
use crate::errors::invalid_argument;
use crate::state::PARTS;
use crate::versions;

const MAX_PARTS: i32 = 1000;

/// `ListParts`
pub(crate) async fn list_parts(ctx: Ctx, input: ListPartsInput) -> Result<ListPartsOutput, AwsError> {
    let max_parts = input.max_parts.unwrap_or(MAX_PARTS).min(MAX_PARTS);
    let limit = usize::try_from(max_parts).map_err(|_| {
        invalid_argument(
            "Argument max-parts must be an integer between 0 and 2147483647",
            "max-parts",
            &max_parts.to_string(),
        )
    })?;
    let marker = input.part_number_marker.unwrap_or_default().max(0);
    let after = u32::try_from(marker).unwrap_or_default();
    let (bucket, upload, mut parts) = ctx.db().read::<_, AwsError, _>(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let upload = find(tx, &input.bucket, &input.key, &input.upload_id)?;
        let rows = tx.prefix(&PARTS, (input.upload_id.as_str(),))?.after((input.upload_id.as_str(), after));
        let parts = rows.take(limit + 1).collect::<Result<Vec<_>, _>>()?;
        Ok((bucket, upload, parts))
    })?;
    let truncated = parts.len() > limit;
    parts.truncate(limit);
    let shown: Vec<Part> = parts
        .into_iter()
        .map(|((_, number), part)| {
            let mut shown = Part {
                part_number: i32::try_from(number).ok(),
                last_modified: Some(part.modified),
                e_tag: Some(format!("\"{}\"", part.etag)),
                size: i64::try_from(part.size).ok(),
                ..Part::default()
            };
            if upload.algorithm.is_some() {
                set_checksum!(shown, part.checksum.algorithm.as_str(), part.checksum.value);
            }
            shown
        })
        .collect();
    let (id, name) = upload.initiator;
    Ok(ListPartsOutput {
        initiator: Some(Initiator { id: Some(id), display_name: Some(name) }),
        owner: Some(Owner { id: Some(owner_id(&bucket.account)), display_name: None }),
        storage_class: Some(upload.object.storage_class),
        checksum_algorithm: upload.algorithm,
        checksum_type: upload.checksum_type,
        part_number_marker: Some(marker),
        next_part_number_marker: Some(shown.last().and_then(|part| part.part_number).unwrap_or_default()),
        max_parts: Some(max_parts),
        is_truncated: Some(truncated),
        parts: (!shown.is_empty()).then_some(shown),
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        ..ListPartsOutput::default()
    })
}
