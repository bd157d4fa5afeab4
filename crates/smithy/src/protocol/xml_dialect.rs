//! What the protocols that answer in XML share, and the habits of single services that no model
//! tells.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use super::error_members::ErrorMembers;
use super::http_binding::write_parts;
use crate::codec::xml::{XmlSerializer, XmlStyle};
use crate::error::AwsError;
use crate::schema::{Location, ServiceSchema, XmlNamespace};
use crate::stream::ByteStream;

/// How a service writes XML.
#[derive(Clone, Copy, Debug)]
pub(super) struct XmlDialect {
    /// What stands before the root element.
    pub(super) declaration: &'static str,
    /// The namespace of answers.
    pub(super) namespace: Option<XmlNamespace>,
    /// How values are written.
    pub(super) style: XmlStyle,
    /// Whether REST errors are wrapped in `<ErrorResponse>` (Smithy: not `noErrorWrapping`).
    pub(super) wraps_errors: bool,
    /// Whether query errors have an empty `<Detail/>`.
    pub(super) error_detail: bool,
}

const FULL_DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

impl XmlDialect {
    /// The habits of `service`.
    pub(super) fn of(service: &ServiceSchema) -> Self {
        let plain = Self {
            declaration: "",
            namespace: service.xml_namespace,
            style: XmlStyle { milliseconds: false },
            wraps_errors: true,
            error_detail: false,
        };
        let milliseconds = XmlStyle { milliseconds: true };
        // Models that were made for other protocols, or for clients only, tell no namespace.
        let or_namespace = |uri| service.xml_namespace.or(Some(XmlNamespace { prefix: "", uri }));
        match service.service_id {
            "S3" => Self {
                declaration: FULL_DECLARATION,
                namespace: or_namespace("http://s3.amazonaws.com/doc/2006-03-01/"),
                style: milliseconds,
                wraps_errors: false,
                ..plain
            },
            "EC2" => Self { declaration: FULL_DECLARATION, style: milliseconds, ..plain },
            "SQS" => Self {
                declaration: "<?xml version=\"1.0\"?>",
                namespace: or_namespace("http://queue.amazonaws.com/doc/2012-11-05/"),
                error_detail: true,
                ..plain
            },
            "CloudFront" | "Route 53" => Self { declaration: "<?xml version=\"1.0\"?>\n", ..plain },
            _ => plain,
        }
    }

    /// An empty text that begins as the service's texts do.
    pub(super) fn serializer(&self) -> XmlSerializer {
        let mut xml = XmlSerializer::new(self.style);
        xml.raw(self.declaration);
        xml
    }

    /// Writes code, message and further members of `error`.
    pub(super) fn error_members(&self, xml: &mut XmlSerializer, code: &str, error: &AwsError) {
        xml.element("Code", code);
        if !error.message().is_empty() {
            xml.element("Message", error.message());
        }
        for (name, value) in error.fields() {
            match error.shape().and_then(|shape| shape.schema.member(name)) {
                Some(member) if member.location != Location::Body => {}
                Some(member) => {
                    // A value that does not fit its member must not leave half an element behind.
                    let mut part = XmlSerializer::new(self.style);
                    match value.write(member, &mut part) {
                        Ok(()) => xml.raw(&part.finish()),
                        Err(_) => xml.schemaless(member.wire_name(), value),
                    }
                }
                None => xml.schemaless(name, value),
            }
        }
    }
}

/// Who is to blame, in the words of the query protocol.
pub(super) fn error_type(error: &AwsError) -> &'static str {
    if error.is_sender() { "Sender" } else { "Receiver" }
}

/// A response with a body of this type; an empty body has none.
pub(super) fn response(status: u16, content_type: &'static str, body: String) -> Response<ByteStream> {
    let typed = !body.is_empty();
    let mut response = Response::new(ByteStream::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if typed {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    response
}

/// A response that carries `error`, with the headers that it adds and those that its members are
/// bound to.
pub(super) fn error_response(
    error: &AwsError,
    content_type: &'static str,
    body: String,
) -> Response<ByteStream> {
    let mut response = response(error.status(), content_type, body);
    let headers = response.headers_mut();
    if let Some(shape) = error.shape()
        && let Ok(parts) = write_parts(None, &ErrorMembers { error, schema: shape.schema })
    {
        headers.extend(parts.headers);
    }
    for (name, value) in error.headers() {
        headers.append(name, value.clone());
    }
    response
}

/// The extended request id of S3 (`HostId` and `x-amz-id-2`) for a request id: always the same,
/// so that header and body agree.
pub fn host_id(request_id: &str) -> String {
    // FNV-1a seeds SplitMix64; nothing here is secret.
    let mut state = request_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut bytes = Vec::with_capacity(56);
    for _ in 0..7 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes());
    }
    STANDARD.encode(bytes)
}
