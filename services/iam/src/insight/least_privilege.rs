//! The smallest policy under which everything that was observed is allowed.

use std::collections::{BTreeMap, BTreeSet};

use cloudtwin_core::authorize::ObservedPermission;
use cloudtwin_policy::MANAGED_POLICY_SIZE;

use super::generalise::Patterns;
use super::statements::{Conditions, Document, OneOrMany, Statement, conditions};

/// The longest name of a statement that is made here.
const MAX_SID: usize = 40;

/// Policies that allow what was observed, each short enough for a managed policy. The same observations
/// give the same policies.
pub(super) fn policies(observed: &[ObservedPermission]) -> Vec<Document> {
    let patterns = Patterns::of(observed.iter().map(|permission| permission.resource.as_str()));
    // By action and what it is bound to, the resources.
    let mut needed: BTreeMap<(&str, Bound), BTreeSet<&str>> = BTreeMap::new();
    for permission in observed {
        let bound = Bound::new(conditions(&permission.constant));
        needed.entry((&permission.action, bound)).or_default().insert(&permission.resource);
    }
    let mut grouped: BTreeMap<(BTreeSet<String>, Bound), BTreeSet<&str>> = BTreeMap::new();
    for ((action, bound), resources) in needed {
        grouped.entry((patterns.apply(&resources), bound)).or_default().insert(action);
    }
    let mut statements: Vec<Statement> = grouped
        .into_iter()
        .map(|((resources, bound), actions)| Statement {
            sid: None,
            effect: "Allow",
            principal: None,
            action: OneOrMany(actions.into_iter().map(str::to_owned).collect()),
            resource: Some(OneOrMany(resources.into_iter().collect())),
            condition: bound.conditions,
        })
        .collect();
    statements.sort_by(|a, b| (&a.action, &a.resource).cmp(&(&b.action, &b.resource)));
    let mut statements: Vec<Statement> = statements.into_iter().flat_map(in_small_parts).collect();
    name(&mut statements);
    split(statements)
}

/// Conditions that can be compared.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Bound {
    text: String,
    conditions: Conditions,
}

impl Bound {
    fn new(conditions: Conditions) -> Self {
        Self { text: format!("{conditions:?}"), conditions }
    }
}

fn size(statements: &[Statement]) -> usize {
    Document::new(statements.to_vec()).text().chars().filter(|letter| !letter.is_whitespace()).count()
}

/// A statement that alone is too long for a policy, as several.
fn in_small_parts(statement: Statement) -> Vec<Statement> {
    // What the name will add, at most.
    let limit = MANAGED_POLICY_SIZE - MAX_SID - 20;
    let resources = statement.resource.clone().unwrap_or_default().0;
    if size(std::slice::from_ref(&statement)) <= limit
        || (resources.len() < 2 && statement.action.0.len() < 2)
    {
        return vec![statement];
    }
    let half = |list: &[String]| {
        let (a, b) = list.split_at(list.len() / 2);
        (OneOrMany(a.to_vec()), OneOrMany(b.to_vec()))
    };
    let parts = if resources.len() > 1 {
        let (a, b) = half(&resources);
        [Statement { resource: Some(a), ..statement.clone() }, Statement { resource: Some(b), ..statement }]
    } else {
        let (a, b) = half(&statement.action.0);
        [Statement { action: a, ..statement.clone() }, Statement { action: b, ..statement }]
    };
    parts.into_iter().flat_map(in_small_parts).collect()
}

/// Gives statements names: the service and what it is done to.
fn name(statements: &mut [Statement]) {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for statement in statements {
        let services: BTreeSet<&str> =
            statement.action.0.iter().filter_map(|action| Some(action.split_once(':')?.0)).collect();
        let service = match services.iter().collect::<Vec<_>>().as_slice() {
            [one] => camel_case(one),
            _ => String::new(),
        };
        let about = match statement.resource.as_ref().map(|resources| resources.0.as_slice()) {
            Some([one]) if one == "*" => "Any".to_owned(),
            Some([one]) => camel_case(one.splitn(6, ':').nth(5).unwrap_or(one)),
            _ => "Resources".to_owned(),
        };
        let mut sid = format!("{service}{about}");
        sid.truncate(MAX_SID);
        let count = taken.entry(sid.clone()).or_default();
        *count += 1;
        statement.sid = Some(if *count == 1 { sid } else { format!("{sid}{count}") });
    }
}

/// Letters and digits, words in capitals: `arn:…:jobs-dead/*` is `JobsDead`.
fn camel_case(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect()
}

/// As few policies as the statements need in this order.
fn split(statements: Vec<Statement>) -> Vec<Document> {
    let mut documents = Vec::new();
    let mut current: Vec<Statement> = Vec::new();
    for statement in statements {
        current.push(statement);
        if current.len() > 1 && size(&current) > MANAGED_POLICY_SIZE {
            let last = current.pop();
            documents.push(Document::new(std::mem::take(&mut current)));
            current.extend(last);
        }
    }
    if !current.is_empty() {
        documents.push(Document::new(current));
    }
    documents
}

