//! The permissions that operations require, from `models/authz/<service>.json`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

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
        let permissionless = entry.get("permissionless").and_then(Value::as_bool).unwrap_or(false);
        let _ = write!(
            out,
            "pub static {}: Authorization = Authorization {{ permissionless: {permissionless}, required: &[",
            names::constant(operation)
        );
        for required in entry.get("required").and_then(Value::as_array).into_iter().flatten() {
            write_requirement(required, out);
        }
        out.push_str("] };\n");
    }
    out.push_str("}\n");
    Ok(())
}

fn write_requirement(json: &Value, out: &mut String) {
    let action = json.get("action").and_then(Value::as_str).unwrap_or_default();
    let resources: Vec<String> = json
        .get("resources")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(literal)
        .collect();
    let when: Vec<String> = match json.get("when") {
        Some(Value::String(one)) => vec![condition(one)],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(condition).collect(),
        _ => Vec::new(),
    };
    let keys: Vec<String> = json
        .get("keys")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, template)| Some(format!("({}, {})", literal(key), literal(template.as_str()?))))
        .collect();
    let _ = write!(
        out,
        "Requirement {{ action: {}, resources: &[{}], when: &[{}], keys: &[{}] }}, ",
        literal(action),
        resources.join(", "),
        when.join(", "),
        keys.join(", ")
    );
}

/// `Member` and `!Member`.
fn condition(text: &str) -> String {
    match text.strip_prefix('!') {
        Some(member) => format!("When::Absent({})", literal(member)),
        None => format!("When::Present({})", literal(text)),
    }
}
