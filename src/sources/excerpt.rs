//! A part of a database: the traces of some ids or of some time, instead of everything.
//!
//! A trace's numbers may depend on others that ran at the same time: two programs may report one call. So a part is whole traces, and of a
//! time *all* traces with a span that ran in it. The statements here find their ids with the indexes that Agno creates. They hold for
//! SQLite and PostgreSQL. A table that they may not answer truthfully, such as one with times of several zones, is refused: the reader
//! then reads everything.
//!
//! What they rely on: a span is stored after it ended, by a clock that agrees with its own within [`MARGIN`]; and of a time in the past, that
//! a span that ran into it began up to [`LOOK_BACK`] earlier.

use std::collections::HashSet;

use super::agno_row::{day_before, second};
use super::sql::literal;
use crate::model::{Nanos, TraceId};

/// The columns whose indexes the statements need.
pub(super) const INDEXED: [&str; 3] = ["trace_id", "start_time", "created_at"];

/// The most rows of a time. More are read faster in the order of the table.
const MAX_ROWS: u64 = 262_144;
/// The most rows before a time of which is asked whether they ran on. Few did, and only those are read.
const MAX_EARLIER: u64 = 1_048_576;
/// The most rows that are examined for times in other formats.
const MAX_EXAMINED: u64 = 16_384;
/// The most traces whose ids begin alike; more identify none.
const MAX_ALIKE: u64 = 64;
/// By how much clocks may differ.
const MARGIN: Nanos = 10 * SECOND;
/// How long before a time in the past the spans began that ran into it.
const LOOK_BACK: Nanos = 3600 * SECOND;
const SECOND: Nanos = 1_000_000_000;
/// The most traces before a time in a session.
pub(super) const BEFORE: usize = 8;
/// The length of a trace id.
const DIGITS: usize = 32;
/// The format of Agno's times.
const FORMAT: &str = "____-__-__T__:__:__%+00:00";

/// Which traces to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those whose ids begin so, in lower case.
    Ids(Vec<String>),
    /// Those whose ids come right before and after these.
    Beside(Vec<TraceId>),
    /// Those with a span that ran between two times, or since the first.
    Period(Nanos, Option<Nanos>),
    /// Those with a span that ran since the start of the `n`th newest span; all if there are fewer.
    Newest(u64),
    /// The last ones of each session that began before a time, at most as many as `BEFORE` says.
    Sessions(Vec<(String, Nanos)>),
    /// Those with a span for each of these. Few databases can tell.
    Holding {
        /// What the spans hold.
        held: Vec<Held>,
        /// Only traces with a span that began then or later need be read.
        since: Option<Nanos>,
        /// Only traces with a span that began then or earlier need be read.
        until: Option<Nanos>,
    },
}

/// What a database looks for in a span. It finds too much rather than too little: what a span means is decided where all of its trace is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// One of these texts in the name or the content (ignoring case). They have no characters that are special in patterns.
    Texts(Vec<String>),
    /// What tells a failure: the status, an exception, a finish reason.
    Failure,
}

/// The statements that find traces.
pub(super) struct Plan {
    /// Refuse the table if one returns a row.
    pub(super) guards: Vec<String>,
    /// Return ids of traces as text, some several times, or null.
    pub(super) ids: Vec<String>,
}

impl Plan {
    /// Returns the statements for the table of spans and that of traces, whose names are quoted; `None` if none tell.
    pub(super) fn new(table: &str, traces: &str, wanted: &Wanted) -> Option<Self> {
        match wanted {
            Wanted::Ids(prefixes) => Some(Self { guards: Vec::new(), ids: prefixes.iter().flat_map(|id| alike(table, id)).collect() }),
            Wanted::Beside(ids) => Some(Self { guards: Vec::new(), ids: ids.iter().map(|id| beside(table, *id)).collect() }),
            Wanted::Period(from, to) => period(table, *from, *to),
            Wanted::Sessions(sessions) => {
                let ids: Option<Vec<String>> = sessions.iter().map(|(session, time)| in_session(traces, session, *time)).collect();
                Some(Self { guards: Vec::new(), ids: ids? })
            }
            Wanted::Newest(_) | Wanted::Holding { .. } => None,
        }
    }
}

/// Returns a statement for the start of the `n`th newest span, as text.
pub(super) fn nth_newest(table: &str, n: u64) -> String {
    let skipped = n.saturating_sub(1);
    format!(
        "SELECT CAST(span.start_time AS text) FROM {table} AS span WHERE span.start_time IS NOT NULL \
         ORDER BY span.start_time DESC LIMIT 1 OFFSET {skipped}"
    )
}

/// Returns a statement for the oldest start, as text; null if there is no span.
pub(super) fn oldest(table: &str) -> String {
    format!("SELECT CAST(min(start_time) AS text) FROM {table}")
}

/// Returns a statement that returns a row if no id or time leads to some span.
pub(super) fn has_lost(table: &str) -> String {
    format!("SELECT 1 FROM {table} WHERE start_time IS NULL OR trace_id IS NULL OR trace_id <> CAST(trace_id AS text) LIMIT 1")
}

