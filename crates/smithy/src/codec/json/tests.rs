use super::*;
use crate::document::DocumentShape;
use crate::error::CodecErrorKind;
use crate::fuzzing::TREE;
use crate::shape::PathSegment;

fn read(text: &str) -> Result<Document, CodecError> {
    read_document(text.as_bytes())
}

fn tree(text: &str) -> Result<(Document, DecodeReport), CodecError> {
    let mut report = DecodeReport::default();
    let mut reader = JsonDeserializer::new(text.as_bytes(), &mut report)?;
    let document = Document::read_structure(&TREE, &mut reader)?;
    reader.finish()?;
    Ok((document, report))
}

fn write(document: &Document) -> String {
    let mut out = Vec::new();
    write_shape(&DocumentShape { schema: &TREE, document }, Timestamps::ByModel, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn only_json_is_read() {
    for bad in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "-",
        "0x1",
        "NaN",
        "tru",
        "truex",
        "\"a",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "1 2",
        "[1 2]",
        "{\"a\" 1}",
        "'a'",
        "1e999",
        "\u{feff}1",
        "nul",
        "[",
        "]",
    ] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
    assert!(read_document(b"\"\xff\"").is_err());
}

#[test]
fn escapes_and_surrogates_are_read() {
    let text = r#""\" \\ \/ \b\f\n\r\t \u00e9 \ud83d\ude00 é😀""#;
    assert_eq!(read(text).unwrap(), Document::from("\" \\ / \u{8}\u{c}\n\r\t é 😀 é😀"));
}

#[test]
fn control_characters_are_escaped() {
    let mut out = Vec::new();
    write_document(&Document::from("\u{1}\u{1f}\n\"\\é"), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), r#""\u0001\u001f\n\"\\é""#);
}

#[test]
fn numbers_keep_what_fits() {
    assert_eq!(read("-9223372036854775808").unwrap(), Document::Integer(i64::MIN));
    assert_eq!(read("9223372036854775808").unwrap(), Document::Float(9_223_372_036_854_775_808.0));
    assert_eq!(read("-0.5e1").unwrap(), Document::Float(-5.0));
    let (document, _) = tree(r#"{"integer": 1e2, "long": 5.0}"#).unwrap();
    assert_eq!(document.get("integer"), Some(&Document::Integer(100)));
    assert_eq!(document.get("long"), Some(&Document::Integer(5)));
    for bad in ["2147483648", "1.5", "\"1\"", "true", "9223372036854775808", "1e300"] {
        assert!(tree(&format!("{{\"integer\":{bad}}}")).is_err(), "{bad}");
    }
}

#[test]
fn smallest_and_largest_numbers_are_written_whole() {
    let document = Document::List(vec![i64::MIN.into(), i64::MAX.into(), 0.into(), (-7).into()]);
    let mut out = Vec::new();
    write_document(&document, &mut out);
    assert_eq!(out, b"[-9223372036854775808,9223372036854775807,0,-7]");
}

#[test]
fn nesting_is_bounded_wherever_it_stands() {
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert_eq!(read(&deep).unwrap_err().kind, CodecErrorKind::TooLarge);
        let unknown = format!("{{\"unknown\":{deep}");
        assert_eq!(tree(&unknown).unwrap_err().kind, CodecErrorKind::TooLarge);
    }
    let children = "{\"child\":".repeat(100_000);
    assert_eq!(tree(&children).unwrap_err().kind, CodecErrorKind::TooLarge);
}

#[test]
fn a_null_member_is_an_absent_one_and_the_last_duplicate_counts() {
    let (document, report) = tree(r#"{"integer":1,"Text":null,"boolean":true,"boolean":false}"#).unwrap();
    assert_eq!(document.get("text"), None);
    assert_eq!(document.get("boolean"), Some(&Document::Bool(false)));
    assert!(report.missing.is_empty());
}

#[test]
fn nulls_stand_in_sparse_lists_only() {
    let (document, _) = tree(r#"{"integer":1,"sparse":[1,null]}"#).unwrap();
    assert_eq!(document.get("sparse"), Some(&Document::List(vec![1.into(), Document::Null])));
    assert_eq!(write(&document), r#"{"integer":1,"sparse":[1,null]}"#);
    assert!(tree(r#"{"integer":1,"trees":[null]}"#).is_err());
    assert!(tree(r#"{"integer":1,"forest":{"a":null}}"#).is_err());
}

#[test]
fn a_union_has_one_member_beside_its_type() {
    let choice = |text: &str| tree(&format!(r#"{{"integer":1,"choice":{text}}}"#));
    assert!(choice(r#"{"__type":"Choice","number":1,"text":null}"#).is_ok());
    for bad in ["{}", "{\"text\":null}", "{\"number\":1,\"text\":\"a\"}", "{\"number\":1,\"other\":1}", "[]"]
    {
        assert!(choice(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_missing_is_named_with_its_path() {
    let (_, report) = tree(r#"{"integer":1,"trees":[{"integer":1},{"child":{}}],"unknown":[{}]}"#).unwrap();
    let paths: Vec<_> = report.missing.iter().map(|(path, member)| (path.clone(), member.name)).collect();
    let trees = PathSegment::Member("trees");
    assert_eq!(
        paths,
        [
            (vec![trees.clone(), PathSegment::Index(1), PathSegment::Member("child")], "integer"),
            (vec![trees, PathSegment::Index(1)], "integer"),
        ]
    );
}

#[test]
fn times_are_seconds_unless_the_model_says_otherwise() {
    let text = r#"{"timestamp":1515531081.25,"dateTime":"2018-01-09T20:51:21.250Z"}"#;
    let (document, _) = tree(text).unwrap();
    assert_eq!(document.get("timestamp"), document.get("dateTime"));
    assert_eq!(write(&document), text);
    let mut out = Vec::new();
    write_shape(&DocumentShape { schema: &TREE, document: &document }, Timestamps::Seconds, &mut out)
        .unwrap();
    assert_eq!(out, br#"{"timestamp":1515531081.25,"dateTime":1515531081.25}"#);
    assert!(tree(r#"{"timestamp":"1515531081"}"#).is_err());
    assert!(tree(r#"{"timestamp":1e300}"#).is_err());
    assert!(tree(r#"{"dateTime":"2018-01-09 20:51:21Z"}"#).is_err());
}

#[test]
fn numbers_that_are_none_are_words() {
    let (document, _) = tree(r#"{"double":"NaN","float":"-Infinity"}"#).unwrap();
    assert_eq!(write(&document), r#"{"float":"-Infinity","double":"NaN"}"#);
    assert!(tree(r#"{"double":"nan"}"#).is_err());
}
