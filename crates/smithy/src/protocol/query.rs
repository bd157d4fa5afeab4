//! The query protocol: `Action=…&Version=…` as a form, XML out; JSON for who asks for it.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>

use http::header::HOST;

use super::error_members::add_request_id;
use super::query_json;
use super::xml_dialect::{XmlDialect, error_response, error_type, response};
use super::{Protocol, ProtocolRequest, ResponseContext};
use crate::codec::form::{Form, FormDeserializer, FormDialect};
use crate::codec::xml::XmlSerializer;
use crate::error::{AwsError, CodecError, CodecErrorKind};
use crate::schema::{OperationSchema, ProtocolId, ServiceSchema};
use crate::shape::{DecodeReport, Shape, ShapeDeserializer, Visit};
use crate::stream::ByteStream;

const CONTENT_TYPE: &str = "text/xml";

/// The query protocol.
#[derive(Clone, Copy, Debug)]
pub struct Query;

impl Protocol for Query {
    fn id(&self) -> ProtocolId {
        ProtocolId::Query
    }

    fn decode(
        &self,
        operation: &'static OperationSchema,
        request: &ProtocolRequest<'_>,
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let body = request.bytes();
        let mut form = Form::default();
        form.add(&body)?;
        form.add(request.query.as_bytes())?;
        if let Some(queue_url) = queue_url(operation, request) {
            form.set_default("QueueUrl", queue_url)?;
        }
        read(&mut FormDeserializer::new(&form, FormDialect::Query, report))
    }

    fn encode(
        &self,
        operation: &'static OperationSchema,
        output: &dyn Shape,
        context: ResponseContext<'_>,
    ) -> Result<http::Response<ByteStream>, CodecError> {
        if query_json::is_preferred(context.accept) {
            return query_json::encode(operation, output, context);
        }
        let dialect = XmlDialect::of(operation.service);
        let mut xml = dialect.serializer();
        let root = format!("{}Response", operation.name);
        xml.start(&root, dialect.namespace);
        let unnamed = format!("{}Result", operation.name);
        let wrapper = match operation.result_wrapper {
            // A service that has moved to JSON no longer tells its wrappers.
            None if !output.schema().is_unit() => Some(unnamed.as_str()),
            wrapper => wrapper,
        };
        if let Some(wrapper) = wrapper {
            xml.start(wrapper, None);
            xml.members(output)?;
            xml.end(wrapper);
        }
        xml.start("ResponseMetadata", None);
        xml.element("RequestId", context.request_id);
        xml.end("ResponseMetadata");
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
        let reworded = reworded(service, error);
        let error = reworded.as_ref().unwrap_or(error);
        let code = if service.query_compatible { error.query_code() } else { error.code() };
        if query_json::is_preferred(context.accept) {
            return query_json::encode_error(code, error, context);
        }
        let dialect = XmlDialect::of(service);
        let mut xml = dialect.serializer();
        write_error(&mut xml, &dialect, code, error, context);
        let mut response = error_response(error, CONTENT_TYPE, xml.finish());
        add_request_id(response.headers_mut(), context);
        response
    }

    fn decode_error(&self, error: &CodecError) -> AwsError {
        match error.kind {
            CodecErrorKind::Syntax => AwsError::new("MalformedQueryString", 404, error.message.as_str()),
            _ => AwsError::new("MalformedInput", 400, error.message.as_str()),
        }
    }
}

/// SQS words one of its errors differently here than in JSON.
fn reworded(service: &ServiceSchema, error: &AwsError) -> Option<AwsError> {
    let shape =
        error.shape().filter(|shape| service.service_id == "SQS" && shape.code == "QueueDoesNotExist")?;
    Some(shape.with("The specified queue does not exist for this wsdl version."))
}

/// Writes the `<ErrorResponse>` that the query protocol and most REST services have.
pub(super) fn write_error(
    xml: &mut XmlSerializer,
    dialect: &XmlDialect,
    code: &str,
    error: &AwsError,
    context: ResponseContext<'_>,
) {
    xml.start("ErrorResponse", dialect.namespace);
    xml.start("Error", None);
    xml.element("Type", error_type(error));
    dialect.error_members(xml, code, error);
    if dialect.error_detail {
        xml.start("Detail", None);
        xml.end("Detail");
    }
    xml.end("Error");
    xml.element("RequestId", context.request_id);
    xml.end("ErrorResponse");
}

