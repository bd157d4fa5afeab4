//! Tags of queues.

use std::collections::BTreeMap;

use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;

use crate::api::{
    ListQueueTagsInput, ListQueueTagsOutput, TagQueueInput, TagQueueOutput, UntagQueueInput, UntagQueueOutput,
};
use crate::errors::{invalid, missing, queue_does_not_exist};
use crate::queue_url::Place;
use crate::queues::change_queue;
use crate::state::QUEUES;

/// How many tags a queue may have.
const MAX_TAGS: usize = 50;

/// Checks the tags that a queue would have.
pub(crate) fn check_tags(queue: &str, tags: &BTreeMap<String, String>) -> Result<(), AwsError> {
    if tags.len() > MAX_TAGS {
        return Err(invalid(format!("Too many tags added for queue {queue}.")));
    }
    if tags.keys().any(|key| !(1..=128).contains(&key.chars().count())) {
        return Err(invalid("Tag keys must be between 1 and 128 characters in length."));
    }
    if tags.values().any(|value| value.chars().count() > 256) {
        return Err(invalid("Tag values must be between 0 and 256 characters in length."));
    }
    Ok(())
}

/// `TagQueue`
pub(crate) async fn tag_queue(ctx: Ctx, input: TagQueueInput) -> Result<TagQueueOutput, AwsError> {
    if input.tags.is_empty() {
        return Err(missing("Tags"));
    }
    let place = Place::of_url(&ctx, &input.queue_url)?;
    change_queue(&place, |_, queue| {
        queue.tags.extend(input.tags.iter().map(|(key, value)| (key.clone(), value.clone())));
        check_tags(&place.name, &queue.tags)
    })
    .await?;
    Ok(TagQueueOutput::default())
}

/// `UntagQueue`
pub(crate) async fn untag_queue(ctx: Ctx, input: UntagQueueInput) -> Result<UntagQueueOutput, AwsError> {
    if input.tag_keys.is_empty() {
        return Err(missing("TagKeys"));
    }
    let place = Place::of_url(&ctx, &input.queue_url)?;
    change_queue(&place, |_, queue| {
        queue.tags.retain(|key, _| !input.tag_keys.contains(key));
        Ok(())
    })
    .await?;
    Ok(UntagQueueOutput::default())
}

/// `ListQueueTags`
pub(crate) async fn list_queue_tags(
    ctx: Ctx,
    input: ListQueueTagsInput,
) -> Result<ListQueueTagsOutput, AwsError> {
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let queue = place
        .db
        .read::<_, AwsError, _>(|tx| tx.get(&QUEUES, &place.name)?.ok_or_else(queue_does_not_exist))?;
    Ok(ListQueueTagsOutput { tags: (!queue.tags.is_empty()).then_some(queue.tags) })
}
