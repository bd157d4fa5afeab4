//! From HTTP method, path and query string to an operation.
//!
//! Patterns are those of the models' `requestUri` (Smithy's `http` trait): literal segments,
//! `{label}`, one `{greedy+}` label, and query parameters that must be present.
//!
//! Paths are taken as they are on the wire: nothing is normalised, because object keys may
//! contain `//`, `.` and `..` segments and trailing slashes. A label is percent-decoded once. A
//! greedy label takes everything from its first byte to the end of the path (or to the literal
//! segments that follow it in the pattern); every other label takes one segment. No label
//! matches an empty text, so that `/bucket/` names the bucket, as `/bucket` does. One slash at
//! the end of a path or pattern without a greedy label is ignored.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

/// The names and values of a path's labels, in the order of the pattern.
pub type Labels = Vec<(&'static str, String)>;

/// A path pattern with the query parameters that it demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
    query: Vec<QueryLiteral>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(&'static str),
    Label(&'static str),
    Greedy(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct QueryLiteral {
    name: &'static str,
    /// `None` accepts any value, also none.
    value: Option<&'static str>,
}

/// What is wrong with a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// The pattern does not begin with a slash.
    NotAbsolute,
    /// A segment is empty, or braces stand elsewhere than around a whole segment.
    BadSegment,
    /// Another label follows a greedy one.
    LabelAfterGreedy,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAbsolute => "the pattern does not begin with `/`",
            Self::BadSegment => "the pattern has an empty segment or misplaced braces",
            Self::LabelAfterGreedy => "the pattern has a label after its greedy label",
        })
    }
}

impl std::error::Error for PatternError {}

impl Pattern {
    /// Reads a pattern such as `/{Bucket}/{Key+}?uploads`.
    ///
    /// The parameter `x-id` only tells operations apart for log readers; it is not demanded,
    /// because not every SDK sends it.
    pub fn parse(uri: &'static str) -> Result<Self, PatternError> {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let path = path.strip_prefix('/').ok_or(PatternError::NotAbsolute)?;
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut segments = Vec::new();
        let mut greedy = false;
        for text in path.split('/').filter(|_| !path.is_empty()) {
            let segment = match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
                Some(label) => match label.strip_suffix('+') {
                    Some(name) => Segment::Greedy(name),
                    None => Segment::Label(label),
                },
                None => Segment::Literal(text),
            };
            match segment {
                Segment::Literal(name) | Segment::Label(name) | Segment::Greedy(name)
                    if name.is_empty() || name.contains(['{', '}']) =>
                {
                    return Err(PatternError::BadSegment);
                }
                Segment::Label(_) | Segment::Greedy(_) if greedy => {
                    return Err(PatternError::LabelAfterGreedy);
                }
                _ => {}
            }
            greedy |= matches!(segment, Segment::Greedy(_));
            segments.push(segment);
        }
        let query = query
            .split('&')
            .filter(|parameter| !parameter.is_empty())
            .map(|parameter| match parameter.split_once('=') {
                Some((name, value)) => {
                    QueryLiteral { name, value: Some(value).filter(|value| !value.is_empty()) }
                }
                None => QueryLiteral { name: parameter, value: None },
            })
            .filter(|parameter| parameter.name != "x-id")
            .collect();
        Ok(Self { segments, query })
    }

    /// The labels, if `path` and `query` (both raw, without `?`) match.
    pub fn matches(&self, path: &str, query: &str) -> Result<Option<Labels>, RouteError> {
        if self.query_rank(query).is_none() {
            return Ok(None);
        }
        let mut captures = Captures::new();
        let Some(mut rest) = path.strip_prefix('/') else { return Ok(None) };
        let mut segments = self.segments.iter();
        while let Some(segment) = segments.next() {
            match segment {
                Segment::Greedy(_) => {
                    let suffix: Vec<&'static str> = segments.filter_map(Segment::literal).collect();
                    let Some(capture) = greedy_capture(rest, &suffix) else { return Ok(None) };
                    captures.push(capture);
                    return decode_labels(&self.segments, &captures).map(Some);
                }
                Segment::Literal(_) | Segment::Label(_) => {
                    let (first, after) = rest.split_once('/').unwrap_or((rest, ""));
                    match segment {
                        Segment::Literal(literal) if !same_text(first, literal) => return Ok(None),
                        Segment::Label(_) if first.is_empty() => return Ok(None),
                        Segment::Label(_) => captures.push(first),
                        _ => {}
                    }
                    rest = after;
                }
            }
        }
        if rest.is_empty() { decode_labels(&self.segments, &captures).map(Some) } else { Ok(None) }
    }

    /// How many query parameters are demanded and there; `None` if one is missing.
    fn query_rank(&self, query: &str) -> Option<usize> {
        self.query.iter().all(|literal| literal.is_in(query)).then_some(self.query.len())
    }
}

