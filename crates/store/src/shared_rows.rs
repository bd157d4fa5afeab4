//! Decoded rows that are read again and again.
//!
//! An entry is the row's bytes and what they were decoded to. A read always takes the bytes from its own view, own
//! writes included, and then only saves the decoding, if the entry was made of the same bytes. So there is nothing to
//! invalidate, and a shared row is exactly as consistent as any other.

use std::any::Any;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::{StoreError, Value, envelope};

/// How many rows are kept. Each has one place, by the hash of its key.
const PLACES: usize = 128;

/// The longest row that is kept, in bytes; with the decoded values about 2 MiB in all at the very most.
const LONGEST: usize = 4 << 10;

/// The decoded rows of a store.
pub(crate) struct SharedRows(Box<[Mutex<Option<Entry>>]>);

struct Entry {
    key: Box<[u8]>,
    row: Box<[u8]>,
    value: Arc<dyn Any + Send + Sync>,
}

impl Default for SharedRows {
    fn default() -> Self {
        Self((0..PLACES).map(|_| Mutex::default()).collect())
    }
}

impl SharedRows {
    /// The value of `row`, which was read under the physical key `key`.
    pub(crate) fn value<V>(&self, table: &str, key: &[u8], row: Bytes) -> Result<Arc<V>, StoreError>
    where
        V: Value + Send + Sync + 'static,
    {
        let place = self.0.get(crc32fast::hash(key) as usize % PLACES).filter(|_| row.len() <= LONGEST);
        let Some(place) = place else { return envelope::value(table, row).map(Arc::new) };
        let known = match &*place.lock() {
            Some(entry) if *entry.row == *row && *entry.key == *key => Some(Arc::clone(&entry.value)),
            _ => None,
        };
        // One table can be read as several types.
        if let Some(value) = known.and_then(|value| value.downcast::<V>().ok()) {
            return Ok(value);
        }
        let value: Arc<V> = Arc::new(envelope::value(table, row.clone())?);
        // A copy: the row may be a small part of a large buffer.
        let entry = Entry { key: key.into(), row: (*row).into(), value: Arc::<V>::clone(&value) };
        let old = place.lock().replace(entry);
        drop(old);
        Ok(value)
    }
}
