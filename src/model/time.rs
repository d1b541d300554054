//! Parsing ISO 8601 times, as Python's `datetime.isoformat()` and others write them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, Utc};

use super::Nanos;

const FORMATS: [&str; 3] = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y%m%dT%H%M%S%.f"];
const FORMATS_WITH_OFFSET: [&str; 3] = ["%Y-%m-%dT%H:%M:%S%.f %#z", "%Y-%m-%dT%H:%M %#z", "%Y%m%dT%H%M%S%.f %#z"];

/// Returns the current time.
#[must_use]
pub fn now() -> Nanos {
    Utc::now().timestamp_nanos_opt().unwrap_or_default()
}

/// Parses an ISO 8601 time; without an offset, it is UTC. Returns `None` if the text is not a time or outside the range of [`Nanos`], the
/// years 1677 to 2262.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Nanos> {
    parse_common(text).or_else(|| parse_any(std::str::from_utf8(text).ok()?))
}

/// Formats a time as Python's `datetime.isoformat()`: in UTC, with microseconds unless they are zero.
#[must_use]
pub fn to_isoformat(nanos: Nanos) -> String {
    let micros = nanos.div_euclid(1000);
    let fraction = if micros % 1_000_000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    DateTime::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(fraction, false)
}

/// Parses the most common format: `2026-11-22T05:59:04.229975+00:00`, with an optional fraction.
fn parse_common(text: &[u8]) -> Option<Nanos> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T' | b' ', h0, h1, b':', i0, i1, b':', s0, s1] = *date_time else { return None };
    let year = i64::from(two_digits(y0, y1)?) * 100 + i64::from(two_digits(y2, y3)?);
    let (month, day, hour, minute, second) =
        (two_digits(m0, m1)?, two_digits(d0, d1)?, two_digits(h0, h1)?, two_digits(i0, i1)?, two_digits(s0, s1)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let seconds = days_since_epoch(year, month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - offset(zone)?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// Parses two digits.
fn two_digits(high: u8, low: u8) -> Option<u32> {
    (high.is_ascii_digit() && low.is_ascii_digit()).then(|| u32::from(high - b'0') * 10 + u32::from(low - b'0'))
}

/// Parses an optional fraction such as `.229975`. Returns nanoseconds and the text after it. Digits beyond the ninth are dropped.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let end = digits.iter().position(|b| !b.is_ascii_digit()).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(end);
    if digits.is_empty() {
        return None;
    }
    let nanos = (0..9).fold(0, |sum, i| sum * 10 + digits.get(i).map_or(0, |d| i64::from(d - b'0')));
    Some((nanos, rest))
}

/// Returns the seconds by which a zone is ahead of UTC.
fn offset(zone: &[u8]) -> Option<i64> {
    match *zone {
        [] | [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let (hours, minutes) = (two_digits(h0, h1)?, two_digits(m0, m1)?);
            let seconds = i64::from(hours * 3600 + minutes * 60);
            (hours < 24 && minutes < 60).then_some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn days_in(year: i64, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Returns the days since 1970-01-01. Years begin on March 1, so that the leap day is the last day of a year.
fn days_since_epoch(year: i64, month: u32, day: u32) -> i64 {
    let (month, day) = (i64::from(month), i64::from(day));
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Parses all other formats with `chrono`.
fn parse_any(text: &str) -> Option<Nanos> {
    let text = text.trim();
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let with_t = text.split_at_checked(10).and_then(|(date, time)| Some(format!("{date}T{}", time.strip_prefix(' ')?)));
    let text = with_t.as_deref().unwrap_or(text);
    let naive = || FORMATS.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0);
    let zoned = || FORMATS_WITH_OFFSET.iter().find_map(|format| DateTime::parse_from_str(text, format).ok());
    let utc = naive().or_else(date).map(|time| time.and_utc()).or_else(|| zoned().map(|time| time.to_utc()))?;
    utc.timestamp_nanos_opt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::{FixedOffset, TimeZone};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn common_formats_are_parsed() {
        let second = 1_795_327_144_000_000_000;
        for (text, nanos) in [
            ("2026-11-22T05:59:04.229975+00:00", second + 229_975_000),
            ("2026-11-22T05:59:04+00:00", second),
            ("2026-11-22T05:59:04Z", second),
            ("2026-11-22 05:59:04", second),
            ("2026-11-22T05:59:04.5", second + 500_000_000),
            ("2026-11-22T07:59:04.123456789999+02:00", second + 123_456_789),
            ("2026-11-22T05:59:04 +0000", second),
            ("20261122T055904Z", second),
            (" 2026-11-22T05:59:04+00 ", second),
            ("2026-11-22", second - (5 * 3600 + 59 * 60 + 4) * 1_000_000_000),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000_000),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(nanos), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "xyz",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T05:59:04+99:00",
            "2026-11-22T05:59:04.Z",
            "9999-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "2026-11-22T05:59:04+00:00x",
            "1795327144",
            "2026-11-22T05:59:04\0",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse(b"\xff\xfe"), None);
    }

    #[test]
    fn microseconds_are_omitted_if_zero() {
        assert_eq!(to_isoformat(0), "1970-01-01T00:00:00+00:00");
        assert_eq!(to_isoformat(1_500_999), "1970-01-01T00:00:00.001500+00:00");
        assert_eq!(to_isoformat(-1), "1969-12-31T23:59:59.999999+00:00");
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(nanos in any::<i64>(), minutes in -1439..1440, digits in 0..4) {
            let form = [SecondsFormat::Secs, SecondsFormat::Millis, SecondsFormat::Micros, SecondsFormat::Nanos][digits as usize];
            let zone = FixedOffset::east_opt(minutes * 60).unwrap();
            let text = zone.timestamp_nanos(nanos).to_rfc3339_opts(form, false);
            let expected = DateTime::parse_from_rfc3339(&text).unwrap().timestamp_nanos_opt();
            prop_assert_eq!(parse(text.as_bytes()), expected);
            prop_assert_eq!(parse_common(text.as_bytes()), expected);
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "[0-9T:+.Z -]{0,40}") {
            let _ = parse(text.as_bytes());
        }

        #[test]
        fn the_common_format_agrees_with_chrono(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-6][0-9])",
        ) {
            prop_assert_eq!(parse_common(text.as_bytes()), DateTime::parse_from_rfc3339(&text).ok().and_then(|t| t.timestamp_nanos_opt()));
        }
    }
}
