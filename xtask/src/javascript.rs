//! Reads the declarations of a generated `schemas_0.js`: constants, arrays, objects and references.

use serde_json::{Map, Value, json};

use crate::failure::{Context, Failure, Result};

/// Nesting deeper than this is not a schema.
const DEEPEST: usize = 32;

/// Every `const`/`var` declaration by name. String constants are substituted where they are used; any other
/// name, and `() => name`, becomes `{"ref": name}`. Statements that declare nothing are skipped.
pub(crate) fn declarations(source: &str) -> Result<Map<String, Value>> {
    let mut reader = Reader { rest: source, declared: Map::new() };
    while let Some(statement) = reader.next_declaration() {
        let (name, rest) = statement.split_once(" = ").context("a declaration without a value")?;
        reader.rest = rest;
        // `new TypeRegistry(...)` is the only value that is not a schema.
        if !rest.starts_with("new ") {
            let value = reader.value(0).context(name)?;
            reader.expect(";").context(name)?;
            reader.declared.insert(name.to_owned(), value);
        }
    }
    Ok(reader.declared)
}

struct Reader<'a> {
    rest: &'a str,
    declared: Map<String, Value>,
}

impl<'a> Reader<'a> {
    /// Moves to the next line that declares something and returns the text from the declared name on.
    fn next_declaration(&mut self) -> Option<&'a str> {
        while !self.rest.is_empty() {
            let line = self.rest;
            self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
            let statement = line.strip_prefix("export ").unwrap_or(line);
            if let Some(found) = statement.strip_prefix("const ").or_else(|| statement.strip_prefix("var ")) {
                return Some(found);
            }
        }
        None
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > DEEPEST {
            return Err(Failure::new("the schema is nested too deeply"));
        }
        self.skip_spaces();
        let value = match self.rest.chars().next() {
            Some('[') => Value::Array(self.elements(depth)?),
            Some('{') => Value::Object(self.entries(depth)?),
            Some(quote @ ('"' | '`')) => self.text(quote)?.into(),
            Some('(') => {
                self.expect("()")?;
                self.expect("=>")?;
                self.value(depth + 1)?
            }
            Some('-' | '0'..='9') => self.number()?.into(),
            _ => self.name()?,
        };
        self.skip_spaces();
        // `64 | 0`: a list of simple type 0. Only the fact that it is a plain list matters here.
        if let Some(rest) = self.rest.strip_prefix('|') {
            self.rest = rest;
            self.value(depth + 1)?;
        }
        Ok(value)
    }

    fn elements(&mut self, depth: usize) -> Result<Vec<Value>> {
        self.expect("[")?;
        let mut elements = Vec::new();
        while !self.accept("]") {
            elements.push(self.value(depth + 1)?);
            self.accept(",");
        }
        Ok(elements)
    }

    fn entries(&mut self, depth: usize) -> Result<Map<String, Value>> {
        self.expect("{")?;
        let mut entries = Map::new();
        while !self.accept("}") {
            self.expect("[")?;
            let key = self.value(depth + 1)?;
            self.expect("]")?;
            self.expect(":")?;
            let value = self.value(depth + 1)?;
            entries.insert(key.as_str().context("a key that is no string")?.to_owned(), value);
            self.accept(",");
        }
        Ok(entries)
    }

    fn text(&mut self, quote: char) -> Result<String> {
        let body = self.rest.get(1..).unwrap_or_default();
        let (text, rest) = body.split_once(quote).context("the end of a string")?;
        if text.contains('\\') || (quote == '`' && text.contains("${")) {
            return Err(Failure::new(format!("a string with escapes: {text}")));
        }
        self.rest = rest;
        Ok(text.to_owned())
    }

    fn number(&mut self) -> Result<i64> {
        let digits = self.take_while(|character| character == '-' || character.is_ascii_digit());
        digits.parse().context(format_args!("number {digits}"))
    }

    fn name(&mut self) -> Result<Value> {
        let name = self.take_while(|character| matches!(character, '_' | '$') || character.is_alphanumeric());
        if name.is_empty() {
            let near: String = self.rest.chars().take(40).collect();
            return Err(Failure::new(format!("unexpected text: {near}")));
        }
        Ok(match self.declared.get(name) {
            Some(Value::String(constant)) => constant.as_str().into(),
            _ => json!({"ref": name}),
        })
    }

    fn take_while(&mut self, accepted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !accepted(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn accept(&mut self, token: &str) -> bool {
        self.skip_spaces();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.accept(token) {
            return Ok(());
        }
        let near: String = self.rest.chars().take(40).collect();
        Err(Failure::new(format!("expected `{token}` before: {near}")))
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_schema_keeps_its_status_and_query_code() {
        let source = "const _NF = \"NotFound\";\nconst _hE = \"httpError\";\nconst n0 = \"ns\";\n\
                      import { X } from \"./x\";\nconst n0_registry = new TypeRegistry(n0);\n\
                      export var NotFound$ = [-3, n0, _NF,\n    { [_hE]: 404 },\n    [], []\n];\n\
                      n0_registry.registerError(NotFound$, NotFound);\n";
        let schemas = declarations(source).unwrap();
        assert_eq!(schemas["NotFound$"], json!([-3, "ns", "NotFound", {"httpError": 404}, [], []]));
    }

    #[test]
    fn references_and_plain_lists_are_told_apart() {
        let source =
            "const _T = \"T\";\nexport var T$ = [3, 0, _T, 0, [_T, _T], [[() => U$, 0], 64 | 0], 1];\n";
        let schemas = declarations(source).unwrap();
        assert_eq!(schemas["T$"], json!([3, 0, "T", 0, ["T", "T"], [[{"ref": "U$"}, 0], 64], 1]));
    }

    #[test]
    fn anything_else_is_refused() {
        assert!(declarations("const a = function() {};\n").is_err());
        assert!(declarations(&format!("const a = {};\n", "[".repeat(1000))).is_err());
    }
}
