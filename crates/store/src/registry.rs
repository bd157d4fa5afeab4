//! The numbers of tables. A name gets its number when the first row is written and keeps it for ever, also
//! when its rows are deleted; the numbers are rows of table 0.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::envelope::{self, Derived};
use crate::key::{self, KeyBuf};
use crate::scan::Source;
use crate::{Scope, StoreError, Table};

/// The table of tables.
const TABLES: [u8; 2] = [0, 0];

/// What is stored about a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableInfo {
    /// The number that the keys of its rows begin with; differs between data directories.
    pub id: u16,
    /// `service/rows`.
    pub name: String,
    /// Whether keys go on with an account and a region.
    pub scope: Scope,
    /// The indexes that have been written.
    #[serde(default)]
    pub indexes: Vec<IndexInfo>,
}

/// What is stored about an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexInfo {
    /// The number that its entries begin with.
    pub id: u16,
    /// The name in the declaration.
    pub name: String,
}

impl TableInfo {
    pub(crate) fn index(&self, name: &str) -> Option<&IndexInfo> {
        self.indexes.iter().find(|index| index.name == name)
    }

    fn covers<V, K>(&self, table: &Table<V, K>) -> bool {
        table.declared_indexes().all(|index| self.index(index.name).is_some())
    }

    /// The row of table 0 for this table.
    pub(crate) fn row(&self) -> Result<(Bytes, Bytes), StoreError> {
        let key = Bytes::copy_from_slice(&registry_key(&self.name));
        Ok((key, envelope::seal("tables", self, &Derived::default())?))
    }
}

fn registry_key(name: &str) -> KeyBuf {
    let mut key = KeyBuf::from_slice(&TABLES);
    key.extend_from_slice(&key::encode(name));
    key
}

/// FNV-1a: names of tables are short, and come from declarations.
struct NameHasher(u64);

impl Default for NameHasher {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0 =
            bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type ByName<K, V> = HashMap<K, V, BuildHasherDefault<NameHasher>>;

/// The tables seen so far.
#[derive(Default)]
pub(crate) struct Registry {
    known: RwLock<ByName<String, Arc<TableInfo>>>,
    /// Tables that a view has shown not to exist, with what [`Registry::begun`] was before it was taken. Tables
    /// never cease to exist, so that holds for older views too; for newer ones while no table has been made since.
    absent: RwLock<ByName<&'static str, u64>>,
    /// How many commits that make tables have begun, and how many of them have ended.
    begun: AtomicU64,
    ended: AtomicU64,
}

/// A commit that makes tables. Until it ends, nothing is taken for absent without looking.
pub(crate) struct MakingTables<'r>(&'r Registry);

impl Drop for MakingTables<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::SeqCst);
    }
}

impl Registry {
    /// To be called before such a commit becomes visible, and to be dropped when it is.
    pub(crate) fn making_tables(&self) -> MakingTables<'_> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        MakingTables(self)
    }

    /// How many such commits there have been, if none is under way.
    fn settled(&self) -> Option<u64> {
        // In this order: what has ended before the second look had begun before it.
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun == ended).then_some(begun)
    }

    /// Whether no view that is taken already can show a table, own writes aside.
    pub(crate) fn is_absent(&self, name: &str) -> bool {
        let since = self.absent.read().get(name).copied();
        since.is_some_and(|since| since == self.begun.load(Ordering::SeqCst))
    }

    /// Notes that a table does not exist, if a new view does not show it either.
    pub(crate) fn note_absent(&self, source: &Source<'_>, name: &'static str) -> Result<(), StoreError> {
        let Some(settled) = self.settled() else { return Ok(()) };
        if source.db.backend.snapshot()?.get(&registry_key(name))?.is_none() {
            self.absent.write().insert(name, settled);
        }
        Ok(())
    }

    /// Remembers tables that a committed transaction created or gave an index.
    pub(crate) fn learn(&self, tables: impl IntoIterator<Item = Arc<TableInfo>>) {
        let mut known = self.known.write();
        for table in tables {
            known.insert(table.name.clone(), table);
        }
    }

    /// The number of a table that has been seen.
    pub(crate) fn id(&self, name: &str) -> Option<u16> {
        self.known.read().get(name).map(|info| info.id)
    }

    /// What is known about a declared table; `None` when no row was ever written. An index that the
    /// declaration has and the result lacks has never been written either.
    pub(crate) fn find<V, K>(
        &self,
        source: &Source<'_>,
        table: &Table<V, K>,
    ) -> Result<Option<Arc<TableInfo>>, StoreError> {
        let found = self.known.read().get(table.name).filter(|info| info.covers(table)).cloned();
        let found = match found {
            Some(info) => info,
            None if !source.has_made_tables() && self.is_absent(table.name) => return Ok(None),
            None => match self.load(source, table.name)? {
                Some(info) => info,
                None => {
                    self.note_absent(source, table.name)?;
                    return Ok(None);
                }
            },
        };
        if found.scope != table.scope {
            return Err(StoreError::Declaration {
                table: table.name.to_owned(),
                reason: format!("its scope was {:?} and is now {:?}", found.scope, table.scope),
            });
        }
        Ok(Some(found))
    }

    /// What is stored about a table.
    pub(crate) fn load(&self, source: &Source<'_>, name: &str) -> Result<Option<Arc<TableInfo>>, StoreError> {
        let key = registry_key(name);
        let Some(row) = source.get(&key)? else { return Ok(None) };
        let info: Arc<TableInfo> = Arc::new(envelope::value("tables", row)?);
        // A number that this transaction has given is not true before it is committed.
        if !source.has_written(&key) {
            self.learn([Arc::clone(&info)]);
        }
        Ok(Some(info))
    }
}

/// All tables, by name.
pub(crate) fn tables(source: &Source<'_>) -> Result<Vec<TableInfo>, StoreError> {
    let end = [0, 1];
    source
        .scan(&TABLES, &end, false)
        .map(|row| row.and_then(|(_, row)| envelope::value("tables", row)))
        .collect()
}

/// The lowest number that neither a table nor an index has.
pub(crate) fn next_id(tables: &[TableInfo]) -> Result<u16, StoreError> {
    let highest = tables
        .iter()
        .flat_map(|table| table.indexes.iter().map(|index| index.id).chain([table.id]))
        .max()
        .unwrap_or(0);
    // The last number is kept free, so that every table has an end key of two bytes.
    highest.checked_add(1).filter(|id| *id < u16::MAX).ok_or_else(|| StoreError::Closed {
        reason: "there are more tables than numbers for them".to_owned(),
    })
}
