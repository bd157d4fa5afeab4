//! Reading JSON.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use indexmap::IndexMap;

use super::scan::{Scanner, too_deep};
use super::{Timestamps, body_name};
use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Member, Schema, ShapeType, TimestampFormat};
use crate::shape::{DecodeReport, MAX_DEPTH, PathSegment, SeenMembers, ShapeDeserializer, Visit};
use crate::timestamp::Timestamp;

/// Reads shapes from JSON.
pub struct JsonDeserializer<'a, 'r> {
    scanner: Scanner<'a>,
    report: &'r mut DecodeReport,
    timestamps: Timestamps,
}

impl<'a, 'r> JsonDeserializer<'a, 'r> {
    /// A deserializer on `input`.
    ///
    /// # Errors
    /// When `input` is not UTF-8.
    pub fn new(input: &'a [u8], report: &'r mut DecodeReport) -> Result<Self, CodecError> {
        Ok(Self { scanner: Scanner::new(input)?, report, timestamps: Timestamps::ByModel })
    }

    /// Reads timestamps in another way than by the model.
    #[must_use]
    pub fn timestamps(mut self, timestamps: Timestamps) -> Self {
        self.timestamps = timestamps;
        self
    }

    /// To be called at the end.
    ///
    /// # Errors
    /// When anything but white space is left.
    pub fn finish(mut self) -> Visit {
        match self.scanner.peek() {
            None => Ok(()),
            Some(_) => Err(self.scanner.unexpected("the end of the input")),
        }
    }

    /// Reads the members of a structure that `in_body` chooses; the others count as unknown.
    /// Unlike [`ShapeDeserializer::read_struct`] it does not finish `seen`.
    ///
    /// # Errors
    /// Those of the syntax, and of `on_member`.
    pub fn read_members(
        &mut self,
        schema: &'static Schema,
        seen: &mut SeenMembers,
        in_body: fn(&Member) -> bool,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.open(b'{', schema.name, "an object")?;
        if self.scanner.take(b'}') {
            return Ok(());
        }
        let mut guess = 0;
        loop {
            let key = self.scanner.string()?;
            self.scanner.expect(b':', "`:`")?;
            let found = find_member(schema, &key, guess).filter(|member| in_body(member));
            if self.scanner.take_word("null") {
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
                self.scanner.skip_value(0)?;
            }
            if self.scanner.take(b'}') {
                return Ok(());
            }
            self.scanner.expect(b',', "`,` or `}`")?;
        }
    }

    /// Runs `read` on the next value, and sees to it that the value is consumed.
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
        self.scanner.peek();
        let start = self.scanner.position();
        read(self)?;
        if self.scanner.position() == start {
            self.scanner.skip_value(0)?;
        }
        if aggregate {
            self.report.leave();
        }
        Ok(())
    }

    fn open(&mut self, bracket: u8, name: &str, what: &str) -> Visit {
        if self.scanner.take(bracket) {
            return Ok(());
        }
        Err(self.mismatch(name, what))
    }

    /// The next token is not what a value of this type begins with.
    fn mismatch(&mut self, name: &str, what: &str) -> CodecError {
        let found = match self.scanner.peek() {
            Some(b'"') => "a string",
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'-' | b'0'..=b'9') => "a number",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "null",
            _ => return self.scanner.unexpected(what),
        };
        CodecError::type_mismatch(format!("`{name}` must be {what}, not {found}"))
    }

    fn text(&mut self, member: &Member) -> Result<Cow<'a, str>, CodecError> {
        if self.scanner.peek() == Some(b'"') {
            self.scanner.string()
        } else {
            Err(self.mismatch(member.name, "a string"))
        }
    }

    fn number(&mut self, member: &Member) -> Result<&'a str, CodecError> {
        match self.scanner.peek() {
            Some(b'-' | b'0'..=b'9') => self.scanner.number(),
            _ => Err(self.mismatch(member.name, "a number")),
        }
    }

    fn refuse_null(&mut self, member: &Member) -> Visit {
        if !member.target.sparse && self.scanner.peek() == Some(b'n') {
            return Err(self.mismatch(member.name, "free of nulls"));
        }
        Ok(())
    }

    /// Reads any value.
    ///
    /// # Errors
    /// Those of the syntax, and nesting beyond [`MAX_DEPTH`].
    pub fn document(&mut self) -> Result<Document, CodecError> {
        self.document_at(0)
    }

    fn document_at(&mut self, depth: usize) -> Result<Document, CodecError> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        let scanner = &mut self.scanner;
        Ok(match scanner.peek() {
            Some(b'"') => Document::String(scanner.string()?.into_owned()),
            Some(b'{') => {
                scanner.take(b'{');
                let mut entries = IndexMap::new();
                if self.scanner.take(b'}') {
                    return Ok(Document::Map(entries));
                }
                loop {
                    let key = self.scanner.string()?.into_owned();
                    self.scanner.expect(b':', "`:`")?;
                    entries.insert(key, self.document_at(depth + 1)?);
                    if self.scanner.take(b'}') {
                        return Ok(Document::Map(entries));
                    }
                    self.scanner.expect(b',', "`,` or `}`")?;
                }
            }
            Some(b'[') => {
                scanner.take(b'[');
                let mut items = Vec::new();
                if self.scanner.take(b']') {
                    return Ok(Document::List(items));
                }
                loop {
                    items.push(self.document_at(depth + 1)?);
                    if self.scanner.take(b']') {
                        return Ok(Document::List(items));
                    }
                    self.scanner.expect(b',', "`,` or `]`")?;
                }
            }
            Some(b'-' | b'0'..=b'9') => {
                let text = scanner.number()?;
                match text.parse::<i64>() {
                    Ok(integer) => Document::Integer(integer),
                    Err(_) => {
                        Document::Float(finite(text).ok_or_else(|| out_of_range("the document", text))?)
                    }
                }
            }
            _ if scanner.take_word("true") => Document::Bool(true),
            _ if scanner.take_word("false") => Document::Bool(false),
            _ if scanner.take_word("null") => Document::Null,
            _ => return Err(scanner.unexpected("a value")),
        })
    }
}

