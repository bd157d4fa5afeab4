//! `AddPermission` and `RemovePermission`: statements of the queue's policy, as AWS writes them.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use serde_json::{Value, json};

use crate::api::{AddPermissionInput, AddPermissionOutput, RemovePermissionInput, RemovePermissionOutput};
use crate::errors::{invalid_value, missing};
use crate::queue_url::Place;
use crate::queues::change_queue;

/// The actions that other accounts can be let do.
const ACTIONS: &[&str] = &[
    "*",
    "ChangeMessageVisibility",
    "DeleteMessage",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
];

/// The actions that only the owner has.
pub(crate) const OWNER_ACTIONS: &[&str] = &[
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueues",
    "ListQueueTags",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

fn check(input: &AddPermissionInput) -> Result<(), AwsError> {
    check_label(&input.label)?;
    if input.aws_account_ids.is_empty() {
        return Err(missing("AWSAccountIds"));
    }
    if input.actions.is_empty() {
        return Err(missing("Actions"));
    }
    for account in &input.aws_account_ids {
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            let ids = format!("[{}]", input.aws_account_ids.join(", "));
            return Err(invalid_value(ids, "PrincipalId", "Unable to verify."));
        }
    }
    for action in &input.actions {
        let reason = match action.as_str() {
            action if ACTIONS.contains(&action) => continue,
            action if OWNER_ACTIONS.contains(&action) => {
                "Only the queue owner is allowed to invoke this action."
            }
            _ => "Please refer to the appropriate WSDL for a list of valid actions. ",
        };
        return Err(invalid_value(format!("SQS:{action}"), "ActionName", reason));
    }
    Ok(())
}

fn check_label(label: &str) -> Result<(), AwsError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=80).contains(&label.len()) && label.bytes().all(allowed) {
        return Ok(());
    }
    let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.";
    Err(invalid_value(label, "Label", reason))
}

/// One element stands alone, several stand in a list.
fn one_or_many(mut values: Vec<Value>) -> Value {
    match (values.len(), values.pop()) {
        (1, Some(value)) => value,
        (_, last) => {
            values.extend(last);
            Value::Array(values)
        }
    }
}

/// The statements of a policy, which may be written without a list around a single one.
fn statements(policy: &mut Value) -> Vec<Value> {
    match policy.get_mut("Statement").map(Value::take) {
        Some(Value::Array(statements)) => statements,
        Some(Value::Null) | None => Vec::new(),
        Some(statement) => vec![statement],
    }
}

fn has_label(statement: &Value, label: &str) -> bool {
    statement.get("Sid").and_then(Value::as_str) == Some(label)
}

fn default_policy(arn: &str) -> Value {
    json!({ "Version": "2008-10-17", "Id": format!("{arn}/SQSDefaultPolicy"), "Statement": [] })
}

fn parsed(policy: Option<&str>, arn: &str) -> Value {
    let parsed = policy.and_then(|text| serde_json::from_str(text).ok()).filter(Value::is_object);
    parsed.unwrap_or_else(|| default_policy(arn))
}

/// A policy with one more statement; `None` if it has one with this label.
fn with_statement(policy: Option<&str>, arn: &str, input: &AddPermissionInput) -> Option<String> {
    let mut policy = parsed(policy, arn);
    let mut statements = statements(&mut policy);
    if statements.iter().any(|statement| has_label(statement, &input.label)) {
        return None;
    }
    let partition = arn.split(':').nth(1).unwrap_or("aws");
    let principals =
        input.aws_account_ids.iter().map(|id| json!(format!("arn:{partition}:iam::{id}:root"))).collect();
    let actions = input.actions.iter().map(|action| json!(format!("SQS:{action}"))).collect();
    statements.push(json!({
        "Sid": input.label,
        "Effect": "Allow",
        "Principal": { "AWS": one_or_many(principals) },
        "Action": one_or_many(actions),
        "Resource": arn,
    }));
    if let Some(members) = policy.as_object_mut() {
        members.insert("Statement".to_owned(), Value::Array(statements));
    }
    Some(policy.to_string())
}

