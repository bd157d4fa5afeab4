//! The emulator's own endpoints: `/_localstack/…` as LocalStack documents them, `/_cloudtwin/…` for
//! what LocalStack does not have.
//!
//! What cannot be answered truthfully is not there: an unknown path is a 404 with a message, since
//! clients take a 404 without one for "not supported by this server".

mod clock;
mod health;
mod requests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use cloudtwin_smithy::ByteStream;
use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::cloud::{Admin, ResetError};
use crate::gateway::tls::Tls;
use crate::hooks::{InitHooks, Stage};

/// The longest body that these endpoints read.
const LONGEST_BODY: usize = 64 << 10;

/// What a client may ask of the whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Run,
    Stop,
    Restart,
}

/// What the endpoints answer from.
#[derive(Debug)]
pub(crate) struct AdminApi<C> {
    pub(crate) cloud: Arc<C>,
    pub(crate) hooks: Arc<InitHooks>,
    pub(crate) tls: Arc<Tls>,
    pub(crate) control: watch::Sender<Control>,
    pub(crate) facts: Facts,
    /// The settings, when they may be seen.
    pub(crate) settings: Option<Value>,
}

/// What stays the same for the whole life of a server.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) started: Instant,
    pub(crate) session_id: String,
    pub(crate) machine_id: String,
    pub(crate) in_container: bool,
    /// None when nothing is kept.
    pub(crate) data_dir: Option<PathBuf>,
}

/// Whether a request is for these endpoints.
pub(crate) fn owns(head: &Parts) -> bool {
    let path = head.uri.path();
    // Bucket names never begin with an underscore, so no request for S3 is taken away.
    path.starts_with("/_localstack/")
        || (path.starts_with("/_cloudtwin/") && !is_of_iam(path))
        || is_old_health(head)
}

/// What the service IAM answers.
fn is_of_iam(path: &str) -> bool {
    path.trim_end_matches('/') == "/_cloudtwin/decisions" || path.starts_with("/_cloudtwin/iam/")
}

/// LocalStack's former health path; a signed request, or one for a bucket's host, means S3.
fn is_old_health(head: &Parts) -> bool {
    let host = || head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    head.uri.path() == "/health"
        && head.uri.query().is_none()
        && matches!(head.method, Method::GET | Method::HEAD)
        && !head.headers.contains_key(AUTHORIZATION)
        && !host().contains(".s3")
}

impl<C: Admin> AdminApi<C> {
    /// Answers a request that [`owns`] has found to be for these endpoints.
    pub(crate) async fn handle(&self, head: &Parts, body: ByteStream) -> Response<ByteStream> {
        let path = head.uri.path().trim_end_matches('/');
        if let Some(rest) = path.strip_prefix("/_cloudtwin") {
            return match rest {
                "/requests" => self.requests(head),
                "/clock" => self.clock(head, body).await,
                "/ca.pem" => self.authority(head).await,
                _ => not_found(path),
            };
        }
        match path.strip_prefix("/_localstack").unwrap_or(path) {
            "/health" => self.health(head, body).await,
            "/info" => only_get(head, || json_response(&self.info())),
            "/init" => only_get(head, || json_response(&self.hooks.report())),
            "/config" if self.settings.is_some() => {
                only_get(head, || json_response(self.settings.as_ref().unwrap_or(&Value::Null)))
            }
            "/diagnose" if self.settings.is_some() => only_get(head, || json_response(&self.diagnose())),
            "/config" | "/diagnose" => message(
                StatusCode::NOT_FOUND,
                &format!("{path} is not served: it shows the settings, which DEBUG=1 allows"),
            ),
            "/state/reset" => self.reset(head, None).await,
            rest => match rest.strip_prefix("/init/") {
                Some(stage) => self.init_stage(head, stage),
                None => match rest.strip_prefix("/state/").and_then(|rest| rest.strip_suffix("/reset")) {
                    Some(service) => self.reset(head, Some(service)).await,
                    None => not_found(path),
                },
            },
        }
    }

    fn init_stage(&self, head: &Parts, name: &str) -> Response<ByteStream> {
        match Stage::from_name(name) {
            Some(stage) => only_get(head, || json_response(&self.hooks.report_stage(stage))),
            None => message(StatusCode::NOT_FOUND, &format!("no such stage {name}")),
        }
    }

    /// `POST /_localstack/state/reset` and `/_localstack/state/<service>/reset`: the state is gone
    /// when the answer comes.
    async fn reset(&self, head: &Parts, service: Option<&str>) -> Response<ByteStream> {
        if head.method != Method::POST {
            return method_not_allowed("POST");
        }
        match self.cloud.reset(service).await {
            Ok(()) => json_response(&json!({ "status": "OK" })),
            Err(error @ ResetError::UnknownService(_)) => message(StatusCode::NOT_FOUND, &error.to_string()),
            Err(error @ ResetError::Store(_)) => {
                message(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
            }
        }
    }

    async fn authority(&self, head: &Parts) -> Response<ByteStream> {
        if !matches!(head.method, Method::GET | Method::HEAD) {
            return method_not_allowed("GET, HEAD");
        }
        match self.tls.authority_pem().await {
            Ok(Some(pem)) => {
                let mut response = Response::new(ByteStream::from(pem.to_owned()));
                let kind = HeaderValue::from_static("application/x-pem-file");
                response.headers_mut().insert(CONTENT_TYPE, kind);
                response
            }
            Ok(None) => message(StatusCode::NOT_FOUND, "the certificate is the one of CUSTOM_SSL_CERT_PATH"),
            Err(problem) => message(StatusCode::INTERNAL_SERVER_ERROR, &problem),
        }
    }
}

fn only_get(head: &Parts, answer: impl FnOnce() -> Response<ByteStream>) -> Response<ByteStream> {
    match head.method {
        Method::GET | Method::HEAD => answer(),
        _ => method_not_allowed("GET, HEAD"),
    }
}

fn json_response(value: &Value) -> Response<ByteStream> {
    let mut response = Response::new(ByteStream::from(value.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn message(status: StatusCode, text: &str) -> Response<ByteStream> {
    let mut response = json_response(&json!({ "message": text }));
    *response.status_mut() = status;
    response
}

fn not_found(path: &str) -> Response<ByteStream> {
    message(StatusCode::NOT_FOUND, &format!("{path} is not served by Cloudtwin"))
}

fn method_not_allowed(allowed: &'static str) -> Response<ByteStream> {
    let mut response = message(StatusCode::METHOD_NOT_ALLOWED, &format!("use {allowed}"));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The body as JSON, or the answer that says why it is none.
async fn read_json(body: ByteStream) -> Result<Value, Box<Response<ByteStream>>> {
    let bytes: Bytes = match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(Box::new(message(StatusCode::BAD_REQUEST, &error.to_string()))),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Box::new(message(StatusCode::BAD_REQUEST, &format!("the body is not JSON: {error}")))
    })
}

/// The parameters of a query string.
fn query_pairs(head: &Parts) -> impl Iterator<Item = (String, String)> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
    };
    let pairs = head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs.map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}
