//! The log: commits since the tree was last written, one record each.
//!
//! A record is `len:u32 crc:u32`, then for each write `key_len:u32 value_len:u32 key value`, where a length of
//! ffffffff stands for a deletion; numbers are little endian. The CRC-32 covers the log's number, the place
//! of the record in it, and the record. A record that is cut off or does not have its checksum ends the log: it
//! was being written when the process was killed, and nobody has been told that it was there.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};

use super::layers::Layer;
use crate::StoreError;
use crate::backend::WriteSet;

const HEADER: usize = 8;
const DELETED: u32 = u32::MAX;

/// A buffer larger than this is given back after use.
const BUFFER_KEPT: usize = 256 << 10;

/// The log that commits are appended to.
pub(super) struct Log {
    directory: PathBuf,
    number: u64,
    file: Arc<File>,
    len: u64,
    buffer: Vec<u8>,
    /// Whether new logs have to survive a power failure.
    sync: bool,
    /// Why nothing can be appended any more.
    broken: Option<StoreError>,
}

/// What was found in the logs of a directory.
pub(super) struct Recovered {
    pub(super) layer: Layer,
    /// The number for the next log.
    pub(super) next: u64,
}

impl Log {
    pub(super) fn create(directory: &Path, number: u64, sync: bool) -> Result<Self, StoreError> {
        let path = path(directory, number);
        let failed = |error| StoreError::path("creating", &path, error);
        let file = File::options().append(true).create(true).open(&path).map_err(failed)?;
        // What is there under this number has no complete record.
        file.set_len(0).map_err(failed)?;
        if sync {
            file.sync_all().and_then(|()| File::open(directory)?.sync_all()).map_err(failed)?;
        }
        let directory = directory.to_owned();
        Ok(Self { directory, number, file: Arc::new(file), len: 0, buffer: Vec::new(), sync, broken: None })
    }

    pub(super) fn next(&self) -> Result<Self, StoreError> {
        Self::create(&self.directory, self.number + 1, self.sync)
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// Hands one commit over to the operating system, as a whole or not at all.
    pub(super) fn append(&mut self, writes: &WriteSet) -> Result<(), StoreError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.buffer.clear();
        self.buffer.extend_from_slice(&[0; HEADER]);
        for (key, value) in writes {
            self.buffer.put_u32_le(length(key)?);
            match value {
                Some(value) => self.buffer.put_u32_le(length(value)?),
                None => self.buffer.put_u32_le(DELETED),
            }
            self.buffer.put_slice(key);
            self.buffer.put_slice(value.as_deref().unwrap_or_default());
        }
        let Some((header, body)) = self.buffer.split_at_mut_checked(HEADER) else { return Ok(()) };
        let crc = checksum(self.number, self.len, body);
        let mut header: &mut [u8] = header;
        header.put_u32_le(length(body)?);
        header.put_u32_le(crc);
        let size = self.buffer.len() as u64;
        if let Err(error) = (&*self.file).write_all(&self.buffer) {
            let error = StoreError::io("writing the log", error);
            // Half a record would hide those after it.
            if let Err(cause) = self.file.set_len(self.len) {
                tracing::error!(%cause, "the log cannot be cut back, so nothing more is written");
                self.broken =
                    Some(StoreError::Closed { reason: format!("the log is damaged after: {error}") });
            }
            return Err(error);
        }
        self.len += size;
        if self.buffer.capacity() > BUFFER_KEPT {
            self.buffer = Vec::new();
        }
        Ok(())
    }
}

fn length(bytes: &[u8]) -> Result<u32, StoreError> {
    u32::try_from(bytes.len()).ok().filter(|length| *length < DELETED).ok_or_else(|| StoreError::Encode {
        table: "log".to_owned(),
        reason: "a transaction is larger than 4 GiB".to_owned(),
    })
}

fn checksum(log: u64, place: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&log.to_le_bytes());
    hasher.update(&place.to_le_bytes());
    hasher.update(body);
    hasher.finalize()
}

fn path(directory: &Path, number: u64) -> PathBuf {
    directory.join(format!("log-{number:010}"))
}

/// The numbers of the logs in a directory, in order.
fn list(directory: &Path) -> Result<Vec<u64>, StoreError> {
    let failed = |error| StoreError::path("listing", directory, error);
    let mut numbers = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix("log-"));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Deletes the logs up to and with a number, oldest first.
pub(super) fn delete_until(directory: &Path, last: u64) -> Result<(), StoreError> {
    for number in list(directory)?.into_iter().filter(|number| *number <= last) {
        let path = path(directory, number);
        fs::remove_file(&path).map_err(|error| StoreError::path("removing", &path, error))?;
    }
    Ok(())
}

