//! REST-JSON: HTTP bindings, with JSON bodies.
//!
//! Reference: <https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html>.

use http::{HeaderName, HeaderValue, Response};

use super::error_members::{ErrorMembers, add_request_id};
use super::http_binding::{self, BodyFormat, OnMember, check_media_types, is_in_request_body, write_parts};
use super::json_body::{self, CodeIn};
use super::{Protocol, ProtocolRequest, ResponseContext};
use crate::codec::json::{self, JsonDeserializer, JsonSerializer, Timestamps};
use crate::error::{AwsError, CodecError};
use crate::schema::{Member, OperationSchema, ProtocolId, ServiceSchema};
use crate::shape::{DecodeReport, SeenMembers, Shape, ShapeDeserializer, ShapeSerializer, Visit};
use crate::stream::ByteStream;

const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");
const MEDIA_TYPE: &str = "application/json";

/// REST-JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct RestJson;

impl BodyFormat for RestJson {
    fn media_type(&self) -> &'static str {
        MEDIA_TYPE
    }

    fn writes_empty_bodies(&self) -> bool {
        true
    }

    fn read_body(
        &self,
        operation: &'static OperationSchema,
        body: &[u8],
        report: &mut DecodeReport,
        seen: &mut SeenMembers,
        on_member: &mut OnMember<'_>,
    ) -> Visit {
        let mut reader = JsonDeserializer::new(body, report)?;
        reader.read_members(operation.input, seen, is_in_request_body, on_member)?;
        reader.finish()
    }

    fn read_payload(
        &self,
        _: &'static Member,
        body: &[u8],
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let mut reader = JsonDeserializer::new(body, report)?;
        read(&mut reader)?;
        reader.finish()
    }

    fn write_body(&self, _: &'static OperationSchema, members: &dyn Shape, to: &mut Vec<u8>) -> Visit {
        json::write_shape(members, Timestamps::ByModel, to)
    }

    fn write_payload(
        &self,
        _: &'static OperationSchema,
        _: &'static Member,
        to: &mut Vec<u8>,
        write: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        write(&mut JsonSerializer::new(to))
    }
}

impl Protocol for RestJson {
    fn id(&self) -> ProtocolId {
        ProtocolId::RestJson
    }

    fn decode(
        &self,
        operation: &'static OperationSchema,
        request: &ProtocolRequest<'_>,
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        check_media_types(self, operation, request)?;
        http_binding::decode(self, operation, request, report, read)
    }

    fn encode(
        &self,
        operation: &'static OperationSchema,
        output: &dyn Shape,
        context: ResponseContext<'_>,
    ) -> Result<Response<ByteStream>, CodecError> {
        let mut response = http_binding::encode(self, operation, output)?;
        add_request_id(response.headers_mut(), context);
        Ok(response)
    }

    fn encode_error(
        &self,
        service: &'static ServiceSchema,
        error: &AwsError,
        context: ResponseContext<'_>,
    ) -> Response<ByteStream> {
        let media_type = HeaderValue::from_static(MEDIA_TYPE);
        let mut response =
            json_body::encode_error(service, error, context, media_type, Timestamps::ByModel, CodeIn::Header);
        let headers = response.headers_mut();
        if let Some(shape) = error.shape()
            && let Ok(parts) = write_parts(None, &ErrorMembers { error, schema: shape.schema })
        {
            headers.extend(parts.headers);
        }
        if let Ok(code) = HeaderValue::from_str(error.code()) {
            headers.insert(ERROR_TYPE, code);
        }
        response
    }

    fn decode_error(&self, error: &CodecError) -> AwsError {
        json_body::decode_error(error)
    }
}
