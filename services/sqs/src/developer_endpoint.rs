//! `/_aws/sqs/messages`: LocalStack's look into a queue. It answers like `ReceiveMessage`, with all
//! messages, and leaves them as they are.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use cloudtwin_core::{Cloud, FrontDoor};
use cloudtwin_smithy::protocol::aws_json::AwsJson;
use cloudtwin_smithy::protocol::query::Query;
use cloudtwin_smithy::protocol::{Protocol, ResponseContext};
use cloudtwin_smithy::shape::Operation as _;
use cloudtwin_smithy::{AwsError, ByteStream};
use cloudtwin_store::ReadTx;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::api::errors::INVALID_ADDRESS;
use crate::api::{Message, ReceiveMessage, ReceiveMessageOutput, SERVICE};
use crate::errors::queue_does_not_exist;
use crate::message_attributes::Filter;
use crate::queue_url::QueueAddress;
use crate::receive::Wanted;
use crate::state::{MESSAGES, QUEUES, RECEIVES, Receives};

const PATH: &str = "/_aws/sqs/messages";

/// What stands for receipt handles: nothing was received.
const RECEIPT_HANDLE: &str = "SQS/BACKDOOR/ACCESS";

/// Longest body of a request here, in bytes.
const MAX_BODY: usize = 64 << 10;

/// How many messages are shown at most.
const MAX_SHOWN: usize = 10_000;

/// The front door.
pub(crate) struct DeveloperEndpoint;

impl FrontDoor for DeveloperEndpoint {
    fn claims(&self, head: &Parts) -> bool {
        head.uri.path().strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn answer(
        &self,
        cloud: Cloud,
        request: Request<ByteStream>,
    ) -> Pin<Box<dyn Future<Output = Response<ByteStream>> + Send>> {
        Box::pin(answer(cloud, request))
    }
}

/// The form of an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Xml,
    /// The XML form as JSON.
    Json,
    /// What SDKs of the JSON protocol read.
    AwsJson,
}

/// Which messages of which queue are to be shown.
struct Question {
    account: String,
    region: String,
    name: String,
    invisible: bool,
    delayed: bool,
}

async fn answer(cloud: Cloud, request: Request<ByteStream>) -> Response<ByteStream> {
    let (head, body) = request.into_parts();
    let header = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let form = if header(CONTENT_TYPE) == Some("application/x-amz-json-1.0") {
        Form::AwsJson
    } else if header(ACCEPT).is_some_and(|accept| accept.contains("json")) {
        Form::Json
    } else {
        Form::Xml
    };
    let answered = match collect(body).await {
        Ok(body) => question(&cloud, &head, &body).and_then(|question| messages(&cloud, &question)),
        Err(error) => Err(error),
    };
    let response = match answered {
        Ok(messages) => encode(form, messages),
        Err(error) => Ok(encode_error(form, &error)),
    };
    response.unwrap_or_else(|error| encode_error(form, &error))
}

async fn collect(mut body: ByteStream) -> Result<Bytes, AwsError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| AwsError::new("InvalidRequest", 400, error.to_string()))?;
        let data = frame.into_data().unwrap_or_default();
        if bytes.len() + data.len() > MAX_BODY {
            return Err(AwsError::new("RequestEntityTooLarge", 413, "The request body is too large."));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn question(cloud: &Cloud, head: &Parts, body: &[u8]) -> Result<Question, AwsError> {
    let parameters = parameters(head, body);
    let parameter = |name: &str| parameters.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = target.and_then(|target| target.rsplit('.').next()).or_else(|| parameter("Action"));
    if operation.is_some_and(|operation| operation != "ReceiveMessage") {
        return Err(AwsError::new("InvalidRequest", 400, "This endpoint only accepts ReceiveMessage calls"));
    }
    let truth =
        |name: &str| parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
    let (invisible, delayed) = (truth("ShowInvisible"), truth("ShowDelayed"));
    let path = head.uri.path().strip_prefix(PATH).unwrap_or_default().trim_matches('/');
    if !path.is_empty() {
        let mut segments =
            path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
        return match (segments.next(), segments.next(), segments.next(), segments.next()) {
            (Some(region), Some(account), Some(name), None) => {
                Ok(Question { account, region, name, invisible, delayed })
            }
            _ => Err(invalid_address()),
        };
    }
    let url = parameter("QueueUrl").ok_or_else(queue_does_not_exist)?;
    let address = QueueAddress::parse(url).ok_or_else(invalid_address)?;
    let account = address.account.ok_or_else(invalid_address)?;
    let region = address
        .region
        .or_else(|| signed_region(head))
        .unwrap_or_else(|| cloud.config().default_region.clone());
    Ok(Question { account, region, name: address.name, invisible, delayed })
}

fn invalid_address() -> AwsError {
    INVALID_ADDRESS.with("The address https://queue.amazonaws.com/ is not valid for this endpoint.")
}

/// The region of a signature's credential scope.
fn signed_region(head: &Parts) -> Option<String> {
    let header = head.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let scope = header.split_once("Credential=")?.1;
    scope.split(['/', ',']).nth(2).filter(|region| !region.is_empty()).map(str::to_owned)
}

/// Parameters of the query, a form, or a JSON body.
fn parameters(head: &Parts, body: &[u8]) -> HashMap<String, String> {
    let mut parameters = HashMap::new();
    let mut read_form = |form: &str| {
        for pair in form.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                let text = text.replace('+', " ");
                percent_decode_str(&text).decode_utf8_lossy().into_owned()
            };
            parameters.insert(decode(name), decode(value));
        }
    };
    read_form(head.uri.query().unwrap_or_default());
    let text = std::str::from_utf8(body).unwrap_or_default();
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => {
            for (name, value) in members {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                parameters.insert(name, value);
            }
        }
        _ => read_form(text),
    }
    parameters
}

