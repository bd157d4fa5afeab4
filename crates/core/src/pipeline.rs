//! The life of a request, stage by stage.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cloudtwin_smithy::codec::document::DocumentReader;
use cloudtwin_smithy::protocol::{ProtocolRequest, ResponseContext};
use cloudtwin_smithy::route::RouteError;
use cloudtwin_smithy::schema::ProtocolId;
use cloudtwin_smithy::shape::AnyShape;
use cloudtwin_smithy::{AwsError, ByteStream, DecodeReport, Document, StreamError, validate};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};

use crate::authenticate::{Authenticated, authenticate, family};
use crate::authorize::Operation;
use crate::body::{self, CollectError};
use crate::call::{Internal, whole_document};
use crate::caller::{Caller, Principal};
use crate::cloud::{Cloud, uuid};
use crate::config::ConnectionInfo;
use crate::ctx::{Ctx, RequestFacts};
use crate::effects::EffectRow;
use crate::identify::{self, Found, Identified};
use crate::record::{Identity, RequestRecord, redacted};
use crate::respond;
use crate::service::{AnyOperation, Known, Service, ValidationStyle};

/// Calls that call each other deeper than this are taken for a loop.
const MAX_CALL_DEPTH: u32 = 16;

/// A form is only looked at for its `Action` when it is no longer than this, in bytes.
const MAX_FORM: usize = 16 << 20;

impl Cloud {
    /// Answers one request. What cannot be served is an answer too.
    pub async fn handle(&self, request: Request<ByteStream>) -> Response<ByteStream> {
        let (parts, body) = request.into_parts();
        if let Some(door) = self.front_door(&parts) {
            return door.answer(self.clone(), Request::from_parts(parts, body)).await;
        }
        let mut call = WireCall::begin(self, &parts);
        let (form, body) = match call.collect_form(body).await {
            Ok(collected) => collected,
            Err(error) => return call.refuse_unidentified(&error),
        };
        let Ok(identified) = identify::identify(self, &parts, form.as_ref()) else {
            return call.refuse_unidentified(&unidentified());
        };
        let service = identified.service.schema();
        call.identified(service, identified.protocol);
        match Box::pin(self.serve(&mut call, identified, body)).await {
            Ok(response) => call.end(response),
            Err(error) => call.refuse(service, &error),
        }
    }

