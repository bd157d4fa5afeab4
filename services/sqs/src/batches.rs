//! Batches: the rules that all three share, and `SendMessageBatch`.

use std::collections::HashSet;

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::errors::{
    BATCH_ENTRY_IDS_NOT_DISTINCT, BATCH_REQUEST_TOO_LONG, EMPTY_BATCH_REQUEST, INVALID_BATCH_ENTRY_ID,
    TOO_MANY_ENTRIES_IN_BATCH_REQUEST,
};
use crate::api::{
    BatchResultErrorEntry, SendMessageBatchInput, SendMessageBatchOutput, SendMessageBatchRequestEntry,
    SendMessageBatchResultEntry,
};
use crate::errors::{batch_entry, invalid, missing_message};
use crate::send::{Letter, MAX_MESSAGE_SIZE, Outgoing, missing_deduplication_id, send_to};
use crate::state::Queue;

/// How many entries a batch may have.
const MAX_ENTRIES: usize = 10;

/// Refuses a batch as a whole whose entries cannot be told apart, or are too many or none.
pub(crate) fn check_batch<'i>(
    operation: &str,
    ids: impl ExactSizeIterator<Item = &'i str>,
) -> Result<(), AwsError> {
    match ids.len() {
        0 => {
            let message = format!("There should be at least one {operation}RequestEntry in the request.");
            return Err(EMPTY_BATCH_REQUEST.with(message));
        }
        1..=MAX_ENTRIES => {}
        count => {
            let message = format!("Maximum number of entries per request are 10. You have sent {count}.");
            return Err(TOO_MANY_ENTRIES_IN_BATCH_REQUEST.with(message));
        }
    }
    let mut seen = HashSet::new();
    for id in ids {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=80).contains(&id.len()) || !id.bytes().all(allowed) {
            return Err(INVALID_BATCH_ENTRY_ID.with(
                "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
            ));
        }
        if !seen.insert(id) {
            return Err(BATCH_ENTRY_IDS_NOT_DISTINCT.with(format!("Id {id} repeated.")));
        }
    }
    Ok(())
}

/// What became of a batch's entries, by id.
type Outcome<T> = (Vec<(String, T)>, Vec<BatchResultErrorEntry>);

/// Does something with each entry of a batch. An entry that is refused is told in the answer; a
/// failure of ours ends the whole batch.
pub(crate) fn outcome<E, T>(
    entries: &[E],
    id: impl Fn(&E) -> &str,
    mut each: impl FnMut(&E) -> Result<T, AwsError>,
) -> Result<Outcome<T>, AwsError> {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        match each(entry) {
            Ok(result) => done.push((id(entry).to_owned(), result)),
            Err(error) if error.status() >= 500 => return Err(error),
            Err(error) => failed.push(batch_entry(id(entry), &error)),
        }
    }
    Ok((done, failed))
}

/// An entry of `SendMessageBatch` on its way.
struct Entry {
    id: String,
    outgoing: Result<Outgoing, AwsError>,
    has_group: bool,
    has_deduplication_id: bool,
}

impl Entry {
    fn new(ctx: &Ctx, entry: SendMessageBatchRequestEntry) -> Self {
        let (group, deduplication_id) = (entry.message_group_id, entry.message_deduplication_id);
        let (has_group, has_deduplication_id) = (group.is_some(), deduplication_id.is_some());
        let letter = Letter {
            body: entry.message_body,
            delay_seconds: entry.delay_seconds,
            attributes: entry.message_attributes,
            system_attributes: entry.message_system_attributes,
            deduplication_id,
            group,
        };
        Self { id: entry.id, outgoing: Outgoing::new(ctx, letter), has_group, has_deduplication_id }
    }

    /// What a FIFO queue demands of every entry, or it takes none.
    fn check(&self, queue: &Queue) -> Result<(), AwsError> {
        if queue.fifo && !self.has_deduplication_id && !queue.content_based_deduplication {
            return Err(missing_deduplication_id());
        }
        if queue.fifo && !self.has_group {
            return Err(invalid(missing_message("MessageGroupId")));
        }
        Ok(())
    }
}

/// `SendMessageBatch`
pub(crate) async fn send_message_batch(
    ctx: Ctx,
    input: SendMessageBatchInput,
) -> Result<SendMessageBatchOutput, AwsError> {
    check_batch("SendMessageBatch", input.entries.iter().map(|entry| entry.id.as_str()))?;
    let mut entries: Vec<Entry> = input.entries.into_iter().map(|entry| Entry::new(&ctx, entry)).collect();
    let size: usize =
        entries.iter().filter_map(|entry| entry.outgoing.as_ref().ok()).map(|out| out.size).sum();
    if size > MAX_MESSAGE_SIZE {
        let limit = format!("Batch requests cannot be longer than {MAX_MESSAGE_SIZE} bytes.");
        return Err(BATCH_REQUEST_TOO_LONG.with(format!("{limit} You have sent {size} bytes.")));
    }
    send_to(&ctx, &input.queue_url, |open, queue| {
        entries.iter().try_for_each(|entry| entry.check(queue))?;
        let mut output = SendMessageBatchOutput::default();
        for entry in &mut entries {
            let sent = match &mut entry.outgoing {
                Ok(outgoing) => outgoing.put(open, queue),
                Err(error) => Err(error.clone()),
            };
            match sent {
                Ok(sent) => output.successful.push(SendMessageBatchResultEntry {
                    id: entry.id.clone(),
                    message_id: sent.message_id.unwrap_or_default(),
                    md5_of_message_body: sent.md5_of_message_body.unwrap_or_default(),
                    md5_of_message_attributes: sent.md5_of_message_attributes,
                    md5_of_message_system_attributes: sent.md5_of_message_system_attributes,
                    sequence_number: sent.sequence_number,
                }),
                Err(error) if error.status() >= 500 => return Err(error),
                Err(error) => output.failed.push(batch_entry(&entry.id, &error)),
            }
        }
        Ok(output)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(ids: &[&str]) -> Option<(String, String)> {
        let error = check_batch("SendMessageBatch", ids.iter().copied()).err()?;
        Some((error.query_code().to_owned(), error.message().to_owned()))
    }

    #[test]
    fn batches_have_one_to_ten_entries_with_distinct_ids() {
        assert_eq!(refusal(&["a", "b-1", "c_2"]), None);
        let code = |ids: &[&str]| refusal(ids).map(|(code, _)| code.replace("AWS.SimpleQueueService.", ""));
        assert_eq!(code(&[]).as_deref(), Some("EmptyBatchRequest"));
        assert_eq!(code(&["a"; 11]).as_deref(), Some("TooManyEntriesInBatchRequest"));
        assert_eq!(code(&["a", "a"]).as_deref(), Some("BatchEntryIdsNotDistinct"));
        for id in ["", "a:b", "ä", &"a".repeat(81)] {
            assert_eq!(code(&[id]).as_deref(), Some("InvalidBatchEntryId"), "{id}");
        }
        assert_eq!(
            refusal(&["x"; 20]).unwrap().1,
            "Maximum number of entries per request are 10. You have sent 20."
        );
    }
}
