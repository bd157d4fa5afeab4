//! Whom roles trust.
//!
//! A trust policy names users and roles by their ARNs but means those that existed when it was
//! stored: one that is deleted and made anew under the same name is somebody else. AWS keeps the unique
//! ids, and shows them in the policy once their owners are gone (IAM user guide, "AWS JSON policy
//! elements: Principal").

use std::borrow::Cow;

use cloudtwin_core::Ctx;
use cloudtwin_core::authorize::Enforcement;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::ReadTx;
use serde_json::Value;

use crate::errors::malformed_policy;
use crate::state::{Entity, ROLES, Role, USERS, User};

/// Who an ARN is.
pub(crate) enum Known {
    /// The user or role with this unique id.
    As(String),
    /// Nobody, though its account has users or roles here.
    Nobody,
    /// Unknown: its account is used elsewhere only, or the ARN is that of no user and no role.
    Elsewhere,
}

impl Known {
    /// Looks up the user or role with an ARN, in its account.
    pub(crate) fn find(tx: &ReadTx<'_>, arn: &str) -> Result<Self, AwsError> {
        let Some((account, resource)) =
            arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(':'))
        else {
            return Ok(Self::Elsewhere);
        };
        let there = tx.at(account, "");
        let name = resource.rsplit('/').next().unwrap_or_default();
        let id = match resource.split_once('/') {
            Some(("user", _)) => {
                User::find(&there, name)?.filter(|user| user.arn(account) == arn).map(|user| user.id)
            }
            Some(("role", _)) => {
                Role::find(&there, name)?.filter(|role| role.arn(account) == arn).map(|role| role.id)
            }
            _ => return Ok(Self::Elsewhere),
        };
        Ok(match id {
            Some(id) => Self::As(id),
            None if account == tx.account()
                || there.scan(&USERS)?.keys().next().is_some()
                || there.scan(&ROLES)?.keys().next().is_some() =>
            {
                Self::Nobody
            }
            None => Self::Elsewhere,
        })
    }
}

/// Whether policies may not name users and roles that do not exist: where IAM is enforced, because
/// stacks that were never meant for it name those of their real accounts.
pub(crate) fn must_exist(ctx: &Ctx) -> bool {
    ctx.cloud().enforcement() == Enforcement::Enforced
}

/// The ARNs in a trust policy that are those of users and roles, with their unique ids.
///
/// # Errors
/// `MalformedPolicyDocument` for one that does not exist but must; what the store reports.
pub(crate) fn bind(
    tx: &ReadTx<'_>,
    document: &str,
    must_exist: bool,
) -> Result<Vec<(String, String)>, AwsError> {
    let policy = cloudtwin_policy::Policy::parse(document);
    let mut bound: Vec<(String, String)> = Vec::new();
    for arn in policy.iter().flat_map(cloudtwin_policy::Policy::principal_arns) {
        if bound.iter().any(|(known, _)| known == arn) {
            continue;
        }
        match Known::find(tx, arn)? {
            Known::As(id) => bound.push((arn.to_owned(), id)),
            Known::Nobody if must_exist => {
                return Err(malformed_policy(format!("Invalid principal in policy: \"AWS\":\"{arn}\"")));
            }
            Known::Nobody | Known::Elsewhere => {}
        }
    }
    Ok(bound)
}

impl Role {
    /// The trust policy as it holds now: unique ids stand for users and roles that are gone.
    pub(crate) fn trust_policy_now(&self, tx: &ReadTx<'_>) -> Result<Cow<'_, str>, AwsError> {
        let mut gone = Vec::new();
        for (arn, id) in &self.trusted {
            match Known::find(tx, arn)? {
                Known::As(now) if now == *id => {}
                _ => gone.push((arn.as_str(), id.as_str())),
            }
        }
        if gone.is_empty() {
            return Ok(Cow::Borrowed(&self.trust_policy));
        }
        // What cannot be read is left as it is, and trusts nobody.
        let Ok(mut policy) = serde_json::from_str::<Value>(&self.trust_policy) else {
            return Ok(Cow::Borrowed(&self.trust_policy));
        };
        let statements = match policy.get_mut("Statement") {
            Some(Value::Array(statements)) => statements.as_mut_slice(),
            Some(statement) => std::slice::from_mut(statement),
            None => &mut [],
        };
        for statement in statements {
            for element in ["Principal", "NotPrincipal"] {
                match statement.get_mut(element).and_then(|principal| principal.get_mut("AWS")) {
                    Some(Value::Array(names)) => names.iter_mut().for_each(|name| replace(name, &gone)),
                    Some(name) => replace(name, &gone),
                    None => {}
                }
            }
        }
        Ok(Cow::Owned(policy.to_string()))
    }

    /// The same role, with its trust policy as it holds now.
    pub(crate) fn with_trust_policy_now(mut self, tx: &ReadTx<'_>) -> Result<Self, AwsError> {
        if let Cow::Owned(policy) = self.trust_policy_now(tx)? {
            self.trust_policy = policy;
        }
        Ok(self)
    }
}

fn replace(name: &mut Value, gone: &[(&str, &str)]) {
    let id = name.as_str().and_then(|name| gone.iter().find(|(arn, _)| *arn == name)).map(|(_, id)| *id);
    if let Some(id) = id {
        *name = Value::from(id);
    }
}
