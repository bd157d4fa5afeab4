//! Accounts: creating, closing, looking at them.
//!
//! AWS creates an account in the background, within minutes. Here it is there when the request is answered, so the
//! answer already has the final state.

use cloudtwin_core::{Caller, Ctx, EmitEffects};
use cloudtwin_smithy::codec::document::to_document;
use cloudtwin_smithy::{AwsError, Shape};
use cloudtwin_store::{ReadTx, StoreError};

use crate::access::{self, OpenTo};
use crate::api::iam::{CreateRoleInput, CreateServiceLinkedRoleInput, PutRolePolicyInput};
use crate::api::{
    self, CloseAccountInput, CloseAccountOutput, CreateAccountInput, CreateAccountOutput,
    CreateAccountStatus, DescribeAccountInput, DescribeAccountOutput, DescribeCreateAccountStatusInput,
    DescribeCreateAccountStatusOutput, ListAccountsInput, ListAccountsOutput, ListCreateAccountStatusInput,
    ListCreateAccountStatusOutput, errors as model,
};
use crate::membership;
use crate::organization::SERVICE_PRINCIPAL;
use crate::paging::page;
use crate::state::{ACCOUNTS, Account, CREATIONS, Creation, Organization};
use crate::{errors, tags};

/// The role that lets the management account into an account that it created.
const ACCESS_ROLE: &str = "OrganizationAccountAccessRole";

const FULL_ACCESS: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// What request ids are made of.
const HEXADECIMAL: &[u8] = b"0123456789abcdef";

/// An account, as answers contain it.
pub(crate) fn shape(
    tx: &ReadTx<'_>,
    organization: &Organization,
    account: &Account,
) -> Result<api::Account, StoreError> {
    let mut shape = api::Account {
        id: Some(account.id.clone()),
        arn: Some(organization.account_arn(&account.id)),
        email: Some(account.email.clone()),
        name: Some(account.name.clone()),
        status: Some(account.status().to_owned()),
        state: Some(account.state().to_owned()),
        ..api::Account::default()
    };
    if let Some(member) = &account.membership {
        shape.joined_method = Some(member.method().to_owned());
        shape.joined_timestamp = Some(member.joined);
        let path = organization.path_to(tx, &member.parent)?;
        shape.paths = Some(vec![format!("{path}{}/", account.id)]);
    }
    Ok(shape)
}

fn status_shape(creation: &Creation) -> CreateAccountStatus {
    let state = if creation.failure.is_some() { "FAILED" } else { "SUCCEEDED" };
    CreateAccountStatus {
        id: Some(creation.id.clone()),
        account_name: Some(creation.account_name.clone()),
        state: Some(state.to_owned()),
        requested_timestamp: Some(creation.requested),
        completed_timestamp: Some(creation.completed),
        account_id: creation.account.clone(),
        failure_reason: creation.failure.clone(),
        ..CreateAccountStatus::default()
    }
}

/// What became of an attempt to create an account under some number.
enum Attempt {
    Finished(Creation),
    /// Another account has the number.
    Taken,
}

pub(crate) async fn create_account(
    ctx: Ctx,
    input: CreateAccountInput,
) -> Result<CreateAccountOutput, AwsError> {
    let tags = tags::checked(input.tags)?;
    let role_name = input.role_name.as_deref().unwrap_or(ACCESS_ROLE);
    if role_name.starts_with("AWSServiceRole") {
        return Err(errors::invalid_input(
            "INVALID_ROLE_NAME",
            "You specified a role name that isn't valid. A role name can't begin with the reserved prefix \
             AWSServiceRoleFor.",
        ));
    }
    let request_id = format!("car-{}", ctx.random_text(HEXADECIMAL, 32));
    loop {
        // The first digit is none that other account numbers of a local cloud begin with.
        let digits = ctx.random_text(b"0123456789", 11);
        let id = format!("{}{digits}", ctx.random_text(b"123456789", 1));
        let attempt = Account {
            id,
            email: input.email.clone(),
            name: input.account_name.clone(),
            closed: false,
            membership: None,
        };
        match try_to_create(&ctx, attempt, &request_id, role_name, &tags).await? {
            Attempt::Finished(creation) => {
                return Ok(CreateAccountOutput { create_account_status: Some(status_shape(&creation)) });
            }
            Attempt::Taken => {}
        }
    }
}

