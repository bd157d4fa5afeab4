//! Static websites.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    DeleteBucketWebsiteInput, DeleteBucketWebsiteOutput, GetBucketWebsiteInput, GetBucketWebsiteOutput,
    PutBucketWebsiteInput, PutBucketWebsiteOutput, WebsiteConfiguration, errors,
};
use crate::errors::{invalid_argument, invalid_request, malformed_xml};
use crate::versions;

/// `PutBucketWebsite`
pub(crate) async fn put(ctx: Ctx, input: PutBucketWebsiteInput) -> Result<PutBucketWebsiteOutput, AwsError> {
    let document = configs::document(&ctx, &input.website_configuration)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            check(&input.website_configuration)?;
            configs::put(tx, &bucket, Kind::Website, "", &document)?;
            Ok(PutBucketWebsiteOutput::default())
        })
        .await
}

fn check(website: &WebsiteConfiguration) -> Result<(), AwsError> {
    if let Some(redirect) = &website.redirect_all_requests_to {
        if website.index_document.is_some()
            || website.error_document.is_some()
            || website.routing_rules.is_some()
        {
            return Err(invalid_argument(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                "RedirectAllRequestsTo",
                "not null",
            ));
        }
        return check_protocol(redirect.protocol.as_deref());
    }
    let Some(index) = &website.index_document else {
        return Err(invalid_argument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            "IndexDocument",
            "null",
        ));
    };
    if index.suffix.is_empty() || index.suffix.contains('/') {
        return Err(invalid_argument(
            "The IndexDocument Suffix is not well formed",
            "IndexDocument",
            &index.suffix,
        ));
    }
    let Some(rules) = &website.routing_rules else { return Ok(()) };
    if rules.is_empty() || rules.len() > 50 {
        return Err(malformed_xml());
    }
    for rule in rules {
        check_protocol(rule.redirect.protocol.as_deref())?;
        if rule.redirect.replace_key_prefix_with.is_some() && rule.redirect.replace_key_with.is_some() {
            return Err(invalid_request("You can only define ReplaceKeyPrefix or ReplaceKey but not both."));
        }
        if rule.condition.as_ref().is_some_and(|condition| {
            condition.http_error_code_returned_equals.is_none() && condition.key_prefix_equals.is_none()
        }) {
            return Err(invalid_request(
                "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
            ));
        }
    }
    Ok(())
}

fn check_protocol(protocol: Option<&str>) -> Result<(), AwsError> {
    match protocol {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(invalid_request(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
        )),
    }
}

/// `GetBucketWebsite`
pub(crate) async fn get(ctx: Ctx, input: GetBucketWebsiteInput) -> Result<GetBucketWebsiteOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let found: Option<WebsiteConfiguration> = configs::get(&ctx, &input.bucket, owner, Kind::Website)?;
    let found = found.ok_or_else(|| {
        errors::NO_SUCH_WEBSITE_CONFIGURATION
            .with("The specified bucket does not have a website configuration")
            .field("BucketName", input.bucket.as_str())
    })?;
    Ok(GetBucketWebsiteOutput {
        redirect_all_requests_to: found.redirect_all_requests_to,
        index_document: found.index_document,
        error_document: found.error_document,
        routing_rules: found.routing_rules,
    })
}

/// `DeleteBucketWebsite`
pub(crate) async fn delete(
    ctx: Ctx,
    input: DeleteBucketWebsiteInput,
) -> Result<DeleteBucketWebsiteOutput, AwsError> {
    configs::delete(&ctx, &input.bucket, input.expected_bucket_owner.as_deref(), Kind::Website).await?;
    Ok(DeleteBucketWebsiteOutput::default())
}