    /// The service that a request means, as far as its head tells.
    pub fn service_of(&self, head: &Parts) -> Option<&'static str> {
        identify::identify(self, head, None).ok().map(|identified| identified.service.schema().name)
    }

    /// The stages between identification and the answer.
    async fn serve(
        &self,
        call: &mut WireCall<'_>,
        identified: Identified,
        body: ByteStream,
    ) -> Result<Response<ByteStream>, AwsError> {
        let parts = call.parts;
        if identified.names_no_operation() {
            call.record.error = Some("UnknownOperationException".to_owned());
            return Ok(respond::no_operation(&call.record.request_id));
        }
        let service = match &identified.service {
            Found::Served(_) => self.enabled(&identified.service)?,
            Found::Indexed(indexed) => {
                let query = parts.uri.query().unwrap_or_default();
                let operation = match &identified.operation {
                    Some(name) => indexed.operation(name),
                    None => indexed.route(parts.method.as_str(), &identified.path, query),
                };
                call.record.operation = operation.map(Cow::Borrowed);
                return Err(self.refuse_indexed(&identified, operation));
            }
        };
        let (known, labels) = route(&identified, &service, parts)?;
        call.record.operation = Some(Cow::Borrowed(known.name));
        let operation = self.operation(&service, &known)?;
        let schema = operation.schema();

        let protocol = respond::protocol(identified.protocol);
        let family = family(service.schema, identified.protocol);
        let bucket = identified.bucket_of_host.as_deref();
        let streams = schema.streams_input();
        let bytes = if streams { None } else { Some(self.collect(service.schema.name, body.take()).await?) };
        let authenticated = authenticate(self, parts, service.schema, family, bucket, bytes.as_deref())?;
        call.authenticated(&authenticated);
        let body = match bytes {
            Some(bytes) if !is_chunked(parts) => ByteStream::from(bytes),
            Some(bytes) => {
                let content = body::content(&parts.headers, &authenticated, ByteStream::from(bytes))?;
                ByteStream::from(self.collect(service.schema.name, content).await?)
            }
            None => body::content(&parts.headers, &authenticated, body)?,
        };

        let query = parts.uri.query().unwrap_or_default();
        let hoisted = (service.schema.name == "s3").then(|| hoisted_headers(&parts.headers, query)).flatten();
        let request = ProtocolRequest {
            method: &parts.method,
            path: &identified.path,
            query,
            host: identify::host_of(parts),
            headers: hoisted.as_ref().unwrap_or(&parts.headers),
            labels,
            body,
        };
        let mut report = DecodeReport::default();
        let mut input = None;
        protocol
            .decode(schema, &request, &mut report, &mut |from| {
                input = Some(operation.read(from)?);
                Ok(())
            })
            .map_err(|error| protocol.decode_error(&error))?;
        let input = input.ok_or_else(|| AwsError::new("InternalFailure", 500, "the input was not read"))?;
        call.record.parameters = redacted(&*input);

        let called = Operation { schema, protocol: identified.protocol };
        let ctx = self.ctx(authenticated.caller, authenticated.region, call.facts(), Some(called));
        let verdict = self.verdict(&ctx, &service, &*input)?;
        if let Some(verdict) = verdict {
            self.apply(&ctx, verdict).await?;
        }
        validate_input(&service, schema, &*input, report)?;
        let output = self.run(&ctx, &*operation, input).await?;
        let context = call.response_context();
        let mut response =
            protocol.encode(schema, &*output, context).map_err(|error| ctx.internal_error(&error))?;
        let extras = std::mem::take(&mut *ctx.state().response.lock());
        respond::finish(service.schema, &call.record.request_id, extras, &mut response);
        Ok(response)
    }

    /// Calls any operation by its name, with its input as a document by the model's member names.
    /// The call enters the pipeline after authentication, as `caller`.
    ///
    /// # Errors
    /// What the service answers; 501 for what is not served.
    pub async fn call_by_name(
        &self,
        service: &str,
        operation: &str,
        input: &Document,
        caller: Caller,
        region: &str,
    ) -> Result<Document, AwsError> {
        let call = Internal {
            service,
            operation,
            input,
            caller,
            region,
            depth: 1,
            base_url: "",
            called_via: Vec::new(),
            trusted: false,
        };
        self.invoke(call).await
    }

    /// A call from inside: enters after authentication, and is recorded like any other.
    pub(crate) async fn invoke(&self, call: Internal<'_>) -> Result<Document, AwsError> {
        let started = begin();
        let facts = RequestFacts {
            request_id: uuid(),
            base_url: call.base_url.to_owned(),
            depth: call.depth,
            called_via: call.called_via.clone(),
            ..RequestFacts::default()
        };
        let mut record = RequestRecord {
            operation: Some(Cow::Owned(call.operation.to_owned())),
            via: Some(match &call.caller.principal {
                Principal::Service { name, .. } => name.clone(),
                _ => "forwarded".to_owned(),
            }),
            ..blank_record(self, facts.request_id.clone())
        };
        record.identity = self.recorder().identity(&call.caller.arn, &call.caller.account, call.region);
        let result = self.invoke_checked(&call, facts, &mut record).await;
        match &result {
            Ok(_) => record.status = 200,
            Err(error) => note_error(&mut record, error),
        }
        record.latency_micros = elapsed(started);
        self.recorder().add(record);
        result
    }

    async fn invoke_checked(
        &self,
        call: &Internal<'_>,
        facts: RequestFacts,
        record: &mut RequestRecord,
    ) -> Result<Document, AwsError> {
        if call.depth > MAX_CALL_DEPTH {
            return Err(AwsError::new("InvalidRequest", 400, "The call is part of a loop between services."));
        }
        let found = self.service(call.service).ok_or_else(unidentified)?;
        record.service = found.schema().name;
        let service = self.enabled(&found)?;
        let unknown = || unknown_operation(found.schema().name, ProtocolId::Json, call.operation);
        let known = service.operations.get(call.operation).ok_or_else(unknown)?;
        let operation = self.operation(&service, known)?;
        let mut report = DecodeReport::default();
        let input = operation
            .read(&mut DocumentReader::new(call.input, &mut report))
            .map_err(|error| AwsError::new("SerializationException", 400, error.message))?;
        record.parameters = redacted(&*input);
        let schema = operation.schema();
        let protocol = schema.service.protocols.first().copied().unwrap_or(ProtocolId::Json);
        let called = (!call.trusted).then_some(Operation { schema, protocol });
        let ctx = self.ctx(call.caller.clone(), call.region.to_owned(), facts, called);
        let verdict = self.verdict(&ctx, &service, &*input)?;
        if let Some(verdict) = verdict {
            self.apply(&ctx, verdict).await?;
        }
        validate_input(&service, schema, &*input, report)?;
        let output = self.run(&ctx, &*operation, input).await?;
        whole_document(&*output, &ctx).await
    }

    /// Runs a service's own task.
    pub(crate) async fn run_task(
        &self,
        row: &EffectRow,
        task: &str,
        payload: &Document,
    ) -> Result<(), AwsError> {
        let missing = || AwsError::new("InternalFailure", 500, format!("{} has no task {task}", row.service));
        let service = self.served(&row.service).ok_or_else(missing)?;
        let run = service.tasks.get(task).ok_or_else(missing)?;
        let facts = RequestFacts {
            request_id: uuid(),
            base_url: row.base_url.clone(),
            depth: row.depth,
            ..RequestFacts::default()
        };
        let ctx = self.ctx(row.caller.clone(), row.region.clone(), facts, None);
        run(ctx.clone(), payload.clone()).await?;
        self.deliver_emitted(&ctx).await;
        Ok(())
    }

    fn ctx(
        &self,
        caller: Caller,
        region: String,
        request: RequestFacts,
        operation: Option<Operation>,
    ) -> Ctx {
        Ctx::new(self.clone(), caller, region, request, operation)
    }

    /// Runs the handler, and then what it emitted.
    async fn run(
        &self,
        ctx: &Ctx,
        operation: &dyn AnyOperation,
        input: Box<dyn AnyShape>,
    ) -> Result<Box<dyn AnyShape>, AwsError> {
        self.mark_used(operation.schema().service.name);
        let output = operation.run(ctx.clone(), input).await;
        self.deliver_emitted(ctx).await;
        output
    }

    /// Delivers what a call has emitted, so that its caller finds the effects when it looks.
    async fn deliver_emitted(&self, ctx: &Ctx) {
        let emitted = std::mem::take(&mut *ctx.state().emitted.lock());
        for key in emitted {
            Box::pin(self.deliver(key)).await;
        }
    }

    fn enabled(&self, found: &Found) -> Result<Arc<Service>, AwsError> {
        let name = found.schema().name;
        if !self.is_enabled(name) {
            let message = format!(
                "Service '{name}' is not enabled. Please check your 'SERVICES' configuration variable."
            );
            return Err(AwsError::new("InternalFailure", 501, message));
        }
        match found {
            Found::Served(service) => Ok(Arc::clone(service)),
            Found::Indexed(_) => {
                self.mark_unserved();
                let message = format!("The service `{name}` is not served by Cloudtwin yet.");
                Err(AwsError::new("NotImplemented", 501, message))
            }
        }
    }

    /// The answer for a service that AWS has and we do not.
    fn refuse_indexed(&self, identified: &Identified, operation: Option<&'static str>) -> AwsError {
        let name = identified.service.schema().name;
        match operation {
            Some(operation) => {
                self.mark_unserved();
                not_served(name, operation)
            }
            None => {
                let operation = identified.operation.as_deref().unwrap_or_default();
                unknown_operation(name, identified.protocol, operation)
            }
        }
    }

    fn operation(&self, service: &Service, known: &Known) -> Result<Arc<dyn AnyOperation>, AwsError> {
        known.served.clone().ok_or_else(|| {
            self.mark_unserved();
            not_served(service.schema.name, known.name)
        })
    }

    async fn collect(&self, service: &str, body: ByteStream) -> Result<Bytes, AwsError> {
        body::collect(body, self.config().max_body).await.map_err(|error| match error {
            CollectError::Stream(StreamError::Aws(error)) => error,
            CollectError::Stream(StreamError::Io(_)) if service == "s3" => AwsError::new(
                "IncompleteBody",
                400,
                "You did not provide the number of bytes specified by the Content-Length HTTP header",
            ),
            CollectError::Stream(StreamError::Io(error)) => AwsError::new(
                "SerializationException",
                400,
                format!("The request body could not be read: {error}"),
            ),
            CollectError::TooLarge if service == "s3" => {
                AwsError::new("MaxMessageLengthExceeded", 400, "Your request was too big.")
            }
            CollectError::TooLarge => {
                AwsError::new("RequestEntityTooLargeException", 413, "The request body is too large.")
            }
        })
    }
}

