//! What only the wire shows: the developer endpoint, queue URLs as endpoints, headers.

use cloudtwin_smithy::ByteStream;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::queue::{Queue, queue};

async fn answer(queue: &Queue, request: http::request::Builder, body: &str) -> (StatusCode, String) {
    let request = request.header("host", "localhost:4566").body(ByteStream::from(body.to_owned())).unwrap();
    let response = queue.cloud.cloud().handle(request).await;
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

async fn get(queue: &Queue, url: &str) -> (StatusCode, String) {
    answer(queue, Request::get(url), "").await
}

async fn look(queue: &Queue, parameters: &str) -> Value {
    let url = format!("http://localhost:4566/_aws/sqs/messages?QueueUrl={}{parameters}", queue.url);
    let (_, text) = answer(queue, Request::get(url).header("accept", "application/json"), "").await;
    serde_json::from_str(&text).unwrap()
}

fn bodies(answer: &Value) -> Vec<&str> {
    let messages = &answer["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"];
    match messages.as_array() {
        Some(messages) => messages.iter().filter_map(|message| message["Body"].as_str()).collect(),
        None => messages["Body"].as_str().into_iter().collect(),
    }
}

#[tokio::test]
async fn a_look_into_a_queue_changes_nothing() {
    let queue = queue("jobs", json!({})).await;
    for body in ["message-1", "message-2", "message-3"] {
        queue.send(body).await;
    }
    queue.call("SendMessage", json!({ "MessageBody": "delayed", "DelaySeconds": 60 })).await;
    queue.receive(json!({})).await;
    assert_eq!(bodies(&look(&queue, "").await), ["message-2", "message-3"]);
    let with_invisible = look(&queue, "&ShowInvisible=true").await;
    assert_eq!(bodies(&with_invisible), ["message-1", "message-2", "message-3"]);
    let first = &with_invisible["ReceiveMessageResponse"]["ReceiveMessageResult"]["Message"][0];
    let attribute = |name: &str| {
        let attributes = first["Attribute"].as_array().unwrap();
        attributes
            .iter()
            .find(|attribute| attribute["Name"] == name)
            .map(|attribute| attribute["Value"].clone())
    };
    assert_eq!(attribute("IsVisible"), Some(json!("false")));
    assert_eq!(attribute("ApproximateReceiveCount"), Some(json!("1")));
    assert_eq!(bodies(&look(&queue, "&ShowDelayed=1").await), ["message-2", "message-3", "delayed"]);
    assert_eq!(queue.counts().await, [2, 1, 1]);

    let path = "http://localhost:4566/_aws/sqs/messages/us-east-1/000000000000/jobs";
    let (status, xml) = get(&queue, path).await;
    assert_eq!(status, 200);
    assert!(xml.contains("<ReceiveMessageResponse") && xml.contains("<Body>message-2</Body>"), "{xml}");
    let form = Request::post("http://localhost:4566/_aws/sqs/messages")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.ReceiveMessage");
    let (_, text) = answer(&queue, form, &json!({ "QueueUrl": queue.url }).to_string()).await;
    let messages: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(messages["Messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_look_at_nothing_says_so() {
    let queue = queue("jobs", json!({})).await;
    let base = "http://localhost:4566/_aws/sqs/messages";
    for (url, status, code) in [
        (base.to_owned(), 400, "AWS.SimpleQueueService.NonExistentQueue"),
        (format!("{base}?QueueUrl=http://localhost:4566/nonsense"), 404, "InvalidAddress"),
        (format!("{base}/us-east-2/000000000000/jobs"), 400, "AWS.SimpleQueueService.NonExistentQueue"),
        (format!("{base}?Action=SendMessage"), 400, "InvalidRequest"),
    ] {
        let (got, text) = answer(&queue, Request::get(&url).header("accept", "application/json"), "").await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (got.as_u16(), &answer["ErrorResponse"]["Error"]["Code"]),
            (status, &json!(code)),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_queue_url_takes_queries_for_its_queue() {
    let queue = queue("jobs", json!({})).await;
    let at = |query: &str| format!("{}?{query}", queue.url);
    let (status, text) = get(&queue, &at("Action=SendMessage&MessageBody=foobar")).await;
    assert_eq!(status, 200, "{text}");
    let (_, text) = get(&queue, &at("Action=ReceiveMessage")).await;
    assert!(text.contains("<Body>foobar</Body>"), "{text}");
    let (_, text) = get(&queue, &at("Action=GetQueueAttributes&AttributeName.1=QueueArn")).await;
    assert!(
        text.contains("<Name>QueueArn</Name><Value>arn:aws:sqs:us-east-1:000000000000:jobs</Value>"),
        "{text}"
    );
    for (query, code, message) in [
        ("Action=SendMessage", "MissingParameter", "The request must contain the parameter MessageBody."),
        ("Action=FooBar", "InvalidAction", "The action FooBar is not valid for this endpoint."),
        (
            "Action=CreateQueue&QueueName=other",
            "InvalidAction",
            "The action CreateQueue is not valid for this endpoint.",
        ),
        (
            "Action=GetQueueAttributes&AttributeName.1=Foobar",
            "InvalidAttributeName",
            "Unknown Attribute Foobar.",
        ),
        (
            "Action=GetQueueUrl&QueueName=none",
            "AWS.SimpleQueueService.NonExistentQueue",
            "The specified queue does not exist for this wsdl version.",
        ),
    ] {
        let url =
            if query.contains("FooBar") { format!("{}&Version=2012-11-05", at(query)) } else { at(query) };
        let (status, text) = answer(&queue, signed_get(&url), "").await;
        assert_eq!(status, 400, "{query} {text}");
        assert!(text.contains(&format!("<Code>{code}</Code><Message>{message}</Message>")), "{query} {text}");
    }
}

/// Nothing but a signature's scope tells whom a request with no action, or an unknown one, is meant for.
fn signed_get(url: &str) -> http::request::Builder {
    let scope = "AWS4-HMAC-SHA256 Credential=test/20300101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0";
    Request::get(url).header("authorization", scope).header("x-amz-date", "20300101T000000Z")
}

#[tokio::test]
async fn queries_are_answered_in_json_on_request() {
    let queue = queue("jobs", json!({})).await;
    queue.send("{\"foo\": \"ba\\rr\"}").await;
    let ask = async |query: &str| {
        let url = format!("{}?Version=2012-11-05&{query}", queue.url);
        let (status, text) = answer(&queue, signed_get(&url).header("accept", "application/json"), "").await;
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        (status.as_u16(), answer)
    };
    let (_, answered) = ask("Action=ReceiveMessage").await;
    let message = &answered["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"][0];
    assert_eq!(message["Body"], "{\"foo\": \"ba\\rr\"}");
    assert_eq!(message["Attributes"], json!(null));
    let (_, answered) = ask("Action=GetQueueAttributes&AttributeName.1=QueueArn").await;
    assert_eq!(
        answered["GetQueueAttributesResponse"]["GetQueueAttributesResult"],
        json!({ "Attributes": [{ "Name": "QueueArn", "Value": "arn:aws:sqs:us-east-1:000000000000:jobs" }] })
    );
    let (_, answered) = ask("Action=PurgeQueue").await;
    let metadata = answered["PurgeQueueResponse"]["ResponseMetadata"].as_object().unwrap();
    assert!(metadata["RequestId"].is_string(), "{answered}");
    // A queue's own URL knows no other queues.
    let (status, answered) = ask("Action=ListQueues").await;
    assert_eq!((status, &answered["Error"]["Code"]), (400, &json!("InvalidAction")));
    assert_eq!(answered["Error"]["Message"], "The action ListQueues is not valid for this endpoint.");

    let list = "http://localhost:4566/?Action=ListQueues&Version=2012-11-05";
    let (_, text) = answer(&queue, Request::get(list).header("accept", "application/json"), "").await;
    let answered: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        answered["ListQueuesResponse"]["ListQueuesResult"],
        json!({ "NextToken": null, "queueUrls": [queue.url] })
    );
    let (_, text) = get(&queue, list).await;
    assert!(text.contains("<ListQueuesResponse"), "{text}");
}

#[tokio::test]
async fn a_queue_url_without_an_action_is_no_operation() {
    let queue = queue("jobs", json!({})).await;
    for accept in ["*/*", "application/json"] {
        let (status, text) = answer(&queue, signed_get(&queue.url).header("accept", accept), "").await;
        assert_eq!((status.as_u16(), text.as_str()), (404, "<UnknownOperationException/>\n"));
    }
}

#[tokio::test]
async fn a_traced_call_traces_its_message() {
    let queue = queue("jobs", json!({})).await;
    let trace = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1";
    let request = Request::post("http://localhost:4566/")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "AmazonSQS.SendMessage")
        .header("x-amzn-trace-id", trace);
    answer(&queue, request, &json!({ "QueueUrl": queue.url, "MessageBody": "test" }).to_string()).await;
    let received = queue.receive(json!({ "AttributeNames": ["AWSTraceHeader"] })).await;
    assert_eq!(received[0]["Attributes"], json!({ "AWSTraceHeader": trace }));
}
