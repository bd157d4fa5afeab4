//! `AssumeRole`.

use cloudtwin_core::{Ctx, Session};
use cloudtwin_smithy::AwsError;

use crate::api::{AssumeRoleInput, AssumeRoleOutput};
use crate::mfa_codes;
use crate::roles::{NamedRole, validation};
use crate::session_policy::SessionPolicies;
use crate::session_tags;
use crate::sessions;

/// Who is behind the new session: who was said to be, which cannot be changed once it was.
fn source_identity(asked: Option<String>, caller: Option<&Session>) -> Result<Option<String>, AwsError> {
    match (asked, caller.and_then(|session| session.source_identity.clone())) {
        (Some(asked), Some(known)) if asked != known => Err(AwsError::new(
            "AccessDenied",
            403,
            "The source identity of the calling session cannot be changed.",
        )),
        (asked, known) => Ok(asked.or(known)),
    }
}

pub(crate) async fn assume_role(ctx: Ctx, input: AssumeRoleInput) -> Result<AssumeRoleOutput, AwsError> {
    let role = NamedRole::parse(input.role_arn)?;
    if input.provided_contexts.is_some() {
        return Err(validation(
            "The context assertion cannot be verified: IAM Identity Center, which issues them, is not served.",
        ));
    }
    let chained_from = ctx.caller().session.clone();
    let tags = session_tags::combine(
        input.tags.unwrap_or_default(),
        input.transitive_tag_keys.unwrap_or_default(),
        chained_from.as_deref(),
    )?;
    let source_identity = source_identity(input.source_identity, chained_from.as_deref())?;
    let brings_along = input.policy.is_some() || input.policy_arns.is_some() || !tags.tags.is_empty();
    let policies = SessionPolicies::of(input.policy, input.policy_arns)?;
    let packed = policies.packed_size(&tags.tags)?;

    let role = role.find(&ctx).await?;
    let duration = role.duration(&ctx, input.duration_seconds)?;
    // What policies see of a session of a role is not whether a device was asked for when it began.
    mfa_codes::check(&ctx, input.serial_number, input.token_code).await?;
    let session = Session {
        tags: tags.tags,
        transitive_tag_keys: tags.transitive,
        source_identity: source_identity.clone(),
        policy: policies.document,
        policy_arns: policies.arns,
        role_id: role.id.clone(),
        issuer_arn: Some(ctx.caller().arn.clone()),
        issuer_id: Some(ctx.caller().user_id.clone()),
        ..Session::default()
    };
    let (caller, user) = role.session(&ctx, input.role_session_name);
    let begun = sessions::begin(&ctx, caller, duration, input.minimum_session_token_size, session).await?;
    Ok(AssumeRoleOutput {
        credentials: Some(begun.credentials),
        assumed_role_user: Some(user),
        packed_policy_size: brings_along.then_some(packed),
        source_identity,
        session_token_size: begun.token_size,
        session_token_utilization: begun.token_utilization,
    })
}
