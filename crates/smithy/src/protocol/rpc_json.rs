//! Smithy RPC v2 with JSON: the path names service and operation, the body is one JSON object.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::error_members::add_request_id;
use super::json_body::{self, CodeIn};
use super::{Protocol, ProtocolRequest, ResponseContext};
use crate::codec::json::{self, Timestamps};
use crate::error::{AwsError, CodecError};
use crate::eventstream::{self, EventFormat, rpc_stream};
use crate::schema::{OperationSchema, ProtocolId, ServiceSchema};
use crate::shape::{DecodeReport, Shape, ShapeDeserializer, Visit};
use crate::stream::ByteStream;

const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const PROTOCOL_NAME: HeaderValue = HeaderValue::from_static("rpc-v2-json");
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/json");

/// Smithy RPC v2 with JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct RpcV2Json;

impl Protocol for RpcV2Json {
    fn id(&self) -> ProtocolId {
        ProtocolId::RpcV2Json
    }

    fn decode(
        &self,
        _: &'static OperationSchema,
        request: &ProtocolRequest<'_>,
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        json_body::decode(&request.bytes(), Timestamps::Seconds, report, read)
    }

    fn encode(
        &self,
        operation: &'static OperationSchema,
        output: &dyn Shape,
        context: ResponseContext<'_>,
    ) -> Result<Response<ByteStream>, CodecError> {
        let mut response = Response::new(ByteStream::empty());
        *response.status_mut() = StatusCode::from_u16(operation.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(SMITHY_PROTOCOL, PROTOCOL_NAME);
        add_request_id(headers, context);
        if let Some(stream) = rpc_stream(EventFormat::RpcJson, output)? {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(eventstream::MEDIA_TYPE));
            *response.body_mut() = stream;
        } else if !output.schema().is_unit() {
            headers.insert(CONTENT_TYPE, MEDIA_TYPE);
            let mut body = Vec::with_capacity(256);
            json::write_shape(output, Timestamps::Seconds, &mut body)?;
            *response.body_mut() = body.into();
        }
        Ok(response)
    }

    fn encode_error(
        &self,
        service: &'static ServiceSchema,
        error: &AwsError,
        context: ResponseContext<'_>,
    ) -> Response<ByteStream> {
        let mut response =
            json_body::encode_error(service, error, context, MEDIA_TYPE, Timestamps::Seconds, CodeIn::Body);
        response.headers_mut().insert(SMITHY_PROTOCOL, PROTOCOL_NAME);
        response
    }

    fn decode_error(&self, error: &CodecError) -> AwsError {
        json_body::decode_error(error)
    }
}
