//! Where the files are, and what keeps them from being removed.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::buffers::Buffers;
use super::hot::HotBlobs;
use super::private::PrivateDir;
use super::{BlobReader, BlobRef, BlobWriter, HASH_LEN};
use crate::StoreError;

/// The blob store. Cloning is cheap and gives another handle on the same store.
#[derive(Clone)]
pub struct BlobStore {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    /// Whether a finished blob has to survive a power failure.
    sync: bool,
    next_temporary: AtomicU64,
    pins: Mutex<HashMap<[u8; HASH_LEN], usize>>,
    snapshots: Mutex<Snapshots>,
    buffers: Arc<Buffers>,
    hot: Arc<HotBlobs>,
}

enum Place {
    /// Part of a data directory.
    Kept(PathBuf),
    /// A directory that is made when the first blob comes and is removed with the store.
    Private(OnceLock<PrivateDir>),
}

#[derive(Default)]
struct Snapshots {
    /// Counts snapshots begun and blobs unlinked, to tell which was first.
    moment: u64,
    /// When the snapshots that are still alive began.
    alive: BTreeSet<u64>,
}

/// Keeps the blobs that were there when a snapshot was taken.
pub(crate) struct SnapshotGuard {
    store: BlobStore,
    moment: u64,
}

/// Keeps one blob that no row holds yet.
pub(super) struct Pin {
    store: BlobStore,
    hash: [u8; HASH_LEN],
}

impl BlobStore {
    /// Opens the blobs of a data directory; what unfinished uploads left there is removed.
    pub(crate) fn open_dir(root: &Path, sync: bool) -> Result<Self, StoreError> {
        let temporary = root.join("tmp");
        match fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::path("emptying", &temporary, error));
            }
            _ => {}
        }
        fs::create_dir_all(&temporary).map_err(|error| StoreError::path("creating", &temporary, error))?;
        Ok(Self::new(Place::Kept(root.to_owned()), sync))
    }

    /// Whether there is any file to look at for orphans.
    pub(crate) fn has_any(&self) -> Result<bool, StoreError> {
        let root = self.root()?;
        let listed = fs::read_dir(root).map_err(|error| StoreError::path("listing", root, error))?;
        // `tmp` is always there.
        Ok(listed.count() > 1)
    }

    /// Blobs that go with the store.
    pub(crate) fn ephemeral() -> Self {
        Self::new(Place::Private(OnceLock::new()), false)
    }

    fn new(place: Place, sync: bool) -> Self {
        let inner = Inner {
            place,
            sync,
            next_temporary: AtomicU64::new(0),
            pins: Mutex::default(),
            snapshots: Mutex::default(),
            buffers: Arc::default(),
            hot: Arc::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Starts an upload.
    pub fn writer(&self) -> BlobWriter {
        BlobWriter::new(self.clone())
    }

    /// Opens a blob. It stays readable when it is removed later.
    ///
    /// Where another request may replace the row that holds the blob, use
    /// [`ReadTx::open_blob`](crate::ReadTx::open_blob).
    ///
    /// # Errors
    /// [`StoreError::BlobMissing`] when there is no such blob; what the operating system reports.
    pub fn open(&self, blob: &BlobRef) -> Result<BlobReader, StoreError> {
        let path = self.path(blob.hash())?;
        match fs::File::open(&path) {
            Ok(file) => {
                let Inner { buffers, hot, .. } = &*self.inner;
                let hot = hot.is_worthwhile(blob).then(|| Arc::clone(hot));
                Ok(BlobReader::new(file, blob.clone(), Arc::clone(buffers), hot))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(StoreError::BlobMissing { hash: blob.to_string() })
            }
            Err(error) => Err(StoreError::path("opening", &path, error)),
        }
    }

    /// The directory of all blobs.
    pub(super) fn root(&self) -> Result<&Path, StoreError> {
        match &self.inner.place {
            Place::Kept(root) => Ok(root),
            Place::Private(made) => {
                if let Some(directory) = made.get() {
                    return Ok(directory.path());
                }
                let directory = PrivateDir::create()?;
                // Two uploads may come first at the same time; the directory of the second is removed again.
                Ok(made.get_or_init(|| directory).path())
            }
        }
    }

    pub(super) fn is_sync(&self) -> bool {
        self.inner.sync
    }

    pub(super) fn path(&self, hash: &[u8; HASH_LEN]) -> Result<PathBuf, StoreError> {
        let hex = blake3::Hash::from_bytes(*hash).to_hex();
        let (directory, name) = hex.as_str().split_at(2);
        Ok(self.root()?.join(directory).join(name))
    }

    /// A path for an upload that nobody else uses.
    pub(super) fn temporary(&self) -> Result<PathBuf, StoreError> {
        let number = self.inner.next_temporary.fetch_add(1, Ordering::Relaxed);
        Ok(self.root()?.join("tmp").join(number.to_string()))
    }

    pub(super) fn pin(&self, hash: [u8; HASH_LEN]) -> Pin {
        *self.inner.pins.lock().entry(hash).or_default() += 1;
        Pin { store: self.clone(), hash }
    }

    pub(crate) fn is_pinned(&self, blob: &BlobRef) -> bool {
        self.inner.pins.lock().contains_key(blob.hash())
    }

    pub(crate) fn guard_snapshot(&self) -> SnapshotGuard {
        let mut snapshots = self.inner.snapshots.lock();
        snapshots.moment += 1;
        let moment = snapshots.moment;
        snapshots.alive.insert(moment);
        SnapshotGuard { store: self.clone(), moment }
    }

    /// The moment of an unlinking that has just been committed, for [`BlobStore::is_shown`].
    pub(super) fn moment(&self) -> u64 {
        let mut snapshots = self.inner.snapshots.lock();
        snapshots.moment += 1;
        snapshots.moment
    }

    /// Whether a snapshot is alive that began before a moment.
    pub(super) fn is_shown(&self, moment: u64) -> bool {
        self.inner.snapshots.lock().alive.first().is_some_and(|first| *first < moment)
    }

    /// Removes a blob's file unless it is pinned or `is_held` says that a row holds it. No pin can come
    /// in between.
    pub(super) fn remove(
        &self,
        hash: &[u8; HASH_LEN],
        is_held: impl FnOnce() -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let pins = self.inner.pins.lock();
        if pins.contains_key(hash) || is_held()? {
            return Ok(());
        }
        let path = self.path(hash)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::path("removing", &path, error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for SnapshotGuard {
    fn drop(&mut self) {
        self.store.inner.snapshots.lock().alive.remove(&self.moment);
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut pins = self.store.inner.pins.lock();
        if let Some(count) = pins.get_mut(&self.hash) {
            *count -= 1;
            if *count == 0 {
                pins.remove(&self.hash);
            }
        }
    }
}