fn is_chunked(parts: &Parts) -> bool {
    let streaming = |value: &HeaderValue| value.as_bytes().starts_with(b"STREAMING-");
    parts.headers.get("x-amz-content-sha256").is_some_and(streaming)
}

fn unidentified() -> AwsError {
    AwsError::new(
        "UnknownService",
        404,
        "The request names no AWS service: it has no signature, no X-Amz-Target, no known Action and no known host.",
    )
}

fn not_served(service: &str, operation: &str) -> AwsError {
    let message = format!("The operation `{operation}` of `{service}` is not served by Cloudtwin yet.");
    AwsError::new("NotImplemented", 501, message)
}

fn unknown_operation(service: &str, protocol: ProtocolId, operation: &str) -> AwsError {
    match protocol {
        ProtocolId::Query | ProtocolId::Ec2 => {
            let whom = if service == "sqs" { "endpoint" } else { "web service" };
            let message = format!("The action {operation} is not valid for this {whom}.");
            AwsError::new("InvalidAction", 400, message)
        }
        ProtocolId::RestXml if service == "s3" => AwsError::new(
            "MethodNotAllowed",
            405,
            "The specified method is not allowed against this resource.",
        ),
        ProtocolId::RestXml | ProtocolId::RestJson => {
            AwsError::new("UnknownOperationException", 404, String::new())
        }
        ProtocolId::Json | ProtocolId::RpcV2Cbor | ProtocolId::RpcV2Json => {
            AwsError::new("UnknownOperationException", 400, String::new())
        }
    }
}

