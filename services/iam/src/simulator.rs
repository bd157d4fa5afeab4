//! The policy simulator: the engine that decides calls, asked about calls that nobody makes.
//!
//! AWS takes only users as callers. Here roles, their sessions, federated users and roots are taken too.

use std::collections::HashMap;
use std::sync::Arc;

use cloudtwin_core::Ctx;
use cloudtwin_policy::{
    Context, Effect, Explanation, Layer, Layers, NamedPolicy, Outcome, Policy, PolicyKind, PolicyName,
    Principal, Request, ResourceRule, context_keys, explain, validate,
};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::ReadTx;

use crate::api::{
    EvaluationResult, GetContextKeysForCustomPolicyInput, GetContextKeysForCustomPolicyOutput,
    GetContextKeysForPrincipalPolicyInput, GetContextKeysForPrincipalPolicyOutput,
    OrderedOrganizationPolicyType, OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail,
    PolicyIdentifier, Position, ResourceSpecificResult, SimulateCustomPolicyInput,
    SimulateCustomPolicyOutput, SimulatePrincipalPolicyInput, SimulatePrincipalPolicyOutput, Statement,
};
use crate::errors;
use crate::identity::{HeldPolicy, Named, Origin, boundary};
use crate::paging::{Page, page};
use crate::simulation_context::context;
use crate::statement_positions::statement_positions;

/// Actions that the trust policy of a role decides.
const TRUST_ACTIONS: [&str; 5] = [
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:tagsession",
    "sts:setsourceidentity",
];

/// What answers call the policy of a resource.
const RESOURCE_POLICY: &str = "ResourcePolicy";

/// A policy in a simulation: how answers name it, and where its statements stand.
struct Source {
    kind: &'static str,
    positions: Vec<(Position, Position)>,
}

/// Policies with their sources.
#[derive(Default)]
struct Policies {
    sources: HashMap<String, Source>,
}

impl Policies {
    /// Compiles a document under the name that answers have for it.
    fn compile(&mut self, id: String, kind: &'static str, document: &str) -> NamedPolicy {
        let policy = Arc::new(Policy::parse_or_deny(document));
        self.sources.insert(id.clone(), Source { kind, positions: statement_positions(document) });
        NamedPolicy { name: PolicyName::Managed(id), policy }
    }

    /// Compiles policies that came with the request.
    fn compile_list(
        &mut self,
        parameter: &str,
        kind: &'static str,
        documents: &[String],
    ) -> Result<Vec<NamedPolicy>, AwsError> {
        documents
            .iter()
            .enumerate()
            .map(|(index, document)| {
                validate(PolicyKind::Inline, document)
                    .map_err(|error| errors::invalid_input(error.message().to_owned()))?;
                Ok(self.compile(format!("{parameter}.{}", index + 1), kind, document))
            })
            .collect()
    }

    fn compile_held(&mut self, policies: Vec<HeldPolicy>, kind: &'static str) -> Vec<NamedPolicy> {
        let id = |origin: &Origin| match origin {
            Origin::Managed(arn) => arn.rsplit('/').next().unwrap_or_default().to_owned(),
            Origin::Inline { noun, owner, name } => format!("{noun}_{owner}_{name}"),
        };
        policies.into_iter().map(|held| self.compile(id(&held.origin), kind, &held.document)).collect()
    }

    /// The statements that decided: all that deny, or all that allow.
    fn matched(&self, story: &Explanation) -> Vec<Statement> {
        let wanted = match story.outcome {
            Outcome::Allow => Effect::Allow,
            Outcome::ExplicitDeny => Effect::Deny,
            Outcome::ImplicitDeny => return Vec::new(),
        };
        let visible = |layer: Layer| matches!(layer, Layer::Identity | Layer::Resource | Layer::Boundary);
        story
            .layers
            .iter()
            .filter(|report| visible(report.layer))
            // A boundary allows nothing by itself.
            .filter(|report| report.layer != Layer::Boundary || wanted == Effect::Deny)
            .flat_map(|report| &report.matched)
            .filter(|matched| matched.effect == wanted)
            .map(|matched| {
                let id = match &matched.statement.policy {
                    PolicyName::Managed(id) => id.clone(),
                    other => other.to_string(),
                };
                let source = self.sources.get(&id);
                let place = source.and_then(|source| source.positions.get(matched.statement.index)).cloned();
                let (start, end) = place.unzip();
                Statement {
                    source_policy_type: source.map(|source| source.kind.to_owned()),
                    source_policy_id: Some(id),
                    start_position: start,
                    end_position: end,
                }
            })
            .collect()
    }
}

