//! The command line.
//!
//! It covers the commands and options of LocalStack's CLI that mean something here, so that
//! scripts written for `localstack` run when this binary is called by that name. Its options that
//! mean nothing here are accepted, and `start` says so.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::commands::iam::arguments::{AwsArgs, IamArgs};

const AFTER_HELP: &str = "\
Exit codes: 0 success, 1 failed (not running, timed out), 2 bad option or setting,
3 cannot listen on the address, 4 data directory not usable, 5 already running,
6 bad certificate.

Every setting that `config show` lists can be given in the environment, as SERVICES=s3
or LOCALSTACK_SERVICES=s3 or CLOUDTWIN_SERVICES=s3.";

/// A local AWS cloud in one binary.
///
/// Any AWS SDK, the AWS CLI or Terraform can use it: start it, then set
/// AWS_ENDPOINT_URL=http://localhost:4566.
#[derive(Debug, Parser)]
#[command(
    name = "cloudtwin",
    version,
    disable_version_flag = true,
    arg_required_else_help = true,
    after_help = AFTER_HELP
)]
pub(crate) struct Cli {
    /// Print the version.
    #[arg(short = 'v', long = "version", action = ArgAction::Version)]
    version: Option<bool>,

    /// Log more, as DEBUG=1 does.
    #[arg(short, long)]
    pub(crate) debug: bool,

    /// Profiles to load, separated by commas: files <profile>.env in the configuration directory.
    #[arg(short, long)]
    pub(crate) profile: Option<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server.
    Start(Box<StartArgs>),
    /// Stop the server that runs in the data directory, and wait until it has ended.
    Stop(InstanceArgs),
    /// Restart the running server; persistent state stays.
    Restart(InstanceArgs),
    /// Show whether the server runs, or the state of its services.
    Status(StatusArgs),
    /// Wait until the server is ready to serve requests.
    Wait(WaitArgs),
    /// Print the log of a server that was started in the background.
    Logs(LogsArgs),
    /// Inspect the configuration.
    Config(ConfigArgs),
    /// Explain who may do what, and write least-privilege policies.
    Iam(IamArgs),
    /// LocalStack's commands about the emulated cloud: `aws iam stream`, `aws iam summary`.
    #[command(hide = true)]
    Aws(AwsArgs),
}

/// What every command needs to find a server.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct InstanceArgs {
    /// Port of the server [default: 4566, or the one that runs].
    #[arg(long, value_name = "PORT", global = true)]
    pub(crate) port: Option<u16>,

    /// Data directory [default: $XDG_STATE_HOME/cloudtwin or ~/.local/state/cloudtwin; in a
    /// container /var/lib/localstack/cloudtwin where that volume is writable].
    #[arg(long, value_name = "DIR", global = true)]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    /// An acknowledged write survives the death of the process.
    Default,
    /// An acknowledged write survives a power failure.
    Sync,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// NAME=value lines.
    Plain,
    /// The same as json.
    Dict,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// Run in the background: returns when the server is ready.
    #[arg(short, long, visible_alias = "detach")]
    pub(crate) detached: bool,

    /// Address to listen on [default: 127.0.0.1; in a container 0.0.0.0].
    // LocalStack's own `--host` is a flag, hence the optional value.
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_name = "ADDRESS")]
    pub(crate) host: Option<String>,

    #[command(flatten)]
    pub(crate) instance: InstanceArgs,

    /// Keep nothing after the end, as PERSISTENCE=0 does.
    #[arg(long)]
    pub(crate) ephemeral: bool,

    /// What an acknowledged write survives [default: default].
    #[arg(long, value_name = "MODE")]
    pub(crate) durability: Option<Durability>,

    /// Listen on the old port of every service too (4563-4599).
    #[arg(long)]
    pub(crate) legacy_ports: bool,

    /// A directory with boot.d, start.d, ready.d and shutdown.d, besides /etc/localstack/init and
    /// ~/.config/cloudtwin/init.
    #[arg(long, value_name = "DIR")]
    pub(crate) init_dir: Vec<PathBuf>,

    /// Form of the log lines on standard error [default: text].
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,

    /// A setting, as if it were in the environment.
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = parse_pair)]
    pub(crate) env: Vec<(String, String)>,

    /// Set by `start --detached` for the process that it leaves in the background.
    #[arg(long, hide = true)]
    pub(crate) background: bool,

    #[command(flatten)]
    pub(crate) without_meaning: WithoutMeaning,
}

