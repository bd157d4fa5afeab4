//! Access keys of users and of the account's root.
//!
//! A key is in two places, written in one transaction: its id and status with its user, its secret and whom
//! it stands for with the credentials that authentication reads.

use cloudtwin_core::credentials::{CREDENTIALS, Credential, LAST_USED, id_of_account};
use cloudtwin_core::{Caller, Ctx, Principal};
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::Tx;

use crate::api::{
    AccessKey as AccessKeyShape, AccessKeyLastUsed, AccessKeyMetadata, CreateAccessKeyInput,
    CreateAccessKeyOutput, DeleteAccessKeyInput, DeleteAccessKeyOutput, GetAccessKeyLastUsedInput,
    GetAccessKeyLastUsedOutput, ListAccessKeysInput, ListAccessKeysOutput, UpdateAccessKeyInput,
    UpdateAccessKeyOutput,
};
use crate::errors;
use crate::naming::user_or_caller;
use crate::paging::page;
use crate::state::{ACCOUNT, ACCOUNTS, AccessKey, Entity, User};

/// How many access keys a user can have.
pub(crate) const QUOTA: usize = 2;

/// What secrets consist of.
const SECRET_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn no_such_key(id: &str) -> AwsError {
    errors::no_such_entity(format!("The Access Key with id {id} cannot be found."))
}

fn status(active: bool) -> String {
    if active { "Active" } else { "Inactive" }.to_owned()
}

