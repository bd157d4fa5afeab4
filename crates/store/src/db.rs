//! The store as a whole, and how a closure becomes a transaction.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::StoreError;
use crate::backend::disk::DiskBackend;
use crate::backend::memory::MemoryBackend;
use crate::backend::{Backend, Reader};
use crate::blobs::{BlobRef, BlobStore, SnapshotGuard, Sweeper};
use crate::directory::DataDir;
use crate::durable::{self, GroupSync, Ticket};
use crate::registry::Registry;
use crate::revisions::{self, Revisions};
use crate::scan::{Pending, Source};
use crate::shared_rows::SharedRows;
use crate::table::Table;
use crate::tx::{Home, ReadTx, Tx};

/// How often a closure is run again after a conflict before the conflict is reported.
const MAX_ATTEMPTS: usize = 64;

/// What a write that has been acknowledged survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however sudden (SIGKILL, out of memory); not a power failure.
    #[default]
    Process,
    /// A power failure: every commit waits for the disk. Commits that happen together share one wait.
    Sync,
}

/// All state: rows and blobs. Cloning is cheap and gives another handle on the same store; the last one to go
/// closes it.
#[derive(Clone)]
pub struct Db {
    shared: Arc<Shared>,
}

/// The store and its threads, which end before it closes.
struct Shared {
    sync: Option<GroupSync>,
    sweeper: OnceLock<Sweeper>,
    inner: Arc<DbInner>,
}

pub(crate) struct DbInner {
    pub(crate) backend: Box<dyn Backend>,
    pub(crate) registry: Registry,
    pub(crate) blobs: BlobStore,
    pub(crate) shared_rows: SharedRows,
    pub(crate) revisions: Revisions,
    /// Released last.
    _directory: Option<DataDir>,
}

/// A handle on the rows of one account and region.
#[derive(Clone)]
pub struct ScopedDb {
    db: Db,
    home: Arc<Home>,
}

/// A view that stays as it is while writers go on, for as long as it is kept: the rows do not change, and the
/// blobs that they hold are not removed.
pub struct Snapshot {
    db: Db,
    reader: Arc<dyn Reader>,
    _blobs: SnapshotGuard,
}

/// What a commit leaves to do.
struct Committed<T> {
    value: T,
    hooks: Vec<Box<dyn FnOnce() + Send>>,
    unlinked: Vec<BlobRef>,
    ticket: Option<Ticket>,
}

impl Db {
    /// A store that keeps nothing after the process: rows are in memory, blobs in a private temporary directory.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn ephemeral() -> Result<Self, StoreError> {
        Self::start(Box::new(MemoryBackend::default()), BlobStore::ephemeral(), Durability::Process, None)
    }

    /// Opens a data directory, which is made if need be. At most one process has it open.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another server has it; [`StoreError::NewerFormat`] when a later release wrote
    /// it; [`StoreError::Corrupt`] when its files are damaged; what the operating system reports.
    pub fn open(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StoreError> {
        let directory = DataDir::open(path.as_ref())?;
        let backend = Box::new(DiskBackend::open(&directory.rows(), durability)?);
        let blobs = BlobStore::open_dir(&directory.blobs(), durability == Durability::Sync)?;
        let has_blobs = blobs.has_any()?;
        let db = Self::start(backend, blobs, durability, Some(directory))?;
        if has_blobs {
            db.sweeper()?.orphans();
        }
        Ok(db)
    }

    fn start(
        backend: Box<dyn Backend>,
        blobs: BlobStore,
        durability: Durability,
        directory: Option<DataDir>,
    ) -> Result<Self, StoreError> {
        let inner = Arc::new(DbInner {
            backend,
            registry: Registry::default(),
            blobs,
            shared_rows: SharedRows::default(),
            revisions: Revisions::default(),
            _directory: directory,
        });
        let sync = match durability {
            Durability::Process => None,
            Durability::Sync => Some(GroupSync::start(Arc::clone(&inner))?),
        };
        Ok(Self { shared: Arc::new(Shared { sync, sweeper: OnceLock::new(), inner }) })
    }

    pub(crate) fn inner(&self) -> &DbInner {
        &self.shared.inner
    }

    /// The thread that removes blobs; there is none before it is needed.
    fn sweeper(&self) -> Result<&Sweeper, StoreError> {
        if let Some(sweeper) = self.shared.sweeper.get() {
            return Ok(sweeper);
        }
        let started = Sweeper::start(Arc::clone(&self.shared.inner))?;
        Ok(self.shared.sweeper.get_or_init(|| started))
    }

    /// The rows of one account and region.
    pub fn scoped(&self, account: &str, region: &str) -> ScopedDb {
        ScopedDb { db: self.clone(), home: Home::new(account, region) }
    }

    /// A view for as long as it is wanted.
    ///
    /// # Errors
    /// What the engine reports.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        // The guard first: a blob that the view still shows must not be swept between the two.
        let guard = self.inner().blobs.guard_snapshot();
        Ok(Snapshot { db: self.clone(), reader: self.inner().backend.snapshot()?, _blobs: guard })
    }

    /// A number that changes whenever a commit has written to a table (and sometimes when none has). Whoever keeps
    /// what was derived from rows asks for it *before* reading them; while it stays the same, the rows are the same.
    /// A commit is counted before it is acknowledged. Numbers mean nothing after the store has been closed.
    ///
    /// # Errors
    /// As [`ReadTx::contains`].
    pub fn revision<V, K>(&self, table: &Table<V, K>) -> Result<u64, StoreError> {
        let db = self.inner();
        let id = match db.registry.id(table.name()) {
            Some(id) => Some(id),
            None if db.registry.is_absent(table.name()) => None,
            None => {
                let reader = db.backend.snapshot()?;
                let source = Source { db, reader: &*reader, pending: None, outdated: None };
                let found = db.registry.load(&source, table.name())?;
                if found.is_none() {
                    db.registry.note_absent(&source, table.name())?;
                }
                found.map(|info| info.id)
            }
        };
        Ok(id.map_or(0, |id| db.revisions.of(id)))
    }

    /// The bytes that are too large for rows.
    pub fn blobs(&self) -> &BlobStore {
        &self.inner().blobs
    }
}

