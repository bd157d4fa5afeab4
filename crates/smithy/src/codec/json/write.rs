//! Writing JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Timestamps, body_name};
use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Member, ShapeType, TimestampFormat};
use crate::shape::{Shape, ShapeSerializer, Visit};
use crate::timestamp::Timestamp;

/// Writes shapes as JSON.
pub struct JsonSerializer<'a> {
    out: &'a mut Vec<u8>,
    place: Place,
    /// Whether nothing was written into the object or array yet.
    first: bool,
    timestamps: Timestamps,
}

/// What the next value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A member of an object, which begins with its name.
    Member,
    /// An element of an array.
    Element,
    /// The root, or a map's value, whose key was written.
    Value,
}

impl<'a> JsonSerializer<'a> {
    /// A serializer that appends one value to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, place: Place::Value, first: true, timestamps: Timestamps::ByModel }
    }

    /// Writes timestamps in another way than by the model.
    #[must_use]
    pub fn timestamps(mut self, timestamps: Timestamps) -> Self {
        self.timestamps = timestamps;
        self
    }

    /// Writes an object whose members `members` writes.
    ///
    /// # Errors
    /// Those of `members`.
    pub fn object(&mut self, members: impl FnOnce(&mut Self) -> Visit) -> Visit {
        self.nested(b'{', b'}', Place::Member, members)
    }

    /// Writes a member without a schema.
    pub fn field(&mut self, name: &str, value: &Document) {
        self.comma();
        self.text(name);
        self.out.push(b':');
        self.document(value);
    }

    /// Writes a member without a schema that is text.
    pub fn text_field(&mut self, name: &str, value: &str) {
        self.comma();
        self.text(name);
        self.out.push(b':');
        self.text(value);
    }

    fn nested(
        &mut self,
        open: u8,
        close: u8,
        place: Place,
        content: impl FnOnce(&mut Self) -> Visit,
    ) -> Visit {
        let outer = std::mem::replace(&mut self.place, place);
        self.first = true;
        self.out.push(open);
        content(self)?;
        self.out.push(close);
        self.place = outer;
        self.first = false;
        Ok(())
    }

    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
    }

    /// Writes what stands before a value.
    fn begin(&mut self, member: &Member) {
        match self.place {
            Place::Member => {
                self.comma();
                self.out.push(b'"');
                self.out.extend_from_slice(body_name(member).as_bytes());
                self.out.extend_from_slice(b"\":");
            }
            Place::Element => self.comma(),
            Place::Value => {}
        }
    }

    fn text(&mut self, text: &str) {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        self.out.push(b'"');
        let bytes = text.as_bytes();
        let mut rest = bytes;
        while let Some(at) = first_escaped(rest) {
            let Some((plain, [byte, after @ ..])) = rest.split_at_checked(at) else { break };
            self.out.extend_from_slice(plain);
            match byte {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                0x08 => self.out.extend_from_slice(b"\\b"),
                0x0c => self.out.extend_from_slice(b"\\f"),
                control => {
                    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                    self.out.extend_from_slice(b"\\u00");
                    self.out.extend_from_slice(&[digit(control >> 4), digit(control & 15)]);
                }
            }
            rest = after;
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }

    fn plain(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn integer(&mut self, value: i64) {
        let mut digits = [0u8; 20];
        let mut magnitude = value.unsigned_abs();
        let mut length = 0;
        for slot in digits.iter_mut().rev() {
            *slot = b'0' + (magnitude % 10) as u8;
            magnitude /= 10;
            length += 1;
            if magnitude == 0 {
                break;
            }
        }
        if value < 0 {
            self.out.push(b'-');
        }
        self.out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
    }

    fn float(&mut self, value: f64, single: bool) {
        if value.is_nan() {
            self.plain("\"NaN\"");
        } else if value.is_infinite() {
            self.plain(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
        } else if single {
            self.plain(&format!("{:?}", value as f32));
        } else {
            self.plain(&format!("{value:?}"));
        }
    }

    fn base64(&mut self, value: &[u8]) {
        self.out.push(b'"');
        let start = self.out.len();
        let length = base64::encoded_len(value.len(), true).unwrap_or_default();
        self.out.resize(start + length, 0);
        // The slice is as long as the text, so that encoding cannot fail.
        let written =
            self.out.get_mut(start..).map_or(0, |to| BASE64.encode_slice(value, to).unwrap_or_default());
        self.out.truncate(start + written);
        self.out.push(b'"');
    }

    fn timestamp(&mut self, value: Timestamp, format: TimestampFormat) {
        if format != TimestampFormat::EpochSeconds {
            self.text(&value.format(format));
            return;
        }
        let millis = value.nanos / 1_000_000;
        if millis == 0 {
            self.integer(value.seconds);
        } else if value.seconds >= 0 {
            self.integer(value.seconds);
            self.plain(format!(".{millis:03}").trim_end_matches('0'));
        } else {
            self.plain(&format!("{:?}", value.as_millis() as f64 / 1000.0));
        }
    }

    /// Writes a value without a schema.
    pub fn document(&mut self, value: &Document) {
        match value {
            Document::Null => self.plain("null"),
            Document::Bool(value) => self.plain(if *value { "true" } else { "false" }),
            Document::Integer(value) => self.integer(*value),
            Document::Float(value) => self.float(*value, false),
            Document::String(value) => self.text(value),
            Document::Blob(value) => self.base64(value),
            Document::Timestamp(value) => self.timestamp(*value, TimestampFormat::EpochSeconds),
            Document::List(items) => {
                self.out.push(b'[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.document(item);
                }
                self.out.push(b']');
            }
            Document::Map(entries) => {
                self.out.push(b'{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    if index > 0 {
                        self.out.push(b',');
                    }
                    self.text(key);
                    self.out.push(b':');
                    self.document(value);
                }
                self.out.push(b'}');
            }
        }
    }
}

impl ShapeSerializer for JsonSerializer<'_> {
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        self.begin(member);
        self.object(|this| value.write_members(this))
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        _: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.begin(member);
        self.nested(b'[', b']', Place::Element, |this| elements(this))
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        _: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.begin(member);
        self.nested(b'{', b'}', Place::Value, |this| entries(this))
    }

    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        self.comma();
        self.text(key);
        self.out.push(b':');
        let start = self.out.len();
        value(self)?;
        if self.out.len() == start {
            self.plain("null");
        }
        self.first = false;
        Ok(())
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.begin(member);
        self.plain(if value { "true" } else { "false" });
        Ok(())
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.begin(member);
        self.integer(value);
        Ok(())
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        self.begin(member);
        self.float(value, member.target.shape_type == ShapeType::Float);
        Ok(())
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        self.begin(member);
        self.text(value);
        Ok(())
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        self.begin(member);
        self.base64(value);
        Ok(())
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.begin(member);
        let format = self.timestamps.format(member);
        self.timestamp(value, format);
        Ok(())
    }

    fn write_document(&mut self, member: &'static Member, value: &Document) -> Visit {
        self.begin(member);
        self.document(value);
        Ok(())
    }

    fn write_null(&mut self, member: &'static Member) -> Visit {
        // A member that is null is not set.
        if self.place != Place::Member {
            self.begin(member);
            self.plain("null");
        }
        Ok(())
    }
}

/// Writes `shape` as an object.
///
/// # Errors
/// Those of the shape.
pub(crate) fn write_shape(
    shape: &dyn Shape,
    timestamps: Timestamps,
    to: &mut Vec<u8>,
) -> Result<(), CodecError> {
    JsonSerializer::new(to).timestamps(timestamps).object(|to| shape.write_members(to))
}
/// Where the first byte is that a JSON string has to escape.
fn first_escaped(text: &[u8]) -> Option<usize> {
    let escaped = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    // Without a branch for each byte, the compiler looks at all bytes of a piece at once.
    let clean =
        text.chunks(32).take_while(|piece| !piece.iter().fold(false, |any, byte| any | escaped(*byte)));
    let clean = clean.count() * 32;
    text.get(clean..)?.iter().position(|byte| escaped(*byte)).map(|at| clean + at)
}
