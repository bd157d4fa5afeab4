//! Objects that are not there: who may not list a bucket does not learn that.
//!
//! [GetObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html), "Permissions": without
//! `s3:ListBucket` the answer for an object that does not exist is 403.

use cloudtwin_core::Ctx;
use cloudtwin_core::authorize::Access;
use cloudtwin_smithy::AwsError;

/// `result`, unless it tells that an object of `bucket` is missing to somebody who may not know.
///
/// # Errors
/// That of `result`, or the refusal of `s3:ListBucket` in its place.
pub(crate) async fn hide<T>(ctx: &Ctx, bucket: &str, result: Result<T, AwsError>) -> Result<T, AwsError> {
    match result {
        Err(error) if error.code() == "NoSuchKey" => {
            let mut access = Access::new("s3:ListBucket", format!("arn:aws:s3:::{bucket}"));
            access.dependent = true;
            ctx.authorize(&access).await?;
            Err(error)
        }
        result => result,
    }
}
