//! Answers: protocols by id, and what every answer of the cloud carries.

use cloudtwin_smithy::protocol::aws_json::AwsJson;
use cloudtwin_smithy::protocol::ec2::Ec2;
use cloudtwin_smithy::protocol::query::Query;
use cloudtwin_smithy::protocol::rest_json::RestJson;
use cloudtwin_smithy::protocol::rest_xml::{self, RestXml};
use cloudtwin_smithy::protocol::rpc_cbor::RpcV2Cbor;
use cloudtwin_smithy::protocol::rpc_json::RpcV2Json;
use cloudtwin_smithy::protocol::{Protocol, ResponseContext};
use cloudtwin_smithy::schema::{ProtocolId, ServiceSchema};
use cloudtwin_smithy::{AwsError, ByteStream};
use http::header::{HeaderName, HeaderValue, SERVER};
use http::{Response, StatusCode};

/// The implementation of a protocol.
pub(crate) fn protocol(id: ProtocolId) -> &'static dyn Protocol {
    match id {
        ProtocolId::Query => &Query,
        ProtocolId::Ec2 => &Ec2,
        ProtocolId::Json => &AwsJson,
        ProtocolId::RestJson => &RestJson,
        ProtocolId::RestXml => &RestXml,
        ProtocolId::RpcV2Cbor => &RpcV2Cbor,
        ProtocolId::RpcV2Json => &RpcV2Json,
    }
}

const AMZN_REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const AMZ_REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const AMZ_ID_2: HeaderName = HeaderName::from_static("x-amz-id-2");

/// Adds S3's ids, which stand in other headers than the other services', and its name.
pub(crate) fn add_ids(service: &ServiceSchema, request_id: &str, response: &mut Response<ByteStream>) {
    if service.name != "s3" {
        return;
    }
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(AMZ_REQUEST_ID, id);
    }
    if let Ok(id) = HeaderValue::from_str(&rest_xml::host_id(request_id)) {
        headers.insert(AMZ_ID_2, id);
    }
    headers.insert(SERVER, HeaderValue::from_static("AmazonS3"));
}

/// The answer that carries `error`.
pub(crate) fn error(
    service: &'static ServiceSchema,
    id: ProtocolId,
    context: ResponseContext<'_>,
    is_head: bool,
    error: &AwsError,
) -> Response<ByteStream> {
    let mut response = protocol(id).encode_error(service, error, context);
    add_ids(service, context.request_id, &mut response);
    if is_head || error.status() == 304 {
        // Nothing may follow the head of these. What would have is not announced either.
        *response.body_mut() = ByteStream::empty();
        response.headers_mut().remove(http::header::CONTENT_LENGTH);
    }
    response
}

/// The answer to a request that names no operation where its service's protocols want one named.
/// What stands before AWS's protocols gives it, so it has no form of theirs, and no content type.
pub(crate) fn no_operation(request_id: &str) -> Response<ByteStream> {
    let mut response = Response::new(ByteStream::from("<UnknownOperationException/>\n".to_owned()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert(AMZN_REQUEST_ID, id);
    }
    response
}

/// Adds what a handler asked for beside its output.
pub(crate) fn finish(
    service: &'static ServiceSchema,
    request_id: &str,
    extras: crate::ctx::ResponseExtras,
    response: &mut Response<ByteStream>,
) {
    add_ids(service, request_id, response);
    if let Some(status) = extras.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        *response.status_mut() = status;
    }
    for (name, value) in extras.headers {
        response.headers_mut().append(name, value);
    }
}
