//! Shapes as [`Document`]s, by the model's member names: how one service's input becomes
//! another's, and how any operation can be called by name.

use bytes::Bytes;
use indexmap::IndexMap;

use crate::document::Document;
use crate::error::{CodecError, CodecErrorKind};
use crate::schema::{Member, Schema};
use crate::shape::{
    DecodeReport, PathSegment, SeenMembers, Shape, ShapeDeserializer, ShapeSerializer, Visit,
};
use crate::stream::ByteStream;
use crate::timestamp::Timestamp;

/// The document of a structure. A streamed payload that is not in memory is not part of it.
///
/// # Errors
/// When a shape writes what its schema does not allow, which generated shapes do not.
pub fn to_document(shape: &dyn Shape) -> Result<Document, CodecError> {
    Ok(to_document_and_stream(shape)?.0)
}

/// The member of a structure that is its streamed payload, and the payload.
pub type StreamedPayload = (&'static Member, ByteStream);

/// The document of a structure without its streamed payload, and that payload if it is not in
/// memory: it is taken out of the structure.
///
/// # Errors
/// As [`to_document`].
pub fn to_document_and_stream(shape: &dyn Shape) -> Result<(Document, Option<StreamedPayload>), CodecError> {
    let mut writer = DocumentWriter { open: Vec::new(), done: None, stream: None };
    writer.structure(shape)?;
    let nothing = || CodecError::new(CodecErrorKind::Output, "nothing was written");
    Ok((writer.done.ok_or_else(nothing)?, writer.stream))
}

/// A container that is being written, and where the next value in it goes.
enum Open {
    Map(IndexMap<String, Document>),
    Entry(String),
    List(Vec<Document>),
}

struct DocumentWriter {
    open: Vec<Open>,
    done: Option<Document>,
    stream: Option<StreamedPayload>,
}

impl DocumentWriter {
    fn structure(&mut self, shape: &dyn Shape) -> Visit {
        self.open.push(Open::Map(IndexMap::new()));
        shape.write_members(self)?;
        self.done = self.close();
        Ok(())
    }

    fn close(&mut self) -> Option<Document> {
        match self.open.pop()? {
            Open::Map(map) => Some(Document::Map(map)),
            Open::List(list) => Some(Document::List(list)),
            Open::Entry(_) => None,
        }
    }

    fn put(&mut self, member: &Member, value: Document) -> Visit {
        let key = match self.open.last_mut() {
            Some(Open::List(list)) => {
                list.push(value);
                return Ok(());
            }
            Some(Open::Entry(key)) => {
                let key = std::mem::take(key);
                self.open.pop();
                key
            }
            _ => member.name.to_owned(),
        };
        match self.open.last_mut() {
            Some(Open::Map(map)) => {
                map.insert(key, value);
            }
            _ => self.done = Some(value),
        }
        Ok(())
    }

    fn nested(&mut self, member: &Member, open: Open, write: impl FnOnce(&mut Self) -> Visit) -> Visit {
        self.open.push(open);
        write(self)?;
        match self.close() {
            Some(value) => self.put(member, value),
            None => Err(CodecError::new(CodecErrorKind::Output, "a map entry has no value")),
        }
    }
}

impl ShapeSerializer for DocumentWriter {
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        self.nested(member, Open::Map(IndexMap::new()), |this| value.write_members(this))
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        _: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.nested(member, Open::List(Vec::new()), |this| elements(this))
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        _: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.nested(member, Open::Map(IndexMap::new()), |this| entries(this))
    }

    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        self.open.push(Open::Entry(key.to_owned()));
        value(self)
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.put(member, Document::Bool(value))
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.put(member, Document::Integer(value))
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        self.put(member, Document::Float(value))
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        self.put(member, Document::String(value.to_owned()))
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        self.put(member, Document::Blob(Bytes::copy_from_slice(value)))
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.put(member, Document::Timestamp(value))
    }

    fn write_document(&mut self, member: &'static Member, value: &Document) -> Visit {
        self.put(member, value.clone())
    }

    fn write_null(&mut self, member: &'static Member) -> Visit {
        match self.open.last() {
            // A structure's member that is null is not set.
            Some(Open::Map(_)) | None => Ok(()),
            Some(Open::List(_) | Open::Entry(_)) => self.put(member, Document::Null),
        }
    }

    fn write_stream(&mut self, member: &'static Member, value: &ByteStream) -> Visit {
        match value.as_bytes() {
            Some(bytes) => self.put(member, Document::Blob(bytes)),
            None => {
                self.stream = Some((member, value.take()));
                Ok(())
            }
        }
    }
}

