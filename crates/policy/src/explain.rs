//! The whole story of a decision.

use serde::{Serialize, Serializer};

use crate::context::Context;
use crate::evaluate::{Deciding, Layer, Level, Outcome, Verdict, Verdicts, decide, place, scps_of};
use crate::policy::{Effect, Place, Statement};
use crate::principal::MatchKind;
use crate::request::{Layers, NamedPolicy, PolicyName, Prepared, Request};

/// The most near misses that are told of one layer.
const MAX_NEAR_MISSES: usize = 50;

/// A decision with everything that led to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Who asked.
    pub principal: String,
    /// What for.
    pub action: String,
    /// On what.
    pub resource: String,
    /// What came out.
    pub outcome: Outcome,
    /// The layer that decided.
    pub layer: Layer,
    /// The statement that decided.
    pub statement: Option<StatementName>,
    /// What every layer says that has a say; levels of organizations one by one.
    pub layers: Vec<LayerReport>,
    /// The keys that a condition or variable asked for, and that the request does not have.
    pub absent_keys: Vec<String>,
}

/// Which statement.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatementName {
    /// The policy that it is in.
    pub policy: PolicyName,
    /// Its name.
    pub sid: Option<String>,
    /// Its place in the document, from 0.
    pub index: usize,
}

/// What one layer, or one level of it, says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LayerReport {
    /// Which layer.
    pub layer: Layer,
    /// Which level of the organization, from 0 for its root.
    pub level: Option<usize>,
    /// What it says by itself.
    pub verdict: Outcome,
    /// Its policies.
    pub policies: Vec<PolicyName>,
    /// The statements that apply.
    pub matched: Vec<MatchedStatement>,
    /// The statements that apply but for something.
    pub near_misses: Vec<NearMiss>,
}

/// A statement that applies.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchedStatement {
    /// Which one.
    pub statement: StatementName,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// How it names the caller.
    pub kind: MatchKind,
}

/// A statement that does not apply, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NearMiss {
    /// Which one.
    pub statement: StatementName,
    /// Whether it would allow or deny.
    pub effect: Effect,
    /// What does not fit.
    pub failed: Vec<Failure>,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "part")]
pub enum Failure {
    /// The action is not one of these.
    Action {
        /// As the policy writes them.
        wanted: Vec<String>,
        /// Whether it must be none of them.
        negated: bool,
    },
    /// The resource is not one of these.
    Resource {
        /// As the policy writes them.
        wanted: Vec<String>,
        /// Whether it must be none of them.
        negated: bool,
    },
    /// The caller is not meant.
    Principal,
    /// A condition does not hold.
    Condition {
        /// As the policy writes it.
        operator: String,
        /// The key, as the policy writes it.
        key: String,
        /// The values of the policy, variables not replaced.
        wanted: Vec<String>,
        /// The values of the request; nothing if the key is absent.
        actual: Option<Vec<String>>,
    },
}

impl Serialize for PolicyName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl StatementName {
    fn new(found: &Deciding<'_>) -> Self {
        Self {
            policy: found.policy.name.clone(),
            sid: found.statement.sid().map(str::to_owned),
            index: found.statement.index,
        }
    }
}

/// Decides as [`evaluate`](crate::evaluate()) does, and tells what each statement had to do with it.
#[must_use]
pub fn explain(request: &Request<'_>, layers: &Layers<'_>) -> Explanation {
    let mut story =
        Story { request: Prepared::new(request), layers, reports: Vec::new(), absent: Vec::new() };
    let resource = layers.resource.map(std::slice::from_ref).unwrap_or_default();
    let verdicts = Verdicts {
        identity: story.tell(Layer::Identity, None, layers.identity),
        boundary: layers.boundary.map(|policies| story.tell(Layer::Boundary, None, policies)),
        session: layers.session.map(|policies| story.tell(Layer::Session, None, policies)),
        resource: story.tell(Layer::Resource, None, resource),
        scps: scps_of(request, layers).map(|levels| story.tell_levels(Layer::Scp, levels)),
        rcps: layers.rcps.map(|levels| story.tell_levels(Layer::Rcp, levels)),
        endpoint: layers.endpoint.map(|policies| story.tell(Layer::Endpoint, None, policies)),
    };
    let decision = decide(request, layers.rule, &verdicts);
    // What has no policies has no say: nobody has attached them, or the resource has none.
    let Story { mut reports, absent, .. } = story;
    reports.retain(|report| match report.layer {
        Layer::Resource => !report.policies.is_empty(),
        Layer::Identity => request.principal.account().is_some(),
        _ => true,
    });
    Explanation {
        principal: request.principal.to_string(),
        action: request.action.to_owned(),
        resource: request.resource.to_owned(),
        outcome: decision.outcome,
        layer: decision.layer,
        statement: decision.statement.as_ref().map(StatementName::new),
        layers: reports,
        absent_keys: absent,
    }
}

