//! How many rows hold each blob; counted in the transaction that writes the rows.

use serde::{Deserialize, Serialize};

use crate::blobs::{BlobRef, HASH_LEN};
use crate::db::DbInner;
use crate::scan::Source;
use crate::tx::{Home, ReadTx, Tx};
use crate::{StoreError, Table};

/// The table of references, which also says which blobs a saved state needs.
pub(crate) const BLOBS: Table<BlobCount, [u8; HASH_LEN]> = Table::global("store/blobs");

/// One blob's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobCount {
    /// The blob's length in bytes.
    pub(crate) len: u64,
    /// How often rows hold it.
    pub(crate) count: u64,
}

/// Whether any row holds a blob.
pub(crate) fn is_held(db: &DbInner, hash: &[u8; HASH_LEN]) -> Result<bool, StoreError> {
    let reader = db.backend.snapshot()?;
    let source = Source { db, reader: &*reader, pending: None, outdated: None };
    ReadTx::new(source, Home::new("", "")).contains(&BLOBS, hash)
}

/// Counts the difference between the blobs that a row held and those that it holds now.
pub(crate) fn change(tx: &mut Tx<'_>, old: &[BlobRef], new: &[BlobRef]) -> Result<(), StoreError> {
    for blob in new {
        link(tx, blob)?;
    }
    for blob in old {
        unlink(tx, blob)?;
    }
    Ok(())
}

fn link(tx: &mut Tx<'_>, blob: &BlobRef) -> Result<(), StoreError> {
    let count = match tx.get(&BLOBS, blob.hash())? {
        Some(row) => row.count.saturating_add(1),
        // Bytes that no row holds may be swept at any moment, unless whoever stored them still pins them, or
        // this very transaction takes them from another row.
        None if tx.blob_relinked(blob) || tx.source().db.blobs.is_pinned(blob) => 1,
        None => return Err(StoreError::BlobMissing { hash: blob.to_string() }),
    };
    tx.put(&BLOBS, blob.hash(), &BlobCount { len: blob.len(), count })
}

fn unlink(tx: &mut Tx<'_>, blob: &BlobRef) -> Result<(), StoreError> {
    match tx.get(&BLOBS, blob.hash())? {
        Some(BlobCount { len, count }) if count > 1 => {
            tx.put(&BLOBS, blob.hash(), &BlobCount { len, count: count - 1 })
        }
        Some(_) => {
            tx.delete(&BLOBS, blob.hash())?;
            tx.blob_unlinked(blob.clone());
            Ok(())
        }
        None => Ok(()),
    }
}
