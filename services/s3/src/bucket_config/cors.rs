//! Rules for requests from web pages: kept here, applied by `cross_origin`.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    CORSConfiguration, DeleteBucketCorsInput, DeleteBucketCorsOutput, GetBucketCorsInput,
    GetBucketCorsOutput, PutBucketCorsInput, PutBucketCorsOutput, errors,
};
use crate::cross_origin::METHODS;
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
        if let Some(method) = rule.allowed_methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
            return Err(invalid_request(format!(
                "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            )));
        }
        let crowded = |text: &&String| text.matches('*').count() > 1;
        if let Some(origin) = rule.allowed_origins.iter().find(crowded) {
            return Err(one_wildcard("AllowedOrigin", origin));
        }
        if let Some(header) = rule.allowed_headers.iter().flatten().find(crowded) {
            return Err(one_wildcard("AllowedHeader", header));
        }
        if let Some(header) = rule.expose_headers.iter().flatten().find(|header| header.contains('*')) {
            return Err(invalid_request(format!(
                "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
            )));
        }
    }
    Ok(())
}

fn one_wildcard(element: &str, text: &str) -> AwsError {
    invalid_request(format!("{element} \"{text}\" can not have more than one wildcard."))
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
