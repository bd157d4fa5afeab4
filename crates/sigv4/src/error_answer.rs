//! AWS's words for each [`AuthError`], which differ by family of services.
//!
//! Sources: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> and answers of AWS that
//! users have published. The trailing spaces of some messages are AWS's.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cloudtwin_smithy::AwsError;
use sha2::{Digest, Sha256};

use crate::error::{
    AuthError, CredentialError, CredentialProblem, Expired, Incomplete, InvalidExpires, NotYetValid,
    Placement, SignatureMismatch,
};
use crate::hex;
use crate::verify::MAX_SKEW;

/// The families of services that word authentication errors alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorFamily {
    /// S3 and S3 Control.
    S3,
    /// The query protocol (IAM, STS, SQS, SNS …) and REST-XML services other than S3.
    Query,
    /// EC2.
    Ec2,
    /// JSON and CBOR RPC (DynamoDB, KMS, Kinesis …): status 400.
    Rpc,
    /// REST-JSON (Lambda, API Gateway …): status 403.
    RestJson,
}

const S3_MISMATCH: &str = "The request signature we calculated does not match the signature you provided. \
                           Check your key and signing method.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. \
                        Check your AWS Secret Access Key and signing method. \
                        Consult the service documentation for details.";
const UNSUPPORTED_MECHANISM: &str =
    "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";
const FORM_CREDENTIAL: &str =
    "the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".";

impl AuthError {
    /// The error that a service of `family` answers.
    pub fn answer(&self, family: ErrorFamily) -> AwsError {
        match family {
            ErrorFamily::S3 => self.s3(),
            _ => self.service(family),
        }
    }

