//! Signing requests of our own: callbacks between processes, remotes, tests.

use std::fmt;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue, InvalidHeaderValue};
use http::uri::InvalidUri;
use http::{HeaderMap, Method, Uri};
use time::OffsetDateTime;

use crate::canonical::{Coverage, PathRule, RequestView, canonical_request, encode_byte};
use crate::checksum::Checksum;
use crate::chunk_signing::ChunkSigning;
use crate::content_sha256::{ContentSha256, EMPTY_SHA256, Streaming};
use crate::hex::Hex64;
use crate::key::SigningKey;
use crate::presign::MAX_EXPIRES;
use crate::timestamp::Timestamp;
use crate::verify::{SigningRules, string_to_sign};

/// Whose signature it is, and for what.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// The access key id.
    pub access_key_id: &'a str,
    /// Its secret.
    pub secret_access_key: &'a str,
    /// The session token of temporary credentials.
    pub session_token: Option<&'a str>,
    /// The region.
    pub region: &'a str,
    /// The signing name of the service.
    pub service: &'a str,
    /// Our clock.
    pub now: OffsetDateTime,
}

impl fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access_key_id, region, service, .. } = self;
        write!(f, "Signer({access_key_id}/{region}/{service})")
    }
}

/// Why a request cannot be signed.
#[derive(Debug)]
pub enum SignError {
    /// The request has neither a `Host` header nor an authority in its URI.
    MissingHost,
    /// The validity of a presigned URL is longer than a week.
    ExpiresTooLarge,
    /// A value is not fit for a header.
    Header(InvalidHeaderValue),
    /// The presigned URL is not fit for a URI.
    Uri(InvalidUri),
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingHost => f.write_str("the request has no host"),
            Self::ExpiresTooLarge => f.write_str("presigned URLs are valid for a week at most"),
            Self::Header(error) => error.fmt(f),
            Self::Uri(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for SignError {}

impl From<InvalidHeaderValue> for SignError {
    fn from(error: InvalidHeaderValue) -> Self {
        Self::Header(error)
    }
}

impl Signer<'_> {
    /// Signs `request` in its headers: adds `X-Amz-Date`, `X-Amz-Security-Token`,
    /// `X-Amz-Content-Sha256` (S3, and all but plain digests) and `Authorization`. Every header
    /// that is there is signed, except those that proxies change.
    ///
    /// Returns what the chunks of an `aws-chunked` body are signed with.
    ///
    /// # Errors
    /// See [`SignError`].
    pub fn sign<B>(
        &self,
        request: &mut http::Request<B>,
        payload: ContentSha256,
    ) -> Result<ChunkSigning, SignError> {
        let rules = SigningRules::of_service(self.service);
        let timestamp = Timestamp::new(self.now);
        let payload_text = payload_text(payload);
        if !request.headers().contains_key(HOST) {
            let host = request.uri().authority().ok_or(SignError::MissingHost)?.as_str();
            let host = HeaderValue::from_str(host)?;
            request.headers_mut().insert(HOST, host);
        }
        let headers = request.headers_mut();
        headers.remove(AUTHORIZATION);
        headers.insert("x-amz-date", HeaderValue::from_str(&timestamp.basic())?);
        if let Some(token) = self.session_token {
            headers.insert("x-amz-security-token", HeaderValue::from_str(token)?);
        }
        if rules.s3 || !matches!(payload, ContentSha256::Digest(_)) {
            headers.insert("x-amz-content-sha256", HeaderValue::from_str(&payload_text)?);
        }

        let signed_headers = signable(headers);
        let coverage = coverage(rules.path, &signed_headers, &payload_text);
        let canonical = canonical_request(&RequestView::of(request), &coverage);
        let (key, scope) = self.key_and_scope(timestamp);
        let signature = key.sign(string_to_sign(timestamp, &scope, &canonical).as_bytes());
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed_headers}, Signature={signature}",
            self.access_key_id
        );
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_str(&authorization)?);
        Ok(ChunkSigning::new(key, timestamp, self.access_key_id, &scope, signature.as_str()))
    }

    /// A URL that lets whoever has it make this request for `expires_in` seconds. `headers` must
    /// be sent with it as they are.
    ///
    /// # Errors
    /// See [`SignError`].
    pub fn presign(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        expires_in: u32,
    ) -> Result<Uri, SignError> {
        if expires_in > MAX_EXPIRES {
            return Err(SignError::ExpiresTooLarge);
        }
        let rules = SigningRules::of_service(self.service);
        let timestamp = Timestamp::new(self.now);
        let mut headers = headers.clone();
        if !headers.contains_key(HOST) {
            let host = uri.authority().ok_or(SignError::MissingHost)?.as_str();
            headers.insert(HOST, HeaderValue::from_str(host)?);
        }
        let signed_headers = signable(&headers);
        let (key, scope) = self.key_and_scope(timestamp);
        let mut query = uri.query().unwrap_or_default().to_owned();
        let mut add = |name: &str, value: &str| {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.push_str(&encoded(value));
        };
        add("X-Amz-Algorithm", "AWS4-HMAC-SHA256");
        add("X-Amz-Credential", &format!("{}/{scope}", self.access_key_id));
        add("X-Amz-Date", &timestamp.basic());
        add("X-Amz-Expires", &expires_in.to_string());
        if let Some(token) = self.session_token {
            add("X-Amz-Security-Token", token);
        }
        add("X-Amz-SignedHeaders", &signed_headers);

        let payload = if rules.s3 { "UNSIGNED-PAYLOAD" } else { EMPTY_SHA256 };
        let request = RequestView {
            method: method.as_str(),
            path: uri.path(),
            query: &query,
            headers: &headers,
            authority: None,
        };
        let canonical = canonical_request(&request, &coverage(rules.path, &signed_headers, payload));
        let signature = key.sign(string_to_sign(timestamp, &scope, &canonical).as_bytes());
        let origin = match (uri.scheme_str(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}"),
            _ => String::new(),
        };
        format!("{origin}{}?{query}&X-Amz-Signature={signature}", uri.path()).parse().map_err(SignError::Uri)
    }

    fn key_and_scope(&self, timestamp: Timestamp) -> (SigningKey, String) {
        let day = timestamp.day();
        let key = SigningKey::derive(self.secret_access_key, &day, self.region, self.service);
        (key, format!("{day}/{}/{}/aws4_request", self.region, self.service))
    }
}

