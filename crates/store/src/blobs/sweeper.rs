//! Removes the bytes that no row holds any more.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{BlobRef, HASH_LEN};
use crate::db::DbInner;
use crate::{StoreError, counts};

/// How long a blob that a snapshot still shows is left alone before it is looked at again.
const PATIENCE: Duration = Duration::from_millis(500);

/// The thread that removes blobs. Dropping this ends it.
pub(crate) struct Sweeper {
    requests: Option<mpsc::Sender<Request>>,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

enum Request {
    /// Remove these unless somebody needs them.
    Unlinked(Vec<BlobRef>),
    /// Look through all files for what a killed process has left.
    Orphans,
}

struct Doomed {
    hash: [u8; HASH_LEN],
    moment: u64,
}

impl Sweeper {
    pub(crate) fn start(db: Arc<DbInner>) -> Result<Self, StoreError> {
        let (requests, waiting) = mpsc::channel();
        let closing = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&closing);
        let thread = std::thread::Builder::new()
            .name("blob-sweeper".to_owned())
            .spawn(move || serve(&waiting, &db, &stop))
            .map_err(|error| StoreError::io("starting the thread that removes blobs", error))?;
        Ok(Self { requests: Some(requests), closing, thread: Some(thread) })
    }

    pub(crate) fn unlinked(&self, blobs: Vec<BlobRef>) {
        self.request(Request::Unlinked(blobs));
    }

    pub(crate) fn orphans(&self) {
        self.request(Request::Orphans);
    }

    fn request(&self, request: Request) {
        if let Some(requests) = &self.requests {
            // Should the thread be gone, the bytes stay until the next start.
            drop(requests.send(request));
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has printed its message; there is nothing to add.
            drop(thread.join());
        }
    }
}

fn serve(waiting: &mpsc::Receiver<Request>, db: &DbInner, closing: &AtomicBool) {
    let mut doomed: Vec<Doomed> = Vec::new();
    loop {
        let request = if doomed.is_empty() {
            waiting.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected)
        } else {
            waiting.recv_timeout(PATIENCE)
        };
        let outcome = match request {
            Ok(Request::Unlinked(blobs)) => {
                let moment = db.blobs.moment();
                doomed.extend(blobs.iter().map(|blob| Doomed { hash: *blob.hash(), moment }));
                Ok(())
            }
            Ok(Request::Orphans) => orphans(db, closing),
            Err(mpsc::RecvTimeoutError::Timeout) => Ok(()),
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        };
        let (shown, gone): (Vec<_>, Vec<_>) =
            doomed.drain(..).partition(|blob| db.blobs.is_shown(blob.moment));
        doomed = shown;
        let outcome = outcome.and_then(|()| gone.iter().try_for_each(|blob| remove(db, &blob.hash)));
        if let Err(error) = outcome {
            tracing::warn!(%error, "could not remove blobs that are no longer needed");
        }
    }
}

fn remove(db: &DbInner, hash: &[u8; HASH_LEN]) -> Result<(), StoreError> {
    db.blobs.remove(hash, || counts::is_held(db, hash))
}

fn orphans(db: &DbInner, closing: &AtomicBool) -> Result<(), StoreError> {
    let root = db.blobs.root()?;
    let failed = |error| StoreError::path("listing", root, error);
    for directory in fs::read_dir(root).map_err(failed)? {
        let directory = directory.map_err(failed)?;
        let first = directory.file_name();
        if first.len() != 2 {
            continue;
        }
        for file in fs::read_dir(directory.path()).map_err(failed)? {
            let file = file.map_err(failed)?;
            if closing.load(Ordering::Relaxed) {
                return Ok(());
            }
            let name = format!("{}{}", first.display(), file.file_name().display());
            // A file with another name is not ours.
            if let Ok(hash) = blake3::Hash::from_hex(name) {
                remove(db, hash.as_bytes())?;
            }
        }
    }
    Ok(())
}
