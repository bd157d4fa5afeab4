//! Why a request is not who it says it is.

use std::fmt;

use crate::timestamp::Timestamp;

/// Where the signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The `Authorization` header.
    Header,
    /// The query of a presigned URL.
    Query,
    /// The fields of an HTML form (S3 `POST`).
    Form,
}

/// Why authentication failed. [`AuthError::answer`] gives AWS's words for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// No credentials where they are required.
    MissingAuthentication,
    /// The `Authorization` header has no parameters after its scheme.
    MalformedAuthorization(AuthorizationHeader),
    /// The scheme of the `Authorization` header is unknown.
    UnsupportedScheme(AuthorizationHeader),
    /// A part of the `Authorization` header is not `key=value`.
    MalformedComponent(MalformedComponent),
    /// Parts of the signature are missing.
    Incomplete(Incomplete),
    /// Header and query are both signed.
    SeveralMechanisms(AuthorizationHeader),
    /// `X-Amz-Algorithm` names an unknown algorithm.
    UnsupportedAlgorithm(UnsupportedAlgorithm),
    /// Signature Version 2, where the service does not accept it.
    UnsupportedSigV2,
    /// A presigned URL of Signature Version 2 without all its parameters.
    IncompleteSigV2Query,
    /// The credential's form or scope is wrong.
    Credential(CredentialError),
    /// The date is missing.
    MissingDate,
    /// The date is not one.
    InvalidDate(InvalidDate),
    /// The clocks differ by more than [`crate::MAX_SKEW`].
    RequestTimeTooSkewed(RequestTimeTooSkewed),
    /// `X-Amz-Expires` is not a number of seconds up to a week.
    InvalidExpires(InvalidExpires),
    /// The presigned URL was valid.
    Expired(Expired),
    /// The presigned URL will be valid.
    NotYetValid(NotYetValid),
    /// Headers that must be signed are not (lower-case names).
    HeadersNotSigned(Vec<String>),
    /// The signature is of another request, or made with another key.
    SignatureMismatch(Box<SignatureMismatch>),
    /// S3: `x-amz-content-sha256` is missing.
    MissingContentSha256,
    /// `x-amz-content-sha256` is neither a digest nor a known literal.
    InvalidContentSha256(String),
    /// The body is not the one that was signed.
    ContentSha256Mismatch(Box<ContentSha256Mismatch>),
    /// The access key does not exist.
    UnknownAccessKey(String),
    /// The session token does not belong to the access key.
    InvalidToken(String),
    /// The session token was valid.
    ExpiredToken(String),
    /// A required header is missing.
    MissingSecurityHeader(&'static str),
    /// A form has some of the fields that sign it, but not this one.
    MissingFormField(&'static str),
}

/// The value of an `Authorization` header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationHeader {
    /// As sent.
    pub authorization: String,
}

/// See [`AuthError::MalformedComponent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MalformedComponent {
    /// The part at fault.
    pub component: String,
    /// The whole header.
    pub authorization: String,
}

/// See [`AuthError::Incomplete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete {
    /// Where the signature stands.
    pub placement: Placement,
    /// `Credential`, `SignedHeaders`, … in AWS's order.
    pub missing: Vec<&'static str>,
    /// The whole header, of header signatures.
    pub authorization: String,
}

/// See [`AuthError::UnsupportedAlgorithm`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsupportedAlgorithm {
    /// Where the signature stands.
    pub placement: Placement,
    /// The name that was sent.
    pub algorithm: String,
}

/// See [`AuthError::Credential`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialError {
    /// Where the signature stands.
    pub placement: Placement,
    /// The credential as sent.
    pub credential: String,
    /// What is wrong with it.
    pub problem: CredentialProblem,
}

/// What is wrong with a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialProblem {
    /// It has not the five parts.
    Malformed,
    /// The access key id is empty.
    EmptyAccessKey,
    /// The date is not `YYYYMMDD`.
    BadDate(String),
    /// The date is not the day of the request's date.
    DateMismatch {
        /// Of the credential.
        credential: String,
        /// Of the request.
        request: Timestamp,
    },
    /// It does not end in `aws4_request`.
    WrongTerminator(String),
    /// It is for another service.
    WrongService {
        /// As sent.
        found: String,
        /// The service that was called.
        expected: String,
    },
    /// It is for another region.
    WrongRegion {
        /// As sent.
        found: String,
        /// The region that was called.
        expected: String,
    },
}