    fn s3(&self) -> AwsError {
        match self {
            Self::MissingAuthentication => AwsError::new("AccessDenied", 403, "Access Denied"),
            Self::MalformedAuthorization(error) => invalid_argument(
                "Authorization header is invalid -- one and only one ' ' (space) required.",
                "Authorization",
                &error.authorization,
            ),
            Self::UnsupportedScheme(error) => invalid_argument(
                "Unsupported Authorization Type",
                "Authorization",
                error.authorization.split(' ').next().unwrap_or_default(),
            ),
            Self::MalformedComponent(error) => {
                malformed(&format!("the authorization component \"{}\" is malformed.", error.component))
            }
            Self::Incomplete(error) => s3_incomplete(error),
            Self::SeveralMechanisms(error) => invalid_argument(
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
                 Signature query string parameter or the Authorization header should be specified",
                "Authorization",
                &error.authorization,
            ),
            Self::UnsupportedAlgorithm(error) => match error.placement {
                Placement::Header => {
                    invalid_argument("Unsupported Authorization Type", "Authorization", &error.algorithm)
                }
                Placement::Query => query_parameters(
                    "X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256\"",
                ),
                Placement::Form => invalid_argument(
                    "Only AWS4-HMAC-SHA256 is supported",
                    "X-Amz-Algorithm",
                    &error.algorithm,
                ),
            },
            Self::UnsupportedSigV2 => AwsError::new("InvalidRequest", 400, UNSUPPORTED_MECHANISM),
            Self::IncompleteSigV2Query => AwsError::new(
                "AccessDenied",
                403,
                "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
            ),
            Self::Credential(error) => s3_credential(error),
            Self::MissingDate => s3_missing_date(),
            Self::InvalidDate(error) => match error.placement {
                Placement::Header => s3_missing_date(),
                Placement::Query => {
                    query_parameters("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
                }
                Placement::Form => invalid_argument(
                    "X-Amz-Date must be formated via ISO8601 Long format",
                    "X-Amz-Date",
                    &error.found,
                ),
            },
            Self::RequestTimeTooSkewed(error) => AwsError::new(
                "RequestTimeTooSkewed",
                403,
                "The difference between the request time and the current time is too large.",
            )
            .field("RequestTime", error.request_time.basic())
            .field("ServerTime", error.server_time.extended())
            .field("MaxAllowedSkewMilliseconds", (MAX_SKEW.whole_seconds() * 1000).to_string()),
            Self::InvalidExpires(problem) => query_parameters(match problem {
                InvalidExpires::NotANumber => "X-Amz-Expires should be a number",
                InvalidExpires::Negative => "X-Amz-Expires must be non-negative",
                InvalidExpires::TooLarge => {
                    "X-Amz-Expires must be less than a week (in seconds); \
                     that is, the given X-Amz-Expires must be less than 604800 seconds"
                }
            }),
            Self::Expired(error) => s3_expired(error),
            Self::NotYetValid(error) => s3_not_yet_valid(error),
            Self::HeadersNotSigned(names) => AwsError::new(
                "AccessDenied",
                403,
                "There were headers present in the request which were not signed",
            )
            .field("HeadersNotSigned", names.join(", ")),
            Self::SignatureMismatch(error) => s3_mismatch(error),
            Self::MissingContentSha256 => AwsError::new(
                "InvalidRequest",
                400,
                "Missing required header for this request: x-amz-content-sha256",
            ),
            Self::InvalidContentSha256(found) => invalid_argument(
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
                 STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, \
                 STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER \
                 or a valid sha256 value.",
                "x-amz-content-sha256",
                found,
            ),
            Self::ContentSha256Mismatch(error) => AwsError::new(
                "XAmzContentSHA256Mismatch",
                400,
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
            .field("ClientComputedContentSHA256", error.client_computed.as_str())
            .field("S3ComputedContentSHA256", error.server_computed.as_str()),
            Self::UnknownAccessKey(id) => AwsError::new(
                "InvalidAccessKeyId",
                403,
                "The AWS Access Key Id you provided does not exist in our records.",
            )
            .field("AWSAccessKeyId", id.as_str()),
            Self::InvalidToken(token) => {
                AwsError::new("InvalidToken", 400, "The provided token is malformed or otherwise invalid.")
                    .field("Token-0", token.as_str())
            }
            Self::ExpiredToken(token) => {
                AwsError::new("ExpiredToken", 400, "The provided token has expired.")
                    .field("Token-0", token.as_str())
            }
            Self::MissingSecurityHeader(name) => {
                AwsError::new("MissingSecurityHeader", 400, "Your request was missing a required header")
                    .field("MissingHeaderName", *name)
            }
            Self::MissingFormField(name) => invalid_argument(
                &format!(
                    "Bucket POST must contain a field named '{name}'.  \
                     If it is specified, please check the order of the fields."
                ),
                name,
                "",
            ),
        }
    }

    fn service(&self, family: ErrorFamily) -> AwsError {
        let mismatch = |message: &str| match family {
            ErrorFamily::Query => AwsError::new("SignatureDoesNotMatch", 403, message),
            ErrorFamily::Ec2 => ec2_auth_failure(),
            _ => AwsError::new("InvalidSignatureException", json_status(family), message),
        };
        let incomplete = |message: &str| match family {
            ErrorFamily::Query | ErrorFamily::Ec2 => AwsError::new("IncompleteSignature", 400, message),
            _ => AwsError::new("IncompleteSignatureException", json_status(family), message),
        };
        let expired_token = "The security token included in the request is expired";
        let invalid_token = "The security token included in the request is invalid.";
        match self {
            Self::MissingAuthentication => match family {
                ErrorFamily::RestJson => {
                    AwsError::new("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
                }
                ErrorFamily::Rpc => AwsError::new(
                    "MissingAuthenticationTokenException",
                    400,
                    "Request is missing Authentication Token",
                ),
                _ => AwsError::new(
                    "MissingAuthenticationToken",
                    403,
                    "Request is missing Authentication Token",
                ),
            },
            Self::MalformedAuthorization(error) | Self::UnsupportedScheme(error) => {
                let missing = vec!["Credential", "Signature", "SignedHeaders"];
                let authorization = error.authorization.clone();
                let placement = Placement::Header;
                incomplete(&incomplete_message(&Incomplete { placement, missing, authorization }))
            }
            Self::MalformedComponent(error) => incomplete(&format!(
                "Invalid key=value pair (missing equal-sign) in Authorization header \
                 (hashed with SHA-256 and encoded with Base64): '{}'.",
                hashed(&error.component)
            )),
            Self::Incomplete(error) => incomplete(&incomplete_message(error)),
            Self::SeveralMechanisms(_) => {
                incomplete("Authorization header and query-string parameters must not both be present.")
            }
            Self::UnsupportedAlgorithm(error) => {
                incomplete(&format!("Unsupported AWS 'algorithm': '{}'.", error.algorithm))
            }
            Self::UnsupportedSigV2 | Self::IncompleteSigV2Query => mismatch(UNSUPPORTED_MECHANISM),
            Self::Credential(error) => match (&error.problem, family) {
                (CredentialProblem::Malformed, _) => incomplete(&format!(
                    "Credential must have exactly 5 slash-delimited elements, \
                     e.g. keyid/date/region/service/term, got '{}'",
                    error.credential
                )),
                (CredentialProblem::EmptyAccessKey, _) => unknown_key(family, invalid_token),
                (problem, _) => mismatch(&scope_message(problem)),
            },
            Self::MissingDate => incomplete(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            ),
            Self::InvalidDate(error) => incomplete(&format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
                error.found
            )),
            Self::RequestTimeTooSkewed(_) | Self::Expired(_) | Self::NotYetValid(_)
                if family == ErrorFamily::Ec2 =>
            {
                AwsError::new("RequestExpired", 400, "Request has expired.")
            }
            Self::RequestTimeTooSkewed(error) => {
                mismatch(&skew_message(error.request_time, error.server_time))
            }
            Self::InvalidExpires(_) => {
                incomplete("X-Amz-Expires must be a number of seconds between 0 and 604800.")
            }
            Self::Expired(error) => {
                let signed_at = error.signed_at.unwrap_or(error.expires_at);
                mismatch(&format!(
                    "Signature expired: {} is now earlier than {} ({} - {} sec.)",
                    signed_at.basic(),
                    before(error.server_time, error.expires_in.unwrap_or_default()).basic(),
                    error.server_time.basic(),
                    error.expires_in.unwrap_or_default()
                ))
            }
            Self::NotYetValid(error) => mismatch(&skew_message(error.signed_at, error.server_time)),
            Self::HeadersNotSigned(_) => {
                mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
            }
            Self::SignatureMismatch(error) => mismatch(&match &error.canonical_request {
                Some(canonical_request) => format!(
                    "{MISMATCH}\n\nThe Canonical String for this request should have been\n'{canonical_request}'\
                     \n\nThe String-to-Sign should have been\n'{}'\n",
                    error.string_to_sign
                ),
                None => MISMATCH.to_owned(),
            }),
            Self::MissingContentSha256 => {
                incomplete("Missing the 'x-amz-content-sha256' in canonical headers.")
            }
            Self::InvalidContentSha256(_) | Self::ContentSha256Mismatch(_) => mismatch(MISMATCH),
            Self::UnknownAccessKey(_) | Self::InvalidToken(_) => unknown_key(family, invalid_token),
            Self::ExpiredToken(_) => match family {
                ErrorFamily::Query => AwsError::new("ExpiredToken", 403, expired_token),
                ErrorFamily::Ec2 => AwsError::new("RequestExpired", 400, "Request has expired."),
                _ => AwsError::new("ExpiredTokenException", json_status(family), expired_token),
            },
            Self::MissingSecurityHeader(name) | Self::MissingFormField(name) => {
                incomplete(&format!("Authorization requires '{name}'."))
            }
        }
    }
}

fn json_status(family: ErrorFamily) -> u16 {
    if family == ErrorFamily::RestJson { 403 } else { 400 }
}

fn ec2_auth_failure() -> AwsError {
    AwsError::new("AuthFailure", 401, "AWS was not able to validate the provided access credentials")
}

fn unknown_key(family: ErrorFamily, message: &str) -> AwsError {
    match family {
        ErrorFamily::Query => AwsError::new("InvalidClientTokenId", 403, message),
        ErrorFamily::Ec2 => ec2_auth_failure(),
        _ => AwsError::new("UnrecognizedClientException", json_status(family), message),
    }
}

fn incomplete_message(error: &Incomplete) -> String {
    let mut message = String::new();
    for name in &error.missing {
        match (error.placement, *name) {
            (Placement::Header, "Date") => message.push_str(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ",
            ),
            (Placement::Header, name) => {
                message.push_str(&format!("Authorization header requires '{name}' parameter. "));
            }
            (_, name) => {
                message.push_str(&format!("AWS query-string parameters must include 'X-Amz-{name}'. "))
            }
        }
    }
    match error.placement {
        Placement::Header => message.push_str(&format!(
            "(Hashed with SHA-256 and encoded with Base64) Authorization={}",
            hashed(&error.authorization)
        )),
        _ => message.push_str("Re-examine the query-string parameters."),
    }
    message
}

/// AWS answers a digest where it once repeated the header, which may hold a password.
fn hashed(text: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(text))
}

fn scope_message(problem: &CredentialProblem) -> String {
    match problem {
        CredentialProblem::Malformed | CredentialProblem::EmptyAccessKey => MISMATCH.to_owned(),
        CredentialProblem::BadDate(found) => format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{found}'. "
        ),
        CredentialProblem::DateMismatch { credential, request } => format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{credential}' != '{}', from '{}'. ",
            request.day(),
            request.basic()
        ),
        CredentialProblem::WrongTerminator(found) => {
            format!("Credential should be scoped with a valid terminator: 'aws4_request', not '{found}'. ")
        }
        CredentialProblem::WrongService { expected, .. } => {
            format!("Credential should be scoped to correct service: '{expected}'. ")
        }
        CredentialProblem::WrongRegion { .. } => "Credential should be scoped to a valid region. ".to_owned(),
    }
}

