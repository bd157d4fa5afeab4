//! Queue attributes: names, ranges, defaults, and what is told of them.

use std::collections::BTreeMap;

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::ReadTx;
use serde_json::Value;

use crate::api::errors::{INVALID_ATTRIBUTE_NAME, INVALID_ATTRIBUTE_VALUE};
use crate::api::{
    GetQueueAttributesInput, GetQueueAttributesOutput, SetQueueAttributesInput, SetQueueAttributesOutput,
};
use crate::dead_letter::{check_target, is_redrive_allow_policy, parse_redrive_policy};
use crate::errors::{invalid_attribute_value, queue_does_not_exist, unknown_attribute};
use crate::open_queue::OpenQueue;
use crate::queue_url::Place;
use crate::queues::change_queue;
use crate::send::MAX_MESSAGE_SIZE;
use crate::state::{COUNTERS, Counters, QUEUES, Queue, WAITING};

/// KMS data keys are used again for so long, unless the queue says otherwise, in seconds.
const DEFAULT_KEY_REUSE: i32 = 300;

/// Attributes that are numbers, with their ranges.
const RANGES: &[(&str, std::ops::RangeInclusive<i32>)] = &[
    ("DelaySeconds", 0..=900),
    ("KmsDataKeyReusePeriodSeconds", 60..=86_400),
    ("MaximumMessageSize", 1024..=MAX_MESSAGE_SIZE as i32),
    ("MessageRetentionPeriod", 60..=1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0..=20),
    ("VisibilityTimeout", 0..=43_200),
];

/// Every attribute that a queue can be asked for, in the order in which `All` tells them.
const READABLE: &[&str] = &[
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ContentBasedDeduplication",
    "CreatedTimestamp",
    "DeduplicationScope",
    "DelaySeconds",
    "FifoQueue",
    "FifoThroughputLimit",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "LastModifiedTimestamp",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "QueueArn",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];

/// A queue without further attributes.
pub(crate) fn defaults(name: &str, fifo: bool) -> Queue {
    Queue {
        name: name.to_owned(),
        fifo,
        maximum_message_size: MAX_MESSAGE_SIZE as i32,
        message_retention_period: 345_600,
        visibility_timeout: 30,
        deduplication_scope: "queue".to_owned(),
        fifo_throughput_limit: "perQueue".to_owned(),
        sqs_managed_sse_enabled: true,
        ..Queue::default()
    }
}

fn number(name: &str, text: &str) -> Result<i32, AwsError> {
    let range = RANGES.iter().find(|(known, _)| *known == name).map(|(_, range)| range);
    let value = text.trim().parse().ok().filter(|value| range.is_none_or(|range| range.contains(value)));
    value.ok_or_else(|| invalid_attribute_value(name))
}

fn flag(name: &str, text: &str) -> Result<bool, AwsError> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid_attribute_value(name)),
    }
}

fn choice(name: &str, text: &str, choices: &[&str]) -> Result<String, AwsError> {
    if choices.contains(&text) { Ok(text.to_owned()) } else { Err(invalid_attribute_value(name)) }
}

fn is_policy(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(Value::Object(policy)) if policy.contains_key("Statement"))
}

/// Gives a queue attributes, as `CreateQueue` and `SetQueueAttributes` do.
pub(crate) fn apply(
    tx: &ReadTx<'_>,
    queue: &mut Queue,
    attributes: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let managed = attributes.get("SqsManagedSseEnabled").is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let key = attributes.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty());
    if managed && key {
        return Err(INVALID_ATTRIBUTE_NAME.with(
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
        ));
    }
    for (name, value) in attributes {
        set(tx, queue, name, value)?;
    }
    Ok(())
}

