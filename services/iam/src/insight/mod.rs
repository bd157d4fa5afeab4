//! What people and tools ask about authorisation: the state of enforcement, decisions with their
//! reasons, and the policies that follow from what was observed.
//!
//! `/_aws/iam/config` and `/_aws/iam/check-actions-allowed` are as LocalStack documents them. How its
//! policy stream goes over the wire is not documented; here it is `/_cloudtwin/iam/stream`. These
//! requests are no calls of AWS's API: they need no permission and are not recorded.

mod actions;
mod check_actions;
mod config;
mod decisions;
mod generalise;
mod generated;
mod least_privilege;
mod remedies;
mod statements;
mod unused;
mod what_if;

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use cloudtwin_core::{Cloud, FrontDoor};
use cloudtwin_smithy::{AwsError, ByteStream};
use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

/// Longest body of a request, in bytes: as many policies as a principal can have, as JSON in JSON.
const MAX_BODY: usize = 512 << 10;

/// The front door.
pub(crate) struct Insight;

impl FrontDoor for Insight {
    fn claims(&self, head: &Parts) -> bool {
        let path = head.uri.path();
        path.starts_with("/_aws/iam/")
            || path.starts_with("/_cloudtwin/iam/")
            || path.trim_end_matches('/') == "/_cloudtwin/decisions"
    }

    fn answer(
        &self,
        cloud: Cloud,
        request: Request<ByteStream>,
    ) -> Pin<Box<dyn Future<Output = Response<ByteStream>> + Send>> {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            answer(&cloud, &head, body).await.unwrap_or_else(|problem| problem.into_response())
        })
    }
}

async fn answer(cloud: &Cloud, head: &Parts, body: ByteStream) -> Result<Response<ByteStream>, Problem> {
    let path = head.uri.path().trim_end_matches('/');
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    match path {
        "/_aws/iam/config" if is_read => ok(&config::state(cloud)),
        "/_aws/iam/config" => {
            allow(head, &[Method::POST, Method::PUT], "GET, HEAD, POST, PUT")?;
            ok(&config::set(cloud, &read_json(body).await?)?)
        }
        "/_aws/iam/check-actions-allowed" => {
            allow(head, &[Method::POST], "POST")?;
            ok(&check_actions::check(cloud, &read_json(body).await?)?)
        }
        "/_cloudtwin/decisions" => {
            read_only(head)?;
            decisions::decisions(cloud, head)
        }
        "/_cloudtwin/iam/stream" => {
            read_only(head)?;
            decisions::policy_stream(cloud, head)
        }
        "/_cloudtwin/iam/summary" => {
            read_only(head)?;
            ok(&generated::summary(cloud, head)?)
        }
        "/_cloudtwin/iam/observed" if head.method == Method::DELETE => {
            cloud.forget_observations();
            ok(&json!({ "status": "OK" }))
        }
        "/_cloudtwin/iam/observed" => {
            allow(head, &[Method::GET, Method::HEAD], "GET, HEAD, DELETE")?;
            ok(&generated::observed(cloud, head)?)
        }
        "/_cloudtwin/iam/policy" => {
            read_only(head)?;
            ok(&generated::policy(cloud, head)?)
        }
        "/_cloudtwin/iam/unused" => {
            read_only(head)?;
            ok(&unused::unused(cloud, head)?)
        }
        "/_cloudtwin/iam/what-if" => {
            allow(head, &[Method::POST], "POST")?;
            ok(&what_if::what_if(cloud, &read_json(body).await?)?)
        }
        _ => Err(Problem::not_found(format!("{path} is not served by Cloudtwin"))),
    }
}

/// Why a request is not answered, for people.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    message: String,
    allow: Option<&'static str>,
}

impl Problem {
    fn bad_request(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.into(), allow: None }
    }

    fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, ..Self::bad_request(message) }
    }

    fn into_response(self) -> Response<ByteStream> {
        let mut response = json_response(&json!({ "message": self.message }));
        *response.status_mut() = self.status;
        if let Some(allow) = self.allow {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<AwsError> for Problem {
    fn from(error: AwsError) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, ..Self::bad_request(error.message()) }
    }
}

impl From<cloudtwin_store::StoreError> for Problem {
    fn from(error: cloudtwin_store::StoreError) -> Self {
        AwsError::from(error).into()
    }
}

fn read_only(head: &Parts) -> Result<(), Problem> {
    allow(head, &[Method::GET, Method::HEAD], "GET, HEAD")
}

fn allow(head: &Parts, methods: &[Method], names: &'static str) -> Result<(), Problem> {
    if methods.contains(&head.method) {
        return Ok(());
    }
    let message = format!("use {names}");
    Err(Problem { status: StatusCode::METHOD_NOT_ALLOWED, message, allow: Some(names) })
}

fn ok(value: &impl Serialize) -> Result<Response<ByteStream>, Problem> {
    Ok(json_response(value))
}

fn json_response(value: &impl Serialize) -> Response<ByteStream> {
    let (status, text) = match serde_json::to_string(value) {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": error.to_string() }).to_string())
        }
    };
    let mut response = Response::new(ByteStream::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn read_json<T: DeserializeOwned>(body: ByteStream) -> Result<T, Problem> {
    let body = Limited::new(body, MAX_BODY).collect().await;
    let bytes: Bytes = body.map_err(|error| Problem::bad_request(error.to_string()))?.to_bytes();
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::bad_request(format!("the body is not what it should be: {error}")))
}

/// The parameters of a request, all of which are known.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(head: &Parts, known: &[&str]) -> Result<Self, Problem> {
        let decode =
            |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        let mut found = Vec::new();
        for pair in head.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name), decode(value));
            if !known.contains(&name.as_str()) {
                let known = known.join(", ");
                return Err(Problem::bad_request(format!("unknown parameter `{name}`: use {known}")));
            }
            found.push((name, value));
        }
        Ok(Self(found))
    }

    /// A value that is not empty.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn truth(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(Problem::bad_request(format!("`{name}` must be true or false"))),
        }
    }
}
