//! STS: who calls, and credentials for a while.
//!
//! Sessions are written for authentication to read (`cloudtwin_core::credentials`). What is known of them beside
//! (tags, session policies, source identity: `cloudtwin_core::Session`) stays with their callers.

mod assume_role;
mod authorization_messages;
mod federated;
mod identity;
mod jwt;
mod mfa_codes;
mod provider_keys;
mod provider_tls;
mod roles;
mod saml;
mod session_policy;
mod session_tags;
mod sessions;
mod tokens;
mod web_identity;

use cloudtwin_core::{Service, ValidationStyle};

#[expect(missing_docs, reason = "the names are the model's, and AWS's API reference is their documentation")]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

/// The service.
pub fn service() -> Service {
    let keys = provider_keys::ProviderKeys::default();
    Service::new(&api::SERVICE, api::OPERATIONS)
        .validation(ValidationStyle::ValidationError)
        .op(api::AssumeRole, assume_role::assume_role)
        .op(api::AssumeRoleWithSAML, saml::assume_role_with_saml)
        .op(api::AssumeRoleWithWebIdentity, move |ctx, input| {
            web_identity::assume_role_with_web_identity(ctx, keys.clone(), input)
        })
        .op(api::DecodeAuthorizationMessage, authorization_messages::decode_authorization_message)
        .op(api::GetAccessKeyInfo, identity::get_access_key_info)
        .op(api::GetCallerIdentity, identity::get_caller_identity)
        .op(api::GetFederationToken, tokens::get_federation_token)
        .op(api::GetSessionToken, tokens::get_session_token)
}
