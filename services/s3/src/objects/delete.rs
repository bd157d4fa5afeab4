//! Deletions.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::Tx;

use crate::api::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, Error,
    ObjectIdentifier,
};
use crate::conditions;
use crate::errors::{malformed_xml, no_such_version, not_implemented, precondition_failed};
use crate::notification::events::{Event, Notifier};
use crate::object_lock;
use crate::state::{Bucket, OBJECTS, Versioning};
use crate::versions::{self, Deletion, Made};

/// The most keys in one request.
const MAX_KEYS: usize = 1000;

/// The deletion of one key or version.
struct Removal<'a> {
    key: &'a str,
    version_id: Option<&'a str>,
    if_match: Option<&'a str>,
    bypass: bool,
    now: Timestamp,
    made: Made,
}

impl Removal<'_> {
    /// Does it; `None` when the version that was named does not exist.
    fn run(
        &self,
        tx: &mut Tx<'_>,
        bucket: &Bucket,
        notifier: &Notifier,
    ) -> Result<Option<Deletion>, AwsError> {
        let Some(version_id) = self.version_id else {
            let current = tx.get(&OBJECTS, (bucket.name.as_str(), self.key))?;
            if let Some(expected) = self.if_match {
                let visible = current.as_ref().filter(|current| !current.delete_marker);
                let Some(found) = visible else { return Err(crate::errors::no_such_key(self.key)) };
                if !conditions::matches(expected, &found.etag) {
                    return Err(precondition_failed("If-Match"));
                }
            }
            let deletion = versions::delete_current(tx, bucket, self.key, current, self.made)?;
            match (&deletion.marker, &deletion.removed) {
                (Some(marker), _) => notifier.emit(tx, Event::DeleteMarkerCreated, marker)?,
                (None, Some(removed)) => notifier.emit(tx, Event::Delete, removed)?,
                (None, None) => {}
            }
            return Ok(Some(deletion));
        };
        let Some((place, object)) = versions::locate(tx, &bucket.name, self.key, Some(version_id))? else {
            return Ok(None);
        };
        if let Some(expected) = self.if_match
            && !conditions::matches(expected, &object.etag)
        {
            return Err(precondition_failed("If-Match"));
        }
        object_lock::check_deletion(&object, self.bypass, self.now)?;
        versions::delete_version(tx, &bucket.name, self.key, place, &object)?;
        notifier.emit(tx, Event::Delete, &object)?;
        Ok(Some(Deletion { removed: Some(object), marker: None }))
    }
}

/// `DeleteObject`
pub(crate) async fn delete_object(
    ctx: Ctx,
    input: DeleteObjectInput,
) -> Result<DeleteObjectOutput, AwsError> {
    if input.if_match_last_modified_time.is_some() {
        return Err(not_implemented("x-amz-if-match-last-modified-time"));
    }
    if input.if_match_size.is_some() {
        return Err(not_implemented("x-amz-if-match-size"));
    }
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = ctx.db().read(|tx| versions::bucket(tx, &input.bucket, owner))?;
    let notifier = Notifier::of(&ctx, &bucket, &input.key)?;
    let removal = Removal {
        key: &input.key,
        version_id: input.version_id.as_deref(),
        if_match: input.if_match.as_deref(),
        bypass: input.bypass_governance_retention == Some(true),
        now: ctx.now(),
        made: Made::now(&ctx),
    };
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, owner)?;
            object_lock::check_bypass(&bucket, input.bypass_governance_retention)?;
            versions::check_id(removal.version_id)?;
            let Some(deletion) = removal.run(tx, &bucket, &notifier)? else {
                // What is gone already is gone.
                return Ok(DeleteObjectOutput { version_id: input.version_id.clone(), ..Default::default() });
            };
            Ok(match (&deletion.marker, &deletion.removed, &input.version_id) {
                (Some(marker), _, _) => DeleteObjectOutput {
                    delete_marker: Some(true),
                    version_id: Some(marker.id().to_owned()),
                    ..Default::default()
                },
                (None, Some(removed), Some(_)) if bucket.versioning != Versioning::Never => {
                    DeleteObjectOutput {
                        delete_marker: removed.delete_marker.then_some(true),
                        version_id: Some(removed.id().to_owned()),
                        ..Default::default()
                    }
                }
                _ => DeleteObjectOutput::default(),
            })
        })
        .await
}