impl Segment {
    fn literal(&self) -> Option<&'static str> {
        match self {
            Self::Literal(text) => Some(text),
            _ => None,
        }
    }

    fn label(&self) -> Option<&'static str> {
        match self {
            Self::Label(name) | Self::Greedy(name) => Some(name),
            Self::Literal(_) => None,
        }
    }
}

impl QueryLiteral {
    fn is_in(&self, query: &str) -> bool {
        query.split('&').any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            same_text(name, self.name) && self.value.is_none_or(|wanted| same_text(value, wanted))
        })
    }
}

/// Whether the percent-encoded `wire` is `plain`. Decodes (and allocates) only if it must.
fn same_text(wire: &str, plain: &str) -> bool {
    wire == plain || (wire.contains('%') && percent_decode_str(wire).eq(plain.bytes()))
}

/// What the greedy label takes of `rest`, if the literals of `suffix` end it.
fn greedy_capture<'p>(rest: &'p str, suffix: &[&'static str]) -> Option<&'p str> {
    let mut capture = rest;
    if !suffix.is_empty() {
        capture = capture.strip_suffix('/').unwrap_or(capture);
    }
    for literal in suffix.iter().rev() {
        let (before, last) = capture.rsplit_once('/')?;
        if !same_text(last, literal) {
            return None;
        }
        capture = before;
    }
    (!capture.is_empty()).then_some(capture)
}

type Captures<'p> = Vec<&'p str>;

fn decode_labels(segments: &[Segment], captures: &[&str]) -> Result<Labels, RouteError> {
    segments
        .iter()
        .filter_map(Segment::label)
        .zip(captures)
        .map(|(name, raw)| Ok((name, decode(raw)?.into_owned())))
        .collect()
}

/// Percent-decodes once. Refuses `%` without two hexadecimal digits, and bytes that are no UTF-8.
fn decode(raw: &str) -> Result<Cow<'_, str>, RouteError> {
    let mut escapes = raw.split('%').skip(1);
    let complete = escapes.all(|after| {
        let mut bytes = after.bytes();
        let mut digit = || bytes.next().is_some_and(|byte| byte.is_ascii_hexdigit());
        digit() && digit()
    });
    if !complete {
        return Err(RouteError::BadEncoding);
    }
    percent_decode_str(raw).decode_utf8().map_err(|_| RouteError::BadEncoding)
}

/// Why a request has no operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteError {
    /// No pattern matches.
    NotFound,
    /// Patterns match, but of these other methods.
    MethodNotAllowed(Vec<&'static str>),
    /// A label is not percent-encoded UTF-8.
    BadEncoding,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound => f.write_str("no operation has this path"),
            Self::MethodNotAllowed(methods) => {
                write!(f, "the path takes only {}", methods.join(", "))
            }
            Self::BadEncoding => f.write_str("the path is not percent-encoded UTF-8"),
        }
    }
}

impl std::error::Error for RouteError {}

/// One entry of a [`Router`].
#[derive(Debug)]
pub struct Route<T> {
    /// The pattern.
    pub pattern: Pattern,
    /// What the entry stands for.
    pub value: T,
}

/// The operations of one service by method, path and query.
///
/// Literal segments win over labels, labels over greedy labels; among the entries of the same
/// path those whose demanded query parameters are there, and of these the ones that demand most.
#[derive(Debug)]
pub struct Router<T> {
    routes: Vec<Route<T>>,
    methods: Vec<(&'static str, Node)>,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted by text.
    literals: Vec<(&'static str, Node)>,
    label: Option<Box<Node>>,
    /// Greedy labels by the literals that follow them, longest first.
    greedy: Vec<(Vec<&'static str>, Vec<usize>)>,
    /// Indices of the routes that end here.
    routes: Vec<usize>,
}

/// The entries that a request matches equally well, in the order in which they were added. There
/// are several only where patterns are equal, and something else (a header, a query member)
/// decides.
#[derive(Debug)]
pub struct Matched<'r, 'p, T> {
    routes: Vec<&'r Route<T>>,
    captures: Captures<'p>,
}

impl<'r, T> Matched<'r, '_, T> {
    /// The candidates; never empty.
    pub fn candidates(&self) -> &[&'r Route<T>] {
        &self.routes
    }

    /// The labels, named as `route` (one of the candidates) names them.
    pub fn labels(&self, route: &Route<T>) -> Result<Labels, RouteError> {
        decode_labels(&route.pattern.segments, &self.captures)
    }
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self { routes: Vec::new(), methods: Vec::new() }
    }
}

impl<T> Router<T> {
    /// A router of `entries`: method, URI pattern, value.
    pub fn new(
        entries: impl IntoIterator<Item = (&'static str, &'static str, T)>,
    ) -> Result<Self, PatternError> {
        let mut router = Self::default();
        for (method, uri, value) in entries {
            router.add(method, uri, value)?;
        }
        Ok(router)
    }