/// Reads shapes from a document.
pub struct DocumentReader<'a> {
    value: &'a Document,
    report: &'a mut DecodeReport,
}

impl<'a> DocumentReader<'a> {
    /// A reader of `value`; missing members are noted in `report`.
    pub fn new(value: &'a Document, report: &'a mut DecodeReport) -> Self {
        Self { value, report }
    }

    fn nested(
        &mut self,
        segment: PathSegment,
        value: &'a Document,
        visit: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.report.enter(segment)?;
        let result = visit(&mut DocumentReader { value, report: self.report });
        self.report.leave();
        result
    }
}

fn wrong(member: &Member, expected: &str) -> CodecError {
    CodecError::type_mismatch(format!("`{}` must be {expected}", member.name))
}

impl ShapeDeserializer for DocumentReader<'_> {
    fn read_struct(
        &mut self,
        schema: &'static Schema,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let Document::Map(map) = self.value else {
            return Err(CodecError::type_mismatch(format!("`{}` must be a structure", schema.name)));
        };
        let mut seen = SeenMembers::default();
        for (key, value) in map.iter().filter(|(_, value)| !value.is_null()) {
            if let Some(member) = schema.member(key) {
                seen.mark(member);
                self.nested(PathSegment::Member(member.name), value, &mut |from| on_member(member, from))?;
            }
        }
        seen.finish(schema, self.report)
    }

    fn read_list(
        &mut self,
        member: &'static Member,
        on_element: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let Document::List(items) = self.value else { return Err(wrong(member, "a list")) };
        for (index, item) in items.iter().enumerate() {
            self.nested(PathSegment::Index(index), item, on_element)?;
        }
        Ok(())
    }

    fn read_map(
        &mut self,
        member: &'static Member,
        on_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let Document::Map(map) = self.value else { return Err(wrong(member, "a map")) };
        for (key, value) in map {
            self.nested(PathSegment::Key(key.clone()), value, &mut |from| on_entry(key.clone(), from))?;
        }
        Ok(())
    }

    fn read_bool(&mut self, member: &'static Member) -> Result<bool, CodecError> {
        match self.value {
            Document::Bool(value) => Ok(*value),
            _ => Err(wrong(member, "a boolean")),
        }
    }

    fn read_integer(&mut self, member: &'static Member) -> Result<i64, CodecError> {
        match self.value {
            Document::Integer(value) => Ok(*value),
            Document::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(*value as i64),
            _ => Err(wrong(member, "an integer")),
        }
    }

    fn read_float(&mut self, member: &'static Member) -> Result<f64, CodecError> {
        match self.value {
            Document::Float(value) => Ok(*value),
            Document::Integer(value) => Ok(*value as f64),
            _ => Err(wrong(member, "a number")),
        }
    }

    fn read_string(&mut self, member: &'static Member) -> Result<String, CodecError> {
        match self.value {
            Document::String(text) => Ok(text.clone()),
            _ => Err(wrong(member, "a string")),
        }
    }

    fn read_blob(&mut self, member: &'static Member) -> Result<Bytes, CodecError> {
        match self.value {
            Document::Blob(bytes) => Ok(bytes.clone()),
            Document::String(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
            _ => Err(wrong(member, "bytes")),
        }
    }

    fn read_timestamp(&mut self, member: &'static Member) -> Result<Timestamp, CodecError> {
        let time = match self.value {
            Document::Timestamp(time) => Some(*time),
            Document::Integer(seconds) => Some(Timestamp::from_seconds(*seconds)),
            Document::Float(seconds) => Timestamp::from_epoch(*seconds),
            Document::String(text) => Timestamp::parse_any(text),
            _ => None,
        };
        time.ok_or_else(|| wrong(member, "a timestamp"))
    }

    fn read_document(&mut self, _: &'static Member) -> Result<Document, CodecError> {
        Ok(self.value.clone())
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        Ok(self.value.is_null())
    }
}
