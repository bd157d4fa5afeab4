//! `/_aws/iam/config`: how strictly IAM is applied, as LocalStack documents it.

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::Enforcement;
use serde::{Deserialize, Serialize};

use super::Problem;

/// The answer.
#[derive(Debug, Serialize)]
pub(super) struct State {
    state: Enforcement,
    /// What holds at the start, from `ENFORCE_IAM`.
    config_enforce_iam: bool,
    /// What holds at the start, from `IAM_SOFT_MODE`.
    config_iam_soft_mode: bool,
}

/// The body of a change.
#[derive(Debug, Deserialize)]
pub(super) struct Change {
    state: String,
}

pub(super) fn state(cloud: &Cloud) -> State {
    let at_start = cloud.config().enforcement;
    State {
        state: cloud.enforcement(),
        config_enforce_iam: at_start == Enforcement::Enforced,
        config_iam_soft_mode: at_start == Enforcement::SoftMode,
    }
}

pub(super) fn set(cloud: &Cloud, change: &Change) -> Result<State, Problem> {
    let wanted: Enforcement =
        change.state.parse().map_err(|error| Problem::bad_request(format!("{error}")))?;
    cloud.set_enforcement(wanted);
    tracing::info!(target: "cloudtwin::iam", "IAM enforcement is {wanted}");
    Ok(state(cloud))
}
