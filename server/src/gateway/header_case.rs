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

/// The names that AWS writes otherwise than in lower case, as lines of a request.
const SPELLED: &str = "Accept-Ranges: \r\n\
    Access-Control-Allow-Credentials: \r\n\
    Access-Control-Allow-Headers: \r\n\
    Access-Control-Allow-Methods: \r\n\
    Access-Control-Allow-Origin: \r\n\
    Access-Control-Expose-Headers: \r\n\
    Access-Control-Max-Age: \r\n\
    Allow: \r\n\
    Cache-Control: \r\n\
    Connection: close\r\n\
    Content-Disposition: \r\n\
    Content-Encoding: \r\n\
    Content-Language: \r\n\
    Content-Length: 0\r\n\
    Content-Range: \r\n\
    Content-Type: \r\n\
    Date: \r\n\
    ETag: \r\n\
    Expires: \r\n\
    Last-Modified: \r\n\
    Location: \r\n\
    Server: \r\n\
    Transfer-Encoding: chunked\r\n\
    Vary: \r\n\
    WWW-Authenticate: \r\n\
    x-amzn-ErrorType: \r\n\
    x-amzn-RequestId: \r\n";

/// The spellings, as hyper keeps those of a request that it has read.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderCase(Extensions);

impl HeaderCase {
    /// Reads them. hyper can be told them in no other way than by a request.
    pub(crate) async fn learn() -> Self {
        let learnt = Arc::new(Mutex::new(Extensions::new()));
        let (server, mut client) = tokio::io::duplex(SPELLED.len() + 64);
        let service = service_fn(|mut request: Request<Incoming>| {
            let learnt = Arc::clone(&learnt);
            async move {
                *learnt.lock().unwrap_or_else(PoisonError::into_inner) =
                    std::mem::take(request.extensions_mut());
                Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        let request = format!("GET / HTTP/1.1\r\n{SPELLED}\r\n0\r\n\r\n");
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
        Self(std::mem::take(&mut *learnt.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Has the headers of an answer spelled so.
    pub(crate) fn apply<B>(&self, response: &mut Response<B>) {
        response.extensions_mut().extend(self.0.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn names_are_spelled_as_aws_does() {
        let case = HeaderCase::learn().await;
        let (server, mut client) = tokio::io::duplex(4096);
        let service = service_fn(|_: Request<Incoming>| {
            let mut response = Response::new(Empty::<Bytes>::new());
            for name in ["etag", "content-type", "x-amz-request-id", "x-amzn-requestid", "vary"] {
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
        for name in
            ["ETag", "Content-Type", "x-amz-request-id", "x-amzn-RequestId", "Vary", "Date", "Content-Length"]
        {
            assert!(answer.contains(&format!("\r\n{name}: ")), "{name} in {answer}");
        }
    }
}