impl Snapshot {
    /// The rows of one account and region.
    pub fn at(&self, account: &str, region: &str) -> ReadTx<'_> {
        ReadTx::new(self.source(), Home::new(account, region))
    }

    pub(crate) fn source(&self) -> Source<'_> {
        Source { db: self.db.inner(), reader: &*self.reader, pending: None, outdated: None }
    }
}

impl ScopedDb {
    /// The account whose rows this reads and writes.
    pub fn account(&self) -> &str {
        &self.home.account
    }

    /// The region whose rows this reads and writes.
    pub fn region(&self) -> &str {
        &self.home.region
    }

    /// The whole store.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Reads at one consistent moment. The closure must not do anything else but read: it may run again.
    ///
    /// # Errors
    /// What the closure returns, and what the engine reports.
    pub fn read<T, E, F>(&self, mut read: F) -> Result<T, E>
    where
        F: FnMut(&ReadTx<'_>) -> Result<T, E>,
        E: From<StoreError>,
    {
        let db = self.db.inner();
        for _ in 1..MAX_ATTEMPTS {
            let reader = db.backend.snapshot()?;
            let outdated = Cell::new(false);
            let source = Source { db, reader: &*reader, pending: None, outdated: Some(&outdated) };
            let result = read(&ReadTx::new(source, Arc::clone(&self.home)));
            if !outdated.get() {
                return result;
            }
        }
        let reader = db.backend.snapshot()?;
        let source = Source { db, reader: &*reader, pending: None, outdated: None };
        read(&ReadTx::new(source, Arc::clone(&self.home)))
    }

    /// Runs a transaction: all of the closure's writes happen, or, when it returns an error, none. When this
    /// returns `Ok`, the writes are as durable as the store promises.
    ///
    /// The closure may run again, so it must not do anything but read and write rows: no clock, no randomness,
    /// no messages. What should happen once goes into [`Tx::after_commit`] or into a row.
    ///
    /// # Errors
    /// What the closure returns, and what the engine reports.
    pub async fn write<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E>,
        E: From<StoreError>,
    {
        // A task that does nothing but write must let others have their turn.
        tokio::task::coop::consume_budget().await;
        let backend = &self.db.inner().backend;
        while let Some(room) = backend.congestion() {
            let notified = room.notified();
            // There may have been room before we began to listen.
            if backend.congestion().is_some() {
                notified.await;
            }
        }
        let mut committed = self.commit(write)?;
        if let Some(ticket) = committed.ticket.take() {
            ticket.await.unwrap_or_else(|_| Err(durable::closed()))?;
        }
        Ok(self.finish(committed))
    }

    /// As [`ScopedDb::write`], for threads that do not belong to an async runtime.
    ///
    /// # Errors
    /// As [`ScopedDb::write`].
    pub fn write_blocking<T, E, F>(&self, write: F) -> Result<T, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E>,
        E: From<StoreError>,
    {
        let mut committed = self.commit(write)?;
        if let Some(ticket) = committed.ticket.take() {
            ticket.blocking_recv().unwrap_or_else(|_| Err(durable::closed()))?;
        }
        Ok(self.finish(committed))
    }

    /// Runs the closure and commits; nothing here waits for a disk.
    fn commit<T, E, F>(&self, mut write: F) -> Result<Committed<T>, E>
    where
        F: FnMut(&mut Tx<'_>) -> Result<T, E>,
        E: From<StoreError>,
    {
        let db = self.db.inner();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let transaction = db.backend.begin()?;
            let pending = RefCell::new(Pending::default());
            let outdated = Cell::new(false);
            let source = Source {
                db,
                reader: transaction.reader(),
                pending: Some(&pending),
                outdated: Some(&outdated),
            };
            let result = write(&mut Tx::new(ReadTx::new(source, Arc::clone(&self.home)), &pending));
            if outdated.get() && attempts < MAX_ATTEMPTS {
                continue;
            }
            let value = result?;
            let Pending { writes, tables, hooks, unlinked } = pending.into_inner();
            if writes.is_empty() {
                return Ok(Committed { value, hooks, unlinked, ticket: None });
            }
            let written = revisions::tables_of(&writes);
            let _making = (!tables.is_empty()).then(|| db.registry.making_tables());
            match transaction.commit(writes) {
                Ok(()) => {
                    if !tables.is_empty() {
                        db.registry.learn(tables);
                    }
                    db.revisions.count(&written);
                    let ticket = self.db.shared.sync.as_ref().map(GroupSync::request);
                    return Ok(Committed { value, hooks, unlinked, ticket });
                }
                Err(StoreError::Conflict) if attempts < MAX_ATTEMPTS => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn finish<T>(&self, committed: Committed<T>) -> T {
        if !committed.unlinked.is_empty() {
            match self.db.sweeper() {
                Ok(sweeper) => sweeper.unlinked(committed.unlinked),
                // The bytes stay until the next start.
                Err(error) => tracing::warn!(%error, "blobs that are no longer needed are not removed"),
            }
        }
        for hook in committed.hooks {
            hook();
        }
        committed.value
    }
}
