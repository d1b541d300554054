//! Times in a filter line: ages, days of the calendar, and dates.

use std::cell::Cell;

use chrono::{Local, NaiveDate, NaiveDateTime, Weekday};

use super::error::ParseErrorKind;
use crate::model::calendar::{self, Unit, Which};
use crate::model::{Nanos, duration, nearest, time};

/// A bound for the start of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeBound {
    /// A fixed time.
    At(Nanos),
    /// An age in nanoseconds.
    Ago(Nanos),
    /// The start of days of the local calendar, or their end if the second value is true.
    Calendar(Days, bool),
}

/// Days of the local calendar, seen from the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Days {
    /// The day, the week or the month that holds the present.
    This(Unit),
    Yesterday,
    /// The last such day, which may be today.
    Last(Weekday),
}

/// Words for days. Names of weekdays may be cut to three letters.
const WORDS: [(&str, Days); 11] = [
    ("today", Days::This(Unit::Day)),
    ("yesterday", Days::Yesterday),
    ("week", Days::This(Unit::Week)),
    ("month", Days::This(Unit::Month)),
    ("monday", Days::Last(Weekday::Mon)),
    ("tuesday", Days::Last(Weekday::Tue)),
    ("wednesday", Days::Last(Weekday::Wed)),
    ("thursday", Days::Last(Weekday::Thu)),
    ("friday", Days::Last(Weekday::Fri)),
    ("saturday", Days::Last(Weekday::Sat)),
    ("sunday", Days::Last(Weekday::Sun)),
];

/// The words for days, to complete them.
pub const DAY_WORDS: [&str; WORDS.len()] = {
    let mut words = [""; WORDS.len()];
    let mut at = 0;
    while at < WORDS.len() {
        words[at] = WORDS[at].0;
        at += 1;
    }
    words
};

const EXPECTED: &str = "an age (15m, 1d), a day (today, monday, week) or a time (2026-11-22, 2026-11-22T09:30)";

impl TimeBound {
    /// Parses an age (`15m`, `1h30m`), a word for days (`today`, `monday`, `week`) or an ISO 8601 time, which is local unless it has an offset.
    /// A date and a word mean the start of the day, the week or the month, or its end if `is_end`.
    pub(super) fn parse(text: &str, is_end: bool) -> Result<Self, ParseErrorKind> {
        duration::parse(text)
            .map(Self::Ago)
            .or_else(|| word(text).map(|days| Self::Calendar(days, is_end)))
            .or_else(|| absolute(text, is_end).map(Self::At))
            .ok_or_else(|| match nearest(text, WORDS.iter().map(|(word, _)| *word)) {
                Some(suggestion) => ParseErrorKind::UnknownDay { found: text.to_owned(), suggestion },
                None => ParseErrorKind::unexpected(EXPECTED, text),
            })
    }

    /// Returns the time of the bound at `now`.
    pub(super) fn at(self, now: Nanos) -> Nanos {
        match self {
            Self::At(at) => at,
            Self::Ago(age) => now.saturating_sub(age),
            Self::Calendar(days, is_end) => resolve(days, is_end, now).at,
        }
    }

    /// Returns when the bound may pass `start`; `None` if it is fixed or has passed it.
    pub(super) fn passes(self, start: Nanos, now: Nanos) -> Option<Nanos> {
        match self {
            Self::At(_) => None,
            Self::Ago(age) => start.checked_add(age)?.checked_add(1).filter(|at| *at > now),
            Self::Calendar(days, is_end) => {
                let resolved = resolve(days, is_end, now);
                (start >= resolved.at && resolved.until > now).then_some(resolved.until)
            }
        }
    }
}

fn word(text: &str) -> Option<Days> {
    let named = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, days)| *days);
    named.or_else(|| text.parse().ok().map(Days::Last))
}

/// A bound on a day.
#[derive(Clone, Copy)]
struct Resolved {
    bound: (Days, bool),
    at: Nanos,
    /// The day: the bound holds for every time in it.
    from: Nanos,
    until: Nanos,
}

thread_local! {
    /// The last results: a filter asks for the same bounds for each row, and the calendar is slow.
    static RESOLVED: Cell<[Option<Resolved>; 2]> = const { Cell::new([None; 2]) };
}