fn set(tx: &ReadTx<'_>, queue: &mut Queue, name: &str, value: &str) -> Result<(), AwsError> {
    let fifo_only = |queue: &Queue| {
        let message = format!("You can specify the {name} only when FifoQueue is set to true.");
        if queue.fifo { Ok(()) } else { Err(INVALID_ATTRIBUTE_NAME.with(message)) }
    };
    match name {
        "DelaySeconds" => queue.delay_seconds = number(name, value)?,
        "MaximumMessageSize" => queue.maximum_message_size = number(name, value)?,
        "MessageRetentionPeriod" => queue.message_retention_period = number(name, value)?,
        "ReceiveMessageWaitTimeSeconds" => queue.receive_message_wait_time_seconds = number(name, value)?,
        "VisibilityTimeout" => queue.visibility_timeout = number(name, value)?,
        "Policy" if value.is_empty() => queue.policy = None,
        "Policy" if is_policy(value) => queue.policy = Some(value.to_owned()),
        "RedrivePolicy" if value.is_empty() => queue.redrive_policy = None,
        "RedrivePolicy" => {
            let policy = parse_redrive_policy(value)?;
            check_target(tx, &queue.name, value, &policy)?;
            queue.redrive_policy = Some(policy);
        }
        "RedriveAllowPolicy" if value.is_empty() => queue.redrive_allow_policy = None,
        "RedriveAllowPolicy" if is_redrive_allow_policy(value) => {
            queue.redrive_allow_policy = Some(value.to_owned());
        }
        "KmsMasterKeyId" if value.is_empty() => queue.kms_master_key_id = None,
        "KmsMasterKeyId" => {
            queue.kms_master_key_id = Some(value.to_owned());
            queue.sqs_managed_sse_enabled = false;
        }
        "KmsDataKeyReusePeriodSeconds" => {
            let seconds = number(name, value)?;
            queue.kms_data_key_reuse_period_seconds = (seconds != DEFAULT_KEY_REUSE).then_some(seconds);
        }
        "SqsManagedSseEnabled" => {
            queue.sqs_managed_sse_enabled = flag(name, value)?;
            if queue.sqs_managed_sse_enabled {
                queue.kms_master_key_id = None;
            }
        }
        "FifoQueue" if queue.fifo => {
            if !flag(name, value)? {
                return Err(INVALID_ATTRIBUTE_VALUE.with(
                    "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
                ));
            }
        }
        "ContentBasedDeduplication" if queue.fifo => queue.content_based_deduplication = flag(name, value)?,
        "DeduplicationScope" => {
            fifo_only(queue)?;
            queue.deduplication_scope = choice(name, value, &["queue", "messageGroup"])?;
        }
        "FifoThroughputLimit" => {
            fifo_only(queue)?;
            queue.fifo_throughput_limit = choice(name, value, &["perQueue", "perMessageGroupId"])?;
        }
        "Policy" | "RedriveAllowPolicy" => return Err(invalid_attribute_value(name)),
        _ => return Err(unknown_attribute(name)),
    }
    Ok(())
}

