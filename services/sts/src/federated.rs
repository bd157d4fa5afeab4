//! Those whom an identity provider vouches for. They are nobody in AWS: what lets them take on a role is its trust
//! policy alone, and that is decided here, because only a verified token tells who they are.

use cloudtwin_core::authorize::{Access, KeyValue};
use cloudtwin_core::{Ctx, Session};
use cloudtwin_policy::Principal;
use cloudtwin_smithy::AwsError;

/// The refusal of a caller who is nobody in AWS.
pub(crate) fn not_authorized(action: &str) -> AwsError {
    AwsError::new("AccessDenied", 403, format!("Not authorized to perform {action}"))
}

/// Whether the trust policy of a role lets `principal` begin this session, where IAM is enforced. What the session
/// brings along has to be allowed too.
pub(crate) async fn authorize(
    ctx: &Ctx,
    action: &'static str,
    principal: &Principal,
    role_arn: &str,
    session_name: &str,
    session: &Session,
) -> Result<(), AwsError> {
    let mut actions = vec![action];
    if !session.tags.is_empty() {
        actions.push("sts:TagSession");
    }
    if session.source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    let many = |values: &[String]| KeyValue::Many(values.to_vec());
    for (index, required) in actions.into_iter().enumerate() {
        let mut access = Access::new(required, role_arn).key("sts:RoleSessionName", session_name.to_owned());
        access.dependent = index > 0;
        for (key, values) in &session.keys {
            access = match values.as_slice() {
                [value] => access.key(key.clone(), value.clone()),
                values => access.key(key.clone(), many(values)),
            };
        }
        if let Some(provider) = &session.federated_provider {
            access = access.key("aws:FederatedProvider", provider.clone());
        }
        if let Some(identity) = &session.source_identity {
            access = access.key("sts:SourceIdentity", identity.clone());
        }
        if !session.tags.is_empty() {
            let keys: Vec<String> = session.tags.iter().map(|(key, _)| key.clone()).collect();
            access = access.key("aws:TagKeys", many(&keys));
        }
        if !session.transitive_tag_keys.is_empty() {
            access = access.key("sts:TransitiveTagKeys", many(&session.transitive_tag_keys));
        }
        for (key, value) in &session.tags {
            access = access.key(format!("aws:RequestTag/{key}"), value.clone());
        }
        let decided = ctx.authorize_federated(principal, &access).await;
        decided.map_err(|error| match error.code() {
            "AccessDenied" => not_authorized(action),
            _ => error,
        })?;
    }
    Ok(())
}