fn resolve(days: Days, is_end: bool, now: Nanos) -> Resolved {
    let mut known = RESOLVED.get();
    let slot = &mut known[usize::from(is_end)];
    if let Some(known) = slot.filter(|known| known.bound == (days, is_end) && (known.from..known.until).contains(&now)) {
        return known;
    }
    let resolved = resolve_slowly(days, is_end, now);
    *slot = Some(resolved);
    RESOLVED.set(known);
    resolved
}

fn resolve_slowly(days: Days, is_end: bool, now: Nanos) -> Resolved {
    let today = calendar::day_of(now);
    let next = |day: NaiveDate| day.succ_opt().unwrap_or(day);
    let first = match days {
        Days::This(_) => Some(today),
        Days::Yesterday => today.pred_opt(),
        Days::Last(weekday) => {
            std::iter::successors(Some(today), NaiveDate::pred_opt).take(7).find(|day| chrono::Datelike::weekday(day) == weekday)
        }
    };
    let unit = if let Days::This(unit) = days { unit } else { Unit::Day };
    let (first, after) = first.and_then(|day| calendar::days_of(unit, day)).unwrap_or((today, next(today)));
    let start = |day| calendar::start_of_day(day);
    // At the ends of time, days have no start.
    let at = if is_end { start(after).map_or(Nanos::MAX, |after| after - 1) } else { start(first).unwrap_or(Nanos::MIN) };
    let (from, until) = (start(today).unwrap_or(Nanos::MIN), start(next(today)).unwrap_or(Nanos::MAX));
    Resolved { bound: (days, is_end), at, from, until }
}

fn absolute(text: &str, is_end: bool) -> Option<Nanos> {
    let upper = text.to_ascii_uppercase();
    if let Ok(day) = NaiveDate::parse_from_str(&upper, "%Y-%m-%d") {
        let day = if is_end { day.succ_opt()? } else { day };
        return calendar::start_of_day(day).map(|start| start - Nanos::from(is_end));
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    if let Some(naive) = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(&upper, format).ok()) {
        // A period holds both times of an hour that is repeated.
        let which = if is_end { Which::Last } else { Which::First };
        return calendar::from_naive(&Local, naive, which)?.timestamp_nanos_opt();
    }
    time::parse(upper.as_bytes())
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
        for text in ["", "15", "m", "15x", "2026-13-01", "yesterdayy", "days", "99999999999999999999d", "9999999999999y", "1h2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn words_mean_days_of_the_calendar() {
        // A Sunday in November 2026; local noon is on the same day in every zone.
        let noon = TimeBound::parse("2026-11-22T12:00", false).unwrap().at(0);
        let at = |text, is_end, now| TimeBound::parse(text, is_end).unwrap().at(now);
        for (word, first, last) in [
            ("today", "2026-11-22", "2026-11-22"),
            ("Yesterday", "2026-11-21", "2026-11-21"),
            ("sunday", "2026-11-22", "2026-11-22"),
            ("monday", "2026-11-16", "2026-11-16"),
            ("SAT", "2026-11-21", "2026-11-21"),
            ("week", "2026-11-16", "2026-11-22"),
            ("month", "2026-11-01", "2026-11-30"),
        ] {
            assert_eq!(at(word, false, noon), at(first, false, 0), "since:{word}");
            assert_eq!(at(word, true, noon), at(last, true, 0), "until:{word}");
        }
        let tomorrow = at("2026-11-23", false, 0);
        assert_eq!(at("today", false, tomorrow), tomorrow, "the words move with the clock");
        assert_eq!(at("today", false, tomorrow - 1), at("2026-11-22", false, 0));
        let today = TimeBound::parse("today", false).unwrap();
        assert_eq!(today.passes(noon, noon), Some(tomorrow));
        assert_eq!(today.passes(noon, tomorrow), None);
        assert!([Nanos::MIN, Nanos::MAX].into_iter().all(|now| at("week", false, now) <= now && at("week", true, now) >= now));
    }

    #[test]
    fn a_misspelled_word_has_a_suggestion() {
        let error = |text| TimeBound::parse(text, false).unwrap_err().to_string();
        assert_eq!(error("yesterdy"), "\"yesterdy\" is no time; did you mean yesterday?");
        assert!(error("soon").starts_with("expected an age (15m, 1d)"));
    }
}
