//! JSON (RFC 8259), read and written in one pass without a tree in between.
//!
//! Smithy's rules on top: blobs are base64, `NaN` and infinities are strings, timestamps are
//! seconds unless their schema says otherwise, members go by their `json_name`. Nulls are absent
//! members; in lists and maps they are refused unless the list or map is sparse. Unknown members
//! are skipped, except in unions, where they are a second member.

mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

pub use read::JsonDeserializer;
pub use write::JsonSerializer;
pub(crate) use write::write_shape;

use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Member, TimestampFormat};
use crate::shape::DecodeReport;

/// How timestamps are read and written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timestamps {
    /// As the model says, in seconds if it says nothing.
    #[default]
    ByModel,
    /// In seconds, whatever the model says.
    Seconds,
}

impl Timestamps {
    fn format(self, member: &Member) -> TimestampFormat {
        match self {
            Self::ByModel => member.timestamp_format(TimestampFormat::EpochSeconds),
            Self::Seconds => TimestampFormat::EpochSeconds,
        }
    }
}

/// The document in `input`, which must be one JSON value and nothing else.
///
/// # Errors
/// When `input` is not JSON, or nested too deeply.
pub fn read_document(input: &[u8]) -> Result<Document, CodecError> {
    let mut report = DecodeReport::default();
    let mut reader = JsonDeserializer::new(input, &mut report)?;
    let document = reader.document()?;
    reader.finish()?;
    Ok(document)
}

/// Appends `document` as JSON.
pub fn write_document(document: &Document, to: &mut Vec<u8>) {
    JsonSerializer::new(to).document(document);
}

/// A member's name in JSON and CBOR bodies.
pub(super) fn body_name(member: &Member) -> &'static str {
    member.json_name.unwrap_or(member.name)
}
