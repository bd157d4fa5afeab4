//! The permissions that operations require, from `models/authz/<service>.json`.
//!
//! Templates are parsed here, and the members that they refer to get numbered slots: see
//! `cloudtwin_smithy::authorization`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use heck::ToUpperCamelCase;
use serde_json::Value;

use crate::model::ModelError;
use crate::names;
use crate::schemas::literal;

/// Writes `pub mod authorization`, one static an operation.
///
/// # Errors
/// When an operation has no entry: it could not be authorised, so it cannot be served.
pub(crate) fn write(json: &Value, operations: &BTreeSet<String>, out: &mut String) -> Result<(), ModelError> {
    out.push_str(
        "/// What each operation requires of its caller.\npub mod authorization {\nuse super::authz::*;\n",
    );
    for operation in operations {
        let entry = json.get("operations").and_then(|all| all.get(operation)).ok_or_else(|| {
            ModelError(format!(
                "`{operation}` has no authorisation data in models/authz: it cannot be served"
            ))
        })?;
        let text =
            authorization(entry).map_err(|ModelError(why)| ModelError(format!("{operation}: {why}")))?;
        let _ = writeln!(out, "pub static {}: Authorization = {text};", names::constant(operation));
    }
    out.push_str("}\n");
    Ok(())
}

fn authorization(entry: &Value) -> Result<String, ModelError> {
    let mut inputs = Inputs::default();
    let mut requirements: Vec<Written> = Vec::new();
    for required in items(entry.get("required")) {
        let mut written = requirement(required, &mut inputs)?;
        // Alternatives of one condition stand side by side in the data, with all else the same.
        match requirements.last_mut().filter(|last| last.same_but_for_when(&written)) {
            Some(last) => last.when.append(&mut written.when),
            None => requirements.push(written),
        }
    }
    let mut text = "Authorization { ".to_owned();
    for (key, field) in [("permissionless", "permissionless"), ("resourcePolicyOnly", "resource_policy_only")]
    {
        if entry.get(key).and_then(Value::as_bool).unwrap_or(false) {
            let _ = write!(text, "{field}: true, ");
        }
    }
    for key in ["each", "deferred"] {
        if let Some(value) = entry.get(key).and_then(Value::as_str) {
            let _ = write!(text, "{key}: Some({}), ", literal(value));
        }
    }
    if !requirements.is_empty() {
        let requirements: Vec<String> = requirements.iter().map(Written::render).collect();
        let _ = write!(text, "required: &[{}], ", requirements.join(", "));
    }
    if !inputs.tree.is_empty() {
        let (slots, lists) = (inputs.slots, inputs.lists);
        let _ = write!(text, "inputs: &[{}], slots: {slots}, lists: {lists}, ", render_nodes(&inputs.tree));
    }
    text.push_str("..Authorization::EMPTY }");
    Ok(text)
}

fn items(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

/// A requirement as Rust text, whose parts can still be compared.
struct Written {
    action: String,
    resources: String,
    when: Vec<String>,
    keys: String,
    dependent: bool,
    each: Option<usize>,
}

impl Written {
    fn same_but_for_when(&self, other: &Self) -> bool {
        !self.when.is_empty()
            && !other.when.is_empty()
            && (&self.action, &self.resources, &self.keys, self.dependent, self.each)
                == (&other.action, &other.resources, &other.keys, other.dependent, other.each)
    }

    fn render(&self) -> String {
        let mut text = "Requirement { ".to_owned();
        if !self.when.is_empty() {
            let _ = write!(text, "when: &[{}], ", self.when.join(", "));
        }
        if !self.keys.is_empty() {
            let _ = write!(text, "keys: &[{}], ", self.keys);
        }
        if self.dependent {
            text.push_str("dependent: true, ");
        }
        if let Some(list) = self.each {
            let _ = write!(text, "each: Some({list}), ");
        }
        let _ = write!(text, "..Requirement::of({}, &[{}]) }}", literal(&self.action), self.resources);
        text
    }
}

fn requirement(json: &Value, inputs: &mut Inputs) -> Result<Written, ModelError> {
    let action = json.get("action").and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut each = None;
    let mut resources = Vec::new();
    for text in items(json.get("resources")).filter_map(Value::as_str) {
        resources.push(template(text, inputs, &mut each)?);
    }
    let mut conditions = Vec::new();
    for text in items(json.get("when")).filter_map(Value::as_str) {
        conditions.push(condition(text, inputs, &mut each)?);
    }
    let mut keys = Vec::new();
    for (key, value) in json.get("keys").and_then(Value::as_object).into_iter().flatten() {
        // A list that only keys refer to gives them all of its values at once.
        let value = template(value.as_str().unwrap_or_default(), inputs, &mut None)?;
        let (name, tagged) = match key.split_once("${").or_else(|| key.split_once('<')) {
            Some((name, _)) => (name, true),
            None => (key.as_str(), false),
        };
        keys.push(format!("Key {{ name: {}, tagged: {tagged}, value: {value} }}", literal(name)));
    }
    let when = if conditions.is_empty() { Vec::new() } else { vec![format!("&[{}]", conditions.join(", "))] };
    let dependent = json.get("dependent").and_then(Value::as_bool).unwrap_or(false);
    Ok(Written { action, resources: resources.join(", "), when, keys: keys.join(", "), dependent, each })
}

/// Text and `{…}`; `each` becomes the list whose elements it refers to.
fn template(text: &str, inputs: &mut Inputs, each: &mut Option<usize>) -> Result<String, ModelError> {
    let mut segments = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (inner, after) =
            after.split_once('}').ok_or_else(|| ModelError(format!("`{text}` has no closing brace")))?;
        if !before.is_empty() {
            segments.push(format!("Segment::Text({})", literal(before)));
        }
        segments.push(match inner {
            "partition" => "Segment::Call(CallFact::Partition)".to_owned(),
            "region" => "Segment::Call(CallFact::Region)".to_owned(),
            "account" => "Segment::Call(CallFact::Account)".to_owned(),
            "caller" => "Segment::Call(CallFact::Caller)".to_owned(),
            _ => format!("Segment::Input({})", reference(inner, false, inputs, each)?),
        });
        rest = after;
    }
    if !rest.is_empty() {
        segments.push(format!("Segment::Text({})", literal(rest)));
    }
    Ok(format!("&[{}]", segments.join(", ")))
}