fn skew_message(request: crate::Timestamp, server: crate::Timestamp) -> String {
    let skew = u32::try_from(MAX_SKEW.whole_seconds()).unwrap_or_default();
    let minutes = MAX_SKEW.whole_minutes();
    if request < server {
        format!(
            "Signature expired: {} is now earlier than {} ({} - {minutes} min.)",
            request.basic(),
            before(server, skew).basic(),
            server.basic()
        )
    } else {
        format!(
            "Signature not yet current: {} is still later than {} ({} + {minutes} min.)",
            request.basic(),
            crate::Timestamp::new(server.instant().saturating_add(MAX_SKEW)).basic(),
            server.basic()
        )
    }
}

fn before(at: crate::Timestamp, seconds: u32) -> crate::Timestamp {
    crate::Timestamp::new(at.instant().saturating_sub(time::Duration::seconds(i64::from(seconds))))
}

fn invalid_argument(message: &str, name: &str, value: &str) -> AwsError {
    AwsError::new("InvalidArgument", 400, message).field("ArgumentName", name).field("ArgumentValue", value)
}

fn query_parameters(message: &str) -> AwsError {
    AwsError::new("AuthorizationQueryParametersError", 400, message)
}

fn malformed(message: &str) -> AwsError {
    AwsError::new(
        "AuthorizationHeaderMalformed",
        400,
        format!("The authorization header is malformed; {message}"),
    )
}

