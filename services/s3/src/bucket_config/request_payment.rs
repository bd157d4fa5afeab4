//! Who pays for requests.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use super::configs::{self, Kind};
use crate::api::{
    GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput, PutBucketRequestPaymentInput,
    PutBucketRequestPaymentOutput, RequestPaymentConfiguration,
};
use crate::errors::malformed_xml;
use crate::versions;

/// `PutBucketRequestPayment`
pub(crate) async fn put(
    ctx: Ctx,
    input: PutBucketRequestPaymentInput,
) -> Result<PutBucketRequestPaymentOutput, AwsError> {
    let document = configs::document(&ctx, &input.request_payment_configuration)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            if !matches!(input.request_payment_configuration.payer.as_str(), "BucketOwner" | "Requester") {
                return Err(malformed_xml());
            }
            configs::put(tx, &bucket, Kind::RequestPayment, "", &document)?;
            Ok(PutBucketRequestPaymentOutput::default())
        })
        .await
}

/// `GetBucketRequestPayment`
pub(crate) async fn get(
    ctx: Ctx,
    input: GetBucketRequestPaymentInput,
) -> Result<GetBucketRequestPaymentOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let found: Option<RequestPaymentConfiguration> =
        configs::get(&ctx, &input.bucket, owner, Kind::RequestPayment)?;
    let payer = found.map_or_else(|| "BucketOwner".to_owned(), |found| found.payer);
    Ok(GetBucketRequestPaymentOutput { payer: Some(payer) })
}
