//! A bounded tree of elements, made in one pass over the text.

use std::borrow::Cow;
use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesStart, Event};

use crate::error::{CodecError, CodecErrorKind};

/// Most elements and attributes of one text. The largest request of S3, 10,000 parts with all
/// checksums, has 80,000.
const MAX_NODES: usize = 200_000;
/// Deepest nesting of elements.
const MAX_TREE_DEPTH: usize = 300;
/// Longest text, in bytes.
const MAX_LENGTH: usize = 32 << 20;
/// Most attributes of one element; checking them for duplicates takes quadratic time.
const MAX_ATTRIBUTES: usize = 64;

/// An element of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeId(u32);

#[derive(Debug)]
struct Node<'x> {
    name: &'x str,
    /// The characters between the tags; meaningless if there are elements between them.
    text: Cow<'x, str>,
    attributes: Range<usize>,
    first_child: Option<NodeId>,
    last_child: Option<NodeId>,
    next_sibling: Option<NodeId>,
}

/// The elements of an XML text. Entities other than the five predefined ones and character
/// references are refused, and so are document types: nothing in a text can grow.
#[derive(Debug)]
pub struct Tree<'x> {
    nodes: Vec<Node<'x>>,
    /// Local names and values of all elements' attributes, without namespace declarations.
    attributes: Vec<(String, String)>,
}

fn malformed(what: impl std::fmt::Display) -> CodecError {
    CodecError::syntax(format!("the XML is not well-formed: {what}"))
}

fn too_large(what: &str) -> CodecError {
    CodecError::new(CodecErrorKind::TooLarge, format!("the XML has too many {what}"))
}

/// A name without its namespace prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

impl<'x> Tree<'x> {
    /// Reads a text, which must be UTF-8.
    pub fn parse(body: &'x [u8]) -> Result<Self, CodecError> {
        if body.len() > MAX_LENGTH {
            return Err(too_large("bytes"));
        }
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let source = std::str::from_utf8(body).map_err(malformed)?;
        let mut builder =
            Builder { source, tree: Self { nodes: Vec::new(), attributes: Vec::new() }, open: Vec::new() };
        let mut reader = Reader::from_str(source);
        loop {
            let event = reader.read_event().map_err(malformed)?;
            let end = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            match event {
                Event::Start(tag) => {
                    // What the event holds ends before `>`.
                    let node = builder.element(&tag, end.checked_sub(tag.len() + 1))?;
                    builder.open.push(node);
                    if builder.open.len() > MAX_TREE_DEPTH {
                        return Err(too_large("levels"));
                    }
                }
                Event::Empty(tag) => {
                    builder.element(&tag, end.checked_sub(tag.len() + 2))?;
                }
                Event::End(_) => {
                    builder.open.pop().ok_or_else(|| malformed("an end tag without a start tag"))?;
                }
                Event::Text(text) => {
                    builder.text(text.xml10_content().map_err(malformed)?)?;
                }
                Event::CData(data) => {
                    builder.text(data.xml10_content().map_err(malformed)?)?;
                }
                Event::GeneralRef(reference) => match reference.resolve_char_ref().map_err(malformed)? {
                    Some(c) => builder.text(c.to_string().into())?,
                    None => {
                        let name = reference.decode().map_err(malformed)?;
                        let text = resolve_xml_entity(&name).ok_or_else(|| malformed("an unknown entity"))?;
                        builder.text(text.into())?;
                    }
                },
                Event::DocType(_) => return Err(malformed("a document type")),
                Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
                Event::Eof => break,
            }
        }
        if !builder.open.is_empty() {
            return Err(malformed("an element without an end tag"));
        }
        if builder.tree.nodes.is_empty() {
            return Err(malformed("no element"));
        }
        Ok(builder.tree)
    }

    /// The root element.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }

    /// The element's name without its prefix.
    pub fn name(&self, id: NodeId) -> &'x str {
        self.node(id).map_or("", |node| node.name)
    }

    /// The element's text, if no elements are in it.
    pub fn text(&self, id: NodeId) -> Option<&str> {
        self.node(id).filter(|node| node.first_child.is_none()).map(|node| &*node.text)
    }

    /// The elements in an element.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let first = self.node(id).and_then(|node| node.first_child);
        std::iter::successors(first, |id| self.node(*id).and_then(|node| node.next_sibling))
    }

    /// An element, and those of its name behind it under the same parent.
    pub fn same_siblings(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let name = self.name(id);
        std::iter::successors(Some(id), |id| self.node(*id).and_then(|node| node.next_sibling))
            .filter(move |id| self.name(*id) == name)
    }

    /// The first element of a name in an element.
    pub fn child(&self, id: NodeId, name: &str) -> Option<NodeId> {
        self.children(id).find(|child| self.name(*child) == name)
    }

    /// The element's attribute with this name, without prefixes on either side.
    pub fn attribute(&self, id: NodeId, name: &str) -> Option<&str> {
        let range = self.node(id)?.attributes.clone();
        self.attributes
            .get(range)?
            .iter()
            .find(|(known, _)| *known == local(name))
            .map(|(_, value)| value.as_str())
    }

    fn node(&self, id: NodeId) -> Option<&Node<'x>> {
        self.nodes.get(id.0 as usize)
    }

    fn node_mut(&mut self, id: NodeId) -> Option<&mut Node<'x>> {
        self.nodes.get_mut(id.0 as usize)
    }
}

struct Builder<'x> {
    source: &'x str,
    tree: Tree<'x>,
    open: Vec<NodeId>,
}

impl<'x> Builder<'x> {
    /// Adds the element whose tag's content begins at `start` of the source.
    fn element(&mut self, tag: &BytesStart<'_>, start: Option<usize>) -> Result<NodeId, CodecError> {
        let parent = self.open.last().copied();
        if parent.is_none() && !self.tree.nodes.is_empty() {
            return Err(malformed("a second root element"));
        }
        let name = start
            .and_then(|start| self.source.get(start..start + tag.name().as_ref().len()))
            .filter(|name| name.as_bytes() == tag.name().as_ref() && !name.is_empty())
            .ok_or_else(|| malformed("a tag without a name"))?;
        let attributes = self.attributes(tag)?;
        let count = self.tree.nodes.len() + self.tree.attributes.len();
        let id = u32::try_from(self.tree.nodes.len()).ok().filter(|_| count < MAX_NODES);
        let id = NodeId(id.ok_or_else(|| too_large("elements"))?);
        self.tree.nodes.push(Node {
            name: local(name),
            text: Cow::Borrowed(""),
            attributes,
            first_child: None,
            last_child: None,
            next_sibling: None,
        });
        if let Some(parent) = parent.and_then(|parent| self.tree.node_mut(parent)) {
            parent.first_child.get_or_insert(id);
            let previous = parent.last_child.replace(id);
            if let Some(previous) = previous.and_then(|previous| self.tree.node_mut(previous)) {
                previous.next_sibling = Some(id);
            }
        }
        Ok(id)
    }

    fn attributes(&mut self, tag: &BytesStart<'_>) -> Result<Range<usize>, CodecError> {
        let start = self.tree.attributes.len();
        for (count, attribute) in tag.attributes().enumerate() {
            if count >= MAX_ATTRIBUTES {
                return Err(too_large("attributes"));
            }
            let attribute = attribute.map_err(malformed)?;
            let name = std::str::from_utf8(attribute.key.as_ref()).map_err(malformed)?;
            if name == "xmlns" || name.starts_with("xmlns:") {
                continue;
            }
            let value = attribute.unescape_value().map_err(malformed)?.into_owned();
            self.tree.attributes.push((local(name).to_owned(), value));
        }
        Ok(start..self.tree.attributes.len())
    }

    fn text(&mut self, text: Cow<'x, str>) -> Result<(), CodecError> {
        let Some(node) = self.open.last().and_then(|open| self.tree.node_mut(*open)) else {
            return if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
                Ok(())
            } else {
                Err(malformed("text outside of the root element"))
            };
        };
        // Text beside elements is white space, or meaningless.
        if node.first_child.is_none() {
            if node.text.is_empty() {
                node.text = text;
            } else {
                node.text.to_mut().push_str(&text);
            }
        }
        Ok(())
    }
}
