//! Order-preserving keys: comparing two encoded keys as bytes gives the order of the tuples they came from.
//!
//! Every element starts with a tag byte and says itself where it ends, so that a stored key can be taken
//! apart without knowing the Rust type (pods and diffs need that), and so that a tuple's first elements are
//! a byte prefix of the whole.
//!
//! | element | bytes |
//! |---|---|
//! | byte string | `01`, the bytes with `00` written `01 01` and `01` written `01 02`, then `00` |
//! | string | `02`, the UTF-8 likewise, then `00` |
//! | integer < 0 | `20` − *n*, then the *n* bytes of the value in two's complement, big endian |
//! | 0 | `20` |
//! | integer > 0 | `20` + *n*, then the *n* significant bytes, big endian |
//! | `false`, `true` | `40`, `41` |
//!
//! No encoded element is a byte prefix of another, so a prefix scan never meets a longer first element.
//! All integer types share one number line: widening a key from `u32` to `u64` changes nothing on disk.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::StoreError;

/// An encoded key that usually fits on the stack.
pub type KeyBuf = SmallVec<[u8; 96]>;

const BYTES: u8 = 0x01;
const STRING: u8 = 0x02;
const ZERO: u8 = 0x20;
const FALSE: u8 = 0x40;
const TRUE: u8 = 0x41;
const END: u8 = 0x00;
const ESCAPE: u8 = 0x01;

/// Something that can be written as a key, or as the leading elements of one.
pub trait EncodeKey {
    /// Appends the encoding to `out`.
    fn encode(&self, out: &mut KeyBuf);
}

/// Something that may stand for a key of type `K`: `&str` for `String`, `(&str, u64)` for `(String, u64)`, …
pub trait KeyOf<K>: EncodeKey {}

/// A table's key type: what iteration gives back.
pub trait Key: KeyOf<Self> + Sized {
    /// Reads one key of this type.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are no key of this type.
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, StoreError>;
}

/// The leading elements of a key of type `K`; the last may be a [`StartsWith`].
pub trait PrefixOf<K> {
    /// Appends the encoding to `out`.
    fn encode_prefix(&self, out: &mut KeyBuf);
}

/// One whole element of type `K`, or the beginning of a string.
pub trait PartOf<K> {
    /// Appends the encoding to `out`.
    fn encode_part(&self, out: &mut KeyBuf);
}

/// All strings that start with these characters: `tx.prefix(&OBJECTS, (bucket, StartsWith("photos/")))`.
#[derive(Debug, Clone, Copy)]
pub struct StartsWith<'a>(pub &'a str);

impl PartOf<String> for StartsWith<'_> {
    fn encode_part(&self, out: &mut KeyBuf) {
        out.push(STRING);
        escape(self.0.as_bytes(), out);
    }
}

impl PrefixOf<String> for StartsWith<'_> {
    fn encode_prefix(&self, out: &mut KeyBuf) {
        self.encode_part(out);
    }
}

impl<K, T: KeyOf<K>> PartOf<K> for T {
    fn encode_part(&self, out: &mut KeyBuf) {
        self.encode(out);
    }
}

/// The encoding of one key or tuple.
pub fn encode(key: &(impl EncodeKey + ?Sized)) -> KeyBuf {
    let mut out = KeyBuf::new();
    key.encode(&mut out);
    out
}

/// Bytes up to this one are escaped: each becomes [`ESCAPE`] and itself plus one.
const HIGHEST_ESCAPED: u8 = ESCAPE;

fn escape(mut bytes: &[u8], out: &mut KeyBuf) {
    while let Some(at) = bytes.iter().position(|byte| *byte <= HIGHEST_ESCAPED) {
        let (plain, rest) = bytes.split_at(at);
        out.extend_from_slice(plain);
        if let Some((special, rest)) = rest.split_first() {
            out.extend_from_slice(&[ESCAPE, special + 1]);
            bytes = rest;
        }
    }
    out.extend_from_slice(bytes);
}

fn encode_bytes(tag: u8, bytes: &[u8], out: &mut KeyBuf) {
    out.push(tag);
    escape(bytes, out);
    out.push(END);
}

fn encode_unsigned(value: u128, out: &mut KeyBuf) {
    let skip = value.leading_zeros() / 8;
    // At most 16 significant bytes, so the tag cannot overflow.
    out.push(ZERO + 16 - skip as u8);
    out.extend(value.to_be_bytes().into_iter().skip(skip as usize));
}

