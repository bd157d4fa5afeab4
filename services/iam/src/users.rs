//! Users.

use cloudtwin_core::credentials::CREDENTIALS;
use cloudtwin_core::{Ctx, Principal};
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{StoreError, Tx};

use crate::api::{
    CreateUserInput, CreateUserOutput, DeleteUserInput, DeleteUserOutput, GetUserInput, GetUserOutput,
    ListUsersInput, ListUsersOutput, UpdateUserInput, UpdateUserOutput, User as UserShape,
};
use crate::errors;
use crate::naming::{arn, new_id, user_or_caller};
use crate::paging::page;
use crate::state::{Entity, Permissions, USERS, User, fold};
use crate::{access_advisor, boundaries, mfa_devices, tags};

/// When the root of every account came into being, as far as `GetUser` says: 2024-01-01.
pub(crate) const ROOT_CREATED: Timestamp = Timestamp::from_seconds(1_704_067_200);

impl User {
    pub(crate) fn arn(&self, account: &str) -> String {
        arn(account, "user", &self.path, &self.name)
    }

    /// The user as lists show it; [`Self::described`] has everything.
    pub(crate) fn shape(&self, account: &str) -> UserShape {
        UserShape {
            path: self.path.clone(),
            user_name: self.name.clone(),
            user_id: self.id.clone(),
            arn: self.arn(account),
            create_date: self.created,
            ..UserShape::default()
        }
    }

    fn described(&self, account: &str) -> UserShape {
        UserShape {
            permissions_boundary: boundaries::shape(&self.permissions),
            tags: tags::shape(&self.tags),
            ..self.shape(account)
        }
    }
}

pub(crate) async fn create_user(ctx: Ctx, input: CreateUserInput) -> Result<CreateUserOutput, AwsError> {
    let user = User {
        name: input.user_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(&ctx, "AIDA"),
        created: Timestamp::from_seconds(ctx.now().seconds),
        tags: tags::checked(input.tags)?,
        permissions: Permissions { boundary: input.permissions_boundary, ..Permissions::default() },
        groups: Vec::new(),
        access_keys: Vec::new(),
        login_profile: None,
        service_credentials: Vec::new(),
        ssh_public_keys: Vec::new(),
        signing_certificates: Vec::new(),
    };
    ctx.db()
        .write(|tx| {
            refuse_taken(tx, &user.name)?;
            boundaries::check(tx, user.permissions.boundary.as_deref())?;
            user.put(tx)
        })
        .await?;
    Ok(CreateUserOutput { user: Some(user.described(ctx.account())) })
}

fn refuse_taken(tx: &Tx<'_>, name: &str) -> Result<(), AwsError> {
    if tx.contains(&USERS, fold(name))? {
        return Err(errors::already_exists(format!("User with name {name} already exists.")));
    }
    Ok(())
}

/// The account's root as a user.
pub(crate) fn root_shape(account: &str) -> UserShape {
    UserShape {
        user_id: account.to_owned(),
        arn: format!("arn:aws:iam::{account}:root"),
        create_date: ROOT_CREATED,
        ..UserShape::default()
    }
}

pub(crate) async fn get_user(ctx: Ctx, input: GetUserInput) -> Result<GetUserOutput, AwsError> {
    let Some(name) = user_or_caller(&ctx, input.user_name)? else {
        return Ok(GetUserOutput { user: root_shape(ctx.account()) });
    };
    let user = ctx.db().read(|tx| User::get(tx, &name))?;
    Ok(GetUserOutput { user: user.described(ctx.account()) })
}

pub(crate) async fn list_users(ctx: Ctx, input: ListUsersInput) -> Result<ListUsersOutput, AwsError> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let mut users = ctx.db().read(|tx| tx.scan(&USERS)?.values().collect::<Result<Vec<_>, StoreError>>())?;
    users.retain(|user| user.path.starts_with(prefix));
    let page = page(users, |user| fold(&user.name), input.marker.as_deref(), input.max_items)?;
    Ok(ListUsersOutput {
        users: page.items.iter().map(|user| user.shape(ctx.account())).collect(),
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

pub(crate) async fn update_user(ctx: Ctx, input: UpdateUserInput) -> Result<UpdateUserOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut user = User::get(tx, &input.user_name)?;
            let old_key = fold(&user.name);
            if let Some(name) = &input.new_user_name {
                if fold(name) != old_key {
                    refuse_taken(tx, name)?;
                }
                user.name.clone_from(name);
            }
            if let Some(path) = &input.new_path {
                user.path.clone_from(path);
            }
            tx.delete(&USERS, &old_key)?;
            user.put(tx)?;
            // Its keys stand for the user under its new name from now on.
            let user_arn = user.arn(tx.account());
            for key in &user.access_keys {
                if let Some(mut credential) = tx.get(&CREDENTIALS, &key.id)? {
                    credential.caller.arn.clone_from(&user_arn);
                    credential.caller.principal = Principal::User { name: user.name.clone() };
                    tx.put(&CREDENTIALS, &key.id, &credential)?;
                }
            }
            Ok::<_, AwsError>(())
        })
        .await?;
    Ok(UpdateUserOutput::default())
}

pub(crate) async fn delete_user(ctx: Ctx, input: DeleteUserInput) -> Result<DeleteUserOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let user = User::get(tx, &input.user_name)?;
            let permissions = &user.permissions;
            let first = [
                (mfa_devices::owned(tx, &user.id)? > 0, "delete MFA device"),
                (!user.access_keys.is_empty(), "delete access keys"),
                (!user.signing_certificates.is_empty(), "delete signing certificates"),
                (!user.ssh_public_keys.is_empty(), "delete ssh public keys"),
                (!permissions.attached.is_empty(), "detach all policies"),
                (!permissions.inline.is_empty(), "delete policies"),
                (user.login_profile.is_some(), "delete login profile"),
                (!user.groups.is_empty(), "remove users from group"),
                (!user.service_credentials.is_empty(), "remove referenced objects"),
            ];
            if let Some((_, what)) = first.iter().find(|(present, _)| *present) {
                return Err(errors::delete_first(what));
            }
            access_advisor::forget(tx, &user.arn(tx.account()))?;
            Ok(tx.delete(&USERS, fold(&user.name))?)
        })
        .await?;
    Ok(DeleteUserOutput::default())
}
