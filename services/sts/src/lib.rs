//! STS: who calls, and credentials for a while.
//!
//! Sessions are written for authentication to read (`cloudtwin_core::credentials`); what else is known of
//! them (tags, session policies, source identity) is in [`sessions`].

mod assume_role;
mod identity;
mod session_policy;
mod session_tags;
mod sessions;
mod tokens;

use cloudtwin_core::{Service, ValidationStyle};

#[expect(missing_docs, reason = "the names are the model's, and AWS's API reference is their documentation")]
pub mod api {
    include!(concat!(env!("OUT_DIR"), "/api.rs"));
}

/// The service.
pub fn service() -> Service {
    Service::new(&api::SERVICE, api::OPERATIONS)
        .validation(ValidationStyle::ValidationError)
        .op(api::AssumeRole, assume_role::assume_role)
        .op(api::GetAccessKeyInfo, identity::get_access_key_info)
        .op(api::GetCallerIdentity, identity::get_caller_identity)
        .op(api::GetFederationToken, tokens::get_federation_token)
        .op(api::GetSessionToken, tokens::get_session_token)
}
