//! Presigned URLs: the signature in the query.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>

use std::borrow::Cow;

use crate::canonical::{RequestView, query_pairs};
use crate::error::{
    AuthError, Expired, Incomplete, InvalidDate, InvalidExpires, NotYetValid, Placement, UnsupportedAlgorithm,
};
use crate::scope::{Algorithm, Authentication, SigV4, credential_of, decoded_parameter};
use crate::sigv2::SigV2;
use crate::timestamp::Timestamp;
use crate::verify::MAX_SKEW;

/// A week, the longest validity of a presigned URL, in seconds.
pub const MAX_EXPIRES: u32 = 604_800;

/// The kinds of presigned URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presigned {
    V4,
    V2,
}

/// Whether any authentication parameter stands in the query.
pub(crate) fn presigned(request: &RequestView<'_>) -> Option<Presigned> {
    let mut found = None;
    for (name, _) in query_pairs(request.query) {
        if ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
        {
            return Some(Presigned::V4);
        }
        if matches!(name, "AWSAccessKeyId" | "Signature") {
            found = Some(Presigned::V2);
        }
    }
    found
}

impl Presigned {
    pub(crate) fn parse<'a>(self, request: &RequestView<'a>) -> Result<Authentication<'a>, AuthError> {
        match self {
            Self::V4 => query_signature(request).map(Authentication::SigV4),
            Self::V2 => SigV2::of_query(request.query)
                .map(Authentication::SigV2)
                .ok_or(AuthError::IncompleteSigV2Query),
        }
    }
}

fn query_signature<'a>(request: &RequestView<'a>) -> Result<SigV4<'a>, AuthError> {
    let names =
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date"];
    let [algorithm, credential, signature, signed_headers, date] =
        names.map(|name| decoded_parameter(request.query, name).filter(|value| !value.is_empty()));
    let (Some(algorithm), Some(credential), Some(signature), Some(signed_headers), Some(date)) =
        (algorithm, credential, signature, signed_headers, date)
    else {
        return Err(AuthError::Incomplete(Incomplete {
            placement: Placement::Query,
            missing: names
                .into_iter()
                .filter(|name| decoded_parameter(request.query, name).is_none_or(|value| value.is_empty()))
                .filter_map(|name| name.strip_prefix("X-Amz-"))
                .collect(),
            authorization: String::new(),
        }));
    };
    let Some(algorithm) = Algorithm::parse(&algorithm) else {
        let algorithm = algorithm.into_owned();
        return Err(AuthError::UnsupportedAlgorithm(UnsupportedAlgorithm {
            placement: Placement::Query,
            algorithm,
        }));
    };
    Ok(SigV4 {
        placement: Placement::Query,
        algorithm,
        credential: credential_of(credential, algorithm, Placement::Query)?,
        signed_headers,
        signature,
        timestamp: Timestamp::parse_basic(&date).ok_or_else(|| {
            AuthError::InvalidDate(InvalidDate { placement: Placement::Query, found: date.into_owned() })
        })?,
        expires_in: decoded_parameter(request.query, "X-Amz-Expires")
            .map(|text| expires_in(&text))
            .transpose()?,
        security_token: decoded_parameter(request.query, "X-Amz-Security-Token")
            .or_else(|| request.header("x-amz-security-token").map(Cow::Borrowed)),
        region_set: decoded_parameter(request.query, "X-Amz-Region-Set"),
    })
}

fn expires_in(text: &str) -> Result<u32, AuthError> {
    let problem = match text.parse::<i64>() {
        Err(_) => InvalidExpires::NotANumber,
        Ok(..0) => InvalidExpires::Negative,
        Ok(seconds) => match u32::try_from(seconds) {
            Ok(seconds @ ..=MAX_EXPIRES) => return Ok(seconds),
            _ => InvalidExpires::TooLarge,
        },
    };
    Err(AuthError::InvalidExpires(problem))
}

/// Refuses a presigned URL outside its validity.
pub(crate) fn check_validity(signed_at: Timestamp, expires_in: u32, now: Timestamp) -> Result<(), AuthError> {
    let expires_at = signed_at.instant().saturating_add(time::Duration::seconds(i64::from(expires_in)));
    let expires_at = Timestamp::new(expires_at);
    if now > expires_at {
        return Err(AuthError::Expired(Expired {
            signed_at: Some(signed_at),
            expires_in: Some(expires_in),
            expires_at,
            server_time: now,
        }));
    }
    if signed_at.instant().saturating_sub(MAX_SKEW) > now.instant() {
        return Err(AuthError::NotYetValid(NotYetValid { signed_at, expires_at, server_time: now }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    const COMPLETE: &str = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host%3Brange&X-Amz-Signature=ab";

    fn parse(query: &str) -> Result<SigV4<'static>, AuthError> {
        let headers = HeaderMap::new();
        let request = RequestView { method: "GET", path: "/", query, headers: &headers, authority: None };
        let parsed = query_signature(&request)?;
        Ok(SigV4 {
            credential: credential_of(
                parsed.credential.as_str().to_owned(),
                parsed.algorithm,
                Placement::Query,
            )?,
            signed_headers: parsed.signed_headers.into_owned().into(),
            signature: parsed.signature.into_owned().into(),
            security_token: parsed.security_token.map(|token| token.into_owned().into()),
            region_set: None,
            ..parsed
        })
    }

    #[test]
    fn a_complete_query_is_read() {
        let parsed = parse(&format!("{COMPLETE}&X-Amz-Expires=86400&X-Amz-Security-Token=a%2Bb%3D")).unwrap();
        assert_eq!(&*parsed.signed_headers, "host;range");
        assert_eq!(parsed.expires_in, Some(86_400));
        assert_eq!(parsed.security_token.as_deref(), Some("a+b="));
    }

    #[test]
    fn expiry_is_a_number_of_seconds_up_to_a_week() {
        for (text, problem) in [
            ("604801", InvalidExpires::TooLarge),
            ("99999999999999", InvalidExpires::TooLarge),
            ("-1", InvalidExpires::Negative),
            ("soon", InvalidExpires::NotANumber),
            ("", InvalidExpires::NotANumber),
        ] {
            let error = parse(&format!("{COMPLETE}&X-Amz-Expires={text}")).unwrap_err();
            assert_eq!(error, AuthError::InvalidExpires(problem), "{text}");
        }
        assert!(parse(&format!("{COMPLETE}&X-Amz-Expires=604800")).is_ok());
    }

    #[test]
    fn what_is_missing_is_named_in_order() {
        let AuthError::Incomplete(error) = parse("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=").unwrap_err()
        else {
            panic!()
        };
        assert_eq!(error.missing, ["Credential", "Signature", "SignedHeaders", "Date"]);
    }

    #[test]
    fn validity_has_a_start_and_an_end() {
        let at = |text: &str| Timestamp::parse_basic(text).unwrap();
        let signed_at = at("20130524T000000Z");
        assert!(check_validity(signed_at, 60, at("20130524T000100Z")).is_ok());
        assert!(check_validity(signed_at, 60, at("20130523T234500Z")).is_ok());
        assert!(matches!(check_validity(signed_at, 60, at("20130524T000101Z")), Err(AuthError::Expired(_))));
        assert!(matches!(
            check_validity(signed_at, 60, at("20130523T234459Z")),
            Err(AuthError::NotYetValid(_))
        ));
    }
}
