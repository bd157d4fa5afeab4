//! Between the cases' JSON values and documents.

use base64::Engine as _;
use cloudtwin_smithy::schema::{Member, Schema, ShapeType};
use cloudtwin_smithy::{Document, Timestamp};
use serde_json::Value;

pub(crate) fn bytes(base64: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(base64).unwrap()
}

/// A structure of `schema` from a case's `params` or `result`.
pub(crate) fn structure(schema: &'static Schema, json: &Value) -> Document {
    let Some(entries) = json.as_object() else { return Document::Map(Default::default()) };
    entries
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| {
            let member = schema
                .member(name)
                .unwrap_or_else(|| panic!("the shape {} has no member `{name}`", schema.name));
            (name.clone(), self::value(member, value))
        })
        .collect()
}

/// A value of `member`'s shape.
pub(crate) fn value(member: &'static Member, json: &Value) -> Document {
    let schema = member.target;
    if json.is_null() {
        return Document::Null;
    }
    match schema.shape_type {
        ShapeType::Blob => Document::Blob(bytes(json.as_str().unwrap()).into()),
        ShapeType::Timestamp => match json.as_i64() {
            Some(seconds) => Document::Timestamp(Timestamp::from_seconds(seconds)),
            None => Document::Timestamp(Timestamp::from_epoch(json.as_f64().unwrap()).unwrap()),
        },
        ShapeType::Float | ShapeType::Double => Document::Float(match json.as_str() {
            Some("NaN") => f64::NAN,
            Some("Infinity") => f64::INFINITY,
            Some("-Infinity") => f64::NEG_INFINITY,
            Some(other) => panic!("unknown float {other}"),
            None => json.as_f64().unwrap(),
        }),
        ShapeType::List => {
            let element = schema.element().unwrap();
            Document::List(json.as_array().unwrap().iter().map(|item| value(element, item)).collect())
        }
        ShapeType::Map => {
            let element = schema.map_value().unwrap();
            json.as_object().unwrap().iter().map(|(key, item)| (key.clone(), value(element, item))).collect()
        }
        ShapeType::Structure | ShapeType::Union => structure(schema, json),
        ShapeType::Document
        | ShapeType::Boolean
        | ShapeType::Integer
        | ShapeType::Long
        | ShapeType::String => document(json),
    }
}

/// Any JSON value.
pub(crate) fn document(json: &Value) -> Document {
    match json {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => Document::Integer(integer),
            None => Document::Float(number.as_f64().unwrap()),
        },
        Value::String(text) => Document::String(text.clone()),
        Value::Array(items) => Document::List(items.iter().map(document).collect()),
        Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), document(value))).collect(),
    }
}

/// Compares documents; `Err` names the first difference. Numbers are compared in the precision
/// of a 32-bit float, which is what the cases' textual numbers hold; a null equals an absence.
pub(crate) fn same(expected: &Document, actual: &Document) -> Result<(), String> {
    same_at("", expected, actual)
}

fn same_at(path: &str, expected: &Document, actual: &Document) -> Result<(), String> {
    let differ = || Err(format!("at `{path}`: expected {expected:?}, found {actual:?}"));
    match (expected, actual) {
        (Document::Float(a), Document::Float(b)) => {
            if a == b || (a.is_nan() && b.is_nan()) || *a as f32 == *b as f32 { Ok(()) } else { differ() }
        }
        (Document::Integer(a), Document::Float(b)) | (Document::Float(b), Document::Integer(a)) => {
            if *a as f64 == *b { Ok(()) } else { differ() }
        }
        (Document::List(a), Document::List(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .try_for_each(|(index, (a, b))| same_at(&format!("{path}/{index}"), a, b)),
        (Document::Map(a), Document::Map(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().try_for_each(|key| {
                let side =
                    |map: &indexmap::IndexMap<String, Document>| map.get(key).cloned().unwrap_or_default();
                same_at(&format!("{path}/{key}"), &side(a), &side(b))
            })
        }
        (a, b) if a == b => Ok(()),
        _ => differ(),
    }
}
