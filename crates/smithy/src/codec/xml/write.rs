//! Writing values as XML.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::text::{Place, escape, write_float};
use crate::document::Document;
use crate::error::{CodecError, CodecErrorKind};
use crate::schema::{Member, TimestampFormat, XmlNamespace};
use crate::shape::{Shape, ShapeSerializer, Visit};
use crate::timestamp::Timestamp;

/// What differs between services that write XML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XmlStyle {
    /// Dates always have milliseconds (`2006-02-03T16:41:58.000Z`), as in S3 and EC2.
    pub milliseconds: bool,
}

/// Writes values as elements.
///
/// An element without content is closed at once (`<TagSet/>`), except for text, which AWS writes
/// with two tags (`<Prefix></Prefix>`).
pub struct XmlSerializer {
    out: String,
    style: XmlStyle,
    /// Whether the last start tag still lacks its `>`.
    tag_open: bool,
    /// Whether there is an element at all.
    started: bool,
    within: Within,
}

/// In what the next value stands, which decides its name and whether it may be flattened.
#[derive(Clone, Copy)]
enum Within {
    /// A structure.
    Structure,
    /// A list, or an entry of a map.
    Collection,
    /// Nothing: the value is the whole text.
    Root { name: &'static str, namespace: Option<XmlNamespace> },
    /// A flattened list, which lends its elements its name.
    FlattenedList(&'static Member),
    /// A map, whose entries come next.
    Map { member: &'static Member, flattened: bool },
}

impl XmlSerializer {
    /// An empty text.
    pub fn new(style: XmlStyle) -> Self {
        Self { out: String::new(), style, tag_open: false, started: false, within: Within::Structure }
    }

    /// The text so far.
    pub fn finish(self) -> String {
        self.out
    }

    /// Appends text that is XML already, such as a declaration.
    pub fn raw(&mut self, xml: &str) {
        self.close_tag();
        self.out.push_str(xml);
    }

    /// Writes a start tag.
    pub fn start(&mut self, name: &str, namespace: Option<XmlNamespace>) {
        self.close_tag();
        self.out.push('<');
        self.out.push_str(name);
        (self.tag_open, self.started) = (true, true);
        if let Some(namespace) = namespace {
            self.namespace(namespace);
        }
    }

    /// Writes the end tag of the element that was started last, or closes it at once if nothing
    /// was written into it.
    pub fn end(&mut self, name: &str) {
        if std::mem::take(&mut self.tag_open) {
            self.out.push_str("/>");
        } else {
            self.out.push_str("</");
            self.out.push_str(name);
            self.out.push('>');
        }
    }

    /// Writes an element that holds `text`.
    pub fn element(&mut self, name: &str, text: &str) {
        self.start(name, None);
        self.close_tag();
        escape(text, Place::Content, &mut self.out);
        self.end(name);
    }

    /// Writes the members of `value` into the element that was started last: attributes, then
    /// elements.
    pub fn members(&mut self, value: &dyn Shape) -> Visit {
        if value.schema().members.iter().any(|member| member.xml_attribute) {
            value.write_members(&mut Attributes { xml: self })?;
        }
        let outer = std::mem::replace(&mut self.within, Within::Structure);
        value.write_members(self)?;
        self.within = outer;
        Ok(())
    }

    /// Makes the next value, and only that, an element of this name and namespace, whatever its
    /// member says.
    pub fn next_is_root(&mut self, name: &'static str, namespace: Option<XmlNamespace>) {
        self.within = Within::Root { name, namespace };
    }

    /// Writes a value that has no schema: text in its usual form, maps by their keys, lists as
    /// `member` elements.
    pub fn schemaless(&mut self, name: &str, value: &Document) {
        self.start(name, None);
        let text = match value {
            Document::Null => None,
            Document::Bool(value) => Some(value.to_string()),
            Document::Integer(value) => Some(value.to_string()),
            Document::Float(value) => Some(format!("{value:?}")),
            Document::String(text) => Some(text.clone()),
            Document::Blob(bytes) => Some(STANDARD.encode(bytes)),
            Document::Timestamp(time) => Some(self.timestamp(*time, TimestampFormat::DateTime)),
            Document::List(items) => {
                items.iter().for_each(|item| self.schemaless("member", item));
                None
            }
            Document::Map(entries) => {
                entries.iter().for_each(|(name, value)| self.schemaless(name, value));
                None
            }
        };
        if let Some(text) = text {
            self.close_tag();
            escape(&text, Place::Content, &mut self.out);
        }
        self.end(name);
    }

    /// Whether no element was written yet.
    pub fn is_before_root(&self) -> bool {
        !self.started
    }

    fn close_tag(&mut self) {
        if std::mem::take(&mut self.tag_open) {
            self.out.push('>');
        }
    }

    fn attribute(&mut self, name: &str, text: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape(text, Place::Attribute, &mut self.out);
        self.out.push('"');
    }

    fn namespace(&mut self, namespace: XmlNamespace) {
        if namespace.prefix.is_empty() {
            self.attribute("xmlns", namespace.uri);
        } else {
            self.attribute(&format!("xmlns:{}", namespace.prefix), namespace.uri);
        }
    }

    fn timestamp(&self, time: Timestamp, format: TimestampFormat) -> String {
        let mut text = time.format(format);
        if self.style.milliseconds
            && format == TimestampFormat::DateTime
            && !text.contains('.')
            && let Some(seconds) = text.strip_suffix('Z')
        {
            text = format!("{seconds}.000Z");
        }
        text
    }

    /// Whether a list or map has no element of its own: only a structure's members can do without.
    fn flattens(&self, member: &Member) -> bool {
        member.is_flattened() && matches!(self.within, Within::Structure)
    }

    /// Writes one element for `member`, with what `content` writes in it.
    fn value(&mut self, member: &'static Member, content: impl FnOnce(&mut Self) -> Visit) -> Visit {
        if member.xml_attribute {
            return Ok(());
        }
        let outer = std::mem::replace(&mut self.within, Within::Collection);
        let (name, namespace) = match outer {
            Within::Root { name, namespace } => (name, member.xml_namespace.or(namespace)),
            Within::FlattenedList(list) => (list.wire_name(), member.xml_namespace.or(list.xml_namespace)),
            _ => (member.wire_name(), member.xml_namespace),
        };
        // The prefix of a structure's attributes is declared by the structure itself.
        let namespace = namespace
            .or_else(|| member.target.xml_namespace.filter(|namespace| !namespace.prefix.is_empty()));
        self.start(name, namespace);
        content(self)?;
        self.end(name);
        self.within = outer;
        Ok(())
    }

    fn scalar(&mut self, member: &'static Member, write: impl FnOnce(&mut String)) -> Visit {
        self.value(member, |this| {
            this.close_tag();
            write(&mut this.out);
            Ok(())
        })
    }
}

impl ShapeSerializer for XmlSerializer {
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        self.value(member, |this| this.members(value))
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        _: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        if !self.flattens(member) {
            return self.value(member, |this| elements(this));
        }
        let outer = std::mem::replace(&mut self.within, Within::FlattenedList(member));
        elements(self)?;
        self.within = outer;
        Ok(())
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        _: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        if !self.flattens(member) {
            return self.value(member, |this| {
                this.within = Within::Map { member, flattened: false };
                entries(this)
            });
        }
        let outer = std::mem::replace(&mut self.within, Within::Map { member, flattened: true });
        entries(self)?;
        self.within = outer;
        Ok(())
    }

    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        let Within::Map { member: map, flattened } = self.within else {
            return Err(CodecError::new(CodecErrorKind::Output, "an entry was written outside of a map"));
        };
        let (name, namespace) =
            if flattened { (map.wire_name(), map.xml_namespace) } else { ("entry", None) };
        self.start(name, namespace);
        let (key_name, key_namespace) =
            map.target.element().map_or(("key", None), |key| (key.wire_name(), key.xml_namespace));
        self.start(key_name, key_namespace);
        self.close_tag();
        escape(key, Place::Content, &mut self.out);
        self.end(key_name);
        let outer = std::mem::replace(&mut self.within, Within::Collection);
        value(self)?;
        self.within = outer;
        self.end(name);
        Ok(())
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.scalar(member, |out| out.push_str(if value { "true" } else { "false" }))
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.scalar(member, |out| {
            // Writing to a string cannot fail.
            let _ = write!(out, "{value}");
        })
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        self.scalar(member, |out| write_float(member, value, out))
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        self.scalar(member, |out| escape(value, Place::Content, out))
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        self.scalar(member, |out| STANDARD.encode_string(value, out))
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        let text = self.timestamp(value, member.timestamp_format(TimestampFormat::DateTime));
        self.scalar(member, |out| out.push_str(&text))
    }

    fn write_document(&mut self, member: &'static Member, _: &Document) -> Visit {
        Err(CodecError::new(CodecErrorKind::Output, format!("{} cannot be written as XML", member.name)))
    }

    fn write_null(&mut self, _: &'static Member) -> Visit {
        // XML has no null: what is not set is absent.
        Ok(())
    }
}

/// Writes those members of a structure that are attributes, into a start tag.
struct Attributes<'w> {
    xml: &'w mut XmlSerializer,
}

