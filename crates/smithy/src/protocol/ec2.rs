//! EC2's variant of the query protocol: flattened lists, capitalised names, answers without a
//! wrapper.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html>

use super::error_members::add_request_id;
use super::xml_dialect::{XmlDialect, error_response, response};
use super::{Protocol, ProtocolRequest, ResponseContext};
use crate::codec::form::{Form, FormDeserializer, FormDialect};
use crate::error::{AwsError, CodecError, CodecErrorKind};
use crate::schema::{OperationSchema, ProtocolId, ServiceSchema};
use crate::shape::{DecodeReport, Shape, ShapeDeserializer, Visit};
use crate::stream::ByteStream;

const CONTENT_TYPE: &str = "text/xml;charset=UTF-8";

/// EC2's query protocol.
#[derive(Clone, Copy, Debug)]
pub struct Ec2;

impl Protocol for Ec2 {
    fn id(&self) -> ProtocolId {
        ProtocolId::Ec2
    }

    fn decode(
        &self,
        _: &'static OperationSchema,
        request: &ProtocolRequest<'_>,
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let body = request.bytes();
        let mut form = Form::default();
        form.add(&body)?;
        form.add(request.query.as_bytes())?;
        read(&mut FormDeserializer::new(&form, FormDialect::Ec2, report))
    }

    fn encode(
        &self,
        operation: &'static OperationSchema,
        output: &dyn Shape,
        context: ResponseContext<'_>,
    ) -> Result<http::Response<ByteStream>, CodecError> {
        let mut xml = XmlDialect::of(operation.service).serializer();
        let root = format!("{}Response", operation.name);
        xml.start(&root, operation.service.xml_namespace);
        xml.element("requestId", context.request_id);
        xml.members(output)?;
        xml.end(&root);
        let mut response = response(operation.status, CONTENT_TYPE, xml.finish());
        add_request_id(response.headers_mut(), context);
        Ok(response)
    }

    fn encode_error(
        &self,
        service: &'static ServiceSchema,
        error: &AwsError,
        context: ResponseContext<'_>,
    ) -> http::Response<ByteStream> {
        let dialect = XmlDialect::of(service);
        let mut xml = dialect.serializer();
        xml.start("Response", None);
        xml.start("Errors", None);
        xml.start("Error", None);
        dialect.error_members(&mut xml, error.code(), error);
        xml.end("Error");
        xml.end("Errors");
        xml.element("RequestID", context.request_id);
        xml.end("Response");
        let mut response = error_response(error, CONTENT_TYPE, xml.finish());
        add_request_id(response.headers_mut(), context);
        response
    }

    fn decode_error(&self, error: &CodecError) -> AwsError {
        match error.kind {
            CodecErrorKind::Syntax => AwsError::new("MalformedQueryString", 404, error.message.as_str()),
            _ => AwsError::new("InvalidParameterValue", 400, error.message.as_str()),
        }
    }
}
