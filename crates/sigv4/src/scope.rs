//! Who signed, for which service: the parts of a signature, wherever it stands.

use std::borrow::Cow;

use http::header::{AUTHORIZATION, DATE, HeaderName};
use percent_encoding::percent_decode_str;

use crate::canonical::{RequestView, query_pairs};
use crate::error::{
    AuthError, AuthorizationHeader, CredentialError, CredentialProblem, Incomplete, InvalidDate,
    MalformedComponent, Placement, UnsupportedAlgorithm,
};
use crate::presign::presigned;
use crate::sigv2::SigV2;
use crate::timestamp::Timestamp;

// Every request is asked for these: names that are known beforehand are found faster.
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const X_AMZ_REGION_SET: HeaderName = HeaderName::from_static("x-amz-region-set");

/// The algorithms of Signature Version 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `AWS4-HMAC-SHA256`.
    HmacSha256,
    /// `AWS4-ECDSA-P256-SHA256` (SigV4a): its scope has no region.
    EcdsaP256Sha256,
}

impl Algorithm {
    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HmacSha256 => "AWS4-HMAC-SHA256",
            Self::EcdsaP256Sha256 => "AWS4-ECDSA-P256-SHA256",
        }
    }

    /// Reads the name on the wire.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::HmacSha256, Self::EcdsaP256Sha256].into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// A credential: `AKIA…/20130524/us-east-1/s3/aws4_request`.
///
/// It is split from the right, so that access key ids may hold slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialScope<'a> {
    text: Cow<'a, str>,
    key_end: usize,
    date_end: usize,
    region_end: usize,
    service_end: usize,
}

impl<'a> CredentialScope<'a> {
    /// Splits a credential; `None` when it has too few parts.
    pub fn parse(text: impl Into<Cow<'a, str>>, algorithm: Algorithm) -> Option<Self> {
        let text = text.into();
        let (rest, _) = text.rsplit_once('/')?;
        let service_end = rest.len();
        let (mut rest, _) = rest.rsplit_once('/')?;
        let region_end = rest.len();
        if algorithm == Algorithm::HmacSha256 {
            rest = rest.rsplit_once('/')?.0;
        }
        let date_end = rest.len();
        let key_end = rest.rsplit_once('/')?.0.len();
        Some(Self { key_end, date_end, region_end, service_end, text })
    }

    /// The credential as sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The access key id.
    pub fn access_key_id(&self) -> &str {
        self.text.get(..self.key_end).unwrap_or_default()
    }

    /// The day, `YYYYMMDD` unless it is malformed.
    pub fn date(&self) -> &str {
        self.text.get(self.key_end + 1..self.date_end).unwrap_or_default()
    }

    /// The region; SigV4a has none.
    pub fn region(&self) -> Option<&str> {
        self.text.get(self.date_end + 1..self.region_end)
    }

    /// The signing name of the service.
    pub fn service(&self) -> &str {
        self.text.get(self.region_end + 1..self.service_end).unwrap_or_default()
    }

    /// The last part, `aws4_request`.
    pub fn terminator(&self) -> &str {
        self.text.get(self.service_end + 1..).unwrap_or_default()
    }

    /// All but the access key id: the scope of a string to sign.
    pub fn scope(&self) -> &str {
        self.text.get(self.key_end + 1..).unwrap_or_default()
    }
}

/// The credential that a request names, for identifying its service. It is not verified, and
/// broken requests have none: [`Authentication::of`] tells why.
pub fn credential_scope<'a>(request: &RequestView<'a>) -> Option<CredentialScope<'a>> {
    if let Some(value) = request.header(AUTHORIZATION) {
        let (scheme, parameters) = value.split_once(' ')?;
        let algorithm = Algorithm::parse(scheme)?;
        let credential = components(parameters).find_map(|part| part.strip_prefix("Credential="))?;
        return CredentialScope::parse(credential.trim(), algorithm);
    }
    let credential = request.query_parameter("X-Amz-Credential")?;
    let algorithm = request.query_parameter("X-Amz-Algorithm").and_then(Algorithm::parse);
    let credential = percent_decode_str(credential).decode_utf8().ok()?;
    CredentialScope::parse(credential, algorithm.unwrap_or(Algorithm::HmacSha256))
}

