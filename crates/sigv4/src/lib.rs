//! AWS request signatures, seen from the server's side.
//!
//! * [`credential_scope`] tells cheaply which service a request is for; [`Authentication::of`]
//!   parses whatever signature it carries, in headers or query; [`PostSignature`] does so for
//!   S3's HTML forms.
//! * [`SigV4::verify`] (and [`SigV2::verify`], which boto3 still uses for presigned URLs) decides
//!   whether the signature is the caller's. [`AuthError::answer`] words a refusal as AWS does.
//! * [`ChunkedBody`] reads `aws-chunked` bodies, [`DigestCheckedBody`] plain ones;
//!   [`ChecksumAlgorithm`] computes S3's checksums.
//! * [`Signer`] signs requests of our own.
//!
//! Architecture invariant: nothing here does I/O or reads a clock; times are passed in. The right
//! signature of a wrong request never leaves this crate.

mod canonical;
mod checksum;
mod chunk_signing;
mod chunked;
mod content_sha256;
mod error;
mod error_answer;
mod hex;
mod key;
mod post_policy;
mod presign;
mod scope;
mod sign;
mod sigv2;
mod timestamp;
mod verify;

pub use canonical::{PathRule, RequestView};
pub use checksum::{
    CHECKSUM_ALGORITHM, CHECKSUM_MODE, CHECKSUM_TYPE, CONTENT_MD5, Checksum, ChecksumAlgorithm, Hasher,
    SDK_CHECKSUM_ALGORITHM, TRAILER, composite, full_object,
};
pub use chunk_signing::ChunkSigning;
pub use chunked::{ChunkError, ChunkedBody, ChunkedDecoder, ChunkedOptions, MIN_CHUNK, without_aws_chunked};
pub use content_sha256::{ContentSha256, DigestCheckedBody, EMPTY_SHA256, Streaming};
pub use error::{
    AuthError, AuthorizationHeader, ContentSha256Mismatch, CredentialError, CredentialProblem, Expired,
    Incomplete, InvalidDate, InvalidExpires, MalformedComponent, NotYetValid, Placement,
    RequestTimeTooSkewed, SignatureMismatch, UnsupportedAlgorithm,
};
pub use error_answer::ErrorFamily;
pub use hex::Hex64;
pub use key::{SigningKey, SigningKeyCache};
pub use post_policy::{FormFields, PolicyError, PostPolicy, PostSignature};
pub use presign::MAX_EXPIRES;
pub use scope::{Algorithm, Authentication, CredentialScope, SigV4, credential_scope};
pub use sign::{SignError, Signer, encode_chunked};
pub use sigv2::SigV2;
pub use timestamp::Timestamp;
pub use verify::{MAX_SKEW, SigningRules, Verification, Verified};
