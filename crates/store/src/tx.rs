//! Transactions: what a service reads and writes.

use std::cell::RefCell;
use std::ops::{Deref, RangeFull};
use std::sync::Arc;

use bytes::Bytes;

use crate::blobs::{BlobReader, BlobRef};
use crate::envelope::{self, Derived};
use crate::key::{self, EncodeKey, Key, KeyBuf, KeyOf, KeyReader, PrefixOf};
use crate::registry::{self, IndexInfo, TableInfo};
use crate::rows::{ByIndex, IndexRange, KeyRange, Rows, decode_key};
use crate::scan::{Merge, Pending, Source};
use crate::table::{Scope, Table, Value};
use crate::{StoreError, counts};

/// An account and a region, with the beginning of every key in them.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) account: String,
    pub(crate) region: String,
    key: KeyBuf,
    account_len: usize,
}

impl Home {
    pub(crate) fn new(account: &str, region: &str) -> Arc<Self> {
        let mut key = key::encode(account);
        let account_len = key.len();
        region.encode(&mut key);
        Arc::new(Self { account: account.to_owned(), region: region.to_owned(), key, account_len })
    }

    /// What keys of a table with this scope begin with, after the table's number.
    pub(crate) fn key(&self, scope: Scope) -> &[u8] {
        match scope {
            Scope::Global => &[],
            Scope::Account => self.key.get(..self.account_len).unwrap_or_default(),
            Scope::Regional => &self.key,
        }
    }
}

/// A consistent view of the rows of one account and region.
pub struct ReadTx<'a> {
    source: Source<'a>,
    home: Arc<Home>,
}

/// A transaction: a consistent view with its own changes, which happen all together or not at all.
///
/// Everything that [`ReadTx`] offers is there too, and a `&mut Tx` can be passed where a `&ReadTx` is wanted.
pub struct Tx<'a> {
    read: ReadTx<'a>,
    pending: &'a RefCell<Pending>,
}

/// Whose a row is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The account; empty for a global table.
    pub account: String,
    /// The region; empty for tables that are not regional.
    pub region: String,
}

impl Owner {
    /// Splits the account and region off an encoded key; `key` begins after the table's number.
    pub(crate) fn split(scope: Scope, reader: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        let account = if scope == Scope::Global { String::new() } else { String::decode(reader)? };
        let region = if scope == Scope::Regional { String::decode(reader)? } else { String::new() };
        Ok(Self { account, region })
    }
}

impl<'a> ReadTx<'a> {
    pub(crate) fn new(source: Source<'a>, home: Arc<Home>) -> Self {
        Self { source, home }
    }

