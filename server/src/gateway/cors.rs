//! Cross-origin requests: what web pages may ask of the cloud on this machine.
//!
//! Any page that a developer visits can send requests to localhost. So a request that names a
//! foreign origin is refused before anything runs, and the origins allowed are LocalStack's.
//! API Gateway and S3's buckets have CORS rules of their own, which then decide instead.

use cloudtwin_core::CrossOrigin;
use cloudtwin_smithy::{AwsError, ByteStream};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, HeaderMap,
    HeaderName, HeaderValue, ORIGIN, REFERER, VARY,
};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::cloud::CorsOwner;
use crate::config::{CorsConfig, DEFAULT_PUBLIC_HOST};

const ALLOWED_METHODS: HeaderValue = HeaderValue::from_static("HEAD,GET,PUT,POST,DELETE,OPTIONS,PATCH");

const ALLOWED_HEADERS: &[&str] = &[
    "authorization",
    "cache-control",
    "content-length",
    "content-md5",
    "content-type",
    "etag",
    "location",
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-request-id",
    "x-amz-security-token",
    "x-amz-tagging",
    "x-amz-target",
    "x-amz-user-agent",
    "x-amz-version-id",
    "x-amzn-requestid",
    "x-localstack-target",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "x-amz-log-type",
];

const EXPOSED_HEADERS: &[&str] =
    &["etag", "x-amz-version-id", "x-amz-log-result", "x-amz-executed-version", "x-amz-function-error"];

/// Chrome's private network access: a public page asks to reach this machine.
const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");

/// The rules in force.
#[derive(Debug)]
pub(crate) struct Cors {
    config: CorsConfig,
    origins: Vec<String>,
    hosts: Vec<String>,
    ports: Vec<u16>,
    allowed_headers: String,
    exposed_headers: Option<HeaderValue>,
}

/// What a request says about the page it came from.
#[derive(Debug)]
pub(crate) struct Caller {
    origin: Option<HeaderValue>,
    /// The origin, or that of the referring page.
    site: Option<String>,
    requested_headers: Option<HeaderValue>,
    private_network: bool,
}

/// What is to become of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    Pass,
    Answer(Response<ByteStream>),
    /// The service is to answer with these headers, or this error.
    Preflight(Result<HeaderMap, AwsError>),
}

/// Whose rules apply to a request.
enum Rules<'o> {
    Server,
    Api,
    Bucket(&'o CrossOrigin),
}

impl Cors {
    /// The rules for a server that listens on `ports` and is known as `public_host`.
    pub(crate) fn new(config: CorsConfig, ports: &[u16], public_host: &str) -> Self {
        let mut origins: Vec<String> =
            ["https://app.localstack.cloud", "http://app.localstack.cloud", "file://"]
                .map(str::to_owned)
                .into();
        for host in ["localhost", DEFAULT_PUBLIC_HOST] {
            origins.push(format!("https://{host}"));
            for port in ports {
                origins.push(format!("http://{host}:{port}"));
                origins.push(format!("https://{host}:{port}"));
            }
        }
        origins.extend(config.extra_origins.iter().cloned());
        let join = |fixed: &[&str], extra: &[String]| {
            let extra = extra.iter().map(String::as_str);
            fixed.iter().copied().chain(extra).collect::<Vec<_>>().join(",")
        };
        Self {
            origins,
            hosts: vec!["localhost".to_owned(), DEFAULT_PUBLIC_HOST.to_owned(), public_host.to_owned()],
            ports: ports.to_vec(),
            allowed_headers: join(ALLOWED_HEADERS, &config.extra_allowed_headers),
            exposed_headers: join(EXPOSED_HEADERS, &config.extra_exposed_headers).parse().ok(),
            config,
        }
    }

