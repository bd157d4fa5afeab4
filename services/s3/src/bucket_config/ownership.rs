//! Who owns the objects that others upload.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::{
    DeleteBucketOwnershipControlsInput, DeleteBucketOwnershipControlsOutput, GetBucketOwnershipControlsInput,
    GetBucketOwnershipControlsOutput, OwnershipControls, OwnershipControlsRule,
    PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput, errors,
};
use crate::errors::malformed_xml;
use crate::state::BUCKETS;
use crate::versions;

/// `PutBucketOwnershipControls`
pub(crate) async fn put(
    ctx: Ctx,
    input: PutBucketOwnershipControlsInput,
) -> Result<PutBucketOwnershipControlsOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let [OwnershipControlsRule { object_ownership }] = input.ownership_controls.rules.as_slice()
            else {
                return Err(malformed_xml());
            };
            let known = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"];
            if !known.contains(&object_ownership.as_str()) {
                return Err(malformed_xml());
            }
            bucket.ownership = Some(object_ownership.clone());
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            Ok(PutBucketOwnershipControlsOutput::default())
        })
        .await
}

/// `GetBucketOwnershipControls`
pub(crate) async fn get(
    ctx: Ctx,
    input: GetBucketOwnershipControlsInput,
) -> Result<GetBucketOwnershipControlsOutput, AwsError> {
    ctx.db().read(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        let Some(object_ownership) = bucket.ownership else {
            return Err(errors::OWNERSHIP_CONTROLS_NOT_FOUND_ERROR
                .with("The bucket ownership controls were not found")
                .field("BucketName", bucket.name));
        };
        let controls = OwnershipControls { rules: vec![OwnershipControlsRule { object_ownership }] };
        Ok(GetBucketOwnershipControlsOutput { ownership_controls: Some(controls) })
    })
}

/// `DeleteBucketOwnershipControls`
pub(crate) async fn delete(
    ctx: Ctx,
    input: DeleteBucketOwnershipControlsInput,
) -> Result<DeleteBucketOwnershipControlsOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            bucket.ownership = None;
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            Ok(DeleteBucketOwnershipControlsOutput::default())
        })
        .await
}
