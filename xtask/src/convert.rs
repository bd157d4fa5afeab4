//! Turns botocore's `service-2` documents into the compact dialect.
//!
//! Every key is either kept or named in a list of keys left out on purpose, so that a new kind of fact in a
//! later botocore stops the conversion instead of being lost silently.

use serde_json::{Map, Value, json};

use crate::failure::{Context, Failure, Result};
use crate::model::{Model, names};

const SERVICE_DROPPED: [&str; 6] =
    ["auth", "checksumFormat", "ripServiceName", "serviceAbbreviation", "signatureVersion", "uid"];
const OPERATION_DROPPED: [&str; 12] = [
    "name",
    "documentation",
    "documentationUrl",
    "staticContextParams",
    "operationContextParams",
    "endpointdiscovery",
    "endpointoperation",
    "readonly",
    "idempotent",
    "deprecated",
    "deprecatedMessage",
    "deprecatedSince",
];
const SHAPE_DROPPED: [&str; 8] = [
    "documentation",
    "deprecated",
    "deprecatedMessage",
    "deprecatedSince",
    "box",
    "synthetic",
    "retryable",
    "event",
];
const REFERENCE_DROPPED: [&str; 6] =
    ["documentation", "deprecated", "deprecatedMessage", "deprecatedSince", "box", "contextParam"];

/// Facts of a member that are copied as they are.
const REFERENCE_KEPT: [&str; 12] = [
    "location",
    "locationName",
    "queryName",
    "flattened",
    "xmlAttribute",
    "xmlNamespace",
    "timestampFormat",
    "jsonvalue",
    "idempotencyToken",
    "hostLabel",
    "eventheader",
    "eventpayload",
];

/// Facts of a shape that are copied as they are.
const SHAPE_KEPT: [&str; 20] = [
    "required",
    "payload",
    "union",
    "document",
    "eventstream",
    "exception",
    "fault",
    "error",
    "sparse",
    "min",
    "max",
    "pattern",
    "enum",
    "sensitive",
    "streaming",
    "requiresLength",
    "timestampFormat",
    "jsonvalue",
    "locationName",
    "xmlNamespace",
];

/// Converts one service. `name` is botocore's directory name.
pub(crate) fn convert(name: &str, source: &Value, paginators: Option<&Value>) -> Result<Model> {
    let service = convert_service(name, source.get("metadata").context("metadata")?)?;
    let raw_shapes = object(source, "shapes")?;
    let mut shapes = Map::new();
    for (shape_name, shape) in raw_shapes {
        let converted =
            convert_shape(shape, raw_shapes).context(format_args!("{name}: shape {shape_name}"))?;
        shapes.insert(shape_name.clone(), converted);
    }
    mark_streaming(raw_shapes, &mut shapes);
    let pagination = paginators.and_then(|document| document.get("pagination"));
    let mut operations = Map::new();
    for (operation_name, operation) in object(source, "operations")? {
        let paginator = pagination.and_then(|all| all.get(operation_name));
        let converted = convert_operation(operation, paginator)
            .context(format_args!("{name}: operation {operation_name}"))?;
        operations.insert(operation_name.clone(), converted);
    }
    let mut model = Model { service, operations, shapes };
    if protocols(&model.service).any(|protocol| protocol == "rest-xml") {
        name_xml_outputs(&mut model);
    }
    Ok(model)
}

