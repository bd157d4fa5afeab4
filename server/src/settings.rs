//! The settings: what can be set from the environment and from profiles, what it means, and
//! where each value in force came from.
//!
//! Names and meanings are LocalStack's, so that existing compose files and scripts keep working.
//! A setting `X` is read from `CLOUDTWIN_X`, else `LOCALSTACK_X`, else `X`: LocalStack's image
//! exports `LOCALSTACK_X` over `X`, and ours stands above both.

mod accepted;
mod profile;
mod spelling;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

pub(crate) use profile::{Profile, load as load_profiles};

/// How a value is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `1`/`true` or `0`/`false`, in any case.
    Flag,
    /// Any text.
    Text,
    /// A whole number.
    Number,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Text that must not be printed.
    Secret,
}

/// What setting a value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The value is used.
    Used,
    /// The value is accepted and not needed, for this reason.
    Unneeded(&'static str),
    /// The value asks for something that does not exist here yet: a warning at start says so.
    Pending(&'static str),
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) meaning: &'static str,
    /// The default, as a user would write it; empty when unset is the default.
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
    pub(crate) status: Status,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Default,
    /// The environment variable of this name.
    Environment(String),
    /// This variable in this profile file.
    Profile(PathBuf, String),
    /// The command-line option of this name.
    Option(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
            Self::Profile(path, variable) => write!(f, "{variable} in {}", path.display()),
            Self::Option(option) => write!(f, "option {option}"),
        }
    }
}

/// Values in force and what there is to say about them.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    values: BTreeMap<&'static str, (String, Origin)>,
    warnings: Vec<String>,
}

/// All settings, the used ones first.
pub(crate) fn all() -> impl Iterator<Item = &'static Setting> {
    table::USED.iter().chain(accepted::PENDING).chain(accepted::UNNEEDED)
}

fn find(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name)
}

const PREFIXES: [&str; 2] = ["CLOUDTWIN_", "LOCALSTACK_"];

impl Settings {
    /// Reads the environment and the profiles; the environment wins. What is unknown, misspelt or
    /// unreadable becomes a warning, never a failure.
    pub(crate) fn load(environment: &[(String, String)], profiles: &[Profile]) -> Self {
        let mut settings = Self::default();
        for profile in profiles {
            settings.take_all(&profile.variables, |variable| {
                Origin::Profile(profile.path.clone(), variable.to_owned())
            });
            settings.warnings.extend(profile.warnings.iter().cloned());
        }
        settings.take_all(environment, |variable| Origin::Environment(variable.to_owned()));
        settings
    }

    /// Puts the value of a command-line option above everything else.
    pub(crate) fn set_option(&mut self, name: &'static str, value: String, option: &'static str) {
        self.values.insert(name, (value, Origin::Option(option)));
    }

    /// Adds `NAME=value` pairs given with `start --env`, as if they were in the environment.
    pub(crate) fn set_pairs(&mut self, pairs: &[(String, String)]) {
        self.take_all(pairs, |_| Origin::Option("--env"));
    }

