//! `/_aws/iam/check-actions-allowed`: whether the holder of an access key may do something, as
//! LocalStack documents it.

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::{Access, PermissionDecision};
use cloudtwin_policy::Outcome;
use serde::{Deserialize, Serialize};

use super::Problem;

/// How many permissions are decided at once.
const MAX_PERMISSIONS: usize = 1_000;

#[derive(Debug, Deserialize)]
pub(super) struct Question {
    access_key_id: String,
    region_name: String,
    // The second name is what LocalStack's Java client sends.
    #[serde(alias = "required_permissions")]
    required_permission: Vec<Permission>,
}

#[derive(Debug, Deserialize)]
struct Permission {
    action: String,
    resource: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    allowed: bool,
    explicit_allow: Vec<Decided>,
    explicit_deny: Vec<Decided>,
    implicit_deny: Vec<Decided>,
    source_principal: SourcePrincipal,
    status_code: u16,
    status_reason: &'static str,
}

#[derive(Debug, Serialize)]
struct Decided {
    action: String,
    resource: String,
    account: String,
    condition_keys: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SourcePrincipal {
    arn: String,
    account: String,
}

pub(super) fn check(cloud: &Cloud, question: &Question) -> Result<Answer, Problem> {
    let Question { access_key_id, region_name, required_permission } = question;
    if required_permission.len() > MAX_PERMISSIONS {
        let message = format!("`required_permission` has more than {MAX_PERMISSIONS} elements");
        return Err(Problem::bad_request(message));
    }
    let Some(caller) = cloud.caller_of_key(access_key_id)? else {
        let message = format!("the access key `{access_key_id}` is inactive, has ended, or was never issued");
        return Err(Problem::bad_request(message));
    };
    for permission in required_permission {
        if !permission.action.contains(':') {
            let message = format!("`{}` is no action; one is written `service:Name`", permission.action);
            return Err(Problem::bad_request(message));
        }
    }
    let wanted: Vec<Access> = required_permission
        .iter()
        .map(|permission| Access::new(permission.action.clone(), permission.resource.clone()))
        .collect();
    let decisions = cloud.decisions_for(&caller, region_name, &wanted)?;
    let of =
        |outcome| decisions.iter().filter(move |decision| decision.outcome == outcome).map(told).collect();
    Ok(Answer {
        allowed: decisions.iter().all(|decision| decision.outcome == Outcome::Allow),
        explicit_allow: of(Outcome::Allow),
        explicit_deny: of(Outcome::ExplicitDeny),
        implicit_deny: of(Outcome::ImplicitDeny),
        source_principal: SourcePrincipal { arn: caller.arn, account: caller.account },
        status_code: 200,
        status_reason: "OK",
    })
}

fn told(decision: &PermissionDecision) -> Decided {
    Decided {
        action: decision.action.clone(),
        resource: decision.resource.clone(),
        account: decision.resource_account.clone(),
        condition_keys: decision.keys.keys().cloned().collect(),
    }
}