fn messages(cloud: &Cloud, question: &Question) -> Result<Vec<Message>, AwsError> {
    let now = cloud.clock().now_millis();
    let db = cloud.db().scoped(&question.account, &question.region);
    db.read::<_, AwsError, _>(|tx| look(tx, question, now))
}

fn look(tx: &ReadTx<'_>, question: &Question, now: i64) -> Result<Vec<Message>, AwsError> {
    let name = question.name.as_str();
    let queue = tx.get(&QUEUES, name)?.ok_or_else(queue_does_not_exist)?;
    let all = vec!["All".to_owned()];
    let wanted = Wanted { system: all.clone(), user: Filter::new(Some(&all)) };
    let mut shown = Vec::new();
    // FIFO: groups with a message that cannot be received yet hide the ones after it.
    let mut locked: Vec<String> = Vec::new();
    for row in tx.prefix(&MESSAGES, (name,))? {
        let ((_, number), message) = row?;
        if message.sent.saturating_add(queue.retention_millis()) <= now {
            continue;
        }
        let receives: Receives = tx.get(&RECEIVES, (name, number))?.unwrap_or_default();
        let waits = receives.until > now;
        let delayed = waits && receives.here == 0;
        let in_flight = waits && receives.here > 0;
        let group = message.group.clone().filter(|_| queue.fifo);
        let behind = group.as_ref().is_some_and(|group| locked.contains(group));
        if waits && let Some(group) = group {
            locked.push(group);
        }
        if (delayed && !question.delayed) || ((in_flight || (behind && !delayed)) && !question.invisible) {
            continue;
        }
        let mut message = wanted.show(&queue, number, message, &receives, RECEIPT_HANDLE.to_owned());
        let attributes = message.attributes.get_or_insert_default();
        if question.invisible {
            attributes.insert("IsVisible".to_owned(), (!in_flight).to_string());
        }
        if question.delayed {
            attributes.insert("IsDelayed".to_owned(), delayed.to_string());
        }
        shown.push(message);
        if shown.len() >= MAX_SHOWN {
            break;
        }
    }
    Ok(shown)
}

fn encode(form: Form, messages: Vec<Message>) -> Result<Response<ByteStream>, AwsError> {
    if form == Form::Json {
        return Ok(json_response(StatusCode::OK, &json_of(&messages)));
    }
    let protocol: &dyn Protocol = if form == Form::AwsJson { &AwsJson } else { &Query };
    let output = ReceiveMessageOutput { messages: (!messages.is_empty()).then_some(messages) };
    protocol
        .encode(ReceiveMessage::schema(), &output, ResponseContext::new(REQUEST_ID))
        .map_err(|error| AwsError::new("InternalError", 500, error.message))
}

/// These requests are no calls, and have no ids.
const REQUEST_ID: &str = "00000000-0000-0000-0000-000000000000";

fn encode_error(form: Form, error: &AwsError) -> Response<ByteStream> {
    let context = ResponseContext::new(REQUEST_ID);
    match form {
        Form::Xml => Query.encode_error(&SERVICE, error, context),
        Form::AwsJson => AwsJson.encode_error(&SERVICE, error, context),
        Form::Json => {
            let fault = if error.is_sender() { "Sender" } else { "Receiver" };
            let body = json!({ "ErrorResponse": {
                "Error": { "Type": fault, "Code": error.query_code(), "Message": error.message() },
                "RequestId": REQUEST_ID,
            } });
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            json_response(status, &body)
        }
    }
}

fn json_response(status: StatusCode, body: &Value) -> Response<ByteStream> {
    let mut response = Response::new(ByteStream::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The XML form turned into JSON as LocalStack does it: an element that stands alone is no list.
fn json_of(messages: &[Message]) -> Value {
    let mut all: Vec<Value> = messages.iter().map(json_of_message).collect();
    let result = match (all.len(), all.pop()) {
        (_, None) => Value::Null,
        (1, Some(message)) => json!({ "Message": message }),
        (_, Some(last)) => {
            all.push(last);
            json!({ "Message": all })
        }
    };
    json!({ "ReceiveMessageResponse": {
        "ReceiveMessageResult": result,
        "ResponseMetadata": { "RequestId": REQUEST_ID },
    } })
}

fn json_of_message(message: &Message) -> Value {
    let pairs = |attributes: &BTreeMap<String, String>| -> Vec<Value> {
        attributes.iter().map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
    };
    let mut value = json!({
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.md5_of_body,
        "Body": message.body,
        "Attribute": message.attributes.as_ref().map(pairs).unwrap_or_default(),
    });
    if let (Some(members), Some(attributes)) = (value.as_object_mut(), &message.message_attributes) {
        let attributes: Vec<Value> = attributes
            .iter()
            .map(|(name, value)| {
                use base64::Engine as _;
                let binary = value.binary_value.as_ref();
                let binary = binary.map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes));
                let mut told = json!({ "DataType": value.data_type });
                if let (Some(told), Some(text)) = (told.as_object_mut(), &value.string_value) {
                    told.insert("StringValue".to_owned(), json!(text));
                }
                if let (Some(told), Some(binary)) = (told.as_object_mut(), binary) {
                    told.insert("BinaryValue".to_owned(), json!(binary));
                }
                json!({ "Name": name, "Value": told })
            })
            .collect();
        members.insert("MD5OfMessageAttributes".to_owned(), json!(message.md5_of_message_attributes));
        members.insert("MessageAttribute".to_owned(), Value::Array(attributes));
    }
    value
}
