//! The requests whose signatures AWS documents.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html> and the
//! Signature Version 4 test suite.

#![cfg(test)]

use cloudtwin_sigv4::{
    AuthError, Authentication, ErrorFamily, RequestView, SigningKeyCache, SigningRules, Timestamp,
    Verification,
};
use http::HeaderMap;

struct Case<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: &'a [(&'static str, &'a str)],
    body: &'a [u8],
    secret: &'a str,
    rules: SigningRules,
    now: &'a str,
}

fn verify(case: &Case<'_>) -> Result<(), AuthError> {
    let mut headers = HeaderMap::new();
    for (name, value) in case.headers {
        headers.append(*name, value.parse().unwrap());
    }
    let request = RequestView {
        method: case.method,
        path: case.path,
        query: case.query,
        headers: &headers,
        authority: None,
    };
    let Authentication::SigV4(signature) = Authentication::of(&request)? else { panic!() };
    let verification = Verification {
        secret_access_key: case.secret,
        rules: case.rules,
        body: Some(case.body),
        now: Timestamp::parse_basic(case.now).unwrap().instant(),
    };
    signature.verify(&request, &SigningKeyCache::default(), &verification).map(|_| ())
}

const S3_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn s3(
    (method, path, query): (&str, &str, &str),
    more: &[(&'static str, &str)],
    (payload, body): (&str, &[u8]),
    signed: &str,
    signature: &str,
) -> Result<(), AuthError> {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
         SignedHeaders={signed},Signature={signature}"
    );
    let mut headers = vec![
        ("host", "examplebucket.s3.amazonaws.com"),
        ("x-amz-content-sha256", payload),
        ("x-amz-date", "20130524T000000Z"),
        ("authorization", authorization.as_str()),
    ];
    headers.extend_from_slice(more);
    verify(&Case {
        method,
        path,
        query,
        headers: &headers,
        body,
        secret: S3_SECRET,
        rules: SigningRules::S3,
        now: "20130524T001000Z",
    })
}

#[test]
fn s3_get_of_a_range() {
    let get = |signature: &str| {
        let range = [("range", "bytes=0-9")];
        let signed = "host;range;x-amz-content-sha256;x-amz-date";
        s3(("GET", "/test.txt", ""), &range, (EMPTY, b""), signed, signature)
    };
    get("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41").unwrap();

    let error = get("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb40").unwrap_err();
    let answer = error.answer(ErrorFamily::S3);
    assert_eq!((answer.code(), answer.status()), ("SignatureDoesNotMatch", 403));
    let fields: Vec<_> =
        answer.fields().iter().map(|(name, value)| (&**name, value.as_str().unwrap())).collect();
    assert_eq!(fields[0], ("AWSAccessKeyId", "AKIAIOSFODNN7EXAMPLE"));
    assert_eq!(
        fields[1],
        (
            "StringToSign",
            "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n\
             7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972"
        )
    );
    assert_eq!(fields[2].1, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb40");
    assert!(fields[3].1.starts_with("41 57 53 34 2d "), "{}", fields[3].1);
    assert!(
        fields[4].1.starts_with("GET\n/test.txt\n\nhost:examplebucket.s3.amazonaws.com\nrange:bytes=0-9\n")
    );
    assert!(fields[5].1.starts_with("47 45 54 0a 2f "), "{}", fields[5].1);
    assert!(fields.iter().all(|(_, value)| !value.contains("bdb41")), "the right signature is secret");
}

#[test]
fn s3_put() {
    let put = |body: &[u8]| {
        s3(
            ("PUT", "/test$file.text", ""),
            &[("date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY")],
            ("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072", body),
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        )
    };
    put(b"Welcome to Amazon S3.").unwrap();
    assert!(matches!(put(b"Welcome to Amazon S4."), Err(AuthError::ContentSha256Mismatch(_))));
}

#[test]
fn s3_get_of_a_subresource_and_a_list() {
    for (query, signature) in [
        ("lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("max-keys=2&prefix=J", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ] {
        let signed = "host;x-amz-content-sha256;x-amz-date";
        s3(("GET", "/", query), &[], (EMPTY, b""), signed, signature).unwrap();
    }
}

#[test]
fn s3_presigned_url() {
    let get = |now: &str| {
        verify(&Case {
            method: "GET",
            path: "/test.txt",
            query: "X-Amz-Algorithm=AWS4-HMAC-SHA256\
                &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
                &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
            headers: &[("host", "examplebucket.s3.amazonaws.com")],
            body: b"",
            secret: S3_SECRET,
            rules: SigningRules::S3,
            now,
        })
    };
    get("20130524T120000Z").unwrap();
    let answer = get("20130525T000001Z").unwrap_err().answer(ErrorFamily::S3);
    assert_eq!(
        (answer.code(), answer.status(), answer.message()),
        ("AccessDenied", 403, "Request has expired")
    );
    let fields: Vec<_> =
        answer.fields().iter().map(|(name, value)| (&**name, value.as_str().unwrap())).collect();
    assert_eq!(
        fields,
        [
            ("X-Amz-Expires", "86400"),
            ("Expires", "2013-05-25T00:00:00Z"),
            ("ServerTime", "2013-05-25T00:00:01Z")
        ]
    );
}

/// A request of the Signature Version 4 test suite, signed in its headers and presigned.
fn suite(request: (&str, &str, &str), more: &[(&'static str, &str)], header: &str, query: &str) {
    let (method, path, base_query) = request;
    let mut names: Vec<&str> = more.iter().map(|(name, _)| *name).chain(["host"]).collect();
    names.sort_unstable();
    names.dedup();
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let credential = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
    let rules = SigningRules::STANDARD;
    let now = "20150830T123600Z";

    let signed = names.join(";") + ";x-amz-date";
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, Signature={header}");
    let mut headers = more.to_vec();
    headers.extend([
        ("host", "example.amazonaws.com"),
        ("x-amz-date", now),
        ("authorization", authorization.as_str()),
    ]);
    let case = Case { method, path, query: base_query, headers: &headers, body: b"", secret, rules, now };
    verify(&case).unwrap_or_else(|error| panic!("{path}?{base_query}: {error:?}"));

    let mut headers = more.to_vec();
    headers.push(("host", "example.amazonaws.com"));
    let presigned = format!(
        "{base_query}&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={}&X-Amz-Date={now}\
         &X-Amz-SignedHeaders={}&X-Amz-Expires=3600&X-Amz-Signature={query}",
        credential.replace('/', "%2F"),
        names.join("%3B")
    );
    let case = Case { method, path, query: &presigned, headers: &headers, body: b"", secret, rules, now };
    verify(&case).unwrap_or_else(|error| panic!("{path}?{presigned}: {error:?}"));
}

#[test]
fn the_test_suite_of_signature_version_4() {
    let vanilla = (
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d",
    );
    for path in ["/", "//", "/./", "/example/..", "/example1/example2/../.."] {
        suite(("GET", path, ""), &[], vanilla.0, vanilla.1);
    }
    for (request, header, query) in [
        (
            ("GET", "//example//", ""),
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
            "c1834e8fb0307243711f0f907f6ab7311ed300d87f13792d7ee4da89ab93e082",
        ),
        // The same as sent: some SDKs do not normalise.
        (
            ("GET", "//example//", ""),
            "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
            "822a5a9ba28072c5ab2bb4a6307d0c88276d40e49fec6b724c03fb4d4ba60fc2",
        ),
        (
            ("GET", "/./example", ""),
            "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
            "35034b1a0bdd969f346975386daf8aedfd4976573b8348cf4f67eaa41c5857de",
        ),
        (
            ("GET", "/example space/", ""),
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
            "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6",
        ),
        (
            ("GET", "/\u{1234}", ""),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44",
        ),
        (
            ("GET", "/", "\u{1234}=bar"),
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600",
        ),
        (
            ("GET", "/", "Param2=value2&Param1=value1"),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5",
        ),
        (
            ("GET", "/", "Param-3=Value3&Param=Value2&%E1%88%B4=Value1"),
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
            "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787",
        ),
        (
            ("POST", "/", "Param1=value1"),
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
            "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682",
        ),
    ] {
        suite(request, &[], header, query);
    }
}

#[test]
fn a_wrong_secret_is_explained_in_the_words_of_each_family() {
    let headers = [
        ("host", "sts.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKID/20150830/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
    ];
    let at = |now: &'static str| {
        verify(&Case {
            method: "POST",
            path: "/",
            query: "",
            headers: &headers,
            body: b"",
            secret: "x",
            rules: SigningRules::STANDARD,
            now,
        })
        .unwrap_err()
    };
    let error = at("20150830T123600Z");
    for (family, code, status) in [
        (ErrorFamily::Query, "SignatureDoesNotMatch", 403),
        (ErrorFamily::Rpc, "InvalidSignatureException", 400),
        (ErrorFamily::RestJson, "InvalidSignatureException", 403),
        (ErrorFamily::Ec2, "AuthFailure", 401),
    ] {
        let answer = error.answer(family);
        assert_eq!((answer.code(), answer.status()), (code, status));
    }
    let message = error.answer(ErrorFamily::Query).message().to_owned();
    assert!(
        message.contains(
            "details.\n\nThe Canonical String for this request should have been\n'POST\n/\n\nhost:sts"
        ),
        "{message}"
    );
    assert!(
        message.contains("'\n\nThe String-to-Sign should have been\n'AWS4-HMAC-SHA256\n20150830T123600Z\n"),
        "{message}"
    );

    assert_eq!(
        at("20150830T130000Z").answer(ErrorFamily::Rpc).message(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T124500Z (20150830T130000Z - 15 min.)"
    );
    assert_eq!(
        at("20150830T120000Z").answer(ErrorFamily::Query).message(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T121500Z \
         (20150830T120000Z + 15 min.)"
    );
    let skewed = at("20150830T130000Z").answer(ErrorFamily::S3);
    assert_eq!((skewed.code(), skewed.status()), ("RequestTimeTooSkewed", 403));
}
