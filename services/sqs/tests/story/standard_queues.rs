//! The life of messages in standard queues.

use std::time::Duration;

use crate::queue::queue;
use serde_json::json;

const NONE: &[&str] = &[];

#[tokio::test]
async fn a_message_is_sent_received_and_deleted() {
    let queue = queue("jobs", json!({})).await;
    let sent = queue.send("message").await;
    assert_eq!(sent["MD5OfMessageBody"], "78e731027d8fd50ed642340b7c9a63b3");
    assert_eq!(sent.get("SequenceNumber"), None);
    let received = queue.receive(json!({})).await;
    assert_eq!(received[0]["Body"], "message");
    assert_eq!(received[0]["MessageId"], sent["MessageId"]);
    assert_eq!(received[0]["MD5OfBody"], sent["MD5OfMessageBody"]);
    assert_eq!(received[0].get("Attributes"), None);
    assert_eq!(queue.counts().await, [0, 1, 0]);
    queue.delete(&received[0]).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
    // A handle can be used again, and does nothing then.
    queue.delete(&received[0]).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn messages_come_in_the_order_in_which_they_were_sent_also_when_they_come_back() {
    let queue = queue("jobs", json!({ "VisibilityTimeout": "3" })).await;
    for body in ["1", "2", "3", "4"] {
        queue.send(body).await;
    }
    assert_eq!(queue.bodies(json!({ "MaxNumberOfMessages": 2 })).await, ["1", "2"]);
    queue.send("5").await;
    queue.cloud.advance_seconds(4);
    assert_eq!(queue.counts().await, [5, 0, 0]);
    assert_eq!(queue.bodies(json!({ "MaxNumberOfMessages": 10 })).await, ["1", "2", "3", "4", "5"]);
    assert_eq!(queue.bodies(json!({})).await, NONE);
    assert_eq!(queue.counts().await, [0, 5, 0]);
}

#[tokio::test]
async fn delayed_messages_are_counted_and_come_later() {
    let queue = queue("jobs", json!({})).await;
    queue.send("now").await;
    for body in ["later", "later too"] {
        queue.call("SendMessage", json!({ "MessageBody": body, "DelaySeconds": 10 })).await;
    }
    assert_eq!(queue.counts().await, [1, 0, 2]);
    assert_eq!(queue.bodies(json!({ "MaxNumberOfMessages": 10 })).await, ["now"]);
    queue.cloud.advance_seconds(11);
    assert_eq!(queue.bodies(json!({ "MaxNumberOfMessages": 10 })).await, ["later", "later too"]);
    let refused = queue.refusal("SendMessage", json!({ "MessageBody": "x", "DelaySeconds": 901 })).await;
    assert_eq!(
        refused.1,
        "Value 901 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900."
    );
}

#[tokio::test]
async fn long_polling_ends_when_a_message_comes() {
    let queue = queue("jobs", json!({})).await;
    let url = queue.url.clone();
    let cloud = queue.cloud.clone();
    let waiting = tokio::spawn(async move {
        crate::queue::Queue { cloud, url }.bodies(json!({ "WaitTimeSeconds": 20 })).await
    });
    tokio::task::yield_now().await;
    queue.send("at last").await;
    assert_eq!(waiting.await.unwrap(), ["at last"]);
}

#[tokio::test]
async fn long_polling_ends_when_the_clock_reaches_a_delayed_message() {
    let queue = queue("jobs", json!({ "ReceiveMessageWaitTimeSeconds": "20" })).await;
    queue.call("SendMessage", json!({ "MessageBody": "delayed", "DelaySeconds": 15 })).await;
    let (url, cloud) = (queue.url.clone(), queue.cloud.clone());
    let waiting = tokio::spawn(async move { crate::queue::Queue { cloud, url }.bodies(json!({})).await });
    tokio::task::yield_now().await;
    queue.cloud.advance_seconds(16);
    assert_eq!(waiting.await.unwrap(), ["delayed"]);
}

#[tokio::test]
async fn long_polling_ends_with_nothing_when_its_time_is_over() {
    let queue = queue("jobs", json!({})).await;
    let (url, cloud) = (queue.url.clone(), queue.cloud.clone());
    let waiting = tokio::spawn(async move {
        crate::queue::Queue { cloud, url }.bodies(json!({ "WaitTimeSeconds": 20 })).await
    });
    tokio::task::yield_now().await;
    queue.cloud.advance_seconds(21);
    assert_eq!(waiting.await.unwrap(), NONE);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_no_message_with_it() {
    let queue = queue("jobs", json!({})).await;
    let gone =
        tokio::time::timeout(Duration::from_millis(5), queue.receive(json!({ "WaitTimeSeconds": 20 })));
    assert!(gone.await.is_err());
    queue.send("for the next").await;
    assert_eq!(queue.bodies(json!({})).await, ["for the next"]);
}

#[tokio::test]
async fn several_waiting_clients_get_a_message_each() {
    let queue = queue("jobs", json!({})).await;
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let (url, cloud) = (queue.url.clone(), queue.cloud.clone());
            tokio::spawn(async move {
                crate::queue::Queue { cloud, url }.bodies(json!({ "WaitTimeSeconds": 20 })).await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let entries: Vec<_> =
        (0..3).map(|n| json!({ "Id": n.to_string(), "MessageBody": n.to_string() })).collect();
    queue.call("SendMessageBatch", json!({ "Entries": entries })).await;
    let mut bodies = Vec::new();
    for waiting in waiting {
        bodies.extend(waiting.await.unwrap());
    }
    bodies.sort();
    assert_eq!(bodies, ["0", "1", "2"]);
}

#[tokio::test]
async fn visibility_can_be_ended_extended_and_not_exceeded() {
    let queue = queue("jobs", json!({})).await;
    queue.send("test").await;
    let first = queue.receive(json!({ "VisibilityTimeout": 0 })).await.remove(0);
    let second = queue.receive(json!({ "VisibilityTimeout": 300 })).await.remove(0);
    assert_ne!(first["ReceiptHandle"], second["ReceiptHandle"]);
    let change = |handle: &serde_json::Value, timeout: i32| json!({ "ReceiptHandle": handle["ReceiptHandle"], "VisibilityTimeout": timeout });
    // An old handle of the message does as well.
    queue.call("ChangeMessageVisibility", change(&first, 0)).await;
    assert_eq!(queue.counts().await, [1, 0, 0]);
    let third = queue.receive(json!({})).await.remove(0);
    queue.call("ChangeMessageVisibility", change(&third, 600)).await;
    queue.cloud.advance_seconds(599);
    assert_eq!(queue.counts().await, [0, 1, 0]);
    assert_eq!(
        queue.refusal("ChangeMessageVisibility", change(&third, 43_200)).await.1,
        "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
    );
    queue.cloud.advance_seconds(2);
    // It is visible again, and can be hidden again.
    queue.call("ChangeMessageVisibility", change(&third, 60)).await;
    assert_eq!(queue.counts().await, [0, 1, 0]);
    queue.delete(&third).await;
    let gone = queue.refusal("ChangeMessageVisibility", change(&third, 42)).await;
    let handle = third["ReceiptHandle"].as_str().unwrap();
    assert_eq!(
        gone,
        (
            "InvalidParameterValue".to_owned(),
            format!(
                "Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change."
            )
        )
    );
}

#[tokio::test]
async fn an_old_handle_still_deletes() {
    let queue = queue("jobs", json!({})).await;
    queue.send("test").await;
    let message = queue.receive(json!({ "VisibilityTimeout": 1 })).await.remove(0);
    queue.cloud.advance_seconds(2);
    queue.delete(&message).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
    let garbage = queue.refusal("DeleteMessage", json!({ "ReceiptHandle": "garbage" })).await;
    assert_eq!(garbage.0, "ReceiptHandleIsInvalid");
    assert_eq!(garbage.1, "The input receipt handle \"garbage\" is not a valid receipt handle.");
}

#[tokio::test]
async fn messages_are_kept_for_the_retention_period() {
    let queue = queue("jobs", json!({ "MessageRetentionPeriod": "60", "VisibilityTimeout": "60" })).await;
    queue.send("one").await;
    queue.send("two").await;
    queue.cloud.advance_seconds(10);
    let taken = queue.receive(json!({})).await.remove(0);
    queue.send("three").await;
    queue.cloud.advance_seconds(51);
    assert_eq!(queue.counts().await, [1, 0, 0]);
    assert_eq!(queue.bodies(json!({ "MaxNumberOfMessages": 10 })).await, ["three"]);
    queue.delete(&taken).await;
    assert_eq!(queue.counts().await, [0, 1, 0]);
}

#[tokio::test]
async fn a_purge_takes_effect_at_once_and_can_be_repeated() {
    let queue = queue("jobs", json!({})).await;
    for body in ["1", "2", "3"] {
        queue.send(body).await;
    }
    queue.receive(json!({})).await;
    queue.call("SendMessage", json!({ "MessageBody": "later", "DelaySeconds": 5 })).await;
    queue.call("PurgeQueue", json!({})).await;
    queue.call("PurgeQueue", json!({})).await;
    assert_eq!(queue.counts().await, [0, 0, 0]);
    queue.cloud.advance_seconds(60);
    queue.send("new").await;
    assert_eq!(queue.bodies(json!({ "MaxNumberOfMessages": 10 })).await, ["new"]);
}

#[tokio::test]
async fn attributes_are_told_as_far_as_they_are_asked_for() {
    let queue = queue("jobs", json!({ "VisibilityTimeout": "0" })).await;
    let attributes = json!({ "Foo": { "DataType": "String", "StringValue": "Bar" } });
    let trace = json!({ "AWSTraceHeader": { "DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1" } });
    let input =
        json!({ "MessageBody": "msg", "MessageAttributes": attributes, "MessageSystemAttributes": trace });
    let sent = queue.call("SendMessage", input).await;
    assert_eq!(sent["MD5OfMessageAttributes"], "ae7155c6026991b6d54b11589678bf9c");
    assert_eq!(sent["MD5OfMessageSystemAttributes"], "5ae4d5d7636402d80f4eb6d213245a88");
    let names = |message: &serde_json::Value| -> Vec<String> {
        message["Attributes"].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let all =
        queue.receive(json!({ "AttributeNames": ["All"], "MessageAttributeNames": ["F.*"] })).await.remove(0);
    assert_eq!(
        names(&all),
        [
            "AWSTraceHeader",
            "ApproximateFirstReceiveTimestamp",
            "ApproximateReceiveCount",
            "SenderId",
            "SentTimestamp"
        ]
    );
    assert_eq!(all["MessageAttributes"], attributes);
    assert_eq!(all["MD5OfMessageAttributes"], "ae7155c6026991b6d54b11589678bf9c");
    let some = json!({ "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SequenceNumber"], "AttributeNames": ["All"] });
    let some = queue.receive(some).await.remove(0);
    assert_eq!(some["Attributes"], json!({ "ApproximateReceiveCount": "2" }));
    assert_eq!(some.get("MessageAttributes"), None);
}

#[tokio::test]
async fn parameters_out_of_range_are_refused() {
    let queue = queue("jobs", json!({})).await;
    for (input, message) in [
        (
            json!({ "MaxNumberOfMessages": 11 }),
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            json!({ "WaitTimeSeconds": -1 }),
            "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
    ] {
        let refused = queue.refusal("ReceiveMessage", input).await;
        assert_eq!(refused, ("InvalidParameterValue".to_owned(), message.to_owned()));
    }
    let refused = queue.refusal("SendMessage", json!({ "MessageBody": "" })).await;
    let expected = "The request must contain the parameter MessageBody.".to_owned();
    assert_eq!(refused, ("MissingParameter".to_owned(), expected.clone()));
    assert_eq!(queue.refusal("SendMessage", json!({})).await.1, expected);
    let refused = queue.refusal("SendMessage", json!({ "MessageBody": "a\u{8}" })).await;
    assert_eq!(refused.0, "InvalidMessageContents");
    let refused =
        queue.refusal("SendMessage", json!({ "MessageBody": "x", "MessageDeduplicationId": "1" })).await;
    assert_eq!(refused.0, "InvalidParameterValue");
    // Standard queues take group ids, for fair queues.
    queue.call("SendMessage", json!({ "MessageBody": "x", "MessageGroupId": "tenant" })).await;
    let received = queue.receive(json!({ "AttributeNames": ["MessageGroupId"] })).await;
    assert_eq!(received[0]["Attributes"], json!({ "MessageGroupId": "tenant" }));
}

#[tokio::test]
async fn batches_fail_entry_by_entry_or_as_a_whole() {
    let queue = queue("jobs", json!({ "MaximumMessageSize": "1024" })).await;
    let entry = |id: &str, body: String| json!({ "Id": id, "MessageBody": body });
    let entries =
        [entry("fits", "a".repeat(1024)), entry("not", "a".repeat(1025)), entry("bad", "\u{1}".to_owned())];
    let output = queue.call("SendMessageBatch", json!({ "Entries": entries })).await;
    assert_eq!(output["Successful"].as_array().unwrap().len(), 1);
    assert_eq!(output["Failed"][0]["Code"], "InvalidParameterValue");
    assert_eq!(output["Failed"][0]["SenderFault"], true);
    assert_eq!(output["Failed"][1]["Code"], "InvalidMessageContents");
    let long = [entry("1", "a".repeat(1 << 20)), entry("2", "a".to_owned())];
    let refused = queue.refusal("SendMessageBatch", json!({ "Entries": long })).await;
    assert_eq!(refused.0, "AWS.SimpleQueueService.BatchRequestTooLong");
    assert_eq!(refused.1, "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.");

    let message = queue.receive(json!({})).await.remove(0);
    let entries = json!([
        { "Id": "1", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0 },
        { "Id": "2", "ReceiptHandle": "garbage", "VisibilityTimeout": 0 },
    ]);
    let changed = queue.call("ChangeMessageVisibilityBatch", json!({ "Entries": entries })).await;
    assert_eq!(changed["Successful"], json!([{ "Id": "1" }]));
    assert_eq!(changed["Failed"][0]["Code"], "ReceiptHandleIsInvalid");
    let entries = json!([{ "Id": "1", "ReceiptHandle": message["ReceiptHandle"] }]);
    let deleted = queue.call("DeleteMessageBatch", json!({ "Entries": entries })).await;
    assert_eq!(deleted["Successful"], json!([{ "Id": "1" }]));
    let refused = queue.refusal("DeleteMessageBatch", json!({ "Entries": [] })).await;
    assert_eq!(refused.0, "AWS.SimpleQueueService.EmptyBatchRequest");
    assert_eq!(queue.counts().await, [0, 0, 0]);
}
