//! The record of calls: one event each, kept in a ring.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

use cloudtwin_smithy::schema::{Member, TimestampFormat};
use cloudtwin_smithy::shape::{ShapeSerializer, Visit};
use cloudtwin_smithy::{ByteStream, Document, Shape, Timestamp};
use parking_lot::Mutex;
use serde::Serialize;

/// One call.
#[derive(Clone, Debug, Serialize)]
pub struct RequestRecord {
    /// The id that the answer carried.
    pub request_id: String,
    /// When it began, in milliseconds since 1970, by the cloud's clock; serialised as RFC 3339.
    #[serde(serialize_with = "as_date_time")]
    pub time: i64,
    /// botocore's name of the service.
    pub service: &'static str,
    /// The operation, if the request named one.
    pub operation: Option<Cow<'static, str>>,
    /// Who called, and where; serialised as if it were part of this.
    #[serde(flatten)]
    pub identity: Arc<Identity>,
    /// HTTP status of the answer.
    pub status: u16,
    /// The error's code, if it failed.
    pub error: Option<String>,
    /// The error's message, if it failed.
    pub message: Option<String>,
    /// From the first byte of the request's head to the answer's head, in microseconds.
    pub latency_micros: u64,
    /// The service on whose behalf the call was made, if it came from inside.
    pub via: Option<String>,
    /// The input, without what is secret and shortened, as JSON.
    #[serde(serialize_with = "as_json")]
    pub parameters: String,
}

/// Who called, and where. Calls that come one after the other mostly share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// ARN of the caller.
    pub caller: String,
    /// The account that the call was for.
    pub account: String,
    /// The region that the call was for.
    pub region: String,
}

impl Identity {
    /// That of calls which nobody has been asked about yet.
    pub(crate) fn unknown() -> Arc<Self> {
        static UNKNOWN: LazyLock<Arc<Identity>> = LazyLock::new(Arc::default);
        Arc::clone(&UNKNOWN)
    }
}

fn as_date_time<S: serde::Serializer>(millis: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Timestamp::from_millis(*millis).format(TimestampFormat::DateTime))
}

fn as_json<S: serde::Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => value.serialize(serializer),
        Err(_) => serializer.serialize_str(text),
    }
}

/// Which calls are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Only this service's.
    pub service: Option<String>,
    /// Only this operation's.
    pub operation: Option<String>,
    /// Only those with this status.
    pub status: Option<u16>,
    /// Only the call with this id.
    pub request_id: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// The ring of the newest calls.
pub(crate) struct Recorder {
    ring: Mutex<VecDeque<RequestRecord>>,
    capacity: usize,
    /// The newest caller.
    identity: Mutex<Arc<Identity>>,
}

impl Recorder {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { ring: Mutex::default(), capacity: capacity.max(1), identity: Mutex::default() }
    }

    pub(crate) fn add(&self, record: RequestRecord) {
        let mut ring = self.ring.lock();
        let oldest = if ring.len() >= self.capacity { ring.pop_front() } else { None };
        ring.push_back(record);
        drop(ring);
        // Others need not wait for that.
        drop(oldest);
    }

    /// An identity, which is the last caller's if it is the same.
    pub(crate) fn identity(&self, caller: &str, account: &str, region: &str) -> Arc<Identity> {
        let mut last = self.identity.lock();
        if last.caller != caller || last.account != account || last.region != region {
            let [caller, account, region] = [caller, account, region].map(str::to_owned);
            *last = Arc::new(Identity { caller, account, region });
        }
        Arc::clone(&last)
    }
}

impl crate::Cloud {
    /// The newest calls that the filter lets through, newest first.
    pub fn recent_requests(&self, filter: &RequestFilter) -> Vec<RequestRecord> {
        let wanted = |record: &&RequestRecord| {
            filter.service.as_deref().is_none_or(|service| service == record.service)
                && filter.operation.as_deref().is_none_or(|op| Some(op) == record.operation.as_deref())
                && filter.status.is_none_or(|status| status == record.status)
                && filter.request_id.as_deref().is_none_or(|id| id == record.request_id)
        };
        self.recorder().ring.lock().iter().rev().filter(wanted).take(filter.limit).cloned().collect()
    }
}

