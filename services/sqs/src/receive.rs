//! `ReceiveMessage`, with long polling.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::Tx;

use crate::api::errors::OVER_LIMIT;
use crate::api::{Message, MessageAttributeValue, ReceiveMessageInput, ReceiveMessageOutput};
use crate::dead_letter::{dead_letter_queue, move_to};
use crate::errors::invalid_value;
use crate::message_attributes::{self, Filter};
use crate::open_queue::{OpenQueue, Receive};
use crate::queue_url::{Place, signal};
use crate::receipt_handle::ReceiptHandle;
use crate::state::{MESSAGES, Queue, Receives, StoredAttribute, StoredMessage};
use crate::visibility::MAX_VISIBILITY_TIMEOUT;

/// How many messages of a standard queue can be in flight.
const MAX_IN_FLIGHT: u64 = 120_000;

/// How many messages of a FIFO queue can be in flight.
const MAX_IN_FLIGHT_FIFO: u64 = 20_000;

/// Longest wait, in seconds.
const MAX_WAIT: i32 = 20;

/// How many groups or messages that turn out to be none one call steps over at most.
const MAX_STEPS: usize = 1000;

/// A message that was received.
pub(crate) struct Received {
    number: u64,
    message: StoredMessage,
    receives: Receives,
}

/// What one look at a queue gives.
struct Look {
    received: Vec<Received>,
    /// When the next message becomes ready by itself.
    next_due: Option<i64>,
    /// Seconds that the queue lets receivers wait.
    wait: i32,
    /// The queue's id, and what its messages' sequence numbers are made of.
    queue: Arc<Queue>,
    /// Whether the queue's own waiters have something to look at.
    stirred: bool,
    /// The dead-letter queue, if messages went there.
    letters: Option<String>,
}

/// What a receive asks for.
struct Wish<'i> {
    count: usize,
    visibility_timeout: Option<i32>,
    attempt: Option<&'i str>,
    nonce: u64,
}

/// `ReceiveMessage`
pub(crate) async fn receive_message(
    ctx: Ctx,
    input: ReceiveMessageInput,
) -> Result<ReceiveMessageOutput, AwsError> {
    let count = match input.max_number_of_messages {
        None => 1,
        Some(count @ 1..=10) => count.unsigned_abs() as usize,
        Some(count) => {
            let reason = "Must be between 1 and 10, if provided.";
            return Err(invalid_value(count, "MaxNumberOfMessages", reason));
        }
    };
    if let Some(wait) = input.wait_time_seconds.filter(|wait| !(0..=MAX_WAIT).contains(wait)) {
        return Err(invalid_value(wait, "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided."));
    }
    let visibility = input.visibility_timeout;
    if let Some(timeout) = visibility.filter(|timeout| !(0..=MAX_VISIBILITY_TIMEOUT).contains(timeout)) {
        return Err(invalid_value(timeout, "VisibilityTimeout", "Must be between 0 and 43200, if provided."));
    }
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let attempt = input.receive_request_attempt_id.as_deref();
    let look = wait_for_messages(&ctx, &place, count, visibility, attempt, input.wait_time_seconds).await?;
    if look.received.is_empty() {
        return Ok(ReceiveMessageOutput::default());
    }
    let names =
        input.message_system_attribute_names.filter(|names| !names.is_empty()).or(input.attribute_names);
    let wanted = Wanted {
        system: names.unwrap_or_default(),
        user: Filter::new(input.message_attribute_names.as_ref()),
    };
    let messages = look.received.into_iter().map(|received| {
        let nonce = received.receives.nonce;
        let handle = ReceiptHandle { queue_id: look.queue.id, number: received.number, nonce };
        wanted.message(&look.queue, received, handle.encode())
    });
    Ok(ReceiveMessageOutput { messages: Some(messages.collect()) })
}

/// Looks for messages, and waits for them if there are none. Nothing is received between looks, so
/// that a client that goes away while it waits takes no message with it.
async fn wait_for_messages(
    ctx: &Ctx,
    place: &Place,
    count: usize,
    visibility_timeout: Option<i32>,
    attempt: Option<&str>,
    wait: Option<i32>,
) -> Result<Look, AwsError> {
    let own_signal = place.signal();
    let start = ctx.clock().now_millis();
    let mut listener = None;
    loop {
        let now = ctx.clock().now_millis();
        let wish = Wish { count, visibility_timeout, attempt, nonce: low_half(ctx.random()) };
        let look = place.db.write::<_, AwsError, _>(|tx| look(tx, &place.name, now, &wish)).await?;
        if let Some(letters) = &look.letters {
            ctx.signals().notify(&signal(place.db.account(), place.db.region(), letters));
        }
        let deadline = start.saturating_add(i64::from(wait.unwrap_or(look.wait)) * 1000);
        if !look.received.is_empty() || now >= deadline {
            if look.stirred {
                ctx.signals().notify(&own_signal);
            }
            return Ok(look);
        }
        match &mut listener {
            // Whoever wants to wait listens first and then looks again, or a message between the two
            // would be missed.
            None => listener = Some(ctx.signals().listen(&own_signal)),
            Some(listener) => tokio::select! {
                () = listener.woken() => {}
                () = ctx.clock().sleep_until(look.next_due.map_or(deadline, |due| due.min(deadline))) => {}
            },
        }
    }
}

