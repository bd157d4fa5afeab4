//! Init hooks: the user's scripts at the four stages of a server's life.
//!
//! As in LocalStack: `.sh` files are executed and so need the execute permission and a `#!` line,
//! `.py` files are run by Python; files come before subdirectories, both in alphanumeric order; a
//! script that fails does not keep the others from running. `ready.d` runs when requests are served
//! and before the ready line is printed, so whoever waits for that line finds what the scripts made.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// How deep directories of scripts may be nested.
const DEEPEST: usize = 16;

/// How many scripts a stage may have.
const MOST_SCRIPTS: usize = 10_000;

/// Longer lines of a script's output are cut into pieces of this many bytes.
const LONGEST_LINE: u64 = 8 << 10;

/// How long the output of a script that has ended is waited for, before the next one runs.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// A stage of a server's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Stage {
    /// Before anything is opened.
    Boot,
    /// Before requests are served.
    Start,
    /// While requests are served, before the ready line.
    Ready,
    /// Before requests are no longer served.
    Shutdown,
}

impl Stage {
    pub(crate) const ALL: [Self; 4] = [Self::Boot, Self::Start, Self::Ready, Self::Shutdown];

    fn directory(self) -> &'static str {
        match self {
            Self::Boot => "boot.d",
            Self::Start => "start.d",
            Self::Ready => "ready.d",
            Self::Shutdown => "shutdown.d",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boot => "BOOT",
            Self::Start => "START",
            Self::Ready => "READY",
            Self::Shutdown => "SHUTDOWN",
        }
    }

    /// The stage of this name, in any case.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name().eq_ignore_ascii_case(name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum State {
    /// It has not run.
    Unknown,
    Running,
    Successful,
    Error,
}

#[derive(Clone, Debug)]
struct Script {
    stage: Stage,
    path: PathBuf,
    state: State,
}

#[derive(Debug, Default)]
struct Progress {
    scripts: Vec<Script>,
    completed: Vec<Stage>,
}

/// The scripts found and how far they have come.
#[derive(Debug)]
pub(crate) struct InitHooks {
    progress: Mutex<Progress>,
    environment: Vec<(&'static str, String)>,
    limit: Duration,
}

impl InitHooks {
    /// Finds the scripts below `roots`. Each may run for `limit`; `endpoint` is where they reach
    /// the server.
    pub(crate) fn find(roots: &[PathBuf], limit: Duration, endpoint: &str) -> Self {
        let mut scripts = Vec::new();
        for stage in Stage::ALL {
            for root in roots {
                let mut found = Vec::new();
                collect(&root.join(stage.directory()), 0, &mut found);
                scripts.extend(found.into_iter().map(|path| Script { stage, path, state: State::Unknown }));
            }
        }
        // What the user has set stays: a script may be meant for another account or region.
        let environment = [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
        ];
        let environment = environment
            .into_iter()
            .filter(|(name, _)| std::env::var_os(name).is_none())
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        Self { progress: Mutex::new(Progress { scripts, completed: Vec::new() }), environment, limit }
    }

    /// Runs the scripts of a stage, one after the other. When `cancel` turns true, the running one
    /// is ended and the rest is left out.
    pub(crate) async fn run(&self, stage: Stage, mut cancel: watch::Receiver<bool>) {
        let indexes: Vec<usize> = {
            let progress = self.progress.lock();
            let all = progress.scripts.iter().enumerate();
            all.filter(|(_, script)| script.stage == stage).map(|(index, _)| index).collect()
        };
        for index in indexes {
            if *cancel.borrow() {
                break;
            }
            let Some(path) = self.set_state(index, State::Running) else { continue };
            tracing::info!(stage = stage.name(), script = %path.display(), "running init script");
            let state = match self.run_script(&path, &mut cancel).await {
                Ok(()) => State::Successful,
                Err(problem) => {
                    tracing::error!(stage = stage.name(), script = %path.display(), "init script failed: {problem}");
                    State::Error
                }
            };
            self.set_state(index, state);
        }
        self.progress.lock().completed.push(stage);
    }

