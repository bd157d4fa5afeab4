//! The versions of a key: which one is current, how new ones come and old ones go.
//!
//! The current version (also a delete marker) is a row of [`OBJECTS`], older ones are rows of
//! [`VERSIONS`]. A key that has any version has a current one.

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::Alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use cloudtwin_smithy::schema::TimestampFormat;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};
use http::{HeaderName, HeaderValue};

use crate::errors;
use crate::state::{BUCKETS, Bucket, OBJECTS, StoredObject, VERSIONS, Versioning, age_key};

/// Where a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Current,
    /// Among the older ones, with this number.
    Older(u64),
}

/// The 64 characters of version ids, in ASCII's order.
const ID_CHARACTERS: &str = ".0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

fn engine() -> Option<GeneralPurpose> {
    Alphabet::new(ID_CHARACTERS).ok().map(|alphabet| GeneralPurpose::new(&alphabet, NO_PAD))
}

/// Encodes bytes in the characters of version ids, which keep the bytes' order.
pub(crate) fn encode_id(bytes: &[u8]) -> String {
    engine().map(|engine| engine.encode(bytes)).unwrap_or_default()
}

/// A version id of 32 characters from which its number can be read again.
fn version_id(seq: u64, entropy: u128) -> String {
    let mask = (entropy >> 64) as u64;
    let mut bytes = [0; 24];
    let (random, number) = bytes.split_at_mut(16);
    random.copy_from_slice(&entropy.to_be_bytes());
    number.copy_from_slice(&(seq ^ mask).to_be_bytes());
    encode_id(&bytes)
}

/// The number in a version id; `None` when it cannot be one.
pub(crate) fn seq_of(version_id: &str) -> Option<u64> {
    let bytes = engine()?.decode(version_id).ok()?;
    let (random, number) = bytes.split_at_checked(16)?;
    let mask = u64::from_be_bytes(random.get(..8)?.try_into().ok()?);
    Some(u64::from_be_bytes(number.try_into().ok()?) ^ mask)
}

/// The bucket `name`, whose owner must be `expected_owner` if that is given.
///
/// # Errors
/// `NoSuchBucket`; `AccessDenied` for another owner; what the store reports.
pub(crate) fn bucket(tx: &ReadTx<'_>, name: &str, expected_owner: Option<&str>) -> Result<Bucket, AwsError> {
    shared_bucket(tx, name, expected_owner).map(Arc::unwrap_or_clone)
}

/// As [`bucket`], for who only looks at it.
///
/// # Errors
/// As [`bucket`].
pub(crate) fn shared_bucket(
    tx: &ReadTx<'_>,
    name: &str,
    expected_owner: Option<&str>,
) -> Result<Arc<Bucket>, AwsError> {
    if let Some(expected) = expected_owner
        && (expected.len() != 12 || !expected.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return Err(AwsError::new(
            "InvalidBucketOwnerAWSAccountID",
            400,
            format!(
                "The value of the expected bucket owner parameter must be an AWS Account ID... [{expected}]"
            ),
        ));
    }
    let bucket = tx.get_shared(&BUCKETS, name)?.ok_or_else(|| errors::no_such_bucket(name))?;
    if expected_owner.is_some_and(|expected| expected != bucket.account) {
        return Err(errors::access_denied());
    }
    Ok(bucket)
}

/// Finds a version: the current one if none is named.
///
/// # Errors
/// What the store reports.
pub(crate) fn locate(
    tx: &ReadTx<'_>,
    bucket: &str,
    key: &str,
    version_id: Option<&str>,
) -> Result<Option<(Place, StoredObject)>, StoreError> {
    let Some(current) = tx.get(&OBJECTS, (bucket, key))? else { return Ok(None) };
    let seq = match version_id {
        None => return Ok(Some((Place::Current, current))),
        Some(id) if id == current.id() => return Ok(Some((Place::Current, current))),
        Some("null") => current.older_null,
        Some(id) => seq_of(id),
    };
    let Some(seq) = seq else { return Ok(None) };
    let older = tx.get(&VERSIONS, (bucket, key, age_key(seq)))?;
    let named = older.filter(|older| Some(older.id()) == version_id);
    Ok(named.map(|older| (Place::Older(seq), older)))
}

