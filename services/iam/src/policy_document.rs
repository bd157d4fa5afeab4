//! Whether a text is a policy that AWS would store: `cloudtwin_policy` knows, and IAM has its errors.

use cloudtwin_policy::{ErrorCode, PolicyKind, policy_size, validate};
use cloudtwin_smithy::AwsError;

use crate::errors::{limit_exceeded, malformed_policy};

/// Checks an inline policy.
pub(crate) fn check_inline(document: &str) -> Result<(), AwsError> {
    check(PolicyKind::Inline, document)
}

/// Checks a managed policy, which must be of the newest version of the policy language.
pub(crate) fn check_managed(document: &str) -> Result<(), AwsError> {
    check(PolicyKind::Managed, document)
}

/// Checks the policy that says who may assume a role.
pub(crate) fn check_trust(document: &str) -> Result<(), AwsError> {
    check(PolicyKind::Trust, document)
}

/// How long a document is for quotas: white space does not count.
pub(crate) fn length(document: &str) -> usize {
    policy_size(document)
}

fn check(kind: PolicyKind<'_>, document: &str) -> Result<(), AwsError> {
    validate(kind, document).map_err(|error| match error.code() {
        ErrorCode::Malformed => malformed_policy(error.message()),
        ErrorCode::TooLong => limit_exceeded(error.message()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The words for whatever has no words of its own.
    const SYNTAX: &str = "Syntax errors in policy.";

    fn managed(statement: &str) -> String {
        let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
        check_managed(&document).map_or_else(|error| error.message().to_owned(), |()| "ok".to_owned())
    }

    #[test]
    fn what_aws_accepts_is_accepted() {
        for statement in [
            r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#,
            r#"[{"Sid":"","Effect":"Deny","NotAction":["iam:*"],"NotResource":["arn:aws:s3:::b/*"]}]"#,
            r#"[{"Sid":"a1","Effect":"Allow","Action":["s3:Get*"],"Resource":"arn:aws:s3:::${aws:username}/*"},
                {"Sid":"a2","Effect":"Allow","Action":["s3:Get*"],"Resource":"arn:*:iam::*:user/x"}]"#,
            r#"{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}"#,
        ] {
            assert_eq!(managed(statement), "ok", "{statement}");
        }
        assert!(check_inline(r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#).is_ok());
    }

    #[test]
    fn mistakes_are_named_as_aws_names_them() {
        let allow = |rest: &str| format!(r#"{{"Effect":"Allow",{rest}}}"#);
        for (statement, message) in [
            (r#""x""#.to_owned(), SYNTAX),
            ("[]".to_owned(), SYNTAX),
            (r#"["afd"]"#.to_owned(), SYNTAX),
            (r#"{"Action":"s3:*","Resource":"*"}"#.to_owned(), SYNTAX),
            (allow(r#""Action":{},"Resource":"*""#), SYNTAX),
            (allow(r#""Action":"s3:*","Resource":"*","Extra":1"#), SYNTAX),
            (allow(r#""Action":"s3:*","Resource":"*","Condition":{"Bool":"x"}"#), SYNTAX),
            (allow(r#""Action":"s3:*","NotAction":[],"Resource":"*""#), SYNTAX),
            (allow(r#""Resource":"*""#), "Policy statement must contain actions."),
            (allow(r#""Action":[],"Resource":"*""#), "Policy statement must contain actions."),
            (allow(r#""Action":"s3:*""#), "Policy statement must contain resources."),
            (allow(r#""Action":"s3:*","Resource":[]"#), "Policy statement must contain resources."),
            (
                allow(r#""Action":"invalid""#),
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
            ),
            (allow(r#""Action":"a a:List","Resource":"*""#), "Vendor a a is not valid"),
            (
                allow(r#""Action":"s3:List:B","Resource":"*""#),
                "Actions/Condition can contain only one colon.",
            ),
            (
                allow(r#""Action":"s:3:L","Resource":"sdfsadf""#),
                "Resource sdfsadf must be in ARN format or \"*\".",
            ),
            (allow(r#""Action":"s3:L","Resource":"""#), "Resource  must be in ARN format or \"*\"."),
            (
                allow(r#""NotAction":"s3s:L","Resource":"a:bsd""#),
                "Partition \"bsd\" is not valid for resource \"arn:bsd:*:*:*:*\".",
            ),
            (
                allow(r#""NotAction":"s3s:L","Resource":"a:b:c:d:e:f:g:h""#),
                "Partition \"b\" is not valid for resource \"arn:b:c:d:e:f:g:h\".",
            ),
            (
                allow(r#""Action":"s3:L","Resource":"arn:aws""#),
                "Resource vendor must be fully qualified and cannot contain regexes.",
            ),
            (allow(r#""Action":"s3:L","Resource":"arn:aws:s3::b""#), "The policy failed legacy parsing"),
            (
                allow(r#""Action":"s3:L","Resource":"*","Principal":"*""#),
                "Policy document should not specify a principal.",
            ),
            (
                allow(r#""Sid":"a b","Action":"s3:L","Resource":"*""#),
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular \
                 expression [0-9A-Za-z]*",
            ),
        ] {
            assert_eq!(managed(&statement), message, "{statement}");
        }
        let twice = r#"[{"Sid":"a","Effect":"Allow","Action":"s3:L","Resource":"*"},
                        {"Sid":"a","Effect":"Allow","Action":"s3:L","Resource":"*"}]"#;
        assert_eq!(managed(twice), "Statement IDs (SID) in a single policy must be unique.");
        let old = r#"{"Version":"2008-10-17","Statement":{"Effect":"Allow","Action":"s3:L","Resource":"*"}}"#;
        let error = check_managed(old).unwrap_err();
        assert_eq!(error.message(), "Policy document must be version 2012-10-17 or greater.");
        assert!(check_inline(old).is_ok());
    }

    #[test]
    fn trust_policies_have_principals_and_no_resources() {
        let trust = |statement: &str| {
            let document = format!(r#"{{"Version":"2012-10-17","Statement":[{statement}]}}"#);
            check_trust(&document).map_or_else(|error| error.message().to_owned(), |()| "ok".to_owned())
        };
        let good =
            r#"{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}"#;
        assert_eq!(trust(good), "ok");
        assert_eq!(trust(&format!("{good},")), "This policy contains invalid Json");
        assert_eq!(
            trust(r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"}"#),
            "Has prohibited field Resource."
        );
        assert_eq!(
            trust(r#"{"Effect":"Allow","Principal":"*","Action":"s3:*"}"#),
            "AssumeRole policy may only specify STS AssumeRole actions."
        );
        assert_eq!(
            trust(r#"{"Effect":"Allow","Action":"sts:AssumeRole"}"#),
            "Missing required field Principal"
        );
    }

    #[test]
    fn white_space_is_free() {
        assert_eq!(length("{ \"a\":\n\t1 }"), 7);
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(document in ".{0,200}", resource in ".{0,60}", action in ".{0,40}") {
            drop(check_managed(&document));
            drop(check_trust(&document));
            let statement = serde_json::json!({"Effect": "Allow", "Action": action, "Resource": resource});
            let document = serde_json::json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            drop(check_inline(&document));
        }
    }
}
