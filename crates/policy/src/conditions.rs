//! The condition operators.
//!
//! Conditions are ANDed; the values of one are ORed, and NORed where the operator is negated. What
//! makes a condition unreadable (an operator that does not exist, a date that is none) is decided
//! against the caller: such a condition fails in an Allow statement, and holds in a Deny statement. A
//! value that the *request* brings is no such thing: it merely compares as different.

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::arn::{self, ArnPattern};
use crate::context::{Context, Key, KeyValue};
use crate::values::{Network, Number, read_date};
use crate::variables::{Syntax, Template};

/// One operator on one key.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    /// The operator as the policy writes it.
    pub(crate) operator: Box<str>,
    pub(crate) key: Key,
    /// The values as the policy writes them.
    pub(crate) wanted: Box<[Box<str>]>,
    test: Test,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
}

/// Which of the values of a key must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// The only value. AWS means this for single-valued keys; of several, one suffices (or all, if
    /// the operator is negated).
    Single,
    All,
    Any,
}

#[derive(Debug, Clone)]
enum Test {
    Equals(Box<[Template]>),
    EqualsIgnoreCase(Box<[Template]>),
    Like(Box<[Template]>),
    Number(Relation, Box<[Number]>),
    Date(Relation, Box<[i128]>),
    Bool(Box<[bool]>),
    Binary(Box<[Vec<u8>]>),
    Address(Box<[Network]>),
    Arn(Box<[ArnPattern]>),
    Null(Box<[bool]>),
    Unreadable,
}

#[derive(Debug, Clone, Copy)]
enum Relation {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// An operator without its values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operator {
    kind: OperatorKind,
    negated: bool,
    if_exists: bool,
    quantifier: Quantifier,
}

#[derive(Debug, Clone, Copy)]
enum OperatorKind {
    Equals,
    EqualsIgnoreCase,
    Like,
    Number(Relation),
    Date(Relation),
    Bool,
    Binary,
    Address,
    Arn,
    Null,
}

impl Operator {
    /// Reads the name of an operator, which has no case; nothing if there is no such operator.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let (quantifier, name) = if let Some(name) = text.strip_prefix("forallvalues:") {
            (Quantifier::All, name)
        } else if let Some(name) = text.strip_prefix("foranyvalue:") {
            (Quantifier::Any, name)
        } else {
            (Quantifier::Single, text.as_str())
        };
        let (name, if_exists) = match name.strip_suffix("ifexists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (kind, negated) = match name {
            "stringequals" => (OperatorKind::Equals, false),
            "stringnotequals" => (OperatorKind::Equals, true),
            "stringequalsignorecase" => (OperatorKind::EqualsIgnoreCase, false),
            "stringnotequalsignorecase" => (OperatorKind::EqualsIgnoreCase, true),
            "stringlike" => (OperatorKind::Like, false),
            "stringnotlike" => (OperatorKind::Like, true),
            "bool" => (OperatorKind::Bool, false),
            "binaryequals" => (OperatorKind::Binary, false),
            "ipaddress" => (OperatorKind::Address, false),
            "notipaddress" => (OperatorKind::Address, true),
            "arnequals" | "arnlike" => (OperatorKind::Arn, false),
            "arnnotequals" | "arnnotlike" => (OperatorKind::Arn, true),
            "null" if !if_exists && quantifier == Quantifier::Single => (OperatorKind::Null, false),
            name => {
                let (kind, relation): (fn(Relation) -> OperatorKind, _) =
                    if let Some(relation) = name.strip_prefix("numeric") {
                        (OperatorKind::Number, relation)
                    } else {
                        (OperatorKind::Date, name.strip_prefix("date")?)
                    };
                let (relation, negated) = match relation {
                    "equals" => (Relation::Equal, false),
                    "notequals" => (Relation::Equal, true),
                    "lessthan" => (Relation::Less, false),
                    "lessthanequals" => (Relation::LessOrEqual, false),
                    "greaterthan" => (Relation::Greater, false),
                    "greaterthanequals" => (Relation::GreaterOrEqual, false),
                    _ => return None,
                };
                (kind(relation), negated)
            }
        };
        Some(Self { kind, negated, if_exists, quantifier })
    }

    /// Whether a value is what the operator compares with, as far as AWS checks it when a policy is
    /// stored: dates, numbers and addresses.
    pub(crate) fn can_read(self, value: &str) -> bool {
        match self.kind {
            OperatorKind::Number(_) => Number::read(value).is_some(),
            OperatorKind::Date(_) => read_date(value).is_some(),
            OperatorKind::Address => Network::read(value).is_some(),
            _ => true,
        }
    }
}

