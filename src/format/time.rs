//! Formats durations, ages and moments. Moments are nanoseconds since the Unix epoch in UTC; only the results are in local time.

use chrono::{DateTime, Datelike, Local, TimeZone, Utc};

use super::UNKNOWN;

/// The one form of a date with a time.
const DATE_TIME: &str = "%Y-%m-%d %H:%M:%S";

const MICRO: u64 = 1_000;
const MILLI: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// Formats a final duration in nanoseconds in at most 6 cells, rounded: `850µs`, `9.7ms`, `97ms`, `1.29s`, `59.9s`, `2m05s`, `1h02m`,
/// `3d04h`, `120d`, `3y`. A negative one, left by a clock that jumped, is [`UNKNOWN`].
#[must_use]
pub fn duration(nanos: i64) -> String {
    let Ok(nanos) = u64::try_from(nanos) else { return UNKNOWN.to_owned() };
    // Each limit is where rounding would reach the next unit.
    match nanos {
        0 => "0ms".to_owned(),
        1..MICRO => format!("{nanos}ns"),
        MICRO..999_500 => format!("{}µs", rounded(nanos, MICRO)),
        999_500..9_950_000 => decimal(rounded(nanos, MILLI / 10), 10, 1, "ms"),
        9_950_000..999_500_000 => format!("{}ms", rounded(nanos, MILLI)),
        999_500_000..9_995_000_000 => decimal(rounded(nanos, SECOND / 100), 100, 2, "s"),
        9_995_000_000..59_950_000_000 => decimal(rounded(nanos, SECOND / 10), 10, 1, "s"),
        _ => long(nanos, true),
    }
}

/// Formats a duration like [`duration`], with `≥` if it is a lower bound.
#[must_use]
pub fn duration_at_least(nanos: i64, is_bound: bool) -> String {
    format!("{}{}", if is_bound { "≥" } else { "" }, duration(nanos))
}

/// Formats a duration like [`duration_at_least`]; an unknown one is [`UNKNOWN`](super::UNKNOWN).
#[must_use]
pub fn duration_if_known(nanos: Option<i64>, is_bound: bool) -> String {
    nanos.map_or_else(|| super::UNKNOWN.to_owned(), |nanos| duration_at_least(nanos, is_bound))
}

/// Formats a round duration in nanoseconds without its zeros: `200ms`, `5s`, `2m`, `1h`.
#[must_use]
pub fn round_duration(nanos: i64) -> String {
    let text = duration(nanos);
    for (long, short) in [(".00s", "s"), (".0s", "s"), (".0ms", "ms"), ("m00s", "m"), ("h00m", "h"), ("d00h", "d")] {
        if let Some(number) = text.strip_suffix(long) {
            return format!("{number}{short}");
        }
    }
    text
}

/// Formats a running duration in nanoseconds in at most 6 cells, truncated so that it never runs ahead: `3.2s`, `59.9s`, `2m05s`, `1h02m`.
/// A negative one is `0.0s`.
#[must_use]
pub fn clock(nanos: i64) -> String {
    let nanos = u64::try_from(nanos).unwrap_or_default();
    if nanos < MINUTE * SECOND { decimal(nanos / (SECOND / 10), 10, 1, "s") } else { long(nanos, false) }
}

/// Formats an age in nanoseconds in at most 4 cells: `now`, `3s`, `5m`, `2h`, `4d`, `2y`. A negative one is `now`.
#[must_use]
pub fn age(nanos: i64) -> String {
    match u64::try_from(nanos).unwrap_or_default() / SECOND {
        0 => "now".to_owned(),
        seconds @ 1..MINUTE => format!("{seconds}s"),
        seconds @ MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 1000 * DAY => format!("{}d", seconds / DAY),
        seconds => format!("{}y", seconds / YEAR),
    }
}

/// Formats the local time of day: `14:03:07`.
#[must_use]
pub fn time_of_day(nanos: i64) -> String {
    time_of_day_in(&Local, nanos)
}

/// Formats the local time of day with milliseconds: `14:03:07.042`.
#[must_use]
pub fn time_of_day_millis(nanos: i64) -> String {
    local(&Local, nanos).format("%H:%M:%S%.3f").to_string()
}

/// Formats a moment in local time with its date: `2026-06-21 14:03:07`.
#[must_use]
pub fn date_time(nanos: i64) -> String {
    local(&Local, nanos).format(DATE_TIME).to_string()
}