/// `Member`, `!Member` and `Member=text`.
fn condition(text: &str, inputs: &mut Inputs, each: &mut Option<usize>) -> Result<String, ModelError> {
    if let Some((member, value)) = text.split_once('=') {
        return Ok(format!("When::Is({}, {})", reference(member, false, inputs, each)?, literal(value)));
    }
    Ok(match text.strip_prefix('!') {
        Some(member) => format!("When::Absent({})", reference(member, true, inputs, each)?),
        None => format!("When::Present({})", reference(text, true, inputs, each)?),
    })
}

/// `Path.To[].Member|transform`.
fn reference(
    text: &str,
    presence: bool,
    inputs: &mut Inputs,
    each: &mut Option<usize>,
) -> Result<String, ModelError> {
    let (path, name) = text.split_once('|').unwrap_or((text, ""));
    let member = path.rsplit('.').next().unwrap_or(path);
    let transform = match name {
        "" => "Plain".to_owned(),
        "with_path" | "full_name" => {
            format!("FullName {{ of: {}, or_caller: {} }}", literal(member), member == "UserName")
        }
        "queue_name"
        | "queue_account"
        | "move_task_source"
        | "copy_source"
        | "copy_source_version"
        | "query_tags"
        | "keys"
        | "true"
        | "mfa_present"
        | "mfa_age"
        | "path"
        | "without_scheme"
        | "account_of"
        | "or_account"
        | "or_default"
        | "or_arn"
        | "relative"
        | "function_name"
        | "function_account"
        | "rule_bus"
        | "url_encoded"
        | "without_last_part" => name.to_upper_camel_case(),
        "access_key_user" | "deletion_task_role" | "service_linked_role_name" | "stored_arn" => {
            format!("Stored({})", literal(name))
        }
        unknown => return Err(ModelError(format!("`{text}`: unknown transform {unknown}"))),
    };
    let (slot, list) = inputs.slot(path, presence && name.is_empty());
    match (*each, list) {
        (None, Some(_)) => *each = list,
        (Some(before), Some(list)) if before != list => {
            return Err(ModelError(format!("`{text}`: elements of two lists in one requirement")));
        }
        _ => {}
    }
    Ok(format!("Reference {{ slot: {slot}, transform: Transform::{transform} }}"))
}

/// The members that one operation's templates refer to.
#[derive(Default)]
struct Inputs {
    tree: Vec<Node>,
    slots: usize,
    lists: usize,
}

struct Node {
    name: String,
    slot: Option<usize>,
    presence: bool,
    list: Option<usize>,
    inside: Vec<Node>,
}

impl Inputs {
    /// The slot of a path, and the innermost list whose elements it leads through.
    fn slot(&mut self, path: &str, presence: bool) -> (usize, Option<usize>) {
        let mut list = None;
        let mut nodes = &mut self.tree;
        // `List[]` is the list's elements themselves: a step of its own, without a name.
        let path = if path.ends_with("[]") { format!("{path}.") } else { path.to_owned() };
        let mut steps = path.split('.').peekable();
        loop {
            let step = steps.next().unwrap_or_default();
            let name = step.trim_end_matches("[]");
            let index = match nodes.iter().position(|node| node.name == name) {
                Some(index) => index,
                None => {
                    let node = Node {
                        name: name.to_owned(),
                        slot: None,
                        presence: true,
                        list: None,
                        inside: Vec::new(),
                    };
                    nodes.push(node);
                    nodes.len() - 1
                }
            };
            // INVARIANT: `index` is of a node that was found or pushed above.
            #[expect(clippy::indexing_slicing, reason = "the node was found or pushed just above")]
            let node = &mut nodes[index];
            if step.ends_with("[]") {
                let number = *node.list.get_or_insert_with(|| {
                    self.lists += 1;
                    self.lists - 1
                });
                list = Some(number);
            }
            if steps.peek().is_none() {
                node.presence &= presence;
                let slot = *node.slot.get_or_insert_with(|| {
                    self.slots += 1;
                    self.slots - 1
                });
                return (slot, list);
            }
            nodes = &mut node.inside;
        }
    }
}

fn render_nodes(nodes: &[Node]) -> String {
    let nodes: Vec<String> = nodes
        .iter()
        .map(|node| {
            let mut text = "Input { ".to_owned();
            if let Some(slot) = node.slot {
                let _ = write!(text, "slot: Some({slot}), presence: {}, ", node.presence);
            }
            if let Some(list) = node.list {
                let _ = write!(text, "list: Some({list}), ");
            }
            if !node.inside.is_empty() {
                let _ = write!(text, "inside: &[{}], ", render_nodes(&node.inside));
            }
            let _ = write!(text, "..Input::of({}) }}", literal(&node.name));
            text
        })
        .collect();
    nodes.join(", ")
}