/// Refuses what cannot be a version id of this bucket.
///
/// # Errors
/// `InvalidArgument`.
pub(crate) fn check_id(version_id: Option<&str>) -> Result<(), AwsError> {
    match version_id {
        None | Some("null") => Ok(()),
        Some(id) if id.len() == 32 && seq_of(id).is_some() => Ok(()),
        Some(id) => Err(errors::invalid_argument("Invalid version id specified", "versionId", id)),
    }
}

/// The version that a request means, which must not be a delete marker. `method` is named in the
/// refusal of one.
///
/// # Errors
/// `NoSuchKey`, `NoSuchVersion`, `MethodNotAllowed`, `InvalidArgument`; what the store reports.
pub(crate) fn read(
    tx: &ReadTx<'_>,
    bucket: &Bucket,
    key: &str,
    version_id: Option<&str>,
    method: &str,
) -> Result<(Place, StoredObject), AwsError> {
    check_id(version_id)?;
    let found = locate(tx, &bucket.name, key, version_id)?;
    match (found, version_id) {
        (Some((place, object)), _) if !object.delete_marker => Ok((place, object)),
        (Some((_, marker)), None) => Err(with_marker(errors::no_such_key(key), &marker)),
        (Some((_, marker)), Some(_)) => {
            let mut error = with_marker(errors::method_not_allowed(method, "DeleteMarker"), &marker)
                .header(http::header::ALLOW, HeaderValue::from_static("DELETE"));
            if let Ok(modified) = HeaderValue::from_str(&marker.modified.format(TimestampFormat::HttpDate)) {
                error = error.header(http::header::LAST_MODIFIED, modified);
            }
            Err(error)
        }
        (None, None) => Err(errors::no_such_key(key)),
        (None, Some(id)) => Err(errors::no_such_version(key, id)),
    }
}

/// Adds the headers that tell of a delete marker.
fn with_marker(error: AwsError, marker: &StoredObject) -> AwsError {
    let error =
        error.header(HeaderName::from_static("x-amz-delete-marker"), HeaderValue::from_static("true"));
    match HeaderValue::from_str(marker.id()) {
        Ok(id) => error.header(HeaderName::from_static("x-amz-version-id"), id),
        Err(_) => error,
    }
}

/// Writes a version back where it was found.
///
/// # Errors
/// What the store reports.
pub(crate) fn update(
    tx: &mut Tx<'_>,
    bucket: &str,
    key: &str,
    place: Place,
    object: &StoredObject,
) -> Result<(), StoreError> {
    match place {
        Place::Current => tx.put(&OBJECTS, (bucket, key), object),
        Place::Older(seq) => tx.put(&VERSIONS, (bucket, key, age_key(seq)), object),
    }
}

/// Makes `object` the current version of `key`: its number and version id are given here, `current` is
/// what it supersedes.
///
/// # Errors
/// What the store reports.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    bucket: &Bucket,
    key: &str,
    current: Option<StoredObject>,
    mut object: StoredObject,
    made: Made,
) -> Result<StoredObject, StoreError> {
    let next = current.as_ref().map_or(0, |current| current.seq.saturating_add(1));
    object.seq = made.first_seq().max(next);
    object.older_null = None;
    object.version_id = None;
    match bucket.versioning {
        Versioning::Never => {}
        Versioning::Enabled => {
            object.version_id = Some(version_id(object.seq, made.entropy));
            if let Some(current) = current {
                object.older_null =
                    if current.version_id.is_none() { Some(current.seq) } else { current.older_null };
                retire(tx, bucket, key, current)?;
            }
        }
        Versioning::Suspended => {
            if let Some(current) = current
                && current.version_id.is_some()
            {
                if let Some(seq) = current.older_null {
                    tx.delete(&VERSIONS, (bucket.name.as_str(), key, age_key(seq)))?;
                }
                retire(tx, bucket, key, current)?;
            }
        }
    }
    tx.put(&OBJECTS, (bucket.name.as_str(), key), &object)?;
    Ok(object)
}

/// What a new version is made with, chosen before the transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    pub(crate) at: Timestamp,
    pub(crate) entropy: u128,
}

impl Made {
    /// Now, with a random id.
    pub(crate) fn now(ctx: &cloudtwin_core::Ctx) -> Self {
        Self { at: ctx.now(), entropy: ctx.random() }
    }

