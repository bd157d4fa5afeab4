//! Downloads.

use std::sync::Arc;

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, ByteStream};

use super::selection::{Selection, show_object};
use crate::absent_objects;
use crate::api::{GetObjectInput, GetObjectOutput, errors};
use crate::body;
use crate::conditions::{ReadConditions, Validators};
use crate::encryption::customer_headers;
use crate::lifecycle::expiration;
use crate::state::{Bucket, StoredObject};
use crate::versions;

/// `GetObject`
pub(crate) async fn get_object(ctx: Ctx, mut input: GetObjectInput) -> Result<GetObjectOutput, AwsError> {
    let now = ctx.now();
    let found = ctx.db().read::<_, AwsError, _>(|tx| {
        let (bucket, object, selection) = find(tx, &input, now)?;
        let opened = body::open(tx, &object.content, selection.bytes.start, selection.bytes.end)?;
        Ok((bucket, object, selection, opened))
    });
    let (bucket, object, selection, opened) = absent_objects::hide(&ctx, &input.bucket, found).await?;
    let (bucket, object, selection, opened) = match opened {
        Some(opened) => (bucket, object, selection, opened),
        None => {
            // Many pieces: look again in a view that keeps them for as long as the answer is sent.
            let view = ctx.db().db().snapshot()?;
            let (bucket, object, selection) = find(&view.at("", ""), &input, now)?;
            let opened = body::open_pieces(view, &object.content, selection.bytes.start, selection.bytes.end);
            (bucket, object, selection, opened)
        }
    };
    let mut output = GetObjectOutput { body: ByteStream::from(opened), ..GetObjectOutput::default() };
    // Only the current version expires, and only who does not name a version asks for it.
    if input.version_id.is_none() {
        output.expiration = expiration(&ctx, &bucket, &input.key, &object)?;
    }
    show_object!(output, input, bucket, object, selection);
    Ok(output)
}

fn find(
    tx: &cloudtwin_store::ReadTx<'_>,
    input: &GetObjectInput,
    now: cloudtwin_smithy::Timestamp,
) -> Result<(Arc<Bucket>, StoredObject, Selection), AwsError> {
    let bucket = versions::shared_bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let (_, object) = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "GET")?;
    if object.is_archived() && object.restored_until.is_none() {
        return Err(errors::INVALID_OBJECT_STATE
            .with("The operation is not valid for the object's storage class")
            .field("StorageClass", object.storage_class));
    }
    customer_headers!(input).unlock(&object)?;
    let version_id = versions::read_header(&bucket, &object);
    let conditions = ReadConditions {
        if_match: input.if_match.as_deref(),
        if_none_match: input.if_none_match.as_deref(),
        if_modified_since: input.if_modified_since,
        if_unmodified_since: input.if_unmodified_since,
    };
    conditions.check(
        &Validators { etag: &object.etag, modified: object.modified, version_id: version_id.as_deref() },
        now,
    )?;
    let selection = Selection::of(&object, input.range.as_deref(), input.part_number)?;
    Ok((bucket, object, selection))
}
