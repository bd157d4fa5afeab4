//! `iam stream` and `iam summary`.

use std::io;

use serde_json::Value;

use super::arguments::{StreamArgs, SummaryArgs};
use super::{Server, list, print, text};
use crate::colours::Colours;
use crate::failure::{Failure, Kind};

/// Prints decisions until the server stops.
pub(super) fn stream(server: &Server, arguments: &StreamArgs) -> Result<(), Failure> {
    let parameters = [
        ("follow", Some("true")),
        ("principal", arguments.principal.as_deref()),
        ("allowed", arguments.denied.then_some("false")),
    ];
    if arguments.policies {
        return policies(server, &parameters);
    }
    needs_decisions(server)?;
    let colours = Colours::of(&io::stdout());
    server.follow("/_cloudtwin/decisions", &parameters, |decision, out| {
        if arguments.json {
            writeln!(out, "{decision}")
        } else {
            out.write_all(lines(decision, colours).as_bytes())
        }
    })
}

/// Prints the policy that each call needs, as LocalStack's policy stream does.
pub(super) fn policies(server: &Server, parameters: &[(&str, Option<&str>)]) -> Result<(), Failure> {
    needs_decisions(server)?;
    server.follow("/_cloudtwin/iam/stream", parameters, |needed, out| {
        out.write_all(attached(needed).as_bytes())
    })
}

/// Prints the policies that everybody needs.
pub(super) fn summary(server: &Server, arguments: &SummaryArgs) -> Result<(), Failure> {
    let found = server.get("/_cloudtwin/iam/summary", &[("since", arguments.since.as_deref())])?;
    let policies = list(&found, "policies");
    if policies.is_empty() {
        return Err(server.nothing_decided());
    }
    print(&policies.iter().map(attached).collect::<String>());
    Ok(())
}

/// Nobody should wait for what never comes.
fn needs_decisions(server: &Server) -> Result<(), Failure> {
    let config = server.get("/_aws/iam/config", &[])?;
    if text(&config, "state") == "DISABLED" {
        let message = "IAM enforcement is DISABLED, so nothing is decided: use `cloudtwin iam config SOFT_MODE`, or \
                       start with IAM_SOFT_MODE=1";
        return Err(Failure::new(Kind::Failed, message));
    }
    Ok(())
}

/// A line for the call, and one for each permission that is missing.
fn lines(decision: &Value, colours: Colours) -> String {
    let allowed = decision.get("allowed").and_then(Value::as_bool).unwrap_or_default();
    let verdict = if allowed { colours.good("allow") } else { colours.bad("deny ") };
    let call = colours.strong(&format!("{}:{}", text(decision, "service"), text(decision, "operation")));
    let mut lines = format!(
        "{} {verdict} {call} by {} {}\n",
        colours.faint(text(decision, "time")),
        text(decision, "principal"),
        colours.faint(text(decision, "request_id"))
    );
    for permission in list(decision, "permissions") {
        let how = match text(permission, "outcome") {
            "allow" => continue,
            "explicitDeny" => "explicitly denied",
            _ => "implicitly denied",
        };
        lines += &format!("  {how}: {} on {}\n", text(permission, "action"), text(permission, "resource"));
    }
    lines
}

/// LocalStack's form of a policy and where it belongs.
fn attached(needed: &Value) -> String {
    let mut shown = format!("Attached to {}: \"{}\"\n\n", text(needed, "attached_to"), text(needed, "arn"));
    for policy in list(needed, "policies") {
        shown += &format!("Policy:\n{}\n\n", super::changes::document(policy));
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn policies_are_shown_as_localstack_does() {
        let needed = json!({
            "attached_to": "identity", "arn": "arn:aws:iam::000000000000:root",
            "policies": [{"Version": "2012-10-17", "Statement": [
                {"Sid": "CreateQueue1", "Effect": "Allow", "Action": "sqs:CreateQueue", "Resource": "*"}]}],
        });
        let expected = "\
Attached to identity: \"arn:aws:iam::000000000000:root\"

Policy:
{
  \"Version\": \"2012-10-17\",
  \"Statement\": [
    {
      \"Sid\": \"CreateQueue1\",
      \"Effect\": \"Allow\",
      \"Action\": \"sqs:CreateQueue\",
      \"Resource\": \"*\"
    }
  ]
}

";
        assert_eq!(attached(&needed), expected);
    }

    #[test]
    fn a_denial_tells_what_is_missing() {
        let decision = json!({
            "request_id": "r-1", "time": "2026-11-22T00:00:00Z", "service": "sqs", "operation": "SendMessage",
            "principal": "arn:aws:iam::000000000000:user/alice", "allowed": false,
            "permissions": [{"action": "sqs:SendMessage", "resource": "arn:q", "outcome": "implicitDeny"}],
        });
        let expected = "2026-11-22T00:00:00Z deny  sqs:SendMessage by arn:aws:iam::000000000000:user/alice r-1\n  \
                        implicitly denied: sqs:SendMessage on arn:q\n";
        assert_eq!(lines(&decision, Colours::NEVER), expected);
    }
}
