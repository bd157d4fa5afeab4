//! A policy that was read, with an index of the actions that its statements are about.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::arn::ArnPattern;
use crate::conditions::Condition;
use crate::context::Context;
use crate::keys::context_keys;
use crate::parse::{self, PolicyError};
use crate::principal::{MatchKind, Named, Principal, PrincipalElement};
use crate::request::Prepared;
use crate::variables::Template;

/// What a statement does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub enum Effect {
    /// Lets the caller do it, unless something denies it.
    Allow,
    /// Denies it, whatever allows it.
    Deny,
}

/// A policy, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Policy {
    pub(crate) statements: Box<[Statement]>,
    actions: ActionIndex,
    readable: bool,
    asks_resource: bool,
}

impl Policy {
    /// Reads a policy.
    ///
    /// This takes every document that can be understood, also what AWS would not store: services
    /// call [`validate`](crate::validate()) for that.
    ///
    /// # Errors
    ///
    /// If the text is no policy. Whoever has a stored policy that cannot be read must not go on
    /// without it: [`Policy::unreadable`] takes its place.
    pub fn parse(document: &str) -> Result<Self, PolicyError> {
        parse::policy(document).map(|statements| Self::new(statements, true))
    }

    /// What takes the place of a policy that cannot be read: it denies everything.
    #[must_use]
    pub fn unreadable() -> Self {
        Self::new(vec![Statement::deny_everything()], false)
    }

    /// Reads a policy, or denies everything if that fails.
    #[must_use]
    pub fn parse_or_deny(document: &str) -> Self {
        Self::parse(document).unwrap_or_else(|_| Self::unreadable())
    }

    /// Whether this is not [`Policy::unreadable`].
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// Whether a condition or a variable asks for a key that the resource may know: `aws:ResourceTag/…` or
    /// one of a service, such as `s3:ExistingObjectTag/…`. If not, nobody need look such keys up.
    #[must_use]
    pub fn asks_for_resource_keys(&self) -> bool {
        self.asks_resource
    }

    /// The statements in the order of the document.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The ARNs of users, roles and sessions that statements name as principals, in the order of the
    /// document.
    pub fn principal_arns(&self) -> impl Iterator<Item = &str> {
        let elements = self.statements.iter().filter_map(|statement| statement.principal.as_ref());
        elements.flat_map(|element| &element.names).filter_map(|name| match name {
            Named::Arn(arn) => Some(&**arn),
            _ => None,
        })
    }

    fn new(statements: Vec<Statement>, readable: bool) -> Self {
        let actions = ActionIndex::new(&statements);
        let mut policy = Self { statements: statements.into(), actions, readable, asks_resource: false };
        policy.asks_resource = context_keys(&policy).into_iter().any(may_be_of_resource);
        policy
    }

    /// The statements whose `Action` or `NotAction` is about the action, in the order of the document.
    pub(crate) fn about(&self, request: &Prepared<'_>) -> impl Iterator<Item = &Statement> {
        let found = self.actions.find(request, &self.statements);
        found.into_iter().filter_map(|index| self.statements.get(index as usize))
    }
}

/// Keys of the caller, the network and the request begin with `aws:`, and are known without the resource.
fn may_be_of_resource(key: &str) -> bool {
    let begins = |prefix: &str| key.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    !begins("aws:") || begins("aws:ResourceTag/")
}

/// A statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) index: usize,
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    pub(crate) principal: Option<PrincipalElement>,
    pub(crate) actions: Actions,
    pub(crate) resources: Option<Resources>,
    pub(crate) conditions: Box<[Condition]>,
}

/// `Action` or `NotAction`.
#[derive(Debug, Clone)]
pub(crate) struct Actions {
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[ActionPattern]>,
}

#[derive(Debug, Clone)]
pub(crate) struct ActionPattern {
    /// As the policy writes it.
    pub(crate) text: Box<str>,
    /// In lower case.
    pub(crate) pattern: Template,
    /// The service in lower case, if it has no wildcards.
    service: Option<Box<str>>,
}