impl Attributes<'_> {
    fn attribute(&mut self, member: &'static Member, text: &str) -> Visit {
        if member.xml_attribute {
            self.xml.attribute(member.wire_name(), text);
        }
        Ok(())
    }
}

impl ShapeSerializer for Attributes<'_> {
    fn write_struct(&mut self, _: &'static Member, _: &dyn Shape) -> Visit {
        Ok(())
    }

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

    fn write_entry(&mut self, _: &str, _: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        Ok(())
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.attribute(member, if value { "true" } else { "false" })
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.attribute(member, &value.to_string())
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        let mut text = String::new();
        write_float(member, value, &mut text);
        self.attribute(member, &text)
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        self.attribute(member, value)
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        if member.xml_attribute { self.attribute(member, &STANDARD.encode(value)) } else { Ok(()) }
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        let text = self.xml.timestamp(value, member.timestamp_format(TimestampFormat::DateTime));
        self.attribute(member, &text)
    }

    fn write_document(&mut self, _: &'static Member, _: &Document) -> Visit {
        Ok(())
    }

    fn write_null(&mut self, _: &'static Member) -> Visit {
        Ok(())
    }

    fn write_stream(&mut self, _: &'static Member, _: &crate::ByteStream) -> Visit {
        Ok(())
    }
}
