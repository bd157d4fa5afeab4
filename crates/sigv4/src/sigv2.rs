//! Signature Version 2 of S3. boto3 still presigns URLs with it in `us-east-1` and other old
//! regions unless told otherwise, so a server that only names it breaks the default.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use percent_encoding::percent_decode_str;
use sha1::Sha1;
use time::OffsetDateTime;

use crate::canonical::{RequestView, query_pairs};
use crate::error::{AuthError, Expired, InvalidDate, Placement, RequestTimeTooSkewed, SignatureMismatch};
use crate::scope::decoded_parameter;
use crate::timestamp::Timestamp;
use crate::verify::MAX_SKEW;

/// The query parameters that are part of the signed resource, sorted.
const SUBRESOURCES: [&str; 34] = [
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "defaultObjectAcl",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
];

/// A signature of Signature Version 2, parsed but not verified. Its access key is all that it
/// says of its caller: it names neither region nor service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV2<'a> {
    /// Header or query.
    pub placement: Placement,
    /// Who signed.
    pub access_key_id: Cow<'a, str>,
    /// Base64 of an HMAC-SHA1.
    pub signature: Cow<'a, str>,
    /// The end of a presigned URL's validity, in seconds since 1970, as sent.
    pub expires: Option<Cow<'a, str>>,
}

impl<'a> SigV2<'a> {
    /// Reads `AKID:signature`.
    pub(crate) fn of_header(parameters: &'a str) -> Option<Self> {
        let (access_key_id, signature) = parameters.trim().rsplit_once(':')?;
        if access_key_id.is_empty() || signature.is_empty() {
            return None;
        }
        Some(Self {
            placement: Placement::Header,
            access_key_id: access_key_id.into(),
            signature: signature.into(),
            expires: None,
        })
    }

    /// Reads `AWSAccessKeyId=…&Signature=…&Expires=…`.
    pub(crate) fn of_query(query: &'a str) -> Option<Self> {
        Some(Self {
            placement: Placement::Query,
            access_key_id: decoded_parameter(query, "AWSAccessKeyId")?,
            signature: decoded_parameter(query, "Signature")?,
            expires: Some(decoded_parameter(query, "Expires")?),
        })
    }
}

impl SigV2<'_> {
    /// The session token of temporary credentials.
    pub fn security_token<'r>(&self, request: &RequestView<'r>) -> Option<Cow<'r, str>> {
        request
            .header("x-amz-security-token")
            .map(Cow::Borrowed)
            .or_else(|| decoded_parameter(request.query, "x-amz-security-token"))
    }

    /// Verifies that `request` was signed with the secret, for `now`. `bucket_of_host` is the
    /// bucket of virtual-hosted requests, which is signed as part of the path.
    ///
    /// # Errors
    /// The reason why it was not.
    pub fn verify(
        &self,
        request: &RequestView<'_>,
        secret_access_key: &str,
        bucket_of_host: Option<&str>,
        now: OffsetDateTime,
    ) -> Result<(), AuthError> {
        let date = self.check_time(request, Timestamp::new(now))?;
        let check = |request: &RequestView<'_>| {
            let string_to_sign = string_to_sign(request, &date, bucket_of_host);
            check(secret_access_key, &string_to_sign, &self.access_key_id, &self.signature)
        };
        let bucket = request.path.strip_prefix('/').unwrap_or_default();
        if bucket_of_host.is_none() && !bucket.is_empty() && !bucket.contains('/') {
            // The resource of a bucket ends in a slash, even where the path of its URL does not.
            let path = format!("{}/", request.path);
            if check(&RequestView { path: &path, ..*request }).is_ok() {
                return Ok(());
            }
        }
        check(request)
    }

    /// Refuses a URL that has expired, or a date that is out of its time. [`SigV2::verify`] does so
    /// too; this is for servers that do not know the secret.
    ///
    /// # Errors
    /// The reason.
    pub fn check_expiry(&self, request: &RequestView<'_>, now: OffsetDateTime) -> Result<(), AuthError> {
        self.check_time(request, Timestamp::new(now)).map(drop)
    }

    /// The date's line in the string to sign.
    fn check_time<'r>(
        &'r self,
        request: &RequestView<'r>,
        server_time: Timestamp,
    ) -> Result<Cow<'r, str>, AuthError> {
        if let Some(expires) = &self.expires {
            let expires_at = expires
                .parse()
                .ok()
                .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
                .map(Timestamp::new)
                .ok_or_else(|| {
                    AuthError::InvalidDate(InvalidDate {
                        placement: Placement::Header,
                        found: expires.clone().into_owned(),
                    })
                })?;
            if server_time > expires_at {
                let (signed_at, expires_in) = (None, None);
                return Err(AuthError::Expired(Expired { signed_at, expires_in, expires_at, server_time }));
            }
            return Ok(Cow::Borrowed(expires));
        }
        let amz_date = request.header("x-amz-date");
        let found = amz_date.or_else(|| request.header("date")).ok_or(AuthError::MissingDate)?;
        let request_time = Timestamp::parse_http(found).ok_or_else(|| {
            AuthError::InvalidDate(InvalidDate { placement: Placement::Header, found: found.to_owned() })
        })?;
        if (server_time.instant() - request_time.instant()).abs() > MAX_SKEW {
            return Err(AuthError::RequestTimeTooSkewed(RequestTimeTooSkewed { request_time, server_time }));
        }
        Ok(Cow::Borrowed(if amz_date.is_some() { "" } else { found }))
    }
}

