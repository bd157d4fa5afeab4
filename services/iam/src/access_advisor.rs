//! The access advisor: which services somebody may call, and when they were called last. Calls are recorded by
//! authentication (`cloudtwin_core::service_access`), once a minute and for services as a whole.

use std::collections::{BTreeMap, BTreeSet};

use cloudtwin_core::Ctx;
use cloudtwin_core::service_access::{SERVICE_ACCESS, ServiceAccess};
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Table, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::{
    EntityDetails, EntityInfo, GenerateServiceLastAccessedDetailsInput,
    GenerateServiceLastAccessedDetailsOutput, GetServiceLastAccessedDetailsInput,
    GetServiceLastAccessedDetailsOutput, GetServiceLastAccessedDetailsWithEntitiesInput,
    GetServiceLastAccessedDetailsWithEntitiesOutput, ListPoliciesGrantingServiceAccessEntry,
    ListPoliciesGrantingServiceAccessInput, ListPoliciesGrantingServiceAccessOutput,
    PolicyGrantingServiceAccess, ServiceLastAccessed,
};
use crate::errors;
use crate::identity::{HeldPolicy, Named, Origin};
use crate::paging::page;
use crate::service_names::{self, SERVICES};
use crate::state::{GROUPS, ROLES, Role, USERS, User};

/// A report.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Job {
    created: Timestamp,
    granularity: String,
    /// The services that may be called, by namespace.
    services: Vec<String>,
    /// Who could call them.
    entities: Vec<JobEntity>,
}

/// A user or role in a report.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct JobEntity {
    arn: String,
    name: String,
    /// `USER` or `ROLE`.
    kind: String,
    id: String,
    path: String,
    /// Its last calls, by namespace.
    calls: BTreeMap<String, ServiceAccess>,
}

/// The reports of each account, by job id.
const JOBS: Table<Job> = Table::account("iam/access-advisor-jobs");

/// Forgets the calls of a user or role that goes.
pub(crate) fn forget(tx: &mut Tx<'_>, arn: &str) -> Result<(), StoreError> {
    let keys: Vec<(String, String)> = tx.prefix(&SERVICE_ACCESS, (arn,))?.keys().collect::<Result<_, _>>()?;
    for (arn, service) in &keys {
        tx.delete(&SERVICE_ACCESS, (arn.as_str(), service.as_str()))?;
    }
    Ok(())
}

/// A pattern of an action as far as the service goes: `s3`, `*`, `ec*`.
fn service_pattern(action: &str) -> &str {
    action.split(':').next().unwrap_or_default()
}

/// Whether a pattern with `*` and `?` fits a text; in linear space, with one place to go back to.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t, mut back) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                back = Some((p, t));
            }
            Some(byte)
                if *byte == b'?' || text.get(t).is_some_and(|other| other.eq_ignore_ascii_case(byte)) =>
            {
                (p, t) = (p + 1, t + 1);
            }
            _ => match back {
                Some((after_star, from)) => {
                    (p, t) = (after_star, from + 1);
                    back = Some((after_star, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|byte| *byte == b'*')
}

/// What the allowing statements of a document say of services.
#[derive(Default)]
struct Grants {
    /// Patterns of services that have allowed actions.
    patterns: BTreeSet<String>,
    /// Services that are left out of statements that allow everything else, one set a statement.
    all_but: Vec<BTreeSet<String>>,
}

impl Grants {
    fn of(document: &str) -> Self {
        let mut grants = Self::default();
        let policy: Value = serde_json::from_str(document).unwrap_or_default();
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(statement) => std::slice::from_ref(statement),
            None => &[],
        };
        for statement in statements {
            if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
                continue;
            }
            if let Some(actions) = statement.get("Action") {
                grants.patterns.extend(texts(actions).map(|a| service_pattern(a).to_ascii_lowercase()));
            }
            if let Some(actions) = statement.get("NotAction") {
                let whole = texts(actions).filter_map(|action| action.strip_suffix(":*"));
                grants.all_but.push(whole.map(str::to_ascii_lowercase).collect());
            }
        }
        grants
    }

    fn allow(&self, service: &str) -> bool {
        self.patterns.iter().any(|pattern| fits(pattern, service))
            || self.all_but.iter().any(|but| !but.iter().any(|pattern| fits(pattern, service)))
    }
}

fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let values = match value {
        Value::Array(values) => values.as_slice(),
        value => std::slice::from_ref(value),
    };
    values.iter().filter_map(Value::as_str)
}