    /// Adds an entry.
    pub fn add(&mut self, method: &'static str, uri: &'static str, value: T) -> Result<(), PatternError> {
        let pattern = Pattern::parse(uri)?;
        let index = self.routes.len();
        let position = match self.methods.iter().position(|(name, _)| *name == method) {
            Some(position) => position,
            None => {
                self.methods.push((method, Node::default()));
                self.methods.len() - 1
            }
        };
        if let Some((_, root)) = self.methods.get_mut(position) {
            root.add(&pattern.segments, index);
        }
        self.routes.push(Route { pattern, value });
        Ok(())
    }

    /// Finds the entries for a request; `path` and `query` are raw.
    pub fn find<'r, 'p>(
        &'r self,
        method: &str,
        path: &'p str,
        query: &str,
    ) -> Result<Matched<'r, 'p, T>, RouteError> {
        let Some(path) = path.strip_prefix('/') else { return Err(RouteError::NotFound) };
        let mut captures = Captures::new();
        if let Some((_, root)) = self.methods.iter().find(|(name, _)| *name == method)
            && let Some(routes) = self.walk(root, path, query, &mut captures)
        {
            return Ok(Matched { routes, captures });
        }
        let allowed: Vec<&'static str> = self
            .methods
            .iter()
            .filter(|(name, root)| {
                captures.clear();
                *name != method && self.walk(root, path, query, &mut captures).is_some()
            })
            .map(|(name, _)| *name)
            .collect();
        Err(if allowed.is_empty() { RouteError::NotFound } else { RouteError::MethodNotAllowed(allowed) })
    }

    /// Visits each node at most once: a node's depth says how many segments are behind it.
    fn walk<'r, 'p>(
        &'r self,
        node: &Node,
        rest: &'p str,
        query: &str,
        captures: &mut Captures<'p>,
    ) -> Option<Vec<&'r Route<T>>> {
        if rest.is_empty() {
            return self.best(&node.routes, query);
        }
        let (first, after) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(child) = node.literal(first)
            && let Some(found) = self.walk(child, after, query, captures)
        {
            return Some(found);
        }
        if let Some(child) = &node.label
            && !first.is_empty()
        {
            captures.push(first);
            if let Some(found) = self.walk(child, after, query, captures) {
                return Some(found);
            }
            captures.pop();
        }
        for (suffix, routes) in &node.greedy {
            if let Some(capture) = greedy_capture(rest, suffix)
                && let Some(found) = self.best(routes, query)
            {
                captures.push(capture);
                return Some(found);
            }
        }
        None
    }

    fn best(&self, indices: &[usize], query: &str) -> Option<Vec<&Route<T>>> {
        let mut best = 0;
        let mut found = Vec::new();
        for route in indices.iter().filter_map(|index| self.routes.get(*index)) {
            let Some(rank) = route.pattern.query_rank(query) else { continue };
            if rank > best {
                found.clear();
                best = rank;
            }
            if rank == best {
                found.push(route);
            }
        }
        (!found.is_empty()).then_some(found)
    }
}

impl Node {
    fn add(&mut self, segments: &[Segment], index: usize) {
        match segments.split_first() {
            None => self.routes.push(index),
            Some((Segment::Literal(text), rest)) => {
                let position = match self.literals.binary_search_by(|(known, _)| known.cmp(text)) {
                    Ok(position) => position,
                    Err(position) => {
                        self.literals.insert(position, (text, Self::default()));
                        position
                    }
                };
                if let Some((_, child)) = self.literals.get_mut(position) {
                    child.add(rest, index);
                }
            }
            Some((Segment::Label(_), rest)) => self.label.get_or_insert_default().add(rest, index),
            Some((Segment::Greedy(_), rest)) => {
                let suffix: Vec<&'static str> = rest.iter().filter_map(Segment::literal).collect();
                match self.greedy.iter_mut().find(|(known, _)| *known == suffix) {
                    Some((_, routes)) => routes.push(index),
                    None => {
                        self.greedy.push((suffix, vec![index]));
                        self.greedy.sort_by_key(|(suffix, _)| std::cmp::Reverse(suffix.len()));
                    }
                }
            }
        }
    }

