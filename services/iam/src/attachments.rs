//! Managed policies attached to users, roles and groups.

use cloudtwin_core::{Arn, Ctx};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError, Table};

use crate::aws_managed_policies;
use crate::errors;
use crate::paging::page;
use crate::state::{Entity, GROUPS, Group, Policy, Principal, ROLES, Role, USERS, User, fold, update};
use crate::{api, api::errors as declared};

/// How many managed policies can be attached to one user, role or group.
pub(crate) const QUOTA: usize = 10;

/// Whether a text is the ARN of a managed policy, of this account or any other.
pub(crate) fn check_arn(arn: &str) -> Result<(), AwsError> {
    let digits = |account: &str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let is_policy = arn.parse::<Arn>().is_ok_and(|arn| {
        arn.service == "iam"
            && arn.region.is_empty()
            && (arn.account == "aws" || digits(&arn.account))
            && arn.resource.starts_with("policy/")
    });
    if is_policy { Ok(()) } else { Err(errors::validation("Invalid ARN:  Could not be parsed!")) }
}

/// Whether a managed policy exists: AWS's, or the account's.
pub(crate) fn exists(tx: &ReadTx<'_>, arn: &str) -> Result<bool, AwsError> {
    Ok(aws_managed_policies::find(arn).is_some() || Policy::find(tx, arn)?.is_some())
}

/// How often a policy is attached, and how often it bounds permissions.
pub(crate) fn usage(tx: &ReadTx<'_>, arn: &str) -> Result<(i32, i32), StoreError> {
    fn count<V: cloudtwin_store::Value>(
        tx: &ReadTx<'_>,
        table: &Table<V>,
        index: &str,
        arn: &str,
    ) -> Result<i32, StoreError> {
        tx.index_scan(table, index, arn)?.entries().try_fold(0, |count, entry| entry.map(|_| count + 1))
    }
    let attached = count(tx, &USERS, "by_policy", arn)?
        + count(tx, &ROLES, "by_policy", arn)?
        + count(tx, &GROUPS, "by_policy", arn)?;
    let boundaries = count(tx, &USERS, "by_boundary", arn)? + count(tx, &ROLES, "by_boundary", arn)?;
    Ok((attached, boundaries))
}

/// The path of the policy with this ARN.
fn path(arn: &str) -> &str {
    let resource = arn.split_once(":policy").map_or("", |(_, path)| path);
    resource.rfind('/').and_then(|end| resource.get(..=end)).unwrap_or("/")
}

/// An attached policy as answers contain it.
pub(crate) fn shape(arn: &str) -> api::AttachedPolicy {
    api::AttachedPolicy {
        policy_name: arn.rsplit('/').next().map(str::to_owned),
        policy_arn: Some(arn.to_owned()),
    }
}

async fn attach<P: Principal>(ctx: &Ctx, name: &str, arn: &str) -> Result<(), AwsError> {
    check_arn(arn)?;
    update(ctx, name, |principal: &mut P, tx| {
        let attached = &mut principal.permissions_mut()?.attached;
        if aws_managed_policies::find(arn).is_some_and(|policy| policy.is_for_services_only()) {
            return Err(declared::POLICY_NOT_ATTACHABLE_EXCEPTION
                .with("Cannot attach a Service Role Policy to a Customer Role."));
        }
        if !exists(tx, arn)? {
            let message = format!("Policy {arn} does not exist or is not attachable.");
            return Err(errors::no_such_entity(message));
        }
        if !attached.iter().any(|other| other == arn) {
            if attached.len() >= QUOTA {
                return Err(errors::quota(&format!("PoliciesPer{}", P::TITLE), QUOTA));
            }
            attached.push(arn.to_owned());
        }
        Ok(())
    })
    .await
}

async fn detach<P: Principal>(ctx: &Ctx, name: &str, arn: &str) -> Result<(), AwsError> {
    check_arn(arn)?;
    update(ctx, name, |principal: &mut P, _| {
        let attached = &mut principal.permissions_mut()?.attached;
        let position = attached.iter().position(|other| other == arn);
        let position = position.ok_or_else(|| Policy::missing(arn))?;
        attached.remove(position);
        Ok(())
    })
    .await
}

macro_rules! operations {
    ($($kind:ty, $name:ident:
        $attach:ident $attach_input:ident $attach_output:ident,
        $detach:ident $detach_input:ident $detach_output:ident,
        $list:ident $list_input:ident $list_output:ident;)*) => {$(
        pub(crate) async fn $attach(
            ctx: Ctx,
            input: api::$attach_input,
        ) -> Result<api::$attach_output, AwsError> {
            attach::<$kind>(&ctx, &input.$name, &input.policy_arn).await?;
            Ok(api::$attach_output::default())
        }

        pub(crate) async fn $detach(
            ctx: Ctx,
            input: api::$detach_input,
        ) -> Result<api::$detach_output, AwsError> {
            detach::<$kind>(&ctx, &input.$name, &input.policy_arn).await?;
            Ok(api::$detach_output::default())
        }

        pub(crate) async fn $list(ctx: Ctx, input: api::$list_input) -> Result<api::$list_output, AwsError> {
            let principal = ctx.db().read(|tx| <$kind as Entity>::get(tx, &input.$name))?;
            let prefix = input.path_prefix.as_deref().unwrap_or("/");
            let mut attached = principal.permissions.attached;
            attached.retain(|arn| path(arn).starts_with(prefix));
            let page = page(attached, Clone::clone, input.marker.as_deref(), input.max_items)?;
            Ok(api::$list_output {
                attached_policies: Some(page.items.iter().map(|arn| shape(arn)).collect()),
                is_truncated: page.is_truncated(),
                marker: page.marker,
            })
        }
    )*};
}

