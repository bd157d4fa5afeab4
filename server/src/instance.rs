//! The running server as other processes see it: its pid file, and the lock on the data directory.
//!
//! A pid file is locked for as long as its process lives, so a pid that now belongs to another
//! program is never signalled and a file left behind by a crash is recognised as such.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Kind};
use crate::machine;

/// What a pid file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    /// How this machine reaches the server.
    pub(crate) url: String,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) record: Record,
    file: File,
}

/// The directory of pid files.
fn run_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("run")
}

/// The log file of servers in the background.
pub(crate) fn log_file(data_dir: &Path) -> PathBuf {
    data_dir.join("logs").join("cloudtwin.log")
}

/// Creates the data directory and checks that it can be written.
pub(crate) fn prepare_data_dir(data_dir: &Path) -> Result<(), Failure> {
    let failure = |error: std::io::Error| {
        let message = format!(
            "data directory {} cannot be written: {error}; choose another one with --data-dir",
            data_dir.display()
        );
        Failure::new(Kind::DataDir, message)
    };
    fs::create_dir_all(run_dir(data_dir)).map_err(failure)?;
    rustix::fs::access(data_dir, rustix::fs::Access::WRITE_OK).map_err(|error| failure(error.into()))
}

/// The right to use a data directory alone; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct DataDirLock {
    _file: File,
}

impl DataDirLock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(data_dir: &Path) -> Result<Self, Failure> {
        let path = data_dir.join("lock");
        let file = open(&path, true).map_err(|error| {
            Failure::new(Kind::DataDir, format!("{} cannot be opened: {error}", path.display()))
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {
                let who = match running(data_dir).first() {
                    Some(other) => {
                        format!("the server with pid {} at {}", other.record.pid, other.record.url)
                    }
                    None => "another process".to_owned(),
                };
                let message = format!(
                    "data directory {} is in use by {who}; stop that one, or choose another --data-dir or --ephemeral",
                    data_dir.display()
                );
                Err(Failure::new(Kind::Running, message))
            }
            Err(TryLockError::Error(error)) => {
                Err(Failure::new(Kind::DataDir, format!("{} cannot be locked: {error}", path.display())))
            }
        }
    }
}

/// This process's own pid file; removed when it is dropped.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    _file: File,
}

impl PidFile {
    /// Writes the pid file of a server that owns `record.port`.
    pub(crate) fn write(data_dir: &Path, record: &Record) -> Result<Self, Failure> {
        let directory = run_dir(data_dir);
        let path = directory.join(format!("{}.json", record.port));
        let failure = |error: std::io::Error| {
            Failure::new(Kind::DataDir, format!("pid file {} cannot be written: {error}", path.display()))
        };
        fs::create_dir_all(&directory).map_err(failure)?;
        if open(&path, false).is_ok_and(|other| matches!(other.try_lock(), Err(TryLockError::WouldBlock))) {
            let message = format!("a server runs on port {} already: stop it first", record.port);
            return Err(Failure::new(Kind::Running, message));
        }
        // It gets its name when it is locked and complete: a file that is not is taken for one left
        // behind, and removed by whoever finds it.
        let unnamed = directory.join(format!("{}.{}", record.port, record.pid));
        let text = serde_json::to_vec(record).map_err(|error| failure(error.into()))?;
        let written = open(&unnamed, true).and_then(|mut file| {
            file.try_lock()?;
            file.set_len(0)?;
            file.write_all(&text)?;
            fs::rename(&unnamed, &path)?;
            Ok(file)
        });
        let file = written.map_err(|error| {
            let _ = fs::remove_file(&unnamed);
            failure(error)
        })?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nobody is left to tell when this fails, and the lock ends with the process anyway.
        let _ = fs::remove_file(&self.path);
        // A server that keeps nothing leaves no directories either; others are not empty.
        for directory in self.path.ancestors().skip(1).take(2) {
            if fs::remove_dir(directory).is_err() {
                break;
            }
        }
    }
}

fn open(path: &Path, create: bool) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(create).truncate(false).mode(0o644).open(path)
}

/// The servers that run in a data directory, by port.
pub(crate) fn running(data_dir: &Path) -> Vec<Running> {
    let Ok(entries) = fs::read_dir(run_dir(data_dir)) else { return Vec::new() };
    let mut running: Vec<Running> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            if path.extension()? != "json" {
                return None;
            }
            let mut file = open(&path, false).ok()?;
            if file.try_lock_shared().is_ok() {
                // Whoever wrote it is gone.
                let _ = fs::remove_file(&path);
                return None;
            }
            let mut text = String::new();
            Read::by_ref(&mut file).take(4096).read_to_string(&mut text).ok()?;
            Some(Running { record: serde_json::from_str(&text).ok()?, file })
        })
        .collect();
    running.sort_by_key(|running| running.record.port);
    running
}

