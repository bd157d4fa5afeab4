//! `iam what-if`, `iam generate`, `iam diff` and `iam config`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::arguments::{ConfigArgs, DiffArgs, GenerateArgs, WhatIfArgs};
use super::{Server, list, print, text, texts};
use crate::colours::Colours;
use crate::failure::{Failure, Kind};

/// How many actions are listed one by one.
const MAX_LISTED: usize = 12;

/// Tries policies on recorded calls. Fails if something that was allowed would be denied.
pub(super) fn what_if(server: &Server, arguments: &WhatIfArgs) -> Result<(), Failure> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::new(Kind::Usage, format!("{} cannot be read: {error}", path.display())))
    };
    let policies = arguments.policy.iter().map(read).collect::<Result<Vec<String>, Failure>>()?;
    let body = json!({ "principal": arguments.principal, "policies": policies, "add": arguments.add });
    let found = server.ask("POST", "/_cloudtwin/iam/what-if", &body)?;
    let count = |member: &str| found.get(member).and_then(Value::as_u64).unwrap_or_default();
    if count("calls") == 0 {
        let message = format!(
            "none of the recorded calls was made by {}: nothing could be tried; the newest 4,096 are kept",
            arguments.principal
        );
        return Err(Failure::new(Kind::Failed, message));
    }
    print(&if arguments.json { format!("{found:#}\n") } else { flips(&found) });
    match count("newly_denied") {
        0 => Ok(()),
        denied => {
            let message = format!("{denied} permissions that were granted would be denied");
            Err(Failure::new(Kind::Failed, message))
        }
    }
}

fn flips(found: &Value) -> String {
    let colours = Colours::of(&io::stdout());
    let mut out = String::new();
    for flip in list(found, "flips") {
        let would_be = text(flip, "would_be");
        let turn = format!("{} → {would_be}", text(flip, "was"));
        let turn = if would_be == "allow" { colours.good(&turn) } else { colours.bad(&turn) };
        let _ = writeln!(
            out,
            "{turn}  {} on {}  {}",
            colours.strong(text(flip, "action")),
            text(flip, "resource"),
            colours.faint(&format!(
                "{}:{} {}",
                text(flip, "service"),
                text(flip, "operation"),
                text(flip, "request_id")
            ))
        );
    }
    let member = |name: &str| found.get(name).and_then(Value::as_u64).unwrap_or_default();
    let _ = writeln!(
        out,
        "{} calls with {} permissions: {} newly denied, {} newly allowed",
        member("calls"),
        member("permissions"),
        member("newly_denied"),
        member("newly_allowed")
    );
    out
}

/// Writes the least-privilege policy.
pub(super) fn generate(server: &Server, arguments: &GenerateArgs) -> Result<(), Failure> {
    let parameters =
        [("principal", Some(arguments.principal.as_str())), ("since", arguments.since.as_deref())];
    let found = server.get("/_cloudtwin/iam/policy", &parameters)?;
    let policies = list(&found, "policies");
    for note in texts(&found, "notes") {
        let _ = writeln!(io::stderr(), "note: {note}");
    }
    let Some(output) = &arguments.output else {
        for policy in policies {
            print(&format!("{}\n", document(policy)));
        }
        if policies.len() > 1 {
            let many = policies.len();
            let _ =
                writeln!(io::stderr(), "note: {many} policies, because one would be longer than AWS allows");
        }
        return Ok(());
    };
    for (index, policy) in policies.iter().enumerate() {
        let path = numbered(output, index + 1);
        std::fs::write(&path, format!("{}\n", document(policy))).map_err(|error| {
            Failure::new(Kind::Failed, format!("{} cannot be written: {error}", path.display()))
        })?;
        print(&format!("{}\n", path.display()));
    }
    Ok(())
}

/// `policy.json`, `policy-2.json` …
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy()));
    path.with_file_name(format!("{stem}-{number}{}", extension.unwrap_or_default()))
}

/// Shows what was granted and never used.
pub(super) fn diff(server: &Server, arguments: &DiffArgs) -> Result<(), Failure> {
    let parameters = [("principal", Some(arguments.principal.as_str()))];
    let found = server.get("/_cloudtwin/iam/unused", &parameters)?;
    print(&if arguments.json { format!("{found:#}\n") } else { unused(&found, Colours::of(&io::stdout())) });
    Ok(())
}

