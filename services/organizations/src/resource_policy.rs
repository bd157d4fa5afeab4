//! The organization's resource policy, with which the management account delegates the management of policies.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use serde_json::Value;

use crate::access::{self, OpenTo};
use crate::api::{
    self, DeleteResourcePolicyInput, DeleteResourcePolicyOutput, DescribeResourcePolicyInput,
    DescribeResourcePolicyOutput, PutResourcePolicyInput, PutResourcePolicyOutput, ResourcePolicySummary,
    errors as model,
};
use crate::organization::ID_CHARACTERS;
use crate::state::{Organization, ResourcePolicy};
use crate::{errors, tags};

fn shape(organization: &Organization, policy: &ResourcePolicy) -> api::ResourcePolicy {
    api::ResourcePolicy {
        resource_policy_summary: Some(ResourcePolicySummary {
            id: Some(policy.id.clone()),
            arn: Some(organization.resource_policy_arn(&policy.id)),
        }),
        content: Some(policy.content.clone()),
    }
}

fn not_found() -> AwsError {
    model::RESOURCE_POLICY_NOT_FOUND_EXCEPTION.with("You specified a resource policy that doesn't exist.")
}

pub(crate) async fn put_resource_policy(
    ctx: Ctx,
    input: PutResourcePolicyInput,
) -> Result<PutResourcePolicyOutput, AwsError> {
    let is_policy = serde_json::from_str::<Value>(&input.content)
        .is_ok_and(|document| document.get("Statement").is_some());
    if !is_policy {
        return Err(errors::invalid_input(
            "INVALID_RESOURCE_POLICY_JSON",
            "The provided resource-based policy content is not valid JSON or not a policy.",
        ));
    }
    let has_tags = input.tags.as_ref().is_some_and(|tags| !tags.is_empty());
    let tags = tags::checked(input.tags)?;
    let id = format!("rp-{}", ctx.random_text(ID_CHARACTERS, 8));
    let content = &input.content;
    let policy = ctx
        .db()
        .write(|tx| {
            let mut organization = access::with_all_features(&ctx, tx, OpenTo::Management)?;
            let policy = match organization.resource_policy.take() {
                Some(_) if has_tags => {
                    return Err(errors::invalid_input(
                        "UPDATE_EXISTING_RESOURCE_POLICY_WITH_TAGS_NOT_SUPPORTED",
                        "You can't add tags when you update an existing resource-based policy.",
                    ));
                }
                Some(old) => ResourcePolicy { content: content.clone(), ..old },
                None => ResourcePolicy { id: id.clone(), content: content.clone(), tags: tags.clone() },
            };
            organization.resource_policy = Some(policy.clone());
            organization.put(tx)?;
            Ok(shape(&organization, &policy))
        })
        .await?;
    Ok(PutResourcePolicyOutput { resource_policy: Some(policy) })
}

pub(crate) async fn describe_resource_policy(
    ctx: Ctx,
    _: DescribeResourcePolicyInput,
) -> Result<DescribeResourcePolicyOutput, AwsError> {
    let policy = ctx.db().read(|tx| {
        let organization = access::with_all_features(&ctx, tx, OpenTo::Administrators)?;
        let policy = organization.resource_policy.as_ref().ok_or_else(not_found)?;
        Ok::<_, AwsError>(shape(&organization, policy))
    })?;
    Ok(DescribeResourcePolicyOutput { resource_policy: Some(policy) })
}

pub(crate) async fn delete_resource_policy(
    ctx: Ctx,
    _: DeleteResourcePolicyInput,
) -> Result<DeleteResourcePolicyOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let mut organization = access::with_all_features(&ctx, tx, OpenTo::Management)?;
            organization.resource_policy.take().ok_or_else(not_found)?;
            organization.put(tx)
        })
        .await?;
    Ok(DeleteResourcePolicyOutput::default())
}