/// `Resource` or `NotResource`.
#[derive(Debug, Clone)]
pub(crate) struct Resources {
    pub(crate) negated: bool,
    pub(crate) patterns: Box<[ResourcePattern]>,
}

#[derive(Debug, Clone)]
pub(crate) struct ResourcePattern {
    /// As the policy writes it.
    pub(crate) text: Box<str>,
    pub(crate) pattern: ArnPattern,
}

impl ActionPattern {
    pub(crate) fn new(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let plain = |service: &&str| !service.contains(['*', '?']);
        let service = lower.split_once(':').map(|(service, _)| service).filter(plain).map(Into::into);
        let syntax = crate::variables::Syntax { wildcards: true, variables: false };
        Self { text: text.into(), pattern: Template::new(&lower, syntax), service }
    }

    /// A pattern without a colon is about nothing, `*` excepted.
    fn is_about(&self, action: &str) -> bool {
        match &self.pattern {
            Template::Any => true,
            _ if !self.text.contains(':') => false,
            pattern => pattern.matches(action, &Context::new()).unwrap_or(false),
        }
    }
}

impl Actions {
    pub(crate) fn include(&self, action: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.is_about(action)) != self.negated
    }
}

impl Resources {
    /// Whether the resource is meant; nothing if that cannot be told.
    ///
    /// A pattern with a variable that has no value means nothing. In a `NotResource` that would
    /// widen what is meant, so it cannot be told.
    fn include(&self, request: &Prepared<'_>) -> Option<bool> {
        let mut unknown = false;
        for ResourcePattern { pattern, .. } in &self.patterns {
            match pattern.matches(request.segments.as_ref(), request.context) {
                Some(true) => return Some(!self.negated),
                Some(false) => {}
                None => unknown |= self.negated || pattern.is_unreadable(),
            }
        }
        if unknown { None } else { Some(self.negated) }
    }
}

/// In what a policy stands, as far as its statements must know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Statements must have a principal (and may have no resource, where the policy belongs to one).
    pub(crate) of_resource: bool,
    /// The caller has a permissions boundary.
    pub(crate) bounded: bool,
}

impl Statement {
    /// The name of the statement.
    #[must_use]
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// The place in the document, from 0.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Whether it allows or denies.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The actions as they are written, and whether they are a `NotAction`.
    #[must_use]
    pub fn actions(&self) -> (Vec<&str>, bool) {
        (self.actions.patterns.iter().map(|action| &*action.text).collect(), self.actions.negated)
    }

    /// The resources as they are written, and whether they are a `NotResource`.
    #[must_use]
    pub fn resources(&self) -> (Vec<&str>, bool) {
        let Some(resources) = &self.resources else { return (Vec::new(), false) };
        (resources.patterns.iter().map(|resource| &*resource.text).collect(), resources.negated)
    }

    fn deny_everything() -> Self {
        let pattern = ActionPattern::new("*");
        let patterns = Box::new([ResourcePattern { text: "*".into(), pattern: ArnPattern::Any }]);
        Self {
            index: 0,
            sid: None,
            effect: Effect::Deny,
            principal: Some(PrincipalElement { negated: false, names: Box::new([Named::Everyone]) }),
            actions: Actions { negated: false, patterns: Box::new([pattern]) },
            resources: Some(Resources { negated: false, patterns }),
            conditions: Box::default(),
        }
    }

    /// What a part that cannot be told counts as: it is decided against the caller.
    fn against_caller(&self) -> bool {
        self.effect == Effect::Deny
    }

    /// As what the statement is about the caller. In policies that are not of a resource there is no
    /// principal, and the caller is who the policy belongs to.
    pub(crate) fn principal_kind(&self, principal: &Principal, place: Place) -> Option<MatchKind> {
        match &self.principal {
            Some(element) => element.kind(principal, self.effect == Effect::Deny, place.bounded),
            None if !place.of_resource => Some(MatchKind::Direct),
            None => self.against_caller().then_some(MatchKind::Everyone),
        }
    }

