//! The decisions of the newest calls, kept so that they can be explained, replayed and watched.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use cloudtwin_policy::{Explanation, NamedPolicy, Outcome, PolicyName, evaluate, explain};
use cloudtwin_smithy::Timestamp;
use cloudtwin_smithy::schema::TimestampFormat;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast;

use super::decide::Decided;
use super::observed::Observed;
use super::subject::Subject;
use super::{Enforcement, KeyValue};
use crate::caller::Principal;
use crate::cloud::Cloud;

/// How many calls' decisions are kept.
const CAPACITY: usize = 4_096;
/// How far somebody who watches may fall behind.
const BACKLOG: usize = 1_024;

/// One call's decision.
pub(crate) struct Record {
    pub(crate) request_id: String,
    pub(crate) time: i64,
    pub(crate) service: &'static str,
    pub(crate) operation: &'static str,
    pub(crate) state: Enforcement,
    pub(crate) subject: Arc<Subject>,
    pub(crate) permissions: Vec<Decided>,
}

impl Record {
    fn is_allowed(&self) -> bool {
        !self.permissions.iter().any(Decided::is_refused)
    }
}

/// The ring of decisions, who watches it, and what was observed in all of them.
pub(crate) struct Decisions {
    ring: Mutex<VecDeque<Arc<Record>>>,
    watchers: broadcast::Sender<Arc<Record>>,
    pub(crate) observed: Observed,
}

impl Default for Decisions {
    fn default() -> Self {
        Self {
            ring: Mutex::default(),
            watchers: broadcast::channel(BACKLOG).0,
            observed: Observed::default(),
        }
    }
}

impl Decisions {
    pub(crate) fn add(&self, record: Record) {
        self.observed.add(&record);
        let record = Arc::new(record);
        let oldest = {
            let mut ring = self.ring.lock();
            ring.push_back(Arc::clone(&record));
            if ring.len() > CAPACITY { ring.pop_front() } else { None }
        };
        // Freed outside of the lock.
        drop(oldest);
        if self.watchers.receiver_count() > 0 {
            // Nobody watches any more: nothing is lost.
            let _ = self.watchers.send(record);
        }
    }

    /// Adds permissions that an operation asked for by itself to the decision on its call.
    pub(crate) fn add_permission(
        &self,
        request_id: &str,
        permission: Decided,
        record: impl FnOnce() -> Record,
    ) {
        let mut ring = self.ring.lock();
        let found = ring.iter().rposition(|record| record.request_id == request_id);
        let Some(place) = found.and_then(|place| ring.get_mut(place)) else {
            drop(ring);
            self.add(Record { permissions: vec![permission], ..record() });
            return;
        };
        let mut permissions = place.permissions.clone();
        permissions.push(permission);
        let extended = Record {
            request_id: place.request_id.clone(),
            subject: Arc::clone(&place.subject),
            permissions,
            ..**place
        };
        *place = Arc::new(extended);
    }
}

/// The decision on one permission, for people and programs.
#[derive(Clone, Debug, Serialize)]
pub struct PermissionDecision {
    /// The IAM action.
    pub action: String,
    /// ARN of the resource.
    pub resource: String,
    /// The account that owns the resource.
    pub resource_account: String,
    /// Whether it is needed for something else that the call does.
    pub dependent: bool,
    /// The condition keys that the input of the call filled.
    pub keys: BTreeMap<String, Vec<String>>,
    /// What came out.
    pub outcome: Outcome,
    /// The layers, statements and conditions that led to it.
    pub explanation: Explanation,
}

/// The decision on one call.
#[derive(Clone, Debug, Serialize)]
pub struct CallDecision {
    /// The id of the request.
    pub request_id: String,
    /// When the call came in (RFC 3339), by the cloud's clock.
    pub time: String,
    /// botocore's name of the service.
    pub service: &'static str,
    /// The operation.
    pub operation: &'static str,
    /// ARN of the caller.
    pub principal: String,
    /// ARN of the user or role whose policies decide.
    pub entity: String,
    /// ARN of the resource for which a service calls.
    pub source_arn: Option<String>,
    /// The account of the caller.
    pub account: String,
    /// The region of the call.
    pub region: String,
    /// How strictly IAM was applied.
    pub state: Enforcement,
    /// Whether every permission was granted.
    pub allowed: bool,
    /// Whether the call was refused for it.
    pub refused: bool,
    /// Every permission that the call required.
    pub permissions: Vec<PermissionDecision>,
}

/// Which decisions are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    /// Only that on the call with this id.
    pub request_id: Option<String>,
    /// Only those on calls of this user, role (with its sessions) or session, by ARN.
    pub principal: Option<String>,
    /// Only those that came out this way.
    pub allowed: Option<bool>,
    /// Only those on calls of this service.
    pub service: Option<String>,
    /// At most so many.
    pub limit: usize,
}

impl DecisionFilter {
    fn wants(&self, record: &Record) -> bool {
        let subject = &record.subject;
        let is = |wanted: &str| wanted == subject.caller.arn || wanted == subject.entity_arn();
        self.request_id.as_deref().is_none_or(|id| id == record.request_id)
            && self.principal.as_deref().is_none_or(is)
            && self.allowed.is_none_or(|allowed| allowed == record.is_allowed())
            && self.service.as_deref().is_none_or(|service| service == record.service)
    }
}