/// The headers of a presigned S3 request together with the `x-amz-*` ones that its maker moved
/// into the query, as SDKs do; `None` if there are none of these. Checksums in a query are not
/// taken over: S3 ignores them, and the JavaScript SDK writes that of an empty body there.
fn hoisted_headers(headers: &HeaderMap, query: &str) -> Option<HeaderMap> {
    let mut merged: Option<HeaderMap> = None;
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // The parameters of signatures are `X-Amz-…`; `x-amz-security-token` is SigV2's.
        let prefixed = name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("x-amz-"));
        let lower = name.to_ascii_lowercase();
        let checksum = lower.starts_with("x-amz-checksum-") || lower == "x-amz-sdk-checksum-algorithm";
        if !prefixed || name.starts_with("X-Amz-") || lower == "x-amz-security-token" || checksum {
            continue;
        }
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        else {
            continue;
        };
        merged.get_or_insert_with(|| headers.clone()).entry(name).or_insert(value);
    }
    merged
}

pub(crate) type Labels = Vec<(&'static str, String)>;

/// The operation that a request means, and the labels of its path.
pub(crate) fn route(
    identified: &Identified,
    service: &Service,
    parts: &Parts,
) -> Result<(Known, Labels), AwsError> {
    let name = service.schema.name;
    let unknown = |operation: &str| unknown_operation(name, identified.protocol, operation);
    if let Some(operation) = &identified.operation {
        let known = service.operations.get(operation.as_str()).ok_or_else(|| unknown(operation))?;
        // A queue's URL takes calls for that queue only.
        let for_all_queues = name == "sqs" && matches!(known.name, "CreateQueue" | "ListQueues");
        if for_all_queues && identified.protocol == ProtocolId::Query && identified.path.len() > 1 {
            return Err(unknown(operation));
        }
        return Ok((known.clone(), Vec::new()));
    }
    let query = parts.uri.query().unwrap_or_default();
    let found = service.router.find(parts.method.as_str(), &identified.path, query);
    let matched = found.map_err(|error| match error {
        RouteError::BadEncoding => AwsError::new("InvalidURI", 400, "Couldn't parse the specified URI."),
        RouteError::MethodNotAllowed(_) | RouteError::NotFound => unknown(""),
    })?;
    // Several operations can have one path: the one whose required query parameters and headers
    // are all there, and that has the most of them, is meant.
    let best = matched
        .candidates()
        .iter()
        .filter_map(|route| {
            let known = service.operations.get(route.value)?;
            Some((identify::discriminates(parts, known.discriminators)?, route, known))
        })
        // Of what is left, what is served, and at last the model's first (`max_by_key` takes the last).
        .rev()
        .max_by_key(|(count, _, known)| (*count, known.served.is_some()));
    let first = || {
        let route = matched.candidates().first()?;
        Some((0, route, service.operations.get(route.value)?))
    };
    let (_, route, known) = best.or_else(first).ok_or_else(|| unknown(""))?;
    let bad = |_| AwsError::new("InvalidURI", 400, "Couldn't parse the specified URI.");
    Ok((known.clone(), matched.labels(route).map_err(bad)?))
}

fn validate_input(
    service: &Service,
    schema: &'static cloudtwin_smithy::OperationSchema,
    input: &dyn AnyShape,
    report: DecodeReport,
) -> Result<(), AwsError> {
    let violations = validate::validate(input, report);
    if violations.is_empty() {
        return Ok(());
    }
    let error = match service.validation {
        ValidationStyle::ValidationException => {
            Some(AwsError::new("ValidationException", 400, violations.message()))
        }
        ValidationStyle::ValidationError => Some(AwsError::new("ValidationError", 400, violations.message())),
        ValidationStyle::Custom(words) => words(schema, &violations),
    };
    error.map_or(Ok(()), Err)
}

#[expect(clippy::disallowed_methods, reason = "the one place that measures how long calls take")]
fn begin() -> Instant {
    Instant::now()
}

fn elapsed(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}

fn note_error(record: &mut RequestRecord, error: &AwsError) {
    record.status = error.status();
    record.error = Some(error.code().to_owned());
    record.message = Some(error.message().to_owned());
}

fn blank_record(cloud: &Cloud, request_id: String) -> RequestRecord {
    RequestRecord {
        request_id,
        time: cloud.clock().now_millis(),
        service: "",
        operation: None,
        identity: Identity::unknown(),
        status: 0,
        error: None,
        message: None,
        latency_micros: 0,
        via: None,
        parameters: String::new(),
    }
}

/// Whether the body is a form, whose `Action` can name an operation of any service. S3's uploads may
/// claim to be forms too (curl says so of every upload), so only POSTs are.
pub(crate) fn is_form(parts: &Parts) -> bool {
    let is_form = |value: &HeaderValue| value.as_bytes().starts_with(b"application/x-www-form-urlencoded");
    parts.method == Method::POST && parts.headers.get(http::header::CONTENT_TYPE).is_some_and(is_form)
}

/// A call from the wire while it is answered.
pub(crate) struct WireCall<'a> {
    cloud: &'a Cloud,
    parts: &'a Parts,
    record: RequestRecord,
    protocol: ProtocolId,
    started: Instant,
}

