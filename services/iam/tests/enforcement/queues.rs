//! Queues: their policies, and what other services send to them.

use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

use crate::support::{HOME, OTHER, allow, cloud, denied, done, policy, refused, user};

async fn queue(owner: &TestCloud, name: &str, document: &str) -> String {
    let attributes = if document.is_empty() { json!({}) } else { json!({"Policy": document}) };
    let made = done(owner, "sqs", "CreateQueue", json!({"QueueName": name, "Attributes": attributes})).await;
    made["QueueUrl"].as_str().unwrap().to_owned()
}

fn message(url: &str) -> Value {
    json!({"QueueUrl": url, "MessageBody": "x"})
}

fn batch(url: &str) -> Value {
    json!({"QueueUrl": url, "Entries": [{"Id": "1", "MessageBody": "x"}]})
}

async fn waiting(owner: &TestCloud, url: &str) -> usize {
    let input = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0});
    let found = done(owner, "sqs", "ReceiveMessage", input).await;
    found["Messages"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn other_accounts_need_the_queues_policy_and_their_own() {
    let root = cloud();
    let other = root.account(OTHER);
    let shared = policy(&json!({
        "Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "sqs:*",
        "Resource": format!("arn:aws:sqs:us-east-1:{HOME}:jobs")
    }));
    let url = queue(&root, "jobs", "").await;
    let ann = user(&other, "ann", &allow("sqs:*", "*")).await;
    let ben = user(&other, "ben", &allow("sqs:ReceiveMessage", "*")).await;
    let words = denied(&ann, "sqs", "SendMessage", message(&url)).await;
    assert!(words.ends_with("because no resource-based policy allows the sqs:sendmessage action"), "{words}");
    let set = json!({"QueueUrl": url, "Attributes": {"Policy": shared}});
    done(&root, "sqs", "SetQueueAttributes", set).await;
    done(&ann, "sqs", "SendMessage", message(&url)).await;
    done(&ann, "sqs", "SendMessageBatch", batch(&url)).await;
    assert_eq!(waiting(&root, &url).await, 2);
    denied(&ben, "sqs", "SendMessage", message(&url)).await;
    denied(&ben, "sqs", "SendMessageBatch", batch(&url)).await;
    done(&ben, "sqs", "ReceiveMessage", json!({"QueueUrl": url})).await;
    // Some things no policy hands out.
    denied(&ann, "sqs", "DeleteQueue", json!({"QueueUrl": url})).await;
    denied(&ann, "sqs", "SetQueueAttributes", json!({"QueueUrl": url, "Attributes": {"Policy": ""}})).await;
}

#[tokio::test]
async fn no_form_of_a_url_leads_around_a_policy() {
    let root = cloud();
    queue(&root.region("eu-west-1"), "jobs", "").await;
    queue(&root, "jobs", "").await;
    let ann = user(&root, "ann", &allow("sqs:SendMessage", "arn:aws:sqs:us-east-1:000000000000:jobs")).await;
    for url in [
        "https://sqs.eu-west-1.amazonaws.com/000000000000/jobs",
        "http://localhost:4566/queue/eu-west-1/000000000000/jobs",
        "https://eu-west-1.queue.amazonaws.com/000000000000/jobs",
        "http://localhost:4566/queue/eu-west-1/000000000000/jobs?/000000000000/jobs",
    ] {
        let words = denied(&ann, "sqs", "SendMessage", message(url)).await;
        assert!(words.contains("arn:aws:sqs:eu-west-1:000000000000:jobs"), "{url}: {words}");
    }
    done(&ann, "sqs", "SendMessage", message("jobs")).await;
    done(&ann, "sqs", "SendMessage", message("http://localhost:4566/000000000000/jobs")).await;
}

#[tokio::test]
async fn a_bucket_notifies_the_queues_that_let_it() {
    let root = cloud();
    done(&root, "s3", "CreateBucket", json!({"Bucket": "b-1"})).await;
    done(&root, "s3", "CreateBucket", json!({"Bucket": "b-2"})).await;
    let arn = format!("arn:aws:sqs:us-east-1:{HOME}:events");
    let from = |bucket: &str, account: &str| {
        policy(&json!({
            "Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {
                "ArnLike": {"aws:SourceArn": format!("arn:aws:s3:::{bucket}")},
                "StringEquals": {"aws:SourceAccount": account}}
        }))
    };
    let url = queue(&root, "events", "").await;
    let notify = |bucket: &str| {
        let queues = json!([{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]);
        json!({"Bucket": bucket, "NotificationConfiguration": {"QueueConfigurations": queues}})
    };
    let set = |document: String| json!({"QueueUrl": url, "Attributes": {"Policy": document}});
    for document in [String::new(), from("b-1", OTHER), from("b-2", HOME)] {
        done(&root, "sqs", "SetQueueAttributes", set(document)).await;
        let error = refused(&root, "s3", "PutBucketNotificationConfiguration", notify("b-1")).await;
        assert_eq!(
            (error.code(), error.message()),
            ("InvalidArgument", "Unable to validate the following destination configurations")
        );
    }
    done(&root, "sqs", "SetQueueAttributes", set(from("b-1", HOME))).await;
    done(&root, "s3", "PutBucketNotificationConfiguration", notify("b-1")).await;
    done(&root, "sqs", "PurgeQueue", json!({"QueueUrl": url})).await;
    done(&root, "s3", "PutObject", json!({"Bucket": "b-1", "Key": "k"})).await;
    assert_eq!(waiting(&root, &url).await, 1);
    // What the queue no longer takes is lost, and the upload is none the worse for it.
    done(&root, "sqs", "SetQueueAttributes", set(from("b-2", HOME))).await;
    done(&root, "s3", "PutObject", json!({"Bucket": "b-1", "Key": "l"})).await;
    done(&root, "sqs", "SetQueueAttributes", set(from("b-1", HOME))).await;
    root.advance_seconds(3_600);
    assert_eq!(waiting(&root, &url).await, 1);
}

#[tokio::test]
async fn messages_are_moved_by_who_may_read_and_write_them() {
    let root = cloud();
    let dead = queue(&root, "dead", "").await;
    let arn = |name: &str| format!("arn:aws:sqs:us-east-1:{HOME}:{name}");
    let redrive = json!({"deadLetterTargetArn": arn("dead"), "maxReceiveCount": 1}).to_string();
    let jobs = json!({"QueueName": "jobs", "Attributes": {"RedrivePolicy": redrive}});
    done(&root, "sqs", "CreateQueue", jobs).await;
    done(&root, "sqs", "SendMessage", message(&dead)).await;
    let move_back = json!({"SourceArn": arn("dead"), "DestinationArn": arn("jobs")});
    let reads = policy(&json!({
        "Effect": "Allow", "Resource": arn("dead"),
        "Action": ["sqs:StartMessageMoveTask", "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    }));
    let ann = user(&root, "ann", &reads).await;
    let words = denied(&ann, "sqs", "StartMessageMoveTask", move_back.clone()).await;
    assert!(
        words.contains("sqs:sendmessage on resource: arn:aws:sqs:us-east-1:000000000000:jobs"),
        "{words}"
    );
    let foreign = json!({"SourceArn": arn("dead").replace("arn:aws:", "arn:nowhere:")});
    refused(&root, "sqs", "StartMessageMoveTask", foreign).await;
    crate::support::permit(&root, "ann", &allow("sqs:*", "*")).await;
    done(&ann, "sqs", "StartMessageMoveTask", move_back).await;
}