    pub(crate) fn source(&self) -> Source<'a> {
        self.source
    }

    /// The account whose rows this reads.
    pub fn account(&self) -> &str {
        &self.home.account
    }

    /// The region whose rows this reads.
    pub fn region(&self) -> &str {
        &self.home.region
    }

    /// The same view for another account and region.
    pub fn at(&self, account: &str, region: &str) -> ReadTx<'_> {
        ReadTx { source: self.source, home: Home::new(account, region) }
    }

    /// One row, if it exists.
    ///
    /// # Errors
    /// [`StoreError::Decode`] when the row does not fit its type, and what the engine reports.
    pub fn get<V: Value, K>(&self, table: &Table<V, K>, key: impl KeyOf<K>) -> Result<Option<V>, StoreError> {
        match self.row(table, &key)? {
            Some(row) => envelope::value(table.name, row).map(Some),
            None => Ok(None),
        }
    }

    /// One row, if it exists, as [`ReadTx::get`] gives it; for rows that nearly every call reads. One that has not
    /// changed since somebody else read it so is not decoded again.
    ///
    /// # Errors
    /// As [`ReadTx::get`].
    pub fn get_shared<V, K>(
        &self,
        table: &Table<V, K>,
        key: impl KeyOf<K>,
    ) -> Result<Option<Arc<V>>, StoreError>
    where
        V: Value + Send + Sync + 'static,
    {
        let Some(info) = self.info(table)? else { return Ok(None) };
        let physical = self.physical(info.id, table.scope, &key);
        match self.source.get(&physical)? {
            Some(row) => self.source.db.shared_rows.value(table.name, &physical, row).map(Some),
            None => Ok(None),
        }
    }

    /// Whether a row exists; it is not decoded.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn contains<V, K>(&self, table: &Table<V, K>, key: impl KeyOf<K>) -> Result<bool, StoreError> {
        Ok(self.row(table, &key)?.is_some())
    }

    fn row<V, K>(&self, table: &Table<V, K>, key: &impl KeyOf<K>) -> Result<Option<Bytes>, StoreError> {
        match self.info(table)? {
            Some(info) => self.source.get(&self.physical(info.id, table.scope, key)),
            None => Ok(None),
        }
    }

    /// All rows of this account and region (as the table's scope demands).
    ///
    /// # Errors
    /// What the engine reports. (The same holds for all scans; the rows' own errors come with the rows.)
    pub fn scan<V, K>(&self, table: &Table<V, K>) -> Result<Rows<'_, V, K>, StoreError> {
        self.range(table, RangeFull)
    }

    /// The rows with keys in a range: `"a".."b"`, `(bucket, "x")..`. A bound also stands for longer keys that
    /// begin with it.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn range<V, K>(
        &self,
        table: &Table<V, K>,
        range: impl KeyRange<K>,
    ) -> Result<Rows<'_, V, K>, StoreError> {
        let Some(info) = self.info(table)? else { return Ok(Rows::empty(self.source, table.name)) };
        let prefix = self.base(info.id, table.scope);
        let skip = prefix.len();
        Ok(Rows::new(self.source, table.name, prefix, skip, false).within(range.bounds()))
    }

    /// The rows whose keys begin with these elements; the last may be [`StartsWith`](crate::StartsWith).
    ///
    /// # Errors
    /// What the engine reports.
    pub fn prefix<V, K>(
        &self,
        table: &Table<V, K>,
        prefix: impl PrefixOf<K>,
    ) -> Result<Rows<'_, V, K>, StoreError> {
        let mut end = KeyBuf::new();
        prefix.encode_prefix(&mut end);
        let Some(info) = self.info(table)? else { return Ok(Rows::empty(self.source, table.name)) };
        let base = self.base(info.id, table.scope);
        let skip = base.len();
        let bounds = (std::ops::Bound::Included(end.clone()), std::ops::Bound::Included(end));
        Ok(Rows::new(self.source, table.name, base, skip, false).within(bounds))
    }

    /// How many rows there are in this account and region. Costs a scan without decoding.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn count<V, K>(&self, table: &Table<V, K>) -> Result<usize, StoreError> {
        self.scan(table)?.entries().try_fold(0, |count, entry| entry.map(|_| count + 1))
    }

    /// The first row with this key in an index.
    ///
    /// # Errors
    /// [`StoreError::Declaration`] when the table has no such index; [`StoreError::Decode`] when the row does
    /// not fit its type; what the engine reports.
    pub fn index_get<V: Value, K: Key>(
        &self,
        table: &Table<V, K>,
        index: &str,
        key: impl EncodeKey,
    ) -> Result<Option<V>, StoreError> {
        self.index_scan(table, index, key)?.values().next().transpose()
    }

    /// The rows whose index keys begin with these elements, in the order of the index.
    ///
    /// # Errors
    /// As [`ReadTx::index_get`].
    pub fn index_scan<V: Value, K: Key>(
        &self,
        table: &Table<V, K>,
        index: &str,
        prefix: impl EncodeKey,
    ) -> Result<Rows<'_, V, K, ByIndex>, StoreError> {
        let prefix = key::encode(&prefix);
        let bounds = (std::ops::Bound::Included(prefix.clone()), std::ops::Bound::Included(prefix));
        Ok(self.index_rows(table, index)?.within(bounds))
    }

    /// The rows whose index keys are in a range, in the order of the index: `..=now`.
    ///
    /// # Errors
    /// As [`ReadTx::index_get`].
    pub fn index_range<V: Value, K: Key>(
        &self,
        table: &Table<V, K>,
        index: &str,
        range: impl IndexRange,
    ) -> Result<Rows<'_, V, K, ByIndex>, StoreError> {
        Ok(self.index_rows(table, index)?.within(range.bounds()))
    }

    fn index_rows<V: Value, K: Key>(
        &self,
        table: &Table<V, K>,
        index: &str,
    ) -> Result<Rows<'_, V, K, ByIndex>, StoreError> {
        let Some(declared) = table.declared_indexes().find(|declared| declared.name == index) else {
            return Err(StoreError::Declaration {
                table: table.name.to_owned(),
                reason: format!("it has no index `{index}`"),
            });
        };
        let Some(info) = self.info(table)? else { return Ok(Rows::empty(self.source, table.name)) };
        let skip = 2 + self.home.key(table.scope).len();
        if let Some(index) = info.index(index) {
            return Ok(Rows::new(self.source, table.name, self.base(index.id, table.scope), skip, true));
        }
        // A release that added the index has not written to the table yet: make the entries from the rows.
        let base = self.base(info.id, table.scope);
        let mut entries = Vec::new();
        for row in Rows::<V, K>::new(self.source, table.name, base.clone(), skip, false) {
            let (key, value) = row?;
            let mut physical = base.clone();
            key.encode(&mut physical);
            for index_key in (declared.keys)(&value).0 {
                let own = physical.get(skip..).unwrap_or_default();
                entries
                    .push((envelope::concat(&[&base, &index_key, own]), Bytes::copy_from_slice(&physical)));
            }
        }
        Ok(Rows::new(self.source, table.name, base, skip, true).computed(entries))
    }

    /// The rows of all accounts and regions, in order: for sweepers and timers.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn all_scopes<V: Value, K: Key>(
        &self,
        table: &Table<V, K>,
    ) -> Result<impl Iterator<Item = Result<(Owner, K, V), StoreError>> + use<'_, V, K>, StoreError> {
        let rows = self.info(table)?.map(|info| self.table_rows(info.id));
        let (scope, name) = (table.scope, table.name);
        Ok(rows.into_iter().flatten().map(move |row| {
            let (key, row) = row?;
            let mut reader = KeyReader::new(key.get(2..).unwrap_or_default());
            let owner = Owner::split(scope, &mut reader)?;
            Ok((owner, decode_key(reader.rest())?, envelope::value(name, row)?))
        }))
    }

    /// All physical rows of a table or index.
    pub(crate) fn table_rows(&self, id: u16) -> Merge<'a> {
        // The highest number is never given to a table, so this does not overflow.
        self.source.scan(&id.to_be_bytes(), &id.saturating_add(1).to_be_bytes(), false)
    }

    /// Opens a blob that a row of this view holds. Do it within the closure: the bytes are then still there,
    /// also if the row is replaced meanwhile, and an opened blob stays readable.
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`] when the blob store lost it; what the operating system reports.
    pub fn open_blob(&self, blob: &BlobRef) -> Result<BlobReader, StoreError> {
        let opened = self.source.db.blobs.open(blob);
        if let (Err(StoreError::BlobMissing { .. }), Some(outdated)) = (&opened, self.source.outdated) {
            outdated.set(true);
        }
        opened
    }

    fn info<V, K>(&self, table: &Table<V, K>) -> Result<Option<Arc<TableInfo>>, StoreError> {
        self.source.db.registry.find(&self.source, table)
    }

    /// What the physical keys of a table's rows in this account and region begin with.
    fn base(&self, id: u16, scope: Scope) -> KeyBuf {
        let mut base = KeyBuf::from_slice(&id.to_be_bytes());
        base.extend_from_slice(self.home.key(scope));
        base
    }

    fn physical(&self, id: u16, scope: Scope, key: &impl EncodeKey) -> KeyBuf {
        let mut physical = self.base(id, scope);
        key.encode(&mut physical);
        physical
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = ReadTx<'a>;

    fn deref(&self) -> &Self::Target {
        &self.read
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(read: ReadTx<'a>, pending: &'a RefCell<Pending>) -> Self {
        Self { read, pending }
    }

    /// This transaction in another account and region.
    pub fn at(&mut self, account: &str, region: &str) -> Tx<'_> {
        Tx {
            read: ReadTx { source: self.read.source, home: Home::new(account, region) },
            pending: self.pending,
        }
    }

    /// Writes a row, new or in place of an old one, with its index entries and references to blobs.
    ///
    /// # Errors
    /// [`StoreError::Encode`] when the row cannot be serialised; [`StoreError::BlobMissing`] when it holds a
    /// blob that nobody has stored; what the engine reports.
    pub fn put<V: Value, K>(
        &mut self,
        table: &Table<V, K>,
        key: impl KeyOf<K>,
        value: &V,
    ) -> Result<(), StoreError> {
        let info = self.ensure(table)?;
        let physical = self.physical(info.id, table.scope, &key);
        self.store(table, &info, &physical, value)
    }

    /// Writes a row unless there is one; says whether it did.
    ///
    /// # Errors
    /// As [`Tx::put`].
    pub fn insert<V: Value, K>(
        &mut self,
        table: &Table<V, K>,
        key: impl KeyOf<K>,
        value: &V,
    ) -> Result<bool, StoreError> {
        let info = self.ensure(table)?;
        let physical = self.physical(info.id, table.scope, &key);
        if self.source.get(&physical)?.is_some() {
            return Ok(false);
        }
        self.store(table, &info, &physical, value)?;
        Ok(true)
    }

    /// Deletes a row, if there is one.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn delete<V, K>(&mut self, table: &Table<V, K>, key: impl KeyOf<K>) -> Result<(), StoreError> {
        let Some(info) = self.info(table)? else { return Ok(()) };
        let physical = self.physical(info.id, table.scope, &key);
        let scope_len = self.home.key(table.scope).len();
        let old = if table.has_derived() || !info.indexes.is_empty() {
            self.derived(&physical)?
        } else {
            Derived::default()
        };
        self.replace(&physical, scope_len, &old, &Derived::default(), None)
    }

    /// Deletes a row and gives it back, if there was one.
    ///
    /// # Errors
    /// As [`ReadTx::get`] and [`Tx::delete`].
    pub fn take<V: Value, K>(
        &mut self,
        table: &Table<V, K>,
        key: impl KeyOf<K>,
    ) -> Result<Option<V>, StoreError> {
        let row = self.get(table, &key)?;
        if row.is_some() {
            self.delete(table, key)?;
        }
        Ok(row)
    }

    /// Runs something when, and only when, this transaction has been committed (and is as durable as the store
    /// promises): waking whoever waits for the rows that it wrote. It must be quick and must not write.
    pub fn after_commit(&mut self, hook: Box<dyn FnOnce() + Send>) {
        self.pending.borrow_mut().hooks.push(hook);
    }

    fn store<V: Value, K>(
        &mut self,
        table: &Table<V, K>,
        info: &TableInfo,
        physical: &[u8],
        value: &V,
    ) -> Result<(), StoreError> {
        let scope_len = self.home.key(table.scope).len();
        let derived = derive(table, info, value);
        let row = envelope::seal(table.name, value, &derived)?;
        let old = if table.has_derived() || !info.indexes.is_empty() {
            self.derived(physical)?
        } else {
            Derived::default()
        };
        self.replace(physical, scope_len, &old, &derived, Some(row))
    }

    pub(crate) fn derived(&self, physical: &[u8]) -> Result<Derived, StoreError> {
        match self.source.get(physical)? {
            Some(row) => Ok(envelope::open(row)?.0),
            None => Ok(Derived::default()),
        }
    }

    /// Writes or deletes a row with everything that depends on it.
    pub(crate) fn replace(
        &mut self,
        physical: &[u8],
        scope_len: usize,
        old: &Derived,
        new: &Derived,
        row: Option<Bytes>,
    ) -> Result<(), StoreError> {
        let scope = physical.get(2..2 + scope_len).unwrap_or_default();
        let own = physical.get(2 + scope_len..).unwrap_or_default();
        let entry = |(id, key): &(u16, Bytes)| envelope::concat(&[&id.to_be_bytes(), scope, key, own]);
        let physical = Bytes::copy_from_slice(physical);
        {
            let writes = &mut self.pending.borrow_mut().writes;
            for gone in old.index_keys.iter().filter(|key| !new.index_keys.contains(key)) {
                writes.insert(entry(gone), None);
            }
            for added in new.index_keys.iter().filter(|key| !old.index_keys.contains(key)) {
                writes.insert(entry(added), Some(physical.clone()));
            }
            writes.insert(physical, row);
        }
        if old.blobs != new.blobs {
            counts::change(self, &old.blobs, &new.blobs)?;
        }
        Ok(())
    }

    pub(crate) fn blob_unlinked(&mut self, blob: BlobRef) {
        self.pending.borrow_mut().unlinked.push(blob);
    }

    /// Takes back [`Tx::blob_unlinked`]; says whether it had been called.
    pub(crate) fn blob_relinked(&mut self, blob: &BlobRef) -> bool {
        let unlinked = &mut self.pending.borrow_mut().unlinked;
        let before = unlinked.len();
        unlinked.retain(|other| other != blob);
        unlinked.len() < before
    }

    /// The numbers of a table and its indexes, given now if need be.
    fn ensure<V: Value, K>(&mut self, table: &Table<V, K>) -> Result<Arc<TableInfo>, StoreError> {
        let found = self.info(table)?;
        if let Some(info) = &found
            && table.declared_indexes().all(|index| info.index(index.name).is_some())
        {
            return Ok(Arc::clone(info));
        }
        let indexes: Vec<&str> = table.declared_indexes().map(|index| index.name).collect();
        let existed = found.is_some();
        let info = self.register(table.name, table.scope, &indexes)?;
        if existed {
            self.rebuild(table, &info)?;
        }
        Ok(info)
    }

    /// Gives a table and those of its indexes that have none a number.
    pub(crate) fn register(
        &mut self,
        name: &str,
        scope: Scope,
        indexes: &[&str],
    ) -> Result<Arc<TableInfo>, StoreError> {
        let tables = registry::tables(&self.source)?;
        let mut id = registry::next_id(&tables)?;
        let mut next = || {
            let given = id;
            id = id.saturating_add(1);
            given
        };
        let mut info = match tables.into_iter().find(|table| table.name == name) {
            Some(info) => info,
            None => TableInfo { id: next(), name: name.to_owned(), scope, indexes: Vec::new() },
        };
        for index in indexes {
            if info.index(index).is_none() {
                info.indexes.push(IndexInfo { id: next(), name: (*index).to_owned() });
            }
        }
        let (key, row) = info.row()?;
        let info = Arc::new(info);
        let mut pending = self.pending.borrow_mut();
        pending.writes.insert(key, Some(row));
        pending.tables.push(Arc::clone(&info));
        Ok(info)
    }

    /// Writes every row again, so that an index that the declaration gained is complete.
    fn rebuild<V: Value, K>(&mut self, table: &Table<V, K>, info: &TableInfo) -> Result<(), StoreError> {
        let rows: Vec<_> = self.table_rows(info.id).collect::<Result<_, _>>()?;
        for (physical, row) in rows {
            let mut reader = KeyReader::new(physical.get(2..).unwrap_or_default());
            Owner::split(table.scope, &mut reader)?;
            let scope_len = physical.len() - 2 - reader.rest().len();
            let value: V = envelope::value(table.name, row)?;
            let derived = derive(table, info, &value);
            let row = envelope::seal(table.name, &value, &derived)?;
            let old = self.derived(&physical)?;
            self.replace(&physical, scope_len, &old, &derived, Some(row))?;
        }
        Ok(())
    }
}

fn derive<V, K>(table: &Table<V, K>, info: &TableInfo, value: &V) -> Derived {
    let mut derived = Derived::default();
    for index in table.declared_indexes() {
        if let Some(IndexInfo { id, .. }) = info.index(index.name) {
            let keys = (index.keys)(value).0;
            derived.index_keys.extend(keys.into_iter().map(|key| (*id, Bytes::from(key.into_vec()))));
        }
    }
    if let Some(blobs) = table.blobs {
        derived.blobs = blobs(value);
    }
    derived
}
