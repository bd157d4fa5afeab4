//! `GetSessionToken` and `GetFederationToken`: sessions for callers themselves, and for whom they let in.

use cloudtwin_core::{Caller, Ctx, Principal};
use cloudtwin_smithy::AwsError;

use crate::api::{
    FederatedUser, GetFederationTokenInput, GetFederationTokenOutput, GetSessionTokenInput,
    GetSessionTokenOutput,
};
use crate::session_policy::SessionPolicies;
use crate::session_tags;
use crate::sessions::{self, Session};

/// How long a session lasts unless it is said, in seconds.
const DEFAULT_DURATION: i32 = 43_200;

/// How long sessions of a root last at most, in seconds; if more is asked for, they last so long.
const ROOT_DURATION: i32 = 3_600;

/// Refuses callers that have temporary credentials themselves.
fn refuse_sessions(ctx: &Ctx, operation: &str) -> Result<(), AwsError> {
    if sessions::of_caller(ctx)?.is_some() {
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
    let credentials = sessions::begin(&ctx, ctx.caller().clone(), duration, Session::default()).await?;
    Ok(GetSessionTokenOutput { credentials: Some(credentials), ..GetSessionTokenOutput::default() })
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
        ..Session::default()
    };
    let duration = duration(&ctx, input.duration_seconds);
    let credentials = sessions::begin(&ctx, caller, duration, session).await?;
    Ok(GetFederationTokenOutput {
        credentials: Some(credentials),
        federated_user: Some(user),
        packed_policy_size: Some(packed),
        ..GetFederationTokenOutput::default()
    })
}
