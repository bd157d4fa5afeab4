//! Bucket policies: checked as documents here, evaluated elsewhere.

use cloudtwin_core::Ctx;
use cloudtwin_policy::{PolicyKind, ResourceService, validate};
use cloudtwin_smithy::{AwsError, Document};
use serde_json::Value;

use crate::api::{
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus, PutBucketPolicyInput,
    PutBucketPolicyOutput, errors,
};
use crate::bucket_config::configs::{self, Kind};
use crate::public_policy::is_public;
use crate::versions;

fn malformed(message: impl Into<String>) -> AwsError {
    errors::MALFORMED_POLICY.with(message)
}

/// `PutBucketPolicy`
pub(crate) async fn put_bucket_policy(
    ctx: Ctx,
    input: PutBucketPolicyInput,
) -> Result<PutBucketPolicyOutput, AwsError> {
    let missing = ctx.missing_principal(&input.policy)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            check(&input.policy, &bucket.name)?;
            if missing.is_some() {
                return Err(malformed("Invalid principal in policy"));
            }
            let document = Document::String(input.policy.clone());
            configs::put(tx, &bucket, Kind::Policy, "", &document)?;
            Ok(PutBucketPolicyOutput::default())
        })
        .await
}

/// Checks the form of a policy, and that it is about `bucket`.
fn check(text: &str, bucket: &str) -> Result<(), AwsError> {
    let kind = PolicyKind::Resource(ResourceService::S3 { bucket });
    validate(kind, text).map_err(|error| malformed(error.message()))
}

fn stored(ctx: &Ctx, bucket: &str, owner: Option<&str>) -> Result<String, AwsError> {
    ctx.db().read::<_, AwsError, _>(|tx| {
        versions::bucket(tx, bucket, owner)?;
        let found = configs::read(tx, bucket, Kind::Policy, "")?;
        found.as_ref().and_then(Document::as_str).map(str::to_owned).ok_or_else(|| {
            errors::NO_SUCH_BUCKET_POLICY.with("The bucket policy does not exist").field("BucketName", bucket)
        })
    })
}

/// `GetBucketPolicy`
pub(crate) async fn get_bucket_policy(
    ctx: Ctx,
    input: GetBucketPolicyInput,
) -> Result<GetBucketPolicyOutput, AwsError> {
    let policy = stored(&ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
    Ok(GetBucketPolicyOutput { policy: Some(policy) })
}

/// `DeleteBucketPolicy`
pub(crate) async fn delete_bucket_policy(
    ctx: Ctx,
    input: DeleteBucketPolicyInput,
) -> Result<DeleteBucketPolicyOutput, AwsError> {
    configs::delete(&ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Kind::Policy).await?;
    Ok(DeleteBucketPolicyOutput::default())
}

/// `GetBucketPolicyStatus`
pub(crate) async fn get_bucket_policy_status(
    ctx: Ctx,
    input: GetBucketPolicyStatusInput,
) -> Result<GetBucketPolicyStatusOutput, AwsError> {
    let policy = stored(&ctx, &input.bucket, input.expected_bucket_owner.as_deref())?;
    let policy: Value = serde_json::from_str(&policy).map_err(|error| ctx.internal_error(&error))?;
    let status = PolicyStatus { is_public: Some(is_public(&policy)) };
    Ok(GetBucketPolicyStatusOutput { policy_status: Some(status) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_refused_in_the_words_of_s3() {
        let refusal = |text: &str| check(text, "b").unwrap_err().message().to_owned();
        assert_eq!(refusal("invalid json"), "Policies must be valid JSON and the first byte must be '{'");
        assert_eq!(refusal(""), "Policies must be valid JSON and the first byte must be '{'");
        assert_eq!(refusal("{}"), "Missing required field Statement");
        let statement = |resource: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"{resource}"}}]}}"#
            )
        };
        assert!(check(&statement("arn:aws:s3:::b/*"), "b").is_ok());
        assert_eq!(refusal(&statement("arn:aws:s3:::other/*")), "Policy has invalid resource");
        assert!(is_public(&serde_json::from_str(&statement("arn:aws:s3:::b")).unwrap()));
    }
}
