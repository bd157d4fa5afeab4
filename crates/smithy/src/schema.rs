//! The static description of shapes, operations and services.
//!
//! The vocabulary is that of botocore's models, which the generator reads: `locationName`,
//! `queryName`, `flattened` and so on keep their meaning, so that a protocol implementation can
//! be compared with the model line by line.

use std::sync::OnceLock;

use crate::authorization::Authorization;
use crate::error::ErrorShape;

/// The kind of a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShapeType {
    /// Bytes.
    Blob,
    /// `true` or `false`.
    Boolean,
    /// UTF-8 text; enumerations are strings with [`Constraints::values`].
    String,
    /// A point in time.
    Timestamp,
    /// A 32-bit signed integer.
    Integer,
    /// A 64-bit signed integer.
    Long,
    /// A 32-bit floating point number.
    Float,
    /// A 64-bit floating point number.
    Double,
    /// Any JSON-like value.
    Document,
    /// A sequence; `members[0]` describes the elements.
    List,
    /// A map from strings; `members[0]` describes the keys, `members[1]` the values.
    Map,
    /// A structure.
    Structure,
    /// A structure of which exactly one member is set.
    Union,
}

/// How a timestamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    /// RFC 3339 (`iso8601` in botocore).
    DateTime,
    /// RFC 9110 IMF-fixdate (`rfc822` in botocore).
    HttpDate,
    /// Seconds since 1970 (`unixTimestamp` in botocore).
    EpochSeconds,
}

/// Where a structure's member travels in a REST protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the body (or as the body, when it is the structure's payload).
    Body,
    /// In the path.
    Uri,
    /// In the query string; a map without a name takes every parameter that is not bound.
    QueryString,
    /// In one header.
    Header,
    /// In all headers with a prefix.
    Headers,
    /// The HTTP status code.
    StatusCode,
}

/// An XML namespace and the prefix that declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XmlNamespace {
    /// The prefix, empty for the default namespace.
    pub prefix: &'static str,
    /// The namespace URI.
    pub uri: &'static str,
}

/// A regular expression of the model, compiled when it is first needed.
#[derive(Debug)]
pub struct Pattern {
    /// The expression as the model (or AWS's message) writes it.
    pub source: &'static str,
    compiled: OnceLock<Option<CompiledPattern>>,
}

#[derive(Debug)]
enum CompiledPattern {
    Plain(regex::Regex),
    LookAround(fancy_regex::Regex),
}

impl Pattern {
    /// A pattern from the model's text.
    pub const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    /// Whether the whole of `text` matches. A pattern that no engine here can compile accepts
    /// everything: refusing valid input would be worse than missing an invalid one.
    pub fn matches(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| {
            let anchored = format!("^(?:{})$", self.source);
            if let Ok(plain) = regex::RegexBuilder::new(&anchored).size_limit(1 << 20).build() {
                return Some(CompiledPattern::Plain(plain));
            }
            fancy_regex::RegexBuilder::new(&anchored)
                .backtrack_limit(100_000)
                .build()
                .ok()
                .map(CompiledPattern::LookAround)
        });
        match compiled {
            Some(CompiledPattern::Plain(regex)) => regex.is_match(text),
            Some(CompiledPattern::LookAround(regex)) => regex.is_match(text).unwrap_or(false),
            None => true,
        }
    }
}

/// What a value of a shape must satisfy.
#[derive(Clone, Copy, Debug)]
pub struct Constraints {
    /// Smallest value, or shortest length for strings, blobs, lists and maps.
    pub min: Option<f64>,
    /// Largest value, or longest length.
    pub max: Option<f64>,
    /// Regular expression for a string.
    pub pattern: Option<&'static Pattern>,
    /// The values of an enumeration, in the model's order; empty when the shape is none.
    pub values: &'static [&'static str],
}

impl Constraints {
    /// No constraint.
    pub const NONE: Self = Self { min: None, max: None, pattern: None, values: &[] };
}

/// A shape. `..Schema::of(…)` fills what a generated schema leaves out.
#[derive(Debug)]
pub struct Schema {
    /// The shape's name in the model.
    pub name: &'static str,
    /// The shape's kind.
    pub shape_type: ShapeType,
    /// Members in the model's order; a list's element; a map's key and value.
    pub members: &'static [Member],
    /// What values must satisfy.
    pub constraints: Constraints,
    /// Whether this shape, or a shape inside it, has a constraint or a required member, so that
    /// validation must visit it.
    pub constrained: bool,
    /// Whether values are secret and must not be logged or recorded.
    pub sensitive: bool,
    /// Whether a list or map may hold nulls.
    pub sparse: bool,
    /// Whether a list or map is flattened wherever it is used (query and XML protocols).
    pub flattened: bool,
    /// A blob that is streamed, or a union of events.
    pub streaming: bool,
    /// A union whose members are the events of an event stream.
    pub event_stream: bool,
    /// An error; in an event stream it is sent as an exception.
    pub exception: bool,
    /// Index of the member that is the whole body, in a structure of a REST protocol.
    pub payload: Option<usize>,
    /// The shape's own `locationName`: an XML root name, where the operation has none.
    pub location_name: Option<&'static str>,
    /// The shape's own timestamp format.
    pub timestamp_format: Option<TimestampFormat>,
    /// The shape's own XML namespace.
    pub xml_namespace: Option<XmlNamespace>,
}

