//! `SendMessage`, and what it shares with `SendMessageBatch`.

use std::collections::BTreeMap;

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::Tx;
use sha2::{Digest, Sha256};

use crate::api::errors::INVALID_MESSAGE_CONTENTS;
use crate::api::{MessageAttributeValue, MessageSystemAttributeValue, SendMessageInput, SendMessageOutput};
use crate::errors::{invalid, invalid_value, missing, not_for_queue_type};
use crate::message_attributes::{self, TRACE_HEADER, bad_character, first_disallowed, hex, md5_of_body};
use crate::open_queue::OpenQueue;
use crate::queue_url::Place;
use crate::state::{Queue, StoredMessage};

/// Longest message that any queue takes, and longest batch, in bytes.
pub(crate) const MAX_MESSAGE_SIZE: usize = 1 << 20;

/// Longest delay of a message, in seconds.
const MAX_DELAY: i32 = 900;

/// What a client sends.
pub(crate) struct Letter {
    pub(crate) body: String,
    pub(crate) delay_seconds: Option<i32>,
    pub(crate) attributes: Option<BTreeMap<String, MessageAttributeValue>>,
    pub(crate) system_attributes: Option<BTreeMap<String, MessageSystemAttributeValue>>,
    pub(crate) deduplication_id: Option<String>,
    pub(crate) group: Option<String>,
}

/// A message that is ready to be put into a queue, if that takes it.
pub(crate) struct Outgoing {
    message: StoredMessage,
    delay_seconds: Option<i32>,
    pub(crate) size: usize,
    md5_of_attributes: Option<String>,
    md5_of_system_attributes: Option<String>,
}

impl Outgoing {
    /// Checks what does not depend on the queue.
    pub(crate) fn new(ctx: &Ctx, letter: Letter) -> Result<Self, AwsError> {
        let Letter { body, delay_seconds, attributes, system_attributes, deduplication_id, group } = letter;
        if body.is_empty() {
            return Err(missing("MessageBody"));
        }
        if let Some(c) = first_disallowed(&body) {
            return Err(INVALID_MESSAGE_CONTENTS.with(bad_character(c, "message body")));
        }
        check_id(deduplication_id.as_deref(), "MessageDeduplicationId")?;
        check_id(group.as_deref(), "MessageGroupId")?;
        let attributes = message_attributes::read(attributes)?;
        let mut system_attributes = message_attributes::read_system(system_attributes)?;
        let size = body.len() + message_attributes::size(&attributes);
        let md5_of_attributes = message_attributes::md5(attributes.iter());
        let md5_of_system_attributes = message_attributes::md5(system_attributes.iter());
        let given = system_attributes.remove(TRACE_HEADER).and_then(|header| header.string);
        // A traced call traces its message, unless the message says otherwise.
        let trace_header = given.or_else(|| Some(ctx.request().trace_id.clone()).filter(|id| !id.is_empty()));
        let message = StoredMessage {
            id: ctx.uuid(),
            md5: md5_of_body(&body),
            body,
            attributes,
            sender: ctx.caller().user_id.clone(),
            sent: ctx.clock().now_millis(),
            group,
            deduplication_id,
            trace_header,
            ..StoredMessage::default()
        };
        Ok(Self { message, delay_seconds, size, md5_of_attributes, md5_of_system_attributes })
    }

    /// Puts the message into the queue, unless it was sent before.
    pub(crate) fn put(
        &mut self,
        open: &mut OpenQueue<'_, '_>,
        queue: &Queue,
    ) -> Result<SendMessageOutput, AwsError> {
        let limit = queue.maximum_message_size;
        if self.size > usize::try_from(limit).unwrap_or(MAX_MESSAGE_SIZE) {
            let reason = format!("Reason: Message must be shorter than {limit} bytes.");
            return Err(invalid(format!("One or more parameters are invalid. {reason}")));
        }
        let delay = self.delay(queue)?;
        if !queue.fifo {
            if let Some(id) = &self.message.deduplication_id {
                return Err(not_for_queue_type(id, "MessageDeduplicationId"));
            }
            open.add(queue, &mut self.message, delay, None)?;
            return Ok(self.receipt(self.message.id.clone(), None));
        }
        if self.message.group.is_none() {
            return Err(missing("MessageGroupId"));
        }
        if self.message.deduplication_id.is_none() {
            if !queue.content_based_deduplication {
                return Err(missing_deduplication_id());
            }
            self.message.deduplication_id = Some(hex(&Sha256::digest(self.message.body.as_bytes())));
        }
        if let Some(sent) = open.duplicate_of(queue, &self.message)? {
            return Ok(self.receipt(sent.message_id, Some(queue.sequence_number(sent.number))));
        }
        let number = open.add(queue, &mut self.message, delay, None)?;
        open.remember(queue, &self.message, number)?;
        Ok(self.receipt(self.message.id.clone(), Some(queue.sequence_number(number))))
    }

