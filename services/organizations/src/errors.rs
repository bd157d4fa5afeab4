//! Organizations' errors, in its words.

use cloudtwin_smithy::AwsError;

use crate::api::errors;

/// `InvalidInputException` with its reason.
pub(crate) fn invalid_input(reason: &'static str, message: impl Into<String>) -> AwsError {
    errors::INVALID_INPUT_EXCEPTION.with(message).field("Reason", reason.to_owned())
}

/// A value that cannot be right, of a member that takes only some values.
pub(crate) fn invalid_value(reason: &'static str) -> AwsError {
    invalid_input(reason, "You specified an invalid value.")
}

/// A value that does not have the form of the member.
pub(crate) fn invalid_pattern() -> AwsError {
    invalid_input("INVALID_PATTERN", "You provided a value that does not match the required pattern.")
}

/// `ConstraintViolationException` with its reason.
pub(crate) fn constraint(reason: &'static str, message: impl Into<String>) -> AwsError {
    errors::CONSTRAINT_VIOLATION_EXCEPTION.with(message).field("Reason", reason.to_owned())
}

/// `HandshakeConstraintViolationException` with its reason.
pub(crate) fn handshake_constraint(reason: &'static str, message: impl Into<String>) -> AwsError {
    errors::HANDSHAKE_CONSTRAINT_VIOLATION_EXCEPTION.with(message).field("Reason", reason.to_owned())
}

pub(crate) fn not_in_use() -> AwsError {
    errors::AWS_ORGANIZATIONS_NOT_IN_USE_EXCEPTION.with("Your account is not a member of an organization.")
}

pub(crate) fn access_denied() -> AwsError {
    errors::ACCESS_DENIED_EXCEPTION.with("You don't have permissions to access this resource.")
}

pub(crate) fn account_not_found() -> AwsError {
    errors::ACCOUNT_NOT_FOUND_EXCEPTION.with("You specified an account that doesn't exist.")
}

pub(crate) fn unit_not_found() -> AwsError {
    errors::ORGANIZATIONAL_UNIT_NOT_FOUND_EXCEPTION
        .with("You specified an organizational unit that doesn't exist.")
}

pub(crate) fn parent_not_found() -> AwsError {
    errors::PARENT_NOT_FOUND_EXCEPTION.with("You specified a parent that doesn't exist.")
}

pub(crate) fn child_not_found() -> AwsError {
    errors::CHILD_NOT_FOUND_EXCEPTION.with("You specified a child that doesn't exist.")
}

pub(crate) fn root_not_found() -> AwsError {
    errors::ROOT_NOT_FOUND_EXCEPTION.with("You specified a root that doesn't exist.")
}

pub(crate) fn policy_not_found() -> AwsError {
    errors::POLICY_NOT_FOUND_EXCEPTION.with("You specified a policy that doesn't exist.")
}

pub(crate) fn target_not_found() -> AwsError {
    errors::TARGET_NOT_FOUND_EXCEPTION.with("You specified a target that doesn't exist.")
}

pub(crate) fn handshake_not_found() -> AwsError {
    errors::HANDSHAKE_NOT_FOUND_EXCEPTION.with("You specified a handshake that doesn't exist.")
}

pub(crate) fn policy_type_not_enabled() -> AwsError {
    errors::POLICY_TYPE_NOT_ENABLED_EXCEPTION
        .with("This operation can be performed only for enabled policy types.")
}

pub(crate) fn policy_type_not_available() -> AwsError {
    errors::POLICY_TYPE_NOT_AVAILABLE_FOR_ORGANIZATION_EXCEPTION
        .with("The specified policy type isn't available with the feature set of your organization.")
}

pub(crate) fn all_features_needed() -> AwsError {
    constraint(
        "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
        "The request failed because the organization does not have all features enabled. \
         Please enable all features in your organization and then retry.",
    )
}

pub(crate) fn management_cannot_leave() -> AwsError {
    errors::MASTER_CANNOT_LEAVE_ORGANIZATION_EXCEPTION
        .with("You can't remove a management account from an organization.")
}

pub(crate) fn malformed_policy() -> AwsError {
    errors::MALFORMED_POLICY_DOCUMENT_EXCEPTION
        .with("The provided policy document does not meet the requirements of the specified policy type.")
}
