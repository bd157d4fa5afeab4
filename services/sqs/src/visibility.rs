//! `ChangeMessageVisibility`, alone and in batches.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::{
    ChangeMessageVisibilityBatchInput, ChangeMessageVisibilityBatchOutput,
    ChangeMessageVisibilityBatchResultEntry, ChangeMessageVisibilityInput, ChangeMessageVisibilityOutput,
};
use crate::batches::{check_batch, outcome};
use crate::errors::{invalid_receipt_handle, invalid_value, missing, not_available_for_change};
use crate::open_queue::OpenQueue;
use crate::queue_url::Place;
use crate::receipt_handle::ReceiptHandle;
use crate::state::{MESSAGES, StoredMessage};

/// Longest time that a message can be hidden, in seconds, all extensions included.
pub(crate) const MAX_VISIBILITY_TIMEOUT: i32 = 43_200;

/// `ChangeMessageVisibility`
pub(crate) async fn change_message_visibility(
    ctx: Ctx,
    input: ChangeMessageVisibilityInput,
) -> Result<ChangeMessageVisibilityOutput, AwsError> {
    let (handle, timeout) = (input.receipt_handle, input.visibility_timeout);
    change_in(&ctx, &input.queue_url, |open| change(open, &handle, Some(timeout))).await?;
    Ok(ChangeMessageVisibilityOutput::default())
}

/// `ChangeMessageVisibilityBatch`
pub(crate) async fn change_message_visibility_batch(
    ctx: Ctx,
    input: ChangeMessageVisibilityBatchInput,
) -> Result<ChangeMessageVisibilityBatchOutput, AwsError> {
    check_batch("ChangeMessageVisibilityBatch", input.entries.iter().map(|entry| entry.id.as_str()))?;
    let (done, failed) = change_in(&ctx, &input.queue_url, |open| {
        outcome(
            &input.entries,
            |entry| &entry.id,
            |entry| change(open, &entry.receipt_handle, entry.visibility_timeout),
        )
    })
    .await?;
    let successful =
        done.into_iter().map(|(id, ())| ChangeMessageVisibilityBatchResultEntry { id }).collect();
    Ok(ChangeMessageVisibilityBatchOutput { successful, failed })
}

async fn change_in<T>(
    ctx: &Ctx,
    queue_url: &str,
    mut change: impl FnMut(&mut OpenQueue<'_, '_>) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let place = Place::of_url(ctx, queue_url)?;
    let now = ctx.clock().now_millis();
    let changed = place
        .db
        .write::<_, AwsError, _>(|tx| {
            let mut open = OpenQueue::open(tx, &place.name, now)?;
            open.settle(None)?;
            let changed = change(&mut open)?;
            open.save()?;
            Ok(changed)
        })
        .await?;
    ctx.signals().notify(&place.signal());
    Ok(changed)
}

fn change(open: &mut OpenQueue<'_, '_>, handle: &str, timeout: Option<i32>) -> Result<(), AwsError> {
    let timeout = timeout.ok_or_else(|| missing("VisibilityTimeout"))?;
    if !(0..=MAX_VISIBILITY_TIMEOUT).contains(&timeout) {
        return Err(invalid_value(timeout, "VisibilityTimeout", "Must be between 0 and 43200."));
    }
    let parsed = ReceiptHandle::decode(handle)
        .filter(|parsed| parsed.queue_id == open.counters.queue_id)
        .ok_or_else(|| invalid_receipt_handle(handle))?;
    let mut receives = open.receives(parsed.number)?;
    if receives.here == 0 {
        return Err(not_available_for_change(handle));
    }
    // A FIFO queue takes a handle only while the receive that it comes from lasts.
    if open.fifo && (receives.until <= open.now || receives.nonce != parsed.nonce) {
        return Err(not_available_for_change(handle));
    }
    let until = open.now + i64::from(timeout) * 1000;
    if timeout > 0 && until - receives.last > i64::from(MAX_VISIBILITY_TIMEOUT) * 1000 {
        let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]";
        return Err(invalid_value(timeout, "VisibilityTimeout", reason));
    }
    let group = if open.fifo {
        let message: Option<StoredMessage> = open.tx.get(&MESSAGES, (&open.name, parsed.number))?;
        message.and_then(|message| message.group)
    } else {
        None
    };
    open.hide_until(parsed.number, &mut receives, group.as_deref(), until)?;
    Ok(())
}
