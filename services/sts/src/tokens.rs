//! `GetSessionToken` and `GetFederationToken`: sessions for callers themselves, and for whom they let in.

use cloudtwin_core::{Caller, Ctx, Principal, Session};
use cloudtwin_smithy::AwsError;

use crate::api::{
    FederatedUser, GetFederationTokenInput, GetFederationTokenOutput, GetSessionTokenInput,
    GetSessionTokenOutput,
};
use crate::mfa_codes;
use crate::session_policy::SessionPolicies;
use crate::session_tags;
use crate::sessions;

/// How long a session lasts unless it is said, in seconds.
const DEFAULT_DURATION: i32 = 43_200;

/// How long sessions of a root last at most, in seconds; if more is asked for, they last so long.
const ROOT_DURATION: i32 = 3_600;

/// Refuses callers that have temporary credentials themselves.
fn refuse_sessions(ctx: &Ctx, operation: &str) -> Result<(), AwsError> {
    if ctx.caller().session.is_some() {
        let message = format!("Cannot call {operation} with session credentials");
        return Err(AwsError::new("AccessDenied", 403, message));
    }
    Ok(())
}

fn duration(ctx: &Ctx, asked: Option<i32>) -> i32 {
    let duration = asked.unwrap_or(DEFAULT_DURATION);
    if ctx.caller().principal == Principal::Root { duration.min(ROOT_DURATION) } else { duration }
}

pub(crate) async fn get_session_token(
    ctx: Ctx,
    input: GetSessionTokenInput,
) -> Result<GetSessionTokenOutput, AwsError> {
    refuse_sessions(&ctx, "GetSessionToken")?;
    let duration = duration(&ctx, input.duration_seconds);
    let session = Session {
        mfa_authenticated_at: mfa_codes::check(&ctx, input.serial_number, input.token_code).await?,
        ..Session::default()
    };
    let caller = ctx.caller().clone();
    let begun = sessions::begin(&ctx, caller, duration, input.minimum_session_token_size, session).await?;
    Ok(GetSessionTokenOutput {
        credentials: Some(begun.credentials),
        session_token_size: begun.token_size,
        session_token_utilization: begun.token_utilization,
    })
}

pub(crate) async fn get_federation_token(
    ctx: Ctx,
    input: GetFederationTokenInput,
) -> Result<GetFederationTokenOutput, AwsError> {
    refuse_sessions(&ctx, "GetFederationToken")?;
    let tags = session_tags::combine(input.tags.unwrap_or_default(), Vec::new(), None)?;
    let policies = SessionPolicies::of(input.policy, input.policy_arns)?;
    let packed = policies.packed_size(&tags.tags)?;
    let account = ctx.account();
    let user = FederatedUser {
        federated_user_id: format!("{account}:{}", input.name),
        arn: format!("arn:aws:sts::{account}:federated-user/{}", input.name),
    };
    let caller = Caller {
        arn: user.arn.clone(),
        user_id: user.federated_user_id.clone(),
        principal: Principal::FederatedUser { name: input.name },
        ..Caller::root(account)
    };
    let session = Session {
        tags: tags.tags,
        policy: policies.document,
        policy_arns: policies.arns,
        issuer_arn: Some(ctx.caller().arn.clone()),
        issuer_id: Some(ctx.caller().user_id.clone()),
        ..Session::default()
    };
    let duration = duration(&ctx, input.duration_seconds);
    let begun = sessions::begin(&ctx, caller, duration, input.minimum_session_token_size, session).await?;
    Ok(GetFederationTokenOutput {
        credentials: Some(begun.credentials),
        federated_user: Some(user),
        packed_policy_size: Some(packed),
        session_token_size: begun.token_size,
        session_token_utilization: begun.token_utilization,
    })
}
