//! One connection: HTTP/1.1, HTTP/2 or TLS, told apart by the first bytes.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cloudtwin_smithy::ByteStream;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use cloudtwin_core::ConnectionInfo;

use crate::cloud::{Admin, Pipeline};
use crate::gateway::{Gateway, legacy_ports};

/// How long a client may take to say its first word, and to finish the TLS handshake.
const FIRST_BYTES: Duration = Duration::from_secs(10);

/// How long a client may take to finish the header of its first request.
const FIRST_REQUEST: Duration = Duration::from_secs(30);

/// How long a connection without a request is kept, and so how long a header may take to arrive.
/// SDKs drop idle connections after 60 seconds or less.
const IDLE: Duration = Duration::from_secs(90);

/// What a client that has not asked for anything is given to do so when the server stops.
const LAST_CALL: Duration = Duration::from_millis(250);

/// The longest header, which is also the largest piece in which an HTTP/1.1 body is read.
const LONGEST_HEADER: usize = 256 << 10;

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0";

/// First byte of a TLS handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;

/// Serves a connection to its end. One that is still introducing itself when the server stops has
/// asked for nothing and is dropped.
pub(crate) async fn serve<C: Pipeline + Admin>(
    stream: TcpStream,
    peer: SocketAddr,
    gateway: Arc<Gateway<C>>,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(local) = stream.local_addr() else { return };
    let port_service = legacy_ports::service(local.port());
    let mut connection = ConnectionInfo { peer, local_port: local.port(), tls: false, port_service };
    let protocol = tokio::select! {
        protocol = timeout(FIRST_BYTES, sniff(&stream)) => protocol,
        _ = stop.wait_for(|stop| *stop) => return,
    };
    let Ok(Some(protocol)) = protocol else { return };
    match protocol {
        Protocol::Http1 => serve_http1(stream, connection, gateway, stop).await,
        Protocol::Http2 => serve_http2(stream, connection, gateway, stop).await,
        Protocol::Tls => {
            connection.tls = true;
            let acceptor = match gateway.tls.acceptor().await {
                Ok(acceptor) => acceptor,
                Err(problem) => {
                    tracing::error!("no TLS: {problem}");
                    return;
                }
            };
            let handshake = tokio::select! {
                handshake = timeout(FIRST_BYTES, acceptor.accept(stream)) => handshake,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match handshake {
                Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                    Box::pin(serve_http2(stream, connection, gateway, stop)).await;
                }
                Ok(Ok(stream)) => Box::pin(serve_http1(stream, connection, gateway, stop)).await,
                Ok(Err(error)) => tracing::debug!(%peer, "TLS handshake failed: {error}"),
                Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
            }
        }
    }
}

enum Protocol {
    Http1,
    Http2,
    Tls,
}

/// Looks at the first bytes and leaves them where they are; none when the client has gone.
async fn sniff(stream: &TcpStream) -> Option<Protocol> {
    let mut start = [0; HTTP2_PREFACE.len()];
    loop {
        let read = stream.peek(&mut start).await.ok()?;
        let seen = start.get(..read)?;
        match seen {
            [] => return None,
            [TLS_HANDSHAKE, ..] => return Some(Protocol::Tls),
            _ if seen.len() == HTTP2_PREFACE.len() && seen == HTTP2_PREFACE => return Some(Protocol::Http2),
            _ if HTTP2_PREFACE.starts_with(seen) => {
                // Only a client that writes byte by byte gets here. What is there already is
                // always ready to be peeked at again, so there is no event to wait for.
                sleep(Duration::from_millis(1)).await;
            }
            _ => return Some(Protocol::Http1),
        }
    }
}

/// What a connection does, as seen from outside it.
#[derive(Debug, Default)]
struct Activity {
    /// Requests begun.
    begun: AtomicU32,
    /// Requests answered.
    answered: AtomicU32,
}

fn service<C: Pipeline + Admin>(
    connection: ConnectionInfo,
    gateway: Arc<Gateway<C>>,
    activity: Arc<Activity>,
) -> impl Service<
    Request<Incoming>,
    Response = Response<ByteStream>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<ByteStream>, Infallible>> + Send,
> {
    service_fn(move |request| {
        activity.begun.fetch_add(1, Ordering::Relaxed);
        let gateway = Arc::clone(&gateway);
        let activity = Arc::clone(&activity);
        async move {
            let response = gateway.respond(connection, request).await;
            activity.answered.fetch_add(1, Ordering::Relaxed);
            Ok(response)
        }
    })
}

async fn serve_http1<C: Pipeline + Admin>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: ConnectionInfo,
    gateway: Arc<Gateway<C>>,
    stop: watch::Receiver<bool>,
) {
    let activity = Arc::new(Activity::default());
    let service = service(connection, gateway, Arc::clone(&activity));
    let connection = http1::Builder::new()
        .keep_alive(true)
        .half_close(true)
        .max_buf_size(LONGEST_HEADER)
        // `drive` bounds it: one timer for the connection instead of one for every request.
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    drive(connection, &activity, stop).await;
}

async fn serve_http2<C: Pipeline + Admin>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    connection: ConnectionInfo,
    gateway: Arc<Gateway<C>>,
    stop: watch::Receiver<bool>,
) {
    let activity = Arc::new(Activity::default());
    let service = service(connection, gateway, Arc::clone(&activity));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(20))
        .max_concurrent_streams(250)
        .max_header_list_size(64 << 10)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .serve_connection(TokioIo::new(stream), service);
    drive(connection, &activity, stop).await;
}

/// A connection that can be asked to end after what is under way.
trait Graceful: Future<Output = Result<(), hyper::Error>> {
    fn finish(self: Pin<&mut Self>);
}

impl<I, S> Graceful for http1::UpgradeableConnection<I, S>
where
    S: Service<Request<Incoming>, Response = Response<ByteStream>, Error = Infallible>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Graceful for http2::Connection<I, S, TokioExecutor>
where
    S: Service<Request<Incoming>, Response = Response<ByteStream>, Error = Infallible>,
    S::Future: Send + 'static,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs a connection to its end; ends it when it is idle for too long or the server stops.
async fn drive(connection: impl Graceful, activity: &Activity, mut stop: watch::Receiver<bool>) {
    let mut connection = pin!(connection);
    let mut look = pin!(sleep(FIRST_REQUEST));
    let mut seen = 0;
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!("connection ended: {error}");
                }
                return;
            }
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().finish();
                look.as_mut().reset(Instant::now() + LAST_CALL);
            }
            () = look.as_mut() => {
                let begun = activity.begun.load(Ordering::Relaxed);
                if begun == 0 {
                    // Nothing was asked, so nothing is lost.
                    return;
                }
                let idle = activity.answered.load(Ordering::Relaxed) == begun && seen == begun;
                if idle {
                    connection.as_mut().finish();
                }
                seen = begun;
                look.as_mut().reset(Instant::now() + IDLE);
            }
        }
    }
}
