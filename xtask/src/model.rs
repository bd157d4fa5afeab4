//! The compact model: what is in it, and how it is written so that diffs can be reviewed.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::failure::{Context, Failure, Result};

/// Types that a member may name without a shape of its own.
const SIMPLE_TYPES: [&str; 12] = [
    "string",
    "boolean",
    "byte",
    "short",
    "integer",
    "long",
    "float",
    "double",
    "bigdecimal",
    "biginteger",
    "blob",
    "timestamp",
];

/// The order in which an operation's facts are written.
const OPERATION_ORDER: [&str; 17] = [
    "http",
    "status",
    "in",
    "out",
    "errors",
    "inLocationName",
    "inXmlNamespace",
    "outLocationName",
    "unwrapped",
    "resultWrapper",
    "hostPrefix",
    "auth",
    "unsignedPayload",
    "httpChecksumRequired",
    "httpChecksum",
    "requestcompression",
    "paginator",
];

/// The order in which a shape's facts are written.
const SHAPE_ORDER: [&str; 26] = [
    "type",
    "members",
    "member",
    "key",
    "value",
    "required",
    "payload",
    "union",
    "document",
    "eventstream",
    "exception",
    "undeclared",
    "fault",
    "error",
    "sparse",
    "min",
    "max",
    "pattern",
    "enum",
    "sensitive",
    "streaming",
    "requiresLength",
    "timestampFormat",
    "jsonvalue",
    "locationName",
    "xmlNamespace",
];

/// The order in which a member's facts are written.
const REFERENCE_ORDER: [&str; 13] = [
    "s",
    "location",
    "locationName",
    "queryName",
    "flattened",
    "xmlAttribute",
    "xmlNamespace",
    "timestampFormat",
    "jsonvalue",
    "idempotencyToken",
    "hostLabel",
    "eventheader",
    "eventpayload",
];

/// The order in which an error's facts are written, as in the conformance cases.
const ERROR_ORDER: [&str; 4] = ["httpStatusCode", "code", "queryCode", "senderFault"];

/// One service's model in the dialect described in `models/README.md`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    /// Facts about the whole service: protocols, names, API version.
    pub(crate) service: Map<String, Value>,
    /// Operations by name.
    pub(crate) operations: Map<String, Value>,
    /// Shapes by name; inside a structure the order of `members` is the order on the wire.
    pub(crate) shapes: Map<String, Value>,
}

impl Model {
    /// Drops shapes that nothing reaches and replaces undecorated scalar shapes by their bare type.
    pub(crate) fn simplify(&mut self) -> Result<()> {
        let reachable = self.reachable()?;
        self.shapes.retain(|name, _| reachable.contains(name));
        let plain: Map<String, Value> = self
            .shapes
            .iter()
            .filter_map(|(name, shape)| Some((name.clone(), Value::from(plain_scalar(shape)?))))
            .collect();
        self.shapes.retain(|name, _| !plain.contains_key(name));
        if let Some(name) = self.shapes.keys().find(|name| SIMPLE_TYPES.contains(&name.as_str())) {
            return Err(Failure::new(format!("shape {name} is decorated but named like a simple type")));
        }
        for shape in self.shapes.values_mut() {
            for reference in references_mut(shape) {
                let target = reference.get("s").and_then(Value::as_str).and_then(|name| plain.get(name));
                if let Some(target) = target.cloned() {
                    if reference.as_object().is_some_and(|map| map.len() == 1) {
                        *reference = target;
                    } else if let Some(slot) = reference.get_mut("s") {
                        *slot = target;
                    }
                }
            }
        }
        self.operations.sort_keys();
        self.shapes.sort_keys();
        self.arrange()
    }

