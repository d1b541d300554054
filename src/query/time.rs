//! Times in a filter line: ages and dates.

use chrono::{Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};

use super::error::ParseErrorKind;
use crate::model::{Nanos, duration, time};

/// A bound for the start of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeBound {
    /// A fixed time.
    At(Nanos),
    /// An age in nanoseconds.
    Ago(Nanos),
}

const EXPECTED: &str = "an age such as 15m, 2h or 1d, or a time such as 2026-11-22 or 2026-11-22T09:30";

impl TimeBound {
    /// Parses an age (`15m`, `1h30m`) or an ISO 8601 time, which is local unless it has an offset. A date means the start of the day, or its
    /// end if `is_end`.
    pub(super) fn parse(text: &str, is_end: bool) -> Result<Self, ParseErrorKind> {
        duration::parse(text)
            .map(Self::Ago)
            .or_else(|| absolute(text, is_end).map(Self::At))
            .ok_or_else(|| ParseErrorKind::unexpected(EXPECTED, text))
    }

    /// Returns the time of the bound at `now`.
    pub(super) fn at(self, now: Nanos) -> Nanos {
        match self {
            Self::At(at) => at,
            Self::Ago(age) => now.saturating_sub(age),
        }
    }

    /// Returns when an age will have passed `start`; `None` if the bound is fixed or has passed it.
    pub(super) fn passes(self, start: Nanos, now: Nanos) -> Option<Nanos> {
        let Self::Ago(age) = self else { return None };
        start.checked_add(age)?.checked_add(1).filter(|at| *at > now)
    }
}

fn absolute(text: &str, is_end: bool) -> Option<Nanos> {
    let upper = text.to_ascii_uppercase();
    if let Ok(day) = NaiveDate::parse_from_str(&upper, "%Y-%m-%d") {
        let day = if is_end { day.succ_opt()? } else { day };
        return local(day.and_time(NaiveTime::MIN)).map(|start| start - Nanos::from(is_end));
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    if let Some(naive) = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(&upper, format).ok()) {
        return local(naive);
    }
    time::parse(upper.as_bytes())
}

/// Converts a local time. A time skipped by a clock change means an hour later; an ambiguous one means the earlier time.
fn local(naive: NaiveDateTime) -> Option<Nanos> {
    let time = Local.from_local_datetime(&naive).earliest();
    let time = time.or_else(|| Local.from_local_datetime(&naive.checked_add_signed(TimeDelta::hours(1))?).earliest());
    time?.timestamp_nanos_opt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times_are_parsed() {
        const MINUTE: Nanos = 60_000_000_000;
        let parse = |text| TimeBound::parse(text, false).ok();
        assert_eq!(parse("15m"), Some(TimeBound::Ago(15 * MINUTE)));
        assert_eq!(parse("1H30min"), Some(TimeBound::Ago(90 * MINUTE)));
        assert_eq!(parse("1d"), Some(TimeBound::Ago(24 * 60 * MINUTE)));
        assert_eq!(parse("2026-11-22T05:59:04z"), Some(TimeBound::At(1_795_327_144_000_000_000)));
        assert_eq!(parse("2026-11-22T07:59:04+02:00"), parse("2026-11-22T05:59:04Z"));
        let at = |text, end| TimeBound::parse(text, end).map(|bound| bound.at(0)).unwrap_or_default();
        assert_eq!(at("2026-11-22", true) + 1, at("2026-11-23", false));
        assert_eq!(at("2026-11-22T00:00", false), at("2026-11-22", false));
        assert_eq!(at("2026-11-22 09:30", false) - at("2026-11-22 09:29", false), MINUTE);
        for text in ["", "15", "m", "15x", "2026-13-01", "yesterday", "99999999999999999999d", "9999999999999y", "1h2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