const IAM_POLICY: &str = "IAM Policy";
const BOUNDARY_POLICY: &str = "IAM Permissions Boundary Policy";

/// Everything that one request wants to be simulated.
struct Simulation {
    policies: Policies,
    identity: Vec<NamedPolicy>,
    boundary: Option<Vec<NamedPolicy>>,
    resource: Option<NamedPolicy>,
    scps: Option<Vec<Vec<NamedPolicy>>>,
    principal: Principal,
    resource_account: Option<String>,
    context: Context,
    actions: Vec<String>,
    resources: Vec<String>,
    /// Whether the caller named resources.
    has_resources: bool,
}

/// What both operations say of the calls.
struct Scenario {
    actions: Vec<String>,
    resources: Option<Vec<String>>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller: Option<String>,
    context: Vec<crate::api::ContextEntry>,
}

impl Simulation {
    fn new(
        mut policies: Policies,
        identity: Vec<NamedPolicy>,
        boundary: Option<Vec<NamedPolicy>>,
        scenario: Scenario,
        default_caller: Principal,
    ) -> Result<Self, AwsError> {
        if let Some(wrong) = scenario.actions.iter().find(|action| !is_action(action)) {
            return Err(errors::invalid_input(format!("Invalid action name: {wrong}")));
        }
        let principal = match &scenario.caller {
            Some(arn) => Principal::from_arn(arn)
                .filter(|principal| principal.account().is_some())
                .ok_or_else(|| errors::invalid_input(format!("Invalid Caller Arn: {arn}")))?,
            None => default_caller,
        };
        let resource = match &scenario.resource_policy {
            Some(document) => {
                // Any resource's policy, a role's trust policy among them.
                Policy::parse(document).map_err(|error| errors::invalid_input(error.message().to_owned()))?;
                Some(policies.compile(RESOURCE_POLICY.to_owned(), "Resource Policy", document))
            }
            None => None,
        };
        let resource_account = match &scenario.resource_owner {
            Some(owner) => Some(
                account_of(owner)
                    .ok_or_else(|| errors::invalid_input(format!("Invalid Resource Owner: {owner}")))?,
            ),
            None => None,
        };
        let has_resources = scenario.resources.as_ref().is_some_and(|resources| !resources.is_empty());
        let resources = scenario.resources.filter(|_| has_resources).unwrap_or_else(|| vec!["*".to_owned()]);
        if let Some(wrong) = resources.iter().find(|arn| *arn != "*" && !arn.starts_with("arn:")) {
            return Err(errors::invalid_input(format!("Invalid Resource Arn: {wrong}")));
        }
        Ok(Self {
            context: context(scenario.context)?,
            actions: scenario.actions,
            policies,
            identity,
            boundary,
            resource,
            scps: None,
            principal,
            resource_account,
            resources,
            has_resources,
        })
    }

    fn is_cross_account(&self) -> bool {
        self.resource_account.as_deref().is_some_and(|account| self.principal.account() != Some(account))
    }

    fn explain(&self, action: &str, resource: &str) -> Explanation {
        let lower = action.to_ascii_lowercase();
        let rule = match &self.resource {
            // Without the policy, what the caller's own policies say is what is asked for.
            None => ResourceRule::Ordinary,
            Some(_) if lower.starts_with("kms:") && resource.contains(":key/") => ResourceRule::KmsKey,
            Some(_) if TRUST_ACTIONS.contains(&lower.as_str()) => ResourceRule::RoleTrust,
            Some(_) => ResourceRule::Ordinary,
        };
        let request = Request {
            principal: &self.principal,
            action,
            resource,
            resource_account: self.resource_account.as_deref(),
            context: &self.context,
        };
        let layers = Layers {
            identity: &self.identity,
            boundary: self.boundary.as_deref(),
            resource: self.resource.as_ref(),
            rule,
            scps: self.scps.as_deref(),
            ..Layers::default()
        };
        explain(&request, &layers)
    }

