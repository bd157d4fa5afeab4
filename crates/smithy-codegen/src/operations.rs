//! The service, its operations and errors.

use std::fmt::Write as _;

use serde_json::Value;

use crate::model::{IndexEntry, Model, OperationModel, Side};
use crate::names;
use crate::schemas::{literal, path, xml_namespace};

/// Writes the service's schema, an `Operation` per operation and `pub mod errors`.
pub(crate) fn write(model: &Model, side: Side, out: &mut String) {
    write_service(model, out);
    if side != Side::Client {
        write_index(model, out);
    }
    write_errors(model, out);
    for operation in &model.operations {
        write_operation(model, operation, out);
    }
}

fn optional(text: Option<&str>) -> String {
    text.map_or("None".to_owned(), |text| format!("Some({})", literal(text)))
}

fn write_service(model: &Model, out: &mut String) {
    let query_compatible = model.service.get("awsQueryCompatible").and_then(Value::as_bool).unwrap_or(false);
    let mut ids: Vec<&str> = model
        .service_protocols()
        .filter_map(|protocol| match protocol {
            "query" => Some("Query"),
            "ec2" => Some("Ec2"),
            "json" | "json-1.0" | "json-1.1" => Some("Json"),
            "rest-json" => Some("RestJson"),
            "rest-xml" => Some("RestXml"),
            "smithy-rpc-v2-cbor" | "rpc-v2-cbor" => Some("RpcV2Cbor"),
            "smithy-rpc-v2-json" | "rpc-v2-json" => Some("RpcV2Json"),
            _ => None,
        })
        .collect();
    // Clients from before the service's move to JSON still speak the query protocol.
    if query_compatible && !ids.contains(&"Query") {
        ids.push("Query");
    }
    ids.dedup();
    let protocols: Vec<String> = ids.iter().map(|id| format!("ProtocolId::{id}")).collect();
    let namespace = xml_namespace(model.service.get("xmlNamespace"))
        .map_or("None".to_owned(), |namespace| format!("Some({namespace})"));
    let text = |name: &str| literal(model.service_text(name));
    let _ = writeln!(
        out,
        "pub static SERVICE: ServiceSchema = ServiceSchema {{ name: {}, service_id: {}, endpoint_prefix: {}, signing_name: {}, api_version: {}, target_prefix: {}, json_version: {}, protocols: &[{}], xml_namespace: {namespace}, query_compatible: {query_compatible} }};",
        text("name"),
        text("serviceId"),
        text("endpointPrefix"),
        text("signingName"),
        text("apiVersion"),
        text("targetPrefix"),
        text("jsonVersion"),
        protocols.join(", "),
    );
}

/// Every operation of the model, so that one that is not served is answered by its name.
fn write_index(model: &Model, out: &mut String) {
    out.push_str("/// Every operation of the model.\npub static OPERATIONS: &[OperationEntry] = &[\n");
    for IndexEntry { name, method, uri, discriminators } in &model.index {
        let discriminators: Vec<String> = discriminators
            .iter()
            .map(|(kind, wire)| format!("Discriminator::{kind}({})", literal(wire)))
            .collect();
        let _ = writeln!(
            out,
            "OperationEntry {{ name: {}, method: {}, uri: {}, discriminators: &[{}] }},",
            literal(name),
            literal(method),
            literal(uri),
            discriminators.join(", ")
        );
    }
    out.push_str("];\n");
}

fn write_errors(model: &Model, out: &mut String) {
    out.push_str("/// The errors of these operations.\npub mod errors {\nuse super::*;\n");
    for (name, shape) in model.shapes.iter().filter(|(_, shape)| shape.has("exception")) {
        let error = shape.traits.get("error");
        let field = |key: &str| error.and_then(|error| error.get(key));
        let fault = shape.has("fault");
        let status = field("httpStatusCode").and_then(Value::as_u64).unwrap_or(if fault { 500 } else { 400 });
        let sender = field("senderFault").and_then(Value::as_bool).unwrap_or(!fault && status < 500);
        let code = field("code").and_then(Value::as_str).unwrap_or(name);
        let _ = writeln!(
            out,
            "pub static {}: ErrorShape = ErrorShape {{ schema: &{}, code: {}, status: {status}, sender: {sender}, query_code: {} }};",
            names::constant(name),
            path(model, name),
            literal(code),
            optional(field("queryCode").and_then(Value::as_str)),
        );
    }
    out.push_str("}\n");
}

fn write_operation(model: &Model, operation: &OperationModel, out: &mut String) {
    let OperationModel { name, traits, input, output, errors } = operation;
    let text = |key: &str| traits.get(key).and_then(Value::as_str);
    let (method, uri) = text("http").and_then(|http| http.split_once(' ')).unwrap_or(("POST", "/"));
    let status = traits.get("status").and_then(Value::as_u64).unwrap_or(200);
    let anonymous = text("authtype") == Some("none")
        || text("auth").is_some_and(|auth| auth.contains("none") || auth.contains("noAuth"));
    let checksum = traits.get("httpChecksumRequired").and_then(Value::as_bool).unwrap_or(false)
        || traits
            .get("httpChecksum")
            .and_then(|checksum| checksum.get("requestChecksumRequired"))
            .and_then(Value::as_bool)
            .unwrap_or(false);
    let flag = |key: &str| traits.get(key).and_then(Value::as_bool).unwrap_or(false);
    let namespace = xml_namespace(traits.get("inXmlNamespace"))
        .map_or("None".to_owned(), |namespace| format!("Some({namespace})"));
    let errors: Vec<String> = errors
        .iter()
        .filter(|error| model.shapes.contains_key(*error))
        .map(|error| format!("&errors::{}", names::constant(error)))
        .collect();
    let constant = names::constant(name);
    let type_name = names::type_name(name);
    let _ = writeln!(
        out,
        "/// The operation `{name}`.\n#[derive(Clone, Copy, Debug)]\npub struct {type_name};\nstatic {constant}_OPERATION: OperationSchema = OperationSchema {{ name: {}, service: &SERVICE, method: {}, uri: {}, status: {status}, input: &{}, output: &{}, errors: &[{}], input_location_name: {}, input_xml_namespace: {namespace}, output_location_name: {}, unwrapped: {}, result_wrapper: {}, host_prefix: {}, anonymous: {anonymous}, checksum_required: {checksum}, authorization: &authorization::{constant} }};",
        literal(name),
        literal(method),
        literal(uri),
        path(model, input),
        path(model, output),
        errors.join(", "),
        optional(text("inLocationName")),
        optional(text("outLocationName")),
        flag("unwrapped"),
        optional(text("resultWrapper")),
        optional(text("hostPrefix")),
    );
    let _ = writeln!(
        out,
        "impl Operation for {type_name} {{\ntype Input = {};\ntype Output = {};\nfn schema() -> &'static OperationSchema {{ &{constant}_OPERATION }}\n}}",
        names::type_name(input),
        names::type_name(output)
    );
    for (own, key) in [(format!("{name}Input"), input), (format!("{name}Output"), output)] {
        if own != *key {
            let _ =
                writeln!(out, "/// `{name}` shares this shape.\npub type {own} = {};", names::type_name(key));
        }
    }
}