/// The services that policies allow: of those that are known, named, or were called.
fn services(policies: &[HeldPolicy], entities: &[JobEntity]) -> Vec<String> {
    let grants: Vec<Grants> = policies.iter().map(|policy| Grants::of(&policy.document)).collect();
    let mut candidates: BTreeSet<&str> = SERVICES.iter().map(|(namespace, _)| *namespace).collect();
    candidates.extend(entities.iter().flat_map(|entity| entity.calls.keys().map(String::as_str)));
    for grant in &grants {
        candidates
            .extend(grant.patterns.iter().map(String::as_str).filter(|name| !name.contains(['*', '?'])));
    }
    let allowed = |service: &&str| grants.iter().any(|grant| grant.allow(service));
    candidates.into_iter().filter(allowed).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn calls(tx: &ReadTx<'_>, arn: &str) -> Result<BTreeMap<String, ServiceAccess>, StoreError> {
    let mut calls: BTreeMap<String, ServiceAccess> = BTreeMap::new();
    for entry in tx.prefix(&SERVICE_ACCESS, (arn,))? {
        let ((_, service), access) = entry?;
        let namespace = service_names::namespace(&service).to_owned();
        match calls.get(&namespace) {
            Some(known) if known.at >= access.at => {}
            _ => drop(calls.insert(namespace, access)),
        }
    }
    Ok(calls)
}

fn user_entity(tx: &ReadTx<'_>, user: &User) -> Result<JobEntity, StoreError> {
    let arn = user.arn(tx.account());
    Ok(JobEntity {
        calls: calls(tx, &arn)?,
        arn,
        name: user.name.clone(),
        kind: "USER".to_owned(),
        id: user.id.clone(),
        path: user.path.clone(),
    })
}

fn role_entity(tx: &ReadTx<'_>, role: &Role) -> Result<JobEntity, StoreError> {
    let arn = role.arn(tx.account());
    Ok(JobEntity {
        calls: calls(tx, &arn)?,
        arn,
        name: role.name.clone(),
        kind: "ROLE".to_owned(),
        id: role.id.clone(),
        path: role.path.clone(),
    })
}

fn members(tx: &ReadTx<'_>, group_id: &str, into: &mut Vec<JobEntity>) -> Result<(), StoreError> {
    for user in tx.index_scan(&USERS, "by_group", group_id)?.values() {
        into.push(user_entity(tx, &user?)?);
    }
    Ok(())
}

/// The users and roles whom a report is about.
fn entities(tx: &ReadTx<'_>, subject: &Named) -> Result<Vec<JobEntity>, StoreError> {
    let mut entities = Vec::new();
    match subject {
        Named::User(user) => entities.push(user_entity(tx, user)?),
        Named::Role(role) => entities.push(role_entity(tx, role)?),
        Named::Group(group) => members(tx, &group.id, &mut entities)?,
        Named::Policy { arn, .. } => {
            for user in tx.index_scan(&USERS, "by_policy", arn)?.values() {
                entities.push(user_entity(tx, &user?)?);
            }
            for group in tx.index_scan(&GROUPS, "by_policy", arn)?.values() {
                members(tx, &group?.id, &mut entities)?;
            }
            for role in tx.index_scan(&ROLES, "by_policy", arn)?.values() {
                entities.push(role_entity(tx, &role?)?);
            }
        }
    }
    entities.sort_by(|one, other| one.arn.cmp(&other.arn));
    entities.dedup_by(|one, other| one.arn == other.arn);
    Ok(entities)
}

pub(crate) async fn generate_details(
    ctx: Ctx,
    input: GenerateServiceLastAccessedDetailsInput,
) -> Result<GenerateServiceLastAccessedDetailsOutput, AwsError> {
    let job_id = ctx.uuid();
    let created = ctx.now();
    let job = ctx.db().read(|tx| {
        let subject = Named::find(tx, &input.arn)?;
        let entities = entities(tx, &subject)?;
        let services = services(&subject.policies(tx)?, &entities);
        let granularity = input.granularity.clone().unwrap_or_else(|| "SERVICE_LEVEL".to_owned());
        Ok::<_, AwsError>(Job { created, granularity, services, entities })
    })?;
    ctx.db().write(|tx| tx.put(&JOBS, job_id.as_str(), &job)).await?;
    Ok(GenerateServiceLastAccessedDetailsOutput { job_id: Some(job_id) })
}

fn job(ctx: &Ctx, id: &str) -> Result<Job, AwsError> {
    ctx.db()
        .read(|tx| tx.get(&JOBS, id))?
        .ok_or_else(|| errors::no_such_entity(format!("Job {id} does not exist.")))
}

pub(crate) async fn get_details(
    ctx: Ctx,
    input: GetServiceLastAccessedDetailsInput,
) -> Result<GetServiceLastAccessedDetailsOutput, AwsError> {
    let job = job(&ctx, &input.job_id)?;
    let page = page(job.services, Clone::clone, input.marker.as_deref(), input.max_items)?;
    let is_truncated = page.is_truncated();
    let shape = |namespace: String| {
        let calls = job.entities.iter().filter_map(|entity| Some((entity, entity.calls.get(&namespace)?)));
        let count = calls.clone().count();
        let last = calls.max_by_key(|(_, access)| access.at);
        ServiceLastAccessed {
            service_name: service_names::name(&namespace).to_owned(),
            last_authenticated: last.map(|(_, access)| Timestamp::from_millis(access.at)),
            last_authenticated_entity: last.map(|(entity, _)| entity.arn.clone()),
            last_authenticated_region: last.map(|(_, access)| access.region.clone()),
            total_authenticated_entities: Some(i32::try_from(count).unwrap_or(i32::MAX)),
            tracked_actions_last_accessed: None,
            service_namespace: namespace.clone(),
        }
    };
    Ok(GetServiceLastAccessedDetailsOutput {
        job_status: "COMPLETED".to_owned(),
        job_type: Some(job.granularity.clone()),
        job_creation_date: job.created,
        services_last_accessed: page.items.into_iter().map(shape).collect(),
        job_completion_date: job.created,
        is_truncated,
        marker: page.marker,
        error: None,
    })
}

pub(crate) async fn get_details_with_entities(
    ctx: Ctx,
    input: GetServiceLastAccessedDetailsWithEntitiesInput,
) -> Result<GetServiceLastAccessedDetailsWithEntitiesOutput, AwsError> {
    let job = job(&ctx, &input.job_id)?;
    let namespace = input.service_namespace.to_ascii_lowercase();
    if !job.services.contains(&namespace) {
        return Err(errors::no_such_entity(format!(
            "Service {} is not in the report of job {}.",
            input.service_namespace, input.job_id
        )));
    }
    let page = page(job.entities, |entity| entity.arn.clone(), input.marker.as_deref(), input.max_items)?;
    let is_truncated = page.is_truncated();
    let shape = |entity: JobEntity| EntityDetails {
        last_authenticated: entity.calls.get(&namespace).map(|access| Timestamp::from_millis(access.at)),
        entity_info: EntityInfo {
            arn: entity.arn,
            name: entity.name,
            r#type: entity.kind,
            id: entity.id,
            path: Some(entity.path),
        },
    };
    Ok(GetServiceLastAccessedDetailsWithEntitiesOutput {
        job_status: "COMPLETED".to_owned(),
        job_creation_date: job.created,
        job_completion_date: job.created,
        entity_details_list: page.items.into_iter().map(shape).collect(),
        is_truncated,
        marker: page.marker,
        error: None,
    })
}

fn granting(policy: &HeldPolicy) -> PolicyGrantingServiceAccess {
    match &policy.origin {
        Origin::Managed(arn) => PolicyGrantingServiceAccess {
            policy_name: arn.rsplit('/').next().unwrap_or_default().to_owned(),
            policy_type: "MANAGED".to_owned(),
            policy_arn: Some(arn.clone()),
            ..PolicyGrantingServiceAccess::default()
        },
        Origin::Inline { noun, owner, name } => PolicyGrantingServiceAccess {
            policy_name: name.clone(),
            policy_type: "INLINE".to_owned(),
            policy_arn: None,
            entity_type: Some(noun.to_ascii_uppercase()),
            entity_name: Some(owner.clone()),
        },
    }
}

pub(crate) async fn list_policies_granting_service_access(
    ctx: Ctx,
    input: ListPoliciesGrantingServiceAccessInput,
) -> Result<ListPoliciesGrantingServiceAccessOutput, AwsError> {
    let policies = ctx.db().read(|tx| {
        let subject = Named::find(tx, &input.arn)?;
        if matches!(subject, Named::Policy { .. }) {
            return Err(errors::invalid_input(format!("ARN {} is not valid.", input.arn)));
        }
        subject.policies(tx)
    })?;
    let grants: Vec<Grants> = policies.iter().map(|policy| Grants::of(&policy.document)).collect();
    let page = page(input.service_namespaces, Clone::clone, input.marker.as_deref(), None)?;
    let is_truncated = page.is_truncated();
    let entry = |namespace: String| {
        let lower = namespace.to_ascii_lowercase();
        let allowing = policies.iter().zip(&grants).filter(|(_, grants)| grants.allow(&lower));
        ListPoliciesGrantingServiceAccessEntry {
            policies: Some(allowing.map(|(policy, _)| granting(policy)).collect()),
            service_namespace: Some(namespace),
        }
    };
    Ok(ListPoliciesGrantingServiceAccessOutput {
        policies_granting_service_access: page.items.into_iter().map(entry).collect(),
        is_truncated,
        marker: page.marker,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_policy_grants_the_services_that_its_statements_allow() {
        let grants = |statement: &str| Grants::of(&format!(r#"{{"Statement":{statement}}}"#));
        let some =
            grants(r#"[{"Effect":"Allow","Action":["S3:Get*","ec*:Run*"]},{"Effect":"Deny","Action":"*"}]"#);
        assert!(some.allow("s3") && some.allow("ecs") && !some.allow("sqs"));
        let most = grants(r#"{"Effect":"Allow","NotAction":["iam:*","s3:GetObject"]}"#);
        assert!(most.allow("s3") && !most.allow("iam"));
        assert!(!Grants::of("no policy").allow("s3"));
    }

    proptest! {
        #[test]
        fn a_pattern_fits_itself_and_a_star_fits_all(text in "[a-z]{0,12}") {
            prop_assert!(fits(&text, &text));
            prop_assert!(fits("*", &text));
            let in_pieces = format!("*{text}*");
            prop_assert!(fits(&in_pieces, &text));
            let longer = format!("{text}x");
            prop_assert!(!fits(&longer, &text));
        }
    }
}