    /// Whether the request comes from a web page, as far as it says so. SDKs do not.
    pub(crate) fn caller(&self, head: &Parts) -> Option<Caller> {
        let origin = head.headers.get(ORIGIN);
        let referer = head.headers.get(REFERER);
        if origin.is_none() && referer.is_none() && head.method != Method::OPTIONS {
            return None;
        }
        let text = |value: &HeaderValue| value.to_str().unwrap_or("invalid").to_owned();
        let site = origin.map(text).or_else(|| referer.map(|referer| origin_of(&text(referer))));
        Some(Caller {
            origin: origin.cloned(),
            site,
            requested_headers: head.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned(),
            private_network: head.headers.get(REQUEST_PRIVATE_NETWORK).is_some_and(|value| value == "true"),
        })
    }

    /// Refuses foreign origins and answers preflight requests.
    pub(crate) fn judge(&self, head: &Parts, caller: &Caller, owner: &CorsOwner) -> Verdict {
        let preflight = head.method == Method::OPTIONS;
        match self.rules(caller, owner) {
            Rules::Server => {}
            Rules::Bucket(CrossOrigin::Headers(headers)) if preflight => {
                return Verdict::Preflight(Ok(headers.clone()));
            }
            Rules::Bucket(CrossOrigin::Refused(error) | CrossOrigin::NoRules(error)) if preflight => {
                return Verdict::Preflight(Err(error.clone()));
            }
            Rules::Api | Rules::Bucket(_) => return Verdict::Pass,
        }
        let mut response = Response::new(ByteStream::empty());
        if !self.welcomes(caller) {
            tracing::info!(origin = caller.site.as_deref(), "refused a request from a foreign web origin");
            *response.status_mut() = StatusCode::FORBIDDEN;
            return Verdict::Answer(response);
        }
        if preflight && !self.config.preflight_disabled {
            *response.status_mut() = StatusCode::NO_CONTENT;
            return Verdict::Answer(self.decorate(response, caller, owner));
        }
        Verdict::Pass
    }

    /// Adds the headers that let the page read the answer.
    pub(crate) fn decorate(
        &self,
        mut response: Response<ByteStream>,
        caller: &Caller,
        owner: &CorsOwner,
    ) -> Response<ByteStream> {
        let Some(origin) = caller.origin.clone() else { return response };
        match self.rules(caller, owner) {
            Rules::Server if !self.config.headers_disabled => {}
            Rules::Bucket(CrossOrigin::Headers(headers)) => {
                response.headers_mut().extend(headers.clone());
                return response;
            }
            Rules::Server | Rules::Api | Rules::Bucket(_) => return response,
        }
        let headers = response.headers_mut();
        let anyone = HeaderValue::from_static("*");
        set_default(headers, ACCESS_CONTROL_ALLOW_ORIGIN, || {
            Some(if self.config.checks_disabled { anyone.clone() } else { origin })
        });
        if headers.get(ACCESS_CONTROL_ALLOW_ORIGIN) != Some(&anyone) {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        set_default(headers, ACCESS_CONTROL_ALLOW_METHODS, || Some(ALLOWED_METHODS));
        set_default(headers, ACCESS_CONTROL_ALLOW_HEADERS, || self.allowed_headers(caller));
        set_default(headers, ACCESS_CONTROL_EXPOSE_HEADERS, || self.exposed_headers.clone());
        if caller.private_network {
            set_default(headers, ALLOW_PRIVATE_NETWORK, || Some(HeaderValue::from_static("true")));
        }
        headers.insert(VARY, HeaderValue::from_static("Origin"));
        response
    }

    fn allowed_headers(&self, caller: &Caller) -> Option<HeaderValue> {
        let requested = caller.requested_headers.as_ref().and_then(|value| value.to_str().ok());
        match requested.filter(|requested| !requested.is_empty()) {
            Some(requested) => {
                format!("{},{}", requested.replace(' ', ""), self.allowed_headers).parse().ok()
            }
            None => self.allowed_headers.parse().ok(),
        }
    }

    /// Whose rules apply.
    fn rules<'o>(&self, caller: &Caller, owner: &'o CorsOwner) -> Rules<'o> {
        match owner {
            CorsOwner::ApiGateway if !self.config.apigateway_like_the_rest => Rules::Api,
            CorsOwner::Bucket(said) if !self.config.buckets_like_the_rest => match said {
                CrossOrigin::NoRules(_) if self.welcomes(caller) => Rules::Server,
                said => Rules::Bucket(said),
            },
            CorsOwner::Server | CorsOwner::ApiGateway | CorsOwner::Bucket(_) => Rules::Server,
        }
    }

    /// Whether the server's own rules let the page in.
    fn welcomes(&self, caller: &Caller) -> bool {
        self.config.checks_disabled || caller.site.as_deref().is_none_or(|site| self.allows(site))
    }

    fn allows(&self, site: &str) -> bool {
        self.origins.iter().any(|allowed| allowed == "*" || allowed == site) || self.serves(site)
    }

    /// Whether the page itself was served here: a website bucket or a distribution.
    fn serves(&self, site: &str) -> bool {
        let Some((_, authority)) = site.split_once("://") else { return false };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse::<u16>().ok()),
            None => (authority, None),
        };
        if authority.contains(':') && !port.is_some_and(|port| self.ports.contains(&port)) {
            return false;
        }
        [".s3-website.", ".cloudfront."].iter().any(|infix| {
            let domain = host.split_once(infix).map(|(_, domain)| domain);
            domain.is_some_and(|domain| self.hosts.iter().any(|host| host == domain))
        })
    }
}

