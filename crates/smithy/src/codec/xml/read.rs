//! Reading values from a [`Tree`].

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::text::{not_a, parse_bool, parse_float, parse_integer};
use super::tree::{NodeId, Tree};
use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Member, Schema, TimestampFormat};
use crate::shape::{DecodeReport, PathSegment, SeenMembers, ShapeDeserializer, Visit};
use crate::timestamp::Timestamp;

/// Base64 with or without padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads base64, in which white space may stand.
pub(crate) fn decode_blob(member: &Member, text: &str) -> Result<Bytes, CodecError> {
    let result = if text.contains(|c: char| c.is_ascii_whitespace()) {
        BASE64.decode(text.split_ascii_whitespace().collect::<String>())
    } else {
        BASE64.decode(text)
    };
    result.map(Bytes::from).map_err(|_| not_a(member, text))
}

/// What is read next.
#[derive(Clone, Copy)]
enum Value<'t> {
    /// An element.
    Element(NodeId),
    /// A flattened list or map: this element and those of the same name behind it.
    Flattened(NodeId),
    /// An attribute's value, or an element's text.
    Text(&'t str),
}

/// Reads values from elements.
pub struct XmlDeserializer<'t, 'r> {
    tree: &'t Tree<'t>,
    value: Value<'t>,
    report: &'r mut DecodeReport,
}

impl<'t, 'r> XmlDeserializer<'t, 'r> {
    /// Reads from the root element of `tree`.
    pub fn new(tree: &'t Tree<'t>, report: &'r mut DecodeReport) -> Self {
        Self { tree, value: Value::Element(tree.root()), report }
    }

    /// Reads the members of `schema` that are `wanted`, and marks them in `seen`. The caller ends
    /// the structure, because other members may come from elsewhere.
    pub fn read_members(
        &mut self,
        schema: &'static Schema,
        seen: &mut SeenMembers,
        wanted: fn(&Member) -> bool,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let Value::Element(node) = self.value else {
            return Err(CodecError::type_mismatch("Unexpected complex element termination"));
        };
        let tree = self.tree;
        for member in schema.members.iter().filter(|member| member.xml_attribute && wanted(member)) {
            if let Some(text) = tree.attribute(node, member.wire_name())
                && seen.mark(member)
            {
                self.visit(PathSegment::Member(member.name), Value::Text(text), &mut |from| {
                    on_member(member, from)
                })?;
            }
        }
        if tree.text(node).is_some_and(|text| !text.trim().is_empty()) {
            return Err(CodecError::type_mismatch("Unexpected complex element termination"));
        }
        // Elements mostly come in the order of the model, so that the search starts at the last.
        let mut expected = 0;
        for child in tree.children(node) {
            let name = tree.name(child);
            let found =
                |member: &&Member| member.wire_name() == name && !member.xml_attribute && wanted(member);
            let (before, behind) = schema.members.split_at(expected);
            let Some(member) = behind.iter().chain(before).find(found) else { continue };
            expected = member.index.min(schema.members.len());
            if !seen.mark(member) {
                // The rest of a flattened list, or an element that should stand once.
                continue;
            }
            let value = if member.is_flattened() { Value::Flattened(child) } else { Value::Element(child) };
            self.visit(PathSegment::Member(member.name), value, &mut |from| on_member(member, from))?;
        }
        Ok(())
    }

    fn visit(
        &mut self,
        segment: PathSegment,
        value: Value<'t>,
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.report.enter(segment)?;
        read(&mut XmlDeserializer { tree: self.tree, value, report: self.report })?;
        self.report.leave();
        Ok(())
    }

    fn text(&self) -> Result<&'t str, CodecError> {
        match self.value {
            Value::Text(text) => Ok(text),
            Value::Element(node) | Value::Flattened(node) => self.tree.text(node).ok_or_else(|| {
                CodecError::type_mismatch("Start of structure or map found where not expected.")
            }),
        }
    }
}

impl ShapeDeserializer for XmlDeserializer<'_, '_> {
    fn read_struct(
        &mut self,
        schema: &'static Schema,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let mut seen = SeenMembers::default();
        self.read_members(schema, &mut seen, |_| true, on_member)?;
        seen.finish(schema, self.report)
    }

    fn read_list(
        &mut self,
        member: &'static Member,
        on_element: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let tree = self.tree;
        let name = member.target.element().map_or("member", Member::wire_name);
        let mut index = 0;
        let mut read = |this: &mut Self, element| {
            index += 1;
            this.visit(PathSegment::Index(index - 1), Value::Element(element), on_element)
        };
        match self.value {
            Value::Flattened(first) => tree.same_siblings(first).try_for_each(|element| read(self, element)),
            Value::Element(list) if tree.text(list).is_some_and(|text| !text.trim().is_empty()) => {
                Err(CodecError::type_mismatch("Unexpected list element termination"))
            }
            Value::Element(list) => tree
                .children(list)
                .filter(|element| tree.name(*element) == name)
                .try_for_each(|element| read(self, element)),
            Value::Text(_) => Err(CodecError::type_mismatch("Unexpected list element termination")),
        }
    }

    fn read_map(
        &mut self,
        member: &'static Member,
        on_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        let tree = self.tree;
        let key_name = member.target.element().map_or("key", Member::wire_name);
        let value_name = member.target.map_value().map_or("value", Member::wire_name);
        let mut read = |this: &mut Self, entry| {
            let key = tree.child(entry, key_name).and_then(|key| tree.text(key)).ok_or_else(|| {
                CodecError::type_mismatch(format!("an entry of {} has no key", member.name))
            })?;
            let Some(value) = tree.child(entry, value_name) else {
                return Err(CodecError::type_mismatch(format!("an entry of {} has no value", member.name)));
            };
            this.visit(PathSegment::Key(key.to_owned()), Value::Element(value), &mut |from| {
                on_entry(key.to_owned(), from)
            })
        };
        match self.value {
            Value::Flattened(first) => tree.same_siblings(first).try_for_each(|entry| read(self, entry)),
            Value::Element(map) => tree
                .children(map)
                .filter(|entry| tree.name(*entry) == "entry")
                .try_for_each(|entry| read(self, entry)),
            Value::Text(_) => Err(CodecError::type_mismatch("Unexpected complex element termination")),
        }
    }

    fn read_bool(&mut self, _: &'static Member) -> Result<bool, CodecError> {
        parse_bool(self.text()?)
    }

    fn read_integer(&mut self, member: &'static Member) -> Result<i64, CodecError> {
        parse_integer(member, self.text()?)
    }

    fn read_float(&mut self, member: &'static Member) -> Result<f64, CodecError> {
        parse_float(member, self.text()?)
    }

    fn read_string(&mut self, _: &'static Member) -> Result<String, CodecError> {
        self.text().map(str::to_owned)
    }

    fn read_blob(&mut self, member: &'static Member) -> Result<Bytes, CodecError> {
        decode_blob(member, self.text()?)
    }

    fn read_timestamp(&mut self, member: &'static Member) -> Result<Timestamp, CodecError> {
        let text = self.text()?.trim();
        Timestamp::parse(text, member.timestamp_format(TimestampFormat::DateTime))
            .ok_or_else(|| not_a(member, text))
    }

    fn read_document(&mut self, member: &'static Member) -> Result<Document, CodecError> {
        Err(CodecError::type_mismatch(format!("{} cannot be read from XML", member.name)))
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        // XML has no null: what is absent is not set.
        Ok(false)
    }
}