/// The queue's URL, when it is the URL of the request: SQS takes queries there without a
/// `QueueUrl`.
fn queue_url(operation: &OperationSchema, request: &ProtocolRequest<'_>) -> Option<String> {
    operation.input.member("QueueUrl").filter(|_| operation.service.service_id == "SQS")?;
    let path = request.path.trim_end_matches('/');
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or(request.host);
    (path.len() > 1).then(|| format!("http://{host}{path}"))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::authorization::Authorization;
    use crate::document::{Document, DocumentShape};
    use crate::error::ErrorShape;
    use crate::schema::{Member, Schema, ShapeType, prelude};

    static SQS: ServiceSchema = ServiceSchema {
        name: "sqs",
        service_id: "SQS",
        endpoint_prefix: "sqs",
        signing_name: "sqs",
        api_version: "2012-11-05",
        target_prefix: "AmazonSQS",
        json_version: "1.0",
        protocols: &[ProtocolId::Json, ProtocolId::Query],
        xml_namespace: None,
        query_compatible: true,
    };
    static INPUT: Schema = Schema {
        members: &[
            Member::of("QueueUrl", 0, &prelude::STRING),
            Member::of("MessageBody", 1, &prelude::STRING),
        ],
        ..Schema::of("SendMessageRequest", ShapeType::Structure)
    };
    static OUTPUT: Schema = Schema {
        members: &[Member::of("MessageId", 0, &prelude::STRING)],
        ..Schema::of("SendMessageResult", ShapeType::Structure)
    };
    static SEND_MESSAGE: OperationSchema = OperationSchema {
        name: "SendMessage",
        service: &SQS,
        method: "POST",
        uri: "/",
        status: 200,
        input: &INPUT,
        output: &OUTPUT,
        errors: &[],
        input_location_name: None,
        input_xml_namespace: None,
        output_location_name: None,
        unwrapped: false,
        result_wrapper: None,
        host_prefix: None,
        anonymous: false,
        checksum_required: false,
        authorization: &Authorization::NONE,
    };
    static QUEUE_DOES_NOT_EXIST: ErrorShape = ErrorShape {
        schema: &Schema::of("QueueDoesNotExist", ShapeType::Structure),
        code: "QueueDoesNotExist",
        status: 400,
        sender: true,
        query_code: Some("AWS.SimpleQueueService.NonExistentQueue"),
    };
    const CONTEXT: ResponseContext<'_> = ResponseContext::new("id-1");

    fn decode(method: &Method, path: &str, query: &str, body: &str) -> Document {
        let request = ProtocolRequest {
            method,
            path,
            query,
            host: "sqs.us-east-1.localhost",
            headers: &HeaderMap::from_iter([(HOST, "localhost:4566".parse().unwrap())]),
            labels: Vec::new(),
            body: body.to_owned().into(),
        };
        let mut document = Document::Null;
        Query
            .decode(&SEND_MESSAGE, &request, &mut DecodeReport::default(), &mut |from| {
                document = Document::read_structure(&INPUT, from)?;
                Ok(())
            })
            .unwrap();
        document
    }

    fn text(response: &http::Response<ByteStream>) -> String {
        String::from_utf8(response.body().as_bytes().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn the_queue_may_be_the_url_of_a_get_request() {
        let document = decode(&Method::GET, "/000000000000/q", "Action=SendMessage&MessageBody=a%20b", "");
        assert_eq!(document.get("QueueUrl"), Some(&"http://localhost:4566/000000000000/q".into()));
        assert_eq!(document.get("MessageBody"), Some(&"a b".into()));
    }

    #[test]
    fn a_queue_url_in_the_form_wins() {
        let document = decode(&Method::POST, "/1/other", "", "QueueUrl=http%3A%2F%2Fh%2F1%2Fq");
        assert_eq!(document.get("QueueUrl"), Some(&"http://h/1/q".into()));
        assert_eq!(decode(&Method::POST, "/", "", "").get("QueueUrl"), None);
    }

    #[test]
    fn sqs_answers_as_it_did_before_json() {
        let document = [("MessageId".to_owned(), "m".into())].into_iter().collect();
        let output = DocumentShape { schema: &OUTPUT, document: &document };
        let response = Query.encode(&SEND_MESSAGE, &output, CONTEXT).unwrap();
        assert_eq!(response.headers()["content-type"], "text/xml");
        assert_eq!(
            text(&response),
            "<?xml version=\"1.0\"?>\
             <SendMessageResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\
             <SendMessageResult><MessageId>m</MessageId></SendMessageResult>\
             <ResponseMetadata><RequestId>id-1</RequestId></ResponseMetadata></SendMessageResponse>"
        );
    }

    #[test]
    fn errors_of_sqs_have_their_query_code_and_a_detail() {
        let error = QUEUE_DOES_NOT_EXIST.with("The specified queue does not exist.");
        let response = Query.encode_error(&SQS, &error, CONTEXT);
        assert_eq!(response.status(), 400);
        assert_eq!(
            text(&response),
            "<?xml version=\"1.0\"?>\
             <ErrorResponse xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\"><Error><Type>Sender</Type>\
             <Code>AWS.SimpleQueueService.NonExistentQueue</Code>\
             <Message>The specified queue does not exist for this wsdl version.</Message><Detail/></Error>\
             <RequestId>id-1</RequestId></ErrorResponse>"
        );
    }

    static ATTRIBUTES: Schema = Schema {
        members: &[
            Member { location_name: Some("Name"), ..Member::of("key", 0, &prelude::STRING) },
            Member { location_name: Some("Value"), ..Member::of("value", 1, &prelude::STRING) },
        ],
        flattened: true,
        ..Schema::of("MessageSystemAttributeMap", ShapeType::Map)
    };
    static MESSAGE: Schema = Schema {
        members: &[
            Member::of("MessageId", 0, &prelude::STRING),
            Member::of("Body", 1, &prelude::STRING),
            Member::of("Attributes", 2, &ATTRIBUTES),
        ],
        ..Schema::of("Message", ShapeType::Structure)
    };
    static MESSAGES: Schema = Schema {
        members: &[Member::of("member", 0, &MESSAGE)],
        ..Schema::of("MessageList", ShapeType::List)
    };
    static RECEIVED: Schema = Schema {
        members: &[Member::of("Messages", 0, &MESSAGES)],
        ..Schema::of("ReceiveMessageResult", ShapeType::Structure)
    };
    static RECEIVE_MESSAGE: OperationSchema =
        OperationSchema { name: "ReceiveMessage", output: &RECEIVED, ..SEND_MESSAGE };
    static JSON: http::HeaderValue = http::HeaderValue::from_static("application/json");

    #[test]
    fn who_asks_for_json_gets_it() {
        let context = CONTEXT.accepting(Some(&JSON));
        let attributes: Document = [("SenderId".to_owned(), "me".into())].into_iter().collect();
        let message = |attributes| {
            [("MessageId".to_owned(), "m".into()), ("Attributes".to_owned(), attributes)]
                .into_iter()
                .collect()
        };
        let messages = Document::List(vec![message(attributes), message(Document::Null)]);
        let document = [("Messages".to_owned(), messages)].into_iter().collect();
        let response = Query
            .encode(&RECEIVE_MESSAGE, &DocumentShape { schema: &RECEIVED, document: &document }, context)
            .unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert_eq!(
            text(&response),
            r#"{"ReceiveMessageResponse":{"ReceiveMessageResult":{"messages":["#.to_owned()
                + r#"{"Attributes":[{"Name":"SenderId","Value":"me"}],"Body":null,"MessageId":"m"},"#
                + r#"{"Attributes":null,"Body":null,"MessageId":"m"}]},"#
                + r#""ResponseMetadata":{"RequestId":"id-1"}}}"#
        );
        let nothing = Document::default();
        let response = Query
            .encode(&RECEIVE_MESSAGE, &DocumentShape { schema: &RECEIVED, document: &nothing }, context)
            .unwrap();
        assert!(text(&response).contains(r#""ReceiveMessageResult":{"messages":null}"#));
    }

    #[test]
    fn errors_are_json_too() {
        let error = QUEUE_DOES_NOT_EXIST.with("The specified queue does not exist.");
        let response = Query.encode_error(&SQS, &error, CONTEXT.accepting(Some(&JSON)));
        assert_eq!((response.status().as_u16(), &response.headers()["content-type"]), (400, &JSON));
        assert_eq!(
            text(&response),
            r#"{"Error":{"Code":"AWS.SimpleQueueService.NonExistentQueue","#.to_owned()
                + r#""Message":"The specified queue does not exist for this wsdl version.","Type":"Sender"},"#
                + r#""RequestId":"id-1"}"#
        );
    }
}
