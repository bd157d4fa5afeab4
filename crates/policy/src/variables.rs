//! Texts of policies with policy variables and wildcards in them.
//!
//! `${key}` and `${key, 'default'}` are replaced with the value of a single-valued condition key,
//! `${*}`, `${?}` and `${$}` are the characters themselves. What a variable brings in is literal: its
//! `*` is no wildcard. Only policies of version 2012-10-17 have variables.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::context::{Context, Key, KeyValue};
use crate::matching::{self, Token};

/// How a text is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    pub(crate) variables: bool,
}

/// A text that was read.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    /// `*`
    Any,
    /// A text without anything special.
    Text(Box<str>),
    /// A text and a `*`, as most patterns are.
    Prefix(Box<str>),
    /// Anything else.
    Parts(Box<[Part]>),
}

#[derive(Debug, Clone)]
pub(crate) enum Part {
    Text(Box<str>),
    Any,
    One,
    Variable { key: Key, default: Option<Box<str>> },
}

impl Template {
    pub(crate) fn new(text: &str, syntax: Syntax) -> Self {
        let mut parts = parts(text, syntax);
        if let [Part::Any] = parts.as_slice() {
            return Self::Any;
        }
        if let [Part::Text(_), Part::Any] = parts.as_slice() {
            parts.pop();
            if let Some(Part::Text(text)) = parts.pop() {
                return Self::Prefix(text);
            }
        }
        if let [Part::Text(_)] = parts.as_slice()
            && let Some(Part::Text(text)) = parts.pop()
        {
            return Self::Text(text);
        }
        if parts.is_empty() { Self::Text(Box::default()) } else { Self::Parts(parts.into()) }
    }

    /// Whether a text is what this describes; nothing if a variable has no value.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> Option<bool> {
        match self {
            Self::Any => Some(true),
            Self::Text(expected) => Some(**expected == *text),
            Self::Prefix(prefix) => Some(text.starts_with(&**prefix)),
            Self::Parts(parts) => {
                let tokens: Option<SmallVec<[Token<'_>; 12]>> = parts
                    .iter()
                    .map(|part| {
                        Some(match part {
                            Part::Text(text) => Token::Text(text),
                            Part::Any => Token::Any,
                            Part::One => Token::One,
                            Part::Variable { key, default } => {
                                Token::Text(value(key, default.as_deref(), context)?)
                            }
                        })
                    })
                    .collect();
                tokens.map(|tokens| matching::matches(&tokens, text))
            }
        }
    }

    /// The text with its variables replaced; nothing if one has no value.
    pub(crate) fn expand(&self, context: &Context) -> Option<Cow<'_, str>> {
        match self {
            Self::Any => Some(Cow::Borrowed("*")),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Prefix(text) => Some(Cow::Owned(format!("{text}*"))),
            Self::Parts(parts) => {
                let mut expanded = String::new();
                for part in parts {
                    expanded.push_str(match part {
                        Part::Text(text) => text,
                        Part::Any => "*",
                        Part::One => "?",
                        Part::Variable { key, default } => value(key, default.as_deref(), context)?,
                    });
                }
                Some(Cow::Owned(expanded))
            }
        }
    }

    /// The keys of the variables in it.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let parts = if let Self::Parts(parts) = self { &**parts } else { &[] };
        parts.iter().filter_map(|part| match part {
            Part::Variable { key, .. } => Some(key),
            Part::Text(_) | Part::Any | Part::One => None,
        })
    }
}

/// What a variable stands for. Multivalued keys are no variables: their order means nothing.
fn value<'a>(key: &Key, default: Option<&'a str>, context: &'a Context) -> Option<&'a str> {
    match context.value(key) {
        Some(KeyValue::One(value)) => Some(value),
        Some(KeyValue::Many(_)) => None,
        None => default,
    }
}

fn parts(text: &str, syntax: Syntax) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (mut special, mut length) = (None, character.len_utf8());
        match character {
            '*' if syntax.wildcards => special = Some(Part::Any),
            '?' if syntax.wildcards => special = Some(Part::One),
            '$' if syntax.variables => match variable(rest) {
                Some((inside, whole)) => {
                    length = whole;
                    match inside {
                        "*" | "?" | "$" => literal.push_str(inside),
                        _ => special = Some(read_variable(inside)),
                    }
                }
                None => literal.push('$'),
            },
            character => literal.push(character),
        }
        if let Some(part) = special {
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal).into()));
            }
            // Several `*` in a row are one.
            if !(matches!(part, Part::Any) && matches!(parts.last(), Some(Part::Any))) {
                parts.push(part);
            }
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal.into()));
    }
    parts
}

/// The inside of the variable at the start of a text, and the length of the whole.
pub(crate) fn variable(text: &str) -> Option<(&str, usize)> {
    let inside = text.strip_prefix("${")?;
    // A default value may hold a brace between its quotes.
    let mut quoted = false;
    let end = inside.find(|character| {
        quoted ^= character == '\'';
        character == '}' && !quoted
    });
    let end = end.or_else(|| inside.find('}'))?;
    inside.get(..end).map(|inside| (inside, end + 3))
}

fn read_variable(inside: &str) -> Part {
    let Some((key, default)) = inside.split_once(',') else {
        return Part::Variable { key: Key::new(inside.trim()), default: None };
    };
    let default = default.trim();
    let default = default.strip_prefix('\'').and_then(|default| default.strip_suffix('\''));
    Part::Variable { key: Key::new(key.trim()), default: default.map(Into::into) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Syntax = Syntax { wildcards: true, variables: true };

    fn context() -> Context {
        [("aws:username", "alice"), ("aws:PrincipalTag/dir", "*")].into_iter().collect()
    }

    #[test]
    fn variables_are_replaced_and_their_values_are_literal() {
        let matches = |pattern: &str, text: &str| Template::new(pattern, NEW).matches(text, &context());
        assert_eq!(matches("home/${aws:UserName}/*", "home/alice/x"), Some(true));
        assert_eq!(matches("home/${aws:PrincipalTag/dir}", "home/bob"), Some(false));
        assert_eq!(matches("home/${aws:PrincipalTag/dir}", "home/*"), Some(true));
        assert_eq!(matches("${aws:PrincipalTag/team, 'a}b'}-x", "a}b-x"), Some(true));
        assert_eq!(matches("${aws:PrincipalTag/team}", "x"), None);
        assert_eq!(matches("a${*}${?}${$}b", "a*?$b"), Some(true));
        assert_eq!(matches("a${*}b", "axb"), Some(false));
        assert_eq!(matches("cost$", "cost$"), Some(true));
        assert_eq!(matches("${open", "${open"), Some(true));
    }

    #[test]
    fn old_policies_have_no_variables() {
        let old = Template::new("home/${aws:username}", Syntax { variables: false, ..NEW });
        assert_eq!(old.matches("home/${aws:username}", &context()), Some(true));
        assert_eq!(old.matches("home/alice", &context()), Some(false));
    }
}
