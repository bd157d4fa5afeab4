//! Service-specific credentials: user names and passwords for CodeCommit and Keyspaces.

use cloudtwin_core::Ctx;
use cloudtwin_core::credentials::id_of_account;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::StoreError;

use crate::api::{
    CreateServiceSpecificCredentialInput, CreateServiceSpecificCredentialOutput,
    DeleteServiceSpecificCredentialInput, DeleteServiceSpecificCredentialOutput,
    ListServiceSpecificCredentialsInput, ListServiceSpecificCredentialsOutput,
    ResetServiceSpecificCredentialInput, ResetServiceSpecificCredentialOutput, ServiceSpecificCredential,
    ServiceSpecificCredentialMetadata, UpdateServiceSpecificCredentialInput,
    UpdateServiceSpecificCredentialOutput,
};
use crate::errors;
use crate::naming::user_name;
use crate::paging::page;
use crate::state::{Entity, ServiceCredential, USERS, User, update};

/// The services for which there are such credentials.
const SERVICES: [&str; 2] = ["codecommit.amazonaws.com", "cassandra.amazonaws.com"];

/// How many a user can have for one service.
const QUOTA: usize = 2;

const PASSWORD_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn check_service(name: &str) -> Result<(), AwsError> {
    if SERVICES.contains(&name) {
        return Ok(());
    }
    let message = format!("No such service {name} is supported for Service Specific Credentials");
    Err(errors::no_such_entity(message))
}

fn no_such_credential(id: &str) -> AwsError {
    errors::no_such_entity(format!("No such credential {id} exists"))
}

fn find<'a>(user: &'a mut User, id: &str) -> Result<&'a mut ServiceCredential, AwsError> {
    let found = user.service_credentials.iter_mut().find(|credential| credential.id == id);
    found.ok_or_else(|| no_such_credential(id))
}

fn status(active: bool) -> String {
    if active { "Active" } else { "Inactive" }.to_owned()
}

/// The answer that shows the password.
fn shape(user: &User, credential: &ServiceCredential) -> ServiceSpecificCredential {
    ServiceSpecificCredential {
        create_date: credential.created,
        service_name: credential.service.clone(),
        service_user_name: Some(credential.user_name.clone()),
        service_password: Some(credential.password.clone()),
        service_specific_credential_id: credential.id.clone(),
        user_name: user.name.clone(),
        status: status(credential.active),
        ..ServiceSpecificCredential::default()
    }
}

fn metadata(user: &User, credential: &ServiceCredential) -> ServiceSpecificCredentialMetadata {
    ServiceSpecificCredentialMetadata {
        user_name: user.name.clone(),
        status: status(credential.active),
        service_user_name: Some(credential.user_name.clone()),
        create_date: credential.created,
        service_specific_credential_id: credential.id.clone(),
        service_name: credential.service.clone(),
        ..ServiceSpecificCredentialMetadata::default()
    }
}

fn new_password(ctx: &Ctx) -> String {
    ctx.random_text(PASSWORD_LETTERS, 59) + "="
}

pub(crate) async fn create_service_specific_credential(
    ctx: Ctx,
    input: CreateServiceSpecificCredentialInput,
) -> Result<CreateServiceSpecificCredentialOutput, AwsError> {
    let credential = ServiceCredential {
        id: id_of_account("ACCA", 17, ctx.account(), ctx.random()),
        user_name: format!("{}-at-{}", input.user_name, ctx.account()),
        service: input.service_name,
        password: new_password(&ctx),
        created: Timestamp::from_seconds(ctx.now().seconds),
        active: true,
    };
    let shape = update(&ctx, &input.user_name, |user: &mut User, _| {
        check_service(&credential.service)?;
        let same = user.service_credentials.iter().filter(|other| other.service == credential.service);
        if same.count() >= QUOTA {
            return Err(errors::quota("ServiceSpecificCredentialsPerUser", QUOTA));
        }
        user.service_credentials.push(credential.clone());
        Ok(shape(user, &credential))
    })
    .await?;
    Ok(CreateServiceSpecificCredentialOutput { service_specific_credential: Some(shape) })
}

pub(crate) async fn list_service_specific_credentials(
    ctx: Ctx,
    input: ListServiceSpecificCredentialsInput,
) -> Result<ListServiceSpecificCredentialsOutput, AwsError> {
    let all_users = input.all_users == Some(true);
    let name = if all_users { None } else { Some(user_name(&ctx, input.user_name)?) };
    let users: Vec<User> = ctx.db().read(|tx| match &name {
        Some(name) => User::get(tx, name).map(|user| vec![user]),
        None => Ok(tx.scan(&USERS)?.values().collect::<Result<_, StoreError>>()?),
    })?;
    input.service_name.as_deref().map_or(Ok(()), check_service)?;
    let wanted = |service: &str| input.service_name.as_deref().is_none_or(|name| name == service);
    let credentials: Vec<ServiceSpecificCredentialMetadata> = users
        .iter()
        .flat_map(|user| user.service_credentials.iter().map(move |credential| metadata(user, credential)))
        .filter(|credential| wanted(&credential.service_name))
        .collect();
    // Only the list for the whole account comes in pages.
    if !all_users {
        return Ok(ListServiceSpecificCredentialsOutput {
            service_specific_credentials: Some(credentials),
            ..ListServiceSpecificCredentialsOutput::default()
        });
    }
    let key =
        |credential: &ServiceSpecificCredentialMetadata| credential.service_specific_credential_id.clone();
    let page = page(credentials, key, input.marker.as_deref(), input.max_items)?;
    Ok(ListServiceSpecificCredentialsOutput {
        is_truncated: page.is_truncated(),
        marker: page.marker,
        service_specific_credentials: Some(page.items),
    })
}

pub(crate) async fn update_service_specific_credential(
    ctx: Ctx,
    input: UpdateServiceSpecificCredentialInput,
) -> Result<UpdateServiceSpecificCredentialOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    update(&ctx, &name, |user: &mut User, _| {
        find(user, &input.service_specific_credential_id)?.active = input.status == "Active";
        Ok(())
    })
    .await?;
    Ok(UpdateServiceSpecificCredentialOutput::default())
}

pub(crate) async fn reset_service_specific_credential(
    ctx: Ctx,
    input: ResetServiceSpecificCredentialInput,
) -> Result<ResetServiceSpecificCredentialOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    let password = new_password(&ctx);
    let shape = update(&ctx, &name, |user: &mut User, _| {
        let credential = find(user, &input.service_specific_credential_id)?;
        credential.password.clone_from(&password);
        let credential = credential.clone();
        Ok(shape(user, &credential))
    })
    .await?;
    Ok(ResetServiceSpecificCredentialOutput { service_specific_credential: Some(shape) })
}

pub(crate) async fn delete_service_specific_credential(
    ctx: Ctx,
    input: DeleteServiceSpecificCredentialInput,
) -> Result<DeleteServiceSpecificCredentialOutput, AwsError> {
    let name = user_name(&ctx, input.user_name)?;
    let id = input.service_specific_credential_id;
    update(&ctx, &name, |user: &mut User, _| {
        find(user, &id)?;
        user.service_credentials.retain(|credential| credential.id != id);
        Ok(())
    })
    .await?;
    Ok(DeleteServiceSpecificCredentialOutput::default())
}
