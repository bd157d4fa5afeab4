//! Smithy RPC v2 with CBOR: the path names service and operation, the body is one CBOR map.
//!
//! Reference: <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};

use super::error_members::{
    ErrorMembers, add_error_headers, add_request_id, error_type, undeclared_fields, undeclared_message,
};
use super::{Protocol, ProtocolRequest, ResponseContext, json_body};
use crate::codec::cbor::{self, CborDeserializer, CborSerializer};
use crate::error::{AwsError, CodecError, CodecErrorKind};
use crate::eventstream::{self, EventFormat, rpc_stream};
use crate::schema::{OperationSchema, ProtocolId, ServiceSchema};
use crate::shape::{DecodeReport, Shape, ShapeDeserializer, Visit};
use crate::stream::ByteStream;

const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const PROTOCOL_NAME: HeaderValue = HeaderValue::from_static("rpc-v2-cbor");
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/cbor");

/// Smithy RPC v2 with CBOR.
#[derive(Clone, Copy, Debug, Default)]
pub struct RpcV2Cbor;

impl Protocol for RpcV2Cbor {
    fn id(&self) -> ProtocolId {
        ProtocolId::RpcV2Cbor
    }

    fn decode(
        &self,
        _: &'static OperationSchema,
        request: &ProtocolRequest<'_>,
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let body = request.bytes();
        if body.is_empty() {
            return read(&mut CborDeserializer::new(&[0xa0], report));
        }
        if request.headers.get(CONTENT_TYPE).is_some_and(|given| !is_cbor(given)) {
            return Err(CodecError::new(
                CodecErrorKind::MediaType,
                "expected a body of type `application/cbor`",
            ));
        }
        let mut reader = CborDeserializer::new(&body, report);
        read(&mut reader)?;
        reader.finish()
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
        if let Some(stream) = rpc_stream(EventFormat::Cbor, output)? {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(eventstream::MEDIA_TYPE));
            *response.body_mut() = stream;
        } else if !output.schema().is_unit() {
            headers.insert(CONTENT_TYPE, MEDIA_TYPE);
            let mut body = Vec::with_capacity(256);
            cbor::write_shape(output, &mut body)?;
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
        let mut body = Vec::with_capacity(128);
        let written = CborSerializer::new(&mut body).object(|to| {
            to.text_field("__type", &error_type(service, error));
            if let Some(message) = undeclared_message(error) {
                to.text_field("message", message);
            }
            undeclared_fields(error).for_each(|(name, value)| to.field(name, value));
            match error.shape() {
                Some(shape) => ErrorMembers { error, schema: shape.schema }.write_members(to),
                None => Ok(()),
            }
        });
        if written.is_err() {
            // A field has another type than the model says. The code is worth more than the field.
            body.clear();
            let _ = CborSerializer::new(&mut body).object(|to| {
                to.text_field("__type", error.code());
                to.text_field("message", error.message());
                Ok(())
            });
        }
        let mut response = Response::new(ByteStream::from(body));
        *response.status_mut() =
            StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(SMITHY_PROTOCOL, PROTOCOL_NAME);
        headers.insert(CONTENT_TYPE, MEDIA_TYPE);
        add_error_headers(headers, service, error, context);
        response
    }

    fn decode_error(&self, error: &CodecError) -> AwsError {
        json_body::decode_error(error)
    }
}

fn is_cbor(content_type: &HeaderValue) -> bool {
    let text = content_type.to_str().unwrap_or_default();
    text.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/cbor"))
}