    /// Writes every entry's facts in one order, and every error's in full.
    fn arrange(&mut self) -> Result<()> {
        for operation in self.operations.values_mut() {
            arrange(operation, &OPERATION_ORDER)?;
        }
        let query_compatible = self.service.contains_key("awsQueryCompatible");
        for (name, shape) in &mut self.shapes {
            if shape.get("exception").is_some() {
                complete_error(name, shape, query_compatible)?;
            }
            for reference in references_mut(shape).filter(|reference| reference.is_object()) {
                arrange(reference, &REFERENCE_ORDER)?;
            }
            arrange(shape, &SHAPE_ORDER).context(format_args!("shape {name}"))?;
        }
        Ok(())
    }

    /// Names of all shapes that an operation leads to, or an error that every operation may answer.
    fn reachable(&self) -> Result<BTreeSet<String>> {
        let undeclared = |shape: &Value| shape.get("undeclared").and_then(Value::as_bool) == Some(true);
        let mut pending: Vec<&str> = self
            .shapes
            .iter()
            .filter(|(_, shape)| undeclared(shape))
            .map(|(name, _)| name.as_str())
            .collect();
        for operation in self.operations.values() {
            pending.extend(operation.get("in").and_then(Value::as_str));
            pending.extend(operation.get("out").and_then(Value::as_str));
            pending.extend(names(operation.get("errors")));
        }
        let mut reached = BTreeSet::new();
        while let Some(name) = pending.pop() {
            if !reached.insert(name.to_owned()) {
                continue;
            }
            let shape = self.shapes.get(name).context(format_args!("shape {name}"))?;
            pending.extend(references(shape).filter_map(|reference| reference.get("s")?.as_str()));
        }
        Ok(reached)
    }

    /// The file's text: one operation or shape a line.
    pub(crate) fn render(&self) -> Result<String> {
        let service = serde_json::to_string(&self.service).context("writing the service line")?;
        let mut text = format!("{{\"format\":1,\"service\":{service},\n\"operations\":{{\n");
        push_lines(&mut text, &self.operations)?;
        text.push_str("},\n\"shapes\":{\n");
        push_lines(&mut text, &self.shapes)?;
        text.push_str("}}\n");
        Ok(text)
    }
}

/// Gives an exception its HTTP status and the fault's side, and drops a code that only repeats the name. Where
/// the query protocol is only an older second one, its code is not the error's name: `queryCode`.
fn complete_error(name: &str, shape: &mut Value, query_compatible: bool) -> Result<()> {
    let shape = shape.as_object_mut().context("shape")?;
    let default = if shape.contains_key("fault") { 500 } else { 400 };
    let mut error = shape.get("error").cloned().unwrap_or_else(|| json!({}));
    let facts = error.as_object_mut().context("error")?;
    let status =
        facts.entry("httpStatusCode").or_insert_with(|| default.into()).as_u64().context("status")?;
    if let Some(code) = facts.shift_remove("code").filter(|code| code.as_str() != Some(name)) {
        facts.insert(if query_compatible { "queryCode" } else { "code" }.into(), code);
    }
    if status >= 500 {
        facts.shift_remove("senderFault");
        shape.insert("fault".into(), true.into());
    } else {
        facts.insert("senderFault".into(), true.into());
        shape.shift_remove("fault");
    }
    arrange(&mut error, &ERROR_ORDER)?;
    shape.insert("error".into(), error);
    Ok(())
}

/// Puts an object's entries into `order`; an entry that the dialect does not know is an error.
fn arrange(value: &mut Value, order: &[&str]) -> Result<()> {
    let entries = value.as_object_mut().context("an object")?;
    let mut arranged = Map::new();
    for key in order {
        if let Some(value) = entries.shift_remove(*key) {
            arranged.insert((*key).to_owned(), value);
        }
    }
    if let Some(unknown) = entries.keys().next() {
        return Err(Failure::new(format!("{unknown} is not part of the dialect")));
    }
    *entries = arranged;
    Ok(())
}

/// Appends `"key":value` lines, comma-separated, to `text`.
pub(crate) fn push_lines(text: &mut String, entries: &Map<String, Value>) -> Result<()> {
    for (position, (name, value)) in entries.iter().enumerate() {
        if position > 0 {
            text.push_str(",\n");
        }
        text.push_str(&serde_json::to_string(name).context("writing a name")?);
        text.push(':');
        text.push_str(&serde_json::to_string(value).context(format_args!("writing {name}"))?);
    }
    text.push('\n');
    Ok(())
}

