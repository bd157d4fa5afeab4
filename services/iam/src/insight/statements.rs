//! Statements and policies that are written here, in the order and form in which people write them.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

/// Values of which one alone is no list.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct OneOrMany(pub(super) Vec<String>);

impl Serialize for OneOrMany {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            many => many.serialize(serializer),
        }
    }
}

impl From<&str> for OneOrMany {
    fn from(value: &str) -> Self {
        Self(vec![value.to_owned()])
    }
}

/// Operator, key and values.
pub(super) type Conditions = BTreeMap<&'static str, BTreeMap<String, OneOrMany>>;

/// A statement that allows something.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Statement {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<String>,
    pub(super) effect: &'static str,
    /// In policies of resources: kind and name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<Named>,
    pub(super) action: OneOrMany,
    /// Trust policies have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) resource: Option<OneOrMany>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) condition: Conditions,
}

/// Whom a statement names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Named {
    Everyone,
    /// `AWS`, `Service` or `Federated`, and the name.
    One(&'static str, String),
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Everyone => serializer.serialize_str("*"),
            Self::One(kind, name) => BTreeMap::from([(kind, name)]).serialize(serializer),
        }
    }
}

impl Statement {
    /// `action` on `resource`.
    pub(super) fn allow(action: &str, resource: &str) -> Self {
        Self {
            sid: None,
            effect: "Allow",
            principal: None,
            action: action.into(),
            resource: Some(resource.into()),
            condition: Conditions::new(),
        }
    }
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Document {
    version: &'static str,
    pub(super) statement: Vec<Statement>,
}

impl Document {
    pub(super) fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// The text without any white space, of which AWS counts the characters.
    pub(super) fn text(&self) -> String {
        // Maps with keys of text can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The condition keys that say what a permission is for, whoever runs the program and whenever: a
/// policy with them still allows the next run.
const TELLING_KEYS: &[&str] = &[
    "iam:AWSServiceName",
    "iam:PassedToService",
    "iam:PermissionsBoundary",
    "iam:PolicyARN",
    "kms:ViaService",
    "sts:ExternalId",
];

/// The conditions that follow from keys whose values were always the same.
pub(super) fn conditions(constant: &BTreeMap<String, Vec<String>>) -> Conditions {
    let mut conditions = Conditions::new();
    for (key, values) in constant {
        let telling = TELLING_KEYS.iter().find(|telling| telling.eq_ignore_ascii_case(key));
        if let (Some(key), [value]) = (telling, values.as_slice()) {
            let operator = if *key == "iam:PolicyARN" { "ArnEquals" } else { "StringEquals" };
            let value = OneOrMany(vec![literal(value)]);
            conditions.entry(operator).or_default().insert((*key).to_owned(), value);
        }
    }
    conditions
}

/// A text as policies write it where it must not be a pattern.
pub(super) fn literal(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        match letter {
            '*' => written.push_str("${*}"),
            '?' => written.push_str("${?}"),
            '$' if text.get(at + 1..).is_some_and(|rest| rest.starts_with('{')) => written.push_str("${$}"),
            other => written.push(other),
        }
    }
    written
}

/// An ARN as policies write it. Only keys of objects have wildcards of their own; those in other ARNs
/// stand for what the call did not tell.
pub(super) fn resource(arn: &str) -> String {
    match arn.strip_prefix("arn:aws:s3:::").and_then(|path| path.split_once('/')) {
        Some((bucket, key)) if key != "*" => format!("arn:aws:s3:::{bucket}/{}", literal(key)),
        _ => arn.to_owned(),
    }
}
