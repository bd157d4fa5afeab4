//! A real server on a free port with a directory of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// Far longer than anything takes; only a failing test waits for it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A home directory and a data directory that end with the test.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    /// A script at `init/<name>` that `server` runs.
    pub(crate) fn script(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path().join("init").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// The command in an environment that has nothing of the developer's in it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloudtwin"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("CLOUDTWIN_DATA_DIR", self.data_dir())
            .env("OVERRIDE_IN_DOCKER", "0")
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn server(&self, arguments: &[&str]) -> Server {
        self.server_with(arguments, &[])
    }

    /// A server in the foreground, ready for requests.
    pub(crate) fn server_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut server = self.starting(arguments, variables);
        server.wait_until_ready();
        server
    }

    /// A server in the foreground that has just been started.
    pub(crate) fn starting(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let init = self.path().join("init");
        let mut all = vec!["start", "--port", "0", "--init-dir", init.to_str().unwrap()];
        all.extend_from_slice(arguments);
        let mut child = self
            .command(&all)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = lines(child.stdout.take().unwrap());
        let stderr = lines(child.stderr.take().unwrap());
        Server { child, stdout, stderr, log: Vec::new(), address: None }
    }
}

fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// A server process; killed at the end of the test when it still runs.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) stdout: Receiver<String>,
    stderr: Receiver<String>,
    pub(crate) log: Vec<String>,
    address: Option<SocketAddr>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(crate) fn wait_until_ready(&mut self) {
        self.wait_for_address();
        match self.stdout.recv_timeout(LIMIT) {
            Ok(line) => assert_eq!(line, "Ready."),
            Err(error) => panic!("not ready: {error}\n{}", self.log().join("\n")),
        }
    }

    /// Waits for the log line that tells the address.
    pub(crate) fn wait_for_address(&mut self) -> SocketAddr {
        let line = self.wait_for_log("listening on http://");
        let address = line.split("http://").nth(1).unwrap();
        let address = address.split([' ', '"']).next().unwrap().parse().unwrap();
        self.address = Some(address);
        address
    }

    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        loop {
            match self.stderr.recv_timeout(LIMIT) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("no `{text}` in the log: {error}\n{}", self.log.join("\n")),
            }
        }
    }

    pub(crate) fn log(&mut self) -> &[String] {
        self.log.extend(self.stderr.try_iter());
        &self.log
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.unwrap()
    }

    pub(crate) fn port(&self) -> String {
        self.address().port().to_string()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "")
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.request("POST", path, &[], body)
    }

    pub(crate) fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.connect();
        let mut text = format!("{method} {path} HTTP/1.0\r\nhost: localhost:4566\r\n");
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        Answer::parse(&answer)
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Ends the server in an orderly way and returns its exit code.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().unwrap().code()
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What a failed command said.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
