//! `/_cloudtwin/iam/unused`: what a principal's policies grant and it has never used.

use std::collections::BTreeSet;

use cloudtwin_core::Cloud;
use cloudtwin_core::authorize::ObservedPermission;
use cloudtwin_policy::{Effect, Policy, Statement as Compiled, wildcard_matches};
use http::request::Parts;
use serde::Serialize;

use super::generated::entity;
use super::{Parameters, Problem, actions};
use crate::identity::{HeldPolicy, Named};

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    principal: String,
    /// One for each policy that allows something, in the order in which IAM has them.
    policies: Vec<PolicyUse>,
}

#[derive(Debug, PartialEq, Serialize)]
struct PolicyUse {
    policy: String,
    statements: Vec<StatementUse>,
}

/// What was used of a statement.
#[derive(Debug, PartialEq, Serialize)]
struct StatementUse {
    sid: Option<String>,
    /// Its place in the document, from 0.
    index: usize,
    /// The actions as they are written.
    actions: Vec<String>,
    /// Whether these are the actions that it does *not* allow (`NotAction`).
    negated: bool,
    /// The actions that were used, on resources that it names.
    used: Vec<String>,
    /// The actions that it allows and that were never used. Those of services that are not known
    /// are as they are written.
    unused: Vec<String>,
    /// The resources that it names and that were never used.
    unused_resources: Vec<String>,
}

pub(super) fn unused(cloud: &Cloud, head: &Parts) -> Result<Answer, Problem> {
    let parameters = Parameters::read(head, &["principal"])?;
    let principal = parameters
        .get("principal")
        .ok_or_else(|| Problem::bad_request("`principal` must be the ARN of a user or role"))?;
    let principal = entity(cloud, principal)?;
    let Some(account) = principal.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split(':').next())
    else {
        return Err(Problem::bad_request(format!("`{principal}` is no user or role, and has no policies")));
    };
    if principal.ends_with(":root") {
        return Err(Problem::bad_request(format!("`{principal}` may do everything without a policy")));
    }
    let db = cloud.db().scoped(account, "");
    let held = db.read(|tx| Named::find(tx, &principal)?.policies(tx))?;
    let observed = cloud.observed_permissions(&principal, None);
    let policies = held.into_iter().filter_map(|held| policy_use(held, &observed)).collect();
    Ok(Answer { principal, policies })
}

/// Nothing if the policy allows nothing.
fn policy_use(held: HeldPolicy, observed: &[ObservedPermission]) -> Option<PolicyUse> {
    let policy = Policy::parse_or_deny(&held.document);
    let allowing = policy.statements().iter().filter(|statement| statement.effect() == Effect::Allow);
    let statements: Vec<_> = allowing.map(|statement| statement_use(statement, observed)).collect();
    (!statements.is_empty()).then(|| PolicyUse { policy: held.origin.name().to_string(), statements })
}

fn statement_use(statement: &Compiled, observed: &[ObservedPermission]) -> StatementUse {
    let (actions, negated) = statement.actions();
    let (resources, resources_negated) = statement.resources();
    let lower: Vec<String> = actions.iter().map(|action| action.to_ascii_lowercase()).collect();
    let about = |permission: &&ObservedPermission| {
        let action = permission.action.to_ascii_lowercase();
        let named = lower.iter().any(|pattern| wildcard_matches(pattern, &action)) != negated;
        let meant =
            resources.iter().any(|pattern| covers(pattern, &permission.resource)) != resources_negated;
        named && meant
    };
    let matched: Vec<&ObservedPermission> = observed.iter().filter(about).collect();
    let used: BTreeSet<&str> = matched.iter().map(|permission| permission.action.as_str()).collect();
    let known = |action: &&str| !used.iter().any(|used| used.eq_ignore_ascii_case(action));
    let unused: BTreeSet<String> = if negated {
        actions::outside(&actions).filter(known).map(str::to_owned).collect()
    } else {
        let one = |pattern: &&str| {
            let known_actions: Vec<&str> = actions::matching(pattern).collect();
            if known_actions.is_empty() {
                let pattern_used = used
                    .iter()
                    .any(|used| wildcard_matches(&pattern.to_ascii_lowercase(), &used.to_ascii_lowercase()));
                return if pattern_used { Vec::new() } else { vec![(*pattern).to_owned()] };
            }
            known_actions.into_iter().filter(known).map(str::to_owned).collect()
        };
        actions.iter().flat_map(one).collect()
    };
    let never = |pattern: &&&str| !matched.iter().any(|permission| covers(pattern, &permission.resource));
    let unused_resources =
        if resources_negated { Vec::new() } else { resources.iter().filter(never).collect() };
    StatementUse {
        sid: statement.sid().map(str::to_owned),
        index: statement.index(),
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        negated,
        used: used.into_iter().map(str::to_owned).collect(),
        unused: unused.into_iter().collect(),
        unused_resources: unused_resources.into_iter().map(|resource| (**resource).to_owned()).collect(),
    }
}

