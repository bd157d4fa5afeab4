//! Who asks: everything of a decision that is the same for all permissions of one call.

use std::sync::Arc;

use cloudtwin_policy::{Context, Principal as PolicyPrincipal};
use cloudtwin_smithy::AwsError;

use super::context::Sources;
use super::hooks::{Identity, OrganizationPolicies};
use crate::caller::{Caller, Principal};
use crate::cloud::Cloud;
use crate::ctx::RequestFacts;

/// The caller, its policies and what the request says of itself.
pub(crate) struct Subject {
    pub(crate) caller: Caller,
    pub(crate) principal: PolicyPrincipal,
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) organization: Option<Arc<OrganizationPolicies>>,
    /// Shared by the requests for all permissions.
    pub(crate) context: Arc<Context>,
    pub(crate) region: String,
}

impl Subject {
    /// Collects what is known of `caller`.
    pub(crate) fn of(
        cloud: &Cloud,
        caller: &Caller,
        region: &str,
        request: &RequestFacts,
    ) -> Result<Self, AwsError> {
        let identity = match caller.principal {
            Principal::User { .. } | Principal::AssumedRole { .. } | Principal::FederatedUser { .. } => {
                cloud.identities().map(|identities| identities.identity(cloud, caller)).transpose()?
            }
            Principal::Root | Principal::Service { .. } | Principal::Anonymous => None,
        };
        let member = !matches!(caller.principal, Principal::Service { .. } | Principal::Anonymous);
        let organization = if member { cloud.organization_of(&caller.account)? } else { None };
        let context = Sources {
            caller,
            identity: identity.as_deref(),
            organization: organization.as_deref(),
            request,
            region,
            now: cloud.clock().now_millis(),
            plain_is_secure: cloud.config().plain_http_is_secure,
        }
        .context();
        Ok(Self {
            principal: principal(caller),
            caller: caller.clone(),
            identity,
            organization,
            context: Arc::new(context),
            region: region.to_owned(),
        })
    }

    /// Who is meant in explanations and observations: the role for its sessions.
    pub(crate) fn entity_arn(&self) -> &str {
        match &self.caller.principal {
            Principal::AssumedRole { role_arn, .. } => role_arn,
            _ => &self.caller.arn,
        }
    }
}

/// The caller as policies name it.
fn principal(caller: &Caller) -> PolicyPrincipal {
    let account = caller.account.clone();
    match &caller.principal {
        Principal::Root => PolicyPrincipal::Root { account },
        Principal::User { .. } => PolicyPrincipal::User {
            arn: caller.arn.clone(),
            account,
            unique_id: Some(caller.user_id.clone()),
        },
        Principal::AssumedRole { role_arn, .. } => PolicyPrincipal::AssumedRole {
            session_arn: caller.arn.clone(),
            role_arn: role_arn.clone(),
            account,
            unique_id: caller.user_id.split_once(':').map(|(role_id, _)| role_id.to_owned()),
        },
        Principal::FederatedUser { .. } => {
            let issuer = caller.session.as_ref().and_then(|session| session.issuer_arn.clone());
            PolicyPrincipal::FederatedUser {
                arn: caller.arn.clone(),
                user_arn: issuer.unwrap_or_default(),
                account,
            }
        }
        Principal::Service { name, .. } => PolicyPrincipal::Service { name: name.clone() },
        Principal::Anonymous => PolicyPrincipal::Anonymous,
    }
}
