//! The items of CBOR.

use std::borrow::Cow;

use crate::error::{CodecError, CodecErrorKind};
use crate::shape::MAX_DEPTH;

pub(super) const UNSIGNED: u8 = 0;
pub(super) const NEGATIVE: u8 = 1;
pub(super) const BYTES: u8 = 2;
pub(super) const TEXT: u8 = 3;
pub(super) const ARRAY: u8 = 4;
pub(super) const MAP: u8 = 5;
pub(super) const TAG: u8 = 6;
pub(super) const SIMPLE: u8 = 7;

pub(super) const FALSE: u8 = 0xf4;
pub(super) const TRUE: u8 = 0xf5;
pub(super) const NULL: u8 = 0xf6;
pub(super) const UNDEFINED: u8 = 0xf7;
pub(super) const HALF: u8 = 0xf9;
pub(super) const SINGLE: u8 = 0xfa;
pub(super) const DOUBLE: u8 = 0xfb;
pub(super) const BREAK: u8 = 0xff;

/// How many items an array or map has left.
pub(super) enum Length {
    Definite(u64),
    /// Until a break.
    Indefinite,
}

/// A number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Number {
    Integer(i64),
    /// An integer that does not fit, or a number with a fraction.
    Float(f64),
}

/// A position in CBOR data.
pub(super) struct Scanner<'a> {
    input: &'a [u8],
    position: usize,
}

fn end() -> CodecError {
    CodecError::syntax("the input ends within an item")
}

pub(super) fn too_deep() -> CodecError {
    CodecError::new(CodecErrorKind::TooLarge, "the input is nested too deeply")
}