/// The service line: metadata with protocol names as the conformance cases write them.
pub(crate) fn convert_service(name: &str, metadata: &Value) -> Result<Map<String, Value>> {
    let metadata = metadata.as_object().context("metadata")?;
    let json_version = metadata.get("jsonVersion").and_then(Value::as_str).unwrap_or("1.0");
    let protocol_name = |protocol: &Value| match protocol.as_str() {
        Some("json") => Value::from(format!("json-{json_version}")),
        Some("smithy-rpc-v2-cbor") => Value::from("rpc-v2-cbor"),
        _ => protocol.clone(),
    };
    let mut out = Map::new();
    out.insert("name".into(), name.into());
    for (key, value) in metadata {
        let value = match key.as_str() {
            "protocol" => protocol_name(value),
            "protocols" => value.as_array().into_iter().flatten().map(protocol_name).collect(),
            "xmlNamespace" if value.is_string() => json!({"uri": value}),
            "awsQueryCompatible" => Value::Bool(true),
            "apiVersion" | "endpointPrefix" | "globalEndpoint" | "jsonVersion" | "protocolSettings"
            | "serviceFullName" | "serviceId" | "signingName" | "targetPrefix" | "xmlNamespace" => {
                value.clone()
            }
            dropped if SERVICE_DROPPED.contains(&dropped) => continue,
            unknown => return Err(Failure::new(format!("{name}: unknown metadata {unknown}"))),
        };
        out.insert(key.clone(), value);
    }
    if !out.contains_key("signingName") {
        let prefix = out.get("endpointPrefix").context("endpointPrefix")?.clone();
        out.insert("signingName".into(), prefix);
    }
    // A service with one protocol need not list it.
    if !out.contains_key("protocols")
        && let Some(only) = out.get("protocol").cloned()
    {
        out.insert("protocols".into(), json!([only]));
    }
    Ok(arranged(
        out,
        &[
            "name",
            "protocol",
            "protocols",
            "apiVersion",
            "targetPrefix",
            "jsonVersion",
            "xmlNamespace",
            "awsQueryCompatible",
            "endpointPrefix",
            "globalEndpoint",
            "signingName",
            "protocolSettings",
            "serviceId",
            "serviceFullName",
        ],
    ))
}

fn convert_operation(operation: &Value, paginator: Option<&Value>) -> Result<Value> {
    let http = operation.get("http").context("http")?;
    let mut out = Map::new();
    out.insert("http".into(), route(http)?.into());
    if let Some(status) = http.get("responseCode").and_then(Value::as_u64).filter(|status| *status != 200) {
        out.insert("status".into(), status.into());
    }
    for (key, value) in operation.as_object().context("operation")? {
        match key.as_str() {
            "http" => {}
            "input" | "output" => {
                let (slot, prefix) = if key == "input" { ("in", "in") } else { ("out", "out") };
                for (fact, value) in value.as_object().context("input or output")? {
                    let slot = match fact.as_str() {
                        "shape" => slot.to_owned(),
                        "locationName" => format!("{prefix}LocationName"),
                        "xmlNamespace" => format!("{prefix}XmlNamespace"),
                        "resultWrapper" => "resultWrapper".to_owned(),
                        "documentation" => continue,
                        unknown => return Err(Failure::new(format!("unknown {key} fact {unknown}"))),
                    };
                    out.insert(slot, value.clone());
                }
            }
            "errors" => {
                let errors: Vec<Value> = value
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|error| error.get("shape").cloned())
                    .collect();
                if !errors.is_empty() {
                    out.insert("errors".into(), errors.into());
                }
            }
            "authtype" | "auth" => {
                if *value == json!("none") || *value == json!(["smithy.api#noAuth"]) {
                    out.insert("auth".into(), "none".into());
                } else if *value == json!("v4-unsigned-body") {
                    out.insert("unsignedPayload".into(), true.into());
                }
            }
            "endpoint" => {
                if let Some(prefix) = value.get("hostPrefix") {
                    out.insert("hostPrefix".into(), prefix.clone());
                }
            }
            "httpChecksum" | "httpChecksumRequired" | "requestcompression" | "unsignedPayload" => {
                out.insert(key.clone(), value.clone());
            }
            dropped if OPERATION_DROPPED.contains(&dropped) => {}
            unknown => return Err(Failure::new(format!("unknown operation fact {unknown}"))),
        }
    }
    if let Some(paginator) = paginator.and_then(Value::as_object) {
        out.insert("paginator".into(), convert_paginator(paginator)?);
    }
    Ok(Value::Object(out))
}

/// `METHOD /uri`, the notation of the conformance cases.
pub(crate) fn route(http: &Value) -> Result<String> {
    let method = http.get("method").and_then(Value::as_str).context("http method")?;
    let uri = http.get("requestUri").and_then(Value::as_str).context("http requestUri")?;
    Ok(format!("{method} {uri}"))
}

