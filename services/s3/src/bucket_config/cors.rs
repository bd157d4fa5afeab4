//! Rules for requests from web pages.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    CORSConfiguration, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput,
    GetBucketCorsOutput, PutBucketCorsInput, PutBucketCorsOutput, errors,
};
use crate::errors::{invalid_request, malformed_xml};
use crate::versions;

const MAX_RULES: usize = 100;

/// `PutBucketCors`
pub(crate) async fn put(ctx: Ctx, input: PutBucketCorsInput) -> Result<PutBucketCorsOutput, AwsError> {
    let document = configs::document(&ctx, &input.cors_configuration)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            check(&input.cors_configuration)?;
            configs::put(tx, &bucket, Kind::Cors, "", &document)?;
            Ok(PutBucketCorsOutput::default())
        })
        .await
}

fn check(configuration: &CORSConfiguration) -> Result<(), AwsError> {
    let rules = &configuration.cors_rules;
    if rules.is_empty() || rules.len() > MAX_RULES {
        return Err(malformed_xml());
    }
    for rule in rules {
        if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
            return Err(malformed_xml());
        }
        let known = ["GET", "PUT", "HEAD", "POST", "DELETE"];
        if let Some(method) = rule.allowed_methods.iter().find(|method| !known.contains(&method.as_str())) {
            return Err(invalid_request(format!(
                "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            )));
        }
    }
    Ok(())
}

/// `GetBucketCors`
pub(crate) async fn get(ctx: Ctx, input: GetBucketCorsInput) -> Result<GetBucketCorsOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let found: Option<CORSConfiguration> = configs::get(&ctx, &input.bucket, owner, Kind::Cors)?;
    let found = found.ok_or_else(|| {
        errors::NO_SUCH_CORS_CONFIGURATION
            .with("The CORS configuration does not exist")
            .field("BucketName", input.bucket.as_str())
    })?;
    Ok(GetBucketCorsOutput { cors_rules: Some(found.cors_rules) })
}

/// `DeleteBucketCors`
pub(crate) async fn delete(
    ctx: Ctx,
    input: DeleteBucketCorsInput,
) -> Result<DeleteBucketCorsOutput, AwsError> {
    configs::delete(&ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Kind::Cors).await?;
    Ok(DeleteBucketCorsOutput::default())
}
