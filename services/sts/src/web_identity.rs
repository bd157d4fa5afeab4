//! `AssumeRoleWithWebIdentity`: sessions for those whom an OpenID Connect provider vouches for.

use std::collections::BTreeMap;

use cloudtwin_core::federation::{OIDC_PROVIDERS, OidcProvider, oidc_key};
use cloudtwin_core::{Ctx, Session};
use cloudtwin_policy::Principal;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::StoreError;
use serde_json::{Map, Value};

use crate::api;
use crate::api::errors::{
    EXPIRED_TOKEN_EXCEPTION, IDP_COMMUNICATION_ERROR_EXCEPTION, IDP_REJECTED_CLAIM_EXCEPTION,
    INVALID_IDENTITY_TOKEN_EXCEPTION,
};
use crate::api::{AssumeRoleWithWebIdentityInput, AssumeRoleWithWebIdentityOutput};
use crate::federated;
use crate::jwt::{Token, Verdict};
use crate::provider_keys::{FetchError, ProviderKeys};
use crate::roles::NamedRole;
use crate::session_policy::SessionPolicies;
use crate::session_tags::{self, SessionTags};
use crate::sessions;

/// How old a token can be, in seconds.
const OLDEST: i64 = 24 * 3_600;

/// How much the issuer's clock may be ahead, in seconds.
const SKEW: i64 = 300;

/// The claim that carries session tags, and what its members are called when it is written flat.
const TAGS: &str = "https://aws.amazon.com/tags";
const PRINCIPAL_TAGS: &str = "https://aws.amazon.com/tags/principal_tags/";
const TRANSITIVE_TAG_KEYS: &str = "https://aws.amazon.com/tags/transitive_tag_keys";

/// The claim that says who is behind a session.
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// Claims that become condition keys, whoever the issuer is (IAM user guide, "Available keys for AWS OIDC
/// federation").
const CLAIMS: [&str; 5] = ["amr", "aud", "email", "oaud", "sub"];

/// Claims of GitHub's and other issuers of CI systems that become condition keys too.
const CI_CLAIMS: [&str; 9] = [
    "actor",
    "actor_id",
    "enterprise_id",
    "environment",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "workflow",
];

fn invalid(message: impl Into<String>) -> AwsError {
    INVALID_IDENTITY_TOKEN_EXCEPTION.with(message.into())
}

fn missing(claim: &str) -> AwsError {
    invalid(format!("Missing a required claim: {claim}"))
}

/// What a verified token says.
struct Identity {
    subject: String,
    audience: String,
    tags: SessionTags,
    source_identity: Option<String>,
    keys: BTreeMap<String, Vec<String>>,
}

/// Whether the times of a token are of now.
fn check_times(token: &Token<'_>, now: i64) -> Result<(), AwsError> {
    let expires = token.time("exp").ok_or_else(|| missing("exp"))?;
    let issued = token.time("iat").ok_or_else(|| missing("iat"))?;
    if expires <= now {
        return Err(EXPIRED_TOKEN_EXCEPTION.with(format!(
            "Token expired: current date/time {now} must be before the expiration date/time {expires}"
        )));
    }
    if now.saturating_sub(issued) > OLDEST {
        return Err(EXPIRED_TOKEN_EXCEPTION.with(format!("Token too old: {}", now.saturating_sub(issued))));
    }
    let begins = token.time("nbf").unwrap_or(issued).max(issued);
    if begins > now.saturating_add(SKEW) {
        return Err(invalid("Token is not valid yet"));
    }
    Ok(())
}

/// The audience that a token is meant for, if the provider takes it. Who is authorised by it (`azp`) counts
/// before whom it is meant for.
fn audience(token: &Token<'_>, provider: &OidcProvider) -> Result<String, AwsError> {
    let audiences = token.texts("aud");
    if audiences.is_empty() {
        return Err(missing("aud"));
    }
    let registered = |audience: &&str| provider.client_ids.iter().any(|client| client == audience);
    let authorized = token.text("azp");
    let found = authorized.into_iter().chain(audiences).find(registered);
    found.map(str::to_owned).ok_or_else(|| invalid("Incorrect token audience"))
}

