//! What templates make of a value: `{Member|transform}`, as `models/README.md` describes them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudtwin_smithy::authorization::Transform;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::requirements::CallFacts;

/// What is encoded in a segment of a URL's path: all but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a service knows of a value from its stored state, for the transforms that need it: asked
/// with the name of what is wanted and the value.
pub(super) type Stored<'a> = dyn Fn(&str, &str) -> Option<String> + 'a;

/// What became of one value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// It goes where the reference stands.
    Part(Cow<'a, str>),
    /// It is an ARN that stands for the whole template.
    Whole(&'a str),
}

fn part<'a>(text: &'a str) -> Option<Piece<'a>> {
    Some(Piece::Part(Cow::Borrowed(text)))
}

fn owned<'a>(text: String) -> Option<Piece<'a>> {
    Some(Piece::Part(Cow::Owned(text)))
}

/// What becomes of a scalar.
pub(super) fn of_text<'a>(
    transform: Transform,
    text: &'a str,
    call: &CallFacts<'a>,
    stored: &Stored<'_>,
) -> Option<Piece<'a>> {
    match transform {
        Transform::Plain | Transform::QueryTags | Transform::Keys | Transform::OrAccount => part(text),
        Transform::QueueName => queue_path(text).map(|(_, name)| name).and_then(part),
        Transform::QueueAccount => queue_path(text).map(|(account, _)| account).and_then(part),
        Transform::MoveTaskSource => move_task_source(text).and_then(owned),
        Transform::CopySource => owned(copy_source(text).0),
        Transform::CopySourceVersion => copy_source(text).1.and_then(owned),
        Transform::MfaPresent => part("true"),
        Transform::MfaAge => part("0"),
        Transform::True => (text == "true").then_some(Piece::Part(Cow::Borrowed(text))),
        Transform::Path => part(text),
        Transform::WithoutScheme => {
            part(text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/'))
        }
        Transform::AccountOf => part(arn_part(text, 4).unwrap_or(text)),
        Transform::OrArn | Transform::OrDefault | Transform::Relative | Transform::FullName { .. }
            if is_arn(text) =>
        {
            Some(Piece::Whole(text))
        }
        Transform::OrArn | Transform::OrDefault => part(text),
        Transform::RuleBus => match text.rsplit('/').next() {
            Some("default") | None => part(""),
            Some(bus) => owned(format!("{bus}/")),
        },
        Transform::WithoutLastPart => part(text.rsplit_once(':').map_or(text, |(rest, _)| rest)),
        Transform::UrlEncoded => owned(utf8_percent_encode(text, SEGMENT).to_string()),
        Transform::Relative => part(text.trim_start_matches('/')),
        Transform::FunctionName => part(function_name(text)),
        Transform::FunctionAccount => part(function_account(text).unwrap_or(call.account)),
        Transform::FullName { of, .. } => match stored(of, text) {
            Some(known) => owned(known),
            None => part(text),
        },
        Transform::Stored(name) => stored(name, text).and_then(owned),
    }
}

/// What stands for a value that is absent.
pub(super) fn of_absent<'a>(transform: Transform, call: &CallFacts<'a>) -> Option<Cow<'a, str>> {
    match transform {
        Transform::Path => Some(Cow::Borrowed("/")),
        Transform::OrAccount => Some(Cow::Borrowed(call.account)),
        Transform::OrDefault => Some(Cow::Borrowed("default")),
        Transform::RuleBus => Some(Cow::Borrowed("")),
        Transform::FullName { or_caller: true, .. } => call.caller.map(Cow::Borrowed),
        _ => None,
    }
}

