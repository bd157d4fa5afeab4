//! Requests that are no AWS API calls but belong to a service: invocations of an API, function
//! URLs, LocalStack's `/_aws/…` endpoints.

use std::future::Future;
use std::pin::Pin;

use cloudtwin_smithy::ByteStream;
use http::request::Parts;
use http::{Request, Response};

use crate::Cloud;

/// A front door has first refusal of every request.
pub trait FrontDoor: Send + Sync {
    /// Whether this request is its own. Asked for every request, so it must be quick.
    fn claims(&self, head: &Parts) -> bool;

    /// Answers a request that it claimed.
    fn answer(
        &self,
        cloud: Cloud,
        request: Request<ByteStream>,
    ) -> Pin<Box<dyn Future<Output = Response<ByteStream>> + Send>>;
}
