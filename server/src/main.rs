//! The `cloudtwin` command.

mod addresses;
mod admin;
mod cli;
mod cloud;
mod colours;
mod commands;
mod config;
mod detach;
mod directories;
mod failure;
mod gateway;
mod hooks;
mod instance;
mod local_client;
mod logging;
mod machine;
mod served;
mod settings;
mod table;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, ConfigCommand};
use failure::Failure;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // When even that cannot be written, the exit code still tells.
            let _ = writeln!(std::io::stderr(), "error: {failure}");
            failure.exit_code()
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Start(arguments) => commands::start::start(cli, arguments),
        Command::Stop(instance) => commands::stop::stop(cli, instance),
        Command::Restart(instance) => commands::stop::restart(cli, instance),
        Command::Status(arguments) => commands::status::status(cli, arguments),
        Command::Wait(arguments) => commands::wait::wait(cli, arguments),
        Command::Logs(arguments) => commands::logs::logs(cli, arguments),
        Command::Config(arguments) => match &arguments.command {
            ConfigCommand::Show { format, ca_certificate, instance } => {
                commands::config_show::show(cli, *format, *ca_certificate, instance)
            }
        },
        Command::Iam(arguments) => commands::iam::iam(cli, arguments),
        Command::Aws(arguments) => commands::iam::policy_stream(cli, arguments),
    }
}
