//! Form-encoded requests of the query and EC2 protocols: `List.member.1=a&Map.entry.1.key=b`.
//!
//! The parameters become a [`Form`], a tree by the segments of their names, which a
//! [`FormDeserializer`] then walks along the schema. Reading only: no server writes forms.
//!
//! Where AWS's services and their documentation disagree about the form of a name, both are
//! taken: `Names.member.1`, `Names.Name.1` (the element's own name) and `Names.1` name an element
//! of a list that is not flattened.

use std::borrow::Cow;

use bytes::Bytes;
use indexmap::IndexMap;
use percent_encoding::percent_decode_str;

use crate::codec::xml::{decode_blob, not_a, parse_bool, parse_float, parse_integer};
use crate::document::Document;
use crate::error::{CodecError, CodecErrorKind};
use crate::schema::{Member, Schema, TimestampFormat};
use crate::shape::{DecodeReport, PathSegment, SeenMembers, ShapeDeserializer, Visit};
use crate::timestamp::Timestamp;

/// Most segments of all parameters' names together.
const MAX_NODES: usize = 200_000;
/// Most segments of one parameter's name.
const MAX_SEGMENTS: usize = 128;

#[derive(Debug, Default)]
struct Node<'f> {
    value: Option<Cow<'f, str>>,
    children: IndexMap<Cow<'f, str>, usize>,
}

/// The parameters of a request.
#[derive(Debug)]
pub struct Form<'f> {
    nodes: Vec<Node<'f>>,
}

impl Default for Form<'_> {
    fn default() -> Self {
        Self { nodes: vec![Node::default()] }
    }
}

impl<'f> Form<'f> {
    /// Adds the parameters of `text`: a form-encoded body, or a query string. A parameter that is
    /// there already keeps its value.
    pub fn add(&mut self, text: &'f [u8]) -> Result<(), CodecError> {
        let text = std::str::from_utf8(text).map_err(|_| not_utf8())?;
        for parameter in text.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = decode(value)?;
            let mut node = 0;
            match decode(name)? {
                Cow::Borrowed(name) => {
                    for segment in segments(name)? {
                        node = self.child_or_new(node, Cow::Borrowed(segment))?;
                    }
                }
                Cow::Owned(name) => {
                    for segment in segments(&name)? {
                        node = self.child_or_new(node, Cow::Owned(segment.to_owned()))?;
                    }
                }
            }
            if let Some(node) = self.nodes.get_mut(node) {
                node.value.get_or_insert(value);
            }
        }
        Ok(())
    }

    /// Sets the parameter `name`, which holds no dots, unless it is there already.
    pub fn set_default(&mut self, name: &'f str, value: String) -> Result<(), CodecError> {
        let node = self.child_or_new(0, Cow::Borrowed(name))?;
        if let Some(node) = self.nodes.get_mut(node) {
            node.value.get_or_insert(Cow::Owned(value));
        }
        Ok(())
    }

    /// The value of the parameter `name`, which holds no dots.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.child(0, name).and_then(|node| self.node(node).value.as_deref())
    }

    fn child_or_new(&mut self, parent: usize, segment: Cow<'f, str>) -> Result<usize, CodecError> {
        let fresh = self.nodes.len();
        let Some(parent) = self.nodes.get_mut(parent) else { return Ok(fresh) };
        let child = *parent.children.entry(segment).or_insert(fresh);
        if child == fresh {
            if fresh >= MAX_NODES {
                return Err(CodecError::new(CodecErrorKind::TooLarge, "the request has too many parameters"));
            }
            self.nodes.push(Node::default());
        }
        Ok(child)
    }

    fn node(&self, index: usize) -> &Node<'f> {
        static NOTHING: std::sync::LazyLock<Node<'static>> = std::sync::LazyLock::new(Node::default);
        self.nodes.get(index).unwrap_or(&NOTHING)
    }

    fn child(&self, parent: usize, name: &str) -> Option<usize> {
        self.node(parent).children.get(name).copied()
    }

    /// The children of `parent` whose names are numbers, in the order of the numbers.
    fn numbered(&self, parent: usize) -> Vec<usize> {
        let mut numbered: Vec<(u64, usize)> = self
            .node(parent)
            .children
            .iter()
            .filter_map(|(name, child)| Some((number(name)?, *child)))
            .collect();
        numbered.sort_unstable();
        numbered.into_iter().map(|(_, child)| child).collect()
    }

    fn has_numbered(&self, parent: usize) -> bool {
        self.node(parent).children.keys().any(|name| number(name).is_some())
    }
}

