//! Session policies: what is said of their form and size. They are kept with the session.

use cloudtwin_policy::PolicyKind;
use cloudtwin_smithy::AwsError;

use crate::api;
use crate::api::errors::{MALFORMED_POLICY_DOCUMENT_EXCEPTION, PACKED_POLICY_TOO_LARGE_EXCEPTION};

/// How much a session may bring along, in characters of policies and tags.
const ALLOTTED: usize = 2_048;

/// Policies for one session.
pub(crate) struct SessionPolicies {
    pub(crate) document: Option<String>,
    pub(crate) arns: Vec<String>,
}

impl SessionPolicies {
    /// Checks what a call brings along.
    pub(crate) fn of(
        document: Option<String>,
        arns: Option<Vec<api::PolicyDescriptorType>>,
    ) -> Result<Self, AwsError> {
        if let Some(document) = &document {
            let checked = cloudtwin_policy::validate(PolicyKind::Session, document);
            checked.map_err(|error| MALFORMED_POLICY_DOCUMENT_EXCEPTION.with(error.to_string()))?;
        }
        let arns = arns.unwrap_or_default().into_iter().filter_map(|policy| policy.arn).collect();
        Ok(Self { document, arns })
    }

    /// How much of what is allotted these policies and tags take, in percent, rounded up. AWS packs them in a
    /// form of its own; characters come close to what it answers.
    pub(crate) fn packed_size(&self, tags: &[(String, String)]) -> Result<i32, AwsError> {
        let texts = self.document.iter().chain(&self.arns).map(|text| text.chars().count());
        let tags = tags.iter().map(|(key, value)| key.chars().count() + value.chars().count());
        let percent = (texts.chain(tags).sum::<usize>() * 100).div_ceil(ALLOTTED);
        if percent > 100 {
            return Err(PACKED_POLICY_TOO_LARGE_EXCEPTION.with(format!(
                "Packed policy consumes {percent}% of allotted space, please use smaller policy."
            )));
        }
        Ok(i32::try_from(percent).unwrap_or(100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_api_reference_takes_six_percent() {
        let document = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Sid\":\"Stmt1\",\"Effect\":\"Allow\",\
                        \"Action\":\"s3:ListAllMyBuckets\",\"Resource\":\"*\"}]}";
        let policies = SessionPolicies::of(Some(document.to_owned()), None).unwrap();
        assert_eq!(policies.packed_size(&[]).unwrap(), 6);
        assert_eq!(SessionPolicies::of(None, None).unwrap().packed_size(&[]).unwrap(), 0);
    }

    #[test]
    fn what_is_too_large_or_no_policy_is_refused() {
        let large = SessionPolicies { document: Some("x".repeat(2_100)), arns: Vec::new() };
        assert_eq!(large.packed_size(&[]).unwrap_err().code(), "PackedPolicyTooLarge");
        let error = SessionPolicies::of(Some("[".to_owned()), None).err().unwrap();
        assert_eq!(error.code(), "MalformedPolicyDocument");
    }
}
