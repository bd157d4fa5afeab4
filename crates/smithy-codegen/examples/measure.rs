//! Writes the code of a model's operations to stdout, to measure what it costs to compile:
//! `cargo run --example measure -- models/ssm.json [Operation …]` (no operation: all of them).

use std::collections::BTreeSet;

use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which model?")?;
    let model: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let mut operations: BTreeSet<String> = arguments.collect();
    if operations.is_empty() {
        operations.extend(
            model.get("operations").and_then(Value::as_object).ok_or("no operations")?.keys().cloned(),
        );
    }
    let authz: serde_json::Map<String, Value> =
        operations.iter().map(|name| (name.clone(), json!({"permissionless": true}))).collect();
    let text = cloudtwin_smithy_codegen::generate(
        &model,
        &json!({ "operations": authz }),
        &operations,
        cloudtwin_smithy_codegen::Side::Server,
    )?;
    #[expect(clippy::print_stdout, reason = "the output of a command")]
    {
        println!("{text}");
    }
    Ok(())
}
