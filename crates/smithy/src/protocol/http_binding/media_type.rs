//! `Content-Type` and `Accept`: whether the parties speak of the same media types.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};

use super::{BodyFormat, is_in_request_body, is_in_response_body};
use crate::error::{CodecError, CodecErrorKind};
use crate::protocol::ProtocolRequest;
use crate::schema::{Location, OperationSchema, Schema, ShapeType};
use crate::shape::Visit;

/// Refuses a body of another media type than `operation` reads, and a caller that does not accept
/// the media type that it answers. Blobs may be of any type; models do not tell theirs.
///
/// # Errors
/// [`CodecErrorKind::MediaType`] and [`CodecErrorKind::NotAcceptable`].
pub fn check_media_types(
    format: &dyn BodyFormat,
    operation: &'static OperationSchema,
    request: &ProtocolRequest<'_>,
) -> Visit {
    let has_body = request.body.as_bytes().is_none_or(|bytes| !bytes.is_empty());
    if has_body && !is_bound(operation.input, &CONTENT_TYPE) {
        check_content_type(format, operation.input, request.headers)?;
    }
    if !is_bound(operation.input, &ACCEPT) {
        check_accept(format, operation.output, request.headers)?;
    }
    Ok(())
}

/// Whether a header is a member of the input, so that its value is the operation's business.
fn is_bound(input: &Schema, header: &HeaderName) -> bool {
    input.members.iter().any(|member| {
        member.location == Location::Header && member.wire_name().eq_ignore_ascii_case(header.as_str())
    })
}

/// The media type of a payload or body; `None` for any.
fn media_type(format: &dyn BodyFormat, schema: &Schema) -> Option<&'static str> {
    match schema.payload_member() {
        Some(member) if member.target.event_stream => None,
        Some(member) => match member.target.shape_type {
            ShapeType::Blob => None,
            ShapeType::String => Some("text/plain"),
            _ => Some(format.media_type()),
        },
        None => Some(format.media_type()),
    }
}

fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

fn check_content_type(format: &dyn BodyFormat, input: &Schema, headers: &HeaderMap) -> Visit {
    let given = headers.get(CONTENT_TYPE).map(|value| value.to_str().unwrap_or_default());
    let refuse = |message: String| Err(CodecError::new(CodecErrorKind::MediaType, message));
    let reads_body = input.payload.is_some() || input.members.iter().any(is_in_request_body);
    if !reads_body && (input.is_unit() || !input.members.is_empty()) {
        return match given {
            Some(given) => refuse(format!("no body is expected, but there is one of type `{given}`")),
            None => Ok(()),
        };
    }
    let Some(expected) = media_type(format, input) else { return Ok(()) };
    match given {
        Some(given) if essence(given).eq_ignore_ascii_case(expected) => Ok(()),
        Some(given) => refuse(format!("expected a body of type `{expected}`, not `{given}`")),
        None => refuse(format!("expected a body of type `{expected}`")),
    }
}

fn check_accept(format: &dyn BodyFormat, output: &Schema, headers: &HeaderMap) -> Visit {
    let answers_body = output.payload.is_some() || output.members.iter().any(is_in_response_body);
    let Some(produced) = media_type(format, output).filter(|_| answers_body) else { return Ok(()) };
    let mut ranges = headers
        .get_all(ACCEPT)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(essence)
        .filter(|range| !range.is_empty())
        .peekable();
    let accepts = |range: &str| match range.strip_suffix("/*") {
        Some("*") => true,
        Some(kind) => produced.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(kind)),
        None => range.eq_ignore_ascii_case(produced),
    };
    if ranges.peek().is_none() || ranges.any(accepts) {
        return Ok(());
    }
    Err(CodecError::new(
        CodecErrorKind::NotAcceptable,
        format!("the answer is of type `{produced}`, which the `Accept` header excludes"),
    ))
}
