//! Multipart uploads.

pub(crate) mod abort;
pub(crate) mod complete;
pub(crate) mod create;
pub(crate) mod list_parts;
pub(crate) mod list_uploads;
pub(crate) mod part_copy;
pub(crate) mod parts;

use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::errors::{invalid_argument, no_such_upload};
use crate::state::{PARTS, UPLOADS, Upload};

/// The highest part number.
const MAX_PART: i32 = 10_000;

/// Removes an upload and its parts.
///
/// # Errors
/// What the store reports.
pub(crate) fn forget(tx: &mut Tx<'_>, bucket: &str, key: &str, upload_id: &str) -> Result<(), StoreError> {
    let parts: Vec<_> = tx.prefix(&PARTS, (upload_id,))?.keys().collect::<Result<_, _>>()?;
    for (upload_id, number) in parts {
        tx.delete(&PARTS, (upload_id.as_str(), number))?;
    }
    tx.delete(&UPLOADS, (bucket, key, upload_id))
}

/// The upload that a request names.
///
/// # Errors
/// `NoSuchUpload`; what the store reports.
fn find(tx: &ReadTx<'_>, bucket: &str, key: &str, upload_id: &str) -> Result<Upload, AwsError> {
    tx.get(&UPLOADS, (bucket, key, upload_id))?.ok_or_else(|| no_such_upload(upload_id))
}

/// The number of a part that is uploaded.
///
/// # Errors
/// `InvalidArgument`.
fn part_number(number: i32) -> Result<u32, AwsError> {
    u32::try_from(number).ok().filter(|_| (1..=MAX_PART).contains(&number)).ok_or_else(|| {
        invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive",
            "partNumber",
            &number.to_string(),
        )
    })
}
