//! Moments in a filter line: as an age, or as a date and a time of day.

use chrono::{Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};

use crate::model::{Nanos, duration, time};

/// A moment that stands still, or one that slides along with the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    At(Nanos),
    /// So many nanoseconds ago.
    Ago(Nanos),
}

const EXPECTED: &str = "expected an age such as 15m, 2h or 1d, or a time such as 2026-11-22 or 2026-11-22T09:30";

impl Moment {
    /// Reads an age (`15m`, `1h30m`) or an ISO 8601 time: local unless it names a zone. A day means its beginning, or its `end`.
    pub(super) fn parse(text: &str, end: bool) -> Result<Self, String> {
        duration::parse(text)
            .map(Self::Ago)
            .or_else(|| absolute(text, end).map(Self::At))
            .ok_or_else(|| format!("{EXPECTED}, found {text:?}"))
    }

    /// The moment, at `now`.
    pub(super) fn at(self, now: Nanos) -> Nanos {
        match self {
            Self::At(at) => at,
            Self::Ago(age) => now.saturating_sub(age),
        }
    }

    /// When the moment will have come to `start`; `None` if it stands still or has passed it.
    pub(super) fn reaches(self, start: Nanos, now: Nanos) -> Option<Nanos> {
        let Self::Ago(age) = self else { return None };
        start.checked_add(age)?.checked_add(1).filter(|at| *at > now)
    }
}

fn absolute(text: &str, end: bool) -> Option<Nanos> {
    let upper = text.to_ascii_uppercase();
    if let Ok(day) = NaiveDate::parse_from_str(&upper, "%Y-%m-%d") {
        let day = if end { day.succ_opt()? } else { day };
        return local(day.and_time(NaiveTime::MIN)).map(|start| start - Nanos::from(end));
    }
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    if let Some(naive) = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(&upper, form).ok()) {
        return local(naive);
    }
    time::parse(upper.as_bytes())
}

/// A local time. One that a change of clocks leaves out is the hour after; of two the first.
fn local(naive: NaiveDateTime) -> Option<Nanos> {
    let found = Local.from_local_datetime(&naive).earliest();
    let found = found.or_else(|| Local.from_local_datetime(&naive.checked_add_signed(TimeDelta::hours(1))?).earliest());
    found?.timestamp_nanos_opt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_times() {
        const MINUTE: Nanos = 60_000_000_000;
        let parse = |text| Moment::parse(text, false).ok();
        assert_eq!(parse("15m"), Some(Moment::Ago(15 * MINUTE)));
        assert_eq!(parse("1H30min"), Some(Moment::Ago(90 * MINUTE)));
        assert_eq!(parse("1d"), Some(Moment::Ago(24 * 60 * MINUTE)));
        assert_eq!(parse("2026-11-22T05:59:04z"), Some(Moment::At(1_795_327_144_000_000_000)));
        assert_eq!(parse("2026-11-22T07:59:04+02:00"), parse("2026-11-22T05:59:04Z"));
        let at = |text, end| Moment::parse(text, end).map(|moment| moment.at(0)).unwrap_or_default();
        assert_eq!(at("2026-11-22", true) + 1, at("2026-11-23", false));
        assert_eq!(at("2026-11-22T00:00", false), at("2026-11-22", false));
        assert_eq!(at("2026-11-22 09:30", false) - at("2026-11-22 09:29", false), MINUTE);
        for none in ["", "15", "m", "15x", "2026-13-01", "yesterday", "99999999999999999999d", "9999999999999y", "1h2"] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
