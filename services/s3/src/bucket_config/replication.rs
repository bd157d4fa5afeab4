//! Replication rules. They are recorded; nothing is replicated.

use cloudtwin_core::{Arn, Ctx};
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    DeleteBucketReplicationInput, DeleteBucketReplicationOutput, DeleteMarkerReplication,
    GetBucketReplicationInput, GetBucketReplicationOutput, PutBucketReplicationInput,
    PutBucketReplicationOutput, errors,
};
use crate::errors::{invalid_request, malformed_xml};
use crate::state::{BUCKETS, Versioning};
use crate::versions;

const ID_CHARACTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// `PutBucketReplication`
pub(crate) async fn put(
    ctx: Ctx,
    input: PutBucketReplicationInput,
) -> Result<PutBucketReplicationOutput, AwsError> {
    let mut configuration = input.replication_configuration;
    for rule in &mut configuration.rules {
        rule.id.get_or_insert_with(|| ctx.random_text(ID_CHARACTERS, 20));
        if rule.filter.is_some() {
            rule.priority.get_or_insert(0);
            rule.delete_marker_replication
                .get_or_insert_with(|| DeleteMarkerReplication { status: Some("Disabled".to_owned()) });
        }
    }
    let document = configs::document(&ctx, &configuration)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            if bucket.versioning != Versioning::Enabled {
                return Err(invalid_request(
                    "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
                ));
            }
            if configuration.rules.is_empty() {
                return Err(malformed_xml());
            }
            for rule in &configuration.rules {
                let name = rule.destination.bucket.parse::<Arn>().map(|arn| arn.resource);
                let name = name.as_deref().unwrap_or(&rule.destination.bucket);
                let target = tx.get(&BUCKETS, name)?;
                if target.is_none_or(|target| target.versioning != Versioning::Enabled) {
                    return Err(invalid_request("Destination bucket must have versioning enabled."));
                }
            }
            configs::put(tx, &bucket, Kind::Replication, "", &document)?;
            Ok(PutBucketReplicationOutput::default())
        })
        .await
}

/// `GetBucketReplication`
pub(crate) async fn get(
    ctx: Ctx,
    input: GetBucketReplicationInput,
) -> Result<GetBucketReplicationOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = configs::get(&ctx, &input.bucket, owner, Kind::Replication)?;
    let found = found.ok_or_else(|| {
        errors::REPLICATION_CONFIGURATION_NOT_FOUND_ERROR
            .with("The replication configuration was not found")
            .field("BucketName", input.bucket.as_str())
    })?;
    Ok(GetBucketReplicationOutput { replication_configuration: Some(found) })
}

/// `DeleteBucketReplication`
pub(crate) async fn delete(
    ctx: Ctx,
    input: DeleteBucketReplicationInput,
) -> Result<DeleteBucketReplicationOutput, AwsError> {
    configs::delete(&ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Kind::Replication).await?;
    Ok(DeleteBucketReplicationOutput::default())
}
