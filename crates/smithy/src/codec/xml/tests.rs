use proptest::prelude::*;

use super::*;
use crate::document::{Document, DocumentShape};
use crate::error::CodecErrorKind;
use crate::schema::{Member, Schema, ShapeType, XmlNamespace, prelude};
use crate::shape::{DecodeReport, ShapeSerializer};
use crate::timestamp::Timestamp;

static STRINGS: Schema = Schema {
    members: &[Member::of("member", 0, &prelude::STRING)],
    ..Schema::of("Strings", ShapeType::List)
};
static ITEMS: Schema = Schema {
    members: &[Member { location_name: Some("Item"), ..Member::of("member", 0, &NODE) }],
    ..Schema::of("Items", ShapeType::List)
};
static LISTS: Schema =
    Schema { members: &[Member::of("member", 0, &STRINGS)], ..Schema::of("Lists", ShapeType::List) };
static MAP: Schema = Schema {
    members: &[Member::of("key", 0, &prelude::STRING), Member::of("value", 1, &STRINGS)],
    ..Schema::of("Map", ShapeType::Map)
};
static NAMED_MAP: Schema = Schema {
    members: &[
        Member { location_name: Some("Name"), ..Member::of("key", 0, &prelude::STRING) },
        Member { location_name: Some("Value"), ..Member::of("value", 1, &prelude::STRING) },
    ],
    ..Schema::of("NamedMap", ShapeType::Map)
};
static UNION: Schema = Schema {
    members: &[Member::of("Text", 0, &prelude::STRING), Member::of("Number", 1, &prelude::LONG)],
    ..Schema::of("Union", ShapeType::Union)
};
static NODE: Schema = Schema {
    members: &[
        Member::of("Text", 0, &prelude::STRING),
        Member {
            location_name: Some("xsi:type"),
            xml_attribute: true,
            ..Member::of("Type", 1, &prelude::STRING)
        },
        Member::of("Flag", 2, &prelude::BOOLEAN),
        Member::of("Number", 3, &prelude::INTEGER),
        Member::of("Double", 4, &prelude::DOUBLE),
        Member::of("Float", 5, &prelude::FLOAT),
        Member::of("Blob", 6, &prelude::BLOB),
        Member::of("Time", 7, &prelude::TIMESTAMP),
        Member::of("Strings", 8, &STRINGS),
        Member { flattened: true, location_name: Some("S"), ..Member::of("Flat", 9, &STRINGS) },
        Member::of("Items", 10, &ITEMS),
        Member { flattened: true, ..Member::of("FlatLists", 11, &LISTS) },
        Member::of("Map", 12, &MAP),
        Member { flattened: true, location_name: Some("A"), ..Member::of("FlatMap", 13, &NAMED_MAP) },
        Member::of("Union", 14, &UNION),
        Member::of("Child", 15, &NODE),
    ],
    xml_namespace: Some(XmlNamespace { prefix: "xsi", uri: "http://example.com/xsi" }),
    ..Schema::of("Node", ShapeType::Structure)
};
static ROOT: Member = Member::of("Node", 0, &NODE);

fn write(document: &Document) -> String {
    let mut xml = XmlSerializer::new(XmlStyle::default());
    xml.write_struct(&ROOT, &DocumentShape { schema: &NODE, document }).unwrap();
    xml.finish()
}

fn read(text: &str) -> Result<Document, crate::CodecError> {
    let tree = Tree::parse(text.as_bytes())?;
    Document::read_structure(&NODE, &mut XmlDeserializer::new(&tree, &mut DecodeReport::default()))
}

