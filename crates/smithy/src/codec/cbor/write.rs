//! Writing CBOR.

use super::scan::{ARRAY, BREAK, BYTES, DOUBLE, FALSE, MAP, NEGATIVE, NULL, SINGLE, TEXT, TRUE, UNSIGNED};
use crate::codec::json::body_name;
use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Member, ShapeType};
use crate::shape::{Shape, ShapeSerializer, Visit};
use crate::timestamp::Timestamp;

/// Writes shapes as CBOR.
pub struct CborSerializer<'a> {
    out: &'a mut Vec<u8>,
    /// Whether the next value is a structure's member, which begins with its name.
    named: bool,
}

impl<'a> CborSerializer<'a> {
    /// A serializer that appends one item to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, named: false }
    }

    /// Writes a map whose entries `members` writes.
    ///
    /// # Errors
    /// Those of `members`.
    pub fn object(&mut self, members: impl FnOnce(&mut Self) -> Visit) -> Visit {
        self.out.push((MAP << 5) | 31);
        self.nested(true, members)?;
        self.out.push(BREAK);
        Ok(())
    }

    /// Writes a member without a schema.
    pub fn field(&mut self, name: &str, value: &Document) {
        self.text(name);
        self.document(value);
    }

    /// Writes a member without a schema that is text.
    pub fn text_field(&mut self, name: &str, value: &str) {
        self.text(name);
        self.text(value);
    }

    fn nested(&mut self, named: bool, content: impl FnOnce(&mut Self) -> Visit) -> Visit {
        let outer = std::mem::replace(&mut self.named, named);
        content(self)?;
        self.named = outer;
        Ok(())
    }

    fn begin(&mut self, member: &Member) {
        if self.named {
            self.text(body_name(member));
        }
    }

    /// Writes the head of an item in its shortest form.
    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        match argument {
            0..24 => self.out.push(major | argument as u8),
            24..=0xff => self.out.extend_from_slice(&[major | 24, argument as u8]),
            0x100..=0xffff => {
                self.out.push(major | 25);
                self.out.extend_from_slice(&(argument as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                self.out.push(major | 26);
                self.out.extend_from_slice(&(argument as u32).to_be_bytes());
            }
            _ => {
                self.out.push(major | 27);
                self.out.extend_from_slice(&argument.to_be_bytes());
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.head(TEXT, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.head(BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn integer(&mut self, value: i64) {
        if value < 0 {
            self.head(NEGATIVE, !value as u64);
        } else {
            self.head(UNSIGNED, value as u64);
        }
    }

    fn double(&mut self, value: f64) {
        self.out.push(DOUBLE);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    fn timestamp(&mut self, value: Timestamp) {
        self.out.push(0xc1);
        let millis = value.nanos / 1_000_000;
        if millis == 0 {
            self.integer(value.seconds);
        } else {
            self.double(value.as_millis() as f64 / 1000.0);
        }
    }

    /// Writes a value without a schema.
    pub fn document(&mut self, value: &Document) {
        match value {
            Document::Null => self.out.push(NULL),
            Document::Bool(value) => self.out.push(if *value { TRUE } else { FALSE }),
            Document::Integer(value) => self.integer(*value),
            Document::Float(value) => self.double(*value),
            Document::String(value) => self.text(value),
            Document::Blob(value) => self.bytes(value),
            Document::Timestamp(value) => self.timestamp(*value),
            Document::List(items) => {
                self.head(ARRAY, items.len() as u64);
                items.iter().for_each(|item| self.document(item));
            }
            Document::Map(entries) => {
                self.head(MAP, entries.len() as u64);
                for (key, value) in entries {
                    self.text(key);
                    self.document(value);
                }
            }
        }
    }
}

impl ShapeSerializer for CborSerializer<'_> {
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        self.begin(member);
        self.object(|this| value.write_members(this))
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        len: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.begin(member);
        self.head(ARRAY, len as u64);
        self.nested(false, |this| elements(this))
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        len: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.begin(member);
        self.head(MAP, len as u64);
        self.nested(false, |this| entries(this))
    }

    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        self.text(key);
        let start = self.out.len();
        value(self)?;
        if self.out.len() == start {
            self.out.push(NULL);
        }
        Ok(())
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.begin(member);
        self.out.push(if value { TRUE } else { FALSE });
        Ok(())
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.begin(member);
        self.integer(value);
        Ok(())
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        self.begin(member);
        if member.target.shape_type == ShapeType::Float {
            self.out.push(SINGLE);
            self.out.extend_from_slice(&(value as f32).to_be_bytes());
        } else {
            self.double(value);
        }
        Ok(())
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        self.begin(member);
        self.text(value);
        Ok(())
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        self.begin(member);
        self.bytes(value);
        Ok(())
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.begin(member);
        self.timestamp(value);
        Ok(())
    }

    fn write_document(&mut self, member: &'static Member, value: &Document) -> Visit {
        self.begin(member);
        self.document(value);
        Ok(())
    }

    fn write_null(&mut self, _: &'static Member) -> Visit {
        // A member that is null is not set.
        if !self.named {
            self.out.push(NULL);
        }
        Ok(())
    }
}

/// Writes `shape` as a map.
///
/// # Errors
/// Those of the shape.
pub(crate) fn write_shape(shape: &dyn Shape, to: &mut Vec<u8>) -> Result<(), CodecError> {
    CborSerializer::new(to).object(|to| shape.write_members(to))
}