impl<'a> WireCall<'a> {
    pub(crate) fn begin(cloud: &'a Cloud, parts: &'a Parts) -> Self {
        let record = blank_record(cloud, uuid());
        Self { cloud, parts, record, protocol: ProtocolId::RestXml, started: begin() }
    }

    /// A form is read at once, because its `Action` names the operation.
    async fn collect_form(&self, body: ByteStream) -> Result<(Option<Bytes>, ByteStream), AwsError> {
        if !is_form(self.parts) {
            return Ok((None, body));
        }
        let too_large = || AwsError::new("RequestEntityTooLarge", 413, "The request body is too large.");
        let bytes = body::collect(body, MAX_FORM).await.map_err(|_| too_large())?;
        Ok((Some(bytes.clone()), ByteStream::from(bytes)))
    }

    pub(crate) fn identified(
        &mut self,
        service: &'static cloudtwin_smithy::ServiceSchema,
        protocol: ProtocolId,
    ) {
        self.record.service = service.name;
        self.protocol = protocol;
        if service.name == "s3" {
            // S3's ids are 16 upper-case letters and digits.
            self.record.request_id = crate::cloud::random_text(b"ABCDEFGHJKMNPQRSTVWXYZ0123456789", 16);
        }
    }

    fn authenticated(&mut self, authenticated: &Authenticated) {
        let Authenticated { caller, region, .. } = authenticated;
        self.record.identity = self.cloud.recorder().identity(&caller.arn, &caller.account, region);
    }

