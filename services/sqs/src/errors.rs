//! The refusals of SQS that several operations share, in its own words.

use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::schema::OperationSchema;
use cloudtwin_smithy::shape::PathSegment;
use cloudtwin_smithy::validate::{Rule, Violations};

use crate::api::errors;

/// `InvalidParameterValue` with a message of its own.
pub(crate) fn invalid(message: impl Into<String>) -> AwsError {
    errors::INVALID_PARAMETER_VALUE_EXCEPTION.with(message)
}

/// `Value … for parameter … is invalid. Reason: …`
pub(crate) fn invalid_value(value: impl std::fmt::Display, parameter: &str, reason: &str) -> AwsError {
    invalid(format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}"))
}

/// `The request must contain the parameter ….`
pub(crate) fn missing(parameter: &str) -> AwsError {
    errors::MISSING_REQUIRED_PARAMETER_EXCEPTION.with(missing_message(parameter))
}

pub(crate) fn missing_message(parameter: &str) -> String {
    format!("The request must contain the parameter {parameter}.")
}

/// `Unknown Attribute ….`
pub(crate) fn unknown_attribute(name: &str) -> AwsError {
    errors::INVALID_ATTRIBUTE_NAME.with(format!("Unknown Attribute {name}."))
}

/// `Invalid value for the parameter ….`
pub(crate) fn invalid_attribute_value(name: &str) -> AwsError {
    errors::INVALID_ATTRIBUTE_VALUE.with(format!("Invalid value for the parameter {name}."))
}

pub(crate) fn queue_does_not_exist() -> AwsError {
    errors::QUEUE_DOES_NOT_EXIST.with("The specified queue does not exist.")
}

pub(crate) fn invalid_receipt_handle(handle: &str) -> AwsError {
    let message = format!("The input receipt handle \"{handle}\" is not a valid receipt handle.");
    errors::RECEIPT_HANDLE_IS_INVALID.with(message)
}

pub(crate) fn expired_receipt_handle(handle: &str) -> AwsError {
    invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
}

pub(crate) fn not_available_for_change(handle: &str) -> AwsError {
    let reason = "Message does not exist or is not available for visibility timeout change.";
    invalid_value(handle, "ReceiptHandle", reason)
}

/// The parameter is there, but not for this type of queue.
pub(crate) fn not_for_queue_type(value: impl std::fmt::Display, parameter: &str) -> AwsError {
    let reason = "The request include parameter that is not valid for this queue type.";
    invalid_value(value, parameter, reason)
}

pub(crate) fn invalid_address(url: &str) -> AwsError {
    errors::INVALID_ADDRESS.with(format!("The address {url} is not valid for this endpoint."))
}

pub(crate) fn resource_not_found(message: &str) -> AwsError {
    errors::RESOURCE_NOT_FOUND_EXCEPTION.with(message)
}

/// How SQS words an input that its model refuses. It answers missing parameters with the first of
/// them, and judges values itself.
pub(crate) fn of_violations(_: &'static OperationSchema, violations: &Violations) -> Option<AwsError> {
    let violation = violations.list.iter().find(|violation| violation.rule == Rule::Required)?;
    // An empty batch is no missing parameter: form encoding cannot tell the two apart.
    if violation.member.name == "Entries" {
        return None;
    }
    let mut parameter = String::new();
    for segment in &violation.path {
        let part = match segment {
            PathSegment::Member("Entries") => continue,
            PathSegment::Member(name) => (*name).to_owned(),
            PathSegment::Index(index) => (index + 1).to_string(),
            PathSegment::Key(key) => key.clone(),
        };
        if !parameter.is_empty() {
            parameter.push('.');
        }
        parameter.push_str(&part);
    }
    Some(missing(&parameter))
}

/// What a batch says of one of its entries: the code is the query protocol's.
pub(crate) fn batch_entry(id: &str, error: &AwsError) -> crate::api::BatchResultErrorEntry {
    crate::api::BatchResultErrorEntry {
        id: id.to_owned(),
        sender_fault: error.is_sender(),
        code: error.query_code().to_owned(),
        message: Some(error.message().to_owned()),
    }
}
