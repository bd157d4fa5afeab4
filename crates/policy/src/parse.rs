//! Reading documents.

use crate::arn::ArnPattern;
use crate::conditions::Condition;
use crate::json::Node;
use crate::policy::{ActionPattern, Actions, Effect, ResourcePattern, Resources, Statement};
use crate::principal::{Named, PrincipalElement};
use crate::variables::Syntax;

/// The longest document that is read, in bytes: what the IAM API takes at most.
pub const MAX_DOCUMENT: usize = 131_072;

/// Why a document is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PolicyError {
    pub(crate) code: ErrorCode,
    pub(crate) message: String,
}

/// What is wrong with a document, in terms of the errors that APIs have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The document is wrong. IAM and STS: `MalformedPolicyDocument`; S3: `MalformedPolicy`; KMS and
    /// Organizations: `MalformedPolicyDocumentException`; others have a name of their own.
    Malformed,
    /// The document is right, but too long. IAM: `LimitExceeded`; STS: `PackedPolicyTooLarge`.
    TooLong,
}

impl PolicyError {
    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self { code: ErrorCode::Malformed, message: message.into() }
    }

    /// Whether the document is wrong or too long.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// AWS's own words.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

fn unreadable(reason: &str) -> PolicyError {
    PolicyError::malformed(reason)
}

/// The statements of a document.
pub(crate) fn policy(document: &str) -> Result<Vec<Statement>, PolicyError> {
    if document.len() > MAX_DOCUMENT {
        return Err(unreadable("the document is too long"));
    }
    let policy = Node::read(document).map_err(|error| unreadable(&error.to_string()))?;
    let Node::Object(members) = &policy else { return Err(unreadable("a policy is an object")) };
    let variables = match policy.get("Version") {
        None => false,
        Some(version) => match version.as_text() {
            Some("2012-10-17") => true,
            Some("2008-10-17") => false,
            _ => return Err(unreadable("no such version of policies")),
        },
    };
    if members.iter().any(|(name, _)| !matches!(name.as_str(), "Version" | "Id" | "Statement")) {
        return Err(unreadable("a policy has Version, Id and Statement only"));
    }
    let statements = policy.get("Statement").ok_or_else(|| unreadable("there is no Statement"))?;
    let statements = statements.elements().iter().enumerate();
    statements.map(|(index, node)| statement(index, node, variables)).collect()
}

fn statement(index: usize, node: &Node, variables: bool) -> Result<Statement, PolicyError> {
    let Node::Object(members) = node else { return Err(unreadable("a statement is an object")) };
    for (name, _) in members {
        if !STATEMENT_ELEMENTS.contains(&name.as_str()) {
            return Err(unreadable("a statement has an element that is not known"));
        }
    }
    let effect = match node.get("Effect").and_then(Node::as_text) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(unreadable("Effect is Allow or Deny")),
    };
    let sid = match node.get("Sid") {
        None => None,
        Some(sid) => Some(sid.as_text().ok_or_else(|| unreadable("Sid is a text"))?.into()),
    };
    let (negated, actions) = either(node, "Action", "NotAction")?
        .ok_or_else(|| unreadable("a statement has Action or NotAction"))?;
    let actions =
        Actions { negated, patterns: texts(actions)?.into_iter().map(ActionPattern::new).collect() };
    let resources = match either(node, "Resource", "NotResource")? {
        None => None,
        Some((negated, node)) => {
            let syntax = Syntax { wildcards: true, variables };
            let pattern = |text: &str| ResourcePattern {
                text: text.into(),
                pattern: ArnPattern::resource(text, syntax),
            };
            let read = if negated { node.texts() } else { node.texts_but_nulls() };
            let resources = read.ok_or_else(not_texts)?;
            Some(Resources { negated, patterns: resources.into_iter().map(pattern).collect() })
        }
    };
    let principal = match either(node, "Principal", "NotPrincipal")? {
        None => None,
        Some((negated, node)) => Some(PrincipalElement { negated, names: names(node)? }),
    };
    let conditions = match node.get("Condition") {
        None => Box::default(),
        Some(node) => conditions(node, variables)?,
    };
    Ok(Statement { index, sid, effect, principal, actions, resources, conditions })
}

pub(crate) const STATEMENT_ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// An element or its opposite, and whether it is the opposite. A statement cannot have both.
fn either<'a>(node: &'a Node, name: &str, opposite: &str) -> Result<Option<(bool, &'a Node)>, PolicyError> {
    match (node.get(name), node.get(opposite)) {
        (None, None) => Ok(None),
        (Some(node), None) => Ok(Some((false, node))),
        (None, Some(node)) => Ok(Some((true, node))),
        (Some(_), Some(_)) => Err(unreadable("a statement has both an element and its opposite")),
    }
}

fn texts(node: &Node) -> Result<Vec<&str>, PolicyError> {
    node.texts().ok_or_else(not_texts)
}

fn not_texts() -> PolicyError {
    unreadable("actions, resources and principals are texts")
}

fn names(node: &Node) -> Result<Box<[Named]>, PolicyError> {
    match node {
        Node::Text(name) => Ok(Box::new([Named::new("*", name)])),
        Node::Object(kinds) => {
            let mut names = Vec::new();
            for (kind, node) in kinds {
                names.extend(texts(node)?.into_iter().map(|name| Named::new(kind, name)));
            }
            Ok(names.into())
        }
        _ => Err(unreadable("a principal is `*` or an object")),
    }
}

fn conditions(node: &Node, variables: bool) -> Result<Box<[Condition]>, PolicyError> {
    let Node::Object(operators) = node else { return Err(unreadable("Condition is an object")) };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Node::Object(keys) = keys else { return Err(unreadable("an operator has an object of keys")) };
        for (key, values) in keys {
            let wanted: Option<Vec<String>> = values.elements().iter().map(Node::scalar).collect();
            let wanted = wanted.ok_or_else(|| unreadable("conditions compare with scalar values"))?;
            let wanted = wanted.into_iter().map(String::into_boxed_str).collect();
            conditions.push(Condition::new(operator, key, wanted, variables));
        }
    }
    Ok(conditions.into())
}
