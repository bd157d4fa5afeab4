//! Configurations as rows: the shape of the API, as a document.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::codec::document::{DocumentReader, to_document};
use cloudtwin_smithy::shape::{DecodeReport, ReadShape, Shape};
use cloudtwin_smithy::{AwsError, Document};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::state::{Bucket, CONFIGS};
use crate::versions;

/// What kinds of configurations there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Accelerate,
    Analytics,
    Cors,
    Encryption,
    IntelligentTiering,
    Inventory,
    Lifecycle,
    Logging,
    Metrics,
    Notification,
    Policy,
    PublicAccessBlock,
    Replication,
    RequestPayment,
    Tagging,
    Website,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Accelerate => "accelerate",
            Self::Analytics => "analytics",
            Self::Cors => "cors",
            Self::Encryption => "encryption",
            Self::IntelligentTiering => "intelligent-tiering",
            Self::Inventory => "inventory",
            Self::Lifecycle => "lifecycle",
            Self::Logging => "logging",
            Self::Metrics => "metrics",
            Self::Notification => "notification",
            Self::Policy => "policy",
            Self::PublicAccessBlock => "public-access-block",
            Self::Replication => "replication",
            Self::RequestPayment => "request-payment",
            Self::Tagging => "tagging",
            Self::Website => "website",
        }
    }
}

/// A shape as it is stored.
///
/// # Errors
/// An internal failure, which generated shapes do not cause.
pub(crate) fn document(ctx: &Ctx, shape: &dyn Shape) -> Result<Document, AwsError> {
    to_document(shape).map_err(|error| ctx.internal_error(&error))
}

/// A stored shape.
///
/// # Errors
/// An internal failure when the row is of another shape.
pub(crate) fn shape<T: ReadShape>(ctx: &Ctx, document: &Document) -> Result<T, AwsError> {
    let mut report = DecodeReport::default();
    T::read_shape(&mut DocumentReader::new(document, &mut report)).map_err(|error| ctx.internal_error(&error))
}

/// Writes a configuration of a bucket.
///
/// # Errors
/// What the store reports.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    bucket: &Bucket,
    kind: Kind,
    id: &str,
    document: &Document,
) -> Result<(), StoreError> {
    tx.put(&CONFIGS, (bucket.name.as_str(), kind.name(), id), document)
}

/// Reads a configuration of a bucket, within a transaction.
///
/// # Errors
/// What the store reports.
pub(crate) fn read(
    tx: &ReadTx<'_>,
    bucket: &str,
    kind: Kind,
    id: &str,
) -> Result<Option<Document>, StoreError> {
    tx.get(&CONFIGS, (bucket, kind.name(), id))
}

/// Reads the only configuration of a kind.
///
/// # Errors
/// `NoSuchBucket`, `AccessDenied`; what the store reports.
pub(crate) fn get<T: ReadShape>(
    ctx: &Ctx,
    bucket: &str,
    expected_owner: Option<&str>,
    kind: Kind,
) -> Result<Option<T>, AwsError> {
    get_by_id(ctx, bucket, expected_owner, kind, "")
}

/// Reads one of several configurations of a kind.
///
/// # Errors
/// As [`get`].
pub(crate) fn get_by_id<T: ReadShape>(
    ctx: &Ctx,
    bucket: &str,
    expected_owner: Option<&str>,
    kind: Kind,
    id: &str,
) -> Result<Option<T>, AwsError> {
    let found = ctx.db().read::<_, AwsError, _>(|tx| {
        versions::bucket(tx, bucket, expected_owner)?;
        Ok(read(tx, bucket, kind, id)?)
    })?;
    found.map(|document| shape(ctx, &document)).transpose()
}

/// Removes the only configuration of a kind; there need not be one.
///
/// # Errors
/// As [`get`].
pub(crate) async fn delete(
    ctx: &Ctx,
    bucket: &str,
    expected_owner: Option<&str>,
    kind: Kind,
) -> Result<(), AwsError> {
    delete_by_id(ctx, bucket, expected_owner, kind, "").await.map(drop)
}

/// Removes one of several configurations of a kind; says whether there was one.
///
/// # Errors
/// As [`get`].
pub(crate) async fn delete_by_id(
    ctx: &Ctx,
    bucket: &str,
    expected_owner: Option<&str>,
    kind: Kind,
    id: &str,
) -> Result<bool, AwsError> {
    ctx.db()
        .write(|tx| {
            versions::bucket(tx, bucket, expected_owner)?;
            Ok(tx.take(&CONFIGS, (bucket, kind.name(), id))?.is_some())
        })
        .await
}

/// All configurations of a kind, by id, from the one after `after` on, and at most `limit`.
///
/// # Errors
/// As [`get`].
pub(crate) fn list<T: ReadShape>(
    ctx: &Ctx,
    bucket: &str,
    expected_owner: Option<&str>,
    kind: Kind,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, T)>, AwsError> {
    let found = ctx.db().read::<_, AwsError, _>(|tx| {
        versions::bucket(tx, bucket, expected_owner)?;
        let mut rows = tx.prefix(&CONFIGS, (bucket, kind.name()))?;
        if let Some(after) = after {
            rows = rows.after((bucket, kind.name(), after));
        }
        Ok(rows.take(limit).collect::<Result<Vec<_>, _>>()?)
    })?;
    found.into_iter().map(|((_, _, id), document)| Ok((id, shape(ctx, &document)?))).collect()
}

/// Removes a configuration within a transaction; there need not be one.
///
/// # Errors
/// What the store reports.
pub(crate) fn remove(tx: &mut Tx<'_>, bucket: &str, kind: Kind, id: &str) -> Result<(), StoreError> {
    tx.delete(&CONFIGS, (bucket, kind.name(), id))
}

/// Removes everything that is configured on a bucket.
///
/// # Errors
/// What the store reports.
pub(crate) fn delete_all(tx: &mut Tx<'_>, bucket: &str) -> Result<(), StoreError> {
    let keys: Vec<_> = tx.prefix(&CONFIGS, (bucket,))?.keys().collect::<Result<_, _>>()?;
    for (bucket, kind, id) in keys {
        tx.delete(&CONFIGS, (bucket.as_str(), kind.as_str(), id.as_str()))?;
    }
    Ok(())
}