impl Schema {
    /// A schema of `shape_type` with nothing else said; for use with `..`.
    pub const fn of(name: &'static str, shape_type: ShapeType) -> Self {
        Self {
            name,
            shape_type,
            members: &[],
            constraints: Constraints::NONE,
            constrained: false,
            sensitive: false,
            sparse: false,
            flattened: false,
            streaming: false,
            event_stream: false,
            exception: false,
            payload: None,
            location_name: None,
            timestamp_format: None,
            xml_namespace: None,
        }
    }

    /// A list's element, or a map's key.
    pub fn element(&self) -> Option<&'static Member> {
        self.members.first()
    }

    /// A map's value.
    pub fn map_value(&self) -> Option<&'static Member> {
        self.members.get(1)
    }

    /// The member with the model's name `name`.
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        self.members.iter().find(|member| member.name == name)
    }

    /// The member that is the whole body.
    pub fn payload_member(&self) -> Option<&'static Member> {
        self.payload.and_then(|index| self.members.get(index))
    }

    /// The name of the structure that stands for an input or output which the model does not have.
    pub const UNIT: &str = "Unit";

    /// Whether this stands for an input or output which the model does not have: such an
    /// operation has no body at all, where one with an empty structure has an empty one.
    pub fn is_unit(&self) -> bool {
        self.members.is_empty() && self.name == Self::UNIT
    }

    /// Whether the shape is a structure or union.
    pub fn is_structure(&self) -> bool {
        matches!(self.shape_type, ShapeType::Structure | ShapeType::Union)
    }
}

/// A member of a structure, a list's element, a map's key or value: a use of a shape, with what
/// that use adds.
#[derive(Debug)]
pub struct Member {
    /// The member's name in the model; `member`, `key` or `value` in lists and maps.
    pub name: &'static str,
    /// Position in the structure.
    pub index: usize,
    /// The shape that is used.
    pub target: &'static Schema,
    /// Whether a request without it is refused.
    pub required: bool,
    /// Where it travels in a REST protocol.
    pub location: Location,
    /// Its name on the wire, where that differs from `name`.
    pub location_name: Option<&'static str>,
    /// Its name in JSON and CBOR bodies, where that differs from `name`: the `locationName` of
    /// REST-JSON. In the RPC protocols the model's name counts, and a `locationName` belongs to
    /// the query protocol that the service speaks as well.
    pub json_name: Option<&'static str>,
    /// Its name in the EC2 query protocol, where the model gives one.
    pub query_name: Option<&'static str>,
    /// Whether this use of a list or map is flattened.
    pub flattened: bool,
    /// Whether it is an attribute of its structure's XML element.
    pub xml_attribute: bool,
    /// Its XML namespace.
    pub xml_namespace: Option<XmlNamespace>,
    /// How its timestamps are written, where that differs from the protocol's default.
    pub timestamp_format: Option<TimestampFormat>,
    /// A string that holds JSON (base64 in a header).
    pub json_value: bool,
    /// The caller (or, if absent, the server) makes a unique value for it.
    pub idempotency_token: bool,
    /// Its value is part of the host name.
    pub host_label: bool,
    /// It is a header of an event.
    pub event_header: bool,
    /// It is the payload of an event.
    pub event_payload: bool,
    /// It is streamed.
    pub streaming: bool,
}

impl Member {
    /// A member that uses `target` with nothing else said; for use with `..`.
    pub const fn of(name: &'static str, index: usize, target: &'static Schema) -> Self {
        Self {
            name,
            index,
            target,
            required: false,
            location: Location::Body,
            location_name: None,
            json_name: None,
            query_name: None,
            flattened: false,
            xml_attribute: false,
            xml_namespace: None,
            timestamp_format: None,
            json_value: false,
            idempotency_token: false,
            host_label: false,
            event_header: false,
            event_payload: false,
            streaming: false,
        }
    }

    /// The name on the wire.
    pub fn wire_name(&self) -> &'static str {
        self.location_name.unwrap_or(self.name)
    }

    /// Whether this use of a list or map is flattened.
    pub fn is_flattened(&self) -> bool {
        self.flattened || self.target.flattened
    }

    /// The timestamp format of this use, or the protocol's `default`.
    pub fn timestamp_format(&self, default: TimestampFormat) -> TimestampFormat {
        self.timestamp_format.or(self.target.timestamp_format).unwrap_or(default)
    }

    /// Whether the value is streamed to or from the handler.
    pub fn is_streaming(&self) -> bool {
        self.streaming || self.target.streaming || self.target.event_stream
    }
}

