//! S3 `POST`: uploads from HTML forms, signed by a policy document that says what may be uploaded.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html>

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudtwin_smithy::AwsError;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::{AuthError, InvalidDate, Placement, SignatureMismatch, UnsupportedAlgorithm};
use crate::key::SigningKeyCache;
use crate::scope::{Algorithm, CredentialScope, SigV4, credential_of};
use crate::sigv2;
use crate::timestamp::Timestamp;

/// The text fields of a form, in order. Names are compared without case.
#[derive(Clone, Copy, Debug)]
pub struct FormFields<'a>(pub &'a [(String, String)]);

impl<'a> FormFields<'a> {
    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        let field = self.0.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    /// The credential that the form names, for identifying its service. It is not verified.
    pub fn credential_scope(&self) -> Option<CredentialScope<'a>> {
        let algorithm = self.get("x-amz-algorithm").and_then(Algorithm::parse);
        let credential = self.get("x-amz-credential")?;
        CredentialScope::parse(credential, algorithm.unwrap_or(Algorithm::HmacSha256))
    }
}

/// The signature of a form, parsed but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostSignature<'a> {
    /// Signature Version 4; its signed text is the policy.
    V4(SigV4<'a>),
    /// Signature Version 2.
    V2 {
        /// Who signed.
        access_key_id: &'a str,
        /// Base64 of an HMAC-SHA1.
        signature: &'a str,
    },
}

impl<'a> PostSignature<'a> {
    /// Parses the signature of a form; `None` when it has no field of one.
    ///
    /// # Errors
    /// Some of the fields are missing or malformed.
    pub fn of(fields: FormFields<'a>) -> Result<Option<Self>, AuthError> {
        let v4 = ["X-Amz-Signature", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date"];
        let v2 = ["Signature", "AWSAccessKeyId"];
        if v4.into_iter().any(|name| fields.get(name).is_some()) {
            let field = |name| fields.get(name).ok_or(AuthError::MissingFormField(name));
            let [signature, name, credential, date] =
                [field(v4[0])?, field(v4[1])?, field(v4[2])?, field(v4[3])?];
            let placement = Placement::Form;
            let unsupported = || UnsupportedAlgorithm { placement, algorithm: name.to_owned() };
            let algorithm =
                Algorithm::parse(name).ok_or_else(|| AuthError::UnsupportedAlgorithm(unsupported()))?;
            let timestamp = Timestamp::parse_basic(date)
                .ok_or_else(|| AuthError::InvalidDate(InvalidDate { placement, found: date.to_owned() }))?;
            return Ok(Some(Self::V4(SigV4 {
                placement,
                algorithm,
                credential: credential_of(credential, algorithm, placement)?,
                signed_headers: "".into(),
                signature: signature.into(),
                timestamp,
                expires_in: None,
                security_token: fields.get("x-amz-security-token").map(Into::into),
                region_set: None,
            })));
        }
        if v2.into_iter().any(|name| fields.get(name).is_some()) {
            let field = |name| fields.get(name).ok_or(AuthError::MissingFormField(name));
            return Ok(Some(Self::V2 { signature: field(v2[0])?, access_key_id: field(v2[1])? }));
        }
        Ok(None)
    }

    /// The access key that the form names.
    pub fn access_key_id(&self) -> &str {
        match self {
            Self::V4(signature) => signature.credential.access_key_id(),
            Self::V2 { access_key_id, .. } => access_key_id,
        }
    }

    /// Verifies that `policy` (the field as sent, in Base64) was signed with the secret. How
    /// long it is valid is for the policy to say.
    ///
    /// # Errors
    /// It was not.
    pub fn verify(
        &self,
        policy: &str,
        keys: &SigningKeyCache,
        secret_access_key: &str,
    ) -> Result<(), AuthError> {
        let signature = match self {
            Self::V2 { access_key_id, signature } => {
                return sigv2::check(secret_access_key, policy, access_key_id, signature);
            }
            Self::V4(signature) => signature,
        };
        let credential = &signature.credential;
        let Some(region) = credential.region() else {
            return Err(AuthError::UnsupportedAlgorithm(UnsupportedAlgorithm {
                placement: Placement::Form,
                algorithm: signature.algorithm.as_str().to_owned(),
            }));
        };
        let key = keys.key(secret_access_key, credential.date(), region, credential.service());
        if key.verifies(policy.as_bytes(), &signature.signature) {
            return Ok(());
        }
        Err(AuthError::SignatureMismatch(Box::new(SignatureMismatch {
            access_key_id: credential.access_key_id().to_owned(),
            signature_provided: signature.signature.clone().into_owned(),
            string_to_sign: policy.to_owned(),
            canonical_request: None,
        })))
    }
}

/// Why a policy is not one, or does not allow the upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyError {
    /// The document is malformed; AWS's words.
    Invalid(String),
    /// It is past its expiration.
    Expired,
    /// A condition does not hold; written as AWS repeats it.
    ConditionFailed(String),
    /// Fields of the form that no condition allows.
    ExtraFields(String),
    /// The file is shorter than `content-length-range` says.
    TooSmall {
        /// Its length, in bytes.
        proposed: u64,
        /// The least allowed.
        minimum: u64,
    },
    /// The file is longer than `content-length-range` says.
    TooLarge {
        /// Its length, in bytes.
        proposed: u64,
        /// The most allowed.
        maximum: u64,
    },
}

