//! Values that are text: labels, query parameters, headers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;

use super::output_error;
use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Member, Schema, ShapeType, TimestampFormat};
use crate::shape::{Shape, ShapeDeserializer, ShapeSerializer, Visit};
use crate::stream::ByteStream;
use crate::timestamp::Timestamp;

/// Implements the methods of a [`ShapeDeserializer`] for kinds of values that cannot stand where
/// it reads.
macro_rules! cannot_read {
    ($place:literal: $($kind:ident)*) => { $(cannot_read!(@$kind $place);)* };
    (@structure $place:literal) => {
        fn read_struct(&mut self, schema: &'static Schema, _: &mut crate::protocol::http_binding::OnMember<'_>) -> Visit {
            Err(CodecError::type_mismatch(format!("a structure (`{}`) cannot stand in {}", schema.name, $place)))
        }
    };
    (@list $place:literal) => {
        fn read_list(
            &mut self,
            member: &'static Member,
            _: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
        ) -> Visit {
            Err(CodecError::type_mismatch(format!("a list (`{}`) cannot stand in {}", member.name, $place)))
        }
    };
    (@map $place:literal) => {
        fn read_map(
            &mut self,
            member: &'static Member,
            _: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
        ) -> Visit {
            Err(CodecError::type_mismatch(format!("a map (`{}`) cannot stand in {}", member.name, $place)))
        }
    };
    (@scalars $place:literal) => {
        cannot_read! { @each $place;
            read_bool: bool; read_integer: i64; read_float: f64; read_timestamp: Timestamp; read_document: Document;
        }
    };
    (@text $place:literal) => {
        cannot_read! { @each $place; read_string: String; read_blob: Bytes; }
    };
    (@each $place:literal; $($method:ident: $type:ty;)*) => {
        $(fn $method(&mut self, member: &'static Member) -> Result<$type, CodecError> {
            Err(CodecError::type_mismatch(format!("`{}` cannot stand in {}", member.name, $place)))
        })*
    };
}
pub(super) use cannot_read;

/// Reads one text as a scalar.
pub(super) struct TextReader<'a> {
    pub(super) text: &'a str,
    /// How timestamps are written here by default.
    pub(super) format: TimestampFormat,
}

impl TextReader<'_> {
    fn mismatch(&self, member: &Member, expected: &str) -> CodecError {
        CodecError::type_mismatch(format!("`{}` is not {expected}: `{}`", member.name, self.text))
    }

    fn decoded(&self, member: &Member) -> Result<Vec<u8>, CodecError> {
        BASE64.decode(self.text.trim()).map_err(|_| self.mismatch(member, "base64"))
    }
}

impl ShapeDeserializer for TextReader<'_> {
    cannot_read! { "a single text": structure list map }

    fn read_bool(&mut self, member: &'static Member) -> Result<bool, CodecError> {
        match self.text.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.mismatch(member, "a boolean")),
        }
    }

    fn read_integer(&mut self, member: &'static Member) -> Result<i64, CodecError> {
        let text = self.text.trim();
        let value = match member.target.shape_type {
            ShapeType::Integer => text.parse::<i32>().map(i64::from),
            _ => text.parse::<i64>(),
        };
        value.map_err(|_| self.mismatch(member, "an integer"))
    }

    fn read_float(&mut self, member: &'static Member) -> Result<f64, CodecError> {
        let value = parse_float(self.text.trim()).ok_or_else(|| self.mismatch(member, "a number"))?;
        Ok(if member.target.shape_type == ShapeType::Float { f64::from(value as f32) } else { value })
    }

    fn read_string(&mut self, member: &'static Member) -> Result<String, CodecError> {
        if !member.json_value {
            return Ok(self.text.to_owned());
        }
        String::from_utf8(self.decoded(member)?).map_err(|_| self.mismatch(member, "UTF-8 in base64"))
    }

    fn read_blob(&mut self, member: &'static Member) -> Result<Bytes, CodecError> {
        self.decoded(member).map(Bytes::from)
    }

    fn read_timestamp(&mut self, member: &'static Member) -> Result<Timestamp, CodecError> {
        Timestamp::parse(self.text.trim(), member.timestamp_format(self.format))
            .ok_or_else(|| self.mismatch(member, "a timestamp"))
    }

    fn read_document(&mut self, _: &'static Member) -> Result<Document, CodecError> {
        Ok(Document::from(self.text))
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        Ok(false)
    }
}

/// A number as text: decimal, `NaN`, `Infinity` or `-Infinity`.
fn parse_float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) => text.parse().ok(),
        _ => None,
    }
}

