//! The decision on each permission of a call.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use cloudtwin_policy::{
    Context, Deciding, Decision, Layer, Layers, NamedPolicy, Outcome, Policy, PolicyName, Request,
    ResourceRule, evaluate,
};
use cloudtwin_smithy::AwsError;

use super::denial::Reason;
use super::hooks::{OrganizationPolicies, ResourceAccess, ResourceQuery};
use super::subject::Subject;
use super::{Access, KeyValue};
use crate::caller::Principal;
use crate::cloud::Cloud;

/// Services whose resources resource control policies are for (AWS Organizations user guide, "List of
/// AWS services that support RCPs"), by the service segment of ARNs.
const WITH_RESOURCE_CONTROL: &[&str] =
    &["aoss", "cognito-idp", "dynamodb", "ecr", "kms", "logs", "s3", "secretsmanager", "sqs", "sts"];

/// A permission, everything that was known when it was decided, and the decision. Policies are
/// shared with those of other decisions, so that it can be explained later, as it was.
#[derive(Clone)]
pub(crate) struct Decided {
    pub(crate) action: Cow<'static, str>,
    pub(crate) resource: String,
    pub(crate) dependent: bool,
    pub(crate) element: Option<usize>,
    /// The condition keys that the input filled.
    pub(crate) keys: Vec<(String, KeyValue)>,
    pub(crate) context: Context,
    pub(crate) resource_account: String,
    pub(crate) access: Arc<ResourceAccess>,
    pub(crate) resource_organization: Option<Arc<OrganizationPolicies>>,
    pub(crate) outcome: Outcome,
    pub(crate) layer: Layer,
    /// Policy and index of the statement that decided.
    pub(crate) statement: Option<(PolicyName, usize)>,
}

impl Decided {
    pub(crate) fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allow
    }

    /// Whether the call may not go on for it.
    pub(crate) fn is_refused(&self) -> bool {
        !self.is_allowed() && !self.access.absent
    }

    pub(crate) fn reason(&self) -> Reason {
        Reason {
            layer: self.layer,
            explicit: self.outcome == Outcome::ExplicitDeny,
            policy: self.statement.as_ref().map(|(policy, _)| policy.clone()),
            trust: self.access.rule == ResourceRule::RoleTrust,
        }
    }

    /// The request as the engine takes it.
    pub(crate) fn request<'a>(&'a self, subject: &'a Subject) -> Request<'a> {
        Request {
            principal: &subject.principal,
            action: &self.action,
            resource: &self.resource,
            resource_account: Some(&self.resource_account),
            context: &self.context,
        }
    }

    /// The policies that have a say.
    pub(crate) fn layers<'a>(&'a self, subject: &'a Subject) -> Layers<'a> {
        layers(subject, &self.resource, &self.access, self.resource_organization.as_deref())
    }
}

fn layers<'a>(
    subject: &'a Subject,
    resource: &str,
    access: &'a ResourceAccess,
    owner: Option<&'a OrganizationPolicies>,
) -> Layers<'a> {
    let identity = subject.identity.as_deref();
    let own = subject.organization.as_deref().filter(|own| !own.management && !service_linked(subject));
    let controlled =
        resource.split(':').nth(2).is_some_and(|service| WITH_RESOURCE_CONTROL.contains(&service));
    let owner = owner.filter(|owner| controlled && !owner.management && !service_linked(subject));
    Layers {
        identity: identity.map(|identity| identity.policies.as_slice()).unwrap_or_default(),
        boundary: identity.and_then(|identity| identity.boundary.as_deref()),
        session: identity.and_then(|identity| identity.session.as_deref()),
        resource: access.policy.as_ref(),
        rule: access.rule,
        scps: own.and_then(|own| own.service_control.as_deref()),
        rcps: owner.and_then(|owner| owner.resource_control.as_deref()),
        endpoint: None,
    }
}

/// Organizations do not limit the roles that services make for themselves.
fn service_linked(subject: &Subject) -> bool {
    subject.entity_arn().contains(":role/aws-service-role/")
}

/// The account segment of an ARN; `None` if it is empty or the text is no ARN.
fn account_of_arn(arn: &str) -> Option<&str> {
    let account = arn.strip_prefix("arn:")?.split(':').nth(3)?;
    (!account.is_empty() && account.bytes().all(|digit| digit.is_ascii_digit())).then_some(account)
}

