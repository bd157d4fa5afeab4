//! What fuzz targets run: bytes from a stranger, through everything that reads them.
//!
//! Each function panics if its codec does, and if what it read cannot be written and read again.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};

use crate::authorization::Authorization;
use crate::codec::{cbor, json};
use crate::document::{Document, DocumentShape};
use crate::eventstream::{EventFormat, decode_frame, read_event};
use crate::protocol::rest_json::RestJson;
use crate::protocol::{Protocol, ProtocolRequest};
use crate::schema::{
    Location, Member, OperationSchema, ProtocolId, Schema, ServiceSchema, ShapeType, TimestampFormat,
};
use crate::shape::{DecodeReport, ShapeDeserializer};
use crate::stream::ByteStream;

static STRING: Schema = Schema::of("String", ShapeType::String);
static BLOB: Schema = Schema::of("Blob", ShapeType::Blob);
static BOOLEAN: Schema = Schema::of("Boolean", ShapeType::Boolean);
static INTEGER: Schema = Schema::of("Integer", ShapeType::Integer);
static LONG: Schema = Schema::of("Long", ShapeType::Long);
static FLOAT: Schema = Schema::of("Float", ShapeType::Float);
static DOUBLE: Schema = Schema::of("Double", ShapeType::Double);
static TIMESTAMP: Schema = Schema::of("Timestamp", ShapeType::Timestamp);
static DATE_TIME: Schema = Schema {
    timestamp_format: Some(TimestampFormat::DateTime),
    ..Schema::of("DateTime", ShapeType::Timestamp)
};
static DOCUMENT: Schema = Schema::of("Document", ShapeType::Document);
static CHOICE: Schema = Schema { members: &CHOICE_MEMBERS, ..Schema::of("Choice", ShapeType::Union) };
static CHOICE_MEMBERS: [Member; 3] = [
    Member::of("text", 0, &STRING),
    Member::of("number", 1, &LONG),
    Member { location_name: Some("SubTree"), json_name: Some("SubTree"), ..Member::of("tree", 2, &TREE) },
];
static TREES: Schema = Schema { members: &TREES_MEMBERS, ..Schema::of("Trees", ShapeType::List) };
static TREES_MEMBERS: [Member; 1] = [Member::of("member", 0, &TREE)];
static SPARSE: Schema =
    Schema { members: &SPARSE_MEMBERS, sparse: true, ..Schema::of("Sparse", ShapeType::List) };
static SPARSE_MEMBERS: [Member; 1] = [Member::of("member", 0, &INTEGER)];
static FOREST: Schema = Schema { members: &FOREST_MEMBERS, ..Schema::of("Forest", ShapeType::Map) };
static FOREST_MEMBERS: [Member; 2] = [Member::of("key", 0, &STRING), Member::of("value", 1, &TREE)];

/// A structure with members of every type, itself among them.
pub static TREE: Schema = Schema { members: &TREE_MEMBERS, ..Schema::of("Tree", ShapeType::Structure) };
static TREE_MEMBERS: [Member; 15] = [
    Member { location_name: Some("Text"), json_name: Some("Text"), ..Member::of("text", 0, &STRING) },
    Member::of("blob", 1, &BLOB),
    Member::of("boolean", 2, &BOOLEAN),
    Member { required: true, ..Member::of("integer", 3, &INTEGER) },
    Member::of("long", 4, &LONG),
    Member::of("float", 5, &FLOAT),
    Member::of("double", 6, &DOUBLE),
    Member::of("timestamp", 7, &TIMESTAMP),
    Member::of("dateTime", 8, &DATE_TIME),
    Member::of("document", 9, &DOCUMENT),
    Member::of("choice", 10, &CHOICE),
    Member::of("trees", 11, &TREES),
    Member::of("sparse", 12, &SPARSE),
    Member::of("forest", 13, &FOREST),
    Member::of("child", 14, &TREE),
];

static EVENTS: Schema =
    Schema { members: &EVENTS_MEMBERS, event_stream: true, ..Schema::of("Events", ShapeType::Union) };
static EVENTS_MEMBERS: [Member; 2] = [Member::of("tree", 0, &TREE), Member::of("headers", 1, &HEADERS)];
static HEADERS: Schema =
    Schema { members: &HEADERS_MEMBERS, ..Schema::of("HeadersEvent", ShapeType::Structure) };
static HEADERS_MEMBERS: [Member; 4] = [
    Member { event_header: true, ..Member::of("text", 0, &STRING) },
    Member { event_header: true, ..Member::of("integer", 1, &INTEGER) },
    Member { event_header: true, ..Member::of("timestamp", 2, &TIMESTAMP) },
    Member { event_payload: true, ..Member::of("tree", 3, &TREE) },
];

