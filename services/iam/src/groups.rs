//! Groups and who is in them.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::api::{
    AddUserToGroupInput, AddUserToGroupOutput, CreateGroupInput, CreateGroupOutput, DeleteGroupInput,
    DeleteGroupOutput, GetGroupInput, GetGroupOutput, Group as GroupShape, ListGroupsForUserInput,
    ListGroupsForUserOutput, ListGroupsInput, ListGroupsOutput, RemoveUserFromGroupInput,
    RemoveUserFromGroupOutput, UpdateGroupInput, UpdateGroupOutput,
};
use crate::errors;
use crate::naming::{arn, new_id};
use crate::paging::page;
use crate::state::{Entity, GROUPS, Group, Permissions, USERS, User, fold};

/// How many groups a user can be in.
const GROUPS_PER_USER: usize = 10;

impl Group {
    pub(crate) fn arn(&self, account: &str) -> String {
        arn(account, "group", &self.path, &self.name)
    }

    fn shape(&self, account: &str) -> GroupShape {
        GroupShape {
            path: self.path.clone(),
            group_name: self.name.clone(),
            group_id: self.id.clone(),
            arn: self.arn(account),
            create_date: self.created,
        }
    }
}

/// The groups that a user is in, in the order in which it was added to them.
pub(crate) fn groups_of(tx: &ReadTx<'_>, user: &User) -> Result<Vec<Group>, StoreError> {
    user.groups.iter().filter_map(|id| tx.index_get(&GROUPS, "by_id", id).transpose()).collect()
}

fn refuse_taken(tx: &Tx<'_>, name: &str) -> Result<(), AwsError> {
    if tx.contains(&GROUPS, fold(name))? {
        return Err(errors::already_exists(format!("Group with name {name} already exists.")));
    }
    Ok(())
}

pub(crate) async fn create_group(ctx: Ctx, input: CreateGroupInput) -> Result<CreateGroupOutput, AwsError> {
    let group = Group {
        name: input.group_name,
        path: input.path.unwrap_or_else(|| "/".to_owned()),
        id: new_id(&ctx, "AGPA"),
        created: Timestamp::from_seconds(ctx.now().seconds),
        permissions: Permissions::default(),
    };
    ctx.db()
        .write(|tx| {
            refuse_taken(tx, &group.name)?;
            group.put(tx)
        })
        .await?;
    Ok(CreateGroupOutput { group: group.shape(ctx.account()) })
}

pub(crate) async fn get_group(ctx: Ctx, input: GetGroupInput) -> Result<GetGroupOutput, AwsError> {
    let (group, users) = ctx.db().read(|tx| {
        let group = Group::get(tx, &input.group_name)?;
        let users: Vec<User> =
            tx.index_scan(&USERS, "by_group", &group.id)?.values().collect::<Result<_, _>>()?;
        Ok::<_, AwsError>((group, users))
    })?;
    let page = page(users, |user| fold(&user.name), input.marker.as_deref(), input.max_items)?;
    Ok(GetGroupOutput {
        group: group.shape(ctx.account()),
        users: page.items.iter().map(|user| user.shape(ctx.account())).collect(),
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

pub(crate) async fn list_groups(ctx: Ctx, input: ListGroupsInput) -> Result<ListGroupsOutput, AwsError> {
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let mut groups =
        ctx.db().read(|tx| tx.scan(&GROUPS)?.values().collect::<Result<Vec<_>, StoreError>>())?;
    groups.retain(|group| group.path.starts_with(prefix));
    let page = page(groups, |group| fold(&group.name), input.marker.as_deref(), input.max_items)?;
    Ok(ListGroupsOutput {
        groups: page.items.iter().map(|group| group.shape(ctx.account())).collect(),
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}

pub(crate) async fn update_group(ctx: Ctx, input: UpdateGroupInput) -> Result<UpdateGroupOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut group = Group::get(tx, &input.group_name)?;
            let old_key = fold(&group.name);
            if let Some(name) = &input.new_group_name {
                if fold(name) != old_key {
                    refuse_taken(tx, name)?;
                }
                group.name.clone_from(name);
            }
            if let Some(path) = &input.new_path {
                group.path.clone_from(path);
            }
            tx.delete(&GROUPS, &old_key)?;
            group.put(tx)
        })
        .await?;
    Ok(UpdateGroupOutput::default())
}

pub(crate) async fn delete_group(ctx: Ctx, input: DeleteGroupInput) -> Result<DeleteGroupOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let group = Group::get(tx, &input.group_name)?;
            if tx.index_scan(&USERS, "by_group", &group.id)?.entries().next().transpose()?.is_some() {
                return Err(errors::delete_first("remove users from group"));
            }
            if !group.permissions.attached.is_empty() {
                return Err(errors::delete_first("detach all policies"));
            }
            if !group.permissions.inline.is_empty() {
                return Err(errors::delete_first("delete policies"));
            }
            Ok(tx.delete(&GROUPS, fold(&group.name))?)
        })
        .await?;
    Ok(DeleteGroupOutput::default())
}

pub(crate) async fn add_user_to_group(
    ctx: Ctx,
    input: AddUserToGroupInput,
) -> Result<AddUserToGroupOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let group = Group::get(tx, &input.group_name)?;
            let mut user = User::get(tx, &input.user_name)?;
            if user.groups.contains(&group.id) {
                return Ok(());
            }
            if user.groups.len() >= GROUPS_PER_USER {
                return Err(errors::quota("GroupsPerUser", GROUPS_PER_USER));
            }
            user.groups.push(group.id);
            user.put(tx)
        })
        .await?;
    Ok(AddUserToGroupOutput::default())
}

pub(crate) async fn remove_user_from_group(
    ctx: Ctx,
    input: RemoveUserFromGroupInput,
) -> Result<RemoveUserFromGroupOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let group = Group::get(tx, &input.group_name)?;
            let mut user = User::get(tx, &input.user_name)?;
            user.groups.retain(|id| *id != group.id);
            user.put(tx)
        })
        .await?;
    Ok(RemoveUserFromGroupOutput::default())
}

pub(crate) async fn list_groups_for_user(
    ctx: Ctx,
    input: ListGroupsForUserInput,
) -> Result<ListGroupsForUserOutput, AwsError> {
    let groups = ctx.db().read(|tx| {
        let user = User::get(tx, &input.user_name)?;
        Ok::<_, AwsError>(groups_of(tx, &user)?)
    })?;
    let page = page(groups, |group| group.id.clone(), input.marker.as_deref(), input.max_items)?;
    Ok(ListGroupsForUserOutput {
        groups: page.items.iter().map(|group| group.shape(ctx.account())).collect(),
        is_truncated: page.is_truncated(),
        marker: page.marker,
    })
}