fn convert_paginator(paginator: &Map<String, Value>) -> Result<Value> {
    let mut out = Map::new();
    for (key, value) in paginator {
        match key.as_str() {
            "input_token" | "output_token" | "limit_key" | "result_key" | "more_results" => {
                out.insert(key.clone(), value.clone());
            }
            "non_aggregate_keys" | "py_input_token" => {}
            unknown => return Err(Failure::new(format!("unknown paginator fact {unknown}"))),
        }
    }
    Ok(Value::Object(arranged(
        out,
        &["input_token", "output_token", "limit_key", "result_key", "more_results"],
    )))
}

fn convert_shape(shape: &Value, all: &Map<String, Value>) -> Result<Value> {
    let shape = shape.as_object().context("shape")?;
    let mut out = Map::new();
    out.insert("type".into(), shape.get("type").context("type")?.clone());
    for (key, value) in shape {
        match key.as_str() {
            // A list's own `flattened` is written on the members that refer to it, as Smithy does.
            "type" | "flattened" | "xmlOrder" => {}
            "members" => {
                let mut members = Map::new();
                for (name, member) in in_xml_order(shape, value)? {
                    members.insert(name.clone(), convert_reference(member, all).context(name)?);
                }
                out.insert("members".into(), members.into());
            }
            "member" | "key" | "value" => {
                let reference = convert_reference(value, all).context(key)?;
                if reference.get("flattened").is_some() {
                    return Err(Failure::new("a flattened list inside a list or map"));
                }
                out.insert(key.clone(), reference);
            }
            kept if SHAPE_KEPT.contains(&kept) => {
                if !matches!(value, Value::Bool(false)) {
                    out.insert(key.clone(), value.clone());
                }
            }
            dropped if SHAPE_DROPPED.contains(&dropped) => {}
            unknown => return Err(Failure::new(format!("unknown shape fact {unknown}"))),
        }
    }
    Ok(Value::Object(out))
}

/// Members in their order on the wire: those named by `xmlOrder` first.
fn in_xml_order<'a>(
    shape: &'a Map<String, Value>,
    members: &'a Value,
) -> Result<Vec<(&'a String, &'a Value)>> {
    let members = members.as_object().context("members")?;
    let order: Vec<&str> = names(shape.get("xmlOrder")).collect();
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by_key(|(name, _)| order.iter().position(|other| other == name).unwrap_or(order.len()));
    Ok(sorted)
}

fn convert_reference(reference: &Value, all: &Map<String, Value>) -> Result<Value> {
    let reference = reference.as_object().context("reference")?;
    let target = reference.get("shape").context("shape")?;
    let mut out = Map::new();
    out.insert("s".into(), target.clone());
    for (key, value) in reference {
        match key.as_str() {
            "shape" | "streaming" => {}
            kept if REFERENCE_KEPT.contains(&kept) => {
                if !matches!(value, Value::Bool(false)) {
                    out.insert(key.clone(), value.clone());
                }
            }
            dropped if REFERENCE_DROPPED.contains(&dropped) => {}
            unknown => return Err(Failure::new(format!("unknown member fact {unknown}"))),
        }
    }
    let target = target.as_str().and_then(|name| all.get(name)).context("target shape")?;
    if target.get("flattened").and_then(Value::as_bool) == Some(true) {
        out.insert("flattened".into(), true.into());
    }
    // The element name of a flattened list is the member's; botocore sometimes writes it on the list.
    if out.contains_key("flattened")
        && let Some(element) = target.get("member").and_then(|member| member.get("locationName"))
    {
        out.insert("locationName".into(), element.clone());
    }
    Ok(Value::Object(out))
}

/// botocore marks streaming bodies on the member, Smithy on the blob: we follow Smithy.
fn mark_streaming(raw: &Map<String, Value>, shapes: &mut Map<String, Value>) {
    let members = raw.values().filter_map(|shape| shape.get("members")?.as_object()).flat_map(Map::values);
    for member in members.filter(|member| member.get("streaming").and_then(Value::as_bool) == Some(true)) {
        let target = member.get("shape").and_then(Value::as_str);
        if let Some(shape) = target.and_then(|name| shapes.get_mut(name)).and_then(Value::as_object_mut) {
            shape.insert("streaming".into(), true.into());
        }
    }
}