/// Every value read, or nothing if one cannot be.
fn all<T>(wanted: &[Box<str>], read: impl Fn(&str) -> Option<T>) -> Option<Box<[T]>> {
    wanted.iter().map(|value| read(value)).collect()
}

fn read_bool(text: &str) -> Option<bool> {
    match text {
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

impl Test {
    fn new(kind: OperatorKind, wanted: &[Box<str>], variables: bool) -> Option<Self> {
        let text = |value: &str| Some(Template::new(value, Syntax { wildcards: false, variables }));
        let pattern = Syntax { wildcards: true, variables };
        Some(match kind {
            OperatorKind::Equals => Self::Equals(all(wanted, text)?),
            OperatorKind::EqualsIgnoreCase => Self::EqualsIgnoreCase(all(wanted, text)?),
            OperatorKind::Like => Self::Like(all(wanted, |value| Some(Template::new(value, pattern)))?),
            OperatorKind::Number(relation) => Self::Number(relation, all(wanted, Number::read)?),
            OperatorKind::Date(relation) => Self::Date(relation, all(wanted, read_date)?),
            OperatorKind::Bool => Self::Bool(all(wanted, read_bool)?),
            OperatorKind::Binary => Self::Binary(all(wanted, |value| BASE64.decode(value).ok())?),
            OperatorKind::Address => Self::Address(all(wanted, Network::read)?),
            OperatorKind::Arn => Self::Arn(all(wanted, |value| {
                Some(ArnPattern::condition(value, pattern)).filter(|pattern| !pattern.is_unreadable())
            })?),
            OperatorKind::Null => Self::Null(all(wanted, read_bool)?),
        })
    }

    /// Whether a value of the request is one of those of the policy. A value of the policy with a
    /// variable that has no value is like none.
    fn accepts(&self, value: &str, context: &Context) -> bool {
        match self {
            Self::Equals(wanted) => wanted.iter().any(|wanted| match wanted {
                Template::Text(wanted) => **wanted == *value,
                wanted => wanted.expand(context).is_some_and(|wanted| wanted == value),
            }),
            Self::EqualsIgnoreCase(wanted) => wanted
                .iter()
                .filter_map(|wanted| wanted.expand(context))
                .any(|wanted| wanted.eq_ignore_ascii_case(value) || same_letters(&wanted, value)),
            Self::Like(wanted) => wanted.iter().any(|wanted| wanted.matches(value, context).unwrap_or(false)),
            Self::Number(relation, wanted) => Number::read(value).is_some_and(|value| {
                let related = |wanted: &Number| value.compare(*wanted).is_some_and(|o| relation.holds(o));
                wanted.iter().any(related)
            }),
            Self::Date(relation, wanted) => read_date(value)
                .is_some_and(|value| wanted.iter().any(|wanted| relation.holds(value.cmp(wanted)))),
            Self::Bool(wanted) => read_bool(value).is_some_and(|value| wanted.contains(&value)),
            Self::Binary(wanted) => BASE64.decode(value).is_ok_and(|value| wanted.contains(&value)),
            Self::Address(wanted) => value
                .parse::<IpAddr>()
                .is_ok_and(|value| wanted.iter().any(|network| network.contains(value))),
            Self::Arn(wanted) => {
                let segments = arn::segments(value);
                wanted.iter().any(|wanted| wanted.matches(segments.as_ref(), context).unwrap_or(false))
            }
            Self::Null(_) | Self::Unreadable => false,
        }
    }

    fn templates(&self) -> &[Template] {
        match self {
            Self::Equals(templates) | Self::EqualsIgnoreCase(templates) | Self::Like(templates) => templates,
            _ => &[],
        }
    }
}

/// Equality without case beyond ASCII.
fn same_letters(one: &str, other: &str) -> bool {
    !(one.is_ascii() && other.is_ascii()) && one.to_lowercase() == other.to_lowercase()
}

impl Condition {
    pub(crate) fn new(operator: &str, key: &str, wanted: Box<[Box<str>]>, variables: bool) -> Self {
        let read = Operator::read(operator);
        let test = read.and_then(|read| Test::new(read.kind, &wanted, variables));
        Self {
            operator: operator.into(),
            key: Key::new(key),
            wanted,
            test: test.unwrap_or(Test::Unreadable),
            negated: read.is_some_and(|read| read.negated),
            if_exists: read.is_some_and(|read| read.if_exists),
            quantifier: read.map_or(Quantifier::Single, |read| read.quantifier),
        }
    }

    /// Whether the condition holds; nothing if it is unreadable.
    pub(crate) fn holds(&self, context: &Context) -> Option<bool> {
        let actual = context.value(&self.key);
        match (&self.test, actual) {
            (Test::Unreadable, _) => None,
            (Test::Null(wanted), actual) => Some(wanted.contains(&actual.is_none())),
            (_, None) => Some(match self.quantifier {
                _ if self.if_exists => true,
                Quantifier::Single => self.negated,
                Quantifier::All => true,
                Quantifier::Any => false,
            }),
            (test, Some(actual)) => {
                let passes = |value: &str| test.accepts(value, context) != self.negated;
                Some(match (actual, self.quantifier) {
                    (KeyValue::One(value), _) => passes(value),
                    (actual, Quantifier::All) => actual.iter().all(passes),
                    (actual, Quantifier::Single) if self.negated => actual.iter().all(passes),
                    (actual, Quantifier::Any | Quantifier::Single) => actual.iter().any(passes),
                })
            }
        }
    }

    /// The keys that the condition needs: its own, and those of its variables.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let templates = self.test.templates().iter().flat_map(Template::keys);
        let arns = if let Test::Arn(arns) = &self.test { &**arns } else { &[] };
        std::iter::once(&self.key).chain(templates).chain(arns.iter().flat_map(ArnPattern::keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, wanted: &[&str], actual: Option<KeyValue>) -> Option<bool> {
        let wanted = wanted.iter().map(|value| (*value).into()).collect();
        let mut context = Context::new();
        context.set_known("k", actual);
        Condition::new(operator, "K", wanted, true).holds(&context)
    }

    fn many(values: &[&str]) -> Option<KeyValue> {
        Some(KeyValue::Many(values.iter().map(|value| (*value).to_owned()).collect()))
    }

    #[test]
    fn absent_keys() {
        assert_eq!(holds("StringEquals", &["a"], None), Some(false));
        assert_eq!(holds("StringNotEquals", &["a"], None), Some(true));
        assert_eq!(holds("StringEqualsIfExists", &["a"], None), Some(true));
        assert_eq!(holds("ForAllValues:StringEquals", &["a"], None), Some(true));
        assert_eq!(holds("ForAnyValue:StringNotEquals", &["a"], None), Some(false));
        assert_eq!(holds("Null", &["true"], None), Some(true));
        assert_eq!(holds("Null", &["false"], many(&[])), Some(false));
    }

    #[test]
    fn several_values() {
        assert_eq!(holds("ForAllValues:StringEquals", &["a", "b"], many(&["a", "b"])), Some(true));
        assert_eq!(holds("ForAllValues:StringEquals", &["a", "b"], many(&["a", "c"])), Some(false));
        assert_eq!(holds("ForAnyValue:StringEquals", &["a"], many(&["c", "a"])), Some(true));
        assert_eq!(holds("ForAnyValue:StringNotEquals", &["a"], many(&["c", "a"])), Some(true));
        assert_eq!(holds("ForAnyValue:StringNotEquals", &["a", "c"], many(&["c", "a"])), Some(false));
        assert_eq!(holds("ForAllValues:StringNotEquals", &["a"], many(&["b", "a"])), Some(false));
    }

    #[test]
    fn what_cannot_be_read_is_told_apart_from_what_does_not_hold() {
        assert_eq!(holds("StringIsLovely", &["a"], Some("a".into())), None);
        assert_eq!(holds("NumericEquals", &["1", "x"], Some("1".into())), None);
        assert_eq!(holds("NumericNotEquals", &["1"], Some("x".into())), Some(true));
        assert_eq!(holds("IpAddress", &["10.0.0.0/40"], Some("10.0.0.1".into())), None);
        assert_eq!(holds("NullIfExists", &["true"], None), None);
        assert_eq!(holds("ArnLike", &["arn:aws:s3"], None), None);
        assert_eq!(holds("Bool", &["yes"], Some("yes".into())), None);
    }

    #[test]
    fn binary_values_are_compared_as_bytes() {
        assert_eq!(holds("BinaryEquals", &["QmluYXJ5"], Some("QmluYXJ5".into())), Some(true));
        assert_eq!(holds("BinaryEquals", &["QmluYXJ5"], Some("qmluyxj5".into())), Some(false));
    }
}
