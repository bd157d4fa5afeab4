//! Every crate from outside has its reason in ARCHITECTURE.md, and no reason outlives its crate.

#![cfg(test)]

use std::collections::BTreeSet;
use std::path::Path;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in `[workspace.dependencies]` that are not paths of this repository.
fn depended_on() -> BTreeSet<String> {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let dependencies = manifest["workspace"]["dependencies"].as_table().unwrap();
    let ours = |dependency: &toml::Value| dependency.get("path").is_some();
    dependencies.iter().filter(|(_, it)| !ours(it)).map(|(name, _)| name.clone()).collect()
}

/// The names in the first column of the table below `## Dependencies`. A word in parentheses says
/// which part of a crate is meant.
fn explained() -> BTreeSet<String> {
    let architecture = read("ARCHITECTURE.md");
    let (_, section) = architecture.split_once("\n## Dependencies\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    rows.filter(|first| *first != "crate")
        .flat_map(|first| first.split(", "))
        .map(|name| name.split(" (").next().unwrap().trim().to_owned())
        .collect()
}

#[test]
fn every_crate_from_outside_has_a_reason() {
    let (depended_on, explained) = (depended_on(), explained());
    let unexplained: Vec<_> = depended_on.difference(&explained).collect();
    assert!(unexplained.is_empty(), "ARCHITECTURE.md, Dependencies: no reason for {unexplained:?}");
    let gone: Vec<_> = explained.difference(&depended_on).collect();
    assert!(gone.is_empty(), "ARCHITECTURE.md, Dependencies: nothing depends on {gone:?}");
}

#[test]
fn crates_take_their_dependencies_from_the_workspace() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let below = |directory: &str| {
        let entries = std::fs::read_dir(root.join(directory)).unwrap();
        entries.map(|entry| entry.unwrap().path().join("Cargo.toml")).filter(|path| path.is_file())
    };
    let single = ["server", "xtask"].map(|directory| root.join(directory).join("Cargo.toml"));
    for path in below("crates").chain(below("services")).chain(single) {
        let manifest: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, dependency) in manifest.get(kind).and_then(toml::Value::as_table).into_iter().flatten()
            {
                let workspace = dependency.get("workspace").and_then(toml::Value::as_bool);
                assert_eq!(workspace, Some(true), "{}: {name}", path.display());
            }
        }
    }
}
