//! A decision as a tree.

use serde_json::Value;

use super::{list, text, texts};
use crate::colours::Colours;

/// Values longer than this are cut.
const MAX_VALUES: usize = 200;

/// Draws the decision on a call: permissions, layers, statements; then what would allow it.
pub(super) fn draw(decision: &Value, colours: Colours) -> String {
    let allowed = decision.get("allowed").and_then(Value::as_bool).unwrap_or_default();
    let refused = decision.get("refused").and_then(Value::as_bool).unwrap_or_default();
    let verdict = match (allowed, refused) {
        (true, _) => colours.good("allowed"),
        (false, true) => colours.bad("denied"),
        (false, false) => colours.bad("would be denied"),
    };
    let mut out = format!(
        "{} {verdict}\n",
        colours.strong(&format!("{}:{}", text(decision, "service"), text(decision, "operation")))
    );
    for (what, value) in [
        ("principal", text(decision, "principal")),
        ("region", text(decision, "region")),
        ("time", text(decision, "time")),
        ("request", text(decision, "request_id")),
        ("enforcement", text(decision, "state")),
    ] {
        out += &format!("  {} {value}\n", colours.faint(&format!("{what:<11}")));
    }
    let permissions: Vec<Node> =
        list(decision, "permissions").iter().map(|permission| of_permission(permission, colours)).collect();
    out.push('\n');
    out += &format!("required permissions: {}\n", permissions.len());
    for (at, node) in permissions.iter().enumerate() {
        node.draw("", at + 1 == permissions.len(), &mut out);
    }
    let remedies = list(decision, "remedies");
    if !remedies.is_empty() {
        out += &format!("\n{}\n", colours.strong("what would allow it:"));
    }
    for remedy in remedies {
        out += &format!("  {}\n", text(remedy, "advice"));
        if text(remedy, "layer") == "identity" && remedy.get("change").is_none() {
            out += &format!("  {}\n", colours.faint(text(remedy, "place")));
        }
        for statement in list(remedy, "add") {
            let written = in_policy_order(statement);
            for line in written.lines() {
                out += &format!("    {}\n", colours.good(line));
            }
        }
    }
    out
}

