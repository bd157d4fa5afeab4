//! Message attributes: what may be sent, what is asked for, and their MD5.

use std::collections::BTreeMap;

use cloudtwin_smithy::AwsError;
use md5::{Digest, Md5};

use crate::api::{MessageAttributeValue, MessageSystemAttributeValue};
use crate::errors::{invalid, invalid_value};
use crate::state::StoredAttribute;

/// Longest name and type, in bytes.
const MAX_LENGTH: usize = 256;

/// How many attributes a message may have.
const MAX_ATTRIBUTES: usize = 10;

/// The one attribute that clients may set for AWS's own use.
pub(crate) const TRACE_HEADER: &str = "AWSTraceHeader";

type Attributes = BTreeMap<String, StoredAttribute>;

/// Checks the attributes that a client sends.
pub(crate) fn read(given: Option<BTreeMap<String, MessageAttributeValue>>) -> Result<Attributes, AwsError> {
    let given = given.unwrap_or_default();
    if given.len() > MAX_ATTRIBUTES {
        let message = "Number of message attributes [{}] exceeds the allowed maximum [10].";
        return Err(invalid(message.replace("{}", &given.len().to_string())));
    }
    let mut attributes = Attributes::new();
    for (name, value) in given {
        check_name(&name)?;
        let MessageAttributeValue { data_type, string_value, binary_value, .. } = value;
        let attribute = StoredAttribute { data_type, string: string_value, binary: binary_value };
        let attribute = check_value("user", &name, attribute)?;
        attributes.insert(name, attribute);
    }
    Ok(attributes)
}

/// Checks the system attributes that a client sends: the value of the trace header, if there is one.
pub(crate) fn read_system(
    given: Option<BTreeMap<String, MessageSystemAttributeValue>>,
) -> Result<Attributes, AwsError> {
    let mut attributes = Attributes::new();
    for (name, value) in given.unwrap_or_default() {
        if name != TRACE_HEADER {
            let reason = "Message system attributes can only be: AWSTraceHeader.";
            return Err(invalid_value(name, "MessageSystemAttributeName", reason));
        }
        let MessageSystemAttributeValue { data_type, string_value, binary_value, .. } = value;
        let attribute = StoredAttribute { data_type, string: string_value, binary: binary_value };
        let attribute = check_value("system", &name, attribute)?;
        attributes.insert(name, attribute);
    }
    Ok(attributes)
}

fn check_name(name: &str) -> Result<(), AwsError> {
    if name.is_empty() {
        return Err(invalid("The request must contain non-empty message attribute name."));
    }
    if name.len() > MAX_LENGTH {
        return Err(invalid("Message (user) attribute names must be shorter than 256 Bytes"));
    }
    // AWS lets letters of Latin-1 and Latin Extended-A pass, beyond what it documents.
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '\u{c0}'..='\u{17f}');
    if !name.chars().all(allowed) {
        return Err(invalid(
            "Message (user) attributes name can only contain upper and lower score characters, digits, periods, hyphens and underscores. ",
        ));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("aws.")
        || lower.starts_with("amazon.")
        || lower.starts_with('.')
        || lower.ends_with('.')
    {
        return Err(invalid(
            "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use. Additionally, they cannot start or end with '.'.",
        ));
    }
    Ok(())
}

