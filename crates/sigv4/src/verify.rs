//! Verifying a request of Signature Version 4.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use crate::canonical::{Coverage, PathRule, RequestView, canonical_request, normalisation_matters};
use crate::chunk_signing::ChunkSigning;
use crate::content_sha256::{ContentSha256, check_digest};
use crate::error::{
    AuthError, CredentialProblem, Incomplete, Placement, RequestTimeTooSkewed, SignatureMismatch,
    UnsupportedAlgorithm,
};
use crate::hex::Hex64;
use crate::key::{SigningKey, SigningKeyCache};
use crate::presign::check_validity;
use crate::scope::{Algorithm, SigV4, decoded_parameter};
use crate::timestamp::Timestamp;

/// How far the clocks of client and server may differ.
pub const MAX_SKEW: Duration = Duration::minutes(15);

/// The rules in which services differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigningRules {
    /// How the path is encoded.
    pub path: PathRule,
    /// S3: the payload enters as `x-amz-content-sha256` says, and every `x-amz-*` header must be
    /// signed. Elsewhere the payload is hashed by the server.
    pub s3: bool,
    /// IoT's WebSocket URLs: the session token is added after signing.
    pub token_after_signing: bool,
}

impl SigningRules {
    /// S3's rules.
    pub const S3: Self = Self { path: PathRule::Single, s3: true, token_after_signing: false };
    /// All others' rules.
    pub const STANDARD: Self = Self { path: PathRule::Double, s3: false, token_after_signing: false };

    /// The rules of the service with this signing name.
    pub fn of_service(signing_name: &str) -> Self {
        match signing_name {
            "s3" | "s3express" | "s3-outposts" | "s3-object-lambda" => Self::S3,
            "iotdevicegateway" => Self { token_after_signing: true, ..Self::STANDARD },
            _ => Self::STANDARD,
        }
    }
}

/// What verification needs besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Verification<'a> {
    /// The secret of the access key that the request names.
    pub secret_access_key: &'a str,
    /// The rules of the service.
    pub rules: SigningRules,
    /// The body, where it is in memory. S3's may be streamed: then [`Verified::content_sha256`]
    /// tells how to check it. Other services' bodies must be given unless they are unsigned.
    pub body: Option<&'a [u8]>,
    /// Our clock.
    pub now: OffsetDateTime,
}

/// A request that its caller has signed.
#[derive(Debug)]
pub struct Verified<'a> {
    /// What the signature says of the body. For [`ContentSha256::Digest`] of a streamed body use
    /// [`crate::DigestCheckedBody`], for [`ContentSha256::Streaming`] [`crate::ChunkedBody`].
    pub content_sha256: ContentSha256,
    signature: &'a SigV4<'a>,
    key: SigningKey,
}

impl Verified<'_> {
    /// What the signatures of the request's chunks are checked with.
    pub fn chunk_signing(&self) -> ChunkSigning {
        ChunkSigning::new(
            self.key.clone(),
            self.signature.timestamp,
            self.signature.credential.access_key_id(),
            self.signature.credential.scope(),
            &self.signature.signature,
        )
    }
}