    /// Adds a line for the user to read at start.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(value, _)| value.as_str())
    }

    /// Whether a flag is on; its default when it is not set.
    pub(crate) fn flag(&self, name: &str) -> bool {
        let value = self.text(name).or_else(|| find(name).map(|setting| setting.default));
        value.and_then(parse_flag).unwrap_or(false)
    }

    /// The numeric value that is set or that is the default.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let value = self.text(name).or_else(|| find(name).map(|setting| setting.default))?;
        value.parse().ok()
    }

    pub(crate) fn origin(&self, name: &str) -> Origin {
        self.values.get(name).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    pub(crate) fn is_set(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// What the user should know before the server runs, one line each.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mut warnings = self.warnings.clone();
        for (name, (value, _)) in &self.values {
            let Some(setting) = find(name) else { continue };
            // A flag that is switched off asks for nothing.
            let asks = setting.kind != Kind::Flag || parse_flag(value) == Some(true);
            if let (Status::Pending(reason), true) = (setting.status, asks) {
                warnings.push(format!("{name} is set but has no effect: {reason}"));
            }
        }
        warnings
    }

    fn take_all(&mut self, variables: &[(String, String)], origin: impl Fn(&str) -> Origin) {
        // Lowest precedence first, so that the later insert wins.
        let mut found: Vec<(usize, &'static Setting, &str, &str)> = Vec::new();
        for (variable, value) in variables {
            match resolve(variable) {
                Resolved::Setting { setting, rank } => found.push((rank, setting, variable, value)),
                Resolved::Foreign => {}
                Resolved::Unknown(message) => self.warnings.push(message),
            }
        }
        found.sort_by_key(|(rank, ..)| *rank);
        for (_, setting, variable, value) in found {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            if let Some(problem) = unreadable(setting, value) {
                self.warnings.push(format!("{variable}={value} is ignored: {problem}"));
                continue;
            }
            self.values.insert(setting.name, (value.to_owned(), origin(variable)));
        }
    }
}

/// `1` and `true` are on, `0` and `false` are off, in any case, as in LocalStack.
pub(crate) fn parse_flag(value: &str) -> Option<bool> {
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn unreadable(setting: &Setting, value: &str) -> Option<String> {
    match setting.kind {
        Kind::Flag if parse_flag(value).is_none() => Some("use 1 or 0".to_owned()),
        Kind::Number if value.parse::<u64>().is_err() => Some("use a whole number".to_owned()),
        Kind::Choice(words) if !words.contains(&value.to_ascii_lowercase().as_str()) => {
            Some(format!("use one of {}", words.join(", ")))
        }
        _ => None,
    }
}

enum Resolved {
    Setting { setting: &'static Setting, rank: usize },
    Foreign,
    Unknown(String),
}

/// Which setting an environment variable names.
fn resolve(variable: &str) -> Resolved {
    if let Some(setting) = find(variable) {
        // Some names are LocalStack's own with the prefix (`LOCALSTACK_HOST`): the prefix stays.
        let plain = !PREFIXES.iter().any(|prefix| variable.starts_with(prefix));
        let hidden = plain && table::PREFIXED_ONLY.contains(&variable);
        return if hidden { Resolved::Foreign } else { Resolved::Setting { setting, rank: 0 } };
    }
    for (index, prefix) in PREFIXES.iter().enumerate() {
        let Some(name) = variable.strip_prefix(prefix) else { continue };
        if let Some(setting) = find(name) {
            return Resolved::Setting { setting, rank: PREFIXES.len() - index };
        }
        if accepted::in_family(name) || spelling::is_service_link(name) {
            return Resolved::Foreign;
        }
        let message = match spelling::closest(name) {
            Some(suggestion) => {
                format!("unknown setting {variable}: did you mean {prefix}{suggestion}?")
            }
            None => format!("unknown setting {variable}: `config show` lists the settings"),
        };
        return Resolved::Unknown(message);
    }
    match spelling::misspelt(variable) {
        Some(suggestion) => {
            Resolved::Unknown(format!("unknown setting {variable}: did you mean {suggestion}?"))
        }
        None => Resolved::Foreign,
    }
}

/// The environment of this process; what is not Unicode can be no setting.
pub(crate) fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// The one value of `name` before the settings are loaded: profiles and directories are found
/// through it.
pub(crate) fn early(environment: &[(String, String)], name: &str) -> Option<String> {
    let settings = Settings::load(environment, &[]);
    settings.text(name).map(str::to_owned)
}

/// The directory that `~` stands for.
pub(crate) fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|path| path != Path::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Settings {
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::load(&variables, &[])
    }

    #[test]
    fn every_setting_is_described_once_and_its_default_is_readable() {
        let mut names = std::collections::BTreeSet::new();
        for setting in all() {
            assert!(names.insert(setting.name), "{} is listed twice", setting.name);
            assert!(!setting.meaning.is_empty(), "{} has no meaning", setting.name);
            if !setting.default.is_empty() {
                assert_eq!(unreadable(setting, setting.default), None, "default of {}", setting.name);
            }
        }
    }

    #[test]
    fn prefixes_are_stripped_and_the_most_specific_one_wins() {
        let settings = load(&[("CLOUDTWIN_DEBUG", "0"), ("LOCALSTACK_DEBUG", "1"), ("DEBUG", "1")]);
        assert!(!settings.flag("DEBUG"));
        assert_eq!(settings.origin("DEBUG"), Origin::Environment("CLOUDTWIN_DEBUG".to_owned()));
        assert!(load(&[("LOCALSTACK_DEBUG", "1"), ("DEBUG", "0")]).flag("DEBUG"));
    }

    #[test]
    fn localstack_host_keeps_its_prefix() {
        let settings = load(&[("LOCALSTACK_HOST", "localstack:4566"), ("HOST", "example.org")]);
        assert_eq!(settings.text("LOCALSTACK_HOST"), Some("localstack:4566"));
        assert!(settings.warnings().is_empty());
    }

    #[test]
    fn a_profile_fills_in_what_the_environment_leaves_open() {
        let profile = Profile {
            path: PathBuf::from("/home/me/.localstack/dev.env"),
            variables: vec![("DEBUG".into(), "1".into()), ("SERVICES".into(), "s3".into())],
            warnings: Vec::new(),
        };
        let settings = Settings::load(&[("LOCALSTACK_SERVICES".into(), "sqs".into())], &[profile]);
        assert!(settings.flag("DEBUG"));
        assert_eq!(settings.text("SERVICES"), Some("sqs"));
    }

    #[test]
    fn a_misspelt_setting_is_named_with_the_right_one() {
        let settings = load(&[("PERSISTANCE", "1"), ("LOCALSTACK_SERVICE", "s3")]);
        assert_eq!(
            settings.warnings(),
            [
                "unknown setting PERSISTANCE: did you mean PERSISTENCE?",
                "unknown setting LOCALSTACK_SERVICE: did you mean LOCALSTACK_SERVICES?",
            ]
        );
    }

    #[test]
    fn an_unknown_setting_with_our_prefix_is_named() {
        let settings = load(&[("CLOUDTWIN_QUANTUM_TUNNEL", "1")]);
        assert_eq!(
            settings.warnings(),
            ["unknown setting CLOUDTWIN_QUANTUM_TUNNEL: `config show` lists the settings"]
        );
    }

    #[test]
    fn variables_of_other_programs_are_left_alone() {
        let settings = load(&[
            ("PATH", "/bin"),
            ("HOSTNAME", "x"),
            ("AWS_PROFILE", "prod"),
            ("KUBERNETES_SERVICE_PORT", "443"),
            ("DATA_DIR", "/srv/other"),
            ("LOCALSTACK_PORT_4566_TCP_ADDR", "10.0.0.7"),
            ("LOCALSTACK_SERVICE_HOST", "10.0.0.7"),
            ("PROVIDER_OVERRIDE_S3", "v3"),
            ("LOCALSTACK_PROVIDER_OVERRIDE_S3", "v3"),
        ]);
        assert_eq!(settings.warnings(), Vec::<String>::new());
        assert!(!settings.is_set("DATA_DIR"));
    }

    #[test]
    fn a_value_that_cannot_be_read_is_named_and_the_default_stays() {
        let settings = load(&[("PERSISTENCE", "yes"), ("SQS_ENDPOINT_STRATEGY", "sideways")]);
        assert_eq!(
            settings.warnings(),
            [
                "PERSISTENCE=yes is ignored: use 1 or 0",
                "SQS_ENDPOINT_STRATEGY=sideways is ignored: use one of standard, domain, path, dynamic, off",
            ]
        );
    }

    #[test]
    fn what_does_not_exist_yet_is_announced_only_when_it_is_asked_for() {
        assert!(load(&[("LAMBDA_DEBUG_MODE", "0")]).warnings().is_empty());
        let warnings = load(&[("LAMBDA_DEBUG_MODE", "1")]).warnings();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].starts_with("LAMBDA_DEBUG_MODE is set but has no effect: "), "{warnings:?}");
    }
}