/// See [`AuthError::InvalidDate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidDate {
    /// Where the date stands.
    pub placement: Placement,
    /// As sent.
    pub found: String,
}

/// See [`AuthError::RequestTimeTooSkewed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestTimeTooSkewed {
    /// The client's clock.
    pub request_time: Timestamp,
    /// Ours.
    pub server_time: Timestamp,
}

/// See [`AuthError::InvalidExpires`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidExpires {
    /// Not a number.
    NotANumber,
    /// Below zero.
    Negative,
    /// More than a week.
    TooLarge,
}

/// See [`AuthError::Expired`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// When it was signed; Signature Version 2 does not tell.
    pub signed_at: Option<Timestamp>,
    /// `X-Amz-Expires`, in seconds; Signature Version 2 has none.
    pub expires_in: Option<u32>,
    /// The end of its validity.
    pub expires_at: Timestamp,
    /// Our clock.
    pub server_time: Timestamp,
}

/// See [`AuthError::NotYetValid`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotYetValid {
    /// The start of its validity.
    pub signed_at: Timestamp,
    /// The end of its validity.
    pub expires_at: Timestamp,
    /// Our clock.
    pub server_time: Timestamp,
}

/// See [`AuthError::SignatureMismatch`]. It never holds the right signature: that would sign
/// requests for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureMismatch {
    /// The access key that was named.
    pub access_key_id: String,
    /// The signature that was sent.
    pub signature_provided: String,
    /// What the client should have signed.
    pub string_to_sign: String,
    /// The canonical request behind it; Signature Version 2 and form policies have none.
    pub canonical_request: Option<String>,
}

/// See [`AuthError::ContentSha256Mismatch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentSha256Mismatch {
    /// `x-amz-content-sha256`.
    pub client_computed: String,
    /// The digest of what arrived.
    pub server_computed: String,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingAuthentication => f.write_str("the request is not signed"),
            Self::MalformedAuthorization(_) => f.write_str("the authorization header is malformed"),
            Self::UnsupportedScheme(_) => f.write_str("the authorization scheme is not supported"),
            Self::MalformedComponent(error) => {
                write!(f, "`{}` in the authorization header is not key=value", error.component)
            }
            Self::Incomplete(error) => write!(f, "the signature lacks {}", error.missing.join(", ")),
            Self::SeveralMechanisms(_) => f.write_str("header and query are both signed"),
            Self::UnsupportedAlgorithm(error) => {
                write!(f, "the algorithm `{}` is not supported", error.algorithm)
            }
            Self::UnsupportedSigV2 => f.write_str("signature version 2 is not supported here"),
            Self::IncompleteSigV2Query => f.write_str("the presigned URL lacks parameters"),
            Self::Credential(error) => write!(f, "the credential is wrong: {:?}", error.problem),
            Self::MissingDate => f.write_str("the request has no date"),
            Self::InvalidDate(error) => write!(f, "`{}` is not a date", error.found),
            Self::RequestTimeTooSkewed(error) => {
                write!(f, "the request is dated {}", error.request_time.extended())
            }
            Self::InvalidExpires(_) => f.write_str("`X-Amz-Expires` is out of range"),
            Self::Expired(error) => write!(f, "the URL expired at {}", error.expires_at.extended()),
            Self::NotYetValid(error) => write!(f, "the URL is valid from {}", error.signed_at.extended()),
            Self::HeadersNotSigned(names) => write!(f, "headers are not signed: {}", names.join(", ")),
            Self::SignatureMismatch(_) => f.write_str("the signature does not match"),
            Self::MissingContentSha256 => f.write_str("`x-amz-content-sha256` is missing"),
            Self::InvalidContentSha256(found) => write!(f, "`{found}` is not a payload digest"),
            Self::ContentSha256Mismatch(_) => f.write_str("the body is not the one that was signed"),
            Self::UnknownAccessKey(id) => write!(f, "the access key `{id}` does not exist"),
            Self::InvalidToken(_) => f.write_str("the session token is invalid"),
            Self::ExpiredToken(_) => f.write_str("the session token has expired"),
            Self::MissingSecurityHeader(name) => write!(f, "the header `{name}` is missing"),
            Self::MissingFormField(name) => write!(f, "the form field `{name}` is missing"),
        }
    }
}

impl std::error::Error for AuthError {}
