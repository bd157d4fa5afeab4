//! `cargo xtask show`: the generated Rust of some operations, for reading.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::failure::{Context, Failure, Result};

/// Prints what a service crate's build would generate if it served only `operations`.
pub(crate) fn run(models: &Path, service: &str, operations: Vec<String>) -> Result<()> {
    let operations: BTreeSet<String> = operations.into_iter().collect();
    let model = read(&models.join(format!("{service}.json")))?;
    let permissions = read(&models.join("authz").join(format!("{service}.json")))?;
    let text = cloudtwin_smithy_codegen::generate(
        &model,
        &permissions,
        &operations,
        cloudtwin_smithy_codegen::Side::Server,
    )
    .context(service)?;
    // Without rustfmt the text is still readable, if not pretty.
    let pretty = format(&text).unwrap_or(text);
    io::stdout().write_all(pretty.as_bytes()).context("printing")
}

fn read(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).context(path.display())?;
    serde_json::from_str(&text).context(path.display())
}

fn format(text: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--config", "max_width=110"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("starting rustfmt")?;
    let mut input = rustfmt.stdin.take().context("rustfmt's input")?;
    let source = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(source.as_bytes()));
    let output = rustfmt.wait_with_output().context("waiting for rustfmt")?;
    let written = writer.join().map_err(|_| Failure::new("writing to rustfmt"))?;
    written.context("writing to rustfmt")?;
    if !output.status.success() {
        return Err(Failure::new("rustfmt refused the text"));
    }
    String::from_utf8(output.stdout).context("rustfmt's output")
}
