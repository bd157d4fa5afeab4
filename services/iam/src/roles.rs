//! Roles.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::StoreError;

use crate::api::{
    CreateRoleInput, CreateRoleOutput, DeleteRoleInput, DeleteRoleOutput, GetRoleInput, GetRoleOutput,
    ListRolesInput, ListRolesOutput, Role as RoleShape, RoleLastUsed, UpdateAssumeRolePolicyInput,
    UpdateAssumeRolePolicyOutput, UpdateRoleDescriptionInput, UpdateRoleDescriptionOutput, UpdateRoleInput,
    UpdateRoleOutput,
};
use crate::naming::{arn, encoded, new_id};
use crate::paging::page;
use crate::state::{Entity, INSTANCE_PROFILES, Permissions, ROLES, Role, fold, update};
use crate::{access_advisor, boundaries, errors, policy_document, tags, trusted_principals};

/// How long sessions of a role may last unless it says otherwise, in seconds.
pub(crate) const DEFAULT_MAX_SESSION_DURATION: i32 = 3_600;

/// How long a trust policy may be, in characters without white space.
const TRUST_POLICY_QUOTA: usize = 2_048;

impl Role {
    pub(crate) fn arn(&self, account: &str) -> String {
        arn(account, "role", &self.path, &self.name)
    }

    /// The role as lists show it; [`Self::described`] has everything.
    pub(crate) fn shape(&self, account: &str) -> RoleShape {
        RoleShape {
            path: self.path.clone(),
            role_name: self.name.clone(),
            role_id: self.id.clone(),
            arn: self.arn(account),
            create_date: self.created,
            assume_role_policy_document: Some(encoded(&self.trust_policy)),
            description: self.description.clone(),
            max_session_duration: Some(self.max_session_duration),
            ..RoleShape::default()
        }
    }

    fn described(&self, account: &str) -> RoleShape {
        RoleShape {
            permissions_boundary: boundaries::shape(&self.permissions),
            tags: tags::shape(&self.tags),
            role_last_used: Some(RoleLastUsed::default()),
            ..self.shape(account)
        }
    }
}

fn check_trust_policy(document: &str) -> Result<(), AwsError> {
    policy_document::check_trust(document)?;
    if policy_document::length(document) > TRUST_POLICY_QUOTA {
        return Err(errors::quota("ACLSizePerRole", TRUST_POLICY_QUOTA));
    }
    Ok(())
}

pub(crate) async fn create_role(ctx: Ctx, input: CreateRoleInput) -> Result<CreateRoleOutput, AwsError> {
    check_trust_policy(&input.assume_role_policy_document)?;
    let mut role = Role {
        name: input.role_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(&ctx, "AROA"),
        created: Timestamp::from_seconds(ctx.now().seconds),
        trust_policy: input.assume_role_policy_document,
        trusted: Vec::new(),
        description: input.description,
        max_session_duration: input.max_session_duration.unwrap_or(DEFAULT_MAX_SESSION_DURATION),
        tags: tags::checked(input.tags)?,
        permissions: Permissions { boundary: input.permissions_boundary, ..Permissions::default() },
    };
    let role = ctx
        .db()
        .write(|tx| {
            if tx.contains(&ROLES, fold(&role.name))? {
                return Err(errors::already_exists(format!("Role with name {} already exists.", role.name)));
            }
            boundaries::check(tx, role.permissions.boundary.as_deref())?;
            role.trusted =
                trusted_principals::bind(tx, &role.trust_policy, trusted_principals::must_exist(&ctx))?;
            role.put(tx)?;
            Ok::<_, AwsError>(role.clone())
        })
        .await?;
    // Unlike the other answers, this one has no last use, and repeats the duration only when it was asked for.
    let role = RoleShape {
        max_session_duration: input.max_session_duration,
        role_last_used: None,
        ..role.described(ctx.account())
    };
    Ok(CreateRoleOutput { role })
}

pub(crate) async fn get_role(ctx: Ctx, input: GetRoleInput) -> Result<GetRoleOutput, AwsError> {
    let role = ctx.db().read(|tx| Role::get(tx, &input.role_name)?.with_trust_policy_now(tx))?;
    Ok(GetRoleOutput { role: role.described(ctx.account()) })
}

pub(crate) async fn list_roles(ctx: Ctx, input: ListRolesInput) -> Result<ListRolesOutput, AwsError> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let mut roles = ctx.db().read(|tx| tx.scan(&ROLES)?.values().collect::<Result<Vec<_>, StoreError>>())?;
    roles.retain(|role| role.path.starts_with(prefix));
    let mut page = page(roles, |role| fold(&role.name), input.marker.as_deref(), input.max_items)?;
    page.items = ctx.db().read(|tx| {
        page.items.iter().map(|role| role.clone().with_trust_policy_now(tx)).collect::<Result<_, AwsError>>()
    })?;
    Ok(ListRolesOutput {
        roles: page.items.iter().map(|role| role.shape(ctx.account())).collect(),
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

pub(crate) async fn update_role(ctx: Ctx, input: UpdateRoleInput) -> Result<UpdateRoleOutput, AwsError> {
    update(&ctx, &input.role_name, |role: &mut Role, _| {
        role.modifiable()?;
        if input.description.is_some() {
            role.description.clone_from(&input.description);
        }
        // Unlike the description, a duration that is left out goes back to the default.
        role.max_session_duration = input.max_session_duration.unwrap_or(DEFAULT_MAX_SESSION_DURATION);
        Ok(())
    })
    .await?;
    Ok(UpdateRoleOutput::default())
}

pub(crate) async fn update_role_description(
    ctx: Ctx,
    input: UpdateRoleDescriptionInput,
) -> Result<UpdateRoleDescriptionOutput, AwsError> {
    let role = update(&ctx, &input.role_name, |role: &mut Role, _| {
        role.description = Some(input.description.clone());
        Ok(role.clone())
    })
    .await?;
    Ok(UpdateRoleDescriptionOutput { role: Some(role.described(ctx.account())) })
}

pub(crate) async fn update_assume_role_policy(
    ctx: Ctx,
    input: UpdateAssumeRolePolicyInput,
) -> Result<UpdateAssumeRolePolicyOutput, AwsError> {
    check_trust_policy(&input.policy_document)?;
    let must_exist = trusted_principals::must_exist(&ctx);
    update(&ctx, &input.role_name, |role: &mut Role, tx| {
        role.modifiable()?;
        role.trusted = trusted_principals::bind(tx, &input.policy_document, must_exist)?;
        role.trust_policy.clone_from(&input.policy_document);
        Ok(())
    })
    .await?;
    Ok(UpdateAssumeRolePolicyOutput::default())
}

pub(crate) async fn delete_role(ctx: Ctx, input: DeleteRoleInput) -> Result<DeleteRoleOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let role = Role::get(tx, &input.role_name)?;
            role.modifiable()?;
            let key = fold(&role.name);
            if tx.index_scan(&INSTANCE_PROFILES, "by_role", &key)?.entries().next().transpose()?.is_some() {
                return Err(errors::delete_first("remove roles from instance profile"));
            }
            if !role.permissions.attached.is_empty() {
                return Err(errors::delete_first("detach all policies"));
            }
            if !role.permissions.inline.is_empty() {
                return Err(errors::delete_first("delete policies"));
            }
            access_advisor::forget(tx, &role.arn(tx.account()))?;
            Ok(tx.delete(&ROLES, key)?)
        })
        .await?;
    Ok(DeleteRoleOutput::default())
}