async fn try_to_create(
    ctx: &Ctx,
    account: Account,
    request_id: &str,
    role_name: &str,
    tags: &[(String, String)],
) -> Result<Attempt, AwsError> {
    let trust_policy = format!(
        "{{\"Version\":\"2012-10-17\",\"Statement\":[{{\"Effect\":\"Allow\",\
         \"Principal\":{{\"AWS\":\"arn:aws:iam::{}:root\"}},\"Action\":\"sts:AssumeRole\"}}]}}",
        ctx.account()
    );
    // Organizations does this itself, in the new account.
    let caller =
        Caller::service(SERVICE_PRINCIPAL, &format!("arn:aws:iam::{}:root", account.id), &account.id);
    let effect = |operation: &str, input: &dyn Shape| {
        let input = to_document(input).map_err(|error| ctx.internal_error(&error))?;
        Ok::<_, AwsError>(ctx.effect_call("iam", operation, input, caller.clone()))
    };
    let access_role = CreateRoleInput {
        role_name: role_name.to_owned(),
        assume_role_policy_document: trust_policy,
        ..CreateRoleInput::default()
    };
    let access_policy = PutRolePolicyInput {
        role_name: role_name.to_owned(),
        policy_name: "AdministratorAccess".to_owned(),
        policy_document: FULL_ACCESS.to_owned(),
    };
    let own_role = CreateServiceLinkedRoleInput {
        aws_service_name: SERVICE_PRINCIPAL.to_owned(),
        ..CreateServiceLinkedRoleInput::default()
    };
    let access_role = effect("CreateRole", &access_role)?;
    let access_policy = effect("PutRolePolicy", &access_policy)?;
    let own_role = effect("CreateServiceLinkedRole", &own_role)?;
    let now = ctx.now();
    ctx.db()
        .write(|tx| {
            let organization = access::organization(ctx, tx, OpenTo::Management)?;
            membership::room_for_account(tx, &organization)?;
            if tx.contains(&ACCOUNTS, &account.id)? {
                return Ok(Attempt::Taken);
            }
            let email = account.email.to_ascii_lowercase();
            let email_taken = tx.index_get(&ACCOUNTS, "by_email", email)?.is_some();
            let creation = Creation {
                id: request_id.to_owned(),
                account_name: account.name.clone(),
                account: (!email_taken).then(|| account.id.clone()),
                failure: email_taken.then(|| "EMAIL_ALREADY_EXISTS".to_owned()),
                requested: now,
                completed: now,
            };
            tx.put(&CREATIONS, (&organization.id, request_id), &creation)?;
            if !email_taken {
                membership::join(tx, &organization, account.clone(), true, now, tags.to_vec())?;
                tx.emit(&access_role)?;
                tx.emit(&access_policy)?;
                if organization.all_features {
                    tx.emit(&own_role)?;
                }
            }
            Ok(Attempt::Finished(creation))
        })
        .await
}

pub(crate) async fn describe_create_account_status(
    ctx: Ctx,
    input: DescribeCreateAccountStatusInput,
) -> Result<DescribeCreateAccountStatusOutput, AwsError> {
    let creation = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let id = &input.create_account_request_id;
        tx.get(&CREATIONS, (&organization.id, id))?.ok_or_else(|| {
            model::CREATE_ACCOUNT_STATUS_NOT_FOUND_EXCEPTION
                .with("You specified a create account request that doesn't exist.")
        })
    })?;
    Ok(DescribeCreateAccountStatusOutput { create_account_status: Some(status_shape(&creation)) })
}

pub(crate) async fn list_create_account_status(
    ctx: Ctx,
    input: ListCreateAccountStatusInput,
) -> Result<ListCreateAccountStatusOutput, AwsError> {
    let mut creations: Vec<Creation> = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let rows = tx.prefix(&CREATIONS, (&organization.id,))?.values();
        Ok::<_, AwsError>(rows.collect::<Result<_, StoreError>>()?)
    })?;
    creations.sort_by(|a, b| (a.requested, &a.id).cmp(&(b.requested, &b.id)));
    let mut statuses: Vec<(String, CreateAccountStatus)> =
        creations.iter().map(|creation| (creation.id.clone(), status_shape(creation))).collect();
    if let Some(states) = input.states.filter(|states| !states.is_empty()) {
        statuses.retain(|(_, status)| status.state.as_ref().is_some_and(|state| states.contains(state)));
    }
    let (statuses, next_token) =
        page(statuses, |(id, _)| id, input.next_token.as_deref(), input.max_results)?;
    let create_account_statuses = Some(statuses.into_iter().map(|(_, status)| status).collect());
    Ok(ListCreateAccountStatusOutput { create_account_statuses, next_token })
}

pub(crate) async fn describe_account(
    ctx: Ctx,
    input: DescribeAccountInput,
) -> Result<DescribeAccountOutput, AwsError> {
    let account = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let account = organization.account(tx, &input.account_id)?.ok_or_else(errors::account_not_found)?;
        Ok::<_, AwsError>(shape(tx, &organization, &account)?)
    })?;
    Ok(DescribeAccountOutput { account: Some(account) })
}

/// A page of accounts, as answers contain them.
pub(crate) fn account_page(
    tx: &ReadTx<'_>,
    organization: &Organization,
    accounts: Vec<Account>,
    next_token: Option<&str>,
    max_results: Option<i32>,
) -> Result<(Vec<api::Account>, Option<String>), AwsError> {
    let (accounts, next_token) = page(accounts, |account| &account.id, next_token, max_results)?;
    let shapes: Result<Vec<_>, _> = accounts.iter().map(|account| shape(tx, organization, account)).collect();
    Ok((shapes?, next_token))
}

pub(crate) async fn list_accounts(
    ctx: Ctx,
    input: ListAccountsInput,
) -> Result<ListAccountsOutput, AwsError> {
    let (accounts, next_token) = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        let accounts = organization.accounts(tx)?;
        account_page(tx, &organization, accounts, input.next_token.as_deref(), input.max_results)
    })?;
    Ok(ListAccountsOutput { accounts: Some(accounts), next_token })
}

pub(crate) async fn close_account(
    ctx: Ctx,
    input: CloseAccountInput,
) -> Result<CloseAccountOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let organization = access::with_all_features(&ctx, tx, OpenTo::Management)?;
            if organization.management == input.account_id {
                return Err(errors::constraint(
                    "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
                    "You cannot close the management account.",
                ));
            }
            let mut account =
                organization.account(tx, &input.account_id)?.ok_or_else(errors::account_not_found)?;
            if account.closed {
                return Err(
                    model::ACCOUNT_ALREADY_CLOSED_EXCEPTION.with("The provided account is already closed.")
                );
            }
            account.closed = true;
            account.put(tx)
        })
        .await?;
    Ok(CloseAccountOutput::default())
}