    fn delay(&self, queue: &Queue) -> Result<i32, AwsError> {
        match self.delay_seconds {
            // FIFO queues delay all messages alike. Zero is accepted and means nothing.
            Some(delay) if queue.fifo && delay != 0 => Err(not_for_queue_type(delay, "DelaySeconds")),
            Some(delay) if !(0..=MAX_DELAY).contains(&delay) => {
                Err(invalid_value(delay, "DelaySeconds", "DelaySeconds must be >= 0 and <= 900."))
            }
            Some(delay) if !queue.fifo => Ok(delay),
            _ => Ok(queue.delay_seconds),
        }
    }

    fn receipt(&self, message_id: String, sequence_number: Option<String>) -> SendMessageOutput {
        SendMessageOutput {
            md5_of_message_body: Some(self.message.md5.clone()),
            md5_of_message_attributes: self.md5_of_attributes.clone(),
            md5_of_message_system_attributes: self.md5_of_system_attributes.clone(),
            message_id: Some(message_id),
            sequence_number,
        }
    }
}

pub(crate) fn missing_deduplication_id() -> AwsError {
    invalid(
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly",
    )
}

/// Group and deduplication ids: 1 to 128 printable ASCII characters without spaces.
fn check_id(id: Option<&str>, parameter: &str) -> Result<(), AwsError> {
    let valid = |id: &str| (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    match id {
        Some(id) if !valid(id) => {
            let reason = format!(
                "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
            );
            Err(invalid_value(id, parameter, &reason))
        }
        _ => Ok(()),
    }
}

/// Opens a queue, lets `send` put messages into it, and wakes whoever waits for them.
pub(crate) async fn send_to<T>(
    ctx: &Ctx,
    queue_url: &str,
    mut send: impl FnMut(&mut OpenQueue<'_, '_>, &Queue) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let place = Place::of_url(ctx, queue_url)?;
    let now = ctx.clock().now_millis();
    let (sent, stirred) = place
        .db
        .write::<_, AwsError, _>(|tx: &mut Tx<'_>| {
            let mut open = OpenQueue::open(tx, &place.name, now)?;
            let queue = open.queue()?;
            let sent = send(&mut open, &queue)?;
            if open.stirred {
                open.save()?;
            }
            Ok((sent, open.stirred))
        })
        .await?;
    if stirred {
        ctx.signals().notify(&place.signal());
    }
    Ok(sent)
}

/// `SendMessage`
pub(crate) async fn send_message(ctx: Ctx, input: SendMessageInput) -> Result<SendMessageOutput, AwsError> {
    let letter = Letter {
        body: input.message_body,
        delay_seconds: input.delay_seconds,
        attributes: input.message_attributes,
        system_attributes: input.message_system_attributes,
        deduplication_id: input.message_deduplication_id,
        group: input.message_group_id,
    };
    let mut outgoing = Outgoing::new(&ctx, letter)?;
    send_to(&ctx, &input.queue_url, |open, queue| outgoing.put(open, queue)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_printable_and_short() {
        let longest = "a".repeat(128);
        for id in ["a", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", longest.as_str()] {
            assert!(check_id(Some(id), "MessageGroupId").is_ok(), "{id}");
        }
        let too_long = "a".repeat(129);
        for id in ["", "group 123", "gruppe-ä", too_long.as_str()] {
            let error = check_id(Some(id), "MessageGroupId").unwrap_err();
            assert_eq!(
                error.message(),
                format!(
                    "Value {id} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and punctuation characters. 1 to 128 in length."
                )
            );
        }
    }
}
