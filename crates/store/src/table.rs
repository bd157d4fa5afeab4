//! Declarations: a table's name, scope, key type, row type, indexes and blobs.

use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::blobs::BlobRef;
use crate::key::{self, EncodeKey, KeyBuf};

/// How many indexes one table may have.
const MAX_INDEXES: usize = 4;

/// What a row can be: anything that serde writes and reads back. Give fields that were added later
/// `#[serde(default)]`, so that older rows stay readable.
pub trait Value: Serialize + DeserializeOwned {}

impl<V: Serialize + DeserializeOwned> Value for V {}

/// Which part of the caller's identity a table's keys begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// One set of rows for everybody (S3 bucket names, tokens).
    Global,
    /// One set for each account (IAM).
    Account,
    /// One set for each account and region (nearly everything).
    Regional,
}

/// A declaration of a table whose rows are `V` and whose keys are `K`. It is a constant, made without I/O:
///
/// ```
/// # use cloudtwin_store::{IndexKeys, Table};
/// # #[derive(serde::Serialize, serde::Deserialize)] struct Queue { arn: String }
/// # #[derive(serde::Serialize, serde::Deserialize)] struct Object { etag: String }
/// pub const QUEUES: Table<Queue> = Table::regional("sqs/queues").index("by_arn", |q: &Queue| IndexKeys::one(&q.arn));
/// pub const OBJECTS: Table<Object, (String, String)> = Table::global("s3/objects");
/// ```
///
/// The name is `service/rows`. It is stable on disk; renaming a table loses its rows.
pub struct Table<V, K = String> {
    pub(crate) name: &'static str,
    pub(crate) scope: Scope,
    pub(crate) indexes: [Option<Index<V>>; MAX_INDEXES],
    pub(crate) blobs: Option<fn(&V) -> Vec<BlobRef>>,
    key: PhantomData<fn() -> K>,
}

/// A second order of a table's rows. Its entries are kept beside the row, so that a changed function does
/// not leave stale entries behind; give the index another name when its function changes, and it is rebuilt.
pub(crate) struct Index<V> {
    pub(crate) name: &'static str,
    pub(crate) keys: fn(&V) -> IndexKeys,
}

impl<V> Clone for Index<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Index<V> {}

impl<V, K> Table<V, K> {
    /// A table with one set of rows for everybody.
    pub const fn global(name: &'static str) -> Self {
        Self::new(name, Scope::Global)
    }

    /// A table with a set of rows for each account.
    pub const fn account(name: &'static str) -> Self {
        Self::new(name, Scope::Account)
    }

    /// A table with a set of rows for each account and region.
    pub const fn regional(name: &'static str) -> Self {
        Self::new(name, Scope::Regional)
    }

    const fn new(name: &'static str, scope: Scope) -> Self {
        Self { name, scope, indexes: [None; MAX_INDEXES], blobs: None, key: PhantomData }
    }

    /// Adds an index. `keys` says under which keys a row is found; it may depend on the row only.
    /// Entries are written, changed and removed with the row, within its scope.
    #[must_use]
    pub const fn index(mut self, name: &'static str, keys: fn(&V) -> IndexKeys) -> Self {
        let mut slot = 0;
        while slot < MAX_INDEXES {
            #[expect(clippy::indexing_slicing, reason = "`slot` is below the array's length")]
            if self.indexes[slot].is_none() {
                self.indexes[slot] = Some(Index { name, keys });
                return self;
            }
            slot += 1;
        }
        assert!(slot < MAX_INDEXES, "a table has at most four indexes");
        self
    }

    /// Says which blobs a row holds. The store counts references as rows come and go, and removes a blob's
    /// bytes when no row holds it any more.
    #[must_use]
    pub const fn blobs(mut self, blobs: fn(&V) -> Vec<BlobRef>) -> Self {
        self.blobs = Some(blobs);
        self
    }

    /// The table's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The table's scope.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    pub(crate) fn declared_indexes(&self) -> impl Iterator<Item = &Index<V>> {
        self.indexes.iter().flatten()
    }

    /// Whether a row is more than its own bytes, so that the old row has to be read before a new one is put.
    pub(crate) fn has_derived(&self) -> bool {
        self.blobs.is_some() || self.declared_indexes().next().is_some()
    }
}

/// The keys of one row in one index: none (a sparse index), one, or several.
#[derive(Debug, Clone, Default)]
pub struct IndexKeys(pub(crate) SmallVec<[KeyBuf; 1]>);

impl IndexKeys {
    /// The row is not in the index.
    pub fn none() -> Self {
        Self::default()
    }

    /// The row is found under one key.
    pub fn one(key: impl EncodeKey) -> Self {
        Self(SmallVec::from_iter([key::encode(&key)]))
    }

    /// The row is found under a key where there is one.
    pub fn maybe(key: Option<impl EncodeKey>) -> Self {
        Self::each(key)
    }

    /// The row is found under each of these keys.
    pub fn each(keys: impl IntoIterator<Item = impl EncodeKey>) -> Self {
        Self(keys.into_iter().map(|key| key::encode(&key)).collect())
    }
}
