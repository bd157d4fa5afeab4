//! Managed policies and their versions: the account's own, and AWS's to read.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::ReadTx;

use crate::api::{
    CreatePolicyInput, CreatePolicyOutput, CreatePolicyVersionInput, CreatePolicyVersionOutput,
    DeletePolicyInput, DeletePolicyOutput, DeletePolicyVersionInput, DeletePolicyVersionOutput,
    GetPolicyInput, GetPolicyOutput, GetPolicyVersionInput, GetPolicyVersionOutput, ListPoliciesInput,
    ListPoliciesOutput, ListPolicyVersionsInput, ListPolicyVersionsOutput, Policy as PolicyShape,
    PolicyVersion as PolicyVersionShape, SetDefaultPolicyVersionInput, SetDefaultPolicyVersionOutput,
};
use crate::attachments::{check_arn, usage};
use crate::aws_managed_policies::{self, AwsManagedPolicy};
use crate::naming::{arn, encoded, new_id};
use crate::paging::page;
use crate::state::{Entity, POLICIES, Policy, PolicyVersion, fold, update};
use crate::{errors, policy_document, tags};

/// How long a managed policy may be, in characters without white space.
const SIZE_QUOTA: usize = 6_144;

/// How many versions a policy can have.
pub(crate) const VERSIONS_QUOTA: usize = 5;

fn no_such_version(arn: &str, version: &str) -> AwsError {
    let message = format!("Policy {arn} version {version} does not exist or is not attachable.");
    errors::no_such_entity(message)
}

fn check_document(document: &str) -> Result<(), AwsError> {
    policy_document::check_managed(document)?;
    if policy_document::length(document) > SIZE_QUOTA {
        return Err(errors::quota("PolicySize", SIZE_QUOTA));
    }
    Ok(())
}

impl Policy {
    /// The policy as lists show it; `GetPolicy` adds description and tags.
    pub(crate) fn shape(&self, (attached, boundaries): (i32, i32)) -> PolicyShape {
        PolicyShape {
            policy_name: Some(self.name.clone()),
            policy_id: Some(self.id.clone()),
            arn: Some(self.arn.clone()),
            path: Some(self.path.clone()),
            default_version_id: Some(format!("v{}", self.default_version)),
            attachment_count: Some(attached),
            permissions_boundary_usage_count: Some(boundaries),
            is_attachable: Some(true),
            create_date: Some(self.created),
            update_date: Some(self.updated),
            ..PolicyShape::default()
        }
    }

    /// A version as lists show it; with its document when it is asked for alone.
    pub(crate) fn version_shape(&self, version: &PolicyVersion, with_document: bool) -> PolicyVersionShape {
        PolicyVersionShape {
            document: with_document.then(|| encoded(&version.document)),
            version_id: Some(format!("v{}", version.number)),
            is_default_version: Some(version.number == self.default_version),
            create_date: Some(version.created),
        }
    }

    fn version(&self, id: &str) -> Result<&PolicyVersion, AwsError> {
        self.versions
            .iter()
            .find(|version| format!("v{}", version.number) == id)
            .ok_or_else(|| no_such_version(&self.arn, id))
    }
}

impl AwsManagedPolicy {
    /// The policy as answers show it.
    pub(crate) fn shape(&self, (attached, boundaries): (i32, i32)) -> PolicyShape {
        PolicyShape {
            policy_name: Some(self.name.to_owned()),
            policy_id: Some(self.id()),
            arn: Some(self.arn()),
            path: Some(self.path.to_owned()),
            default_version_id: Some(self.version.to_owned()),
            attachment_count: Some(attached),
            permissions_boundary_usage_count: Some(boundaries),
            is_attachable: Some(true),
            create_date: Some(self.created),
            update_date: Some(self.updated),
            ..PolicyShape::default()
        }
    }

    /// Its default version.
    pub(crate) fn version_shape(&self, with_document: bool) -> PolicyVersionShape {
        PolicyVersionShape {
            document: with_document.then(|| encoded(self.document)),
            version_id: Some(self.version.to_owned()),
            is_default_version: Some(true),
            create_date: Some(self.updated),
        }
    }
}

