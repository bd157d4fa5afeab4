//! The query protocol's answers as JSON.
//!
//! Query services answer `Accept: application/json` with JSON, which no document tells. Their
//! recorded answers have the elements of the XML form as objects, by the model's member names, in
//! alphabetical order, with `null` for what is not set; errors lack the outermost element.

use http::{HeaderValue, Response};

use super::ResponseContext;
use super::error_members::add_request_id;
use super::xml_dialect::{error_response, error_type, response};
use crate::codec::document::to_document;
use crate::codec::json;
use crate::document::Document;
use crate::error::{AwsError, CodecError};
use crate::schema::{Member, OperationSchema, Schema, ServiceSchema, ShapeType};
use crate::shape::Shape;
use crate::stream::ByteStream;

const CONTENT_TYPE: &str = "application/json";

/// Whether this `Accept` header asks for JSON rather than XML. Who takes anything gets XML.
///
/// The qualities follow RFC 9110, section 12.5.1; between equals, what is named first wins.
pub(super) fn is_preferred(accept: Option<&HeaderValue>) -> bool {
    let Some(accept) = accept.and_then(|accept| accept.to_str().ok()) else { return false };
    let mut best = (0.0, false);
    for range in accept.split(',') {
        let (media_type, parameters) = range.split_once(';').unwrap_or((range, ""));
        let media_type = media_type.trim();
        let is_json = media_type.eq_ignore_ascii_case(CONTENT_TYPE);
        let is_xml =
            media_type.eq_ignore_ascii_case("text/xml") || media_type.eq_ignore_ascii_case("application/xml");
        let quality = parameters
            .split(';')
            .find_map(|parameter| parameter.trim().strip_prefix("q=")?.parse::<f32>().ok())
            .unwrap_or(1.0);
        if (is_json || is_xml) && quality > best.0 {
            best = (quality, is_json);
        }
    }
    best.1
}

/// The response that carries `output`.
pub(super) fn encode(
    operation: &'static OperationSchema,
    output: &dyn Shape,
    context: ResponseContext<'_>,
) -> Result<Response<ByteStream>, CodecError> {
    let mut members = Vec::with_capacity(2);
    if !output.schema().is_unit() {
        let result =
            operation.result_wrapper.map_or_else(|| format!("{}Result", operation.name), str::to_owned);
        members.push((result, structure(operation.service, output.schema(), &to_document(output)?)));
    }
    let metadata = object([("RequestId".to_owned(), context.request_id.into())]);
    members.push(("ResponseMetadata".to_owned(), metadata));
    let whole = object([(format!("{}Response", operation.name), object(members))]);
    let mut response = response(operation.status, CONTENT_TYPE, text(&whole));
    add_request_id(response.headers_mut(), context);
    Ok(response)
}

/// The response that carries `error`, known by `code`.
pub(super) fn encode_error(
    code: &str,
    error: &AwsError,
    context: ResponseContext<'_>,
) -> Response<ByteStream> {
    let message = if error.message().is_empty() { Document::Null } else { error.message().into() };
    let mut members = vec![
        ("Code".to_owned(), code.into()),
        ("Message".to_owned(), message),
        ("Type".to_owned(), error_type(error).into()),
    ];
    members.extend(error.fields().iter().map(|(name, value)| (name.clone().into_owned(), value.clone())));
    let whole =
        object([("Error".to_owned(), object(members)), ("RequestId".to_owned(), context.request_id.into())]);
    let mut response = error_response(error, CONTENT_TYPE, text(&whole));
    add_request_id(response.headers_mut(), context);
    response
}

fn text(document: &Document) -> String {
    let mut text = Vec::with_capacity(256);
    json::write_document(document, &mut text);
    // JSON is written as UTF-8.
    String::from_utf8(text).unwrap_or_default()
}

fn object(members: impl IntoIterator<Item = (String, Document)>) -> Document {
    let mut members: Vec<(String, Document)> = members.into_iter().collect();
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    members.into_iter().collect()
}

fn structure(service: &ServiceSchema, schema: &Schema, document: &Document) -> Document {
    let members = schema.members.iter().filter_map(|member| {
        let value = document.get(member.name).unwrap_or(&Document::Null);
        // Of a union's members, one is set.
        (!value.is_null() || schema.shape_type != ShapeType::Union)
            .then(|| (name(service, member).to_owned(), value_of(service, member, value)))
    });
    object(members)
}

fn value_of(service: &ServiceSchema, member: &Member, value: &Document) -> Document {
    let schema = member.target;
    match (schema.shape_type, value) {
        (ShapeType::Structure | ShapeType::Union, Document::Map(_)) => structure(service, schema, value),
        (ShapeType::List, Document::List(items)) => match schema.element() {
            Some(element) => {
                Document::List(items.iter().map(|item| value_of(service, element, item)).collect())
            }
            None => value.clone(),
        },
        (ShapeType::Map, Document::Map(entries)) => match (schema.element(), schema.map_value()) {
            (Some(key), Some(target)) => {
                let entries =
                    entries.iter().map(|(name, value)| (name.clone(), value_of(service, target, value)));
                // What is repeated in XML is a list of entries here too.
                if member.is_flattened() {
                    let entry = |(name, value): (String, Document)| {
                        object([
                            (key.wire_name().to_owned(), name.into()),
                            (target.wire_name().to_owned(), value),
                        ])
                    };
                    Document::List(entries.map(entry).collect())
                } else {
                    object(entries)
                }
            }
            _ => value.clone(),
        },
        _ => value.clone(),
    }
}

/// SQS spells two of its lists differently here.
fn name(service: &ServiceSchema, member: &Member) -> &'static str {
    match member.name {
        "QueueUrls" if service.service_id == "SQS" => "queueUrls",
        "Messages" if service.service_id == "SQS" => "messages",
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_must_be_asked_for() {
        let prefers = |accept: &str| is_preferred(Some(&HeaderValue::from_str(accept).unwrap()));
        for accept in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json, text/plain, */*",
            "text/xml;q=0.5, application/json;q=0.9",
            "application/json, text/xml",
        ] {
            assert!(prefers(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/xml",
            "text/xml, application/json",
            "application/json;q=0",
            "application/json;q=0.1, application/xml",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json-patch+json",
        ] {
            assert!(!prefers(accept), "{accept}");
        }
        assert!(!is_preferred(None));
    }
}
