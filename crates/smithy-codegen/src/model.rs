//! The part of a model that an operation list needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Map, Value};

/// Why no code can be written.
#[derive(Debug)]
pub struct ModelError(pub(crate) String);

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ModelError {}

/// Who uses the code that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// A service, which reads inputs and writes outputs.
    Server,
    /// A service that keeps its outputs as they are, and therefore reads them too.
    Keeper,
    /// Another service, which calls it and therefore reads outputs too.
    Client,
}

/// A use of a shape: a member, element, key or value.
#[derive(Clone, Debug)]
pub struct Reference {
    /// Its name in the model.
    pub name: String,
    /// The shape that is used.
    pub shape: String,
    /// The traits of this use.
    pub traits: Map<String, Value>,
}

/// A shape.
#[derive(Clone, Debug)]
pub struct ShapeModel {
    /// `structure`, `list`, `string` …
    pub kind: String,
    /// Members, element, or key and value.
    pub members: Vec<Reference>,
    /// Names of the required members.
    pub required: BTreeSet<String>,
    /// The JSON of the shape.
    pub traits: Map<String, Value>,
    /// Name of its statics; unique, although `IPAddress` and `IpAddress` are two shapes.
    pub constant: String,
}

impl ShapeModel {
    /// Whether a boolean trait is set.
    pub fn has(&self, name: &str) -> bool {
        self.traits.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether it is a structure or union with members of its own.
    pub fn is_structure(&self) -> bool {
        self.kind == "structure" && !self.has("document")
    }
}

/// An operation.
#[derive(Clone, Debug)]
pub struct OperationModel {
    /// Its name.
    pub name: String,
    /// The JSON of the operation.
    pub traits: Map<String, Value>,
    /// Key of the input in [`Model::shapes`].
    pub input: String,
    /// Key of the output in [`Model::shapes`].
    pub output: String,
    /// Keys of its errors.
    pub errors: Vec<String>,
}

/// An operation as routing needs it.
#[derive(Clone, Debug)]
pub struct IndexEntry {
    /// Its name.
    pub name: String,
    /// HTTP method.
    pub method: String,
    /// URI pattern.
    pub uri: String,
    /// The wire names of its input's required query parameters and headers, each with its kind
    /// (`Query`, `Header`).
    pub discriminators: Vec<(&'static str, String)>,
}

/// A model, cut down to some operations.
#[derive(Debug)]
pub struct Model {
    /// The service's JSON.
    pub service: Map<String, Value>,
    /// The operations that were asked for, by name.
    pub operations: Vec<OperationModel>,
    /// The shapes that they reach.
    pub shapes: BTreeMap<String, ShapeModel>,
    /// Every operation of the model.
    pub index: Vec<IndexEntry>,
    /// Shapes that occur in inputs, which are the ones whose constraints matter.
    pub inputs: BTreeSet<String>,
    /// Structure members that must be boxed because their shapes contain each other.
    pub boxed: BTreeSet<(String, String)>,
    /// Structures that hold a stream and can therefore not be cloned.
    pub streams: BTreeSet<String>,
    /// Shapes that hold a constraint somewhere.
    pub constrained: BTreeSet<String>,
}

const SCALARS: &[&str] = &["string", "integer", "long", "float", "double", "boolean", "blob", "timestamp"];

impl Model {
    /// Loads `operations` and what they reach.
    pub(crate) fn load(json: &Value, operations: &BTreeSet<String>, side: Side) -> Result<Self, ModelError> {
        let part = |name: &str| {
            json.get(name)
                .and_then(Value::as_object)
                .ok_or_else(|| ModelError(format!("the model has no `{name}`")))
        };
        let (service, all, shapes) = (part("service")?, part("operations")?, part("shapes")?);
        let mut model = Self {
            service: service.clone(),
            operations: Vec::new(),
            shapes: BTreeMap::new(),
            index: index(all, shapes),
            inputs: BTreeSet::new(),
            boxed: BTreeSet::new(),
            streams: BTreeSet::new(),
            constrained: BTreeSet::new(),
        };
        let name = service.get("name").and_then(Value::as_str).unwrap_or_default();
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        for operation in all.values().filter_map(Value::as_object) {
            for side in ["in", "out"] {
                if let Some(shape) = operation.get(side).and_then(Value::as_str) {
                    *uses.entry(shape.to_owned()).or_default() += 1;
                }
            }
        }
        for shape in shapes.values() {
            for reference in references(shape) {
                *uses.entry(reference.shape).or_default() += 1;
            }
        }
        for operation in operations {
            let traits = all
                .get(operation)
                .and_then(Value::as_object)
                .ok_or_else(|| ModelError(format!("the model of {name} has no operation `{operation}`")))?;
            let mut shape_of = |key: &str, suffix: &str| -> Result<String, ModelError> {
                let own = format!("{operation}{suffix}");
                let Some(shape) = traits.get(key).and_then(Value::as_str) else {
                    model.shapes.insert(own.clone(), empty_structure());
                    return Ok(own);
                };
                let shared = uses.get(shape).copied().unwrap_or_default() > 1
                    || (shapes.contains_key(&own) && own != shape);
                let key = if shared { shape.to_owned() } else { own };
                model.reach(shapes, shape, &key)?;
                Ok(key)
            };
            let (input, output) = (shape_of("in", "Input")?, shape_of("out", "Output")?);
            let errors: Vec<String> = traits
                .get("errors")
                .and_then(Value::as_array)
                .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default();
            for error in &errors {
                model.reach(shapes, error, error)?;
            }
            model.mark_inputs(&input);
            if side != Side::Server {
                model.mark_inputs(&output);
            }
            model.operations.push(OperationModel {
                name: operation.clone(),
                traits: traits.clone(),
                input,
                output,
                errors,
            });
        }
        // Errors that no operation declares but real services answer; patches add them.
        for (name, shape) in shapes {
            let exception = shape.get("exception").and_then(Value::as_bool).unwrap_or(false);
            if exception && shape.get("undeclared").and_then(Value::as_bool).unwrap_or(false) {
                model.reach(shapes, name, name)?;
            }
        }
        model.name_constants();
        model.find_cycles();
        model.find_streams();
        model.find_constraints();
        Ok(model)
    }

