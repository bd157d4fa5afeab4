//! Hand corrections to AWS's models, kept as data in `models/patches/<service>.json`.
//!
//! A file is `{"patches": [{"why": "...", "service": {...}, "operations": {...}, "shapes": {...}}]}`. Objects
//! are merged key by key and `null` deletes. `"name+": [...]` appends to the list `name`, and `"memberOrder"`
//! in a shape moves the named members to the front, in that order.

use serde_json::{Map, Value};

use crate::failure::{Context, Failure, Result};
use crate::model::{Model, names};

/// Applies the patches of one file, in order.
pub(crate) fn apply(file: &Value, model: &mut Model) -> Result<()> {
    for patch in file.get("patches").and_then(Value::as_array).context("patches")? {
        let patch = patch.as_object().context("patch")?;
        if patch.get("why").and_then(Value::as_str).is_none_or(str::is_empty) {
            return Err(Failure::new("a patch without a reason (`why`)"));
        }
        for (section, changes) in patch {
            let target = match section.as_str() {
                "why" => continue,
                "service" => &mut model.service,
                "operations" => &mut model.operations,
                "shapes" => &mut model.shapes,
                unknown => return Err(Failure::new(format!("unknown section {unknown}"))),
            };
            merge(target, changes.as_object().context(section)?).context(section)?;
        }
    }
    for shape in model.shapes.values_mut().filter_map(Value::as_object_mut) {
        reorder(shape)?;
    }
    Ok(())
}

fn merge(target: &mut Map<String, Value>, changes: &Map<String, Value>) -> Result<()> {
    for (key, change) in changes {
        if change.is_null() {
            target.shift_remove(key).context(format_args!("deleting {key}"))?;
        } else if let Some(list) = key.strip_suffix('+') {
            let slot = target.entry(list).or_insert_with(|| Value::Array(Vec::new()));
            let slot = slot.as_array_mut().context(format_args!("{list} is no list"))?;
            for value in change.as_array().context(format_args!("{key} needs a list"))? {
                if !slot.contains(value) {
                    slot.push(value.clone());
                }
            }
        } else if let (Some(Value::Object(existing)), Value::Object(changes)) = (target.get_mut(key), change)
        {
            merge(existing, changes).context(key)?;
        } else {
            target.insert(key.clone(), change.clone());
        }
    }
    Ok(())
}

fn reorder(shape: &mut Map<String, Value>) -> Result<()> {
    let Some(order) = shape.shift_remove("memberOrder") else { return Ok(()) };
    let members = shape.get_mut("members").and_then(Value::as_object_mut).context("memberOrder")?;
    let mut sorted = Map::new();
    for name in names(Some(&order)) {
        let member = members.shift_remove(name).context(format_args!("member {name} in memberOrder"))?;
        sorted.insert(name.to_owned(), member);
    }
    sorted.append(members);
    *members = sorted;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(changes: &Value) -> Result<Model> {
        let mut model = Model::default();
        model.operations.insert("Put".into(), json!({"http": "PUT /", "errors": ["A"]}));
        model
            .shapes
            .insert("S".into(), json!({"type": "structure", "members": {"a": "string", "b": "string"}}));
        apply(&json!({"patches": [changes]}), &mut model)?;
        Ok(model)
    }

    #[test]
    fn a_patch_merges_deletes_appends_and_reorders() {
        let model = patched(&json!({
            "why": "the service answers so",
            "operations": {"Put": {"status": 204, "errors+": ["A", "B"]}},
            "shapes": {"S": {"members": {"c": "long"}, "memberOrder": ["c", "b"]}}
        }))
        .unwrap();
        assert_eq!(model.operations["Put"], json!({"http": "PUT /", "errors": ["A", "B"], "status": 204}));
        let order: Vec<_> = model.shapes["S"]["members"].as_object().unwrap().keys().collect();
        assert_eq!(order, ["c", "b", "a"]);
    }

    #[test]
    fn a_patch_must_say_why_and_must_hit_something() {
        assert!(patched(&json!({"operations": {}})).is_err());
        assert!(patched(&json!({"why": "x", "operations": {"Put": {"absent": null}}})).is_err());
        assert!(patched(&json!({"why": "x", "shapes": {"S": {"memberOrder": ["z"]}}})).is_err());
    }
}
