//! IAM: users, groups, roles, policies, their credentials, and identity providers.
//!
//! IAM is global: an account has one set of everything, whatever the region of the call. Access keys are
//! written for authentication to read (`cloudtwin_core::credentials`).
//!
//! Whether a policy allows something is decided by `cloudtwin_policy`; the policy simulator asks it here.

mod access;
mod access_advisor;
mod access_keys;
mod account;
mod attachments;
mod aws_managed_policies;
mod boundaries;
mod callers;
mod certificates;
mod credential_report;
mod errors;
mod groups;
mod identity;
mod inline_policies;
mod insight;
mod instance_profiles;
mod linking_services;
mod login_profiles;
mod lookup;
mod mfa_devices;
mod naming;
mod oidc_providers;
mod paging;
mod passwords;
mod policies;
mod policy_document;
mod qr_code;
mod roles;
mod saml_metadata;
mod saml_providers;
mod server_certificates;
mod service_credentials;
mod service_linked_roles;
mod service_names;
mod signing_certificates;
mod simulation_context;
mod simulator;
mod ssh_public_keys;
mod state;
mod statement_positions;
mod tags;
mod trusted_principals;
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
        .stored_names(lookup::Lookup)
        .identities(callers::IamIdentities::default())
        .resources(access::IamResources)
        .front_door(insight::Insight)
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
        .op(api::CreateVirtualMFADevice, mfa_devices::create_virtual_mfa_device)
        .op(api::DeactivateMFADevice, mfa_devices::deactivate_mfa_device)
        .op(api::DeleteVirtualMFADevice, mfa_devices::delete_virtual_mfa_device)
        .op(api::EnableMFADevice, mfa_devices::enable_mfa_device)
        .op(api::GetMFADevice, mfa_devices::get_mfa_device)
        .op(api::ListMFADevices, mfa_devices::list_mfa_devices)
        .op(api::ListVirtualMFADevices, mfa_devices::list_virtual_mfa_devices)
        .op(api::ResyncMFADevice, mfa_devices::resync_mfa_device)
        .op(api::ListMFADeviceTags, tags::list_mfa_device_tags)
        .op(api::TagMFADevice, tags::tag_mfa_device)
        .op(api::UntagMFADevice, tags::untag_mfa_device)
        .op(api::AddClientIDToOpenIDConnectProvider, oidc_providers::add_client_id)
        .op(api::CreateOpenIDConnectProvider, oidc_providers::create_oidc_provider)
        .op(api::DeleteOpenIDConnectProvider, oidc_providers::delete_oidc_provider)
        .op(api::GetOpenIDConnectProvider, oidc_providers::get_oidc_provider)
        .op(api::ListOpenIDConnectProviders, oidc_providers::list_oidc_providers)
        .op(api::RemoveClientIDFromOpenIDConnectProvider, oidc_providers::remove_client_id)
        .op(api::UpdateOpenIDConnectProviderThumbprint, oidc_providers::update_thumbprint)
        .op(api::ListOpenIDConnectProviderTags, tags::list_oidc_provider_tags)
        .op(api::TagOpenIDConnectProvider, tags::tag_oidc_provider)
        .op(api::UntagOpenIDConnectProvider, tags::untag_oidc_provider)
        .op(api::CreateSAMLProvider, saml_providers::create_saml_provider)
        .op(api::DeleteSAMLProvider, saml_providers::delete_saml_provider)
        .op(api::GetSAMLProvider, saml_providers::get_saml_provider)
        .op(api::ListSAMLProviders, saml_providers::list_saml_providers)
        .op(api::UpdateSAMLProvider, saml_providers::update_saml_provider)
        .op(api::ListSAMLProviderTags, tags::list_saml_provider_tags)
        .op(api::TagSAMLProvider, tags::tag_saml_provider)
        .op(api::UntagSAMLProvider, tags::untag_saml_provider)
        .op(api::ChangePassword, login_profiles::change_password)
        .op(api::DeleteServerCertificate, server_certificates::delete_server_certificate)
        .op(api::GetServerCertificate, server_certificates::get_server_certificate)
        .op(api::ListServerCertificates, server_certificates::list_server_certificates)
        .op(api::UpdateServerCertificate, server_certificates::update_server_certificate)
        .op(api::UploadServerCertificate, server_certificates::upload_server_certificate)
        .op(api::ListServerCertificateTags, tags::list_server_certificate_tags)
        .op(api::TagServerCertificate, tags::tag_server_certificate)
        .op(api::UntagServerCertificate, tags::untag_server_certificate)
        .op(api::DeleteSSHPublicKey, ssh_public_keys::delete_ssh_public_key)
        .op(api::GetSSHPublicKey, ssh_public_keys::get_ssh_public_key)
        .op(api::ListSSHPublicKeys, ssh_public_keys::list_ssh_public_keys)
        .op(api::UpdateSSHPublicKey, ssh_public_keys::update_ssh_public_key)
        .op(api::UploadSSHPublicKey, ssh_public_keys::upload_ssh_public_key)
        .op(api::DeleteSigningCertificate, signing_certificates::delete_signing_certificate)
        .op(api::ListSigningCertificates, signing_certificates::list_signing_certificates)
        .op(api::UpdateSigningCertificate, signing_certificates::update_signing_certificate)
        .op(api::UploadSigningCertificate, signing_certificates::upload_signing_certificate)
        .op(api::GenerateCredentialReport, credential_report::generate_credential_report)
        .op(api::GetCredentialReport, credential_report::get_credential_report)
        .op(api::GenerateServiceLastAccessedDetails, access_advisor::generate_details)
        .op(api::GetServiceLastAccessedDetails, access_advisor::get_details)
        .op(api::GetServiceLastAccessedDetailsWithEntities, access_advisor::get_details_with_entities)
        .op(api::ListPoliciesGrantingServiceAccess, access_advisor::list_policies_granting_service_access)
        .op(api::GetContextKeysForCustomPolicy, simulator::get_context_keys_for_custom_policy)
        .op(api::GetContextKeysForPrincipalPolicy, simulator::get_context_keys_for_principal_policy)
        .op(api::SimulateCustomPolicy, simulator::simulate_custom_policy)
        .op(api::SimulatePrincipalPolicy, simulator::simulate_principal_policy)
        .op(api::CreateAccountAlias, account::create_account_alias)
        .op(api::DeleteAccountAlias, account::delete_account_alias)
        .op(api::GetAccountAuthorizationDetails, account::get_account_authorization_details)
        .op(api::GetAccountSummary, account::get_account_summary)
        .op(api::ListAccountAliases, account::list_account_aliases)
}
