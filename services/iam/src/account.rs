//! The account as a whole: its alias, its numbers, and everything in it at once.

use std::collections::BTreeMap;

use cloudtwin_core::Ctx;
use cloudtwin_core::federation::{OIDC_PROVIDERS, SAML_PROVIDERS};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError};

use crate::api::{
    CreateAccountAliasInput, CreateAccountAliasOutput, DeleteAccountAliasInput, DeleteAccountAliasOutput,
    GetAccountAuthorizationDetailsInput, GetAccountAuthorizationDetailsOutput, GetAccountSummaryInput,
    GetAccountSummaryOutput, GroupDetail, ListAccountAliasesInput, ListAccountAliasesOutput,
    ManagedPolicyDetail, Policy as PolicyShape, PolicyDetail, RoleDetail, RoleLastUsed, UserDetail,
};
use crate::aws_managed_policies::{self, AwsManagedPolicy};
use crate::naming::encoded;
use crate::paging::page;
use crate::state::{
    ACCOUNT, ACCOUNTS, GROUPS, Group, INSTANCE_PROFILES, POLICIES, Permissions, Policy, ROLES, Role,
    SERVER_CERTIFICATES, USERS, User, fold,
};
use crate::{
    access_keys, attachments, boundaries, errors, groups, instance_profiles, mfa_devices, policies,
    server_certificates, tags,
};

pub(crate) async fn create_account_alias(
    ctx: Ctx,
    input: CreateAccountAliasInput,
) -> Result<CreateAccountAliasOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            // Aliases are names in AWS's sign-in addresses, so no two accounts have the same.
            for row in tx.all_scopes(&ACCOUNTS)? {
                let (owner, _, account) = row?;
                if owner.account != tx.account() && account.alias.as_ref() == Some(&input.account_alias) {
                    let message = format!("The account alias {} already exists.", input.account_alias);
                    return Err(errors::already_exists(message));
                }
            }
            let mut account = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
            account.alias = Some(input.account_alias.clone());
            Ok(tx.put(&ACCOUNTS, ACCOUNT, &account)?)
        })
        .await?;
    Ok(CreateAccountAliasOutput::default())
}

pub(crate) async fn list_account_aliases(
    ctx: Ctx,
    _: ListAccountAliasesInput,
) -> Result<ListAccountAliasesOutput, AwsError> {
    let account = ctx.db().read(|tx| tx.get(&ACCOUNTS, ACCOUNT))?.unwrap_or_default();
    Ok(ListAccountAliasesOutput {
        account_aliases: account.alias.into_iter().collect(),
        is_truncated: Some(false),
        marker: None,
    })
}

pub(crate) async fn delete_account_alias(
    ctx: Ctx,
    input: DeleteAccountAliasInput,
) -> Result<DeleteAccountAliasOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut account = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
            if account.alias.as_ref() != Some(&input.account_alias) {
                let name = &input.account_alias;
                let message = format!("The account alias with name {name} cannot be found.");
                return Err(errors::no_such_entity(message));
            }
            account.alias = None;
            Ok(tx.put(&ACCOUNTS, ACCOUNT, &account)?)
        })
        .await?;
    Ok(DeleteAccountAliasOutput::default())
}

