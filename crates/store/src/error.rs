//! Everything that can go wrong below a transaction, with a text that says what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An error of the store. It is cheap to clone, because one failed group commit fails many writers.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another server owns the data directory.
    #[error(
        "the data directory `{path}` is in use by another server{}; stop it, or start this one with another data directory",
        owner(*.pid)
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
        /// The process that holds the lock, where it could be read.
        pid: Option<u32>,
    },
    /// The data directory was written by a later release.
    #[error(
        "the data directory `{path}` has format {found}, and this release reads up to format {supported}; \
         start the newer release, or choose another data directory"
    )]
    NewerFormat {
        /// The data directory.
        path: PathBuf,
        /// The format number found on disk.
        found: u32,
        /// The newest format this build understands.
        supported: u32,
    },
    /// Something on disk cannot be what was written there.
    #[error(
        "damaged data: {what}; restore the data directory from a copy or a saved pod, or move it away to start empty"
    )]
    Corrupt {
        /// What was read, and where.
        what: String,
    },
    /// No space is left on the device, or a quota is used up.
    #[error("no space is left for {doing}; free some disk space and try again")]
    DiskFull {
        /// What was being written.
        doing: String,
    },
    /// The operating system refused something.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// A row could not be turned into bytes.
    #[error("a row of `{table}` cannot be stored: {reason}")]
    Encode {
        /// The table's name.
        table: String,
        /// What the serialiser said.
        reason: String,
    },
    /// A stored row does not fit the type that the table declares.
    #[error("a row of `{table}` cannot be read: {reason}")]
    Decode {
        /// The table's name.
        table: String,
        /// What the deserialiser said.
        reason: String,
    },
    /// One name, two declarations: a programming error.
    #[error("table `{table}` is declared in two ways: {reason}")]
    Declaration {
        /// The table's name.
        table: String,
        /// Where the declarations differ.
        reason: String,
    },
    /// A blob is referred to whose bytes are not there.
    #[error("the content with BLAKE3 hash {hash} is missing from the blob store")]
    BlobMissing {
        /// The hash, in hexadecimal.
        hash: String,
    },
    /// A concurrent transaction won; the store runs the closure again by itself.
    #[error("the transaction conflicts with another one")]
    Conflict,
    /// The store is shutting down, or an earlier write error stopped it.
    #[error("the store is closed: {reason}")]
    Closed {
        /// Why.
        reason: String,
    },
}

fn owner(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl StoreError {
    /// Wraps an operating-system error; a full disk becomes [`StoreError::DiskFull`].
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        let doing = doing.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { doing },
            _ => Self::Io { doing, source: Arc::new(source) },
        }
    }

    /// As [`StoreError::io`], for an operation on one path.
    pub(crate) fn path(doing: &str, path: &Path, source: io::Error) -> Self {
        Self::io(format!("{doing} `{}`", path.display()), source)
    }

    pub(crate) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }
}

/// What a client is told: nothing of the inside, which goes to the log.
impl From<StoreError> for cloudtwin_smithy::AwsError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::new(
            "InternalFailure",
            500,
            "The request processing has failed because of an unknown error, exception or failure.",
        )
    }
}
