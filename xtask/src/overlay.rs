//! Facts that botocore's models lose, read from the schemas inside the AWS SDK for JavaScript.
//!
//! Each `@aws-sdk/client-*` package holds its model as array literals in `schemas_0.js`. A small reader for
//! exactly that subset of JavaScript turns it into JSON, from which we take: HTTP statuses and query codes of
//! errors, root elements of XML outputs, and (for SQS, whose query protocol botocore no longer describes) the
//! XML names and flattening of members.

use serde_json::{Map, Value, json};

use crate::convert::protocols;
use crate::failure::{Context, Result};
use crate::javascript;
use crate::model::Model;
use crate::packages::{Package, Registry, file_of_package};

/// Services that need the overlay, with the pinned package that supplies it. The others lose nothing a server
/// needs: their protocols put no modelled status on the wire (KMS, for one, answers 400 where its Smithy model
/// says 404 or 409), or botocore keeps it.
const SOURCES: [(&str, Package); 2] = [
    (
        "s3",
        Package {
            registry: Registry::Npm,
            name: "@aws-sdk/client-s3",
            version: "3.1169.0",
            file: "aws-sdk-client-s3-3.1169.0.tgz",
            sha256: "a6376719381578d111ad28137f7c6f6cb6ddd36e18166b07371f331dd8631943",
        },
    ),
    (
        "sqs",
        Package {
            registry: Registry::Npm,
            name: "@aws-sdk/client-sqs",
            version: "3.1169.0",
            file: "aws-sdk-client-sqs-3.1169.0.tgz",
            sha256: "fe2263993d698ad16e116975f12d9f8f28c0fe591af8cddf56c527c278e1fa25",
        },
    ),
];

/// The schema file inside a client package.
const SCHEMAS: &str = "package/dist-es/schemas/schemas_0.js";

/// Largest schema file we are ready to unpack, in bytes.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// Adds the lost facts to `model`, if its service has an overlay.
pub(crate) fn apply(service: &str, model: &mut Model) -> Result<()> {
    let Some((_, package)) = SOURCES.iter().find(|(name, _)| *name == service) else { return Ok(()) };
    let schemas = javascript::declarations(&file_of_package(&package.bytes()?, SCHEMAS, LARGEST_FILE)?)
        .context(package.file)?;
    let names_matter = !protocols(&model.service).any(|protocol| protocol == "rest-xml");
    for schema in schemas.values().filter_map(Value::as_array) {
        let part = |position: usize| schema.get(position);
        let name = part(2).and_then(Value::as_str).unwrap_or_default();
        match part(0).and_then(Value::as_i64) {
            Some(-3) => apply_error(name, part(3), model),
            Some(9) => apply_output_root(name, part(5), &schemas, model),
            Some(3) if names_matter => apply_member_names(name, part(4), part(5), model),
            Some(1) if names_matter => apply_element_names(name, &[("member", part(4))], model),
            Some(2) if names_matter => {
                apply_element_names(name, &[("key", part(4)), ("value", part(5))], model);
            }
            _ => {}
        }
    }
    Ok(())
}

/// HTTP status and query code of one error.
fn apply_error(name: &str, traits: Option<&Value>, model: &mut Model) {
    let Some(shape) = model.shapes.get_mut(name).and_then(Value::as_object_mut) else { return };
    let fault = traits.and_then(|traits| traits.get("error")).and_then(Value::as_str) == Some("server");
    if fault {
        shape.insert("fault".into(), true.into());
    }
    let error = shape.entry("error").or_insert_with(|| json!({}));
    let Some(error) = error.as_object_mut() else { return };
    if let Some(status) = traits.and_then(|traits| traits.get("httpError")) {
        error.insert("httpStatusCode".into(), status.clone());
    } else if fault {
        error.insert("httpStatusCode".into(), 500.into());
    }
    if let Some(code) = traits.and_then(|traits| traits.get("awsQueryError")).and_then(|error| error.get(0)) {
        error.insert("code".into(), code.clone());
    }
}

/// The root element of an operation's XML output, where it is not the output shape's own name.
fn apply_output_root(
    operation: &str,
    output: Option<&Value>,
    schemas: &Map<String, Value>,
    model: &mut Model,
) {
    let root = output
        .and_then(|output| schemas.get(output.get("ref")?.as_str()?))
        .and_then(|schema| schema.get(3)?.get("xmlName"));
    let operation = model.operations.get_mut(operation).and_then(Value::as_object_mut);
    if let (Some(root), Some(operation)) = (root, operation)
        && operation.contains_key("outLocationName")
    {
        operation.insert("outLocationName".into(), root.clone());
    }
}

/// XML names and flattening of a structure's members.
fn apply_member_names(name: &str, names: Option<&Value>, schemas: Option<&Value>, model: &mut Model) {
    let names = names.and_then(Value::as_array).into_iter().flatten();
    let schemas = schemas.and_then(Value::as_array).into_iter().flatten();
    for (member, schema) in names.zip(schemas) {
        let reference = member
            .as_str()
            .and_then(|member| model.shapes.get_mut(name)?.get_mut("members")?.get_mut(member))
            .and_then(Value::as_object_mut);
        if let Some(reference) = reference {
            apply_xml_traits(schema, reference);
        }
    }
}

/// XML names of a list's elements or a map's keys and values.
fn apply_element_names(name: &str, slots: &[(&str, Option<&Value>)], model: &mut Model) {
    for (slot, schema) in slots {
        let reference =
            model.shapes.get_mut(name).and_then(|shape| shape.get_mut(slot)).and_then(Value::as_object_mut);
        if let (Some(schema), Some(reference)) = (schema, reference) {
            apply_xml_traits(schema, reference);
        }
    }
}

fn apply_xml_traits(schema: &Value, reference: &mut Map<String, Value>) {
    if let Some(name) = schema.get(1).and_then(|traits| traits.get("xmlName")) {
        reference.insert("locationName".into(), name.clone());
    }
    if schema.get(1).and_then(|traits| traits.get("xmlFlattened")).is_some() {
        reference.insert("flattened".into(), true.into());
    }
}
