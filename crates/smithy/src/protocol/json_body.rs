//! Bodies that are one JSON object: what the JSON protocols have in common.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use super::ResponseContext;
use super::error_members::{
    ErrorMembers, add_error_headers, error_type, undeclared_fields, undeclared_message,
};
use super::http_binding::BodyMembers;
use crate::codec::json::{JsonDeserializer, JsonSerializer, Timestamps};
use crate::error::{AwsError, CodecError, CodecErrorKind};
use crate::schema::ServiceSchema;
use crate::shape::{DecodeReport, Shape, ShapeDeserializer, Visit};
use crate::stream::ByteStream;

/// Lends `read` a deserializer on a body. An empty body is an empty object.
pub(super) fn decode(
    body: &Bytes,
    timestamps: Timestamps,
    report: &mut DecodeReport,
    read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
) -> Visit {
    let body: &[u8] = if body.is_empty() { b"{}" } else { body };
    let mut reader = JsonDeserializer::new(body, report)?.timestamps(timestamps);
    read(&mut reader)?;
    reader.finish()
}

/// Where an error's code stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeIn {
    /// In the body's `__type`.
    Body,
    /// In a header, which the caller of [`encode_error`] writes.
    Header,
}

/// The response that carries `error`.
pub(super) fn encode_error(
    service: &'static ServiceSchema,
    error: &AwsError,
    context: ResponseContext<'_>,
    content_type: HeaderValue,
    timestamps: Timestamps,
    code: CodeIn,
) -> Response<ByteStream> {
    let mut body = Vec::with_capacity(128);
    let written = JsonSerializer::new(&mut body).timestamps(timestamps).object(|to| {
        if code == CodeIn::Body {
            to.text_field("__type", &error_type(service, error));
        }
        if let Some(message) = undeclared_message(error) {
            to.text_field("message", message);
        }
        for (name, value) in undeclared_fields(error) {
            to.field(name, value);
        }
        match error.shape() {
            Some(shape) => {
                let members = ErrorMembers { error, schema: shape.schema };
                if code == CodeIn::Body {
                    members.write_members(to)
                } else {
                    BodyMembers(&members).write_members(to)
                }
            }
            None => Ok(()),
        }
    });
    if written.is_err() {
        // A field has another type than the model says. The code is worth more than the field.
        body.clear();
        let _ = JsonSerializer::new(&mut body).object(|to| {
            to.text_field("__type", error.code());
            to.text_field("message", error.message());
            Ok(())
        });
    }
    let mut response = Response::new(ByteStream::from(body));
    *response.status_mut() =
        StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    add_error_headers(headers, service, error, context);
    response
}

/// The error for an input that could not be decoded.
pub(super) fn decode_error(error: &CodecError) -> AwsError {
    let message = error.message.clone();
    match error.kind {
        CodecErrorKind::MediaType => AwsError::new("UnsupportedMediaTypeException", 415, message),
        CodecErrorKind::NotAcceptable => AwsError::new("NotAcceptableException", 406, message),
        CodecErrorKind::Output => AwsError::new("InternalFailure", 500, message),
        CodecErrorKind::Syntax | CodecErrorKind::Type | CodecErrorKind::TooLarge => {
            AwsError::new("SerializationException", 400, message)
        }
    }
}