operations! {
    User, user_name:
        attach_user_policy AttachUserPolicyInput AttachUserPolicyOutput,
        detach_user_policy DetachUserPolicyInput DetachUserPolicyOutput,
        list_attached_user_policies ListAttachedUserPoliciesInput ListAttachedUserPoliciesOutput;
    Role, role_name:
        attach_role_policy AttachRolePolicyInput AttachRolePolicyOutput,
        detach_role_policy DetachRolePolicyInput DetachRolePolicyOutput,
        list_attached_role_policies ListAttachedRolePoliciesInput ListAttachedRolePoliciesOutput;
    Group, group_name:
        attach_group_policy AttachGroupPolicyInput AttachGroupPolicyOutput,
        detach_group_policy DetachGroupPolicyInput DetachGroupPolicyOutput,
        list_attached_group_policies ListAttachedGroupPoliciesInput ListAttachedGroupPoliciesOutput;
}

/// A user, role or group that has a policy.
enum Holder {
    Group(Group),
    User(User),
    Role(Role),
}

impl Holder {
    fn path(&self) -> &str {
        match self {
            Self::Group(group) => &group.path,
            Self::User(user) => &user.path,
            Self::Role(role) => &role.path,
        }
    }

    /// Names it within the list of all holders, in their order.
    fn key(&self) -> String {
        match self {
            Self::Group(group) => format!("1/{}", fold(&group.name)),
            Self::User(user) => format!("2/{}", fold(&user.name)),
            Self::Role(role) => format!("3/{}", fold(&role.name)),
        }
    }
}

pub(crate) async fn list_entities_for_policy(
    ctx: Ctx,
    input: api::ListEntitiesForPolicyInput,
) -> Result<api::ListEntitiesForPolicyOutput, AwsError> {
    let arn = input.policy_arn.as_str();
    check_arn(arn)?;
    let indexes: &[&str] = match input.policy_usage_filter.as_deref() {
        Some("PermissionsPolicy") => &["by_policy"],
        Some("PermissionsBoundary") => &["by_boundary"],
        _ => &["by_policy", "by_boundary"],
    };
    let wanted = |kind: &str| input.entity_filter.as_deref().is_none_or(|filter| filter == kind);
    let mut holders = ctx.db().read(|tx| {
        if !exists(tx, arn)? {
            return Err(Policy::missing(arn));
        }
        let mut holders = Vec::new();
        for index in indexes {
            if wanted("Group") && *index == "by_policy" {
                for row in tx.index_scan(&GROUPS, index, arn)?.values() {
                    holders.push(Holder::Group(row?));
                }
            }
            if wanted("User") {
                for row in tx.index_scan(&USERS, index, arn)?.values() {
                    holders.push(Holder::User(row?));
                }
            }
            if wanted("Role") {
                for row in tx.index_scan(&ROLES, index, arn)?.values() {
                    holders.push(Holder::Role(row?));
                }
            }
        }
        Ok(holders)
    })?;
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    holders.retain(|holder| holder.path().starts_with(prefix));
    holders.sort_by_cached_key(Holder::key);
    holders.dedup_by_key(|holder| holder.key());

    let page = page(holders, Holder::key, input.marker.as_deref(), input.max_items)?;
    let mut output = api::ListEntitiesForPolicyOutput {
        policy_groups: Some(Vec::new()),
        policy_users: Some(Vec::new()),
        policy_roles: Some(Vec::new()),
        is_truncated: page.is_truncated(),
        marker: page.marker,
    };
    for holder in page.items {
        match holder {
            Holder::Group(group) => output
                .policy_groups
                .get_or_insert_default()
                .push(api::PolicyGroup { group_name: Some(group.name), group_id: Some(group.id) }),
            Holder::User(user) => output
                .policy_users
                .get_or_insert_default()
                .push(api::PolicyUser { user_name: Some(user.name), user_id: Some(user.id) }),
            Holder::Role(role) => output
                .policy_roles
                .get_or_insert_default()
                .push(api::PolicyRole { role_name: Some(role.name), role_id: Some(role.id) }),
        }
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_arns_of_policies_are_taken() {
        for arn in ["arn:aws:iam::aws:policy/service-role/X", "arn:aws:iam::123456789012:policy/X"] {
            assert!(check_arn(arn).is_ok(), "{arn}");
        }
        for arn in ["longpolicynamebutnoarn", "arn:aws:iam::1:policy/X", "arn:aws:iam::123456789012:role/X"] {
            assert!(check_arn(arn).is_err(), "{arn}");
        }
        assert_eq!(path("arn:aws:iam::aws:policy/service-role/X"), "/service-role/");
        assert_eq!(path("arn:aws:iam::aws:policy/X"), "/");
    }
}
