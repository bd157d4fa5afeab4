//! `eventstream` cases: frames and events.

use bytes::Bytes;
use cloudtwin_smithy::document::DocumentShape;
use cloudtwin_smithy::eventstream::{
    EventFormat, Frame, HeaderValue, decode_frame, encode_event, read_event,
};
use cloudtwin_smithy::protocol::{Protocol, ResponseContext};
use cloudtwin_smithy::shape::DecodeReport;
use cloudtwin_smithy::{Document, Schema, Timestamp};
use serde_json::Value;

use crate::model::Suite;
use crate::run::{Report, protocol, suites};
use crate::{compare, requests, responses, values};

/// Runs the `eventstream` cases of a protocol.
pub(crate) fn run(protocol_name: &str) {
    let protocol = protocol(protocol_name).unwrap();
    let mut report = Report::new("eventstream", protocol_name);
    let mut frames = 0;
    for suite in suites("eventstream", protocol_name) {
        for case in &suite.cases {
            let id = case["id"].as_str().unwrap();
            // The frames of all cases are good ones, whoever is to judge their content.
            let sound: Result<Vec<Frame>, String> =
                case["events"].as_array().unwrap().iter().map(sound_frame).collect();
            frames += sound.as_ref().map_or(0, Vec::len);
            if let Err(why) = sound {
                report.case(id, Err(why));
            } else if case["for"] == "client" {
                report.skip();
            } else {
                report.case(id, self::case(protocol, &suite, case));
            }
        }
    }
    println!("eventstream {protocol_name}: {frames} frames");
    report.finish();
}

fn bytes(event: &Value) -> Bytes {
    values::bytes(event["bytes"].as_str().unwrap()).into()
}

/// Decodes a frame, compares it with its description, and writes it again.
fn sound_frame(event: &Value) -> Result<Frame, String> {
    let input = bytes(event);
    let (frame, length) =
        decode_frame(&input).map_err(|e| e.to_string())?.ok_or("the frame is not complete")?;
    if length != input.len() {
        return Err(format!("the frame has {} bytes, not {length}", input.len()));
    }
    let headers: Vec<(String, HeaderValue)> = event["headers"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), header(value)))
        .collect();
    let expected = Frame { headers, payload: Bytes::from(requests::body(event)) };
    if frame != expected {
        return Err(format!("expected {expected:?}, found {frame:?}"));
    }
    let written = frame.encode().map_err(|e| e.to_string())?;
    if written != input {
        return Err(format!("expected {input:?}, wrote {written:?}"));
    }
    Ok(frame)
}

fn header(json: &Value) -> HeaderValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    let integer = || value.as_i64().unwrap();
    match kind.as_str() {
        "boolean" => HeaderValue::Bool(value.as_bool().unwrap()),
        "byte" => HeaderValue::Byte(integer().try_into().unwrap()),
        "short" => HeaderValue::Short(integer().try_into().unwrap()),
        "integer" => HeaderValue::Integer(integer().try_into().unwrap()),
        "long" => HeaderValue::Long(integer()),
        "blob" => HeaderValue::Blob(values::bytes(value.as_str().unwrap()).into()),
        "string" => HeaderValue::String(value.as_str().unwrap().to_owned()),
        "timestamp" => HeaderValue::Timestamp(Timestamp::parse_any(value.as_str().unwrap()).unwrap()),
        other => panic!("unknown type of header {other}"),
    }
}

fn union(schema: &'static Schema) -> &'static Schema {
    schema.members.iter().find(|member| member.target.event_stream).unwrap().target
}

fn case(protocol: &'static dyn Protocol, suite: &Suite, case: &Value) -> Result<(), String> {
    let result = run_case(protocol, suite, case);
    match (&case["expectation"]["failure"], result) {
        (Value::Null, result) => result,
        (_, Ok(())) => Err("a failure was expected".to_owned()),
        (_, Err(_)) => Ok(()),
    }
}

fn run_case(protocol: &'static dyn Protocol, suite: &Suite, case: &Value) -> Result<(), String> {
    let operation = suite.operation;
    let format = EventFormat::of(protocol.id(), operation.service).unwrap();
    let events = case["events"].as_array().unwrap();
    if case["initialRequest"].is_object() || events.iter().any(|event| event["type"] == "request") {
        let mut request = case["initialRequest"].clone();
        if request.is_null() {
            request = serde_json::json!({ "method": operation.method, "uri": operation.uri });
        }
        let (value, report) = requests::decode(protocol, operation, &request)?.map_err(|e| e.to_string())?;
        if let Some((_, member)) = report.missing.first() {
            return Err(format!("`{}` is missing", member.name));
        }
        values::same(&values::structure(operation.input, &case["initialRequestParams"]), &value)?;
    }
    if case["initialResponse"].is_object() {
        let document = values::structure(operation.output, &case["initialResponseParams"]);
        let output = DocumentShape { schema: operation.output, document: &document };
        let context = ResponseContext::new("foo-id");
        let response = protocol.encode(operation, &output, context).map_err(|e| e.to_string())?;
        responses::check(&case["initialResponse"], &response)?;
    }
    events.iter().try_for_each(|event| match event["type"].as_str().unwrap() {
        "request" => read(format, union(operation.input), event),
        "response" => write(format, union(operation.output), event),
        other => Err(format!("unknown type of event {other}")),
    })
}

/// A frame from a client is read as the parameters say.
fn read(format: EventFormat, union: &'static Schema, event: &Value) -> Result<(), String> {
    let frame = sound_frame(event)?;
    let mut report = DecodeReport::default();
    let mut value = Document::Null;
    read_event(format, union, &frame, &mut report, &mut |member, from| {
        let content = Document::read_structure(member.target, from)?;
        value = Document::from_iter([(member.name.to_owned(), content)]);
        Ok(())
    })
    .map_err(|e| e.to_string())?;
    values::same(&values::structure(union, &event["params"]), &value)
}

/// The parameters are written as the frame that a client expects.
fn write(format: EventFormat, union: &'static Schema, event: &Value) -> Result<(), String> {
    let document = values::structure(union, &event["params"]);
    let Document::Map(members) = &document else { return Err("no parameters".to_owned()) };
    let (name, content) = members.first().ok_or("no event")?;
    let member = union.member(name).unwrap();
    let shape = DocumentShape { schema: member.target, document: content };
    let written = encode_event(format, member, &shape).map_err(|e| e.to_string())?;
    let (actual, _) =
        decode_frame(&written).map_err(|e| e.to_string())?.ok_or("the frame is not complete")?;
    let expected = sound_frame(event)?;
    let sorted = |frame: &Frame| {
        let mut headers = frame.headers.clone();
        headers.sort_by(|(a, _), (b, _)| a.cmp(b));
        headers
    };
    if sorted(&actual) != sorted(&expected) {
        return Err(format!("headers: expected {:?}, found {:?}", expected.headers, actual.headers));
    }
    compare::bodies(event["bodyMediaType"].as_str().unwrap_or_default(), &expected.payload, &actual.payload)
}
