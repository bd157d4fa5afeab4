//! The names of all IAM actions that `models/authz/` knows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::read;

/// Writes `$OUT_DIR/actions.txt`, one action a line, in order. For the build script of a crate that
/// must know what `s3:*` stands for; prints what went wrong and ends the build otherwise.
pub fn build_action_list() {
    if let Err(error) = build() {
        #[expect(clippy::print_stdout, reason = "cargo reads a build script's directives from stdout")]
        {
            println!("cargo::error={error}");
        }
    }
}

fn build() -> Result<(), String> {
    let env = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set: run by cargo only"));
    let directory = Path::new(&env("CARGO_MANIFEST_DIR")?).join("../../models/authz");
    #[expect(clippy::print_stdout, reason = "cargo reads a build script's directives from stdout")]
    {
        println!("cargo::rerun-if-changed={}", directory.display());
    }
    let unreadable = |error: std::io::Error| format!("{}: {error}", directory.display());
    let entries = std::fs::read_dir(&directory).map_err(unreadable)?;
    let paths: Result<Vec<PathBuf>, std::io::Error> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut actions = BTreeSet::new();
    for path in paths.map_err(unreadable)? {
        if path.extension().is_some_and(|extension| extension == "json") {
            let authz = serde_json::from_str(&read(&path)?);
            collect(&authz.map_err(|error| format!("{}: {error}", path.display()))?, &mut actions);
        }
    }
    let list: String = actions.iter().map(|action| format!("{action}\n")).collect();
    let target = Path::new(&env("OUT_DIR")?).join("actions.txt");
    // Left alone if it is the same, so that nothing is compiled again.
    if read(&target).is_ok_and(|old| old == list) {
        return Ok(());
    }
    std::fs::write(&target, list).map_err(|error| format!("{}: {error}", target.display()))
}

/// The actions of a service's authorisation data.
fn collect(authz: &Value, actions: &mut BTreeSet<String>) {
    let operations = authz.get("operations").and_then(Value::as_object);
    for operation in operations.into_iter().flat_map(|operations| operations.values()) {
        let required = operation.get("required").and_then(Value::as_array);
        for permission in required.into_iter().flatten() {
            actions.extend(permission.get("action").and_then(Value::as_str).map(str::to_owned));
        }
    }
}