/// A policy without the statement `label`: `None` if it has no such statement, `Some(None)` if it
/// has no other.
fn without_statement(policy: Option<&str>, arn: &str, label: &str) -> Option<Option<String>> {
    let mut policy = parsed(policy, arn);
    let mut statements = statements(&mut policy);
    let before = statements.len();
    statements.retain(|statement| !has_label(statement, label));
    if statements.len() == before {
        return None;
    }
    if statements.is_empty() {
        return Some(None);
    }
    if let Some(members) = policy.as_object_mut() {
        members.insert("Statement".to_owned(), Value::Array(statements));
    }
    Some(Some(policy.to_string()))
}

/// `AddPermission`
pub(crate) async fn add_permission(
    ctx: Ctx,
    input: AddPermissionInput,
) -> Result<AddPermissionOutput, AwsError> {
    check(&input)?;
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let arn = place.arn();
    change_queue(&place, |_, queue| {
        let policy = with_statement(queue.policy.as_deref(), &arn, &input);
        queue.policy = Some(policy.ok_or_else(|| invalid_value(&input.label, "Label", "Already exists."))?);
        Ok(())
    })
    .await?;
    Ok(AddPermissionOutput::default())
}

/// `RemovePermission`
pub(crate) async fn remove_permission(
    ctx: Ctx,
    input: RemovePermissionInput,
) -> Result<RemovePermissionOutput, AwsError> {
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let arn = place.arn();
    change_queue(&place, |_, queue| {
        let policy = without_statement(queue.policy.as_deref(), &arn, &input.label);
        queue.policy = policy.ok_or_else(|| invalid_value(&input.label, "Label", "can't find label."))?;
        Ok(())
    })
    .await?;
    Ok(RemovePermissionOutput::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:jobs";

    fn permission(label: &str, accounts: &[&str]) -> AddPermissionInput {
        AddPermissionInput {
            label: label.to_owned(),
            aws_account_ids: accounts.iter().map(|id| (*id).to_owned()).collect(),
            actions: vec!["ReceiveMessage".to_owned()],
            ..AddPermissionInput::default()
        }
    }

    #[test]
    fn permissions_become_statements_as_aws_writes_them() {
        let policy = with_statement(None, ARN, &permission("one", &["111111111111"])).unwrap();
        assert_eq!(
            policy,
            format!(
                r#"{{"Version":"2008-10-17","Id":"{ARN}/SQSDefaultPolicy","Statement":[{{"Sid":"one","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::111111111111:root"}},"Action":"SQS:ReceiveMessage","Resource":"{ARN}"}}]}}"#
            )
        );
        let both = with_statement(Some(&policy), ARN, &permission("two", &["111111111111", "222222222222"]))
            .unwrap();
        assert!(both.contains(r#"["arn:aws:iam::111111111111:root","arn:aws:iam::222222222222:root"]"#));
        assert_eq!(with_statement(Some(&both), ARN, &permission("one", &["111111111111"])), None);
        assert_eq!(without_statement(Some(&policy), ARN, "two"), None);
        assert_eq!(without_statement(Some(&policy), ARN, "one"), Some(None));
        assert!(without_statement(Some(&both), ARN, "one").unwrap().unwrap().contains(r#""Sid":"two""#));
    }

    #[test]
    fn only_actions_that_can_be_shared_are_taken() {
        let reason = |action: &str| {
            let input = AddPermissionInput {
                actions: vec![action.to_owned()],
                ..permission("one", &["111111111111"])
            };
            check(&input).err().map(|error| error.message().to_owned())
        };
        assert_eq!(reason("SendMessage"), None);
        assert!(reason("DeleteQueue").unwrap().contains("Only the queue owner"));
        assert!(reason("Fly").unwrap().starts_with("Value SQS:Fly for parameter ActionName is invalid."));
    }
}
