//! Reading CBOR.

use std::borrow::Cow;

use bytes::Bytes;
use indexmap::IndexMap;

use super::scan::{
    ARRAY, BYTES, FALSE, MAP, NULL, Number, SIMPLE, Scanner, TAG, TEXT, TRUE, UNDEFINED, too_deep,
};
use crate::codec::json::body_name;
use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Member, Schema, ShapeType};
use crate::shape::{DecodeReport, MAX_DEPTH, PathSegment, SeenMembers, ShapeDeserializer, Visit};
use crate::timestamp::Timestamp;

/// Reads shapes from CBOR.
pub struct CborDeserializer<'a, 'r> {
    scanner: Scanner<'a>,
    report: &'r mut DecodeReport,
}

impl<'a, 'r> CborDeserializer<'a, 'r> {
    /// A deserializer on `input`.
    pub fn new(input: &'a [u8], report: &'r mut DecodeReport) -> Self {
        Self { scanner: Scanner::new(input), report }
    }

    /// To be called at the end.
    ///
    /// # Errors
    /// When anything is left.
    pub fn finish(self) -> Visit {
        match self.scanner.peek() {
            None => Ok(()),
            Some(_) => Err(CodecError::syntax("there is more than one item")),
        }
    }

    /// The next item is not of the type that it must be.
    fn mismatch(&self, name: &str, expected: &str) -> CodecError {
        let found = match self.scanner.major() {
            None => return CodecError::syntax("the input ends within an item"),
            Some(BYTES) => "a byte string",
            Some(TEXT) => "a text string",
            Some(ARRAY) => "an array",
            Some(MAP) => "a map",
            Some(TAG) => "a tagged item",
            Some(SIMPLE) => "a simple value",
            Some(_) => "an integer",
        };
        CodecError::type_mismatch(format!("`{name}` must be {expected}, not {found}"))
    }

    /// Checks that the next item is of a major type.
    fn expect(&mut self, major: u8, name: &str, expected: &str) -> Visit {
        self.scanner.skip_tags()?;
        if self.scanner.major() == Some(major) { Ok(()) } else { Err(self.mismatch(name, expected)) }
    }

    fn key(&mut self) -> Result<Cow<'a, str>, CodecError> {
        self.expect(TEXT, "a key", "a text string")?;
        self.scanner.text()
    }

    fn refuse_null(&mut self, member: &Member) -> Visit {
        if !member.target.sparse && matches!(self.scanner.peek(), Some(NULL | UNDEFINED)) {
            return Err(self.mismatch(member.name, "free of nulls"));
        }
        Ok(())
    }

    /// Runs `read` on the next item, and sees to it that the item is consumed.
    fn nested(
        &mut self,
        schema: &'static Schema,
        segment: impl FnOnce() -> PathSegment,
        read: impl FnOnce(&mut Self) -> Visit,
    ) -> Visit {
        let aggregate = matches!(
            schema.shape_type,
            ShapeType::Structure | ShapeType::Union | ShapeType::List | ShapeType::Map
        );
        if aggregate {
            self.report.enter(segment())?;
        }
        let start = self.scanner.position();
        read(self)?;
        if self.scanner.position() == start {
            self.scanner.skip_item(0)?;
        }
        if aggregate {
            self.report.leave();
        }
        Ok(())
    }

    fn number(&mut self, member: &Member) -> Result<Number, CodecError> {
        match self.scanner.number()? {
            Some(number) => Ok(number),
            None => Err(self.mismatch(member.name, "a number")),
        }
    }

    /// Reads the members of a structure that `wanted` chooses; the others count as unknown.
    /// Unlike [`ShapeDeserializer::read_struct`] it does not finish `seen`.
    ///
    /// # Errors
    /// Those of the syntax, and of `on_member`.
    pub fn read_members(
        &mut self,
        schema: &'static Schema,
        seen: &mut SeenMembers,
        wanted: fn(&Member) -> bool,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.expect(MAP, schema.name, "a map")?;
        let mut length = self.scanner.open()?;
        let mut guess = 0;
        while self.scanner.more(&mut length) {
            let key = self.key()?;
            let found = find_member(schema, &key, guess).filter(|member| wanted(member));
            if self.scanner.take_null() {
                // A null is the same as an absence.
            } else if let Some(member) = found {
                guess = member.index + 1;
                seen.mark(member);
                self.nested(
                    member.target,
                    || PathSegment::Member(member.name),
                    |this| on_member(member, this),
                )?;
            } else if schema.shape_type == ShapeType::Union && key != "__type" {
                return Err(CodecError::type_mismatch(format!(
                    "the union `{}` has no member `{key}`",
                    schema.name
                )));
            } else {
                self.scanner.skip_item(0)?;
            }
        }
        Ok(())
    }

    /// Reads any item.
    ///
    /// # Errors
    /// Those of the syntax, nesting beyond [`MAX_DEPTH`], and keys that are not text.
    pub fn document(&mut self) -> Result<Document, CodecError> {
        self.document_at(0)
    }

    fn document_at(&mut self, depth: usize) -> Result<Document, CodecError> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if let Some(number) = self.scanner.number()? {
            return Ok(match number {
                Number::Integer(value) => Document::Integer(value),
                Number::Float(value) => Document::Float(value),
            });
        }
        if self.scanner.take(0xc1) {
            return self.epoch("a timestamp").map(Document::Timestamp);
        }
        if self.scanner.major() == Some(TAG) {
            self.scanner.head()?;
            return self.document_at(depth + 1);
        }
        Ok(match self.scanner.major() {
            Some(BYTES) => Document::Blob(Bytes::from(self.scanner.string_bytes(BYTES)?.into_owned())),
            Some(TEXT) => Document::String(self.scanner.text()?.into_owned()),
            Some(ARRAY) => {
                let mut length = self.scanner.open()?;
                let mut items = Vec::new();
                while self.scanner.more(&mut length) {
                    items.push(self.document_at(depth + 1)?);
                }
                Document::List(items)
            }
            Some(MAP) => {
                let mut length = self.scanner.open()?;
                let mut entries = IndexMap::new();
                while self.scanner.more(&mut length) {
                    let key = self.key()?.into_owned();
                    entries.insert(key, self.document_at(depth + 1)?);
                }
                Document::Map(entries)
            }
            _ if self.scanner.take(TRUE) => Document::Bool(true),
            _ if self.scanner.take(FALSE) => Document::Bool(false),
            _ if self.scanner.take_null() => Document::Null,
            _ => return Err(self.mismatch("the document", "a value")),
        })
    }

    fn epoch(&mut self, name: &str) -> Result<Timestamp, CodecError> {
        let time = match self.scanner.number()? {
            Some(Number::Integer(seconds)) => Timestamp::from_epoch(seconds as f64),
            Some(Number::Float(seconds)) => Timestamp::from_epoch(seconds),
            None => return Err(self.mismatch(name, "a timestamp")),
        };
        time.ok_or_else(|| CodecError::type_mismatch(format!("`{name}` is out of range")))
    }
}

