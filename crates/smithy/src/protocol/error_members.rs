//! The members of errors, for the protocols that write them like any structure.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::ResponseContext;
use crate::document::Document;
use crate::error::AwsError;
use crate::schema::{Member, Schema, ServiceSchema};
use crate::shape::{Shape, ShapeSerializer, Visit};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");

/// The members of an error that its shape declares; the message counts as one of them.
pub(super) struct ErrorMembers<'a> {
    pub(super) error: &'a AwsError,
    pub(super) schema: &'static Schema,
}

impl Shape for ErrorMembers<'_> {
    fn schema(&self) -> &'static Schema {
        self.schema
    }

    fn write_members(&self, to: &mut dyn ShapeSerializer) -> Visit {
        for member in self.schema.members {
            if let Some(value) = field(self.error, member.name) {
                value.write(member, to)?;
            } else if is_message(member) && !self.error.message().is_empty() {
                to.write_string(member, self.error.message())?;
            }
        }
        Ok(())
    }
}

fn field<'a>(error: &'a AwsError, name: &str) -> Option<&'a Document> {
    error.fields().iter().find(|(field, _)| field == name).map(|(_, value)| value)
}

/// Models spell it `message` or `Message`.
fn is_message(member: &Member) -> bool {
    member.name.eq_ignore_ascii_case("message")
}

/// The message, if the error has one and its shape does not declare it.
pub(super) fn undeclared_message(error: &AwsError) -> Option<&str> {
    let declared = error.shape().is_some_and(|shape| shape.schema.members.iter().any(is_message));
    (!declared && !error.message().is_empty()).then(|| error.message())
}

/// The fields that the error's shape does not declare.
pub(super) fn undeclared_fields(error: &AwsError) -> impl Iterator<Item = (&str, &Document)> {
    error
        .fields()
        .iter()
        .map(|(name, value)| (name.as_ref(), value))
        .filter(|(name, _)| error.shape().is_none_or(|shape| shape.schema.member(name).is_none()))
}

/// The `__type` of an error: its shape's name. Services that came from the query protocol put
/// their namespace before it (`com.amazonaws.sqs#QueueDoesNotExist`); others differ among
/// themselves, and clients ignore it. Errors of AWS's common framework bring their namespace along.
pub(super) fn error_type(service: &ServiceSchema, error: &AwsError) -> String {
    let name = error_name(service, error);
    if service.query_compatible && !name.contains('#') {
        format!("com.amazonaws.{}#{name}", service.name)
    } else {
        name.to_owned()
    }
}

/// Formerly-query services declare a code of its own for that protocol; elsewhere the shape's
/// name is asked for.
fn error_name<'a>(service: &ServiceSchema, error: &'a AwsError) -> &'a str {
    match error.shape() {
        Some(shape) if service.query_compatible => shape.schema.name,
        _ => error.code(),
    }
}

/// Adds the headers that an error has in every JSON and CBOR protocol.
pub(super) fn add_error_headers(
    headers: &mut HeaderMap,
    service: &ServiceSchema,
    error: &AwsError,
    context: ResponseContext<'_>,
) {
    add_request_id(headers, context);
    if service.query_compatible {
        let fault = if error.is_sender() { "Sender" } else { "Receiver" };
        if let Ok(value) = HeaderValue::try_from(format!("{};{fault}", error.query_code())) {
            headers.insert(QUERY_ERROR, value);
        }
    }
    for (name, value) in error.headers() {
        headers.append(name.clone(), value.clone());
    }
}

/// Adds the id of the request.
pub(super) fn add_request_id(headers: &mut HeaderMap, context: ResponseContext<'_>) {
    if let Ok(id) = HeaderValue::from_str(context.request_id) {
        headers.insert(REQUEST_ID, id);
    }
}
