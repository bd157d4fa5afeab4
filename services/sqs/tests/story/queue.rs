//! A queue as the tests see it.

use cloudtwin_smithy::AwsError;
use cloudtwin_testkit::TestCloud;
use serde_json::{Value, json};

pub(crate) struct Queue {
    pub(crate) cloud: TestCloud,
    pub(crate) url: String,
}

pub(crate) fn cloud() -> TestCloud {
    TestCloud::start(vec![cloudtwin_sqs::service()]).unwrap()
}

/// Makes a queue in a new cloud.
pub(crate) async fn queue(name: &str, attributes: Value) -> Queue {
    Queue::create(&cloud(), name, attributes).await
}

/// Makes a FIFO queue in a new cloud.
pub(crate) async fn fifo(attributes: Value) -> Queue {
    let mut attributes = attributes;
    attributes["FifoQueue"] = json!("true");
    queue("jobs.fifo", attributes).await
}

impl Queue {
    pub(crate) async fn create(cloud: &TestCloud, name: &str, attributes: Value) -> Self {
        let input = json!({ "QueueName": name, "Attributes": attributes });
        let made = cloud.call("sqs", "CreateQueue", input).await.unwrap();
        Self { cloud: cloud.clone(), url: made["QueueUrl"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn try_call(&self, operation: &str, mut input: Value) -> Result<Value, AwsError> {
        input["QueueUrl"] = json!(self.url);
        self.cloud.call("sqs", operation, input).await
    }

    pub(crate) async fn call(&self, operation: &str, input: Value) -> Value {
        self.try_call(operation, input).await.unwrap()
    }

    /// The refusal of a call: the code of the query protocol, and the message.
    pub(crate) async fn refusal(&self, operation: &str, input: Value) -> (String, String) {
        let error = self.try_call(operation, input).await.unwrap_err();
        (error.query_code().to_owned(), error.message().to_owned())
    }

    pub(crate) async fn send(&self, body: &str) -> Value {
        self.call("SendMessage", json!({ "MessageBody": body })).await
    }

    /// Sends to a message group; the body is the deduplication id too.
    pub(crate) async fn send_to(&self, group: &str, body: &str) -> Value {
        let input = json!({ "MessageBody": body, "MessageGroupId": group, "MessageDeduplicationId": body });
        self.call("SendMessage", input).await
    }

    pub(crate) async fn receive(&self, input: Value) -> Vec<Value> {
        let output = self.call("ReceiveMessage", input).await;
        output["Messages"].as_array().cloned().unwrap_or_default()
    }

    /// The bodies of what is received.
    pub(crate) async fn bodies(&self, input: Value) -> Vec<String> {
        self.receive(input).await.iter().map(|message| message["Body"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn delete(&self, message: &Value) {
        self.call("DeleteMessage", json!({ "ReceiptHandle": message["ReceiptHandle"] })).await;
    }

    pub(crate) async fn attributes(&self, names: &[&str]) -> Value {
        let output = self.call("GetQueueAttributes", json!({ "AttributeNames": names })).await;
        output["Attributes"].clone()
    }

    pub(crate) async fn attribute(&self, name: &str) -> String {
        self.attributes(&[name]).await[name].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn arn(&self) -> String {
        self.attribute("QueueArn").await
    }

    /// How many messages are visible, in flight and delayed.
    pub(crate) async fn counts(&self) -> [u64; 3] {
        let all = self.attributes(&["All"]).await;
        ["", "NotVisible", "Delayed"].map(|which| {
            all[format!("ApproximateNumberOfMessages{which}")].as_str().unwrap().parse().unwrap()
        })
    }
}
