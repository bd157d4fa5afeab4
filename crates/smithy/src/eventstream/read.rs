//! From events to values.

use bytes::Bytes;

use super::frame::{Frame, HeaderValue};
use super::{EVENT_TYPE, EventFormat, INITIAL_REQUEST, MESSAGE_TYPE, is_in_payload_structure};
use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Member, Schema, ShapeType};
use crate::shape::{DecodeReport, SeenMembers, ShapeDeserializer, Visit};
use crate::timestamp::Timestamp;

/// Lends `read` a deserializer on the event in `frame`, together with the member of the stream's
/// `union` that it is.
///
/// # Errors
/// When the frame is no event of the union (an exception, or an unknown one), or its content does
/// not fit.
pub fn read_event(
    format: EventFormat,
    union: &'static Schema,
    frame: &Frame,
    report: &mut DecodeReport,
    read: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
) -> Visit {
    let name = event_type(frame)?;
    let event = union
        .members
        .iter()
        .find(|member| member.wire_name() == name && !member.target.exception)
        .ok_or_else(|| CodecError::type_mismatch(format!("`{}` has no event `{name}`", union.name)))?;
    read(event, &mut EventReader { format, frame, report })
}

/// If `frame` is the first one of an RPC operation's input, lends `read` a deserializer on the
/// members beside the stream; `false` if it is an event already.
///
/// # Errors
/// When the frame is no event, or its content does not fit.
pub fn read_initial_request(
    format: EventFormat,
    frame: &Frame,
    report: &mut DecodeReport,
    read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
) -> Result<bool, CodecError> {
    if event_type(frame)? != INITIAL_REQUEST {
        return Ok(false);
    }
    format.read_value(&frame.payload, report, read)?;
    Ok(true)
}

fn event_type(frame: &Frame) -> Result<&str, CodecError> {
    match frame.text_header(MESSAGE_TYPE) {
        Some("event") => {}
        Some(other) => return Err(CodecError::type_mismatch(format!("`{other}` is no kind of event here"))),
        None => return Err(CodecError::syntax("an event does not say its `:message-type`")),
    }
    frame.text_header(EVENT_TYPE).ok_or_else(|| CodecError::syntax("an event does not say its `:event-type`"))
}

macro_rules! no_value_here {
    ($($method:ident: $type:ty;)*) => {
        $(fn $method(&mut self, member: &'static Member) -> Result<$type, CodecError> {
            Err(misplaced(member.name))
        })*
    };
}

macro_rules! no_collection_here {
    () => {
        fn read_list(
            &mut self,
            member: &'static Member,
            _: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
        ) -> Visit {
            Err(misplaced(member.name))
        }

        fn read_map(
            &mut self,
            member: &'static Member,
            _: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
        ) -> Visit {
            Err(misplaced(member.name))
        }

        fn read_null(&mut self) -> Result<bool, CodecError> {
            Ok(false)
        }
    };
}

fn misplaced(name: &str) -> CodecError {
    CodecError::type_mismatch(format!("`{name}` cannot stand in this place of an event"))
}

/// Reads the structure of an event.
struct EventReader<'a> {
    format: EventFormat,
    frame: &'a Frame,
    report: &'a mut DecodeReport,
}

impl ShapeDeserializer for EventReader<'_> {
    fn read_struct(
        &mut self,
        schema: &'static Schema,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let mut seen = SeenMembers::default();
        let payload = &self.frame.payload;
        let mut structured = false;
        for member in schema.members {
            if member.event_header {
                if let Some(value) = self.frame.header(member.wire_name()) {
                    seen.mark(member);
                    on_member(member, &mut HeaderReader { value })?;
                }
            } else if !member.event_payload {
                structured = true;
            } else if matches!(member.target.shape_type, ShapeType::Blob | ShapeType::String) {
                seen.mark(member);
                on_member(member, &mut PayloadReader { payload })?;
            } else if !payload.is_empty() {
                seen.mark(member);
                self.format.read_value(payload, self.report, &mut |from| on_member(member, from))?;
            }
        }
        if structured && !payload.is_empty() {
            self.format.read_members(
                schema,
                payload,
                self.report,
                &mut seen,
                is_in_payload_structure,
                on_member,
            )?;
        }
        seen.finish(schema, self.report)
    }

    no_collection_here! {}

    no_value_here! {
        read_bool: bool;
        read_integer: i64;
        read_float: f64;
        read_string: String;
        read_blob: Bytes;
        read_timestamp: Timestamp;
        read_document: Document;
    }
}

/// Reads a payload that is one blob or text.
struct PayloadReader<'a> {
    payload: &'a Bytes,
}

impl ShapeDeserializer for PayloadReader<'_> {
    fn read_struct(
        &mut self,
        schema: &'static Schema,
        _: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        Err(misplaced(schema.name))
    }

    no_collection_here! {}

    no_value_here! {
        read_bool: bool;
        read_integer: i64;
        read_float: f64;
        read_timestamp: Timestamp;
        read_document: Document;
    }

    fn read_string(&mut self, member: &'static Member) -> Result<String, CodecError> {
        String::from_utf8(self.payload.to_vec())
            .map_err(|_| CodecError::syntax(format!("`{}` is not UTF-8", member.name)))
    }

    fn read_blob(&mut self, _: &'static Member) -> Result<Bytes, CodecError> {
        Ok(self.payload.clone())
    }
}

/// Reads a header.
struct HeaderReader<'a> {
    value: &'a HeaderValue,
}

impl HeaderReader<'_> {
    fn mismatch(&self, member: &Member) -> CodecError {
        CodecError::type_mismatch(format!("the header `{}` has another type", member.name))
    }
}

impl ShapeDeserializer for HeaderReader<'_> {
    fn read_struct(
        &mut self,
        schema: &'static Schema,
        _: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        Err(misplaced(schema.name))
    }

    no_collection_here! {}

    no_value_here! {
        read_float: f64;
        read_document: Document;
    }

    fn read_bool(&mut self, member: &'static Member) -> Result<bool, CodecError> {
        match self.value {
            HeaderValue::Bool(value) => Ok(*value),
            _ => Err(self.mismatch(member)),
        }
    }

    fn read_integer(&mut self, member: &'static Member) -> Result<i64, CodecError> {
        match (self.value, member.target.shape_type) {
            (HeaderValue::Byte(value), _) => Ok(i64::from(*value)),
            (HeaderValue::Short(value), _) => Ok(i64::from(*value)),
            (HeaderValue::Integer(value), _) => Ok(i64::from(*value)),
            (HeaderValue::Long(value), ShapeType::Long) => Ok(*value),
            _ => Err(self.mismatch(member)),
        }
    }

    fn read_string(&mut self, member: &'static Member) -> Result<String, CodecError> {
        match self.value {
            HeaderValue::String(text) => Ok(text.clone()),
            _ => Err(self.mismatch(member)),
        }
    }

    fn read_blob(&mut self, member: &'static Member) -> Result<Bytes, CodecError> {
        match self.value {
            HeaderValue::Blob(bytes) => Ok(bytes.clone()),
            _ => Err(self.mismatch(member)),
        }
    }

    fn read_timestamp(&mut self, member: &'static Member) -> Result<Timestamp, CodecError> {
        match self.value {
            HeaderValue::Timestamp(time) => Ok(*time),
            _ => Err(self.mismatch(member)),
        }
    }
}