/// Formats a moment in local time: `14:03:07` on the day of `now`, else `2026-06-21 14:03:07`.
#[must_use]
pub fn moment(nanos: i64, now: i64) -> String {
    moment_in(&Local, nanos, now)
}

/// Formats a moment in local time in at most `cells` cells, 8 or more: `14:03:07` on the day of `now`, `06-21 14:03` or `06-21` in its
/// year, else `2025-06-21` or `2025-06`.
#[must_use]
pub fn short_moment(nanos: i64, now: i64, cells: usize) -> String {
    short_moment_in(&Local, nanos, now, cells)
}

/// Whether two moments are on the same day in local time.
#[must_use]
pub fn is_same_day(nanos: i64, other: i64) -> bool {
    local(&Local, nanos).date() == local(&Local, other).date()
}

/// Formats a moment in UTC according to RFC 3339: `2026-07-21T07:28:34.000000001Z`.
#[must_use]
pub fn rfc3339(nanos: i64) -> String {
    DateTime::from_timestamp_nanos(nanos).format("%Y-%m-%dT%H:%M:%S%.9fZ").to_string()
}

fn time_of_day_in<Z: TimeZone>(zone: &Z, nanos: i64) -> String {
    local(zone, nanos).format("%H:%M:%S").to_string()
}

fn moment_in<Z: TimeZone>(zone: &Z, nanos: i64, now: i64) -> String {
    let (then, now) = (local(zone, nanos), local(zone, now));
    let pattern = if then.date() == now.date() { "%H:%M:%S" } else { DATE_TIME };
    then.format(pattern).to_string()
}

fn short_moment_in<Z: TimeZone>(zone: &Z, nanos: i64, now: i64, cells: usize) -> String {
    let (then, now) = (local(zone, nanos), local(zone, now));
    let pattern = match (then.date() == now.date(), then.year() == now.year()) {
        (true, _) => "%H:%M:%S",
        (_, true) if cells >= 11 => "%m-%d %H:%M",
        (_, true) => "%m-%d",
        _ if cells >= 10 => "%Y-%m-%d",
        _ => "%Y-%m",
    };
    then.format(pattern).to_string()
}

fn local<Z: TimeZone>(zone: &Z, nanos: i64) -> chrono::NaiveDateTime {
    let utc: DateTime<Utc> = DateTime::from_timestamp_nanos(nanos);
    utc.with_timezone(zone).naive_local()
}

fn rounded(nanos: u64, unit: u64) -> u64 {
    (nanos + unit / 2) / unit
}

fn decimal(n: u64, scale: u64, digits: usize, unit: &str) -> String {
    format!("{}.{:0digits$}{unit}", n / scale, n % scale)
}

