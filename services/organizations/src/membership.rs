//! Which accounts are in an organization, and where: joining, moving, leaving.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, Tx};

use crate::access::{self, OpenTo};
use crate::api::{
    LeaveOrganizationInput, LeaveOrganizationOutput, MoveAccountInput, MoveAccountOutput,
    RemoveAccountFromOrganizationInput, RemoveAccountFromOrganizationOutput, errors as model,
};
use crate::state::{ATTACHMENTS, Account, Attachment, Membership, Organization, Tags};
use crate::{errors, policy_types};

/// The most accounts that an organization can have.
const MAX_ACCOUNTS: usize = 10_000;

/// That there is room for one more account.
pub(crate) fn room_for_account(tx: &ReadTx<'_>, organization: &Organization) -> Result<(), AwsError> {
    if organization.accounts(tx)?.len() < MAX_ACCOUNTS {
        return Ok(());
    }
    Err(errors::constraint(
        "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
        "You have exceeded the allowed number of AWS accounts.",
    ))
}

/// Puts an account into the root of the organization.
pub(crate) fn join(
    tx: &mut Tx<'_>,
    organization: &Organization,
    mut account: Account,
    created: bool,
    now: Timestamp,
    tags: Tags,
) -> Result<(), AwsError> {
    account.membership = Some(Membership {
        organization: organization.id.clone(),
        parent: organization.root.clone(),
        created,
        joined: now,
        tags,
        delegations: Default::default(),
    });
    account.put(tx)?;
    Ok(policy_types::attach_defaults(tx, organization, &account.id)?)
}

/// Takes an account out of its organization: nothing stays attached to it.
pub(crate) fn leave(tx: &mut Tx<'_>, mut account: Account) -> Result<(), AwsError> {
    if account.membership.as_ref().is_some_and(|member| !member.delegations.is_empty()) {
        return Err(errors::constraint(
            "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
            "You cannot remove an account that is registered as a delegated administrator for a service \
             integrated with your organization.",
        ));
    }
    let attached: Vec<Attachment> =
        tx.prefix(&ATTACHMENTS, (&account.id,))?.values().collect::<Result<_, _>>()?;
    for attachment in &attached {
        tx.delete(&ATTACHMENTS, (&account.id, &attachment.policy))?;
    }
    account.membership = None;
    account.put(tx)
}

pub(crate) async fn leave_organization(
    ctx: Ctx,
    _: LeaveOrganizationInput,
) -> Result<LeaveOrganizationOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Members)?;
            if organization.management == ctx.account() {
                return Err(errors::management_cannot_leave());
            }
            let account = organization.account(tx, ctx.account())?.ok_or_else(errors::account_not_found)?;
            leave(tx, account)
        })
        .await?;
    Ok(LeaveOrganizationOutput::default())
}

pub(crate) async fn remove_account_from_organization(
    ctx: Ctx,
    input: RemoveAccountFromOrganizationInput,
) -> Result<RemoveAccountFromOrganizationOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            if organization.management == input.account_id {
                return Err(errors::management_cannot_leave());
            }
            let account =
                organization.account(tx, &input.account_id)?.ok_or_else(errors::account_not_found)?;
            leave(tx, account)
        })
        .await?;
    Ok(RemoveAccountFromOrganizationOutput::default())
}

pub(crate) async fn move_account(ctx: Ctx, input: MoveAccountInput) -> Result<MoveAccountOutput, AwsError> {
    let MoveAccountInput { account_id, source_parent_id, destination_parent_id } = &input;
    let source_not_found =
        || model::SOURCE_PARENT_NOT_FOUND_EXCEPTION.with("You specified a source parent that doesn't exist.");
    ctx.db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            let mut account = organization.account(tx, account_id)?.ok_or_else(errors::account_not_found)?;
            if !organization.has_parent(tx, source_parent_id)? {
                return Err(source_not_found());
            }
            if !organization.has_parent(tx, destination_parent_id)? {
                return Err(model::DESTINATION_PARENT_NOT_FOUND_EXCEPTION
                    .with("You specified a destination parent that doesn't exist."));
            }
            let member = account.membership.as_mut().ok_or_else(errors::account_not_found)?;
            if member.parent == *destination_parent_id {
                return Err(model::DUPLICATE_ACCOUNT_EXCEPTION
                    .with("The account is already present in the specified destination."));
            }
            if member.parent != *source_parent_id {
                return Err(source_not_found());
            }
            member.parent.clone_from(destination_parent_id);
            account.put(tx)
        })
        .await?;
    Ok(MoveAccountOutput::default())
}
