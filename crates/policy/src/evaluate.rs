//! The decision.
//!
//! An explicit deny in any layer wins. Then organizations and endpoints must not stand in the way.
//! Then it depends on who calls, whose the resource is, and how the resource's policy names the caller:
//!
//! | caller | allowed if |
//! | --- | --- |
//! | root user of the resource's account | always (a KMS key: as everybody else) |
//! | service, provider's user, stranger | the resource's policy allows |
//! | same account, policy names the caller itself or everybody | always |
//! | same account, policy names the caller's role or the user behind a federated session | boundary and session policies allow |
//! | same account otherwise (KMS keys and trust policies must name the account) | identity, boundary and session policies allow |
//! | other account | the resource's policy, and identity, boundary and session policies allow |

use crate::policy::{Effect, Place, Statement};
use crate::principal::{MatchKind, Principal};
use crate::request::{Layers, NamedPolicy, Prepared, Request, ResourceRule};

/// What comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It may happen.
    Allow,
    /// Some statement denies it.
    ExplicitDeny,
    /// Nothing allows it.
    ImplicitDeny,
}

/// A kind of policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// Those of the user, its groups or the role.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Those passed to the session.
    Session,
    /// That of the resource.
    Resource,
    /// Service control policies.
    Scp,
    /// Resource control policies.
    Rcp,
    /// That of the VPC endpoint.
    Endpoint,
}

/// A statement that decided.
#[derive(Debug, Clone, Copy)]
pub struct Deciding<'a> {
    /// The policy that it is in.
    pub policy: &'a NamedPolicy,
    /// The statement.
    pub statement: &'a Statement,
}

/// What comes out, and why.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    /// What comes out.
    pub outcome: Outcome,
    /// The layer that decided: that which allows, denies, or should have allowed.
    pub layer: Layer,
    /// The statement that decided. There is none if nothing allows, or if the root user needs none.
    pub statement: Option<Deciding<'a>>,
}

impl Decision<'_> {
    /// Whether it may happen.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allow
    }
}

/// What the policies of one layer say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Verdict<'a> {
    pub(crate) deny: Option<Deciding<'a>>,
    /// The statement that names the caller most directly, and how it does.
    pub(crate) allow: Option<(Deciding<'a>, MatchKind)>,
}

impl<'a> Verdict<'a> {
    pub(crate) fn add(&mut self, found: Deciding<'a>, kind: MatchKind) {
        match found.statement.effect {
            Effect::Deny => self.deny = self.deny.or(Some(found)),
            Effect::Allow if !self.is_settled() && self.allow.is_none_or(|(_, best)| best < kind) => {
                self.allow = Some((found, kind));
            }
            Effect::Allow => {}
        }
    }

    /// Whether it is allowed as well as can be: then only what denies can change anything.
    fn is_settled(&self) -> bool {
        self.allow.is_some_and(|(_, kind)| kind >= MatchKind::Direct)
    }

    fn of(policies: &'a [NamedPolicy], request: &Prepared<'_>, place: Place) -> Self {
        let mut verdict = Self::default();
        for policy in policies {
            for statement in policy.policy.about(request) {
                if verdict.is_settled() && statement.effect == Effect::Allow {
                    continue;
                }
                if let Some(kind) = statement.applies(request, place) {
                    verdict.add(Deciding { policy, statement }, kind);
                    if verdict.deny.is_some() {
                        return verdict;
                    }
                }
            }
        }
        verdict
    }
}

/// What each layer says. Levels of organizations are kept apart, because each must allow.
#[derive(Debug, Default)]
pub(crate) struct Verdicts<'a> {
    pub(crate) identity: Verdict<'a>,
    pub(crate) boundary: Option<Verdict<'a>>,
    pub(crate) session: Option<Verdict<'a>>,
    pub(crate) resource: Verdict<'a>,
    pub(crate) scps: Option<Level<'a>>,
    pub(crate) rcps: Option<Level<'a>>,
    pub(crate) endpoint: Option<Verdict<'a>>,
}

/// What all levels of an organization say together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level<'a> {
    pub(crate) deny: Option<Deciding<'a>>,
    pub(crate) all_allow: bool,
}

impl<'a> Level<'a> {
    pub(crate) fn of(levels: impl Iterator<Item = Verdict<'a>>) -> Self {
        let start = Self { deny: None, all_allow: true };
        levels.fold(start, |levels, level| Self {
            deny: levels.deny.or(level.deny),
            all_allow: levels.all_allow && level.allow.is_some(),
        })
    }
}

/// Service control policies are for the principals of accounts only.
pub(crate) fn scps_of<'a>(request: &Request<'_>, layers: &Layers<'a>) -> Option<&'a [Vec<NamedPolicy>]> {
    layers.scps.filter(|_| request.principal.account().is_some())
}

