//! The tree: a redb file with all rows but the most recent ones.

use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{AccessGuard, Database, ReadableDatabase, StorageBackend, StorageError, TableDefinition};

use super::layers::Layer;
use crate::StoreError;
use crate::backend::Scan;

type Slice = &'static [u8];

const ROWS: TableDefinition<'static, Slice, Slice> = TableDefinition::new("rows");

/// One row: the number of the last log whose rows are in the tree.
const LOG: TableDefinition<'static, (), u64> = TableDefinition::new("log");

/// How much memory pages of the tree may take.
const CACHE: usize = 8 << 20;

/// How long to wait before a write to a full disk is tried again.
const DISK_FULL_RETRY: Duration = Duration::from_millis(250);

/// The tree.
pub(super) struct Tree {
    directory: PathBuf,
    database: Database,
    switches: Arc<Switches>,
}

/// A consistent view of the tree.
pub(super) struct TreeView(redb::ReadOnlyTable<Slice, Slice>);

#[derive(Debug, Default)]
struct Switches {
    /// Whether flushing has an effect. While a store is opened it has none: nothing is there to be lost.
    flush: AtomicBool,
    closing: AtomicBool,
    /// Whether a write is being tried again because the disk is full.
    disk_full: AtomicBool,
}

/// The tree's file. A full disk is waited for, because redb cannot go on after an error; only the thread that
/// writes the tree waits.
#[derive(Debug)]
struct TreeFile {
    file: FileBackend,
    switches: Arc<Switches>,
}

impl TreeFile {
    fn patiently(&self, mut write: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        loop {
            match write() {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
                        && !self.switches.closing.load(Ordering::Relaxed) =>
                {
                    if !self.switches.disk_full.swap(true, Ordering::Relaxed) {
                        tracing::error!(%error, "no space is left for rows; waiting for some to be freed");
                    }
                    std::thread::sleep(DISK_FULL_RETRY);
                }
                result => {
                    self.switches.disk_full.store(false, Ordering::Relaxed);
                    return result;
                }
            }
        }
    }
}

impl StorageBackend for TreeFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.patiently(|| self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.switches.flush.load(Ordering::Relaxed) { self.file.sync_data() } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.patiently(|| self.file.write(offset, data))
    }
}

impl Tree {
    /// Opens or creates the tree, and says which log's rows it has last.
    pub(super) fn open(path: &Path) -> Result<(Self, u64), StoreError> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| StoreError::path("opening", path, error))?;
        let switches = Arc::new(Switches::default());
        let file = FileBackend::new(file).map_err(|error| failed("opening", path, error))?;
        let file = TreeFile { file, switches: Arc::clone(&switches) };
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create_with_backend(file)
            .map_err(|error| failed("opening", path, error))?;
        let directory = path.parent().unwrap_or(path).to_owned();
        let tree = Self { directory, database, switches };
        let applied = match tree.applied().map_err(|error| failed("reading", path, error))? {
            Some(applied) => applied,
            None => {
                tree.write(&Layer::new(), 0).map_err(|error| failed("creating", path, error))?;
                0
            }
        };
        tree.switches.flush.store(true, Ordering::Relaxed);
        Ok((tree, applied))
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Lets a writer give up that waits for space on the disk.
    pub(super) fn close(&self) {
        self.switches.closing.store(true, Ordering::Relaxed);
    }

    /// The error that a write to the tree waits out.
    pub(super) fn is_waiting_for_space(&self) -> Option<StoreError> {
        let full = self.switches.disk_full.load(Ordering::Relaxed);
        full.then(|| StoreError::DiskFull { doing: format!("rows in `{}`", self.directory.display()) })
    }

    pub(super) fn view(&self) -> Result<TreeView, StoreError> {
        let view = || Ok::<_, redb::Error>(self.database.begin_read()?.open_table(ROWS)?);
        view().map(TreeView).map_err(|error| failed("reading", &self.directory, error))
    }

    /// Moves the rows of a layer into the tree; `log` is the last log whose rows are in the layer.
    pub(super) fn apply(&self, layer: &Layer, log: u64) -> Result<(), StoreError> {
        self.write(layer, log).map_err(|error| failed("writing", &self.directory, error))
    }

    fn write(&self, layer: &Layer, log: u64) -> Result<(), redb::Error> {
        let mut write = self.database.begin_write()?;
        // Keeps what a killed process would otherwise have to find out by reading the whole file.
        write.set_quick_repair(true);
        {
            let mut rows = write.open_table(ROWS)?;
            for (key, value) in layer {
                match value {
                    Some(value) => drop(rows.insert(&**key, &**value)?),
                    None => drop(rows.remove(&**key)?),
                }
            }
            write.open_table(LOG)?.insert((), log)?;
        }
        Ok(write.commit()?)
    }

    fn applied(&self) -> Result<Option<u64>, redb::Error> {
        match self.database.begin_read()?.open_table(LOG) {
            Ok(table) => Ok(table.get(())?.map(|number| number.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl TreeView {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.0.get(key) {
            Ok(found) => Ok(found.map(|value| Bytes::copy_from_slice(value.value()))),
            Err(error) => Err(unreadable(error)),
        }
    }

    pub(super) fn scan(&self, start: &[u8], end: &[u8], reverse: bool) -> Scan<'_> {
        match self.0.range::<&[u8]>((Bound::Included(start), Bound::Excluded(end))) {
            Ok(rows) if reverse => Box::new(rows.rev().map(copy)),
            Ok(rows) => Box::new(rows.map(copy)),
            Err(error) => Box::new(std::iter::once(Err(unreadable(error)))),
        }
    }
}

type Guards<'a> = (AccessGuard<'a, Slice>, AccessGuard<'a, Slice>);

fn copy(row: Result<Guards<'_>, StorageError>) -> Result<(Bytes, Bytes), StoreError> {
    let (key, value) = row.map_err(unreadable)?;
    Ok((Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())))
}

fn unreadable(error: StorageError) -> StoreError {
    failed("reading rows in", Path::new("rows"), error)
}

fn failed(doing: &str, path: &Path, error: impl Into<redb::Error>) -> StoreError {
    match error.into() {
        // A file that is no tree, or only the beginning of one, is reported as one of these two.
        redb::Error::Io(error)
            if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) =>
        {
            StoreError::path(doing, path, error)
        }
        redb::Error::PreviousIo => {
            StoreError::Closed { reason: "an earlier error of the disk; start the server again".to_owned() }
        }
        error => StoreError::corrupt(format!("{doing} `{}`: {error}", path.display())),
    }
}
