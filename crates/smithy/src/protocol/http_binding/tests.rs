use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::*;
use crate::authorization::Authorization;
use crate::document::{Document, DocumentShape};
use crate::error::CodecErrorKind;
use crate::protocol::rest_json::RestJson;
use crate::protocol::{Protocol, ProtocolRequest, ResponseContext};
use crate::schema::{ProtocolId, Schema, ServiceSchema, ShapeType};
use crate::stream::ByteStream;
use crate::timestamp::Timestamp;

static STRING: Schema = Schema::of("String", ShapeType::String);
static INTEGER: Schema = Schema::of("Integer", ShapeType::Integer);
static TIMESTAMP: Schema = Schema::of("Timestamp", ShapeType::Timestamp);
static TEXTS_MEMBERS: [Member; 1] = [Member::of("member", 0, &STRING)];
static TEXTS: Schema = Schema { members: &TEXTS_MEMBERS, ..Schema::of("Texts", ShapeType::List) };
static TIMES_MEMBERS: [Member; 1] = [Member::of("member", 0, &TIMESTAMP)];
static TIMES: Schema = Schema { members: &TIMES_MEMBERS, ..Schema::of("Times", ShapeType::List) };
static MAP_MEMBERS: [Member; 2] = [Member::of("key", 0, &STRING), Member::of("value", 1, &STRING)];
static MAP: Schema = Schema { members: &MAP_MEMBERS, ..Schema::of("Map", ShapeType::Map) };

const fn header(name: &'static str, index: usize, target: &'static Schema) -> Member {
    Member { location: Location::Header, ..Member::of(name, index, target) }
}

static THING_MEMBERS: [Member; 8] = [
    header("x-texts", 0, &TEXTS),
    header("x-times", 1, &TIMES),
    Member { location: Location::Headers, location_name: Some("x-meta-"), ..Member::of("meta", 2, &MAP) },
    Member { location: Location::QueryString, location_name: Some("q"), ..Member::of("query", 3, &STRING) },
    Member { location: Location::Uri, required: true, ..Member::of("label", 4, &STRING) },
    Member { location: Location::StatusCode, ..Member::of("status", 5, &INTEGER) },
    Member { required: true, ..Member::of("text", 6, &STRING) },
    header("x-meta-own", 7, &STRING),
];
static THING: Schema = Schema { members: &THING_MEMBERS, ..Schema::of("Thing", ShapeType::Structure) };
static SERVICE: ServiceSchema = ServiceSchema {
    name: "things",
    service_id: "Things",
    endpoint_prefix: "things",
    signing_name: "things",
    api_version: "2026-01-01",
    target_prefix: "",
    json_version: "",
    protocols: &[ProtocolId::RestJson],
    xml_namespace: None,
    query_compatible: false,
};
static OPERATION: OperationSchema = OperationSchema {
    name: "PutThing",
    service: &SERVICE,
    method: "PUT",
    uri: "/{label}",
    status: 200,
    input: &THING,
    output: &THING,
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

struct Request {
    query: &'static str,
    headers: HeaderMap,
    body: &'static str,
}

fn request(body: &'static str, headers: &[(&'static str, &str)]) -> Request {
    let headers = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append(name, value);
            all
        });
    Request { query: "", headers, body }
}

fn read(request: &Request) -> Result<(Document, DecodeReport), CodecError> {
    let request = ProtocolRequest {
        method: &Method::PUT,
        path: "/thing",
        query: request.query,
        host: "localhost",
        headers: &request.headers,
        labels: vec![("label", "thing".to_owned())],
        body: ByteStream::from(request.body.to_owned()),
    };
    let mut report = DecodeReport::default();
    let mut found = Document::Null;
    RestJson.decode(&OPERATION, &request, &mut report, &mut |from| {
        found = Document::read_structure(&THING, from)?;
        Ok(())
    })?;
    Ok((found, report))
}

fn texts(items: &[&str]) -> Document {
    Document::List(items.iter().map(|item| Document::from(*item)).collect())
}

