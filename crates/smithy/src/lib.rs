//! Schemas, codecs and protocols of AWS APIs, seen from the server's side.
//!
//! Every shape of an AWS model is one static [`schema::Schema`]; every Rust type that the
//! generator writes visits its members through two object-safe traits,
//! [`shape::ShapeSerializer`] and [`shape::ShapeDeserializer`]; every wire format is one
//! implementation of those traits. Cost is therefore *shapes + codecs*, never
//! *shapes × codecs*.
//!
//! Reading order: [`schema`], [`shape`], [`document`], then [`codec`] and [`protocol`].
//!
//! Architecture invariant: nothing here does I/O, knows a service, a clock or an account.

pub mod authorization;
pub mod codec;
pub mod document;
pub mod error;
pub mod eventstream;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod generated;
pub mod protocol;
pub mod route;
pub mod schema;
pub mod shape;
pub mod stream;
pub mod timestamp;
pub mod validate;

pub use document::Document;
pub use error::{AwsError, CodecError, ErrorShape};
pub use schema::{Member, OperationSchema, Schema, ServiceSchema, ShapeType};
pub use shape::{DecodeReport, ReadValue, Shape, ShapeDeserializer, ShapeSerializer, WriteValue};
pub use stream::{ByteStream, StreamError};
pub use timestamp::Timestamp;
