//! Compares the committed tables with AWS's service authorization reference.
//!
//! The reference carries no licence that would let us ship it, so the test runs only where
//! `CLOUDTWIN_SERVICE_REFERENCE` names a compacted copy (gzip, JSON: `services.<prefix>.{ops,actions,resources}`).

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;

use super::{SERVICES, overrides, prefix, section};
use crate::model::names;

/// Differences found, by whether the overrides explain them.
#[derive(Default)]
struct Differences {
    compared: usize,
    unstated: usize,
    explained: usize,
    unexplained: Vec<String>,
}

#[test]
fn tables_agree_with_the_service_authorization_reference() {
    let Some(path) = env::var_os("CLOUDTWIN_SERVICE_REFERENCE") else {
        println!("CLOUDTWIN_SERVICE_REFERENCE is not set: nothing compared");
        return;
    };
    let file = fs::File::open(path).unwrap();
    let reference: Value = serde_json::from_reader(GzDecoder::new(file)).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("models");
    let mut differences = Differences::default();
    for service in SERVICES {
        let text = fs::read_to_string(models.join("authz").join(format!("{service}.json"))).unwrap();
        let table: Value = serde_json::from_str(&text).unwrap();
        let overrides = overrides(&models, service).unwrap();
        for (operation, entry) in section(&table, "operations") {
            compare(service, operation, entry, &reference, &overrides, &mut differences);
        }
    }
    println!(
        "{} operations compared, {} more have no stated action, {} differences explained, {} not",
        differences.compared,
        differences.unstated,
        differences.explained,
        differences.unexplained.len()
    );
    assert!(differences.unexplained.is_empty(), "unexplained:\n{}", differences.unexplained.join("\n"));
}

fn compare(
    service: &str,
    operation: &str,
    entry: &Value,
    reference: &Value,
    overrides: &Value,
    out: &mut Differences,
) {
    let required = || entry["required"].as_array().into_iter().flatten();
    let ours: BTreeSet<&str> = required().map(|one| one["action"].as_str().unwrap()).collect();
    let stated = reference["services"][prefix(service)]["ops"][operation]["actions"].as_array();
    let theirs: BTreeSet<&str> = stated.into_iter().flatten().map(|one| one["a"].as_str().unwrap()).collect();
    let mut differ = |action: &str, what: &str| {
        if explained(overrides, operation, action) {
            out.explained += 1;
        } else {
            out.unexplained.push(format!("{service} {operation}: {action} {what}"));
        }
    };
    for action in &ours {
        if action_facts(reference, action).is_none() {
            differ(action, "is no action of the reference");
        } else if !theirs.is_empty() && !theirs.contains(action) {
            differ(action, "is asked for here only");
        }
    }
    for action in theirs.difference(&ours) {
        differ(action, "is asked for by the reference only");
    }
    for requirement in required() {
        let action = requirement["action"].as_str().unwrap();
        for resource in names(requirement.get("resources")) {
            if !resource_fits(reference, action, resource) {
                differ(action, &format!("has a resource of another form: {resource}"));
            }
        }
        for (key, _) in section(requirement, "keys") {
            if !key_fits(reference, action, key) {
                differ(action, &format!("does not support the key {key}"));
            }
        }
    }
    if theirs.is_empty() {
        out.unstated += 1;
    } else {
        out.compared += 1;
    }
}

fn action_facts<'a>(reference: &'a Value, action: &str) -> Option<&'a Value> {
    let (prefix, name) = action.split_once(':')?;
    reference.get("services")?.get(prefix)?.get("actions")?.get(name)
}

/// A template must have the form of one of the ARNs of the action's resource types. A template that is one
/// reference (`{RoleArn}`) is an ARN by the caller's word; `*` needs an action without resource types.
fn resource_fits(reference: &Value, action: &str, template: &str) -> bool {
    let Some(facts) = action_facts(reference, action) else { return true };
    let prefix = action.split(':').next().unwrap();
    let mut formats = names(facts.get("resources"))
        .flat_map(|kind| names(reference["services"][prefix]["resources"][kind].get("arn")))
        .peekable();
    if formats.peek().is_none() {
        return template == "*";
    }
    if template.starts_with('{') && template.find('}') == Some(template.len() - 1) {
        return true;
    }
    // `|path` stands for "/…/", `|copy_source` for "bucket/key".
    let sample = template.replace("{Path|path}", "/X/").replace("{CopySource|copy_source}", "X/X");
    let sample = regex::Regex::new(r"\{[^}]*\}").unwrap().replace_all(&sample, "X").into_owned();
    formats.any(|format| {
        let pattern = regex::Regex::new(r"\\\$\\\{[^}]*\\\}").unwrap();
        let pattern = pattern.replace_all(&regex::escape(format), ".+").into_owned();
        regex::Regex::new(&format!("^{pattern}$")).unwrap().is_match(&sample)
    })
}

/// A key must be one that the action, or one of its resource types, supports.
fn key_fits(reference: &Value, action: &str, key: &str) -> bool {
    let Some(facts) = action_facts(reference, action) else { return true };
    let prefix = action.split(':').next().unwrap();
    let of_types = names(facts.get("resources"))
        .flat_map(|kind| names(reference["services"][prefix]["resources"][kind].get("keys")));
    names(facts.get("keys")).chain(of_types).any(|known| known.eq_ignore_ascii_case(key))
}

/// Explanations are given per operation or, under `*`, for all; a name may end in `*`.
fn explained(overrides: &Value, operation: &str, action: &str) -> bool {
    let explanations = overrides.get("reference");
    [operation, "*"].into_iter().filter_map(|scope| explanations?.get(scope)?.as_object()).flatten().any(
        |(pattern, reason)| {
            let hit = match pattern.strip_suffix('*') {
                Some(prefix) => action.starts_with(prefix),
                None => pattern == action,
            };
            hit && reason.as_str().is_some_and(|reason| !reason.is_empty())
        },
    )
}
