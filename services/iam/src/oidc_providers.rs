//! OpenID Connect providers. STS reads their rows (`cloudtwin_core::federation`).
//!
//! Where no thumbprint is given, AWS fetches the certificate of the issuer's host. Nothing is fetched here: such
//! a provider has none.

use cloudtwin_core::Ctx;
use cloudtwin_core::federation::{OIDC_PROVIDERS, OidcProvider, oidc_key};
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::api::{
    AddClientIDToOpenIDConnectProviderInput, AddClientIDToOpenIDConnectProviderOutput,
    CreateOpenIDConnectProviderInput, CreateOpenIDConnectProviderOutput, DeleteOpenIDConnectProviderInput,
    DeleteOpenIDConnectProviderOutput, GetOpenIDConnectProviderInput, GetOpenIDConnectProviderOutput,
    ListOpenIDConnectProvidersInput, ListOpenIDConnectProvidersOutput, OpenIDConnectProviderListEntry,
    RemoveClientIDFromOpenIDConnectProviderInput, RemoveClientIDFromOpenIDConnectProviderOutput,
    UpdateOpenIDConnectProviderThumbprintInput, UpdateOpenIDConnectProviderThumbprintOutput,
};
use crate::state::{Entity, update};
use crate::{errors, tags};

const PROVIDERS_QUOTA: usize = 100;
const CLIENT_IDS_QUOTA: usize = 100;
const THUMBPRINTS_QUOTA: usize = 5;

/// The row's key for an ARN of this account; `None` for ARNs of others.
fn key_of_arn(account: &str, arn: &str) -> Result<Option<String>, AwsError> {
    let invalid = || errors::validation("Invalid ARN:  Could not be parsed!");
    let (owner, name) = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":oidc-provider/"))
        .filter(|(_, name)| !name.is_empty())
        .ok_or_else(invalid)?;
    Ok((owner == account).then(|| oidc_key(name)))
}

impl Entity for OidcProvider {
    fn find(tx: &ReadTx<'_>, handle: &str) -> Result<Option<Self>, AwsError> {
        match key_of_arn(tx.account(), handle)? {
            Some(key) => Ok(tx.get(&OIDC_PROVIDERS, key)?),
            None => Ok(None),
        }
    }

    fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError> {
        Ok(tx.put(&OIDC_PROVIDERS, oidc_key(&self.url), self)?)
    }

    fn missing(handle: &str) -> AwsError {
        errors::no_such_entity(format!("OpenIDConnect Provider not found for arn {handle}"))
    }
}

/// What stands for a provider: its URL without scheme, query, fragment and slash at the end.
fn checked_url(url: &str) -> Result<String, AwsError> {
    let invalid = || errors::validation("Invalid Open ID Connect Provider URL");
    let bare = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).ok_or_else(invalid)?;
    let bare = bare.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let host = bare.split('/').next().unwrap_or_default();
    let host_is_one =
        host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
    let written = bare.bytes().all(|byte| byte.is_ascii_graphic());
    if host.is_empty() || !host_is_one || !written { Err(invalid()) } else { Ok(bare.to_owned()) }
}

fn checked_thumbprints(thumbprints: Vec<String>) -> Result<Vec<String>, AwsError> {
    if thumbprints.len() > THUMBPRINTS_QUOTA {
        return Err(errors::invalid_input("Thumbprint list must contain fewer than 5 entries."));
    }
    if !thumbprints.iter().all(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(errors::invalid_input("Thumbprint must be a hexadecimal string."));
    }
    Ok(thumbprints)
}

fn check_client_ids(client_ids: &[String]) -> Result<(), AwsError> {
    if client_ids.len() > CLIENT_IDS_QUOTA {
        return Err(errors::quota("ClientIdsPerOpenIdConnectProvider", CLIENT_IDS_QUOTA));
    }
    Ok(())
}

pub(crate) async fn create_oidc_provider(
    ctx: Ctx,
    input: CreateOpenIDConnectProviderInput,
) -> Result<CreateOpenIDConnectProviderOutput, AwsError> {
    let mut client_ids: Vec<String> = Vec::new();
    for id in input.client_id_list.unwrap_or_default() {
        if !client_ids.contains(&id) {
            client_ids.push(id);
        }
    }
    let provider = OidcProvider {
        url: checked_url(&input.url)?,
        thumbprints: checked_thumbprints(input.thumbprint_list.unwrap_or_default())?,
        client_ids,
        created: Timestamp::from_seconds(ctx.now().seconds),
        tags: tags::checked(input.tags)?,
    };
    check_client_ids(&provider.client_ids)?;
    ctx.db()
        .write(|tx| {
            if tx.contains(&OIDC_PROVIDERS, oidc_key(&provider.url))? {
                return Err(errors::already_exists(format!(
                    "Provider with url {} already exists.",
                    input.url
                )));
            }
            if tx.count(&OIDC_PROVIDERS)? >= PROVIDERS_QUOTA {
                return Err(errors::quota("OpenIdConnectProvidersPerAccount", PROVIDERS_QUOTA));
            }
            provider.put(tx)
        })
        .await?;
    Ok(CreateOpenIDConnectProviderOutput {
        open_id_connect_provider_arn: Some(provider.arn(ctx.account())),
        tags: tags::shape(&provider.tags),
    })
}

