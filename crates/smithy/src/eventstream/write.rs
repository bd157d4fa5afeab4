//! From values to events.

use bytes::Bytes;

use super::frame::{FrameWriter, HeaderValue};
use super::{
    CONTENT_TYPE, EVENT_TYPE, EXCEPTION_TYPE, EventFormat, INITIAL_RESPONSE, MESSAGE_TYPE,
    is_in_payload_structure,
};
use crate::document::Document;
use crate::error::{AwsError, CodecError, CodecErrorKind};
use crate::schema::{Member, Schema, ShapeType};
use crate::shape::{Shape, ShapeSerializer, Visit};
use crate::stream::ByteStream;
use crate::timestamp::Timestamp;

/// The frame of an event: `value` as the member `event` of the stream's union. An event whose
/// shape is an error becomes an exception.
///
/// # Errors
/// When the event is too long, or a value has another type than its schema.
pub fn encode_event(
    format: EventFormat,
    event: &'static Member,
    value: &dyn Shape,
) -> Result<Bytes, CodecError> {
    let mut frame = FrameWriter::new();
    let (message_type, name_header) =
        if event.target.exception { ("exception", EXCEPTION_TYPE) } else { ("event", EVENT_TYPE) };
    frame.text_header(MESSAGE_TYPE, message_type)?;
    frame.text_header(name_header, event.wire_name())?;
    let mut payload = PayloadWriter { format, bytes: Vec::new(), media_type: None };
    let members = value.schema().members;
    if members.iter().any(is_in_payload_structure) {
        format.write_shape(&Filtered { shape: value, keep: is_in_payload_structure }, &mut payload.bytes)?;
        payload.media_type = Some(format.media_type());
    } else if members.iter().any(|member| member.event_payload) {
        value.write_members(&mut payload)?;
    }
    if let Some(media_type) = payload.media_type {
        frame.text_header(CONTENT_TYPE, media_type)?;
    }
    if members.iter().any(|member| member.event_header) {
        value.write_members(&mut HeaderWriter { frame: &mut frame })?;
    }
    frame.finish(&payload.bytes)
}

/// The frame that ends a stream with an error that the stream's union does not declare.
///
/// # Errors
/// When the message is too long.
pub fn encode_error_event(error: &AwsError) -> Result<Bytes, CodecError> {
    let mut frame = FrameWriter::new();
    frame.text_header(MESSAGE_TYPE, "error")?;
    frame.text_header(":error-code", error.code())?;
    frame.text_header(":error-message", error.message())?;
    frame.finish(&[])
}

/// The first frame of an RPC operation's answer: the members of `output` beside the stream.
///
/// # Errors
/// When the members are too long, or a value has another type than its schema.
pub fn encode_initial_response(format: EventFormat, output: &dyn Shape) -> Result<Bytes, CodecError> {
    let mut frame = FrameWriter::new();
    frame.text_header(MESSAGE_TYPE, "event")?;
    frame.text_header(EVENT_TYPE, INITIAL_RESPONSE)?;
    frame.text_header(CONTENT_TYPE, format.media_type())?;
    let mut payload = Vec::new();
    format.write_shape(&Filtered { shape: output, keep: is_in_payload_structure }, &mut payload)?;
    frame.finish(&payload)
}

/// The body of an RPC operation's answer, if that is an event stream: the initial response, then
/// the stream that `output` holds.
pub(crate) fn rpc_stream(format: EventFormat, output: &dyn Shape) -> Result<Option<ByteStream>, CodecError> {
    if !output.schema().members.iter().any(|member| member.target.event_stream) {
        return Ok(None);
    }
    let first = encode_initial_response(format, output)?;
    let mut finder = StreamFinder { stream: ByteStream::empty() };
    output.write_members(&mut finder)?;
    Ok(Some(finder.stream.after(first)))
}

/// The members of a shape that `keep` chooses.
struct Filtered<'a> {
    shape: &'a dyn Shape,
    keep: fn(&Member) -> bool,
}

impl Shape for Filtered<'_> {
    fn schema(&self) -> &'static Schema {
        self.shape.schema()
    }

    fn write_members(&self, to: &mut dyn ShapeSerializer) -> Visit {
        self.shape.write_members(&mut Filter { to, keep: self.keep })
    }
}

struct Filter<'a> {
    to: &'a mut dyn ShapeSerializer,
    keep: fn(&Member) -> bool,
}

macro_rules! pass_on_kept {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $method(&mut self, member: &'static Member, $($argument: $type),*) -> Visit {
            if (self.keep)(member) { self.to.$method(member, $($argument),*) } else { Ok(()) }
        })*
    };
}

