//! From an output to a response.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use super::values::TextWriter;
use super::{BodyFormat, is_in_response_body, output_error};
use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Location, Member, OperationSchema, Schema, ShapeType};
use crate::shape::{Shape, ShapeSerializer, Visit};
use crate::stream::ByteStream;
use crate::timestamp::Timestamp;

/// What the bound members of an output make of a response.
#[derive(Debug, Default)]
pub struct Parts {
    /// The status code, if a member says it.
    pub status: Option<u16>,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, if the output has a payload member and it is set.
    pub payload: Option<ByteStream>,
}

/// The response that carries `output`: status, headers of the bound members and of the media
/// type, body. Headers that every response has (request ids) are the protocol's.
///
/// # Errors
/// When a value cannot be written where the model puts it.
pub fn encode(
    format: &dyn BodyFormat,
    operation: &'static OperationSchema,
    output: &dyn Shape,
) -> Result<Response<ByteStream>, CodecError> {
    let schema = output.schema();
    let bound = schema.payload.is_some() || schema.members.iter().any(|member| !is_in_response_body(member));
    let mut parts = if bound { write_parts(Some((format, operation)), output)? } else { Parts::default() };
    let status = parts.status.unwrap_or(operation.status);
    let bodiless = matches!(status, 204 | 205 | 304);
    let mut body = parts.payload.take();
    if schema.payload.is_none() && !bodiless && !schema.is_unit() {
        let writes = format.writes_empty_bodies() || schema.members.iter().any(is_in_response_body);
        if writes {
            let mut bytes = Vec::with_capacity(256);
            if bound {
                format.write_body(operation, &BodyMembers(output), &mut bytes)?;
            } else {
                format.write_body(operation, output, &mut bytes)?;
            }
            insert_missing(&mut parts.headers, CONTENT_TYPE, format.media_type());
            body = Some(bytes.into());
        }
    }
    let mut response = Response::new(body.unwrap_or_default());
    *response.status_mut() =
        StatusCode::from_u16(status).map_err(|_| output_error(format!("{status} is not an HTTP status")))?;
    *response.headers_mut() = parts.headers;
    Ok(response)
}

/// Writes the members of `shape` that are bound to status and headers and, if `payload` tells the
/// body's format, the payload member. Also for errors, whose headers are members too.
///
/// # Errors
/// When a value cannot be written where the model puts it.
pub fn write_parts(
    payload: Option<(&dyn BodyFormat, &'static OperationSchema)>,
    shape: &dyn Shape,
) -> Result<Parts, CodecError> {
    let payload_index = payload.and(shape.schema().payload);
    // Room for what comes later, too: the protocol's headers, the service's and the server's.
    let parts = Parts { headers: HeaderMap::with_capacity(12), ..Parts::default() };
    let mut writer = PartsWriter { payload, payload_index, parts };
    shape.write_members(&mut writer)?;
    Ok(writer.parts)
}

fn insert_missing(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.entry(name).or_insert(HeaderValue::from_static(value));
}

struct PartsWriter<'a> {
    payload: Option<(&'a dyn BodyFormat, &'static OperationSchema)>,
    payload_index: Option<usize>,
    parts: Parts,
}

impl PartsWriter<'_> {
    fn is_payload(&self, member: &Member) -> bool {
        self.payload_index == Some(member.index)
    }

    /// Writes a value that is text, wherever it is bound to.
    fn bound(&mut self, member: &'static Member, write: impl FnOnce(&mut TextWriter) -> Visit) -> Visit {
        if member.location != Location::Header {
            return Ok(());
        }
        let mut writer = TextWriter::default();
        write(&mut writer)?;
        self.parts.headers.insert(header_name(member.wire_name())?, header_value(&writer.text)?);
        Ok(())
    }

    /// Writes a structured payload.
    fn structured(
        &mut self,
        member: &'static Member,
        write: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        let Some((format, operation)) = self.payload.filter(|_| self.is_payload(member)) else {
            return Ok(());
        };
        let mut bytes = Vec::with_capacity(256);
        format.write_payload(operation, member, &mut bytes, write)?;
        insert_missing(&mut self.parts.headers, CONTENT_TYPE, format.media_type());
        self.parts.payload = Some(bytes.into());
        Ok(())
    }

    fn raw(&mut self, body: ByteStream, media_type: &'static str) -> Visit {
        insert_missing(&mut self.parts.headers, CONTENT_TYPE, media_type);
        self.parts.payload = Some(body);
        Ok(())
    }
}

