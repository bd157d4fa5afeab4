//! What would have to change for a call to be allowed: the smallest statements, and the policies that
//! they belong in.

use std::collections::BTreeSet;

use cloudtwin_core::authorize::{CallDecision, PermissionDecision};
use cloudtwin_policy::{
    Effect, Explanation, Layer, LayerReport, MatchKind, Outcome, Principal, StatementName,
};
use serde::Serialize;

use super::decisions::statement;
use super::statements::{Conditions, Named, Statement};

/// A change to one policy.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Remedy {
    /// What to do, for people.
    pub(super) advice: String,
    /// Which kind of policies.
    layer: Layer,
    /// ARN of the user, role or resource that has the policy, or the policy's own name.
    place: String,
    /// The statements to add.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    add: Vec<Statement>,
    /// The statement to narrow.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<StatementName>,
}

/// What every permission that was not granted still needs; what belongs in the same place is together.
pub(super) fn remedies(decision: &CallDecision) -> Vec<Remedy> {
    let mut found: Vec<Remedy> = Vec::new();
    for permission in decision.permissions.iter().filter(|permission| permission.outcome != Outcome::Allow) {
        for remedy in (Missing { decision, permission, explanation: &permission.explanation }).remedies() {
            let same = |known: &&mut Remedy| {
                known.layer == remedy.layer && known.place == remedy.place && known.change == remedy.change
            };
            match found.iter_mut().find(same) {
                Some(known) => known.add.extend(remedy.add),
                None => found.push(remedy),
            }
        }
    }
    found
}

/// A permission that was not granted.
struct Missing<'a> {
    decision: &'a CallDecision,
    permission: &'a PermissionDecision,
    explanation: &'a Explanation,
}

