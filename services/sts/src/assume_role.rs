//! `AssumeRole`.
//!
//! A role that does not exist can be assumed too: users of LocalStack assume roles that only exist in their
//! real accounts. Who may assume a role is not decided here.

use cloudtwin_core::credentials::id_of_account;
use cloudtwin_core::{Arn, Caller, Ctx, Principal};
use cloudtwin_smithy::AwsError;

use crate::api::iam::{GetRole, GetRoleInput};
use crate::api::{AssumeRoleInput, AssumeRoleOutput, AssumedRoleUser};
use crate::session_policy::SessionPolicies;
use crate::session_tags;
use crate::sessions::{self, Session};

/// How long a session lasts unless it is said, in seconds.
const DEFAULT_DURATION: i32 = 3_600;

/// How long a session can last that was assumed from another session, in seconds.
const CHAINED_DURATION: i32 = 3_600;

/// The longest that a role can allow, in seconds.
const LONGEST_DURATION: i32 = 43_200;

fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", 400, message)
}

/// What is known of a role that is to be assumed.
struct RoleFacts {
    id: String,
    max_session_duration: i32,
}

/// The role's ARN and its name.
fn parse(role_arn: &str) -> Result<(Arn, String), AwsError> {
    let invalid = || validation(format!("{role_arn} is invalid"));
    let arn: Arn = role_arn.parse().map_err(|_| invalid())?;
    let is_account = arn.account.len() == 12 && arn.account.bytes().all(|byte| byte.is_ascii_digit());
    let name = arn.resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
    match name {
        Some(name) if is_account && !name.is_empty() => {
            let name = name.to_owned();
            Ok((arn, name))
        }
        _ => Err(invalid()),
    }
}

/// Asks IAM for the role, in the account that its ARN names.
async fn role_facts(ctx: &Ctx, arn: &Arn, name: &str) -> Result<Option<RoleFacts>, AwsError> {
    let input = GetRoleInput { role_name: name.to_owned() };
    let call = ctx.call(GetRole, input).as_service("sts.amazonaws.com", &arn.to_string());
    match call.in_account(&arn.account).send().await {
        Ok(output) if output.role.arn.rsplit(':').next() == Some(arn.resource.as_str()) => {
            Ok(Some(RoleFacts {
                id: output.role.role_id,
                max_session_duration: output.role.max_session_duration.unwrap_or(DEFAULT_DURATION),
            }))
        }
        Ok(_) => Ok(None),
        // Where IAM is not served, no role exists.
        Err(error) if error.status() < 500 || error.status() == 501 => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) async fn assume_role(ctx: Ctx, input: AssumeRoleInput) -> Result<AssumeRoleOutput, AwsError> {
    let (arn, name) = parse(&input.role_arn)?;
    let chained_from = sessions::of_caller(&ctx)?;
    let tags = session_tags::combine(
        input.tags.unwrap_or_default(),
        input.transitive_tag_keys.unwrap_or_default(),
        chained_from.as_ref(),
    )?;
    let brings_along = input.policy.is_some() || input.policy_arns.is_some() || !tags.tags.is_empty();
    let policies = SessionPolicies::of(input.policy, input.policy_arns)?;
    let packed = policies.packed_size(&tags.tags)?;

    let role = role_facts(&ctx, &arn, &name).await?;
    let (role_id, longest) = match role {
        Some(role) => (role.id, role.max_session_duration),
        None => (id_of_account("AROA", 17, &arn.account, ctx.random()), LONGEST_DURATION),
    };
    let duration = input.duration_seconds.unwrap_or(DEFAULT_DURATION);
    if duration > longest {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let chains = matches!(ctx.caller().principal, Principal::AssumedRole { .. });
    if chains && duration > CHAINED_DURATION {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }

    let session_name = input.role_session_name;
    let Arn { partition, account, .. } = &arn;
    let user = AssumedRoleUser {
        assumed_role_id: format!("{role_id}:{session_name}"),
        arn: format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"),
    };
    let caller = Caller {
        arn: user.arn.clone(),
        user_id: user.assumed_role_id.clone(),
        principal: Principal::AssumedRole { role_arn: input.role_arn, session_name },
        ..Caller::root(account)
    };
    let source_identity = input.source_identity.or_else(|| chained_from?.source_identity);
    let session = Session {
        tags: tags.tags,
        transitive: tags.transitive,
        source_identity: source_identity.clone(),
        policy: policies.document,
        policy_arns: policies.arns,
        ..Session::default()
    };
    let credentials = sessions::begin(&ctx, caller, duration, session).await?;
    Ok(AssumeRoleOutput {
        credentials: Some(credentials),
        assumed_role_user: Some(user),
        packed_policy_size: brings_along.then_some(packed),
        source_identity,
        ..AssumeRoleOutput::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_the_last_part_of_its_arn() {
        let (arn, name) = parse("arn:aws:iam::123456789012:role/a/b/Reader").unwrap();
        assert_eq!((arn.account.as_str(), name.as_str()), ("123456789012", "Reader"));
        for text in [
            "nothing-valid-in-here",
            "arn::b:::something/test-role",
            "arn:a::::something/test-role",
            "arn:a:::something/test-role",
            "arn:a:a::aaaaaaaaaa:",
            "arn:aws:iam::123456789012:user/Reader",
            "arn:aws:iam::123456789012:role/",
        ] {
            assert_eq!(parse(text).unwrap_err().message(), format!("{text} is invalid"));
        }
    }
}
