//! Dead-letter queues and the tasks that move messages out of them.

use crate::queue::{Queue, cloud};
use serde_json::{Value, json};

/// A queue and its dead-letter queue.
async fn pipe(suffix: &str, attributes: Value, max_receive_count: Value) -> (Queue, Queue) {
    let cloud = cloud();
    let letters = Queue::create(&cloud, &format!("letters{suffix}"), attributes.clone()).await;
    let policy = json!({ "deadLetterTargetArn": letters.arn().await, "maxReceiveCount": max_receive_count });
    let mut attributes = attributes;
    attributes["RedrivePolicy"] = json!(policy.to_string());
    (Queue::create(&cloud, &format!("jobs{suffix}"), attributes).await, letters)
}

const SHOW: &str = "ApproximateReceiveCount";

#[tokio::test]
async fn messages_that_are_received_too_often_move_with_all_they_have() {
    let (queue, letters) = pipe("", json!({ "VisibilityTimeout": "0" }), json!("1")).await;
    let policy: Value = serde_json::from_str(&queue.attribute("RedrivePolicy").await).unwrap();
    assert_eq!(policy["maxReceiveCount"], 1);
    let attributes = json!({ "MyAttribute": { "StringValue": "foobar", "DataType": "String" } });
    let sent =
        queue.call("SendMessage", json!({ "MessageBody": "message", "MessageAttributes": attributes })).await;
    let all = json!({ "AttributeNames": ["All"], "MessageAttributeNames": ["All"] });
    let before = queue.receive(all.clone()).await.remove(0);
    assert_eq!(queue.receive(all.clone()).await, Vec::<Value>::new());
    assert_eq!((queue.counts().await, letters.counts().await), ([0, 0, 0], [1, 0, 0]));
    let letter = letters.receive(all).await.remove(0);
    assert_eq!(letter["MessageId"], sent["MessageId"]);
    assert_eq!(letter["MessageAttributes"], attributes);
    assert_eq!(letter["Attributes"]["SentTimestamp"], before["Attributes"]["SentTimestamp"]);
    assert_eq!(letter["Attributes"][SHOW], "2");
    assert_eq!(letter["Attributes"]["DeadLetterQueueSourceArn"], json!(queue.arn().await));
}

#[tokio::test]
async fn a_fifo_group_goes_on_behind_a_dead_letter() {
    let (queue, letters) =
        pipe(".fifo", json!({ "FifoQueue": "true", "VisibilityTimeout": "0" }), json!(2)).await;
    queue.send_to("1", "poison").await;
    queue.send_to("1", "good").await;
    for _ in 0..2 {
        assert_eq!(queue.bodies(json!({})).await, ["poison"]);
    }
    assert_eq!(queue.bodies(json!({})).await, ["good"]);
    assert_eq!(letters.bodies(json!({})).await, ["poison"]);
}

#[tokio::test]
async fn waiting_for_letters_ends_when_one_comes() {
    let (queue, letters) = pipe("", json!({ "VisibilityTimeout": "0" }), json!(1)).await;
    let (url, cloud) = (letters.url.clone(), letters.cloud.clone());
    let waiting =
        tokio::spawn(async move { Queue { cloud, url }.bodies(json!({ "WaitTimeSeconds": 20 })).await });
    tokio::task::yield_now().await;
    queue.send("poison").await;
    queue.receive(json!({})).await;
    queue.receive(json!({})).await;
    assert_eq!(waiting.await.unwrap(), ["poison"]);
}

#[tokio::test]
async fn without_the_dead_letter_queue_no_message_is_lost() {
    let (queue, letters) = pipe("", json!({ "VisibilityTimeout": "0" }), json!(1)).await;
    letters.call("DeleteQueue", json!({})).await;
    queue.send("poison").await;
    for _ in 0..3 {
        assert_eq!(queue.bodies(json!({})).await, ["poison"]);
    }
}

#[tokio::test]
async fn dead_letter_queues_must_exist_fit_and_agree() {
    let (queue, letters) = pipe("", json!({}), json!(1)).await;
    let fifo = Queue::create(&queue.cloud, "letters.fifo", json!({ "FifoQueue": "true" })).await;
    let closed = json!({ "RedriveAllowPolicy": json!({ "redrivePermission": "denyAll" }).to_string() });
    let closed = Queue::create(&queue.cloud, "closed", closed).await;
    let arn = letters.arn().await;
    for (target, reason) in [
        (format!("{arn}-none"), "Dead letter target does not exist."),
        (
            arn.replace("000000000000", "111111111111"),
            "Dead letter target owner should be same as the source.",
        ),
        (fifo.arn().await, "Dead-letter queue must be same type of queue as the source."),
        (
            closed.arn().await,
            "Dead letter target does not allow this source queue by its redrive allow policy.",
        ),
    ] {
        let policy = json!({ "deadLetterTargetArn": target, "maxReceiveCount": 3 }).to_string();
        let input = json!({ "Attributes": { "RedrivePolicy": policy } });
        assert_eq!(
            queue.refusal("SetQueueAttributes", input).await,
            (
                "InvalidParameterValue".to_owned(),
                format!("Value {policy} for parameter RedrivePolicy is invalid. Reason: {reason}")
            )
        );
    }
    let sources = letters.call("ListDeadLetterSourceQueues", json!({})).await;
    assert_eq!(sources["queueUrls"], json!([queue.url]));
    queue.call("SetQueueAttributes", json!({ "Attributes": { "RedrivePolicy": "" } })).await;
    assert_eq!(letters.call("ListDeadLetterSourceQueues", json!({})).await["queueUrls"], json!([]));
}