/// The texts of a member that is one text or several; `None` for anything else.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

/// The session tags that a token carries.
fn tags(claims: &Map<String, Value>) -> Result<SessionTags, AwsError> {
    let rejected = |what: &str| IDP_REJECTED_CLAIM_EXCEPTION.with(format!("The claim {what} is not valid."));
    let mut tags = Vec::new();
    let mut add = |key: &str, value: &Value| {
        let values = texts(value).unwrap_or_default();
        let [value] = values.as_slice() else { return Err(rejected(TAGS)) };
        tags.push(api::Tag { key: key.to_owned(), value: value.clone() });
        Ok(())
    };
    let mut transitive = Vec::new();
    if let Some(claim) = claims.get(TAGS) {
        if let Some(principal_tags) = claim.get("principal_tags") {
            let members = principal_tags.as_object().ok_or_else(|| rejected(TAGS))?;
            members.iter().try_for_each(|(key, value)| add(key, value))?;
        }
        if let Some(keys) = claim.get("transitive_tag_keys") {
            transitive = texts(keys).ok_or_else(|| rejected(TAGS))?;
        }
    }
    for (name, value) in claims {
        if let Some(key) = name.strip_prefix(PRINCIPAL_TAGS) {
            add(key, value)?;
        } else if name == TRANSITIVE_TAG_KEYS {
            transitive = texts(value).ok_or_else(|| rejected(TRANSITIVE_TAG_KEYS))?;
        }
    }
    session_tags::check_limits(&tags)?;
    session_tags::combine(tags, transitive, None)
}

fn identity(token: &Token<'_>, provider: &OidcProvider) -> Result<Identity, AwsError> {
    let audience = audience(token, provider)?;
    let subject = token.text("sub").ok_or_else(|| missing("sub"))?.to_owned();
    let mut keys = BTreeMap::new();
    for claim in CLAIMS.into_iter().chain(CI_CLAIMS) {
        let values = token.claims.get(claim).and_then(texts).unwrap_or_default();
        if !values.is_empty() {
            keys.insert(format!("{}:{claim}", provider.url), values);
        }
    }
    keys.insert(format!("{}:aud", provider.url), vec![audience.clone()]);
    let source_identity = token.text(SOURCE_IDENTITY).map(str::to_owned);
    if source_identity.as_ref().is_some_and(|identity| !session_tags::is_name(identity)) {
        return Err(invalid(
            "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"",
        ));
    }
    Ok(Identity { subject, audience, tags: tags(&token.claims)?, source_identity, keys })
}

