//! The data directory: whose it is, and in which format.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// The format that this release writes. A release reads its own format and those before it.
const FORMAT: u32 = 1;

/// A data directory that this process owns until this is dropped; the operating system releases it, too, when
/// the process is killed.
pub(crate) struct DataDir {
    root: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Takes possession of a directory, which is made if need be.
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        fs::create_dir_all(root).map_err(|error| StoreError::path("creating", root, error))?;
        let path = root.join("lock");
        let failed = |error| StoreError::path("locking", &path, error);
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Without a readable owner the message has no process number.
                let read = lock.read_to_string(&mut owner);
                let pid = read.ok().and_then(|_| owner.trim().parse().ok());
                return Err(StoreError::Locked { path: root.to_owned(), pid });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        lock.set_len(0).map_err(failed)?;
        lock.seek(SeekFrom::Start(0)).map_err(failed)?;
        writeln!(lock, "{}", std::process::id()).map_err(failed)?;
        let directory = Self { root: root.to_owned(), _lock: lock };
        directory.check_format()?;
        Ok(directory)
    }

    /// Where the engine keeps the rows.
    pub(crate) fn rows(&self) -> PathBuf {
        self.root.join("rows")
    }

    /// Where the blobs are.
    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let path = self.root.join("format");
        match fs::read_to_string(&path) {
            Ok(text) => match text.trim().parse::<u32>() {
                Ok(found) if found > FORMAT => {
                    Err(StoreError::NewerFormat { path: self.root.clone(), found, supported: FORMAT })
                }
                Ok(1..) => Ok(()),
                _ => Err(StoreError::corrupt(format!("`{}` does not hold a format number", path.display()))),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.write_format(&path),
            Err(error) => Err(StoreError::path("reading", &path, error)),
        }
    }

    /// Marks a new directory. The rename makes sure that a killed process leaves no empty file behind.
    fn write_format(&self, path: &Path) -> Result<(), StoreError> {
        let new = self.root.join("format.new");
        fs::write(&new, format!("{FORMAT}\n"))
            .and_then(|()| fs::rename(&new, path))
            .map_err(|error| StoreError::path("writing", path, error))
    }
}
