//! `models/index.json`: what is needed to recognise a request for any AWS operation, served or not.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::botocore::Botocore;
use crate::convert::{convert_service, protocols, route};
use crate::failure::{Context, Result};
use crate::model::{Model, push_lines};

/// Facts of a service that identify its requests or shape its errors.
const KEPT: [&str; 9] = [
    "protocols",
    "apiVersion",
    "targetPrefix",
    "jsonVersion",
    "xmlNamespace",
    "awsQueryCompatible",
    "endpointPrefix",
    "signingName",
    "serviceId",
];

/// The index's text: one service a line. `models` holds our own models, whose corrections count here too.
pub(crate) fn render(source: &mut Botocore, models: &BTreeMap<String, Model>) -> Result<String> {
    let mut services = Map::new();
    for name in source.services() {
        let entry = match models.get(&name) {
            Some(model) => entry(model),
            None => entry(&unconverted(&name, &source.model(&name)?).context(&name)?),
        };
        services.insert(name, entry.into());
    }
    let mut text = String::from("{\"format\":1,\"services\":{\n");
    push_lines(&mut text, &services)?;
    text.push_str("}}\n");
    Ok(text)
}

/// The little of a service without a model that the index needs, in the model's own terms.
fn unconverted(name: &str, source: &Value) -> Result<Model> {
    let service = convert_service(name, source.get("metadata").context("metadata")?)?;
    let mut operations = Map::new();
    for (name, operation) in source.get("operations").and_then(Value::as_object).context("operations")? {
        let mut entry = Map::new();
        entry.insert("http".into(), route(operation.get("http").context("http")?)?.into());
        if let Some(prefix) = operation.get("endpoint").and_then(|endpoint| endpoint.get("hostPrefix")) {
            entry.insert("hostPrefix".into(), prefix.clone());
        }
        if operation.get("authtype").and_then(Value::as_str) == Some("none") {
            entry.insert("auth".into(), "none".into());
        }
        operations.insert(name.clone(), entry.into());
    }
    operations.sort_keys();
    Ok(Model { service, operations, shapes: Map::new() })
}

/// One service's line: its identifying facts, then names (with routes for REST services), host prefixes and
/// anonymous operations.
fn entry(model: &Model) -> Map<String, Value> {
    let mut entry = Map::new();
    for key in KEPT {
        if let Some(value) = model.service.get(key) {
            entry.insert(key.to_owned(), value.clone());
        }
    }
    let facts = |key: &'static str| {
        model.operations.iter().filter_map(move |(name, operation)| Some((name, operation.get(key)?.clone())))
    };
    let host_prefixes: Map<String, Value> =
        facts("hostPrefix").map(|(name, prefix)| (name.clone(), prefix)).collect();
    if !host_prefixes.is_empty() {
        entry.insert("hostPrefixes".into(), host_prefixes.into());
    }
    let anonymous: Vec<Value> = facts("auth").map(|(name, _)| Value::from(name.as_str())).collect();
    if !anonymous.is_empty() {
        entry.insert("anonymous".into(), anonymous.into());
    }
    if protocols(&model.service).any(|protocol| protocol.starts_with("rest-")) {
        let routes: Map<String, Value> = facts("http").map(|(name, route)| (name.clone(), route)).collect();
        entry.insert("routes".into(), routes.into());
    } else {
        let names: Vec<Value> = model.operations.keys().map(|name| Value::from(name.as_str())).collect();
        entry.insert("operations".into(), names.into());
    }
    entry
}
