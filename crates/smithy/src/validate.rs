//! Checks typed values against the constraints of their schemas.
//!
//! The result is facts; the sentence that a caller reads is the service's. [`Violations::message`]
//! gives AWS's common form: `1 validation error detected: Value '…' at '…' failed to satisfy
//! constraint: …`.

use crate::document::Document;
use crate::error::CodecError;
use crate::schema::{Constraints, Member};
use crate::shape::{DecodeReport, PathSegment, Shape, ShapeSerializer, Visit};
use crate::timestamp::Timestamp;

/// A rule of the schema that a value broke.
#[derive(Debug)]
pub struct Violation {
    /// Where the value stands, the member itself last.
    pub path: Vec<PathSegment>,
    /// The member, list element or map key.
    pub member: &'static Member,
    /// The value as AWS prints it; `None` for a missing member.
    pub value: Option<String>,
    /// The rule.
    pub rule: Rule,
}

/// The rules of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The member is required.
    Required,
    /// The value must be one of the enumeration's.
    Enumeration,
    /// The text must match the pattern.
    Pattern,
    /// Text, blob, list or map is shorter than the minimum.
    MinLength,
    /// Text, blob, list or map is longer than the maximum.
    MaxLength,
    /// The number is below the minimum.
    MinValue,
    /// The number is above the maximum.
    MaxValue,
}

/// Every rule that an input breaks, in the order of the model.
#[derive(Debug, Default)]
pub struct Violations {
    /// The violations; empty when the input is valid.
    pub list: Vec<Violation>,
}

/// Longest value that a message repeats, in characters.
const MAX_PRINTED: usize = 1024;

/// Checks `input`, and takes over what `report` found missing.
pub fn validate(input: &dyn Shape, report: DecodeReport) -> Violations {
    let mut list: Vec<Violation> = report
        .missing
        .into_iter()
        .map(|(mut path, member)| {
            path.push(PathSegment::Member(member.name));
            Violation { path, member, value: None, rule: Rule::Required }
        })
        .collect();
    if input.schema().constrained {
        let mut validator =
            Validator { path: Vec::new(), index: 0, in_list: false, violations: Violations::default() };
        // Visiting cannot fail: the validator returns no errors of its own.
        if input.write_members(&mut validator).is_ok() {
            // A missing required member reads as an empty default, which is not what was sent.
            let missing: Vec<Vec<PathSegment>> = list.iter().map(|v| v.path.clone()).collect();
            list.extend(validator.violations.list.into_iter().filter(|v| !missing.contains(&v.path)));
        }
    }
    Violations { list }
}

impl Violations {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The common message of AWS services.
    pub fn message(&self) -> String {
        let count = self.list.len();
        let plural = if count == 1 { "" } else { "s" };
        let sentences: Vec<String> = self.list.iter().map(Violation::sentence).collect();
        format!("{count} validation error{plural} detected: {}", sentences.join("; "))
    }
}

impl Violation {
    /// `Value '…' at '…' failed to satisfy constraint: …`.
    pub fn sentence(&self) -> String {
        let value = match &self.value {
            Some(value) => format!("Value '{value}'"),
            None => "Value null".to_owned(),
        };
        format!("{value} at '{}' failed to satisfy constraint: {}", self.path_text(), self.constraint())
    }

    /// The path as AWS prints it: lower camel case, list elements counted from 1 with `.member`.
    pub fn path_text(&self) -> String {
        let mut text = String::new();
        for segment in &self.path {
            if !text.is_empty() {
                text.push('.');
            }
            match segment {
                PathSegment::Member(name) => text.push_str(&lower_first(name)),
                PathSegment::Index(index) => text.push_str(&format!("{}.member", index + 1)),
                PathSegment::Key(key) => text.push_str(key),
            }
        }
        text
    }

    /// `Member must …`.
    pub fn constraint(&self) -> String {
        let constraints: &Constraints = &self.member.target.constraints;
        let number = |bound: Option<f64>| bound.unwrap_or_default().to_string();
        match self.rule {
            Rule::Required => "Member must not be null".to_owned(),
            Rule::Enumeration => {
                format!("Member must satisfy enum value set: [{}]", constraints.values.join(", "))
            }
            Rule::Pattern => format!(
                "Member must satisfy regular expression pattern: {}",
                constraints.pattern.map_or("", |pattern| pattern.source)
            ),
            Rule::MinLength => {
                format!("Member must have length greater than or equal to {}", number(constraints.min))
            }
            Rule::MaxLength => {
                format!("Member must have length less than or equal to {}", number(constraints.max))
            }
            Rule::MinValue => {
                format!("Member must have value greater than or equal to {}", number(constraints.min))
            }
            Rule::MaxValue => {
                format!("Member must have value less than or equal to {}", number(constraints.max))
            }
        }
    }
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

struct Validator {
    path: Vec<PathSegment>,
    /// Position in the list that is visited.
    index: usize,
    /// Whether the next value is a list's element, whose path segment is its position.
    in_list: bool,
    violations: Violations,
}

impl Validator {
    /// Runs `visit` with the path of the value that is visited now.
    fn at(&mut self, member: &'static Member, visit: impl FnOnce(&mut Self) -> Visit) -> Visit {
        let segment = if self.in_list {
            self.index += 1;
            Some(PathSegment::Index(self.index - 1))
        } else if matches!(self.path.last(), Some(PathSegment::Key(_))) && member.name == "value" {
            // The entry's key is on the path already.
            None
        } else {
            Some(PathSegment::Member(member.name))
        };
        let pushed = segment.is_some();
        self.path.extend(segment);
        let (index, in_list) = (self.index, std::mem::replace(&mut self.in_list, false));
        let result = visit(self);
        (self.index, self.in_list) = (index, in_list);
        if pushed {
            self.path.pop();
        }
        result
    }

