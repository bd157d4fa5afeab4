//! The canonical request: the one text that client and server both derive from a request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//!
//! S3 differs from all other services: its paths are encoded once and never normalised, because
//! `//` and `..` are ordinary parts of object keys.

use http::HeaderMap;
use http::header::AsHeaderName;
use smallvec::SmallVec;

/// The parts of a request that signatures cover, as they came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, still percent-encoded; never empty for HTTP requests.
    pub path: &'a str,
    /// The query without its `?`, still percent-encoded.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// HTTP/2's `:authority`, which stands in for an absent `Host` header.
    pub authority: Option<&'a str>,
}

impl<'a> RequestView<'a> {
    /// The view of a request's head.
    pub fn of_parts(parts: &'a http::request::Parts) -> Self {
        Self::assemble(&parts.method, &parts.uri, &parts.headers)
    }

    /// The view of a request.
    pub fn of<B>(request: &'a http::Request<B>) -> Self {
        Self::assemble(request.method(), request.uri(), request.headers())
    }

    pub(crate) fn assemble(method: &'a http::Method, uri: &'a http::Uri, headers: &'a HeaderMap) -> Self {
        Self {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers,
            authority: uri.authority().map(|authority| authority.as_str()),
        }
    }

    /// A header's text; `None` when it is absent, repeated or not ASCII.
    pub(crate) fn header(&self, name: impl AsHeaderName) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok().map(str::trim),
            _ => None,
        }
    }

    /// The first raw (still encoded) value of a query parameter. Names of authentication
    /// parameters are compared without case, as S3 does.
    pub(crate) fn query_parameter(&self, name: &str) -> Option<&'a str> {
        query_pairs(self.query).find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// How a service's path enters the canonical request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRule {
    /// S3: every byte is encoded once, nothing is normalised.
    Single,
    /// All others: dot segments and empty segments are removed, then the encoded path is encoded
    /// once more.
    Double,
    /// As [`PathRule::Double`], but as sent: some SDKs do not normalise.
    DoubleUnnormalised,
}

/// What a signature covers besides the request itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coverage<'a> {
    pub(crate) path_rule: PathRule,
    /// `host;x-amz-date`, in the client's order.
    pub(crate) signed_headers: &'a str,
    /// The last line: a digest, or a literal such as `UNSIGNED-PAYLOAD`.
    pub(crate) payload: &'a str,
    /// Query parameters that are not covered (of presigned URLs the signature itself).
    pub(crate) uncovered_query: &'a [&'a str],
    /// Whether a signed header that is absent may stand in the query instead: presigned URLs of
    /// the JavaScript SDK move headers there.
    pub(crate) headers_from_query: bool,
}

/// Writes the canonical request.
pub(crate) fn canonical_request(request: &RequestView<'_>, coverage: &Coverage<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + request.path.len() + request.query.len());
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    write_path(&mut out, request.path, coverage.path_rule);
    out.push(b'\n');
    write_query(&mut out, request.query, coverage.uncovered_query);
    out.push(b'\n');
    for name in coverage.signed_headers.split(';') {
        write_header(&mut out, request, name, coverage.headers_from_query);
    }
    out.push(b'\n');
    out.extend_from_slice(coverage.signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(coverage.payload.as_bytes());
    out
}

fn write_path(out: &mut Vec<u8>, path: &str, rule: PathRule) {
    if path.is_empty() {
        out.push(b'/');
        return;
    }
    match rule {
        PathRule::Single => recode(out, path.as_bytes(), Recode::Path),
        PathRule::DoubleUnnormalised => encode_path(out, path.as_bytes()),
        PathRule::Double => {
            let mut segments: SmallVec<[&str; 16]> = SmallVec::new();
            for segment in path.split('/') {
                match segment {
                    "" | "." => {}
                    ".." => {
                        segments.pop();
                    }
                    other => segments.push(other),
                }
            }
            for segment in &segments {
                out.push(b'/');
                encode_path(out, segment.as_bytes());
            }
            if segments.is_empty() || path.ends_with('/') {
                out.push(b'/');
            }
        }
    }
}

/// Whether [`PathRule::Double`] and [`PathRule::DoubleUnnormalised`] could differ for `path`.
pub(crate) fn normalisation_matters(path: &str) -> bool {
    path.contains("//") || path.contains("/.")
}

fn write_query(out: &mut Vec<u8>, query: &str, uncovered: &[&str]) {
    struct Pair {
        start: usize,
        name_end: usize,
        end: usize,
    }
    if query.is_empty() {
        return;
    }
    let mut encoded = Vec::with_capacity(query.len() + 16);
    let mut pairs: SmallVec<[Pair; 16]> = SmallVec::new();
    for (name, value) in query_pairs(query) {
        if uncovered.iter().any(|uncovered| name.eq_ignore_ascii_case(uncovered)) {
            continue;
        }
        let start = encoded.len();
        recode(&mut encoded, name.as_bytes(), Recode::Query);
        let name_end = encoded.len();
        encoded.push(b'=');
        recode(&mut encoded, value.as_bytes(), Recode::Query);
        pairs.push(Pair { start, name_end, end: encoded.len() });
    }
    let name = |pair: &Pair| encoded.get(pair.start..pair.name_end).unwrap_or_default();
    let whole = |pair: &Pair| encoded.get(pair.start..pair.end).unwrap_or_default();
    pairs.sort_unstable_by(|a, b| name(a).cmp(name(b)).then_with(|| whole(a).cmp(whole(b))));
    for (index, pair) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(whole(pair));
    }
}

