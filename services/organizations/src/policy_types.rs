//! The types of policies, their limits, and the policies of AWS's own; enabling and disabling types.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::access::{self, OpenTo};
use crate::api::{
    DisablePolicyTypeInput, DisablePolicyTypeOutput, EnablePolicyTypeInput, EnablePolicyTypeOutput,
    errors as model,
};
use crate::organization::root_shape;
use crate::state::{ATTACHMENTS, Attachment, Organization, Policy};
use crate::{attachments, errors};

/// Policies that limit what member accounts may do.
pub(crate) const SERVICE_CONTROL: &str = "SERVICE_CONTROL_POLICY";

/// Policies that limit what may be done with resources of member accounts.
pub(crate) const RESOURCE_CONTROL: &str = "RESOURCE_CONTROL_POLICY";

/// What the user guide's page "Quotas for AWS Organizations" says of a type of policies.
pub(crate) struct Limits {
    /// Characters of a document.
    pub(crate) size: usize,
    /// Policies attached to one root, unit or account.
    pub(crate) attached: usize,
    /// Policies of an organization.
    pub(crate) policies: usize,
}

/// The limits of a type.
pub(crate) fn limits(policy_type: &str) -> Limits {
    let (size, attached, policies) = match policy_type {
        SERVICE_CONTROL => (10_240, 10, 10_000),
        RESOURCE_CONTROL => (5_120, 5, 1_000),
        "AISERVICES_OPT_OUT_POLICY" => (2_500, 5, 1_000),
        "CHATBOT_POLICY" => (10_000, 5, 1_000),
        _ => (10_000, 10, 1_000),
    };
    Limits { size, attached, policies }
}

/// A policy that AWS manages, the same in every organization.
pub(crate) struct AwsManaged {
    id: &'static str,
    name: &'static str,
    description: &'static str,
    policy_type: &'static str,
    content: &'static str,
}

const AWS_MANAGED: [AwsManaged; 2] = [
    AwsManaged {
        id: "p-FullAWSAccess",
        name: "FullAWSAccess",
        description: "Allows access to every operation",
        policy_type: SERVICE_CONTROL,
        content: "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \
                  \"Action\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}",
    },
    AwsManaged {
        id: "p-RCPFullAWSAccess",
        name: "RCPFullAWSAccess",
        description: "Allows all access to every resource",
        policy_type: RESOURCE_CONTROL,
        content: "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \
                  \"Principal\": \"*\",\n      \"Action\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}",
    },
];

impl AwsManaged {
    /// The policy as a row, of which there is none.
    pub(crate) fn row(&self) -> Policy {
        Policy {
            id: self.id.to_owned(),
            name: self.name.to_owned(),
            description: self.description.to_owned(),
            policy_type: self.policy_type.to_owned(),
            content: self.content.to_owned(),
            tags: Vec::new(),
            updated: Timestamp::default(),
        }
    }
}

/// The AWS-managed policy with this id.
pub(crate) fn aws_managed(id: &str) -> Option<&'static AwsManaged> {
    AWS_MANAGED.iter().find(|policy| policy.id == id)
}

/// The AWS-managed policy of a type: the one that everything has as long as nobody chooses another.
pub(crate) fn default_policy(policy_type: &str) -> Option<&'static AwsManaged> {
    AWS_MANAGED.iter().find(|policy| policy.policy_type == policy_type)
}

/// Attaches the AWS-managed policies of all enabled types to what is new in the organization.
pub(crate) fn attach_defaults(
    tx: &mut Tx<'_>,
    organization: &Organization,
    target: &str,
) -> Result<(), StoreError> {
    for policy in &AWS_MANAGED {
        if organization.enables(policy.policy_type) {
            attachments::put(tx, organization, target, policy.id, policy.policy_type)?;
        }
    }
    Ok(())
}

/// Everything that policies can be attached to: the root, the units, the accounts.
fn targets(tx: &ReadTx<'_>, organization: &Organization) -> Result<Vec<String>, StoreError> {
    let units = organization.units(tx)?.into_iter().map(|unit| unit.id);
    let accounts = organization.accounts(tx)?.into_iter().map(|account| account.id);
    Ok(std::iter::once(organization.root.clone()).chain(units).chain(accounts).collect())
}

pub(crate) async fn enable_policy_type(
    ctx: Ctx,
    input: EnablePolicyTypeInput,
) -> Result<EnablePolicyTypeOutput, AwsError> {
    let policy_type = &input.policy_type;
    let organization = ctx
        .db()
        .write(|tx| {
            let mut organization = access::organization(&ctx, tx, OpenTo::Management)?;
            if organization.root != input.root_id {
                return Err(errors::root_not_found());
            }
            if !organization.all_features {
                return Err(errors::policy_type_not_available());
            }
            if organization.enables(policy_type) {
                return Err(model::POLICY_TYPE_ALREADY_ENABLED_EXCEPTION
                    .with("The specified policy type is already enabled."));
            }
            organization.enabled_policy_types.push(policy_type.clone());
            organization.put(tx)?;
            if let Some(policy) = default_policy(policy_type) {
                for target in targets(tx, &organization)? {
                    attachments::put(tx, &organization, &target, policy.id, policy_type)?;
                }
            }
            Ok(organization)
        })
        .await?;
    Ok(EnablePolicyTypeOutput { root: Some(root_shape(&organization)) })
}

pub(crate) async fn disable_policy_type(
    ctx: Ctx,
    input: DisablePolicyTypeInput,
) -> Result<DisablePolicyTypeOutput, AwsError> {
    let policy_type = &input.policy_type;
    let organization = ctx
        .db()
        .write(|tx| {
            let mut organization = access::organization(&ctx, tx, OpenTo::Management)?;
            if organization.root != input.root_id {
                return Err(errors::root_not_found());
            }
            if !organization.enables(policy_type) {
                return Err(errors::policy_type_not_enabled());
            }
            organization.enabled_policy_types.retain(|enabled| enabled != policy_type);
            organization.put(tx)?;
            for target in targets(tx, &organization)? {
                let attached: Vec<Attachment> =
                    tx.prefix(&ATTACHMENTS, (&target,))?.values().collect::<Result<_, _>>()?;
                for attachment in attached.iter().filter(|one| one.policy_type == *policy_type) {
                    tx.delete(&ATTACHMENTS, (&attachment.target, &attachment.policy))?;
                }
            }
            Ok(organization)
        })
        .await?;
    Ok(DisablePolicyTypeOutput { root: Some(root_shape(&organization)) })
}
