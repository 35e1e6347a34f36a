//! Points and stretches of time. No clock here: `now` is a parameter everywhere below the server.

use std::fmt;
use std::time::Duration;

/// Nanoseconds since 1970-01-01 UTC, negative before. Range: years 1678 to 2262.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The earliest time.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest time, also used as "for ever".
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// From milliseconds since 1970; saturates at the ends of the range.
    pub const fn from_millis(millis: i64) -> Timestamp {
        Timestamp(millis.saturating_mul(1_000_000))
    }

    /// How long after `earlier`; zero if it is not after.
    pub fn saturating_since(self, earlier: Timestamp) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0).max(0) as u64)
    }

    /// Reads `2026-11-20`, `2026-11-20T10:00`, `2026-11-20T10:00:05.25` with `Z`, an offset such as
    /// `+02:00`, or nothing (UTC) behind it; a space may stand for the `T`. A day that its month does
    /// not have is an error, and so is a leap second, which this count of time has no room for.
    pub fn parse(text: &str) -> Result<Timestamp, TimestampError> {
        parse(text).ok_or_else(|| TimestampError { text: text.into() })
    }
}

/// A text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a time such as 2026-11-20T10:00:00Z")]
pub struct TimestampError {
    /// What was given.
    pub text: String,
}

impl fmt::Display for Timestamp {
    /// ISO 8601 in UTC, with as many decimals as are needed in steps of three.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000));
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match nanos {
            0 => write!(f, "Z"),
            n if n % 1_000_000 == 0 => write!(f, ".{:03}Z", n / 1_000_000),
            n if n % 1_000 == 0 => write!(f, ".{:06}Z", n / 1_000),
            n => write!(f, ".{n:09}Z"),
        }
    }
}

/// A stretch of time, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant after it.
    pub to: Timestamp,
}

impl Interval {
    /// Always.
    pub const ALWAYS: Interval = Interval { from: Timestamp::MIN, to: Timestamp::MAX };

    /// Whether `at` lies inside. `Timestamp::MAX` lies inside every interval without an end.
    pub fn contains(self, at: Timestamp) -> bool {
        self.from <= at && (at < self.to || self.to == Timestamp::MAX)
    }
}

impl Default for Interval {
    fn default() -> Self {
        Interval::ALWAYS
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let (date, rest) = (text.get(..10)?, text.get(10..)?);
    let days = days_from_civil(parse_date(date)?);
    let behind = rest.strip_prefix(['T', ' ', 't']);
    let (clock, offset_seconds) = split_offset(behind.unwrap_or(rest))?;
    let (seconds, nanos) = match clock {
        "" => (0, 0),
        // "2026-11-2010:00" is a slip of the hand.
        _ if behind.is_none() => return None,
        clock => parse_clock(clock)?,
    };
    let total = days * 86_400 + seconds - offset_seconds;
    total.checked_mul(1_000_000_000)?.checked_add(nanos).map(Timestamp)
}

/// Year, month and day of `2026-02-28`; `None` as well if the month has no such day.
fn parse_date(date: &str) -> Option<(i64, i64, i64)> {
    let (year, rest) = date.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    if [year.len(), month.len(), day.len()] != [4, 2, 2] {
        return None;
    }
    let date = (number(year)?, number(month)?, number(day)?);
    // A day that does not exist would be counted on into the next month.
    (civil_from_days(days_from_civil(date)) == date).then_some(date)
}

fn split_offset(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let digits: String = clock[at + 1..].chars().filter(|c| *c != ':').collect();
    let hours = number(digits.get(..2)?).filter(|hours| *hours < 24)?;
    let minutes = if digits.len() > 2 { number(digits.get(2..)?)? } else { 0 };
    if minutes > 59 {
        return None;
    }
    let sign = if clock.as_bytes()[at] == b'-' { -1 } else { 1 };
    Some((&clock[..at], sign * (hours * 3600 + minutes * 60)))
}

fn parse_clock(clock: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut fields = whole.split(':');
    let (hour, minute) = (number(fields.next()?)?, number(fields.next()?)?);
    let second = fields.next().map_or(Some(0), number)?;
    if hour > 23 || minute > 59 || second > 59 || fields.next().is_some() || fraction.len() > 9 {
        return None;
    }
    let nanos = if fraction.is_empty() {
        0
    } else {
        number(fraction)? * 10_i64.pow(9 - fraction.len() as u32)
    };
    Some((hour * 3600 + minute * 60 + second, nanos))
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Days since 1970-01-01 of a date of the Gregorian calendar.
fn days_from_civil((year, month, day): (i64, i64, i64)) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_survives_printing_and_reading() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2023-01-29T08:43:15.250Z",
            "1969-12-31T23:59:59.000000001Z",
            "2024-02-29T12:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn zones_are_taken_off_and_short_forms_are_read() {
        let utc = Timestamp::parse("2026-11-20T10:00:00Z").unwrap();
        for text in ["2026-11-20T12:00:00+02:00", "2026-11-20 10:00", "2026-11-20T05:00:00-0500"] {
            assert_eq!(Timestamp::parse(text).unwrap(), utc, "{text}");
        }
    }

    #[test]
    fn nonsense_is_an_error_that_shows_it() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-20T25:00",
            "2026-11-20T10:00+25:00",
            "2026-02-29",
            "2026-02-31T10:00Z",
            "2100-02-29",
            "2026-04-31",
            "2026-00-10",
            "2026-01-00",
            "2026-1-020",
            "2026-11-20T10:00:60Z",
            "2026-11-2010:00",
            "2026-11-20T10:00+00123456789012345678",
            "99999-01-01",
            "2026-11-2\u{e9}T10:00",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }
}