impl<'a> Scanner<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.input.get(self.position).copied()
    }

    /// The major type of the next item.
    pub(super) fn major(&self) -> Option<u8> {
        self.peek().map(|byte| byte >> 5)
    }

    /// Takes `byte` if it is next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    pub(super) fn take_null(&mut self) -> bool {
        self.take(NULL) || self.take(UNDEFINED)
    }

    fn bytes(&mut self, length: u64) -> Result<&'a [u8], CodecError> {
        let length = usize::try_from(length).map_err(|_| end())?;
        let rest = self.input.get(self.position..).unwrap_or_default();
        let taken = rest.get(..length).ok_or_else(end)?;
        self.position += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        self.bytes(N as u64)?.try_into().map_err(|_| end())
    }

    /// Takes the head of an item: its major type and argument, `None` for an indefinite length.
    pub(super) fn head(&mut self) -> Result<(u8, Option<u64>), CodecError> {
        let [byte] = self.array::<1>()?;
        let argument = match byte & 31 {
            small @ 0..24 => Some(u64::from(small)),
            24 => Some(u64::from(u8::from_be_bytes(self.array()?))),
            25 => Some(u64::from(u16::from_be_bytes(self.array()?))),
            26 => Some(u64::from(u32::from_be_bytes(self.array()?))),
            27 => Some(u64::from_be_bytes(self.array()?)),
            31 if matches!(byte >> 5, BYTES | TEXT | ARRAY | MAP) => None,
            _ => return Err(CodecError::syntax(format!("the byte {byte:#04x} begins no item"))),
        };
        Ok((byte >> 5, argument))
    }

    /// Takes tags without a meaning.
    pub(super) fn skip_tags(&mut self) -> Result<(), CodecError> {
        while self.major() == Some(TAG) {
            self.head()?;
        }
        Ok(())
    }

    /// Takes the head of an array or map.
    pub(super) fn open(&mut self) -> Result<Length, CodecError> {
        Ok(match self.head()?.1 {
            Some(count) => Length::Definite(count),
            None => Length::Indefinite,
        })
    }

    /// Whether an array or map has another item; takes the break if not.
    pub(super) fn more(&mut self, length: &mut Length) -> bool {
        match length {
            Length::Definite(0) => false,
            Length::Definite(count) => {
                *count -= 1;
                true
            }
            Length::Indefinite => !self.take(BREAK),
        }
    }

    /// Takes a byte or text string of major type `major`; a chunked one is put together.
    pub(super) fn string_bytes(&mut self, major: u8) -> Result<Cow<'a, [u8]>, CodecError> {
        let (_, argument) = self.head()?;
        if let Some(length) = argument {
            return self.bytes(length).map(Cow::Borrowed);
        }
        let mut whole = Vec::new();
        while !self.take(BREAK) {
            match self.head()? {
                (chunk, Some(length)) if chunk == major => {
                    let bytes = self.bytes(length)?;
                    if major == TEXT {
                        utf8(bytes)?;
                    }
                    whole.extend_from_slice(bytes);
                }
                _ => return Err(CodecError::syntax("a chunk of a string is no string")),
            }
        }
        Ok(Cow::Owned(whole))
    }

    /// Takes a text string.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, CodecError> {
        match self.string_bytes(TEXT)? {
            Cow::Borrowed(bytes) => utf8(bytes).map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).map(Cow::Owned).map_err(|_| not_utf8()),
        }
    }

    /// Takes a number if one is next.
    pub(super) fn number(&mut self) -> Result<Option<Number>, CodecError> {
        let Some(byte) = self.peek() else { return Err(end()) };
        Ok(Some(match (byte >> 5, byte) {
            (UNSIGNED, _) => {
                let value = self.head()?.1.unwrap_or_default();
                i64::try_from(value).map_or(Number::Float(value as f64), Number::Integer)
            }
            (NEGATIVE, _) => {
                let value = self.head()?.1.unwrap_or_default();
                i64::try_from(value).map_or(Number::Float(-1.0 - value as f64), |v| Number::Integer(-1 - v))
            }
            (_, HALF) => {
                self.position += 1;
                Number::Float(half(u16::from_be_bytes(self.array()?)))
            }
            (_, SINGLE) => {
                self.position += 1;
                Number::Float(f64::from(f32::from_be_bytes(self.array()?)))
            }
            (_, DOUBLE) => {
                self.position += 1;
                Number::Float(f64::from_be_bytes(self.array()?))
            }
            (TAG, 0xc2 | 0xc3) => return self.big_number().map(Some),
            _ => return Ok(None),
        }))
    }

    /// Takes a big number (tags 2 and 3, RFC 8949, 3.4.3).
    fn big_number(&mut self) -> Result<Number, CodecError> {
        let negative = self.take(0xc3);
        self.position += usize::from(!negative);
        if self.major() != Some(BYTES) {
            return Err(CodecError::syntax("a big number is no byte string"));
        }
        let bytes = self.string_bytes(BYTES)?;
        let magnitude = bytes.iter().fold(0.0, |sum, byte| sum * 256.0 + f64::from(*byte));
        let exact =
            bytes.iter().try_fold(0i64, |sum, byte| sum.checked_mul(256)?.checked_add(i64::from(*byte)));
        Ok(match exact {
            Some(value) if negative => Number::Integer(-1 - value),
            Some(value) => Number::Integer(value),
            None if negative => Number::Float(-1.0 - magnitude),
            None => Number::Float(magnitude),
        })
    }

    /// Skips one item, whatever it is.
    pub(super) fn skip_item(&mut self, depth: usize) -> Result<(), CodecError> {
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        self.skip_tags()?;
        match self.major().ok_or_else(end)? {
            BYTES => self.string_bytes(BYTES).map(drop),
            TEXT => self.text().map(drop),
            ARRAY => {
                let mut length = self.open()?;
                while self.more(&mut length) {
                    self.skip_item(depth + 1)?;
                }
                Ok(())
            }
            MAP => {
                let mut length = self.open()?;
                while self.more(&mut length) {
                    self.skip_item(depth + 1)?;
                    self.skip_item(depth + 1)?;
                }
                Ok(())
            }
            _ => self.head().map(drop),
        }
    }
}

fn not_utf8() -> CodecError {
    CodecError::syntax("a text string is not UTF-8")
}

fn utf8(bytes: &[u8]) -> Result<&str, CodecError> {
    std::str::from_utf8(bytes).map_err(|_| not_utf8())
}

/// An IEEE 754 half-precision number (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let exponent = i32::from((bits >> 10) & 31);
    let mantissa = f64::from(bits & 1023);
    let value = match exponent {
        0 => mantissa * (-24f64).exp2(),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * f64::from(exponent - 25).exp2(),
    };
    if bits & 0x8000 == 0 { value } else { -value }
}