/// The member with the name `key`. Clients mostly write members in the model's order, so the one
/// after the last is tried first.
fn find_member(schema: &'static Schema, key: &str, guess: usize) -> Option<&'static Member> {
    match schema.members.get(guess) {
        Some(member) if body_name(member) == key => Some(member),
        _ => schema.members.iter().find(|member| body_name(member) == key),
    }
}

fn out_of_range(name: &str, text: &str) -> CodecError {
    // A number may have millions of digits.
    let shown: String = text.chars().take(40).collect();
    CodecError::type_mismatch(format!("`{name}`: {shown} is out of range"))
}

fn finite(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|value| value.is_finite())
}

/// A number as an integer, also when it is written with a fraction of zero.
fn integer(text: &str) -> Option<i64> {
    if let Ok(value) = text.parse::<i64>() {
        return Some(value);
    }
    let value = text.contains(['.', 'e', 'E']).then(|| finite(text)).flatten()?;
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (value.fract() == 0.0 && value.abs() <= EXACT).then_some(value as i64)
}

impl ShapeDeserializer for JsonDeserializer<'_, '_> {
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
        self.open(b'[', member.name, "an array")?;
        if self.scanner.take(b']') {
            return Ok(());
        }
        let element = member.target.element().map_or(member.target, |element| element.target);
        for index in 0.. {
            self.refuse_null(member)?;
            self.nested(element, || PathSegment::Index(index), |this| on_element(this))?;
            if self.scanner.take(b']') {
                break;
            }
            self.scanner.expect(b',', "`,` or `]`")?;
        }
        Ok(())
    }

    fn read_map(
        &mut self,
        member: &'static Member,
        on_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.open(b'{', member.name, "an object")?;
        if self.scanner.take(b'}') {
            return Ok(());
        }
        let value = member.target.map_value().map_or(member.target, |value| value.target);
        loop {
            let key = self.scanner.string()?;
            self.scanner.expect(b':', "`:`")?;
            self.refuse_null(member)?;
            // The key is on the path for the sake of what is missing below it.
            let segment =
                PathSegment::Key(if value.constrained { key.clone().into_owned() } else { String::new() });
            self.nested(value, || segment, |this| on_entry(key.into_owned(), this))?;
            if self.scanner.take(b'}') {
                return Ok(());
            }
            self.scanner.expect(b',', "`,` or `}`")?;
        }
    }

    fn read_bool(&mut self, member: &'static Member) -> Result<bool, CodecError> {
        if self.scanner.take_word("true") {
            Ok(true)
        } else if self.scanner.take_word("false") {
            Ok(false)
        } else {
            Err(self.mismatch(member.name, "a boolean"))
        }
    }

    fn read_integer(&mut self, member: &'static Member) -> Result<i64, CodecError> {
        let text = self.number(member)?;
        let value = integer(text).ok_or_else(|| out_of_range(member.name, text))?;
        if member.target.shape_type == ShapeType::Integer && i32::try_from(value).is_err() {
            return Err(out_of_range(member.name, text));
        }
        Ok(value)
    }

    fn read_float(&mut self, member: &'static Member) -> Result<f64, CodecError> {
        if self.scanner.peek() != Some(b'"') {
            let text = self.number(member)?;
            let value = match member.target.shape_type {
                ShapeType::Float => text.parse::<f32>().ok().filter(|value| value.is_finite()).map(f64::from),
                _ => finite(text),
            };
            return value.ok_or_else(|| out_of_range(member.name, text));
        }
        match self.scanner.string()?.as_ref() {
            "NaN" => Ok(f64::NAN),
            "Infinity" => Ok(f64::INFINITY),
            "-Infinity" => Ok(f64::NEG_INFINITY),
            _ => Err(CodecError::type_mismatch(format!("`{}` must be a number, not a string", member.name))),
        }
    }

    fn read_string(&mut self, member: &'static Member) -> Result<String, CodecError> {
        self.text(member).map(Cow::into_owned)
    }

    fn read_blob(&mut self, member: &'static Member) -> Result<Bytes, CodecError> {
        let text = self.text(member)?;
        BASE64
            .decode(text.as_bytes())
            .map(Bytes::from)
            .map_err(|_| CodecError::type_mismatch(format!("`{}` is not base64", member.name)))
    }

    fn read_timestamp(&mut self, member: &'static Member) -> Result<Timestamp, CodecError> {
        let format = self.timestamps.format(member);
        let parsed = if format == TimestampFormat::EpochSeconds {
            Timestamp::parse(self.number(member)?, format)
        } else {
            Timestamp::parse(&self.text(member)?, format)
        };
        parsed.ok_or_else(|| CodecError::type_mismatch(format!("`{}` is no valid timestamp", member.name)))
    }

    fn read_document(&mut self, _: &'static Member) -> Result<Document, CodecError> {
        self.document()
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        Ok(self.scanner.take_word("null"))
    }
}