    fn facts(&self) -> RequestFacts {
        let connection = self.parts.extensions.get::<ConnectionInfo>();
        let header = |name: http::HeaderName| self.parts.headers.get(name)?.to_str().ok();
        let host = header(http::header::HOST).or_else(|| self.parts.uri.authority().map(|a| a.as_str()));
        let tls = connection.is_some_and(|connection| connection.tls);
        let scheme = if tls { "https" } else { "http" };
        RequestFacts {
            request_id: self.record.request_id.clone(),
            base_url: host.map(|host| [scheme, "://", host].concat()).unwrap_or_default(),
            source_ip: connection
                .map(|connection| {
                    let trusted = &self.cloud.config().trusted_proxies;
                    trusted.client(connection.peer.ip(), &self.parts.headers).to_string()
                })
                .unwrap_or_default(),
            user_agent: header(http::header::USER_AGENT).unwrap_or_default().to_owned(),
            referer: header(http::header::REFERER).unwrap_or_default().to_owned(),
            called_via: Vec::new(),
            trace_id: header(HeaderName::from_static("x-amzn-trace-id")).unwrap_or_default().to_owned(),
            tls,
            depth: 0,
        }
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.record.request_id
    }

    fn response_context(&self) -> ResponseContext<'_> {
        let accept = self.parts.headers.get(http::header::ACCEPT);
        ResponseContext::new(&self.record.request_id).accepting(accept)
    }

    fn refuse_unidentified(mut self, error: &AwsError) -> Response<ByteStream> {
        note_error(&mut self.record, error);
        self.record.status = error.status();
        let body = serde_json::json!({ "__type": error.code(), "message": error.message() });
        let mut response = Response::new(ByteStream::from(body.to_string()));
        *response.status_mut() =
            http::StatusCode::from_u16(error.status()).unwrap_or(http::StatusCode::NOT_FOUND);
        response
            .headers_mut()
            .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.end(response)
    }

    pub(crate) fn refuse(
        mut self,
        service: &'static cloudtwin_smithy::ServiceSchema,
        error: &AwsError,
    ) -> Response<ByteStream> {
        note_error(&mut self.record, error);
        let is_head = self.parts.method == Method::HEAD;
        let response = respond::error(service, self.protocol, self.response_context(), is_head, error);
        self.end(response)
    }

    pub(crate) fn end(mut self, response: Response<ByteStream>) -> Response<ByteStream> {
        self.record.status = response.status().as_u16();
        self.record.latency_micros = elapsed(self.started);
        tracing::debug!(
            service = self.record.service,
            operation = self.record.operation.as_deref(),
            status = self.record.status,
            error = self.record.error,
            micros = self.record.latency_micros,
            request_id = self.record.request_id,
            "call"
        );
        self.cloud.recorder().add(self.record);
        response
    }
}
