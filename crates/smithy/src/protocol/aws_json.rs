//! AWS JSON 1.0 and 1.1: `X-Amz-Target` names the operation, the body is one JSON object.
//!
//! References: <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html> and
//! <https://smithy.io/2.0/aws/protocols/aws-query-compatible.html>.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response, StatusCode};

use super::error_members::add_request_id;
use super::json_body::{self, CodeIn};
use super::{Protocol, ProtocolRequest, ResponseContext};
use crate::codec::json::{self, Timestamps};
use crate::error::{AwsError, CodecError, CodecErrorKind};
use crate::eventstream::{self, EventFormat, rpc_stream};
use crate::schema::{OperationSchema, ProtocolId, ServiceSchema};
use crate::shape::{DecodeReport, Shape, ShapeDeserializer, Visit};
use crate::stream::ByteStream;

/// The AWS JSON protocols; which of the two a service speaks stands in its schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct AwsJson;

fn content_type(service: &ServiceSchema) -> HeaderValue {
    HeaderValue::from_static(match service.json_version {
        "1.0" => "application/x-amz-json-1.0",
        _ => "application/x-amz-json-1.1",
    })
}

impl Protocol for AwsJson {
    fn id(&self) -> ProtocolId {
        ProtocolId::Json
    }

    fn decode(
        &self,
        _: &'static OperationSchema,
        request: &ProtocolRequest<'_>,
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        json_body::decode(&request.bytes(), Timestamps::ByModel, report, read)
    }