    /// The service's string trait.
    pub(crate) fn service_text(&self, name: &str) -> &str {
        self.service.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The protocols that the service lists.
    pub(crate) fn service_protocols(&self) -> impl Iterator<Item = &str> {
        let listed = self.service.get("protocols").and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str)
    }

    fn name_constants(&mut self) {
        let mut taken = BTreeSet::new();
        for (name, shape) in &mut self.shapes {
            let plain = crate::names::constant(name);
            let mut constant = plain.clone();
            let mut number = 2;
            while !taken.insert(constant.clone()) {
                constant = format!("{plain}_{number}");
                number += 1;
            }
            shape.constant = constant;
        }
    }

    fn reach(&mut self, all: &Map<String, Value>, shape: &str, key: &str) -> Result<(), ModelError> {
        if self.shapes.contains_key(key) || SCALARS.contains(&shape) {
            return Ok(());
        }
        let json = all.get(shape).ok_or_else(|| ModelError(format!("the model has no shape `{shape}`")))?;
        let traits = json.as_object().cloned().unwrap_or_default();
        let kind = traits.get("type").and_then(Value::as_str).unwrap_or("structure").to_owned();
        let required = traits
            .get("required")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default();
        let members = references(json);
        let used: Vec<String> = members.iter().map(|member| member.shape.clone()).collect();
        self.shapes
            .insert(key.to_owned(), ShapeModel { kind, members, required, traits, constant: String::new() });
        for shape in used {
            self.reach(all, &shape, &shape)?;
        }
        Ok(())
    }

    fn mark_inputs(&mut self, key: &str) {
        if !self.inputs.insert(key.to_owned()) {
            return;
        }
        let used: Vec<String> = self
            .shapes
            .get(key)
            .map(|shape| shape.members.iter().map(|m| m.shape.clone()).collect())
            .unwrap_or_default();
        for shape in used {
            self.mark_inputs(&shape);
        }
    }

    /// Whether `from` contains `to` by value, through structures only.
    fn contains(&self, from: &str, to: &str, seen: &mut BTreeSet<String>) -> bool {
        if !seen.insert(from.to_owned()) {
            return false;
        }
        self.shapes.get(from).is_some_and(|shape| {
            shape.is_structure()
                && shape.members.iter().any(|m| m.shape == to || self.contains(&m.shape, to, seen))
        })
    }

