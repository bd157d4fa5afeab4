//! The organization itself, and its root.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError};

use crate::access::{self, OpenTo};
use crate::api::iam::{CreateServiceLinkedRole, CreateServiceLinkedRoleInput};
use crate::api::{
    self, CreateOrganizationInput, CreateOrganizationOutput, DeleteOrganizationInput,
    DeleteOrganizationOutput, DescribeOrganizationInput, DescribeOrganizationOutput, ListRootsInput,
    ListRootsOutput, PolicyTypeSummary, Root, errors as model,
};
use crate::paging::page;
use crate::policy_types::SERVICE_CONTROL;
use crate::state::{
    ACCOUNTS, ATTACHMENTS, Attachment, CREATIONS, HANDSHAKES, Handshake, Membership, ORGANIZATIONS,
    Organization, POLICIES, UNITS, any_account, organization_of,
};

/// What ids are made of.
pub(crate) const ID_CHARACTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// The principal of Organizations.
pub(crate) const SERVICE_PRINCIPAL: &str = "organizations.amazonaws.com";

fn already_in_organization() -> AwsError {
    model::ALREADY_IN_ORGANIZATION_EXCEPTION.with("The AWS account is already a member of an organization.")
}

/// A list of policy types, all of them enabled.
fn enabled<'a>(types: impl IntoIterator<Item = &'a str>) -> Vec<PolicyTypeSummary> {
    let summary = |policy_type: &str| PolicyTypeSummary {
        r#type: Some(policy_type.to_owned()),
        status: Some("ENABLED".to_owned()),
    };
    types.into_iter().map(summary).collect()
}

fn shape(tx: &ReadTx<'_>, organization: &Organization) -> Result<api::Organization, StoreError> {
    let management = &organization.management;
    // AWS names this type here whether it is enabled in the root or not, and no other.
    let available: &[&str] = if organization.all_features { &[SERVICE_CONTROL] } else { &[] };
    Ok(api::Organization {
        id: Some(organization.id.clone()),
        arn: Some(organization.arn()),
        feature_set: Some(if organization.all_features { "ALL" } else { "CONSOLIDATED_BILLING" }.to_owned()),
        master_account_arn: Some(organization.account_arn(management)),
        master_account_id: Some(management.clone()),
        master_account_email: Some(any_account(tx, management)?.email),
        available_policy_types: Some(enabled(available.iter().copied())),
    })
}

/// The root, as answers contain it.
pub(crate) fn root_shape(organization: &Organization) -> Root {
    Root {
        id: Some(organization.root.clone()),
        arn: Some(organization.root_arn()),
        name: Some("Root".to_owned()),
        policy_types: Some(enabled(organization.enabled_policy_types.iter().map(String::as_str))),
    }
}

/// Makes Organizations' own role in the caller's account, with the caller's permissions.
pub(crate) async fn link_role(ctx: &Ctx) -> Result<(), AwsError> {
    let input = CreateServiceLinkedRoleInput {
        aws_service_name: SERVICE_PRINCIPAL.to_owned(),
        ..CreateServiceLinkedRoleInput::default()
    };
    match ctx.call(CreateServiceLinkedRole, input).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.code().starts_with("AccessDenied") => {
            Err(model::ACCESS_DENIED_FOR_DEPENDENCY_EXCEPTION
                .with(
                    "The request failed because your credentials do not have permission to create the \
                     service-linked role required by AWS Organizations.",
                )
                .field("Reason", "ACCESS_DENIED_DURING_CREATE_SERVICE_LINKED_ROLE".to_owned()))
        }
        // The account has the role already, or IAM is not served.
        Err(error) if error.status() < 500 || error.status() == 501 => Ok(()),
        Err(error) => Err(error),
    }
}