/// A signature of Signature Version 4 or 4a, parsed but not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigV4<'a> {
    /// Where it stands.
    pub placement: Placement,
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Who signed, for which service.
    pub credential: CredentialScope<'a>,
    /// `host;x-amz-date`, in the client's order.
    pub signed_headers: Cow<'a, str>,
    /// Lower-case hexadecimal, if it is well-formed.
    pub signature: Cow<'a, str>,
    /// When it was signed.
    pub timestamp: Timestamp,
    /// How long a presigned URL is valid, in seconds.
    pub expires_in: Option<u32>,
    /// The session token of temporary credentials.
    pub security_token: Option<Cow<'a, str>>,
    /// The regions for which a SigV4a signature is valid.
    pub region_set: Option<Cow<'a, str>>,
}

impl SigV4<'_> {
    /// Refuses a credential for another service or, where `region` is given, another region.
    ///
    /// # Errors
    /// [`AuthError::Credential`].
    pub fn check_scope(&self, service: &str, region: Option<&str>) -> Result<(), AuthError> {
        let found = self.credential.service();
        if found != service {
            let expected = service.to_owned();
            return Err(self.refuse(CredentialProblem::WrongService { found: found.to_owned(), expected }));
        }
        match (self.credential.region(), region) {
            (Some(found), Some(expected)) if found != expected => {
                Err(self.refuse(CredentialProblem::WrongRegion {
                    found: found.to_owned(),
                    expected: expected.to_owned(),
                }))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn refuse(&self, problem: CredentialProblem) -> AuthError {
        let credential = self.credential.as_str().to_owned();
        AuthError::Credential(CredentialError { placement: self.placement, credential, problem })
    }
}

/// How a request says who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// It does not.
    Anonymous,
    /// Signature Version 4 or 4a.
    SigV4(SigV4<'a>),
    /// Signature Version 2.
    SigV2(SigV2<'a>),
    /// `Authorization: Bearer …`.
    Bearer(&'a str),
}

impl<'a> Authentication<'a> {
    /// Parses whatever authentication `request` carries in its headers or its query.
    ///
    /// # Errors
    /// The signature is malformed.
    pub fn of(request: &RequestView<'a>) -> Result<Self, AuthError> {
        let presigned = presigned(request);
        if !request.headers.contains_key(AUTHORIZATION) {
            return match presigned {
                Some(presigned) => presigned.parse(request),
                None => Ok(Self::Anonymous),
            };
        }
        let header = request.header(AUTHORIZATION).unwrap_or_default();
        let whole = || AuthorizationHeader { authorization: header.to_owned() };
        if presigned.is_some() {
            return Err(AuthError::SeveralMechanisms(whole()));
        }
        let Some((scheme, parameters)) = header.split_once(' ') else {
            return Err(AuthError::MalformedAuthorization(whole()));
        };
        match (scheme, Algorithm::parse(scheme)) {
            (_, Some(algorithm)) => header_signature(request, header, algorithm, parameters).map(Self::SigV4),
            ("AWS", None) => match SigV2::of_header(parameters) {
                Some(signature) => Ok(Self::SigV2(signature)),
                None => Err(AuthError::MalformedAuthorization(whole())),
            },
            (scheme, None) if scheme.eq_ignore_ascii_case("bearer") => Ok(Self::Bearer(parameters.trim())),
            (scheme, None) if scheme.starts_with("AWS4-") => {
                Err(AuthError::UnsupportedAlgorithm(UnsupportedAlgorithm {
                    placement: Placement::Header,
                    algorithm: scheme.to_owned(),
                }))
            }
            _ => Err(AuthError::UnsupportedScheme(whole())),
        }
    }
}

/// The `key=value` parts of the header. Clients separate them by commas, spaces, or both.
fn components(parameters: &str) -> impl Iterator<Item = &str> {
    let separates = |byte: u8| matches!(byte, b',' | b' ' | b'\t');
    let mut rest = Some(parameters);
    let parts = std::iter::from_fn(move || {
        let text = rest?;
        let end = text.bytes().position(separates);
        rest = end.and_then(|end| text.get(end + 1..));
        text.get(..end.unwrap_or(text.len()))
    });
    parts.filter(|part| !part.is_empty())
}

fn header_signature<'a>(
    request: &RequestView<'a>,
    header: &'a str,
    algorithm: Algorithm,
    parameters: &'a str,
) -> Result<SigV4<'a>, AuthError> {
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in components(parameters) {
        match part.split_once('=') {
            Some(("Credential", value)) => credential = Some(value),
            Some(("SignedHeaders", value)) => signed_headers = Some(value),
            Some(("Signature", value)) => signature = Some(value),
            Some(_) => {}
            None => {
                return Err(AuthError::MalformedComponent(MalformedComponent {
                    component: part.to_owned(),
                    authorization: header.to_owned(),
                }));
            }
        }
    }
    let date = request.header(X_AMZ_DATE).or_else(|| request.header(DATE));
    let (Some(credential), Some(signed_headers), Some(signature), Some(date)) =
        (credential, signed_headers, signature, date)
    else {
        let parts = [
            ("Credential", credential.is_none()),
            ("Signature", signature.is_none()),
            ("SignedHeaders", signed_headers.is_none()),
            ("Date", date.is_none()),
        ];
        return Err(AuthError::Incomplete(Incomplete {
            placement: Placement::Header,
            missing: parts.iter().filter(|(_, absent)| *absent).map(|(name, _)| *name).collect(),
            authorization: header.to_owned(),
        }));
    };
    Ok(SigV4 {
        placement: Placement::Header,
        algorithm,
        credential: credential_of(credential, algorithm, Placement::Header)?,
        signed_headers: signed_headers.into(),
        signature: signature.into(),
        timestamp: Timestamp::parse_http(date).ok_or_else(|| {
            AuthError::InvalidDate(InvalidDate { placement: Placement::Header, found: date.to_owned() })
        })?,
        expires_in: None,
        security_token: request.header(X_AMZ_SECURITY_TOKEN).map(Cow::Borrowed),
        region_set: request.header(X_AMZ_REGION_SET).map(Cow::Borrowed),
    })
}

/// Splits a credential and refuses what no service accepts.
pub(crate) fn credential_of<'a>(
    text: impl Into<Cow<'a, str>>,
    algorithm: Algorithm,
    placement: Placement,
) -> Result<CredentialScope<'a>, AuthError> {
    let text = text.into();
    let refuse = |credential: String, problem| {
        AuthError::Credential(CredentialError { placement, credential, problem })
    };
    let Some(credential) = CredentialScope::parse(text.clone(), algorithm) else {
        return Err(refuse(text.into_owned(), CredentialProblem::Malformed));
    };
    if credential.access_key_id().is_empty() {
        return Err(refuse(text.into_owned(), CredentialProblem::EmptyAccessKey));
    }
    if crate::timestamp::parse_date(credential.date()).is_none() {
        let found = credential.date().to_owned();
        return Err(refuse(text.into_owned(), CredentialProblem::BadDate(found)));
    }
    if credential.terminator() != "aws4_request" {
        let found = credential.terminator().to_owned();
        return Err(refuse(text.into_owned(), CredentialProblem::WrongTerminator(found)));
    }
    Ok(credential)
}

