//! What an engine has to offer, and nothing more: consistent views, and serialisable transactions that end
//! with one atomic set of writes.
//!
//! Keys are flat byte strings whose first two bytes are a table's number; no scan crosses tables. An embedded
//! engine keeps one ordered map. An SQL engine keeps `kv(tbl, key, value)`, where `tbl` is those two bytes:
//! [`Backend::snapshot`] is a `REPEATABLE READ READ ONLY` transaction, [`Backend::begin`] a `SERIALIZABLE` one,
//! and a serialisation failure in [`Transaction::commit`] (or in a read) is [`StoreError::Conflict`], upon which
//! the closure is run again. Reads of a transaction's own writes, indexes, blobs and tables are all done above
//! this trait.

pub(crate) mod disk;
pub(crate) mod memory;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;

use crate::StoreError;

/// One transaction's writes in key order: `None` deletes.
pub(crate) type WriteSet = BTreeMap<Bytes, Option<Bytes>>;

/// Rows in key order, or against it.
pub(crate) type Scan<'a> = Box<dyn Iterator<Item = Result<(Bytes, Bytes), StoreError>> + 'a>;

/// A storage engine.
pub(crate) trait Backend: Send + Sync {
    /// A view of everything committed so far, which later commits do not change.
    fn snapshot(&self) -> Result<Arc<dyn Reader>, StoreError>;

    /// Starts a transaction. An embedded engine lets one run at a time and so never conflicts.
    fn begin(&self) -> Result<Box<dyn Transaction + '_>, StoreError>;

    /// When commits come faster than they can be kept, something to wait for before a transaction is begun;
    /// whoever does not wait may be made to in [`Transaction::commit`].
    fn congestion(&self) -> Option<&Notify>;

    /// Makes every finished commit survive a power failure.
    fn sync(&self) -> Result<(), StoreError>;
}

/// A consistent view.
pub(crate) trait Reader: Send + Sync {
    /// The value of one key.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The rows with `start <= key < end`, lazily.
    fn scan(&self, start: &[u8], end: &[u8], reverse: bool) -> Scan<'_>;
}

/// A transaction under way; dropping it rolls back.
pub(crate) trait Transaction {
    /// What the transaction sees, without its own writes.
    fn reader(&self) -> &dyn Reader;

    /// Applies all writes, or none. When it returns, the data has been handed to the operating system, so
    /// that it survives the end of this process.
    fn commit(self: Box<Self>, writes: WriteSet) -> Result<(), StoreError>;
}