impl SigV4<'_> {
    /// Refuses a signature that is out of its time. [`SigV4::verify`] does so too; this is for
    /// servers that look at the clock before they look up the key, as S3 does.
    ///
    /// # Errors
    /// [`AuthError::RequestTimeTooSkewed`], [`AuthError::Expired`] or [`AuthError::NotYetValid`].
    pub fn check_time(&self, now: OffsetDateTime) -> Result<(), AuthError> {
        if let Some(expires_in) = self.expires_in {
            return check_validity(self.timestamp, expires_in, Timestamp::new(now));
        }
        if (now - self.timestamp.instant()).abs() > MAX_SKEW {
            return Err(AuthError::RequestTimeTooSkewed(RequestTimeTooSkewed {
                request_time: self.timestamp,
                server_time: Timestamp::new(now),
            }));
        }
        Ok(())
    }

    /// Verifies that `request` was signed with the secret, for now.
    ///
    /// # Errors
    /// The reason why it was not.
    pub fn verify<'s>(
        &'s self,
        request: &RequestView<'_>,
        keys: &SigningKeyCache,
        with: &Verification<'_>,
    ) -> Result<Verified<'s>, AuthError> {
        let Some(region) = self.credential.region().filter(|_| self.algorithm == Algorithm::HmacSha256)
        else {
            return Err(AuthError::UnsupportedAlgorithm(UnsupportedAlgorithm {
                placement: self.placement,
                algorithm: self.algorithm.as_str().to_owned(),
            }));
        };
        let day = self.timestamp.day();
        if self.credential.date() != day {
            let credential = self.credential.date().to_owned();
            return Err(self.refuse(CredentialProblem::DateMismatch { credential, request: self.timestamp }));
        }
        if with.rules.s3 && self.placement == Placement::Query && self.expires_in.is_none() {
            let (placement, authorization) = (Placement::Query, String::new());
            return Err(AuthError::Incomplete(Incomplete {
                placement,
                missing: vec!["Expires"],
                authorization,
            }));
        }
        self.check_time(with.now)?;
        self.check_signed_headers(request, with.rules)?;
        let payload = self.payload(request, with)?;
        let key = keys.key(with.secret_access_key, &day, region, self.credential.service());

        let uncovered = if with.rules.token_after_signing {
            &["X-Amz-Signature", "X-Amz-Security-Token"][..]
        } else {
            &["X-Amz-Signature"][..]
        };
        let mut coverage = Coverage {
            path_rule: with.rules.path,
            signed_headers: &self.signed_headers,
            payload: &payload.text,
            uncovered_query: if self.placement == Placement::Query { uncovered } else { &[] },
            headers_from_query: self.placement == Placement::Query,
        };
        let canonical = canonical_request(request, &coverage);
        let string_to_sign = self.string_to_sign(&canonical);
        let mut verified = key.verifies(string_to_sign.as_bytes(), &self.signature);
        if !verified && coverage.path_rule == PathRule::Double && normalisation_matters(request.path) {
            coverage.path_rule = PathRule::DoubleUnnormalised;
            let as_sent = self.string_to_sign(&canonical_request(request, &coverage));
            verified = key.verifies(as_sent.as_bytes(), &self.signature);
        }
        if !verified {
            return Err(AuthError::SignatureMismatch(Box::new(SignatureMismatch {
                access_key_id: self.credential.access_key_id().to_owned(),
                signature_provided: self.signature.clone().into_owned(),
                string_to_sign,
                canonical_request: Some(String::from_utf8_lossy(&canonical).into_owned()),
            })));
        }
        if let (Some(body), ContentSha256::Digest(claimed)) = (with.body, payload.claim) {
            check_digest(&claimed, &Sha256::digest(body).into())?;
        }
        Ok(Verified { content_sha256: payload.claim, signature: self, key })
    }

    fn string_to_sign(&self, canonical_request: &[u8]) -> String {
        string_to_sign(self.timestamp, self.credential.scope(), canonical_request)
    }

    fn is_signed(&self, name: &str) -> bool {
        self.signed_headers.split(';').any(|signed| signed == name)
    }

    fn check_signed_headers(&self, request: &RequestView<'_>, rules: SigningRules) -> Result<(), AuthError> {
        let mut unsigned: Vec<String> = Vec::new();
        if !self.is_signed("host") {
            unsigned.push("host".to_owned());
        }
        if rules.s3 {
            unsigned.extend(
                request
                    .headers
                    .keys()
                    .map(http::HeaderName::as_str)
                    .filter(|name| name.starts_with("x-amz-") && *name != "x-amz-content-sha256")
                    .filter(|name| !self.is_signed(name))
                    .map(str::to_owned),
            );
        }
        if unsigned.is_empty() {
            return Ok(());
        }
        unsigned.sort_unstable();
        Err(AuthError::HeadersNotSigned(unsigned))
    }

    fn payload<'r>(
        &self,
        request: &RequestView<'r>,
        with: &Verification<'_>,
    ) -> Result<Payload<'r>, AuthError> {
        let header = request.header("x-amz-content-sha256");
        let claim = |text: &str| {
            ContentSha256::parse(text).ok_or_else(|| AuthError::InvalidContentSha256(text.to_owned()))
        };
        if !with.rules.s3 {
            let literal = header
                .map(Cow::Borrowed)
                .or_else(|| decoded_parameter(request.query, "X-Amz-Content-Sha256"))
                .and_then(|text| ContentSha256::parse(&text).map(|claim| (text, claim)));
            return Ok(match (literal, with.body) {
                (Some((text, claim @ (ContentSha256::Unsigned | ContentSha256::Streaming(_)))), _)
                | (Some((text, claim)), None) => Payload { text, claim },
                (_, body) => {
                    let digest = Sha256::digest(body.unwrap_or_default()).into();
                    let text = Hex64::encode(&digest).to_string();
                    Payload { text: text.into(), claim: ContentSha256::Digest(digest) }
                }
            });
        }
        if self.placement == Placement::Header {
            let text = header.ok_or(AuthError::MissingContentSha256)?;
            return Ok(Payload { text: text.into(), claim: claim(text)? });
        }
        // The framing of the body follows the header even where only the query is signed.
        let framing = header.map(claim).transpose()?;
        let signed = header.filter(|_| self.is_signed("x-amz-content-sha256")).map(Cow::Borrowed);
        let text = signed
            .or_else(|| decoded_parameter(request.query, "X-Amz-Content-Sha256"))
            .unwrap_or(Cow::Borrowed("UNSIGNED-PAYLOAD"));
        let claim = match framing {
            Some(framing) => framing,
            None => claim(&text)?,
        };
        Ok(Payload { text, claim })
    }
}

struct Payload<'r> {
    /// The last line of the canonical request.
    text: Cow<'r, str>,
    claim: ContentSha256,
}

pub(crate) fn string_to_sign(timestamp: Timestamp, scope: &str, canonical_request: &[u8]) -> String {
    let digest = Hex64::encode(&Sha256::digest(canonical_request).into());
    let mut text = String::with_capacity(160 + scope.len());
    for part in ["AWS4-HMAC-SHA256\n", &timestamp.basic(), "\n", scope, "\n", digest.as_str()] {
        text.push_str(part);
    }
    text
}
