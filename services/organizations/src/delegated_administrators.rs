//! Member accounts that administer an AWS service for the organization.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::access::{self, OpenTo};
use crate::api::{
    DelegatedAdministrator, DelegatedService, DeregisterDelegatedAdministratorInput,
    DeregisterDelegatedAdministratorOutput, ListDelegatedAdministratorsInput,
    ListDelegatedAdministratorsOutput, ListDelegatedServicesForAccountInput,
    ListDelegatedServicesForAccountOutput, RegisterDelegatedAdministratorInput,
    RegisterDelegatedAdministratorOutput, errors as model,
};
use crate::errors;
use crate::paging::page;
use crate::service_access;
use crate::state::{Account, Organization};

fn not_registered() -> AwsError {
    model::ACCOUNT_NOT_REGISTERED_EXCEPTION
        .with("The provided account is not a registered delegated administrator for your organization.")
}

fn not_the_management_account(organization: &Organization, account: &str) -> Result<(), AwsError> {
    if organization.management != account {
        return Ok(());
    }
    Err(errors::constraint(
        "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
        "You cannot register master account/yourself as delegated administrator for your organization.",
    ))
}

pub(crate) async fn register(
    ctx: Ctx,
    input: RegisterDelegatedAdministratorInput,
) -> Result<RegisterDelegatedAdministratorOutput, AwsError> {
    let (account_id, service) = (&input.account_id, &input.service_principal);
    let now = ctx.now();
    ctx.db()
        .write(|tx| {
            let organization = access::with_all_features(&ctx, tx, OpenTo::Management)?;
            not_the_management_account(&organization, account_id)?;
            let mut account = organization.account(tx, account_id)?.ok_or_else(errors::account_not_found)?;
            service_access::check(service)?;
            if !organization.service_access.contains_key(service) {
                return Err(errors::constraint(
                    "SERVICE_ACCESS_NOT_ENABLED",
                    "You must enable service access before you delegate an administrator for this service. \
                     Call the AWS API EnableAWSServiceAccess first.",
                ));
            }
            if account.closed {
                return Err(errors::constraint(
                    "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
                    "You cannot register a suspended account as delegated administrator.",
                ));
            }
            let member = account.membership.as_mut().ok_or_else(errors::account_not_found)?;
            if member.delegations.insert(service.clone(), now).is_some() {
                return Err(model::ACCOUNT_ALREADY_REGISTERED_EXCEPTION.with(
                    "The provided account is already a delegated administrator for your organization.",
                ));
            }
            account.put(tx)
        })
        .await?;
    Ok(RegisterDelegatedAdministratorOutput::default())
}

pub(crate) async fn deregister(
    ctx: Ctx,
    input: DeregisterDelegatedAdministratorInput,
) -> Result<DeregisterDelegatedAdministratorOutput, AwsError> {
    let (account_id, service) = (&input.account_id, &input.service_principal);
    ctx.db()
        .write(|tx| {
            let organization = access::with_all_features(&ctx, tx, OpenTo::Management)?;
            not_the_management_account(&organization, account_id)?;
            let mut account = organization.account(tx, account_id)?.ok_or_else(errors::account_not_found)?;
            let member = account.membership.as_mut().ok_or_else(errors::account_not_found)?;
            if member.delegations.is_empty() {
                return Err(not_registered());
            }
            service_access::check(service)?;
            member.delegations.remove(service).ok_or_else(not_registered)?;
            account.put(tx)
        })
        .await?;
    Ok(DeregisterDelegatedAdministratorOutput::default())
}

fn shape(organization: &Organization, account: Account) -> Option<DelegatedAdministrator> {
    let member = account.membership.as_ref()?;
    Some(DelegatedAdministrator {
        arn: Some(organization.account_arn(&account.id)),
        status: Some(account.status().to_owned()),
        state: Some(account.state().to_owned()),
        joined_method: Some(member.method().to_owned()),
        joined_timestamp: Some(member.joined),
        delegation_enabled_date: member.delegations.values().min().copied(),
        id: Some(account.id),
        email: Some(account.email),
        name: Some(account.name),
    })
}

pub(crate) async fn list_administrators(
    ctx: Ctx,
    input: ListDelegatedAdministratorsInput,
) -> Result<ListDelegatedAdministratorsOutput, AwsError> {
    let (organization, mut accounts) = ctx.db().read(|tx| {
        let organization = access::with_all_features(&ctx, tx, OpenTo::Administrators)?;
        let accounts = organization.accounts(tx)?;
        Ok::<_, AwsError>((organization, accounts))
    })?;
    if let Some(service) = &input.service_principal {
        service_access::check(service)?;
    }
    accounts.retain(|account| {
        account.membership.as_ref().is_some_and(|member| match &input.service_principal {
            Some(service) => member.delegations.contains_key(service),
            None => !member.delegations.is_empty(),
        })
    });
    let (accounts, next_token) =
        page(accounts, |account| &account.id, input.next_token.as_deref(), input.max_results)?;
    let administrators = accounts.into_iter().filter_map(|account| shape(&organization, account)).collect();
    Ok(ListDelegatedAdministratorsOutput { delegated_administrators: Some(administrators), next_token })
}

pub(crate) async fn list_services(
    ctx: Ctx,
    input: ListDelegatedServicesForAccountInput,
) -> Result<ListDelegatedServicesForAccountOutput, AwsError> {
    let delegations = ctx.db().read(|tx| {
        let organization = access::with_all_features(&ctx, tx, OpenTo::Administrators)?;
        let account = organization.account(tx, &input.account_id)?.ok_or_else(errors::account_not_found)?;
        let delegations = account.membership.map(|member| member.delegations).unwrap_or_default();
        if delegations.is_empty() { Err(not_registered()) } else { Ok(delegations) }
    })?;
    let services: Vec<_> = delegations.into_iter().collect();
    let (services, next_token) =
        page(services, |(name, _)| name, input.next_token.as_deref(), input.max_results)?;
    let shape = |(name, since)| DelegatedService {
        service_principal: Some(name),
        delegation_enabled_date: Some(since),
    };
    Ok(ListDelegatedServicesForAccountOutput {
        delegated_services: Some(services.into_iter().map(shape).collect()),
        next_token,
    })
}
