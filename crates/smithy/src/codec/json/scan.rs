//! The tokens of JSON.

use std::borrow::Cow;

use crate::error::{CodecError, CodecErrorKind};
use crate::shape::MAX_DEPTH;

/// A position in a JSON text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Scanner<'a> {
    /// # Errors
    /// When `input` is not UTF-8.
    pub(super) fn new(input: &'a [u8]) -> Result<Self, CodecError> {
        let text = std::str::from_utf8(input)
            .map_err(|error| CodecError::syntax(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
        Ok(Self { text, position: 0 })
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.position..).unwrap_or_default()
    }

    fn slice(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from..to).unwrap_or_default()
    }

    pub(super) fn unexpected(&self, expected: &str) -> CodecError {
        match self.text.get(self.position..).and_then(|rest| rest.chars().next()) {
            Some(found) => CodecError::syntax(format!(
                "expected {expected} at byte {}, found `{}`",
                self.position,
                found.escape_debug()
            )),
            None => CodecError::syntax(format!("expected {expected}, found the end of the input")),
        }
    }

    /// The first byte of the next token.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.position += 1;
        }
        None
    }

    /// Takes `byte` if it is the next token.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, byte: u8, what: &str) -> Result<(), CodecError> {
        if self.take(byte) { Ok(()) } else { Err(self.unexpected(what)) }
    }

    /// Takes `word` (`true`, `false`, `null`) if it is the next token.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        self.peek();
        let after = self.position + word.len();
        let ends = !self.text.as_bytes().get(after).is_some_and(u8::is_ascii_alphanumeric);
        let found = ends && self.rest().starts_with(word.as_bytes());
        if found {
            self.position = after;
        }
        found
    }

    /// Takes a string: borrowed, unless it has escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, CodecError> {
        self.expect(b'"', "a string")?;
        let start = self.position;
        let end = self.plain_part()?;
        if self.byte() == Some(b'"') {
            self.position += 1;
            return Ok(Cow::Borrowed(self.slice(start, end)));
        }
        let mut text = String::with_capacity(end - start + 16);
        text.push_str(self.slice(start, end));
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(_) => {
                    self.position += 1;
                    text.push(self.escape()?);
                    let start = self.position;
                    let end = self.plain_part()?;
                    text.push_str(self.slice(start, end));
                }
                None => return Err(self.unexpected("the end of the string")),
            }
        }
    }

    /// Moves to the next quote or backslash, and returns its position.
    fn plain_part(&mut self) -> Result<usize, CodecError> {
        let rest = self.rest();
        let length = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
        let part = rest.get(..length).unwrap_or_default();
        // Without an early end, this is done for many bytes at once.
        if part.iter().fold(false, |found, byte| found | (*byte < 0x20)) {
            self.position += part.iter().position(|byte| *byte < 0x20).unwrap_or_default();
            return Err(self.unexpected("no control character in a string"));
        }
        self.position += length;
        if length == rest.len() {
            return Err(self.unexpected("the end of the string"));
        }
        Ok(self.position)
    }

    /// The character of an escape whose backslash was taken.
    fn escape(&mut self) -> Result<char, CodecError> {
        let Some(byte) = self.byte() else { return Err(self.unexpected("an escape")) };
        let simple = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.position += 1;
                return self.unicode_escape();
            }
            _ => return Err(self.unexpected("an escape")),
        };
        self.position += 1;
        Ok(simple)
    }

    fn unicode_escape(&mut self) -> Result<char, CodecError> {
        let high = self.four_digits()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high).ok_or_else(|| self.unexpected("a surrogate pair"));
        }
        if !self.rest().starts_with(b"\\u") {
            return Err(self.unexpected("a surrogate pair"));
        }
        self.position += 2;
        let low = self.four_digits()?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(self.unexpected("a surrogate pair"));
        }
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
            .ok_or_else(|| self.unexpected("a surrogate pair"))
    }

    fn four_digits(&mut self) -> Result<u32, CodecError> {
        let digits = self.slice(self.position, self.position + 4);
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.unexpected("four hexadecimal digits"));
        }
        self.position += 4;
        u32::from_str_radix(digits, 16).map_err(|_| self.unexpected("four hexadecimal digits"))
    }

    /// Takes a number, as it is written.
    pub(super) fn number(&mut self) -> Result<&'a str, CodecError> {
        self.peek();
        let start = self.position;
        self.skip_byte(b'-');
        if !self.skip_byte(b'0') {
            self.digits()?;
        }
        if self.skip_byte(b'.') {
            self.digits()?;
        }
        if self.skip_byte(b'e') || self.skip_byte(b'E') {
            if !self.skip_byte(b'+') {
                self.skip_byte(b'-');
            }
            self.digits()?;
        }
        // What follows must be able to follow: `1A` and `0x1` are no numbers, nor is `01`.
        if self.byte().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.') {
            return Err(self.unexpected("the end of the number"));
        }
        Ok(self.slice(start, self.position))
    }

    fn skip_byte(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        self.position += usize::from(found);
        found
    }

    fn digits(&mut self) -> Result<(), CodecError> {
        let start = self.position;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
        if self.position == start { Err(self.unexpected("a digit")) } else { Ok(()) }
    }

    /// Skips one value, whatever it is.
    pub(super) fn skip_value(&mut self, depth: usize) -> Result<(), CodecError> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => {
                self.position += 1;
                if self.take(b'}') {
                    return Ok(());
                }
                loop {
                    self.string()?;
                    self.expect(b':', "`:`")?;
                    self.skip_value(depth + 1)?;
                    if self.take(b'}') {
                        return Ok(());
                    }
                    self.expect(b',', "`,` or `}`")?;
                }
            }
            Some(b'[') => {
                self.position += 1;
                if self.take(b']') {
                    return Ok(());
                }
                loop {
                    self.skip_value(depth + 1)?;
                    if self.take(b']') {
                        return Ok(());
                    }
                    self.expect(b',', "`,` or `]`")?;
                }
            }
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            _ if self.take_word("true") || self.take_word("false") || self.take_word("null") => Ok(()),
            _ => Err(self.unexpected("a value")),
        }
    }
}

pub(super) fn too_deep() -> CodecError {
    CodecError::new(CodecErrorKind::TooLarge, "the input is nested too deeply")
}
