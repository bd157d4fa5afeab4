//! What the signer signs, the verifier accepts; and nothing else.

#![cfg(test)]

use cloudtwin_sigv4::{
    AuthError, Authentication, ContentSha256, RequestView, SigV4, Signer, SigningKeyCache, SigningRules,
    Timestamp, Verification,
};
use http::{HeaderMap, Method, Request, Uri};
use proptest::prelude::*;
use time::OffsetDateTime;

fn now() -> OffsetDateTime {
    Timestamp::parse_basic("20250101T000000Z").unwrap().instant()
}

fn signer<'a>(service: &'a str, session_token: Option<&'a str>) -> Signer<'a> {
    Signer {
        access_key_id: "AKIDEXAMPLE",
        secret_access_key: "secret",
        session_token,
        region: "eu-west-1",
        service,
        now: now(),
    }
}

fn verify<B>(request: &Request<B>, secret: &str, body: &[u8], now: OffsetDateTime) -> Result<(), AuthError> {
    let view = RequestView::of(request);
    let Authentication::SigV4(signature) = Authentication::of(&view)? else { panic!() };
    let rules = SigningRules::of_service(signature.credential.service());
    let with = Verification { secret_access_key: secret, rules, body: Some(body), now };
    signature.verify(&view, &SigningKeyCache::default(), &with).map(|_| ())
}

fn path() -> impl Strategy<Value = String> {
    "(/[a-zA-Z0-9._~!$&'()*+,;=:@-]{0,6}|/%[0-9A-F]{2}|/\\.\\.){1,5}"
}

fn query() -> impl Strategy<Value = String> {
    "([a-z]{1,3}(=[a-zA-Z0-9._~!$'()*,;:@/?+-]{0,6}|=%[0-9A-F]{2})?&?){0,4}"
}

proptest! {
    #[test]
    fn signed_headers_verify(
        path in path(),
        query in query(),
        value in "[ -~]{0,20}",
        body in proptest::collection::vec(any::<u8>(), 0..64),
        s3 in any::<bool>(),
        token in proptest::option::of("[a-zA-Z0-9+/=]{1,20}"),
    ) {
        let uri: Uri = format!("http://localhost:4566{path}?{query}").parse().unwrap();
        let request = || Request::builder().method(Method::PUT).uri(&uri).header("x-amz-meta-x", &value);
        let mut request = request().header("x-amz-meta-x", "2").body(()).unwrap();
        let signer = signer(if s3 { "s3" } else { "sqs" }, token.as_deref());
        signer.sign(&mut request, ContentSha256::digest_of(&body)).unwrap();

        verify(&request, "secret", &body, now()).unwrap();
        prop_assert!(matches!(verify(&request, "Secret", &body, now()), Err(AuthError::SignatureMismatch(_))));
        let later = now() + time::Duration::minutes(16);
        prop_assert!(matches!(verify(&request, "secret", &body, later), Err(AuthError::RequestTimeTooSkewed(_))));
        let mut longer = body.clone();
        longer.push(0);
        prop_assert!(verify(&request, "secret", &longer, now()).is_err());
        request.headers_mut().insert("x-amz-meta-x", "changed".parse().unwrap());
        prop_assert!(verify(&request, "secret", &body, now()).is_err());
    }

    #[test]
    fn presigned_urls_verify(
        path in path(),
        query in query(),
        s3 in any::<bool>(),
        token in proptest::option::of("[a-zA-Z0-9+/=]{1,20}"),
        expires_in in 0..604_800u32,
    ) {
        let uri: Uri = format!("http://localhost:4566{path}?{query}").parse().unwrap();
        let signer = signer(if s3 { "s3" } else { "sts" }, token.as_deref());
        let url = signer.presign(&Method::GET, &uri, &HeaderMap::new(), expires_in).unwrap();
        let get = |url: &Uri| Request::get(url).header("host", "localhost:4566").body(()).unwrap();

        verify(&get(&url), "secret", b"", now()).unwrap();
        prop_assert!(verify(&get(&url), "Secret", b"", now()).is_err());
        let end = now() + time::Duration::seconds(i64::from(expires_in));
        verify(&get(&url), "secret", b"", end).unwrap();
        let after = end + time::Duration::seconds(1);
        prop_assert!(matches!(verify(&get(&url), "secret", b"", after), Err(AuthError::Expired(_))));
        let other: Uri = url.to_string().replace("&X-Amz-Expires=", "&a=b&X-Amz-Expires=").parse().unwrap();
        prop_assert!(matches!(verify(&get(&other), "secret", b"", now()), Err(AuthError::SignatureMismatch(_))));
    }
}

#[test]
fn s3_wants_every_amz_header_signed() {
    let mut request = Request::put("http://localhost:4566/b/k").body(()).unwrap();
    signer("s3", None).sign(&mut request, ContentSha256::Unsigned).unwrap();
    request.headers_mut().insert("x-amz-acl", "public-read".parse().unwrap());
    request.headers_mut().insert("x-unsigned", "1".parse().unwrap());
    let error = verify(&request, "secret", b"", now()).unwrap_err();
    assert_eq!(error, AuthError::HeadersNotSigned(vec!["x-amz-acl".to_owned()]));
}

#[test]
fn a_scope_for_elsewhere_is_refused() {
    let mut request = Request::get("http://localhost:4566/").body(()).unwrap();
    signer("s3", None).sign(&mut request, ContentSha256::Unsigned).unwrap();
    let view = RequestView::of(&request);
    let Ok(Authentication::SigV4(signature)) = Authentication::of(&view) else { panic!() };
    let message =
        |result: Result<(), AuthError>, family| result.unwrap_err().answer(family).message().to_owned();
    use cloudtwin_sigv4::ErrorFamily::{Query, S3};
    let check = |signature: &SigV4<'_>, service, region| signature.check_scope(service, region);
    assert_eq!(check(&signature, "s3", Some("eu-west-1")), Ok(()));
    assert_eq!(
        message(check(&signature, "s3", Some("us-east-1")), S3),
        "The authorization header is malformed; the region 'eu-west-1' is wrong; expecting 'us-east-1'"
    );
    assert_eq!(
        message(check(&signature, "iam", None), Query),
        "Credential should be scoped to correct service: 'iam'. "
    );
}

#[test]
fn a_request_without_a_host_cannot_be_signed() {
    let mut request = Request::get("/").body(()).unwrap();
    assert!(signer("s3", None).sign(&mut request, ContentSha256::Unsigned).is_err());
}
