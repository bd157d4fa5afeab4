//! The role that a session is begun in.
//!
//! A role that does not exist can be assumed too: users of LocalStack assume roles that only exist in their
//! real accounts. Who may assume a role is decided before, where IAM is enforced; then a role that does not
//! exist has no trust policy, and nobody may.

use cloudtwin_core::credentials::id_of_account;
use cloudtwin_core::{Arn, Caller, Ctx, Principal};
use cloudtwin_smithy::AwsError;

use crate::api::AssumedRoleUser;
use crate::api::iam::{GetRole, GetRoleInput};

/// How long a session lasts unless it is said, in seconds.
const DEFAULT_DURATION: i32 = 3_600;

/// How long a session can last that was assumed from another session, in seconds.
const CHAINED_DURATION: i32 = 3_600;

/// The longest that a role can allow, in seconds.
const LONGEST_DURATION: i32 = 43_200;

pub(crate) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", 400, message)
}

/// A role as a call names it.
pub(crate) struct NamedRole {
    text: String,
    pub(crate) arn: Arn,
    name: String,
}

/// A role, and what there is of it.
pub(crate) struct Role {
    named: NamedRole,
    /// Its unique id, if it exists.
    pub(crate) id: Option<String>,
    max_session_duration: i32,
}

impl NamedRole {
    pub(crate) fn parse(role_arn: String) -> Result<Self, AwsError> {
        let invalid = || validation(format!("{role_arn} is invalid"));
        let arn: Arn = role_arn.parse().map_err(|_| invalid())?;
        let is_account = arn.account.len() == 12 && arn.account.bytes().all(|byte| byte.is_ascii_digit());
        let name = arn.resource.strip_prefix("role/").and_then(|path| path.rsplit('/').next());
        match name {
            Some(name) if is_account && !name.is_empty() => {
                let name = name.to_owned();
                Ok(Self { text: role_arn, arn, name })
            }
            _ => Err(invalid()),
        }
    }

    /// Asks IAM for the role, in the account that its ARN names.
    pub(crate) async fn find(self, ctx: &Ctx) -> Result<Role, AwsError> {
        let input = GetRoleInput { role_name: self.name.clone() };
        let call = ctx.call(GetRole, input).as_service("sts.amazonaws.com", &self.text);
        let found = match call.in_account(&self.arn.account).trusted().send().await {
            // The same name under another path is another role.
            Ok(output) => Some(output.role).filter(|role| role.arn == self.text),
            // Where IAM is not served, no role exists.
            Err(error) if error.status() < 500 || error.status() == 501 => None,
            Err(error) => return Err(error),
        };
        Ok(match found {
            Some(role) => Role {
                named: self,
                id: Some(role.role_id),
                max_session_duration: role.max_session_duration.unwrap_or(DEFAULT_DURATION),
            },
            None => Role { named: self, id: None, max_session_duration: LONGEST_DURATION },
        })
    }
}

impl Role {
    /// How long a session is to last for which `asked` is asked, in seconds.
    pub(crate) fn duration(&self, ctx: &Ctx, asked: Option<i32>) -> Result<i32, AwsError> {
        let duration = asked.unwrap_or(DEFAULT_DURATION);
        if duration > self.max_session_duration {
            return Err(validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        let chains = matches!(ctx.caller().principal, Principal::AssumedRole { .. });
        if chains && duration > CHAINED_DURATION {
            return Err(validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role \
                 chaining.",
            ));
        }
        Ok(duration)
    }

    /// Who is in a session of the role: as a caller, and as it is answered.
    pub(crate) fn session(self, ctx: &Ctx, session_name: String) -> (Caller, AssumedRoleUser) {
        let NamedRole { text, arn: Arn { partition, account, .. }, name } = self.named;
        let role_id = self.id.unwrap_or_else(|| id_of_account("AROA", 17, &account, ctx.random()));
        let user = AssumedRoleUser {
            assumed_role_id: format!("{role_id}:{session_name}"),
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{name}/{session_name}"),
        };
        let caller = Caller {
            arn: user.arn.clone(),
            user_id: user.assumed_role_id.clone(),
            principal: Principal::AssumedRole { role_arn: text, session_name },
            ..Caller::root(&account)
        };
        (caller, user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_is_the_last_part_of_its_arn() {
        let role = NamedRole::parse("arn:aws:iam::123456789012:role/a/b/Reader".to_owned()).unwrap();
        assert_eq!((role.arn.account.as_str(), role.name.as_str()), ("123456789012", "Reader"));
        for text in [
            "nothing-valid-in-here",
            "arn::b:::something/test-role",
            "arn:a::::something/test-role",
            "arn:a:::something/test-role",
            "arn:a:a::aaaaaaaaaa:",
            "arn:aws:iam::123456789012:user/Reader",
            "arn:aws:iam::123456789012:role/",
        ] {
            let error = NamedRole::parse(text.to_owned()).err().unwrap();
            assert_eq!(error.message(), format!("{text} is invalid"));
        }
    }
}
