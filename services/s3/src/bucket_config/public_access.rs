//! Blocks of public access. They are recorded; what they block is for policies to decide.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput, GetPublicAccessBlockInput,
    GetPublicAccessBlockOutput, PublicAccessBlockConfiguration, PutPublicAccessBlockInput,
    PutPublicAccessBlockOutput, errors,
};
use crate::versions;

/// What a new bucket has: everything is blocked.
pub(crate) fn default() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        ignore_public_acls: Some(true),
        block_public_policy: Some(true),
        restrict_public_buckets: Some(true),
    }
}

/// `PutPublicAccessBlock`
pub(crate) async fn put(
    ctx: Ctx,
    input: PutPublicAccessBlockInput,
) -> Result<PutPublicAccessBlockOutput, AwsError> {
    let given = &input.public_access_block_configuration;
    let complete = PublicAccessBlockConfiguration {
        block_public_acls: Some(given.block_public_acls == Some(true)),
        ignore_public_acls: Some(given.ignore_public_acls == Some(true)),
        block_public_policy: Some(given.block_public_policy == Some(true)),
        restrict_public_buckets: Some(given.restrict_public_buckets == Some(true)),
    };
    let document = configs::document(&ctx, &complete)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            configs::put(tx, &bucket, Kind::PublicAccessBlock, "", &document)?;
            Ok(PutPublicAccessBlockOutput::default())
        })
        .await
}

/// `GetPublicAccessBlock`
pub(crate) async fn get(
    ctx: Ctx,
    input: GetPublicAccessBlockInput,
) -> Result<GetPublicAccessBlockOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = configs::get(&ctx, &input.bucket, owner, Kind::PublicAccessBlock)?;
    let found = found.ok_or_else(|| {
        errors::NO_SUCH_PUBLIC_ACCESS_BLOCK_CONFIGURATION
            .with("The public access block configuration was not found")
            .field("BucketName", input.bucket.as_str())
    })?;
    Ok(GetPublicAccessBlockOutput { public_access_block_configuration: Some(found) })
}

/// `DeletePublicAccessBlock`
pub(crate) async fn delete(
    ctx: Ctx,
    input: DeletePublicAccessBlockInput,
) -> Result<DeletePublicAccessBlockOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    configs::delete(&ctx, &input.bucket, owner, Kind::PublicAccessBlock).await?;
    Ok(DeletePublicAccessBlockOutput::default())
}
