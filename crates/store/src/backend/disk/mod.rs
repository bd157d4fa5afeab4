//! The engine on disk: a log in front of a B-tree.
//!
//! A commit is one `write` call that appends a record to the log, and an insertion into a map in memory, the
//! *active layer*. When that has grown, it is sealed, a new log is begun, and a thread moves the sealed layer
//! into a redb file (the *tree*) in one large transaction; then the old log is deleted. A view is the two layers
//! and a read transaction of the tree: taking one copies three pointers.
//!
//! So a commit costs what a system call costs, nothing that a caller waits for touches the disk, the log that
//! has to be read when a store is opened stays small, and after a SIGKILL the tree is never in need of
//! repair.
//!
//! The tree is flushed to disk before a log is deleted. After a power failure the default mode has therefore
//! lost what the operating system had not written yet, a few seconds at most, but the store is whole. With
//! `sync`, the log itself is flushed before a commit is acknowledged.

mod checkpoint;
mod layers;
mod log;
mod tree;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex, MutexGuard, RwLock};
use tokio::sync::Notify;

use self::layers::{Layer, View};
use self::log::Log;
use self::tree::Tree;
use super::{Backend, Reader, Transaction, WriteSet};
use crate::{Durability, StoreError};

/// How many bytes of rows the active layer holds before it is sealed. More needs more memory and more time to
/// open; less writes the tree's pages more often.
const SEAL: usize = 2 << 20;

/// How large the active layer may become while the one before it is still being moved into the tree. New
/// transactions wait then; those that are under way may go on to twice of that.
const FULL: usize = 4 * SEAL;

/// What a row costs in memory beside its bytes.
const ROW_OVERHEAD: usize = 100;

/// Rows on disk.
pub(crate) struct DiskBackend {
    shared: Arc<Shared>,
    checkpoints: Option<JoinHandle<()>>,
}

struct Shared {
    tree: Tree,
    /// Held by the transaction that is running.
    log: Mutex<Log>,
    recent: RwLock<Recent>,
    /// The logs that are not in the tree yet, for [`Backend::sync`].
    unflushed: Mutex<Vec<(u64, Arc<std::fs::File>)>>,
    state: Mutex<State>,
    /// Notified when the state has changed; `room`, when a layer has been moved.
    changed: Condvar,
    room: Notify,
}

/// What is needed for a view.
struct Recent {
    active: Layer,
    active_size: usize,
    sealed: Option<Sealed>,
    tree: Arc<tree::TreeView>,
}

impl Recent {
    fn is_congested(&self) -> bool {
        self.active_size >= FULL && self.sealed.is_some()
    }
}

#[derive(Clone)]
struct Sealed {
    layer: Layer,
    /// The last log whose rows are in the layer.
    log: u64,
}

/// What the thread that writes the tree and the writers tell each other.
#[derive(Default)]
struct State {
    closing: bool,
    /// A layer waits for being moved, or is being moved.
    sealed: bool,
    /// Why moving does not succeed.
    stuck: Option<StoreError>,
}

struct DiskTransaction<'a> {
    shared: &'a Shared,
    view: View,
    log: MutexGuard<'a, Log>,
}

impl DiskBackend {
    /// Opens a directory, which is made if need be.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(|error| StoreError::path("creating", path, error))?;
        let (tree, applied) = Tree::open(&path.join("tree.redb"))?;
        let recovered = log::recover(path, applied)?;
        let log = Log::create(path, recovered.next, durability == Durability::Sync)?;
        let unflushed = Mutex::new(vec![(log.number(), log.file())]);
        let recent = Recent {
            active_size: recovered.layer.iter().map(|(key, value)| row_size(key, value.as_ref())).sum(),
            active: recovered.layer,
            sealed: None,
            tree: Arc::new(tree.view()?),
        };
        let shared = Arc::new(Shared {
            tree,
            log: Mutex::new(log),
            recent: RwLock::new(recent),
            unflushed,
            state: Mutex::default(),
            changed: Condvar::new(),
            room: Notify::new(),
        });
        if shared.recent.read().active_size >= SEAL {
            // What a killed process left need not stay in memory.
            shared.seal(&mut shared.log.lock());
        }
        let thread = Arc::clone(&shared);
        let checkpoints = std::thread::Builder::new()
            .name("store-tree".to_owned())
            .spawn(move || checkpoint::run(&thread))
            .map_err(|error| StoreError::io("starting the thread that writes the tree", error))?;
        Ok(Self { shared, checkpoints: Some(checkpoints) })
    }
}

