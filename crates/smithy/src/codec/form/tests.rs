use proptest::prelude::*;

use super::*;
use crate::schema::ShapeType;
use crate::schema::prelude as scalar;

static NAMES: Schema =
    Schema { members: &[Member::of("member", 0, &scalar::STRING)], ..Schema::of("Names", ShapeType::List) };
static NAMED: Schema = Schema {
    members: &[Member { location_name: Some("Name"), ..Member::of("member", 0, &scalar::STRING) }],
    ..Schema::of("Named", ShapeType::List)
};
static ATTRIBUTES: Schema = Schema {
    members: &[
        Member { location_name: Some("Name"), ..Member::of("key", 0, &scalar::STRING) },
        Member { location_name: Some("Value"), ..Member::of("value", 1, &ATTRIBUTE) },
    ],
    ..Schema::of("Attributes", ShapeType::Map)
};
static ATTRIBUTE: Schema = Schema {
    members: &[
        Member::of("StringValue", 0, &scalar::STRING),
        Member { required: true, ..Member::of("DataType", 1, &scalar::STRING) },
    ],
    ..Schema::of("Attribute", ShapeType::Structure)
};
static TAGS: Schema = Schema {
    members: &[Member::of("key", 0, &scalar::STRING), Member::of("value", 1, &scalar::STRING)],
    ..Schema::of("Tags", ShapeType::Map)
};
static ENTRY: Schema = Schema {
    members: &[
        Member::of("Id", 0, &scalar::STRING),
        Member {
            flattened: true,
            location_name: Some("MessageAttribute"),
            ..Member::of("MessageAttributes", 1, &ATTRIBUTES)
        },
        Member::of("Entry", 2, &ENTRY),
    ],
    ..Schema::of("Entry", ShapeType::Structure)
};
static ENTRIES: Schema =
    Schema { members: &[Member::of("member", 0, &ENTRY)], ..Schema::of("Entries", ShapeType::List) };
static INPUT: Schema = Schema {
    members: &[
        Member::of("Text", 0, &scalar::STRING),
        Member::of("Number", 1, &scalar::INTEGER),
        Member::of("Flag", 2, &scalar::BOOLEAN),
        Member::of("Names", 3, &NAMES),
        Member::of("Named", 4, &NAMED),
        Member { flattened: true, ..Member::of("Older", 5, &NAMED) },
        Member { flattened: true, location_name: Some("BatchEntry"), ..Member::of("Entries", 6, &ENTRIES) },
        Member::of("Tags", 7, &TAGS),
        Member { flattened: true, location_name: Some("Attribute"), ..Member::of("Flat", 8, &TAGS) },
        Member { location_name: Some("filterSet"), ..Member::of("Filters", 9, &NAMED) },
        Member { query_name: Some("Id"), ..Member::of("InstanceIds", 10, &NAMES) },
    ],
    ..Schema::of("Input", ShapeType::Structure)
};

fn read(text: &str, dialect: FormDialect) -> Result<(Document, DecodeReport), CodecError> {
    let mut form = Form::default();
    form.add(text.as_bytes())?;
    let mut report = DecodeReport::default();
    let document = Document::read_structure(&INPUT, &mut FormDeserializer::new(&form, dialect, &mut report))?;
    Ok((document, report))
}

fn query(text: &str) -> Document {
    read(text, FormDialect::Query).unwrap().0
}

