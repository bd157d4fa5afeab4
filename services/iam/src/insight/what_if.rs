//! `/_cloudtwin/iam/what-if`: the recorded calls of a principal, decided again under other policies.

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::Flip;
use cloudtwin_policy::{Outcome, PolicyKind, validate};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Problem;
use super::generated::entity;

/// How many policies can be given: more than a user or role can have.
const MAX_POLICIES: usize = 50;

#[derive(Debug, Deserialize)]
pub(super) struct Question {
    /// ARN of a user or role.
    principal: String,
    /// The policies: documents, or their texts.
    policies: Vec<Value>,
    /// Whether the principal keeps the policies that it had.
    #[serde(default)]
    add: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    principal: String,
    /// How many calls were decided again.
    calls: usize,
    /// How many permissions these needed.
    permissions: usize,
    /// How many of them were allowed and would not be.
    newly_denied: usize,
    /// How many of them were not allowed and would be.
    newly_allowed: usize,
    flips: Vec<Flip>,
}

pub(super) fn what_if(cloud: &Cloud, question: &Question) -> Result<Answer, Problem> {
    if question.policies.len() > MAX_POLICIES {
        return Err(Problem::bad_request(format!("`policies` has more than {MAX_POLICIES} elements")));
    }
    let mut documents = Vec::with_capacity(question.policies.len());
    for (index, policy) in question.policies.iter().enumerate() {
        let text = policy.as_str().map_or_else(|| policy.to_string(), str::to_owned);
        validate(PolicyKind::Managed, &text).map_err(|error| {
            let number = index + 1;
            Problem::bad_request(format!(
                "policy {number} cannot be attached to anybody: {}",
                error.message()
            ))
        })?;
        documents.push(text);
    }
    let principal = entity(cloud, &question.principal)?;
    let found = cloud.what_if(&principal, &documents, question.add);
    let allowed = |outcome: Outcome| outcome == Outcome::Allow;
    let count = |was: bool| {
        let turned = |flip: &&Flip| allowed(flip.was) == was && allowed(flip.would_be) != was;
        found.flips.iter().filter(turned).count()
    };
    Ok(Answer {
        principal,
        calls: found.calls,
        permissions: found.permissions,
        newly_denied: count(true),
        newly_allowed: count(false),
        flips: found.flips,
    })
}