/// Returns the ids as they may be written in the table.
pub(super) fn spellings(ids: &[String]) -> Vec<String> {
    let spellings = ids.iter().flat_map(|id| [id.clone(), id.to_ascii_lowercase(), id.to_ascii_uppercase()]);
    spellings.collect::<HashSet<_>>().into_iter().collect()
}

fn alike(table: &str, prefix: &str) -> Vec<String> {
    let between = |prefix: &str, last: char| {
        let pad = |digit: char| literal(&format!("{prefix}{}", digit.to_string().repeat(DIGITS.saturating_sub(prefix.len()))));
        let (lowest, highest) = (pad('0'), pad(last));
        format!(
            "SELECT DISTINCT CAST(trace_id AS text) FROM {table} WHERE trace_id >= {lowest} AND trace_id <= {highest} LIMIT {MAX_ALIKE}"
        )
    };
    vec![between(prefix, 'f'), between(&prefix.to_ascii_uppercase(), 'F')]
}

fn beside(table: &str, id: TraceId) -> String {
    let id = literal(&id.to_string());
    format!(
        "SELECT CAST(max(trace_id) AS text) FROM {table} WHERE trace_id < {id} \
         UNION ALL SELECT CAST(min(trace_id) AS text) FROM {table} WHERE trace_id > {id}"
    )
}

fn in_session(traces: &str, session: &str, time: Nanos) -> Option<String> {
    let until = Some(second(time, true)).filter(|text| !text.is_empty())?;
    let (session, until) = (literal(session), literal(&until));
    Some(format!(
        "SELECT CAST(trace_id AS text) FROM {traces} WHERE session_id = {session} AND start_time < {until} ORDER BY start_time DESC LIMIT {BEFORE}"
    ))
}

fn period(table: &str, from: Nanos, to: Option<Nanos>) -> Option<Plan> {
    let at = |time: Nanos, next| Some(second(time, next)).filter(|text| !text.is_empty());
    let from = from.saturating_sub(MARGIN);
    let since = literal(&at(from, false)?);
    let until = match to {
        Some(to) => format!(" AND start_time < {}", literal(&at(to.saturating_add(MARGIN), true)?)),
        None => String::new(),
    };
    // A time in another format or zone stands up to a day away from its place. The nearest ones before are examined, too.
    let day = literal(&day_before(from)?);
    let other_format = |column: &str, until: &str| {
        format!(
            "SELECT 1 FROM (SELECT {column} AS time FROM {table} WHERE {column} >= {day}{until} ORDER BY {column} DESC \
             LIMIT {MAX_EXAMINED}) AS times WHERE time NOT LIKE '{FORMAT}' LIMIT 1"
        )
    };
    let more_than = |rows: u64, condition: &str| format!("SELECT 1 FROM {table} WHERE {condition} LIMIT 1 OFFSET {rows}");
    let began = format!("start_time >= {since}{until}");
    let mut guards = vec![more_than(MAX_ROWS, &began), other_format("start_time", &until)];
    // What began before and ran on. The concatenation keeps the database from using the index on the start.
    let earlier = if to.is_none() {
        let stored = format!("created_at >= {since}");
        guards.extend([more_than(MAX_EARLIER, &stored), other_format("created_at", "")]);
        format!("{stored} AND (start_time || '') < {since}")
    } else {
        let look_back = literal(&at(from.saturating_sub(LOOK_BACK), false)?);
        let began = format!("start_time >= {look_back} AND start_time < {since}");
        guards.push(more_than(MAX_EARLIER, &began));
        began
    };
    let ids = |condition: &str| format!("SELECT DISTINCT CAST(trace_id AS text) FROM {table} WHERE {condition}");
    Some(Plan { guards, ids: vec![ids(&began), ids(&format!("{earlier} AND end_time >= {since}"))] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_compared_as_agno_writes_times() {
        let from = 1_795_327_154_000_000_000;
        let plan = Plan::new("t", "traces", &Wanted::Period(from, None)).unwrap();
        assert!(plan.ids[0].ends_with("WHERE start_time >= '2026-11-22T05:59:04'"), "{}", plan.ids[0]);
        let plan = Plan::new("t", "traces", &Wanted::Period(from, Some(from))).unwrap();
        assert!(plan.ids[0].ends_with("start_time >= '2026-11-22T05:59:04' AND start_time < '2026-11-22T05:59:25'"), "{}", plan.ids[0]);
        assert!(plan.ids[1].contains("start_time >= '2026-11-22T04:59:04'"), "{}", plan.ids[1]);
    }

    #[test]
    fn ids_are_found_in_either_case() {
        let plan = Plan::new("t", "traces", &Wanted::Ids(vec!["ab".to_owned()])).unwrap();
        let ends: Vec<String> = ["0", "f"].map(|digit| format!("'ab{}'", digit.repeat(30))).to_vec();
        assert!(ends.iter().all(|end| plan.ids[0].contains(end)) && plan.ids[1].contains("'ABFFF"), "{:?}", plan.ids);
        assert_eq!(spellings(&["Ab".to_owned(), "12".to_owned()]).len(), 4);
    }
}
