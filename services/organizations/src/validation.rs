//! How Organizations words the refusal of an input that breaks its schema: one sentence, and a reason code.

use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::schema::OperationSchema;
use cloudtwin_smithy::validate::{Rule, Violations};

use crate::errors;

/// The refusal of an input.
pub(crate) fn refusal(_: &'static OperationSchema, violations: &Violations) -> Option<AwsError> {
    let violation = violations.list.first()?;
    let at = violation.path_text();
    let (reason, message) = match violation.rule {
        Rule::Required => ("INPUT_REQUIRED", "You must include a value for all required parameters."),
        Rule::Enumeration if at == "policyType" || at == "type" || at == "filter" => {
            return Some(errors::invalid_value("INVALID_ENUM_POLICY_TYPE"));
        }
        Rule::Enumeration => return Some(errors::invalid_value("INVALID_ENUM")),
        Rule::Pattern if at == "targetId" => return Some(errors::invalid_value("INVALID_PATTERN_TARGET_ID")),
        Rule::Pattern if at == "policyId" => return Some(errors::invalid_value("INVALID_SYNTAX_POLICY_ID")),
        Rule::Pattern => return Some(errors::invalid_pattern()),
        Rule::MinLength => {
            ("MIN_LENGTH_EXCEEDED", "You provided a value that is shorter than the minimum length.")
        }
        Rule::MaxLength => {
            ("MAX_LENGTH_EXCEEDED", "You provided a value that is longer than the maximum length.")
        }
        Rule::MinValue => ("MIN_VALUE_EXCEEDED", "You provided a value that is less than the minimum value."),
        Rule::MaxValue => {
            ("MAX_VALUE_EXCEEDED", "You provided a value that is greater than the maximum value.")
        }
    };
    Some(errors::invalid_input(reason, message))
}