pub(crate) async fn get_oidc_provider(
    ctx: Ctx,
    input: GetOpenIDConnectProviderInput,
) -> Result<GetOpenIDConnectProviderOutput, AwsError> {
    let provider = ctx.db().read(|tx| OidcProvider::get(tx, &input.open_id_connect_provider_arn))?;
    Ok(GetOpenIDConnectProviderOutput {
        tags: tags::shape(&provider.tags),
        url: Some(provider.url),
        client_id_list: Some(provider.client_ids),
        thumbprint_list: Some(provider.thumbprints),
        create_date: Some(provider.created),
    })
}

pub(crate) async fn list_oidc_providers(
    ctx: Ctx,
    _: ListOpenIDConnectProvidersInput,
) -> Result<ListOpenIDConnectProvidersOutput, AwsError> {
    let providers =
        ctx.db().read(|tx| tx.scan(&OIDC_PROVIDERS)?.values().collect::<Result<Vec<_>, StoreError>>())?;
    let entry =
        |provider: OidcProvider| OpenIDConnectProviderListEntry { arn: Some(provider.arn(ctx.account())) };
    Ok(ListOpenIDConnectProvidersOutput {
        open_id_connect_provider_list: Some(providers.into_iter().map(entry).collect()),
    })
}

pub(crate) async fn delete_oidc_provider(
    ctx: Ctx,
    input: DeleteOpenIDConnectProviderInput,
) -> Result<DeleteOpenIDConnectProviderOutput, AwsError> {
    // A provider that does not exist is as good as deleted.
    if let Some(key) = key_of_arn(ctx.account(), &input.open_id_connect_provider_arn)? {
        ctx.db().write(|tx| tx.delete(&OIDC_PROVIDERS, key.as_str())).await?;
    }
    Ok(DeleteOpenIDConnectProviderOutput::default())
}

pub(crate) async fn add_client_id(
    ctx: Ctx,
    input: AddClientIDToOpenIDConnectProviderInput,
) -> Result<AddClientIDToOpenIDConnectProviderOutput, AwsError> {
    update(&ctx, &input.open_id_connect_provider_arn, |provider: &mut OidcProvider, _| {
        if !provider.client_ids.contains(&input.client_id) {
            provider.client_ids.push(input.client_id.clone());
        }
        check_client_ids(&provider.client_ids)
    })
    .await?;
    Ok(AddClientIDToOpenIDConnectProviderOutput::default())
}

pub(crate) async fn remove_client_id(
    ctx: Ctx,
    input: RemoveClientIDFromOpenIDConnectProviderInput,
) -> Result<RemoveClientIDFromOpenIDConnectProviderOutput, AwsError> {
    update(&ctx, &input.open_id_connect_provider_arn, |provider: &mut OidcProvider, _| {
        provider.client_ids.retain(|id| *id != input.client_id);
        Ok(())
    })
    .await?;
    Ok(RemoveClientIDFromOpenIDConnectProviderOutput::default())
}

pub(crate) async fn update_thumbprint(
    ctx: Ctx,
    input: UpdateOpenIDConnectProviderThumbprintInput,
) -> Result<UpdateOpenIDConnectProviderThumbprintOutput, AwsError> {
    let thumbprints = checked_thumbprints(input.thumbprint_list)?;
    update(&ctx, &input.open_id_connect_provider_arn, |provider: &mut OidcProvider, _| {
        provider.thumbprints.clone_from(&thumbprints);
        Ok(())
    })
    .await?;
    Ok(UpdateOpenIDConnectProviderThumbprintOutput::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_a_host_with_a_path() {
        let url = |url| checked_url(url).ok();
        assert_eq!(url("https://a.example/x/?q=1").as_deref(), Some("a.example/x"));
        assert_eq!(url("http://localhost:8080/realms/r").as_deref(), Some("localhost:8080/realms/r"));
        for wrong in ["a.example", "https://", "ftp://a", "https://a b", "https://u@a", "test"] {
            assert_eq!(url(wrong), None, "{wrong}");
        }
    }
}
