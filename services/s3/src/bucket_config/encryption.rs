//! Default encryption of buckets.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    DeleteBucketEncryptionInput, DeleteBucketEncryptionOutput, GetBucketEncryptionInput,
    GetBucketEncryptionOutput, PutBucketEncryptionInput, PutBucketEncryptionOutput,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
};
use crate::encryption::is_kms;
use crate::errors::{invalid_argument_name, malformed_xml};
use crate::state::{BUCKETS, Encryption};
use crate::versions;

/// `PutBucketEncryption`
pub(crate) async fn put(
    ctx: Ctx,
    input: PutBucketEncryptionInput,
) -> Result<PutBucketEncryptionOutput, AwsError> {
    let mut configuration = input.server_side_encryption_configuration.clone();
    for rule in &mut configuration.rules {
        rule.bucket_key_enabled.get_or_insert(false);
    }
    let document = configs::document(&ctx, &configuration)?;
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let [rule] = configuration.rules.as_slice() else { return Err(malformed_xml()) };
            bucket.encryption = encryption(rule)?;
            bucket.encryption_configured = true;
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            configs::put(tx, &bucket, Kind::Encryption, "", &document)?;
            Ok(PutBucketEncryptionOutput::default())
        })
        .await
}

/// What a rule means for new objects.
fn encryption(rule: &ServerSideEncryptionRule) -> Result<Encryption, AwsError> {
    let bucket_key = rule.bucket_key_enabled;
    let Some(default) = &rule.apply_server_side_encryption_by_default else {
        return Ok(Encryption { bucket_key, ..Encryption::default() });
    };
    let algorithm = default.sse_algorithm.as_str();
    if algorithm != "AES256" && !is_kms(algorithm) {
        return Err(malformed_xml());
    }
    if !is_kms(algorithm) && default.kms_master_key_id.is_some() {
        return Err(invalid_argument_name(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
            "ApplyServerSideEncryptionByDefault",
        ));
    }
    Ok(Encryption {
        algorithm: algorithm.to_owned(),
        kms_key_id: default.kms_master_key_id.clone(),
        context: None,
        bucket_key: bucket_key.filter(|_| is_kms(algorithm)),
    })
}

/// `GetBucketEncryption`
pub(crate) async fn get(
    ctx: Ctx,
    input: GetBucketEncryptionInput,
) -> Result<GetBucketEncryptionOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let found = configs::get(&ctx, &input.bucket, owner, Kind::Encryption)?;
    Ok(GetBucketEncryptionOutput { server_side_encryption_configuration: Some(found.unwrap_or_else(usual)) })
}

/// What S3 does when nothing is configured.
fn usual() -> ServerSideEncryptionConfiguration {
    ServerSideEncryptionConfiguration {
        rules: vec![ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                sse_algorithm: "AES256".to_owned(),
                kms_master_key_id: None,
            }),
            bucket_key_enabled: Some(false),
            blocked_encryption_types: None,
        }],
    }
}

/// `DeleteBucketEncryption`
pub(crate) async fn delete(
    ctx: Ctx,
    input: DeleteBucketEncryptionInput,
) -> Result<DeleteBucketEncryptionOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            bucket.encryption = Encryption::default();
            bucket.encryption_configured = false;
            tx.put(&BUCKETS, bucket.name.as_str(), &bucket)?;
            configs::remove(tx, &bucket.name, Kind::Encryption, "")?;
            Ok(DeleteBucketEncryptionOutput::default())
        })
        .await
}
