//! The two visitors between Rust types and wire formats.
//!
//! A generated structure *writes* itself by telling a [`ShapeSerializer`] each member that is
//! set, and *reads* itself by being told each member that a [`ShapeDeserializer`] found. Both
//! traits are object-safe, so that a structure's code is compiled once, however many formats
//! there are.

use std::any::Any;
use std::collections::BTreeMap;

use bytes::Bytes;

use crate::document::Document;
use crate::error::{CodecError, CodecErrorKind};
use crate::schema::{Member, OperationSchema, Schema, ShapeType};
use crate::stream::ByteStream;
use crate::timestamp::Timestamp;

/// The result of one visit.
pub type Visit = Result<(), CodecError>;

/// Writes values in some format.
///
/// Each method is told the member (or list element, map value) that is written, which carries
/// its name and traits. Members that are not set are not written at all.
pub trait ShapeSerializer {
    /// A structure or union.
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit;
    /// A list of `len` elements, which `elements` writes one after the other.
    fn write_list(
        &mut self,
        member: &'static Member,
        len: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit;
    /// A map of `len` entries, which `entries` writes with [`ShapeSerializer::write_entry`].
    fn write_map(
        &mut self,
        member: &'static Member,
        len: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit;
    /// One entry of the map that is being written.
    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit;
    /// A boolean.
    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit;
    /// An integer or long.
    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit;
    /// A float or double.
    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit;
    /// Text.
    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit;
    /// Bytes.
    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit;
    /// A point in time.
    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit;
    /// A document.
    fn write_document(&mut self, member: &'static Member, value: &Document) -> Visit;
    /// A null in a sparse list or map; for a structure's member it means *not set*.
    fn write_null(&mut self, member: &'static Member) -> Visit;
    /// A streamed payload. Formats without streams ignore it.
    fn write_stream(&mut self, member: &'static Member, value: &ByteStream) -> Visit {
        match value.as_bytes() {
            Some(bytes) => self.write_blob(member, &bytes),
            None => Ok(()),
        }
    }
}

/// Reads values from some format.
pub trait ShapeDeserializer {
    /// A structure or union of `schema`: calls `on_member` for each member that is present.
    ///
    /// Implementations skip unknown members and nulls, refuse a union with more or less than one
    /// member, and note required members that are missing in the [`DecodeReport`].
    fn read_struct(
        &mut self,
        schema: &'static Schema,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit;
    /// A list: calls `on_element` for each element.
    fn read_list(
        &mut self,
        member: &'static Member,
        on_element: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit;
    /// A map: calls `on_entry` for each entry.
    fn read_map(
        &mut self,
        member: &'static Member,
        on_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit;
    /// A boolean.
    fn read_bool(&mut self, member: &'static Member) -> Result<bool, CodecError>;
    /// An integer or long; the range of `member`'s type is checked.
    fn read_integer(&mut self, member: &'static Member) -> Result<i64, CodecError>;
    /// A float or double.
    fn read_float(&mut self, member: &'static Member) -> Result<f64, CodecError>;
    /// Text.
    fn read_string(&mut self, member: &'static Member) -> Result<String, CodecError>;
    /// Bytes.
    fn read_blob(&mut self, member: &'static Member) -> Result<Bytes, CodecError>;
    /// A point in time.
    fn read_timestamp(&mut self, member: &'static Member) -> Result<Timestamp, CodecError>;
    /// A document.
    fn read_document(&mut self, member: &'static Member) -> Result<Document, CodecError>;
    /// Whether the value is null; it is consumed if so. Only sparse lists and maps ask.
    fn read_null(&mut self) -> Result<bool, CodecError>;
    /// A streamed payload.
    fn read_stream(&mut self, member: &'static Member) -> Result<ByteStream, CodecError> {
        Ok(ByteStream::from(self.read_blob(member)?))
    }
}

/// A structure or union that can be written.
pub trait Shape {
    /// Its schema.
    fn schema(&self) -> &'static Schema;
    /// Writes every member that is set, in the model's order.
    fn write_members(&self, to: &mut dyn ShapeSerializer) -> Visit;
}

/// A structure that can be read.
pub trait ReadShape: Sized {
    /// Reads it.
    fn read_shape(from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError>;
}

/// An operation with its types.
pub trait Operation: 'static {
    /// The input structure.
    type Input: AnyShape + ReadShape;
    /// The output structure.
    type Output: AnyShape;
    /// The operation's schema.
    fn schema() -> &'static OperationSchema;
}

/// A [`Shape`] of a type that is no longer known, which can be asked for its type again.
pub trait AnyShape: Shape + Any + Send + Sync {
    /// The value as [`Any`], for downcasts.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send + Sync>;
}

impl<T: Shape + Any + Send + Sync> AnyShape for T {
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send + Sync> {
        self
    }
}

/// A value that can be written as a member.
pub trait WriteValue {
    /// Writes it.
    fn write_value(&self, member: &'static Member, to: &mut dyn ShapeSerializer) -> Visit;
}

/// A value that can be read as a member.
pub trait ReadValue: Sized {
    /// Reads it.
    fn read_value(member: &'static Member, from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError>;
}

/// Writes a structure's member if it is set.
pub fn write_optional<T: WriteValue>(
    value: Option<&T>,
    member: &'static Member,
    to: &mut dyn ShapeSerializer,
) -> Visit {
    value.map_or(Ok(()), |value| value.write_value(member, to))
}

macro_rules! scalar {
    ($type:ty, $write:ident, $read:ident, $to:expr, $from:expr) => {
        impl WriteValue for $type {
            fn write_value(&self, member: &'static Member, to: &mut dyn ShapeSerializer) -> Visit {
                to.$write(member, $to(self))
            }
        }
        impl ReadValue for $type {
            fn read_value(
                member: &'static Member,
                from: &mut dyn ShapeDeserializer,
            ) -> Result<Self, CodecError> {
                from.$read(member).and_then($from)
            }
        }
    };
}

fn narrow(value: i64) -> Result<i32, CodecError> {
    i32::try_from(value)
        .map_err(|_| CodecError::type_mismatch(format!("{value} is out of range for an integer")))
}

scalar!(bool, write_bool, read_bool, |v: &bool| *v, Ok);
scalar!(i32, write_integer, read_integer, |v: &i32| i64::from(*v), narrow);
scalar!(i64, write_integer, read_integer, |v: &i64| *v, Ok);
scalar!(f32, write_float, read_float, |v: &f32| f64::from(*v), |v| Ok(v as f32));
scalar!(f64, write_float, read_float, |v: &f64| *v, Ok);
scalar!(String, write_string, read_string, String::as_str, Ok);
scalar!(Bytes, write_blob, read_blob, Bytes::as_ref, Ok);
scalar!(Timestamp, write_timestamp, read_timestamp, |v: &Timestamp| *v, Ok);
scalar!(Document, write_document, read_document, |v| v, Ok);
scalar!(ByteStream, write_stream, read_stream, |v| v, Ok);

impl<T: WriteValue> WriteValue for Box<T> {
    fn write_value(&self, member: &'static Member, to: &mut dyn ShapeSerializer) -> Visit {
        T::write_value(self, member, to)
    }
}

impl<T: ReadValue> ReadValue for Box<T> {
    fn read_value(member: &'static Member, from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError> {
        T::read_value(member, from).map(Box::new)
    }
}

/// Elements of sparse lists and values of sparse maps.
impl<T: WriteValue> WriteValue for Option<T> {
    fn write_value(&self, member: &'static Member, to: &mut dyn ShapeSerializer) -> Visit {
        match self {
            Some(value) => value.write_value(member, to),
            None => to.write_null(member),
        }
    }
}

impl<T: ReadValue> ReadValue for Option<T> {
    fn read_value(member: &'static Member, from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError> {
        if from.read_null()? { Ok(None) } else { T::read_value(member, from).map(Some) }
    }
}

fn element(member: &'static Member) -> Result<&'static Member, CodecError> {
    member.target.element().ok_or_else(|| no_schema(member))
}

fn map_value(member: &'static Member) -> Result<&'static Member, CodecError> {
    member.target.map_value().ok_or_else(|| no_schema(member))
}

fn no_schema(member: &Member) -> CodecError {
    CodecError::new(CodecErrorKind::Output, format!("the schema of `{}` names no element", member.name))
}

impl<T: WriteValue> WriteValue for Vec<T> {
    fn write_value(&self, member: &'static Member, to: &mut dyn ShapeSerializer) -> Visit {
        let element = element(member)?;
        to.write_list(member, self.len(), &mut |to| {
            self.iter().try_for_each(|item| item.write_value(element, to))
        })
    }
}

impl<T: ReadValue> ReadValue for Vec<T> {
    fn read_value(member: &'static Member, from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError> {
        let element = element(member)?;
        let mut items = Self::new();
        from.read_list(member, &mut |from| {
            items.push(T::read_value(element, from)?);
            Ok(())
        })?;
        Ok(items)
    }
}

impl<T: WriteValue> WriteValue for BTreeMap<String, T> {
    fn write_value(&self, member: &'static Member, to: &mut dyn ShapeSerializer) -> Visit {
        let value = map_value(member)?;
        to.write_map(member, self.len(), &mut |to| {
            self.iter().try_for_each(|(key, item)| to.write_entry(key, &mut |to| item.write_value(value, to)))
        })
    }
}

impl<T: ReadValue> ReadValue for BTreeMap<String, T> {
    fn read_value(member: &'static Member, from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError> {
        let value = map_value(member)?;
        let mut entries = Self::new();
        from.read_map(member, &mut |key, from| {
            entries.insert(key, T::read_value(value, from)?);
            Ok(())
        })?;
        Ok(entries)
    }
}

/// Where in an input a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathSegment {
    /// A structure's member, by the model's name.
    Member(&'static str),
    /// A list's element, counted from 0.
    Index(usize),
    /// A map's value, by its key.
    Key(String),
}

/// What decoding notices without failing: required members that are missing. The pipeline
/// refuses them after authorisation, in the words of the service.
#[derive(Debug, Default)]
pub struct DecodeReport {
    path: Vec<PathSegment>,
    /// Each missing member: the path of its structure, and the member.
    pub missing: Vec<(Vec<PathSegment>, &'static Member)>,
}

/// Inputs nested deeper than this are refused by every codec.
pub const MAX_DEPTH: usize = 128;

impl DecodeReport {
    /// Enters a nested value. An error if the nesting is too deep.
    pub fn enter(&mut self, segment: PathSegment) -> Visit {
        if self.path.len() >= MAX_DEPTH {
            return Err(CodecError::new(CodecErrorKind::TooLarge, "the input is nested too deeply"));
        }
        self.path.push(segment);
        Ok(())
    }

    /// Leaves the value that was entered last.
    pub fn leave(&mut self) {
        self.path.pop();
    }
}

/// Which members of one structure were read: codecs keep one per structure.
#[derive(Debug, Default)]
pub struct SeenMembers {
    bits: [u64; 4],
    beyond: Vec<usize>,
    count: usize,
}

impl SeenMembers {
    /// Marks `member` as read; `false` if it was already.
    pub fn mark(&mut self, member: &Member) -> bool {
        let fresh = match self.bits.get_mut(member.index / 64) {
            Some(word) => {
                let bit = 1 << (member.index % 64);
                let fresh = *word & bit == 0;
                *word |= bit;
                fresh
            }
            None if self.beyond.contains(&member.index) => false,
            None => {
                self.beyond.push(member.index);
                true
            }
        };
        self.count += usize::from(fresh);
        fresh
    }

    fn has(&self, member: &Member) -> bool {
        match self.bits.get(member.index / 64) {
            Some(word) => word & (1 << (member.index % 64)) != 0,
            None => self.beyond.contains(&member.index),
        }
    }

    /// To be called when the structure ends: notes missing members, refuses a bad union.
    pub fn finish(&self, schema: &'static Schema, report: &mut DecodeReport) -> Visit {
        if schema.shape_type == ShapeType::Union && self.count != 1 {
            return Err(CodecError::type_mismatch(format!(
                "the union `{}` must have exactly one member set, not {}",
                schema.name, self.count
            )));
        }
        for member in schema.members {
            if member.required && !self.has(member) {
                report.missing.push((report.path.clone(), member));
            }
        }
        Ok(())
    }
}