fn unused(found: &Value, colours: Colours) -> String {
    let mut out = String::new();
    if list(found, "policies").is_empty() {
        let _ = writeln!(out, "{} has no policy that allows anything", text(found, "principal"));
    }
    for policy in list(found, "policies") {
        let _ = writeln!(out, "{}", colours.strong(text(policy, "policy")));
        for statement in list(policy, "statements") {
            let index = statement.get("index").and_then(Value::as_u64).unwrap_or_default();
            let sid = statement.get("sid").and_then(Value::as_str);
            let name =
                sid.map_or_else(|| format!("statement {index}"), |sid| format!("{sid} (statement {index})"));
            let negated = statement.get("negated").and_then(Value::as_bool).unwrap_or_default();
            let kind = if negated { "everything but " } else { "" };
            let _ = writeln!(out, "  {name}: {kind}{}", texts(statement, "actions").join(", "));
            let (used, unused) = (texts(statement, "used"), texts(statement, "unused"));
            match (used.len(), unused.len()) {
                (0, _) => {
                    let _ = writeln!(out, "    {}", colours.bad("nothing of it was used"));
                }
                (_, 0) => {
                    let _ = writeln!(out, "    {}", colours.good("all of it was used"));
                }
                (some, more) => {
                    let all = some + more;
                    let _ = writeln!(
                        out,
                        "    {}",
                        colours.good(&format!("+ used {some} of {all}: {}", some_of(&used)))
                    );
                    let _ = writeln!(out, "    {}", colours.bad(&format!("- unused: {}", some_of(&unused))));
                }
            }
            let resources = texts(statement, "unused_resources");
            if !used.is_empty() && !resources.is_empty() {
                let line = format!("- resources that were not used: {}", some_of(&resources));
                let _ = writeln!(out, "    {}", colours.bad(&line));
            }
        }
    }
    out
}

fn some_of(all: &[&str]) -> String {
    match all.get(..MAX_LISTED) {
        Some(first) if all.len() > MAX_LISTED => {
            format!("{} and {} more", first.join(", "), all.len() - MAX_LISTED)
        }
        _ => all.join(", "),
    }
}

/// Shows or sets how strictly IAM is applied.
pub(super) fn config(server: &Server, arguments: &ConfigArgs) -> Result<(), Failure> {
    let state = match &arguments.state {
        None => server.get("/_aws/iam/config", &[])?,
        Some(state) => server.ask("POST", "/_aws/iam/config", &json!({ "state": state }))?,
    };
    print(&format!("{}\n", text(&state, "state")));
    Ok(())
}

/// A policy as people write it: in the order of AWS's own documents, which JSON objects in memory do
/// not keep.
pub(super) fn document(policy: &Value) -> String {
    let mut out = format!("{{\n  \"Version\": \"{}\",\n  \"Statement\": [", text(policy, "Version"));
    for (at, statement) in list(policy, "Statement").iter().enumerate() {
        out.push_str(if at == 0 { "\n    {" } else { ",\n    {" });
        let members = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
        let members = members.iter().filter_map(|member| Some((member, statement.get(member)?)));
        for (at, (member, value)) in members.enumerate() {
            let value = format!("{value:#}").replace('\n', "\n      ");
            let _ = write!(out, "{}      \"{member}\": {value}", if at == 0 { "\n" } else { ",\n" });
        }
        out.push_str("\n    }");
    }
    out.push_str("\n  ]\n}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_numbered_from_the_second_on() {
        let path = Path::new("out/policy.json");
        assert_eq!(numbered(path, 1), path);
        assert_eq!(numbered(path, 2), Path::new("out/policy-2.json"));
        assert_eq!(numbered(Path::new("policy"), 3), Path::new("policy-3"));
    }

    #[test]
    fn a_document_is_the_same_when_it_is_read_again() {
        let policy = json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "A", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*",
             "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}},
            {"Effect": "Allow", "Action": "sqs:*", "Resource": ["a", "b"]}]});
        let written = document(&policy);
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), policy);
        assert!(written.contains("      \"Action\": [\n        \"s3:GetObject\",\n"), "{written}");
    }

    #[test]
    fn unused_permissions_are_listed_by_statement() {
        let found = json!({"principal": "arn", "policies": [{"policy": "own (user/alice)", "statements": [
            {"sid": "Queues", "index": 0, "actions": ["sqs:*"], "negated": false, "used": ["sqs:SendMessage"],
             "unused": ["sqs:CreateQueue", "sqs:DeleteQueue"], "unused_resources": ["arn:b"]},
            {"sid": null, "index": 1, "actions": ["s3:*"], "negated": false, "used": [], "unused": ["s3:GetObject"],
             "unused_resources": ["*"]}]}]});
        let expected = "\
own (user/alice)
  Queues (statement 0): sqs:*
    + used 1 of 3: sqs:SendMessage
    - unused: sqs:CreateQueue, sqs:DeleteQueue
    - resources that were not used: arn:b
  statement 1: s3:*
    nothing of it was used
";
        assert_eq!(unused(&found, Colours::NEVER), expected);
    }
}