    fn result(&self, action: &str, resource: &str) -> EvaluationResult {
        let story = self.explain(action, resource);
        let decision = decision(story.outcome).to_owned();
        let matched_statements = self.policies.matched(&story);
        let verdict = |wanted: Layer| {
            let reports = story.layers.iter().filter(move |report| report.layer == wanted);
            reports.map(|report| report.verdict)
        };
        let details = if self.is_cross_account() {
            [(IAM_POLICY, Layer::Identity), ("Resource Policy", Layer::Resource)]
                .into_iter()
                .filter_map(|(name, layer)| {
                    Some((name.to_owned(), crate::simulator::decision(verdict(layer).next()?).to_owned()))
                })
                .collect()
        } else {
            Default::default()
        };
        let boundary = self.boundary.as_ref().map(|_| PermissionsBoundaryDecisionDetail {
            allowed_by_permissions_boundary: Some(verdict(Layer::Boundary).all(|v| v == Outcome::Allow)),
        });
        let organizations = self.scps.as_ref().map(|_| OrganizationsDecisionDetail {
            allowed_by_organizations: Some(verdict(Layer::Scp).all(|v| v == Outcome::Allow)),
        });
        let specific = ResourceSpecificResult {
            eval_resource_name: resource.to_owned(),
            eval_resource_decision: decision.clone(),
            matched_statements: Some(matched_statements.clone()),
            missing_context_values: Some(story.absent_keys.clone()),
            eval_decision_details: None,
            permissions_boundary_decision_detail: boundary.clone(),
        };
        EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: Some(resource.to_owned()),
            eval_decision: decision,
            matched_statements: Some(matched_statements),
            missing_context_values: Some(story.absent_keys),
            organizations_decision_detail: organizations,
            permissions_boundary_decision_detail: boundary,
            eval_decision_details: Some(details),
            resource_specific_results: self.has_resources.then(|| vec![specific]),
        }
    }

    /// A page of results: every action with every resource.
    fn results(
        &self,
        marker: Option<&str>,
        max_items: Option<i32>,
    ) -> Result<Page<EvaluationResult>, AwsError> {
        let count = self.actions.len().saturating_mul(self.resources.len());
        if count > MOST_RESULTS {
            return Err(errors::invalid_input("The simulation has too many actions and resources."));
        }
        let page = page((0..count).collect(), usize::to_string, marker, max_items)?;
        let results = page.items.into_iter().filter_map(|index| {
            let action = self.actions.get(index / self.resources.len())?;
            Some(self.result(action, self.resources.get(index % self.resources.len())?))
        });
        Ok(Page { items: results.collect(), marker: page.marker })
    }
}

/// The most results that one simulation has, in all its pages.
const MOST_RESULTS: usize = 100_000;

fn decision(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Allow => "allowed",
        Outcome::ExplicitDeny => "explicitDeny",
        Outcome::ImplicitDeny => "implicitDeny",
    }
}

fn is_action(action: &str) -> bool {
    let parts = action.split_once(':');
    parts.is_some_and(|(service, name)| !service.is_empty() && !name.is_empty() && !name.contains(':'))
}

/// The account in an ARN, or the account itself.
fn account_of(owner: &str) -> Option<String> {
    let account = if owner.starts_with("arn:") { owner.split(':').nth(4)? } else { owner };
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then(|| account.to_owned())
}

/// The user whose policies are simulated where nobody is named.
fn somebody(account: &str) -> Principal {
    Principal::User {
        arn: format!("arn:aws:iam::{account}:user/"),
        account: account.to_owned(),
        unique_id: None,
    }
}

pub(crate) async fn simulate_custom_policy(
    ctx: Ctx,
    input: SimulateCustomPolicyInput,
) -> Result<SimulateCustomPolicyOutput, AwsError> {
    let mut policies = Policies::default();
    let identity = policies.compile_list("PolicyInputList", IAM_POLICY, &input.policy_input_list)?;
    let boundary = given_boundary(&mut policies, input.permissions_boundary_policy_input_list)?;
    let scps = organization(&mut policies, input.ordered_organization_policy_input_list)?;
    let scenario = Scenario {
        actions: input.action_names,
        resources: input.resource_arns,
        resource_policy: input.resource_policy,
        resource_owner: input.resource_owner,
        caller: input.caller_arn,
        context: input.context_entries.unwrap_or_default(),
    };
    let mut simulation = Simulation::new(policies, identity, boundary, scenario, somebody(ctx.account()))?;
    simulation.scps = scps;
    let page = simulation.results(input.marker.as_deref(), input.max_items)?;
    Ok(SimulateCustomPolicyOutput {
        is_truncated: page.is_truncated(),
        evaluation_results: Some(page.items),
        marker: page.marker,
    })
}

