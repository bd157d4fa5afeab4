//! What SQS keeps: queues, their messages, and who is waiting for what.
//!
//! A message's content is written once, when it is sent. Its way through the queue is told by small
//! rows beside it, so that receiving, hiding and returning a message never copies its body:
//!
//! * [`MESSAGES`]: the content, by queue and number;
//! * [`RECEIVES`]: how often and until when it was received; no row for a message that never was;
//! * [`RETURNED`] (standard queues): what can be received again, see [`crate::ready`];
//! * [`WAITING`]: what cannot be received before some time, by that time: in flight or delayed;
//! * [`GROUPS`], [`MEMBERS`], [`TURNS`] (FIFO queues): groups, their messages in order, and the
//!   groups whose first message can be received, in the order of their turns;
//! * [`COUNTERS`]: how many messages are where, and from where on to look for them.
//!
//! The counters' positions matter for speed: rows at the front of these tables are the ones that
//! are deleted all the time, and a scan from the very front would step over all their tombstones.

use std::collections::BTreeMap;

use bytes::Bytes;
use cloudtwin_store::{IndexKeys, Table};
use serde::{Deserialize, Serialize};

/// Queues by name.
pub(crate) const QUEUES: Table<Queue> =
    Table::regional("sqs/queues").index("by_dead_letter_target", |q: &Queue| {
        IndexKeys::maybe(q.redrive_policy.as_ref().map(|policy| policy.dead_letter_target_arn.as_str()))
    });

/// The counters of each queue; a row exists for every queue.
pub(crate) const COUNTERS: Table<Counters> = Table::regional("sqs/counters");

/// Messages by queue and number.
pub(crate) const MESSAGES: Table<StoredMessage, (String, u64)> = Table::regional("sqs/messages");

/// How messages have been received so far.
pub(crate) const RECEIVES: Table<Receives, (String, u64)> = Table::regional("sqs/receives");

/// Messages of standard queues that were hidden and can be received again.
pub(crate) const RETURNED: Table<(), (String, u64)> = Table::regional("sqs/returned");

/// Messages that cannot be received before a time (milliseconds since 1970).
pub(crate) const WAITING: Table<Waiting, (String, i64, u64)> = Table::regional("sqs/waiting");

/// Message groups of FIFO queues that have messages.
pub(crate) const GROUPS: Table<Group, (String, String)> = Table::regional("sqs/groups");

/// The messages of each group; the value says whether the message is waiting.
pub(crate) const MEMBERS: Table<bool, (String, String, u64)> = Table::regional("sqs/group-members");

/// The groups whose first message can be received, by turn.
pub(crate) const TURNS: Table<String, (String, u64)> = Table::regional("sqs/group-turns");

/// What was sent to a FIFO queue in the last minutes, by queue, group (empty where the group does
/// not matter) and deduplication id.
pub(crate) const DEDUPLICATION: Table<Sent, (String, String, String)> = Table::regional("sqs/deduplication");

/// The keys of [`DEDUPLICATION`] in the order of sending: group and id.
pub(crate) const DEDUPLICATION_ORDER: Table<(String, String), (String, u64)> =
    Table::regional("sqs/deduplication-order");

/// What calls with a `ReceiveRequestAttemptId` have received.
pub(crate) const ATTEMPTS: Table<Attempt, (String, String)> = Table::regional("sqs/receive-attempts");

/// Tasks that move messages out of dead-letter queues, by id.
pub(crate) const MOVE_TASKS: Table<MoveTask> =
    Table::regional("sqs/move-tasks").index("by_source", |task: &MoveTask| IndexKeys::one(&task.source_arn));

/// A queue and its attributes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Queue {
    pub(crate) name: String,
    /// Tells this queue from earlier and later ones of the same name.
    pub(crate) id: u64,
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    /// Milliseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) fifo: bool,
    pub(crate) delay_seconds: i32,
    pub(crate) maximum_message_size: i32,
    pub(crate) message_retention_period: i32,
    pub(crate) receive_message_wait_time_seconds: i32,
    pub(crate) visibility_timeout: i32,
    pub(crate) content_based_deduplication: bool,
    pub(crate) deduplication_scope: String,
    pub(crate) fifo_throughput_limit: String,
    /// Whether deduplication ids count within a message group only. Settled when the queue is made:
    /// AWS goes on deduplicating as before when `DeduplicationScope` is changed later.
    pub(crate) deduplicates_by_group: bool,
    pub(crate) policy: Option<String>,
    pub(crate) redrive_policy: Option<RedrivePolicy>,
    pub(crate) redrive_allow_policy: Option<String>,
    pub(crate) kms_master_key_id: Option<String>,
    pub(crate) kms_data_key_reuse_period_seconds: Option<i32>,
    pub(crate) sqs_managed_sse_enabled: bool,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedrivePolicy {
    pub(crate) dead_letter_target_arn: String,
    pub(crate) max_receive_count: u32,
}