#[cfg(test)]
mod tests {
    use cloudtwin_policy::{PolicyKind, policy_size, validate};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn seen(action: &str, resource: &str) -> ObservedPermission {
        ObservedPermission {
            action: action.into(),
            resource: resource.into(),
            count: 1,
            first: String::new(),
            last: String::new(),
            allowed: false,
            dependent: false,
            constant: BTreeMap::new(),
        }
    }

    fn statements(observed: &[ObservedPermission]) -> Value {
        let policies = policies(observed);
        assert_eq!(policies.len(), 1);
        serde_json::to_value(&policies[0]).unwrap()["Statement"].clone()
    }

    #[test]
    fn actions_on_the_same_resources_are_one_statement() {
        let queue = "arn:aws:sqs:us-east-1:000000000000:jobs";
        let found = statements(&[
            seen("sqs:SendMessage", queue),
            seen("sqs:ReceiveMessage", queue),
            seen("s3:PutObject", "arn:aws:s3:::photos/a"),
            seen("sqs:ListQueues", "*"),
        ]);
        let expected = json!([
            {"Sid": "S3PhotosA", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::photos/a"},
            {"Sid": "SqsAny", "Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"},
            {"Sid": "SqsJobs", "Effect": "Allow", "Action": ["sqs:ReceiveMessage", "sqs:SendMessage"],
             "Resource": queue},
        ]);
        assert_eq!(found, expected);
    }

    #[test]
    fn a_role_is_passed_to_the_service_that_it_was_passed_to() {
        let role = "arn:aws:iam::000000000000:role/worker";
        let mut pass = seen("iam:PassRole", role);
        pass.constant.insert("iam:PassedToService".into(), vec!["ec2.amazonaws.com".into()]);
        pass.constant.insert("aws:RequestTag/team".into(), vec!["a".into()]);
        let found = statements(&[pass, seen("iam:GetRole", role)]);
        let expected = json!([
            {"Sid": "IamRoleWorker", "Effect": "Allow", "Action": "iam:GetRole", "Resource": role},
            {"Sid": "IamRoleWorker2", "Effect": "Allow", "Action": "iam:PassRole", "Resource": role,
             "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}},
        ]);
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_too_long_for_one_policy_becomes_several() {
        let word = |index: usize| "abcdefghij".chars().nth(index % 10).unwrap();
        let names = (0..400).map(|i| format!("{}{}{}", word(i / 100), word(i / 10), word(i)).repeat(8));
        let observed: Vec<_> = names
            .map(|name| seen("sqs:SendMessage", &format!("arn:aws:sqs:us-east-1:000000000000:{name}")))
            .collect();
        let found = policies(&observed);
        assert!(found.len() > 3, "{}", found.len());
        for document in &found {
            let text = document.text();
            assert!(policy_size(&text) <= MANAGED_POLICY_SIZE);
            validate(PolicyKind::Managed, &text).unwrap();
        }
        let resources: usize = found
            .iter()
            .flat_map(|document| &document.statement)
            .map(|statement| statement.resource.as_ref().unwrap().0.len())
            .sum();
        assert_eq!(resources, 400);
    }

    #[test]
    fn nothing_observed_is_no_policy() {
        assert!(policies(&[]).is_empty());
    }

    const RESOURCE: &str = "arn:aws:(s3:::[a-c]{1,3}(-[0-9a-f]{4,8})?(/[0-9a-f*?$\\{]{1,6}){0,3}|sqs:::[a-c]([-/][0-9a-f]{1,8}){0,3})";

    proptest! {
        /// Whatever was observed is allowed by what is generated, and AWS would store it.
        #[test]
        fn what_was_observed_is_allowed(
            observed in prop::collection::vec(
                ("(s3:PutObject|s3:GetObject|sqs:SendMessage|iam:PassRole)", RESOURCE),
                1..30,
            )
        ) {
            use std::sync::Arc;
            use cloudtwin_policy::*;
            let observed: Vec<_> = observed.iter().map(|(action, resource)| seen(action, resource)).collect();
            let documents = policies(&observed);
            let identity: Vec<_> = documents
                .iter()
                .map(|document| {
                    let text = document.text();
                    validate(PolicyKind::Managed, &text).unwrap();
                    NamedPolicy { name: PolicyName::Numbered(1), policy: Arc::new(Policy::parse(&text).unwrap()) }
                })
                .collect();
            let principal = Principal::from_arn("arn:aws:iam::000000000000:user/u").unwrap();
            let context = Context::new();
            for permission in &observed {
                let request = Request {
                    principal: &principal,
                    action: &permission.action,
                    resource: &permission.resource,
                    resource_account: None,
                    context: &context,
                };
                let layers = Layers { identity: &identity, ..Layers::default() };
                let decision = evaluate(&request, &layers);
                prop_assert!(decision.is_allowed(), "{} {:?}", permission.resource, documents);
            }
        }
    }
}
