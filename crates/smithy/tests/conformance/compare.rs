//! Compares bodies by their media type.

use cloudtwin_smithy::Document;
use cloudtwin_smithy::codec::cbor;
use quick_xml::events::Event;
use serde_json::Value;

use crate::values;

/// Compares two bodies: JSON and CBOR as values, XML without the white space between elements,
/// forms as sorted pairs, everything else byte by byte.
pub(crate) fn bodies(media_type: &str, expected: &[u8], actual: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy;
    let differ = || Err(format!("body: expected {:?}, found {:?}", text(expected), text(actual)));
    let media_type = media_type.split(';').next().unwrap_or_default();
    match media_type {
        _ if expected.is_empty() => {
            if actual.is_empty() {
                Ok(())
            } else {
                differ()
            }
        }
        "application/cbor" => {
            let read = |bytes: &[u8]| cbor::read_document(bytes).map_err(|e| format!("{e}: {bytes:02x?}"));
            values::same(&without_namespace(read(expected)?), &without_namespace(read(actual)?))
                .map_err(|e| format!("body: {e}"))
        }
        "application/x-www-form-urlencoded" => {
            let pairs = |bytes: &[u8]| {
                let mut pairs: Vec<String> =
                    text(bytes).split('&').map(|pair| pair.trim().to_owned()).collect();
                pairs.sort();
                pairs
            };
            if pairs(expected) == pairs(actual) { Ok(()) } else { differ() }
        }
        _ if media_type.ends_with("json") => {
            let read = |bytes: &[u8]| {
                serde_json::from_slice::<Value>(bytes).map_err(|e| format!("{e}: {}", text(bytes)))
            };
            let document = |bytes| read(bytes).map(|json| without_namespace(values::document(&json)));
            values::same(&document(expected)?, &document(actual)?).map_err(|e| format!("body: {e}"))
        }
        _ if media_type.ends_with("xml") => {
            let (expected_tree, actual_tree) = (xml(expected)?, xml(actual)?);
            if expected_tree == actual_tree { Ok(()) } else { differ() }
        }
        _ => {
            if expected == actual {
                Ok(())
            } else {
                differ()
            }
        }
    }
}

/// Leaves out the namespace of an error's type, which the models here do not have, and which
/// clients must ignore.
fn without_namespace(mut document: Document) -> Document {
    if let Document::Map(entries) = &mut document
        && let Some(Document::String(error_type)) = entries.get_mut("__type")
    {
        *error_type = error_type.rsplit('#').next().unwrap_or_default().to_owned();
    }
    document
}

/// An element with its attributes in the order of their names.
#[derive(Debug, Default, PartialEq)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Removes what the cases leave out, or have with values of their own: ids of the request, and
    /// the namespace of wrapped errors.
    fn remove_envelope(&mut self) {
        if self.name == "ErrorResponse" {
            self.attributes.clear();
        }
        if let Some(error) = self.children.first_mut().filter(|child| child.name == "Error") {
            error.remove_ids();
        }
        self.remove_ids();
    }

    fn remove_ids(&mut self) {
        let ids = ["ResponseMetadata", "RequestId", "requestId", "RequestID", "HostId"];
        self.children.retain(|child| !ids.contains(&child.name.as_str()));
    }
}

fn xml(bytes: &[u8]) -> Result<Element, String> {
    let source = String::from_utf8_lossy(bytes);
    let mut reader = quick_xml::Reader::from_str(&source);
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|e| format!("{e}: {source}"))?;
        match event {
            Event::Start(tag) => open.push(start(&tag)),
            Event::Empty(tag) => {
                let element = start(&tag);
                open.last_mut().unwrap().children.push(element);
            }
            Event::End(_) => {
                let mut element = open.pop().unwrap();
                if !element.children.is_empty() {
                    element.text = element.text.trim().to_owned();
                }
                open.last_mut().ok_or("an end tag too many")?.children.push(element);
            }
            Event::Text(text) => {
                let text = text.decode().map_err(|e| e.to_string())?;
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::CData(data) => {
                let text = String::from_utf8_lossy(&data).into_owned();
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::GeneralRef(reference) => {
                let name = reference.decode().map_err(|e| e.to_string())?.into_owned();
                let text = match name.as_str() {
                    "lt" => "<".to_owned(),
                    "gt" => ">".to_owned(),
                    "amp" => "&".to_owned(),
                    "quot" => "\"".to_owned(),
                    "apos" => "'".to_owned(),
                    _ => match reference.resolve_char_ref().map_err(|e| e.to_string())? {
                        Some(c) => c.to_string(),
                        None => return Err(format!("unknown entity {name}")),
                    },
                };
                open.last_mut().unwrap().text.push_str(&text);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    let mut root = open.pop().unwrap();
    root.text = root.text.trim().to_owned();
    root.children.iter_mut().for_each(Element::remove_envelope);
    Ok(root)
}

fn start(tag: &quick_xml::events::BytesStart<'_>) -> Element {
    let mut attributes: Vec<(String, String)> = tag
        .attributes()
        .map(|attribute| {
            let attribute = attribute.unwrap();
            let name = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
            (name, attribute.unescape_value().unwrap().into_owned())
        })
        .collect();
    attributes.sort();
    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
    Element { name, attributes, ..Element::default() }
}
