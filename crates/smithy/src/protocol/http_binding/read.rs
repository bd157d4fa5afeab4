//! From a request to the members of an input.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use percent_encoding::percent_decode_str;

use super::values::{
    HeaderReader, ParameterReader, ParametersReader, PayloadReader, PrefixReader, TextReader, cannot_read,
};
use super::{BodyFormat, OnMember, is_in_request_body};
use crate::document::Document;
use crate::error::CodecError;
use crate::protocol::ProtocolRequest;
use crate::schema::{Location, Member, OperationSchema, Schema, ShapeType, TimestampFormat};
use crate::shape::{DecodeReport, SeenMembers, ShapeDeserializer, Visit};
use crate::timestamp::Timestamp;

/// Lends `read` a deserializer on the input of `operation`.
///
/// # Errors
/// What a label, parameter, header or body cannot be read as.
pub fn decode(
    format: &dyn BodyFormat,
    operation: &'static OperationSchema,
    request: &ProtocolRequest<'_>,
    report: &mut DecodeReport,
    read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
) -> Visit {
    read(&mut RequestReader { format, operation, request, report })
}

struct RequestReader<'a> {
    format: &'a dyn BodyFormat,
    operation: &'static OperationSchema,
    request: &'a ProtocolRequest<'a>,
    report: &'a mut DecodeReport,
}

impl ShapeDeserializer for RequestReader<'_> {
    cannot_read! { "the place of an operation's input": list map scalars text }

    fn read_struct(&mut self, schema: &'static Schema, on_member: &mut OnMember<'_>) -> Visit {
        let request = self.request;
        let mut seen = SeenMembers::default();
        let mut query = None;
        let mut in_body = false;
        // Inputs can have dozens of headers, of which requests carry a few: comparing names is cheaper than
        // making each of them the key of a search.
        let headers: Vec<(&str, &HeaderValue)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
        for member in schema.members {
            match member.location {
                Location::Uri => {
                    let name = member.wire_name();
                    if let Some((_, text)) = request.labels.iter().find(|(label, _)| *label == name) {
                        seen.mark(member);
                        on_member(member, &mut TextReader { text, format: TimestampFormat::DateTime })?;
                    }
                }
                Location::QueryString => {
                    let parameters = match &mut query {
                        Some(parameters) => parameters,
                        none => none.insert(parse_query(request.query)?),
                    };
                    read_parameter(member, parameters, &mut seen, on_member)?;
                }
                Location::Header => {
                    let name = member.wire_name();
                    let named = headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
                    let lines =
                        named.map(|(_, value)| header_text(value, name)).collect::<Result<Vec<_>, _>>()?;
                    if !lines.is_empty() {
                        seen.mark(member);
                        on_member(member, &mut HeaderReader { lines: &lines })?;
                    }
                }
                Location::Headers => {
                    let prefix = member.wire_name();
                    if has_prefix(request.headers, prefix) {
                        seen.mark(member);
                        on_member(member, &mut PrefixReader { prefix, headers: request.headers })?;
                    }
                }
                Location::Body | Location::StatusCode => in_body = true,
            }
        }
        match schema.payload_member() {
            Some(member) => self.read_payload(member, &mut seen, on_member)?,
            None if in_body => {
                let body = request.bytes();
                if !body.is_empty() {
                    self.format.read_body(self.operation, &body, self.report, &mut seen, on_member)?;
                }
            }
            None => {}
        }
        seen.finish(schema, self.report)
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        Ok(false)
    }
}

impl RequestReader<'_> {
    fn read_payload(
        &mut self,
        member: &'static Member,
        seen: &mut SeenMembers,
        on_member: &mut OnMember<'_>,
    ) -> Visit {
        debug_assert!(is_in_request_body(member), "a payload member is bound to the body");
        let body = self.request.body.as_bytes();
        if body.as_ref().is_some_and(Bytes::is_empty) {
            return Ok(());
        }
        seen.mark(member);
        let raw = member.target.event_stream
            || matches!(member.target.shape_type, ShapeType::Blob | ShapeType::String);
        if raw {
            return on_member(member, &mut PayloadReader { body: &self.request.body });
        }
        self.format
            .read_payload(member, &body.unwrap_or_default(), self.report, &mut |from| on_member(member, from))
    }
}

fn read_parameter(
    member: &'static Member,
    parameters: &[(String, String)],
    seen: &mut SeenMembers,
    on_member: &mut OnMember<'_>,
) -> Visit {
    if member.target.shape_type == ShapeType::Map {
        if !parameters.is_empty() {
            seen.mark(member);
            on_member(member, &mut ParametersReader { parameters })?;
        }
        return Ok(());
    }
    let name = member.wire_name();
    let values: Vec<&str> =
        parameters.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
    if !values.is_empty() {
        seen.mark(member);
        on_member(member, &mut ParameterReader { values: &values })?;
    }
    Ok(())
}

fn has_prefix(headers: &HeaderMap, prefix: &str) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)))
}

/// The values of a header, one for each line that it stands on.
pub(super) fn header_lines<'a>(headers: &'a HeaderMap, name: &str) -> Result<Vec<&'a str>, CodecError> {
    headers.get_all(name).iter().map(|value| header_text(value, name)).collect()
}

fn header_text<'a>(value: &'a HeaderValue, name: &str) -> Result<&'a str, CodecError> {
    std::str::from_utf8(value.as_bytes())
        .map_err(|_| CodecError::syntax(format!("the header `{name}` is not UTF-8")))
}

/// The parameters of a query string, decoded, in order. A parameter without `=` is empty.
///
/// # Errors
/// When a parameter is not UTF-8 once it is decoded.
pub(super) fn parse_query(query: &str) -> Result<Vec<(String, String)>, CodecError> {
    let decode = |text: &str| -> Result<String, CodecError> {
        let spaced =
            if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
        percent_decode_str(&spaced)
            .decode_utf8()
            .map(Cow::into_owned)
            .map_err(|_| CodecError::syntax(format!("the query parameter `{text}` is not UTF-8")))
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}
