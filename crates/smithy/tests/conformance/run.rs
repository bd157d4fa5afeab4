//! What the kinds of cases have in common: reading files, choosing cases, reporting.

use std::collections::BTreeMap;

use cloudtwin_smithy::protocol::Protocol;
use serde_json::Value;

use crate::exceptions;
use crate::model::Suite;

/// The protocol under test.
pub(crate) fn protocol(name: &str) -> Option<&'static dyn Protocol> {
    use cloudtwin_smithy::protocol as p;
    match name {
        "json-1.0" | "json-1.1" => Some(&p::aws_json::AwsJson),
        "query" => Some(&p::query::Query),
        "ec2" => Some(&p::ec2::Ec2),
        "rest-json" => Some(&p::rest_json::RestJson),
        "rest-xml" => Some(&p::rest_xml::RestXml),
        "rpc-v2-cbor" => Some(&p::rpc_cbor::RpcV2Cbor),
        "rpc-v2-json" => Some(&p::rpc_json::RpcV2Json),
        _ => None,
    }
}

/// Runs one case: `Err` holds what differed.
pub(crate) type Run = dyn Fn(&'static dyn Protocol, &Suite, &Value) -> Result<(), String>;

/// The outcome of the cases of one file.
#[derive(Default)]
pub(crate) struct Report {
    kind: &'static str,
    protocol: String,
    passed: usize,
    skipped: usize,
    listed: usize,
    failures: Vec<String>,
    /// Per listed base id: whether each expansion passed.
    listed_outcomes: BTreeMap<String, Vec<bool>>,
}

impl Report {
    pub(crate) fn new(kind: &'static str, protocol: &str) -> Self {
        Self { kind, protocol: protocol.to_owned(), ..Self::default() }
    }

    /// A case for clients only, or one without a meaning here.
    pub(crate) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// The outcome of one case: `Err` holds what differed.
    pub(crate) fn case(&mut self, id: &str, outcome: Result<(), String>) {
        let base = id.split_once('#').map_or(id, |(base, _)| base);
        match (exceptions::reason(self.kind, id), outcome) {
            (None, Ok(())) => self.passed += 1,
            (None, Err(why)) => self.failures.push(format!("{id}: {why}")),
            (Some(_), outcome) => {
                self.listed += 1;
                let exact = exceptions::reason(self.kind, base).is_none();
                let key = if exact { id } else { base };
                self.listed_outcomes.entry(key.to_owned()).or_default().push(outcome.is_ok());
            }
        }
    }

    /// Prints the counts; panics if a case failed that is not listed, or a listed one passed.
    pub(crate) fn finish(mut self) {
        for (id, outcomes) in &self.listed_outcomes {
            if outcomes.iter().all(|passed| *passed) {
                self.failures.push(format!("{id}: is listed as an exception, but passes"));
            }
        }
        println!(
            "{} {}: {} passed, {} failed, {} skipped (client only), {} listed exceptions",
            self.kind,
            self.protocol,
            self.passed,
            self.failures.len(),
            self.skipped,
            self.listed
        );
        assert!(self.failures.is_empty(), "\n{}\n", self.failures.join("\n"));
    }
}

/// The suites of `tests/protocol-tests/<kind>/<protocol>.json`.
pub(crate) fn suites(kind: &str, protocol: &str) -> Vec<Suite> {
    let path = format!("{}/tests/protocol-tests/{kind}/{protocol}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let file: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    file["suites"].as_array().unwrap().iter().map(|suite| Suite::load(suite, protocol)).collect()
}

/// Runs every case of a file that a server can be asked.
pub(crate) fn each_case(kind: &'static str, protocol_name: &str, run: &Run) {
    let Some(protocol) = protocol(protocol_name) else {
        panic!("{kind} {protocol_name}: the protocol is not implemented");
    };
    let mut report = Report::new(kind, protocol_name);
    for suite in suites(kind, protocol_name) {
        for case in &suite.cases {
            if case["for"] == "client" {
                report.skip();
                continue;
            }
            report.case(case["id"].as_str().unwrap(), run(protocol, &suite, case));
        }
    }
    report.finish();
}
