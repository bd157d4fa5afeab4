//! XML as signatures see it: a bounded tree with namespaces, and its exclusive canonical form
//! (<https://www.w3.org/TR/xml-exc-c14n/>, without comments).
//!
//! Documents with a document type (and so with entities) or processing instructions are refused: assertions have
//! none.

use std::collections::BTreeMap;
use std::sync::Arc;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// Limits of a document.
const DEEPEST: usize = 48;
const MOST_ELEMENTS: usize = 4_096;
const MOST_NAMESPACES: usize = 256;

const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Namespaces by prefix; the default one's is empty.
type Scope = BTreeMap<String, String>;

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    prefix: String,
    local: String,
    attributes: Vec<Attribute>,
    scope: Arc<Scope>,
    children: Vec<Node>,
}

#[derive(Debug)]
struct Attribute {
    prefix: String,
    local: String,
    value: String,
}

#[derive(Debug)]
enum Node {
    Element(Element),
    Text(String),
}

fn split(name: &str) -> (String, String) {
    match name.split_once(':') {
        Some((prefix, local)) => (prefix.to_owned(), local.to_owned()),
        None => (String::new(), name.to_owned()),
    }
}

/// What a reference (`amp`, `#10`) stands for.
fn reference(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|letter| *letter != '\0')
        }
    }
}

/// The value of an attribute, normalised (XML 1.0, section 3.3.3).
fn attribute_value(raw: &str) -> Option<String> {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, after)) = rest.split_once('&') {
        value.extend(plain.replace("\r\n", " ").chars().map(white_space));
        let (name, after) = after.split_once(';')?;
        value.push(reference(name)?);
        rest = after;
    }
    value.extend(rest.replace("\r\n", " ").chars().map(white_space));
    Some(value)
}

fn white_space(letter: char) -> char {
    if matches!(letter, '\t' | '\n' | '\r') { ' ' } else { letter }
}

/// Ends of lines as XML processors hand them on.
fn line_ends(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// Reads elements one after the other.
struct Builder {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    namespaces: usize,
}

impl Builder {
    fn start(&mut self, tag: &BytesStart<'_>) -> Option<()> {
        self.elements += 1;
        if self.elements > MOST_ELEMENTS || self.open.len() >= DEEPEST || self.root.is_some() {
            return None;
        }
        let outer = self.open.last().map(|parent| Arc::clone(&parent.scope)).unwrap_or_default();
        let mut declared = Vec::new();
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.ok()?;
            let name = std::str::from_utf8(attribute.key.into_inner()).ok()?;
            let value = attribute_value(std::str::from_utf8(&attribute.value).ok()?)?;
            let (prefix, local) = split(name);
            match (prefix.as_str(), local.as_str()) {
                ("", "xmlns") => declared.push((String::new(), value)),
                ("xmlns", _) => declared.push((local, value)),
                _ => attributes.push(Attribute { prefix, local, value }),
            }
        }
        self.namespaces += declared.len();
        if self.namespaces > MOST_NAMESPACES || declared.iter().any(|(prefix, _)| prefix == "xmlns") {
            return None;
        }
        let scope = if declared.is_empty() {
            outer
        } else {
            let mut scope = (*outer).clone();
            scope.extend(declared);
            Arc::new(scope)
        };
        let (prefix, local) = split(std::str::from_utf8(tag.name().into_inner()).ok()?);
        let element = Element { prefix, local, attributes, scope, children: Vec::new() };
        element.is_bound().then(|| self.open.push(element))
    }

    fn end(&mut self) -> Option<()> {
        let element = self.open.pop()?;
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None => self.root = Some(element),
        }
        Some(())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        let Some(parent) = self.open.last_mut() else {
            return text.trim().is_empty().then_some(());
        };
        if let Some(Node::Text(before)) = parent.children.last_mut() {
            before.push_str(text);
        } else {
            parent.children.push(Node::Text(text.to_owned()));
        }
        Some(())
    }
}