fn encode_signed(value: i128, out: &mut KeyBuf) {
    if value >= 0 {
        return encode_unsigned(value.unsigned_abs(), out);
    }
    // The magnitude of i128::MIN needs 16 bytes as well; two's complement of n bytes orders negatives rightly
    // among values with the same number of magnitude bytes.
    let size = 16 - (value.unsigned_abs().leading_zeros() / 8) as usize;
    out.push(ZERO - size as u8);
    out.extend(value.to_be_bytes().into_iter().skip(16 - size));
}

/// Reads an encoded key from the front.
#[derive(Debug, Clone)]
pub struct KeyReader<'a> {
    rest: &'a [u8],
}

/// One element of a key whose Rust type is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// A byte string.
    Bytes(Vec<u8>),
    /// A string.
    String(String),
    /// An integer of any type that is zero or more.
    Unsigned(u128),
    /// An integer below zero.
    Negative(i128),
    /// A truth value.
    Bool(bool),
}

impl<'a> KeyReader<'a> {
    /// Starts at the first element.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next element, or `None` at the end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the bytes are no element.
    pub fn part(&mut self) -> Result<Option<KeyPart>, StoreError> {
        let Some(tag) = self.rest.first().copied() else { return Ok(None) };
        let part = match tag {
            BYTES => KeyPart::Bytes(self.delimited(BYTES)?.into_owned()),
            STRING => KeyPart::String(self.string()?),
            FALSE | TRUE => KeyPart::Bool(self.bool()?),
            _ => match self.integer()? {
                (false, value) => KeyPart::Unsigned(value),
                (true, value) => KeyPart::Negative(value.cast_signed()),
            },
        };
        Ok(Some(part))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], StoreError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or_else(malformed)?;
        self.rest = rest;
        Ok(head)
    }

    fn tag(&mut self) -> Result<u8, StoreError> {
        self.take(1)?.first().copied().ok_or_else(malformed)
    }

    fn delimited(&mut self, tag: u8) -> Result<Cow<'a, [u8]>, StoreError> {
        if self.tag()? != tag {
            return Err(malformed());
        }
        let end = self.rest.iter().position(|byte| *byte == END).ok_or_else(malformed)?;
        let escaped = self.take(end)?;
        self.take(1)?;
        if !escaped.contains(&ESCAPE) {
            return Ok(Cow::Borrowed(escaped));
        }
        let mut bytes = escaped.iter().copied();
        let mut plain = Vec::with_capacity(escaped.len());
        while let Some(byte) = bytes.next() {
            plain.push(match byte {
                ESCAPE => match bytes.next() {
                    Some(special @ 1..=2) => special - 1,
                    _ => return Err(malformed()),
                },
                byte => byte,
            });
        }
        Ok(Cow::Owned(plain))
    }

    fn string(&mut self) -> Result<String, StoreError> {
        String::from_utf8(self.delimited(STRING)?.into_owned()).map_err(|_| malformed())
    }

    fn bool(&mut self) -> Result<bool, StoreError> {
        match self.tag()? {
            FALSE => Ok(false),
            TRUE => Ok(true),
            _ => Err(malformed()),
        }
    }

    /// An integer as (is negative, 128 bits of two's complement).
    fn integer(&mut self) -> Result<(bool, u128), StoreError> {
        let tag = self.tag()?;
        let size = usize::from(tag.abs_diff(ZERO));
        if size > 16 {
            return Err(malformed());
        }
        let negative = tag < ZERO;
        let start = if negative { u128::MAX } else { 0 };
        // A shift by 128 bits never happens: sixteen bytes are shifted in eight bits at a time.
        let value = self.take(size)?.iter().fold(start, |value, byte| (value << 8) | u128::from(*byte));
        Ok((negative, value))
    }

    /// Demands that the whole key has been read.
    pub(crate) fn finish(&self) -> Result<(), StoreError> {
        if self.rest.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}

fn malformed() -> StoreError {
    StoreError::corrupt("a key that is not well formed")
}

/// Takes a whole encoded key apart.
///
/// # Errors
/// [`StoreError::Corrupt`] when the bytes are no key.
pub fn parts(key: &[u8]) -> Result<Vec<KeyPart>, StoreError> {
    let mut reader = KeyReader::new(key);
    let mut parts = Vec::new();
    while let Some(part) = reader.part()? {
        parts.push(part);
    }
    Ok(parts)
}

/// The smallest byte string above every one that starts with `prefix`; `None` when there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<KeyBuf> {
    let mut end = KeyBuf::from_slice(prefix);
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

impl<T: EncodeKey + ?Sized> EncodeKey for &T {
    fn encode(&self, out: &mut KeyBuf) {
        (**self).encode(out);
    }
}

