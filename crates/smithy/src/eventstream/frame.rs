//! Frames.

use bytes::Bytes;

use crate::error::{CodecError, CodecErrorKind};
use crate::timestamp::Timestamp;

/// Longest frame, in bytes.
pub const MAX_FRAME: usize = 16 * 1024 * 1024;
/// Longest headers of one frame together, in bytes.
pub const MAX_HEADERS: usize = 128 * 1024;

/// Total length, length of the headers, checksum of these two.
const PRELUDE: usize = 12;
/// The checksum at the end.
const TRAILER: usize = 4;

/// One frame of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// The headers, in order.
    pub headers: Vec<(String, HeaderValue)>,
    /// The payload.
    pub payload: Bytes,
}

/// The value of a frame's header.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderValue {
    /// `true` or `false`.
    Bool(bool),
    /// 8 bits.
    Byte(i8),
    /// 16 bits.
    Short(i16),
    /// 32 bits.
    Integer(i32),
    /// 64 bits.
    Long(i64),
    /// Bytes.
    Blob(Bytes),
    /// Text.
    String(String),
    /// A point in time, in milliseconds on the wire.
    Timestamp(Timestamp),
    /// A UUID.
    Uuid([u8; 16]),
}

impl Frame {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&HeaderValue> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value)
    }

    /// The value of a header that is text.
    pub fn text_header(&self, name: &str) -> Option<&str> {
        match self.header(name) {
            Some(HeaderValue::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The frame as it is sent.
    ///
    /// # Errors
    /// When a name, value or the whole is too long.
    pub fn encode(&self) -> Result<Bytes, CodecError> {
        let mut writer = FrameWriter::new();
        for (name, value) in &self.headers {
            writer.header(name, value)?;
        }
        writer.finish(&self.payload)
    }
}

/// Builds a frame.
pub struct FrameWriter {
    buffer: Vec<u8>,
}

fn too_large(what: &str) -> CodecError {
    CodecError::new(CodecErrorKind::TooLarge, format!("{what} of an event is too long"))
}

impl Default for FrameWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl FrameWriter {
    /// A frame without headers.
    pub fn new() -> Self {
        let mut buffer = Vec::with_capacity(256);
        buffer.resize(PRELUDE, 0);
        Self { buffer }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When the name is empty or longer than 255 bytes, or the value longer than 32,767 bytes.
    pub fn header(&mut self, name: &str, value: &HeaderValue) -> Result<(), CodecError> {
        self.name(name)?;
        match value {
            HeaderValue::Bool(true) => self.buffer.push(0),
            HeaderValue::Bool(false) => self.buffer.push(1),
            HeaderValue::Byte(value) => self.fixed(2, &value.to_be_bytes()),
            HeaderValue::Short(value) => self.fixed(3, &value.to_be_bytes()),
            HeaderValue::Integer(value) => self.fixed(4, &value.to_be_bytes()),
            HeaderValue::Long(value) => self.fixed(5, &value.to_be_bytes()),
            HeaderValue::Blob(bytes) => self.sized(6, bytes)?,
            HeaderValue::String(text) => self.sized(7, text.as_bytes())?,
            HeaderValue::Timestamp(time) => self.fixed(8, &time.as_millis().to_be_bytes()),
            HeaderValue::Uuid(bytes) => self.fixed(9, bytes),
        }
        Ok(())
    }

    /// Adds a header that is text.
    ///
    /// # Errors
    /// Those of [`FrameWriter::header`].
    pub fn text_header(&mut self, name: &str, value: &str) -> Result<(), CodecError> {
        self.name(name)?;
        self.sized(7, value.as_bytes())
    }

    fn name(&mut self, name: &str) -> Result<(), CodecError> {
        let length = u8::try_from(name.len()).map_err(|_| too_large("a header's name"))?;
        if length == 0 {
            return Err(CodecError::syntax("a header of an event has no name"));
        }
        self.buffer.push(length);
        self.buffer.extend_from_slice(name.as_bytes());
        Ok(())
    }

    fn fixed(&mut self, kind: u8, bytes: &[u8]) {
        self.buffer.push(kind);
        self.buffer.extend_from_slice(bytes);
    }

    fn sized(&mut self, kind: u8, bytes: &[u8]) -> Result<(), CodecError> {
        let length = i16::try_from(bytes.len()).map_err(|_| too_large("a header's value"))?;
        self.buffer.push(kind);
        self.buffer.extend_from_slice(&length.to_be_bytes());
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds the payload, lengths and checksums.
    ///
    /// # Errors
    /// When the headers exceed [`MAX_HEADERS`] or the frame [`MAX_FRAME`].
    pub fn finish(mut self, payload: &[u8]) -> Result<Bytes, CodecError> {
        let headers = self.buffer.len() - PRELUDE;
        if headers > MAX_HEADERS {
            return Err(too_large("the headers"));
        }
        let total = self.buffer.len() + payload.len() + TRAILER;
        if total > MAX_FRAME {
            return Err(too_large("the payload"));
        }
        let prelude = [(total as u32).to_be_bytes(), (headers as u32).to_be_bytes()].concat();
        let checksum = crc32fast::hash(&prelude).to_be_bytes();
        let start = prelude.iter().chain(&checksum);
        self.buffer.iter_mut().zip(start).for_each(|(slot, byte)| *slot = *byte);
        self.buffer.extend_from_slice(payload);
        let checksum = crc32fast::hash(&self.buffer).to_be_bytes();
        self.buffer.extend_from_slice(&checksum);
        Ok(self.buffer.into())
    }
}

/// The first frame of `input` and its length, or `None` when `input` holds only a part of it.
///
/// # Errors
/// When lengths or checksums are wrong, or limits are exceeded.
pub fn decode_frame(input: &Bytes) -> Result<Option<(Frame, usize)>, CodecError> {
    let Some(prelude) = input.get(..PRELUDE) else { return Ok(None) };
    let mut reader = Reader(prelude);
    let (total, headers) = (reader.u32()? as usize, reader.u32()? as usize);
    let checksum = reader.u32()?;
    if crc32fast::hash(prelude.get(..8).unwrap_or_default()) != checksum {
        return Err(CodecError::syntax("the prelude of an event does not match its checksum"));
    }
    if total > MAX_FRAME || headers > MAX_HEADERS {
        return Err(too_large("the content"));
    }
    if total < PRELUDE + headers + TRAILER {
        return Err(CodecError::syntax("the lengths of an event contradict each other"));
    }
    let Some(frame) = input.get(..total) else { return Ok(None) };
    let Some((content, trailer)) = frame.split_at_checked(total - TRAILER) else { return Ok(None) };
    if crc32fast::hash(content) != Reader(trailer).u32()? {
        return Err(CodecError::syntax("an event does not match its checksum"));
    }
    let mut reader = Reader(content.get(PRELUDE..PRELUDE + headers).unwrap_or_default());
    let mut list = Vec::new();
    while !reader.0.is_empty() {
        list.push(reader.header()?);
    }
    let payload = input.slice(PRELUDE + headers..total - TRAILER);
    Ok(Some((Frame { headers: list, payload }, total)))
}

/// Takes values off the front of a slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| CodecError::syntax("a header of an event is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        self.take(N)?.try_into().map_err(|_| CodecError::syntax("a header of an event is cut off"))
    }

    fn u32(&mut self) -> Result<u32, CodecError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    fn sized(&mut self) -> Result<&'a [u8], CodecError> {
        // The format allows for 32,767 bytes.
        let length = i16::from_be_bytes(self.array()?);
        self.take(usize::try_from(length).map_err(|_| too_large("a header's value"))?)
    }

    fn header(&mut self) -> Result<(String, HeaderValue), CodecError> {
        let text = |bytes: &[u8]| {
            String::from_utf8(bytes.to_vec())
                .map_err(|_| CodecError::syntax("a header of an event is not UTF-8"))
        };
        let [length] = self.array()?;
        if length == 0 {
            return Err(CodecError::syntax("a header of an event has no name"));
        }
        let name = text(self.take(usize::from(length))?)?;
        let [kind] = self.array()?;
        let value = match kind {
            0 => HeaderValue::Bool(true),
            1 => HeaderValue::Bool(false),
            2 => HeaderValue::Byte(i8::from_be_bytes(self.array()?)),
            3 => HeaderValue::Short(i16::from_be_bytes(self.array()?)),
            4 => HeaderValue::Integer(i32::from_be_bytes(self.array()?)),
            5 => HeaderValue::Long(i64::from_be_bytes(self.array()?)),
            6 => HeaderValue::Blob(Bytes::copy_from_slice(self.sized()?)),
            7 => HeaderValue::String(text(self.sized()?)?),
            8 => HeaderValue::Timestamp(Timestamp::from_millis(i64::from_be_bytes(self.array()?))),
            9 => HeaderValue::Uuid(self.array()?),
            _ => return Err(CodecError::syntax(format!("a header of an event has the unknown type {kind}"))),
        };
        Ok((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: usize) -> Frame {
        Frame {
            headers: vec![("name".to_owned(), HeaderValue::String("value".to_owned()))],
            payload: vec![7; payload].into(),
        }
    }

    #[test]
    fn a_frame_that_has_not_come_whole_is_waited_for() {
        let whole = frame(100).encode().unwrap();
        for length in 0..whole.len() {
            assert_eq!(decode_frame(&whole.slice(..length)).unwrap(), None, "{length} bytes");
        }
        let two = [whole.clone(), whole.clone()].concat().into();
        assert_eq!(decode_frame(&two).unwrap(), Some((frame(100), whole.len())));
    }

    #[test]
    fn an_announced_length_is_refused_before_it_is_waited_for() {
        let announce = |total: usize, headers: usize| {
            let mut prelude = [(total as u32).to_be_bytes(), (headers as u32).to_be_bytes()].concat();
            prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
            decode_frame(&prelude.into())
        };
        assert_eq!(announce(MAX_FRAME, 0).unwrap(), None);
        assert!(announce(MAX_FRAME + 1, 0).is_err());
        assert!(announce(MAX_FRAME, MAX_HEADERS + 1).is_err());
        assert!(announce(15, 0).is_err());
        assert!(announce(20, 8).is_err());
    }

    #[test]
    fn what_would_not_be_written_is_not_read() {
        let with_headers = |headers: &[u8]| {
            let mut writer = FrameWriter::new();
            writer.buffer.extend_from_slice(headers);
            decode_frame(&writer.finish(b"").unwrap())
        };
        assert!(with_headers(&[1, b'n', 0]).is_ok());
        assert!(with_headers(&[0, 0]).is_err());
        let long = [&[1, b'n', 7, 0x80, 0x00][..], &[b'v'; 32_768]].concat();
        assert!(with_headers(&long).is_err());
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        assert!(frame(MAX_FRAME).encode().is_err());
        let with = |name: &str, value| {
            Frame { headers: vec![(name.to_owned(), value)], payload: Bytes::new() }.encode()
        };
        assert!(with("", HeaderValue::Bool(true)).is_err());
        assert!(with(&"n".repeat(256), HeaderValue::Bool(true)).is_err());
        assert!(with("n", HeaderValue::String("v".repeat(32_768))).is_err());
        assert!(with(&"n".repeat(255), HeaderValue::String("v".repeat(32_767))).is_ok());
    }
}