pub(crate) async fn create_policy(
    ctx: Ctx,
    input: CreatePolicyInput,
) -> Result<CreatePolicyOutput, AwsError> {
    check_document(&input.policy_document)?;
    let created = Timestamp::from_seconds(ctx.now().seconds);
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let policy = Policy {
        arn: arn(ctx.account(), "policy", &path, &input.policy_name),
        name: input.policy_name,
        path,
        id: new_id(&ctx, "ANPA"),
        created,
        updated: created,
        description: input.description,
        tags: tags::checked(input.tags)?,
        versions: vec![PolicyVersion { number: 1, document: input.policy_document, created }],
        default_version: 1,
        last_version: 1,
    };
    ctx.db()
        .write(|tx| {
            if tx.contains(&POLICIES, fold(&policy.name))? {
                let name = &policy.name;
                return Err(errors::already_exists(format!(
                    "A policy called {name} already exists. Duplicate names are not allowed."
                )));
            }
            policy.put(tx)
        })
        .await?;
    let shape = PolicyShape { tags: tags::shape(&policy.tags), ..policy.shape((0, 0)) };
    Ok(CreatePolicyOutput { policy: Some(shape) })
}

pub(crate) async fn get_policy(ctx: Ctx, input: GetPolicyInput) -> Result<GetPolicyOutput, AwsError> {
    check_arn(&input.policy_arn)?;
    ctx.db().read(|tx| {
        let usage = usage(tx, &input.policy_arn)?;
        if let Some(policy) = aws_managed_policies::find(&input.policy_arn) {
            return Ok(GetPolicyOutput { policy: Some(policy.shape(usage)) });
        }
        let policy = Policy::get(tx, &input.policy_arn)?;
        let shape = PolicyShape {
            description: policy.description.clone(),
            tags: tags::shape(&policy.tags),
            ..policy.shape(usage)
        };
        Ok(GetPolicyOutput { policy: Some(shape) })
    })
}

/// A policy of either kind, in a list.
enum Listed {
    Own(Box<Policy>),
    Aws(&'static AwsManagedPolicy),
}

impl Listed {
    fn arn(&self) -> String {
        match self {
            Self::Own(policy) => policy.arn.clone(),
            Self::Aws(policy) => policy.arn(),
        }
    }

    fn path(&self) -> &str {
        match self {
            Self::Own(policy) => &policy.path,
            Self::Aws(policy) => policy.path,
        }
    }

