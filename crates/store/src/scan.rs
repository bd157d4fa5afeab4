//! Reading through a transaction's own writes: the engine's view with the pending writes laid over it.

use std::cell::{Cell, RefCell};
use std::iter::Peekable;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::StoreError;
use crate::backend::{Reader, Scan, WriteSet};
use crate::blobs::BlobRef;
use crate::db::DbInner;
use crate::registry::TableInfo;

/// What a write transaction has done so far.
#[derive(Default)]
pub(crate) struct Pending {
    pub(crate) writes: WriteSet,
    pub(crate) tables: Vec<Arc<TableInfo>>,
    pub(crate) hooks: Vec<Box<dyn FnOnce() + Send>>,
    pub(crate) unlinked: Vec<BlobRef>,
}

/// Where a transaction reads from.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) db: &'a DbInner,
    pub(crate) reader: &'a dyn Reader,
    pub(crate) pending: Option<&'a RefCell<Pending>>,
    /// Set when the closure has to start again with a new view: the engine reported a conflict, or a blob that
    /// the view shows has been removed meanwhile.
    pub(crate) outdated: Option<&'a Cell<bool>>,
}

impl<'a> Source<'a> {
    pub(crate) fn has_written(&self, key: &[u8]) -> bool {
        self.pending.is_some_and(|pending| pending.borrow().writes.contains_key(key))
    }

    /// Whether this transaction has given numbers to tables.
    pub(crate) fn has_made_tables(&self) -> bool {
        self.pending.is_some_and(|pending| !pending.borrow().tables.is_empty())
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        if let Some(pending) = self.pending
            && let Some(write) = pending.borrow().writes.get(key)
        {
            return Ok(write.clone());
        }
        let found = self.reader.get(key);
        if let (Err(StoreError::Conflict), Some(outdated)) = (&found, self.outdated) {
            outdated.set(true);
        }
        found
    }

    /// The rows with `start <= key < end`.
    pub(crate) fn scan(&self, start: &[u8], end: &[u8], reverse: bool) -> Merge<'a> {
        let pending = self.pending.filter(|pending| {
            start < end
                && pending
                    .borrow()
                    .writes
                    .range::<[u8], _>((Bound::Included(start), Bound::Excluded(end)))
                    .next()
                    .is_some()
        });
        let base = Base { rows: self.reader.scan(start, end, reverse), outdated: self.outdated };
        Merge {
            base: base.peekable(),
            pending,
            start: Bound::Included(Bytes::copy_from_slice(start)),
            end: Bound::Excluded(Bytes::copy_from_slice(end)),
            reverse,
        }
    }
}

/// A scan of the engine.
struct Base<'a> {
    rows: Scan<'a>,
    outdated: Option<&'a Cell<bool>>,
}

impl Iterator for Base<'_> {
    type Item = Result<(Bytes, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next();
        if let (Some(Err(StoreError::Conflict)), Some(outdated)) = (&row, self.outdated) {
            outdated.set(true);
        }
        row
    }
}

/// A scan of the engine merged with the pending writes. The pending map is searched anew for each step, so
/// that nothing stays borrowed between steps.
pub(crate) struct Merge<'a> {
    base: Peekable<Base<'a>>,
    pending: Option<&'a RefCell<Pending>>,
    start: Bound<Bytes>,
    end: Bound<Bytes>,
    reverse: bool,
}

impl Merge<'_> {
    /// The next pending write in the direction of the scan.
    fn next_pending(&self) -> Option<(Bytes, Option<Bytes>)> {
        let pending = self.pending?.borrow();
        let mut range = pending.writes.range::<Bytes, _>((self.start.as_ref(), self.end.as_ref()));
        let (key, write) = if self.reverse { range.next_back()? } else { range.next()? };
        Some((key.clone(), write.clone()))
    }

    fn advance(&mut self, key: Bytes) {
        if self.reverse {
            self.end = Bound::Excluded(key);
        } else {
            self.start = Bound::Excluded(key);
        }
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<(Bytes, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.pending.is_none() {
            return self.base.next();
        }
        loop {
            let Some((key, write)) = self.next_pending() else { return self.base.next() };
            if let Some(Ok((base_key, _))) = self.base.peek() {
                let base_first = if self.reverse { *base_key > key } else { *base_key < key };
                if base_first {
                    return self.base.next();
                }
                if *base_key == key {
                    self.base.next();
                }
            } else if let Some(Err(_)) = self.base.peek() {
                return self.base.next();
            }
            self.advance(key.clone());
            if let Some(value) = write {
                return Some(Ok((key, value)));
            }
        }
    }
}
