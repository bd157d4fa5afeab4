//! Development tasks, run as `cargo xtask <task>`.

mod authz;
mod botocore;
mod convert;
mod failure;
mod generated;
mod javascript;
mod managed_policies;
mod model;
mod overlay;
mod packages;
mod patch;
mod routing_index;
mod service_models;
mod show;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use botocore::Botocore;
use failure::{Context, Result};
use generated::Generated;

/// Development tasks of Cloudtwin.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Regenerates models/ from the pinned AWS packages, our patches and overrides.
    Models {
        /// Writes nothing; fails when models/ is stale.
        #[arg(long)]
        check: bool,
    },
    /// Prints the Rust that the build generates for operations of a service.
    Show {
        /// Service, by the name of its file in models/.
        service: String,
        /// Operations, such as `CreateQueue`.
        #[arg(required = true)]
        operations: Vec<String>,
    },
    /// Regenerates only models/authz/.
    Authz {
        /// Writes nothing; fails when models/authz/ is stale.
        #[arg(long)]
        check: bool,
    },
    /// Regenerates the policies that AWS manages, models/managed-policies.tsv.gz.
    ManagedPolicies {
        /// Writes nothing; fails when the file is stale.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> std::process::ExitCode {
    let outcome = match Arguments::parse().task {
        Task::Models { check } => models(check),
        Task::Show { service, operations } => {
            models_directory().and_then(|models| show::run(&models, &service, operations))
        }
        Task::Authz { check } => authz(check),
        Task::ManagedPolicies { check } => managed_policies(check),
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(failure) => {
            // A closed standard error leaves only the exit code to report with.
            let _ = writeln!(io::stderr(), "error: {failure}");
            std::process::ExitCode::FAILURE
        }
    }
}

fn models(check: bool) -> Result<()> {
    let directory = models_directory()?;
    let mut generated = Generated::default();
    let mut source = Botocore::open()?;
    service_models::generate(&directory, &mut source, &mut generated)?;
    authz::generate(
        &directory,
        |service| service_models::load(service, &mut source, &directory),
        &mut generated,
    )?;
    finish(&generated, &directory, check)
}

fn authz(check: bool) -> Result<()> {
    let directory = models_directory()?;
    let mut generated = Generated::default();
    let mut source = Botocore::open()?;
    authz::generate(
        &directory,
        |service| service_models::load(service, &mut source, &directory),
        &mut generated,
    )?;
    finish(&generated, &directory, check)
}

fn managed_policies(check: bool) -> Result<()> {
    let changed = managed_policies::generate(&models_directory()?, check)?;
    let report = if changed {
        format!("wrote models/{}\n", managed_policies::FILE)
    } else {
        "nothing changed\n".into()
    };
    io::stdout().write_all(report.as_bytes()).context("reporting")
}

fn finish(generated: &Generated, directory: &Path, check: bool) -> Result<()> {
    let report = if check {
        generated.check(directory)?;
        "models/ is up to date\n".to_owned()
    } else {
        let changed = generated.write(directory)?;
        let mut report: String =
            changed.iter().map(|path| format!("wrote models/{}\n", path.display())).collect();
        if report.is_empty() {
            report.push_str("nothing changed\n");
        }
        report
    };
    io::stdout().write_all(report.as_bytes()).context("reporting")
}

fn models_directory() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(|root| root.join("models")).context("the repository")
}
