//! What conditions compare with: numbers, dates and networks as AWS writes them.

use std::cmp::Ordering;
use std::net::IpAddr;

/// A number: exact if it is whole, so that long identifiers are not rounded into each other.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    Whole(i64),
    Fraction(f64),
}

impl Number {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(whole) = text.parse() {
            return Some(Self::Whole(whole));
        }
        // Neither `inf` nor `nan`, which Rust reads as numbers.
        let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
        let number: f64 = text.parse().ok().filter(|number: &f64| plain && number.is_finite())?;
        Some(Self::Fraction(number))
    }

    pub(crate) fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(this), Self::Whole(other)) => Some(this.cmp(&other)),
            (this, other) => this.as_f64().partial_cmp(&other.as_f64()),
        }
    }

    fn as_f64(self) -> f64 {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "a fraction has no more digits to compare")]
            Self::Whole(whole) => whole as f64,
            Self::Fraction(fraction) => fraction,
        }
    }
}

/// A moment in nanoseconds since 1970: seconds as a number, or what ISO 8601 writes, in part or whole
/// (`2020`, `2020-04`, `2020-04-01`, `2020-04-01T10:00Z`, `2020-04-01T10:00:00.5+02:00`).
///
/// Four digits alone are a year.
pub(crate) fn read_date(text: &str) -> Option<i128> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && text.len() != 4 {
        return text.parse::<i64>().ok().map(|seconds| i128::from(seconds) * NANOSECONDS);
    }
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-');
    let year = number(parts.next()?, 1, 9)?;
    let month = parts.next().map_or(Some(1), |month| number(month, 1, 2))?;
    let day = parts.next().map_or(Some(1), |day| number(day, 1, 2))?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = days_since_1970(year, month, day) * 86_400;
    let nanoseconds = time.map_or(Some(0), read_time)?;
    Some(i128::from(seconds) * NANOSECONDS + nanoseconds)
}

const NANOSECONDS: i128 = 1_000_000_000;

fn number(text: &str, shortest: usize, longest: usize) -> Option<i64> {
    let fits = (shortest..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// Nanoseconds since midnight in UTC. Nothing at all is midnight.
fn read_time(text: &str) -> Option<i128> {
    let zone_at = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (time, zone) = text.split_at(zone_at);
    let offset = match zone {
        "" | "Z" | "z" => 0,
        zone => read_offset(zone)?,
    };
    if time.is_empty() {
        return Some(-i128::from(offset) * NANOSECONDS);
    }
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let fraction = match fraction.len() {
        0 => 0,
        1..=9 => number(&format!("{fraction:0<9}"), 9, 9)?,
        _ => return None,
    };
    let mut parts = time.splitn(3, ':');
    let hour = number(parts.next()?, 1, 2)?;
    let minute = parts.next().map_or(Some(0), |minute| number(minute, 1, 2))?;
    let second = parts.next().map_or(Some(0), |second| number(second, 1, 2))?;
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = hour * 3600 + minute * 60 + second - offset;
    Some(i128::from(seconds) * NANOSECONDS + i128::from(fraction))
}

/// Seconds east of Greenwich: `+02`, `+0200` or `+02:00`.
fn read_offset(zone: &str) -> Option<i64> {
    let (sign, digits) = zone.split_at_checked(1)?;
    let digits = digits.replace(':', "");
    let (hours, minutes) = digits.split_at_checked(2)?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 2, 2)? };
    let hours = number(hours, 2, 2)?;
    if hours > 23 || minutes > 59 {
        return None;
    }
    let seconds = hours * 3600 + minutes * 60;
    Some(if sign == "-" { -seconds } else { seconds })
}

/// Days from 1970-01-01 in the Gregorian calendar: years start in March, so that leap days end them.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// A range of IP addresses, written with a prefix length or as a single address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network {
    bits: u128,
    prefix: u32,
    width: u32,
}

impl Network {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (address, prefix) = match text.trim().split_once('/') {
            Some((address, prefix)) => (address, Some(number(prefix, 1, 3)?)),
            None => (text.trim(), None),
        };
        let (bits, width) = bits(address.parse().ok()?);
        let prefix = match prefix {
            Some(prefix) => u32::try_from(prefix).ok().filter(|prefix| *prefix <= width)?,
            None => width,
        };
        Some(Self { bits, prefix, width })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let (bits, width) = bits(address.to_canonical());
        width == self.width
            && (self.bits ^ bits).checked_shr(self.width - self.prefix).unwrap_or_default() == 0
    }
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_have_many_forms() {
        let seconds = |text: &str| read_date(text).map(|moment| moment / NANOSECONDS);
        assert_eq!(seconds("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(seconds("2020-04-01"), Some(1_585_699_200));
        assert_eq!(seconds("1585699200"), seconds("2020-04-01T00:00:00Z"));
        assert_eq!(seconds("2020-04"), seconds("2020-04-01"));
        assert_eq!(seconds("2020"), seconds("2020-01-01T00:00Z"));
        assert_eq!(seconds("2020-04-01T02:00:00+02:00"), Some(1_585_699_200));
        assert_eq!(seconds("2024-02-29T12:00:00Z"), Some(1_709_208_000));
        assert_eq!(
            read_date("2020-04-01T00:00:00.25Z").map(|moment| moment % NANOSECONDS),
            Some(250_000_000)
        );
        for wrong in ["", "x", "234-13", "2016-12-13t2:00:00.5+1", "9223372036854775808", "2020-01-01Tx"] {
            assert_eq!(read_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn networks_contain_addresses() {
        let contains =
            |network: &str, address: &str| Network::read(network).unwrap().contains(address.parse().unwrap());
        assert!(contains("203.0.113.0/24", "203.0.113.200"));
        assert!(!contains("203.0.113.0/24", "203.0.114.1"));
        assert!(contains("203.0.113.7", "203.0.113.7"));
        assert!(contains("0.0.0.0/0", "8.8.8.8"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("::/0", "2001:db8::1"));
        assert!(contains("203.0.113.0/24", "::ffff:203.0.113.9"));
        assert!(contains("2001:DB8:1234:5678::/64", "2001:db8:1234:5678::1"));
        for wrong in ["", "x", "1.2.3.4/33", "1.2.3.4/", "::/129", "1.2.3/8"] {
            assert!(Network::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_exact_where_they_can_be() {
        let compare = |one: &str, other: &str| Number::read(one)?.compare(Number::read(other)?);
        assert_eq!(compare("10", "10.0"), Some(Ordering::Equal));
        assert_eq!(compare("9007199254740993", "9007199254740992"), Some(Ordering::Greater));
        assert_eq!(compare("9", "10"), Some(Ordering::Less));
        assert_eq!(compare("nan", "1"), None);
        assert_eq!(compare("abc", "1"), None);
    }
}