pub(crate) async fn get_account_summary(
    ctx: Ctx,
    _: GetAccountSummaryInput,
) -> Result<GetAccountSummaryOutput, AwsError> {
    ctx.db().read(|tx| {
        let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let account = tx.get(&ACCOUNTS, ACCOUNT)?.unwrap_or_default();
        let mut versions = 0;
        for policy in tx.scan(&POLICIES)?.values() {
            versions += policy?.versions.len();
        }
        let (mfa_devices, mfa_in_use, root_mfa) = mfa_devices::summary(tx)?;
        let providers = tx.count(&OIDC_PROVIDERS)? + tx.count(&SAML_PROVIDERS)?;
        let attached = count(attachments::QUOTA);
        let summary = [
            ("AccessKeysPerUserQuota", count(access_keys::QUOTA)),
            ("AccountAccessKeysPresent", i32::from(!account.access_keys.is_empty())),
            ("AccountMFAEnabled", i32::from(root_mfa)),
            ("AccountPasswordPresent", 1),
            ("AccountSigningCertificatesPresent", 0),
            ("AssumeRolePolicySizeQuota", 2_048),
            ("AttachedPoliciesPerGroupQuota", attached),
            ("AttachedPoliciesPerRoleQuota", attached),
            ("AttachedPoliciesPerUserQuota", attached),
            ("GlobalEndpointTokenVersion", 1),
            ("GroupPolicySizeQuota", 5_120),
            ("Groups", count(tx.count(&GROUPS)?)),
            ("GroupsPerUserQuota", 10),
            ("GroupsQuota", 300),
            ("InstanceProfiles", count(tx.count(&INSTANCE_PROFILES)?)),
            ("InstanceProfilesQuota", 1_000),
            ("MFADevices", count(mfa_devices)),
            ("MFADevicesInUse", count(mfa_in_use)),
            ("Policies", count(tx.count(&POLICIES)?)),
            ("PoliciesQuota", 1_500),
            ("PolicySizeQuota", 6_144),
            ("PolicyVersionsInUse", count(versions)),
            ("PolicyVersionsInUseQuota", 10_000),
            ("Providers", count(providers)),
            ("RolePolicySizeQuota", 10_240),
            ("Roles", count(tx.count(&ROLES)?)),
            ("RolesQuota", 1_000),
            ("ServerCertificates", count(tx.count(&SERVER_CERTIFICATES)?)),
            ("ServerCertificatesQuota", count(server_certificates::QUOTA)),
            ("SigningCertificatesPerUserQuota", 2),
            ("UserPolicySizeQuota", 2_048),
            ("Users", count(tx.count(&USERS)?)),
            ("UsersQuota", 5_000),
            ("VersionsPerPolicyQuota", count(policies::VERSIONS_QUOTA)),
        ];
        let summary: BTreeMap<String, i32> =
            summary.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Ok(GetAccountSummaryOutput { summary_map: Some(summary) })
    })
}

