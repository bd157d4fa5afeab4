//! Queues and their attributes.

use crate::queue::{Queue, cloud, queue};
use serde_json::json;

#[tokio::test]
async fn a_new_queue_has_the_defaults_of_aws() {
    let queue = queue("jobs", json!({})).await;
    assert_eq!(queue.url, "http://localhost:4566/000000000000/jobs");
    let mut all = queue.attributes(&["All"]).await;
    for time in ["CreatedTimestamp", "LastModifiedTimestamp"] {
        assert!(all[time].as_str().unwrap().parse::<i64>().unwrap() > 1_700_000_000);
        all.as_object_mut().unwrap().remove(time);
    }
    assert_eq!(
        all,
        json!({
            "ApproximateNumberOfMessages": "0",
            "ApproximateNumberOfMessagesDelayed": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
            "DelaySeconds": "0",
            "MaximumMessageSize": "1048576",
            "MessageRetentionPeriod": "345600",
            "QueueArn": "arn:aws:sqs:us-east-1:000000000000:jobs",
            "ReceiveMessageWaitTimeSeconds": "0",
            "SqsManagedSseEnabled": "true",
            "VisibilityTimeout": "30",
        })
    );
    let fifo = Queue::create(&queue.cloud, "jobs.fifo", json!({ "FifoQueue": "True" })).await;
    let names = ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"];
    assert_eq!(
        fifo.attributes(&names).await,
        json!({
            "FifoQueue": "true",
            "ContentBasedDeduplication": "false",
            "DeduplicationScope": "queue",
            "FifoThroughputLimit": "perQueue",
        })
    );
}

#[tokio::test]
async fn making_a_queue_twice_is_one_queue_unless_attributes_differ() {
    let queue = queue("jobs", json!({ "DelaySeconds": "1", "VisibilityTimeout": "69" })).await;
    for attributes in [json!({}), json!({ "DelaySeconds": "1" })] {
        assert_eq!(Queue::create(&queue.cloud, "jobs", attributes).await.url, queue.url);
    }
    let again = json!({ "QueueName": "jobs", "Attributes": { "DelaySeconds": "2" } });
    let error = queue.cloud.call("sqs", "CreateQueue", again).await.unwrap_err();
    assert_eq!(error.query_code(), "QueueAlreadyExists");
    assert_eq!(
        error.message(),
        "A queue already exists with the same name and a different value for attribute DelaySeconds"
    );
}

#[tokio::test]
async fn attributes_that_do_not_fit_are_refused_by_name() {
    let cloud = cloud();
    let refusal = async |name: &str, attribute: &str, value: &str| {
        let input = json!({ "QueueName": name, "Attributes": { attribute: value } });
        let error = cloud.call("sqs", "CreateQueue", input).await.unwrap_err();
        (error.query_code().to_owned(), error.message().to_owned())
    };
    for (attribute, value) in [
        ("VisibilityTimeout", "43201"),
        ("VisibilityTimeout", "-1"),
        ("DelaySeconds", "901"),
        ("MaximumMessageSize", "1023"),
        ("MaximumMessageSize", "1048577"),
        ("MessageRetentionPeriod", "59"),
        ("ReceiveMessageWaitTimeSeconds", "x"),
        ("KmsDataKeyReusePeriodSeconds", "59"),
        ("Policy", "no policy"),
        ("RedriveAllowPolicy", "{}"),
    ] {
        let expected = format!("Invalid value for the parameter {attribute}.");
        assert_eq!(refusal("jobs", attribute, value).await, ("InvalidAttributeValue".to_owned(), expected));
    }
    let name = |message: &str| ("InvalidAttributeName".to_owned(), message.to_owned());
    assert_eq!(refusal("jobs", "FifoQueue", "false").await, name("Unknown Attribute FifoQueue."));
    assert_eq!(refusal("jobs", "QueueArn", "x").await, name("Unknown Attribute QueueArn."));
    assert_eq!(
        refusal("jobs", "DeduplicationScope", "queue").await,
        name("You can specify the DeduplicationScope only when FifoQueue is set to true.")
    );
    let (code, message) = refusal("jobs.fifo", "DelaySeconds", "1").await;
    assert_eq!(code, "InvalidParameterValue");
    assert_eq!(
        message,
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
    );
}

#[tokio::test]
async fn attributes_can_be_changed_and_taken_away() {
    let queue = queue("jobs", json!({})).await;
    let policy = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let set = async |attributes| {
        queue.call("SetQueueAttributes", json!({ "Attributes": attributes })).await;
    };
    set(json!({ "Policy": policy, "KmsMasterKeyId": "key", "KmsDataKeyReusePeriodSeconds": "6000" })).await;
    let all = queue.attributes(&["All"]).await;
    assert_eq!(all["Policy"], policy);
    assert_eq!(all["SqsManagedSseEnabled"], "false");
    assert_eq!(all["KmsDataKeyReusePeriodSeconds"], "6000");
    set(json!({ "Policy": "", "KmsMasterKeyId": "", "KmsDataKeyReusePeriodSeconds": "300" })).await;
    let all = queue.attributes(&["All"]).await;
    for gone in ["Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"] {
        assert_eq!(all.get(gone), None, "{gone}");
    }
    let unknown = queue.refusal("GetQueueAttributes", json!({ "AttributeNames": ["Foobar"] })).await;
    assert_eq!(unknown, ("InvalidAttributeName".to_owned(), "Unknown Attribute Foobar.".to_owned()));
}