    pub(crate) fn includes_resource(&self, request: &Prepared<'_>, place: Place) -> bool {
        match &self.resources {
            Some(resources) => resources.include(request).unwrap_or(self.against_caller()),
            // As in trust policies, which have none.
            None => place.of_resource || self.against_caller(),
        }
    }

    pub(crate) fn condition_holds(&self, condition: &Condition, context: &Context) -> bool {
        condition.holds(context).unwrap_or(self.against_caller())
    }

    /// As what the statement applies to the caller, if it does. The action is already known to be
    /// one of the statement's.
    pub(crate) fn applies(&self, request: &Prepared<'_>, place: Place) -> Option<MatchKind> {
        if !self.includes_resource(request, place) {
            return None;
        }
        let kind = self.principal_kind(request.principal, place)?;
        let holds = |condition| self.condition_holds(condition, request.context);
        self.conditions.iter().all(holds).then_some(kind)
    }
}

/// Which statements are about an action, without looking at all of them.
#[derive(Debug, Clone, Default)]
struct ActionIndex {
    /// Actions without wildcards, in order.
    exact: Box<[(Box<str>, u32)]>,
    /// Actions with wildcards in their name, in order of their service, each with its statements.
    patterns: Box<[IndexedPattern]>,
    /// Statements with `NotAction`, `*` or a wildcard in the service.
    others: Box<[u32]>,
}

#[derive(Debug, Clone)]
struct IndexedPattern {
    service: Box<str>,
    pattern: Template,
    statements: Vec<u32>,
}

impl ActionIndex {
    fn new(statements: &[Statement]) -> Self {
        let (mut exact, mut patterns, mut others) = (Vec::new(), BTreeMap::new(), Vec::new());
        for (index, statement) in (0u32..).zip(statements) {
            if statement.actions.negated
                || statement.actions.patterns.iter().any(|action| action.service.is_none())
            {
                others.push(index);
                continue;
            }
            for ActionPattern { text, pattern, service } in &statement.actions.patterns {
                match (pattern, service) {
                    (Template::Text(action), _) => exact.push((action.clone(), index)),
                    (pattern, Some(service)) => {
                        let key = (service.clone(), text.to_ascii_lowercase());
                        patterns.entry(key).or_insert_with(|| (pattern, Vec::new())).1.push(index);
                    }
                    (_, None) => {}
                }
            }
        }
        exact.sort_unstable();
        let patterns = patterns.into_iter().map(|((service, _), (pattern, statements))| IndexedPattern {
            service,
            pattern: pattern.clone(),
            statements,
        });
        Self { exact: exact.into(), patterns: patterns.collect(), others: others.into() }
    }

    fn find(&self, request: &Prepared<'_>, statements: &[Statement]) -> SmallVec<[u32; 32]> {
        let (action, service) = (request.action.as_str(), request.service());
        let start = self.exact.partition_point(|(exact, _)| **exact < *action);
        let exact = self.exact.iter().skip(start).take_while(|(exact, _)| **exact == *action);
        let mut found: SmallVec<[u32; 32]> = exact.map(|(_, index)| *index).collect();
        let start = self.patterns.partition_point(|indexed| *indexed.service < *service);
        let patterns = self.patterns.iter().skip(start).take_while(|indexed| *indexed.service == *service);
        let nothing = Context::new();
        for IndexedPattern { pattern, statements, .. } in patterns {
            if pattern.matches(action, &nothing) == Some(true) {
                found.extend_from_slice(statements);
            }
        }
        found.extend(self.others.iter().copied().filter(|index| {
            statements.get(*index as usize).is_some_and(|statement| statement.actions.include(action))
        }));
        found.sort_unstable();
        found.dedup();
        found
    }
}
