//! IAM: users, groups, roles, policies and instance profiles.
//!
//! IAM is global: an account has one set of everything, whatever the region of the call. Access keys are
//! written for authentication to read (`cloudtwin_core::credentials`).
//!
//! Not here: whether a policy allows something. Documents are checked for their syntax when they are stored.

mod access_keys;
mod account;
mod attachments;
mod aws_managed_policies;
mod boundaries;
mod errors;
mod groups;
mod inline_policies;
mod instance_profiles;
mod linking_services;
mod login_profiles;
mod naming;
mod other_credentials;
mod paging;
mod policies;
mod policy_document;
mod roles;
mod service_credentials;
mod service_linked_roles;
mod state;
mod tags;
mod users;
mod validation;

use cloudtwin_core::{Service, ValidationStyle};

#[expect(missing_docs, reason = "the names are the model's, and AWS's API reference is their documentation")]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

/// The service.
pub fn service() -> Service {
    Service::new(&api::SERVICE, api::OPERATIONS)
        .validation(ValidationStyle::Custom(validation::refusal))
        .op(api::CreateUser, users::create_user)
        .op(api::DeleteUser, users::delete_user)
        .op(api::GetUser, users::get_user)
        .op(api::ListUsers, users::list_users)
        .op(api::UpdateUser, users::update_user)
        .op(api::CreateAccessKey, access_keys::create_access_key)
        .op(api::DeleteAccessKey, access_keys::delete_access_key)
        .op(api::GetAccessKeyLastUsed, access_keys::get_access_key_last_used)
        .op(api::ListAccessKeys, access_keys::list_access_keys)
        .op(api::UpdateAccessKey, access_keys::update_access_key)
        .op(api::AddUserToGroup, groups::add_user_to_group)
        .op(api::CreateGroup, groups::create_group)
        .op(api::DeleteGroup, groups::delete_group)
        .op(api::GetGroup, groups::get_group)
        .op(api::ListGroups, groups::list_groups)
        .op(api::ListGroupsForUser, groups::list_groups_for_user)
        .op(api::RemoveUserFromGroup, groups::remove_user_from_group)
        .op(api::UpdateGroup, groups::update_group)
        .op(api::CreateRole, roles::create_role)
        .op(api::DeleteRole, roles::delete_role)
        .op(api::GetRole, roles::get_role)
        .op(api::ListRoles, roles::list_roles)
        .op(api::UpdateAssumeRolePolicy, roles::update_assume_role_policy)
        .op(api::UpdateRole, roles::update_role)
        .op(api::UpdateRoleDescription, roles::update_role_description)
        .op(api::CreateServiceLinkedRole, service_linked_roles::create_service_linked_role)
        .op(api::DeleteServiceLinkedRole, service_linked_roles::delete_service_linked_role)
        .op(api::GetServiceLinkedRoleDeletionStatus, service_linked_roles::get_deletion_status)
        .op(api::AddRoleToInstanceProfile, instance_profiles::add_role_to_instance_profile)
        .op(api::CreateInstanceProfile, instance_profiles::create_instance_profile)
        .op(api::DeleteInstanceProfile, instance_profiles::delete_instance_profile)
        .op(api::GetInstanceProfile, instance_profiles::get_instance_profile)
        .op(api::ListInstanceProfiles, instance_profiles::list_instance_profiles)
        .op(api::ListInstanceProfilesForRole, instance_profiles::list_instance_profiles_for_role)
        .op(api::RemoveRoleFromInstanceProfile, instance_profiles::remove_role_from_instance_profile)
        .op(api::CreatePolicy, policies::create_policy)
        .op(api::CreatePolicyVersion, policies::create_policy_version)
        .op(api::DeletePolicy, policies::delete_policy)
        .op(api::DeletePolicyVersion, policies::delete_policy_version)
        .op(api::GetPolicy, policies::get_policy)
        .op(api::GetPolicyVersion, policies::get_policy_version)
        .op(api::ListPolicies, policies::list_policies)
        .op(api::ListPolicyVersions, policies::list_policy_versions)
        .op(api::SetDefaultPolicyVersion, policies::set_default_policy_version)
        .op(api::AttachGroupPolicy, attachments::attach_group_policy)
        .op(api::AttachRolePolicy, attachments::attach_role_policy)
        .op(api::AttachUserPolicy, attachments::attach_user_policy)
        .op(api::DetachGroupPolicy, attachments::detach_group_policy)
        .op(api::DetachRolePolicy, attachments::detach_role_policy)
        .op(api::DetachUserPolicy, attachments::detach_user_policy)
        .op(api::ListAttachedGroupPolicies, attachments::list_attached_group_policies)
        .op(api::ListAttachedRolePolicies, attachments::list_attached_role_policies)
        .op(api::ListAttachedUserPolicies, attachments::list_attached_user_policies)
        .op(api::ListEntitiesForPolicy, attachments::list_entities_for_policy)
        .op(api::DeleteGroupPolicy, inline_policies::delete_group_policy)
        .op(api::DeleteRolePolicy, inline_policies::delete_role_policy)
        .op(api::DeleteUserPolicy, inline_policies::delete_user_policy)
        .op(api::GetGroupPolicy, inline_policies::get_group_policy)
        .op(api::GetRolePolicy, inline_policies::get_role_policy)
        .op(api::GetUserPolicy, inline_policies::get_user_policy)
        .op(api::ListGroupPolicies, inline_policies::list_group_policies)
        .op(api::ListRolePolicies, inline_policies::list_role_policies)
        .op(api::ListUserPolicies, inline_policies::list_user_policies)
        .op(api::PutGroupPolicy, inline_policies::put_group_policy)
        .op(api::PutRolePolicy, inline_policies::put_role_policy)
        .op(api::PutUserPolicy, inline_policies::put_user_policy)
        .op(api::DeleteRolePermissionsBoundary, boundaries::delete_role_permissions_boundary)
        .op(api::DeleteUserPermissionsBoundary, boundaries::delete_user_permissions_boundary)
        .op(api::PutRolePermissionsBoundary, boundaries::put_role_permissions_boundary)
        .op(api::PutUserPermissionsBoundary, boundaries::put_user_permissions_boundary)
        .op(api::ListInstanceProfileTags, tags::list_instance_profile_tags)
        .op(api::ListPolicyTags, tags::list_policy_tags)
        .op(api::ListRoleTags, tags::list_role_tags)
        .op(api::ListUserTags, tags::list_user_tags)
        .op(api::TagInstanceProfile, tags::tag_instance_profile)
        .op(api::TagPolicy, tags::tag_policy)
        .op(api::TagRole, tags::tag_role)
        .op(api::TagUser, tags::tag_user)
        .op(api::UntagInstanceProfile, tags::untag_instance_profile)
        .op(api::UntagPolicy, tags::untag_policy)
        .op(api::UntagRole, tags::untag_role)
        .op(api::UntagUser, tags::untag_user)
        .op(api::CreateLoginProfile, login_profiles::create_login_profile)
        .op(api::DeleteAccountPasswordPolicy, login_profiles::delete_account_password_policy)
        .op(api::DeleteLoginProfile, login_profiles::delete_login_profile)
        .op(api::GetAccountPasswordPolicy, login_profiles::get_account_password_policy)
        .op(api::GetLoginProfile, login_profiles::get_login_profile)
        .op(api::UpdateAccountPasswordPolicy, login_profiles::update_account_password_policy)
        .op(api::UpdateLoginProfile, login_profiles::update_login_profile)
        .op(api::CreateServiceSpecificCredential, service_credentials::create_service_specific_credential)
        .op(api::DeleteServiceSpecificCredential, service_credentials::delete_service_specific_credential)
        .op(api::ListServiceSpecificCredentials, service_credentials::list_service_specific_credentials)
        .op(api::ResetServiceSpecificCredential, service_credentials::reset_service_specific_credential)
        .op(api::UpdateServiceSpecificCredential, service_credentials::update_service_specific_credential)
        .op(api::ListMFADevices, other_credentials::list_mfa_devices)
        .op(api::ListSSHPublicKeys, other_credentials::list_ssh_public_keys)
        .op(api::ListSigningCertificates, other_credentials::list_signing_certificates)
        .op(api::ListVirtualMFADevices, other_credentials::list_virtual_mfa_devices)
        .op(api::CreateAccountAlias, account::create_account_alias)
        .op(api::DeleteAccountAlias, account::delete_account_alias)
        .op(api::GetAccountAuthorizationDetails, account::get_account_authorization_details)
        .op(api::GetAccountSummary, account::get_account_summary)
        .op(api::ListAccountAliases, account::list_account_aliases)
}