/// Frames `content` as an `aws-chunked` body of chunks of `chunk_size` bytes, closed by
/// `trailer` where `streaming` has trailers. Without `signing` the chunks are unsigned.
pub fn encode_chunked(
    content: &[u8],
    chunk_size: usize,
    streaming: Streaming,
    mut signing: Option<ChunkSigning>,
    trailer: Option<&Checksum>,
) -> Bytes {
    let mut out = Vec::with_capacity(content.len() + content.len() / chunk_size.max(1) * 90 + 512);
    for chunk in content.chunks(chunk_size.max(1)).chain([&[][..]]) {
        out.extend_from_slice(format!("{:x}", chunk.len()).as_bytes());
        if let Some(signing) = &mut signing {
            out.extend_from_slice(format!(";chunk-signature={}", signing.sign_chunk(chunk)).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        if !chunk.is_empty() {
            out.extend_from_slice(chunk);
            out.extend_from_slice(b"\r\n");
        }
    }
    if streaming.has_trailers() {
        let mut signed = String::new();
        if let Some(checksum) = trailer {
            let line = format!("{}:{}", checksum.algorithm().header(), checksum.to_base64());
            signed = format!("{line}\n");
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        if let Some(signing) = &mut signing {
            let signature = signing.sign_trailers(&signed);
            out.extend_from_slice(format!("x-amz-trailer-signature:{signature}\r\n").as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
    out.into()
}

fn payload_text(payload: ContentSha256) -> String {
    match payload {
        ContentSha256::Unsigned => "UNSIGNED-PAYLOAD".to_owned(),
        ContentSha256::Digest(digest) => Hex64::encode(&digest).to_string(),
        ContentSha256::Streaming(streaming) => streaming.as_str().to_owned(),
    }
}

fn coverage<'a>(path_rule: PathRule, signed_headers: &'a str, payload: &'a str) -> Coverage<'a> {
    Coverage { path_rule, signed_headers, payload, uncovered_query: &[], headers_from_query: false }
}

/// The names of the headers to sign, sorted. Proxies and HTTP libraries change the others.
fn signable(headers: &HeaderMap) -> String {
    const UNSIGNABLE: [&str; 8] = [
        "connection",
        "expect",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "x-amzn-trace-id",
    ];
    let mut names: Vec<&str> =
        headers.keys().map(HeaderName::as_str).filter(|name| !UNSIGNABLE.contains(name)).collect();
    names.sort_unstable();
    names.join(";")
}

fn encoded(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    for byte in value.bytes() {
        encode_byte(&mut out, byte);
    }
    // INVARIANT: the encoding is ASCII.
    String::from_utf8(out).unwrap_or_default()
}