    fn literal(&self, wire: &str) -> Option<&Self> {
        let text = if wire.contains('%') { decode(wire).ok()? } else { Cow::Borrowed(wire) };
        let position = self.literals.binary_search_by(|(known, _)| (*known).cmp(&*text)).ok()?;
        self.literals.get(position).map(|(_, child)| child)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn s3() -> Router<&'static str> {
        Router::new([
            ("GET", "/", "ListBuckets"),
            ("GET", "/{Bucket}", "ListObjects"),
            ("GET", "/{Bucket}?list-type=2", "ListObjectsV2"),
            ("GET", "/{Bucket}?tagging", "GetBucketTagging"),
            ("GET", "/{Bucket}?lifecycle", "GetBucketLifecycle"),
            ("GET", "/{Bucket}?lifecycle", "GetBucketLifecycleConfiguration"),
            ("GET", "/{Bucket}/{Key+}?x-id=GetObject", "GetObject"),
            ("GET", "/{Bucket}/{Key+}?tagging", "GetObjectTagging"),
            ("PUT", "/{Bucket}/{Key+}", "PutObject"),
            ("PUT", "/{Bucket}/{Key+}", "CopyObject"),
            ("POST", "/{Bucket}/{Key+}?select&select-type=2", "SelectObjectContent"),
            ("POST", "/{Bucket}/{Key+}?select", "Select"),
        ])
        .unwrap()
    }

