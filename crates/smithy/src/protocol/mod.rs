//! The wire protocols: how an operation's input and output become HTTP, and back.
//!
//! A protocol knows operations and schemas, never a service's rules. It is given a request whose
//! operation was already identified, and lends the caller a [`ShapeDeserializer`] on the input;
//! it is given an output or an error, and makes the response.

pub mod aws_json;
pub mod ec2;
mod error_members;
pub mod http_binding;
mod json_body;
pub mod query;
mod query_json;
pub mod rest_json;
pub mod rest_xml;
pub mod rpc_cbor;
pub mod rpc_json;
mod xml_dialect;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use crate::error::{AwsError, CodecError};
use crate::schema::{OperationSchema, ProtocolId, ServiceSchema};
use crate::shape::{DecodeReport, Shape, ShapeDeserializer, Visit};
use crate::stream::ByteStream;

/// A request, as a protocol sees it.
pub struct ProtocolRequest<'a> {
    /// HTTP method.
    pub method: &'a http::Method,
    /// The raw path.
    pub path: &'a str,
    /// The raw query string, without `?`; empty if there is none.
    pub query: &'a str,
    /// The host that the request names, without port.
    pub host: &'a str,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// The URI labels in the order of the pattern, percent-decoded.
    pub labels: Vec<(&'static str, String)>,
    /// The body: in memory, unless the operation streams its input.
    pub body: ByteStream,
}

impl ProtocolRequest<'_> {
    /// The body's bytes; empty when it is a stream.
    pub fn bytes(&self) -> Bytes {
        self.body.as_bytes().unwrap_or_default()
    }
}

/// What the request has to say about its response.
#[derive(Clone, Copy, Debug)]
pub struct ResponseContext<'a> {
    /// The id of the request, which every response carries.
    pub request_id: &'a str,
    /// Its `Accept` header, for protocols that have more than one form of answers.
    pub accept: Option<&'a HeaderValue>,
}

impl<'a> ResponseContext<'a> {
    /// The response to the request `request_id`, in the protocol's own form.
    pub const fn new(request_id: &'a str) -> Self {
        Self { request_id, accept: None }
    }

    /// The same, in the form that `accept` asks for if there is such a one.
    #[must_use]
    pub const fn accepting(self, accept: Option<&'a HeaderValue>) -> Self {
        Self { accept, ..self }
    }
}

/// One wire protocol.
pub trait Protocol: Send + Sync {
    /// Which it is.
    fn id(&self) -> ProtocolId;

    /// Lends `read` a deserializer on the input of `operation`.
    fn decode(
        &self,
        operation: &'static OperationSchema,
        request: &ProtocolRequest<'_>,
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit;

    /// The response that carries `output`.
    fn encode(
        &self,
        operation: &'static OperationSchema,
        output: &dyn Shape,
        context: ResponseContext<'_>,
    ) -> Result<http::Response<ByteStream>, CodecError>;

    /// The response that carries `error`. The operation need not be known, the service is.
    fn encode_error(
        &self,
        service: &'static ServiceSchema,
        error: &AwsError,
        context: ResponseContext<'_>,
    ) -> http::Response<ByteStream>;

    /// The error for an input that could not be decoded (`SerializationException`,
    /// `MalformedInput`, `MalformedXML` …).
    fn decode_error(&self, error: &CodecError) -> AwsError;
}