impl Element {
    /// Reads a document. `None` if it is none, or beyond the limits.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut builder = Builder { open: Vec::new(), root: None, elements: 0, namespaces: 0 };
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => builder.start(&tag)?,
                Event::Empty(tag) => {
                    builder.start(&tag)?;
                    builder.end()?;
                }
                Event::End(_) => builder.end()?,
                Event::Text(text) => builder.text(&line_ends(std::str::from_utf8(&text).ok()?))?,
                Event::CData(text) => builder.text(&line_ends(std::str::from_utf8(&text).ok()?))?,
                Event::GeneralRef(name) => {
                    let letter = reference(std::str::from_utf8(&name).ok()?)?;
                    builder.text(letter.encode_utf8(&mut [0; 4]))?;
                }
                Event::Decl(_) | Event::Comment(_) => {}
                Event::PI(_) | Event::DocType(_) => return None,
                Event::Eof => break,
            }
        }
        builder.root.filter(|_| builder.open.is_empty())
    }

    fn namespace_of(&self, prefix: &str) -> Option<&str> {
        match prefix {
            "xml" => Some(XML_NAMESPACE),
            "" => Some(self.scope.get("").map_or("", String::as_str)),
            _ => self.scope.get(prefix).map(String::as_str),
        }
    }

    /// Whether every prefix stands for something, and no attribute is there twice.
    fn is_bound(&self) -> bool {
        let mut names: Vec<_> = self
            .attributes
            .iter()
            .map(|attribute| (self.attribute_namespace(attribute), &attribute.local))
            .collect();
        names.sort();
        names.windows(2).all(|pair| pair.first() != pair.last())
            && names.iter().all(|(namespace, _)| namespace.is_some())
            && self.namespace_of(&self.prefix).is_some()
    }

    fn attribute_namespace(&self, attribute: &Attribute) -> Option<&str> {
        // Attributes have no default namespace.
        if attribute.prefix.is_empty() { Some("") } else { self.namespace_of(&attribute.prefix) }
    }

    pub(super) fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace_of(&self.prefix) == Some(namespace)
    }

    /// An attribute without a namespace.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|found| found.prefix.is_empty() && found.local == name);
        found.map(|found| found.value.as_str())
    }

    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    pub(super) fn all<'a>(&'a self, namespace: &'a str, local: &'a str) -> impl Iterator<Item = &'a Self> {
        self.elements().filter(move |element| element.is(namespace, local))
    }

    /// The only child of this name; `None` if there are none or several.
    pub(super) fn only<'a>(&'a self, namespace: &'a str, local: &'a str) -> Option<&'a Self> {
        let mut found = self.all(namespace, local);
        found.next().filter(|_| found.next().is_none())
    }

    /// The text in it, comments left out; `None` if there are elements.
    pub(super) fn text(&self) -> Option<String> {
        self.children
            .iter()
            .map(|node| match node {
                Node::Text(text) => Some(text.as_str()),
                Node::Element(_) => None,
            })
            .collect()
    }

    /// Every `ID` in it.
    pub(super) fn ids<'a>(&'a self, found: &mut Vec<&'a str>) {
        found.extend(self.attribute("ID"));
        self.elements().for_each(|element| element.ids(found));
    }

    /// The exclusive canonical form, without the element `left_out` (one of its children). Namespaces of the
    /// prefixes in `inclusive` count as used (`#default` is the default one).
    pub(super) fn canonical(&self, left_out: Option<&Self>, inclusive: &[&str]) -> String {
        let mut out = String::new();
        self.write(&mut out, &Scope::new(), left_out, inclusive);
        out
    }

    fn write(&self, out: &mut String, written: &Scope, left_out: Option<&Self>, inclusive: &[&str]) {
        if left_out.is_some_and(|left_out| std::ptr::eq(left_out, self)) {
            return;
        }
        let name = |prefix: &str, local: &str| {
            if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
        };
        let tag = name(&self.prefix, &self.local);
        out.push('<');
        out.push_str(&tag);

        let prefixes = self.attributes.iter().map(|attribute| attribute.prefix.as_str());
        let mut used: Vec<&str> = prefixes.filter(|prefix| !prefix.is_empty()).collect();
        used.push(&self.prefix);
        let listed = inclusive.iter().map(|prefix| if *prefix == "#default" { "" } else { prefix });
        used.extend(listed.filter(|prefix| self.scope.contains_key(*prefix)));
        used.retain(|prefix| *prefix != "xml");
        used.sort_unstable();
        used.dedup();
        let mut scope = None;
        for prefix in used {
            let namespace = self.namespace_of(prefix).unwrap_or_default();
            if written.get(prefix).map_or("", String::as_str) == namespace {
                continue;
            }
            out.push_str(if prefix.is_empty() { " xmlns" } else { " xmlns:" });
            out.push_str(prefix);
            out.push_str("=\"");
            escape(out, namespace, true);
            out.push('"');
            scope.get_or_insert_with(|| written.clone()).insert(prefix.to_owned(), namespace.to_owned());
        }
        let written = scope.as_ref().unwrap_or(written);

        let mut attributes: Vec<_> = self.attributes.iter().collect();
        attributes.sort_by_key(|attribute| (self.attribute_namespace(attribute), &attribute.local));
        for attribute in attributes {
            out.push(' ');
            out.push_str(&name(&attribute.prefix, &attribute.local));
            out.push_str("=\"");
            escape(out, &attribute.value, true);
            out.push('"');
        }
        out.push('>');
        for node in &self.children {
            match node {
                Node::Element(element) => element.write(out, written, left_out, inclusive),
                Node::Text(text) => escape(out, text, false),
            }
        }
        out.push_str("</");
        out.push_str(&tag);
        out.push('>');
    }
}

