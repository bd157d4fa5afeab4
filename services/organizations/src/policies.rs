//! Policies of every type.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError};

use crate::access::{self, OpenTo};
use crate::api::{
    self, CreatePolicyInput, CreatePolicyOutput, DeletePolicyInput, DeletePolicyOutput, DescribePolicyInput,
    DescribePolicyOutput, ListPoliciesInput, ListPoliciesOutput, PolicySummary, UpdatePolicyInput,
    UpdatePolicyOutput, errors as model,
};
use crate::organization::ID_CHARACTERS;
use crate::paging::page;
use crate::policy_types::{aws_managed, default_policy, limits};
use crate::state::{ATTACHMENTS, Organization, POLICIES, Policy};
use crate::{errors, policy_content, tags};

/// A policy without its content, as answers contain it.
pub(crate) fn summary(organization: &Organization, policy: &Policy) -> PolicySummary {
    PolicySummary {
        id: Some(policy.id.clone()),
        arn: Some(organization.policy_arn(policy)),
        name: Some(policy.name.clone()),
        description: Some(policy.description.clone()),
        r#type: Some(policy.policy_type.clone()),
        aws_managed: Some(aws_managed(&policy.id).is_some()),
    }
}

fn shape(organization: &Organization, policy: Policy) -> api::Policy {
    api::Policy { policy_summary: Some(summary(organization, &policy)), content: Some(policy.content) }
}

/// The policies that an organization has made itself.
fn own(tx: &ReadTx<'_>, organization: &Organization) -> Result<Vec<Policy>, StoreError> {
    tx.prefix(&POLICIES, (&organization.id,))?.values().collect()
}

fn duplicate() -> AwsError {
    model::DUPLICATE_POLICY_EXCEPTION.with("A policy with the specified name and type already exists.")
}

/// Whether another policy of the same type has the name.
fn is_taken(policies: &[Policy], policy: &Policy) -> bool {
    let aws_has_it = default_policy(&policy.policy_type).is_some_and(|aws| aws.row().name == policy.name);
    aws_has_it
        || policies.iter().any(|other| {
            other.id != policy.id && other.policy_type == policy.policy_type && other.name == policy.name
        })
}

fn immutable(id: &str) -> Result<(), AwsError> {
    match aws_managed(id) {
        Some(_) => Err(errors::invalid_input(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and can't be modified.",
        )),
        None => Ok(()),
    }
}

pub(crate) async fn create_policy(
    ctx: Ctx,
    input: CreatePolicyInput,
) -> Result<CreatePolicyOutput, AwsError> {
    let policy = Policy {
        id: format!("p-{}", ctx.random_text(ID_CHARACTERS, 8)),
        name: input.name,
        description: input.description,
        policy_type: input.r#type,
        content: input.content,
        tags: tags::checked(input.tags)?,
        updated: ctx.now(),
    };
    let policy = ctx
        .db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            if !organization.all_features {
                return Err(errors::policy_type_not_available());
            }
            policy_content::check(&policy.policy_type, &policy.content)?;
            let policies = own(tx, &organization)?;
            if is_taken(&policies, &policy) {
                return Err(duplicate());
            }
            let of_type = policies.iter().filter(|other| other.policy_type == policy.policy_type).count();
            if of_type >= limits(&policy.policy_type).policies {
                return Err(errors::constraint(
                    "POLICY_NUMBER_LIMIT_EXCEEDED",
                    "You have exceeded the allowed number of policies in an organization.",
                ));
            }
            policy.put(tx, &organization)?;
            Ok(shape(&organization, policy.clone()))
        })
        .await?;
    Ok(CreatePolicyOutput { policy: Some(policy) })
}

pub(crate) async fn describe_policy(
    ctx: Ctx,
    input: DescribePolicyInput,
) -> Result<DescribePolicyOutput, AwsError> {
    let policy = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let policy = organization.policy(tx, &input.policy_id)?.ok_or_else(errors::policy_not_found)?;
        Ok::<_, AwsError>(shape(&organization, policy))
    })?;
    Ok(DescribePolicyOutput { policy: Some(policy) })
}

pub(crate) async fn update_policy(
    ctx: Ctx,
    input: UpdatePolicyInput,
) -> Result<UpdatePolicyOutput, AwsError> {
    let now = ctx.now();
    let policy = ctx
        .db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            immutable(&input.policy_id)?;
            let mut policy =
                organization.policy(tx, &input.policy_id)?.ok_or_else(errors::policy_not_found)?;
            if let Some(content) = &input.content {
                policy_content::check(&policy.policy_type, content)?;
                policy.content.clone_from(content);
                policy.updated = now;
            }
            if let Some(name) = &input.name {
                policy.name.clone_from(name);
            }
            if let Some(description) = &input.description {
                policy.description.clone_from(description);
            }
            if is_taken(&own(tx, &organization)?, &policy) {
                return Err(duplicate());
            }
            policy.put(tx, &organization)?;
            Ok(shape(&organization, policy))
        })
        .await?;
    Ok(UpdatePolicyOutput { policy: Some(policy) })
}

pub(crate) async fn delete_policy(
    ctx: Ctx,
    input: DeletePolicyInput,
) -> Result<DeletePolicyOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            immutable(&input.policy_id)?;
            let key = (&organization.id, &input.policy_id);
            if !tx.contains(&POLICIES, key)? {
                return Err(errors::policy_not_found());
            }
            if tx.index_get(&ATTACHMENTS, "by_policy", key)?.is_some() {
                return Err(model::POLICY_IN_USE_EXCEPTION.with(
                    "The policy is attached to one or more entities. You must detach it from all roots, OUs, \
                     and accounts before performing this operation.",
                ));
            }
            tx.delete(&POLICIES, key)?;
            Ok(())
        })
        .await?;
    Ok(DeletePolicyOutput::default())
}

pub(crate) async fn list_policies(
    ctx: Ctx,
    input: ListPoliciesInput,
) -> Result<ListPoliciesOutput, AwsError> {
    let (organization, mut policies) = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let policies = own(tx, &organization)?;
        Ok::<_, AwsError>((organization, policies))
    })?;
    policies.retain(|policy| policy.policy_type == input.filter);
    if organization.all_features {
        policies.extend(default_policy(&input.filter).map(|policy| policy.row()));
    }
    let (policies, next_token) =
        page(policies, |policy| &policy.id, input.next_token.as_deref(), input.max_results)?;
    let policies = policies.iter().map(|policy| summary(&organization, policy)).collect();
    Ok(ListPoliciesOutput { policies: Some(policies), next_token })
}