fn not_utf8() -> CodecError {
    CodecError::syntax("the parameters are not UTF-8")
}

fn number(segment: &str) -> Option<u64> {
    segment.bytes().all(|byte| byte.is_ascii_digit()).then(|| segment.parse().ok())?
}

fn segments(name: &str) -> Result<std::str::Split<'_, char>, CodecError> {
    if name.bytes().filter(|byte| *byte == b'.').count() >= MAX_SEGMENTS {
        return Err(CodecError::new(CodecErrorKind::TooLarge, "a parameter's name has too many segments"));
    }
    Ok(name.split('.'))
}

/// Decodes `+` and percent encoding. A `%` that begins no escape stands for itself.
fn decode(text: &str) -> Result<Cow<'_, str>, CodecError> {
    let spaced = if text.contains('+') { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    if !spaced.contains('%') {
        return Ok(spaced);
    }
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(|text| Cow::Owned(text.into_owned()))
        .map_err(|_| not_utf8())
}

/// The two ways of naming parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormDialect {
    /// The query protocol.
    Query,
    /// EC2's: lists are always flattened, names begin with a capital.
    Ec2,
}

impl FormDialect {
    /// The name of a structure's member.
    fn name(self, member: &Member) -> Cow<'static, str> {
        match (self, member.query_name) {
            (Self::Query, _) => Cow::Borrowed(member.wire_name()),
            (Self::Ec2, Some(name)) => Cow::Borrowed(name),
            (Self::Ec2, None) => capitalised(member.wire_name()),
        }
    }
}

fn capitalised(name: &'static str) -> Cow<'static, str> {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) if !first.is_uppercase() => Cow::Owned(first.to_uppercase().chain(chars).collect()),
        _ => Cow::Borrowed(name),
    }
}

/// Reads values from a [`Form`].
pub struct FormDeserializer<'f, 'r> {
    form: &'f Form<'f>,
    node: usize,
    dialect: FormDialect,
    /// Whether the value is a flattened list or map.
    flattened: bool,
    report: &'r mut DecodeReport,
}

impl<'f, 'r> FormDeserializer<'f, 'r> {
    /// Reads the input structure of an operation.
    pub fn new(form: &'f Form<'f>, dialect: FormDialect, report: &'r mut DecodeReport) -> Self {
        Self { form, node: 0, dialect, flattened: false, report }
    }

    fn visit(
        &mut self,
        segment: PathSegment,
        (node, flattened): (usize, bool),
        read: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.report.enter(segment)?;
        let (form, dialect) = (self.form, self.dialect);
        read(&mut FormDeserializer { form, node, dialect, flattened, report: self.report })?;
        self.report.leave();
        Ok(())
    }

    /// The node of a structure's member.
    fn member(&self, member: &Member) -> Option<usize> {
        let name = self.dialect.name(member);
        self.form.child(self.node, &name).or_else(|| {
            // Older models give a flattened list's name to its element.
            let element = member.target.element().filter(|_| member.is_flattened())?;
            let name = element.location_name.filter(|_| member.location_name.is_none())?;
            self.form.child(self.node, name)
        })
    }

