//! The structures and unions.

use std::fmt::Write as _;

use crate::model::{Model, Reference, ShapeModel, is_stream};
use crate::names;

/// Writes every structure and union.
pub(crate) fn write(model: &Model, out: &mut String) {
    for (name, shape) in &model.shapes {
        if !shape.is_structure() || shape.has("eventstream") || shape.has("exception") {
            continue;
        }
        if shape.has("union") {
            write_union(model, name, shape, out);
        } else {
            write_structure(model, name, shape, out);
        }
    }
}

/// The Rust type of a use of `shape`.
fn rust_type(model: &Model, shape: &str) -> String {
    let scalar = match shape {
        "string" => "String",
        "integer" => "i32",
        "long" => "i64",
        "float" => "f32",
        "double" => "f64",
        "boolean" => "bool",
        "blob" => "Bytes",
        "timestamp" => "Timestamp",
        _ => "",
    };
    if !scalar.is_empty() {
        return scalar.to_owned();
    }
    let Some(found) = model.shapes.get(shape) else { return names::type_name(shape) };
    let inner = |index: usize| {
        let inner = found.members.get(index).map_or("String".to_owned(), |m| rust_type(model, &m.shape));
        if found.has("sparse") { format!("Option<{inner}>") } else { inner }
    };
    match found.kind.as_str() {
        "structure" if found.has("document") => "Document".to_owned(),
        "structure" => names::type_name(shape),
        "list" => format!("Vec<{}>", inner(0)),
        "map" => format!("BTreeMap<String, {}>", inner(1)),
        kind => rust_type(model, kind),
    }
}

struct Field<'a> {
    name: String,
    member: &'a Reference,
    index: usize,
    rust_type: String,
    plain: bool,
}

fn fields<'a>(model: &Model, name: &str, shape: &'a ShapeModel) -> Vec<Field<'a>> {
    shape
        .members
        .iter()
        .enumerate()
        .map(|(index, member)| {
            let stream = is_stream(model, member);
            let plain = stream || shape.required.contains(&member.name);
            let mut rust_type =
                if stream { "ByteStream".to_owned() } else { rust_type(model, &member.shape) };
            if model.boxed.contains(&(name.to_owned(), member.name.clone())) {
                rust_type = format!("Box<{rust_type}>");
            }
            Field { name: names::field(&member.name), member, index, rust_type, plain }
        })
        .collect()
}

fn write_structure(model: &Model, name: &str, shape: &ShapeModel, out: &mut String) {
    let type_name = names::type_name(name);
    let constant = &shape.constant;
    let fields = fields(model, name, shape);
    let derives = if model.streams.contains(name) { "Debug, Default" } else { "Clone, Debug, Default" };
    let _ = writeln!(out, "#[derive({derives})]\npub struct {type_name} {{");
    for field in &fields {
        let Field { name, rust_type, .. } = field;
        let rust_type = if field.plain { rust_type.clone() } else { format!("Option<{rust_type}>") };
        let _ = writeln!(out, "pub {name}: {rust_type},");
    }
    out.push_str("}\n");

    let _ = writeln!(
        out,
        "impl Shape for {type_name} {{\nfn schema(&self) -> &'static Schema {{ &schemas::{constant} }}"
    );
    let to = if fields.is_empty() { "_" } else { "to" };
    let _ = writeln!(out, "fn write_members(&self, {to}: &mut dyn ShapeSerializer) -> Visit {{");
    for Field { name, index, plain, .. } in &fields {
        let member = format!("&schemas::{constant}_MEMBERS[{index}]");
        let _ = if *plain {
            writeln!(out, "self.{name}.write_value({member}, to)?;")
        } else {
            writeln!(out, "write_optional(self.{name}.as_ref(), {member}, to)?;")
        };
    }
    out.push_str("Ok(())\n}\n}\n");
    write_value(&type_name, out);

    if model.inputs.contains(name) {
        let _ = writeln!(
            out,
            "impl ReadShape for {type_name} {{\nfn read_shape(from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError> {{"
        );
        if fields.is_empty() {
            let _ = writeln!(
                out,
                "from.read_struct(&schemas::{constant}, &mut |_, _| Ok(()))?;\nOk(Self::default())\n}}\n}}"
            );
        } else {
            let _ = writeln!(
                out,
                "let mut shape = Self::default();\nfrom.read_struct(&schemas::{constant}, &mut |member, from| {{"
            );
            let value = |plain: bool| {
                let read = "ReadValue::read_value(member, from)?";
                if plain { read.to_owned() } else { format!("Some({read})") }
            };
            if let [Field { name, index, plain, .. }] = fields.as_slice() {
                let _ = writeln!(out, "if member.index == {index} {{ shape.{name} = {}; }}", value(*plain));
            } else {
                out.push_str("match member.index {\n");
                for Field { name, index, plain, .. } in &fields {
                    let _ = writeln!(out, "{index} => shape.{name} = {},", value(*plain));
                }
                out.push_str("_ => {}\n}\n");
            }
            out.push_str("Ok(())\n})?;\nOk(shape)\n}\n}\n");
        }
        read_value(&type_name, out);
    }
}

fn write_union(model: &Model, name: &str, shape: &ShapeModel, out: &mut String) {
    let type_name = names::type_name(name);
    let constant = &shape.constant;
    let fields = fields(model, name, shape);
    let _ = writeln!(
        out,
        "#[derive(Clone, Debug, Default)]\npub enum {type_name} {{\n/// No member is set.\n#[default]\nUnset,"
    );
    for Field { member, rust_type, .. } in &fields {
        let _ = writeln!(out, "{}({rust_type}),", names::type_name(&member.name));
    }
    out.push_str("}\n");
    let _ = writeln!(
        out,
        "impl Shape for {type_name} {{\nfn schema(&self) -> &'static Schema {{ &schemas::{constant} }}\nfn write_members(&self, to: &mut dyn ShapeSerializer) -> Visit {{\nmatch self {{\nSelf::Unset => Ok(()),"
    );
    for Field { member, index, .. } in &fields {
        let _ = writeln!(
            out,
            "Self::{}(value) => value.write_value(&schemas::{constant}_MEMBERS[{index}], to),",
            names::type_name(&member.name)
        );
    }
    out.push_str("}\n}\n}\n");
    write_value(&type_name, out);
    if model.inputs.contains(name) {
        let _ = writeln!(
            out,
            "impl ReadShape for {type_name} {{\nfn read_shape(from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError> {{\nlet mut shape = Self::Unset;\nfrom.read_struct(&schemas::{constant}, &mut |member, from| {{\nmatch member.index {{"
        );
        for Field { member, index, .. } in &fields {
            let _ = writeln!(
                out,
                "{index} => shape = Self::{}(ReadValue::read_value(member, from)?),",
                names::type_name(&member.name)
            );
        }
        out.push_str("_ => {}\n}\nOk(())\n})?;\nOk(shape)\n}\n}\n");
        read_value(&type_name, out);
    }
}

fn write_value(type_name: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "impl WriteValue for {type_name} {{ fn write_value(&self, member: &'static Member, to: &mut dyn ShapeSerializer) -> Visit {{ to.write_struct(member, self) }} }}"
    );
}

fn read_value(type_name: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "impl ReadValue for {type_name} {{ fn read_value(_: &'static Member, from: &mut dyn ShapeDeserializer) -> Result<Self, CodecError> {{ Self::read_shape(from) }} }}"
    );
}