/// The tags of a URL query.
pub(super) fn query_tags(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

/// One of an ARN's six parts, counted from 0.
fn arn_part(text: &str, index: usize) -> Option<&str> {
    is_arn(text).then(|| text.splitn(6, ':').nth(index)).flatten()
}

/// Account and name at the end of a queue URL.
fn queue_path(url: &str) -> Option<(&str, &str)> {
    let (rest, name) = url.rsplit_once('/')?;
    let (_, account) = rest.rsplit_once('/')?;
    Some((account, name))
}

fn move_task_source(handle: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(&STANDARD.decode(handle).ok()?).ok()?;
    json.get("sourceArn")?.as_str().map(str::to_owned)
}

/// `bucket/key` and version id of a copy source, as S3 itself reads them. Only the path is encoded, by some
/// SDKs as in forms.
fn copy_source(source: &str) -> (String, Option<String>) {
    let (path, version) = match source.rsplit_once("?versionId=") {
        Some((path, version)) => (path, Some(version.to_owned())),
        None => (source, None),
    };
    let path = path.replace('+', " ");
    let path = percent_decode_str(&path).decode_utf8_lossy();
    (path.strip_prefix('/').unwrap_or(&path).to_owned(), version.filter(|version| !version.is_empty()))
}

/// `name[:qualifier]` of a function's name, partial ARN (`account:function:name`) or ARN.
fn function_name(text: &str) -> &str {
    text.split_once("function:").map_or(text, |(_, name)| name)
}

fn function_account(text: &str) -> Option<&str> {
    arn_part(text, 4).or_else(|| text.split_once(":function:").map(|(account, _)| account))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: CallFacts<'_> = CallFacts {
        partition: "aws",
        region: "eu-west-1",
        account: "111122223333",
        caller: Some("division/bob"),
    };

    fn text(transform: Transform, text: &str) -> Option<String> {
        let stored = |of: &str, name: &str| (of == "RoleName").then(|| format!("service/{name}"));
        match of_text(transform, text, &CALL, &stored)? {
            Piece::Part(text) => Some(text.into_owned()),
            Piece::Whole(text) => Some(format!("whole {text}")),
        }
    }

    fn check(transform: Transform, given: &str, expected: Option<&str>) {
        assert_eq!(text(transform, given).as_deref(), expected, "{transform:?} of {given}");
    }

    #[test]
    fn queues_are_named_by_their_urls() {
        let url = "http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/jobs.fifo";
        check(Transform::QueueName, url, Some("jobs.fifo"));
        check(Transform::QueueAccount, url, Some("000000000000"));
        check(Transform::QueueName, "jobs", None);
    }

    #[test]
    fn a_move_task_handle_tells_its_source() {
        let handle = STANDARD.encode(r#"{"taskId":"1","sourceArn":"arn:aws:sqs:eu-west-1:1:dlq"}"#);
        check(Transform::MoveTaskSource, &handle, Some("arn:aws:sqs:eu-west-1:1:dlq"));
        check(Transform::MoveTaskSource, "%%%", None);
    }

    #[test]
    fn copy_sources_are_decoded() {
        check(Transform::CopySource, "/photos/a%20b.jpg?versionId=v%2F1", Some("photos/a b.jpg"));
        check(Transform::CopySourceVersion, "photos/a?versionId=v1", Some("v1"));
        check(Transform::CopySourceVersion, "photos/a", None);
        check(Transform::CopySourceVersion, "photos/a?versionId=", None);
        check(Transform::CopySource, "photos/why%3FversionId=x", Some("photos/why?versionId=x"));
    }

    #[test]
    fn functions_have_three_forms_of_names() {
        for (given, name, account) in [
            ("resize", "resize", "111122223333"),
            ("resize:live", "resize:live", "111122223333"),
            ("444455556666:function:resize", "resize", "444455556666"),
            ("arn:aws:lambda:eu-west-1:444455556666:function:resize:3", "resize:3", "444455556666"),
        ] {
            check(Transform::FunctionName, given, Some(name));
            check(Transform::FunctionAccount, given, Some(account));
        }
    }

    #[test]
    fn arns_may_stand_where_names_do() {
        let table = "arn:aws:dynamodb:eu-west-1:444455556666:table/Music";
        check(Transform::OrArn, table, Some(&format!("whole {table}")));
        check(Transform::OrArn, "Music", Some("Music"));
        check(Transform::Relative, "/db/password", Some("db/password"));
        let bus = "arn:aws:events:eu-west-1:444455556666:event-bus/orders";
        check(Transform::RuleBus, bus, Some("orders/"));
        check(Transform::RuleBus, "default", Some(""));
        assert_eq!(of_absent(Transform::OrDefault, &CALL).as_deref(), Some("default"));
        check(Transform::AccountOf, table, Some("444455556666"));
        check(Transform::AccountOf, "444455556666", Some("444455556666"));
    }

    #[test]
    fn entities_are_named_with_their_stored_path() {
        let role = Transform::FullName { of: "RoleName", or_caller: false };
        let user = Transform::FullName { of: "UserName", or_caller: true };
        check(role, "ci", Some("service/ci"));
        check(user, "nobody", Some("nobody"));
        assert_eq!(of_absent(user, &CALL).as_deref(), Some("division/bob"));
        assert_eq!(of_absent(role, &CALL), None);
    }

    #[test]
    fn tags_of_a_header_are_decoded() {
        assert_eq!(
            query_tags("env=prod&owner=a+b%26c&flag"),
            [("env", "prod"), ("owner", "a b&c"), ("flag", "")].map(|(k, v)| (k.to_owned(), v.to_owned()))
        );
    }
}