struct Story<'r, 'a> {
    request: Prepared<'r>,
    layers: &'r Layers<'a>,
    reports: Vec<LayerReport>,
    absent: Vec<String>,
}

impl<'a> Story<'_, 'a> {
    fn tell_levels(&mut self, layer: Layer, levels: &'a [Vec<NamedPolicy>]) -> Level<'a> {
        Level::of(levels.iter().enumerate().map(|(level, policies)| self.tell(layer, Some(level), policies)))
    }

    fn tell(&mut self, layer: Layer, level: Option<usize>, policies: &'a [NamedPolicy]) -> Verdict<'a> {
        let place = place(layer, self.layers);
        let mut verdict = Verdict::default();
        let (mut matched, mut near_misses) = (Vec::new(), Vec::new());
        for policy in policies {
            for statement in policy.policy.statements() {
                let found = Deciding { policy, statement };
                let about = statement.actions.include(self.request.action.as_str());
                match statement.applies(&self.request, place).filter(|_| about) {
                    Some(kind) => {
                        verdict.add(found, kind);
                        let statement = StatementName::new(&found);
                        matched.push(MatchedStatement { statement, effect: found.statement.effect, kind });
                    }
                    None => {
                        if let Some(failed) = self.failures(statement, place, about) {
                            let statement = StatementName::new(&found);
                            near_misses.push(NearMiss { statement, effect: found.statement.effect, failed });
                        }
                    }
                }
            }
        }
        // Those that lack the least come first.
        near_misses.sort_by_key(|miss| miss.failed.len());
        near_misses.truncate(MAX_NEAR_MISSES);
        let outcome = match (&verdict.deny, &verdict.allow) {
            (Some(_), _) => Outcome::ExplicitDeny,
            (None, Some(_)) => Outcome::Allow,
            // `RCPFullAWSAccess` is always attached.
            (None, None) if layer == Layer::Rcp => Outcome::Allow,
            (None, None) => Outcome::ImplicitDeny,
        };
        let policies = policies.iter().map(|policy| policy.name.clone()).collect();
        self.reports.push(LayerReport { layer, level, verdict: outcome, policies, matched, near_misses });
        verdict
    }

    /// What does not fit, if what does fit makes the statement worth telling: it is about the action,
    /// or at least about the service and lacks nothing else.
    fn failures(&mut self, statement: &Statement, place: Place, about: bool) -> Option<Vec<Failure>> {
        let owned = |texts: Vec<&str>| texts.into_iter().map(str::to_owned).collect();
        let mut failed = Vec::new();
        if !statement.includes_resource(&self.request, place) {
            let (wanted, negated) = statement.resources();
            failed.push(Failure::Resource { wanted: owned(wanted), negated });
        }
        if statement.principal_kind(self.request.principal, place).is_none() {
            failed.push(Failure::Principal);
        }
        let fits = failed.is_empty();
        let context: &Context = self.request.context;
        for condition in &statement.conditions {
            if !statement.condition_holds(condition, context) {
                let actual = context.value(&condition.key);
                failed.push(Failure::Condition {
                    operator: condition.operator.to_string(),
                    key: condition.key.name.to_string(),
                    wanted: condition.wanted.iter().map(ToString::to_string).collect(),
                    actual: actual.map(|actual| actual.iter().map(str::to_owned).collect()),
                });
                if about && fits {
                    self.note_absent(condition.keys().map(|key| &*key.name));
                }
            }
        }
        if about {
            if let Some(resources) = &statement.resources {
                let keys = resources.patterns.iter().flat_map(|resource| resource.pattern.keys());
                self.note_absent(keys.map(|key| &*key.name));
            }
            return Some(failed);
        }
        let of_service = |action: &str| {
            let service = action.split(':').next().unwrap_or_default();
            service.eq_ignore_ascii_case(self.request.service())
        };
        let (actions, negated) = statement.actions();
        if failed.is_empty() && actions.iter().any(|action| of_service(action)) {
            failed.push(Failure::Action { wanted: owned(actions), negated });
            return Some(failed);
        }
        None
    }

    fn note_absent<'k>(&mut self, keys: impl Iterator<Item = &'k str>) {
        for key in keys {
            let known = self.absent.iter().any(|absent| absent.eq_ignore_ascii_case(key));
            if !known && self.request.context.get(key).is_none() {
                self.absent.push(key.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Policy, Principal, evaluate};

    #[test]
    fn a_denied_call_tells_what_was_missing() {
        let document = r#"{"Version": "2012-10-17", "Statement": [
            {"Sid": "FromHome", "Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::photos/*",
             "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}, "StringEquals": {"s3:prefix": "a"}}},
            {"Sid": "Own", "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::photos/${aws:username}/*"},
            {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"},
            {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
        ]}"#;
        let name = PolicyName::Managed("arn:aws:iam::111122223333:policy/photos".into());
        let identity = [NamedPolicy { name, policy: Arc::new(Policy::parse(document).unwrap()) }];
        let principal = Principal::from_arn("arn:aws:iam::111122223333:user/alice").unwrap();
        let context: Context = [("aws:SourceIp", "198.51.100.7")].into_iter().collect();
        let request = Request {
            principal: &principal,
            action: "s3:GetObject",
            resource: "arn:aws:s3:::photos/cat.jpg",
            resource_account: Some("111122223333"),
            context: &context,
        };
        let layers = Layers { identity: &identity, ..Layers::default() };
        let story = explain(&request, &layers);
        assert_eq!(story.outcome, evaluate(&request, &layers).outcome);
        assert_eq!(story.absent_keys, ["s3:prefix", "aws:username"]);

        let told = serde_json::to_value(&story).unwrap();
        assert_eq!(told["outcome"], "implicitDeny");
        assert_eq!(told["layers"][0]["policies"][0], "arn:aws:iam::111122223333:policy/photos");
        let near = told["layers"][0]["nearMisses"].as_array().unwrap();
        let named = |sid: &str| near.iter().find(|miss| miss["statement"]["sid"] == sid).unwrap();
        assert_eq!(
            named("FromHome")["failed"],
            serde_json::json!([
                {"part": "condition", "operator": "IpAddress", "key": "aws:SourceIp",
                 "wanted": ["192.0.2.0/24"], "actual": ["198.51.100.7"]},
                {"part": "condition", "operator": "StringEquals", "key": "s3:prefix",
                 "wanted": ["a"], "actual": null},
            ])
        );
        assert_eq!(named("Own")["failed"][0]["part"], "resource");
        // The one for another action of the service is told, the one of another service is not.
        assert_eq!(near.len(), 3);
        assert!(near.iter().any(|miss| miss["failed"][0]["wanted"][0] == "s3:PutObject"));
    }

    #[test]
    fn levels_of_organizations_are_told_one_by_one() {
        let policy = |document: &str| {
            let policy = Arc::new(Policy::parse(document).unwrap());
            vec![NamedPolicy {
                name: PolicyName::Organization("arn:aws:organizations::aws:policy/p".into()),
                policy,
            }]
        };
        let full =
            r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        let levels = [policy(full), policy(&full.replace(r#""Action": "*""#, r#""Action": "ec2:*""#))];
        let principal = Principal::from_arn("arn:aws:iam::111122223333:root").unwrap();
        let request = Request {
            principal: &principal,
            action: "iam:ListUsers",
            resource: "*",
            resource_account: None,
            context: &Context::new(),
        };
        let story = explain(&request, &Layers { scps: Some(&levels), ..Layers::default() });
        assert_eq!((story.outcome, story.layer), (Outcome::ImplicitDeny, Layer::Scp));
        let verdicts: Vec<_> = story.layers.iter().map(|report| (report.level, report.verdict)).collect();
        assert_eq!(
            verdicts,
            [(None, Outcome::ImplicitDeny), (Some(0), Outcome::Allow), (Some(1), Outcome::ImplicitDeny)]
        );
    }
}