    fn violation(&mut self, member: &'static Member, value: &str, rule: Rule) {
        let value = if member.target.sensitive {
            "***Sensitive information***".to_owned()
        } else {
            value.chars().take(MAX_PRINTED).collect()
        };
        self.violations.list.push(Violation { path: self.path.clone(), member, value: Some(value), rule });
    }

    fn length(&mut self, member: &'static Member, length: usize, value: &dyn Fn() -> String) {
        let constraints = &member.target.constraints;
        if constraints.min.is_some_and(|min| (length as f64) < min) {
            self.violation(member, &value(), Rule::MinLength);
        }
        if constraints.max.is_some_and(|max| length as f64 > max) {
            self.violation(member, &value(), Rule::MaxLength);
        }
    }

    fn number(&mut self, member: &'static Member, value: f64, text: &dyn Fn() -> String) {
        let constraints = &member.target.constraints;
        if constraints.min.is_some_and(|min| value < min) {
            self.violation(member, &text(), Rule::MinValue);
        }
        if constraints.max.is_some_and(|max| value > max) {
            self.violation(member, &text(), Rule::MaxValue);
        }
    }

    fn text(&mut self, member: &'static Member, value: &str) {
        let constraints = &member.target.constraints;
        if !constraints.values.is_empty() {
            if !constraints.values.contains(&value) {
                self.violation(member, value, Rule::Enumeration);
            }
            return;
        }
        if constraints.min.is_some() || constraints.max.is_some() {
            self.length(member, value.chars().count(), &|| value.to_owned());
        }
        if constraints.pattern.is_some_and(|pattern| !pattern.matches(value)) {
            self.violation(member, value, Rule::Pattern);
        }
    }
}

impl ShapeSerializer for Validator {
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        if !member.target.constrained && !self.in_list {
            return Ok(());
        }
        self.at(member, |this| value.write_members(this))
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        len: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.at(member, |this| {
            this.length(member, len, &|| format!("[{len} elements]"));
            if !member.target.constrained {
                return Ok(());
            }
            (this.index, this.in_list) = (0, true);
            elements(this)
        })
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        len: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.at(member, |this| {
            this.length(member, len, &|| format!("{{{len} entries}}"));
            if !member.target.constrained {
                return Ok(());
            }
            // `write_entry` is not told the map, so the keys' schema travels on the path's side.
            let mut visitor = EntryVisitor { validator: this, map: member };
            entries(&mut visitor)
        })
    }

    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        self.path.push(PathSegment::Key(key.to_owned()));
        let result = value(self);
        self.path.pop();
        result
    }

    fn write_bool(&mut self, member: &'static Member, _: bool) -> Visit {
        self.at(member, |_| Ok(()))
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.at(member, |this| {
            this.number(member, value as f64, &|| value.to_string());
            Ok(())
        })
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        self.at(member, |this| {
            this.number(member, value, &|| value.to_string());
            Ok(())
        })
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        if !member.target.constrained && !self.in_list {
            return Ok(());
        }
        self.at(member, |this| {
            this.text(member, value);
            Ok(())
        })
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        self.at(member, |this| {
            this.length(member, value.len(), &|| {
                format!("java.nio.HeapByteBuffer[pos=0 lim={0} cap={0}]", value.len())
            });
            Ok(())
        })
    }

    fn write_timestamp(&mut self, member: &'static Member, _: Timestamp) -> Visit {
        self.at(member, |_| Ok(()))
    }

    fn write_document(&mut self, member: &'static Member, _: &Document) -> Visit {
        self.at(member, |_| Ok(()))
    }

    fn write_null(&mut self, member: &'static Member) -> Visit {
        self.at(member, |_| Ok(()))
    }

    fn write_stream(&mut self, _: &'static Member, _: &crate::ByteStream) -> Visit {
        Ok(())
    }
}

/// Visits the entries of one map: checks each key against the key's schema.
struct EntryVisitor<'a> {
    validator: &'a mut Validator,
    map: &'static Member,
}

macro_rules! not_an_entry {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(&mut self, _: &'static Member, $(_: $argument),*) -> Visit {
            Err(CodecError::new(
                crate::error::CodecErrorKind::Output,
                "a map was given a value without a key",
            ))
        })*
    };
}

impl ShapeSerializer for EntryVisitor<'_> {
    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        if let Some(key_member) = self.map.target.element() {
            self.validator.path.push(PathSegment::Key(key.to_owned()));
            self.validator.text(key_member, key);
            self.validator.path.pop();
        }
        self.validator.write_entry(key, value)
    }

    not_an_entry! {
        write_struct(&dyn Shape);
        write_list(usize, &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit);
        write_map(usize, &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit);
        write_bool(bool);
        write_integer(i64);
        write_float(f64);
        write_string(&str);
        write_blob(&[u8]);
        write_timestamp(Timestamp);
        write_document(&Document);
        write_null();
    }
}