/// `DeleteObjects`
pub(crate) async fn delete_objects(
    ctx: Ctx,
    input: DeleteObjectsInput,
) -> Result<DeleteObjectsOutput, AwsError> {
    let owner = input.expected_bucket_owner.as_deref();
    let bucket = ctx.db().read(|tx| versions::bucket(tx, &input.bucket, owner))?;
    let identifiers = &input.delete.objects;
    if identifiers.is_empty() || identifiers.len() > MAX_KEYS {
        return Err(malformed_xml());
    }
    let now = ctx.now();
    let removals: Vec<(Removal<'_>, Notifier)> = identifiers
        .iter()
        .map(|identifier| {
            let removal = Removal {
                key: &identifier.key,
                version_id: identifier.version_id.as_deref().filter(|id| !id.is_empty()),
                if_match: identifier.e_tag.as_deref(),
                bypass: input.bypass_governance_retention == Some(true),
                now,
                made: Made::now(&ctx),
            };
            Ok((removal, Notifier::of(&ctx, &bucket, &identifier.key)?))
        })
        .collect::<Result<_, AwsError>>()?;
    // Who may not delete one key may still delete the others.
    let denied: Vec<Option<AwsError>> =
        (0..identifiers.len()).map(|index| ctx.denied_element(index)).collect();
    let quiet = input.delete.quiet == Some(true);
    ctx.db()
        .write(|tx| {
            let bucket = versions::bucket(tx, &input.bucket, owner)?;
            object_lock::check_bypass(&bucket, input.bypass_governance_retention)?;
            let (mut deleted, mut failed) = (Vec::new(), Vec::new());
            for (((removal, notifier), identifier), denied) in removals.iter().zip(identifiers).zip(&denied) {
                if let Some(error) = denied {
                    failed.push(failure(identifier, error));
                    continue;
                }
                let result = versions::check_id(removal.version_id)
                    .map_err(|_| no_such_version(removal.key, removal.version_id.unwrap_or_default()))
                    .and_then(|()| removal.run(tx, &bucket, notifier));
                match result {
                    Ok(Some(deletion)) if !quiet => deleted.push(entry(&bucket, identifier, &deletion)),
                    Ok(Some(_)) => {}
                    Ok(None) => failed.push(failure(
                        identifier,
                        &no_such_version(removal.key, removal.version_id.unwrap_or_default()),
                    )),
                    Err(error) if error.status() >= 500 && error.code() != "NotImplemented" => {
                        return Err(error);
                    }
                    Err(error) => failed.push(failure(identifier, &error)),
                }
            }
            Ok(DeleteObjectsOutput {
                deleted: (!deleted.is_empty()).then_some(deleted),
                errors: (!failed.is_empty()).then_some(failed),
                request_charged: None,
            })
        })
        .await
}

fn entry(bucket: &Bucket, identifier: &ObjectIdentifier, deletion: &Deletion) -> DeletedObject {
    let marker = match (&deletion.marker, &deletion.removed) {
        (Some(marker), _) => Some(marker),
        (None, Some(removed)) if removed.delete_marker => Some(removed),
        _ => None,
    };
    DeletedObject {
        key: Some(identifier.key.clone()),
        version_id: identifier.version_id.clone().filter(|_| bucket.versioning != Versioning::Never),
        delete_marker: marker.map(|_| true),
        delete_marker_version_id: marker.map(|marker| marker.id().to_owned()),
    }
}

fn failure(identifier: &ObjectIdentifier, error: &AwsError) -> Error {
    Error {
        key: Some(identifier.key.clone()),
        version_id: identifier.version_id.clone(),
        code: Some(error.code().to_owned()),
        message: Some(error.message().to_owned()),
    }
}