/// The first of `attributes` that the queue has with another value.
pub(crate) fn first_difference<'n>(
    tx: &ReadTx<'_>,
    queue: &Queue,
    attributes: &'n BTreeMap<String, String>,
) -> Result<Option<&'n str>, AwsError> {
    for (name, value) in attributes {
        let mut changed = queue.clone();
        set(tx, &mut changed, name, value)?;
        if stored(queue, name) != stored(&changed, name) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// An attribute as it is told; `None` where the queue does not have it.
fn stored(queue: &Queue, name: &str) -> Option<String> {
    let seconds = |millis: i64| Some((millis / 1000).to_string());
    match name {
        "CreatedTimestamp" => seconds(queue.created),
        "LastModifiedTimestamp" => seconds(queue.modified),
        "DelaySeconds" => Some(queue.delay_seconds.to_string()),
        "MaximumMessageSize" => Some(queue.maximum_message_size.to_string()),
        "MessageRetentionPeriod" => Some(queue.message_retention_period.to_string()),
        "ReceiveMessageWaitTimeSeconds" => Some(queue.receive_message_wait_time_seconds.to_string()),
        "VisibilityTimeout" => Some(queue.visibility_timeout.to_string()),
        "Policy" => queue.policy.clone(),
        "RedrivePolicy" => {
            queue.redrive_policy.as_ref().and_then(|policy| serde_json::to_string(policy).ok())
        }
        "RedriveAllowPolicy" => queue.redrive_allow_policy.clone(),
        "KmsMasterKeyId" => queue.kms_master_key_id.clone(),
        "KmsDataKeyReusePeriodSeconds" => match queue.kms_data_key_reuse_period_seconds {
            None if queue.kms_master_key_id.is_some() => Some(DEFAULT_KEY_REUSE.to_string()),
            seconds => seconds.map(|seconds| seconds.to_string()),
        },
        "SqsManagedSseEnabled" => Some(queue.sqs_managed_sse_enabled.to_string()),
        "FifoQueue" if queue.fifo => Some("true".to_owned()),
        "ContentBasedDeduplication" if queue.fifo => Some(queue.content_based_deduplication.to_string()),
        "DeduplicationScope" if queue.fifo => Some(queue.deduplication_scope.clone()),
        "FifoThroughputLimit" if queue.fifo => Some(queue.fifo_throughput_limit.clone()),
        _ => None,
    }
}

fn counted(counters: &Counters, name: &str) -> Option<String> {
    let count = match name {
        "ApproximateNumberOfMessages" => counters.ready,
        "ApproximateNumberOfMessagesDelayed" => counters.delayed,
        "ApproximateNumberOfMessagesNotVisible" => counters.in_flight,
        _ => return None,
    };
    Some(count.to_string())
}

/// `GetQueueAttributes`
pub(crate) async fn get_queue_attributes(
    ctx: Ctx,
    input: GetQueueAttributesInput,
) -> Result<GetQueueAttributesOutput, AwsError> {
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let names = input.attribute_names.unwrap_or_default();
    let now = ctx.clock().now_millis();
    let (queue, mut counters, unsettled) = place.db.read::<_, AwsError, _>(|tx| {
        let queue = tx.get(&QUEUES, &place.name)?.ok_or_else(queue_does_not_exist)?;
        let counters = tx.get(&COUNTERS, &place.name)?.ok_or_else(queue_does_not_exist)?;
        let unsettled = counters.expires <= now || is_due(tx, &place.name, &counters, now)?;
        Ok((queue, counters, unsettled))
    })?;
    if let Some(unknown) = names.iter().find(|name| *name != "All" && !READABLE.contains(&name.as_str())) {
        return Err(unknown_attribute(unknown));
    }
    if names.is_empty() {
        return Ok(GetQueueAttributesOutput::default());
    }
    if unsettled {
        // Time has made messages ready or removed them since the queue was last used.
        counters = place
            .db
            .write::<_, AwsError, _>(|tx| {
                let mut open = OpenQueue::open(tx, &place.name, now)?;
                open.settle(Some(&queue))?;
                open.save()?;
                Ok(open.counters)
            })
            .await?;
    }
    let all = names.iter().any(|name| name == "All");
    let attributes: BTreeMap<String, String> = READABLE
        .iter()
        .filter(|name| all || names.iter().any(|wanted| wanted == *name))
        .filter_map(|name| {
            let arn = || (*name == "QueueArn").then(|| place.arn());
            let value = counted(&counters, name).or_else(|| stored(&queue, name)).or_else(arn)?;
            Some(((*name).to_owned(), value))
        })
        .collect();
    Ok(GetQueueAttributesOutput { attributes: (!attributes.is_empty()).then_some(attributes) })
}

/// Whether messages have waited long enough that nobody has made ready yet.
fn is_due(tx: &ReadTx<'_>, name: &str, counters: &Counters, now: i64) -> Result<bool, AwsError> {
    if counters.waiting() == 0 {
        return Ok(false);
    }
    let rows = tx.prefix(&WAITING, (name,))?.from((name, counters.due_from, 0_u64));
    Ok(rows.before((name, now + 1, 0_u64)).keys().next().transpose()?.is_some())
}

/// `SetQueueAttributes`
pub(crate) async fn set_queue_attributes(
    ctx: Ctx,
    input: SetQueueAttributesInput,
) -> Result<SetQueueAttributesOutput, AwsError> {
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let now = ctx.clock().now_millis();
    change_queue(&place, |tx, queue| {
        let retention = queue.message_retention_period;
        apply(tx, queue, &input.attributes)?;
        queue.modified = now;
        if queue.message_retention_period != retention
            && let Some(mut counters) = tx.get(&COUNTERS, &place.name)?
        {
            // When the oldest message expires is to be found out anew.
            counters.expires = 0;
            tx.put(&COUNTERS, &place.name, &counters)?;
        }
        Ok(())
    })
    .await?;
    // Another wait time or redrive policy may concern whoever waits.
    ctx.signals().notify(&place.signal());
    Ok(SetQueueAttributesOutput::default())
}
