//! What ends a command early: one line that says what was wrong, and what to do about it.

use std::fmt;
use std::process::ExitCode;

/// The exit codes, one for each kind of failure, as `--help` documents them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command did not succeed: nothing is running, a wait timed out, the server did not answer.
    Failed = 1,
    /// An option or a setting has a value that cannot be used.
    Usage = 2,
    /// The address to listen on is taken or does not exist.
    Address = 3,
    /// The data directory cannot be created, read or written.
    DataDir = 4,
    /// Another server uses the data directory or runs already.
    Running = 5,
    /// A certificate or key file cannot be used.
    Certificate = 6,
}

impl Kind {
    /// The kind of failure with which another process of ours ended.
    pub(crate) fn of_exit_code(code: Option<i32>) -> Self {
        let kinds = [Self::Usage, Self::Address, Self::DataDir, Self::Running, Self::Certificate];
        kinds.into_iter().find(|kind| code == Some(*kind as i32)).unwrap_or(Self::Failed)
    }
}

/// A failure with a message for the user: what was wrong; what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }

    #[cfg(test)]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
