//! Event streams: `application/vnd.amazon.eventstream`.
//!
//! A stream is a sequence of frames ([`Frame`]), each with headers, a payload and two checksums.
//! An event is a member of the stream's union: its name is a header, its members are headers, the
//! payload, or a structure in the payload in the protocol's own format ([`EventFormat`]).
//! Exceptions are members too, and end the stream. RPC protocols, which have no headers to bind
//! members to, put an operation's other members into a first frame of their own.
//!
//! Reference: <https://smithy.io/2.0/aws/amazon-eventstream.html>.

mod format;
mod frame;
mod read;
mod write;

pub use format::EventFormat;
pub use frame::{Frame, FrameWriter, HeaderValue, MAX_FRAME, MAX_HEADERS, decode_frame};
pub use read::{read_event, read_initial_request};
pub(crate) use write::rpc_stream;
pub use write::{encode_error_event, encode_event, encode_initial_response};

use crate::schema::Member;

/// The media type of an event stream.
pub const MEDIA_TYPE: &str = "application/vnd.amazon.eventstream";

const MESSAGE_TYPE: &str = ":message-type";
const EVENT_TYPE: &str = ":event-type";
const EXCEPTION_TYPE: &str = ":exception-type";
const CONTENT_TYPE: &str = ":content-type";
const INITIAL_REQUEST: &str = "initial-request";
const INITIAL_RESPONSE: &str = "initial-response";

/// Whether `member` of an event is part of the structure in the payload.
fn is_in_payload_structure(member: &Member) -> bool {
    !member.event_header && !member.event_payload && !member.target.event_stream
}
