//! The errors of S3, in the words of the service.

use cloudtwin_smithy::AwsError;

use crate::api::errors;

pub(crate) fn no_such_bucket(bucket: &str) -> AwsError {
    errors::NO_SUCH_BUCKET.with("The specified bucket does not exist").field("BucketName", bucket)
}

pub(crate) fn no_such_key(key: &str) -> AwsError {
    errors::NO_SUCH_KEY.with("The specified key does not exist.").field("Key", key)
}

pub(crate) fn no_such_version(key: &str, version_id: &str) -> AwsError {
    errors::NO_SUCH_VERSION
        .with("The specified version does not exist.")
        .field("Key", key)
        .field("VersionId", version_id)
}

pub(crate) fn no_such_upload(upload_id: &str) -> AwsError {
    errors::NO_SUCH_UPLOAD
        .with("The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.")
        .field("UploadId", upload_id)
}

pub(crate) fn invalid_argument(message: &str, name: &str, value: &str) -> AwsError {
    errors::INVALID_ARGUMENT.with(message).field("ArgumentName", name).field("ArgumentValue", value)
}

/// Where AWS does not repeat the value.
pub(crate) fn invalid_argument_name(message: &str, name: &str) -> AwsError {
    errors::INVALID_ARGUMENT.with(message).field("ArgumentName", name)
}

pub(crate) fn invalid_request(message: impl Into<String>) -> AwsError {
    errors::INVALID_REQUEST.with(message)
}

pub(crate) fn access_denied() -> AwsError {
    errors::ACCESS_DENIED.with("Access Denied")
}

pub(crate) fn malformed_xml() -> AwsError {
    errors::MALFORMED_XML
        .with("The XML you provided was not well-formed or did not validate against our published schema")
}

pub(crate) fn precondition_failed(condition: &str) -> AwsError {
    errors::PRECONDITION_FAILED
        .with("At least one of the pre-conditions you specified did not hold")
        .field("Condition", condition)
}

/// A header asks for something that this operation does not offer.
pub(crate) fn not_implemented(header: &str) -> AwsError {
    errors::NOT_IMPLEMENTED
        .with("A header you provided implies functionality that is not implemented")
        .field("Header", header)
}

/// A value of a condition that this operation does not accept.
pub(crate) fn unaccepted_condition(header: &str) -> AwsError {
    not_implemented(header).field(
        "additionalMessage",
        format!("We don't accept the provided value of {header} header for this API"),
    )
}

pub(crate) fn method_not_allowed(method: &str, resource_type: &str) -> AwsError {
    errors::METHOD_NOT_ALLOWED
        .with("The specified method is not allowed against this resource.")
        .field("Method", method)
        .field("ResourceType", resource_type)
}
