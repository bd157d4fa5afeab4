//! Rows without their Rust types: what saves, loads, compares and resets whole states is written against this.

use std::sync::Arc;

use bytes::Bytes;

use crate::blobs::BlobRef;
use crate::envelope::{self, Derived};
use crate::key::{KeyBuf, KeyReader};
use crate::registry::{self, TableInfo};
use crate::tx::{Home, Owner};
use crate::{Db, Snapshot, StoreError, Tx, counts};

/// One row, without its Rust type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRow {
    /// Whose row it is.
    pub owner: Owner,
    /// The row's own key; [`key::parts`](crate::key::parts) takes it apart.
    pub key: Bytes,
    /// The row as MessagePack with field names.
    pub value: Bytes,
    /// The names of indexes, and the row's keys in them.
    pub index_keys: Vec<(String, Bytes)>,
    /// The blobs that the row holds.
    pub blobs: Vec<BlobRef>,
}

impl Snapshot {
    /// All tables that ever had a row, by name. References to blobs are not among them: they follow from the
    /// rows.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn tables(&self) -> Result<Vec<TableInfo>, StoreError> {
        let mut tables = registry::tables(&self.source())?;
        tables.retain(|table| table.name != counts::BLOBS.name());
        Ok(tables)
    }

    /// A table's rows: by account, region, then key.
    pub fn rows<'a>(
        &'a self,
        table: &'a TableInfo,
    ) -> impl Iterator<Item = Result<RawRow, StoreError>> + use<'a> {
        let rows = self.at("", "").table_rows(table.id);
        rows.map(move |row| row.and_then(|(physical, row)| raw_row(table, &physical, row)))
    }

    /// One row of a table, by what [`Snapshot::rows`] gives as its owner and key.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn row(&self, table: &TableInfo, owner: &Owner, key: &[u8]) -> Result<Option<RawRow>, StoreError> {
        let (physical, _) = place(table, owner, key);
        let Some(row) = self.source().get(&physical)? else { return Ok(None) };
        raw_row(table, &Bytes::copy_from_slice(&physical), row).map(Some)
    }
}

fn raw_row(table: &TableInfo, physical: &Bytes, row: Bytes) -> Result<RawRow, StoreError> {
    let mut reader = KeyReader::new(physical.get(2..).unwrap_or_default());
    let owner = Owner::split(table.scope, &mut reader)?;
    let key = physical.slice_ref(reader.rest());
    let (derived, value) = envelope::open(row)?;
    let name = |id| table.indexes.iter().find(|index| index.id == id).map(|index| index.name.clone());
    let index_keys = derived.index_keys.into_iter().filter_map(|(id, key)| Some((name(id)?, key))).collect();
    Ok(RawRow { owner, key, value, index_keys, blobs: derived.blobs })
}

impl Tx<'_> {
    /// Writes a row whose Rust type is not known, with its index entries and references to blobs. `table` may
    /// come from another store: only its name, scope and the names of its indexes count.
    ///
    /// # Errors
    /// As [`Tx::put`].
    pub fn put_raw(&mut self, table: &TableInfo, row: &RawRow) -> Result<(), StoreError> {
        let indexes: Vec<&str> = table.indexes.iter().map(|index| index.name.as_str()).collect();
        let own = self.registered(table, &indexes)?;
        let mut derived = Derived { index_keys: Vec::new(), blobs: row.blobs.clone() };
        for (name, key) in &row.index_keys {
            if let Some(index) = own.index(name) {
                derived.index_keys.push((index.id, key.clone()));
            }
        }
        let (physical, scope_len) = place(&own, &row.owner, &row.key);
        let old = self.derived(&physical)?;
        let sealed = envelope::seal_raw(&row.value, &derived);
        self.replace(&physical, scope_len, &old, &derived, Some(sealed))
    }

    /// Deletes a row whose Rust type is not known.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn delete_raw(&mut self, table: &TableInfo, owner: &Owner, key: &[u8]) -> Result<(), StoreError> {
        let own = self.registered(table, &[])?;
        let (physical, scope_len) = place(&own, owner, key);
        let old = self.derived(&physical)?;
        self.replace(&physical, scope_len, &old, &Derived::default(), None)
    }

    /// Deletes every row of the tables whose names begin so, and says how many there were. The tables keep
    /// their numbers.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn clear(&mut self, prefix: &str) -> Result<usize, StoreError> {
        let mut count = 0;
        for table in registry::tables(&self.source())? {
            if !table.name.starts_with(prefix) || table.name == counts::BLOBS.name() {
                continue;
            }
            let rows: Vec<(Bytes, Bytes)> = self.table_rows(table.id).collect::<Result<_, _>>()?;
            count += rows.len();
            for (physical, row) in rows {
                let mut reader = KeyReader::new(physical.get(2..).unwrap_or_default());
                Owner::split(table.scope, &mut reader)?;
                let scope_len = physical.len() - 2 - reader.rest().len();
                let (old, _) = envelope::open(row)?;
                self.replace(&physical, scope_len, &old, &Derived::default(), None)?;
            }
        }
        Ok(count)
    }

    /// The table of this store with the same name as one from anywhere, which it gets now if it has none.
    fn registered(&mut self, table: &TableInfo, indexes: &[&str]) -> Result<Arc<TableInfo>, StoreError> {
        let source = self.source();
        let own = match source.db.registry.load(&source, &table.name)? {
            Some(own) if indexes.iter().all(|index| own.index(index).is_some()) => own,
            _ => self.register(&table.name, table.scope, indexes)?,
        };
        if own.scope != table.scope {
            return Err(StoreError::Declaration {
                table: table.name.clone(),
                reason: format!("its scope is {:?} here and {:?} there", own.scope, table.scope),
            });
        }
        Ok(own)
    }
}

impl Db {
    /// Deletes every row of the tables whose names begin so: `sqs/` for one service, the empty string for
    /// everything. Says how many rows there were.
    ///
    /// # Errors
    /// What the engine reports.
    pub async fn reset(&self, prefix: &str) -> Result<usize, StoreError> {
        self.scoped("", "").write(|tx| tx.clear(prefix)).await
    }
}

fn place(table: &TableInfo, owner: &Owner, key: &[u8]) -> (KeyBuf, usize) {
    let home = Home::new(&owner.account, &owner.region);
    let scope = home.key(table.scope);
    let mut physical = KeyBuf::from_slice(&table.id.to_be_bytes());
    physical.extend_from_slice(scope);
    physical.extend_from_slice(key);
    (physical, scope.len())
}
