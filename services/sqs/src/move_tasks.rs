//! Message move tasks: out of a dead-letter queue, back to where the messages came from or to
//! another queue.
//!
//! A task is a row and an effect that is due: each run moves some messages in one transaction and
//! asks, in the same transaction, for the next run. So a task goes on after a restart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_core::{Arn, Ctx, EmitEffects};
use cloudtwin_smithy::{AwsError, Document};
use cloudtwin_store::Tx;
use serde_json::{Value, json};

use crate::api::{
    CancelMessageMoveTaskInput, CancelMessageMoveTaskOutput, ListMessageMoveTasksInput,
    ListMessageMoveTasksOutput, ListMessageMoveTasksResultEntry, StartMessageMoveTaskInput,
    StartMessageMoveTaskOutput,
};
use crate::dead_letter::queue_of_arn;
use crate::errors::{invalid, invalid_value, resource_not_found};
use crate::open_queue::{OpenQueue, is_fifo};
use crate::queue_url::{scoped, signal};
use crate::state::{COUNTERS, MESSAGES, MOVE_TASKS, MoveTask, MoveTaskStatus, QUEUES, StoredMessage};

/// The name of the task that moves messages.
pub(crate) const MOVE_MESSAGES: &str = "move-messages";

/// How many messages one run moves when the task has no rate.
const RUN: usize = 500;

const NO_SOURCE: &str = "The resource that you specified for the SourceArn parameter doesn't exist.";
const NO_DESTINATION: &str =
    "The resource that you specified for the DestinationArn parameter doesn't exist.";

fn handle(id: &str, source_arn: &str) -> String {
    STANDARD.encode(json!({ "taskId": id, "sourceArn": source_arn }).to_string())
}

/// The task's id and its source, as a handle tells them.
fn read_handle(handle: &str) -> Option<(String, String)> {
    let json: Value = serde_json::from_slice(&STANDARD.decode(handle).ok()?).ok()?;
    let member = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((member("taskId")?, member("sourceArn")?))
}