    /// The time as objects show it: whole seconds, as S3 keeps them.
    pub(crate) fn modified(self) -> Timestamp {
        Timestamp::from_seconds(self.at.seconds)
    }

    /// The number of a key's first version. Taken from the time, so that a key that was deleted does
    /// not get its old numbers again.
    fn first_seq(self) -> u64 {
        u64::try_from(self.at.as_millis()).unwrap_or_default() << 10
    }
}

fn retire(tx: &mut Tx<'_>, bucket: &Bucket, key: &str, mut old: StoredObject) -> Result<(), StoreError> {
    old.older_null = None;
    tx.put(&VERSIONS, (bucket.name.as_str(), key, age_key(old.seq)), &old)
}

/// What a deletion did.
#[derive(Debug, Default)]
pub(crate) struct Deletion {
    /// The version that is gone.
    pub(crate) removed: Option<StoredObject>,
    /// The delete marker that was put on top.
    pub(crate) marker: Option<StoredObject>,
}

/// Deletes a key without naming a version.
///
/// # Errors
/// What the store reports.
pub(crate) fn delete_current(
    tx: &mut Tx<'_>,
    bucket: &Bucket,
    key: &str,
    current: Option<StoredObject>,
    made: Made,
) -> Result<Deletion, StoreError> {
    if bucket.versioning == Versioning::Never {
        if current.is_some() {
            tx.delete(&OBJECTS, (bucket.name.as_str(), key))?;
        }
        return Ok(Deletion { removed: current, marker: None });
    }
    let marker = StoredObject { delete_marker: true, modified: made.modified(), ..StoredObject::default() };
    let marker = put(tx, bucket, key, current, marker, made)?;
    Ok(Deletion { removed: None, marker: Some(marker) })
}

/// Removes a version for good.
///
/// # Errors
/// What the store reports.
pub(crate) fn delete_version(
    tx: &mut Tx<'_>,
    bucket: &str,
    key: &str,
    place: Place,
    object: &StoredObject,
) -> Result<(), StoreError> {
    match place {
        Place::Older(seq) => {
            tx.delete(&VERSIONS, (bucket, key, age_key(seq)))?;
            if object.version_id.is_none()
                && let Some(mut current) = tx.get(&OBJECTS, (bucket, key))?
            {
                current.older_null = None;
                tx.put(&OBJECTS, (bucket, key), &current)?;
            }
            Ok(())
        }
        Place::Current => {
            let newest = tx.prefix(&VERSIONS, (bucket, key))?.next().transpose()?;
            match newest {
                None => tx.delete(&OBJECTS, (bucket, key)),
                Some((at, mut promoted)) => {
                    if promoted.version_id.is_some() {
                        promoted.older_null = object.older_null;
                    }
                    tx.delete(&VERSIONS, (at.0.as_str(), at.1.as_str(), at.2))?;
                    tx.put(&OBJECTS, (bucket, key), &promoted)
                }
            }
        }
    }
}

/// `x-amz-version-id` of answers that read a version.
pub(crate) fn read_header(bucket: &Bucket, object: &StoredObject) -> Option<String> {
    (bucket.versioning != Versioning::Never).then(|| object.id().to_owned())
}

/// `x-amz-version-id` of answers to uploads: only while versions are kept.
pub(crate) fn written_header(object: &StoredObject) -> Option<String> {
    object.version_id.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn version_ids_hide_their_number(seq: u64, entropy: u128) {
            let id = version_id(seq, entropy);
            prop_assert_eq!(id.len(), 32);
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte)));
            prop_assert_eq!(seq_of(&id), Some(seq));
        }

        #[test]
        fn ids_sort_like_their_bytes(one: [u8; 9], other: [u8; 9]) {
            prop_assert_eq!(encode_id(&one).cmp(&encode_id(&other)), one.cmp(&other));
        }
    }

    #[test]
    fn what_is_no_version_id_is_refused() {
        assert!(check_id(Some("null")).is_ok());
        assert!(check_id(Some("HPniJFCxqTsMuIH9KX8K8wEjNUgmABCD")).is_ok());
        assert!(check_id(Some("bad-version-id")).is_err());
        assert!(check_id(Some("")).is_err());
    }
}
