//! IAM's errors, in its words.

use cloudtwin_smithy::AwsError;

use crate::api::errors;

/// `NoSuchEntity` (404).
pub(crate) fn no_such_entity(message: impl Into<String>) -> AwsError {
    errors::NO_SUCH_ENTITY_EXCEPTION.with(message)
}

/// `EntityAlreadyExists` (409).
pub(crate) fn already_exists(message: impl Into<String>) -> AwsError {
    errors::ENTITY_ALREADY_EXISTS_EXCEPTION.with(message)
}

/// `DeleteConflict` (409): something else has to go first.
pub(crate) fn delete_first(what: &str) -> AwsError {
    errors::DELETE_CONFLICT_EXCEPTION.with(format!("Cannot delete entity, must {what} first."))
}

/// `DeleteConflict` (409) in other words.
pub(crate) fn delete_conflict(message: &str) -> AwsError {
    errors::DELETE_CONFLICT_EXCEPTION.with(message)
}

/// `LimitExceeded` (409).
pub(crate) fn quota(name: &str, quota: usize) -> AwsError {
    limit_exceeded(format!("Cannot exceed quota for {name}: {quota}"))
}

/// `LimitExceeded` (409) in other words.
pub(crate) fn limit_exceeded(message: impl Into<String>) -> AwsError {
    errors::LIMIT_EXCEEDED_EXCEPTION.with(message)
}

/// `InvalidInput` (400).
pub(crate) fn invalid_input(message: impl Into<String>) -> AwsError {
    errors::INVALID_INPUT_EXCEPTION.with(message)
}

/// `MalformedPolicyDocument` (400).
pub(crate) fn malformed_policy(message: impl Into<String>) -> AwsError {
    errors::MALFORMED_POLICY_DOCUMENT_EXCEPTION.with(message)
}

/// `UnmodifiableEntity` (400): a service-linked role.
pub(crate) fn protected_role(name: &str) -> AwsError {
    errors::UNMODIFIABLE_ENTITY_EXCEPTION.with(format!(
        "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
    ))
}

/// `ValidationError` (400), which no model of IAM declares.
pub(crate) fn validation(message: impl Into<String>) -> AwsError {
    AwsError::new("ValidationError", 400, message)
}
