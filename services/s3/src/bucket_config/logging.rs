//! Server access logging.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    BucketLoggingStatus, GetBucketLoggingInput, GetBucketLoggingOutput, PutBucketLoggingInput,
    PutBucketLoggingOutput, errors,
};
use crate::state::BUCKETS;
use crate::versions;

/// `PutBucketLogging`
pub(crate) async fn put(ctx: Ctx, input: PutBucketLoggingInput) -> Result<PutBucketLoggingOutput, AwsError> {
    let document = configs::document(&ctx, &input.bucket_logging_status)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            if let Some(logging) = &input.bucket_logging_status.logging_enabled {
                let target = tx.get(&BUCKETS, logging.target_bucket.as_str())?.ok_or_else(|| {
                    errors::INVALID_TARGET_BUCKET_FOR_LOGGING
                        .with("The target bucket for logging does not exist")
                        .field("TargetBucket", logging.target_bucket.as_str())
                })?;
                if target.region != bucket.region {
                    let mut error = errors::CROSS_LOCATION_LOGGING_PROHIBITTED
                        .with("Cross S3 location logging not allowed. ")
                        .field("TargetBucketLocation", target.region);
                    if bucket.region != "us-east-1" {
                        error = error.field("SourceBucketLocation", bucket.region);
                    }
                    return Err(error);
                }
            }
            configs::put(tx, &bucket, Kind::Logging, "", &document)?;
            Ok(PutBucketLoggingOutput::default())
        })
        .await
}

/// `GetBucketLogging`
pub(crate) async fn get(ctx: Ctx, input: GetBucketLoggingInput) -> Result<GetBucketLoggingOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let found: Option<BucketLoggingStatus> = configs::get(&ctx, &input.bucket, owner, Kind::Logging)?;
    Ok(GetBucketLoggingOutput { logging_enabled: found.and_then(|found| found.logging_enabled) })
}