fn low_half(random: u128) -> u64 {
    (random & u128::from(u64::MAX)) as u64
}

/// Receives what can be received now.
fn look(tx: &mut Tx<'_>, name: &str, now: i64, wish: &Wish<'_>) -> Result<Look, AwsError> {
    let mut open = OpenQueue::open(tx, name, now)?;
    let queue = open.queue()?;
    let before = (open.counters.ready, open.counters.waiting());
    open.settle(Some(&queue))?;
    // What became ready just now is for this call first, and for others if it leaves some.
    open.stirred = false;
    let visibility_timeout = wish.visibility_timeout.unwrap_or(queue.visibility_timeout);
    let mut taking = Taking {
        letters: dead_letter_queue(&open, &queue)?,
        open: &mut open,
        queue: &queue,
        wish,
        visibility_timeout,
        received: Vec::new(),
        moved: false,
    };
    taking.take()?;
    let Taking { received, letters, moved, .. } = taking;
    let next_due = if received.is_empty() { open.next_due()? } else { None };
    let changed = before != (open.counters.ready, open.counters.waiting());
    if !received.is_empty() || moved || changed {
        open.save()?;
    }
    let stirred = open.counters.ready > 0 && (changed || visibility_timeout == 0);
    let letters = letters.filter(|_| moved);
    Ok(Look { received, next_due, wait: queue.receive_message_wait_time_seconds, queue, stirred, letters })
}

/// A receive at work.
struct Taking<'o, 't, 'a> {
    open: &'o mut OpenQueue<'t, 'a>,
    queue: &'o Queue,
    wish: &'o Wish<'o>,
    visibility_timeout: i32,
    /// The dead-letter queue.
    letters: Option<String>,
    received: Vec<Received>,
    /// Whether messages went to the dead-letter queue.
    moved: bool,
}

impl Taking<'_, '_, '_> {
    fn take(&mut self) -> Result<(), AwsError> {
        let limit = if self.queue.fifo { MAX_IN_FLIGHT_FIFO } else { MAX_IN_FLIGHT };
        if self.open.counters.in_flight >= limit {
            if self.queue.fifo {
                return Ok(());
            }
            let arn = self.queue.arn(self.open.tx.account(), self.open.tx.region());
            return Err(OVER_LIMIT.with(format!("Too many messages are in flight in the queue {arn}.")));
        }
        if !self.queue.fifo {
            return self.take_from_front();
        }
        let Some(attempt) = self.wish.attempt else { return self.take_from_groups() };
        if self.repeat(attempt)? {
            return Ok(());
        }
        self.take_from_groups()?;
        let messages = self.received.iter().map(|got| (got.number, got.receives.nonce)).collect();
        if !self.received.is_empty() {
            self.open.remember_attempt(attempt, messages)?;
        }
        Ok(())
    }

    fn missing(&self) -> usize {
        self.wish.count.saturating_sub(self.received.len())
    }

    /// Standard queues: the messages with the lowest numbers first.
    fn take_from_front(&mut self) -> Result<(), AwsError> {
        let mut cursor = self.open.cursor();
        let mut shown = None;
        for _ in 0..MAX_STEPS {
            let candidates = self.open.candidates(cursor, self.missing())?;
            if candidates.is_empty() {
                break;
            }
            for candidate in candidates {
                cursor.pass(&candidate);
                let number = candidate.number;
                let message = match candidate.message {
                    Some(message) => Some(message),
                    None => self.open.tx.get(&MESSAGES, (&self.open.name, number))?,
                };
                if self.visibility_timeout == 0 {
                    shown.get_or_insert(number);
                }
                match message {
                    Some(message) => self.take_one(number, message)?,
                    None => self.open.remove(number, &Receives::default(), None)?,
                }
            }
            if self.missing() == 0 {
                break;
            }
        }
        self.open.passed(cursor, shown);
        Ok(())
    }

    /// FIFO queues: as much as possible of one group, then of the next.
    fn take_from_groups(&mut self) -> Result<(), AwsError> {
        // Groups that this receive itself sends to the end of the line are not served again.
        let last_turn = self.open.counters.next_turn;
        let mut turn = self.open.counters.turn_from;
        for _ in 0..MAX_STEPS {
            let next = self.open.next_turn(turn)?.filter(|(turn, _)| *turn < last_turn);
            let Some((found, group)) = next else {
                turn = last_turn;
                break;
            };
            turn = found;
            if self.missing() == 0 {
                break;
            }
            self.take_from_group(&group)?;
            self.open.requeue_group(&group, found)?;
        }
        self.open.counters.turn_from = turn;
        Ok(())
    }

    /// Receives from the front of a group. Messages that turn out to be for the dead-letter queue or
    /// expired let the next ones move up.
    fn take_from_group(&mut self, group: &str) -> Result<(), AwsError> {
        let before = self.received.len();
        for _ in 0..MAX_STEPS {
            let front = self.open.front_of_group(group, self.missing())?;
            if front.is_empty() || self.received.len() > before {
                break;
            }
            for number in front {
                match self.open.tx.get(&MESSAGES, (&self.open.name, number))? {
                    Some(message) => self.take_one(number, message)?,
                    None => self.open.remove(number, &self.open.receives(number)?, Some(group))?,
                }
            }
        }
        Ok(())
    }

    /// Receives a ready message, or moves it to where it belongs instead.
    fn take_one(&mut self, number: u64, message: StoredMessage) -> Result<(), AwsError> {
        let mut receives = self.open.receives(number)?;
        if message.sent.saturating_add(self.queue.retention_millis()) <= self.open.now {
            self.open.remove(number, &receives, message.group.as_deref())?;
            return Ok(());
        }
        if let (Some(letters), Some(policy)) = (&self.letters, &self.queue.redrive_policy)
            && receives.here >= policy.max_receive_count
        {
            self.moved = true;
            return move_to(self.open, letters, number, &receives, message);
        }
        let nonce = self.wish.nonce.wrapping_add(self.received.len() as u64);
        let receive = Receive { visibility_timeout: self.visibility_timeout, nonce };
        self.open.note_receive(number, message.group.as_deref(), &mut receives, receive)?;
        self.received.push(Received { number, message, receives });
        Ok(())
    }

    /// Returns what an earlier attempt has received, and hides it anew.
    fn repeat(&mut self, attempt: &str) -> Result<bool, AwsError> {
        let Some(earlier) = self.open.repeatable_attempt(attempt)? else { return Ok(false) };
        let until = self.open.now + i64::from(self.visibility_timeout) * 1000;
        for (number, _) in earlier.messages {
            let Some(message): Option<StoredMessage> =
                self.open.tx.get(&MESSAGES, (&self.open.name, number))?
            else {
                continue;
            };
            let mut receives = self.open.receives(number)?;
            self.open.hide_until(number, &mut receives, message.group.as_deref(), until)?;
            self.received.push(Received { number, message, receives });
        }
        Ok(true)
    }
}

