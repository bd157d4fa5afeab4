//! `logs`: what a server in the background has written.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use super::Target;
use crate::cli::{Cli, LogsArgs};
use crate::failure::{Failure, Kind};
use crate::instance;

const INTERVAL: Duration = Duration::from_millis(200);

/// Prints the log file, and what is added to it when `--follow` is given.
pub(crate) fn logs(cli: &Cli, arguments: &LogsArgs) -> Result<(), Failure> {
    let target = Target::new(cli, &arguments.instance)?;
    let path = instance::log_file(&target.data_dir);
    let mut file = File::open(&path).map_err(|error| {
        let message = format!(
            "no log file {}: {error}; a server that was not started with --detached logs to its terminal",
            path.display()
        );
        Failure::new(Kind::Failed, message)
    })?;
    match print(&mut file, &path, arguments, &target) {
        // The reader, as `head`, has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(Kind::Failed, format!("{}: {error}", path.display()))),
        Ok(()) => Ok(()),
    }
}

fn print(file: &mut File, path: &Path, arguments: &LogsArgs, target: &Target) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match arguments.tail {
        Some(count) => {
            let mut last = VecDeque::new();
            let mut reader = BufReader::new(&mut *file);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line)? > 0 {
                last.push_back(std::mem::take(&mut line));
                if last.len() > count {
                    last.pop_front();
                }
            }
            for line in last {
                stdout.write_all(&line)?;
            }
        }
        None => {
            io::copy(file, &mut stdout)?;
        }
    }
    stdout.flush()?;
    let mut over = !arguments.follow;
    while !over {
        // Asked before reading, so that the last words of a server that ends are not missed.
        over = instance::running(&target.data_dir).is_empty();
        io::copy(file, &mut stdout)?;
        stdout.flush()?;
        if !over {
            std::thread::sleep(INTERVAL);
        }
        if path.metadata().is_ok_and(|metadata| file.stream_position().is_ok_and(|at| metadata.len() < at)) {
            file.seek(SeekFrom::Start(0))?;
        }
    }
    // What follows the last line end is printed as well.
    let mut rest = Vec::new();
    file.read_to_end(&mut rest)?;
    stdout.write_all(&rest)?;
    stdout.flush()
}