    fn encode(
        &self,
        operation: &'static OperationSchema,
        output: &dyn Shape,
        context: ResponseContext<'_>,
    ) -> Result<Response<ByteStream>, CodecError> {
        let format = if operation.service.json_version == "1.0" {
            EventFormat::AwsJson10
        } else {
            EventFormat::AwsJson11
        };
        let mut response = Response::new(ByteStream::empty());
        *response.status_mut() = StatusCode::from_u16(operation.status).unwrap_or(StatusCode::OK);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type(operation.service));
        add_request_id(headers, context);
        if let Some(stream) = rpc_stream(format, output)? {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(eventstream::MEDIA_TYPE));
            *response.body_mut() = stream;
        } else if !output.schema().is_unit() {
            let mut body = Vec::with_capacity(256);
            json::write_shape(output, Timestamps::ByModel, &mut body)?;
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
        json_body::encode_error(
            service,
            error,
            context,
            content_type(service),
            Timestamps::ByModel,
            CodeIn::Body,
        )
    }

    fn decode_error(&self, error: &CodecError) -> AwsError {
        match error.kind {
            CodecErrorKind::Output => json_body::decode_error(error),
            _ => AwsError::new("SerializationException", 400, error.message.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Document, DocumentShape};
    use crate::error::ErrorShape;
    use crate::schema::{Member, Schema, ShapeType};

    static STRING: Schema = Schema::of("String", ShapeType::String);
    static NOT_FOUND_MEMBERS: [Member; 2] =
        [Member::of("Message", 0, &STRING), Member::of("ResourceId", 1, &STRING)];
    static NOT_FOUND: Schema =
        Schema { members: &NOT_FOUND_MEMBERS, ..Schema::of("QueueDoesNotExist", ShapeType::Structure) };
    static QUEUE_DOES_NOT_EXIST: ErrorShape = ErrorShape {
        schema: &NOT_FOUND,
        code: "QueueDoesNotExist",
        status: 400,
        sender: true,
        query_code: Some("AWS.SimpleQueueService.NonExistentQueue"),
    };
    const CONTEXT: ResponseContext<'_> = ResponseContext::new("id-1");

    static SQS: ServiceSchema = service(true);
    static OTHER: ServiceSchema = service(false);

    const fn service(query_compatible: bool) -> ServiceSchema {
        ServiceSchema {
            name: "sqs",
            service_id: "SQS",
            endpoint_prefix: "sqs",
            signing_name: "sqs",
            api_version: "2012-11-05",
            target_prefix: "AmazonSQS",
            json_version: "1.0",
            protocols: &[ProtocolId::Json],
            xml_namespace: None,
            query_compatible,
        }
    }

    fn answer(service: &'static ServiceSchema, error: &AwsError) -> (Response<ByteStream>, Document) {
        let response = AwsJson.encode_error(service, error, CONTEXT);
        let body = json::read_document(&response.body().as_bytes().unwrap()).unwrap();
        (response, body)
    }

    fn text(body: &Document, name: &str) -> Option<String> {
        body.get(name).and_then(Document::as_str).map(str::to_owned)
    }

    #[test]
    fn sqs_names_its_namespace_and_its_old_code() {
        let error = QUEUE_DOES_NOT_EXIST.with("The specified queue does not exist.");
        let (response, body) = answer(&SQS, &error);
        assert_eq!(response.status(), 400);
        assert_eq!(response.headers()["x-amzn-requestid"], "id-1");
        assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
        let query_error = &response.headers()["x-amzn-query-error"];
        assert_eq!(query_error, "AWS.SimpleQueueService.NonExistentQueue;Sender");
        assert_eq!(text(&body, "__type").unwrap(), "com.amazonaws.sqs#QueueDoesNotExist");
        assert_eq!(text(&body, "Message").unwrap(), "The specified queue does not exist.");
    }

    #[test]
    fn errors_keep_members_that_no_model_knows() {
        let error = QUEUE_DOES_NOT_EXIST.with("m").field("ResourceId", "q").field("Hint", "h");
        let (response, body) = answer(&OTHER, &error);
        assert!(!response.headers().contains_key("x-amzn-query-error"));
        assert_eq!(text(&body, "__type").unwrap(), "QueueDoesNotExist");
        assert_eq!(text(&body, "ResourceId").unwrap(), "q");
        assert_eq!(text(&body, "Hint").unwrap(), "h");
        let (_, body) = answer(&OTHER, &AwsError::new("Throttling", 400, "slow down"));
        assert_eq!(text(&body, "message").unwrap(), "slow down");
    }

    #[test]
    fn a_field_of_the_wrong_type_does_not_hide_the_error() {
        let error = QUEUE_DOES_NOT_EXIST.with("m").field("ResourceId", 5);
        let (response, body) = answer(&OTHER, &error);
        assert_eq!(response.status(), 400);
        assert_eq!(text(&body, "__type").unwrap(), "QueueDoesNotExist");
        assert_eq!(text(&body, "message").unwrap(), "m");
    }

    static EVENTS: Schema = Schema { event_stream: true, ..Schema::of("Events", ShapeType::Union) };
    static OUTPUT_MEMBERS: [Member; 2] =
        [Member::of("ShardId", 0, &STRING), Member::of("Events", 1, &EVENTS)];
    static OUTPUT: Schema =
        Schema { members: &OUTPUT_MEMBERS, ..Schema::of("SubscribeOutput", ShapeType::Structure) };

    struct Subscription {
        shard_id: Document,
        events: ByteStream,
    }

    impl Shape for Subscription {
        fn schema(&self) -> &'static Schema {
            &OUTPUT
        }

        fn write_members(&self, to: &mut dyn crate::ShapeSerializer) -> Visit {
            let [shard_id, events] = &OUTPUT_MEMBERS;
            self.shard_id.write(shard_id, to)?;
            to.write_stream(events, &self.events)
        }
    }

    #[test]
    fn an_event_stream_begins_with_the_other_members() {
        let output = Subscription { shard_id: "shard-1".into(), events: b"frames".to_vec().into() };
        let mut stream = rpc_stream(EventFormat::AwsJson11, &output).unwrap().unwrap();
        let mut frames = Vec::new();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        while let std::task::Poll::Ready(Some(Ok(frame))) =
            http_body::Body::poll_frame(std::pin::Pin::new(&mut stream), &mut context)
        {
            frames.push(frame.into_data().unwrap());
        }
        let (first, _) = eventstream::decode_frame(&frames[0]).unwrap().unwrap();
        assert_eq!(first.text_header(":event-type"), Some("initial-response"));
        assert_eq!(first.text_header(":content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(first.payload, r#"{"ShardId":"shard-1"}"#);
        assert_eq!(frames[1], "frames");
        assert_eq!(frames.len(), 2);
    }

    #[test]
    fn an_output_without_a_stream_is_none() {
        let document = Document::default();
        let output = DocumentShape { schema: &NOT_FOUND, document: &document };
        assert!(rpc_stream(EventFormat::AwsJson10, &output).unwrap().is_none());
    }
}
