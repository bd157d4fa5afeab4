//! Dead-letter queues: who may have which one, and how messages get there.

use std::collections::BTreeMap;

use cloudtwin_core::{Arn, Ctx};
use cloudtwin_smithy::AwsError;
use cloudtwin_store::ReadTx;
use serde_json::Value;

use crate::api::{ListDeadLetterSourceQueuesInput, ListDeadLetterSourceQueuesOutput};
use crate::errors::{invalid_value, queue_does_not_exist};
use crate::open_queue::{OpenQueue, is_fifo};
use crate::queue_url::{Place, queue_url};
use crate::queues::{next_page, page_start};
use crate::state::{COUNTERS, QUEUES, Queue, Receives, RedrivePolicy, StoredMessage, queue_arn};

/// Reads a `RedrivePolicy`. Members that it does not have are ignored, as AWS does.
pub(crate) fn parse_redrive_policy(text: &str) -> Result<RedrivePolicy, AwsError> {
    let refuse = |reason: &str| invalid_value(text, "RedrivePolicy", reason);
    let policy: BTreeMap<String, Value> =
        serde_json::from_str(text).map_err(|_| refuse("Redrive policy is not a valid JSON map."))?;
    let mandatory = |name: &str| {
        let reason = format!("Redrive policy does not contain mandatory attribute: {name}.");
        policy.get(name).ok_or_else(|| refuse(&reason))
    };
    let count = mandatory("maxReceiveCount")?;
    let target = mandatory("deadLetterTargetArn")?;
    let target = target
        .as_str()
        .filter(|arn| queue_of_arn(arn).is_some())
        .ok_or_else(|| refuse("Invalid value for deadLetterTargetArn."))?;
    let given = count.as_str().map_or_else(|| count.to_string(), str::to_owned);
    let max_receive_count =
        given.parse().ok().filter(|count| (1..=1000).contains(count)).ok_or_else(|| {
            refuse(&format!(
                "Invalid value for maxReceiveCount: {given}, valid values are from 1 to 1000 both inclusive."
            ))
        })?;
    Ok(RedrivePolicy { dead_letter_target_arn: target.to_owned(), max_receive_count })
}

/// Refuses a redrive policy whose dead-letter queue cannot be one for `source`, a queue of this
/// transaction's account and region.
pub(crate) fn check_target(
    tx: &ReadTx<'_>,
    source: &str,
    text: &str,
    policy: &RedrivePolicy,
) -> Result<(), AwsError> {
    let refuse = |reason: &str| Err(invalid_value(text, "RedrivePolicy", reason));
    let Some(target) = queue_of_arn(&policy.dead_letter_target_arn) else {
        return refuse("Invalid value for deadLetterTargetArn.");
    };
    if target.account != tx.account() {
        return refuse("Dead letter target owner should be same as the source.");
    }
    let found = if target.region == tx.region() { tx.get(&QUEUES, &target.resource)? } else { None };
    let Some(queue) = found else { return refuse("Dead letter target does not exist.") };
    if queue.fifo != is_fifo(source) {
        return refuse("Dead-letter queue must be same type of queue as the source.");
    }
    let source_arn = queue_arn(tx.account(), tx.region(), source);
    if !queue.redrive_allow_policy.as_deref().is_none_or(|allow| allows(allow, &source_arn)) {
        return refuse("Dead letter target does not allow this source queue by its redrive allow policy.");
    }
    Ok(())
}

/// Whether a `RedriveAllowPolicy` lets `source` use the queue as its dead-letter queue.
fn allows(policy: &str, source: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    match policy.get("redrivePermission").and_then(Value::as_str) {
        Some("denyAll") => false,
        Some("byQueue") => policy
            .get("sourceQueueArns")
            .and_then(Value::as_array)
            .is_some_and(|arns| arns.iter().any(|arn| arn.as_str() == Some(source))),
        _ => true,
    }
}

/// Whether a text is a `RedriveAllowPolicy`.
pub(crate) fn is_redrive_allow_policy(text: &str) -> bool {
    let Ok(Value::Object(policy)) = serde_json::from_str(text) else { return false };
    let sources = policy.get("sourceQueueArns");
    match policy.get("redrivePermission").and_then(Value::as_str) {
        Some("allowAll" | "denyAll") => sources.is_none(),
        Some("byQueue") => sources.and_then(Value::as_array).is_some_and(|arns| {
            (1..=10).contains(&arns.len())
                && arns.iter().all(|arn| arn.as_str().is_some_and(|arn| queue_of_arn(arn).is_some()))
        }),
        _ => false,
    }
}

/// The queue that an ARN names.
pub(crate) fn queue_of_arn(text: &str) -> Option<Arn> {
    // Not one of another partition either: permissions are decided on the text.
    let own = |arn: &Arn| arn.service == "sqs" && queue_arn(&arn.account, &arn.region, &arn.resource) == text;
    text.parse().ok().filter(own)
}