/// Reads the values of one query parameter.
pub(super) struct ParameterReader<'a> {
    pub(super) values: &'a [&'a str],
}

impl ParameterReader<'_> {
    /// A parameter that is given twice where one is expected counts once, the first time.
    fn first(&self) -> TextReader<'_> {
        TextReader {
            text: self.values.first().copied().unwrap_or_default(),
            format: TimestampFormat::DateTime,
        }
    }
}

macro_rules! delegate_scalars {
    ($self:ident => $reader:expr) => {
        fn read_bool(&mut $self, member: &'static Member) -> Result<bool, CodecError> {
            $reader.read_bool(member)
        }
        fn read_integer(&mut $self, member: &'static Member) -> Result<i64, CodecError> {
            $reader.read_integer(member)
        }
        fn read_float(&mut $self, member: &'static Member) -> Result<f64, CodecError> {
            $reader.read_float(member)
        }
        fn read_string(&mut $self, member: &'static Member) -> Result<String, CodecError> {
            $reader.read_string(member)
        }
        fn read_blob(&mut $self, member: &'static Member) -> Result<Bytes, CodecError> {
            $reader.read_blob(member)
        }
        fn read_timestamp(&mut $self, member: &'static Member) -> Result<Timestamp, CodecError> {
            $reader.read_timestamp(member)
        }
        fn read_document(&mut $self, member: &'static Member) -> Result<Document, CodecError> {
            $reader.read_document(member)
        }
        fn read_null(&mut $self) -> Result<bool, CodecError> {
            Ok(false)
        }
    };
}

impl ShapeDeserializer for ParameterReader<'_> {
    cannot_read! { "a query parameter": structure map }

    fn read_list(
        &mut self,
        _: &'static Member,
        on_element: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.values
            .iter()
            .try_for_each(|text| on_element(&mut TextReader { text, format: TimestampFormat::DateTime }))
    }

    delegate_scalars! { self => self.first() }
}

/// Reads all query parameters as a map.
pub(super) struct ParametersReader<'a> {
    pub(super) parameters: &'a [(String, String)],
}

impl ShapeDeserializer for ParametersReader<'_> {
    cannot_read! { "the query string": structure list scalars text }

    fn read_map(
        &mut self,
        _: &'static Member,
        on_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let mut by_name: indexmap::IndexMap<&str, Vec<&str>> = indexmap::IndexMap::new();
        for (name, value) in self.parameters {
            by_name.entry(name).or_default().push(value);
        }
        by_name.into_iter().try_for_each(|(name, values)| {
            on_entry(name.to_owned(), &mut ParameterReader { values: &values })
        })
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        Ok(false)
    }
}

/// Reads one header, which may stand on several lines.
pub(super) struct HeaderReader<'a> {
    pub(super) lines: &'a [&'a str],
}

impl HeaderReader<'_> {
    fn first(&self) -> TextReader<'_> {
        let text = self.lines.first().copied().unwrap_or_default();
        TextReader { text: text.trim(), format: TimestampFormat::HttpDate }
    }
}

impl ShapeDeserializer for HeaderReader<'_> {
    cannot_read! { "a header": structure map }

    fn read_list(
        &mut self,
        member: &'static Member,
        on_element: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let dates = member.target.element().is_some_and(|element| {
            element.target.shape_type == ShapeType::Timestamp
                && element.timestamp_format(TimestampFormat::HttpDate) == TimestampFormat::HttpDate
        });
        for line in self.lines {
            let mut rest = line.trim();
            while !rest.is_empty() {
                let (text, after) = if dates { split_date(rest) } else { split_item(rest)? };
                on_element(&mut TextReader { text: &text, format: TimestampFormat::HttpDate })?;
                rest = after;
            }
        }
        Ok(())
    }

    delegate_scalars! { self => self.first() }
}

/// The first element of a header's list, without its quotes, and the text after its comma.
fn split_item(text: &str) -> Result<(std::borrow::Cow<'_, str>, &str), CodecError> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (item, rest) = text.split_once(',').unwrap_or((text, ""));
        return Ok((item.trim().into(), rest.trim_start()));
    };
    let mut item = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                let rest = chars.as_str().trim_start();
                return match rest.strip_prefix(',') {
                    Some(rest) => Ok((item.into(), rest.trim_start())),
                    None if rest.is_empty() => Ok((item.into(), rest)),
                    None => Err(CodecError::syntax("a header's list has text after a quoted element")),
                };
            }
            '\\' => item.extend(chars.next()),
            c => item.push(c),
        }
    }
    Err(CodecError::syntax("a header's list has a quote that is not closed"))
}

