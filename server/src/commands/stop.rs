//! `stop` and `restart`.

use std::io::Write;
use std::time::Duration;

use serde_json::json;

use super::Target;
use crate::cli::{Cli, InstanceArgs};
use crate::failure::{Failure, Kind};
use crate::local_client;

/// How long the server may take: its own limits for hooks and requests are below that.
const LIMIT: Duration = Duration::from_secs(90);

/// Ends the server and waits until it has ended.
pub(crate) fn stop(cli: &Cli, instance: &InstanceArgs) -> Result<(), Failure> {
    let target = Target::new(cli, instance)?;
    let Some(running) = target.running()? else { return Err(nothing_runs(&target)) };
    let record = running.record.clone();
    running.terminate()?;
    if !running.wait_for_end(LIMIT) {
        let message = format!(
            "the server at {} (pid {}) has not ended within {} seconds; `kill -9 {}` ends it at once",
            record.url,
            record.pid,
            LIMIT.as_secs(),
            record.pid
        );
        return Err(Failure::new(Kind::Failed, message));
    }
    // A closed pipe is nobody waiting for the news.
    let _ = writeln!(std::io::stdout(), "stopped the server at {} (pid {})", record.url, record.pid);
    Ok(())
}

/// Lets the server start again.
pub(crate) fn restart(cli: &Cli, instance: &InstanceArgs) -> Result<(), Failure> {
    let url = Target::new(cli, instance)?.url()?;
    local_client::post_json(
        &url,
        "/_localstack/health",
        &json!({ "action": "restart" }),
        Duration::from_secs(10),
    )
    .map_err(|error| Failure::new(Kind::Failed, format!("no server answers at {url}: {error}")))?;
    let _ = writeln!(std::io::stdout(), "restarting the server at {url}");
    Ok(())
}

fn nothing_runs(target: &Target) -> Failure {
    let port = target.port.map(|port| format!(" on port {port}")).unwrap_or_default();
    let message = format!(
        "no server runs{port} with the data directory {}; give the --data-dir it was started with",
        target.data_dir.display()
    );
    Failure::new(Kind::Failed, message)
}