/// The decoded value of a query parameter. `None` where it is absent or not UTF-8.
pub(crate) fn decoded_parameter<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_, value) = query_pairs(query).find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    percent_decode_str(value).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use proptest::prelude::*;

    const CREDENTIAL: &str = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn view<'a>(headers: &'a HeaderMap, query: &'a str) -> RequestView<'a> {
        RequestView { method: "GET", path: "/", query, headers, authority: None }
    }

    #[test]
    fn every_separator_that_clients_send_is_read() {
        for between in [", ", ",", ",  ", " "] {
            let value = format!(
                "AWS4-HMAC-SHA256 Credential={CREDENTIAL}{between}SignedHeaders=host;range{between}Signature=ab"
            );
            let headers = headers(&[("authorization", &value), ("x-amz-date", "20130524T000000Z")]);
            let Authentication::SigV4(parsed) = Authentication::of(&view(&headers, "")).unwrap() else {
                panic!("{value}")
            };
            assert_eq!(parsed.credential.access_key_id(), "AKIAIOSFODNN7EXAMPLE");
            assert_eq!(parsed.credential.scope(), "20130524/us-east-1/s3/aws4_request");
            assert_eq!((&*parsed.signed_headers, &*parsed.signature), ("host;range", "ab"));
            assert_eq!(credential_scope(&view(&headers, "")).unwrap().service(), "s3");
        }
    }

    #[test]
    fn the_scope_of_any_signature_names_the_service() {
        let none = HeaderMap::new();
        let presigned = view(&none, "x=1&X-Amz-Credential=a%2Fb%2F20130524%2Feu-west-1%2Fsqs%2Faws4_request");
        let scope = credential_scope(&presigned).unwrap();
        assert_eq!(
            (scope.access_key_id(), scope.region(), scope.service()),
            ("a/b", Some("eu-west-1"), "sqs")
        );

        let value = "AWS4-ECDSA-P256-SHA256 Credential=AKID/20130524/s3/aws4_request, SignedHeaders=host, Signature=ab";
        let signed = headers(&[
            ("authorization", value),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-region-set", "us-east-1,eu-*"),
        ]);
        let scope = credential_scope(&view(&signed, "")).unwrap();
        assert_eq!((scope.access_key_id(), scope.region(), scope.service()), ("AKID", None, "s3"));
        let Ok(Authentication::SigV4(parsed)) = Authentication::of(&view(&signed, "")) else { panic!() };
        assert_eq!(parsed.region_set.as_deref(), Some("us-east-1,eu-*"));

        for value in ["AWS AKID:sig", "Bearer x", "AWS4-HMAC-SHA256 Credential=a/b", "nonsense"] {
            assert_eq!(credential_scope(&view(&headers(&[("authorization", value)]), "")), None);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let of = |value: &str| {
            Authentication::of(&view(&headers(&[("authorization", value), ("date", "20130524T000000Z")]), ""))
                .map(|_| ())
                .unwrap_err()
        };
        assert!(matches!(of("AWS4-HMAC-SHA256"), AuthError::MalformedAuthorization(_)));
        assert!(matches!(of("Basic eDp5"), AuthError::UnsupportedScheme(_)));
        assert!(matches!(of("AWS4-HMAC-SHA1 Credential=a"), AuthError::UnsupportedAlgorithm(_)));
        assert!(matches!(of("AWS4-HMAC-SHA256 Credential"), AuthError::MalformedComponent(_)));
        let AuthError::Incomplete(error) = of(&format!("AWS4-HMAC-SHA256 Credential={CREDENTIAL}")) else {
            panic!()
        };
        assert_eq!(error.missing, ["Signature", "SignedHeaders"]);
        let whole = |credential: &str| {
            of(&format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=ab"))
        };
        for (credential, problem) in [
            ("AKID/20130524/us-east-1/aws4_request", CredentialProblem::Malformed),
            ("/20130524/us-east-1/s3/aws4_request", CredentialProblem::EmptyAccessKey),
            ("A/2013/us-east-1/s3/aws4_request", CredentialProblem::BadDate("2013".into())),
            ("A/20130524/us-east-1/s3/aws", CredentialProblem::WrongTerminator("aws".into())),
        ] {
            let AuthError::Credential(error) = whole(credential) else { panic!("{credential}") };
            assert_eq!((error.credential.as_str(), error.problem), (credential, problem));
        }
    }

    proptest! {
        #[test]
        fn any_header_and_query_are_survived(value in "[ -~]{0,80}", query in "[ -~]{0,80}") {
            let headers = headers(&[("authorization", &value), ("x-amz-date", "20130524T000000Z")]);
            let none = HeaderMap::new();
            let _ = Authentication::of(&view(&headers, &query));
            let _ = Authentication::of(&view(&none, &query));
            let _ = credential_scope(&view(&headers, &query));
            let _ = credential_scope(&view(&none, &query));
        }
    }
}