impl<K, T: KeyOf<K> + ?Sized> KeyOf<K> for &T {}

macro_rules! textual {
    ($($kind:ty => $owned:ty, $tag:expr, $bytes:path;)*) => {$(
        impl EncodeKey for $kind {
            fn encode(&self, out: &mut KeyBuf) {
                encode_bytes($tag, $bytes(self), out);
            }
        }
        impl KeyOf<$owned> for $kind {}
    )*};
}

textual! {
    str => String, STRING, str::as_bytes;
    String => String, STRING, str::as_bytes;
    Cow<'_, str> => String, STRING, str::as_bytes;
    [u8] => Vec<u8>, BYTES, std::convert::identity;
    Vec<u8> => Vec<u8>, BYTES, Vec::as_slice;
    bytes::Bytes => Vec<u8>, BYTES, AsRef::<[u8]>::as_ref;
}

impl<const N: usize> EncodeKey for [u8; N] {
    fn encode(&self, out: &mut KeyBuf) {
        encode_bytes(BYTES, self, out);
    }
}

impl<const N: usize> KeyOf<[u8; N]> for [u8; N] {}

impl<const N: usize> Key for [u8; N] {
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        reader.delimited(BYTES)?.as_ref().try_into().map_err(|_| malformed())
    }
}

impl Key for String {
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        reader.string()
    }
}

impl Key for Vec<u8> {
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        Ok(reader.delimited(BYTES)?.into_owned())
    }
}

impl EncodeKey for bool {
    fn encode(&self, out: &mut KeyBuf) {
        out.push(if *self { TRUE } else { FALSE });
    }
}

impl KeyOf<bool> for bool {}

impl Key for bool {
    fn decode(reader: &mut KeyReader<'_>) -> Result<Self, StoreError> {
        reader.bool()
    }
}

macro_rules! integers {
    ($($kind:ty, $wide:ty, $encode:ident;)*) => {$(
        impl EncodeKey for $kind {
            fn encode(&self, out: &mut KeyBuf) {
                $encode(<$wide>::from(*self), out);
            }
        }
        impl KeyOf<$kind> for $kind {}
        impl Key for $kind {
            fn decode(reader: &mut KeyReader<'_>) -> Result<Self, StoreError> {
                let (negative, bits) = reader.integer()?;
                let value = if negative {
                    Self::try_from(bits.cast_signed()).ok()
                } else {
                    Self::try_from(bits).ok()
                };
                value.ok_or_else(malformed)
            }
        }
    )*};
}

integers! {
    u8, u128, encode_unsigned;
    u16, u128, encode_unsigned;
    u32, u128, encode_unsigned;
    u64, u128, encode_unsigned;
    u128, u128, encode_unsigned;
    i32, i128, encode_signed;
    i64, i128, encode_signed;
    i128, i128, encode_signed;
}

macro_rules! tuples {
    ($(($($kind:ident $value:ident $index:tt),+);)*) => {$(
        impl<$($value: EncodeKey),+> EncodeKey for ($($value,)+) {
            fn encode(&self, out: &mut KeyBuf) {
                $(self.$index.encode(out);)+
            }
        }
        impl<$($kind, $value: KeyOf<$kind>),+> KeyOf<($($kind,)+)> for ($($value,)+) {}
        impl<$($kind: Key),+> Key for ($($kind,)+) {
            fn decode(reader: &mut KeyReader<'_>) -> Result<Self, StoreError> {
                Ok(($($kind::decode(reader)?,)+))
            }
        }
    )*};
}

tuples! {
    (A X 0);
    (A X 0, B Y 1);
    (A X 0, B Y 1, C Z 2);
    (A X 0, B Y 1, C Z 2, D V 3);
    (A X 0, B Y 1, C Z 2, D V 3, E W 4);
}

/// Prefixes of tuples: whole elements, then one that may be the beginning of a string.
macro_rules! prefixes {
    ($(($($kind:ident),+): $($whole:ident $value:ident $index:tt,)* / $part:ident $last:ident $at:tt;)*) => {$(
        impl<$($kind,)+ $($value: KeyOf<$whole>,)* $last: PartOf<$part>> PrefixOf<($($kind,)+)>
            for ($($value,)* $last,)
        {
            fn encode_prefix(&self, out: &mut KeyBuf) {
                $(self.$index.encode(out);)*
                self.$at.encode_part(out);
            }
        }
    )*};
}

