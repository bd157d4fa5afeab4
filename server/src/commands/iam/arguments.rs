//! The arguments of `iam` and its subcommands.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::InstanceArgs;

const AFTER_HELP: &str = "\
Decisions are made while enforcement is ENGINE_ONLY (decided and kept only), SOFT_MODE (also logged,
nothing is refused) or ENFORCED. Start with IAM_SOFT_MODE=1 or ENFORCE_IAM=1, or use `iam config STATE`.

From a stack to its least-privilege policy:
  cloudtwin iam config SOFT_MODE
  terraform apply                                  with the access key of a user
  cloudtwin iam generate --principal arn:aws:iam::000000000000:user/deployer --output policy.json
  cloudtwin iam config ENFORCED";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct IamArgs {
    #[command(subcommand)]
    pub(crate) command: IamCommand,

    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum IamCommand {
    /// Explain the decision on a call: which permissions it needed, what every policy said, and the
    /// smallest statement that would allow it.
    Explain(ExplainArgs),
    /// Print decisions as they are made.
    Stream(StreamArgs),
    /// Print the policies that everybody who called needs.
    Summary(SummaryArgs),
    /// Decide the recorded calls of a user or role again under other policies, and list what would
    /// come out differently. Exit code 1 if something that was allowed would be denied.
    WhatIf(WhatIfArgs),
    /// Write the least-privilege policy for what a user or role did.
    Generate(GenerateArgs),
    /// Show what the policies of a user or role grant and it has not used.
    Diff(DiffArgs),
    /// Show how strictly IAM is applied, or change it.
    Config(ConfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The id of the request, as the error or `iam stream` shows it.
    #[arg(required_unless_present_any = ["last", "denied"])]
    pub(crate) request_id: Option<String>,

    /// The newest call.
    #[arg(long, conflicts_with = "request_id")]
    pub(crate) last: bool,

    /// The newest call that was denied, or would be.
    #[arg(long, conflicts_with = "request_id")]
    pub(crate) denied: bool,

    /// Only calls of this user, role or session.
    #[arg(long, value_name = "ARN")]
    pub(crate) principal: Option<String>,

    /// Print everything as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StreamArgs {
    /// Only calls of this user, role or session.
    #[arg(long, value_name = "ARN")]
    pub(crate) principal: Option<String>,

    /// Only what is denied, or would be.
    #[arg(long)]
    pub(crate) denied: bool,

    /// Print each decision as a line of JSON.
    #[arg(long, conflicts_with = "policies")]
    pub(crate) json: bool,

    /// Print the policy that each call needs, as `localstack aws iam stream` does.
    #[arg(long)]
    pub(crate) policies: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct SummaryArgs {
    /// Only what was needed since then: a time (2026-01-31T12:00:00Z), or how long ago (15m, 2h).
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WhatIfArgs {
    /// ARN of the user or role.
    #[arg(long, value_name = "ARN")]
    pub(crate) principal: String,

    /// A policy; may be given several times. Together they take the place of its policies.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) policy: Vec<PathBuf>,

    /// Let it keep its policies, and add these.
    #[arg(long)]
    pub(crate) add: bool,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// ARN of the user or role.
    #[arg(long, value_name = "ARN")]
    pub(crate) principal: String,

    /// Only what was needed since then: a time (2026-01-31T12:00:00Z), or how long ago (15m, 2h).
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,

    /// Write it here instead of to standard output. What is too long for one policy goes to several
    /// files: policy.json, policy-2.json …
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// ARN of the user or role.
    #[arg(long, value_name = "ARN")]
    pub(crate) principal: String,

    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// DISABLED, ENGINE_ONLY, SOFT_MODE or ENFORCED.
    pub(crate) state: Option<String>,
}

/// LocalStack's commands about the emulated cloud.
#[derive(Debug, Args)]
pub(crate) struct AwsArgs {
    #[command(subcommand)]
    pub(crate) about: AwsAbout,

    #[command(flatten)]
    pub(crate) instance: InstanceArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AwsAbout {
    /// The policies that calls need.
    Iam {
        #[command(subcommand)]
        command: PolicyStream,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum PolicyStream {
    /// Print the policy that each call needs, as calls come in.
    Stream,
    /// Print the policies that everybody who called needs.
    Summary,
}
