//! `AssumeRoleWithSAML`: sessions for those whom a SAML 2.0 provider vouches for.

mod assertion;
mod signature;
mod xml;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudtwin_core::federation::{SAML_PROVIDERS, SamlProvider};
use cloudtwin_core::{Ctx, Session};
use cloudtwin_policy::Principal;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;
use ring::digest;

use crate::api::{AssumeRoleWithSAMLInput, AssumeRoleWithSAMLOutput, Tag};
use crate::federated;
use crate::roles::NamedRole;
use crate::saml::assertion::{Assertion, invalid};
use crate::session_policy::SessionPolicies;
use crate::session_tags::{self, SessionTags};
use crate::sessions;

/// What the names of AWS's own attributes begin with.
const ROLE: &str = "https://aws.amazon.com/SAML/Attributes/Role";
const ROLE_SESSION_NAME: &str = "https://aws.amazon.com/SAML/Attributes/RoleSessionName";
const SESSION_DURATION: &str = "https://aws.amazon.com/SAML/Attributes/SessionDuration";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/SAML/Attributes/SourceIdentity";
const PRINCIPAL_TAG: &str = "https://aws.amazon.com/SAML/Attributes/PrincipalTag:";
const TRANSITIVE_TAG_KEYS: &str = "https://aws.amazon.com/SAML/Attributes/TransitiveTagKeys";

/// Attributes that become condition keys (IAM user guide, "Available keys for SAML-based AWS STS federation").
const KEYS: [(&str, &str); 20] = [
    ("saml:cn", "urn:oid:2.5.4.3"),
    ("saml:surname", "urn:oid:2.5.4.4"),
    ("saml:name", "urn:oid:2.5.4.41"),
    ("saml:givenName", "urn:oid:2.5.4.42"),
    ("saml:x500UniqueIdentifier", "urn:oid:2.5.4.45"),
    ("saml:uid", "urn:oid:0.9.2342.19200300.100.1.1"),
    ("saml:mail", "urn:oid:0.9.2342.19200300.100.1.3"),
    ("saml:organizationStatus", "urn:oid:0.9.2342.19200300.100.1.45"),
    ("saml:edupersonaffiliation", "urn:oid:1.3.6.1.4.1.5923.1.1.1.1"),
    ("saml:edupersonnickname", "urn:oid:1.3.6.1.4.1.5923.1.1.1.2"),
    ("saml:edupersonorgdn", "urn:oid:1.3.6.1.4.1.5923.1.1.1.3"),
    ("saml:edupersonorgunitdn", "urn:oid:1.3.6.1.4.1.5923.1.1.1.4"),
    ("saml:edupersonprimaryaffiliation", "urn:oid:1.3.6.1.4.1.5923.1.1.1.5"),
    ("saml:edupersonprincipalname", "urn:oid:1.3.6.1.4.1.5923.1.1.1.6"),
    ("saml:edupersonentitlement", "urn:oid:1.3.6.1.4.1.5923.1.1.1.7"),
    ("saml:edupersonprimaryorgunitdn", "urn:oid:1.3.6.1.4.1.5923.1.1.1.8"),
    ("saml:edupersonscopedaffiliation", "urn:oid:1.3.6.1.4.1.5923.1.1.1.9"),
    ("saml:edupersontargetedid", "urn:oid:1.3.6.1.4.1.5923.1.1.1.10"),
    ("saml:edupersonassurance", "urn:oid:1.3.6.1.4.1.5923.1.1.1.11"),
    ("saml:commonName", "http://schemas.xmlsoap.org/claims/CommonName"),
];

/// The provider that an ARN names, in the account of the role.
fn provider(ctx: &Ctx, arn: &str, account: &str) -> Result<SamlProvider, AwsError> {
    let name = arn.strip_prefix(&format!("arn:aws:iam::{account}:saml-provider/")).unwrap_or_default();
    let db = ctx.cloud().db().scoped(account, "");
    db.read::<_, StoreError, _>(|tx| tx.get(&SAML_PROVIDERS, name))?
        .ok_or_else(|| invalid("Specified provider doesn't exist"))
}

/// A name that the assertion gives, in the words that refuse it otherwise.
fn name(assertion: &Assertion, attribute: &str, refusal: &str) -> Result<Option<String>, AwsError> {
    match assertion.values(attribute).next() {
        Some(value) if session_tags::is_name(value) => Ok(Some(value.to_owned())),
        Some(_) => Err(invalid(refusal)),
        None => Ok(None),
    }
}

fn tags(assertion: &Assertion) -> Result<SessionTags, AwsError> {
    let tag = |(key, values): (&str, &[String])| match values {
        [value] => Ok(Tag { key: key.to_owned(), value: value.clone() }),
        _ => Err(invalid("A session tag must have exactly one value")),
    };
    let tags = assertion.beginning(PRINCIPAL_TAG).map(tag).collect::<Result<Vec<Tag>, _>>()?;
    let transitive = assertion.values(TRANSITIVE_TAG_KEYS).map(str::to_owned).collect();
    session_tags::check_limits(&tags)?;
    session_tags::combine(tags, transitive, None)
}