fn map<const N: usize>(entries: [(&str, Document); N]) -> Document {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn list<const N: usize>(items: [&str; N]) -> Document {
    Document::List(items.into_iter().map(Document::from).collect())
}

const XSI: &str = "<Node xmlns:xsi=\"http://example.com/xsi\"";

#[test]
fn attributes_come_before_elements_wherever_the_model_has_them() {
    let document = map([("Text", "a".into()), ("Type", "Group\n\"".into())]);
    let text = write(&document);
    assert_eq!(text, format!("{XSI} xsi:type=\"Group&#10;&quot;\"><Text>a</Text></Node>"));
    assert_eq!(read(&text).unwrap(), document);
}

#[test]
fn empty_collections_are_closed_at_once_but_empty_text_is_not() {
    let document = map([
        ("Text", "".into()),
        ("Strings", list([])),
        ("Flat", list([])),
        ("Map", map([])),
        ("Child", map([])),
    ]);
    let text = write(&document);
    assert_eq!(
        text,
        format!("{XSI}><Text></Text><Strings/><Map/><Child xmlns:xsi=\"http://example.com/xsi\"/></Node>")
    );
    let read = read(&text).unwrap();
    assert_eq!(read.get("Strings"), Some(&list([])));
    assert_eq!(read.get("Flat"), None);
    assert_eq!(read.get("Child"), Some(&map([])));
}

#[test]
fn control_characters_survive() {
    let text = "a\r\nb\tc\u{1}\u{85}\u{2028}&<>\"'";
    let written = write(&map([("Text", text.into())]));
    assert_eq!(
        written,
        format!("{XSI}><Text>a&#13;\nb\tc&#x1;&#x85;&#x2028;&amp;&lt;&gt;&quot;'</Text></Node>")
    );
    assert_eq!(read(&written).unwrap(), map([("Text", text.into())]));
}

#[test]
fn flattened_lists_may_be_scattered_and_prefixes_do_not_count() {
    let text = "<?xml version=\"1.0\"?>\n<!-- c --><n:Node xmlns:n='u' xmlns='v'>
        <n:S>1</n:S><Unknown><S>no</S></Unknown><Number> 7 </Number><S><![CDATA[<2>]]></S>
        <A><Value>v</Value><Name>k</Name></A><S>&#51;&amp;</S><S/></n:Node>";
    assert_eq!(
        read(text).unwrap(),
        map([
            ("Flat", list(["1", "<2>", "3&", ""])),
            ("Number", 7.into()),
            ("FlatMap", map([("k", "v".into())])),
        ])
    );
}

#[test]
fn what_is_no_bounded_xml_is_refused() {
    let deep = "<Child>".repeat(400);
    let many = format!("<Node {}/>", (0..100).map(|n| format!("a{n}='' ")).collect::<String>());
    for text in [
        "",
        "text",
        "<Node>",
        "<Node></Other>",
        "<Node/><Node/>",
        "<Node/>text",
        "<Node>&unknown;</Node>",
        "<Node>&#xFFFFFFFF;</Node>",
        "<Node a='1' a='2'/>",
        "<!DOCTYPE Node [<!ENTITY a 'b'>]><Node><Text>&a;</Text></Node>",
        "< />",
        deep.as_str(),
        many.as_str(),
    ] {
        assert!(read(text).is_err(), "{text}");
    }
    let nodes = format!("<Node>{}</Node>", "<a/>".repeat(300_000));
    assert_eq!(read(&nodes).unwrap_err().kind, CodecErrorKind::TooLarge);
    assert!(Tree::parse(b"<Node>\xff</Node>").is_err());
}

#[test]
fn values_of_the_wrong_type_are_refused() {
    for text in [
        "<Node><Number>1.5</Number></Node>",
        "<Node><Number>2147483648</Number></Node>",
        "<Node><Number/></Node>",
        "<Node><Flag>yes</Flag></Node>",
        "<Node><Double>inf</Double></Node>",
        "<Node><Time>yesterday</Time></Node>",
        "<Node><Blob>*</Blob></Node>",
        "<Node><Text><a/></Text></Node>",
        "<Node><Strings>a</Strings></Node>",
        "<Node><Child>a</Child></Node>",
        "<Node><Union/></Node>",
        "<Node><Union><Text/><Number>1</Number></Union></Node>",
        "<Node><Map><entry><key>a</key></entry></Map></Node>",
    ] {
        assert_eq!(read(text).unwrap_err().kind, CodecErrorKind::Type, "{text}");
    }
}

#[test]
fn dates_of_s3_always_have_milliseconds() {
    let mut xml = XmlSerializer::new(XmlStyle { milliseconds: true });
    let document = map([("Time", Timestamp::from_seconds(1_138_984_918).into())]);
    xml.write_struct(&ROOT, &DocumentShape { schema: &NODE, document: &document }).unwrap();
    assert_eq!(xml.finish(), format!("{XSI}><Time>2006-02-03T16:41:58.000Z</Time></Node>"));
}

fn texts() -> impl Strategy<Value = Document> {
    prop::collection::vec(any::<String>(), 1..4)
        .prop_map(|items| Document::List(items.into_iter().map(Document::from).collect()))
}

fn entries(value: impl Strategy<Value = Document>) -> impl Strategy<Value = Document> {
    prop::collection::vec((any::<String>(), value), 1..4).prop_map(|entries| entries.into_iter().collect())
}

fn node(child: Option<BoxedStrategy<Document>>) -> BoxedStrategy<Document> {
    fn member(
        name: &'static str,
        value: impl Strategy<Value = Document> + 'static,
    ) -> BoxedStrategy<Vec<(String, Document)>> {
        prop::option::of(value)
            .prop_map(move |value| value.map(|value| (name.to_owned(), value)).into_iter().collect())
            .boxed()
    }
    let union = prop_oneof![
        any::<String>().prop_map(|text| map([("Text", text.into())])),
        any::<i64>().prop_map(|number| map([("Number", number.into())])),
    ];
    let mut members = vec![
        member("Text", any::<String>().prop_map(Document::from)),
        member("Type", any::<String>().prop_map(Document::from)),
        member("Flag", any::<bool>().prop_map(Document::from)),
        member("Number", any::<i32>().prop_map(|value| i64::from(value).into())),
        member("Double", any::<f64>().prop_map(Document::from)),
        member("Float", any::<f32>().prop_map(|value| f64::from(value).into())),
        member("Blob", any::<Vec<u8>>().prop_map(|bytes| Document::Blob(bytes.into()))),
        member("Time", (0..253_402_300_799_i64).prop_map(|s| Timestamp::from_seconds(s).into())),
        member("Strings", texts()),
        member("Flat", texts()),
        member("FlatLists", prop::collection::vec(texts(), 1..3).prop_map(Document::from)),
        member("Map", entries(texts())),
        member("FlatMap", entries(any::<String>().prop_map(Document::from))),
        member("Union", union),
    ];
    if let Some(child) = child {
        members.push(member("Items", prop::collection::vec(child.clone(), 1..3).prop_map(Document::from)));
        members.push(member("Child", child));
    }
    members.prop_map(|members| members.into_iter().flatten().collect()).boxed()
}

proptest! {
    #[test]
    fn documents_survive_xml(document in node(Some(node(None)))) {
        let text = write(&document);
        let read = read(&text).unwrap();
        // Attributes are told first, so that only the contents are the same, not their order.
        prop_assert_eq!(&read, &document, "{}", text);
    }

    #[test]
    fn garbage_is_refused_without_panic(text in "[<>/?!&;#x a-c=\"'\\[\\]CDATA:-]{0,80}|.{0,60}") {
        let _ = read(&text);
        let _ = read(&format!("<Node>{text}</Node>"));
        let _ = read(&format!("<Node {text}/>"));
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in any::<Vec<u8>>()) {
        let _ = Tree::parse(&bytes);
    }
}