/// The one server that a command is about: the one on `port`, else the only one there is, else the
/// one on `default_port`.
pub(crate) fn find(
    data_dir: &Path,
    port: Option<u16>,
    default_port: u16,
) -> Result<Option<Running>, Failure> {
    let mut all = running(data_dir);
    let wanted = match port {
        Some(port) => port,
        None if all.len() <= 1 => return Ok(all.pop()),
        None => default_port,
    };
    let ports: Vec<String> = all.iter().map(|running| running.record.port.to_string()).collect();
    match all.into_iter().find(|running| running.record.port == wanted) {
        Some(running) => Ok(Some(running)),
        None if port.is_some() => Ok(None),
        None => {
            let message =
                format!("several servers run, on the ports {}: choose one with --port", ports.join(", "));
            Err(Failure::new(Kind::Usage, message))
        }
    }
}

impl Running {
    /// Asks the server to end.
    pub(crate) fn terminate(&self) -> Result<(), Failure> {
        let failed = |problem: String| {
            Failure::new(Kind::Failed, format!("pid {} cannot be stopped: {problem}", self.record.pid))
        };
        let pid = i32::try_from(self.record.pid).ok().and_then(rustix::process::Pid::from_raw);
        let pid = pid.ok_or_else(|| failed("it is not a process id".to_owned()))?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)
            .map_err(|error| failed(error.to_string()))
    }

    /// Waits until the process has ended; false when it still runs after `limit`. One that has ended
    /// and whose parent has not asked how counts as ended where the system tells (Linux).
    pub(crate) fn wait_for_end(self, limit: Duration) -> bool {
        let deadline = machine::instant() + limit;
        let pid = self.record.pid;
        let (sender, receiver) = mpsc::channel();
        // The server holds the lock until nothing is left to do. The thread is left behind when it
        // does not get there.
        std::thread::spawn(move || {
            let _ = sender.send(self.file.lock_shared().is_ok());
        });
        if !receiver.recv_timeout(limit).unwrap_or(false) {
            return false;
        }
        // The rest is the system's work, and nothing announces its end to somebody else's process.
        while lives(pid) {
            if machine::instant() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }
}

/// Whether a process has not ended.
fn lives(pid: u32) -> bool {
    let id = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    let exists = id.is_some_and(|id| rustix::process::test_kill_process(id) != Err(rustix::io::Errno::SRCH));
    // The state follows the program's name, which may hold parentheses itself.
    let ended = |stat: String| {
        stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('Z') || state.starts_with('X'))
    };
    exists && !fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(ended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(port: u16) -> Record {
        Record { pid: std::process::id(), port, url: format!("http://127.0.0.1:{port}") }
    }

    #[test]
    fn a_pid_file_is_seen_while_its_process_lives() {
        let dir = tempfile::tempdir().unwrap();
        prepare_data_dir(dir.path()).unwrap();
        let file = PidFile::write(dir.path(), &record(4566)).unwrap();
        assert_eq!(running(dir.path())[0].record, record(4566));
        drop(file);
        assert!(running(dir.path()).is_empty());
    }

    #[test]
    fn who_ended_unasked_for_has_ended() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        assert!(lives(child.id()));
        child.kill().unwrap();
        // Nobody has waited for it, so at first it is there and has not ended, then it has.
        while lives(child.id()) {
            std::thread::yield_now();
        }
        assert!(rustix::process::test_kill_process(rustix::process::Pid::from_child(&child)).is_ok());
        child.wait().unwrap();
        assert!(!lives(child.id()));
    }

    #[test]
    fn a_port_has_one_pid_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = PidFile::write(dir.path(), &record(4566)).unwrap();
        let failure = PidFile::write(dir.path(), &record(4566)).unwrap_err();
        assert_eq!(failure.to_string(), "a server runs on port 4566 already: stop it first");
        assert_eq!(fs::read_dir(run_dir(dir.path())).unwrap().count(), 1);
        drop(file);
        PidFile::write(dir.path(), &record(4566)).unwrap();
    }

    #[test]
    fn what_a_crash_left_behind_is_not_taken_for_a_server() {
        let dir = tempfile::tempdir().unwrap();
        prepare_data_dir(dir.path()).unwrap();
        let stale = run_dir(dir.path()).join("4566.json");
        fs::write(&stale, r#"{"pid":1,"port":4566,"url":"http://127.0.0.1:4566"}"#).unwrap();
        assert!(find(dir.path(), None, 4566).unwrap().is_none());
        assert!(!stale.exists());
    }

    #[test]
    fn among_several_servers_one_must_be_chosen() {
        let dir = tempfile::tempdir().unwrap();
        prepare_data_dir(dir.path()).unwrap();
        let _one = PidFile::write(dir.path(), &record(5001)).unwrap();
        let _two = PidFile::write(dir.path(), &record(5002)).unwrap();
        assert_eq!(find(dir.path(), Some(5002), 4566).unwrap().unwrap().record.port, 5002);
        let failure = find(dir.path(), None, 4566).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "several servers run, on the ports 5001, 5002: choose one with --port"
        );
    }

    #[test]
    fn a_data_directory_has_one_user() {
        let dir = tempfile::tempdir().unwrap();
        prepare_data_dir(dir.path()).unwrap();
        let lock = DataDirLock::take(dir.path()).unwrap();
        let failure = DataDirLock::take(dir.path()).unwrap_err();
        assert_eq!(failure.kind(), Kind::Running);
        assert!(failure.to_string().contains("is in use by another process; stop that one"), "{failure}");
        drop(lock);
        DataDirLock::take(dir.path()).unwrap();
    }
}
