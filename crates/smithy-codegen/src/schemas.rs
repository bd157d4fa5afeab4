//! The static schemas.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::model::{Model, Reference, ShapeModel};

/// The path of a shape's schema.
pub(crate) fn path(model: &Model, shape: &str) -> String {
    match shape {
        "string" => "prelude::STRING".to_owned(),
        "integer" => "prelude::INTEGER".to_owned(),
        "long" => "prelude::LONG".to_owned(),
        "float" => "prelude::FLOAT".to_owned(),
        "double" => "prelude::DOUBLE".to_owned(),
        "boolean" => "prelude::BOOLEAN".to_owned(),
        "blob" => "prelude::BLOB".to_owned(),
        "timestamp" => "prelude::TIMESTAMP".to_owned(),
        _ => format!("schemas::{}", model.shapes.get(shape).map_or("", |shape| &shape.constant)),
    }
}

/// A Rust string literal.
pub(crate) fn literal(text: &str) -> String {
    format!("{text:?}")
}

fn text<'a>(traits: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    traits.get(name).and_then(Value::as_str)
}

fn flag(traits: &Map<String, Value>, name: &str) -> bool {
    traits.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn timestamp_format(traits: &Map<String, Value>) -> Option<&'static str> {
    match text(traits, "timestampFormat")? {
        "iso8601" => Some("DateTime"),
        "rfc822" => Some("HttpDate"),
        "unixTimestamp" => Some("EpochSeconds"),
        _ => None,
    }
}

/// `XmlNamespace { … }` from the model's text or object.
pub(crate) fn xml_namespace(json: Option<&Value>) -> Option<String> {
    let json = json?;
    let (prefix, uri) = match json {
        Value::String(uri) => ("", uri.as_str()),
        _ => (
            json.get("prefix").and_then(Value::as_str).unwrap_or_default(),
            json.get("uri").and_then(Value::as_str)?,
        ),
    };
    Some(format!("XmlNamespace {{ prefix: {}, uri: {} }}", literal(prefix), literal(uri)))
}

/// Writes `pub mod schemas`.
pub(crate) fn write(model: &Model, out: &mut String) {
    out.push_str("/// One static schema a shape.\npub mod schemas {\nuse super::*;\n");
    for (name, shape) in &model.shapes {
        write_shape(model, name, shape, out);
    }
    out.push_str("}\n");
}

fn shape_type(shape: &ShapeModel) -> &'static str {
    match shape.kind.as_str() {
        "structure" if shape.has("document") => "Document",
        "structure" if shape.has("union") => "Union",
        "structure" => "Structure",
        "list" => "List",
        "map" => "Map",
        "blob" => "Blob",
        "boolean" => "Boolean",
        "timestamp" => "Timestamp",
        "integer" => "Integer",
        "long" => "Long",
        "float" => "Float",
        "double" => "Double",
        _ => "String",
    }
}

fn write_shape(model: &Model, name: &str, shape: &ShapeModel, out: &mut String) {
    let constant = &shape.constant;
    let traits = &shape.traits;
    let members = shape.members.len();
    if members > 0 {
        let _ = writeln!(out, "pub static {constant}_MEMBERS: [Member; {members}] = [");
        for (index, member) in shape.members.iter().enumerate() {
            write_member(model, shape, index, member, out);
        }
        out.push_str("];\n");
    }
    if let (true, Some(pattern)) = (model.inputs.contains(name), text(traits, "pattern")) {
        let _ = writeln!(out, "static {constant}__PATTERN: Pattern = Pattern::new({});", literal(pattern));
    }
    let model_name = text(traits, "name").unwrap_or(name);
    let _ = write!(out, "pub static {constant}: Schema = Schema {{ ");
    if members > 0 {
        let _ = write!(out, "members: &{constant}_MEMBERS, ");
    }
    if model.inputs.contains(name) {
        write_constraints(constant, traits, out);
        if model.constrained.contains(name) {
            out.push_str("constrained: true, ");
        }
    }
    for (trait_name, field) in [
        ("sensitive", "sensitive"),
        ("sparse", "sparse"),
        ("flattened", "flattened"),
        ("streaming", "streaming"),
        ("eventstream", "event_stream"),
        ("exception", "exception"),
    ] {
        if flag(traits, trait_name) {
            let _ = write!(out, "{field}: true, ");
        }
    }
    let payload = text(traits, "payload").and_then(|p| shape.members.iter().position(|m| m.name == p));
    if let Some(payload) = payload {
        let _ = write!(out, "payload: Some({payload}), ");
    }
    if let Some(location_name) = text(traits, "locationName") {
        let _ = write!(out, "location_name: Some({}), ", literal(location_name));
    }
    if let Some(format) = timestamp_format(traits) {
        let _ = write!(out, "timestamp_format: Some(TimestampFormat::{format}), ");
    }
    if let Some(namespace) = xml_namespace(traits.get("xmlNamespace")) {
        let _ = write!(out, "xml_namespace: Some({namespace}), ");
    }
    let _ = writeln!(out, "..Schema::of({}, ShapeType::{}) }};", literal(model_name), shape_type(shape));
}

