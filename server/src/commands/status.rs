//! `status` and `status services`.

use std::io::Write;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Target;
use crate::cli::{Cli, Format, StatusAbout, StatusArgs};
use crate::failure::{Failure, Kind};
use crate::local_client;
use crate::table;

const LIMIT: Duration = Duration::from_secs(2);

/// Prints whether the server runs, or its services. Fails when it does not run.
pub(crate) fn status(cli: &Cli, arguments: &StatusArgs) -> Result<(), Failure> {
    let target = Target::new(cli, &arguments.instance)?;
    match arguments.about {
        Some(StatusAbout::Services) => services(&target, arguments.format),
        Some(StatusAbout::Docker) | None => server(&target, arguments.format),
    }
}

fn services(target: &Target, format: Format) -> Result<(), Failure> {
    let url = target.url()?;
    let health = local_client::get_json(&url, "/_localstack/health", LIMIT).map_err(|error| {
        Failure::new(
            Kind::Failed,
            format!("no server answers at {url}: {error}; `cloudtwin start` starts one"),
        )
    })?;
    let services = health.get("services").and_then(Value::as_object).cloned().unwrap_or_default();
    print(&services, Some(["Service", "Status"]), format);
    Ok(())
}

fn server(target: &Target, format: Format) -> Result<(), Failure> {
    let url = target.url()?;
    let info = local_client::get_json(&url, "/_localstack/info", LIMIT);
    let running = target.running()?;
    let mut facts = Map::new();
    facts.insert("running".to_owned(), info.is_ok().into());
    facts.insert("url".to_owned(), json!(url));
    if let Ok(info) = &info {
        facts.insert("runtime_version".to_owned(), info.get("version").cloned().unwrap_or_default());
        facts.insert("uptime_seconds".to_owned(), info.get("uptime").cloned().unwrap_or_default());
    }
    if let Some(running) = running {
        facts.insert("pid".to_owned(), running.record.pid.into());
    }
    facts.insert("data_dir".to_owned(), json!(target.data_dir));
    print(&facts, None, format);
    match info {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(Kind::Failed, format!("no server answers at {url}: {error}"))),
    }
}

fn print(facts: &Map<String, Value>, header: Option<[&str; 2]>, format: Format) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = std::io::stdout();
    // A closed pipe is nobody waiting for the answer.
    let _ = match format {
        Format::Json | Format::Dict => writeln!(out, "{}", Value::Object(facts.clone())),
        Format::Plain => facts.iter().try_for_each(|(name, value)| writeln!(out, "{name}={}", text(value))),
        Format::Table => {
            let mut rows: Vec<Vec<String>> =
                facts.iter().map(|(name, value)| vec![name.clone(), text(value)]).collect();
            if header.is_some() {
                rows.sort();
            }
            let header: Vec<&str> = header.iter().flatten().copied().collect();
            out.write_all(table::draw(&header, &rows).as_bytes())
        }
    };
}