fn header_name(name: &str) -> Result<HeaderName, CodecError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| output_error(format!("`{name}` is no header's name")))
}

fn header_value(text: &str) -> Result<HeaderValue, CodecError> {
    HeaderValue::from_bytes(text.as_bytes())
        .map_err(|_| output_error("a header's value holds control characters"))
}

impl ShapeSerializer for PartsWriter<'_> {
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        self.structured(member, &mut |to| to.write_struct(member, value))
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        len: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        if member.location == Location::Header {
            return self.bound(member, |to| to.write_list(member, len, elements));
        }
        self.structured(member, &mut |to| to.write_list(member, len, elements))
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        len: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        if member.location == Location::Headers {
            let prefix = member.wire_name();
            let mut writer = PrefixWriter { prefix, headers: &mut self.parts.headers };
            return entries(&mut writer);
        }
        self.structured(member, &mut |to| to.write_map(member, len, entries))
    }

    fn write_entry(&mut self, _: &str, _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        Err(output_error("an output has members, not entries"))
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.bound(member, |to| to.write_bool(member, value))
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        if member.location == Location::StatusCode {
            let status = u16::try_from(value).ok().filter(|status| (100..1000).contains(status));
            self.parts.status =
                Some(status.ok_or_else(|| output_error(format!("{value} is not an HTTP status")))?);
            return Ok(());
        }
        self.bound(member, |to| to.write_integer(member, value))
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        self.bound(member, |to| to.write_float(member, value))
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        if self.is_payload(member) {
            return self.raw(ByteStream::from(value.to_owned()), "text/plain");
        }
        self.bound(member, |to| to.write_string(member, value))
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        if self.is_payload(member) {
            return self.raw(ByteStream::from(value.to_vec()), "application/octet-stream");
        }
        self.bound(member, |to| to.write_blob(member, value))
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.bound(member, |to| to.write_timestamp(member, value))
    }

    fn write_document(&mut self, member: &'static Member, value: &Document) -> Visit {
        self.structured(member, &mut |to| to.write_document(member, value))
    }

    fn write_null(&mut self, _: &'static Member) -> Visit {
        Ok(())
    }

    fn write_stream(&mut self, member: &'static Member, value: &ByteStream) -> Visit {
        if !self.is_payload(member) {
            return Ok(());
        }
        let media_type = match member.target.shape_type {
            ShapeType::Blob => "application/octet-stream",
            _ => crate::eventstream::MEDIA_TYPE,
        };
        self.raw(value.take(), media_type)
    }
}

/// Writes the entries of a map as headers. A header that a member of its own writes wins.
struct PrefixWriter<'a> {
    prefix: &'static str,
    headers: &'a mut HeaderMap,
}

macro_rules! entries_only {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(&mut self, _: &'static Member, $(_: $argument),*) -> Visit {
            Err(output_error("a map was given a value without a key"))
        })*
    };
}

impl ShapeSerializer for PrefixWriter<'_> {
    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        let mut writer = TextWriter::default();
        value(&mut writer)?;
        let name = header_name(&format!("{}{key}", self.prefix))?;
        let text = header_value(&writer.text)?;
        self.headers.entry(name).or_insert(text);
        Ok(())
    }

    entries_only! {
        write_struct(&dyn Shape);
        write_list(usize, &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit);
        write_map(usize, &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit);
        write_bool(bool);
        write_integer(i64);
        write_float(f64);
        write_string(&str);
        write_blob(&[u8]);
        write_timestamp(Timestamp);
        write_document(&Document);
        write_null();
    }
}

/// The members of an output or error that are in the body.
pub struct BodyMembers<'a>(pub &'a dyn Shape);

impl Shape for BodyMembers<'_> {
    fn schema(&self) -> &'static Schema {
        self.0.schema()
    }

    fn write_members(&self, to: &mut dyn ShapeSerializer) -> Visit {
        self.0.write_members(&mut BodyFilter(to))
    }
}

/// Passes on the members that are in the body.
struct BodyFilter<'a>(&'a mut dyn ShapeSerializer);

macro_rules! pass_on_body_members {
    ($($method:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $method(&mut self, member: &'static Member, $($argument: $type),*) -> Visit {
            if is_in_response_body(member) { self.0.$method(member, $($argument),*) } else { Ok(()) }
        })*
    };
}

impl ShapeSerializer for BodyFilter<'_> {
    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        self.0.write_entry(key, value)
    }

    pass_on_body_members! {
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