fn s3_missing_date() -> AwsError {
    AwsError::new("AccessDenied", 403, "AWS authentication requires a valid Date or x-amz-date header")
}

fn s3_incomplete(error: &Incomplete) -> AwsError {
    match (error.placement, error.missing.as_slice()) {
        (Placement::Header, ["Date"]) => s3_missing_date(),
        (Placement::Header, [name]) => malformed(&format!("missing {name}.")),
        (Placement::Header, _) => malformed(
            "the authorization header requires three components: Credential, SignedHeaders, and Signature.",
        ),
        _ => query_parameters(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, \
             X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
        ),
    }
}

fn s3_credential(error: &CredentialError) -> AwsError {
    let text = match &error.problem {
        CredentialProblem::Malformed => FORM_CREDENTIAL.to_owned(),
        CredentialProblem::EmptyAccessKey => {
            "a non-empty Access Key (AKID) must be provided in the credential.".to_owned()
        }
        CredentialProblem::BadDate(found) => format!(
            "incorrect date format \"{found}\". This date in the credential must be in the format \"yyyyMMdd\"."
        ),
        CredentialProblem::DateMismatch { credential, request } => {
            let message = format!(
                "Invalid credential date \"{credential}\". This date is not the same as X-Amz-Date: \"{}\".",
                request.day()
            );
            if error.placement == Placement::Query {
                return query_parameters(&message);
            }
            message
        }
        CredentialProblem::WrongTerminator(found) => {
            format!("incorrect terminal \"{found}\". This endpoint uses \"aws4_request\".")
        }
        CredentialProblem::WrongService { found, expected } => {
            format!("incorrect service \"{found}\". This endpoint belongs to \"{expected}\".")
        }
        CredentialProblem::WrongRegion { found, expected } => {
            format!("the region '{found}' is wrong; expecting '{expected}'")
        }
    };
    let answer = match error.placement {
        Placement::Header => malformed(&text),
        Placement::Query => {
            query_parameters(&format!("Error parsing the X-Amz-Credential parameter; {text}"))
        }
        Placement::Form => invalid_argument(&text, "x-amz-credential", &error.credential),
    };
    match &error.problem {
        CredentialProblem::WrongRegion { expected, .. } => answer.field("Region", expected.as_str()),
        _ => answer,
    }
}

fn s3_expired(error: &Expired) -> AwsError {
    let answer = AwsError::new("AccessDenied", 403, "Request has expired");
    let answer = match error.expires_in {
        Some(seconds) => answer.field("X-Amz-Expires", seconds.to_string()),
        None => answer,
    };
    answer.field("Expires", error.expires_at.extended()).field("ServerTime", error.server_time.extended())
}

fn s3_not_yet_valid(error: &NotYetValid) -> AwsError {
    AwsError::new("AccessDenied", 403, "Request is not yet valid")
        .field("X-Amz-Date", (error.signed_at.instant().unix_timestamp() * 1000).to_string())
        .field("Expires", error.expires_at.extended())
        .field("ServerTime", error.server_time.extended())
}

pub(crate) fn s3_mismatch(error: &SignatureMismatch) -> AwsError {
    let answer = AwsError::new("SignatureDoesNotMatch", 403, S3_MISMATCH)
        .field("AWSAccessKeyId", error.access_key_id.as_str())
        .field("StringToSign", error.string_to_sign.as_str())
        .field("SignatureProvided", error.signature_provided.as_str())
        .field("StringToSignBytes", hex::spaced(error.string_to_sign.as_bytes()));
    match &error.canonical_request {
        Some(request) => answer
            .field("CanonicalRequest", request.as_str())
            .field("CanonicalRequestBytes", hex::spaced(request.as_bytes())),
        None => answer,
    }
}
