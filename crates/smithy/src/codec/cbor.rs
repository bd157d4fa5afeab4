//! CBOR (RFC 8949), as far as Smithy RPC v2 uses it.
//!
//! Definite and indefinite lengths are read alike, and no length is believed before its bytes
//! were seen. Structures are written with indefinite lengths, everything else with definite
//! ones. Timestamps are tag 1, whatever their schema says of formats. Tags without a meaning here
//! are skipped; big numbers are read as far as they fit.

mod read;
mod scan;
#[cfg(test)]
mod tests;
mod write;

pub use read::CborDeserializer;
pub use write::CborSerializer;
pub(crate) use write::write_shape;

use crate::document::Document;
use crate::error::CodecError;
use crate::shape::DecodeReport;

/// The document in `input`, which must be one CBOR item and nothing else.
///
/// # Errors
/// When `input` is not CBOR, or nested too deeply.
pub fn read_document(input: &[u8]) -> Result<Document, CodecError> {
    let mut report = DecodeReport::default();
    let mut reader = CborDeserializer::new(input, &mut report);
    let document = reader.document()?;
    reader.finish()?;
    Ok(document)
}

/// Appends `document` as CBOR.
pub fn write_document(document: &Document, to: &mut Vec<u8>) {
    CborSerializer::new(to).document(document);
}
