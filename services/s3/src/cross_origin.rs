//! What web pages may do with a bucket: its rules, as browsers ask for them before a request and
//! look for them in an answer.
//!
//! [Using cross-origin resource sharing](https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html)
//! tells how requests match rules. Buckets without rules leave it to the server's own origins.

use cloudtwin_core::{Cloud, CrossOrigin, CrossOriginRequest, CrossOriginRules};
use cloudtwin_smithy::codec::document::DocumentReader;
use cloudtwin_smithy::shape::{DecodeReport, ReadShape as _};
use cloudtwin_smithy::{AwsError, Document};
use cloudtwin_store::StoreError;
use http::Method;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue,
    ORIGIN, VARY,
};
use http::request::Parts;

use crate::api::{CORSConfiguration, CORSRule};
use crate::bucket_config::configs::{self, Kind};
use crate::state::BUCKETS;

/// The buckets' rules.
pub(crate) struct BucketRules;

impl CrossOriginRules for BucketRules {
    fn apply(
        &self,
        cloud: &Cloud,
        request: &CrossOriginRequest<'_>,
    ) -> Result<Option<CrossOrigin>, AwsError> {
        let (bucket, key) = addressed(request.path);
        // A bucket that is not there yet has no rules, nor has the list of all buckets.
        if bucket.is_empty() || request.operation == Some("CreateBucket") {
            return Ok(None);
        }
        let (exists, stored) = cloud.db().scoped("", "").read::<_, StoreError, _>(|tx| {
            let exists = tx.contains(&BUCKETS, bucket)?;
            Ok((exists, if exists { configs::read(tx, bucket, Kind::Cors, "")? } else { None }))
        })?;
        if !exists && !request.certain {
            return Ok(None);
        }
        let preflight = request.head.method == Method::OPTIONS;
        let Some(asked) = Asked::of(request.head) else {
            return Ok(Some(match preflight {
                true => CrossOrigin::Refused(no_origin()),
                false => CrossOrigin::Headers(HeaderMap::new()),
            }));
        };
        if preflight && asked.method != Method::OPTIONS && !METHODS.contains(&asked.method) {
            return Ok(Some(CrossOrigin::Refused(no_method(asked.method))));
        }
        Ok(Some(match stored {
            None if exists => {
                let message = "CORSResponse: CORS is not enabled for this bucket.";
                CrossOrigin::NoRules(forbidden(message, &asked, "BUCKET"))
            }
            None => CrossOrigin::NoRules(forbidden("CORSResponse: Bucket not found", &asked, "BUCKET")),
            Some(stored) => match rules(&stored)?.iter().find(|rule| asked.matches(rule)) {
                Some(rule) => CrossOrigin::Headers(asked.headers(rule)),
                None => {
                    let resource = if key.is_empty() { "BUCKET" } else { "OBJECT" };
                    CrossOrigin::Refused(forbidden(NOT_ALLOWED, &asked, resource))
                }
            },
        }))
    }
}

/// The methods that rules can allow.
pub(crate) const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// As S3 spells it.
const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. This is usually because the evalution \
                           of Origin, request method / Access-Control-Request-Method or \
                           Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.";

fn no_origin() -> AwsError {
    AwsError::new("BadRequest", 400, "Insufficient information. Origin request header needed.")
}

fn no_method(method: &str) -> AwsError {
    AwsError::new("BadRequest", 400, format!("Invalid Access-Control-Request-Method: {method}"))
}

fn forbidden(message: &str, asked: &Asked<'_>, resource: &str) -> AwsError {
    AwsError::new("AccessForbidden", 403, message)
        .field("Method", asked.method)
        .field("ResourceType", resource)
}

/// The bucket and the key in a path.
fn addressed(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').unwrap_or((path, ""))
}

fn rules(stored: &Document) -> Result<Vec<CORSRule>, AwsError> {
    let mut report = DecodeReport::default();
    CORSConfiguration::read_shape(&mut DocumentReader::new(stored, &mut report))
        .map(|configuration| configuration.cors_rules)
        .map_err(|error| AwsError::new("InternalError", 500, error.message))
}

/// What a page asks for.
#[derive(Debug)]
struct Asked<'a> {
    origin: &'a str,
    /// The method of the request that is asked about, which is this one outside of preflights. S3
    /// takes the header's word for it in any request.
    method: &'a str,
    /// `Access-Control-Request-Headers`, in lower case; none outside of preflights.
    headers: Vec<String>,
}

