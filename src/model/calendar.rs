//! Days, weeks, months and hours of a time zone.

use chrono::{
    DateTime, Datelike, Days, FixedOffset, Local, Months, NaiveDate, NaiveDateTime, NaiveTime, Offset, SecondsFormat, TimeDelta, TimeZone,
    Timelike,
};

use super::Nanos;

/// The most seconds between a local time and the same time in UTC, and more than any clock change skips.
const LONGEST_OFFSET: i64 = 2 * 86_400;

/// A unit of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// An hour of the local clock. Where a clock change repeats an hour, both are different.
    Hour,
    /// A day.
    Day,
    /// A week, which begins on Monday.
    Week,
    /// A month.
    Month,
}

/// A period of the local calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its start.
    pub at: Nanos,
    /// Its name: `2026-11-22`, `2026-11`, `2026-11-22 05:00 +01:00`.
    pub name: String,
    /// Its start as text, according to RFC 3339, with the offset of the zone.
    pub start: String,
    /// The offset of the zone at its start: `UTC`, `+01:00`.
    pub offset: String,
}

/// Which of two times that a clock change gives the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The first.
    First,
    /// The last.
    Last,
}

/// Converts a time of a zone. A time skipped by a clock change means the moment of the change.
#[must_use]
pub fn from_naive<Z: TimeZone>(zone: &Z, naive: NaiveDateTime, which: Which) -> Option<DateTime<Z>> {
    let at = |naive: NaiveDateTime| {
        let times = zone.from_local_datetime(&naive);
        // For zones given as a rule, chrono has both in the wrong order.
        let (one, other) = (times.clone().earliest()?, times.latest()?);
        Some(if (one <= other) == (which == Which::First) { one } else { other })
    };
    at(naive).or_else(|| after_gap(zone, naive))
}

/// Returns the first moment after a time that a clock change skips.
fn after_gap<Z: TimeZone>(zone: &Z, skipped: NaiveDateTime) -> Option<DateTime<Z>> {
    // No offset, and no gap, is longer than about a day.
    let (mut before, mut after) = (-LONGEST_OFFSET, LONGEST_OFFSET);
    let at = |seconds| Some(zone.from_utc_datetime(&skipped.checked_add_signed(TimeDelta::seconds(seconds))?));
    while after - before > 1 {
        let middle = i64::midpoint(before, after);
        let is_before = at(middle)?.naive_local() < skipped;
        *(if is_before { &mut before } else { &mut after }) = middle;
    }
    // Clocks change at full seconds, whatever the fraction of the skipped time.
    at(after)?.with_nanosecond(0)
}

/// Returns the start of the day in local time.
#[must_use]
pub fn start_of_day(day: NaiveDate) -> Option<Nanos> {
    from_naive(&Local, day.and_time(NaiveTime::MIN), Which::First)?.timestamp_nanos_opt()
}

/// Returns the local day of a time.
#[must_use]
pub fn day_of(at: Nanos) -> NaiveDate {
    DateTime::from_timestamp_nanos(at).with_timezone(&Local).date_naive()
}

/// Returns the first day of the unit that holds `day`, and the first day after it.
#[must_use]
pub fn days_of(unit: Unit, day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    match unit {
        Unit::Hour | Unit::Day => Some((day, day.succ_opt()?)),
        Unit::Week => {
            let first = day.checked_sub_days(Days::new(day.weekday().num_days_from_monday().into()))?;
            Some((first, first.checked_add_days(Days::new(7))?))
        }
        Unit::Month => {
            let first = day.with_day(1)?;
            Some((first, first.checked_add_months(Months::new(1))?))
        }
    }
}

/// Returns the period of local time that holds `at`.
#[must_use]
pub fn period(unit: Unit, at: Nanos) -> Period {
    period_in(&Local, unit, at)
}

fn period_in<Z: TimeZone>(zone: &Z, unit: Unit, at: Nanos) -> Period {
    let local = DateTime::from_timestamp_nanos(at).with_timezone(zone);
    let (naive, offset) = (local.naive_local(), local.offset().fix());
    let (start, format) = if unit == Unit::Hour {
        let hour = naive.with_minute(0).and_then(|hour| hour.with_second(0)?.with_nanosecond(0));
        (hour.and_then(|hour| hour.and_local_timezone(offset).earliest()), "%Y-%m-%d %H:%M")
    } else {
        let first = days_of(unit, naive.date()).and_then(|(first, _)| from_naive(zone, first.and_time(NaiveTime::MIN), Which::First));
        (first.map(|first| first.with_timezone(&first.offset().fix())), if unit == Unit::Month { "%Y-%m" } else { "%Y-%m-%d" })
    };
    let start = start.unwrap_or_else(|| local.with_timezone(&offset));
    let (name, offset) = (start.format(format).to_string(), offset_name(*start.offset()));
    let name = if unit == Unit::Hour { format!("{name} {offset}") } else { name };
    let at = start.timestamp_nanos_opt().unwrap_or(at);
    Period { at, name, start: start.to_rfc3339_opts(SecondsFormat::Secs, true), offset }
}

fn offset_name(offset: FixedOffset) -> String {
    if offset.local_minus_utc() == 0 { "UTC".to_owned() } else { offset.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn periods_have_sortable_names_and_the_start_in_their_zone() {
        let zone = FixedOffset::east_opt(5400).unwrap();
        let at = 1_795_327_144_000_000_000;
        let names = [Unit::Hour, Unit::Day, Unit::Week, Unit::Month].map(|unit| period_in(&zone, unit, at));
        assert_eq!(names.each_ref().map(|period| &*period.name), ["2026-11-22 07:00 +01:30", "2026-11-22", "2026-11-16", "2026-11"]);
        assert_eq!(
            names.each_ref().map(|period| &*period.start),
            ["2026-11-22T07:00:00+01:30", "2026-11-22T00:00:00+01:30", "2026-11-16T00:00:00+01:30", "2026-11-01T00:00:00+01:30"]
        );
        assert_eq!(period_in(&chrono::Utc, Unit::Day, at).start, "2026-11-22T00:00:00Z");
        assert_eq!(period_in(&chrono::Utc, Unit::Hour, at).name, "2026-11-22 05:00 UTC");
    }

    #[test]
    fn units_begin_and_end_on_days() {
        let day = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        let days = |unit| days_of(unit, day).map(|(first, after)| (first.to_string(), after.to_string())).unwrap();
        assert_eq!(days(Unit::Week), ("2026-12-28".into(), "2027-01-04".into()));
        assert_eq!(days(Unit::Month), ("2026-12-01".into(), "2027-01-01".into()));
        assert_eq!(days(Unit::Day), ("2026-12-31".into(), "2027-01-01".into()));
    }

    #[test]
    fn the_ends_of_time_are_in_a_period() {
        for at in [Nanos::MIN, -1, 0, Nanos::MAX] {
            for unit in [Unit::Hour, Unit::Day, Unit::Week, Unit::Month] {
                assert!(!period(unit, at).name.is_empty());
            }
        }
    }
}