/// The first HTTP date of a list; each holds one comma of its own.
fn split_date(text: &str) -> (std::borrow::Cow<'_, str>, &str) {
    let second_comma = text.match_indices(',').nth(1);
    match second_comma.and_then(|(at, _)| text.split_at_checked(at)) {
        Some((date, rest)) => (date.trim().into(), rest.trim_start_matches(',').trim_start()),
        None => (text.into(), ""),
    }
}

/// Reads all headers with a prefix as a map.
pub(super) struct PrefixReader<'a> {
    pub(super) prefix: &'static str,
    pub(super) headers: &'a http::HeaderMap,
}

impl ShapeDeserializer for PrefixReader<'_> {
    cannot_read! { "prefixed headers": structure list scalars text }

    fn read_map(
        &mut self,
        _: &'static Member,
        on_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        for name in self.headers.keys() {
            let Some((start, key)) = name.as_str().split_at_checked(self.prefix.len()) else { continue };
            if !start.eq_ignore_ascii_case(self.prefix) {
                continue;
            }
            let lines = super::read::header_lines(self.headers, name.as_str())?;
            let joined = lines.join(",");
            on_entry(key.to_owned(), &mut HeaderReader { lines: &[joined.as_str()] })?;
        }
        Ok(())
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        Ok(false)
    }
}

/// Reads a body that is one blob, text or stream.
pub(super) struct PayloadReader<'a> {
    pub(super) body: &'a ByteStream,
}

impl PayloadReader<'_> {
    fn bytes(&self) -> Bytes {
        self.body.as_bytes().unwrap_or_default()
    }
}

impl ShapeDeserializer for PayloadReader<'_> {
    cannot_read! { "an unstructured body": structure list map scalars }

    fn read_string(&mut self, member: &'static Member) -> Result<String, CodecError> {
        String::from_utf8(self.bytes().into())
            .map_err(|_| CodecError::syntax(format!("`{}` is not UTF-8", member.name)))
    }

    fn read_blob(&mut self, _: &'static Member) -> Result<Bytes, CodecError> {
        Ok(self.bytes())
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        Ok(false)
    }

    fn read_stream(&mut self, _: &'static Member) -> Result<ByteStream, CodecError> {
        Ok(self.body.take())
    }
}

/// Writes scalars, and lists of them, as a header's text.
#[derive(Default)]
pub(super) struct TextWriter {
    pub(super) text: String,
    /// How many elements were written, in a list.
    elements: Option<usize>,
}

impl TextWriter {
    fn push(&mut self, value: &str) -> Visit {
        if let Some(count) = &mut self.elements {
            if *count > 0 {
                self.text.push_str(", ");
            }
            *count += 1;
        }
        self.text.push_str(value);
        Ok(())
    }

    fn refuse(&self, member: &Member) -> Visit {
        Err(output_error(format!("`{}` cannot be written into a header", member.name)))
    }
}

/// A number as text.
pub(super) fn float_text(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else {
        value.to_string()
    }
}

impl ShapeSerializer for TextWriter {
    fn write_struct(&mut self, member: &'static Member, _: &dyn Shape) -> Visit {
        self.refuse(member)
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        _: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        if self.elements.is_some() {
            return self.refuse(member);
        }
        self.elements = Some(0);
        elements(self)
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        _: usize,
        _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.refuse(member)
    }

    fn write_entry(&mut self, _: &str, _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        Err(output_error("a header has no entries"))
    }

    fn write_bool(&mut self, _: &'static Member, value: bool) -> Visit {
        self.push(if value { "true" } else { "false" })
    }

    fn write_integer(&mut self, _: &'static Member, value: i64) -> Visit {
        self.push(&value.to_string())
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        // A 32-bit float widened to 64 bits would show digits that it does not have.
        match member.target.shape_type {
            ShapeType::Float if value.is_finite() => self.push(&(value as f32).to_string()),
            _ => self.push(&float_text(value)),
        }
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        if member.json_value {
            return self.push(&BASE64.encode(value));
        }
        if self.elements.is_none() || !value.contains([',', '"']) {
            return self.push(value);
        }
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        self.push(&format!("\"{escaped}\""))
    }

    fn write_blob(&mut self, _: &'static Member, value: &[u8]) -> Visit {
        self.push(&BASE64.encode(value))
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.push(&value.format(member.timestamp_format(TimestampFormat::HttpDate)))
    }

    fn write_document(&mut self, member: &'static Member, _: &Document) -> Visit {
        self.refuse(member)
    }

    fn write_null(&mut self, _: &'static Member) -> Visit {
        Ok(())
    }
}
