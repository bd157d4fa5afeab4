//! The engine behind `--ephemeral` and tests: one persistent map, whose clone is a snapshot.

use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;
use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::sync::Notify;

use super::{Backend, Reader, Scan, Transaction, WriteSet};
use crate::StoreError;

/// Rows in memory, gone with the process.
#[derive(Default)]
pub(crate) struct MemoryBackend {
    rows: RwLock<OrdMap<Bytes, Bytes>>,
    writer: Mutex<()>,
}

struct MemoryReader(OrdMap<Bytes, Bytes>);

struct MemoryTransaction<'a> {
    backend: &'a MemoryBackend,
    view: MemoryReader,
    _turn: MutexGuard<'a, ()>,
}

impl Backend for MemoryBackend {
    fn snapshot(&self) -> Result<Arc<dyn Reader>, StoreError> {
        Ok(Arc::new(MemoryReader(self.rows.read().clone())))
    }

    fn begin(&self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let turn = self.writer.lock();
        let view = MemoryReader(self.rows.read().clone());
        Ok(Box::new(MemoryTransaction { backend: self, view, _turn: turn }))
    }

    fn congestion(&self) -> Option<&Notify> {
        None
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Reader for MemoryReader {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(&self, start: &[u8], end: &[u8], reverse: bool) -> Scan<'_> {
        if start >= end {
            return Box::new(std::iter::empty());
        }
        let rows =
            self.0.range::<_, [u8]>((std::ops::Bound::Included(start), std::ops::Bound::Excluded(end)));
        let owned = |(key, value): (&Bytes, &Bytes)| Ok((key.clone(), value.clone()));
        if reverse { Box::new(rows.rev().map(owned)) } else { Box::new(rows.map(owned)) }
    }
}

impl Transaction for MemoryTransaction<'_> {
    fn reader(&self) -> &dyn Reader {
        &self.view
    }

    fn commit(self: Box<Self>, writes: WriteSet) -> Result<(), StoreError> {
        let Self { backend, view, _turn } = *self;
        // Our own view must be gone first, or every change would copy the path to its row.
        drop(view);
        let mut rows = backend.rows.write();
        for (key, value) in writes {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }
}