/// The layer of policies with a principal in their statements.
pub(crate) fn place(layer: Layer, layers: &Layers<'_>) -> Place {
    let of_resource = matches!(layer, Layer::Resource | Layer::Rcp | Layer::Endpoint);
    Place { of_resource, bounded: layers.boundary.is_some() }
}

/// Decides whether a request may happen.
///
/// Fast: nothing is read and hardly anything allocated. [`explain`](crate::explain()) comes to the
/// same decision and tells more.
#[must_use]
pub fn evaluate<'a>(request: &Request<'_>, layers: &Layers<'a>) -> Decision<'a> {
    let prepared = Prepared::new(request);
    let verdict = |layer, policies: &'a [NamedPolicy]| Verdict::of(policies, &prepared, place(layer, layers));
    let level = |layer, levels: &'a [Vec<NamedPolicy>]| {
        Level::of(levels.iter().map(|policies| verdict(layer, policies)))
    };
    let resource = layers.resource.map(std::slice::from_ref).unwrap_or_default();
    let verdicts = Verdicts {
        identity: verdict(Layer::Identity, layers.identity),
        boundary: layers.boundary.map(|policies| verdict(Layer::Boundary, policies)),
        session: layers.session.map(|policies| verdict(Layer::Session, policies)),
        resource: verdict(Layer::Resource, resource),
        scps: scps_of(request, layers).map(|levels| level(Layer::Scp, levels)),
        rcps: layers.rcps.map(|levels| level(Layer::Rcp, levels)),
        endpoint: layers.endpoint.map(|policies| verdict(Layer::Endpoint, policies)),
    };
    decide(request, layers.rule, &verdicts)
}

fn allow<'a>(layer: Layer, statement: Option<(Deciding<'a>, MatchKind)>) -> Decision<'a> {
    Decision { outcome: Outcome::Allow, layer, statement: statement.map(|(statement, _)| statement) }
}

fn missing<'a>(layer: Layer) -> Decision<'a> {
    Decision { outcome: Outcome::ImplicitDeny, layer, statement: None }
}

/// The decision, from what each layer says.
pub(crate) fn decide<'a>(request: &Request<'_>, rule: ResourceRule, verdicts: &Verdicts<'a>) -> Decision<'a> {
    let denials = [
        (Layer::Rcp, verdicts.rcps.and_then(|levels| levels.deny)),
        (Layer::Scp, verdicts.scps.and_then(|levels| levels.deny)),
        (Layer::Resource, verdicts.resource.deny),
        (Layer::Identity, verdicts.identity.deny),
        (Layer::Boundary, verdicts.boundary.and_then(|boundary| boundary.deny)),
        (Layer::Session, verdicts.session.and_then(|session| session.deny)),
        (Layer::Endpoint, verdicts.endpoint.and_then(|endpoint| endpoint.deny)),
    ];
    for (layer, denial) in denials {
        if denial.is_some() {
            return Decision { outcome: Outcome::ExplicitDeny, layer, statement: denial };
        }
    }
    if verdicts.scps.is_some_and(|levels| !levels.all_allow) {
        return missing(Layer::Scp);
    }
    if verdicts.endpoint.is_some_and(|endpoint| endpoint.allow.is_none()) {
        return missing(Layer::Endpoint);
    }
    let grant = verdicts.resource.allow;
    let Some(account) = request.principal.account() else {
        return if grant.is_some() { allow(Layer::Resource, grant) } else { missing(Layer::Resource) };
    };
    let is_root = matches!(request.principal, Principal::Root { .. });
    let own = request.resource_account.is_none_or(|owner| owner == account);
    if own && is_root && rule == ResourceRule::Ordinary {
        return allow(Layer::Identity, None);
    }
    let kind = grant.map(|(_, kind)| kind);
    if own && kind.is_some_and(|kind| kind >= MatchKind::Federated) {
        return allow(Layer::Resource, grant);
    }
    let limited_only = own && kind.is_some_and(|kind| kind > MatchKind::Account);
    // A federated session may do nothing by itself unless a session policy was passed.
    let powerless =
        matches!(request.principal, Principal::FederatedUser { .. }) && verdicts.session.is_none();
    let identity = is_root || (!powerless && verdicts.identity.allow.is_some());
    let policy_needed = !own || rule != ResourceRule::Ordinary;
    if !limited_only {
        if policy_needed && own && grant.is_none() {
            return missing(Layer::Resource);
        }
        if !identity {
            return missing(Layer::Identity);
        }
        if policy_needed && grant.is_none() {
            return missing(Layer::Resource);
        }
    }
    if verdicts.boundary.is_some_and(|boundary| boundary.allow.is_none()) {
        return missing(Layer::Boundary);
    }
    if powerless || verdicts.session.is_some_and(|session| session.allow.is_none()) {
        return missing(Layer::Session);
    }
    if limited_only { allow(Layer::Resource, grant) } else { allow(Layer::Identity, verdicts.identity.allow) }
}
