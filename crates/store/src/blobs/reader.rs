//! Blobs streamed out.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::BlobRef;
use crate::StoreError;

/// How much is read at a time.
const CHUNK: u64 = 512 * 1024;

/// A stream of a blob's bytes, or of a range of them. While one chunk is sent, the next is read.
pub struct BlobReader {
    blob: BlobRef,
    /// Where the file is when no reading is under way.
    file: Option<File>,
    ahead: Option<JoinHandle<(File, io::Result<Bytes>)>>,
    /// What has not been asked for yet.
    rest: Range<u64>,
    seek: bool,
}

impl BlobReader {
    pub(super) fn new(file: File, blob: BlobRef) -> Self {
        let rest = 0..blob.len();
        Self { blob, file: Some(file), ahead: None, rest, seek: false }
    }

    /// Restricts to a range of bytes; what lies behind the end is left out. To be called before the first
    /// [`BlobReader::next_chunk`].
    #[must_use]
    pub fn range(mut self, range: Range<u64>) -> Self {
        let end = range.end.min(self.blob.len());
        self.rest = range.start.min(end)..end;
        self.seek = true;
        self
    }

    /// How many bytes are still to come.
    pub fn remaining(&self) -> u64 {
        self.rest.end - self.rest.start
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// What the operating system reports; [`StoreError::Corrupt`] when the file is too short.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        if self.ahead.is_none() {
            self.read_ahead(self.rest.start);
        }
        let Some(ahead) = self.ahead.take() else { return Err(self.stopped()) };
        let (file, chunk) = ahead.await.map_err(|_| self.stopped())?;
        self.file = Some(file);
        let chunk = chunk.map_err(|error| StoreError::io(format!("reading blob {}", self.blob), error))?;
        if chunk.is_empty() {
            return Err(StoreError::corrupt(format!("the file of blob {} is too short", self.blob)));
        }
        self.rest.start += chunk.len() as u64;
        if !self.rest.is_empty() {
            self.read_ahead(self.rest.start);
        }
        Ok(Some(chunk))
    }

    /// Reads everything that is left at once, on this thread.
    ///
    /// # Errors
    /// As [`BlobReader::next_chunk`].
    pub fn read_to_end_blocking(mut self) -> Result<Bytes, StoreError> {
        let Some(mut file) = self.file.take() else { return Err(self.stopped()) };
        let count = self.remaining();
        let bytes = read(&mut file, Some(self.rest.start), count)
            .map_err(|error| StoreError::io(format!("reading blob {}", self.blob), error))?;
        if (bytes.len() as u64) < count {
            return Err(StoreError::corrupt(format!("the file of blob {} is too short", self.blob)));
        }
        Ok(bytes)
    }

    fn read_ahead(&mut self, start: u64) {
        let Some(mut file) = self.file.take() else { return };
        let seek = std::mem::take(&mut self.seek).then_some(start);
        let count = (self.rest.end - start).min(CHUNK);
        self.ahead = Some(tokio::task::spawn_blocking(move || {
            let chunk = read(&mut file, seek, count);
            (file, chunk)
        }));
    }

    fn stopped(&self) -> StoreError {
        StoreError::Closed { reason: format!("reading blob {} was interrupted", self.blob) }
    }
}

fn read(file: &mut File, seek: Option<u64>, count: u64) -> io::Result<Bytes> {
    if let Some(start) = seek {
        file.seek(SeekFrom::Start(start))?;
    }
    let mut chunk = Vec::with_capacity(usize::try_from(count).map_err(io::Error::other)?);
    file.take(count).read_to_end(&mut chunk)?;
    Ok(chunk.into())
}
