//! REST-XML: HTTP bindings, with XML bodies.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-restxml-protocol.html>

use http::Response;

use super::error_members::add_request_id;
use super::http_binding::{self, BodyFormat, OnMember, is_in_request_body};
use super::query::write_error;
pub use super::xml_dialect::host_id;
use super::xml_dialect::{XmlDialect, error_response};
use super::{Protocol, ProtocolRequest, ResponseContext};
use crate::codec::xml::{Tree, XmlDeserializer};
use crate::error::{AwsError, CodecError, CodecErrorKind};
use crate::schema::{Member, OperationSchema, ProtocolId, Schema, ServiceSchema};
use crate::shape::{DecodeReport, SeenMembers, Shape, ShapeDeserializer, ShapeSerializer, Visit};
use crate::stream::ByteStream;

const MEDIA_TYPE: &str = "application/xml";

/// REST-XML.
///
/// The `Content-Type` of requests is not looked at, as S3 does not.
#[derive(Clone, Copy, Debug)]
pub struct RestXml;

/// XML that does not fit the schema is as malformed as XML that is none: S3's answer is the same.
/// Values of other places keep their kind of error.
fn malformed(error: CodecError) -> CodecError {
    match error.kind {
        CodecErrorKind::Type => CodecError { kind: CodecErrorKind::Syntax, ..error },
        _ => error,
    }
}

fn check_root(tree: &Tree<'_>, names: &[Option<&str>]) -> Visit {
    let root = tree.name(tree.root());
    if names.contains(&Some(root)) {
        return Ok(());
    }
    let expected = names.iter().flatten().next().copied().unwrap_or_default();
    Err(CodecError::syntax(format!("the root element is `{root}`, not `{expected}`")))
}

/// The name of an output's root element.
fn output_root(operation: &OperationSchema, schema: &Schema) -> &'static str {
    operation.output_location_name.or(schema.location_name).unwrap_or(schema.name)
}

impl BodyFormat for RestXml {
    fn media_type(&self) -> &'static str {
        MEDIA_TYPE
    }

    fn writes_empty_bodies(&self) -> bool {
        false
    }

    fn read_body(
        &self,
        operation: &'static OperationSchema,
        body: &[u8],
        report: &mut DecodeReport,
        seen: &mut SeenMembers,
        on_member: &mut OnMember<'_>,
    ) -> Visit {
        let tree = Tree::parse(body)?;
        let schema = operation.input;
        match operation.input_location_name.or(schema.location_name) {
            Some(name) => check_root(&tree, &[Some(name)])?,
            None => check_root(&tree, &[Some(schema.name)])?,
        }
        XmlDeserializer::new(&tree, report)
            .read_members(schema, seen, is_in_request_body, on_member)
            .map_err(malformed)
    }

    fn read_payload(
        &self,
        member: &'static Member,
        body: &[u8],
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let tree = Tree::parse(body)?;
        let target = member.target;
        match member.location_name.or(target.location_name) {
            Some(name) => check_root(&tree, &[Some(name)])?,
            None => check_root(&tree, &[Some(member.name), Some(target.name)])?,
        }
        read(&mut XmlDeserializer::new(&tree, report)).map_err(malformed)
    }

    fn write_body(
        &self,
        operation: &'static OperationSchema,
        members: &dyn Shape,
        to: &mut Vec<u8>,
    ) -> Visit {
        let dialect = XmlDialect::of(operation.service);
        let mut xml = dialect.serializer();
        let schema = members.schema();
        let name = output_root(operation, schema);
        let namespace = schema.xml_namespace.or(dialect.namespace);
        if operation.unwrapped {
            xml.next_is_root(name, namespace);
            members.write_members(&mut xml)?;
        }
        if xml.is_before_root() {
            xml.start(name, namespace);
            xml.members(members)?;
            xml.end(name);
        }
        to.extend_from_slice(xml.finish().as_bytes());
        Ok(())
    }

    fn write_payload(
        &self,
        operation: &'static OperationSchema,
        member: &'static Member,
        to: &mut Vec<u8>,
        write: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        let dialect = XmlDialect::of(operation.service);
        let mut xml = dialect.serializer();
        let name = member.location_name.or(member.target.location_name).unwrap_or(member.name);
        xml.next_is_root(name, member.target.xml_namespace.or(dialect.namespace));
        write(&mut xml)?;
        to.extend_from_slice(xml.finish().as_bytes());
        Ok(())
    }
}

