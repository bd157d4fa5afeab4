//! Files of decisions, one JSON object a line, through [`evaluate`] and [`explain`].
//!
//! `tests/cases.jsonl` is always run. Another file can be named with `CLOUDTWIN_IAM_VECTORS`; if it is
//! not, `../shared/iam-vectors/open.jsonl` beside the workspace is run as well, if it is there.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells what it ran"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cloudtwin_policy::{
    Context, KeyValue, Layers, NamedPolicy, Outcome, Policy, PolicyName, Principal, Request, ResourceRule,
    evaluate, explain, hard_rule,
};
use serde_json::Value;

const OWN_CASES: usize = 150;

fn policies(value: Option<&Value>) -> Option<Vec<NamedPolicy>> {
    let documents = match value? {
        Value::Null => return None,
        Value::Array(documents) => documents.clone(),
        document => vec![document.clone()],
    };
    let named = |(index, document): (usize, &Value)| {
        let policy = Arc::new(Policy::parse_or_deny(&document.to_string()));
        NamedPolicy { name: PolicyName::Numbered(index + 1), policy }
    };
    Some(documents.iter().enumerate().map(named).collect())
}

fn levels(value: Option<&Value>) -> Option<Vec<Vec<NamedPolicy>>> {
    Some(value?.as_array()?.iter().filter_map(|level| policies(Some(level))).collect())
}

fn context(vector: &Value) -> Context {
    let many: Vec<&str> =
        vector["multivalued"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut context = Context::new();
    for (key, values) in vector["context"].as_object().into_iter().flatten() {
        let values: Vec<String> =
            values.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        let single = values.len() == 1 && !many.contains(&key.as_str());
        let value = match values.first() {
            Some(value) if single => KeyValue::from(value.clone()),
            _ => KeyValue::from(values),
        };
        context.set(key.clone(), value);
    }
    context
}

fn rule(action: &str, resource: &str) -> ResourceRule {
    if resource.contains(":kms:") && resource.contains(":key/") {
        ResourceRule::KmsKey
    } else if action.starts_with("sts:Assume") {
        ResourceRule::RoleTrust
    } else {
        ResourceRule::Ordinary
    }
}

/// What comes out of a vector, or why it is wrong.
fn check(vector: &Value) -> Result<(), String> {
    let text = |name: &str| vector[name].as_str();
    let principal = text("principal").and_then(Principal::from_arn).ok_or("no such principal")?;
    let (action, resource) = text("action").zip(text("resource")).ok_or("no action or resource")?;
    let context = context(vector);
    let identity = policies(vector.get("identity_policies")).unwrap_or_default();
    let (boundary, session) = (policies(vector.get("boundary")), policies(vector.get("session_policy")));
    let of_resource = policies(vector.get("resource_policy"));
    let (scps, rcps) = (levels(vector.get("scps")), levels(vector.get("rcps")));
    let endpoint = policies(vector.get("endpoint_policies"));
    let layers = Layers {
        identity: &identity,
        boundary: boundary.as_deref(),
        session: session.as_deref(),
        resource: of_resource.as_ref().and_then(|policies| policies.first()),
        rule: rule(action, resource),
        scps: scps.as_deref(),
        rcps: rcps.as_deref(),
        endpoint: endpoint.as_deref(),
    };
    let resource_account = text("resource_account");
    let request = Request { principal: &principal, action, resource, resource_account, context: &context };
    let decision = evaluate(&request, &layers);
    let story = explain(&request, &layers);
    if (story.outcome, story.layer) != (decision.outcome, decision.layer) {
        return Err(format!("explained as {:?} by {:?}", story.outcome, story.layer));
    }
    let outcome = hard_rule(action, resource).unwrap_or(decision.outcome);
    let outcome = match outcome {
        Outcome::Allow => "allow",
        Outcome::ExplicitDeny => "explicit_deny",
        Outcome::ImplicitDeny => "implicit_deny",
    };
    if Some(outcome) != text("expect") {
        return Err(format!("{outcome} by {:?}, not {:?}", decision.layer, text("expect")));
    }
    let layer = format!("{:?}", decision.layer).to_lowercase();
    let expected = vector["deny_layers"].as_array();
    if let Some(expected) = expected.filter(|expected| !expected.is_empty())
        && !expected.iter().any(|expected| expected.as_str() == Some(&layer))
    {
        return Err(format!("denied by {layer}, not by {expected:?}"));
    }
    Ok(())
}

/// Runs a file and returns how many vectors passed; tells all that did not.
fn run(file: &Path) -> usize {
    let vectors = std::fs::read_to_string(file).unwrap();
    let (mut passed, mut disputed, mut failed) = (0, 0, String::new());
    for line in vectors.lines().filter(|line| !line.trim().is_empty()) {
        let vector: Value = serde_json::from_str(line).unwrap();
        let tags = vector["tags"].as_array();
        if tags.is_some_and(|tags| tags.iter().any(|tag| tag == "disputed")) {
            disputed += 1;
            continue;
        }
        match check(&vector) {
            Ok(()) => passed += 1,
            Err(error) => writeln!(failed, "{}: {error}\n    {line}", vector["id"]).unwrap(),
        }
    }
    let failures = failed.lines().count() / 2;
    println!("{}: {passed} passed, {failures} failed, {disputed} disputed", file.display());
    assert!(failed.is_empty(), "{failures} of {} failed:\n{failed}", passed + failures);
    passed
}

#[test]
fn decisions_are_those_of_the_documentation() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases.jsonl");
    assert!(run(&cases) >= OWN_CASES);
}

#[test]
fn decisions_are_those_of_the_named_vectors() {
    if let Some(file) = std::env::var_os("CLOUDTWIN_IAM_VECTORS") {
        run(Path::new(&file));
        return;
    }
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/iam-vectors/open.jsonl");
    if beside.exists() {
        run(&beside);
    } else {
        println!("{} is not there and CLOUDTWIN_IAM_VECTORS names no file: own cases only", beside.display());
    }
}