fn check_value(kind: &str, name: &str, value: StoredAttribute) -> Result<StoredAttribute, AwsError> {
    let StoredAttribute { data_type, string, binary } = value;
    if data_type.is_empty() {
        let message = format!("Message ({kind}) attribute '{name}' must contain a non-empty attribute type.");
        return Err(invalid(message));
    }
    if data_type.len() > MAX_LENGTH {
        return Err(invalid(format!("Message ({kind}) attribute types must be shorter than 256 Bytes")));
    }
    let base = data_type.split('.').next().unwrap_or_default();
    let empty = |expected: &str| {
        invalid(format!(
            "Message ({kind}) attribute '{name}' must contain a non-empty value of type '{expected}'."
        ))
    };
    match base {
        "String" | "Number" => {
            let text = string.filter(|text| !text.is_empty()).ok_or_else(|| empty("String"))?;
            if let Some(c) = first_disallowed(&text) {
                return Err(invalid(bad_character(c, &format!("message ({kind}) attribute '{name}'"))));
            }
            if base == "Number" && !is_number(&text) {
                return Err(invalid(format!(
                    "Can't cast the value of message ({kind}) attribute '{name}' to a number."
                )));
            }
            Ok(StoredAttribute { data_type, string: Some(text), binary: None })
        }
        "Binary" => {
            let bytes = binary.filter(|bytes| !bytes.is_empty()).ok_or_else(|| empty("Binary"))?;
            Ok(StoredAttribute { data_type, string: None, binary: Some(bytes) })
        }
        _ => Err(invalid(format!(
            "The type of message ({kind}) attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
        ))),
    }
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Whether a character may stand in bodies and attributes: those of XML 1.0.
fn is_allowed(c: char) -> bool {
    matches!(c, '\u{9}' | '\u{a}' | '\u{d}' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// The first character of a text that may not stand in bodies and attributes.
pub(crate) fn first_disallowed(text: &str) -> Option<char> {
    // Nearly all texts are plain. Without a branch for each byte, the compiler looks at many bytes at once.
    let plain = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=0x7f);
    if text.bytes().fold(true, |all, byte| all & plain(byte)) {
        return None;
    }
    text.chars().find(|c| !is_allowed(*c))
}

/// What SQS says of a character that may not stand `place`.
pub(crate) fn bad_character(c: char, place: &str) -> String {
    format!(
        "Invalid binary character '#x{:X}' was found in the {place}, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | [#x10000-#x10FFFF].",
        u32::from(c)
    )
}

/// Bytes that attributes count for in a message's size.
pub(crate) fn size(attributes: &Attributes) -> usize {
    let value = |attribute: &StoredAttribute| {
        attribute.string.as_ref().map_or(0, String::len) + attribute.binary.as_ref().map_or(0, |b| b.len())
    };
    attributes.iter().map(|(name, a)| name.len() + a.data_type.len() + value(a)).sum()
}

/// The MD5 of attributes, as SDKs compute it too: each name, type and value with its length before
/// it, in the order of names. `None` if there are none.
pub(crate) fn md5<'a>(attributes: impl Iterator<Item = (&'a String, &'a StoredAttribute)>) -> Option<String> {
    const STRING: u8 = 1;
    const BINARY: u8 = 2;
    let mut attributes = attributes.peekable();
    attributes.peek()?;
    let mut md5 = Md5::new();
    let mut part = |kind: Option<u8>, bytes: &[u8]| {
        if let Some(kind) = kind {
            md5.update([kind]);
        }
        // Lengths are far below 4 GiB: the whole message is.
        md5.update(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        md5.update(bytes);
    };
    for (name, attribute) in attributes {
        part(None, name.as_bytes());
        part(None, attribute.data_type.as_bytes());
        match (&attribute.string, &attribute.binary) {
            (Some(text), _) => part(Some(STRING), text.as_bytes()),
            (None, Some(bytes)) => part(Some(BINARY), bytes),
            (None, None) => {}
        }
    }
    Some(hex(&md5.finalize()))
}

/// The MD5 of a body.
pub(crate) fn md5_of_body(body: &str) -> String {
    hex(&Md5::digest(body.as_bytes()))
}

/// Bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |digit| char::from(*digit));
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Which attributes a receive asks for.
pub(crate) struct Filter<'n>(&'n [String]);

impl<'n> Filter<'n> {
    /// By `MessageAttributeNames`: names, `All`, `*`, `.*`, or `prefix.*`.
    pub(crate) fn new(names: Option<&'n Vec<String>>) -> Self {
        Self(names.map(Vec::as_slice).unwrap_or_default())
    }

    /// Whether an attribute is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.0.iter().any(|wanted| match wanted.as_str() {
            "All" | "*" | ".*" => true,
            wanted => match wanted.strip_suffix(".*") {
                Some(prefix) => name.starts_with(prefix),
                None => name == wanted,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn attribute(data_type: &str, value: &str) -> MessageAttributeValue {
        MessageAttributeValue {
            data_type: data_type.to_owned(),
            string_value: Some(value.to_owned()),
            ..MessageAttributeValue::default()
        }
    }

    fn one(name: &str, value: MessageAttributeValue) -> Result<Attributes, AwsError> {
        read(Some(BTreeMap::from([(name.to_owned(), value)])))
    }

    #[test]
    fn the_md5_is_the_one_of_aws() {
        let number = one("timestamp", attribute("Number", "1493147359900")).unwrap();
        assert_eq!(md5(number.iter()).unwrap(), "235c5c510d26fb653d073faed50ae77c");
        let bytes = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
        let binary = MessageAttributeValue {
            data_type: "Binary".to_owned(),
            binary_value: Some(Bytes::from_static(bytes)),
            ..MessageAttributeValue::default()
        };
        assert_eq!(md5(one("attr1", binary).unwrap().iter()).unwrap(), "8cbe4db156db8a94db8b801b7addb984");
        assert_eq!(md5(Attributes::new().iter()), None);
    }

    #[test]
    fn only_what_is_received_counts_for_the_md5() {
        let mut given = one("Help.Me", attribute("String", "Me")).unwrap();
        given.extend(one("Hello", attribute("String", "There")).unwrap());
        given.extend(one("General", attribute("String", "Kenobi")).unwrap());
        let md5_of = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let filter = Filter::new(Some(&names));
            md5(given.iter().filter(|(name, _)| filter.wants(name)))
        };
        for all in ["All", "*", ".*"] {
            assert_eq!(md5_of(&[all]).unwrap(), "4c360f3fdafd970e05fae2f149d997f5");
        }
        assert_eq!(md5_of(&["Hello", "General"]).unwrap(), "fca026605781cb4126a1e9044df24232");
        assert_eq!(md5_of(&["Foo", "Hello"]).unwrap(), "a311262e065454b75da111d535b8dacd");
        assert_eq!(md5_of(&["Hel.*"]).unwrap(), "83fee93c1bcd8b9a5a923ffacdc636c7");
        for none in ["Help", "AWS.", "..foo"] {
            assert_eq!(md5_of(&[none]), None);
        }
    }

    #[test]
    fn names_types_and_values_have_rules() {
        let code = |name: &str, data_type: &str, value: &str| {
            one(name, attribute(data_type, value)).err().map(|error| error.code().to_owned())
        };
        assert_eq!(code("attr.1øßä", "String", "Valida"), None);
        let long_name = "L".repeat(257);
        for name in ["aWs.-x", "AMAZON.-x", ".-x", "x.", "a!b", "a\"b", "a§b", "a(b", "a?b", &long_name, ""]
        {
            assert_eq!(
                code(name, "String", "Valid").as_deref(),
                Some("InvalidParameterValueException"),
                "{name}"
            );
        }
        let long_type = format!("Number.{}", "L".repeat(256));
        for (data_type, value) in [
            ("Invalid", "Valid"),
            (long_type.as_str(), "1"),
            ("String", "Invalid-\u{8},\u{b}"),
            ("String", ""),
            ("Number", "Hello"),
            ("Binary", "text"),
            ("", "x"),
        ] {
            assert_eq!(
                code("attr1", data_type, value).as_deref(),
                Some("InvalidParameterValueException"),
                "{data_type} {value}"
            );
        }
        assert_eq!(
            one("ErrorDetails", attribute("String", "")).unwrap_err().message(),
            "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'."
        );
    }
}