#[tokio::test]
async fn queues_are_listed_by_prefix_and_page() {
    let cloud = cloud();
    for name in ["a-1", "a-2", "a-3", "b-1"] {
        Queue::create(&cloud, name, json!({})).await;
    }
    let list = async |input| cloud.call("sqs", "ListQueues", input).await.unwrap();
    assert_eq!(list(json!({})).await["QueueUrls"].as_array().unwrap().len(), 4);
    assert_eq!(list(json!({ "QueueNamePrefix": "c" })).await.get("QueueUrls"), None);
    let first = list(json!({ "QueueNamePrefix": "a", "MaxResults": 2 })).await;
    assert_eq!(first["QueueUrls"].as_array().unwrap().len(), 2);
    let token = first["NextToken"].as_str().unwrap();
    let second = list(json!({ "QueueNamePrefix": "a", "MaxResults": 2, "NextToken": token })).await;
    assert_eq!(second["QueueUrls"], json!(["http://localhost:4566/000000000000/a-3"]));
    assert_eq!(second.get("NextToken"), None);
}

#[tokio::test]
async fn a_deleted_queue_is_gone_and_can_be_made_again_at_once() {
    let queue = queue("jobs", json!({})).await;
    queue.send("old").await;
    queue.call("DeleteQueue", json!({})).await;
    let gone = queue.refusal("ReceiveMessage", json!({})).await;
    assert_eq!(gone.0, "AWS.SimpleQueueService.NonExistentQueue");
    assert_eq!(gone.1, "The specified queue does not exist.");
    let again = Queue::create(&queue.cloud, "jobs", json!({})).await;
    assert_eq!(again.bodies(json!({})).await, Vec::<String>::new());
}

#[tokio::test]
async fn other_accounts_and_regions_are_reached_by_the_url() {
    let cloud = cloud();
    let far = Queue::create(&cloud.region("eu-west-1"), "jobs", json!({})).await;
    assert_eq!(far.url, "http://localhost:4566/000000000000/jobs");
    let near = Queue::create(&cloud, "jobs", json!({})).await;
    // A URL that tells a region is right, whatever the call's own.
    let url = "http://localhost:4566/queue/eu-west-1/000000000000/jobs".to_owned();
    Queue { cloud: cloud.clone(), url }.send("far").await;
    assert_eq!((near.counts().await, far.counts().await), ([0, 0, 0], [1, 0, 0]));
    let other = Queue { cloud: cloud.account("111111111111"), url: near.url.clone() };
    other.send("from elsewhere").await;
    let received = near.receive(json!({ "AttributeNames": ["All"] })).await;
    assert_eq!(received[0]["Attributes"]["SenderId"], "111111111111");
    let input = json!({ "QueueName": "jobs", "QueueOwnerAWSAccountId": "000000000000" });
    assert_eq!(other.cloud.call("sqs", "GetQueueUrl", input).await.unwrap()["QueueUrl"], json!(near.url));
}

#[tokio::test]
async fn tags_come_and_go() {
    let queue = queue("jobs", json!({})).await;
    queue.call("TagQueue", json!({ "Tags": { "tag1": "value1", "tag2": "value2", "tag3": "" } })).await;
    queue.call("UntagQueue", json!({ "TagKeys": ["tag1", "tag3", "tag4"] })).await;
    assert_eq!(queue.call("ListQueueTags", json!({})).await, json!({ "Tags": { "tag2": "value2" } }));
    queue.call("UntagQueue", json!({ "TagKeys": ["tag2"] })).await;
    assert_eq!(queue.call("ListQueueTags", json!({})).await, json!({}));
}

#[tokio::test]
async fn permissions_have_labels() {
    let queue = queue("jobs", json!({})).await;
    let input = json!({ "Label": "share", "AWSAccountIds": ["111111111111"], "Actions": ["ReceiveMessage"] });
    queue.call("AddPermission", input.clone()).await;
    assert!(queue.attribute("Policy").await.contains("SQSDefaultPolicy"));
    assert_eq!(
        queue.refusal("AddPermission", input).await.1,
        "Value share for parameter Label is invalid. Reason: Already exists."
    );
    queue.call("RemovePermission", json!({ "Label": "share" })).await;
    assert_eq!(queue.attribute("Policy").await, "");
    assert_eq!(
        queue.refusal("RemovePermission", json!({ "Label": "share" })).await.1,
        "Value share for parameter Label is invalid. Reason: can't find label."
    );
}