    fn set_state(&self, index: usize, state: State) -> Option<PathBuf> {
        let mut progress = self.progress.lock();
        let script = progress.scripts.get_mut(index)?;
        script.state = state;
        Some(script.path.clone())
    }

    async fn run_script(&self, path: &Path, cancel: &mut watch::Receiver<bool>) -> Result<(), String> {
        let mut child = self.spawn(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let stdout = child.stdout.take().map(|pipe| tokio::spawn(log_lines(name.clone(), pipe)));
        let stderr = child.stderr.take().map(|pipe| tokio::spawn(log_lines(name, pipe)));
        tokio::select! {
            status = child.wait() => {
                // What the script leaves running may hold the pipes for ever.
                let last_words = join_all(stdout.into_iter().chain(stderr));
                let _ = tokio::time::timeout(LAST_WORDS, last_words).await;
                return judge(status);
            }
            () = tokio::time::sleep(self.limit) => {}
            _ = cancel.wait_for(|cancelled| *cancelled) => {}
        }
        kill_group(&child);
        let _ = child.wait().await;
        if *cancel.borrow() {
            Err("it was ended because the server stops".to_owned())
        } else {
            let seconds = self.limit.as_secs();
            Err(format!("it was ended after {seconds} seconds; INIT_SCRIPT_TIMEOUT allows for more"))
        }
    }

    fn spawn(&self, path: &Path) -> Result<Child, String> {
        let mut command = if path.extension().is_some_and(|extension| extension == "py") {
            let mut command = Command::new("python3");
            command.arg(path);
            command
        } else {
            Command::new(path)
        };
        command
            .envs(self.environment.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that the script ends together with what it started.
            .process_group(0)
            .kill_on_drop(true);
        command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                format!("it may not be executed: run chmod +x {}", path.display())
            }
            std::io::ErrorKind::NotFound => {
                "its interpreter is not there: look at its first line, or install python3 for .py".to_owned()
            }
            _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => {
                "its first line is not #!/bin/sh or the like".to_owned()
            }
            _ => error.to_string(),
        })
    }

    /// The body of `/_localstack/init`.
    pub(crate) fn report(&self) -> Value {
        let progress = self.progress.lock();
        let completed: serde_json::Map<String, Value> = Stage::ALL
            .into_iter()
            .map(|stage| (stage.name().to_owned(), progress.completed.contains(&stage).into()))
            .collect();
        let scripts: Vec<Value> = progress.scripts.iter().map(Script::report).collect();
        json!({ "completed": completed, "scripts": scripts })
    }

    /// The body of `/_localstack/init/<stage>`.
    pub(crate) fn report_stage(&self, stage: Stage) -> Value {
        let progress = self.progress.lock();
        let scripts: Vec<Value> =
            progress.scripts.iter().filter(|script| script.stage == stage).map(Script::report).collect();
        json!({ "completed": progress.completed.contains(&stage), "scripts": scripts })
    }
}

impl Script {
    fn report(&self) -> Value {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        json!({ "stage": self.stage, "name": name, "state": self.state })
    }
}

/// Puts the scripts below a directory in the order in which they run.
fn collect(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if depth > DEEPEST {
        tracing::warn!(directory = %directory.display(), "init scripts nested deeper than {DEEPEST} are left out");
        return;
    }
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    let mut entries: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    let mut directories = Vec::new();
    for path in entries {
        // Kubernetes keeps the real files of a mounted ConfigMap in `..data` and links to them.
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".."));
        let is_script = path.extension().is_some_and(|extension| extension == "sh" || extension == "py");
        let linked = path.is_symlink();
        if hidden {
            continue;
        } else if path.is_dir() {
            // A link to a directory could lead in a circle.
            if !linked {
                directories.push(path);
            }
        } else if is_script && path.is_file() && found.len() < MOST_SCRIPTS {
            found.push(path);
        }
    }
    for directory in directories {
        collect(&directory, depth + 1, found);
    }
}

fn judge(status: std::io::Result<ExitStatus>) -> Result<(), String> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("it ended with {status}")),
        Err(error) => Err(error.to_string()),
    }
}