/// A statement as people write it: Effect first.
fn in_policy_order(statement: &Value) -> String {
    let members = ["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
    let lines: Vec<String> = members
        .iter()
        .filter_map(|member| Some((member, statement.get(member)?)))
        .map(|(member, value)| format!("  \"{member}\": {value}"))
        .collect();
    format!("{{\n{}\n}}", lines.join(",\n"))
}

/// A line with lines below it.
struct Node {
    line: String,
    below: Vec<Self>,
}

impl Node {
    fn leaf(line: String) -> Self {
        Self { line, below: Vec::new() }
    }

    fn draw(&self, indent: &str, last: bool, out: &mut String) {
        let (branch, next) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        *out += &format!("{indent}{branch}{}\n", self.line);
        let indent = format!("{indent}{next}");
        for (at, node) in self.below.iter().enumerate() {
            node.draw(&indent, at + 1 == self.below.len(), out);
        }
    }
}

fn outcome(name: &str, colours: Colours) -> String {
    match name {
        "allow" => colours.good("✓ allowed"),
        "explicitDeny" => colours.bad("✗ explicitly denied"),
        _ => colours.bad("✗ implicitly denied"),
    }
}

fn of_permission(permission: &Value, colours: Colours) -> Node {
    let empty = Value::Null;
    let explanation = permission.get("explanation").unwrap_or(&empty);
    let action = colours.strong(text(permission, "action"));
    let line = format!(
        "{} {action} on {}",
        outcome(text(permission, "outcome"), colours),
        text(permission, "resource")
    );
    let mut below: Vec<Node> =
        list(explanation, "layers").iter().map(|layer| of_layer(layer, colours)).collect();
    let absent = texts(explanation, "absentKeys");
    if !absent.is_empty() {
        below.push(Node::leaf(format!("keys that the request does not have: {}", absent.join(", "))));
    }
    Node { line, below }
}

fn of_layer(layer: &Value, colours: Colours) -> Node {
    let name = match text(layer, "layer") {
        "identity" => "identity policies".to_owned(),
        "boundary" => "permissions boundary".to_owned(),
        "session" => "session policy".to_owned(),
        "resource" => "resource policy".to_owned(),
        "endpoint" => "endpoint policy".to_owned(),
        kind => {
            let kind = if kind == "rcp" { "resource control policies" } else { "service control policies" };
            let level = layer.get("level").and_then(Value::as_u64).unwrap_or_default();
            format!("{kind}, level {level}")
        }
    };
    let policies = texts(layer, "policies");
    let verdict = match text(layer, "verdict") {
        "allow" => colours.good("allow"),
        "explicitDeny" => colours.bad("deny"),
        _ if policies.is_empty() => colours.bad("say nothing: there are none"),
        _ => colours.bad("say nothing"),
    };
    let mut below = Vec::new();
    for matched in list(layer, "matched") {
        let effect = match text(matched, "effect") {
            "Deny" => colours.bad("denies"),
            effect => colours.good(if effect == "Allow" { "allows" } else { effect }),
        };
        below.push(Node::leaf(format!("{} {effect}", statement(matched))));
    }
    // What would deny and does not apply changes nothing.
    for miss in list(layer, "nearMisses").iter().filter(|miss| text(miss, "effect") == "Allow") {
        let line = format!("{} {}", statement(miss), colours.faint("would allow, but does not apply"));
        let failed = list(miss, "failed").iter().map(|failure| Node::leaf(of_failure(failure)));
        below.push(Node { line, below: failed.collect() });
    }
    if below.is_empty() {
        below.extend(
            policies.iter().map(|policy| Node::leaf(colours.faint(&format!("{policy}: nothing about this")))),
        );
    }
    Node { line: format!("{name}: {verdict}"), below }
}

/// Policy, Sid and index of a statement.
fn statement(found: &Value) -> String {
    let empty = Value::Null;
    let name = found.get("statement").unwrap_or(&empty);
    let index = name.get("index").and_then(Value::as_u64).unwrap_or_default();
    match name.get("sid").and_then(Value::as_str) {
        Some(sid) => format!("{} › {sid} (statement {index})", text(name, "policy")),
        None => format!("{} › statement {index}", text(name, "policy")),
    }
}

fn of_failure(failure: &Value) -> String {
    let wanted = values(&texts(failure, "wanted"));
    let negated = failure.get("negated").and_then(Value::as_bool).unwrap_or_default();
    let which = if negated { "one of those excluded" } else { "none of" };
    match text(failure, "part") {
        "action" => format!("the action is {which} {wanted}"),
        "resource" => format!("the resource is {which} {wanted}"),
        "principal" => "it is about another principal".to_owned(),
        _ => {
            let actual = match failure.get("actual").and_then(Value::as_array) {
                Some(_) => values(&texts(failure, "actual")),
                None => "absent".to_owned(),
            };
            format!(
                "{} {} wants {wanted}, but it is {actual}",
                text(failure, "operator"),
                text(failure, "key")
            )
        }
    }
}

fn values(values: &[&str]) -> String {
    let mut text = values.join(", ");
    if let Some((at, _)) = text.char_indices().nth(MAX_VALUES) {
        text.truncate(at);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decision() -> Value {
        json!({
            "request_id": "r-1", "time": "2026-11-22T00:00:00Z", "service": "s3", "operation": "GetObject",
            "principal": "arn:aws:iam::000000000000:user/alice", "region": "us-east-1", "state": "SOFT_MODE",
            "allowed": false, "refused": false,
            "permissions": [{
                "action": "s3:GetObject", "resource": "arn:aws:s3:::photos/a", "outcome": "implicitDeny",
                "explanation": {
                    "layers": [{
                        "layer": "identity", "level": null, "verdict": "implicitDeny",
                        "policies": ["own (user/alice)"], "matched": [],
                        "nearMisses": [{
                            "statement": {"policy": "own (user/alice)", "sid": null, "index": 1},
                            "effect": "Deny",
                            "failed": [{"part": "action", "wanted": ["s3:Delete*"], "negated": false}],
                        }, {
                            "statement": {"policy": "own (user/alice)", "sid": "FromHome", "index": 0},
                            "effect": "Allow",
                            "failed": [{"part": "condition", "operator": "IpAddress", "key": "aws:SourceIp",
                                        "wanted": ["192.0.2.0/24"], "actual": ["127.0.0.1"]}],
                        }],
                    }],
                    "absentKeys": ["aws:MultiFactorAuthAge"],
                },
            }],
            "remedies": [{
                "advice": "add to a policy of the user alice", "layer": "identity",
                "place": "arn:aws:iam::000000000000:user/alice",
                "add": [{"Action": "s3:GetObject", "Effect": "Allow", "Resource": "arn:aws:s3:::photos/a"}],
            }],
        })
    }

    #[test]
    fn the_tree_goes_from_the_call_to_what_would_allow_it() {
        let expected = "\
s3:GetObject would be denied
  principal   arn:aws:iam::000000000000:user/alice
  region      us-east-1
  time        2026-11-22T00:00:00Z
  request     r-1
  enforcement SOFT_MODE

required permissions: 1
└─ ✗ implicitly denied s3:GetObject on arn:aws:s3:::photos/a
   ├─ identity policies: say nothing
   │  └─ own (user/alice) › FromHome (statement 0) would allow, but does not apply
   │     └─ IpAddress aws:SourceIp wants 192.0.2.0/24, but it is 127.0.0.1
   └─ keys that the request does not have: aws:MultiFactorAuthAge

what would allow it:
  add to a policy of the user alice
  arn:aws:iam::000000000000:user/alice
    {
      \"Effect\": \"Allow\",
      \"Action\": \"s3:GetObject\",
      \"Resource\": \"arn:aws:s3:::photos/a\"
    }
";
        assert_eq!(draw(&decision(), Colours::NEVER), expected);
    }

    #[test]
    fn terminals_have_colours() {
        let drawn = draw(&decision(), Colours::ALWAYS);
        assert!(drawn.contains("\x1b[31mwould be denied\x1b[0m"));
    }
}
