//! `response` cases: encoding an output or an error gives the response.

use cloudtwin_smithy::document::DocumentShape;
use cloudtwin_smithy::protocol::{Protocol, ResponseContext};
use cloudtwin_smithy::{ByteStream, Document};
use serde_json::Value;

use crate::model::Suite;
use crate::{compare, requests, run, values};

pub(crate) fn run(protocol: &str) {
    run::each_case("response", protocol, &case);
}

fn case(protocol: &'static dyn Protocol, suite: &Suite, case: &Value) -> Result<(), String> {
    let operation = suite.operation;
    let headers = requests::headers(&case["response"]["headers"]);
    let request_id = headers.get("x-amzn-requestid").and_then(|id| id.to_str().ok()).unwrap_or("foo-id");
    let context = ResponseContext::new(request_id);
    let response = match case["errorShape"].as_str() {
        Some(name) => {
            let shape = operation.errors.iter().find(|error| error.schema.name == name).unwrap();
            let Document::Map(members) = values::structure(shape.schema, &case["result"]) else {
                return Err("the error is no structure".to_owned());
            };
            let is_message = |name: &str| name.eq_ignore_ascii_case("message");
            let message =
                members.iter().find(|(name, _)| is_message(name)).and_then(|(_, text)| text.as_str());
            let mut error = shape.with(message.unwrap_or_default());
            for (name, value) in members.iter().filter(|(name, _)| !is_message(name)) {
                error = error.field(name.clone(), value.clone());
            }
            protocol.encode_error(operation.service, &error, context)
        }
        None => {
            let document = values::structure(operation.output, &case["result"]);
            let output = DocumentShape { schema: operation.output, document: &document };
            protocol.encode(operation, &output, context).map_err(|e| e.to_string())?
        }
    };
    check(&case["response"], &response)
}

/// Checks what the case says of a response.
pub(crate) fn check(expected: &Value, response: &http::Response<ByteStream>) -> Result<(), String> {
    let status = expected["status"].as_u64().or(expected["code"].as_u64()).unwrap();
    if u64::from(response.status().as_u16()) != status {
        return Err(format!("status: expected {status}, found {}", response.status()));
    }
    for (name, value) in &requests::headers(&expected["headers"]) {
        let found: Vec<String> = response
            .headers()
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        let value = String::from_utf8_lossy(value.as_bytes());
        if name == http::header::CONTENT_LENGTH {
            // The HTTP server writes it, from the length of the body.
            let length = response.body().as_bytes().ok_or("the body is a stream")?.len();
            if length.to_string() != value {
                return Err(format!("the body has {length} bytes, not {value}"));
            }
            continue;
        }
        if found.is_empty() || found.join(", ") != value {
            return Err(format!("header {name}: expected {value:?}, found {found:?}"));
        }
    }
    for name in expected["forbidHeaders"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if response.headers().contains_key(name) {
            return Err(format!("header {name} is forbidden"));
        }
    }
    if expected.get("body").is_none_or(|body| !body.is_string()) && expected.get("bodyBase64").is_none() {
        return Ok(());
    }
    let media_type = expected["mediaType"].as_str().unwrap_or_default();
    let actual = response.body().as_bytes().ok_or("the body is a stream")?;
    compare::bodies(media_type, &requests::body(expected), &actual)
}
