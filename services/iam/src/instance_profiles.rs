//! Instance profiles.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::ReadTx;

use crate::api::{
    AddRoleToInstanceProfileInput, AddRoleToInstanceProfileOutput, CreateInstanceProfileInput,
    CreateInstanceProfileOutput, DeleteInstanceProfileInput, DeleteInstanceProfileOutput,
    GetInstanceProfileInput, GetInstanceProfileOutput, InstanceProfile as InstanceProfileShape,
    ListInstanceProfilesForRoleInput, ListInstanceProfilesForRoleOutput, ListInstanceProfilesInput,
    ListInstanceProfilesOutput, RemoveRoleFromInstanceProfileInput, RemoveRoleFromInstanceProfileOutput,
};
use crate::naming::{arn, new_id};
use crate::paging::page;
use crate::state::{Entity, INSTANCE_PROFILES, InstanceProfile, Role, fold};
use crate::{errors, tags};

/// An instance profile with its role, as answers show it. Its tags are only in what describes it alone.
pub(crate) fn shape(
    tx: &ReadTx<'_>,
    profile: &InstanceProfile,
    with_tags: bool,
) -> Result<InstanceProfileShape, AwsError> {
    let role = match &profile.role {
        Some(name) => Role::find(tx, name)?,
        None => None,
    };
    Ok(InstanceProfileShape {
        path: profile.path.clone(),
        instance_profile_name: profile.name.clone(),
        instance_profile_id: profile.id.clone(),
        arn: arn(tx.account(), "instance-profile", &profile.path, &profile.name),
        create_date: profile.created,
        roles: role.map(|role| role.shape(tx.account())).into_iter().collect(),
        tags: if with_tags { tags::shape(&profile.tags) } else { None },
    })
}

/// The instance profiles that have this role.
pub(crate) fn profiles_of(tx: &ReadTx<'_>, role: &Role) -> Result<Vec<InstanceProfile>, AwsError> {
    let rows = tx.index_scan(&INSTANCE_PROFILES, "by_role", fold(&role.name))?;
    Ok(rows.values().collect::<Result<_, _>>()?)
}

pub(crate) async fn create_instance_profile(
    ctx: Ctx,
    input: CreateInstanceProfileInput,
) -> Result<CreateInstanceProfileOutput, AwsError> {
    let profile = InstanceProfile {
        name: input.instance_profile_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(&ctx, "AIPA"),
        created: Timestamp::from_seconds(ctx.now().seconds),
        role: None,
        tags: tags::checked(input.tags)?,
    };
    let instance_profile = ctx
        .db()
        .write(|tx| {
            if tx.contains(&INSTANCE_PROFILES, fold(&profile.name))? {
                let message = format!("Instance Profile {} already exists.", profile.name);
                return Err(errors::already_exists(message));
            }
            profile.put(tx)?;
            shape(tx, &profile, true)
        })
        .await?;
    Ok(CreateInstanceProfileOutput { instance_profile })
}

pub(crate) async fn get_instance_profile(
    ctx: Ctx,
    input: GetInstanceProfileInput,
) -> Result<GetInstanceProfileOutput, AwsError> {
    let instance_profile = ctx.db().read(|tx| {
        let profile = InstanceProfile::get(tx, &input.instance_profile_name)?;
        shape(tx, &profile, true)
    })?;
    Ok(GetInstanceProfileOutput { instance_profile })
}

pub(crate) async fn list_instance_profiles(
    ctx: Ctx,
    input: ListInstanceProfilesInput,
) -> Result<ListInstanceProfilesOutput, AwsError> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    ctx.db().read(|tx| {
        let mut profiles: Vec<InstanceProfile> =
            tx.scan(&INSTANCE_PROFILES)?.values().collect::<Result<_, _>>()?;
        profiles.retain(|profile| profile.path.starts_with(prefix));
        let page = page(profiles, |profile| fold(&profile.name), input.marker.as_deref(), input.max_items)?;
        Ok(ListInstanceProfilesOutput {
            instance_profiles: page
                .items
                .iter()
                .map(|profile| shape(tx, profile, false))
                .collect::<Result<_, AwsError>>()?,
            is_truncated: page.is_truncated(),
            marker: page.marker,
        })
    })
}

pub(crate) async fn list_instance_profiles_for_role(
    ctx: Ctx,
    input: ListInstanceProfilesForRoleInput,
) -> Result<ListInstanceProfilesForRoleOutput, AwsError> {
    ctx.db().read(|tx| {
        let profiles = profiles_of(tx, &Role::get(tx, &input.role_name)?)?;
        let page = page(profiles, |profile| fold(&profile.name), input.marker.as_deref(), input.max_items)?;
        Ok(ListInstanceProfilesForRoleOutput {
            instance_profiles: page
                .items
                .iter()
                .map(|profile| shape(tx, profile, false))
                .collect::<Result<_, AwsError>>()?,
            is_truncated: page.is_truncated(),
            marker: page.marker,
        })
    })
}

pub(crate) async fn delete_instance_profile(
    ctx: Ctx,
    input: DeleteInstanceProfileInput,
) -> Result<DeleteInstanceProfileOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let profile = InstanceProfile::get(tx, &input.instance_profile_name)?;
            if profile.role.is_some() {
                return Err(errors::delete_first("remove roles from instance profile"));
            }
            Ok(tx.delete(&INSTANCE_PROFILES, fold(&profile.name))?)
        })
        .await?;
    Ok(DeleteInstanceProfileOutput::default())
}

pub(crate) async fn add_role_to_instance_profile(
    ctx: Ctx,
    input: AddRoleToInstanceProfileInput,
) -> Result<AddRoleToInstanceProfileOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut profile = InstanceProfile::get(tx, &input.instance_profile_name)?;
            let role = Role::get(tx, &input.role_name)?;
            role.modifiable()?;
            if profile.role.is_some() {
                return Err(errors::quota("InstanceSessionsPerInstanceProfile", 1));
            }
            profile.role = Some(role.name);
            profile.put(tx)
        })
        .await?;
    Ok(AddRoleToInstanceProfileOutput::default())
}

pub(crate) async fn remove_role_from_instance_profile(
    ctx: Ctx,
    input: RemoveRoleFromInstanceProfileInput,
) -> Result<RemoveRoleFromInstanceProfileOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut profile = InstanceProfile::get(tx, &input.instance_profile_name)?;
            let role = Role::get(tx, &input.role_name)?;
            if profile.role.as_deref().map(fold) != Some(fold(&role.name)) {
                return Err(errors::no_such_entity(format!(
                    "Role {} in Instance Profile {} cannot be found.",
                    input.role_name, input.instance_profile_name
                )));
            }
            profile.role = None;
            profile.put(tx)
        })
        .await?;
    Ok(RemoveRoleFromInstanceProfileOutput::default())
}