fn set_default(headers: &mut HeaderMap, name: HeaderName, value: impl FnOnce() -> Option<HeaderValue>) {
    if headers.get(&name).is_none_or(HeaderValue::is_empty)
        && let Some(value) = value()
    {
        headers.insert(name, value);
    }
}

/// `scheme://authority` of a URL.
fn origin_of(url: &str) -> String {
    let authority_start = url.find("://").map_or(0, |index| index + 3);
    let rest = url.get(authority_start..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).map_or(url.len(), |index| authority_start + index);
    url.get(..end).unwrap_or(url).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn check(
        config: CorsConfig,
        method: &str,
        headers: &[(&str, &str)],
        owner: CorsOwner,
    ) -> (u16, HeaderMap) {
        let cors = Cors::new(config, &[4566], "localstack");
        let mut request = Request::builder().method(method).uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let Some(caller) = cors.caller(&head) else { return (0, HeaderMap::new()) };
        match cors.judge(&head, &caller, &owner) {
            Verdict::Answer(response) => (response.status().as_u16(), response.headers().clone()),
            Verdict::Preflight(Ok(headers)) => (200, headers),
            Verdict::Preflight(Err(error)) => (error.status(), HeaderMap::new()),
            Verdict::Pass => {
                let response = cors.decorate(Response::new(ByteStream::empty()), &caller, &owner);
                (200, response.headers().clone())
            }
        }
    }

    #[test]
    fn sdks_are_none_of_its_business() {
        assert_eq!(check(CorsConfig::default(), "POST", &[], CorsOwner::Server).0, 0);
    }

    #[test]
    fn a_foreign_page_is_refused() {
        let foreign = [("origin", "https://evil.example")];
        assert_eq!(check(CorsConfig::default(), "POST", &foreign, CorsOwner::Server).0, 403);
        let referer = [("referer", "https://evil.example/page?x")];
        assert_eq!(check(CorsConfig::default(), "GET", &referer, CorsOwner::Server).0, 403);
        let lenient = CorsConfig { checks_disabled: true, ..CorsConfig::default() };
        let (status, headers) = check(lenient, "POST", &foreign, CorsOwner::Server);
        assert_eq!((status, &headers[ACCESS_CONTROL_ALLOW_ORIGIN]), (200, &HeaderValue::from_static("*")));
        let extra =
            CorsConfig { extra_origins: vec!["https://evil.example".into()], ..CorsConfig::default() };
        assert_eq!(check(extra, "POST", &foreign, CorsOwner::Server).0, 200);
    }

    #[test]
    fn pages_served_here_are_welcome() {
        for origin in [
            "http://localhost:4566",
            "https://localhost.localstack.cloud:4566",
            "http://site.s3-website.localhost.localstack.cloud:4566",
            "http://abc.cloudfront.localhost.localstack.cloud:4566",
        ] {
            let (status, headers) =
                check(CorsConfig::default(), "POST", &[("origin", origin)], CorsOwner::Server);
            assert_eq!((status, headers[ACCESS_CONTROL_ALLOW_ORIGIN].to_str().unwrap()), (200, origin));
            assert_eq!(headers[ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
            assert_eq!(headers[VARY], "Origin");
        }
        for origin in ["http://site.s3-website.evil.example:4566", "http://localhost:9999"] {
            assert_eq!(
                check(CorsConfig::default(), "POST", &[("origin", origin)], CorsOwner::Server).0,
                403,
                "{origin}"
            );
        }
    }

    #[test]
    fn preflight_requests_are_answered() {
        let headers = [
            ("origin", "http://localhost:4566"),
            ("access-control-request-headers", "x-a, x-b"),
            ("access-control-request-private-network", "true"),
        ];
        let (status, headers) = check(CorsConfig::default(), "OPTIONS", &headers, CorsOwner::Server);
        assert_eq!(status, 204);
        assert!(
            headers[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap().starts_with("x-a,x-b,authorization,")
        );
        assert_eq!(headers[ALLOW_PRIVATE_NETWORK], "true");
    }

    #[test]
    fn apis_decide_for_themselves() {
        let foreign = [("origin", "https://evil.example")];
        let (status, headers) = check(CorsConfig::default(), "OPTIONS", &foreign, CorsOwner::ApiGateway);
        assert_eq!((status, headers.len()), (200, 0));
        let strict = CorsConfig { apigateway_like_the_rest: true, ..CorsConfig::default() };
        assert_eq!(check(strict, "GET", &foreign, CorsOwner::ApiGateway).0, 403);
    }

    #[test]
    fn buckets_decide_for_themselves() {
        let error = || AwsError::new("AccessForbidden", 403, "");
        let allowed = || {
            let headers = [(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))];
            CorsOwner::Bucket(CrossOrigin::Headers(headers.into_iter().collect()))
        };
        let foreign = [("origin", "https://evil.example")];
        for method in ["OPTIONS", "GET"] {
            let (status, headers) = check(CorsConfig::default(), method, &foreign, allowed());
            assert_eq!((status, headers.len()), (200, 1));
        }
        for said in [CrossOrigin::Refused, CrossOrigin::NoRules] {
            let owner = || CorsOwner::Bucket(said(error()));
            assert_eq!(check(CorsConfig::default(), "OPTIONS", &foreign, owner()).0, 403);
            let (status, headers) = check(CorsConfig::default(), "GET", &foreign, owner());
            assert_eq!((status, headers.len()), (200, 0));
        }
        // A page served here may use buckets without rules, and no others.
        let own = [("origin", "http://localhost:4566")];
        let without = || CorsOwner::Bucket(CrossOrigin::NoRules(error()));
        assert_eq!(check(CorsConfig::default(), "OPTIONS", &own, without()).0, 204);
        assert!(check(CorsConfig::default(), "GET", &own, without()).1.contains_key(VARY));
        let refused = CorsOwner::Bucket(CrossOrigin::Refused(error()));
        assert_eq!(check(CorsConfig::default(), "OPTIONS", &own, refused).0, 403);
        let strict = CorsConfig { buckets_like_the_rest: true, ..CorsConfig::default() };
        assert_eq!(check(strict, "GET", &foreign, allowed()).0, 403);
    }
}