static SERVICE: ServiceSchema = ServiceSchema {
    name: "fuzz",
    service_id: "Fuzz",
    endpoint_prefix: "fuzz",
    signing_name: "fuzz",
    api_version: "2026-01-01",
    target_prefix: "Fuzz",
    json_version: "1.0",
    protocols: &[ProtocolId::RestJson],
    xml_namespace: None,
    query_compatible: false,
};
static TEXTS: Schema = Schema { members: &TEXTS_MEMBERS, ..Schema::of("Texts", ShapeType::List) };
static TEXTS_MEMBERS: [Member; 1] = [Member::of("member", 0, &STRING)];
static TIMES: Schema = Schema { members: &TIMES_MEMBERS, ..Schema::of("Times", ShapeType::List) };
static TIMES_MEMBERS: [Member; 1] = [Member::of("member", 0, &TIMESTAMP)];
static TEXT_MAP: Schema = Schema { members: &TEXT_MAP_MEMBERS, ..Schema::of("TextMap", ShapeType::Map) };
static TEXT_MAP_MEMBERS: [Member; 2] = [Member::of("key", 0, &STRING), Member::of("value", 1, &TEXTS)];
static BOUND: Schema = Schema { members: &BOUND_MEMBERS, ..Schema::of("Bound", ShapeType::Structure) };
static BOUND_MEMBERS: [Member; 8] = [
    Member { location: Location::Header, location_name: Some("x-texts"), ..Member::of("texts", 0, &TEXTS) },
    Member { location: Location::Header, location_name: Some("x-times"), ..Member::of("times", 1, &TIMES) },
    Member { location: Location::Header, location_name: Some("x-blob"), ..Member::of("blob", 2, &BLOB) },
    Member { location: Location::QueryString, location_name: Some("n"), ..Member::of("n", 3, &DOUBLE) },
    Member { location: Location::QueryString, ..Member::of("all", 4, &TEXT_MAP) },
    Member { location: Location::Headers, location_name: Some("x-"), ..Member::of("rest", 5, &FLAT_MAP) },
    Member { location: Location::Uri, ..Member::of("label", 6, &TIMESTAMP) },
    Member::of("tree", 7, &TREE),
];
static FLAT_MAP: Schema = Schema { members: &FLAT_MAP_MEMBERS, ..Schema::of("FlatMap", ShapeType::Map) };
static FLAT_MAP_MEMBERS: [Member; 2] = [Member::of("key", 0, &STRING), Member::of("value", 1, &STRING)];
static OPERATION: OperationSchema = OperationSchema {
    name: "Fuzz",
    service: &SERVICE,
    method: "POST",
    uri: "/{label}",
    status: 200,
    input: &BOUND,
    output: &BOUND,
    errors: &[],
    input_location_name: None,
    input_xml_namespace: None,
    output_location_name: None,
    unwrapped: false,
    result_wrapper: None,
    host_prefix: None,
    anonymous: false,
    checksum_required: false,
    authorization: &Authorization::NONE,
};

fn json_tree(data: &[u8]) -> Option<Document> {
    let mut report = DecodeReport::default();
    let mut reader = json::JsonDeserializer::new(data, &mut report).ok()?;
    let tree = Document::read_structure(&TREE, &mut reader).ok()?;
    reader.finish().ok()?;
    Some(tree)
}

fn cbor_tree(data: &[u8]) -> Option<Document> {
    let mut report = DecodeReport::default();
    let mut reader = cbor::CborDeserializer::new(data, &mut report);
    let tree = Document::read_structure(&TREE, &mut reader).ok()?;
    reader.finish().ok()?;
    Some(tree)
}

fn write_json_tree(tree: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    let shape = DocumentShape { schema: &TREE, document: tree };
    let written = json::write_shape(&shape, json::Timestamps::ByModel, &mut out);
    assert!(written.is_ok(), "{written:?}: {tree:?}");
    out
}

fn write_cbor_tree(tree: &Document) -> Vec<u8> {
    let mut out = Vec::new();
    let written = cbor::write_shape(&DocumentShape { schema: &TREE, document: tree }, &mut out);
    assert!(written.is_ok(), "{written:?}: {tree:?}");
    out
}

/// JSON, with and without a schema.
pub fn fuzz_json(data: &[u8]) {
    if let Ok(document) = json::read_document(data) {
        let mut out = Vec::new();
        json::write_document(&document, &mut out);
        assert!(json::read_document(&out).is_ok(), "{document:?}");
    }
    if let Some(tree) = json_tree(data) {
        assert!(json_tree(&write_json_tree(&tree)).is_some(), "{tree:?}");
        assert!(cbor_tree(&write_cbor_tree(&tree)).is_some(), "{tree:?}");
    }
}

