//! How often tables have changed.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::backend::WriteSet;

/// How many counters there are; tables share them, so that a counter may move for another table's sake.
const COUNTERS: usize = 256;

/// A counter for each table.
pub(crate) struct Revisions(Box<[AtomicU64]>);

impl Default for Revisions {
    fn default() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU64::new(1)).collect())
    }
}

impl Revisions {
    /// The counter of the table (or index) with this number; never 0.
    pub(crate) fn of(&self, id: u16) -> u64 {
        self.counter(id).map_or(1, |counter| counter.load(Ordering::Acquire))
    }

    /// Counts for each table once. To be called when the commit is visible, and before it is acknowledged: whoever
    /// has read the counter before that, and rows after it, is told by the next look at the counter.
    pub(crate) fn count(&self, tables: &[u16]) {
        for counter in tables.iter().filter_map(|id| self.counter(*id)) {
            counter.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn counter(&self, id: u16) -> Option<&AtomicU64> {
        self.0.get(usize::from(id) % COUNTERS)
    }
}

/// The numbers of the tables and indexes that a transaction has written.
pub(crate) fn tables_of(writes: &WriteSet) -> smallvec::SmallVec<[u16; 8]> {
    let mut tables = smallvec::SmallVec::new();
    for key in writes.keys() {
        if let Some(id) = key.first_chunk().map(|id| u16::from_be_bytes(*id))
            && tables.last() != Some(&id)
        {
            tables.push(id);
        }
    }
    tables
}