/// Whether the assertion lets its subject take on the role.
fn grants(assertion: &Assertion, role_arn: &str, provider_arn: &str) -> bool {
    assertion.values(ROLE).any(|pair| {
        let Some((one, other)) = pair.split_once(',') else { return false };
        let pair = [one.trim(), other.trim()];
        pair == [role_arn, provider_arn] || pair == [provider_arn, role_arn]
    })
}

/// Tells subjects of different providers apart: the Base64 text of the SHA-1 of issuer, account and provider.
fn name_qualifier(issuer: &str, account: &str, provider: &str) -> String {
    let text = format!("{issuer}{account}/{provider}");
    BASE64_STANDARD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

fn keys(
    assertion: &Assertion,
    provider: &SamlProvider,
    account: &str,
    qualifier: &str,
) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (key, attribute) in KEYS {
        let values: Vec<String> = assertion.values(attribute).map(str::to_owned).collect();
        if !values.is_empty() {
            keys.insert(key.to_owned(), values);
        }
    }
    for (key, value) in [
        ("saml:aud", assertion.recipient.as_str()),
        ("saml:iss", &assertion.issuer),
        ("saml:sub", &assertion.subject),
        ("saml:sub_type", &assertion.subject_type),
        ("saml:namequalifier", qualifier),
        ("saml:doc", &format!("{account}/{}", provider.name)),
    ] {
        keys.insert(key.to_owned(), vec![value.to_owned()]);
    }
    keys
}

pub(crate) async fn assume_role_with_saml(
    ctx: Ctx,
    input: AssumeRoleWithSAMLInput,
) -> Result<AssumeRoleWithSAMLOutput, AwsError> {
    let role_arn = input.role_arn.clone();
    let role = NamedRole::parse(input.role_arn)?;
    let account = role.arn.account.clone();
    let brings_along = input.policy.is_some() || input.policy_arns.is_some();
    let policies = SessionPolicies::of(input.policy, input.policy_arns)?;
    let compact: String = input.saml_assertion.split_ascii_whitespace().collect();
    let text = BASE64_STANDARD.decode(compact).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| invalid("Invalid base64 SAMLResponse"))?;
    let provider = provider(&ctx, &input.principal_arn, &account)?;
    let provider_arn = provider.arn(&account);
    let assertion = Assertion::read(&text, &provider, ctx.now().seconds)?;

    let session_name = name(
        &assertion,
        ROLE_SESSION_NAME,
        "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}",
    )?;
    let session_name = session_name.ok_or_else(|| invalid("RoleSessionName is required in AuthnResponse"))?;
    let source_identity = name(
        &assertion,
        SOURCE_IDENTITY,
        "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"",
    )?;
    if !grants(&assertion, &role_arn, &provider_arn) {
        return Err(federated::not_authorized("sts:AssumeRoleWithSAML"));
    }
    let tags = tags(&assertion)?;
    let packed = policies.packed_size(&tags.tags)?;
    let qualifier = name_qualifier(&assertion.issuer, &account, &provider.name);
    let keys = keys(&assertion, &provider, &account, &qualifier);

    let role = role.find(&ctx).await?;
    // The shorter of what the provider and the caller say.
    let said = assertion.values(SESSION_DURATION).next().and_then(|text| text.parse::<i32>().ok());
    let said = said.filter(|seconds| (900..=43_200).contains(seconds));
    let duration = match (input.duration_seconds, said) {
        (Some(asked), Some(said)) => Some(asked.min(said)),
        (asked, said) => asked.or(said),
    };
    let duration = role.duration(&ctx, duration)?;
    let brings_along = brings_along || !tags.tags.is_empty();
    let session = Session {
        tags: tags.tags,
        transitive_tag_keys: tags.transitive,
        source_identity: source_identity.clone(),
        policy: policies.document,
        policy_arns: policies.arns,
        role_id: role.id.clone(),
        federated_provider: Some(provider_arn.clone()),
        keys,
        ..Session::default()
    };
    let principal = Principal::Saml { provider_arn };
    let action = "sts:AssumeRoleWithSAML";
    federated::authorize(&ctx, action, &principal, &role_arn, &session_name, &session).await?;
    let (caller, user) = role.session(&ctx, session_name);
    let begun = sessions::begin(&ctx, caller, duration, input.minimum_session_token_size, session).await?;
    Ok(AssumeRoleWithSAMLOutput {
        credentials: Some(begun.credentials),
        assumed_role_user: Some(user),
        packed_policy_size: brings_along.then_some(packed),
        subject: Some(assertion.subject),
        subject_type: Some(assertion.subject_type),
        issuer: Some(assertion.issuer),
        audience: Some(assertion.recipient),
        name_qualifier: Some(qualifier),
        source_identity,
        session_token_size: begun.token_size,
        session_token_utilization: begun.token_utilization,
    })
}
