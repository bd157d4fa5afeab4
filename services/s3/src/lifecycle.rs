//! Lifecycle configurations: stored, checked, and shown as the expiration of objects.
use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use crate::state::{Bucket, StoredObject};
/// `x-amz-expiration` of an object.
pub(crate) fn expiration(_ctx: &Ctx, _bucket: &Bucket, _key: &str, _object: &StoredObject) -> Result<Option<String>, AwsError> { Ok(None) }