/// Canonical XML 1.0, section 2.3.
fn escape(out: &mut String, text: &str, attribute: bool) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' if !attribute => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            '\t' if attribute => out.push_str("&#x9;"),
            '\n' if attribute => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            _ => out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(text: &str) -> String {
        Element::parse(text).unwrap().canonical(None, &[])
    }

    #[test]
    fn the_example_of_the_recommendation_comes_out() {
        // Exclusive XML Canonicalization, section 2.2: the same element in two contexts.
        let expected = "<n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\"><n3:stuff \
                        xmlns:n3=\"ftp://example.org\"></n3:stuff></n1:elem2>";
        for text in [
            "<n0:local xmlns:n0=\"foo:bar\" xmlns:n3=\"ftp://example.org\"><n1:elem2 \
             xmlns:n1=\"http://example.net\" xml:lang=\"en\"><n3:stuff xmlns:n3=\"ftp://example.org\"/></n1:elem2>\
             </n0:local>",
            "<n2:pdu xmlns:n1=\"http://example.com\" xmlns:n2=\"http://foo.example\" xml:lang=\"fr\" \
             xml:space=\"retain\"><n1:elem2 xmlns:n1=\"http://example.net\" xml:lang=\"en\"><n3:stuff \
             xmlns:n3=\"ftp://example.org\"/></n1:elem2></n2:pdu>",
        ] {
            let root = Element::parse(text).unwrap();
            assert_eq!(root.elements().next().unwrap().canonical(None, &[]), expected);
        }
    }

    #[test]
    fn attributes_namespaces_and_text_have_one_form() {
        assert_eq!(
            canonical(
                "<?xml version=\"1.0\"?>\r\n<a xmlns:z='urn:z' b='2' z:a='1' a=\"x&#10;&quot;\ty\"\n/>"
            ),
            "<a xmlns:z=\"urn:z\" a=\"x&#xA;&quot; y\" b=\"2\" z:a=\"1\"></a>"
        );
        assert_eq!(
            canonical("<a xmlns='u'><b xmlns=''>1 &lt; 2 &gt;\r\n<!-- no --><![CDATA[<&]]>&#13;</b><c/></a>"),
            "<a xmlns=\"u\"><b xmlns=\"\">1 &lt; 2 &gt;\n&lt;&amp;&#xD;</b><c></c></a>"
        );
        let listed = Element::parse("<a xmlns:p='urn:p' xmlns:q='urn:q' t='p:x'/>").unwrap();
        assert_eq!(listed.canonical(None, &["p"]), "<a xmlns:p=\"urn:p\" t=\"p:x\"></a>");
    }

    #[test]
    fn comments_do_not_cut_texts() {
        let root = Element::parse("<a>admin<!-- -->.evil</a>").unwrap();
        assert_eq!(root.text().as_deref(), Some("admin.evil"));
    }

    #[test]
    fn what_is_dangerous_or_no_document_is_refused() {
        let deep = "<a>".repeat(100) + &"</a>".repeat(100);
        let many = format!("<a>{}</a>", "<b/>".repeat(5_000));
        let declared: String = (0..300).map(|n| format!(" xmlns:n{n}='u{n}'")).collect();
        let declared = format!("<a{declared}/>");
        for text in [
            "",
            "text",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>text",
            "<p:a/>",
            "<a b='1' b='2'/>",
            "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
            "<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>",
            "<a>&e;</a>",
            "<a><?php ?></a>",
            &deep,
            &many,
            &declared,
        ] {
            assert!(Element::parse(text).is_none(), "{}", text.get(..40).unwrap_or(text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[<>a-c:/=' &;#x!\\[\\]?-]{0,80}") {
            if let Some(root) = Element::parse(&text) {
                // The canonical form is its own.
                let once = root.canonical(None, &[]);
                prop_assert_eq!(canonical(&once), once);
            }
        }
    }
}
