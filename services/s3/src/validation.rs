//! How S3 refuses what breaks the schema: bad documents are malformed, everything else is for the
//! handlers, which know the words.

use cloudtwin_smithy::AwsError;
use cloudtwin_smithy::schema::{Location, OperationSchema};
use cloudtwin_smithy::shape::PathSegment;
use cloudtwin_smithy::validate::{Rule, Violations};

use crate::errors::malformed_xml;

/// The refusal of an input, if the schema alone decides.
pub(crate) fn refusal(operation: &'static OperationSchema, violations: &Violations) -> Option<AwsError> {
    let in_document = |path: &[PathSegment]| match path.first() {
        Some(PathSegment::Member(name)) => {
            // Within a payload, paths begin below its member.
            operation.input.member(name).is_none_or(|member| member.location == Location::Body)
        }
        _ => false,
    };
    // These have errors of their own.
    let has_own_words = |rule| match operation.name {
        "PutBucketAcl" | "PutObjectAcl" => true,
        "PutBucketNotificationConfiguration" | "PutBucketWebsite" => rule == Rule::Enumeration,
        _ => false,
    };
    violations
        .list
        .iter()
        .filter(|violation| !has_own_words(violation.rule))
        .any(|violation| {
            matches!(violation.rule, Rule::Required | Rule::Enumeration) && in_document(&violation.path)
        })
        .then(malformed_xml)
}