/// Changes the keys of a user, or of the root (`None`), and says as whom they call.
fn change<T>(
    tx: &mut Tx<'_>,
    owner: Option<&str>,
    change: impl FnOnce(&mut Vec<AccessKey>, &mut Tx<'_>, Caller) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let account = tx.account().to_owned();
    if let Some(name) = owner {
        let mut user = User::get(tx, name)?;
        let caller = Caller {
            arn: user.arn(&account),
            user_id: user.id.clone(),
            principal: Principal::User { name: user.name.clone() },
            ..Caller::root(&account)
        };
        let value = change(&mut user.access_keys, tx, caller)?;
        user.put(tx)?;
        Ok(value)
    } else {
        let mut root = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
        let value = change(&mut root.access_keys, tx, Caller::root(&account))?;
        tx.put(&ACCOUNTS, ACCOUNT, &root)?;
        Ok(value)
    }
}

pub(crate) async fn create_access_key(
    ctx: Ctx,
    input: CreateAccessKeyInput,
) -> Result<CreateAccessKeyOutput, AwsError> {
    let owner = user_or_caller(&ctx, input.user_name)?;
    let id = id_of_account("AKIA", 16, ctx.account(), ctx.random());
    let secret = ctx.random_text(SECRET_LETTERS, 40);
    let created = Timestamp::from_seconds(ctx.now().seconds);
    let user_name = ctx
        .db()
        .write(|tx| {
            change(tx, owner.as_deref(), |keys, tx, caller| {
                if keys.len() >= QUOTA {
                    return Err(errors::quota("AccessKeysPerUser", QUOTA));
                }
                keys.push(AccessKey { id: id.clone(), created, active: true });
                let name = match &caller.principal {
                    Principal::User { name } => name.clone(),
                    _ => String::new(),
                };
                let credential = Credential {
                    secret_access_key: secret.clone(),
                    session_token: None,
                    expires: None,
                    active: true,
                    caller: Caller { access_key_id: Some(id.clone()), ..caller },
                };
                tx.put(&CREDENTIALS, &id, &credential)?;
                Ok(name)
            })
        })
        .await?;
    Ok(CreateAccessKeyOutput {
        access_key: AccessKeyShape {
            user_name,
            access_key_id: id,
            status: status(true),
            secret_access_key: secret,
            create_date: Some(created),
        },
    })
}

pub(crate) async fn list_access_keys(
    ctx: Ctx,
    input: ListAccessKeysInput,
) -> Result<ListAccessKeysOutput, AwsError> {
    let owner = user_or_caller(&ctx, input.user_name)?;
    let (name, keys) = ctx.db().read(|tx| match &owner {
        Some(name) => User::get(tx, name).map(|user| (Some(user.name), user.access_keys)),
        None => Ok((None, tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default().access_keys)),
    })?;
    let page = page(keys, |key| key.id.clone(), input.marker.as_deref(), input.max_items)?;
    Ok(ListAccessKeysOutput {
        is_truncated: page.is_truncated(),
        marker: page.marker,
        access_key_metadata: page
            .items
            .into_iter()
            .map(|key| AccessKeyMetadata {
                user_name: name.clone(),
                access_key_id: Some(key.id),
                status: Some(status(key.active)),
                create_date: Some(key.created),
            })
            .collect(),
    })
}

pub(crate) async fn update_access_key(
    ctx: Ctx,
    input: UpdateAccessKeyInput,
) -> Result<UpdateAccessKeyOutput, AwsError> {
    let owner = user_or_caller(&ctx, input.user_name)?;
    let (id, active) = (input.access_key_id, input.status == "Active");
    ctx.db()
        .write(|tx| {
            change(tx, owner.as_deref(), |keys, tx, _| {
                keys.iter_mut().find(|key| key.id == id).ok_or_else(|| no_such_key(&id))?.active = active;
                if let Some(mut credential) = tx.get(&CREDENTIALS, &id)? {
                    credential.active = active;
                    tx.put(&CREDENTIALS, &id, &credential)?;
                }
                Ok(())
            })
        })
        .await?;
    Ok(UpdateAccessKeyOutput::default())
}

pub(crate) async fn delete_access_key(
    ctx: Ctx,
    input: DeleteAccessKeyInput,
) -> Result<DeleteAccessKeyOutput, AwsError> {
    let owner = user_or_caller(&ctx, input.user_name)?;
    let id = input.access_key_id;
    ctx.db()
        .write(|tx| {
            change(tx, owner.as_deref(), |keys, tx, _| {
                let position = keys.iter().position(|key| key.id == id).ok_or_else(|| no_such_key(&id))?;
                keys.remove(position);
                // What was issued once must never be taken for a key that nobody knows, which is root.
                if let Some(mut credential) = tx.get(&CREDENTIALS, &id)? {
                    credential.active = false;
                    credential.secret_access_key.clear();
                    tx.put(&CREDENTIALS, &id, &credential)?;
                }
                Ok(tx.delete(&LAST_USED, &id)?)
            })
        })
        .await?;
    Ok(DeleteAccessKeyOutput::default())
}

pub(crate) async fn get_access_key_last_used(
    ctx: Ctx,
    input: GetAccessKeyLastUsedInput,
) -> Result<GetAccessKeyLastUsedOutput, AwsError> {
    let id = input.access_key_id;
    let (credential, used) = ctx.db().read(|tx| {
        let credential = tx.get(&CREDENTIALS, &id)?.filter(|found| {
            // A deleted key has left its row, but not its secret.
            found.caller.account == tx.account() && !found.secret_access_key.is_empty()
        });
        let credential = credential.ok_or_else(|| no_such_key(&id))?;
        Ok::<_, AwsError>((credential, tx.get(&LAST_USED, &id)?))
    })?;
    let user_name = match credential.caller.principal {
        Principal::User { name } => Some(name),
        _ => None,
    };
    let used = match used {
        Some(used) => AccessKeyLastUsed {
            last_used_date: Some(Timestamp::from_seconds(Timestamp::from_millis(used.at).seconds)),
            service_name: used.service,
            region: used.region,
        },
        None => AccessKeyLastUsed {
            last_used_date: None,
            service_name: "N/A".to_owned(),
            region: "N/A".to_owned(),
        },
    };
    Ok(GetAccessKeyLastUsedOutput { user_name, access_key_last_used: Some(used) })
}