fn write_header(out: &mut Vec<u8>, request: &RequestView<'_>, name: &str, from_query: bool) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    let mut values = request.headers.get_all(name).iter().peekable();
    if values.peek().is_none() {
        if let (true, Some(authority)) = (name.eq_ignore_ascii_case("host"), request.authority) {
            out.extend_from_slice(authority.as_bytes());
        } else if from_query && let Some(value) = request.query_parameter(name) {
            write_folded(out, &percent_encoding::percent_decode_str(value).collect::<Vec<u8>>());
        }
    }
    let mut first = true;
    for value in values {
        if !first {
            out.push(b',');
        }
        first = false;
        write_folded(out, value.as_bytes());
    }
    out.push(b'\n');
}

/// Trims white space and folds every inner run of it into one space.
fn write_folded(out: &mut Vec<u8>, value: &[u8]) {
    let mut words = value.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    if let Some(word) = words.next() {
        out.extend_from_slice(word);
    }
    for word in words {
        out.push(b' ');
        out.extend_from_slice(word);
    }
}

/// The raw pairs of a query, empty pieces left out.
pub(crate) fn query_pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Recode {
    Path,
    Query,
}

/// Brings text that may be percent-encoded, in any style, to AWS's one encoding: all but the
/// unreserved characters become `%XX`. An encoded `/` stays encoded in paths.
fn recode(out: &mut Vec<u8>, text: &[u8], place: Recode) {
    let mut rest = text;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'%', [high, low, after @ ..]) => match (hex_value(*high), hex_value(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    encode_byte(out, high << 4 | low);
                }
                _ => encode_byte(out, b'%'),
            },
            (b'/', _) if place == Recode::Path => out.push(b'/'),
            (b'+', _) if place == Recode::Query => encode_byte(out, b' '),
            _ => encode_byte(out, *byte),
        }
    }
}

fn encode_path(out: &mut Vec<u8>, path: &[u8]) {
    for byte in path {
        match byte {
            b'/' => out.push(b'/'),
            byte => encode_byte(out, *byte),
        }
    }
}

/// `byte` itself when it is unreserved (RFC 3986), else `%XX` with upper-case digits.
pub(crate) fn encode_byte(out: &mut Vec<u8>, byte: u8) {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        out.push(byte);
    } else {
        let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'A' + nibble - 10 };
        out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(path: &str, rule: PathRule) -> String {
        let mut out = Vec::new();
        write_path(&mut out, path, rule);
        String::from_utf8(out).unwrap()
    }

    fn query(query: &str) -> String {
        let mut out = Vec::new();
        write_query(&mut out, query, &["X-Amz-Signature"]);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn s3_keys_are_encoded_once_and_never_normalised() {
        for (sent, signed) in [
            ("/", "/"),
            ("/a//b/../c", "/a//b/../c"),
            ("/a%20b", "/a%20b"),
            ("/a+b", "/a%2Bb"),
            ("/a%2bb%7E~", "/a%2Bb~~"),
            ("/100%", "/100%25"),
            ("/a%2Fb", "/a%2Fb"),
        ] {
            assert_eq!(path(sent, PathRule::Single), signed);
        }
    }

    #[test]
    fn other_services_normalise_and_encode_twice() {
        for (sent, signed) in [
            ("/", "/"),
            ("", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/example/..", "/"),
            ("/example1/example2/../..", "/"),
            ("/./example", "/example"),
            ("//example//", "/example/"),
            ("/functions/arn%3Aaws", "/functions/arn%253Aaws"),
        ] {
            assert_eq!(path(sent, PathRule::Double), signed);
        }
        assert_eq!(path("//a/./b", PathRule::DoubleUnnormalised), "//a/./b");
    }

    #[test]
    fn queries_are_sorted_after_encoding_and_lose_the_signature() {
        for (sent, signed) in [
            ("", ""),
            ("lifecycle", "lifecycle="),
            ("b=2&a=1&a=0", "a=0&a=1&b=2"),
            ("Param1=value2&Param1=Value1", "Param1=Value1&Param1=value2"),
            ("a=b=c&&d", "a=b%3Dc&d="),
            ("max-keys=2&prefix=J%2f", "max-keys=2&prefix=J%2F"),
            ("x=1&X-Amz-Signature=ab", "x=1"),
            ("a=b+c", "a=b%20c"),
            ("a-b=1&a=2", "a=2&a-b=1"),
        ] {
            assert_eq!(query(sent), signed);
        }
    }

    #[test]
    fn header_values_are_folded_and_joined_in_order() {
        let mut headers = HeaderMap::new();
        headers.append("my-header1", " a   b \t c ".parse().unwrap());
        headers.append("my-header1", "z".parse().unwrap());
        let request =
            RequestView { method: "GET", path: "/", query: "", headers: &headers, authority: Some("h:1") };
        let coverage = Coverage {
            path_rule: PathRule::Double,
            signed_headers: "host;my-header1",
            payload: "UNSIGNED-PAYLOAD",
            uncovered_query: &[],
            headers_from_query: false,
        };
        assert_eq!(
            String::from_utf8(canonical_request(&request, &coverage)).unwrap(),
            "GET\n/\n\nhost:h:1\nmy-header1:a b c,z\n\nhost;my-header1\nUNSIGNED-PAYLOAD"
        );
    }

    proptest! {
        #[test]
        fn recoding_twice_changes_nothing(text in "\\PC{0,40}") {
            let once = { let mut out = Vec::new(); recode(&mut out, text.as_bytes(), Recode::Path); out };
            let twice = { let mut out = Vec::new(); recode(&mut out, &once, Recode::Path); out };
            prop_assert_eq!(once, twice);
        }
    }
}
