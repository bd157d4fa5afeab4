//! What is known of an object, without its bytes.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::selection::{Selection, show_object};
use crate::absent_objects;
use crate::api::{HeadObjectInput, HeadObjectOutput};
use crate::conditions::{ReadConditions, Validators};
use crate::encryption::customer_headers;
use crate::lifecycle::expiration;
use crate::versions;

/// `HeadObject`
pub(crate) async fn head_object(ctx: Ctx, mut input: HeadObjectInput) -> Result<HeadObjectOutput, AwsError> {
    let now = ctx.now();
    let found = ctx.db().read::<_, AwsError, _>(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let (_, object) = versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "HEAD")?;
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
    });
    let (bucket, object, selection) = absent_objects::hide(&ctx, &input.bucket, found).await?;
    let mut output = HeadObjectOutput::default();
    // Only the current version expires, and only who does not name a version asks for it.
    if input.version_id.is_none() {
        output.expiration = expiration(&ctx, &bucket, &input.key, &object)?;
    }
    show_object!(output, input, bucket, object, selection);
    Ok(output)
}