/// Which attributes of messages are shown.
pub(crate) struct Wanted<'n> {
    pub(crate) system: Vec<String>,
    pub(crate) user: Filter<'n>,
}

impl Wanted<'_> {
    fn message(&self, queue: &Queue, received: Received, receipt_handle: String) -> Message {
        let Received { number, message, receives } = received;
        self.show(queue, number, message, &receives, receipt_handle)
    }

    /// A message as clients see it.
    pub(crate) fn show(
        &self,
        queue: &Queue,
        number: u64,
        mut message: StoredMessage,
        receives: &Receives,
        receipt_handle: String,
    ) -> Message {
        let system = self.system_attributes(queue, number, &mut message, receives);
        message.attributes.retain(|name, _| self.user.wants(name));
        let md5_of_message_attributes = message_attributes::md5(message.attributes.iter());
        let attributes: BTreeMap<String, MessageAttributeValue> = message
            .attributes
            .into_iter()
            .map(|(name, attribute)| (name, shown_attribute(attribute)))
            .collect();
        Message {
            message_id: Some(message.id),
            receipt_handle: Some(receipt_handle),
            md5_of_body: Some(message.md5),
            body: Some(message.body),
            attributes: (!system.is_empty()).then_some(system),
            md5_of_message_attributes,
            message_attributes: (!attributes.is_empty()).then_some(attributes),
        }
    }

    fn system_attributes(
        &self,
        queue: &Queue,
        number: u64,
        message: &mut StoredMessage,
        receives: &Receives,
    ) -> BTreeMap<String, String> {
        if self.system.is_empty() {
            return BTreeMap::new();
        }
        let first = receives.first.unwrap_or_default();
        let sequence = queue.fifo.then(|| queue.sequence_number(number));
        let all = [
            ("SenderId", Some(std::mem::take(&mut message.sender))),
            ("SentTimestamp", Some(message.sent.to_string())),
            ("ApproximateReceiveCount", Some(receives.count.to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(first.to_string())),
            ("SequenceNumber", sequence),
            ("MessageDeduplicationId", message.deduplication_id.take()),
            ("MessageGroupId", message.group.take()),
            ("AWSTraceHeader", message.trace_header.take()),
            ("DeadLetterQueueSourceArn", message.dead_letter_source.take()),
        ];
        let wanted = |name: &str| self.system.iter().any(|wanted| wanted == "All" || wanted == name);
        all.into_iter()
            .filter(|(name, _)| wanted(name))
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
    }
}

fn shown_attribute(attribute: StoredAttribute) -> MessageAttributeValue {
    MessageAttributeValue {
        string_value: attribute.string,
        binary_value: attribute.binary,
        data_type: attribute.data_type,
        ..MessageAttributeValue::default()
    }
}
