//! The edge: connections come in here, and every request leaves through [`Gateway::respond`].

pub(crate) mod connection;
pub(crate) mod cors;
pub(crate) mod header_case;
pub(crate) mod legacy_ports;
pub(crate) mod listeners;
pub(crate) mod tls;

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cloudtwin_smithy::{ByteStream, StreamError};
use futures_util::FutureExt;
use http::header::{HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::admin::AdminApi;
use cloudtwin_core::ConnectionInfo;

use crate::cloud::{Admin, CorsOwner, Pipeline};
use cors::{Cors, Verdict};
use header_case::HeaderCase;
use tls::Tls;

/// The version in every response and in the health endpoint.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

const LOCALSTACK_HEADER: HeaderName = HeaderName::from_static("x-localstack");

/// Everything that a connection needs to answer requests.
#[derive(Debug)]
pub(crate) struct Gateway<C> {
    pub(crate) cloud: Arc<C>,
    pub(crate) admin: AdminApi<C>,
    pub(crate) cors: Cors,
    pub(crate) tls: Arc<Tls>,
    pub(crate) header_case: HeaderCase,
    /// Whether responses carry [`LOCALSTACK_HEADER`].
    pub(crate) response_header: bool,
}

impl<C: Pipeline + Admin> Gateway<C> {
    /// Answers one request.
    pub(crate) async fn respond(
        &self,
        connection: ConnectionInfo,
        request: Request<Incoming>,
    ) -> Response<ByteStream> {
        let (mut head, body) = request.into_parts();
        let version = head.version;
        let admin = crate::admin::owns(&head);
        let caller = self.cors.caller(&head).map(|caller| {
            let owner = if admin { CorsOwner::Server } else { self.cloud.cors_owner(&head) };
            (caller, owner)
        });
        if let Some((caller, owner)) = &caller {
            match self.cors.judge(&head, caller, owner) {
                Verdict::Pass => {}
                Verdict::Answer(response) => return self.finish(version, response),
                Verdict::Preflight(answer) => {
                    return self.finish(version, self.cloud.answer_preflight(&head, answer));
                }
            }
        }
        let body = into_stream(body);
        let response = if admin {
            self.admin.handle(&head, body).await
        } else {
            head.extensions.insert(connection);
            let answer = AssertUnwindSafe(self.cloud.handle(Request::from_parts(head, body))).catch_unwind();
            answer.await.unwrap_or_else(|_| panicked())
        };
        let response = match caller {
            Some((caller, owner)) => self.cors.decorate(response, &caller, &owner),
            None => response,
        };
        self.finish(version, response)
    }

    fn finish(&self, version: Version, mut response: Response<ByteStream>) -> Response<ByteStream> {
        if version < Version::HTTP_2 {
            self.header_case.apply(&mut response);
        }
        if self.response_header {
            response.headers_mut().insert(LOCALSTACK_HEADER, HeaderValue::from_static(VERSION));
        }
        response
    }
}

/// A bug must cost one answer, not the connection with everything else on it.
fn panicked() -> Response<ByteStream> {
    tracing::error!("a request was not answered because of a bug; the panic message is above");
    let mut response = Response::new(ByteStream::from(Bytes::from_static(b"Internal server error\n")));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn into_stream(body: Incoming) -> ByteStream {
    if body.is_end_stream() { ByteStream::empty() } else { ByteStream::from_body(RequestBody(Some(body))) }
}

/// How much of a body that nobody wants is read, in bytes, and for how long.
const UNWANTED: u64 = 32 << 20;
const UNWANTED_TIME: Duration = Duration::from_secs(10);

/// A request's body as it arrives. It is there until its end, or until it is dropped.
struct RequestBody(Option<Incoming>);

/// Many clients look for an answer only after they have sent everything. What a refused request
/// still sends is therefore read, within bounds, before the connection is closed.
impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(mut body) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        if body.size_hint().lower() > UNWANTED {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(UNWANTED_TIME, async move {
                let mut read = 0;
                while let Some(Ok(frame)) = body.frame().await {
                    read += frame.data_ref().map_or(0, |data| data.len() as u64);
                    if read > UNWANTED {
                        return;
                    }
                }
            }));
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // Nothing more comes, so nothing is left to be read once this is dropped.
            self.0 = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| StreamError::Io(std::io::Error::other(error)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
