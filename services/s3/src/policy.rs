//! Bucket policies: checked as documents here, evaluated elsewhere.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Document};
use serde_json::Value;

use crate::api::{
    DeleteBucketPolicyInput, DeleteBucketPolicyOutput, GetBucketPolicyInput, GetBucketPolicyOutput,
    GetBucketPolicyStatusInput, GetBucketPolicyStatusOutput, PolicyStatus, PutBucketPolicyInput,
    PutBucketPolicyOutput, errors,
};
use crate::bucket_config::configs::{self, Kind};
use crate::public_policy::{is_public, texts};
use crate::versions;

/// The longest policy, in bytes.
const MAX_POLICY: usize = 20 * 1024;

fn malformed(message: impl Into<String>) -> AwsError {
    errors::MALFORMED_POLICY.with(message)
}

/// `PutBucketPolicy`
pub(crate) async fn put_bucket_policy(
    ctx: Ctx,
    input: PutBucketPolicyInput,
) -> Result<PutBucketPolicyOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            check(&input.policy, &bucket.name)?;
            let document = Document::String(input.policy.clone());
            configs::put(tx, &bucket, Kind::Policy, "", &document)?;
            Ok(PutBucketPolicyOutput::default())
        })
        .await
}

/// Checks the form of a policy, and that it is about `bucket`.
fn check(text: &str, bucket: &str) -> Result<(), AwsError> {
    if text.len() > MAX_POLICY {
        return Err(malformed("Normalized policy document exceeds the maximum allowed size of 20480 bytes."));
    }
    let not_json = || malformed("Policies must be valid JSON and the first byte must be '{'");
    let policy: Value = serde_json::from_str(text).map_err(|_| not_json())?;
    if !text.starts_with('{') {
        return Err(not_json());
    }
    let statements = match policy.get("Statement") {
        None => return Err(malformed("Missing required field Statement")),
        Some(Value::Array(statements)) if statements.is_empty() => {
            return Err(malformed("Could not parse the policy: Statement is empty!"));
        }
        Some(Value::Array(statements)) => statements.as_slice(),
        Some(statement) => std::slice::from_ref(statement),
    };
    let has = |statement: &Value, name: &str, other: &str| {
        statement.get(name).is_some() || statement.get(other).is_some()
    };
    for statement in statements {
        match statement.get("Effect").and_then(Value::as_str) {
            None => return Err(malformed("Missing required field Effect")),
            Some("Allow" | "Deny") => {}
            Some(other) => return Err(malformed(format!("Invalid effect: {other}"))),
        }
        if !has(statement, "Principal", "NotPrincipal") {
            return Err(malformed("Missing required field Principal"));
        }
        if !has(statement, "Action", "NotAction") {
            return Err(malformed("Missing required field Action"));
        }
        if !has(statement, "Resource", "NotResource") {
            return Err(malformed("Missing required field Resource"));
        }
        let resources = texts(statement.get("Resource").or_else(|| statement.get("NotResource")));
        if !resources.iter().all(|resource| is_about(resource, bucket)) {
            return Err(malformed("Policy has invalid resource"));
        }
    }
    Ok(())
}

/// Whether a resource names the bucket or something in it; variables and wildcards may stand for it.
fn is_about(resource: &str, bucket: &str) -> bool {
    let Some(name) = resource.strip_prefix("arn:").and_then(|rest| rest.splitn(5, ':').nth(4)) else {
        return false;
    };
    let name = name.split('/').next().unwrap_or_default();
    name == bucket || name.contains(['*', '?', '$'])
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