    fn shape(&self, tx: &ReadTx<'_>) -> Result<PolicyShape, AwsError> {
        let usage = usage(tx, &self.arn())?;
        Ok(match self {
            Self::Own(policy) => policy.shape(usage),
            Self::Aws(policy) => policy.shape(usage),
        })
    }
}

pub(crate) async fn list_policies(
    ctx: Ctx,
    input: ListPoliciesInput,
) -> Result<ListPoliciesOutput, AwsError> {
    let scope = input.scope.as_deref().unwrap_or("All");
    let prefix = input.path_prefix.as_deref().unwrap_or("/");
    let only_attached = input.only_attached == Some(true);
    ctx.db().read(|tx| {
        let mut listed = Vec::new();
        if scope != "AWS" {
            for policy in tx.scan(&POLICIES)?.values() {
                listed.push(Listed::Own(Box::new(policy?)));
            }
        }
        if scope != "Local" {
            listed.extend(aws_managed_policies::all().iter().map(Listed::Aws));
        }
        listed.retain(|policy| policy.path().starts_with(prefix));
        if only_attached || input.policy_usage_filter.is_some() {
            let mut kept = Vec::new();
            for policy in listed {
                let (attached, boundaries) = usage(tx, &policy.arn())?;
                let used = match input.policy_usage_filter.as_deref() {
                    Some("PermissionsPolicy") => attached,
                    Some("PermissionsBoundary") => boundaries,
                    _ => attached + boundaries,
                };
                if used > 0 {
                    kept.push(policy);
                }
            }
            listed = kept;
        }
        let page = page(listed, Listed::arn, input.marker.as_deref(), input.max_items)?;
        Ok(ListPoliciesOutput {
            policies: Some(
                page.items.iter().map(|policy| policy.shape(tx)).collect::<Result<_, AwsError>>()?,
            ),
            is_truncated: page.is_truncated(),
            marker: page.marker,
        })
    })
}

pub(crate) async fn delete_policy(
    ctx: Ctx,
    input: DeletePolicyInput,
) -> Result<DeletePolicyOutput, AwsError> {
    check_arn(&input.policy_arn)?;
    ctx.db()
        .write(|tx| {
            let policy = Policy::get(tx, &input.policy_arn)?;
            if usage(tx, &policy.arn)? != (0, 0) {
                return Err(errors::delete_conflict("Cannot delete a policy attached to entities."));
            }
            if policy.versions.len() > 1 {
                return Err(errors::delete_conflict(
                    "This policy has more than one version. Before you delete a policy, you must delete the \
                     policy's versions. The default version is deleted with the policy.",
                ));
            }
            Ok(tx.delete(&POLICIES, fold(&policy.name))?)
        })
        .await?;
    Ok(DeletePolicyOutput::default())
}

pub(crate) async fn create_policy_version(
    ctx: Ctx,
    input: CreatePolicyVersionInput,
) -> Result<CreatePolicyVersionOutput, AwsError> {
    check_arn(&input.policy_arn)?;
    check_document(&input.policy_document)?;
    let created = Timestamp::from_seconds(ctx.now().seconds);
    let shape = update(&ctx, &input.policy_arn, |policy: &mut Policy, _| {
        if policy.versions.len() >= VERSIONS_QUOTA {
            return Err(errors::limit_exceeded(
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete \
                 an existing version.",
            ));
        }
        policy.last_version += 1;
        let number = policy.last_version;
        let version = PolicyVersion { number, document: input.policy_document.clone(), created };
        policy.versions.push(version.clone());
        if input.set_as_default == Some(true) {
            policy.default_version = number;
        }
        policy.updated = created;
        Ok(policy.version_shape(&version, false))
    })
    .await?;
    Ok(CreatePolicyVersionOutput { policy_version: Some(shape) })
}

pub(crate) async fn get_policy_version(
    ctx: Ctx,
    input: GetPolicyVersionInput,
) -> Result<GetPolicyVersionOutput, AwsError> {
    check_arn(&input.policy_arn)?;
    let shape = match aws_managed_policies::find(&input.policy_arn) {
        Some(policy) if policy.version == input.version_id => policy.version_shape(true),
        Some(_) => return Err(no_such_version(&input.policy_arn, &input.version_id)),
        None => {
            let policy = ctx.db().read(|tx| Policy::get(tx, &input.policy_arn))?;
            policy.version_shape(policy.version(&input.version_id)?, true)
        }
    };
    Ok(GetPolicyVersionOutput { policy_version: Some(shape) })
}

pub(crate) async fn list_policy_versions(
    ctx: Ctx,
    input: ListPolicyVersionsInput,
) -> Result<ListPolicyVersionsOutput, AwsError> {
    check_arn(&input.policy_arn)?;
    let versions: Vec<PolicyVersionShape> = match aws_managed_policies::find(&input.policy_arn) {
        Some(policy) => vec![policy.version_shape(false)],
        None => {
            let policy = ctx.db().read(|tx| Policy::get(tx, &input.policy_arn))?;
            // Newest first.
            policy.versions.iter().rev().map(|version| policy.version_shape(version, false)).collect()
        }
    };
    let key = |version: &PolicyVersionShape| version.version_id.clone().unwrap_or_default();
    let page = page(versions, key, input.marker.as_deref(), input.max_items)?;
    Ok(ListPolicyVersionsOutput {
        is_truncated: page.is_truncated(),
        marker: page.marker,
        versions: Some(page.items),
    })
}

pub(crate) async fn delete_policy_version(
    ctx: Ctx,
    input: DeletePolicyVersionInput,
) -> Result<DeletePolicyVersionOutput, AwsError> {
    check_arn(&input.policy_arn)?;
    update(&ctx, &input.policy_arn, |policy: &mut Policy, _| {
        let number = policy.version(&input.version_id)?.number;
        if number == policy.default_version {
            return Err(errors::delete_conflict("Cannot delete the default version of a policy."));
        }
        policy.versions.retain(|version| version.number != number);
        Ok(())
    })
    .await?;
    Ok(DeletePolicyVersionOutput::default())
}

pub(crate) async fn set_default_policy_version(
    ctx: Ctx,
    input: SetDefaultPolicyVersionInput,
) -> Result<SetDefaultPolicyVersionOutput, AwsError> {
    check_arn(&input.policy_arn)?;
    let updated = Timestamp::from_seconds(ctx.now().seconds);
    update(&ctx, &input.policy_arn, |policy: &mut Policy, _| {
        policy.default_version = policy.version(&input.version_id)?.number;
        policy.updated = updated;
        Ok(())
    })
    .await?;
    Ok(SetDefaultPolicyVersionOutput::default())
}