/// The dead-letter queue of `queue`, where there is one: its name.
pub(crate) fn dead_letter_queue(open: &OpenQueue<'_, '_>, queue: &Queue) -> Result<Option<String>, AwsError> {
    let Some(policy) = &queue.redrive_policy else { return Ok(None) };
    let Some(arn) = queue_of_arn(&policy.dead_letter_target_arn) else { return Ok(None) };
    // A queue that was deleted since loses no messages: they stay where they are.
    let exists = arn.resource != queue.name && open.tx.contains(&COUNTERS, &arn.resource)?;
    Ok(exists.then_some(arn.resource))
}

/// Moves a ready message to the dead-letter queue `target`.
pub(crate) fn move_to(
    open: &mut OpenQueue<'_, '_>,
    target: &str,
    number: u64,
    receives: &Receives,
    mut message: StoredMessage,
) -> Result<(), AwsError> {
    let source = queue_arn(open.tx.account(), open.tx.region(), &open.name);
    open.remove(number, receives, message.group.as_deref())?;
    message.dead_letter_source = Some(source);
    let mut letters = OpenQueue::open(open.tx, target, open.now)?;
    let queue = letters.queue()?;
    if queue.fifo {
        // Only standard queues keep the time of sending.
        message.sent = letters.now;
    }
    // Its receives go on to be counted, but not against the dead-letter queue's own limit.
    let carried = Receives { here: 0, until: 0, nonce: 0, ..receives.clone() };
    letters.add(&queue, &mut message, 0, Some(carried))?;
    letters.save()?;
    Ok(())
}

/// `ListDeadLetterSourceQueues`
pub(crate) async fn list_dead_letter_source_queues(
    ctx: Ctx,
    input: ListDeadLetterSourceQueuesInput,
) -> Result<ListDeadLetterSourceQueuesOutput, AwsError> {
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let start = page_start(input.next_token.as_deref())?;
    let mut names: Vec<String> = place.db.read::<_, AwsError, _>(|tx| {
        if !tx.contains(&COUNTERS, &place.name)? {
            return Err(queue_does_not_exist());
        }
        let sources = tx.index_scan(&QUEUES, "by_dead_letter_target", place.arn().as_str())?;
        Ok(sources.map(|row| row.map(|(name, _)| name)).collect::<Result<_, _>>()?)
    })?;
    names.retain(|name| start.as_deref().is_none_or(|start| name.as_str() > start));
    let url = |name: &str| queue_url(&ctx, place.db.account(), place.db.region(), name);
    let next_token = next_page(&mut names, input.max_results, url)?;
    Ok(ListDeadLetterSourceQueuesOutput {
        queue_urls: names.iter().map(|name| url(name)).collect(),
        next_token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sqs:us-east-1:000000000000:letters";

    #[test]
    fn redrive_policies_take_the_count_as_text_or_number() {
        for count in ["3", "\"3\""] {
            let text = format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":{count}}}"#);
            let policy = parse_redrive_policy(&text).unwrap();
            assert_eq!(
                policy,
                RedrivePolicy { dead_letter_target_arn: ARN.to_owned(), max_receive_count: 3 }
            );
        }
    }

    #[test]
    fn broken_redrive_policies_are_refused_with_the_reason() {
        let reason = |text: &str| {
            let error = parse_redrive_policy(text).unwrap_err();
            error.message().split_once("Reason: ").unwrap().1.to_owned()
        };
        assert_eq!(reason("{}"), "Redrive policy does not contain mandatory attribute: maxReceiveCount.");
        assert_eq!(
            reason(r#"{"maxReceiveCount":1}"#),
            "Redrive policy does not contain mandatory attribute: deadLetterTargetArn."
        );
        assert_eq!(
            reason(&format!(r#"{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":0}}"#)),
            "Invalid value for maxReceiveCount: 0, valid values are from 1 to 1000 both inclusive."
        );
        assert_eq!(
            reason(r#"{"deadLetterTargetArn":"dummy","maxReceiveCount":42}"#),
            "Invalid value for deadLetterTargetArn."
        );
    }

    #[test]
    fn allow_policies_decide_by_source() {
        assert!(allows(r#"{"redrivePermission":"allowAll"}"#, ARN));
        assert!(!allows(r#"{"redrivePermission":"denyAll"}"#, ARN));
        let by_queue = format!(r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{ARN}"]}}"#);
        assert!(is_redrive_allow_policy(&by_queue) && allows(&by_queue, ARN));
        assert!(!allows(&by_queue, "arn:aws:sqs:us-east-1:000000000000:other"));
        assert!(!is_redrive_allow_policy(r#"{"redrivePermission":"byQueue"}"#));
        assert!(!is_redrive_allow_policy("[]"));
    }
}
