//! What policies are attached to.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::access::{self, OpenTo};
use crate::api::{
    AttachPolicyInput, AttachPolicyOutput, DetachPolicyInput, DetachPolicyOutput, ListPoliciesForTargetInput,
    ListPoliciesForTargetOutput, ListTargetsForPolicyInput, ListTargetsForPolicyOutput, PolicyTargetSummary,
    errors as model,
};
use crate::errors;
use crate::paging::page;
use crate::policies::summary;
use crate::policy_types::{RESOURCE_CONTROL, SERVICE_CONTROL, aws_managed, limits};
use crate::state::{ATTACHMENTS, Attachment, Organization, Policy};

/// Attaches a policy. Nothing is checked.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    organization: &Organization,
    target: &str,
    policy: &str,
    policy_type: &str,
) -> Result<(), StoreError> {
    let attachment = Attachment {
        organization: organization.id.clone(),
        target: target.to_owned(),
        policy: policy.to_owned(),
        policy_type: policy_type.to_owned(),
    };
    tx.put(&ATTACHMENTS, (target, policy), &attachment)
}

/// The policies of a type that are attached directly to a root, unit or account.
pub(crate) fn attached(
    tx: &ReadTx<'_>,
    organization: &Organization,
    target: &str,
    policy_type: &str,
) -> Result<Vec<Policy>, StoreError> {
    let mut policies = Vec::new();
    for attachment in tx.prefix(&ATTACHMENTS, (target,))?.values() {
        let attachment = attachment?;
        if attachment.policy_type == policy_type && attachment.organization == organization.id {
            policies.extend(organization.policy(tx, &attachment.policy)?);
        }
    }
    Ok(policies)
}

/// A root, unit or account, as lists of targets contain it.
fn target_summary(
    tx: &ReadTx<'_>,
    organization: &Organization,
    id: &str,
) -> Result<Option<PolicyTargetSummary>, StoreError> {
    let (arn, name, kind) = if id == organization.root {
        (organization.root_arn(), "Root".to_owned(), "ROOT")
    } else if let Some(unit) = organization.unit(tx, id)? {
        (organization.unit_arn(id), unit.name, "ORGANIZATIONAL_UNIT")
    } else if let Some(account) = organization.account(tx, id)? {
        (organization.account_arn(id), account.name, "ACCOUNT")
    } else {
        return Ok(None);
    };
    Ok(Some(PolicyTargetSummary {
        target_id: Some(id.to_owned()),
        arn: Some(arn),
        name: Some(name),
        r#type: Some(kind.to_owned()),
    }))
}

pub(crate) async fn attach_policy(
    ctx: Ctx,
    input: AttachPolicyInput,
) -> Result<AttachPolicyOutput, AwsError> {
    let (policy_id, target) = (&input.policy_id, &input.target_id);
    ctx.db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            let policy = organization.policy(tx, policy_id)?.ok_or_else(errors::policy_not_found)?;
            if target_summary(tx, &organization, target)?.is_none() {
                return Err(errors::target_not_found());
            }
            if !organization.enables(&policy.policy_type) {
                return Err(errors::policy_type_not_enabled());
            }
            if tx.contains(&ATTACHMENTS, (target, policy_id))? {
                return Err(model::DUPLICATE_POLICY_ATTACHMENT_EXCEPTION.with(
                    "A policy with the specified name and type is already attached to the specified target.",
                ));
            }
            let others = attached(tx, &organization, target, &policy.policy_type)?;
            if others.len() >= limits(&policy.policy_type).attached {
                return Err(errors::constraint(
                    "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                    "You have attached the maximum number of policies to the specified target.",
                ));
            }
            Ok(put(tx, &organization, target, policy_id, &policy.policy_type)?)
        })
        .await?;
    Ok(AttachPolicyOutput::default())
}

pub(crate) async fn detach_policy(
    ctx: Ctx,
    input: DetachPolicyInput,
) -> Result<DetachPolicyOutput, AwsError> {
    let (policy_id, target) = (&input.policy_id, &input.target_id);
    ctx.db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            let policy = organization.policy(tx, policy_id)?.ok_or_else(errors::policy_not_found)?;
            if target_summary(tx, &organization, target)?.is_none() {
                return Err(errors::target_not_found());
            }
            if !tx.contains(&ATTACHMENTS, (target, policy_id))? {
                return Err(model::POLICY_NOT_ATTACHED_EXCEPTION
                    .with("The specified policy is not attached to the specified target."));
            }
            if policy.policy_type == RESOURCE_CONTROL && aws_managed(policy_id).is_some() {
                return Err(errors::invalid_input(
                    "NON_DETACHABLE_POLICY",
                    "You can't detach the RCPFullAWSAccess policy.",
                ));
            }
            if policy.policy_type == SERVICE_CONTROL
                && attached(tx, &organization, target, SERVICE_CONTROL)?.len() == 1
            {
                return Err(errors::constraint(
                    "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                    "You cannot remove the last policy attached to the specified target. \
                     You must have at least one attached at all times.",
                ));
            }
            tx.delete(&ATTACHMENTS, (target, policy_id))?;
            Ok(())
        })
        .await?;
    Ok(DetachPolicyOutput::default())
}

pub(crate) async fn list_policies_for_target(
    ctx: Ctx,
    input: ListPoliciesForTargetInput,
) -> Result<ListPoliciesForTargetOutput, AwsError> {
    let (organization, policies) = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        if target_summary(tx, &organization, &input.target_id)?.is_none() {
            return Err(errors::target_not_found());
        }
        let policies = attached(tx, &organization, &input.target_id, &input.filter)?;
        Ok((organization, policies))
    })?;
    let (policies, next_token) =
        page(policies, |policy| &policy.id, input.next_token.as_deref(), input.max_results)?;
    let policies = policies.iter().map(|policy| summary(&organization, policy)).collect();
    Ok(ListPoliciesForTargetOutput { policies: Some(policies), next_token })
}

pub(crate) async fn list_targets_for_policy(
    ctx: Ctx,
    input: ListTargetsForPolicyInput,
) -> Result<ListTargetsForPolicyOutput, AwsError> {
    let (targets, next_token) = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        if organization.policy(tx, &input.policy_id)?.is_none() {
            return Err(errors::policy_not_found());
        }
        let key = (&organization.id, &input.policy_id);
        let attachments: Vec<Attachment> =
            tx.index_scan(&ATTACHMENTS, "by_policy", key)?.values().collect::<Result<_, _>>()?;
        let (attachments, next_token) =
            page(attachments, |one| &one.target, input.next_token.as_deref(), input.max_results)?;
        let mut targets = Vec::new();
        for attachment in &attachments {
            targets.extend(target_summary(tx, &organization, &attachment.target)?);
        }
        Ok((targets, next_token))
    })?;
    Ok(ListTargetsForPolicyOutput { targets: Some(targets), next_token })
}