/// Reads the logs that are not in the tree, whose last one is `applied`.
pub(super) fn recover(directory: &Path, applied: u64) -> Result<Recovered, StoreError> {
    delete_until(directory, applied)?;
    let mut recovered = Recovered { layer: Layer::new(), next: applied + 1 };
    for (number, expected) in list(directory)?.into_iter().zip(recovered.next..) {
        let path = path(directory, number);
        if number != expected {
            return Err(StoreError::corrupt(format!(
                "`{}` is there, but rows that were written before it are not",
                path.display()
            )));
        }
        let content = fs::read(&path).map_err(|error| StoreError::path("reading", &path, error))?;
        let size = content.len();
        let replayed = replay(number, Bytes::from(content), &mut recovered.layer);
        if replayed < size {
            tracing::info!(
                path = %path.display(),
                bytes = size - replayed,
                "left out the end of a log, which was being written when the server was stopped"
            );
        }
        // A log without a record is begun again.
        recovered.next = if replayed == 0 { number } else { number + 1 };
    }
    Ok(recovered)
}

/// Applies the records of a log, and says how many bytes they are.
fn replay(number: u64, content: Bytes, layer: &mut Layer) -> usize {
    let mut rest = content.clone();
    loop {
        let place = content.len() - rest.len();
        let Some(writes) = record(number, place as u64, &mut rest) else { return place };
        layer.extend(writes);
    }
}

/// The next record, if it is complete.
fn record(number: u64, place: u64, rest: &mut Bytes) -> Option<Vec<(Bytes, Option<Bytes>)>> {
    let length = rest.try_get_u32_le().ok()? as usize;
    let crc = rest.try_get_u32_le().ok()?;
    let mut body = split(rest, length)?;
    if checksum(number, place, &body) != crc || body.is_empty() {
        return None;
    }
    let mut writes = Vec::new();
    while !body.is_empty() {
        let key = body.try_get_u32_le().ok()? as usize;
        let value = body.try_get_u32_le().ok()?;
        let key = split(&mut body, key)?;
        let value = if value == DELETED { None } else { Some(split(&mut body, value as usize)?) };
        writes.push((key, value));
    }
    Some(writes)
}

fn split(bytes: &mut Bytes, length: usize) -> Option<Bytes> {
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write_set(writes: &[(Vec<u8>, Option<Vec<u8>>)]) -> WriteSet {
        writes.iter().map(|(key, value)| (key.clone().into(), value.clone().map(Bytes::from))).collect()
    }

    fn written(commits: &[WriteSet]) -> (tempfile::TempDir, Vec<u64>) {
        let directory = tempfile::tempdir().unwrap();
        let mut log = Log::create(directory.path(), 1, false).unwrap();
        let mut ends = vec![0];
        for commit in commits {
            log.append(commit).unwrap();
            ends.push(log.len);
        }
        (directory, ends)
    }

    fn model(commits: &[WriteSet]) -> Layer {
        commits.iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn commits() -> impl Strategy<Value = Vec<WriteSet>> {
        let value = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20));
        let key = proptest::collection::vec(0_u8..4, 1..4);
        let commit = proptest::collection::vec((key, value), 1..4).prop_map(|writes| write_set(&writes));
        proptest::collection::vec(commit, 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_log_cut_anywhere_gives_the_commits_before_the_cut(commits in commits(), cut in 0.0..1.0_f64) {
            let (directory, ends) = written(&commits);
            let size = ends[commits.len()];
            let cut = (cut * size as f64) as u64;
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            File::options().write(true).open(path(directory.path(), 1)).unwrap().set_len(cut).unwrap();
            let recovered = recover(directory.path(), 0).unwrap();
            prop_assert_eq!(recovered.layer, model(&commits[..whole]));
            prop_assert_eq!(recovered.next, if whole == 0 { 1 } else { 2 });
        }

        #[test]
        fn a_damaged_byte_is_noticed(commits in commits(), place: prop::sample::Index) {
            prop_assume!(!commits.is_empty());
            let (directory, ends) = written(&commits);
            let mut content = fs::read(path(directory.path(), 1)).unwrap();
            let at = place.index(content.len());
            content[at] ^= 0x10;
            fs::write(path(directory.path(), 1), &content).unwrap();
            let whole = ends.iter().filter(|end| **end <= at as u64).count() - 1;
            prop_assert_eq!(recover(directory.path(), 0).unwrap().layer, model(&commits[..whole]));
        }
    }

    #[test]
    fn logs_that_are_in_the_tree_are_deleted() {
        let directory = tempfile::tempdir().unwrap();
        for number in 1..=3 {
            let mut log = Log::create(directory.path(), number, true).unwrap();
            log.append(&write_set(&[(vec![number as u8], Some(vec![1]))])).unwrap();
        }
        let recovered = recover(directory.path(), 2).unwrap();
        assert_eq!(recovered.layer.keys().map(|key| key[0]).collect::<Vec<_>>(), [3]);
        assert_eq!(list(directory.path()).unwrap(), [3]);
    }
}