impl ShapeSerializer for Filter<'_> {
    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        self.to.write_entry(key, value)
    }

    pass_on_kept! {
        write_struct(value: &dyn Shape);
        write_list(len: usize, elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit);
        write_map(len: usize, entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit);
        write_bool(value: bool);
        write_integer(value: i64);
        write_float(value: f64);
        write_string(value: &str);
        write_blob(value: &[u8]);
        write_timestamp(value: Timestamp);
        write_document(value: &Document);
        write_null();
        write_stream(value: &ByteStream);
    }
}

/// Implements methods of a [`ShapeSerializer`] that only looks for some members, by passing over
/// the others.
macro_rules! passes_over {
    ($($kind:ident)*) => { $(passes_over!(@$kind);)* };
    (@struct) => {
        fn write_struct(&mut self, _: &'static Member, _: &dyn Shape) -> Visit {
            Ok(())
        }
    };
    (@collections) => {
        fn write_list(
            &mut self,
            _: &'static Member,
            _: usize,
            _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
        ) -> Visit {
            Ok(())
        }
        fn write_map(
            &mut self,
            _: &'static Member,
            _: usize,
            _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
        ) -> Visit {
            Ok(())
        }
    };
    (@entry) => {
        fn write_entry(&mut self, _: &str, _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
            Ok(())
        }
    };
    (@text) => { passes_over! { @each write_string: &str; write_blob: &[u8]; } };
    (@scalars) => {
        passes_over! { @each write_bool: bool; write_integer: i64; write_timestamp: Timestamp; }
    };
    (@float) => { passes_over! { @each write_float: f64; } };
    (@document) => { passes_over! { @each write_document: &Document; } };
    (@null) => {
        fn write_null(&mut self, _: &'static Member) -> Visit {
            Ok(())
        }
    };
    (@each $($method:ident: $type:ty;)*) => {
        $(fn $method(&mut self, _: &'static Member, _: $type) -> Visit {
            Ok(())
        })*
    };
}

/// Writes the member that is the payload.
struct PayloadWriter {
    format: EventFormat,
    bytes: Vec<u8>,
    media_type: Option<&'static str>,
}

impl PayloadWriter {
    fn raw(&mut self, member: &Member, bytes: &[u8], media_type: &'static str) -> Visit {
        if member.event_payload {
            self.bytes.extend_from_slice(bytes);
            self.media_type = Some(media_type);
        }
        Ok(())
    }

    fn structured(
        &mut self,
        member: &'static Member,
        write: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        if member.event_payload {
            self.format.write_value(member, &mut self.bytes, write)?;
            self.media_type = Some(self.format.media_type());
        }
        Ok(())
    }
}

impl ShapeSerializer for PayloadWriter {
    passes_over! { entry scalars float null }

    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        self.structured(member, &mut |to| to.write_struct(member, value))
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        len: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.structured(member, &mut |to| to.write_list(member, len, elements))
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        len: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.structured(member, &mut |to| to.write_map(member, len, entries))
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        self.raw(member, value.as_bytes(), "text/plain")
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        self.raw(member, value, "application/octet-stream")
    }

    fn write_document(&mut self, member: &'static Member, value: &Document) -> Visit {
        self.structured(member, &mut |to| to.write_document(member, value))
    }
}

/// Writes the members that are headers.
struct HeaderWriter<'a> {
    frame: &'a mut FrameWriter,
}

impl HeaderWriter<'_> {
    fn put(&mut self, member: &Member, value: impl FnOnce() -> HeaderValue) -> Visit {
        if member.event_header { self.frame.header(member.wire_name(), &value()) } else { Ok(()) }
    }
}

impl ShapeSerializer for HeaderWriter<'_> {
    passes_over! { struct collections entry float document null }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.put(member, || HeaderValue::Bool(value))
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        if member.target.shape_type == ShapeType::Long {
            return self.put(member, || HeaderValue::Long(value));
        }
        let narrow = i32::try_from(value).map_err(|_| {
            CodecError::new(CodecErrorKind::Output, format!("`{}` is out of range", member.name))
        })?;
        self.put(member, || HeaderValue::Integer(narrow))
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        if member.event_header { self.frame.text_header(member.wire_name(), value) } else { Ok(()) }
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        self.put(member, || HeaderValue::Blob(Bytes::copy_from_slice(value)))
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.put(member, || HeaderValue::Timestamp(value))
    }
}

/// Takes the stream out of an output.
struct StreamFinder {
    stream: ByteStream,
}

impl ShapeSerializer for StreamFinder {
    passes_over! { struct collections entry text scalars float document null }

    fn write_stream(&mut self, member: &'static Member, value: &ByteStream) -> Visit {
        if member.target.event_stream {
            self.stream = value.take();
        }
        Ok(())
    }
}