impl PolicyError {
    /// The error that S3 answers.
    pub fn answer(&self) -> AwsError {
        let denied = |message: String| {
            AwsError::new("AccessDenied", 403, format!("Invalid according to Policy: {message}"))
        };
        match self {
            Self::Invalid(message) => {
                AwsError::new("InvalidPolicyDocument", 400, format!("Invalid Policy: {message}"))
            }
            Self::Expired => denied("Policy expired.".to_owned()),
            Self::ConditionFailed(condition) => denied(format!("Policy Condition failed: {condition}")),
            Self::ExtraFields(names) => denied(format!("Extra input fields: {names}")),
            Self::TooSmall { proposed, minimum } => AwsError::new(
                "EntityTooSmall",
                400,
                "Your proposed upload is smaller than the minimum allowed size",
            )
            .field("ProposedSize", proposed.to_string())
            .field("MinSizeAllowed", minimum.to_string()),
            Self::TooLarge { proposed, maximum } => {
                AwsError::new("EntityTooLarge", 400, "Your proposed upload exceeds the maximum allowed size")
                    .field("ProposedSize", proposed.to_string())
                    .field("MaxSizeAllowed", maximum.to_string())
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    Equal {
        field: String,
        value: String,
        text: String,
    },
    StartsWith {
        field: String,
        value: String,
        text: String,
    },
    /// A condition on what is no field (it lacks its `$`): it never holds.
    Never {
        text: String,
    },
}

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostPolicy {
    expiration: OffsetDateTime,
    conditions: Vec<Condition>,
    lengths: Vec<(u64, u64)>,
}

impl PostPolicy {
    /// Reads the `policy` field: Base64 of JSON.
    ///
    /// # Errors
    /// [`PolicyError::Invalid`], or a condition whose numbers are none.
    pub fn parse(base64: &str) -> Result<Self, PolicyError> {
        let invalid = |message: &str| PolicyError::Invalid(message.to_owned());
        let json = BASE64_STANDARD.decode(base64).map_err(|_| invalid("invalid Base64 encoding."))?;
        if json.is_empty() {
            return Err(invalid("Expecting '{' but found End-of-Input"));
        }
        let Ok(Value::Object(document)) = serde_json::from_slice(&json) else {
            return Err(invalid("Invalid JSON."));
        };
        if let Some(name) = document.keys().find(|name| !matches!(name.as_str(), "expiration" | "conditions"))
        {
            return Err(PolicyError::Invalid(format!("Unexpected: \"{name}\"")));
        }
        let expiration = document.get("expiration").ok_or_else(|| invalid("Policy missing expiration."))?;
        let expiration = expiration
            .as_str()
            .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
            .ok_or_else(|| {
                let found = expiration.as_str().map_or_else(|| expiration.to_string(), str::to_owned);
                PolicyError::Invalid(format!("Invalid 'expiration' value: '{found}'"))
            })?;
        let conditions = document.get("conditions").ok_or_else(|| invalid("Policy missing conditions."))?;
        let Value::Array(conditions) = conditions else {
            return Err(invalid("Invalid 'conditions' value: must be a List."));
        };
        let mut policy = Self { expiration, conditions: Vec::new(), lengths: Vec::new() };
        for condition in conditions {
            policy.add(condition)?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Result<(), PolicyError> {
        let invalid = |message: String| PolicyError::Invalid(message);
        match condition {
            Value::Object(pairs) => {
                let mut pairs = pairs.iter();
                let (Some((field, value)), None) = (pairs.next(), pairs.next()) else {
                    return Err(invalid(
                        "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
                            .to_owned(),
                    ));
                };
                let value = value
                    .as_str()
                    .ok_or_else(|| invalid("Invalid Simple-Condition: value must be a string.".to_owned()))?;
                let text = list_text(&["eq".into(), format!("${field}").into(), value.into()]);
                let (field, value) = (field.to_ascii_lowercase(), value.to_owned());
                self.conditions.push(Condition::Equal { field, value, text });
            }
            Value::Array(parts) => {
                let Some(operation) = parts.first().and_then(Value::as_str) else {
                    return Err(invalid("Invalid Condition: missing operation identifier.".to_owned()));
                };
                let operator = operation.to_ascii_lowercase();
                if !matches!(operator.as_str(), "eq" | "starts-with" | "content-length-range") {
                    return Err(invalid(format!("Invalid Condition: unknown operation '{operation}'.")));
                }
                let [_, first, second] = parts.as_slice() else {
                    return Err(invalid(format!("Invalid {operation}: wrong number of arguments.")));
                };
                let text = list_text(parts);
                if operator == "content-length-range" {
                    let (Some(least), Some(most)) = (number(first), number(second)) else {
                        return Err(PolicyError::ConditionFailed(text));
                    };
                    self.lengths.push((least, most));
                    return Ok(());
                }
                let (Some(field), Some(value)) = (first.as_str(), second.as_str()) else {
                    return Err(PolicyError::ConditionFailed(text));
                };
                self.conditions.push(match (field.strip_prefix('$'), operator.as_str()) {
                    (None, _) => Condition::Never { text },
                    (Some(field), "eq") => {
                        let (field, value) = (field.to_ascii_lowercase(), value.to_owned());
                        Condition::Equal { field, value, text }
                    }
                    (Some(field), _) => {
                        let (field, value) = (field.to_ascii_lowercase(), value.to_owned());
                        Condition::StartsWith { field, value, text }
                    }
                });
            }
            _ => return Err(invalid("Invalid condition test: must be a List or Object.".to_owned())),
        }
        Ok(())
    }

    /// Whether the form may be uploaded to `bucket` now. The length of the file is for
    /// [`PostPolicy::check_length`].
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(
        &self,
        fields: FormFields<'_>,
        bucket: &str,
        now: OffsetDateTime,
    ) -> Result<(), PolicyError> {
        if now > self.expiration {
            return Err(PolicyError::Expired);
        }
        let found = |field: &str| if field == "bucket" { Some(bucket) } else { fields.get(field) };
        for condition in &self.conditions {
            let (holds, text) = match condition {
                Condition::Equal { field, value, text } => (found(field) == Some(value.as_str()), text),
                Condition::StartsWith { field, value, text } => (
                    value.is_empty() || found(field).is_some_and(|found| found.starts_with(value.as_str())),
                    text,
                ),
                Condition::Never { text } => (false, text),
            };
            if !holds {
                return Err(PolicyError::ConditionFailed(text.clone()));
            }
        }
        let covered = |name: &str| {
            self.conditions.iter().any(|condition| match condition {
                Condition::Equal { field, .. } | Condition::StartsWith { field, .. } => field == name,
                Condition::Never { .. } => false,
            })
        };
        let extra: Vec<String> = fields
            .0
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .filter(|name| {
                let exempt = ["awsaccesskeyid", "file", "policy", "signature", "x-amz-signature"];
                !exempt.contains(&name.as_str()) && !name.starts_with("x-ignore-") && !covered(name)
            })
            .collect();
        if extra.is_empty() { Ok(()) } else { Err(PolicyError::ExtraFields(extra.join(", "))) }
    }

    /// The most that a file may be long, in bytes, for stopping an upload early.
    pub fn max_length(&self) -> Option<u64> {
        self.lengths.iter().map(|(_, most)| *most).min()
    }

    /// Whether a file of `length` bytes may be uploaded.
    ///
    /// # Errors
    /// [`PolicyError::TooSmall`] or [`PolicyError::TooLarge`].
    pub fn check_length(&self, length: u64) -> Result<(), PolicyError> {
        for (minimum, maximum) in self.lengths.iter().copied() {
            if length < minimum {
                return Err(PolicyError::TooSmall { proposed: length, minimum });
            }
            if length > maximum {
                return Err(PolicyError::TooLarge { proposed: length, maximum });
            }
        }
        Ok(())
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A list as S3 repeats it: JSON with a space after each comma, numbers as strings.
fn list_text(parts: &[Value]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Value::Number(number) => format!("\"{number}\""),
            other => other.to_string(),
        })
        .collect();
    format!("[{}]", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn fields(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn policy(conditions: &str) -> Result<PostPolicy, PolicyError> {
        let json = format!("{{\"expiration\": \"2030-01-01T00:00:00.000Z\", \"conditions\": {conditions}}}");
        PostPolicy::parse(&BASE64_STANDARD.encode(json))
    }

    fn now() -> OffsetDateTime {
        Timestamp::parse_basic("20250101T000000Z").unwrap().instant()
    }

    #[test]
    fn a_form_signed_by_either_version_verifies() {
        let keys = SigningKeyCache::default();
        let policy = BASE64_STANDARD.encode("{\"expiration\": \"2030-01-01T00:00:00Z\", \"conditions\": []}");
        let signature =
            keys.key(SECRET, "20250101", "eu-central-1", "s3").sign(policy.as_bytes()).to_string();
        let form = fields(&[
            ("key", "k"),
            ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
            ("x-amz-credential", "AKID/20250101/eu-central-1/s3/aws4_request"),
            ("x-amz-date", "20250101T000000Z"),
            ("x-amz-signature", &signature),
        ]);
        let parsed = PostSignature::of(FormFields(&form)).unwrap().unwrap();
        assert_eq!(parsed.access_key_id(), "AKID");
        assert_eq!(FormFields(&form).credential_scope().unwrap().service(), "s3");
        parsed.verify(&policy, &keys, SECRET).unwrap();
        let AuthError::SignatureMismatch(mismatch) = parsed.verify("e30=", &keys, SECRET).unwrap_err() else {
            panic!()
        };
        assert_eq!(mismatch.string_to_sign, "e30=");

        // As boto3 signs forms in us-east-1.
        let form = fields(&[("AWSAccessKeyId", "AKID"), ("signature", "RDXMlKmPk+yjK4WRMGZcmnJTRck=")]);
        let parsed = PostSignature::of(FormFields(&form)).unwrap().unwrap();
        assert!(matches!(parsed, PostSignature::V2 { .. }));
        assert!(parsed.verify("other", &keys, SECRET).is_err());
    }

    #[test]
    fn a_form_with_half_a_signature_names_what_is_missing() {
        for (form, missing) in [
            (fields(&[("x-amz-date", "20250101T000000Z")]), "X-Amz-Signature"),
            (fields(&[("x-amz-signature", "a")]), "X-Amz-Algorithm"),
            (fields(&[("signature", "a")]), "AWSAccessKeyId"),
            (fields(&[("AWSAccessKeyId", "a")]), "Signature"),
        ] {
            assert_eq!(PostSignature::of(FormFields(&form)), Err(AuthError::MissingFormField(missing)));
        }
        assert_eq!(PostSignature::of(FormFields(&fields(&[("key", "k")]))), Ok(None));
    }

    #[test]
    fn conditions_decide_what_may_be_uploaded() {
        let form = fields(&[("Key", "user/eric/a.jpg"), ("acl", "public-read"), ("x-ignore-me", "1")]);
        let check = |conditions: &str| policy(conditions).unwrap().check(FormFields(&form), "b", now());
        assert_eq!(
            check(r#"[{"bucket": "b"}, ["starts-with", "$key", "user/eric/"], {"acl": "public-read"}]"#),
            Ok(())
        );
        assert_eq!(check(r#"[["starts-with", "$key", ""], ["eq", "$ACL", "public-read"]]"#), Ok(()));
        for (conditions, failed) in [
            (r#"[["eq", "$acl", "private"]]"#, r#"["eq", "$acl", "private"]"#),
            (r#"[["eq", "acl", "public-read"]]"#, r#"["eq", "acl", "public-read"]"#),
            (r#"[{"bucket": "other"}]"#, r#"["eq", "$bucket", "other"]"#),
        ] {
            assert_eq!(check(conditions), Err(PolicyError::ConditionFailed(failed.to_owned())));
        }
        assert_eq!(check(r#"[{"key": "user/eric/a.jpg"}]"#), Err(PolicyError::ExtraFields("acl".to_owned())));
        let later = Timestamp::parse_basic("20300101T000001Z").unwrap().instant();
        assert_eq!(policy("[]").unwrap().check(FormFields(&[]), "b", later), Err(PolicyError::Expired));
    }

    #[test]
    fn the_length_of_the_file_is_bounded() {
        let policy = policy(r#"[["content-length-range", 5, "10"]]"#).unwrap();
        assert_eq!(policy.check_length(5), Ok(()));
        assert_eq!(policy.check_length(1), Err(PolicyError::TooSmall { proposed: 1, minimum: 5 }));
        assert_eq!(policy.check_length(12), Err(PolicyError::TooLarge { proposed: 12, maximum: 10 }));
        assert_eq!(policy.max_length(), Some(10));
    }

    #[test]
    fn malformed_policies_are_told_what_is_wrong() {
        for (conditions, message) in [
            ("{}", "Invalid Policy: Invalid 'conditions' value: must be a List."),
            ("[1]", "Invalid Policy: Invalid condition test: must be a List or Object."),
            ("[[]]", "Invalid Policy: Invalid Condition: missing operation identifier."),
            (r#"[["like", "$a", "b"]]"#, "Invalid Policy: Invalid Condition: unknown operation 'like'."),
            (r#"[["eq", "$a"]]"#, "Invalid Policy: Invalid eq: wrong number of arguments."),
            (
                r#"[{"a": "b", "c": "d"}]"#,
                "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.",
            ),
            (
                r#"[["content-length-range", "test", 10]]"#,
                "Invalid according to Policy: Policy Condition failed: [\"content-length-range\", \"test\", \"10\"]",
            ),
        ] {
            assert_eq!(policy(conditions).unwrap_err().answer().message(), message);
        }
        for (json, message) in [
            ("", "Invalid Policy: Expecting '{' but found End-of-Input"),
            ("[]", "Invalid Policy: Invalid JSON."),
            ("{}", "Invalid Policy: Policy missing expiration."),
            (r#"{"expiration": "soon"}"#, "Invalid Policy: Invalid 'expiration' value: 'soon'"),
            (r#"{"expiration": "2030-01-01T00:00:00Z"}"#, "Invalid Policy: Policy missing conditions."),
            (r#"{"x": 1}"#, "Invalid Policy: Unexpected: \"x\""),
        ] {
            let error = PostPolicy::parse(&BASE64_STANDARD.encode(json)).unwrap_err();
            assert_eq!(error.answer().message(), message);
        }
    }

    proptest! {
        #[test]
        fn any_policy_is_survived(text in "\\PC{0,80}") {
            let _ = PostPolicy::parse(&text);
            let _ = PostPolicy::parse(&BASE64_STANDARD.encode(&text));
            let _ = policy(&text);
        }
    }
}