/// Longest text that a record repeats of one value, in bytes.
const MAX_TEXT: usize = 256;
/// Longest record of an input, in bytes; what is beyond is left out.
const MAX_RECORD: usize = 2048;

/// `input` as JSON for people: secrets hidden, long values cut, blobs by their length.
pub(crate) fn redacted(input: &dyn Shape) -> String {
    let mut redactor = Redactor { text: String::with_capacity(256), first: true, keyed: false };
    redactor.text.push('{');
    // Writing into a string cannot fail, and the redactor has no errors of its own.
    let _ = input.write_members(&mut redactor);
    redactor.text.push('}');
    redactor.text
}

/// Where the first character is that JSON escapes.
fn first_escaped(text: &str) -> Option<usize> {
    let escaped = |byte: u8| (byte < 0x20) | (byte == 0x7f) | (byte == b'"') | (byte == b'\\');
    // Without a branch for each byte, the compiler looks at all bytes of a piece at once.
    let pieces = text.as_bytes().chunks(32);
    let clean =
        pieces.take_while(|piece| !piece.iter().fold(false, |any, byte| any | escaped(*byte))).count();
    let rest = text.as_bytes().get(clean * 32..)?;
    rest.iter().position(|byte| escaped(*byte)).map(|at| clean * 32 + at)
}

struct Redactor {
    text: String,
    /// Whether the next value is the first of its container.
    first: bool,
    /// Whether values stand after their member's name (in structures) or alone (in lists).
    keyed: bool,
}

impl Redactor {
    fn full(&self) -> bool {
        self.text.len() > MAX_RECORD
    }

    fn name(&mut self, member: &Member) {
        if !std::mem::replace(&mut self.first, false) {
            self.text.push(',');
        }
        if !self.keyed {
            self.string(member.name);
            self.text.push(':');
        }
    }

    fn string(&mut self, text: &str) {
        self.text.push('"');
        let (mut rest, cut) = text.split_at(text.floor_char_boundary(MAX_TEXT));
        // Everything between the characters that JSON escapes is copied as a whole.
        while let Some(at) = first_escaped(rest) {
            let (plain, special) = rest.split_at(at);
            self.text.push_str(plain);
            let mut special = special.chars();
            match special.next() {
                Some(c @ ('"' | '\\')) => self.text.extend(['\\', c]),
                Some(c) => {
                    let _ = write!(self.text, "\\u{:04x}", u32::from(c));
                }
                None => {}
            }
            rest = special.as_str();
        }
        self.text.push_str(rest);
        if !cut.is_empty() {
            self.text.push('…');
        }
        self.text.push('"');
    }

    fn plain(&mut self, member: &Member, value: std::fmt::Arguments<'_>) -> Visit {
        if !self.full() {
            self.name(member);
            if member.target.sensitive {
                self.text.push_str("\"***\"");
            } else {
                let _ = self.text.write_fmt(value);
            }
        }
        Ok(())
    }

    fn container(
        &mut self,
        member: &Member,
        brackets: (char, char),
        alone: bool,
        write: impl FnOnce(&mut Self) -> Visit,
    ) -> Visit {
        if self.full() {
            return Ok(());
        }
        self.name(member);
        if member.target.sensitive {
            self.text.push_str("\"***\"");
            return Ok(());
        }
        self.text.push(brackets.0);
        let keyed = std::mem::replace(&mut self.keyed, alone);
        self.first = true;
        let result = write(self);
        self.keyed = keyed;
        self.first = false;
        self.text.push(brackets.1);
        result
    }
}

impl ShapeSerializer for Redactor {
    fn write_struct(&mut self, member: &'static Member, value: &dyn Shape) -> Visit {
        self.container(member, ('{', '}'), false, |this| value.write_members(this))
    }