impl Protocol for RestXml {
    fn id(&self) -> ProtocolId {
        ProtocolId::RestXml
    }

    fn decode(
        &self,
        operation: &'static OperationSchema,
        request: &ProtocolRequest<'_>,
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        http_binding::decode(self, operation, request, report, read)
    }

    fn encode(
        &self,
        operation: &'static OperationSchema,
        output: &dyn Shape,
        context: ResponseContext<'_>,
    ) -> Result<Response<ByteStream>, CodecError> {
        let mut response = http_binding::encode(self, operation, output)?;
        if XmlDialect::of(operation.service).wraps_errors {
            add_request_id(response.headers_mut(), context);
        }
        Ok(response)
    }

    fn encode_error(
        &self,
        service: &'static ServiceSchema,
        error: &AwsError,
        context: ResponseContext<'_>,
    ) -> Response<ByteStream> {
        let dialect = XmlDialect::of(service);
        let mut xml = dialect.serializer();
        if dialect.wraps_errors {
            write_error(&mut xml, &dialect, error.code(), error, context);
            let mut response = error_response(error, MEDIA_TYPE, xml.finish());
            add_request_id(response.headers_mut(), context);
            return response;
        }
        if error.status() == 304 {
            // Not an error to HTTP, and without a body.
            return error_response(error, MEDIA_TYPE, String::new());
        }
        xml.start("Error", None);
        dialect.error_members(&mut xml, error.code(), error);
        xml.element("RequestId", context.request_id);
        xml.element("HostId", &host_id(context.request_id));
        xml.end("Error");
        error_response(error, MEDIA_TYPE, xml.finish())
    }

    fn decode_error(&self, error: &CodecError) -> AwsError {
        match error.kind {
            CodecErrorKind::Syntax | CodecErrorKind::TooLarge => AwsError::new(
                "MalformedXML",
                400,
                "The XML you provided was not well-formed or did not validate against our published schema",
            ),
            _ => AwsError::new("InvalidArgument", 400, error.message.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static S3: ServiceSchema = ServiceSchema {
        name: "s3",
        service_id: "S3",
        endpoint_prefix: "s3",
        signing_name: "s3",
        api_version: "2006-03-01",
        target_prefix: "",
        json_version: "",
        protocols: &[ProtocolId::RestXml],
        xml_namespace: None,
        query_compatible: false,
    };

    #[test]
    fn errors_of_s3_are_not_wrapped_and_name_the_host() {
        let error = AwsError::new("NoSuchBucket", 404, "The specified bucket does not exist")
            .field("BucketName", "a&b");
        let response = RestXml.encode_error(&S3, &error, ResponseContext::new("R"));
        assert_eq!(response.status(), 404);
        assert_eq!(response.headers()["content-type"], "application/xml");
        let body = response.body().as_bytes().unwrap();
        let host = host_id("R");
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>NoSuchBucket</Code>\
                 <Message>The specified bucket does not exist</Message><BucketName>a&amp;b</BucketName>\
                 <RequestId>R</RequestId><HostId>{host}</HostId></Error>"
            )
        );
    }

    #[test]
    fn a_host_id_belongs_to_its_request() {
        assert_eq!(host_id("R").len(), 76);
        assert_eq!(host_id("R"), host_id("R"));
        assert_ne!(host_id("R"), host_id("S"));
    }

    #[test]
    fn not_modified_has_no_body() {
        let error = AwsError::new("NotModified", 304, "Not Modified");
        let response = RestXml.encode_error(&S3, &error, ResponseContext::new("R"));
        assert_eq!(response.status(), 304);
        assert!(response.body().as_bytes().unwrap().is_empty());
    }
}
