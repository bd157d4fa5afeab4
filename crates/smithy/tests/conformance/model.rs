//! Builds schemas from the cases' models, in the dialect of the compact service models.

use cloudtwin_smithy::authorization::Authorization;
use cloudtwin_smithy::schema::{
    Constraints, Location, Member, OperationSchema, Pattern, ProtocolId, Schema, ServiceSchema, ShapeType,
    TimestampFormat, XmlNamespace,
};
use cloudtwin_smithy::{ErrorShape, schema};
use serde_json::{Map, Value};

/// How often a shape may contain itself: schemas are trees here, while generated ones are graphs.
const MAX_RECURSION: usize = 5;

/// One operation with its cases.
pub(crate) struct Suite {
    pub(crate) operation: &'static OperationSchema,
    pub(crate) cases: Vec<Value>,
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

pub(crate) fn leak_text(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn text(json: &Value, key: &str) -> Option<&'static str> {
    json.get(key).and_then(Value::as_str).map(leak_text)
}

fn flag(json: &Value, key: &str) -> bool {
    json.get(key).and_then(Value::as_bool).unwrap_or(false)
}

impl Suite {
    pub(crate) fn load(json: &Value, protocol: &str) -> Self {
        let service = service(&json["service"], protocol);
        let model = &json["model"];
        let mut loader = Loader { shapes: json["shapes"].as_object().unwrap(), open: Vec::new() };
        let (method, uri) = model["http"].as_str().unwrap().split_once(' ').unwrap();
        let errors: Vec<&'static ErrorShape> = loader
            .shapes
            .iter()
            .filter(|(_, shape)| flag(shape, "exception"))
            .map(|(name, shape)| error(&mut Loader { shapes: loader.shapes, open: Vec::new() }, name, shape))
            .collect();
        let operation = OperationSchema {
            name: text(json, "operation").unwrap(),
            service,
            method: leak_text(method),
            uri: leak_text(uri),
            status: model.get("status").and_then(Value::as_u64).unwrap_or(200) as u16,
            input: loader.structure(text(model, "in")),
            output: loader.structure(text(model, "out")),
            errors: errors.leak(),
            input_location_name: text(model, "inLocationName"),
            input_xml_namespace: namespace(model.get("inXmlNamespace")),
            output_location_name: text(model, "outLocationName"),
            // The cases' files have lost this trait, which only one operation has.
            unwrapped: flag(model, "unwrapped") || json["operation"] == "GetBucketLocation",
            result_wrapper: text(model, "resultWrapper"),
            host_prefix: text(model, "hostPrefix"),
            anonymous: false,
            checksum_required: flag(model, "httpChecksumRequired"),
            authorization: &Authorization::NONE,
        };
        Self { operation: leak(operation), cases: json["cases"].as_array().unwrap().clone() }
    }
}

fn service(json: &Value, protocol: &str) -> &'static ServiceSchema {
    let id = match protocol {
        "query" => ProtocolId::Query,
        "ec2" => ProtocolId::Ec2,
        "json-1.0" | "json-1.1" => ProtocolId::Json,
        "rest-json" => ProtocolId::RestJson,
        "rest-xml" => ProtocolId::RestXml,
        "rpc-v2-cbor" => ProtocolId::RpcV2Cbor,
        "rpc-v2-json" => ProtocolId::RpcV2Json,
        other => panic!("unknown protocol {other}"),
    };
    leak(ServiceSchema {
        name: text(json, "name").unwrap_or_default(),
        service_id: text(json, "serviceId").unwrap_or_default(),
        endpoint_prefix: "",
        signing_name: "",
        api_version: text(json, "apiVersion").unwrap_or_default(),
        target_prefix: text(json, "targetPrefix").unwrap_or_default(),
        json_version: if protocol == "json-1.0" { "1.0" } else { "1.1" },
        protocols: leak([id]),
        xml_namespace: namespace(json.get("xmlNamespace")),
        query_compatible: flag(json, "awsQueryCompatible"),
    })
}

fn error(loader: &mut Loader<'_>, name: &str, shape: &Value) -> &'static ErrorShape {
    let details = shape.get("error").unwrap_or(&Value::Null);
    let fault = flag(shape, "fault");
    let status =
        details.get("httpStatusCode").and_then(Value::as_u64).unwrap_or(if fault { 500 } else { 400 }) as u16;
    leak(ErrorShape {
        schema: loader.shape(name),
        code: text(details, "code").unwrap_or_else(|| leak_text(name)),
        status,
        sender: details.get("senderFault").and_then(Value::as_bool).unwrap_or(!fault && status < 500),
        query_code: text(details, "queryCode"),
    })
}

struct Loader<'a> {
    shapes: &'a Map<String, Value>,
    open: Vec<String>,
}