fn parse_arn(text: &str, parameter: &str) -> Result<Arn, AwsError> {
    queue_of_arn(text).ok_or_else(|| {
        invalid(format!(
            "You must use this format to specify the {parameter}: arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        ))
    })
}

/// The task of `source_arn` that is under way.
fn running(tx: &Tx<'_>, source_arn: &str) -> Result<Option<MoveTask>, AwsError> {
    for row in tx.index_scan(&MOVE_TASKS, "by_source", source_arn)? {
        let (_, task) = row?;
        if task.status == MoveTaskStatus::Running {
            return Ok(Some(task));
        }
    }
    Ok(None)
}

/// `StartMessageMoveTask`
pub(crate) async fn start_message_move_task(
    ctx: Ctx,
    input: StartMessageMoveTaskInput,
) -> Result<StartMessageMoveTaskOutput, AwsError> {
    let source = parse_arn(&input.source_arn, "SourceArn")?;
    let destination =
        input.destination_arn.as_deref().map(|arn| parse_arn(arn, "DestinationArn")).transpose()?;
    let rate = input.max_number_of_messages_per_second;
    if let Some(rate) = rate.filter(|rate| !(1..=500).contains(rate)) {
        let reason = "Must be between 1 and 500, if provided.";
        return Err(invalid_value(rate, "MaxNumberOfMessagesPerSecond", reason));
    }
    let now = ctx.clock().now_millis();
    let task = MoveTask {
        id: ctx.uuid(),
        source_arn: input.source_arn,
        destination_arn: input.destination_arn,
        max_per_second: rate,
        started: now,
        ..MoveTask::default()
    };
    let next_run = next_run(&ctx, &task, &source, now);
    scoped(&ctx, &source.account, &source.region)
        .write::<_, AwsError, _>(|tx| {
            if !tx.contains(&COUNTERS, &source.resource)? {
                return Err(resource_not_found(NO_SOURCE));
            }
            if tx.index_get(&QUEUES, "by_dead_letter_target", task.source_arn.as_str())?.is_none() {
                return Err(invalid("Source queue must be configured as a Dead Letter Queue."));
            }
            if let Some(arn) = &destination {
                let at_destination = tx.at(&arn.account, &arn.region);
                if !at_destination.contains(&COUNTERS, &arn.resource)? {
                    return Err(resource_not_found(NO_DESTINATION));
                }
                if is_fifo(&arn.resource) != is_fifo(&source.resource) {
                    return Err(invalid("Source and destination queues must be of the same type."));
                }
            }
            if running(tx, &task.source_arn)?.is_some() {
                return Err(invalid(
                    "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
                ));
            }
            let mut open = OpenQueue::open(tx, &source.resource, now)?;
            open.settle(None)?;
            let to_move = open.counters.ready;
            open.save()?;
            tx.put(&MOVE_TASKS, &task.id, &MoveTask { to_move, ..task.clone() })?;
            Ok(tx.emit(&next_run)?)
        })
        .await?;
    Ok(StartMessageMoveTaskOutput { task_handle: Some(handle(&task.id, &task.source_arn)) })
}

fn next_run(ctx: &Ctx, task: &MoveTask, source: &Arn, due: i64) -> cloudtwin_core::Effect {
    let payload = [
        ("task", task.id.as_str()),
        ("account", source.account.as_str()),
        ("region", source.region.as_str()),
    ];
    let payload: Document =
        payload.into_iter().map(|(name, value)| (name.to_owned(), Document::from(value))).collect();
    ctx.effect_task("sqs", MOVE_MESSAGES, payload).at(due)
}

/// One run of a task.
pub(crate) async fn move_messages(ctx: Ctx, payload: Document) -> Result<(), AwsError> {
    let member = |name: &str| payload.get(name).and_then(Document::as_str).unwrap_or_default().to_owned();
    let (id, account, region) = (member("task"), member("account"), member("region"));
    let db = scoped(&ctx, &account, &region);
    let Some(task) = db.read::<_, AwsError, _>(|tx| Ok(tx.get(&MOVE_TASKS, &id)?))? else { return Ok(()) };
    let Some(source) = queue_of_arn(&task.source_arn) else { return Ok(()) };
    let now = ctx.clock().now_millis();
    let (count, pause) = match task.max_per_second {
        Some(rate) => (1, 1000 / i64::from(rate.max(1))),
        None => (RUN, 0),
    };
    let next_run = next_run(&ctx, &task, &source, now + pause);
    // Messages that are moved are new ones.
    let ids: Vec<String> = (0..count).map(|_| ctx.uuid()).collect();
    let run = db.write::<_, AwsError, _>(|tx| {
        let Some(mut task) = tx.get(&MOVE_TASKS, &id)?.filter(|task| task.status == MoveTaskStatus::Running)
        else {
            return Ok(Vec::new());
        };
        let destinations = move_some(tx, &task, &source, now, &ids)?;
        task.moved += destinations.len() as u64;
        if destinations.len() == count {
            tx.emit(&next_run)?;
        } else {
            task.status = MoveTaskStatus::Completed;
        }
        tx.put(&MOVE_TASKS, &id, &task)?;
        Ok(destinations)
    });
    match run.await {
        Ok(mut destinations) => {
            destinations.dedup();
            for arn in destinations {
                ctx.signals().notify(&signal(&arn.account, &arn.region, &arn.resource));
            }
            Ok(())
        }
        Err(error) if error.status() >= 500 => Err(error),
        Err(error) => {
            db.write::<_, AwsError, _>(|tx| {
                let Some(mut task) = tx.get(&MOVE_TASKS, &id)? else { return Ok(()) };
                task.status = MoveTaskStatus::Failed;
                task.failure_reason = Some(error.query_code().to_owned());
                Ok(tx.put(&MOVE_TASKS, &id, &task)?)
            })
            .await
        }
    }
}

/// Moves messages that can be received now, at most one for each of `ids`; gives the queue that
/// each of them went to.
fn move_some(
    tx: &mut Tx<'_>,
    task: &MoveTask,
    source: &Arn,
    now: i64,
    ids: &[String],
) -> Result<Vec<Arn>, AwsError> {
    let mut destinations = Vec::new();
    for id in ids {
        let mut open = OpenQueue::open(tx, &source.resource, now)?;
        open.settle(None)?;
        let Some((number, mut message)) = first_ready(&open)? else { break };
        let destination = match (&task.destination_arn, &message.dead_letter_source) {
            (Some(arn), _) | (None, Some(arn)) => queue_of_arn(arn),
            (None, None) => None,
        };
        let destination = destination.ok_or_else(|| {
            invalid("A message did not come from another queue: the task needs a DestinationArn.")
        })?;
        let receives = open.receives(number)?;
        open.remove(number, &receives, message.group.as_deref())?;
        open.save()?;

        let mut there = tx.at(&destination.account, &destination.region);
        let mut open = OpenQueue::open(&mut there, &destination.resource, now)?;
        let queue = open.queue()?;
        message.id.clone_from(id);
        message.sent = open.now;
        message.dead_letter_source = None;
        open.add(&queue, &mut message, 0, None)?;
        open.save()?;
        destinations.push(destination);
    }
    Ok(destinations)
}

/// The message that a receiver would get first.
fn first_ready(open: &OpenQueue<'_, '_>) -> Result<Option<(u64, StoredMessage)>, AwsError> {
    let name = open.name.as_str();
    let number = if open.fifo {
        match open.next_turn(0)? {
            Some((_, group)) => open.front_of_group(&group, 1)?.first().copied(),
            None => None,
        }
    } else {
        open.candidates(open.cursor(), 1)?.first().map(|candidate| candidate.number)
    };
    let Some(number) = number else { return Ok(None) };
    let message: Option<StoredMessage> = open.tx.get(&MESSAGES, (name, number))?;
    Ok(message.map(|message| (number, message)))
}

/// `CancelMessageMoveTask`
pub(crate) async fn cancel_message_move_task(
    ctx: Ctx,
    input: CancelMessageMoveTaskInput,
) -> Result<CancelMessageMoveTaskOutput, AwsError> {
    let bad_handle = || invalid("Value for parameter TaskHandle is invalid.");
    let (id, source_arn) = read_handle(&input.task_handle).ok_or_else(bad_handle)?;
    let source = queue_of_arn(&source_arn).ok_or_else(bad_handle)?;
    let moved = scoped(&ctx, &source.account, &source.region)
        .write::<_, AwsError, _>(|tx| {
            if !tx.contains(&COUNTERS, &source.resource)? {
                return Err(resource_not_found(NO_SOURCE));
            }
            let task: Option<MoveTask> = tx.get(&MOVE_TASKS, &id)?;
            let task = task.filter(|task| task.source_arn == source_arn);
            let mut task = task.ok_or_else(|| resource_not_found("Task does not exist."))?;
            if task.status != MoveTaskStatus::Running {
                return Err(invalid("Only active tasks can be cancelled."));
            }
            task.status = MoveTaskStatus::Cancelled;
            tx.put(&MOVE_TASKS, &id, &task)?;
            Ok(task.moved)
        })
        .await?;
    Ok(CancelMessageMoveTaskOutput { approximate_number_of_messages_moved: i64::try_from(moved).ok() })
}

/// `ListMessageMoveTasks`
pub(crate) async fn list_message_move_tasks(
    ctx: Ctx,
    input: ListMessageMoveTasksInput,
) -> Result<ListMessageMoveTasksOutput, AwsError> {
    let source = parse_arn(&input.source_arn, "SourceArn")?;
    let limit = input.max_results.unwrap_or(1);
    if !(1..=10).contains(&limit) {
        return Err(invalid_value(limit, "MaxResults", "Must be between 1 and 10, if provided."));
    }
    let mut tasks: Vec<MoveTask> =
        scoped(&ctx, &source.account, &source.region).read::<_, AwsError, _>(|tx| {
            if !tx.contains(&COUNTERS, &source.resource)? {
                return Err(resource_not_found(NO_SOURCE));
            }
            let rows = tx.index_scan(&MOVE_TASKS, "by_source", input.source_arn.as_str())?;
            Ok(rows.map(|row| row.map(|(_, task)| task)).collect::<Result<_, _>>()?)
        })?;
    tasks.sort_by_key(|task| std::cmp::Reverse(task.started));
    tasks.truncate(limit.unsigned_abs() as usize);
    let results = tasks.into_iter().map(told).collect();
    Ok(ListMessageMoveTasksOutput { results: Some(results) })
}

fn told(task: MoveTask) -> ListMessageMoveTasksResultEntry {
    let status = match task.status {
        MoveTaskStatus::Running => "RUNNING",
        MoveTaskStatus::Completed => "COMPLETED",
        MoveTaskStatus::Cancelled => "CANCELLED",
        MoveTaskStatus::Failed => "FAILED",
    };
    let running = task.status == MoveTaskStatus::Running;
    ListMessageMoveTasksResultEntry {
        task_handle: running.then(|| handle(&task.id, &task.source_arn)),
        status: Some(status.to_owned()),
        source_arn: Some(task.source_arn),
        destination_arn: task.destination_arn,
        max_number_of_messages_per_second: task.max_per_second,
        approximate_number_of_messages_moved: i64::try_from(task.moved).ok(),
        approximate_number_of_messages_to_move: i64::try_from(task.to_move).ok(),
        failure_reason: task.failure_reason,
        started_timestamp: Some(task.started),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_are_base64_json_as_aws_writes_it() {
        let arn = "arn:aws:sqs:us-east-1:000000000000:letters";
        let handle = handle("10f57157-fc38-4da9-a113-4de7e12d05dd", arn);
        let text = String::from_utf8(STANDARD.decode(&handle).unwrap()).unwrap();
        assert_eq!(
            text,
            format!(r#"{{"taskId":"10f57157-fc38-4da9-a113-4de7e12d05dd","sourceArn":"{arn}"}}"#)
        );
        assert_eq!(read_handle(&handle).unwrap().1, arn);
        assert_eq!(read_handle("foobared"), None);
    }
}
