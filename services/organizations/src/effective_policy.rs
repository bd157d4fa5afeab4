//! What all management policies of a type above an account, and on it, amount to.
//!
//! The rules are those of the user guide's page "Understanding management policy inheritance": `@@assign`,
//! `@@append` and `@@remove` change inherited values, `@@operators_allowed_for_child_policies` says which of them
//! policies further down may use.

use cloudtwin_core::Ctx;
use cloudtwin_smithy::{AwsError, Timestamp};
use serde_json::{Map, Value};

use crate::access::{self, OpenTo};
use crate::api::{
    DescribeEffectivePolicyInput, DescribeEffectivePolicyOutput, EffectivePolicy, errors as model,
};
use crate::attachments::attached;
use crate::errors;

/// The member that says what policies further down may do.
const ALLOWED: &str = "@@operators_allowed_for_child_policies";

/// What policies further down may do with a value.
#[derive(Clone, Copy)]
struct Operators {
    assign: bool,
    append: bool,
    remove: bool,
}

const ALL: Operators = Operators { assign: true, append: true, remove: true };

impl Operators {
    fn read(allowed: &Value) -> Self {
        let names: Vec<&str> = match allowed {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            Value::String(name) => vec![name],
            _ => Vec::new(),
        };
        let has = |name| names.contains(&name) || names.contains(&"@@all");
        Self { assign: has("@@assign"), append: has("@@append"), remove: has("@@remove") }
    }
}

/// A part of an effective policy.
struct Node {
    /// The value, if something was assigned or appended; otherwise the node is an object of its children.
    value: Option<Value>,
    children: Vec<(String, Node)>,
    /// What the policies that are being applied may do.
    allowed: Operators,
    /// What those on the levels below may do.
    allowed_below: Operators,
}

impl Default for Node {
    fn default() -> Self {
        Self { value: None, children: Vec::new(), allowed: ALL, allowed_below: ALL }
    }
}

fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    }
}

impl Node {
    fn apply(&mut self, policy: &Map<String, Value>) {
        for (key, value) in policy {
            match key.as_str() {
                "@@assign" if self.allowed.assign => self.value = Some(value.clone()),
                "@@append" if self.allowed.append => {
                    let mut all = self.value.as_ref().map(items).unwrap_or_default();
                    for item in items(value) {
                        if !all.contains(&item) {
                            all.push(item);
                        }
                    }
                    self.value = Some(Value::Array(all));
                }
                "@@remove" if self.allowed.remove => {
                    let gone = items(value);
                    let mut all = self.value.as_ref().map(items).unwrap_or_default();
                    all.retain(|item| !gone.contains(item));
                    self.value = Some(Value::Array(all));
                }
                ALLOWED => {
                    let wanted = Operators::read(value);
                    // What was forbidden further up stays forbidden.
                    self.allowed_below = Operators {
                        assign: wanted.assign && self.allowed.assign,
                        append: wanted.append && self.allowed.append,
                        remove: wanted.remove && self.allowed.remove,
                    };
                }
                name if name.starts_with("@@") => {}
                name => self.apply_child(name, value),
            }
        }
    }

    fn apply_child(&mut self, name: &str, policy: &Value) {
        if !self.children.iter().any(|(child, _)| child == name) {
            if !self.allowed.assign {
                return;
            }
            self.children.push((name.to_owned(), Self::default()));
        }
        let Some((_, child)) = self.children.iter_mut().find(|(child, _)| child == name) else { return };
        match policy {
            Value::Object(policy) => child.apply(policy),
            other if child.allowed.assign => child.value = Some(other.clone()),
            _ => {}
        }
    }

    /// Goes one level down.
    fn descend(&mut self) {
        self.allowed = self.allowed_below;
        for (_, child) in &mut self.children {
            child.descend();
        }
    }

    fn effective(self) -> Value {
        match self.value {
            Some(value) => value,
            None => {
                let children = self.children.into_iter();
                Value::Object(children.map(|(name, child)| (name, child.effective())).collect())
            }
        }
    }
}

