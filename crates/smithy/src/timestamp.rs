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

    fn date_time(&self) -> Option<OffsetDateTime> {
        let nanos = i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos);
        OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()
    }

    /// The text in `format`. Fractions are written only when there are any, in milliseconds for
    /// dates (as AWS writes them). A time beyond the year 9999 is written as seconds.
    pub fn format(&self, format: TimestampFormat) -> String {
        let text = match format {
            TimestampFormat::EpochSeconds => None,
            TimestampFormat::HttpDate => self.date_time().and_then(|t| t.format(HTTP_DATE).ok()),
            TimestampFormat::DateTime => self.date_time().map(|t| {
                let date = t.date();
                let (hour, minute, second) = t.to_hms();
                let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
                let millis = self.nanos / 1_000_000;
                if millis == 0 {
                    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
                } else {
                    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
                }
            }),
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
