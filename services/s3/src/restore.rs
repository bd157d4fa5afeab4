//! Archived objects: restoring them makes them readable for a while. Here it takes no time.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::schema::TimestampFormat;
use cloudtwin_smithy::{AwsError, Timestamp};

use crate::api::{RestoreObjectInput, RestoreObjectOutput, errors};
use crate::errors::malformed_xml;
use crate::notification::events::{Event, Notifier};
use crate::state::StoredObject;
use crate::versions;

const DAY_SECONDS: i64 = 86_400;

/// `x-amz-restore` of an object that was restored.
pub(crate) fn header(object: &StoredObject) -> Option<String> {
    let until = object.restored_until?;
    Some(format!("ongoing-request=\"false\", expiry-date=\"{}\"", until.format(TimestampFormat::HttpDate)))
}

/// `RestoreObject`
pub(crate) async fn restore_object(
    ctx: Ctx,
    input: RestoreObjectInput,
) -> Result<RestoreObjectOutput, AwsError> {
    let now = ctx.now();
    let posted = Notifier::prepare(&ctx, &input.bucket, &input.key)?;
    let completed = Notifier::prepare(&ctx, &input.bucket, &input.key)?;
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, input.expected_bucket_owner.as_deref())?;
            let (place, mut object) =
                versions::read(tx, &bucket, &input.key, input.version_id.as_deref(), "POST")?;
            if !object.is_archived() {
                return Err(errors::INVALID_OBJECT_STATE
                    .with("Restore is not allowed for the object's current storage class")
                    .field("StorageClass", object.storage_class));
            }
            let days =
                input.restore_request.as_ref().and_then(|request| request.days).ok_or_else(malformed_xml)?;
            // Until the midnight after so many days.
            let until = (now.seconds + (i64::from(days) + 1) * DAY_SECONDS) / DAY_SECONDS * DAY_SECONDS;
            let again = object.restored_until.replace(Timestamp::from_seconds(until)).is_some();
            versions::update(tx, &bucket.name, &input.key, place, &object)?;
            posted.emit(tx, Event::RestorePost, &object)?;
            completed.emit(tx, Event::RestoreCompleted, &object)?;
            Ok(RestoreObjectOutput { status_code: Some(if again { 200 } else { 202 }), ..Default::default() })
        })
        .await
}