#[test]
fn lists_in_headers_may_be_quoted_and_stand_on_several_lines() {
    let headers = [("x-texts", r#"a, "b, \"c\"" ,d"#), ("x-texts", "e"), ("x-texts", "")];
    let (found, _) = read(&request("", &headers)).unwrap();
    assert_eq!(found.get("x-texts"), Some(&texts(&["a", "b, \"c\"", "d", "e"])));
    for bad in [r#""a"#, r#""a"b"#] {
        assert_eq!(read(&request("", &[("x-texts", bad)])).unwrap_err().kind, CodecErrorKind::Syntax);
    }
}

#[test]
fn dates_in_headers_have_commas_of_their_own() {
    let dates = "Mon, 16 Dec 2019 23:48:18 GMT, Mon, 16 Dec 2019 23:48:19 GMT";
    let (found, _) = read(&request("", &[("x-times", dates)])).unwrap();
    let time = |seconds| Document::from(Timestamp::from_seconds(seconds));
    assert_eq!(found.get("x-times"), Some(&Document::List(vec![time(1_576_540_098), time(1_576_540_099)])));
    assert!(read(&request("", &[("x-times", "yesterday")])).is_err());
}

#[test]
fn query_strings_are_decoded_once() {
    let mut sent = request("", &[]);
    sent.query = "other=1&q=a+b%2Bc%25&q=second";
    let (found, _) = read(&sent).unwrap();
    assert_eq!(found.get("query"), Some(&Document::from("a b+c%")));
    sent.query = "q";
    assert_eq!(read(&sent).unwrap().0.get("query"), Some(&Document::from("")));
    sent.query = "q=%ff";
    assert_eq!(read(&sent).unwrap_err().kind, CodecErrorKind::Syntax);
}

#[test]
fn what_is_missing_is_told_once_whatever_part_it_belongs_to() {
    let missing = |request: &Request| {
        let (_, report) = read(request).unwrap();
        report.missing.iter().map(|(_, member)| member.name).collect::<Vec<_>>()
    };
    assert_eq!(missing(&request("", &[])), ["text"]);
    let json = [("content-type", "application/json")];
    assert_eq!(missing(&request(r#"{"label":"not here"}"#, &json)), ["text"]);
    assert!(missing(&request(r#"{"text":"a"}"#, &json)).is_empty());
}

#[test]
fn bodies_of_other_types_are_refused() {
    for headers in [&[][..], &[("content-type", "text/plain")], &[("content-type", "")]] {
        assert_eq!(read(&request("{}", headers)).unwrap_err().kind, CodecErrorKind::MediaType);
    }
    assert!(read(&request("{}", &[("content-type", "Application/JSON; charset=utf-8")])).is_ok());
    for (accept, accepted) in
        [("*/*", true), ("text/html, application/*;q=0.1", true), ("", true), ("text/html", false)]
    {
        let result = read(&request("", &[("accept", accept)]));
        assert_eq!(result.is_ok(), accepted, "{accept}");
    }
}

fn write(members: Vec<(&str, Document)>) -> Result<http::Response<ByteStream>, CodecError> {
    let document = members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let output = DocumentShape { schema: &THING, document: &document };
    RestJson.encode(&OPERATION, &output, ResponseContext::new("id"))
}

#[test]
fn an_output_is_spread_over_the_response() {
    let meta = Document::from_iter([("A".to_owned(), "1".into()), ("own".to_owned(), "2".into())]);
    let response = write(vec![
        ("x-texts", texts(&["a", "b,\"c\""])),
        ("meta", meta),
        ("x-meta-own", "3".into()),
        ("status", 202.into()),
        ("label", "l".into()),
        ("text", "t".into()),
    ])
    .unwrap();
    assert_eq!(response.status(), 202);
    assert_eq!(response.headers()["x-texts"], r#"a, "b,\"c\"""#);
    assert_eq!(response.headers()["x-meta-a"], "1");
    assert_eq!(response.headers()["x-meta-own"], "3");
    // Labels have no meaning in a response, and are in the body.
    assert_eq!(response.body().as_bytes().unwrap(), r#"{"label":"l","text":"t"}"#);
}

#[test]
fn a_status_without_content_has_no_body() {
    let response = write(vec![("status", 204.into()), ("text", "t".into())]).unwrap();
    assert_eq!(response.body().as_bytes().unwrap(), "");
    assert!(!response.headers().contains_key("content-type"));
}

#[test]
fn a_header_cannot_be_injected() {
    for (member, value) in [
        ("x-texts", texts(&["a\r\nx-evil: 1"])),
        ("meta", Document::from_iter([("a: 1\r\nb".to_owned(), "1".into())])),
        ("status", 42.into()),
    ] {
        assert_eq!(write(vec![(member, value)]).unwrap_err().kind, CodecErrorKind::Output);
    }
}