fn string_to_sign(request: &RequestView<'_>, date: &str, bucket_of_host: Option<&str>) -> String {
    let mut out = format!("{}\n", request.method);
    for name in ["content-md5", "content-type"] {
        match request.header(name) {
            Some(value) => out.push_str(value),
            None => out.push_str(&decoded_parameter(request.query, name).unwrap_or_default()),
        }
        out.push('\n');
    }
    out.push_str(date);
    out.push('\n');

    let mut amz: BTreeMap<String, Vec<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in query_pairs(request.query) {
        let name = name.to_ascii_lowercase();
        if name.starts_with("x-amz-") {
            amz.insert(name, vec![percent_decode_str(value).decode_utf8_lossy()]);
        }
    }
    for name in request.headers.keys().filter(|name| name.as_str().starts_with("x-amz-")) {
        let values = request.headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned().into());
        amz.insert(name.as_str().to_owned(), values.collect());
    }
    for (name, values) in amz {
        out.push_str(&format!("{name}:{}\n", values.join(",")));
    }

    if let Some(bucket) = bucket_of_host {
        out.push('/');
        out.push_str(bucket);
    }
    out.push_str(request.path);
    let mut resources: Vec<(&str, Option<Cow<'_, str>>)> = request
        .query
        .split('&')
        .map(|piece| match piece.split_once('=') {
            Some((name, value)) => (name, Some(percent_decode_str(value).decode_utf8_lossy())),
            None => (piece, None),
        })
        .filter(|(name, _)| SUBRESOURCES.binary_search(name).is_ok())
        .collect();
    resources.sort();
    for (index, (name, value)) in resources.iter().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.push_str(name);
        if let Some(value) = value {
            out.push('=');
            out.push_str(value);
        }
    }
    out
}