/// How many messages of a queue are where.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Counters {
    /// [`Queue::id`], so that deleting a message need not read the queue.
    pub(crate) queue_id: u64,
    /// The number that the next message gets.
    pub(crate) next: u64,
    /// Messages that can be received (FIFO: as far as their group lets them).
    pub(crate) ready: u64,
    /// Those of them in [`RETURNED`].
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) returned: u64,
    pub(crate) in_flight: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) delayed: u64,
    /// Every message before this number has been received or delayed.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) fresh_from: u64,
    /// No message before this number is in [`RETURNED`].
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) returned_from: u64,
    /// No message waits for a time before this. Also the queue's time, which never goes back.
    pub(crate) due_from: i64,
    /// No message before this number exists.
    pub(crate) oldest: u64,
    /// No message is older than the retention period before this time.
    pub(crate) expires: i64,
    /// FIFO: the turn that the next group gets.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) next_turn: u64,
    /// FIFO: no group has a turn before this.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) turn_from: u64,
    /// FIFO: no deduplication entry has a number before this.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) deduplication_from: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A message as it was sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredMessage {
    pub(crate) id: String,
    pub(crate) body: String,
    pub(crate) md5: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) attributes: BTreeMap<String, StoredAttribute>,
    pub(crate) sender: String,
    /// Milliseconds since 1970.
    pub(crate) sent: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deduplication_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) trace_header: Option<String>,
    /// Whether it was sent with a delay, in a standard queue.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) delayed: bool,
    /// ARN of the queue that it came from, in a dead-letter queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letter_source: Option<String>,
}

/// A message attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredAttribute {
    pub(crate) data_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) string: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) binary: Option<Bytes>,
}

/// How a message has been received.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Receives {
    /// `ApproximateReceiveCount`: in all queues that the message was in.
    pub(crate) count: u32,
    /// In this queue: what `maxReceiveCount` is compared with.
    pub(crate) here: u32,
    /// Milliseconds since 1970; `None` before the first time.
    pub(crate) first: Option<i64>,
    /// Milliseconds since 1970.
    pub(crate) last: i64,
    /// Until when the message is waiting; past when it is not.
    pub(crate) until: i64,
    /// The random part of the latest receipt handle.
    pub(crate) nonce: u64,
}

/// A message that waits.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Waiting {
    /// Not received yet, but sent with a delay.
    pub(crate) delayed: bool,
    /// The message group, in FIFO queues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
}

/// A message group of a FIFO queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Group {
    /// Its place in [`TURNS`], if its first message can be received.
    pub(crate) turn: Option<u64>,
    /// No member has a number before this.
    pub(crate) from: u64,
}

/// What a deduplication id stands for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sent {
    pub(crate) message_id: String,
    pub(crate) number: u64,
    /// Milliseconds since 1970.
    pub(crate) at: i64,
}

/// What a call with a `ReceiveRequestAttemptId` has received.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attempt {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// The messages: number and nonce.
    pub(crate) messages: Vec<(u64, u64)>,
}

/// A task that moves messages out of a dead-letter queue.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MoveTask {
    pub(crate) id: String,
    pub(crate) source_arn: String,
    pub(crate) destination_arn: Option<String>,
    pub(crate) max_per_second: Option<i32>,
    /// Milliseconds since 1970.
    pub(crate) started: i64,
    pub(crate) status: MoveTaskStatus,
    pub(crate) moved: u64,
    pub(crate) to_move: u64,
    pub(crate) failure_reason: Option<String>,
}

/// What has become of a move task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MoveTaskStatus {
    #[default]
    Running,
    Completed,
    Cancelled,
    Failed,
}

impl Queue {
    /// The queue's ARN.
    pub(crate) fn arn(&self, account: &str, region: &str) -> String {
        queue_arn(account, region, &self.name)
    }

    /// The retention period in milliseconds.
    pub(crate) fn retention_millis(&self) -> i64 {
        i64::from(self.message_retention_period) * 1000
    }

    /// The `SequenceNumber` of a message: 20 digits that grow, also when the queue is made anew.
    pub(crate) fn sequence_number(&self, number: u64) -> String {
        let epoch = u128::from(self.created.unsigned_abs()) * 1_000_000;
        (18_000_000_000_000_000_000_u128 + epoch + u128::from(number) * 256).to_string()
    }
}

/// The ARN of a queue.
pub(crate) fn queue_arn(account: &str, region: &str, name: &str) -> String {
    format!("arn:{}:sqs:{region}:{account}:{name}", partition(region))
}

fn partition(region: &str) -> &'static str {
    match region {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

impl Counters {
    /// Messages that wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.in_flight + self.delayed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_have_twenty_digits_and_grow() {
        let queue = Queue { created: 1_760_000_000_000, ..Queue::default() };
        let later = Queue { created: 1_760_000_000_001, ..Queue::default() };
        let numbers = [queue.sequence_number(0), queue.sequence_number(1), later.sequence_number(0)];
        assert!(numbers.iter().all(|number| number.len() == 20));
        assert!(numbers.is_sorted());
    }
}
