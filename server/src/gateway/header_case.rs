//! The spelling of header names in HTTP/1.1 answers.
//!
//! Names mean the same in any case, and HTTP/2 has only lower case. But some programs (and recordings
//! of AWS's answers) look for `ETag` and `Content-Type` as they are written in HTTP/1.1.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Extensions, Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// The names that AWS writes otherwise than in lower case.
const SPELLED: &[&str] = &[
    "Accept-Ranges",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
    "Allow",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Range",
    "Content-Type",
    "Date",
    "ETag",
    "Expires",
    "Last-Modified",
    "Location",
    "Server",
    "Transfer-Encoding",
    "Vary",
    "WWW-Authenticate",
    "x-amzn-ErrorType",
    "x-amzn-RequestId",
];

/// Sets of spellings. Each answer takes a copy with it, so that common answers have small ones.
type Sets = u8;

const ALL: Sets = 1;
/// What answers of JSON and query services mostly have.
const CALLS: Sets = 2;
/// What answers with objects mostly have.
const OBJECTS: Sets = 4;

/// The sets in which a name is, if it is one that is spelled; else all there could be.
fn sets_of(name: &str) -> Sets {
    match name {
        // Also what hyper adds by itself.
        "connection" | "content-length" | "content-type" | "date" | "transfer-encoding" => {
            ALL | CALLS | OBJECTS
        }
        "x-amzn-requestid" => ALL | CALLS,
        "accept-ranges" | "etag" | "last-modified" | "server" => ALL | OBJECTS,
        "access-control-allow-credentials"
        | "access-control-allow-headers"
        | "access-control-allow-methods"
        | "access-control-allow-origin"
        | "access-control-expose-headers"
        | "access-control-max-age"
        | "allow"
        | "cache-control"
        | "content-disposition"
        | "content-encoding"
        | "content-language"
        | "content-range"
        | "expires"
        | "location"
        | "vary"
        | "www-authenticate"
        | "x-amzn-errortype" => ALL,
        _ => Sets::MAX,
    }
}

/// The spellings, as hyper keeps those of a request that it has read.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderCase {
    all: Extensions,
    calls: Extensions,
    objects: Extensions,
}

impl HeaderCase {
    /// Reads them.
    pub(crate) async fn learn() -> Self {
        Self { all: learn(ALL).await, calls: learn(CALLS).await, objects: learn(OBJECTS).await }
    }

    /// Has the headers of an answer spelled so.
    pub(crate) fn apply<B>(&self, response: &mut Response<B>) {
        let sets = response.headers().keys().fold(Sets::MAX, |sets, name| sets & sets_of(name.as_str()));
        let spellings = match sets {
            _ if sets & CALLS != 0 => &self.calls,
            _ if sets & OBJECTS != 0 => &self.objects,
            _ => &self.all,
        };
        if response.extensions().is_empty() {
            *response.extensions_mut() = spellings.clone();
        } else {
            response.extensions_mut().extend(spellings.clone());
        }
    }
}

/// Has hyper read the names of a set. It can be told them in no other way than by a request.
async fn learn(set: Sets) -> Extensions {
    let mut request = "GET / HTTP/1.1\r\n".to_owned();
    for name in SPELLED.iter().filter(|name| sets_of(&name.to_ascii_lowercase()) & set != 0) {
        let value = match *name {
            "Connection" => "close",
            "Content-Length" => "0",
            "Transfer-Encoding" => "chunked",
            _ => "",
        };
        request.extend([name, ": ", value, "\r\n"]);
    }
    request.push_str("\r\n0\r\n\r\n");
    let learnt = Arc::new(Mutex::new(Extensions::new()));
    let (server, mut client) = tokio::io::duplex(request.len());
    let service = service_fn(|mut request: Request<Incoming>| {
        let learnt = Arc::clone(&learnt);
        async move {
            *learnt.lock().unwrap_or_else(PoisonError::into_inner) = std::mem::take(request.extensions_mut());
            Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    let asking = async {
        client.write_all(request.as_bytes()).await?;
        client.read_to_end(&mut Vec::new()).await
    };
    let serving =
        http1::Builder::new().preserve_header_case(true).serve_connection(TokioIo::new(server), service);
    let (served, asked) = tokio::join!(serving, asking);
    if served.is_err() || asked.is_err() {
        // Lower case is as good for whoever reads headers as they are meant.
        tracing::debug!("header names are written in lower case");
    }
    std::mem::take(&mut *learnt.lock().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an answer with these headers looks like.
    async fn written(case: &HeaderCase, names: &[&str]) -> String {
        let (server, mut client) = tokio::io::duplex(4096);
        let service = service_fn(|_: Request<Incoming>| {
            let mut response = Response::new(Empty::<Bytes>::new());
            for name in names {
                let name: http::HeaderName = name.parse().unwrap();
                response.headers_mut().insert(name, http::HeaderValue::from_static("x"));
            }
            case.apply(&mut response);
            async move { Ok::<_, std::convert::Infallible>(response) }
        });
        let asking = async {
            client.write_all(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let serving = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let (served, answer) = tokio::join!(serving, asking);
        served.unwrap();
        answer
    }

    #[tokio::test]
    async fn names_are_spelled_as_aws_does() {
        let case = HeaderCase::learn().await;
        for names in [
            &["ETag", "Content-Type", "x-amz-request-id", "Server"][..],
            &["Content-Type", "x-amzn-RequestId"],
            &["ETag", "Content-Type", "x-amz-request-id", "x-amzn-RequestId", "Vary"],
            &["x-custom"],
            &[],
        ] {
            let answer = written(&case, names).await;
            for name in names.iter().chain(&["Date", "Content-Length", "Connection"]) {
                assert!(answer.contains(&format!("\r\n{name}: ")), "{name} in {answer}");
            }
        }
    }

    #[tokio::test]
    async fn every_name_can_be_written() {
        let case = HeaderCase::learn().await;
        for name in SPELLED {
            assert_ne!(sets_of(&name.to_ascii_lowercase()), Sets::MAX, "{name}");
            if !matches!(*name, "Connection" | "Content-Length" | "Transfer-Encoding") {
                let answer = written(&case, &[name]).await;
                assert!(answer.contains(&format!("\r\n{name}: x\r\n")), "{name} in {answer}");
            }
        }
    }
}