impl Missing<'_> {
    fn remedies(&self) -> Vec<Remedy> {
        if self.explanation.outcome == Outcome::Allow {
            return vec![self.gone()];
        }
        let mut remedies: Vec<Remedy> = self
            .explanation
            .layers
            .iter()
            .flat_map(|layer| layer.matched.iter().map(move |matched| (layer, matched)))
            .filter(|(_, matched)| matched.effect == Effect::Deny)
            .map(|(layer, matched)| narrow(layer, &matched.statement))
            .collect();
        remedies.extend(self.missing_in_organization());
        remedies.extend(self.missing_in_account());
        remedies
    }

    fn layers(&self, layer: Layer) -> impl Iterator<Item = &LayerReport> {
        self.explanation.layers.iter().filter(move |report| report.layer == layer)
    }

    fn grants(&self, layer: Layer) -> bool {
        let mut matched = self.layers(layer).flat_map(|report| &report.matched);
        matched.any(|matched| matched.effect == Effect::Allow)
    }

    /// The policies allow it, but whoever calls is no more.
    fn gone(&self) -> Remedy {
        let entity = &self.decision.entity;
        Remedy {
            advice: format!(
                "{entity} was deleted, or deleted and made anew, since these credentials were issued: get new ones"
            ),
            layer: Layer::Identity,
            place: entity.clone(),
            add: Vec::new(),
            change: None,
        }
    }

    /// Every level of the organization must allow it.
    fn missing_in_organization(&self) -> Vec<Remedy> {
        let silent = self
            .layers(Layer::Scp)
            .filter(|level| !level.matched.iter().any(|matched| matched.effect == Effect::Allow));
        let remedy = |level: &LayerReport| {
            let number = level.level.unwrap_or_default();
            let names: Vec<String> = level.policies.iter().map(ToString::to_string).collect();
            Remedy {
                advice: format!(
                    "add to a service control policy at level {number} of the organization ({})",
                    if names.is_empty() { "none is attached".to_owned() } else { names.join(", ") }
                ),
                layer: Layer::Scp,
                place: names.first().cloned().unwrap_or_default(),
                add: vec![Statement::allow(&self.permission.action, "*")],
                change: None,
            }
        };
        silent.map(remedy).collect()
    }

    fn missing_in_account(&self) -> Vec<Remedy> {
        let principal = Principal::from_arn(&self.explanation.principal);
        let Some(account) = principal.as_ref().and_then(Principal::account) else {
            return if self.grants(Layer::Resource) { Vec::new() } else { vec![self.in_resource()] };
        };
        let own = self.permission.resource_account == account;
        let grant = self
            .layers(Layer::Resource)
            .flat_map(|report| &report.matched)
            .filter(|matched| matched.effect == Effect::Allow)
            .map(|matched| matched.kind)
            .max();
        if own && grant.is_some_and(|kind| kind >= MatchKind::Federated) {
            return Vec::new();
        }
        let mut remedies = Vec::new();
        let by_resource_alone = own && grant.is_some_and(|kind| kind > MatchKind::Account);
        let is_root = matches!(principal, Some(Principal::Root { .. }));
        if !by_resource_alone {
            if !is_root && !self.grants(Layer::Identity) {
                remedies.push(self.in_identity());
            }
            if (!own || self.rule_needs_resource()) && grant.is_none() {
                remedies.push(self.in_resource());
            }
        }
        for (layer, whose) in
            [(Layer::Boundary, "the permissions boundary of"), (Layer::Session, "the session policy of")]
        {
            if self.layers(layer).next().is_some() && !self.grants(layer) {
                remedies.push(self.in_limit(layer, whose));
            }
        }
        let federated = matches!(principal, Some(Principal::FederatedUser { .. }));
        if federated && self.layers(Layer::Session).next().is_none() {
            remedies.push(self.in_limit(Layer::Session, "a session policy for"));
        }
        remedies
    }

    /// Trust policies and key policies must allow it whatever the caller's own policies say.
    fn rule_needs_resource(&self) -> bool {
        self.is_trust() || self.permission.resource.starts_with("arn:aws:kms:")
    }

    fn is_trust(&self) -> bool {
        self.permission.action.starts_with("sts:") && self.permission.resource.contains(":role/")
    }

    fn in_identity(&self) -> Remedy {
        let entity = &self.decision.entity;
        let kind = match entity.splitn(6, ':').nth(5).and_then(|name| name.split_once('/')) {
            Some(("role", _)) => "role",
            Some(("federated-user", _)) => "user who issued the session of",
            _ => "user",
        };
        let name = entity.rsplit('/').next().unwrap_or(entity);
        Remedy {
            advice: format!("add to a policy of the {kind} {name}"),
            layer: Layer::Identity,
            place: entity.clone(),
            add: vec![statement(self.permission)],
            change: None,
        }
    }

    fn in_resource(&self) -> Remedy {
        let trust = self.is_trust();
        let what = if trust { "the trust policy of" } else { "the policy of" };
        let place =
            if trust { self.permission.resource.clone() } else { owner_of_policy(&self.permission.resource) };
        let principal = self.named();
        let mut advice = format!("add to {what} {place}");
        let mut condition = Conditions::new();
        match (&principal, &self.decision.source_arn) {
            (Named::Everyone, _) => advice += ", which then lets in everybody",
            (Named::One("Service", _), Some(source)) if !trust => {
                condition
                    .entry("ArnEquals")
                    .or_default()
                    .insert("aws:SourceArn".to_owned(), source.as_str().into());
            }
            _ => {}
        }
        let smallest = statement(self.permission);
        let add = Statement {
            principal: Some(principal),
            resource: smallest.resource.filter(|_| !trust),
            condition: if trust { smallest.condition } else { condition },
            ..Statement::allow(&self.permission.action, "*")
        };
        Remedy { advice, layer: Layer::Resource, place, add: vec![add], change: None }
    }

    /// The caller as a policy of a resource names it.
    fn named(&self) -> Named {
        let name = &self.explanation.principal;
        match Principal::from_arn(name) {
            Some(Principal::Anonymous) => Named::Everyone,
            Some(Principal::Service { name }) => Named::One("Service", name),
            Some(_) => Named::One("AWS", self.decision.entity.clone()),
            None => Named::One("Federated", name.clone()),
        }
    }

    fn in_limit(&self, layer: Layer, whose: &str) -> Remedy {
        let policies: BTreeSet<String> =
            self.layers(layer).flat_map(|report| &report.policies).map(ToString::to_string).collect();
        let policies: Vec<String> = policies.into_iter().collect();
        let named = if policies.is_empty() { String::new() } else { format!(" ({})", policies.join(", ")) };
        Remedy {
            advice: format!("add to {whose} {}{named}", self.decision.entity),
            layer,
            place: policies.first().cloned().unwrap_or_else(|| self.decision.entity.clone()),
            add: vec![statement(self.permission)],
            change: None,
        }
    }
}

/// The resource whose policy counts: that of the bucket for its objects.
fn owner_of_policy(resource: &str) -> String {
    match resource.split_once('/') {
        Some((bucket, _)) if resource.starts_with("arn:aws:s3:::") => bucket.to_owned(),
        _ => resource.to_owned(),
    }
}

fn narrow(layer: &LayerReport, statement: &StatementName) -> Remedy {
    let name = match &statement.sid {
        Some(sid) => format!("`{sid}` (statement {})", statement.index),
        None => format!("statement {}", statement.index),
    };
    Remedy {
        advice: format!(
            "narrow or remove {name} of {}: it denies this, and whatever denies wins over whatever allows",
            statement.policy
        ),
        layer: layer.layer,
        place: statement.policy.to_string(),
        add: Vec::new(),
        change: Some(statement.clone()),
    }
}