fn write_constraints(constant: &str, traits: &Map<String, Value>, out: &mut String) {
    let number = |name: &str| {
        traits.get(name).and_then(Value::as_f64).map_or("None".to_owned(), |n| format!("Some({n:?})"))
    };
    let values = traits.get("enum").and_then(Value::as_array);
    let pattern = text(traits, "pattern");
    if values.is_none() && pattern.is_none() && !traits.contains_key("min") && !traits.contains_key("max") {
        return;
    }
    let values: Vec<String> = values.into_iter().flatten().filter_map(Value::as_str).map(literal).collect();
    let pattern = pattern.map_or("None".to_owned(), |_| format!("Some(&{constant}__PATTERN)"));
    let _ = write!(
        out,
        "constraints: Constraints {{ min: {}, max: {}, pattern: {pattern}, values: &[{}] }}, ",
        number("min"),
        number("max"),
        values.join(", ")
    );
}

fn write_member(model: &Model, shape: &ShapeModel, index: usize, member: &Reference, out: &mut String) {
    let traits = &member.traits;
    out.push_str("Member { ");
    if shape.required.contains(&member.name) {
        out.push_str("required: true, ");
    }
    let location = match text(traits, "location") {
        Some("uri") => Some("Uri"),
        Some("querystring") => Some("QueryString"),
        Some("header") => Some("Header"),
        Some("headers") => Some("Headers"),
        Some("statusCode") => Some("StatusCode"),
        _ => None,
    };
    if let Some(location) = location {
        let _ = write!(out, "location: Location::{location}, ");
    }
    let rest_json = model.service_protocols().any(|protocol| protocol == "rest-json");
    if let (None, true, Some(name)) = (location, rest_json, text(traits, "locationName")) {
        let _ = write!(out, "json_name: Some({}), ", literal(name));
    }
    for (trait_name, field) in [("locationName", "location_name"), ("queryName", "query_name")] {
        if let Some(name) = text(traits, trait_name) {
            let _ = write!(out, "{field}: Some({}), ", literal(name));
        }
    }
    for (trait_name, field) in [
        ("flattened", "flattened"),
        ("xmlAttribute", "xml_attribute"),
        ("jsonvalue", "json_value"),
        ("idempotencyToken", "idempotency_token"),
        ("hostLabel", "host_label"),
        ("eventheader", "event_header"),
        ("eventpayload", "event_payload"),
        ("streaming", "streaming"),
    ] {
        if flag(traits, trait_name) {
            let _ = write!(out, "{field}: true, ");
        }
    }
    if let Some(namespace) = xml_namespace(traits.get("xmlNamespace")) {
        let _ = write!(out, "xml_namespace: Some({namespace}), ");
    }
    if let Some(format) = timestamp_format(traits) {
        let _ = write!(out, "timestamp_format: Some(TimestampFormat::{format}), ");
    }
    let target = match path(model, &member.shape) {
        prelude if prelude.starts_with("prelude") => format!("&{prelude}"),
        own => format!("&{}", own.trim_start_matches("schemas::")),
    };
    let _ = writeln!(out, "..Member::of({}, {index}, {target}) }},", literal(&member.name));
}