/// The strings of a JSON list.
pub(crate) fn names(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// Everything in a shape that refers to another shape.
pub(crate) fn references(shape: &Value) -> impl Iterator<Item = &Value> {
    let members = shape.get("members").and_then(Value::as_object).into_iter().flat_map(Map::values);
    members.chain(["member", "key", "value"].into_iter().filter_map(|slot| shape.get(slot)))
}

fn references_mut(shape: &mut Value) -> impl Iterator<Item = &mut Value> {
    shape.as_object_mut().into_iter().flatten().flat_map(|(slot, value)| {
        let (members, element) = match slot.as_str() {
            "members" => (value.as_object_mut(), None),
            "member" | "key" | "value" => (None, Some(value)),
            _ => (None, None),
        };
        members.into_iter().flat_map(Map::values_mut).chain(element)
    })
}

/// The type of a scalar shape that carries no other fact.
fn plain_scalar(shape: &Value) -> Option<&'static str> {
    let shape = shape.as_object()?;
    let kind = shape.get("type")?.as_str()?;
    (shape.len() == 1).then(|| SIMPLE_TYPES.iter().find(|simple| **simple == kind).copied()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(service: Value, operations: Value, shapes: Value) -> Model {
        let object = |value: Value| value.as_object().cloned().unwrap();
        Model { service: object(service), operations: object(operations), shapes: object(shapes) }
    }

    #[test]
    fn plain_scalars_become_bare_types_and_unreachable_shapes_go() {
        let mut model = model(
            json!({"name": "x"}),
            json!({"B": {"in": "In"}, "A": {"in": "In"}}),
            json!({
                "Unused": {"type": "string"},
                "Name": {"type": "string"},
                "Size": {"type": "integer", "max": 10},
                "In": {"type": "structure", "members": {
                    "z": {"s": "Name"}, "a": {"locationName": "x-a", "s": "Name", "location": "header"}, "n": {"s": "Size"}}}
            }),
        );
        model.simplify().unwrap();
        assert_eq!(
            model.render().unwrap(),
            "{\"format\":1,\"service\":{\"name\":\"x\"},\n\"operations\":{\n\"A\":{\"in\":\"In\"},\n\"B\":{\"in\":\"In\"}\n},\n\
             \"shapes\":{\n\"In\":{\"type\":\"structure\",\"members\":{\"z\":\"string\",\
             \"a\":{\"s\":\"string\",\"location\":\"header\",\"locationName\":\"x-a\"},\"n\":{\"s\":\"Size\"}}},\n\
             \"Size\":{\"type\":\"integer\",\"max\":10}\n}}\n"
        );
    }

    #[test]
    fn every_error_says_its_status_and_side() {
        let mut model = model(
            json!({"awsQueryCompatible": true}),
            json!({"A": {"errors": ["Gone"]}}),
            json!({
                "Gone": {"type": "structure", "members": {}, "exception": true, "error": {"code": "NotThere"}},
                "Broken": {"type": "structure", "members": {}, "exception": true, "undeclared": true, "fault": true}
            }),
        );
        model.simplify().unwrap();
        let sender = json!({"httpStatusCode": 400, "queryCode": "NotThere", "senderFault": true});
        assert_eq!(model.shapes["Gone"]["error"], sender);
        assert_eq!(model.shapes["Broken"]["error"], json!({"httpStatusCode": 500}));
    }

    #[test]
    fn a_missing_shape_or_an_unknown_fact_stops_the_generation() {
        assert!(model(json!({}), json!({"A": {"in": "Absent"}}), json!({})).simplify().is_err());
        assert!(
            model(json!({}), json!({"A": {"http": "GET /", "colour": "red"}}), json!({})).simplify().is_err()
        );
    }
}