/// Whatever `GetAccountAuthorizationDetails` lists.
enum Detail {
    User(Box<User>),
    Group(Box<Group>),
    Role(Box<Role>),
    Policy(Box<Policy>),
    AwsPolicy(&'static AwsManagedPolicy),
}

impl Detail {
    /// Names it within the list, in its order.
    fn key(&self) -> String {
        match self {
            Self::User(user) => format!("1/{}", fold(&user.name)),
            Self::Group(group) => format!("2/{}", fold(&group.name)),
            Self::Role(role) => format!("3/{}", fold(&role.name)),
            Self::Policy(policy) => format!("4/{}", fold(&policy.name)),
            Self::AwsPolicy(policy) => format!("5/{}", policy.name),
        }
    }
}

fn details(tx: &ReadTx<'_>, wanted: impl Fn(&str) -> bool) -> Result<Vec<Detail>, AwsError> {
    let mut details = Vec::new();
    if wanted("User") {
        for user in tx.scan(&USERS)?.values() {
            details.push(Detail::User(Box::new(user?)));
        }
    }
    if wanted("Group") {
        for group in tx.scan(&GROUPS)?.values() {
            details.push(Detail::Group(Box::new(group?)));
        }
    }
    if wanted("Role") {
        for role in tx.scan(&ROLES)?.values() {
            details.push(Detail::Role(Box::new(role?)));
        }
    }
    if wanted("LocalManagedPolicy") {
        for policy in tx.scan(&POLICIES)?.values() {
            details.push(Detail::Policy(Box::new(policy?)));
        }
    }
    if wanted("AWSManagedPolicy") {
        // Of AWS's policies only those that are used.
        for policy in aws_managed_policies::all() {
            if attachments::usage(tx, &policy.arn())? != (0, 0) {
                details.push(Detail::AwsPolicy(policy));
            }
        }
    }
    Ok(details)
}

pub(crate) async fn get_account_authorization_details(
    ctx: Ctx,
    input: GetAccountAuthorizationDetailsInput,
) -> Result<GetAccountAuthorizationDetailsOutput, AwsError> {
    let filter = input.filter.unwrap_or_default();
    ctx.db().read(|tx| {
        let all = details(tx, |kind| filter.is_empty() || filter.iter().any(|wanted| wanted == kind))?;
        let page = page(all, Detail::key, input.marker.as_deref(), input.max_items)?;
        let (mut users, mut group_list, mut roles, mut policies) = (vec![], vec![], vec![], vec![]);
        let is_truncated = page.is_truncated();
        for detail in page.items {
            match detail {
                Detail::User(user) => users.push(user_detail(tx, &user)?),
                Detail::Group(group) => group_list.push(group_detail(tx, &group)),
                Detail::Role(role) => roles.push(role_detail(tx, &role)?),
                Detail::Policy(policy) => {
                    let shape = PolicyShape {
                        description: policy.description.clone(),
                        ..policy.shape(attachments::usage(tx, &policy.arn)?)
                    };
                    let versions = policy.versions.iter().rev();
                    let versions = versions.map(|version| policy.version_shape(version, true)).collect();
                    policies.push(policy_detail(shape, versions));
                }
                Detail::AwsPolicy(policy) => {
                    let shape = policy.shape(attachments::usage(tx, &policy.arn())?);
                    policies.push(policy_detail(shape, vec![policy.version_shape(true)]));
                }
            }
        }
        Ok(GetAccountAuthorizationDetailsOutput {
            user_detail_list: Some(users),
            group_detail_list: Some(group_list),
            role_detail_list: Some(roles),
            policies: Some(policies),
            is_truncated,
            marker: page.marker,
        })
    })
}

fn inline(permissions: &Permissions) -> Vec<PolicyDetail> {
    permissions
        .inline
        .iter()
        .map(|(name, document)| PolicyDetail {
            policy_name: Some(name.clone()),
            policy_document: Some(encoded(document)),
        })
        .collect()
}

fn attached(permissions: &Permissions) -> Vec<crate::api::AttachedPolicy> {
    permissions.attached.iter().map(|arn| attachments::shape(arn)).collect()
}

fn user_detail(tx: &ReadTx<'_>, user: &User) -> Result<UserDetail, StoreError> {
    let inline = inline(&user.permissions);
    let groups = groups::groups_of(tx, user)?.into_iter().map(|group| group.name).collect();
    Ok(UserDetail {
        path: Some(user.path.clone()),
        user_name: Some(user.name.clone()),
        user_id: Some(user.id.clone()),
        arn: Some(user.arn(tx.account())),
        create_date: Some(user.created),
        user_policy_list: (!inline.is_empty()).then_some(inline),
        group_list: Some(groups),
        attached_managed_policies: Some(attached(&user.permissions)),
        permissions_boundary: boundaries::shape(&user.permissions),
        tags: tags::shape(&user.tags),
    })
}

fn group_detail(tx: &ReadTx<'_>, group: &Group) -> GroupDetail {
    GroupDetail {
        path: Some(group.path.clone()),
        group_name: Some(group.name.clone()),
        group_id: Some(group.id.clone()),
        arn: Some(group.arn(tx.account())),
        create_date: Some(group.created),
        group_policy_list: Some(inline(&group.permissions)),
        attached_managed_policies: Some(attached(&group.permissions)),
    }
}

fn role_detail(tx: &ReadTx<'_>, role: &Role) -> Result<RoleDetail, AwsError> {
    let profiles = instance_profiles::profiles_of(tx, role)?;
    Ok(RoleDetail {
        path: Some(role.path.clone()),
        role_name: Some(role.name.clone()),
        role_id: Some(role.id.clone()),
        arn: Some(role.arn(tx.account())),
        create_date: Some(role.created),
        assume_role_policy_document: Some(encoded(&role.trust_policy_now(tx)?)),
        instance_profile_list: Some(
            profiles
                .iter()
                .map(|profile| instance_profiles::shape(tx, profile, false))
                .collect::<Result<_, _>>()?,
        ),
        role_policy_list: Some(inline(&role.permissions)),
        attached_managed_policies: Some(attached(&role.permissions)),
        permissions_boundary: boundaries::shape(&role.permissions),
        tags: tags::shape(&role.tags),
        role_last_used: Some(RoleLastUsed::default()),
    })
}

fn policy_detail(policy: PolicyShape, versions: Vec<crate::api::PolicyVersion>) -> ManagedPolicyDetail {
    ManagedPolicyDetail {
        policy_name: policy.policy_name,
        policy_id: policy.policy_id,
        arn: policy.arn,
        path: policy.path,
        default_version_id: policy.default_version_id,
        attachment_count: policy.attachment_count,
        permissions_boundary_usage_count: policy.permissions_boundary_usage_count,
        is_attachable: policy.is_attachable,
        description: policy.description,
        create_date: policy.create_date,
        update_date: policy.update_date,
        policy_version_list: Some(versions),
    }
}
