//! `malformed` and `validation` cases: bad requests are refused.

use std::collections::BTreeSet;

use cloudtwin_smithy::document::DocumentShape;
use cloudtwin_smithy::protocol::{Protocol, ResponseContext};
use cloudtwin_smithy::shape::PathSegment;
use cloudtwin_smithy::validate::{Rule, Violation, validate};
use serde_json::Value;

use crate::model::Suite;
use crate::run::{Report, Run, protocol, suites};
use crate::{requests, responses};

/// Runs the `malformed` cases of a protocol.
pub(crate) fn run_malformed(protocol_name: &str) {
    each_expansion("malformed", protocol_name, &malformed);
}

/// Runs the `validation` cases of a protocol.
pub(crate) fn run_validation(protocol_name: &str) {
    each_expansion("validation", protocol_name, &validation);
}

fn each_expansion(kind: &'static str, protocol_name: &str, run: &Run) {
    let protocol = protocol(protocol_name).unwrap();
    let mut report = Report::new(kind, protocol_name);
    for suite in suites(kind, protocol_name) {
        for case in &suite.cases {
            let id = case["id"].as_str().unwrap();
            if id == "RestJsonQueryTimestampDefaultRejectsUTCOffsets" {
                // Its placeholder has no parameters upstream.
                report.skip();
                continue;
            }
            let Some(parameters) = case["parameters"].as_object() else {
                report.case(id, run(protocol, &suite, case));
                continue;
            };
            let count = parameters.values().next().and_then(Value::as_array).unwrap().len();
            for index in 0..count {
                let values: Vec<(&str, &str)> = parameters
                    .iter()
                    .map(|(name, values)| (name.as_str(), values[index].as_str().unwrap()))
                    .collect();
                let expanded = expand(case, &values);
                let outcome = run(protocol, &suite, &expanded).map_err(|why| format!("{why} ({values:?})"));
                report.case(&format!("{id}#{index}"), outcome);
            }
        }
    }
    report.finish();
}

/// Puts parameter values into every string.
fn expand(json: &Value, values: &[(&str, &str)]) -> Value {
    match json {
        Value::String(text) => {
            let mut text = text.clone();
            for (name, value) in values {
                text = text.replace(&format!("${name}:S"), &Value::String((*value).to_owned()).to_string());
                text = text.replace(&format!("${name}:L"), value);
            }
            Value::String(text.replace("$$", "$"))
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| expand(item, values)).collect()),
        Value::Object(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| {
                    let kept = key == "parameters";
                    (key.clone(), if kept { value.clone() } else { expand(value, values) })
                })
                .collect(),
        ),
        other => other.clone(),
    }
}

fn malformed(protocol: &'static dyn Protocol, suite: &Suite, case: &Value) -> Result<(), String> {
    let error = match requests::decode(protocol, suite.operation, &case["request"])? {
        Ok((value, _)) => return Err(format!("was accepted as {value:?}")),
        Err(error) => error,
    };
    let context = ResponseContext::new("foo-id");
    let response = protocol.encode_error(suite.operation.service, &protocol.decode_error(&error), context);
    responses::check(&case["response"], &response)
}

fn validation(protocol: &'static dyn Protocol, suite: &Suite, case: &Value) -> Result<(), String> {
    let operation = suite.operation;
    let (document, report) =
        requests::decode(protocol, operation, &case["request"])?.map_err(|e| e.to_string())?;
    let violations = validate(&DocumentShape { schema: operation.input, document: &document }, report);
    let found: BTreeSet<(String, &str)> =
        violations.list.iter().map(|violation| (pointer(violation), rule(violation.rule))).collect();
    let assertion = &case["response"]["body"]["assertion"];
    let Some(contents) = assertion["contents"].as_str() else {
        return if found.is_empty() { Err("nothing was found".to_owned()) } else { Ok(()) };
    };
    let body: Value = serde_json::from_str(contents).map_err(|e| format!("{e}: {contents}"))?;
    let expected: BTreeSet<(String, &str)> = body["fieldList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            (field["path"].as_str().unwrap().to_owned(), expected_rule(field["message"].as_str().unwrap()))
        })
        .collect();
    if found == expected { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}")) }
}

/// The path as Smithy writes it; a bad key is reported at its map.
fn pointer(violation: &Violation) -> String {
    let mut path = violation.path.as_slice();
    if violation.member.name == "key" {
        path = &path[..path.len() - 1];
    }
    path.iter()
        .map(|segment| match segment {
            PathSegment::Member(name) => format!("/{name}"),
            PathSegment::Index(index) => format!("/{index}"),
            PathSegment::Key(key) => format!("/{key}"),
        })
        .collect()
}

fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Required => "required",
        Rule::Enumeration => "enumeration",
        Rule::Pattern => "pattern",
        Rule::MinLength | Rule::MaxLength => "length",
        Rule::MinValue | Rule::MaxValue => "range",
    }
}

fn expected_rule(message: &str) -> &'static str {
    [
        ("must not be null", "required"),
        ("enum value set", "enumeration"),
        ("regular expression", "pattern"),
        ("must have length", "length"),
        ("must be", "range"),
        ("unique values", "unique"),
    ]
    .into_iter()
    .find_map(|(part, rule)| message.contains(part).then_some(rule))
    .unwrap_or("unknown")
}