/// Sends messages and lets all of them die.
async fn fill(queue: &Queue, letters: &Queue, count: usize) {
    for number in 0..count {
        queue.send(&format!("message-{number}")).await;
    }
    for _ in 0..count * 2 {
        queue.receive(json!({ "VisibilityTimeout": 0 })).await;
    }
    assert_eq!(letters.counts().await, [count as u64, 0, 0]);
}

async fn collect(queue: &Queue, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let more = queue.bodies(json!({ "MaxNumberOfMessages": 10, "WaitTimeSeconds": 20 })).await;
        assert!(!more.is_empty(), "only {bodies:?} came");
        bodies.extend(more);
    }
    bodies
}

/// What is told of the latest task, once it is told so.
async fn task(queue: &Queue, source: &str, status: &str) -> Value {
    loop {
        let tasks =
            queue.cloud.call("sqs", "ListMessageMoveTasks", json!({ "SourceArn": source })).await.unwrap();
        if tasks["Results"][0]["Status"] == status {
            return tasks["Results"][0].clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_move_task_brings_messages_back_to_where_they_came_from() {
    let (queue, letters) = pipe("", json!({}), json!(1)).await;
    fill(&queue, &letters, 3).await;
    let source = letters.arn().await;
    queue.cloud.call("sqs", "StartMessageMoveTask", json!({ "SourceArn": source })).await.unwrap();
    let mut bodies = collect(&queue, 3).await;
    bodies.sort();
    assert_eq!(bodies, ["message-0", "message-1", "message-2"]);
    let task = task(&queue, &source, "COMPLETED").await;
    assert_eq!(task["ApproximateNumberOfMessagesMoved"], 3);
    assert_eq!(task["ApproximateNumberOfMessagesToMove"], 3);
    assert_eq!((task.get("DestinationArn"), task.get("TaskHandle")), (None, None));
    assert_eq!(letters.counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_move_task_with_a_rate_takes_its_time_and_can_be_cancelled() {
    let (queue, letters) = pipe("", json!({}), json!(1)).await;
    fill(&queue, &letters, 5).await;
    let other = Queue::create(&queue.cloud, "other", json!({})).await;
    let (source, destination) = (letters.arn().await, other.arn().await);
    let start =
        json!({ "SourceArn": source, "DestinationArn": destination, "MaxNumberOfMessagesPerSecond": 1 });
    let call = async |operation: &str, input: Value| queue.cloud.call("sqs", operation, input).await;
    let started = call("StartMessageMoveTask", start.clone()).await.unwrap();
    let again = call("StartMessageMoveTask", start).await.unwrap_err();
    assert_eq!(
        again.message(),
        "There is already a task running. Only one active task is allowed for a source queue arn at a given time."
    );
    collect(&other, 1).await;
    queue.cloud.advance_seconds(1);
    collect(&other, 1).await;
    let running = task(&queue, &source, "RUNNING").await;
    assert_eq!(running["TaskHandle"], started["TaskHandle"]);
    assert_eq!(running["MaxNumberOfMessagesPerSecond"], 1);
    call("CancelMessageMoveTask", json!({ "TaskHandle": started["TaskHandle"] })).await.unwrap();
    task(&queue, &source, "CANCELLED").await;
    assert!(letters.counts().await[0] >= 2);
}

#[tokio::test]
async fn a_move_task_fails_when_its_destination_goes_away() {
    let (queue, letters) = pipe("", json!({}), json!(1)).await;
    fill(&queue, &letters, 3).await;
    let other = Queue::create(&queue.cloud, "other", json!({})).await;
    let (source, destination) = (letters.arn().await, other.arn().await);
    let start =
        json!({ "SourceArn": source, "DestinationArn": destination, "MaxNumberOfMessagesPerSecond": 1 });
    queue.cloud.call("sqs", "StartMessageMoveTask", start).await.unwrap();
    collect(&other, 1).await;
    other.call("DeleteQueue", json!({})).await;
    queue.cloud.advance_seconds(1);
    let failed = task(&queue, &source, "FAILED").await;
    assert_eq!(failed["FailureReason"], "AWS.SimpleQueueService.NonExistentQueue");
    assert_eq!(letters.counts().await, [2, 0, 0]);
}

#[tokio::test]
async fn move_tasks_need_a_dead_letter_queue_and_a_destination() {
    let (queue, letters) = pipe("", json!({}), json!(1)).await;
    let (source, plain) = (letters.arn().await, queue.arn().await);
    let message = async |operation: &str, input: Value| {
        queue.cloud.call("sqs", operation, input).await.unwrap_err().message().to_owned()
    };
    assert_eq!(
        message("StartMessageMoveTask", json!({ "SourceArn": plain })).await,
        "Source queue must be configured as a Dead Letter Queue."
    );
    assert_eq!(
        message("StartMessageMoveTask", json!({ "SourceArn": format!("{source}-none") })).await,
        "The resource that you specified for the SourceArn parameter doesn't exist."
    );
    assert_eq!(
        message(
            "StartMessageMoveTask",
            json!({ "SourceArn": source, "DestinationArn": format!("{source}-none") })
        )
        .await,
        "The resource that you specified for the DestinationArn parameter doesn't exist."
    );
    assert_eq!(
        message("CancelMessageMoveTask", json!({ "TaskHandle": "foobared" })).await,
        "Value for parameter TaskHandle is invalid."
    );
}