/// Gives every rest-xml output with an XML body its root element: the output shape's own name. Services
/// whose roots differ (S3) get theirs from the overlay.
fn name_xml_outputs(model: &mut Model) {
    for operation in model.operations.values_mut().filter_map(Value::as_object_mut) {
        let Some(output) = operation.get("out").and_then(Value::as_str).map(str::to_owned) else { continue };
        let Some(shape) = model.shapes.get(&output) else { continue };
        let has_body = shape.get("payload").is_none()
            && shape
                .get("members")
                .and_then(Value::as_object)
                .is_some_and(|members| members.values().any(|member| member.get("location").is_none()));
        if has_body && !operation.contains_key("outLocationName") {
            operation.insert("outLocationName".into(), output.into());
        }
    }
}

/// Every protocol a service lists.
pub(crate) fn protocols(service: &Map<String, Value>) -> impl Iterator<Item = &str> {
    names(service.get("protocols"))
}

fn object<'a>(value: &'a Value, key: &str) -> Result<&'a Map<String, Value>> {
    value.get(key).and_then(Value::as_object).context(key)
}

/// The same entries with `keys` first, in that order.
fn arranged(mut entries: Map<String, Value>, keys: &[&str]) -> Map<String, Value> {
    let mut out = Map::new();
    for key in keys {
        if let Some(value) = entries.shift_remove(*key) {
            out.insert((*key).to_owned(), value);
        }
    }
    out.extend(entries);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(operation: &Value, shapes: &Value) -> Result<Model> {
        let metadata = json!({
            "apiVersion": "2020-01-01", "endpointPrefix": "x", "protocol": "rest-xml", "protocols": ["rest-xml"],
            "serviceId": "X"
        });
        let source = json!({"metadata": metadata, "operations": {"Get": operation}, "shapes": shapes});
        convert("x", &source, None)
    }

    fn operation() -> Value {
        json!({
            "name": "Get", "http": {"method": "GET", "requestUri": "/{A}", "responseCode": 204},
            "output": {"shape": "Out"}, "documentation": "<p>Long.</p>", "authtype": "none"
        })
    }

    fn shapes() -> Value {
        json!({
            "Out": {"type": "structure", "xmlOrder": ["Second"], "members": {
                "First": {"shape": "Names", "locationName": "Names"},
                "Second": {"shape": "Body", "streaming": true, "documentation": "<p>Long.</p>"}}},
            "Names": {"type": "list", "flattened": true, "member": {"shape": "Name", "locationName": "Name"}},
            "Name": {"type": "string", "box": true},
            "Body": {"type": "blob"}
        })
    }

    #[test]
    fn facts_move_to_where_the_dialect_has_them() {
        let model = converted(&operation(), &shapes()).unwrap();
        assert_eq!(
            model.operations["Get"],
            json!({"http": "GET /{A}", "status": 204, "out": "Out", "auth": "none", "outLocationName": "Out"})
        );
        assert_eq!(
            model.shapes["Out"]["members"]["First"],
            json!({"s": "Names", "flattened": true, "locationName": "Name"})
        );
        assert_eq!(model.shapes["Body"], json!({"type": "blob", "streaming": true}));
        assert_eq!(model.shapes["Name"], json!({"type": "string"}));
        let order: Vec<_> = model.shapes["Out"]["members"].as_object().unwrap().keys().collect();
        assert_eq!(order, ["Second", "First"]);
    }

    #[test]
    fn a_fact_nobody_has_decided_about_stops_the_conversion() {
        let mut with_news = operation();
        with_news["brandNew"] = json!(true);
        let failure = converted(&with_news, &shapes()).unwrap_err().to_string();
        assert!(failure.contains("operation Get") && failure.contains("brandNew"), "{failure}");
        let mut with_news = shapes();
        with_news["Name"]["brandNew"] = json!(true);
        let failure = converted(&operation(), &with_news).unwrap_err().to_string();
        assert!(failure.contains("shape Name") && failure.contains("brandNew"), "{failure}");
    }
}