impl Cloud {
    /// Decides on one permission.
    pub(crate) fn decide(&self, subject: &Subject, access: Access) -> Result<Decided, AwsError> {
        let caller = &subject.caller;
        let namespace = access.resource.split(':').nth(2).unwrap_or_default();
        let resources = self.resources(namespace);
        let query = ResourceQuery {
            arn: &access.resource,
            action: &access.action,
            caller,
            region: &subject.region,
            keys: &access.keys,
        };
        let side = match resources {
            Some(resources) => resources.access(self, &query)?,
            None => ResourceAccess::default(),
        };
        let owner = side.account.as_deref().or_else(|| account_of_arn(&access.resource));
        let resource_account = owner.unwrap_or(&caller.account).to_owned();
        let organization = if resource_account == caller.account && subject.organization.is_some() {
            subject.organization.clone()
        } else {
            self.organization_of(&resource_account)?
        };

        let mut context = Context::over(Arc::clone(&subject.context));
        context.set("aws:ResourceAccount", resource_account.clone());
        if let Some(organization) = &organization {
            context.set("aws:ResourceOrgID", organization.id.clone());
            context.set("aws:ResourceOrgPaths", vec![organization.path.clone()]);
        }
        for (key, value) in &access.keys {
            context.set(key.clone(), value.clone());
        }
        let layers = layers(subject, &access.resource, &side, organization.as_deref());
        if let Some(resources) = resources
            && asks_for_resource_keys(&layers)
        {
            for (key, value) in resources.keys(self, &query)? {
                context.set(key, value);
            }
        }

        let request = Request {
            principal: &subject.principal,
            action: &access.action,
            resource: &access.resource,
            resource_account: Some(&resource_account),
            context: &context,
        };
        let decision = decision(subject, &request, &layers, side.granted.is_some());
        let statement = decision.statement.map(named);
        let decided = (decision.outcome, decision.layer);
        let Access { action, resource, keys, dependent, element } = access;
        Ok(Decided {
            action,
            resource,
            dependent,
            element,
            keys,
            outcome: decided.0,
            layer: decided.1,
            statement,
            context,
            resource_account,
            access: Arc::new(side),
            resource_organization: organization,
        })
    }
}

fn named(deciding: Deciding<'_>) -> (PolicyName, usize) {
    (deciding.policy.name.clone(), deciding.statement.index())
}

/// Stands for the caller's policies where the resource's grant is as good as them.
static EVERYTHING: LazyLock<[NamedPolicy; 1]> = LazyLock::new(|| {
    let document = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    [NamedPolicy { name: PolicyName::Numbered(1), policy: Arc::new(Policy::parse_or_deny(document)) }]
});

/// What the engine says; beside it stand users and roles that are no more, and grants that are not
/// policies.
fn decision<'a>(
    subject: &Subject,
    request: &Request<'_>,
    layers: &Layers<'a>,
    granted: bool,
) -> Decision<'a> {
    let refused = Decision { outcome: Outcome::ImplicitDeny, layer: Layer::Identity, statement: None };
    if subject.identity.as_ref().is_some_and(|identity| !identity.exists) {
        return refused;
    }
    let decision = evaluate(request, layers);
    if !granted || decision.outcome != Outcome::ImplicitDeny {
        return decision;
    }
    let own = request.resource_account.is_some_and(|owner| owner == subject.caller.account);
    match &subject.caller.principal {
        Principal::Anonymous | Principal::Service { .. } => {
            Decision { outcome: Outcome::Allow, layer: Layer::Resource, statement: None }
        }
        // Within an account, what the resource grants needs no grant of the caller's policies.
        _ if own && decision.layer == Layer::Identity => {
            let mut side = *layers;
            side.identity = &*EVERYTHING;
            Decision { statement: None, layer: Layer::Resource, ..evaluate(request, &side) }
        }
        // The other account has opened the door; the caller's own still has to let it go.
        _ => evaluate(&Request { resource_account: None, ..*request }, layers),
    }
}

/// Whether a policy in force asks for keys that only the resource knows.
fn asks_for_resource_keys(layers: &Layers<'_>) -> bool {
    let levels = layers.scps.into_iter().chain(layers.rcps).flatten().flatten();
    let flat = [Some(layers.identity), layers.boundary, layers.session].into_iter().flatten().flatten();
    flat.chain(layers.resource).chain(levels).any(|policy| policy.policy.asks_for_resource_keys())
}