/// The effective policy of `levels` of documents, from the root to the account.
fn merge<'a>(levels: impl IntoIterator<Item = Vec<&'a str>>) -> Value {
    let mut root = Node::default();
    for level in levels {
        for document in level {
            // Only documents that can be read are stored.
            if let Ok(Value::Object(policy)) = serde_json::from_str(document) {
                root.apply(&policy);
            }
        }
        root.descend();
    }
    root.effective()
}

pub(crate) async fn describe_effective_policy(
    ctx: Ctx,
    input: DescribeEffectivePolicyInput,
) -> Result<DescribeEffectivePolicyOutput, AwsError> {
    let policy_type = &input.policy_type;
    let target = input.target_id.clone().unwrap_or_else(|| ctx.account().to_owned());
    let levels = ctx.db().read(|tx| {
        let own = target == ctx.account();
        let open_to = if own { OpenTo::Members } else { OpenTo::Administrators };
        let organization = access::organization(&ctx, tx, open_to)?;
        let account = organization.account(tx, &target)?.ok_or_else(errors::target_not_found)?;
        let parent = account.membership.map(|member| member.parent).unwrap_or_default();
        let mut targets = vec![organization.root.clone()];
        targets.extend(organization.units_to(tx, &parent)?.into_iter().map(|unit| unit.id));
        targets.push(target.clone());
        let level = |target: &String| attached(tx, &organization, target, policy_type);
        Ok::<_, AwsError>(targets.iter().map(level).collect::<Result<Vec<_>, _>>()?)
    })?;
    let updated: Option<Timestamp> = levels.iter().flatten().map(|policy| policy.updated).max();
    let Some(updated) = updated else {
        return Err(model::EFFECTIVE_POLICY_NOT_FOUND_EXCEPTION
            .with("The effective policy of the specified type does not exist for the specified target."));
    };
    let documents = levels.iter().map(|level| level.iter().map(|policy| policy.content.as_str()).collect());
    let content = merge(documents).to_string();
    Ok(DescribeEffectivePolicyOutput {
        effective_policy: Some(EffectivePolicy {
            policy_content: Some(content),
            last_updated_timestamp: Some(updated),
            target_id: Some(target),
            policy_type: Some(input.policy_type),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_assigned_appended_and_removed_on_the_way_down() {
        let root =
            r#"{"tags":{"cost":{"tag_key":{"@@assign":"Cost"},"tag_value":{"@@assign":["100","200"]}}}}"#;
        let unit = r#"{"tags":{"cost":{"tag_value":{"@@append":["300","200"]}},"team":{"tag_key":{"@@assign":"Team"}}}}"#;
        let account = r#"{"tags":{"cost":{"tag_value":{"@@remove":["100"]}}}}"#;
        assert_eq!(
            merge([vec![root], vec![unit], vec![], vec![account]]),
            json!({"tags": {
                "cost": {"tag_key": "Cost", "tag_value": ["200", "300"]},
                "team": {"tag_key": "Team"},
            }})
        );
    }

    #[test]
    fn what_is_forbidden_above_stays() {
        let root = r#"{"services":{"default":{"opt_out_policy":{
            "@@operators_allowed_for_child_policies":["@@none"],"@@assign":"optOut"}}}}"#;
        let child = r#"{"services":{"default":{"opt_out_policy":{
            "@@operators_allowed_for_child_policies":["@@all"],"@@assign":"optIn"}}}}"#;
        let effective = json!({"services": {"default": {"opt_out_policy": "optOut"}}});
        assert_eq!(merge([vec![root], vec![child], vec![child]]), effective);

        let closed = r#"{"tags":{"@@operators_allowed_for_child_policies":["@@none"],"a":{"tag_key":{"@@assign":"A"}}}}"#;
        let more = r#"{"tags":{"b":{"tag_key":{"@@assign":"B"}}}}"#;
        assert_eq!(merge([vec![closed], vec![more]]), json!({"tags": {"a": {"tag_key": "A"}}}));
    }
}