    fn write_list(
        &mut self,
        member: &'static Member,
        _: usize,
        elements: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.container(member, ('[', ']'), true, |this| elements(this))
    }

    fn write_map(
        &mut self,
        member: &'static Member,
        _: usize,
        entries: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit,
    ) -> Visit {
        self.container(member, ('{', '}'), false, |this| entries(this))
    }

    fn write_entry(&mut self, key: &str, value: &mut dyn FnMut(&mut dyn ShapeSerializer) -> Visit) -> Visit {
        if self.full() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.first, true) {
            self.text.push(',');
        }
        self.string(key);
        self.text.push(':');
        let keyed = std::mem::replace(&mut self.keyed, true);
        let result = value(self);
        self.keyed = keyed;
        self.first = false;
        result
    }

    fn write_bool(&mut self, member: &'static Member, value: bool) -> Visit {
        self.plain(member, format_args!("{value}"))
    }

    fn write_integer(&mut self, member: &'static Member, value: i64) -> Visit {
        self.plain(member, format_args!("{value}"))
    }

    fn write_float(&mut self, member: &'static Member, value: f64) -> Visit {
        if value.is_finite() {
            self.plain(member, format_args!("{value}"))
        } else {
            self.plain(member, format_args!("\"{value}\""))
        }
    }

    fn write_string(&mut self, member: &'static Member, value: &str) -> Visit {
        if self.full() {
            return Ok(());
        }
        self.name(member);
        self.string(if member.target.sensitive { "***" } else { value });
        Ok(())
    }

    fn write_blob(&mut self, member: &'static Member, value: &[u8]) -> Visit {
        self.plain(member, format_args!("\"<{} bytes>\"", value.len()))
    }

    fn write_timestamp(&mut self, member: &'static Member, value: Timestamp) -> Visit {
        self.plain(member, format_args!("{}", value.as_epoch()))
    }

    fn write_document(&mut self, member: &'static Member, _: &Document) -> Visit {
        self.plain(member, format_args!("\"<document>\""))
    }

    fn write_null(&mut self, member: &'static Member) -> Visit {
        self.plain(member, format_args!("null"))
    }

    fn write_stream(&mut self, member: &'static Member, _: &ByteStream) -> Visit {
        self.plain(member, format_args!("\"<stream>\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut redactor = Redactor { text: String::new(), first: true, keyed: false };
        redactor.string(text);
        redactor.text
    }

    #[test]
    fn texts_are_json_whatever_they_hold() {
        for text in ["", "plain", "a \"quoted\" \\ word", "\u{0}\n\u{7f}\u{85}", "grün €", "\"", "\\"] {
            assert_eq!(serde_json::from_str::<String>(&written(text)).unwrap(), text);
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(written(&"x".repeat(MAX_TEXT)), format!("\"{}\"", "x".repeat(MAX_TEXT)));
        let read = |text: &str| serde_json::from_str::<String>(&written(text)).unwrap();
        assert_eq!(read(&"x".repeat(MAX_TEXT + 1)), format!("{}…", "x".repeat(MAX_TEXT)));
        assert_eq!(read(&"€".repeat(MAX_TEXT)), format!("{}…", "€".repeat(MAX_TEXT / 3)));
        assert_eq!(read(&"\"".repeat(1000)), format!("{}…", "\"".repeat(MAX_TEXT)));
    }

    #[test]
    fn calls_of_one_caller_share_its_identity() {
        let recorder = Recorder::new(1);
        let first = recorder.identity("arn", "000000000000", "us-east-1");
        assert!(Arc::ptr_eq(&first, &recorder.identity("arn", "000000000000", "us-east-1")));
        let other = recorder.identity("arn", "000000000000", "eu-west-1");
        assert_eq!((other.caller.as_str(), other.region.as_str()), ("arn", "eu-west-1"));
        assert_eq!(recorder.identity("arn", "000000000000", "us-east-1"), first);
    }
}
