//! Requests of web pages to a service that has rules of its own for them, as S3's buckets have.
//!
//! The server asks [`Cloud::cross_origin`] before it applies its own rules. What is allowed is a fact
//! for browsers: a page that is not allowed to read an answer can still send a simple request.

use cloudtwin_smithy::{AwsError, ByteStream};
use http::request::Parts;
use http::{HeaderMap, Response};

use crate::cloud::Cloud;
use crate::identify::{self, Found, Identified};
use crate::pipeline::{WireCall, is_form, route};
use crate::respond;

/// What a service says of a request that a web page may have sent.
#[derive(Debug)]
pub enum CrossOrigin {
    /// These headers go with the answer, and are all of it for a preflight request. Without headers,
    /// the page may not read the answer.
    Headers(HeaderMap),
    /// A preflight request is answered with this error; any other is served, and the page may not
    /// read the answer.
    Refused(AwsError),
    /// There are no rules. The server's own origins are welcome; for any other it is as
    /// [`CrossOrigin::Refused`].
    NoRules(AwsError),
}

/// A request, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct CrossOriginRequest<'a> {
    /// The request's head.
    pub head: &'a Parts,
    /// The path that is routed: with S3's bucket, where the host names it.
    pub path: &'a str,
    /// Whether the host says that the service is meant, which otherwise is only likely.
    pub certain: bool,
    /// The operation, unless it is a preflight request.
    pub operation: Option<&'static str>,
}

/// Rules of a service for requests of web pages.
pub trait CrossOriginRules: Send + Sync {
    /// What holds for a request; `None` where the server's own rules do.
    ///
    /// # Errors
    /// What the store reports; it counts as [`CrossOrigin::Refused`].
    fn apply(&self, cloud: &Cloud, request: &CrossOriginRequest<'_>)
    -> Result<Option<CrossOrigin>, AwsError>;
}

impl Cloud {
    /// What the service that is meant says of a request of a web page; `None` where the server's own
    /// rules hold.
    pub fn cross_origin(&self, head: &Parts) -> Option<CrossOrigin> {
        // A form can name an operation of another service, which must not have this one's rules.
        if is_form(head) || self.front_door(head).is_some() {
            return None;
        }
        let identified = identify::identify(self, head, None).ok()?;
        let Found::Served(service) = &identified.service else { return None };
        let rules = service.cross_origin.as_ref().filter(|_| self.is_enabled(service.name()))?;
        let request = CrossOriginRequest {
            head,
            path: &identified.path,
            certain: identified.bucket_of_host.is_some() || host_names(&identified, head),
            operation: route(&identified, service, head).ok().map(|(known, _)| known.name),
        };
        rules.apply(self, &request).unwrap_or_else(|error| Some(CrossOrigin::Refused(error)))
    }

    /// Answers a preflight request in the form of the service that is meant.
    pub fn answer_preflight(
        &self,
        head: &Parts,
        answer: Result<HeaderMap, AwsError>,
    ) -> Response<ByteStream> {
        let mut call = WireCall::begin(self, head);
        let Ok(identified) = identify::identify(self, head, None) else {
            return call.end(Response::new(ByteStream::empty()));
        };
        let service = identified.service.schema();
        call.identified(service, identified.protocol);
        match answer {
            Err(error) => call.refuse(service, &error),
            Ok(headers) => {
                let mut response = Response::new(ByteStream::empty());
                *response.headers_mut() = headers;
                respond::add_ids(service, call.request_id(), &mut response);
                call.end(response)
            }
        }
    }
}

/// Whether the host begins with the service's name (`s3.localhost.localstack.cloud`).
fn host_names(identified: &Identified, head: &Parts) -> bool {
    let prefix = identified.service.schema().endpoint_prefix;
    identify::host_of(head).strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'))
}
