//! `wait`: until the server is ready.

use std::time::Duration;

use serde_json::Value;

use super::Target;
use crate::cli::{Cli, WaitArgs};
use crate::failure::{Failure, Kind};
use crate::local_client;
use crate::machine;

/// How often to ask a server that is not ready. It may not run yet, so nothing can be awaited.
const INTERVAL: Duration = Duration::from_millis(50);

/// Returns when the scripts of `ready.d` have run, which is when the ready line is printed.
pub(crate) fn wait(cli: &Cli, arguments: &WaitArgs) -> Result<(), Failure> {
    let target = Target::new(cli, &arguments.instance)?;
    let deadline = arguments.timeout.map(|seconds| machine::instant() + Duration::from_secs_f64(seconds));
    loop {
        let url = target.url()?;
        let problem = match local_client::get_json(&url, "/_localstack/init/ready", Duration::from_secs(2)) {
            Ok(report) if report.get("completed") == Some(&Value::Bool(true)) => return Ok(()),
            Ok(_) => "its init scripts are still running".to_owned(),
            Err(error) => error.to_string(),
        };
        let left =
            deadline.map_or(INTERVAL, |deadline| deadline.saturating_duration_since(machine::instant()));
        if left.is_zero() {
            let message = format!("timeout: the server at {url} is not ready: {problem}");
            return Err(Failure::new(Kind::Failed, message));
        }
        std::thread::sleep(left.min(INTERVAL));
    }
}