impl Loader<'_> {
    /// An operation's input or output. An absent one is an empty structure, as the generator
    /// makes it.
    fn structure(&mut self, name: Option<&str>) -> &'static Schema {
        match name {
            Some(name) => self.shape(name),
            None => leak(Schema::of(Schema::UNIT, ShapeType::Structure)),
        }
    }

    fn shape(&mut self, name: &str) -> &'static Schema {
        leak(self.build(name))
    }

    fn build(&mut self, name: &str) -> Schema {
        let Some(json) = self.shapes.get(name) else {
            return Schema::of(leak_text(name), scalar(name));
        };
        let kind = match json["type"].as_str().unwrap() {
            "structure" if flag(json, "document") => ShapeType::Document,
            "structure" if flag(json, "union") => ShapeType::Union,
            "structure" => ShapeType::Structure,
            "list" => ShapeType::List,
            "map" => ShapeType::Map,
            other => scalar(other),
        };
        let mut schema = Schema::of(leak_text(name), kind);
        let too_deep = self.open.iter().filter(|open| *open == name).count() >= MAX_RECURSION;
        self.open.push(name.to_owned());
        let required: Vec<&str> =
            json["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let uses: Vec<(&str, &Value)> = match kind {
            _ if too_deep => Vec::new(),
            ShapeType::List => vec![("member", &json["member"])],
            ShapeType::Map => vec![("key", &json["key"]), ("value", &json["value"])],
            ShapeType::Structure | ShapeType::Union => json["members"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, member)| (name.as_str(), member))
                .collect(),
            _ => Vec::new(),
        };
        let members: Vec<Member> = uses
            .into_iter()
            .enumerate()
            .map(|(index, (name, json))| self.member(name, index, json, required.contains(&name)))
            .collect();
        self.open.pop();
        schema.payload =
            json["payload"].as_str().and_then(|payload| members.iter().position(|m| m.name == payload));
        schema.constraints = constraints(json);
        schema.constrained =
            is_constrained(json) || members.iter().any(|member| member.required || member.target.constrained);
        schema.members = members.leak();
        schema.sensitive = flag(json, "sensitive");
        schema.sparse = flag(json, "sparse");
        schema.flattened = flag(json, "flattened");
        schema.streaming = flag(json, "streaming");
        schema.event_stream = flag(json, "eventstream");
        schema.exception = flag(json, "exception");
        schema.location_name = text(json, "locationName");
        schema.timestamp_format = timestamp_format(json);
        schema.xml_namespace = namespace(json.get("xmlNamespace"));
        schema
    }

    fn member(&mut self, name: &str, index: usize, json: &Value, required: bool) -> Member {
        let shape_name = json["s"].as_str().unwrap();
        let mut target = self.build(shape_name);
        // The models that the generator reads have such overrides folded into shapes of their own.
        if is_constrained(json) {
            let mut merged =
                self.shapes.get(shape_name).cloned().unwrap_or_else(|| Value::Object(Map::new()));
            for key in ["min", "max", "pattern", "enum"] {
                if let Some(value) = json.get(key) {
                    merged[key] = value.clone();
                }
            }
            target.constraints = constraints(&merged);
            target.constrained = true;
        }
        Member {
            required,
            location: match json["location"].as_str() {
                Some("uri") => Location::Uri,
                Some("querystring") => Location::QueryString,
                Some("header") => Location::Header,
                Some("headers") => Location::Headers,
                Some("statusCode") => Location::StatusCode,
                _ => Location::Body,
            },
            location_name: text(json, "locationName"),
            json_name: json["location"].is_null().then(|| text(json, "locationName")).flatten(),
            query_name: text(json, "queryName"),
            flattened: flag(json, "flattened"),
            xml_attribute: flag(json, "xmlAttribute"),
            xml_namespace: namespace(json.get("xmlNamespace")),
            timestamp_format: timestamp_format(json),
            json_value: flag(json, "jsonvalue"),
            idempotency_token: flag(json, "idempotencyToken"),
            host_label: flag(json, "hostLabel"),
            event_header: flag(json, "eventheader"),
            event_payload: flag(json, "eventpayload"),
            streaming: flag(json, "streaming"),
            ..Member::of(leak_text(name), index, leak(target))
        }
    }
}

fn scalar(name: &str) -> ShapeType {
    match name {
        "blob" => ShapeType::Blob,
        "boolean" => ShapeType::Boolean,
        "timestamp" => ShapeType::Timestamp,
        "integer" => ShapeType::Integer,
        "long" => ShapeType::Long,
        "float" => ShapeType::Float,
        "double" => ShapeType::Double,
        "string" => ShapeType::String,
        other => panic!("no shape `{other}`"),
    }
}

fn is_constrained(json: &Value) -> bool {
    ["min", "max", "pattern", "enum"].iter().any(|key| json.get(key).is_some())
}

fn constraints(json: &Value) -> Constraints {
    let values: Vec<&'static str> =
        json["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(leak_text).collect();
    Constraints {
        min: json.get("min").and_then(Value::as_f64),
        max: json.get("max").and_then(Value::as_f64),
        pattern: text(json, "pattern").map(|source| leak(Pattern::new(source))),
        values: values.leak(),
    }
}

fn timestamp_format(json: &Value) -> Option<TimestampFormat> {
    match json["timestampFormat"].as_str()? {
        "iso8601" => Some(TimestampFormat::DateTime),
        "rfc822" => Some(TimestampFormat::HttpDate),
        "unixTimestamp" => Some(TimestampFormat::EpochSeconds),
        other => panic!("unknown timestamp format {other}"),
    }
}

fn namespace(json: Option<&Value>) -> Option<XmlNamespace> {
    let json = json?;
    Some(match json.as_str() {
        Some(uri) => XmlNamespace { prefix: "", uri: leak_text(uri) },
        None => {
            schema::XmlNamespace { prefix: text(json, "prefix").unwrap_or_default(), uri: text(json, "uri")? }
        }
    })
}
