//! `DeleteMessage`, alone and in batches, and `PurgeQueue`.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::{
    DeleteMessageBatchInput, DeleteMessageBatchOutput, DeleteMessageBatchResultEntry, DeleteMessageInput,
    DeleteMessageOutput, PurgeQueueInput, PurgeQueueOutput,
};
use crate::batches::{check_batch, outcome};
use crate::errors::{expired_receipt_handle, invalid_receipt_handle};
use crate::open_queue::OpenQueue;
use crate::queue_url::Place;
use crate::receipt_handle::ReceiptHandle;
use crate::state::{MESSAGES, StoredMessage};

/// `DeleteMessage`
pub(crate) async fn delete_message(
    ctx: Ctx,
    input: DeleteMessageInput,
) -> Result<DeleteMessageOutput, AwsError> {
    let handle = input.receipt_handle;
    delete_in(&ctx, &input.queue_url, |open| delete(open, &handle)).await?;
    Ok(DeleteMessageOutput::default())
}

/// `DeleteMessageBatch`
pub(crate) async fn delete_message_batch(
    ctx: Ctx,
    input: DeleteMessageBatchInput,
) -> Result<DeleteMessageBatchOutput, AwsError> {
    check_batch("DeleteMessageBatch", input.entries.iter().map(|entry| entry.id.as_str()))?;
    let (done, failed) = delete_in(&ctx, &input.queue_url, |open| {
        outcome(&input.entries, |entry| &entry.id, |entry| delete(open, &entry.receipt_handle))
    })
    .await?;
    let successful = done.into_iter().map(|(id, ())| DeleteMessageBatchResultEntry { id }).collect();
    Ok(DeleteMessageBatchOutput { successful, failed })
}

async fn delete_in<T>(
    ctx: &Ctx,
    queue_url: &str,
    mut delete: impl FnMut(&mut OpenQueue<'_, '_>) -> Result<T, AwsError>,
) -> Result<T, AwsError> {
    let place = Place::of_url(ctx, queue_url)?;
    let now = ctx.clock().now_millis();
    let (deleted, stirred) = place
        .db
        .write::<_, AwsError, _>(|tx| {
            let mut open = OpenQueue::open(tx, &place.name, now)?;
            let deleted = delete(&mut open)?;
            open.save()?;
            Ok((deleted, open.stirred))
        })
        .await?;
    if stirred {
        ctx.signals().notify(&place.signal());
    }
    Ok(deleted)
}

/// Deletes the message of a handle. A message that is gone already is no error; a standard queue
/// takes old handles too.
fn delete(open: &mut OpenQueue<'_, '_>, handle: &str) -> Result<(), AwsError> {
    let parsed = ReceiptHandle::decode(handle)
        .filter(|parsed| parsed.queue_id == open.counters.queue_id)
        .ok_or_else(|| invalid_receipt_handle(handle))?;
    let receives = open.receives(parsed.number)?;
    if receives.here == 0 {
        return Ok(());
    }
    if !open.fifo {
        open.remove(parsed.number, &receives, None)?;
        return Ok(());
    }
    if receives.until <= open.now || receives.nonce != parsed.nonce {
        return Err(expired_receipt_handle(handle));
    }
    let message: Option<StoredMessage> = open.tx.get(&MESSAGES, (&open.name, parsed.number))?;
    let group = message.and_then(|message| message.group);
    open.remove(parsed.number, &receives, group.as_deref())?;
    Ok(())
}

/// `PurgeQueue`. It takes effect at once, and as often as it is called: AWS's rest of a minute
/// between two calls would only make tests wait.
pub(crate) async fn purge_queue(ctx: Ctx, input: PurgeQueueInput) -> Result<PurgeQueueOutput, AwsError> {
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let now = ctx.clock().now_millis();
    place
        .db
        .write::<_, AwsError, _>(|tx| {
            let mut open = OpenQueue::open(tx, &place.name, now)?;
            open.clear()?;
            Ok(open.save()?)
        })
        .await?;
    Ok(PurgeQueueOutput::default())
}
