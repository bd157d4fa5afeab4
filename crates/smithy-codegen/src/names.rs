//! Rust names for AWS's names.

use heck::{ToShoutySnakeCase, ToSnakeCase, ToUpperCamelCase};

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// A field: `QueueUrl` → `queue_url`, `Type` → `r#type`.
pub(crate) fn field(name: &str) -> String {
    let snake = name.to_snake_case();
    match snake.as_str() {
        "self" | "super" | "crate" => format!("{snake}_"),
        _ if KEYWORDS.contains(&snake.as_str()) => format!("r#{snake}"),
        _ if snake.starts_with(|c: char| c.is_ascii_digit()) => format!("_{snake}"),
        _ => snake,
    }
}

/// A type or variant: `tagSet` → `TagSet`; names that are types already keep their capitals.
pub(crate) fn type_name(name: &str) -> String {
    let name = match name.chars().next() {
        Some(first) if first.is_ascii_uppercase() && !name.contains(['_', '-', '.', ':']) => name.to_owned(),
        _ => name.to_upper_camel_case(),
    };
    match name.as_str() {
        // Names that the generated module imports.
        "Document" | "ErrorShape" | "Schema" | "Member" | "Location" | "Shape" | "ByteStream"
        | "Timestamp" | "Pattern" | "Constraints" | "Visit" | "Option" | "String" | "Vec" | "Box"
        | "Result" | "Operation" | "PathSegment" | "Ok" | "Some" | "None" | "Err" | "CodecError"
        | "XmlNamespace" | "TimestampFormat" | "ServiceSchema" | "OperationSchema" | "ProtocolId" => {
            format!("{name}Shape")
        }
        _ if name.starts_with(|c: char| c.is_ascii_digit()) => format!("_{name}"),
        _ => name,
    }
}

/// A static: `QueueDoesNotExist` → `QUEUE_DOES_NOT_EXIST`.
pub(crate) fn constant(name: &str) -> String {
    let name = name.to_shouty_snake_case();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}
