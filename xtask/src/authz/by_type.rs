//! Requirements of a service whose inputs name resources by ids that are called as in the ARNs: EC2's hundreds of
//! operations, of which no table says which member means which resource.

use serde_json::{Map, Value, json};

use super::template::Inputs;
use super::{Builder, section};
use crate::failure::{Context, Result};
use crate::model::names;

/// What the names of operations that make something begin with.
const MAKING: [&str; 10] =
    ["Accept", "Allocate", "Copy", "Create", "Import", "Provision", "Purchase", "Register", "Request", "Run"];

impl Builder<'_> {
    /// The usual requirements of an operation: its action on each resource that the input names or that the
    /// operation makes, and the tagging action for what is tagged while it is made.
    pub(super) fn by_type(&self, name: &str, inputs: &Inputs<'_>) -> Result<Value> {
        let facts = self.action(&self.full_name(name))?;
        let mut required = Vec::new();
        let mut absent = Vec::new();
        let mut certain = false;
        let kinds: Vec<&str> = names(facts.get("resourceTypes")).collect();
        for kind in &kinds {
            if let Some(template) = self.named(kind, inputs)? {
                let member = template.rsplit_once('{').map_or("", |(_, rest)| rest.trim_end_matches('}'));
                if inputs.is_required(member) {
                    certain = true;
                    required.push(json!({"action": name, "resources": [template]}));
                } else {
                    required.push(json!({"action": name, "resources": [template], "when": member}));
                    absent.push(format!("!{member}"));
                }
            } else if makes(name, kind) {
                certain = true;
                required.push(json!({"action": name, "resources": [self.any(kind)?]}));
            }
        }
        match kinds.first() {
            None => required.push(json!({"action": name})),
            Some(kind) if !certain => {
                let resources = [self.any(kind)?];
                let mut rest = Map::new();
                rest.insert("action".into(), name.into());
                rest.insert("resources".into(), json!(resources));
                if !absent.is_empty() {
                    rest.insert("when".into(), absent.join(" && ").into());
                }
                required.push(rest.into());
            }
            Some(_) => {}
        }
        if inputs.check_reference("TagSpecifications[].ResourceType").is_ok() {
            required.push(json!({
                "action": "CreateTags",
                "resources": [self.arn("{TagSpecifications[].ResourceType}/*")],
                "when": "TagSpecifications[]",
                "keys": {"ec2:CreateAction": name},
                "dependent": true
            }));
        }
        Ok(required.into())
    }

    /// The resource of a type that the input names: by our candidates, else by the id of the type's ARN.
    fn named(&self, kind: &str, inputs: &Inputs<'_>) -> Result<Option<String>> {
        let (beginning, id) = self.parts(kind)?;
        let usual = [format!("{beginning}{{{id}}}"), format!("{beginning}{{{id}s}}")];
        let listed = section(self.overrides, "resources").find(|(listed, _)| *listed == kind);
        let listed =
            listed.into_iter().flat_map(|(_, candidates)| names(Some(candidates))).map(str::to_owned);
        Ok(listed.chain(usual).find(|candidate| inputs.check_template(candidate).is_ok()))
    }

    /// All resources of a type.
    fn any(&self, kind: &str) -> Result<String> {
        Ok(format!("{}*", self.parts(kind)?.0))
    }

    /// The template of a type's ARN up to the id, and what the id is called.
    fn parts(&self, kind: &str) -> Result<(String, String)> {
        let arn = self.definitions.get(self.prefix).and_then(|service| service.get("resources")?.get(kind));
        let Some(arn) = arn.and_then(|facts| facts.get("arn")?.as_str()) else {
            // A type that is newer than the package has the form that all others have.
            return Ok((self.arn(&format!("{kind}/")), format!("{}Id", camel(kind))));
        };
        let (beginning, id) = arn.rsplit_once("${").context(format_args!("id in {arn}"))?;
        let call = [("${Partition}", "{partition}"), ("${Region}", "{region}"), ("${Account}", "{account}")];
        let beginning = call.iter().fold(beginning.to_owned(), |text, (from, to)| text.replace(from, to));
        Ok((beginning, id.trim_end_matches('}').to_owned()))
    }

    fn arn(&self, resource: &str) -> String {
        format!("arn:{{partition}}:{}:{{region}}:{{account}}:{resource}", self.prefix)
    }
}

/// `transit-gateway` as `TransitGateway`.
fn camel(kind: &str) -> String {
    let capital = |word: &str| -> String {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_ascii_uppercase() + rest
    };
    kind.split('-').map(capital).collect()
}

/// Whether an operation makes a resource of a type: `CreateVpc` and `vpc`.
fn makes(operation: &str, kind: &str) -> bool {
    let made = MAKING.iter().find_map(|verb| operation.strip_prefix(verb));
    made.is_some_and(|made| made.to_ascii_lowercase().starts_with(&kind.replace('-', "")))
}
