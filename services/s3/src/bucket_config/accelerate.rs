//! Transfer acceleration.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    AccelerateConfiguration, GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput,
    PutBucketAccelerateConfigurationInput, PutBucketAccelerateConfigurationOutput,
};
use crate::errors::{invalid_request, malformed_xml};
use crate::versions;

/// `PutBucketAccelerateConfiguration`
pub(crate) async fn put(
    ctx: Ctx,
    input: PutBucketAccelerateConfigurationInput,
) -> Result<PutBucketAccelerateConfigurationOutput, AwsError> {
    let document = configs::document(&ctx, &input.accelerate_configuration)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            if bucket.name.contains('.') {
                return Err(invalid_request(
                    "S3 Transfer Acceleration is not supported for buckets with periods (.) in their names",
                ));
            }
            if !matches!(input.accelerate_configuration.status.as_deref(), Some("Enabled" | "Suspended")) {
                return Err(malformed_xml());
            }
            configs::put(tx, &bucket, Kind::Accelerate, "", &document)?;
            Ok(PutBucketAccelerateConfigurationOutput::default())
        })
        .await
}

/// `GetBucketAccelerateConfiguration`
pub(crate) async fn get(
    ctx: Ctx,
    input: GetBucketAccelerateConfigurationInput,
) -> Result<GetBucketAccelerateConfigurationOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let found: Option<AccelerateConfiguration> = configs::get(&ctx, &input.bucket, owner, Kind::Accelerate)?;
    Ok(GetBucketAccelerateConfigurationOutput {
        status: found.and_then(|found| found.status),
        request_charged: None,
    })
}
