//! What the server needs of the cloud behind it.

use std::future::Future;

use cloudtwin_core::{CrossOrigin, RequestFilter, RequestRecord};
use cloudtwin_smithy::{AwsError, ByteStream};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use serde::Serialize;
use time::OffsetDateTime;

/// The side of the cloud that serves AWS requests.
pub(crate) trait Pipeline: Send + Sync + 'static {
    /// Answers one request. What cannot be served is an answer too.
    fn handle(&self, request: Request<ByteStream>) -> impl Future<Output = Response<ByteStream>> + Send;

    /// Who decides what browsers may do with the answer to this request.
    fn cors_owner(&self, head: &Parts) -> CorsOwner;

    /// Answers a preflight request in the form of the service that it means.
    fn answer_preflight(&self, head: &Parts, answer: Result<HeaderMap, AwsError>) -> Response<ByteStream>;
}

/// Who sets the CORS rules of a request.
#[derive(Debug)]
pub(crate) enum CorsOwner {
    /// The server.
    Server,
    /// The API.
    ApiGateway,
    /// The bucket, which says this.
    Bucket(CrossOrigin),
}

/// The side of the cloud that people look after.
pub(crate) trait Admin: Send + Sync + 'static {
    /// Every service and its state, by name.
    fn services(&self) -> Vec<(String, ServiceState)>;

    /// Removes the state of one service, or of all of them. It is gone when this returns.
    fn reset(&self, service: Option<&str>) -> impl Future<Output = Result<(), ResetError>> + Send;

    /// The newest requests that the filter lets through, newest first.
    fn recent_requests(&self, filter: &RequestFilter) -> Vec<RequestRecord>;

    /// The time that services see.
    fn clock(&self) -> Clock;

    /// Moves the time that services see; an error says why it cannot be moved so.
    fn set_clock(&self, change: ClockChange) -> Result<Clock, String>;

    /// Finishes what is under way and closes the store.
    fn close(&self) -> impl Future<Output = ()> + Send;
}

/// The states of LocalStack's health endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServiceState {
    /// It can be used.
    Available,
    /// It has been used.
    Running,
    /// The setting `SERVICES` leaves it out.
    Disabled,
}

/// Why state could not be reset.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResetError {
    #[error("there is no service `{0}`")]
    UnknownService(String),
    #[error("the state could not be removed: {0}")]
    Store(String),
}

/// A reading of the services' clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) now: OffsetDateTime,
    /// Seconds by which it is ahead of this machine's clock.
    pub(crate) offset_seconds: i64,
}

/// How the services' clock is to be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockChange {
    Advance { seconds: u64 },
    Set(OffsetDateTime),
}
