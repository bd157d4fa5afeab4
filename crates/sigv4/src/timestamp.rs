//! The date forms of signed requests.

use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::{Date, Month, OffsetDateTime, Time, UtcOffset};

/// An instant of whole seconds in UTC, written `20130524T000000Z` (ISO 8601 basic format).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

impl Timestamp {
    /// `at`, in UTC and without its fraction of a second.
    pub fn new(at: OffsetDateTime) -> Self {
        let utc = at.to_offset(UtcOffset::UTC);
        Self(utc.replace_nanosecond(0).unwrap_or(utc))
    }

    /// Reads `YYYYMMDD'T'HHMMSS'Z'`, the only form that `X-Amz-Date` has.
    pub fn parse_basic(text: &str) -> Option<Self> {
        let [date @ .., b'T', h1, h2, m1, m2, s1, s2, b'Z'] = text.as_bytes() else { return None };
        let date = parse_date(std::str::from_utf8(date).ok()?)?;
        let time = Time::from_hms(two(*h1, *h2)?, two(*m1, *m2)?, two(*s1, *s2)?).ok()?;
        Some(Self(date.with_time(time).assume_utc()))
    }

    /// Reads the value of a `Date` header: basic, RFC 1123 or extended ISO 8601.
    pub fn parse_http(text: &str) -> Option<Self> {
        Self::parse_basic(text)
            .or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok().map(Self::new))
            .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(Self::new))
    }

    /// The instant.
    pub fn instant(self) -> OffsetDateTime {
        self.0
    }

    /// `20130524T000000Z`.
    pub fn basic(self) -> String {
        format!("{}T{:02}{:02}{:02}Z", self.day(), self.0.hour(), self.0.minute(), self.0.second())
    }

    /// `20130524`, the date of a credential scope.
    pub fn day(self) -> String {
        format!("{:04}{:02}{:02}", self.0.year(), u8::from(self.0.month()), self.0.day())
    }

    /// `2013-05-24T00:00:00Z`, as S3 writes times in error documents.
    pub fn extended(self) -> String {
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            self.0.year(),
            u8::from(self.0.month()),
            self.0.day(),
            self.0.hour(),
            self.0.minute(),
            self.0.second()
        )
    }
}

/// Reads `YYYYMMDD`.
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    let [y1, y2, y3, y4, m1, m2, d1, d2] = text.as_bytes() else { return None };
    let year = i32::from(two(*y1, *y2)?) * 100 + i32::from(two(*y3, *y4)?);
    let month = Month::try_from(two(*m1, *m2)?).ok()?;
    Date::from_calendar_date(year, month, two(*d1, *d2)?).ok()
}

fn two(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + (ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_name_the_same_instant() {
        let basic = Timestamp::parse_basic("20130524T000001Z").unwrap();
        assert_eq!(basic.basic(), "20130524T000001Z");
        assert_eq!(basic.extended(), "2013-05-24T00:00:01Z");
        for text in ["Fri, 24 May 2013 00:00:01 GMT", "2013-05-24T00:00:01Z", "2013-05-24T02:00:01.5+02:00"] {
            assert_eq!(Timestamp::parse_http(text), Some(basic), "{text}");
        }
    }

    #[test]
    fn impossible_dates_are_refused() {
        for text in
            ["", "20130524", "20131324T000000Z", "20130230T000000Z", "20130524T240000Z", "2013052aT000000Z"]
        {
            assert_eq!(Timestamp::parse_basic(text), None, "{text}");
        }
    }
}