fn kill_group(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(pid) = pid {
        // It fails when the group has ended by itself.
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

async fn log_lines(script: String, output: impl AsyncRead + Unpin) {
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => tracing::info!(target: "init", script, "{}", String::from_utf8_lossy(&line).trim_end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn script(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn never() -> watch::Receiver<bool> {
        let (sender, receiver) = watch::channel(false);
        // Kept alive for the length of the test.
        std::mem::forget(sender);
        receiver
    }

    fn hooks(root: &Path, limit: Duration) -> InitHooks {
        InitHooks::find(&[root.to_owned()], limit, "http://127.0.0.1:4566")
    }

    #[tokio::test]
    async fn scripts_run_in_order_and_a_failing_one_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let line = |word: &str| format!("#!/bin/sh\necho {word} >> {}\n", log.display());
        script(dir.path(), "ready.d/b.sh", &line("b"));
        script(dir.path(), "ready.d/a.sh", &(line("a") + "exit 3\n"));
        script(dir.path(), "ready.d/sub/0.sh", &line("sub"));
        script(dir.path(), "ready.d/notes.txt", "no script");
        let hooks = hooks(dir.path(), Duration::from_secs(20));
        assert_eq!(hooks.report_stage(Stage::Ready)["scripts"][0]["state"], "UNKNOWN");
        hooks.run(Stage::Ready, never()).await;
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "a\nb\nsub\n");
        assert_eq!(
            hooks.report(),
            json!({
                "completed": { "BOOT": false, "START": false, "READY": true, "SHUTDOWN": false },
                "scripts": [
                    { "stage": "READY", "name": "a.sh", "state": "ERROR" },
                    { "stage": "READY", "name": "b.sh", "state": "SUCCESSFUL" },
                    { "stage": "READY", "name": "0.sh", "state": "SUCCESSFUL" },
                ]
            })
        );
    }

    #[tokio::test]
    async fn scripts_reach_the_server_with_test_credentials() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        script(
            dir.path(),
            "start.d/env.sh",
            &format!("#!/bin/sh\necho $AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID > {}\n", log.display()),
        );
        hooks(dir.path(), Duration::from_secs(20)).run(Stage::Start, never()).await;
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "http://127.0.0.1:4566 test\n");
    }

    #[tokio::test]
    async fn a_hanging_script_is_ended_with_all_it_started() {
        let dir = tempfile::tempdir().unwrap();
        script(dir.path(), "ready.d/hang.sh", "#!/bin/sh\nsleep 600 & sleep 600\n");
        let hooks = hooks(dir.path(), Duration::from_millis(100));
        hooks.run(Stage::Ready, never()).await;
        let report = hooks.report_stage(Stage::Ready);
        assert_eq!(report["completed"], true);
        assert_eq!(report["scripts"][0]["state"], "ERROR");
    }

    #[tokio::test]
    async fn a_script_that_may_not_be_executed_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        script(dir.path(), "boot.d/a.sh", "#!/bin/sh\n");
        let path = dir.path().join("boot.d/a.sh");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let hooks = hooks(dir.path(), Duration::from_secs(20));
        assert_eq!(
            hooks.spawn(&path).unwrap_err(),
            format!("it may not be executed: run chmod +x {}", path.display())
        );
        hooks.run(Stage::Boot, never()).await;
        assert_eq!(hooks.report_stage(Stage::Boot)["scripts"][0]["state"], "ERROR");
    }

    #[test]
    fn files_of_a_mounted_config_map_are_found_once() {
        let dir = tempfile::tempdir().unwrap();
        script(dir.path(), "ready.d/..2026_01_01/a.sh", "#!/bin/sh\n");
        std::os::unix::fs::symlink("..2026_01_01", dir.path().join("ready.d/..data")).unwrap();
        std::os::unix::fs::symlink("..data/a.sh", dir.path().join("ready.d/a.sh")).unwrap();
        let mut found = Vec::new();
        collect(&dir.path().join("ready.d"), 0, &mut found);
        assert_eq!(found, [dir.path().join("ready.d/a.sh")]);
    }
}
