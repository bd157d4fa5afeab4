//! Selected attributes of an object.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::absent_objects;
use crate::api::{
    Checksum, GetObjectAttributesInput, GetObjectAttributesOutput, GetObjectAttributesParts, ObjectPart,
};
use crate::checksums::set_checksum;
use crate::encryption::customer_headers;
use crate::errors::invalid_argument;
use crate::state::StoredObject;
use crate::versions;

const MAX_PARTS: i32 = 1000;

/// `GetObjectAttributes`
pub(crate) async fn get_object_attributes(
    ctx: Ctx,
    input: GetObjectAttributesInput,
) -> Result<GetObjectAttributesOutput, AwsError> {
    let found = ctx.db().read::<_, AwsError, _>(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let (_, object) = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
        customer_headers!(input).unlock(&object)?;
        Ok((bucket, object))
    });
    let (bucket, object) = absent_objects::hide(&ctx, &input.bucket, found).await?;
    let mut output = GetObjectAttributesOutput {
        last_modified: Some(object.modified),
        version_id: versions::read_header(&bucket, &object),
        ..GetObjectAttributesOutput::default()
    };
    // SDKs send one header with commas, or several headers.
    let attributes = input.object_attributes.iter().flat_map(|list| list.split(',')).map(str::trim);
    for attribute in attributes.filter(|attribute| !attribute.is_empty()) {
        match attribute {
            "ETag" => output.e_tag = Some(object.etag.clone()),
            "StorageClass" => output.storage_class = Some(object.storage_class.clone()),
            "ObjectSize" => output.object_size = Some(i64::try_from(object.size).unwrap_or(i64::MAX)),
            "Checksum" => {
                if let Some(found) = &object.checksum {
                    let mut checksum = Checksum::default();
                    // The number of parts is told elsewhere.
                    let value = found.value.split('-').next().unwrap_or_default();
                    set_checksum!(checksum, found.algorithm.as_str(), value);
                    checksum.checksum_type = Some(found.kind().to_owned());
                    output.checksum = Some(checksum);
                }
            }
            "ObjectParts" => output.object_parts = parts(&object, input.max_parts, input.part_number_marker)?,
            _ => {
                return Err(invalid_argument(
                    "Invalid attribute name specified.",
                    "x-amz-object-attributes",
                    attribute,
                ));
            }
        }
    }
    Ok(output)
}

fn parts(
    object: &StoredObject,
    max_parts: Option<i32>,
    marker: Option<i32>,
) -> Result<Option<GetObjectAttributesParts>, AwsError> {
    if object.parts.is_empty() {
        return Ok(None);
    }
    let total = i32::try_from(object.parts.len()).unwrap_or(i32::MAX);
    let algorithm = object.checksum.as_ref().map(|checksum| checksum.algorithm.as_str());
    // Only parts whose checksums make up that of the object are listed.
    let listed = object.checksum.as_ref().is_some_and(|checksum| checksum.composite);
    if !listed {
        return Ok(Some(GetObjectAttributesParts {
            total_parts_count: Some(total),
            ..GetObjectAttributesParts::default()
        }));
    }
    let max = max_parts.unwrap_or(MAX_PARTS).clamp(0, MAX_PARTS);
    let marker = marker.unwrap_or_default();
    let mut following =
        object.parts.iter().filter(|part| i64::from(part.number) > i64::from(marker)).peekable();
    let limit = usize::try_from(max).unwrap_or_default();
    let page: Vec<ObjectPart> = following
        .by_ref()
        .take(limit)
        .map(|part| {
            let mut shown = ObjectPart {
                part_number: i32::try_from(part.number).ok(),
                size: i64::try_from(part.size).ok(),
                ..ObjectPart::default()
            };
            if let (Some(algorithm), Some(value)) = (algorithm, &part.checksum) {
                set_checksum!(shown, algorithm, value);
            }
            shown
        })
        .collect();
    let next = page.last().and_then(|part| part.part_number).unwrap_or_default();
    Ok(Some(GetObjectAttributesParts {
        total_parts_count: Some(total),
        part_number_marker: Some(marker),
        next_part_number_marker: Some(next),
        max_parts: Some(max),
        is_truncated: Some(following.peek().is_some()),
        parts: Some(page),
    }))
}
