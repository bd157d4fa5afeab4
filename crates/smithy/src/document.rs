//! Values without a Rust type: what any operation can be called with by name.

use bytes::Bytes;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::CodecError;
use crate::schema::{Member, Schema, ShapeType};
use crate::shape::{Shape, ShapeDeserializer, ShapeSerializer};
use crate::stream::ByteStream;
use crate::timestamp::Timestamp;

/// Any value of the Smithy data model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum Document {
    /// Nothing.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, or one that no 64-bit integer holds.
    Float(f64),
    /// Text.
    String(String),
    /// Bytes.
    Blob(Bytes),
    /// A point in time.
    Timestamp(Timestamp),
    /// A sequence.
    List(Vec<Document>),
    /// A map, or a structure by the model's member names, in order.
    Map(IndexMap<String, Document>),
}

impl Document {
    /// The member `name` of a map.
    pub fn get(&self, name: &str) -> Option<&Document> {
        match self {
            Self::Map(map) => map.get(name),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether this is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Reads a value of `member`'s shape.
    pub fn read(member: &'static Member, from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError> {
        if from.read_null()? {
            return Ok(Self::Null);
        }
        Ok(match member.target.shape_type {
            ShapeType::Blob if member.is_streaming() => {
                Self::Blob(from.read_stream(member)?.as_bytes().unwrap_or_default())
            }
            ShapeType::Blob => Self::Blob(from.read_blob(member)?),
            ShapeType::Boolean => Self::Bool(from.read_bool(member)?),
            ShapeType::String => Self::String(from.read_string(member)?),
            ShapeType::Timestamp => Self::Timestamp(from.read_timestamp(member)?),
            ShapeType::Integer | ShapeType::Long => Self::Integer(from.read_integer(member)?),
            ShapeType::Float | ShapeType::Double => Self::Float(from.read_float(member)?),
            ShapeType::Document => from.read_document(member)?,
            ShapeType::List => {
                let mut items = Vec::new();
                let element = member.target.element().ok_or_else(incomplete)?;
                from.read_list(member, &mut |from| {
                    items.push(Self::read(element, from)?);
                    Ok(())
                })?;
                Self::List(items)
            }
            ShapeType::Map => {
                let mut entries = IndexMap::new();
                let value = member.target.map_value().ok_or_else(incomplete)?;
                from.read_map(member, &mut |key, from| {
                    entries.insert(key, Self::read(value, from)?);
                    Ok(())
                })?;
                Self::Map(entries)
            }
            ShapeType::Structure | ShapeType::Union if member.target.event_stream => Self::Null,
            ShapeType::Structure | ShapeType::Union => Self::read_structure(member.target, from)?,
        })
    }

    /// Reads a structure of `schema`.
    pub fn read_structure(
        schema: &'static Schema,
        from: &mut dyn ShapeDeserializer,
    ) -> Result<Self, CodecError> {
        let mut members = IndexMap::new();
        from.read_struct(schema, &mut |member, from| {
            members.insert(member.name.to_owned(), Self::read(member, from)?);
            Ok(())
        })?;
        Ok(Self::Map(members))
    }

    /// Writes this value as `member`'s shape. A value of another shape is an error of the caller
    /// of this function, told with the member's name.
    pub fn write(&self, member: &'static Member, to: &mut dyn ShapeSerializer) -> Result<(), CodecError> {
        let schema = member.target;
        match (schema.shape_type, self) {
            (_, Self::Null) => to.write_null(member),
            (ShapeType::Document, _) => to.write_document(member, self),
            (ShapeType::Blob, Self::Blob(bytes)) if member.is_streaming() => {
                to.write_stream(member, &ByteStream::from(bytes.clone()))
            }
            (ShapeType::Blob, Self::Blob(bytes)) => to.write_blob(member, bytes),
            (ShapeType::Blob, Self::String(text)) => to.write_blob(member, text.as_bytes()),
            (ShapeType::Boolean, Self::Bool(value)) => to.write_bool(member, *value),
            (ShapeType::String, Self::String(text)) => to.write_string(member, text),
            (ShapeType::Timestamp, Self::Timestamp(time)) => to.write_timestamp(member, *time),
            (ShapeType::Timestamp, Self::Integer(seconds)) => {
                to.write_timestamp(member, Timestamp::from_seconds(*seconds))
            }
            (ShapeType::Timestamp, Self::Float(seconds)) => match Timestamp::from_epoch(*seconds) {
                Some(time) => to.write_timestamp(member, time),
                None => Err(mismatch(member)),
            },
            (ShapeType::Timestamp, Self::String(text)) => match Timestamp::parse_any(text) {
                Some(time) => to.write_timestamp(member, time),
                None => Err(mismatch(member)),
            },
            (ShapeType::Integer | ShapeType::Long, Self::Integer(value)) => to.write_integer(member, *value),
            (ShapeType::Float | ShapeType::Double, Self::Float(value)) => to.write_float(member, *value),
            (ShapeType::Float | ShapeType::Double, Self::Integer(value)) => {
                to.write_float(member, *value as f64)
            }
            (ShapeType::List, Self::List(items)) => {
                let element = schema.element().ok_or_else(incomplete)?;
                to.write_list(member, items.len(), &mut |to| {
                    items.iter().try_for_each(|item| item.write(element, to))
                })
            }
            (ShapeType::Map, Self::Map(entries)) => {
                let value = schema.map_value().ok_or_else(incomplete)?;
                to.write_map(member, entries.len(), &mut |to| {
                    entries
                        .iter()
                        .try_for_each(|(key, entry)| to.write_entry(key, &mut |to| entry.write(value, to)))
                })
            }
            (ShapeType::Structure | ShapeType::Union, Self::Map(_)) => {
                to.write_struct(member, &DocumentShape { schema, document: self })
            }
            _ => Err(mismatch(member)),
        }
    }
}

fn incomplete() -> CodecError {
    CodecError::type_mismatch("the schema of a list or map names no element")
}

fn mismatch(member: &Member) -> CodecError {
    CodecError::type_mismatch(format!("`{}` is not a {:?}", member.name, member.target.shape_type))
}

/// A document that is written as a structure of `schema`; members that the schema does not name
/// are left out.
pub struct DocumentShape<'a> {
    /// The structure's schema.
    pub schema: &'static Schema,
    /// A [`Document::Map`] by the model's member names.
    pub document: &'a Document,
}

impl Shape for DocumentShape<'_> {
    fn schema(&self) -> &'static Schema {
        self.schema
    }

    fn write_members(&self, to: &mut dyn ShapeSerializer) -> Result<(), CodecError> {
        for member in self.schema.members {
            if let Some(value) = self.document.get(member.name) {
                value.write(member, to)?;
            }
        }
        Ok(())
    }
}

impl From<bool> for Document {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Document {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<f64> for Document {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Document {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Document {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Timestamp> for Document {
    fn from(time: Timestamp) -> Self {
        Self::Timestamp(time)
    }
}

impl From<Vec<Document>> for Document {
    fn from(items: Vec<Document>) -> Self {
        Self::List(items)
    }
}

impl FromIterator<(String, Document)> for Document {
    fn from_iter<I: IntoIterator<Item = (String, Document)>>(entries: I) -> Self {
        Self::Map(entries.into_iter().collect())
    }
}