/// Whether a resource is one that a pattern names; variables stand for anything.
fn covers(pattern: &str, resource: &str) -> bool {
    let mut simple = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some((before, variable)) = rest.split_once("${") {
        simple.push_str(before);
        simple.push('*');
        rest = variable.split_once('}').map(|(_, rest)| rest).unwrap_or_default();
    }
    simple.push_str(rest);
    wildcard_matches(&simple, resource)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::identity::Origin;

    fn seen(action: &str, resource: &str) -> ObservedPermission {
        ObservedPermission {
            action: action.into(),
            resource: resource.into(),
            count: 1,
            first: String::new(),
            last: String::new(),
            allowed: true,
            dependent: false,
            constant: BTreeMap::new(),
        }
    }

    fn of(statements: &str, observed: &[ObservedPermission]) -> Vec<StatementUse> {
        let document = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        let origin = Origin::Inline { noun: "user", owner: "alice".into(), name: "own".into() };
        let found = policy_use(HeldPolicy { origin, document }, observed).unwrap();
        assert_eq!(found.policy, "own (user/alice)");
        found.statements
    }

    #[test]
    fn of_a_wildcard_the_used_actions_are_told() {
        let queue = "arn:aws:sqs:us-east-1:000000000000:jobs";
        let statement = r#"{"Sid": "Queues", "Effect": "Allow", "Action": ["sqs:*Message", "lex:Talk"],
                           "Resource": ["arn:aws:sqs:us-east-1:000000000000:*", "arn:aws:sqs:eu-west-1:000000000000:*"]}"#;
        let found = of(statement, &[seen("sqs:SendMessage", queue), seen("sqs:ListQueues", "*")]);
        assert_eq!(found[0].sid.as_deref(), Some("Queues"));
        assert_eq!(found[0].used, ["sqs:SendMessage"]);
        assert_eq!(found[0].unused, ["lex:Talk", "sqs:DeleteMessage", "sqs:ReceiveMessage"]);
        assert_eq!(found[0].unused_resources, ["arn:aws:sqs:eu-west-1:000000000000:*"]);
    }

    #[test]
    fn what_is_used_on_other_resources_is_not_used_here() {
        let statement = r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/${aws:username}/*"}"#;
        assert_eq!(of(statement, &[seen("s3:GetObject", "arn:aws:s3:::b/x")])[0].unused, ["s3:GetObject"]);
        assert!(of(statement, &[seen("s3:GetObject", "arn:aws:s3:::a/alice/x")])[0].unused.is_empty());
    }

    #[test]
    fn everything_but_something_is_spelt_out() {
        let statement = r#"{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}"#;
        let found = of(statement, &[seen("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:jobs")]);
        assert_eq!(found[0].used, ["sqs:SendMessage"]);
        assert!(found[0].unused.contains(&"s3:GetObject".to_owned()));
        assert!(!found[0].unused.iter().any(|action| action.starts_with("iam:")));
    }
}
