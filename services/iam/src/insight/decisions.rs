//! `/_cloudtwin/decisions` and `/_cloudtwin/iam/stream`: decisions, and policies made from them, now
//! and as they are made.

use std::collections::BTreeMap;

use bytes::Bytes;
use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::{
    CallDecision, DecisionFilter, DecisionStream, Enforcement, PermissionDecision,
};
use cloudtwin_policy::Outcome;
use cloudtwin_smithy::{ByteStream, StreamError};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Response};
use http_body::Frame;
use http_body_util::StreamBody;
use serde::Serialize;

use super::generated::Attached;
use super::remedies::{Remedy, remedies};
use super::statements::{Document, Named, Statement, conditions, resource};
use super::{Parameters, Problem, ok};

const DEFAULT_LIMIT: usize = 50;
const HIGHEST_LIMIT: usize = 1_000;

/// A decision with what would have to change.
#[derive(Debug, Serialize)]
struct Told {
    #[serde(flatten)]
    decision: CallDecision,
    remedies: Vec<Remedy>,
}

impl From<CallDecision> for Told {
    fn from(decision: CallDecision) -> Self {
        let remedies = remedies(&decision);
        Self { decision, remedies }
    }
}

#[derive(Debug, Serialize)]
struct Decisions {
    state: Enforcement,
    decisions: Vec<Told>,
}

/// `GET ?request_id=&principal=&allowed=&service=&limit=`, newest first; with `follow=true` those to
/// come, one a line.
pub(super) fn decisions(cloud: &Cloud, head: &Parts) -> Result<Response<ByteStream>, Problem> {
    let (filter, follow) = filter(head)?;
    if follow {
        return Ok(lines(cloud.watch_decisions(filter), |decision| vec![Told::from(decision)]));
    }
    let found = cloud.recent_decisions(&filter);
    let decisions = found.into_iter().map(Told::from).collect();
    ok(&Decisions { state: cloud.enforcement(), decisions })
}

/// The policy that one call needs, and where it belongs.
#[derive(Debug, Serialize)]
struct Needed {
    #[serde(flatten)]
    attached: Attached,
    request_id: String,
    service: &'static str,
    operation: &'static str,
    allowed: bool,
}

/// `GET ?principal=&allowed=&service=`: the policies that calls need, as they come in, one a line.
pub(super) fn policy_stream(cloud: &Cloud, head: &Parts) -> Result<Response<ByteStream>, Problem> {
    let (filter, _) = filter(head)?;
    Ok(lines(cloud.watch_decisions(filter), needed))
}

fn filter(head: &Parts) -> Result<(DecisionFilter, bool), Problem> {
    let known = ["request_id", "principal", "allowed", "service", "limit", "follow"];
    let parameters = Parameters::read(head, &known)?;
    let owned = |name: &str| parameters.get(name).map(str::to_owned);
    let limit = match parameters.get("limit").map(str::parse::<usize>) {
        None => DEFAULT_LIMIT,
        Some(Ok(limit)) if (1..=HIGHEST_LIMIT).contains(&limit) => limit,
        Some(_) => {
            return Err(Problem::bad_request(format!("`limit` must be a number from 1 to {HIGHEST_LIMIT}")));
        }
    };
    let filter = DecisionFilter {
        request_id: owned("request_id"),
        principal: owned("principal"),
        allowed: parameters.truth("allowed")?,
        service: owned("service"),
        limit,
    };
    Ok((filter, parameters.truth("follow")?.unwrap_or(false)))
}

/// An answer that goes on, a JSON text a line.
fn lines<T: Serialize + 'static>(
    stream: DecisionStream,
    told: fn(CallDecision) -> Vec<T>,
) -> Response<ByteStream> {
    let frames = futures_util::stream::unfold(stream, move |mut stream| async move {
        let decision = stream.next().await?;
        let mut text = String::new();
        for value in told(decision) {
            match serde_json::to_string(&value) {
                Ok(line) => text = text + &line + "\n",
                Err(error) => return Some((Err(StreamError::from(std::io::Error::other(error))), stream)),
            }
        }
        Some((Ok(Frame::data(Bytes::from(text))), stream))
    });
    let mut response = Response::new(ByteStream::from_body(StreamBody::new(frames)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    response
}

/// The policies that a call needs: one for who calls, or one for each resource if that is a service.
fn needed(decision: CallDecision) -> Vec<Needed> {
    let is_identity = decision.entity.starts_with("arn:");
    let mut places: BTreeMap<&str, Vec<Statement>> = BTreeMap::new();
    for permission in &decision.permissions {
        let place = if is_identity { &decision.entity } else { &permission.resource };
        let principal = (!is_identity).then(|| match decision.entity.as_str() {
            "anonymous" => Named::Everyone,
            service => Named::One("Service", service.to_owned()),
        });
        places.entry(place).or_default().push(Statement { principal, ..statement(permission) });
    }
    let needed = |(arn, mut statements): (&str, Vec<Statement>)| {
        for (number, statement) in (1..).zip(&mut statements) {
            statement.sid = Some(format!("{}{number}", decision.operation));
        }
        let attached_to = if is_identity { "identity" } else { "resource" };
        let policies = vec![Document::new(statements)];
        Needed {
            attached: Attached { attached_to, arn: arn.to_owned(), policies },
            request_id: decision.request_id.clone(),
            service: decision.service,
            operation: decision.operation,
            allowed: decision.permissions.iter().all(|permission| permission.outcome == Outcome::Allow),
        }
    };
    places.into_iter().map(needed).collect()
}

/// The smallest statement that allows a permission.
pub(super) fn statement(permission: &PermissionDecision) -> Statement {
    Statement {
        condition: conditions(&permission.keys),
        ..Statement::allow(&permission.action, &resource(&permission.resource))
    }
}
