//! What an organization means for one of its accounts: its place in the tree, and the service and resource control
//! policies on the way from the root to it.

use std::sync::Arc;

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::{OrganizationMembers, OrganizationPolicies};
use cloudtwin_policy::PolicyName;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError};

use crate::attachments::attached;
use crate::policy_types::{RESOURCE_CONTROL, SERVICE_CONTROL};
use crate::state::{Organization, any_account, organization_of};

/// A policy that is attached somewhere above an account, or to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedPolicy {
    /// Its ARN; policies that AWS manages have one without an organization.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The document, as it was written.
    pub document: String,
}

/// The policies attached to the root, to each unit on the way to the account, and to the account, in this order. A
/// call has to be allowed on every level.
pub type Levels = Vec<Vec<AttachedPolicy>>;

/// What holds for an account of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoliciesInForce {
    /// `o-…` (`aws:PrincipalOrgID`).
    pub organization_id: String,
    /// `o-…/r-…/ou-…/`: where the account stands (`aws:PrincipalOrgPaths`).
    pub path: String,
    /// Whether it is the management account. Neither service nor resource control policies restrict it.
    pub is_management_account: bool,
    /// Service control policies; `None` while their type is not enabled.
    pub service_control: Option<Levels>,
    /// Resource control policies; `None` while their type is not enabled.
    pub resource_control: Option<Levels>,
}

fn levels(
    tx: &ReadTx<'_>,
    organization: &Organization,
    targets: &[String],
    policy_type: &str,
) -> Result<Option<Levels>, StoreError> {
    if !organization.enables(policy_type) {
        return Ok(None);
    }
    let level = |target: &String| {
        let policies = attached(tx, organization, target, policy_type)?;
        let policy = |policy: crate::state::Policy| AttachedPolicy {
            arn: organization.policy_arn(&policy),
            name: policy.name,
            document: policy.content,
        };
        Ok(policies.into_iter().map(policy).collect())
    };
    targets.iter().map(level).collect::<Result<_, _>>().map(Some)
}

/// What an organization means for `account`; `None` for an account that is in none.
///
/// # Errors
/// What the store reports.
pub fn policies_in_force(cloud: &Cloud, account: &str) -> Result<Option<PoliciesInForce>, AwsError> {
    cloud.db().scoped("", "").read(|tx| Ok(in_force(tx, account)?))
}

fn in_force(tx: &ReadTx<'_>, account: &str) -> Result<Option<PoliciesInForce>, StoreError> {
    let Some(organization) = organization_of(tx, account)? else { return Ok(None) };
    let Some(member) = any_account(tx, account)?.membership else { return Ok(None) };
    let mut targets = vec![organization.root.clone()];
    targets.extend(organization.units_to(tx, &member.parent)?.into_iter().map(|unit| unit.id));
    targets.push(account.to_owned());
    Ok(Some(PoliciesInForce {
        path: organization.path_to(tx, &member.parent)?,
        is_management_account: organization.management == account,
        service_control: levels(tx, &organization, &targets, SERVICE_CONTROL)?,
        resource_control: levels(tx, &organization, &targets, RESOURCE_CONTROL)?,
        organization_id: organization.id,
    }))
}

/// Answers for the policies of organizations when a call is authorised.
pub(crate) struct Members;

impl OrganizationMembers for Members {
    fn organization(
        &self,
        cloud: &Cloud,
        account: &str,
    ) -> Result<Option<Arc<OrganizationPolicies>>, AwsError> {
        let Some(in_force) = policies_in_force(cloud, account)? else { return Ok(None) };
        let compiled = |levels: Levels| {
            let policy = |policy: AttachedPolicy| {
                cloud.compiled_policy(PolicyName::Organization(policy.arn), &policy.document)
            };
            levels.into_iter().map(|level| level.into_iter().map(policy).collect()).collect()
        };
        Ok(Some(Arc::new(OrganizationPolicies {
            id: in_force.organization_id,
            path: in_force.path,
            management: in_force.is_management_account,
            service_control: in_force.service_control.map(compiled),
            resource_control: in_force.resource_control.map(compiled),
        })))
    }
}
