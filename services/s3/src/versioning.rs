//! Whether buckets keep versions.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::{
    GetBucketVersioningInput, GetBucketVersioningOutput, PutBucketVersioningInput, PutBucketVersioningOutput,
    errors,
};
use crate::errors::malformed_xml;
use crate::state::{BUCKETS, Versioning};
use crate::versions;

/// `PutBucketVersioning`
pub(crate) async fn put_bucket_versioning(
    ctx: Ctx,
    input: PutBucketVersioningInput,
) -> Result<PutBucketVersioningOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let configuration = &input.versioning_configuration;
            let versioning = match configuration.status.as_deref() {
                Some("Enabled") => Versioning::Enabled,
                Some("Suspended") => Versioning::Suspended,
                Some(_) => return Err(malformed_xml()),
                None => {
                    return Err(errors::ILLEGAL_VERSIONING_CONFIGURATION_EXCEPTION
                        .with("The Versioning element must be specified"));
                }
            };
            if bucket.object_lock && versioning == Versioning::Suspended {
                return Err(errors::INVALID_BUCKET_STATE.with(
                    "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                ));
            }
            bucket.versioning = versioning;
            if let Some(mfa_delete) = &configuration.mfa_delete {
                bucket.mfa_delete = Some(mfa_delete.clone());
            }
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            Ok(PutBucketVersioningOutput::default())
        })
        .await
}

/// `GetBucketVersioning`
pub(crate) async fn get_bucket_versioning(
    ctx: Ctx,
    input: GetBucketVersioningInput,
) -> Result<GetBucketVersioningOutput, AwsError> {
    ctx.db().read(|tx| {
        let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
        Ok(GetBucketVersioningOutput {
            status: bucket.versioning.status().map(str::to_owned),
            mfa_delete: bucket.mfa_delete,
        })
    })
}