impl Drop for DiskBackend {
    fn drop(&mut self) {
        self.shared.state.lock().closing = true;
        self.shared.tree.close();
        self.shared.changed.notify_all();
        if let Some(thread) = self.checkpoints.take() {
            // A thread that panicked has printed its message; the log still has everything.
            drop(thread.join());
        }
    }
}

impl Backend for DiskBackend {
    fn snapshot(&self) -> Result<Arc<dyn Reader>, StoreError> {
        Ok(Arc::new(self.shared.view()))
    }

    fn begin(&self) -> Result<Box<dyn Transaction + '_>, StoreError> {
        let log = self.shared.log.lock();
        Ok(Box::new(DiskTransaction { shared: &self.shared, view: self.shared.view(), log }))
    }

    fn congestion(&self) -> Option<&Notify> {
        let congested = self.shared.recent.read().is_congested() && self.shared.trouble().is_none();
        congested.then_some(&self.shared.room)
    }

    fn sync(&self) -> Result<(), StoreError> {
        let files = self.shared.unflushed.lock().clone();
        files
            .iter()
            .try_for_each(|(_, file)| file.sync_data())
            .map_err(|error| StoreError::io("flushing the log", error))
    }
}

impl Shared {
    fn view(&self) -> View {
        let recent = self.recent.read();
        View {
            active: recent.active.clone(),
            sealed: recent.sealed.as_ref().map(|sealed| sealed.layer.clone()),
            tree: Arc::clone(&recent.tree),
        }
    }

    /// Tells everybody who waits that the state has changed.
    fn notify(&self) {
        self.changed.notify_all();
        self.room.notify_waiters();
    }

    /// Why the tree cannot be written, if that is so.
    fn trouble(&self) -> Option<StoreError> {
        self.tree.is_waiting_for_space().or_else(|| self.state.lock().stuck.clone())
    }

    /// Waits while the layers are much too full.
    fn admit(&self) -> Result<(), StoreError> {
        if self.recent.read().active_size < 2 * FULL {
            return Ok(());
        }
        if let Some(error) = self.trouble() {
            return Err(error);
        }
        let mut state = self.state.lock();
        while state.sealed && state.stuck.is_none() {
            self.changed.wait(&mut state);
        }
        Ok(())
    }

    /// Makes rows that are in the log visible.
    fn publish(&self, writes: WriteSet) -> bool {
        let mut recent = self.recent.write();
        for (key, value) in writes {
            recent.active_size += row_size(&key, value.as_ref());
            recent.active.insert(key, value);
        }
        recent.active_size >= SEAL && recent.sealed.is_none()
    }

    /// Ends the active layer and its log.
    fn seal(&self, log: &mut Log) {
        let next = match log.next() {
            Ok(next) => next,
            Err(error) => {
                // The layer goes on growing; the next commit tries again.
                tracing::warn!(%error, "could not begin a new log");
                return;
            }
        };
        self.unflushed.lock().push((next.number(), next.file()));
        let ended = std::mem::replace(log, next);
        let mut recent = self.recent.write();
        let layer = std::mem::take(&mut recent.active);
        recent.active_size = 0;
        recent.sealed = Some(Sealed { layer, log: ended.number() });
        drop(recent);
        self.state.lock().sealed = true;
        self.changed.notify_all();
    }
}

impl Transaction for DiskTransaction<'_> {
    fn reader(&self) -> &dyn Reader {
        &self.view
    }

    fn commit(self: Box<Self>, writes: WriteSet) -> Result<(), StoreError> {
        let Self { shared, view, mut log } = *self;
        // Our own view must be gone first, or every change would copy the path to its row.
        drop(view);
        shared.admit()?;
        log.append(&writes)?;
        if shared.publish(writes) {
            shared.seal(&mut log);
        }
        Ok(())
    }
}

fn row_size(key: &[u8], value: Option<&bytes::Bytes>) -> usize {
    key.len() + value.map_or(0, bytes::Bytes::len) + ROW_OVERHEAD
}
