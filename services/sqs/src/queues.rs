//! Queues: made, found, listed, deleted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_core::Ctx;
use cloudtwin_smithy::AwsError;
use cloudtwin_store::{StartsWith, Tx};

use crate::api::errors::QUEUE_NAME_EXISTS;
use crate::api::{
    CreateQueueInput, CreateQueueOutput, DeleteQueueInput, DeleteQueueOutput, GetQueueUrlInput,
    GetQueueUrlOutput, ListQueuesInput, ListQueuesOutput,
};
use crate::attributes::{self, defaults};
use crate::errors::{invalid, invalid_value, queue_does_not_exist};
use crate::open_queue::OpenQueue;
use crate::queue_url::{Place, QueueAddress, queue_url, scoped};
use crate::state::{COUNTERS, Counters, QUEUES, Queue};
use crate::tags::check_tags;

/// Longest page of a listing.
const MAX_RESULTS: i32 = 1000;

/// Checks the name of a queue that is to be made.
fn check_name(name: &str, fifo: bool) -> Result<(), AwsError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let plain = if fifo { name.strip_suffix(".fifo") } else { Some(name) };
    if name.len() <= 80 && plain.is_some_and(|plain| !plain.is_empty() && plain.bytes().all(allowed)) {
        return Ok(());
    }
    Err(invalid(if fifo {
        "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length"
    } else {
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    }))
}

/// `CreateQueue`
pub(crate) async fn create_queue(ctx: Ctx, input: CreateQueueInput) -> Result<CreateQueueOutput, AwsError> {
    let CreateQueueInput { queue_name: name, attributes, tags } = input;
    let attributes = attributes.unwrap_or_default();
    let tags = tags.unwrap_or_default();
    check_tags(&name, &tags)?;
    let fifo = attributes.get("FifoQueue").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let now = ctx.clock().now_millis();
    let id = (ctx.random() & u128::from(u64::MAX)) as u64;
    ctx.db()
        .write::<_, AwsError, _>(|tx| {
            if let Some(queue) = tx.get(&QUEUES, &name)? {
                return match attributes::first_difference(tx, &queue, &attributes)? {
                    None => Ok(()),
                    Some(attribute) => Err(QUEUE_NAME_EXISTS.with(format!(
                        "A queue already exists with the same name and a different value for attribute {attribute}"
                    ))),
                };
            }
            check_name(&name, fifo)?;
            let mut queue = Queue { id, created: now, modified: now, tags: tags.clone(), ..defaults(&name, fifo) };
            attributes::apply(tx, &mut queue, &attributes)?;
            queue.deduplicates_by_group = queue.deduplication_scope == "messageGroup";
            tx.put(&QUEUES, &name, &queue)?;
            let counters = Counters { queue_id: id, due_from: now, expires: i64::MAX, ..Counters::default() };
            Ok(tx.put(&COUNTERS, &name, &counters)?)
        })
        .await?;
    Ok(CreateQueueOutput { queue_url: Some(queue_url(&ctx, ctx.account(), ctx.region(), &name)) })
}

/// `GetQueueUrl`
pub(crate) async fn get_queue_url(ctx: Ctx, input: GetQueueUrlInput) -> Result<GetQueueUrlOutput, AwsError> {
    let account = input.queue_owner_aws_account_id.as_deref().unwrap_or_else(|| ctx.account());
    let db = scoped(&ctx, account, ctx.region());
    let name = &input.queue_name;
    if !db.read::<_, AwsError, _>(|tx| Ok(tx.contains(&COUNTERS, name)?))? {
        return Err(queue_does_not_exist());
    }
    Ok(GetQueueUrlOutput { queue_url: Some(queue_url(&ctx, account, ctx.region(), name)) })
}

/// `ListQueues`
pub(crate) async fn list_queues(ctx: Ctx, input: ListQueuesInput) -> Result<ListQueuesOutput, AwsError> {
    let prefix = input.queue_name_prefix.unwrap_or_default();
    let start = page_start(input.next_token.as_deref())?;
    // Without `MaxResults` AWS answers up to a thousand queues and no token.
    let limit = input.max_results.unwrap_or(MAX_RESULTS).clamp(0, MAX_RESULTS).unsigned_abs() as usize;
    let mut names: Vec<String> = ctx.db().read::<_, AwsError, _>(|tx| {
        let rows = tx.prefix(&QUEUES, StartsWith(&prefix))?;
        let rows = match &start {
            Some(start) => rows.after(start.as_str()),
            None => rows,
        };
        Ok(rows.keys().take(limit + 1).collect::<Result<_, _>>()?)
    })?;
    let url = |name: &str| queue_url(&ctx, ctx.account(), ctx.region(), name);
    let next_token = next_page(&mut names, input.max_results, url)?;
    names.truncate(limit);
    let urls: Vec<String> = names.iter().map(|name| url(name)).collect();
    Ok(ListQueuesOutput { queue_urls: (!urls.is_empty()).then_some(urls), next_token })
}

