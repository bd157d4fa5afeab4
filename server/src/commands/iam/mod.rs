//! `iam`: decisions and what follows from them.

pub(crate) mod arguments;
mod changes;
mod explain;
mod stream;
mod tree;

use std::io::{self, Write};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use self::arguments::{AwsAbout, AwsArgs, IamArgs, IamCommand, PolicyStream, SummaryArgs};
use super::Target;
use crate::cli::Cli;
use crate::failure::{Failure, Kind};
use crate::local_client;

/// How long an answer may take: explaining many decisions takes a while.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs a subcommand.
pub(crate) fn iam(cli: &Cli, arguments: &IamArgs) -> Result<(), Failure> {
    let server = Server(Target::new(cli, &arguments.instance)?.url()?);
    match &arguments.command {
        IamCommand::Explain(arguments) => explain::explain(&server, arguments),
        IamCommand::Stream(arguments) => stream::stream(&server, arguments),
        IamCommand::Summary(arguments) => stream::summary(&server, arguments),
        IamCommand::WhatIf(arguments) => changes::what_if(&server, arguments),
        IamCommand::Generate(arguments) => changes::generate(&server, arguments),
        IamCommand::Diff(arguments) => changes::diff(&server, arguments),
        IamCommand::Config(arguments) => changes::config(&server, arguments),
    }
}

/// Runs LocalStack's `aws iam stream` and `aws iam summary`.
pub(crate) fn policy_stream(cli: &Cli, arguments: &AwsArgs) -> Result<(), Failure> {
    let server = Server(Target::new(cli, &arguments.instance)?.url()?);
    let AwsAbout::Iam { command } = &arguments.about;
    match command {
        PolicyStream::Stream => stream::policies(&server, &[]),
        PolicyStream::Summary => stream::summary(&server, &SummaryArgs::default()),
    }
}

/// The server that is asked.
struct Server(String);

impl Server {
    /// What it answers; its own message if that is an error.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, Failure> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = local_client::exchange(&self.0, method, path, &body, LIMIT)
            .map_err(|error| self.does_not_answer(&error))?;
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 200 {
            return Ok(value);
        }
        let told = value.get("message").and_then(Value::as_str);
        let message = told.map_or_else(|| format!("{path} answered {}", answer.status), str::to_owned);
        Err(Failure::new(Kind::Failed, message))
    }

    fn get(&self, path: &str, parameters: &[(&str, Option<&str>)]) -> Result<Value, Failure> {
        self.ask("GET", &with_query(path, parameters), &Value::Null)
    }

    /// Hands on every line of an answer that goes on, until the server stops or nobody reads any more.
    fn follow(
        &self,
        path: &str,
        parameters: &[(&str, Option<&str>)],
        mut told: impl FnMut(&Value, &mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let path = with_query(path, parameters);
        let lines =
            local_client::lines(&self.0, &path, LIMIT).map_err(|error| self.does_not_answer(&error))?;
        let mut out = io::stdout().lock();
        for line in lines {
            let line = line.map_err(|error| self.does_not_answer(&error))?;
            let value: Value = serde_json::from_str(&line).map_err(|error| {
                Failure::new(Kind::Failed, format!("{path} answered what is not JSON: {error}"))
            })?;
            // The reader, as `head`, has seen enough.
            if told(&value, &mut out).and_then(|()| out.flush()).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Why there is nothing to tell of, and what to do about it.
    fn nothing_decided(&self) -> Failure {
        let config = self.get("/_aws/iam/config", &[]).unwrap_or_default();
        let message = if config.get("state").and_then(Value::as_str) == Some("DISABLED") {
            "IAM enforcement is DISABLED, so nothing was decided: use `cloudtwin iam config SOFT_MODE`, or start \
             with IAM_SOFT_MODE=1, and call again"
        } else {
            "no such call was decided; `cloudtwin iam stream` shows calls as they come in, and the newest 4,096 \
             are kept"
        };
        Failure::new(Kind::Failed, message)
    }

    fn does_not_answer(&self, error: &io::Error) -> Failure {
        let url = &self.0;
        Failure::new(
            Kind::Failed,
            format!("no server answers at {url}: {error}; `cloudtwin start` starts one"),
        )
    }
}

fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters.iter().filter_map(|(name, value)| value.map(|value| (name, value)));
    let pairs: Vec<String> = given
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// Prints a text. A closed pipe is nobody waiting for it.
fn print(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A member that is a text; nothing is an empty one.
fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// A member that is a list; nothing is an empty one.
fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts of a list.
fn texts<'a>(value: &'a Value, member: &str) -> Vec<&'a str> {
    list(value, member).iter().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_written_into_the_path() {
        assert_eq!(with_query("/x", &[("a", None)]), "/x");
        assert_eq!(with_query("/x", &[("a", Some("1")), ("b", Some("u:r/é"))]), "/x?a=1&b=u%3Ar%2F%C3%A9");
    }
}
