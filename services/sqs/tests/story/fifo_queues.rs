//! Order, groups and deduplication in FIFO queues. The orders are the ones that AWS was seen to give.

use crate::queue::fifo;
use serde_json::{Value, json};

const NONE: &[&str] = &[];

fn up_to(count: usize) -> Value {
    json!({ "MaxNumberOfMessages": count })
}

fn visibility(message: &Value, timeout: i32) -> Value {
    json!({ "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": timeout })
}

#[tokio::test]
async fn one_group_comes_before_the_next() {
    let queue = fifo(json!({})).await;
    for (group, body) in [("1", "g1-m1"), ("2", "g2-m1"), ("1", "g1-m2"), ("1", "g1-m3")] {
        queue.send_to(group, body).await;
    }
    assert_eq!(queue.bodies(up_to(10)).await, ["g1-m1", "g1-m2", "g1-m3", "g2-m1"]);
}

#[tokio::test]
async fn a_group_is_locked_while_a_message_is_in_flight() {
    let queue = fifo(json!({ "VisibilityTimeout": "1" })).await;
    for (group, body) in
        [("1", "g1-m1"), ("1", "g1-m2"), ("1", "g1-m3"), ("1", "g1-m4"), ("2", "g2-m1"), ("3", "g3-m1")]
    {
        queue.send_to(group, body).await;
    }
    assert_eq!(queue.bodies(up_to(2)).await, ["g1-m1", "g1-m2"]);
    assert_eq!(queue.bodies(up_to(1)).await, ["g2-m1"]);
    assert_eq!(queue.counts().await, [3, 3, 0]);
    queue.cloud.advance_seconds(2);
    let all = json!({ "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
    assert_eq!(queue.bodies(all).await, ["g3-m1", "g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1"]);
}

#[tokio::test]
async fn groups_take_turns() {
    let queue = fifo(json!({})).await;
    for (group, body) in [("1", "g1-m1"), ("2", "g2-m1"), ("2", "g2-m2"), ("3", "g3-m1"), ("1", "g1-m2")] {
        queue.send_to(group, body).await;
    }
    let some = json!({ "MaxNumberOfMessages": 3, "VisibilityTimeout": 0 });
    assert_eq!(queue.bodies(some).await, ["g1-m1", "g1-m2", "g2-m1"]);
    let rest = json!({ "MaxNumberOfMessages": 10, "VisibilityTimeout": 0 });
    assert_eq!(queue.bodies(rest).await, ["g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"]);
}

#[tokio::test]
async fn an_earlier_message_in_flight_blocks_and_a_later_one_does_not() {
    let queue = fifo(json!({})).await;
    for (group, body) in [("1", "g1-m1"), ("1", "g1-m2"), ("2", "g2-m1")] {
        queue.send_to(group, body).await;
    }
    let taken = queue.receive(up_to(2)).await;
    queue.call("ChangeMessageVisibility", visibility(&taken[0], 0)).await;
    assert_eq!(queue.bodies(up_to(3)).await, ["g2-m1", "g1-m1"]);
}

#[tokio::test]
async fn extending_one_message_blocks_those_behind_it() {
    for (position, expected) in [(0, &[][..]), (1, &["foo"][..]), (2, &["foo", "bar"][..])] {
        let queue = fifo(json!({ "VisibilityTimeout": "1" })).await;
        for body in ["foo", "bar", "baz"] {
            queue.send_to("1", body).await;
        }
        let taken = queue.receive(up_to(5)).await;
        queue.call("ChangeMessageVisibility", visibility(&taken[position], 4)).await;
        queue.cloud.advance_seconds(2);
        assert_eq!(queue.bodies(up_to(5)).await, expected);
    }
}

#[tokio::test]
async fn deleting_frees_the_group_when_nothing_of_it_is_in_flight() {
    let queue = fifo(json!({})).await;
    let sent = [
        ("1", "g1-m1"),
        ("2", "g2-m1"),
        ("1", "g1-m2"),
        ("2", "g2-m2"),
        ("1", "g1-m3"),
        ("1", "g1-m4"),
        ("3", "g3-m1"),
    ];
    for (group, body) in sent {
        queue.send_to(group, body).await;
    }
    let taken = queue.receive(up_to(2)).await;
    queue.delete(&taken[0]).await;
    assert_eq!(queue.bodies(up_to(10)).await, ["g2-m1", "g2-m2", "g3-m1"]);
    queue.delete(&taken[1]).await;
    assert_eq!(queue.bodies(up_to(10)).await, ["g1-m3", "g1-m4"]);
}

#[tokio::test]
async fn waiting_clients_are_woken_when_a_group_is_freed() {
    let queue = fifo(json!({})).await;
    queue.send_to("1", "first").await;
    let first = queue.receive(json!({})).await.remove(0);
    queue.send_to("1", "second").await;
    let (url, cloud) = (queue.url.clone(), queue.cloud.clone());
    let waiting = tokio::spawn(async move {
        crate::queue::Queue { cloud, url }.bodies(json!({ "WaitTimeSeconds": 20 })).await
    });
    tokio::task::yield_now().await;
    queue.delete(&first).await;
    assert_eq!(waiting.await.unwrap(), ["second"]);
}

#[tokio::test]
async fn a_handle_lasts_as_long_as_its_receive() {
    let queue = fifo(json!({ "VisibilityTimeout": "1" })).await;
    queue.send_to("1", "foobar").await;
    let message = queue.receive(json!({})).await.remove(0);
    queue.cloud.advance_seconds(2);
    let handle = message["ReceiptHandle"].as_str().unwrap();
    assert_eq!(
        queue.refusal("DeleteMessage", json!({ "ReceiptHandle": handle })).await.1,
        format!(
            "Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired."
        )
    );
    assert_eq!(queue.bodies(json!({})).await, ["foobar"]);
}

#[tokio::test]
async fn duplicates_are_accepted_and_dropped_for_five_minutes() {
    let queue = fifo(json!({ "ContentBasedDeduplication": "true" })).await;
    let send = json!({ "MessageBody": "same", "MessageGroupId": "1" });
    let first = queue.call("SendMessage", send.clone()).await;
    let second = queue.call("SendMessage", send.clone()).await;
    assert_eq!(
        (&first["MessageId"], &first["SequenceNumber"]),
        (&second["MessageId"], &second["SequenceNumber"])
    );
    assert_eq!(first["SequenceNumber"].as_str().unwrap().len(), 20);
    let message = queue.receive(json!({ "AttributeNames": ["All"] })).await.remove(0);
    assert_eq!(message["Attributes"]["SequenceNumber"], first["SequenceNumber"]);
    assert_eq!(message["Attributes"]["MessageDeduplicationId"].as_str().unwrap().len(), 64);
    queue.delete(&message).await;
    let other_group = json!({ "MessageBody": "same", "MessageGroupId": "2" });
    queue.call("SendMessage", other_group).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
    queue.cloud.advance_seconds(301);
    assert_ne!(queue.call("SendMessage", send).await["MessageId"], first["MessageId"]);
    assert_eq!(queue.bodies(json!({})).await, ["same"]);
}

#[tokio::test]
async fn the_scope_of_deduplication_is_settled_when_the_queue_is_made() {
    let queue = fifo(json!({ "DeduplicationScope": "messageGroup" })).await;
    queue.call("SetQueueAttributes", json!({ "Attributes": { "DeduplicationScope": "queue" } })).await;
    assert_eq!(queue.attribute("DeduplicationScope").await, "queue");
    queue.send_to("1", "same").await;
    queue.send_to("2", "same").await;
    queue.send_to("2", "same").await;
    assert_eq!(queue.counts().await, [2, 0, 0]);
}

#[tokio::test]
async fn a_purge_forgets_what_was_sent() {
    let queue = fifo(json!({})).await;
    queue.send_to("1", "same").await;
    queue.call("PurgeQueue", json!({})).await;
    queue.send_to("1", "same").await;
    assert_eq!(queue.bodies(json!({})).await, ["same"]);
}

#[tokio::test]
async fn delays_are_the_queue_s() {
    let queue = fifo(json!({ "DelaySeconds": "2" })).await;
    for (body, delay) in [("1", Value::Null), ("2", json!(0)), ("3", Value::Null)] {
        let input = json!({ "MessageBody": body, "MessageGroupId": "1", "MessageDeduplicationId": body, "DelaySeconds": delay });
        queue.call("SendMessage", input).await;
    }
    assert_eq!(queue.bodies(up_to(3)).await, NONE);
    assert_eq!(queue.counts().await, [0, 0, 3]);
    queue.cloud.advance_seconds(3);
    assert_eq!(queue.bodies(up_to(3)).await, ["1", "2", "3"]);
    let input = json!({ "MessageBody": "x", "MessageGroupId": "1", "MessageDeduplicationId": "x", "DelaySeconds": 2 });
    assert_eq!(
        queue.refusal("SendMessage", input).await.1,
        "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type."
    );
}

#[tokio::test]
async fn group_and_deduplication_id_are_demanded() {
    let queue = fifo(json!({})).await;
    let without_group = json!({ "MessageBody": "x", "MessageDeduplicationId": "1" });
    let message = "The request must contain the parameter MessageGroupId.";
    assert_eq!(
        queue.refusal("SendMessage", without_group).await,
        ("MissingParameter".to_owned(), message.to_owned())
    );
    let missing_id = "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";
    let without_id = json!({ "MessageBody": "x", "MessageGroupId": "1" });
    assert_eq!(
        queue.refusal("SendMessage", without_id).await,
        ("InvalidParameterValue".to_owned(), missing_id.to_owned())
    );
    let good = json!({ "Id": "1", "MessageBody": "x", "MessageGroupId": "1", "MessageDeduplicationId": "1" });
    let batch =
        json!({ "Entries": [good, { "Id": "2", "MessageBody": "x", "MessageDeduplicationId": "2" }] });
    assert_eq!(
        queue.refusal("SendMessageBatch", batch).await,
        ("InvalidParameterValue".to_owned(), message.to_owned())
    );
    assert_eq!(queue.counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn an_attempt_can_be_repeated_while_nothing_has_changed() {
    let queue = fifo(json!({})).await;
    for body in ["1", "2", "3"] {
        queue.send_to("g", body).await;
    }
    let attempt = json!({ "MaxNumberOfMessages": 2, "ReceiveRequestAttemptId": "try" });
    let first = queue.receive(attempt.clone()).await;
    assert_eq!(queue.receive(attempt.clone()).await, first);
    assert_eq!(queue.counts().await, [1, 2, 0]);
    queue.delete(&first[0]).await;
    assert_eq!(queue.receive(attempt).await, Vec::<Value>::new());
}
