//! HTTP bindings: what REST-JSON and REST-XML have in common.
//!
//! Members of the input come from path labels, query string, headers and body; members of the
//! output go to headers, status code and body. Only the body's format differs between the
//! protocols: it is a [`BodyFormat`]. Bindings count for the operation's own input, output and
//! errors; in structures inside them every member is in the body.
//!
//! Reference: <https://smithy.io/2.0/spec/http-bindings.html>.

mod media_type;
mod read;
#[cfg(test)]
mod tests;
mod values;
mod write;

pub use media_type::check_media_types;
pub use read::decode;
pub use write::{BodyMembers, Parts, encode, write_parts};

use crate::error::CodecError;
use crate::schema::{Location, Member, OperationSchema};
use crate::shape::{DecodeReport, SeenMembers, Shape, ShapeDeserializer, ShapeSerializer, Visit};

/// Is told each member of a structure that was found.
pub type OnMember<'a> = dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit + 'a;

/// The format of bodies in a REST protocol.
pub trait BodyFormat: Sync {
    /// The media type of structured bodies.
    fn media_type(&self) -> &'static str;

    /// Whether an output without a member in the body is nevertheless written, as an empty
    /// structure.
    fn writes_empty_bodies(&self) -> bool;

    /// Reads the members of `operation`'s input that are in `body` (see [`is_in_request_body`])
    /// and marks each in `seen`. `body` is not empty. Unlike
    /// [`ShapeDeserializer::read_struct`] this does not finish `seen`: other members came from
    /// elsewhere.
    fn read_body(
        &self,
        operation: &'static OperationSchema,
        body: &[u8],
        report: &mut DecodeReport,
        seen: &mut SeenMembers,
        on_member: &mut OnMember<'_>,
    ) -> Visit;

    /// Lends `read` a deserializer on a `body` that is the value of `member`: a structure, union,
    /// list, map or document.
    fn read_payload(
        &self,
        member: &'static Member,
        body: &[u8],
        report: &mut DecodeReport,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit;

    /// Writes the body of a successful response. `members` has the schema of the output, and
    /// writes the members that are in the body.
    fn write_body(&self, operation: &'static OperationSchema, members: &dyn Shape, to: &mut Vec<u8>)
    -> Visit;

    /// Lends `write` a serializer that makes `member`'s value the whole body.
    fn write_payload(
        &self,
        operation: &'static OperationSchema,
        member: &'static Member,
        to: &mut Vec<u8>,
        write: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit;
}

/// Whether `member` of an operation's input is in the body, or is the body.
pub fn is_in_request_body(member: &Member) -> bool {
    // A status code is meaningless in a request.
    matches!(member.location, Location::Body | Location::StatusCode)
}

/// Whether `member` of an output or error is in the body, or is the body.
pub fn is_in_response_body(member: &Member) -> bool {
    // Labels and query strings are meaningless in a response.
    matches!(member.location, Location::Body | Location::Uri | Location::QueryString)
}

fn output_error(message: impl Into<String>) -> CodecError {
    CodecError::new(crate::error::CodecErrorKind::Output, message)
}