/// Formats a minute or more in two units, rounded or truncated to the second one.
fn long(nanos: u64, round: bool) -> String {
    let in_unit = |unit: u64| {
        let unit = unit * SECOND;
        if round { rounded(nanos, unit) } else { nanos / unit }
    };
    let (seconds, minutes, hours, days) = (in_unit(1), in_unit(MINUTE), in_unit(HOUR), in_unit(DAY));
    if seconds < HOUR {
        format!("{}m{:02}s", seconds / 60, seconds % 60)
    } else if minutes < DAY / MINUTE {
        format!("{}h{:02}m", minutes / 60, minutes % 60)
    } else if hours < 100 * 24 {
        format!("{}d{:02}h", hours / 24, hours % 24)
    } else if days < 1000 {
        format!("{days}d")
    } else {
        format!("{}y", days / 365)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::FixedOffset;
    use proptest::prelude::*;

    use super::{age, clock, duration, moment_in, rfc3339, short_moment_in, time_of_day_in};
    use crate::format::width;

    const S: i64 = 1_000_000_000;

    #[test]
    fn durations_never_round_into_the_next_unit() {
        for (nanos, text) in [
            (0, "0ms"),
            (1, "1ns"),
            (999, "999ns"),
            (1_000, "1µs"),
            (850_000, "850µs"),
            (999_499, "999µs"),
            (999_500, "1.0ms"),
            (9_949_999, "9.9ms"),
            (9_950_000, "10ms"),
            (97_000_000, "97ms"),
            (999_499_999, "999ms"),
            (999_500_000, "1.00s"),
            (1_290_000_000, "1.29s"),
            (9_994_999_999, "9.99s"),
            (9_995_000_000, "10.0s"),
            (59_949_999_999, "59.9s"),
            (59_950_000_000, "1m00s"),
            (125 * S, "2m05s"),
            (3599 * S + S / 2 - 1, "59m59s"),
            (3599 * S + S / 2, "1h00m"),
            (3_720 * S, "1h02m"),
            (86_369 * S, "23h59m"),
            (86_370 * S, "1d00h"),
            (76 * 3600 * S, "3d04h"),
            (100 * 86_400 * S, "100d"),
            (1_000 * 86_400 * S, "2y"),
            (i64::MAX, "292y"),
            (-1, "–"),
            (i64::MIN, "–"),
        ] {
            assert_eq!(duration(nanos), text, "{nanos}");
        }
    }

    #[test]
    fn round_durations_have_no_zeros() {
        let cases =
            [(S / 500, "2ms"), (S / 5, "200ms"), (5 * S, "5s"), (20 * S, "20s"), (120 * S, "2m"), (3600 * S, "1h"), (172_800 * S, "2d")];
        assert_eq!(cases.map(|(nanos, _)| super::round_duration(nanos)), cases.map(|(_, text)| text));
        assert_eq!(super::round_duration(S + S / 20), "1.05s");
    }

    #[test]
    fn running_durations_never_run_ahead() {
        for (nanos, text) in [
            (i64::MIN, "0.0s"),
            (0, "0.0s"),
            (3_299_999_999, "3.2s"),
            (60 * S - 1, "59.9s"),
            (60 * S, "1m00s"),
            (3600 * S - 1, "59m59s"),
            (3_779 * S, "1h02m"),
            (86_400 * S - 1, "23h59m"),
            (i64::MAX, "292y"),
        ] {
            assert_eq!(clock(nanos), text, "{nanos}");
        }
    }

    #[test]
    fn ages_are_a_number_and_a_unit() {
        for (nanos, text) in [
            (i64::MIN, "now"),
            (S - 1, "now"),
            (3 * S, "3s"),
            (59 * S, "59s"),
            (5 * 60 * S, "5m"),
            (2 * 3600 * S, "2h"),
            (4 * 86_400 * S, "4d"),
            (999 * 86_400 * S, "999d"),
            (1000 * 86_400 * S, "2y"),
            (i64::MAX, "292y"),
        ] {
            assert_eq!(age(nanos), text, "{nanos}");
        }
    }

    #[test]
    fn moments_are_as_short_as_the_day_allows() {
        let zone = FixedOffset::east_opt(2 * 3600).unwrap();
        let now = 1_784_618_914 * S; // 2026-07-21T07:28:34Z
        assert_eq!(time_of_day_in(&zone, now), "09:28:34");
        assert_eq!(moment_in(&zone, now - 3600 * S, now), "08:28:34");
        assert_eq!(moment_in(&zone, now - 10 * 3600 * S, now), "2026-07-20 23:28:34");
        assert_eq!(moment_in(&zone, now - 365 * 86_400 * S, now), "2025-07-21 09:28:34");
        for (before, wide, narrow) in
            [(3600, "08:28:34", "08:28:34"), (10 * 3600, "07-20 23:28", "07-20"), (365 * 86_400, "2025-07-21", "2025-07")]
        {
            let short = |cells| short_moment_in(&zone, now - before * S, now, cells);
            assert_eq!((short(12).as_str(), short(8).as_str()), (wide, narrow));
        }
    }

    #[test]
    fn the_full_form_keeps_every_nanosecond() {
        assert_eq!(rfc3339(1_784_618_914 * S + 1), "2026-07-21T07:28:34.000000001Z");
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999999999Z");
        assert_eq!(rfc3339(i64::MIN), "1677-09-21T00:12:43.145224192Z");
        assert_eq!(rfc3339(i64::MAX), "2262-04-11T23:47:16.854775807Z");
    }

    proptest! {
        #[test]
        fn results_fit_their_cells(nanos in any::<i64>(), shift in 0_u32..63) {
            let nanos = nanos >> shift;
            prop_assert!(width(&duration(nanos)) <= 6);
            prop_assert!(width(&clock(nanos)) <= 6);
            prop_assert!(width(&age(nanos)) <= 4);
        }
    }
}