/// The member with the name `key`; the one after the last is tried first.
fn find_member(schema: &'static Schema, key: &str, guess: usize) -> Option<&'static Member> {
    match schema.members.get(guess) {
        Some(member) if body_name(member) == key => Some(member),
        _ => schema.members.iter().find(|member| body_name(member) == key),
    }
}

impl ShapeDeserializer for CborDeserializer<'_, '_> {
    fn read_struct(
        &mut self,
        schema: &'static Schema,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let mut seen = SeenMembers::default();
        self.read_members(schema, &mut seen, |_| true, on_member)?;
        seen.finish(schema, self.report)
    }

    fn read_list(
        &mut self,
        member: &'static Member,
        on_element: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.expect(ARRAY, member.name, "an array")?;
        let element = member.target.element().map_or(member.target, |element| element.target);
        let mut length = self.scanner.open()?;
        let mut index = 0;
        while self.scanner.more(&mut length) {
            self.refuse_null(member)?;
            self.nested(element, || PathSegment::Index(index), |this| on_element(this))?;
            index += 1;
        }
        Ok(())
    }

    fn read_map(
        &mut self,
        member: &'static Member,
        on_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.expect(MAP, member.name, "a map")?;
        let value = member.target.map_value().map_or(member.target, |value| value.target);
        let mut length = self.scanner.open()?;
        while self.scanner.more(&mut length) {
            let key = self.key()?;
            self.refuse_null(member)?;
            // The key is on the path for the sake of what is missing below it.
            let segment =
                PathSegment::Key(if value.constrained { key.clone().into_owned() } else { String::new() });
            self.nested(value, || segment, |this| on_entry(key.into_owned(), this))?;
        }
        Ok(())
    }

    fn read_bool(&mut self, member: &'static Member) -> Result<bool, CodecError> {
        self.scanner.skip_tags()?;
        if self.scanner.take(TRUE) {
            Ok(true)
        } else if self.scanner.take(FALSE) {
            Ok(false)
        } else {
            Err(self.mismatch(member.name, "a boolean"))
        }
    }

    fn read_integer(&mut self, member: &'static Member) -> Result<i64, CodecError> {
        let single = member.target.shape_type == ShapeType::Integer;
        match self.number(member)? {
            Number::Integer(value) if !single || i32::try_from(value).is_ok() => Ok(value),
            _ => Err(CodecError::type_mismatch(format!("`{}` is no integer of its type", member.name))),
        }
    }

    fn read_float(&mut self, member: &'static Member) -> Result<f64, CodecError> {
        Ok(match self.number(member)? {
            Number::Integer(value) => value as f64,
            Number::Float(value) => value,
        })
    }

    fn read_string(&mut self, member: &'static Member) -> Result<String, CodecError> {
        self.expect(TEXT, member.name, "a text string")?;
        self.scanner.text().map(Cow::into_owned)
    }

    fn read_blob(&mut self, member: &'static Member) -> Result<Bytes, CodecError> {
        self.expect(BYTES, member.name, "a byte string")?;
        self.scanner.string_bytes(BYTES).map(|bytes| Bytes::from(bytes.into_owned()))
    }

    fn read_timestamp(&mut self, member: &'static Member) -> Result<Timestamp, CodecError> {
        self.scanner.take(0xc1);
        self.epoch(member.name)
    }

    fn read_document(&mut self, _: &'static Member) -> Result<Document, CodecError> {
        self.document()
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        Ok(self.scanner.take_null())
    }
}
