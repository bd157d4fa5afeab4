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
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cloudtwin_smithy::{ByteStream, StreamError};
use futures_util::FutureExt;
use http::header::{CONNECTION, EXPECT, HeaderName, HeaderValue};
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
        let announced = Announced::of(&head);
        let body = into_stream(body, announced.clone());
        let mut response = if admin {
            self.admin.handle(&head, body).await
        } else {
            head.extensions.insert(connection);
            let answer = AssertUnwindSafe(self.cloud.handle(Request::from_parts(head, body))).catch_unwind();
            answer.await.unwrap_or_else(|_| panicked())
        };
        if let Some((caller, owner)) = caller {
            response = self.cors.decorate(response, &caller, &owner);
        }
        if announced.is_some_and(|announced| !announced.is_asked_for()) {
            // Whether the body comes is up to the client, so what comes next has no beginning.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
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

fn into_stream(body: Incoming, announced: Option<Announced>) -> ByteStream {
    if body.is_end_stream() {
        return ByteStream::empty();
    }
    ByteStream::from_body(RequestBody { incoming: Some(body), announced })
}

/// A body that the client sends only when it is asked for (`Expect: 100-continue`): whether it was.
/// Reading the body is asking for it.
#[derive(Clone, Debug, Default)]
struct Announced(Arc<AtomicBool>);

impl Announced {
    fn of(head: &http::request::Parts) -> Option<Self> {
        (head.version < Version::HTTP_2 && head.headers.contains_key(EXPECT)).then(Self::default)
    }

    fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_asked_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// How much of a body that nobody wants is read, in bytes, and for how long.
const UNWANTED: u64 = 32 << 20;
const UNWANTED_TIME: Duration = Duration::from_secs(10);

/// A request's body as it arrives. It is there until its end, or until it is dropped.
struct RequestBody {
    incoming: Option<Incoming>,
    announced: Option<Announced>,
}

/// Many clients look for an answer only after they have sent everything. What a refused request
/// still sends is therefore read, within bounds, before the connection is closed. A body that waits to be asked
/// for is not.
impl Drop for RequestBody {
    fn drop(&mut self) {
        let Some(mut body) = self.incoming.take().filter(|body| !body.is_end_stream()) else { return };
        if self.announced.as_ref().is_some_and(|announced| !announced.is_asked_for()) {
            return;
        }
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
        if let Some(announced) = &self.announced {
            announced.ask();
        }
        let Some(body) = &mut self.incoming else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            // Nothing more comes, so nothing is left to be read once this is dropped.
            self.incoming = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| StreamError::Io(std::io::Error::other(error)))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
