//! The pipeline that every AWS call runs through, and what services see of it.
//!
//! A service is an index of handlers ([`Service`]); a handler is
//! `async fn(Ctx, Input) -> Result<Output, AwsError>`. Between the socket and the handler stand the
//! stages of [`Cloud::handle`]: identify, route, authenticate, decode, authorise, validate;
//! between the handler and the socket encode and record. Calls from one service to another
//! ([`Ctx::call`], [`effects`]) run through the same stages from authorisation on.
//!
//! Architecture invariants: handlers never see bytes, this crate knows no service by name except
//! where AWS's own wire format makes an exception (S3's addressing, SQS's queue URLs), and time
//! and ids come only from [`Ctx`].

mod api_index;
mod arn;
mod authenticate;
pub mod authorize;
mod body;
mod call;
mod caller;
mod clock;
mod cloud;
mod config;
pub mod credentials;
mod cross_origin;
mod ctx;
pub mod effects;
pub mod federation;
mod front_door;
mod identify;
pub mod mfa;
mod pipeline;
mod record;
mod respond;
mod s3_host;
mod service;
pub mod service_access;
mod session;
mod signals;
mod trusted_proxies;

pub use arn::Arn;
pub use call::Call;
pub use caller::{Caller, Principal};
pub use clock::Clock;
pub use cloud::Cloud;
pub use config::{CloudConfig, ConnectionInfo};
pub use cross_origin::{CrossOrigin, CrossOriginRequest, CrossOriginRules};
pub use ctx::Ctx;
pub use effects::{Effect, EmitEffects};
pub use front_door::FrontDoor;
pub use record::{Identity, RequestFilter, RequestRecord};
pub use service::{Service, ValidationStyle};
pub use session::Session;
pub use signals::Signals;
pub use trusted_proxies::{NotANetwork, TrustedProxies};
