//! Tags of accounts, units, the root, policies and the resource policy.

use std::collections::HashSet;

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::access::{self, OpenTo};
use crate::api::{
    self, ListTagsForResourceInput, ListTagsForResourceOutput, TagResourceInput, TagResourceOutput,
    UntagResourceInput, UntagResourceOutput,
};
use crate::errors;
use crate::paging::page;
use crate::policy_types::aws_managed;
use crate::state::{Account, Organization, Policy, Tags, UNITS, Unit};

/// How many tags one thing can have.
const QUOTA: usize = 50;

/// The tags of a request, if they are allowed to stand together.
pub(crate) fn checked(tags: Option<Vec<api::Tag>>) -> Result<Tags, AwsError> {
    let tags = tags.unwrap_or_default();
    let mut seen = HashSet::new();
    if tags.iter().any(|tag| !seen.insert(tag.key.to_lowercase())) {
        return Err(errors::invalid_input(
            "DUPLICATE_TAG_KEY",
            "You provided duplicate tag keys. Tag keys are not case sensitive.",
        ));
    }
    if tags.iter().any(|tag| tag.key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(errors::invalid_input(
            "INVALID_SYSTEM_TAGS_PARAMETER",
            "You specified a tag key that is a system tag. You can't add, edit, or delete system tag keys.",
        ));
    }
    if tags.len() > QUOTA {
        return Err(too_many());
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

fn too_many() -> AwsError {
    errors::constraint(
        "MAX_TAG_LIMIT_EXCEEDED",
        "You have exceeded the maximum number of tags for a resource.",
    )
}

/// Whatever has tags.
enum Tagged {
    Root(Organization),
    Account(Account),
    Unit(Unit),
    Policy(Policy),
    ResourcePolicy(Organization),
}

impl Tagged {
    fn find(tx: &ReadTx<'_>, organization: &Organization, id: &str) -> Result<Option<Self>, StoreError> {
        if id == organization.root {
            return Ok(Some(Self::Root(organization.clone())));
        }
        if organization.resource_policy.as_ref().is_some_and(|policy| policy.id == id) {
            return Ok(Some(Self::ResourcePolicy(organization.clone())));
        }
        if let Some(account) = organization.account(tx, id)? {
            return Ok(Some(Self::Account(account)));
        }
        if let Some(unit) = organization.unit(tx, id)? {
            return Ok(Some(Self::Unit(unit)));
        }
        Ok(organization.policy(tx, id)?.filter(|policy| aws_managed(&policy.id).is_none()).map(Self::Policy))
    }

    fn tags(&mut self) -> Option<&mut Tags> {
        match self {
            Self::Root(organization) => Some(&mut organization.root_tags),
            Self::Account(account) => account.membership.as_mut().map(|member| &mut member.tags),
            Self::Unit(unit) => Some(&mut unit.tags),
            Self::Policy(policy) => Some(&mut policy.tags),
            Self::ResourcePolicy(organization) => {
                organization.resource_policy.as_mut().map(|policy| &mut policy.tags)
            }
        }
    }

    fn put(&self, tx: &mut Tx<'_>, organization: &Organization) -> Result<(), AwsError> {
        match self {
            Self::Root(changed) | Self::ResourcePolicy(changed) => changed.put(tx),
            Self::Account(account) => account.put(tx),
            Self::Unit(unit) => Ok(tx.put(&UNITS, &unit.id, unit)?),
            Self::Policy(policy) => policy.put(tx, organization),
        }
    }
}

/// The tags of something in the organization; `None` if there is no such thing.
pub(crate) fn of(tx: &ReadTx<'_>, organization: &Organization, id: &str) -> Result<Option<Tags>, StoreError> {
    let found = Tagged::find(tx, organization, id)?;
    Ok(found.and_then(|mut tagged| tagged.tags().map(std::mem::take)))
}

/// Changes the tags of something.
async fn change(
    ctx: &Ctx,
    id: &str,
    change: impl Fn(&mut Tags) -> Result<(), AwsError> + Send + Sync,
) -> Result<(), AwsError> {
    ctx.db()
        .write(|tx| {
            let organization = access::organization(ctx, tx, OpenTo::Administrators)?;
            let mut tagged = Tagged::find(tx, &organization, id)?.ok_or_else(errors::target_not_found)?;
            change(tagged.tags().ok_or_else(errors::target_not_found)?)?;
            tagged.put(tx, &organization)
        })
        .await
}

pub(crate) async fn tag_resource(ctx: Ctx, input: TagResourceInput) -> Result<TagResourceOutput, AwsError> {
    let new = checked(Some(input.tags))?;
    change(&ctx, &input.resource_id, |tags| {
        for (key, value) in &new {
            match tags.iter_mut().find(|(old, _)| old.to_lowercase() == key.to_lowercase()) {
                Some(tag) => *tag = (key.clone(), value.clone()),
                None => tags.push((key.clone(), value.clone())),
            }
        }
        if tags.len() > QUOTA { Err(too_many()) } else { Ok(()) }
    })
    .await?;
    Ok(TagResourceOutput::default())
}

pub(crate) async fn untag_resource(
    ctx: Ctx,
    input: UntagResourceInput,
) -> Result<UntagResourceOutput, AwsError> {
    change(&ctx, &input.resource_id, |tags| {
        tags.retain(|(key, _)| !input.tag_keys.iter().any(|gone| gone.to_lowercase() == key.to_lowercase()));
        Ok(())
    })
    .await?;
    Ok(UntagResourceOutput::default())
}

pub(crate) async fn list_tags_for_resource(
    ctx: Ctx,
    input: ListTagsForResourceInput,
) -> Result<ListTagsForResourceOutput, AwsError> {
    let tags = ctx.db().read(|tx| {
        let organization = access::organization(&ctx, tx, OpenTo::Administrators)?;
        of(tx, &organization, &input.resource_id)?.ok_or_else(errors::target_not_found)
    })?;
    let (tags, next_token) = page(tags, |(key, _)| key, input.next_token.as_deref(), Some(50))?;
    let shape = |(key, value)| api::Tag { key, value };
    Ok(ListTagsForResourceOutput { tags: Some(tags.into_iter().map(shape).collect()), next_token })
}
