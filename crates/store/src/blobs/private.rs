//! The temporary directory of a store that keeps nothing.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::StoreError;

const PREFIX: &str = "cloudtwin-ephemeral-";
const LOCK: &str = "lock";

/// A directory this old has been locked by its owner, if that is alive.
const SETTLED: Duration = Duration::from_secs(60);

/// A directory that is removed when it is dropped, and by the next one if this process is killed.
pub(super) struct PrivateDir {
    directory: TempDir,
    /// Held for as long as the process lives.
    _lock: File,
}

impl PrivateDir {
    pub(super) fn create() -> Result<Self, StoreError> {
        let parent = std::env::temp_dir();
        let failed = |error| StoreError::path("creating a private directory in", &parent, error);
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parent).map_err(failed)?;
        let lock = File::create(directory.path().join(LOCK)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        fs::create_dir(directory.path().join("tmp")).map_err(failed)?;
        remove_abandoned(&parent);
        Ok(Self { directory, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Removes the directories of processes that were killed. Nothing depends on it, so errors are passed over.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // A new directory may not be locked yet.
        let Ok(age) = entry.metadata().and_then(|about| about.modified()).map(|made| made.elapsed()) else {
            continue;
        };
        if age.is_ok_and(|age| age < SETTLED) {
            continue;
        }
        let Ok(lock) = File::open(path.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() && fs::remove_dir_all(&path).is_ok() {
            tracing::debug!(path = %path.display(), "removed the blobs of a store that was killed");
        }
    }
}