impl PermissionDecision {
    pub(crate) fn of(subject: &Subject, decided: &Decided) -> Self {
        let values = |value: &KeyValue| value.iter().map(str::to_owned).collect();
        Self {
            action: decided.action.clone().into_owned(),
            resource: decided.resource.clone(),
            resource_account: decided.resource_account.clone(),
            dependent: decided.dependent,
            keys: decided.keys.iter().map(|(key, value)| (key.clone(), values(value))).collect(),
            outcome: decided.outcome,
            explanation: explain(&decided.request(subject), &decided.layers(subject)),
        }
    }
}

fn told(record: &Record) -> CallDecision {
    let subject = &record.subject;
    let allowed = record.is_allowed();
    let source_arn = match &subject.caller.principal {
        Principal::Service { source_arn, .. } => Some(source_arn.clone()).filter(|arn| !arn.is_empty()),
        _ => None,
    };
    CallDecision {
        request_id: record.request_id.clone(),
        time: Timestamp::from_millis(record.time).format(TimestampFormat::DateTime),
        service: record.service,
        operation: record.operation,
        principal: subject.caller.arn.clone(),
        entity: subject.entity_arn().to_owned(),
        source_arn,
        account: subject.caller.account.clone(),
        region: subject.region.clone(),
        state: record.state,
        allowed,
        refused: !allowed && record.state == Enforcement::Enforced,
        permissions: record
            .permissions
            .iter()
            .map(|decided| PermissionDecision::of(subject, decided))
            .collect(),
    }
}

/// Decisions as they are made.
pub struct DecisionStream {
    receiver: broadcast::Receiver<Arc<Record>>,
    filter: DecisionFilter,
}

impl DecisionStream {
    /// The next decision that the filter lets through; `None` when the cloud has stopped. Somebody
    /// who falls far behind misses the oldest ones.
    pub async fn next(&mut self) -> Option<CallDecision> {
        loop {
            match self.receiver.recv().await {
                Ok(record) if self.filter.wants(&record) => return Some(told(&record)),
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// A call that would be decided differently under another policy.
#[derive(Clone, Debug, Serialize)]
pub struct Flip {
    /// The id of the request.
    pub request_id: String,
    /// botocore's name of the service.
    pub service: &'static str,
    /// The operation.
    pub operation: &'static str,
    /// The IAM action.
    pub action: String,
    /// ARN of the resource.
    pub resource: String,
    /// What came out.
    pub was: Outcome,
    /// What would come out.
    pub would_be: Outcome,
}

/// What a changed policy would do to the recorded calls of a principal.
#[derive(Clone, Debug, Serialize)]
pub struct WhatIf {
    /// How many calls were decided again.
    pub calls: usize,
    /// How many permissions these needed.
    pub permissions: usize,
    /// Those that would come out differently, oldest first.
    pub flips: Vec<Flip>,
}

impl Cloud {
    /// The newest decisions that the filter lets through, newest first, with their explanations.
    pub fn recent_decisions(&self, filter: &DecisionFilter) -> Vec<CallDecision> {
        let records: Vec<_> = {
            let ring = self.decisions().ring.lock();
            ring.iter().rev().filter(|record| filter.wants(record)).take(filter.limit).cloned().collect()
        };
        records.iter().map(|record| told(record)).collect()
    }

    /// The decisions from now on that the filter lets through.
    pub fn watch_decisions(&self, filter: DecisionFilter) -> DecisionStream {
        DecisionStream { receiver: self.decisions().watchers.subscribe(), filter }
    }

    /// Decides the recorded calls of `principal` again, with the policies of `documents` in place of
    /// its identity policies, or beside them if `added`.
    pub fn what_if(&self, principal: &str, documents: &[String], added: bool) -> WhatIf {
        let filter = DecisionFilter { principal: Some(principal.to_owned()), ..DecisionFilter::default() };
        let records: Vec<_> =
            self.decisions().ring.lock().iter().filter(|record| filter.wants(record)).cloned().collect();
        let changed: Vec<NamedPolicy> = documents
            .iter()
            .enumerate()
            .map(|(index, document)| self.compiled_policy(PolicyName::Numbered(index + 1), document))
            .collect();
        let mut result = WhatIf { calls: records.len(), permissions: 0, flips: Vec::new() };
        for record in &records {
            let subject = &record.subject;
            let own = subject.identity.as_ref().filter(|_| added);
            let mut policies = own.map(|identity| identity.policies.clone()).unwrap_or_default();
            policies.extend(changed.iter().cloned());
            for decided in &record.permissions {
                result.permissions += 1;
                let mut layers = decided.layers(subject);
                layers.identity = &policies;
                let would_be = evaluate(&decided.request(subject), &layers).outcome;
                if would_be != decided.outcome {
                    result.flips.push(Flip {
                        request_id: record.request_id.clone(),
                        service: record.service,
                        operation: record.operation,
                        action: decided.action.clone().into_owned(),
                        resource: decided.resource.clone(),
                        was: decided.outcome,
                        would_be,
                    });
                }
            }
        }
        result
    }
}