fn given_boundary(
    policies: &mut Policies,
    documents: Option<Vec<String>>,
) -> Result<Option<Vec<NamedPolicy>>, AwsError> {
    let Some(documents) = documents.filter(|documents| !documents.is_empty()) else { return Ok(None) };
    if documents.len() > 1 {
        return Err(errors::invalid_input("Only one permissions boundary policy can be simulated."));
    }
    policies.compile_list("PermissionsBoundaryPolicyInputList", BOUNDARY_POLICY, &documents).map(Some)
}

fn organization(
    policies: &mut Policies,
    levels: Option<Vec<OrderedOrganizationPolicyType>>,
) -> Result<Option<Vec<Vec<NamedPolicy>>>, AwsError> {
    let Some(levels) = levels.filter(|levels| !levels.is_empty()) else { return Ok(None) };
    let mut compiled = Vec::new();
    for (index, level) in levels.into_iter().enumerate() {
        let documents = level.service_control_policy_input_list.unwrap_or_default();
        let parameter =
            format!("OrderedOrganizationPolicyInputList.{}.ServiceControlPolicyInputList", index + 1);
        compiled.push(policies.compile_list(&parameter, "Service Control Policy", &documents)?);
    }
    Ok(Some(compiled))
}

/// Whom a simulation is about: a user, group or role.
fn entity(tx: &ReadTx<'_>, arn: &str) -> Result<Named, AwsError> {
    let kind = arn.split(':').nth(5).and_then(|resource| resource.split_once('/')).map(|(kind, _)| kind);
    if !arn.starts_with("arn:aws:iam::") || !matches!(kind, Some("user" | "group" | "role")) {
        return Err(errors::invalid_input(format!(
            "Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )));
    }
    Named::find(tx, arn)
}

impl PolicyIdentifier {
    /// Whether a policy is left out of a simulation. `bounds` tells permissions boundaries.
    fn leaves_out(&self, policy: &HeldPolicy, bounds: bool) -> bool {
        match (self, &policy.origin) {
            (Self::PolicyType(kind), origin) => match (kind.as_str(), origin) {
                ("permission-boundary", _) => bounds,
                ("inline", Origin::Inline { .. }) => true,
                ("aws-managed", Origin::Managed(arn)) => !bounds && arn.starts_with("arn:aws:iam::aws:"),
                ("user-managed", Origin::Managed(arn)) => !bounds && !arn.starts_with("arn:aws:iam::aws:"),
                _ => false,
            },
            (Self::PolicyArn(arn), Origin::Managed(own)) => arn == own,
            (Self::InlinePolicyIdentifier(inline), Origin::Inline { noun, owner, name }) => {
                inline.policy_name == *name
                    && inline.attachment_type == *noun
                    && inline.attachment_name.eq_ignore_ascii_case(owner)
            }
            _ => false,
        }
    }
}

pub(crate) async fn simulate_principal_policy(
    ctx: Ctx,
    input: SimulatePrincipalPolicyInput,
) -> Result<SimulatePrincipalPolicyOutput, AwsError> {
    let arn = &input.policy_source_arn;
    let (source, mut held, mut bounds) = ctx.db().read(|tx| {
        let source = entity(tx, arn)?;
        let held = source.policies(tx)?;
        let bounds = match &source {
            Named::User(user) => boundary(tx, &user.permissions)?,
            Named::Role(role) => boundary(tx, &role.permissions)?,
            Named::Group(_) | Named::Policy { .. } => None,
        };
        Ok::<_, AwsError>((source, held, bounds))
    })?;
    let excluded = input.policy_exclusion_list.unwrap_or_default();
    let stays = |policy: &HeldPolicy, bounds| !excluded.iter().any(|one| one.leaves_out(policy, bounds));
    held.retain(|policy| stays(policy, false));
    bounds = bounds.filter(|policies| policies.iter().all(|policy| stays(policy, true)));

    let mut policies = Policies::default();
    let mut identity = policies.compile_held(held, IAM_POLICY);
    let extra = input.policy_input_list.unwrap_or_default();
    identity.extend(policies.compile_list("PolicyInputList", IAM_POLICY, &extra)?);
    let boundary = match given_boundary(&mut policies, input.permissions_boundary_policy_input_list)? {
        Some(given) => Some(given),
        None => bounds.map(|bounds| policies.compile_held(bounds, BOUNDARY_POLICY)),
    };
    let caller = match &source {
        Named::User(_) | Named::Role(_) => Principal::from_arn(arn),
        Named::Group(_) | Named::Policy { .. } => None,
    };
    let caller = caller.unwrap_or_else(|| somebody(ctx.account()));
    let scenario = Scenario {
        actions: input.action_names,
        resources: input.resource_arns,
        resource_policy: input.resource_policy,
        resource_owner: input.resource_owner,
        caller: input.caller_arn,
        context: input.context_entries.unwrap_or_default(),
    };
    let mut simulation = Simulation::new(policies, identity, boundary, scenario, caller)?;
    simulation.know(&source, arn, ctx.account());
    let page = simulation.results(input.marker.as_deref(), input.max_items)?;
    Ok(SimulatePrincipalPolicyOutput {
        is_truncated: page.is_truncated(),
        evaluation_results: Some(page.items),
        marker: page.marker,
    })
}

impl Simulation {
    /// Fills in what is known of the user or role, unless the request says otherwise.
    fn know(&mut self, source: &Named, arn: &str, account: &str) {
        let mut known = vec![("aws:PrincipalAccount".to_owned(), account.to_owned())];
        let tags = match source {
            Named::User(user) => {
                known.push(("aws:PrincipalArn".to_owned(), arn.to_owned()));
                known.push(("aws:PrincipalType".to_owned(), "User".to_owned()));
                known.push(("aws:username".to_owned(), user.name.clone()));
                known.push(("aws:userid".to_owned(), user.id.clone()));
                &user.tags
            }
            Named::Role(role) => {
                known.push(("aws:PrincipalArn".to_owned(), arn.to_owned()));
                known.push(("aws:PrincipalType".to_owned(), "AssumedRole".to_owned()));
                &role.tags
            }
            Named::Group(_) | Named::Policy { .. } => return,
        };
        known.extend(tags.iter().map(|(key, value)| (format!("aws:PrincipalTag/{key}"), value.clone())));
        for (name, value) in known {
            if self.context.get(&name).is_none() {
                self.context.set(name, value);
            }
        }
    }
}

/// The keys that documents use, each once.
fn keys_of<'a>(documents: impl Iterator<Item = &'a str>) -> Result<Vec<String>, AwsError> {
    let mut keys: Vec<String> = Vec::new();
    for document in documents {
        let policy =
            Policy::parse(document).map_err(|error| errors::invalid_input(error.message().to_owned()))?;
        for key in context_keys(&policy) {
            if !keys.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                keys.push(key.to_owned());
            }
        }
    }
    Ok(keys)
}

pub(crate) async fn get_context_keys_for_custom_policy(
    _: Ctx,
    input: GetContextKeysForCustomPolicyInput,
) -> Result<GetContextKeysForCustomPolicyOutput, AwsError> {
    let keys = keys_of(input.policy_input_list.iter().map(String::as_str))?;
    Ok(GetContextKeysForCustomPolicyOutput { context_key_names: Some(keys) })
}

pub(crate) async fn get_context_keys_for_principal_policy(
    ctx: Ctx,
    input: GetContextKeysForPrincipalPolicyInput,
) -> Result<GetContextKeysForPrincipalPolicyOutput, AwsError> {
    let held = ctx.db().read(|tx| entity(tx, &input.policy_source_arn)?.policies(tx))?;
    let extra = input.policy_input_list.unwrap_or_default();
    let documents = held.iter().map(|held| held.document.as_str()).chain(extra.iter().map(String::as_str));
    Ok(GetContextKeysForPrincipalPolicyOutput { context_key_names: Some(keys_of(documents)?) })
}