/// The wire protocols of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProtocolId {
    /// `application/x-www-form-urlencoded` in, XML out.
    Query,
    /// EC2's variant of the query protocol.
    Ec2,
    /// `X-Amz-Target` and JSON, version 1.0 or 1.1.
    Json,
    /// HTTP bindings and JSON.
    RestJson,
    /// HTTP bindings and XML.
    RestXml,
    /// Smithy RPC v2 with CBOR.
    RpcV2Cbor,
    /// Smithy RPC v2 with JSON.
    RpcV2Json,
}

/// A service: what its operations have in common.
#[derive(Debug)]
pub struct ServiceSchema {
    /// botocore's name of the service (`sqs`, `dynamodb`).
    pub name: &'static str,
    /// The service id (`SQS`, `DynamoDB Streams`).
    pub service_id: &'static str,
    /// The first label of its host names.
    pub endpoint_prefix: &'static str,
    /// The service field of SigV4 credential scopes.
    pub signing_name: &'static str,
    /// API version (`2012-11-05`).
    pub api_version: &'static str,
    /// What stands before the operation in `X-Amz-Target` (JSON) or in the path (RPC v2).
    pub target_prefix: &'static str,
    /// `1.0` or `1.1`, for the JSON protocol.
    pub json_version: &'static str,
    /// The protocols that clients may use.
    pub protocols: &'static [ProtocolId],
    /// The namespace of XML answers.
    pub xml_namespace: Option<XmlNamespace>,
    /// Errors carry `x-amzn-query-error`.
    pub query_compatible: bool,
}

/// An operation.
#[derive(Debug)]
pub struct OperationSchema {
    /// The operation's name.
    pub name: &'static str,
    /// The service it belongs to.
    pub service: &'static ServiceSchema,
    /// HTTP method.
    pub method: &'static str,
    /// URI pattern with `{label}`, `{greedy+}` and fixed query parameters.
    pub uri: &'static str,
    /// Status of a successful answer.
    pub status: u16,
    /// The input structure.
    pub input: &'static Schema,
    /// The output structure.
    pub output: &'static Schema,
    /// The errors that the model declares.
    pub errors: &'static [&'static ErrorShape],
    /// The root element of an XML input.
    pub input_location_name: Option<&'static str>,
    /// The namespace of an XML input's root.
    pub input_xml_namespace: Option<XmlNamespace>,
    /// The root element of an XML output.
    pub output_location_name: Option<&'static str>,
    /// Whether an XML output is its only member, without a root of its own.
    pub unwrapped: bool,
    /// The element around the result in query answers.
    pub result_wrapper: Option<&'static str>,
    /// What a client puts before the host name.
    pub host_prefix: Option<&'static str>,
    /// Whether the model says that callers need not sign.
    pub anonymous: bool,
    /// Whether the request must carry a checksum of its body.
    pub checksum_required: bool,
    /// What callers must be allowed to do.
    pub authorization: &'static Authorization,
}

impl OperationSchema {
    /// Whether the request's payload is streamed to the handler.
    pub fn streams_input(&self) -> bool {
        self.input.payload_member().is_some_and(Member::is_streaming)
    }
}

/// A required query parameter or header of an operation, by its wire name: what tells it from
/// another operation with the same method and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discriminator {
    /// A query parameter.
    Query(&'static str),
    /// A header.
    Header(&'static str),
}

/// One operation of a model, whether it is served or not.
#[derive(Clone, Copy, Debug)]
pub struct OperationEntry {
    /// Its name.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// URI pattern.
    pub uri: &'static str,
    /// What tells it from operations with the same method and path.
    pub discriminators: &'static [Discriminator],
}

/// Schemas of the scalars that the model uses undecorated.
pub mod prelude {
    use super::{Schema, ShapeType};

    /// Text.
    pub static STRING: Schema = Schema::of("String", ShapeType::String);
    /// A 32-bit integer.
    pub static INTEGER: Schema = Schema::of("Integer", ShapeType::Integer);
    /// A 64-bit integer.
    pub static LONG: Schema = Schema::of("Long", ShapeType::Long);
    /// A 32-bit float.
    pub static FLOAT: Schema = Schema::of("Float", ShapeType::Float);
    /// A 64-bit float.
    pub static DOUBLE: Schema = Schema::of("Double", ShapeType::Double);
    /// A boolean.
    pub static BOOLEAN: Schema = Schema::of("Boolean", ShapeType::Boolean);
    /// Bytes.
    pub static BLOB: Schema = Schema::of("Blob", ShapeType::Blob);
    /// A point in time.
    pub static TIMESTAMP: Schema = Schema::of("Timestamp", ShapeType::Timestamp);
}
