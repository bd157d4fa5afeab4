//! `start --detached`: the same program again, in a session of its own.
//!
//! The child is a fresh process, not a fork, and its standard output is a pipe to the parent: the
//! ready line on it means success, its end without one means that the start failed. Everything
//! else it has to say is in the log file.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::commands::start::READY_LINE;
use crate::config::Config;
use crate::failure::{Failure, Kind};
use crate::instance;

/// A log file longer than this is put aside at the next start.
const LONGEST_LOG: u64 = 64 << 20;

/// Starts the server in the background and returns when it is ready.
pub(crate) fn start(config: &Config) -> Result<(), Failure> {
    let log_path = instance::log_file(&config.data_dir);
    let log = open_log(&log_path).map_err(|error| {
        let message =
            format!("log file {} cannot be written: {error}; choose another --data-dir", log_path.display());
        Failure::new(Kind::DataDir, message)
    })?;
    let log_start = log.metadata().map_or(0, |metadata| metadata.len());
    let failed = |error: std::io::Error| {
        Failure::new(Kind::Failed, format!("the server cannot be started in the background: {error}"))
    };
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let mut child = Command::new(std::env::current_exe().map_err(failed)?)
        .arg0(name)
        .args(arguments)
        .arg("--background")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .map_err(failed)?;
    let pipe = child.stdout.take().ok_or_else(|| failed(std::io::Error::other("no pipe")))?;
    let ready = BufReader::new(pipe).lines().map_while(Result::ok).any(|line| line == READY_LINE);
    if ready {
        return Ok(());
    }
    let status = child.wait().map_err(failed)?;
    let kind = Kind::of_exit_code(status.code());
    let reason = last_error(&log_path, log_start).unwrap_or_else(|| {
        format!("the server ended while it was starting ({status}); see {}", log_path.display())
    });
    Err(Failure::new(kind, reason))
}

fn open_log(path: &Path) -> std::io::Result<File> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    if path.metadata().is_ok_and(|metadata| metadata.len() > LONGEST_LOG) {
        fs::rename(path, path.with_extension("log.1"))?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}

/// The message with which the child ended, if it got that far.
fn last_error(path: &Path, from: u64) -> Option<String> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut text = Vec::new();
    file.take(1 << 20).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find_map(|line| line.strip_prefix("error: ")).map(str::to_owned)
}

/// Leaves the terminal's session, so that its end and its Ctrl-C do not reach the server.
pub(crate) fn leave_session() {
    // It fails only for a process that leads its group; then it is out of reach already.
    let _ = rustix::process::setsid();
}

/// Tells the user where the server in the background is.
pub(crate) fn announce(config: &Config) -> std::io::Result<()> {
    let mut stderr = std::io::stderr();
    for running in instance::running(&config.data_dir) {
        writeln!(
            stderr,
            "Cloudtwin runs in the background at {} (pid {}); its log is {}",
            running.record.url,
            running.record.pid,
            instance::log_file(&config.data_dir).display()
        )?;
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{READY_LINE}")?;
    stdout.flush()
}
