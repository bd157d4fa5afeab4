//! Profiles: files of `NAME=value` lines, as `~/.localstack/<profile>.env`.

use std::path::{Path, PathBuf};

/// A file longer than this is no profile.
const LONGEST_PROFILE: u64 = 1 << 20;

/// The variables of one profile file.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) path: PathBuf,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) warnings: Vec<String>,
}

/// Reads the profiles named in `names` (separated by commas) from the first of `directories` that
/// has them. The profile `default` may be missing; a named one that is missing is a warning.
pub(crate) fn load(names: &str, directories: &[PathBuf]) -> (Vec<Profile>, Vec<String>) {
    let mut profiles = Vec::new();
    let mut warnings = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name.contains(['/', '\\']) || name.starts_with('.') {
            warnings.push(format!("profile `{name}` is not a name: use letters, digits, - and _"));
            continue;
        }
        let file = format!("{name}.env");
        let Some(path) = directories.iter().map(|dir| dir.join(&file)).find(|path| path.is_file()) else {
            if name != "default" {
                let places: Vec<_> = directories.iter().map(|dir| dir.display().to_string()).collect();
                warnings.push(format!("profile `{name}` not found: no {file} in {}", places.join(" or ")));
            }
            continue;
        };
        match read(&path) {
            Ok(profile) => profiles.push(profile),
            Err(error) => warnings.push(format!("profile {} is not read: {error}", path.display())),
        }
    }
    (profiles, warnings)
}

fn read(path: &Path) -> std::io::Result<Profile> {
    if path.metadata()?.len() > LONGEST_PROFILE {
        return Err(std::io::Error::other("it is longer than 1 MiB"));
    }
    let text = std::fs::read_to_string(path)?;
    let mut profile = Profile { path: path.to_owned(), variables: Vec::new(), warnings: Vec::new() };
    for (number, line) in text.lines().enumerate() {
        match parse_line(line) {
            Line::Blank => {}
            Line::Variable(name, value) => profile.variables.push((name, value)),
            Line::Unreadable => {
                profile.warnings.push(format!("{}:{}: not NAME=value, ignored", path.display(), number + 1))
            }
        }
    }
    Ok(profile)
}

enum Line {
    Blank,
    Variable(String, String),
    Unreadable,
}

fn parse_line(line: &str) -> Line {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Blank;
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some((name, value)) = line.split_once('=') else { return Line::Unreadable };
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Line::Unreadable;
    }
    Line::Variable(name.to_owned(), unquote(value.trim()))
}

fn unquote(value: &str) -> String {
    for quote in ['\'', '"'] {
        let quoted = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote));
        if let Some((inner, _comment)) = quoted {
            return inner.to_owned();
        }
    }
    // Unquoted: ` #` starts a comment.
    let end = value.find(" #").unwrap_or(value.len());
    value.get(..end).unwrap_or(value).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_as_a_shell_would() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("dev.env"),
            "# mine\nDEBUG=1\nexport SERVICES='s3,sqs' # two\nLS_LOG = trace # all\nnonsense\n",
        )
        .unwrap();
        let (profiles, warnings) = load("dev,missing", &[dir.path().to_owned()]);
        let expected =
            [("DEBUG", "1"), ("SERVICES", "s3,sqs"), ("LS_LOG", "trace")].map(|(n, v)| (n.into(), v.into()));
        assert_eq!(profiles[0].variables, expected);
        assert!(profiles[0].warnings[0].ends_with("dev.env:5: not NAME=value, ignored"));
        assert!(warnings[0].starts_with("profile `missing` not found"), "{warnings:?}");
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_as_something(name in "[A-Z_]{1,9}", value in "[^'\"#\n\r]*", junk in ".*") {
            parse_line(&junk);
            let Line::Variable(found, text) = parse_line(&format!("{name}='{value}' # note")) else {
                return Err(proptest::test_runner::TestCaseError::fail("no variable"));
            };
            proptest::prop_assert_eq!((found, text), (name, value));
        }
    }

    #[test]
    fn a_profile_name_cannot_leave_its_directory() {
        let (profiles, warnings) = load("../secret", &[PathBuf::from("/etc")]);
        assert!(profiles.is_empty());
        assert_eq!(warnings.len(), 1);
    }
}