pub(crate) async fn create_organization(
    ctx: Ctx,
    input: CreateOrganizationInput,
) -> Result<CreateOrganizationOutput, AwsError> {
    if ctx.db().read(|tx| organization_of(tx, ctx.account()))?.is_some() {
        return Err(already_in_organization());
    }
    let all_features = input.feature_set.as_deref() != Some("CONSOLIDATED_BILLING");
    if all_features {
        link_role(&ctx).await?;
    }
    let organization = Organization {
        id: format!("o-{}", ctx.random_text(ID_CHARACTERS, 10)),
        management: ctx.account().to_owned(),
        root: format!("r-{}", ctx.random_text(ID_CHARACTERS, 4)),
        all_features,
        enabled_policy_types: Vec::new(),
        root_tags: Vec::new(),
        service_access: Default::default(),
        resource_policy: None,
    };
    let now = ctx.now();
    let organization = ctx
        .db()
        .write(|tx| {
            if organization_of(tx, ctx.account())?.is_some() {
                return Err(already_in_organization());
            }
            let mut account = any_account(tx, ctx.account())?;
            account.membership = Some(Membership {
                organization: organization.id.clone(),
                parent: organization.root.clone(),
                created: false,
                joined: now,
                tags: Vec::new(),
                delegations: Default::default(),
            });
            account.put(tx)?;
            organization.put(tx)?;
            Ok(shape(tx, &organization)?)
        })
        .await?;
    Ok(CreateOrganizationOutput { organization: Some(organization) })
}

pub(crate) async fn describe_organization(
    ctx: Ctx,
    _: DescribeOrganizationInput,
) -> Result<DescribeOrganizationOutput, AwsError> {
    let organization = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Members)?;
        Ok::<_, AwsError>(shape(tx, &organization)?)
    })?;
    Ok(DescribeOrganizationOutput { organization: Some(organization) })
}

pub(crate) async fn delete_organization(
    ctx: Ctx,
    _: DeleteOrganizationInput,
) -> Result<DeleteOrganizationOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let organization = access::organization(&ctx, tx, OpenTo::Management)?;
            let id = &organization.id;
            let accounts = organization.accounts(tx)?;
            if accounts.len() > 1 {
                return Err(model::ORGANIZATION_NOT_EMPTY_EXCEPTION.with(
                    "To delete an organization you must first remove all member accounts (except the master).",
                ));
            }
            let mut targets: Vec<String> = organization.units(tx)?.into_iter().map(|unit| unit.id).collect();
            for unit in &targets {
                tx.delete(&UNITS, unit)?;
            }
            targets.push(organization.root.clone());
            targets.push(organization.management.clone());
            for target in &targets {
                let attached: Vec<Attachment> =
                    tx.prefix(&ATTACHMENTS, (target,))?.values().collect::<Result<_, _>>()?;
                for attachment in &attached {
                    tx.delete(&ATTACHMENTS, (target, &attachment.policy))?;
                }
            }
            let policies: Vec<(String, String)> =
                tx.prefix(&POLICIES, (id,))?.keys().collect::<Result<_, _>>()?;
            for (organization, policy) in &policies {
                tx.delete(&POLICIES, (organization, policy))?;
            }
            let creations: Vec<(String, String)> =
                tx.prefix(&CREATIONS, (id,))?.keys().collect::<Result<_, _>>()?;
            for (organization, creation) in &creations {
                tx.delete(&CREATIONS, (organization, creation))?;
            }
            let handshakes: Vec<Handshake> =
                tx.index_scan(&HANDSHAKES, "by_organization", id)?.values().collect::<Result<_, _>>()?;
            for handshake in &handshakes {
                tx.delete(&HANDSHAKES, &handshake.id)?;
            }
            for mut account in accounts {
                account.membership = None;
                tx.put(&ACCOUNTS, &account.id, &account)?;
            }
            tx.delete(&ORGANIZATIONS, id)?;
            Ok(())
        })
        .await?;
    Ok(DeleteOrganizationOutput::default())
}

pub(crate) async fn list_roots(ctx: Ctx, input: ListRootsInput) -> Result<ListRootsOutput, AwsError> {
    let organization = ctx.db().read(|tx| access::organization(&ctx, tx, OpenTo::Administrators))?;
    let roots = vec![(organization.root.clone(), root_shape(&organization))];
    let (roots, next_token) = page(roots, |(id, _)| id, input.next_token.as_deref(), input.max_results)?;
    Ok(ListRootsOutput { roots: Some(roots.into_iter().map(|(_, root)| root).collect()), next_token })
}
