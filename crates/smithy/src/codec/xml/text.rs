//! Scalars as text: escaping, numbers, booleans.

use std::fmt::Write;

use crate::error::CodecError;
use crate::schema::{Member, ShapeType};

/// Where text stands, which decides what must be escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Content,
    Attribute,
}

/// Appends `text` with everything escaped that XML, or AWS, does not leave as it is: quotes also
/// in content, and a carriage return, which a parser would turn into a line feed.
pub(super) fn escape(text: &str, place: Place, out: &mut String) {
    let mut clean = 0;
    for (position, c) in text.char_indices() {
        let entity = match c {
            '&' => "&amp;",
            '<' => "&lt;",
            '>' => "&gt;",
            '"' => "&quot;",
            '\r' => "&#13;",
            '\n' if place == Place::Attribute => "&#10;",
            '\t' if place == Place::Attribute => "&#9;",
            '\t' | '\n' => continue,
            '\0'..='\x1f' | '\u{85}' | '\u{2028}' | '\u{fffe}' | '\u{ffff}' => "",
            _ => continue,
        };
        out.push_str(text.get(clean..position).unwrap_or_default());
        if entity.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(out, "&#x{:x};", u32::from(c));
        } else {
            out.push_str(entity);
        }
        clean = position + c.len_utf8();
    }
    out.push_str(text.get(clean..).unwrap_or_default());
}

/// Appends a number as `xs:double` has it; a float with the digits that a 32-bit value needs.
pub(super) fn write_float(member: &Member, value: f64, out: &mut String) {
    let digits = if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if member.target.shape_type == ShapeType::Float {
        format!("{:?}", value as f32)
    } else {
        format!("{value:?}")
    };
    out.push_str(&digits.replace('e', "E"));
}

/// Reads `xs:boolean`.
pub(crate) fn parse_bool(text: &str) -> Result<bool, CodecError> {
    match text.trim() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(CodecError::type_mismatch("boolean must follow xsd1.1 definition")),
    }
}

/// Reads an integer of `member`'s range.
pub(crate) fn parse_integer(member: &Member, text: &str) -> Result<i64, CodecError> {
    let value: Option<i64> = text.trim().parse().ok();
    value
        .filter(|value| member.target.shape_type == ShapeType::Long || i32::try_from(*value).is_ok())
        .ok_or_else(|| not_a(member, text))
}

/// Reads a float or double of `member`'s precision: a decimal number, `NaN`, `Infinity` or
/// `-Infinity`.
pub(crate) fn parse_float(member: &Member, text: &str) -> Result<f64, CodecError> {
    let text = text.trim();
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        _ if text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E')) => {
            let value = match member.target.shape_type {
                ShapeType::Float => text.parse::<f32>().map(f64::from),
                _ => text.parse::<f64>(),
            };
            value.ok().filter(|value| value.is_finite()).ok_or_else(|| not_a(member, text))
        }
        _ => Err(not_a(member, text)),
    }
}

/// Longest part of a bad value that a message repeats, in characters.
const MAX_QUOTED: usize = 64;

/// The error for `text` that is no value of `member`'s type.
pub(crate) fn not_a(member: &Member, text: &str) -> CodecError {
    let kind = match member.target.shape_type {
        ShapeType::Integer => "Integer",
        ShapeType::Long => "Long",
        ShapeType::Float => "Float",
        ShapeType::Double => "Double",
        ShapeType::Timestamp => "timestamp",
        ShapeType::Blob => "base64-encoded value",
        _ => "value",
    };
    let quoted: String = text.chars().take(MAX_QUOTED).collect();
    CodecError::type_mismatch(format!("`{quoted}` is not a valid {kind} for {}", member.name))
}
