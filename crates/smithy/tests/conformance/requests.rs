//! `request` cases: decoding gives the parameters.

use cloudtwin_smithy::protocol::{Protocol, ProtocolRequest};
use cloudtwin_smithy::route::Pattern;
use cloudtwin_smithy::shape::DecodeReport;
use cloudtwin_smithy::{ByteStream, CodecError, Document, OperationSchema};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value;

use crate::model::Suite;
use crate::{run, values};

pub(crate) fn run(protocol: &str) {
    run::each_case("request", protocol, &case);
}

fn case(protocol: &'static dyn Protocol, suite: &Suite, case: &Value) -> Result<(), String> {
    let expected = values::structure(suite.operation.input, &case["params"]);
    let (actual, _) = decode(protocol, suite.operation, &case["request"])?.map_err(|e| e.to_string())?;
    values::same(&expected, &actual)
}

/// Decodes a case's request. The outer error is a request that does not reach the operation.
pub(crate) fn decode(
    protocol: &'static dyn Protocol,
    operation: &'static OperationSchema,
    json: &Value,
) -> Result<Result<(Document, DecodeReport), CodecError>, String> {
    let uri = json["uri"].as_str().unwrap();
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    // The gateway moves a bucket from the host to the path.
    let in_host = json["resolvedHost"].as_str().is_some_and(|host| host.starts_with("mybucket."));
    let path = &if in_host { format!("/mybucket{path}") } else { path.to_owned() };
    let mut query = query.to_owned();
    for parameter in json["queryParams"].as_array().into_iter().flatten() {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(parameter.as_str().unwrap());
    }
    let rpc = operation.uri == "/";
    let labels = if rpc {
        Vec::new()
    } else {
        let pattern = Pattern::parse(operation.uri).map_err(|e| e.to_string())?;
        pattern
            .matches(path, &query)
            .map_err(|e| e.to_string())?
            .ok_or_else(|| format!("{uri} does not match {}", operation.uri))?
    };
    let request = ProtocolRequest {
        method: &json["method"].as_str().unwrap().parse::<Method>().unwrap(),
        path,
        query: &query,
        host: json["resolvedHost"].as_str().or(json["host"].as_str()).unwrap_or("localhost"),
        headers: &headers(&json["headers"]),
        labels,
        body: ByteStream::from(body(json)),
    };
    let mut report = DecodeReport::default();
    let mut value = None;
    let result = protocol.decode(operation, &request, &mut report, &mut |from| {
        value = Some(Document::read_structure(operation.input, from)?);
        Ok(())
    });
    match (result, value) {
        (Ok(()), Some(value)) => Ok(Ok((value, report))),
        (Err(error), _) => Ok(Err(error)),
        (Ok(()), None) => Err("the protocol lent no deserializer".to_owned()),
    }
}

/// The body of a case's request or response.
pub(crate) fn body(json: &Value) -> Vec<u8> {
    match (json["body"].as_str(), json["bodyBase64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(base64)) => values::bytes(base64),
        (None, None) => Vec::new(),
    }
}

/// Headers from an object of names and values.
pub(crate) fn headers(json: &Value) -> HeaderMap {
    json.as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let name: HeaderName = name.parse().unwrap();
            (name, HeaderValue::from_bytes(value.as_str().unwrap().as_bytes()).unwrap())
        })
        .collect()
}
