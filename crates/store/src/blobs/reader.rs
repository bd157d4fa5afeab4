//! Blobs streamed out.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::BlobRef;
use super::buffers::{self, Buffers};
use super::hot::HotBlobs;
use crate::StoreError;

/// A stream of a blob's bytes, or of a range of them.
///
/// What the operating system has in memory is copied at once: that takes less time than handing the work to another
/// thread. When it has to wait for the disk, a thread reads, one chunk ahead of what is sent. What is read again and
/// again is copied once and then sent from memory.
pub struct BlobReader {
    blob: BlobRef,
    /// Where the file is when no reading is under way.
    file: Option<File>,
    ahead: Option<JoinHandle<(File, io::Result<Bytes>)>>,
    /// What has not been asked for yet.
    rest: Range<u64>,
    buffers: Arc<Buffers>,
    /// Where pieces are found and left, if the blob is worth it.
    hot: Option<Arc<HotBlobs>>,
}

impl BlobReader {
    pub(super) fn new(file: File, blob: BlobRef, buffers: Arc<Buffers>, hot: Option<Arc<HotBlobs>>) -> Self {
        let rest = 0..blob.len();
        Self { blob, file: Some(file), ahead: None, rest, buffers, hot }
    }

    /// Restricts to a range of bytes; what lies behind the end is left out. To be called before the first
    /// [`BlobReader::next_chunk`].
    #[must_use]
    pub fn range(mut self, range: Range<u64>) -> Self {
        let end = range.end.min(self.blob.len());
        self.rest = range.start.min(end)..end;
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
            if let Some(chunk) = self.available() {
                self.rest.start += chunk.len() as u64;
                return Ok(Some(chunk));
            }
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
        let mut bytes = Vec::with_capacity(usize::try_from(count).unwrap_or_default());
        file.seek(SeekFrom::Start(self.rest.start))
            .and_then(|_| file.take(count).read_to_end(&mut bytes))
            .map_err(|error| StoreError::io(format!("reading blob {}", self.blob), error))?;
        if (bytes.len() as u64) < count {
            return Err(StoreError::corrupt(format!("the file of blob {} is too short", self.blob)));
        }
        Ok(bytes.into())
    }

    /// The next chunk, if it can be had without waiting for the disk.
    fn available(&self) -> Option<Bytes> {
        let Some(hot) = &self.hot else { return self.read_cached() };
        let start = self.rest.start;
        // Pieces are as long as buffers, so they all begin at multiples of that.
        let into = start % buffers::SIZE as u64;
        if let Some(piece) = hot.get(&self.blob, start - into) {
            let end = (piece.len() as u64).min(into + self.remaining());
            return (into < end).then(|| piece.slice(into as usize..end as usize));
        }
        let chunk = self.read_cached()?;
        let whole = chunk.len() == buffers::SIZE || start + chunk.len() as u64 == self.blob.len();
        if into == 0 && whole {
            hot.keep(&self.blob, start, &chunk);
        }
        Some(chunk)
    }

    /// The next chunk from the system's memory. (Not every system and file system can tell what is there.)
    #[cfg(target_os = "linux")]
    fn read_cached(&self) -> Option<Bytes> {
        use rustix::io::{ReadWriteFlags, preadv2};

        let file = self.file.as_ref()?;
        let chunk = self.buffers.fill(|memory| {
            let mut into = [io::IoSliceMut::new(next_part(memory, &self.rest))];
            preadv2(file, &mut into, self.rest.start, ReadWriteFlags::NOWAIT)
        });
        chunk.ok().filter(|chunk| !chunk.is_empty())
    }

    /// The next chunk, if it can be had without waiting for the disk: here nobody can tell.
    #[cfg(not(target_os = "linux"))]
    fn read_cached(&self) -> Option<Bytes> {
        None
    }

    fn read_ahead(&mut self, start: u64) {
        let Some(mut file) = self.file.take() else { return };
        let (rest, buffers) = (start..self.rest.end, Arc::clone(&self.buffers));
        self.ahead = Some(tokio::task::spawn_blocking(move || {
            let chunk = buffers.fill(|memory| {
                file.seek(SeekFrom::Start(rest.start))?;
                fill(&mut file, next_part(memory, &rest))
            });
            (file, chunk)
        }));
    }

    fn stopped(&self) -> StoreError {
        StoreError::Closed { reason: format!("reading blob {} was interrupted", self.blob) }
    }
}

/// As much of a buffer as the next chunk of `rest` needs.
fn next_part<'m>(memory: &'m mut [u8], rest: &Range<u64>) -> &'m mut [u8] {
    let count =
        usize::try_from(rest.end - rest.start).map_or(buffers::SIZE, |count| count.min(buffers::SIZE));
    memory.get_mut(..count).unwrap_or_default()
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &mut File, memory: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(free) = memory.get_mut(len..).filter(|free| !free.is_empty()) {
        match file.read(free) {
            Ok(0) => break,
            Ok(read) => len += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(len)
}