    fn text(&self) -> Result<&'f str, CodecError> {
        let node = self.form.node(self.node);
        node.value.as_deref().ok_or_else(|| {
            CodecError::type_mismatch(if self.form.has_numbered(self.node) {
                "Start of list found where not expected"
            } else {
                "Start of structure or map found where not expected."
            })
        })
    }

    /// Refuses text where elements are expected; an empty text stands for nothing.
    fn refuse_text(&self, what: &str) -> Visit {
        let node = self.form.node(self.node);
        match &node.value {
            Some(text) if !text.is_empty() && node.children.is_empty() => {
                Err(CodecError::type_mismatch(format!("Unexpected {what} element termination")))
            }
            _ => Ok(()),
        }
    }

    /// The node whose children are the numbered elements: behind `name`, unless the list or map
    /// is flattened.
    fn collection(&self, names: [&str; 2]) -> usize {
        if self.flattened || self.dialect == FormDialect::Ec2 {
            return self.node;
        }
        names.into_iter().find_map(|name| self.form.child(self.node, name)).unwrap_or(self.node)
    }
}

impl ShapeDeserializer for FormDeserializer<'_, '_> {
    fn read_struct(
        &mut self,
        schema: &'static Schema,
        on_member: &mut dyn FnMut(&'static Member, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.refuse_text("complex")?;
        let mut seen = SeenMembers::default();
        for member in schema.members {
            let Some(node) = self.member(member) else { continue };
            seen.mark(member);
            self.visit(PathSegment::Member(member.name), (node, member.is_flattened()), &mut |from| {
                on_member(member, from)
            })?;
        }
        seen.finish(schema, self.report)
    }

    fn read_list(
        &mut self,
        member: &'static Member,
        on_element: &mut dyn FnMut(&mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.refuse_text("list")?;
        let name = member.target.element().map_or("member", Member::wire_name);
        let list = self.collection([name, "member"]);
        for (index, node) in self.form.numbered(list).into_iter().enumerate() {
            self.visit(PathSegment::Index(index), (node, false), on_element)?;
        }
        Ok(())
    }

    fn read_map(
        &mut self,
        member: &'static Member,
        on_entry: &mut dyn FnMut(String, &mut dyn ShapeDeserializer) -> Visit,
    ) -> Visit {
        self.refuse_text("complex")?;
        let form = self.form;
        let key_name = member.target.element().map_or("key", Member::wire_name);
        let value_name = member.target.map_value().map_or("value", Member::wire_name);
        let map = self.collection(["entry", "entry"]);
        let mut entries = form.numbered(map);
        if entries.is_empty() && form.child(map, key_name).is_some() {
            // `Attribute.Name=…&Attribute.Value=…`: a single entry without a number.
            entries.push(map);
        }
        for entry in entries {
            let key = form.child(entry, key_name).and_then(|key| form.node(key).value.as_deref());
            let (Some(key), Some(value)) = (key, form.child(entry, value_name)) else {
                return Err(CodecError::type_mismatch(format!(
                    "an entry of {} lacks its {key_name} or {value_name}",
                    member.name
                )));
            };
            self.visit(PathSegment::Key(key.to_owned()), (value, false), &mut |from| {
                on_entry(key.to_owned(), from)
            })?;
        }
        Ok(())
    }

    fn read_bool(&mut self, _: &'static Member) -> Result<bool, CodecError> {
        let text = self.text()?;
        match self.dialect {
            FormDialect::Ec2 => parse_bool(&text.to_ascii_lowercase()),
            FormDialect::Query => parse_bool(text),
        }
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
            .or_else(|| Timestamp::parse_any(text))
            .ok_or_else(|| not_a(member, text))
    }

    fn read_document(&mut self, member: &'static Member) -> Result<Document, CodecError> {
        Err(CodecError::type_mismatch(format!("{} cannot be read from a form", member.name)))
    }

    fn read_null(&mut self) -> Result<bool, CodecError> {
        // Forms have no null: what is absent is not set.
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
