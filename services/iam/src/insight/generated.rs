//! `/_cloudtwin/iam/observed`, `policy` and `summary`: what principals were seen to need, and the
//! policies that follow.

use std::collections::BTreeMap;

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::{Enforcement, ObservedPermission};
use cloudtwin_smithy::Timestamp;
use http::request::Parts;
use serde::Serialize;

use super::least_privilege::policies;
use super::statements::{Document, Named};
use super::{Parameters, Problem};

/// How many managed policies a user or role can have, unless AWS raises the quota.
const ATTACHABLE: usize = 10;

/// What a principal was seen to need.
#[derive(Debug, Serialize)]
pub(super) struct Needs {
    principal: String,
    permissions: Vec<ObservedPermission>,
}

#[derive(Debug, Serialize)]
pub(super) struct Observed {
    principals: Vec<Needs>,
}

/// The policies of a principal.
#[derive(Debug, Serialize)]
pub(super) struct Generated {
    principal: String,
    policies: Vec<Document>,
    /// How many permissions they were made from.
    permissions: usize,
    notes: Vec<String>,
}

/// Where a policy belongs: LocalStack's policy stream knows identities and resources.
#[derive(Debug, Serialize)]
pub(super) struct Attached {
    pub(super) attached_to: &'static str,
    pub(super) arn: String,
    pub(super) policies: Vec<Document>,
}

#[derive(Debug, Serialize)]
pub(super) struct Summary {
    policies: Vec<Attached>,
}

/// The user or role that is meant by its ARN, or by that of a session; one that was seen.
pub(super) fn entity(cloud: &Cloud, arn: &str) -> Result<String, Problem> {
    let seen = cloud.observed_principals();
    let of_session = arn.split_once(":assumed-role/").and_then(|(head, name)| {
        let account = head.rsplit(':').next()?;
        let role = name.split('/').next()?;
        seen.iter().find(|seen| {
            seen.split_once(":role/")
                .is_some_and(|(head, path)| head.ends_with(account) && path.rsplit('/').next() == Some(role))
        })
    });
    if let Some(found) = seen.iter().find(|seen| *seen == arn).or(of_session) {
        return Ok(found.clone());
    }
    Err(Problem::not_found(format!("no call of `{arn}` was decided; {}", seen_instead(cloud, &seen))))
}

/// What to do about nothing having been seen.
fn seen_instead(cloud: &Cloud, seen: &[String]) -> String {
    if seen.is_empty() && cloud.enforcement() == Enforcement::Disabled {
        return "IAM enforcement is DISABLED, so nothing was decided: set it to SOFT_MODE with \
                `cloudtwin iam config SOFT_MODE`, or start with IAM_SOFT_MODE=1, and call again"
            .to_owned();
    }
    if seen.is_empty() {
        return "no call was decided yet".to_owned();
    }
    format!("these have called: {}", seen.join(", "))
}

pub(super) fn observed(cloud: &Cloud, head: &Parts) -> Result<Observed, Problem> {
    let parameters = Parameters::read(head, &["principal", "since"])?;
    let since = since(cloud, &parameters)?;
    let principals = match parameters.get("principal") {
        Some(principal) => vec![entity(cloud, principal)?],
        None => cloud.observed_principals(),
    };
    let needs = |principal: String| {
        let permissions = cloud.observed_permissions(&principal, since);
        Needs { principal, permissions }
    };
    Ok(Observed { principals: principals.into_iter().map(needs).collect() })
}

pub(super) fn policy(cloud: &Cloud, head: &Parts) -> Result<Generated, Problem> {
    let parameters = Parameters::read(head, &["principal", "since"])?;
    let since = since(cloud, &parameters)?;
    let principal = parameters
        .get("principal")
        .ok_or_else(|| Problem::bad_request("`principal` must be the ARN of a user or role"))?;
    let principal = entity(cloud, principal)?;
    let observed = cloud.observed_permissions(&principal, since);
    if observed.is_empty() {
        return Err(Problem::not_found(format!("`{principal}` has made no calls since then")));
    }
    let policies = policies(&observed);
    let mut notes = Vec::new();
    if policies.len() > ATTACHABLE {
        notes.push(format!(
            "{} policies are more than the {ATTACHABLE} that can be attached to one user or role",
            policies.len()
        ));
    }
    Ok(Generated { principal, policies, permissions: observed.len(), notes })
}

pub(super) fn summary(cloud: &Cloud, head: &Parts) -> Result<Summary, Problem> {
    let parameters = Parameters::read(head, &["since"])?;
    let since = since(cloud, &parameters)?;
    let mut found = Vec::new();
    for principal in cloud.observed_principals() {
        let observed = cloud.observed_permissions(&principal, since);
        if observed.is_empty() {
            continue;
        }
        if principal.starts_with("arn:") {
            found.push(Attached { attached_to: "identity", arn: principal, policies: policies(&observed) });
        } else if principal != "anonymous" {
            // Services have no policies: resources let them in. To let in everybody is not proposed.
            found.extend(of_resources(&principal, observed));
        }
    }
    Ok(Summary { policies: found })
}

/// Policies of the resources that a service has used.
fn of_resources(service: &str, observed: Vec<ObservedPermission>) -> Vec<Attached> {
    let mut by_resource: BTreeMap<String, Vec<ObservedPermission>> = BTreeMap::new();
    for permission in observed {
        by_resource.entry(permission.resource.clone()).or_default().push(permission);
    }
    let attached = |(arn, permissions): (String, Vec<ObservedPermission>)| {
        let mut policies = policies(&permissions);
        for statement in policies.iter_mut().flat_map(|policy| &mut policy.statement) {
            statement.principal = Some(Named::One("Service", service.to_owned()));
        }
        Attached { attached_to: "resource", arn, policies }
    };
    by_resource.into_iter().map(attached).collect()
}

/// `since`: a time (RFC 3339, or seconds since 1970), or how long ago (`90s`, `15m`, `2h`, `1d`).
fn since(cloud: &Cloud, parameters: &Parameters) -> Result<Option<i64>, Problem> {
    let Some(text) = parameters.get("since") else { return Ok(None) };
    let bad = || {
        Problem::bad_request(format!(
            "`since` cannot be `{text}`: give a time such as 2026-01-31T12:00:00Z, or how long ago, such as 15m"
        ))
    };
    let ago = |unit_seconds: i64| {
        let number: i64 = text.get(..text.len() - 1)?.parse().ok()?;
        let millis = number.checked_mul(unit_seconds)?.checked_mul(1_000)?;
        cloud.clock().now_millis().checked_sub(millis)
    };
    let millis = match text.as_bytes().last() {
        Some(b's') => ago(1),
        Some(b'm') => ago(60),
        Some(b'h') => ago(3_600),
        Some(b'd') => ago(86_400),
        _ => Timestamp::parse_any(text).map(|time| time.as_millis()),
    };
    millis.map(Some).ok_or_else(bad)
}