prefixes! {
    (A, B): / A X 0;
    (A, B): A X 0, / B Y 1;
    (A, B, C): / A X 0;
    (A, B, C): A X 0, / B Y 1;
    (A, B, C): A X 0, B Y 1, / C Z 2;
    (A, B, C, D): / A X 0;
    (A, B, C, D): A X 0, / B Y 1;
    (A, B, C, D): A X 0, B Y 1, / C Z 2;
    (A, B, C, D): A X 0, B Y 1, C Z 2, / D V 3;
    (A, B, C, D, E): / A X 0;
    (A, B, C, D, E): A X 0, / B Y 1;
    (A, B, C, D, E): A X 0, B Y 1, / C Z 2;
    (A, B, C, D, E): A X 0, B Y 1, C Z 2, / D V 3;
    (A, B, C, D, E): A X 0, B Y 1, C Z 2, D V 3, / E W 4;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Strings that meet in awkward places: empty, with NULs, one a prefix of the other.
    fn awkward() -> impl Strategy<Value = String> {
        proptest::collection::vec(
            prop_oneof![Just('\0'), Just('\u{1}'), Just('\u{2}'), Just('a'), Just('é'), Just('\u{10ffff}')],
            0..6,
        )
        .prop_map(|characters| characters.into_iter().collect())
    }

    fn check<K: Key + Ord + Clone + std::fmt::Debug>(left: &K, right: &K) -> Result<(), TestCaseError> {
        let (a, b) = (encode(left), encode(right));
        prop_assert_eq!(left.cmp(right), a.cmp(&b), "{:?} and {:?}", left, right);
        prop_assert!(left == right || !b.starts_with(&a), "{:?} begins {:?}", left, right);
        let mut reader = KeyReader::new(&a);
        prop_assert_eq!(&K::decode(&mut reader).unwrap(), left);
        prop_assert!(reader.finish().is_ok());
        prop_assert!(parts(&a).is_ok());
        Ok(())
    }

    proptest! {
        #[test]
        fn strings_keep_their_order(a in awkward(), b in awkward()) {
            check(&a, &b)?;
            check(&a.into_bytes(), &b.into_bytes())?;
        }

        #[test]
        fn integers_keep_their_order(a: (u64, i64, u128, i128), b: (u64, i64, u128, i128), shift in 0_u32..64) {
            check(&(a.0 >> shift), &(b.0 >> shift))?;
            check(&(a.1 >> shift), &(b.1 >> shift))?;
            check(&(a.2 >> (shift * 2)), &(b.2 >> (shift * 2)))?;
            check(&(a.3 >> (shift * 2)), &(b.3 >> (shift * 2)))?;
            check(&a.3, &i128::from(b.1))?;
        }

        #[test]
        fn tuples_keep_their_order(
            a in (awkward(), 0_u64..3, any::<bool>(), awkward(), -2_i64..2),
            b in (awkward(), 0_u64..3, any::<bool>(), awkward(), -2_i64..2),
        ) {
            check(&a, &b)?;
            check(&(a.0.clone(), a.1), &(b.0.clone(), b.1))?;
            check(&(a.1, a.0.clone(), a.2), &(b.1, b.0.clone(), b.2))?;
            check(&(a.2, a.4, a.3.clone(), a.0), &(b.2, b.4, b.3.clone(), b.0))?;
        }

        #[test]
        fn a_prefix_finds_what_starts_so(prefix in awkward(), text in awkward()) {
            let mut encoded = KeyBuf::new();
            StartsWith(&prefix).encode_part(&mut encoded);
            prop_assert_eq!(text.starts_with(&prefix), encode(&text).starts_with(&encoded));
        }

        #[test]
        fn damaged_keys_are_errors(bytes in proptest::collection::vec(0_u8..70, 0..24)) {
            // Whatever comes, nothing panics; and what can be read is read to the end.
            drop(parts(&bytes));
            drop(<(String, u64, bool)>::decode(&mut KeyReader::new(&bytes)));
            drop(<(Vec<u8>, i64, u8)>::decode(&mut KeyReader::new(&bytes)));
        }
    }

    #[test]
    fn keys_are_short_and_stable_on_disk() {
        assert_eq!(
            encode(&("a\0", 258_u64, true, -1_i64)).as_slice(),
            b"\x02a\x01\x01\x00\x22\x01\x02\x41\x1f\xff"
        );
        assert_eq!(encode(&0_u8).as_slice(), [0x20]);
        let key = encode(&("b", 7_u64, false, b"\x01".as_slice(), i64::MIN));
        let expected = [
            KeyPart::String("b".into()),
            KeyPart::Unsigned(7),
            KeyPart::Bool(false),
            KeyPart::Bytes(vec![1]),
            KeyPart::Negative(i64::MIN.into()),
        ];
        assert_eq!(parts(&key).unwrap(), expected);
    }
}
