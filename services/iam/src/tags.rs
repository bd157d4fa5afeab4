//! Tags of whatever has tags.

use std::collections::HashSet;

use cloudtwin_core::Ctx;
use cloudtwin_core::federation::{OidcProvider, SamlProvider};
use cloudtwin_core::mfa::MfaDevice;
use cloudtwin_smithy::AwsError;

use crate::api;
use crate::errors;
use crate::paging::page;
use crate::state::{InstanceProfile, Policy, Role, ServerCertificate, Tagged, Tags, User, update};

/// How many tags one entity can have.
const QUOTA: usize = 50;

/// The tags of a request, if they are allowed to stand together.
pub(crate) fn checked(tags: Option<Vec<api::Tag>>) -> Result<Tags, AwsError> {
    let tags = tags.unwrap_or_default();
    let mut seen = HashSet::new();
    // Keys are told apart without regard to case.
    if tags.iter().any(|tag| !seen.insert(tag.key.to_lowercase())) {
        return Err(errors::invalid_input(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ));
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Tags as answers contain them: left out when there are none.
pub(crate) fn shape(tags: &Tags) -> Option<Vec<api::Tag>> {
    if tags.is_empty() { None } else { Some(list(tags)) }
}

fn list(tags: &[(String, String)]) -> Vec<api::Tag> {
    tags.iter().map(|(key, value)| api::Tag { key: key.clone(), value: value.clone() }).collect()
}

/// Adds tags, and replaces those with the same key.
fn add(tags: &mut Tags, new: &Tags) -> Result<(), AwsError> {
    for (key, value) in new {
        match tags.iter_mut().find(|(old, _)| old.to_lowercase() == key.to_lowercase()) {
            Some(tag) => *tag = (key.clone(), value.clone()),
            None => tags.push((key.clone(), value.clone())),
        }
    }
    if tags.len() > QUOTA {
        return Err(errors::limit_exceeded("The number of tags has reached the maximum limit."));
    }
    Ok(())
}

async fn tag<E: Tagged>(ctx: &Ctx, handle: &str, new: Vec<api::Tag>) -> Result<(), AwsError> {
    let new = checked(Some(new))?;
    update(ctx, handle, |entity: &mut E, _| add(entity.tags_mut()?, &new)).await
}

async fn untag<E: Tagged>(ctx: &Ctx, handle: &str, keys: &[String]) -> Result<(), AwsError> {
    let keys: Vec<String> = keys.iter().map(|key| key.to_lowercase()).collect();
    update(ctx, handle, |entity: &mut E, _| {
        entity.tags_mut()?.retain(|(key, _)| !keys.contains(&key.to_lowercase()));
        Ok(())
    })
    .await
}

macro_rules! operations {
    ($($kind:ty, $handle:ident:
        $tag:ident $tag_input:ident $tag_output:ident,
        $untag:ident $untag_input:ident $untag_output:ident,
        $list:ident $list_input:ident $list_output:ident;)*) => {$(
        pub(crate) async fn $tag(ctx: Ctx, input: api::$tag_input) -> Result<api::$tag_output, AwsError> {
            tag::<$kind>(&ctx, &input.$handle, input.tags).await?;
            Ok(api::$tag_output::default())
        }

        pub(crate) async fn $untag(ctx: Ctx, input: api::$untag_input) -> Result<api::$untag_output, AwsError> {
            untag::<$kind>(&ctx, &input.$handle, &input.tag_keys).await?;
            Ok(api::$untag_output::default())
        }

        pub(crate) async fn $list(ctx: Ctx, input: api::$list_input) -> Result<api::$list_output, AwsError> {
            let entity = ctx.db().read(|tx| <$kind as crate::state::Entity>::get(tx, &input.$handle))?;
            let tags = entity.tags().clone();
            let page = page(tags, |(key, _)| key.clone(), input.marker.as_deref(), input.max_items)?;
            Ok(api::$list_output {
                tags: list(&page.items),
                is_truncated: page.is_truncated(),
                marker: page.marker,
            })
        }
    )*};
}

operations! {
    User, user_name:
        tag_user TagUserInput TagUserOutput,
        untag_user UntagUserInput UntagUserOutput,
        list_user_tags ListUserTagsInput ListUserTagsOutput;
    Role, role_name:
        tag_role TagRoleInput TagRoleOutput,
        untag_role UntagRoleInput UntagRoleOutput,
        list_role_tags ListRoleTagsInput ListRoleTagsOutput;
    Policy, policy_arn:
        tag_policy TagPolicyInput TagPolicyOutput,
        untag_policy UntagPolicyInput UntagPolicyOutput,
        list_policy_tags ListPolicyTagsInput ListPolicyTagsOutput;
    InstanceProfile, instance_profile_name:
        tag_instance_profile TagInstanceProfileInput TagInstanceProfileOutput,
        untag_instance_profile UntagInstanceProfileInput UntagInstanceProfileOutput,
        list_instance_profile_tags ListInstanceProfileTagsInput ListInstanceProfileTagsOutput;
    ServerCertificate, server_certificate_name:
        tag_server_certificate TagServerCertificateInput TagServerCertificateOutput,
        untag_server_certificate UntagServerCertificateInput UntagServerCertificateOutput,
        list_server_certificate_tags ListServerCertificateTagsInput ListServerCertificateTagsOutput;
    MfaDevice, serial_number:
        tag_mfa_device TagMFADeviceInput TagMFADeviceOutput,
        untag_mfa_device UntagMFADeviceInput UntagMFADeviceOutput,
        list_mfa_device_tags ListMFADeviceTagsInput ListMFADeviceTagsOutput;
    OidcProvider, open_id_connect_provider_arn:
        tag_oidc_provider TagOpenIDConnectProviderInput TagOpenIDConnectProviderOutput,
        untag_oidc_provider UntagOpenIDConnectProviderInput UntagOpenIDConnectProviderOutput,
        list_oidc_provider_tags ListOpenIDConnectProviderTagsInput ListOpenIDConnectProviderTagsOutput;
    SamlProvider, saml_provider_arn:
        tag_saml_provider TagSAMLProviderInput TagSAMLProviderOutput,
        untag_saml_provider UntagSAMLProviderInput UntagSAMLProviderOutput,
        list_saml_provider_tags ListSAMLProviderTagsInput ListSAMLProviderTagsOutput;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_replaces_the_one_with_its_key_in_any_case() {
        let mut tags = vec![("env".to_owned(), "a".to_owned())];
        add(&mut tags, &vec![("Env".to_owned(), "b".to_owned()), ("x".to_owned(), String::new())]).unwrap();
        assert_eq!(tags, [("Env".to_owned(), "b".to_owned()), ("x".to_owned(), String::new())]);
    }

    #[test]
    fn fifty_tags_are_enough() {
        let mut tags = Tags::new();
        let new: Tags = (0..50).map(|n| (format!("k{n}"), String::new())).collect();
        add(&mut tags, &new).unwrap();
        let error = add(&mut tags, &vec![("more".to_owned(), String::new())]).unwrap_err();
        assert_eq!(error.code(), "LimitExceeded");
    }
}