/// Compares in constant time; form policies are signed the same way.
pub(crate) fn check(
    secret_access_key: &str,
    string_to_sign: &str,
    access_key_id: &str,
    signature: &str,
) -> Result<(), AuthError> {
    let verified = BASE64_STANDARD.decode(signature).is_ok_and(|signature| {
        Hmac::<Sha1>::new_from_slice(secret_access_key.as_bytes()).is_ok_and(|mut mac| {
            mac.update(string_to_sign.as_bytes());
            mac.verify_slice(&signature).is_ok()
        })
    });
    if verified {
        return Ok(());
    }
    Err(AuthError::SignatureMismatch(Box::new(SignatureMismatch {
        access_key_id: access_key_id.to_owned(),
        signature_provided: signature.to_owned(),
        string_to_sign: string_to_sign.to_owned(),
        canonical_request: None,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::Authentication;
    use http::HeaderMap;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn verify(
        method: &str,
        path: &str,
        query: &str,
        bucket: Option<&str>,
        headers: &[(&'static str, &str)],
        now: i64,
    ) -> Result<(), AuthError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let request = RequestView { method, path, query, headers: &map, authority: None };
        let Authentication::SigV2(signature) = Authentication::of(&request)? else { panic!() };
        assert_eq!(signature.access_key_id, "AKIAIOSFODNN7EXAMPLE");
        signature.verify(&request, SECRET, bucket, OffsetDateTime::from_unix_timestamp(now).unwrap())
    }

    /// 2007-03-27, the day of the documentation's examples.
    const DAY: i64 = 1_174_952_198;

    #[test]
    fn the_documented_requests_verify() {
        verify(
            "GET",
            "/photos/puppy.jpg",
            "",
            Some("johnsmith"),
            &[
                ("date", "Tue, 27 Mar 2007 19:36:42 +0000"),
                ("authorization", "AWS AKIAIOSFODNN7EXAMPLE:bWq2s1WEIj+Ydj0vQ697zp+IXMU="),
            ],
            DAY + 72_000,
        )
        .unwrap();
        verify(
            "GET",
            "/photos/puppy.jpg",
            "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620",
            Some("johnsmith"),
            &[],
            DAY,
        )
        .unwrap();
    }

    /// As boto3 signs `list_objects_v2` in `us-east-1`.
    #[test]
    fn the_resource_of_a_bucket_ends_in_a_slash() {
        let mut mac = Hmac::<Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(b"GET\n\n\n1175139620\n/b/");
        let signature = BASE64_STANDARD.encode(mac.finalize().into_bytes()).replace('+', "%2B");
        let query = format!(
            "list-type=2&AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature={signature}&Expires=1175139620"
        );
        verify("GET", "/b", &query, None, &[], DAY).unwrap();
        verify("GET", "/b/", &query, None, &[], DAY).unwrap();
        assert!(verify("GET", "/c", &query, None, &[], DAY).is_err());
    }

    #[test]
    fn a_presigned_url_expires() {
        let query = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=x&Expires=1175139620";
        let error = verify("GET", "/b/k", query, None, &[], 1_175_139_621).unwrap_err();
        assert!(matches!(error, AuthError::Expired(_)));
        let error = verify("GET", "/b/k", query, None, &[], 1_175_139_620).unwrap_err();
        let AuthError::SignatureMismatch(mismatch) = error else { panic!() };
        assert_eq!(mismatch.string_to_sign, "GET\n\n\n1175139620\n/b/k");
    }

    #[test]
    fn every_parameter_is_required() {
        for query in ["Signature=x&Expires=1", "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1"] {
            let error = verify("GET", "/b/k", query, None, &[], DAY).unwrap_err();
            assert_eq!(error, AuthError::IncompleteSigV2Query);
        }
    }

    #[test]
    fn subresources_and_amz_headers_are_signed_in_order() {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-meta-b", " 2 ".parse().unwrap());
        headers.append("x-amz-meta-a", "1".parse().unwrap());
        headers.append("x-amz-meta-a", "0".parse().unwrap());
        headers.insert("content-type", "text/plain".parse().unwrap());
        let query = "versionId=v%2F1&acl&prefix=x&x-amz-security-token=t%2F";
        let request = RequestView { method: "PUT", path: "/k", query, headers: &headers, authority: None };
        assert_eq!(
            string_to_sign(&request, "1", Some("b")),
            "PUT\n\ntext/plain\n1\nx-amz-meta-a:1,0\nx-amz-meta-b:2\nx-amz-security-token:t/\n\
             /b/k?acl&versionId=v/1"
        );
        assert!(SUBRESOURCES.is_sorted());
    }
}