    fn find_cycles(&mut self) {
        let mut boxed = BTreeSet::new();
        for (name, shape) in self.shapes.iter().filter(|(_, shape)| shape.is_structure()) {
            for member in &shape.members {
                if member.shape == *name || self.contains(&member.shape, name, &mut BTreeSet::new()) {
                    boxed.insert((name.clone(), member.name.clone()));
                }
            }
        }
        self.boxed = boxed;
    }

    fn find_streams(&mut self) {
        let streams = |model: &Self, member: &Reference| is_stream(model, member);
        self.streams = self
            .shapes
            .iter()
            .filter(|(_, shape)| shape.members.iter().any(|member| streams(self, member)))
            .map(|(name, _)| name.clone())
            .collect();
    }

    fn find_constraints(&mut self) {
        loop {
            let found: BTreeSet<String> = self
                .shapes
                .iter()
                .filter(|(name, shape)| {
                    self.inputs.contains(*name)
                        && (["min", "max", "pattern", "enum"].iter().any(|t| shape.traits.contains_key(*t))
                            || shape.members.iter().any(|m| self.constrained.contains(&m.shape)))
                })
                .map(|(name, _)| name.clone())
                .collect();
            if found.len() == self.constrained.len() {
                return;
            }
            self.constrained = found;
        }
    }
}

/// Whether a member is streamed to or from the handler.
pub(crate) fn is_stream(model: &Model, member: &Reference) -> bool {
    let trait_of =
        |traits: &Map<String, Value>, name: &str| traits.get(name).and_then(Value::as_bool).unwrap_or(false);
    trait_of(&member.traits, "streaming")
        || model
            .shapes
            .get(&member.shape)
            .is_some_and(|shape| shape.has("streaming") || shape.has("eventstream"))
}

/// What an operation without input or output has: Smithy's `Unit`, which has no body either.
fn empty_structure() -> ShapeModel {
    let mut traits = Map::new();
    traits.insert("name".to_owned(), "Unit".into());
    ShapeModel {
        kind: "structure".to_owned(),
        members: Vec::new(),
        required: BTreeSet::new(),
        traits,
        constant: String::new(),
    }
}

fn references(shape: &Value) -> Vec<Reference> {
    let reference = |name: &str, json: &Value| {
        let traits = json.as_object().cloned().unwrap_or_default();
        let shape = json.as_str().or_else(|| traits.get("s").and_then(Value::as_str)).unwrap_or("string");
        // `string?` is a boxed scalar, which makes no difference here.
        Reference { name: name.to_owned(), shape: shape.trim_end_matches('?').to_owned(), traits }
    };
    let mut found = Vec::new();
    if let Some(members) = shape.get("members").and_then(Value::as_object) {
        found.extend(members.iter().map(|(name, json)| reference(name, json)));
    }
    for name in ["member", "key", "value"] {
        if let Some(json) = shape.get(name) {
            found.push(reference(name, json));
        }
    }
    found
}

fn index(operations: &Map<String, Value>, shapes: &Map<String, Value>) -> Vec<IndexEntry> {
    let entry = |(name, operation): (&String, &Value)| {
        let http = operation.get("http").and_then(Value::as_str).unwrap_or("POST /");
        let (method, uri) = http.split_once(' ')?;
        let input = operation.get("in").and_then(Value::as_str).and_then(|shape| shapes.get(shape));
        let required: Vec<&str> = input
            .and_then(|shape| shape.get("required"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let discriminators = input
            .map(references)
            .unwrap_or_default()
            .into_iter()
            .filter(|member| required.contains(&member.name.as_str()))
            .filter_map(|member| {
                let wire = member.traits.get("locationName").and_then(Value::as_str)?.to_owned();
                match member.traits.get("location").and_then(Value::as_str)? {
                    "querystring" => Some(("Query", wire)),
                    "header" => Some(("Header", wire.to_ascii_lowercase())),
                    _ => None,
                }
            })
            .collect();
        let (name, method, uri) = (name.clone(), method.to_owned(), uri.to_owned());
        Some(IndexEntry { name, method, uri, discriminators })
    };
    operations.iter().filter_map(entry).collect()
}