    /// The first candidate and its labels, as `Name a=b c=d`.
    fn check(router: &Router<&'static str>, request: &str) -> String {
        let (method, uri) = request.split_once(' ').unwrap();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        match router.find(method, path, query) {
            Ok(matched) => {
                let route = matched.candidates()[0];
                let mut text: Vec<String> =
                    vec![matched.candidates().iter().map(|route| route.value).collect::<Vec<_>>().join("|")];
                match matched.labels(route) {
                    Ok(labels) => text.extend(labels.iter().map(|(name, value)| format!("{name}={value}"))),
                    Err(error) => text.push(error.to_string()),
                }
                text.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_object_key_is_everything_behind_the_bucket() {
        let router = s3();
        for (request, expected) in [
            ("GET /", "ListBuckets"),
            ("GET /b", "ListObjects Bucket=b"),
            ("GET /b/", "ListObjects Bucket=b"),
            ("GET /b/k", "GetObject Bucket=b Key=k"),
            ("GET /b//", "GetObject Bucket=b Key=/"),
            ("GET /b//k", "GetObject Bucket=b Key=/k"),
            ("GET /b/a//c/", "GetObject Bucket=b Key=a//c/"),
            ("GET /b/../c/./d", "GetObject Bucket=b Key=../c/./d"),
            ("GET /b/a%2Fb%20c+d%25", "GetObject Bucket=b Key=a/b c+d%"),
            ("GET /b/%2541", "GetObject Bucket=b Key=%41"),
            ("GET /b/%C3%A4", "GetObject Bucket=b Key=ä"),
            ("GET /b/%FF", "GetObject the path is not percent-encoded UTF-8"),
            ("GET /b/%zz", "GetObject the path is not percent-encoded UTF-8"),
        ] {
            assert_eq!(check(&router, request), expected, "{request}");
        }
    }

    #[test]
    fn query_parameters_choose_the_most_specific_operation() {
        let router = s3();
        for (request, expected) in [
            ("GET /b?list-type=2&prefix=x", "ListObjectsV2 Bucket=b"),
            ("GET /b?list-type=1", "ListObjects Bucket=b"),
            ("GET /b?tagging", "GetBucketTagging Bucket=b"),
            ("GET /b?tagging=", "GetBucketTagging Bucket=b"),
            ("GET /b?prefix=tagging", "ListObjects Bucket=b"),
            ("GET /b/?t%61gging", "GetBucketTagging Bucket=b"),
            ("GET /b/k?x-id=Other", "GetObject Bucket=b Key=k"),
            ("GET /b?lifecycle", "GetBucketLifecycle|GetBucketLifecycleConfiguration Bucket=b"),
            ("PUT /b/k", "PutObject|CopyObject Bucket=b Key=k"),
            ("POST /b/k?select&select-type=2", "SelectObjectContent Bucket=b Key=k"),
            ("POST /b/k?select", "Select Bucket=b Key=k"),
        ] {
            assert_eq!(check(&router, request), expected, "{request}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_from_an_unknown_path() {
        let router = s3();
        assert_eq!(
            router.find("DELETE", "/b/k", "").unwrap_err(),
            RouteError::MethodNotAllowed(vec!["GET", "PUT"])
        );
        assert_eq!(
            router.find("POST", "/b/k", "").unwrap_err(),
            RouteError::MethodNotAllowed(vec!["GET", "PUT"])
        );
        assert_eq!(router.find("GET", "//k", "").unwrap_err(), RouteError::NotFound);
        assert_eq!(router.find("GET", "", "").unwrap_err(), RouteError::NotFound);
    }

    #[test]
    fn literals_win_over_labels_and_labels_over_greedy_labels() {
        let router = Router::new([
            ("GET", "/2015-03-31/functions/", "List"),
            ("GET", "/2015-03-31/functions/{Name}", "Get"),
            ("GET", "/2015-03-31/functions/{Name}/policy", "GetPolicy"),
            ("GET", "/2015-03-31/functions/special/{X}", "Special"),
            ("GET", "/2015-03-31/{All+}", "All"),
            ("GET", "/2015-03-31/{All+}/end", "AllEnd"),
            ("GET", "/@connections/{Id}", "Connection"),
        ])
        .unwrap();
        for (request, expected) in [
            ("GET /2015-03-31/functions", "List"),
            ("GET /2015-03-31/functions/", "List"),
            ("GET /2015-03-31/functions/f", "Get Name=f"),
            ("GET /2015-03-31/functions/f/", "Get Name=f"),
            ("GET /2015-03-31/functions/special", "Get Name=special"),
            ("GET /2015-03-31/functions/special/policy", "Special X=policy"),
            ("GET /2015-03-31/functions/arn%3Aaws%3Alambda/policy", "GetPolicy Name=arn:aws:lambda"),
            ("GET /2015-03-31/functions//policy", "All All=functions//policy"),
            ("GET /2015-03-31/functions/a/b/c", "All All=functions/a/b/c"),
            ("GET /2015-03-31/functions/a/b/end/", "AllEnd All=functions/a/b"),
            ("GET /%40connections/x%3D", "Connection Id=x="),
            ("GET /other", "no operation has this path"),
        ] {
            assert_eq!(check(&router, request), expected, "{request}");
        }
    }

    #[test]
    fn bad_patterns_are_refused() {
        for (uri, error) in [
            ("a/b", PatternError::NotAbsolute),
            ("/a//b", PatternError::BadSegment),
            ("/a/{}", PatternError::BadSegment),
            ("/a/x{b}", PatternError::BadSegment),
            ("/{a+}/{b}", PatternError::LabelAfterGreedy),
        ] {
            assert_eq!(Pattern::parse(uri).unwrap_err(), error, "{uri}");
        }
    }

    proptest! {
        #[test]
        fn any_key_survives_the_path(key in "\\PC{1,40}") {
            let encoded = percent_encoding::utf8_percent_encode(&key, percent_encoding::NON_ALPHANUMERIC);
            let path = format!("/bucket/{encoded}");
            let router = s3();
            let matched = router.find("GET", &path, "").unwrap();
            let labels = matched.labels(matched.candidates()[0]).unwrap();
            prop_assert_eq!(&labels, &vec![("Bucket", "bucket".to_owned()), ("Key", key)]);
        }

        #[test]
        fn any_request_is_answered(path in "[/a-c%0-9{}+.]{0,40}|.{0,40}", query in "[a-z=&%+-]{0,40}|.{0,20}") {
            let router = s3();
            if let Ok(matched) = router.find("GET", &path, &query) {
                for route in matched.candidates() {
                    // The router and a single pattern agree.
                    prop_assert_eq!(
                        matched.labels(route).map(Some),
                        route.pattern.matches(&path, &query)
                    );
                }
            }
        }

        #[test]
        fn any_pattern_is_read(uri in "[/a-c{}+?=&]{0,20}") {
            let _ = Pattern::parse(Box::leak(uri.into_boxed_str()));
        }
    }
}