/// CBOR, with and without a schema.
pub fn fuzz_cbor(data: &[u8]) {
    if let Ok(document) = cbor::read_document(data) {
        let mut out = Vec::new();
        cbor::write_document(&document, &mut out);
        assert!(cbor::read_document(&out).is_ok(), "{document:?}");
    }
    if let Some(tree) = cbor_tree(data) {
        assert!(cbor_tree(&write_cbor_tree(&tree)).is_some(), "{tree:?}");
        assert!(json_tree(&write_json_tree(&tree)).is_some(), "{tree:?}");
    }
}

/// Frames of an event stream, and the events in them.
pub fn fuzz_event_stream(data: &[u8]) {
    let mut rest = Bytes::copy_from_slice(data);
    while let Ok(Some((frame, length))) = decode_frame(&rest) {
        assert!(frame.encode().is_ok(), "{frame:?}");
        for format in [EventFormat::Json, EventFormat::Cbor, EventFormat::Xml] {
            let mut report = DecodeReport::default();
            // Only the absence of panics counts.
            let _ = read_event(format, &EVENTS, &frame, &mut report, &mut |event, from| {
                Document::read_structure(event.target, from).map(drop)
            });
        }
        rest = rest.split_off(length);
    }
}

/// A REST-JSON request: the first line of `data` is the query string, the second a label, the
/// third the value of every header, the rest the body.
pub fn fuzz_rest_json(data: &[u8]) {
    let mut lines = data.splitn(4, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let (query, label, header, body) = (next(), next(), next(), next());
    let Ok(query) = std::str::from_utf8(query) else { return };
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_bytes(header) {
        for name in ["x-texts", "x-times", "x-blob", "x-other"] {
            headers.append(name, value.clone());
        }
    }
    let request = ProtocolRequest {
        method: &Method::POST,
        path: "/",
        query,
        host: "localhost",
        headers: &headers,
        labels: vec![("label", String::from_utf8_lossy(label).into_owned())],
        body: ByteStream::from(body.to_vec()),
    };
    let mut report = DecodeReport::default();
    // Only the absence of panics counts.
    let _ = RestJson.decode(&OPERATION, &request, &mut report, &mut |from: &mut dyn ShapeDeserializer| {
        Document::read_structure(&BOUND, from).map(drop)
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::eventstream::{Frame, HeaderValue as EventHeader, encode_event};
    use crate::timestamp::Timestamp;

    fn any_document() -> impl Strategy<Value = Document> {
        let leaf = prop_oneof![
            Just(Document::Null),
            any::<bool>().prop_map(Document::Bool),
            any::<i64>().prop_map(Document::Integer),
            // A float without a fraction is an integer once it was text.
            any::<f64>()
                .prop_filter("finite", |f| f.is_finite() && f.fract() != 0.0)
                .prop_map(Document::Float),
            any::<String>().prop_map(Document::String),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Document::List),
                prop::collection::vec((any::<String>(), inner), 0..5)
                    .prop_map(|entries| entries.into_iter().collect()),
            ]
        })
    }

    fn any_time() -> impl Strategy<Value = Document> {
        // A double holds milliseconds, but not microseconds, for later times.
        (-2_000_000_000_000i64..4_000_000_000_000)
            .prop_map(|millis| Document::Timestamp(Timestamp::from_millis(millis)))
    }

    fn any_leaf(member: &'static Member) -> BoxedStrategy<Document> {
        match member.target.shape_type {
            ShapeType::String => any::<String>().prop_map(Document::String).boxed(),
            ShapeType::Blob => {
                prop::collection::vec(any::<u8>(), 0..40).prop_map(|b| Document::Blob(b.into())).boxed()
            }
            ShapeType::Boolean => any::<bool>().prop_map(Document::Bool).boxed(),
            ShapeType::Integer => any::<i32>().prop_map(|i| Document::Integer(i.into())).boxed(),
            ShapeType::Long => any::<i64>().prop_map(Document::Integer).boxed(),
            ShapeType::Float => any::<f32>().prop_map(|f| Document::Float(f.into())).boxed(),
            ShapeType::Double => any::<f64>().prop_map(Document::Float).boxed(),
            ShapeType::Timestamp => any_time().boxed(),
            ShapeType::Document => any_document().boxed(),
            _ => prop::collection::vec(prop::option::of(any::<i32>()), 0..4)
                .prop_map(|items| {
                    let item = |i: Option<i32>| i.map_or(Document::Null, |i| Document::Integer(i.into()));
                    Document::List(items.into_iter().map(item).collect())
                })
                .boxed(),
        }
    }

    /// Some members of a tree that are no trees.
    fn any_leaves() -> impl Strategy<Value = Vec<(String, Document)>> {
        let simple =
            |member: &&'static Member| !["choice", "trees", "forest", "child"].contains(&member.name);
        let members: Vec<_> = TREE_MEMBERS
            .iter()
            .filter(simple)
            .map(|member| prop::option::of(any_leaf(member).prop_map(|v| (member.name.to_owned(), v))))
            .collect();
        members.prop_map(|members| members.into_iter().flatten().collect())
    }

    fn any_tree() -> impl Strategy<Value = Document> {
        let leaf = any_leaves().prop_map(Document::from_iter);
        leaf.prop_recursive(3, 16, 3, |inner| {
            let list = prop::collection::vec(inner.clone(), 0..3).prop_map(Document::List);
            let map =
                prop::collection::vec((any::<String>(), inner.clone()), 0..3).prop_map(Document::from_iter);
            let choice = inner.clone().prop_map(|tree| Document::from_iter([("tree".to_owned(), tree)]));
            (any_leaves(), list, map, choice, inner).prop_map(|(mut members, list, map, choice, child)| {
                let more = [("trees", list), ("forest", map), ("choice", choice), ("child", child)];
                members.extend(more.map(|(name, value)| (name.to_owned(), value)));
                Document::from_iter(members)
            })
        })
    }

    /// Equal, where NaN equals itself and a null document in a structure is an absent one.
    fn same(a: &Document, b: &Document) -> bool {
        match (a, b) {
            (Document::Float(a), Document::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            (Document::List(a), Document::List(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
            }
            (Document::Map(a), Document::Map(b)) => a.keys().chain(b.keys()).all(|key| {
                let null = Document::Null;
                same(a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null))
            }),
            _ => a == b,
        }
    }

    proptest! {
        #[test]
        fn documents_survive_json(document in any_document()) {
            let mut out = Vec::new();
            json::write_document(&document, &mut out);
            prop_assert_eq!(json::read_document(&out).unwrap(), document.clone());
            // An implementation that others trust reads it too.
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        }

        #[test]
        fn documents_survive_cbor(document in any_document()) {
            let mut out = Vec::new();
            cbor::write_document(&document, &mut out);
            prop_assert_eq!(cbor::read_document(&out).unwrap(), document);
        }

        #[test]
        fn shapes_survive_json_and_cbor(tree in any_tree()) {
            let through_json = json_tree(&write_json_tree(&tree)).unwrap();
            prop_assert!(same(&tree, &through_json), "{:?}\n{:?}", tree, through_json);
            let through_cbor = cbor_tree(&write_cbor_tree(&tree)).unwrap();
            prop_assert!(same(&tree, &through_cbor), "{:?}\n{:?}", tree, through_cbor);
        }

        #[test]
        fn events_survive_their_frame(tree in any_tree(), text in "[ -~]{0,80}") {
            let event = Document::from_iter([
                ("text".to_owned(), Document::from(text)),
                ("tree".to_owned(), tree),
            ]);
            for format in [EventFormat::Json, EventFormat::Cbor] {
                let shape = DocumentShape { schema: &HEADERS, document: &event };
                let written = encode_event(format, &EVENTS_MEMBERS[1], &shape).unwrap();
                let (frame, length) = decode_frame(&written).unwrap().unwrap();
                prop_assert_eq!(length, written.len());
                let mut found = Document::Null;
                read_event(format, &EVENTS, &frame, &mut DecodeReport::default(), &mut |member, from| {
                    found = Document::read_structure(member.target, from)?;
                    Ok(())
                }).unwrap();
                prop_assert!(same(&event, &found), "{:?}\n{:?}", event, found);
            }
        }

        #[test]
        fn garbage_never_panics(data in prop::collection::vec(any::<u8>(), 0..300)) {
            fuzz_json(&data);
            fuzz_cbor(&data);
            fuzz_event_stream(&data);
            fuzz_rest_json(&data);
        }

        #[test]
        fn almost_json_never_panics(text in r#"[\[\]{}:,"\\un0-9eE+.tfral \n-]{0,200}"#) {
            fuzz_json(text.as_bytes());
        }

        #[test]
        fn damaged_data_never_panics(tree in any_tree(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut cbor = write_cbor_tree(&tree);
            let index = at.index(cbor.len());
            cbor[index] = byte;
            fuzz_cbor(&cbor);
            let mut json = write_json_tree(&tree);
            let index = at.index(json.len());
            json[index] = byte;
            fuzz_json(&json);
            fuzz_rest_json(&json);
        }

        #[test]
        fn damaged_frames_are_refused(value in any::<i64>(), at in any::<prop::sample::Index>(), bit in 0..8) {
            let frame = Frame {
                headers: vec![("h".to_owned(), EventHeader::Long(value))],
                payload: Bytes::from_static(b"payload"),
            };
            let mut bytes = frame.encode().unwrap().to_vec();
            let index = at.index(bytes.len());
            bytes[index] ^= 1u8 << bit;
            prop_assert!(decode_frame(&bytes.into()).is_err());
        }
    }
}
