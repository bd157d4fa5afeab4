//! Blobs streamed in.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use tokio::task::JoinHandle;

use super::{BlobRef, BlobStore, INLINE_MAX, Payload, Pin};
use crate::StoreError;

/// How much is gathered before it is hashed and written, off the runtime's threads.
const CHUNK: usize = 256 * 1024;

/// An upload. Dropping it before [`BlobWriter::finish`] removes what was written.
pub struct BlobWriter {
    store: BlobStore,
    gathered: Vec<Bytes>,
    gathered_len: usize,
    len: u64,
    sink: Sink,
}

enum Sink {
    /// Everything so far has been gathered in memory.
    Unopened,
    /// The previous chunk is still being written.
    Busy(JoinHandle<Result<TemporaryBlob, StoreError>>),
    /// An error has been reported.
    Failed,
}

/// A file that is removed unless it is renamed into place.
struct TemporaryBlob {
    path: PathBuf,
    file: File,
    hasher: blake3::Hasher,
}

/// A complete blob, or small value, that no row holds yet. Keep it until the transaction has been committed:
/// when it is dropped, bytes that no row holds are removed.
pub struct Staged {
    payload: Payload,
    _pin: Option<Pin>,
}

impl Staged {
    /// What to put into the row.
    pub fn payload(&self) -> &Payload {
        &self.payload
    }
}

impl BlobWriter {
    pub(super) fn new(store: BlobStore) -> Self {
        Self { store, gathered: Vec::new(), gathered_len: 0, len: 0, sink: Sink::Unopened }
    }

    /// How many bytes have been written.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes. At most two chunks of 256 KiB (plus one `bytes`) are held in memory.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`], and what the operating system reports. The upload cannot go on then.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StoreError> {
        self.len += bytes.len() as u64;
        self.gathered_len += bytes.len();
        self.gathered.push(bytes);
        if self.gathered_len >= CHUNK { self.flush().await } else { Ok(()) }
    }

    /// Ends the upload: up to [`INLINE_MAX`] bytes come back as they are, more have become a blob.
    ///
    /// # Errors
    /// As [`BlobWriter::write`].
    pub async fn finish(mut self) -> Result<Staged, StoreError> {
        if matches!(self.sink, Sink::Unopened) && self.gathered_len <= INLINE_MAX {
            return Ok(Staged { payload: Payload::Inline(join(&mut self.gathered)), _pin: None });
        }
        self.flush().await?;
        let blob = self.idle().await?;
        let (store, len) = (self.store.clone(), self.len);
        let staged = tokio::task::spawn_blocking(move || blob.publish(&store, len));
        staged.await.map_err(|_| interrupted())?
    }

    async fn flush(&mut self) -> Result<(), StoreError> {
        let blob = self.idle().await?;
        let gathered = std::mem::take(&mut self.gathered);
        self.gathered_len = 0;
        self.sink = Sink::Busy(tokio::task::spawn_blocking(move || blob.append(&gathered)));
        Ok(())
    }

    /// Waits for the chunk that is being written.
    async fn idle(&mut self) -> Result<TemporaryBlob, StoreError> {
        match std::mem::replace(&mut self.sink, Sink::Failed) {
            Sink::Unopened => TemporaryBlob::create(&self.store),
            Sink::Busy(job) => job.await.map_err(|_| interrupted())?,
            Sink::Failed => Err(interrupted()),
        }
    }
}

impl BlobStore {
    /// Stores bytes that are all there already, on this thread.
    ///
    /// # Errors
    /// As [`BlobWriter::write`].
    pub fn put_blocking(&self, bytes: Bytes) -> Result<Staged, StoreError> {
        if bytes.len() <= INLINE_MAX {
            return Ok(Staged { payload: Payload::Inline(bytes), _pin: None });
        }
        let len = bytes.len() as u64;
        TemporaryBlob::create(self)?.append(&[bytes])?.publish(self, len)
    }
}

impl TemporaryBlob {
    fn create(store: &BlobStore) -> Result<Self, StoreError> {
        let path = store.temporary()?;
        let file = File::create_new(&path).map_err(|error| StoreError::path("creating", &path, error))?;
        Ok(Self { path, file, hasher: blake3::Hasher::new() })
    }

    fn append(mut self, chunks: &[Bytes]) -> Result<Self, StoreError> {
        for chunk in chunks {
            self.hasher.update(chunk);
            self.file.write_all(chunk).map_err(|error| StoreError::path("writing", &self.path, error))?;
        }
        Ok(self)
    }

    /// Moves the file to where its hash says, unless the same content is there already.
    fn publish(self, store: &BlobStore, len: u64) -> Result<Staged, StoreError> {
        let hash: [u8; 32] = self.hasher.finalize().into();
        // Pinned before looking: from here on nobody removes the file that may be there.
        let pin = store.pin(hash);
        let target = store.path(&hash)?;
        let exists = fs::metadata(&target).is_ok_and(|found| found.len() == len);
        if !exists {
            if store.is_sync() {
                self.file.sync_all().map_err(|error| StoreError::path("flushing", &self.path, error))?;
            }
            self.rename(&target).map_err(|error| StoreError::path("creating", &target, error))?;
            if store.is_sync() {
                sync_parent(&target).map_err(|error| StoreError::path("flushing", &target, error))?;
            }
        }
        Ok(Staged { payload: Payload::Blob(BlobRef::new(hash, len)), _pin: Some(pin) })
    }

    fn rename(&self, target: &PathBuf) -> io::Result<()> {
        match fs::rename(&self.path, target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(directory) = target.parent() {
                    fs::create_dir_all(directory)?;
                }
                fs::rename(&self.path, target)
            }
            renamed => renamed,
        }
    }
}

impl Drop for TemporaryBlob {
    fn drop(&mut self) {
        // Gone already when it was renamed; else what an interrupted upload left is of no use to anybody.
        drop(fs::remove_file(&self.path));
    }
}

/// A renamed file survives a power failure only when its directory has been flushed, too.
fn sync_parent(path: &std::path::Path) -> io::Result<()> {
    for directory in path.ancestors().skip(1).take(2) {
        File::open(directory)?.sync_all()?;
    }
    Ok(())
}

fn join(pieces: &mut Vec<Bytes>) -> Bytes {
    if pieces.len() == 1 {
        return pieces.pop().unwrap_or_default();
    }
    let mut joined = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
    joined.freeze()
}

fn interrupted() -> StoreError {
    StoreError::Closed { reason: "an upload was interrupted".to_owned() }
}