/// The name after which a page starts. A token is the URL of the last queue of the page before.
pub(crate) fn page_start(token: Option<&str>) -> Result<Option<String>, AwsError> {
    let Some(token) = token.filter(|token| !token.is_empty()) else { return Ok(None) };
    let url = STANDARD.decode(token).ok().and_then(|url| String::from_utf8(url).ok());
    let address = url.and_then(|url| QueueAddress::parse(&url));
    let address =
        address.ok_or_else(|| invalid_value(token, "NextToken", "Invalid or expired next token."))?;
    Ok(Some(address.name))
}

/// Cuts `names` to a page, and gives the token of the next.
pub(crate) fn next_page(
    names: &mut Vec<String>,
    max_results: Option<i32>,
    url: impl Fn(&str) -> String,
) -> Result<Option<String>, AwsError> {
    let Some(limit) = max_results else { return Ok(None) };
    if !(1..=MAX_RESULTS).contains(&limit) {
        let reason = "Must be an integer value between 1 and 1000, if provided.";
        return Err(invalid_value(limit, "MaxResults", reason));
    }
    let limit = limit.unsigned_abs() as usize;
    if names.len() <= limit {
        return Ok(None);
    }
    names.truncate(limit);
    Ok(names.last().map(|last| STANDARD.encode(url(last))))
}

/// `DeleteQueue`
pub(crate) async fn delete_queue(ctx: Ctx, input: DeleteQueueInput) -> Result<DeleteQueueOutput, AwsError> {
    let place = Place::of_url(&ctx, &input.queue_url)?;
    let now = ctx.clock().now_millis();
    place
        .db
        .write::<_, AwsError, _>(|tx| {
            OpenQueue::open(tx, &place.name, now)?.clear()?;
            tx.delete(&COUNTERS, &place.name)?;
            Ok(tx.delete(&QUEUES, &place.name)?)
        })
        .await?;
    // Whoever waits for messages learns that there will be none.
    ctx.signals().notify(&place.signal());
    Ok(DeleteQueueOutput::default())
}

/// Changes a queue's row.
pub(crate) async fn change_queue(
    place: &Place,
    mut change: impl FnMut(&mut Tx<'_>, &mut Queue) -> Result<(), AwsError>,
) -> Result<(), AwsError> {
    place
        .db
        .write::<_, AwsError, _>(|tx| {
            let mut queue = tx.get(&QUEUES, &place.name)?.ok_or_else(queue_does_not_exist)?;
            change(tx, &mut queue)?;
            Ok(tx.put(&QUEUES, &place.name, &queue)?)
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_type_of_the_queue() {
        let longest = format!("{}.fifo", "a".repeat(75));
        assert!(check_name("a-B_9", false).is_ok() && check_name(&"a".repeat(80), false).is_ok());
        assert!(check_name("jobs.fifo", true).is_ok() && check_name(&longest, true).is_ok());
        for name in ["", "a b", "jobs.fifo", "a/b", "ä", &"a".repeat(81)] {
            assert!(check_name(name, false).unwrap_err().message().starts_with("Can only include"), "{name}");
        }
        for name in ["jobs", ".fifo", "a.b.fifo", &format!("a{longest}")] {
            assert!(
                check_name(name, true).unwrap_err().message().starts_with("The name of a FIFO"),
                "{name}"
            );
        }
    }

    #[test]
    fn pages_go_on_after_the_last_queue() {
        let url = |name: &str| format!("http://localhost:4566/000000000000/{name}");
        let mut names: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
        let token = next_page(&mut names, Some(2), url).unwrap();
        assert_eq!((names.len(), page_start(token.as_deref()).unwrap().as_deref()), (2, Some("b")));
        assert_eq!(next_page(&mut names, Some(2), url).unwrap(), None);
        assert!(next_page(&mut names, Some(0), url).is_err() && page_start(Some("!")).is_err());
    }
}
