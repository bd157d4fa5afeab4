//! Checks that the templates and conditions of a permission table name members that the operation has.

use serde_json::{Value, json};

use crate::failure::{Context, Failure, Result};
use crate::model::Model;

/// Values that come from the call, not from its input.
const CALL_VALUES: [&str; 4] = ["partition", "region", "account", "caller"];

/// What `{Member|transform}` may do with a value; `models/README.md` says what each means.
const TRANSFORMS: [&str; 28] = [
    "access_key_user",
    "account_of",
    "copy_source",
    "copy_source_version",
    "deletion_task_role",
    "full_name",
    "function_account",
    "function_name",
    "keys",
    "mfa_age",
    "mfa_present",
    "move_task_source",
    "or_account",
    "or_arn",
    "or_default",
    "path",
    "query_tags",
    "queue_account",
    "queue_name",
    "relative",
    "rule_bus",
    "service_linked_role_name",
    "stored_arn",
    "true",
    "url_encoded",
    "with_path",
    "without_last_part",
    "without_scheme",
];

/// The input members of one operation.
pub(super) struct Inputs<'a> {
    model: &'a Model,
    shape: Option<&'a Value>,
}

impl<'a> Inputs<'a> {
    pub(super) fn new(model: &'a Model, operation: &Value) -> Self {
        let shape = operation.get("in").and_then(Value::as_str).and_then(|name| model.shapes.get(name));
        Self { model, shape }
    }

    /// Every `{…}` of `template` is a value of the call or leads to a scalar, list or tag set of the input.
    pub(super) fn check_template(&self, template: &str) -> Result<()> {
        let mut rest = template;
        while let Some((_, after)) = rest.split_once('{') {
            let (reference, after) = after.split_once('}').context("the end of a reference")?;
            if !CALL_VALUES.contains(&reference) {
                self.check_reference(reference)?;
            }
            rest = after;
        }
        Ok(())
    }

    /// The top-level member that is sent as `name` or called so, ignoring case.
    pub(super) fn member_called(&self, name: &str) -> Option<&'a str> {
        let members = self.shape?.get("members")?.as_object()?;
        let sent_as = |reference: &Value| {
            let sent = reference.get("locationName").and_then(Value::as_str);
            reference.get("location").is_some() && sent.is_some_and(|sent| sent.eq_ignore_ascii_case(name))
        };
        members
            .iter()
            .find(|(member, reference)| sent_as(reference) || member.eq_ignore_ascii_case(name))
            .map(|(member, _)| member.as_str())
    }

    /// Whether the input must have this member.
    pub(super) fn is_required(&self, member: &str) -> bool {
        let required = self.shape.and_then(|shape| shape.get("required")?.as_array());
        required.is_some_and(|required| required.iter().any(|name| name == member))
    }

    /// What an operation asks for where actions are HTTP methods: its own method on its own path below `root`.
    pub(super) fn http_access(&self, root: &str, operation: &Value) -> Result<Value> {
        let http = operation.get("http").and_then(Value::as_str).context("http")?;
        let (method, uri) = http.split_once(' ').context("a method and a URI")?;
        let mut resource = root.to_owned();
        let mut rest = uri.split('?').next().unwrap_or(uri);
        while let Some((text, after)) = rest.split_once('{') {
            let (label, after) = after.split_once('}').context("the end of a label")?;
            let member = self.member_called(label.trim_end_matches('+')).context(label)?;
            resource.push_str(text);
            resource.push_str(&format!("{{{member}}}"));
            rest = after;
        }
        resource.push_str(rest);
        Ok(json!({"action": method, "resources": [resource]}))
    }

    /// `Member`, `Nested.Member`, `List[].Member` or any of them with `|transform` leads to something in the input.
    pub(super) fn check_reference(&self, reference: &str) -> Result<()> {
        let path = match reference.split_once('|') {
            Some((path, transform)) if TRANSFORMS.contains(&transform) => path,
            Some((_, unknown)) => return Err(Failure::new(format!("unknown transform {unknown}"))),
            None => reference,
        };
        let mut shape = self.shape;
        for step in path.split('.') {
            let (name, elements) = match step.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (step, false),
            };
            let member = shape
                .and_then(|shape| shape.get("members")?.get(name))
                .context(format_args!("member {step} of {path} in the input"))?;
            shape = self.target(member);
            if elements {
                let element =
                    shape.and_then(|list| list.get("member")).context(format_args!("list {step}"))?;
                shape = self.target(element);
            }
        }
        Ok(())
    }

    /// The shape behind a reference; nothing for a simple type.
    fn target(&self, reference: &Value) -> Option<&'a Value> {
        self.model.shapes.get(reference.get("s")?.as_str()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(run: impl FnOnce(&Inputs<'_>)) {
        let shapes = json!({
            "In": {"type": "structure", "members": {
                "Bucket": {"s": "string", "location": "uri", "locationName": "Bucket"},
                "ACL": {"s": "string", "location": "header", "locationName": "x-amz-acl"},
                "Delete": {"s": "Delete"}}},
            "Delete": {"type": "structure", "members": {"Objects": {"s": "Objects"}}},
            "Objects": {"type": "list", "member": {"s": "Object"}},
            "Object": {"type": "structure", "members": {"Key": "string"}}
        })
        .as_object()
        .cloned()
        .unwrap();
        let model = Model { shapes, ..Model::default() };
        run(&Inputs::new(&model, &json!({"in": "In"})));
    }

    #[test]
    fn templates_reach_nested_members_and_list_elements() {
        check(|inputs| {
            inputs.check_template("arn:{partition}:s3:::{Bucket}/{Delete.Objects[].Key}").unwrap();
            inputs.check_template("*").unwrap();
            assert!(inputs.check_template("{Key}").is_err());
            assert!(inputs.check_template("{Delete.Objects.Key}").is_err());
            assert!(inputs.check_template("{Bucket|upside_down}").is_err());
            assert!(inputs.check_template("{Bucket").is_err());
        });
    }

    #[test]
    fn a_header_gives_a_condition_key_its_member() {
        check(|inputs| {
            assert_eq!(inputs.member_called("x-amz-acl"), Some("ACL"));
            assert_eq!(inputs.member_called("bucket"), Some("Bucket"));
            assert_eq!(inputs.member_called("x-amz-storage-class"), None);
        });
    }
}