impl<'a> Asked<'a> {
    /// `None` for a request that is not of a page of another origin.
    fn of(head: &'a Parts) -> Option<Self> {
        let header = |name: HeaderName| head.headers.get(name)?.to_str().ok().filter(|text| !text.is_empty());
        let names = header(ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default().split(',');
        Some(Self {
            origin: header(ORIGIN)?,
            method: header(ACCESS_CONTROL_REQUEST_METHOD).unwrap_or(head.method.as_str()),
            headers: names
                .map(|name| name.trim().to_ascii_lowercase())
                .filter(|name| !name.is_empty())
                .collect(),
        })
    }

    fn matches(&self, rule: &CORSRule) -> bool {
        let allowed: Vec<String> =
            rule.allowed_headers.iter().flatten().map(|name| name.to_ascii_lowercase()).collect();
        rule.allowed_methods.iter().any(|method| method == self.method)
            && rule.allowed_origins.iter().any(|origin| fits(origin, self.origin))
            && self.headers.iter().all(|name| allowed.iter().any(|allowed| fits(allowed, name)))
    }

    /// The headers of an answer to what `rule` allows.
    fn headers(&self, rule: &CORSRule) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, value: &str| {
            // Nobody can be told of what no header can say.
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        if rule.allowed_origins.iter().any(|origin| origin == "*") {
            add(ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        } else {
            add(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin);
            add(ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        add(ACCESS_CONTROL_ALLOW_METHODS, &rule.allowed_methods.join(", "));
        if !self.headers.is_empty() {
            add(ACCESS_CONTROL_ALLOW_HEADERS, &self.headers.join(", "));
        }
        if let Some(exposed) = rule.expose_headers.as_ref().filter(|exposed| !exposed.is_empty()) {
            add(ACCESS_CONTROL_EXPOSE_HEADERS, &exposed.join(", "));
        }
        if let Some(seconds) = rule.max_age_seconds {
            add(ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
        add(VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
        headers
    }
}

/// Whether a text fits a pattern, in which one `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn list(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn rule(origins: &[&str], methods: &[&str], headers: &[&str]) -> CORSRule {
        CORSRule {
            allowed_origins: list(origins),
            allowed_methods: list(methods),
            allowed_headers: (!headers.is_empty()).then(|| list(headers)),
            ..CORSRule::default()
        }
    }

    fn head(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri("/b/k");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[track_caller]
    fn check(rule: &CORSRule, method: &str, headers: &[(&str, &str)], expected: bool) {
        let head = head(method, headers);
        assert_eq!(Asked::of(&head).unwrap().matches(rule), expected, "{headers:?}");
    }

    #[test]
    fn origins_match_as_they_are_written() {
        let exact = rule(&["https://localhost:4200"], &["GET"], &[]);
        check(&exact, "GET", &[("origin", "https://localhost:4200")], true);
        for other in ["http://localhost:4200", "https://localhost", "https://LOCALHOST:4200", "null"] {
            check(&exact, "GET", &[("origin", other)], false);
        }
        let wild = rule(&["http://*.origin.com"], &["GET"], &[]);
        check(&wild, "GET", &[("origin", "http://test.origin.com")], true);
        check(&wild, "GET", &[("origin", "http://a.b.origin.com")], true);
        for other in ["http://test.origin.com/", "https://test.origin.com", "http://origin.com"] {
            check(&wild, "GET", &[("origin", other)], false);
        }
        check(&rule(&["*"], &["GET"], &[]), "GET", &[("origin", "null")], true);
        check(&rule(&[""], &["GET"], &[]), "GET", &[("origin", "https://a.test")], false);
    }

    #[test]
    fn the_method_that_is_asked_about_counts() {
        let get = rule(&["*"], &["GET"], &[]);
        let origin = ("origin", "https://a.test");
        check(&get, "OPTIONS", &[origin, ("access-control-request-method", "GET")], true);
        check(&get, "OPTIONS", &[origin, ("access-control-request-method", "PUT")], false);
        check(&get, "OPTIONS", &[origin], false);
        check(&get, "GET", &[origin], true);
        check(&get, "GET", &[origin, ("access-control-request-method", "PUT")], false);
        check(&get, "HEAD", &[origin], false);
    }

    #[test]
    fn every_header_must_be_allowed() {
        let asks = |names: &'static str| {
            [
                ("origin", "https://a.test"),
                ("access-control-request-method", "GET"),
                ("access-control-request-headers", names),
            ]
        };
        let some = rule(&["*"], &["GET"], &["x-amz-meta-*", "x-AMZ-Server-SIDE-encryption"]);
        check(&some, "OPTIONS", &asks("x-amz-server-side-encryption,X-Amz-Meta-Colour"), true);
        check(&some, "OPTIONS", &asks("x-amz-meta-a, content-type"), false);
        check(&rule(&["*"], &["GET"], &["*"]), "OPTIONS", &asks("anything, else"), true);
        check(&rule(&["*"], &["GET"], &[]), "OPTIONS", &asks("content-type"), false);
    }

    #[test]
    fn an_answer_says_what_the_rule_allows() {
        let asked = [
            ("origin", "https://a.test"),
            ("access-control-request-method", "PUT"),
            ("access-control-request-headers", "X-Amz-Date,content-MD5"),
        ];
        let head = head("OPTIONS", &asked);
        let mut allowed = rule(&["https://*.test"], &["GET", "PUT"], &["*"]);
        allowed.max_age_seconds = Some(3000);
        allowed.expose_headers = Some(list(&["ETag", "x-amz-request-id"]));
        let headers = Asked::of(&head).unwrap().headers(&allowed);
        let expected = [
            ("access-control-allow-origin", "https://a.test"),
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-methods", "GET, PUT"),
            ("access-control-allow-headers", "x-amz-date, content-md5"),
            ("access-control-expose-headers", "ETag, x-amz-request-id"),
            ("access-control-max-age", "3000"),
            ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        ];
        assert_eq!(headers.len(), expected.len());
        for (name, value) in expected {
            assert_eq!(headers[name], value);
        }
        // Credentials are not for everybody.
        let headers = Asked::of(&head).unwrap().headers(&rule(&["*"], &["PUT"], &["*"]));
        assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }
}