pub(crate) async fn assume_role_with_web_identity(
    ctx: Ctx,
    known_keys: ProviderKeys,
    input: AssumeRoleWithWebIdentityInput,
) -> Result<AssumeRoleWithWebIdentityOutput, AwsError> {
    let role_arn = input.role_arn.clone();
    let role = NamedRole::parse(input.role_arn)?;
    let brings_along = input.policy.is_some() || input.policy_arns.is_some();
    let policies = SessionPolicies::of(input.policy, input.policy_arns)?;
    let no_provider =
        |issuer: &str| invalid(format!("No OpenIDConnect provider found in your account for {issuer}"));
    if let Some(provider_id) = &input.provider_id {
        // Tokens of OAuth 2.0 can only be shown to those who made them, and nothing here calls them.
        return Err(no_provider(&format!("https://{provider_id}")));
    }
    let token = Token::read(&input.web_identity_token);
    let issuer = token.as_ref().and_then(|token| token.text("iss"));
    let (Some(token), Some(issuer)) = (&token, issuer) else {
        return Err(invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        ));
    };
    let account = role.arn.account.clone();
    let provider = ctx
        .cloud()
        .db()
        .scoped(&account, "")
        .read::<_, StoreError, _>(|tx| tx.get(&OIDC_PROVIDERS, oidc_key(issuer)))?
        .ok_or_else(|| no_provider(issuer))?;
    check_times(token, ctx.now().seconds)?;
    let identity = identity(token, &provider)?;
    let packed = policies.packed_size(&identity.tags.tags)?;
    match Box::pin(known_keys.verify(&ctx, token, issuer, &provider)).await {
        Ok(Verdict::Good) => {}
        Ok(Verdict::Bad) => return Err(invalid("Token signature invalid")),
        Ok(Verdict::UnknownKey) | Err(FetchError::Answer) => {
            return Err(invalid(
                "Couldn't retrieve verification key from your identity provider,  please reference \
                 AssumeRoleWithWebIdentity documentation for requirements",
            ));
        }
        Err(FetchError::Certificate) => {
            return Err(invalid(
                "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint",
            ));
        }
        Err(FetchError::Unreachable) => {
            return Err(IDP_COMMUNICATION_ERROR_EXCEPTION
                .with("Could not connect to the identity provider, please retry the request."));
        }
    }

    let provider_arn = provider.arn(&account);
    let role = role.find(&ctx).await?;
    let duration = role.duration(&ctx, input.duration_seconds)?;
    let brings_along = brings_along || !identity.tags.tags.is_empty();
    let session = Session {
        tags: identity.tags.tags,
        transitive_tag_keys: identity.tags.transitive,
        source_identity: identity.source_identity.clone(),
        policy: policies.document,
        policy_arns: policies.arns,
        role_id: role.id.clone(),
        federated_provider: Some(provider_arn.clone()),
        keys: identity.keys,
        ..Session::default()
    };
    let principal = Principal::WebIdentity { provider: provider_arn.clone() };
    let action = "sts:AssumeRoleWithWebIdentity";
    let session_name = input.role_session_name;
    federated::authorize(&ctx, action, &principal, &role_arn, &session_name, &session).await?;
    let (caller, user) = role.session(&ctx, session_name);
    let begun = sessions::begin(&ctx, caller, duration, input.minimum_session_token_size, session).await?;
    Ok(AssumeRoleWithWebIdentityOutput {
        credentials: Some(begun.credentials),
        subject_from_web_identity_token: Some(identity.subject),
        assumed_role_user: Some(user),
        packed_policy_size: brings_along.then_some(packed),
        provider: Some(provider_arn),
        audience: Some(identity.audience),
        source_identity: identity.source_identity,
        session_token_size: begun.token_size,
        session_token_utilization: begun.token_utilization,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tags_of(claims: &Value) -> Result<SessionTags, AwsError> {
        tags(claims.as_object().unwrap())
    }

    #[test]
    fn tags_are_nested_or_flat() {
        let nested = tags_of(&json!({
            TAGS: {"principal_tags": {"Team": ["a"], "Job": ["1"]}, "transitive_tag_keys": ["Team"]}
        }));
        let flat = tags_of(&json!({
            "https://aws.amazon.com/tags/principal_tags/Team": "a",
            "https://aws.amazon.com/tags/principal_tags/Job": "1",
            "https://aws.amazon.com/tags/transitive_tag_keys": "Team",
        }));
        let nested = nested.unwrap();
        assert_eq!(nested.tags, [("Team".to_owned(), "a".to_owned()), ("Job".to_owned(), "1".to_owned())]);
        assert_eq!(nested.transitive, ["Team"]);
        assert_eq!(nested, flat.unwrap());
    }

    #[test]
    fn tags_that_are_none_are_refused() {
        for claims in [
            json!({TAGS: {"principal_tags": {"Team": ["a", "b"]}}}),
            json!({TAGS: {"principal_tags": ["Team"]}}),
            json!({TAGS: {"principal_tags": {"Team": 7}}}),
            json!({TAGS: {"transitive_tag_keys": {}}}),
        ] {
            assert_eq!(tags_of(&claims).unwrap_err().code(), "IDPRejectedClaim", "{claims}");
        }
    }
}
