//! Bytes that are too large for rows: files named by the BLAKE3 hash of what they hold.
//!
//! A blob is written to a temporary file, renamed into place when it is complete, and pinned until a row holds
//! it. Rows declare the blobs they hold ([`Table::blobs`](crate::Table::blobs)); the store counts, and a
//! sweeper removes the bytes that no row holds, no upload pins and no [`Snapshot`](crate::Snapshot) shows.

mod buffers;
mod hot;
mod private;
mod reader;
mod store;
mod sweeper;
mod writer;

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use reader::BlobReader;
pub use store::BlobStore;
use store::Pin;
pub(crate) use store::SnapshotGuard;
pub(crate) use sweeper::Sweeper;
pub use writer::{BlobWriter, Staged};

/// The length of a BLAKE3 hash in bytes.
pub(crate) const HASH_LEN: usize = 32;

/// Values up to this many bytes belong into rows.
pub const INLINE_MAX: usize = 64 * 1024;

/// The name of a blob: the BLAKE3 hash and the length of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    #[serde(serialize_with = "write_hash", deserialize_with = "read_hash")]
    hash: [u8; HASH_LEN],
    len: u64,
}

impl BlobRef {
    pub(crate) fn new(hash: [u8; HASH_LEN], len: u64) -> Self {
        Self { hash, len }
    }

    /// The BLAKE3 hash.
    pub fn hash(&self) -> &[u8; HASH_LEN] {
        &self.hash
    }

    /// The length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// The hash in hexadecimal.
impl fmt::Display for BlobRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.hash).to_hex())
    }
}

fn write_hash<S: Serializer>(hash: &[u8; HASH_LEN], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&blake3::Hash::from_bytes(*hash).to_hex())
}

fn read_hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; HASH_LEN], D::Error> {
    let hex = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    blake3::Hash::from_hex(hex.as_bytes()).map(Into::into).map_err(de::Error::custom)
}

/// Bytes that are in their row when they are few, and in the blob store when they are many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Payload {
    /// At most [`INLINE_MAX`] bytes.
    Inline(Bytes),
    /// More than that.
    Blob(BlobRef),
}

impl Payload {
    /// The length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Blob(blob) => blob.len(),
        }
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What a table's declaration has to say about a row with this payload.
    pub fn blobs(&self) -> Vec<BlobRef> {
        match self {
            Self::Inline(_) => Vec::new(),
            Self::Blob(blob) => vec![blob.clone()],
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::Inline(Bytes::new())
    }
}