/// Options of `localstack start` that configure a container; here there is none.
#[derive(Debug, Args)]
pub(crate) struct WithoutMeaning {
    #[arg(long, hide = true)]
    docker: bool,
    #[arg(long, hide = true)]
    no_banner: bool,
    #[arg(long, hide = true, value_name = "NETWORK")]
    network: Option<String>,
    #[arg(short, long, hide = true, value_name = "PORTS")]
    publish: Vec<String>,
    #[arg(short, long, hide = true, value_name = "VOLUME")]
    volume: Vec<String>,
    #[arg(long, hide = true)]
    host_dns: bool,
    #[arg(short, long, hide = true, value_name = "STACK")]
    stack: Option<String>,
}

impl WithoutMeaning {
    /// What to tell the user about the options given.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |given: bool, option: &str, why: &str| {
            if given {
                notes.push(format!("option {option} has no effect: {why}"));
            }
        };
        note(self.network.is_some(), "--network", "no container is started");
        note(!self.publish.is_empty(), "--publish", "ports are opened directly: use --host and --port");
        note(!self.volume.is_empty(), "--volume", "no container is started: use --data-dir and --init-dir");
        note(self.host_dns, "--host-dns", "there is no DNS server");
        note(self.stack.is_some(), "--stack", "no image is started");
        notes
    }
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(subcommand)]
    pub(crate) about: Option<StatusAbout>,

    /// Form of the output.
    #[arg(short, long, value_enum, default_value_t, global = true)]
    pub(crate) format: Format,

    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum StatusAbout {
    /// Show the state of every service.
    Services,
    /// The same as `status`.
    #[command(hide = true)]
    Docker,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Give up after this many seconds [default: never].
    #[arg(short, long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) timeout: Option<f64>,

    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Go on printing what is logged.
    #[arg(short, long)]
    pub(crate) follow: bool,

    /// Print the last N lines only.
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,

    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting in force and where its value came from.
    Show {
        /// Form of the output.
        #[arg(short, long, value_enum, default_value_t)]
        format: Format,
        /// Print the certificate (PEM) that clients must trust to use https, and nothing else.
        #[arg(long)]
        ca_certificate: bool,
        #[command(flatten)]
        instance: InstanceArgs,
    },
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    // As for docker run: a name alone passes the variable on from this environment.
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Ok((text.to_owned(), std::env::var(text).unwrap_or_default())),
    }
}

fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && (0.0..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err("use a number of seconds".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(arguments: &[&str]) -> StartArgs {
        match Cli::try_parse_from(arguments).unwrap().command {
            Command::Start(arguments) => *arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn localstack_commands_are_understood() {
        assert!(start(&["localstack", "start", "-d"]).detached);
        assert!(start(&["localstack", "start", "--docker", "--no-banner", "-d"]).detached);
        let arguments = start(&["localstack", "start", "--host", "-e", "DEBUG=1", "-e", "SERVICES=s3"]);
        assert_eq!(arguments.host.as_deref(), Some(""));
        assert_eq!(arguments.env[1], ("SERVICES".to_owned(), "s3".to_owned()));
        for words in [
            &["localstack", "wait", "-t", "30"][..],
            &["localstack", "status", "services", "--format", "json"],
            &["localstack", "status", "--format", "json"],
            &["localstack", "status", "docker"],
            &["localstack", "logs", "-f", "-n", "10"],
            &["localstack", "--profile", "dev", "config", "show", "--format", "json"],
            &["localstack", "--debug", "stop"],
            &["localstack", "restart"],
            &["localstack", "aws", "iam", "stream"],
            &["localstack", "aws", "iam", "summary"],
        ] {
            assert!(Cli::try_parse_from(words).is_ok(), "{words:?}");
        }
    }

    #[test]
    fn options_without_meaning_are_accepted_and_noted() {
        let arguments = start(&["localstack", "start", "-p", "4566:4566", "-v", "a:b", "--network", "x"]);
        assert_eq!(arguments.without_meaning.notes().len(), 3);
    }
}