fn map<const N: usize>(entries: [(&str, Document); N]) -> Document {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn list<const N: usize>(items: [&str; N]) -> Document {
    Document::List(items.into_iter().map(Document::from).collect())
}

#[test]
fn lists_are_taken_in_the_order_of_their_numbers() {
    let expected = map([("Names", list(["one", "two", "ten"]))]);
    assert_eq!(query("Names.member.10=ten&Names.member.2=two&Names.member.1=one"), expected);
    assert_eq!(query("Names.10=ten&Names.2=two&Names.1=one"), expected);
}

#[test]
fn elements_may_have_their_own_name_or_the_common_one() {
    let expected = map([("Named", list(["a"]))]);
    for text in ["Named.Name.1=a", "Named.member.1=a", "Named.1=a"] {
        assert_eq!(query(text), expected, "{text}");
    }
    assert_eq!(query("Older.1=a"), map([("Older", list(["a"]))]));
    assert_eq!(query("Name.1=a"), map([("Older", list(["a"]))]));
}

#[test]
fn an_sqs_batch_is_read_with_its_attributes() {
    let text = "Action=SendMessageBatch&BatchEntry.1.Id=a\
        &BatchEntry.1.MessageAttribute.1.Name=k&BatchEntry.1.MessageAttribute.1.Value.StringValue=v+w%21\
        &BatchEntry.1.MessageAttribute.1.Value.DataType=String&BatchEntry.2.Id=b";
    let attribute = map([("StringValue", "v w!".into()), ("DataType", "String".into())]);
    assert_eq!(
        query(text),
        map([(
            "Entries",
            Document::List(vec![
                map([("Id", "a".into()), ("MessageAttributes", map([("k", attribute)]))]),
                map([("Id", "b".into())]),
            ])
        )])
    );
}

#[test]
fn a_missing_required_member_is_noted_with_its_place() {
    let text = "BatchEntry.3.MessageAttribute.1.Name=k&BatchEntry.3.MessageAttribute.1.Value.StringValue=v";
    let (_, report) = read(text, FormDialect::Query).unwrap();
    let [(path, member)] = &report.missing[..] else { panic!("one member is missing") };
    assert_eq!(member.name, "DataType");
    let expected = [
        PathSegment::Member("Entries"),
        PathSegment::Index(0),
        PathSegment::Member("MessageAttributes"),
        PathSegment::Key("k".to_owned()),
    ];
    assert_eq!(path, &expected);
}

#[test]
fn maps_have_entries_unless_they_are_flattened() {
    let tags = map([("a", "1".into()), ("b", "".into())]);
    let wrapped = "Tags.entry.2.key=b&Tags.entry.2.value=&Tags.entry.1.key=a&Tags.entry.1.value=1";
    assert_eq!(query(wrapped), map([("Tags", tags)]));
    let flat = map([("Flat", map([("a", "1".into())]))]);
    assert_eq!(query("Attribute.1.key=a&Attribute.1.value=1"), flat);
    assert_eq!(query("Attribute.key=a&Attribute.value=1"), flat);
}

#[test]
fn an_empty_parameter_is_an_empty_list() {
    assert_eq!(query("Names="), map([("Names", list([]))]));
    assert_eq!(query("Names"), map([("Names", list([]))]));
}

#[test]
fn ec2_capitalises_names_and_flattens_lists() {
    let (document, _) = read("FilterSet.1=a&FilterSet.2=b&Id.1=i&Flag=True", FormDialect::Ec2).unwrap();
    let expected = map([("Flag", true.into()), ("Filters", list(["a", "b"])), ("InstanceIds", list(["i"]))]);
    assert_eq!(document, expected);
}

#[test]
fn the_body_wins_over_the_query_string() {
    let mut form = Form::default();
    form.add(b"Action=A&Text=body").unwrap();
    form.add(b"Text=query&Number=1").unwrap();
    assert_eq!(form.value("Text"), Some("body"));
    assert_eq!(form.value("Number"), Some("1"));
    assert_eq!(form.value("Missing"), None);
}

#[test]
fn what_stands_in_the_wrong_place_is_refused_as_aws_does() {
    for (text, message) in [
        ("Text.a=1", "Start of structure or map found where not expected."),
        ("Text.1=1", "Start of list found where not expected"),
        ("Names=a", "Unexpected list element termination"),
        ("BatchEntry.1=a", "Unexpected complex element termination"),
        ("Flag=yes", "boolean must follow xsd1.1 definition"),
        ("Number=x", "`x` is not a valid Integer for Number"),
        ("Tags.entry.1.key=a", "an entry of Tags lacks its key or value"),
    ] {
        assert_eq!(read(text, FormDialect::Query).unwrap_err().message, message, "{text}");
    }
}

#[test]
fn sizes_are_bounded() {
    let deep = format!("{}Id=1", "Entry.".repeat(200));
    assert_eq!(read(&deep, FormDialect::Query).unwrap_err().kind, CodecErrorKind::TooLarge);
    let nested = format!("BatchEntry.1.{}Id=1", "Entry.".repeat(120));
    assert!(read(&nested, FormDialect::Query).is_ok());
    let many: String = (0..MAX_NODES).map(|n| format!("p{n}&")).collect();
    assert_eq!(read(&many, FormDialect::Query).unwrap_err().kind, CodecErrorKind::TooLarge);
    assert_eq!(read("Text=%FF", FormDialect::Query).unwrap_err().kind, CodecErrorKind::Syntax);
    assert_eq!(query("Text=%zz%"), map([("Text", "%zz%".into())]));
}

proptest! {
    #[test]
    fn garbage_never_panics(text in "[A-Za-z0-9.=&%+]{0,80}|.{0,60}") {
        let _ = read(&text, FormDialect::Query);
        let _ = read(&text, FormDialect::Ec2);
    }

    #[test]
    fn names_of_the_schema_never_panic(
        parts in prop::collection::vec(
            prop::sample::select(vec![
                "Text", "Names", "member", "Name", "BatchEntry", "1", "2", "Tags", "entry", "key", "value", "=",
                "=x", "&", ".", "Attribute", "MessageAttribute", "Value",
            ]),
            0..40,
        )
    ) {
        let text = parts.join(".").replace(".=", "=").replace(".&.", "&");
        let _ = read(&text, FormDialect::Query);
        let _ = read(&text, FormDialect::Ec2);
    }

    #[test]
    fn any_texts_survive_encoding(texts in prop::collection::vec(any::<String>(), 1..6)) {
        let form: Vec<String> = texts
            .iter()
            .enumerate()
            .map(|(index, text)| {
                let text = percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC);
                format!("Names.member.{}={text}", index + 1)
            })
            .collect();
        let expected = Document::List(texts.into_iter().map(Document::from).collect());
        prop_assert_eq!(query(&form.join("&")), map([("Names", expected)]));
    }
}
