//! The files that the tasks generate: written to `models/`, or compared with what is committed there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure, Result};

/// How many changed lines a comparison names for each file.
const NAMED_CHANGES: usize = 12;

/// Generated text by path below `models/`.
#[derive(Default)]
pub(crate) struct Generated(BTreeMap<PathBuf, String>);

impl Generated {
    /// Adds one file.
    pub(crate) fn add(&mut self, path: impl Into<PathBuf>, text: String) {
        self.0.insert(path.into(), text);
    }

    /// Writes the files whose text changed and returns their paths.
    pub(crate) fn write(&self, models: &Path) -> Result<Vec<PathBuf>> {
        let mut changed = Vec::new();
        for (path, text) in &self.0 {
            let file = models.join(path);
            if fs::read_to_string(&file).ok().as_deref() == Some(text) {
                continue;
            }
            if let Some(directory) = file.parent() {
                fs::create_dir_all(directory).context(format_args!("creating {}", directory.display()))?;
            }
            fs::write(&file, text).context(format_args!("writing {}", file.display()))?;
            changed.push(path.clone());
        }
        Ok(changed)
    }

    /// Fails with a summary when a committed file differs from the generated one, is missing, or is left over.
    pub(crate) fn check(&self, models: &Path) -> Result<()> {
        let mut summary = String::new();
        for (path, text) in &self.0 {
            match fs::read_to_string(models.join(path)) {
                Ok(committed) if committed == *text => {}
                Ok(committed) => summary.push_str(&difference(path, &committed, text)),
                Err(_) => {
                    let _ = writeln!(summary, "models/{}: missing", path.display());
                }
            }
        }
        for directory in self.0.keys().filter_map(|path| path.parent()).collect::<BTreeSet<_>>() {
            for entry in fs::read_dir(models.join(directory)).into_iter().flatten().flatten() {
                let path = directory.join(entry.file_name());
                if path.extension().is_some_and(|extension| extension == "json")
                    && !self.0.contains_key(&path)
                {
                    let _ = writeln!(summary, "models/{}: not generated any more", path.display());
                }
            }
        }
        if summary.is_empty() {
            return Ok(());
        }
        Err(Failure::new(format!(
            "models/ is stale; run `cargo xtask models` and review the diff\n{}",
            summary.trim_end()
        )))
    }
}

/// One file's changes. Every operation and shape is a line of its own, so a line's beginning names it.
fn difference(path: &Path, committed: &str, generated: &str) -> String {
    let old: BTreeSet<&str> = committed.lines().map(without_comma).collect();
    let new: BTreeSet<&str> = generated.lines().map(without_comma).collect();
    let changes: Vec<String> = old
        .difference(&new)
        .map(|line| format!("  - {}", label(line)))
        .chain(new.difference(&old).map(|line| format!("  + {}", label(line))))
        .collect();
    let mut text = format!("models/{}: {} lines differ\n", path.display(), changes.len());
    for change in changes.iter().take(NAMED_CHANGES) {
        let _ = writeln!(text, "{change}");
    }
    if changes.len() > NAMED_CHANGES {
        let _ = writeln!(text, "  … and {} more", changes.len() - NAMED_CHANGES);
    }
    text
}

fn without_comma(line: &str) -> &str {
    line.strip_suffix(',').unwrap_or(line)
}

fn label(line: &str) -> String {
    line.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_file_is_reported_by_the_operations_that_changed() {
        let models = tempfile::tempdir().unwrap();
        fs::write(models.path().join("sqs.json"), "{\n\"A\":{\"status\":200},\n\"B\":{}\n}\n").unwrap();
        fs::write(models.path().join("old.json"), "{}").unwrap();
        let mut generated = Generated::default();
        generated.add("sqs.json", "{\n\"A\":{\"status\":204},\n\"B\":{},\n\"C\":{}\n}\n".to_owned());
        generated.add("sns.json", "{}".to_owned());
        let report = generated.check(models.path()).unwrap_err().to_string();
        assert!(report.contains("models/sqs.json: 3 lines differ"), "{report}");
        assert!(report.contains("- \"A\":{\"status\":200}"), "{report}");
        assert!(report.contains("+ \"A\":{\"status\":204}"), "{report}");
        assert!(report.contains("+ \"C\":{}"), "{report}");
        assert!(!report.contains("\"B\""), "{report}");
        assert!(report.contains("models/sns.json: missing"), "{report}");
        assert!(report.contains("models/old.json: not generated any more"), "{report}");
    }

    #[test]
    fn what_was_just_written_is_not_stale() {
        let models = tempfile::tempdir().unwrap();
        let mut generated = Generated::default();
        generated.add("authz/sqs.json", "{}\n".to_owned());
        assert_eq!(generated.write(models.path()).unwrap(), [PathBuf::from("authz/sqs.json")]);
        assert!(generated.write(models.path()).unwrap().is_empty());
        generated.check(models.path()).unwrap();
    }
}
