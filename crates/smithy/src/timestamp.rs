//! Points in time, and the three ways in which AWS writes them.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;

use crate::schema::TimestampFormat;

/// A point in time with nanosecond precision, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, rounded down.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
}

const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
const HTTP_DATE_FRACTION: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second].[subsecond] GMT"
);

// Nearly every answer carries a time. Formats that are read anew for each of them take thousands of instructions.

/// Appends a number with at least two digits.
fn two(text: &mut String, number: u32) {
    text.extend([number / 10, number].map(|digit| char::from(b'0' + (digit % 10) as u8)));
}

/// Appends a year with at least four digits.
fn four(text: &mut String, year: i32) {
    match u32::try_from(year) {
        Ok(year @ ..=9999) => {
            two(text, year / 100);
            two(text, year % 100);
        }
        _ => text.push_str(&format!("{year:04}")),
    }
}

/// `hour:minute:second`
fn time_of_day(text: &mut String, t: OffsetDateTime) {
    let (hour, minute, second) = t.to_hms();
    two(text, hour.into());
    text.push(':');
    two(text, minute.into());
    text.push(':');
    two(text, second.into());
}

/// RFC 9110, section 5.6.7.
fn http_date(t: OffsetDateTime) -> String {
    const DAYS: [&str; 7] = ["Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, "];
    const MONTHS: [&str; 12] = [
        " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ", " Oct ", " Nov ",
        " Dec ",
    ];
    let date = t.date();
    let mut text = String::with_capacity(32);
    text.push_str(
        DAYS.get(usize::from(date.weekday().number_days_from_sunday())).copied().unwrap_or_default(),
    );
    two(&mut text, date.day().into());
    text.push_str(MONTHS.get(usize::from(u8::from(date.month())) - 1).copied().unwrap_or_default());
    four(&mut text, date.year());
    text.push(' ');
    time_of_day(&mut text, t);
    text.push_str(" GMT");
    text
}

/// RFC 3339, with milliseconds where there are any.
fn date_time(t: OffsetDateTime, millis: u32) -> String {
    let date = t.date();
    let mut text = String::with_capacity(32);
    four(&mut text, date.year());
    text.push('-');
    two(&mut text, u8::from(date.month()).into());
    text.push('-');
    two(&mut text, date.day().into());
    text.push('T');
    time_of_day(&mut text, t);
    if millis > 0 {
        text.push('.');
        two(&mut text, millis / 10);
        text.push(char::from(b'0' + (millis % 10) as u8));
    }
    text.push('Z');
    text
}

impl Timestamp {
    /// From whole seconds since 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self { seconds, nanos: 0 }
    }

    /// From milliseconds since 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self { seconds: millis.div_euclid(1000), nanos: (millis.rem_euclid(1000) * 1_000_000) as u32 }
    }

    /// Milliseconds since 1970, rounded down.
    pub const fn as_millis(&self) -> i64 {
        self.seconds.saturating_mul(1000).saturating_add((self.nanos / 1_000_000) as i64)
    }

    /// From seconds since 1970 with a fraction, rounded to microseconds (a double holds no more
    /// for today's dates). `None` if it is no number or out of range.
    pub fn from_epoch(seconds: f64) -> Option<Self> {
        if !seconds.is_finite() || seconds.abs() > 253_402_300_800.0 {
            return None;
        }
        let micros = (seconds * 1e6).round() as i64;
        Some(Self {
            seconds: micros.div_euclid(1_000_000),
            nanos: (micros.rem_euclid(1_000_000) * 1000) as u32,
        })
    }

    /// Seconds since 1970 with a fraction.
    pub fn as_epoch(&self) -> f64 {
        self.seconds as f64 + f64::from(self.nanos) / 1e9
    }

    /// The date and the time of day; fractions are left out.
    fn date_time(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp(self.seconds).ok()
    }

    /// The text in `format`. Fractions are written only when there are any, in milliseconds for
    /// dates (as AWS writes them). A time beyond the year 9999 is written as seconds.
    pub fn format(&self, format: TimestampFormat) -> String {
        let text = match format {
            TimestampFormat::EpochSeconds => None,
            TimestampFormat::HttpDate => self.date_time().map(http_date),
            TimestampFormat::DateTime => self.date_time().map(|t| date_time(t, self.nanos / 1_000_000)),
        };
        text.unwrap_or_else(|| {
            if self.nanos == 0 { self.seconds.to_string() } else { self.as_epoch().to_string() }
        })
    }

    /// Reads `text` in `format`. Dates may carry an offset and a fraction, HTTP dates a fraction.
    pub fn parse(text: &str, format: TimestampFormat) -> Option<Self> {
        let from = |t: OffsetDateTime| Self { seconds: t.unix_timestamp(), nanos: t.nanosecond() };
        match format {
            TimestampFormat::EpochSeconds => text.parse().ok().and_then(Self::from_epoch),
            // The parser takes any separator; AWS takes `T` only.
            TimestampFormat::DateTime => Some(text)
                .filter(|text| matches!(text.as_bytes().get(10), Some(b'T' | b't')))
                .and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok())
                .map(from),
            TimestampFormat::HttpDate => OffsetDateTime::parse(text, &Rfc2822).ok().map(from).or_else(|| {
                time::PrimitiveDateTime::parse(text, HTTP_DATE_FRACTION)
                    .or_else(|_| time::PrimitiveDateTime::parse(text, HTTP_DATE))
                    .ok()
                    .map(|t| from(t.assume_utc()))
            }),
        }
    }

    /// Reads `text` in whichever of the three formats it is.
    pub fn parse_any(text: &str) -> Option<Self> {
        [TimestampFormat::DateTime, TimestampFormat::HttpDate, TimestampFormat::EpochSeconds]
            .into_iter()
            .find_map(|format| Self::parse(text, format))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn dates_are_written_as_their_formats_say(seconds in -62_135_596_800_i64..253_402_300_800, millis in 0_u32..1000) {
            let time = Timestamp { seconds, nanos: millis * 1_000_000 };
            let t = time.date_time().unwrap();
            prop_assert_eq!(time.format(TimestampFormat::HttpDate), t.format(HTTP_DATE).unwrap());
            let text = time.format(TimestampFormat::DateTime);
            prop_assert_eq!(Timestamp::parse(&text, TimestampFormat::DateTime), Some(time));
            prop_assert_eq!(text.len(), if millis == 0 { 20 } else { 24 });
        }
    }

    #[test]
    fn fractions_are_milliseconds() {
        let text = |millis| Timestamp::from_millis(millis).format(TimestampFormat::DateTime);
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_700_000_000_007), "2023-11-14T22:13:20.007Z");
        assert_eq!(text(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(
            Timestamp::from_seconds(784_111_777).format(TimestampFormat::HttpDate),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
        assert_eq!(
            Timestamp::from_seconds(253_402_300_800).format(TimestampFormat::HttpDate),
            "253402300800"
        );
    }
}
