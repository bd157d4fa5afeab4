//! SAML providers. STS reads their rows (`cloudtwin_core::federation`).

use cloudtwin_core::Ctx;
use cloudtwin_core::federation::{SAML_PROVIDERS, SamlPrivateKey, SamlProvider};
use cloudtwin_smithy::{AwsError, Timestamp};
use cloudtwin_store::{ReadTx, StoreError, Tx};

use crate::api::{
    CreateSAMLProviderInput, CreateSAMLProviderOutput, DeleteSAMLProviderInput, DeleteSAMLProviderOutput,
    GetSAMLProviderInput, GetSAMLProviderOutput, ListSAMLProvidersInput, ListSAMLProvidersOutput,
    SAMLPrivateKey, SAMLProviderListEntry, UpdateSAMLProviderInput, UpdateSAMLProviderOutput,
};
use crate::certificates::PrivateKey;
use crate::saml_metadata::Metadata;
use crate::state::{Entity, update};
use crate::{errors, tags};

const PROVIDERS_QUOTA: usize = 100;
const KEYS_QUOTA: usize = 2;

/// For how long a metadata document is good that does not say, in milliseconds: a hundred years.
const VALIDITY: i64 = 36_525 * 86_400_000;

/// What the ids of keys and providers consist of.
const ID_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The provider's name in an ARN of this account; `None` for ARNs of others.
fn name_in_arn<'a>(account: &str, arn: &'a str) -> Result<Option<&'a str>, AwsError> {
    let (owner, name) = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":saml-provider/"))
        .filter(|(_, name)| !name.is_empty())
        .ok_or_else(|| errors::validation("Invalid ARN:  Could not be parsed!"))?;
    Ok((owner == account).then_some(name))
}

impl Entity for SamlProvider {
    fn find(tx: &ReadTx<'_>, handle: &str) -> Result<Option<Self>, AwsError> {
        match name_in_arn(tx.account(), handle)? {
            Some(name) => Ok(tx.get(&SAML_PROVIDERS, name)?),
            None => Ok(None),
        }
    }

    fn put(&self, tx: &mut Tx<'_>) -> Result<(), AwsError> {
        Ok(tx.put(&SAML_PROVIDERS, &self.name, self)?)
    }

    fn missing(handle: &str) -> AwsError {
        errors::no_such_entity(format!("Manifest not found for arn {handle}"))
    }
}

fn parsed(document: &str) -> Result<Metadata, AwsError> {
    Metadata::parse(document).ok_or_else(|| errors::invalid_input("Could not parse metadata"))
}

fn valid_until(metadata: &Metadata, now: Timestamp) -> i64 {
    let longest = now.seconds * 1_000 + VALIDITY;
    metadata.valid_until.map_or(longest, |limit| limit.as_millis().min(longest))
}

/// A private key that a caller adds.
fn new_key(ctx: &Ctx, pem: Option<String>) -> Result<Option<SamlPrivateKey>, AwsError> {
    let Some(pem) = pem else { return Ok(None) };
    if !matches!(PrivateKey::from_pem(&pem), Some(PrivateKey::Rsa { .. })) {
        return Err(errors::invalid_input("Could not parse private key"));
    }
    let added = Timestamp::from_seconds(ctx.now().seconds);
    Ok(Some(SamlPrivateKey { id: ctx.random_text(ID_LETTERS, 26), added, pem }))
}

/// Whether the provider can do what its mode wants.
fn check_encryption(provider: &SamlProvider) -> Result<(), AwsError> {
    if provider.private_keys.len() > KEYS_QUOTA {
        return Err(errors::quota("PrivateKeysPerSAMLProvider", KEYS_QUOTA));
    }
    if provider.assertion_encryption.as_deref() == Some("Required") && provider.private_keys.is_empty() {
        return Err(errors::invalid_input(
            "A private key is required when the assertion encryption mode is Required.",
        ));
    }
    Ok(())
}

