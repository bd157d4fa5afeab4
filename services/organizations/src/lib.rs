//! Organizations: accounts in a tree of organizational units, and the policies attached to it.
//!
//! An organization spans accounts, so its rows belong to nobody: all tables are global, and every operation first
//! asks which organization the caller's account is in ([`access`]). What the tree's service and resource control
//! policies mean for one account is in [`policies_in_force`].

mod access;
mod accounts;
mod all_features;
mod attachments;
mod delegated_administrators;
mod effective_policy;
mod errors;
mod handshakes;
mod invitations;
mod membership;
mod organization;
mod paging;
mod policies;
pub mod policies_in_force;
mod policy_content;
mod policy_types;
mod resource_facts;
mod resource_policy;
mod service_access;
mod state;
mod stored_arns;
mod tags;
mod tree;
mod units;
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
        .stored_names(stored_arns::StoredArns)
        .resources(resource_facts::ResourceFacts)
        .organization_members(policies_in_force::Members)
        .op(api::CreateOrganization, organization::create_organization)
        .op(api::DeleteOrganization, organization::delete_organization)
        .op(api::DescribeOrganization, organization::describe_organization)
        .op(api::ListRoots, organization::list_roots)
        .op(api::CloseAccount, accounts::close_account)
        .op(api::CreateAccount, accounts::create_account)
        .op(api::DescribeAccount, accounts::describe_account)
        .op(api::DescribeCreateAccountStatus, accounts::describe_create_account_status)
        .op(api::ListAccounts, accounts::list_accounts)
        .op(api::ListCreateAccountStatus, accounts::list_create_account_status)
        .op(api::LeaveOrganization, membership::leave_organization)
        .op(api::MoveAccount, membership::move_account)
        .op(api::RemoveAccountFromOrganization, membership::remove_account_from_organization)
        .op(api::CreateOrganizationalUnit, units::create_organizational_unit)
        .op(api::DeleteOrganizationalUnit, units::delete_organizational_unit)
        .op(api::DescribeOrganizationalUnit, units::describe_organizational_unit)
        .op(api::ListOrganizationalUnitsForParent, units::list_organizational_units_for_parent)
        .op(api::UpdateOrganizationalUnit, units::update_organizational_unit)
        .op(api::ListAccountsForParent, tree::list_accounts_for_parent)
        .op(api::ListChildren, tree::list_children)
        .op(api::ListParents, tree::list_parents)
        .op(api::CreatePolicy, policies::create_policy)
        .op(api::DeletePolicy, policies::delete_policy)
        .op(api::DescribePolicy, policies::describe_policy)
        .op(api::ListPolicies, policies::list_policies)
        .op(api::UpdatePolicy, policies::update_policy)
        .op(api::AttachPolicy, attachments::attach_policy)
        .op(api::DetachPolicy, attachments::detach_policy)
        .op(api::ListPoliciesForTarget, attachments::list_policies_for_target)
        .op(api::ListTargetsForPolicy, attachments::list_targets_for_policy)
        .op(api::DisablePolicyType, policy_types::disable_policy_type)
        .op(api::EnablePolicyType, policy_types::enable_policy_type)
        .op(api::DescribeEffectivePolicy, effective_policy::describe_effective_policy)
        .op(api::DeleteResourcePolicy, resource_policy::delete_resource_policy)
        .op(api::DescribeResourcePolicy, resource_policy::describe_resource_policy)
        .op(api::PutResourcePolicy, resource_policy::put_resource_policy)
        .op(api::ListTagsForResource, tags::list_tags_for_resource)
        .op(api::TagResource, tags::tag_resource)
        .op(api::UntagResource, tags::untag_resource)
        .op(api::DisableAWSServiceAccess, service_access::disable_service_access)
        .op(api::EnableAWSServiceAccess, service_access::enable_service_access)
        .op(api::ListAWSServiceAccessForOrganization, service_access::list_service_access)
        .op(api::DeregisterDelegatedAdministrator, delegated_administrators::deregister)
        .op(api::ListDelegatedAdministrators, delegated_administrators::list_administrators)
        .op(api::ListDelegatedServicesForAccount, delegated_administrators::list_services)
        .op(api::RegisterDelegatedAdministrator, delegated_administrators::register)
        .op(api::InviteAccountToOrganization, invitations::invite_account_to_organization)
        .op(api::EnableAllFeatures, all_features::enable_all_features)
        .op(api::AcceptHandshake, handshakes::accept_handshake)
        .op(api::CancelHandshake, handshakes::cancel_handshake)
        .op(api::DeclineHandshake, handshakes::decline_handshake)
        .op(api::DescribeHandshake, handshakes::describe_handshake)
        .op(api::ListHandshakesForAccount, handshakes::list_handshakes_for_account)
        .op(api::ListHandshakesForOrganization, handshakes::list_handshakes_for_organization)
}
