//! How IAM words the refusal of an input that breaks its schema.
//!
//! IAM does not repeat the value (it did until 2023), does not list an enumeration's values, and explains the
//! patterns of names, paths and documents in sentences.

use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::schema::OperationSchema;
use cloudtwin_smithy::validate::{Rule, Violation, Violations};

use crate::errors;

/// The refusal of an input.
pub(crate) fn refusal(_: &'static OperationSchema, violations: &Violations) -> Option<AwsError> {
    let words: Vec<Words> = violations.list.iter().map(words).collect();
    let text = words.iter().map(|words| words.text.as_str()).collect::<Vec<_>>().join("; ");
    if words.iter().all(|words| words.whole) && words.len() == 1 {
        return Some(errors::validation(text));
    }
    let plural = if words.len() == 1 { "" } else { "s" };
    Some(errors::validation(format!("{} validation error{plural} detected: {text}", words.len())))
}

/// What is said of one violation.
struct Words {
    text: String,
    /// Whether this is a sentence that stands for itself.
    whole: bool,
}

fn words(violation: &Violation) -> Words {
    let at = violation.path_text();
    let pattern = violation.member.target.constraints.pattern.map_or("", |pattern| pattern.source);
    let allowed = match (violation.rule, pattern) {
        (Rule::Pattern, r"[\w+=,.@-]+" | r"[\w+=,.@-]*") => {
            "It must contain only alphanumeric characters and/or the following: +=,.@_-"
        }
        (Rule::Pattern, _) if at.ends_with("ath") || at.ends_with("athPrefix") => {
            "It must begin and end with / and contain only alphanumeric characters and/or / characters."
        }
        (Rule::Pattern, _) if at.ends_with("Document") => "It must contain only printable ASCII characters.",
        (Rule::Pattern, _) if at == "accessKeyId" => "It must contain only alphanumeric characters.",
        _ => "",
    };
    if !allowed.is_empty() {
        return Words { text: format!("The specified value for {at} is invalid. {allowed}"), whole: true };
    }
    let constraint = match violation.rule {
        Rule::Enumeration => "Member must satisfy enum value set".to_owned(),
        _ => violation.constraint(),
    };
    Words { text: format!("Value at '{at}' failed to satisfy constraint: {constraint}"), whole: false }
}