pub(crate) async fn create_saml_provider(
    ctx: Ctx,
    input: CreateSAMLProviderInput,
) -> Result<CreateSAMLProviderOutput, AwsError> {
    let metadata = parsed(&input.saml_metadata_document)?;
    let created = Timestamp::from_seconds(ctx.now().seconds);
    let provider = SamlProvider {
        name: input.name,
        valid_until: valid_until(&metadata, created),
        metadata: input.saml_metadata_document,
        entity_id: metadata.entity_id,
        signing_certificates: metadata.signing_certificates,
        created,
        uuid: ctx.random_text(ID_LETTERS, 26),
        assertion_encryption: input.assertion_encryption_mode,
        private_keys: new_key(&ctx, input.add_private_key)?.into_iter().collect(),
        tags: tags::checked(input.tags)?,
    };
    check_encryption(&provider)?;
    ctx.db()
        .write(|tx| {
            if tx.contains(&SAML_PROVIDERS, &provider.name)? {
                let name = &provider.name;
                return Err(errors::already_exists(format!("Provider with name {name} already exists.")));
            }
            if tx.count(&SAML_PROVIDERS)? >= PROVIDERS_QUOTA {
                return Err(errors::quota("SAMLProvidersPerAccount", PROVIDERS_QUOTA));
            }
            provider.put(tx)
        })
        .await?;
    Ok(CreateSAMLProviderOutput {
        saml_provider_arn: Some(provider.arn(ctx.account())),
        tags: tags::shape(&provider.tags),
    })
}

pub(crate) async fn update_saml_provider(
    ctx: Ctx,
    input: UpdateSAMLProviderInput,
) -> Result<UpdateSAMLProviderOutput, AwsError> {
    let now = ctx.now();
    let document = match input.saml_metadata_document {
        Some(document) => Some((parsed(&document)?, document)),
        None => None,
    };
    let key = new_key(&ctx, input.add_private_key)?;
    update(&ctx, &input.saml_provider_arn, |provider: &mut SamlProvider, _| {
        if let Some((metadata, document)) = &document {
            provider.metadata.clone_from(document);
            provider.entity_id.clone_from(&metadata.entity_id);
            provider.signing_certificates.clone_from(&metadata.signing_certificates);
            provider.valid_until = valid_until(metadata, now);
        }
        if let Some(mode) = &input.assertion_encryption_mode {
            provider.assertion_encryption = Some(mode.clone());
        }
        if let Some(id) = &input.remove_private_key {
            let position = provider.private_keys.iter().position(|key| key.id == *id);
            let missing = || errors::no_such_entity(format!("Private key {id} cannot be found."));
            provider.private_keys.remove(position.ok_or_else(missing)?);
        }
        provider.private_keys.extend(key.clone());
        check_encryption(provider)
    })
    .await?;
    Ok(UpdateSAMLProviderOutput { saml_provider_arn: Some(input.saml_provider_arn) })
}

pub(crate) async fn get_saml_provider(
    ctx: Ctx,
    input: GetSAMLProviderInput,
) -> Result<GetSAMLProviderOutput, AwsError> {
    let provider = ctx.db().read(|tx| SamlProvider::get(tx, &input.saml_provider_arn))?;
    let key = |key: SamlPrivateKey| SAMLPrivateKey { key_id: Some(key.id), timestamp: Some(key.added) };
    let keys: Vec<SAMLPrivateKey> = provider.private_keys.into_iter().map(key).collect();
    Ok(GetSAMLProviderOutput {
        tags: tags::shape(&provider.tags),
        saml_provider_uuid: Some(provider.uuid),
        saml_metadata_document: Some(provider.metadata),
        create_date: Some(provider.created),
        valid_until: Some(Timestamp::from_millis(provider.valid_until)),
        assertion_encryption_mode: provider.assertion_encryption,
        private_key_list: (!keys.is_empty()).then_some(keys),
    })
}

pub(crate) async fn list_saml_providers(
    ctx: Ctx,
    _: ListSAMLProvidersInput,
) -> Result<ListSAMLProvidersOutput, AwsError> {
    let providers =
        ctx.db().read(|tx| tx.scan(&SAML_PROVIDERS)?.values().collect::<Result<Vec<_>, StoreError>>())?;
    let entry = |provider: SamlProvider| SAMLProviderListEntry {
        arn: Some(provider.arn(ctx.account())),
        valid_until: Some(Timestamp::from_millis(provider.valid_until)),
        create_date: Some(provider.created),
    };
    Ok(ListSAMLProvidersOutput { saml_provider_list: Some(providers.into_iter().map(entry).collect()) })
}

pub(crate) async fn delete_saml_provider(
    ctx: Ctx,
    input: DeleteSAMLProviderInput,
) -> Result<DeleteSAMLProviderOutput, AwsError> {
    ctx.db()
        .write(|tx| {
            let provider = SamlProvider::get(tx, &input.saml_provider_arn)?;
            Ok::<_, AwsError>(tx.delete(&SAML_PROVIDERS, &provider.name)?)
        })
        .await?;
    Ok(DeleteSAMLProviderOutput::default())
}
