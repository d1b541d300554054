//! Searches the payloads of a whole database, one slice at a time, so that a writer waits no longer than for any other read.
//!
//! The query is an SQL function, so that SQLite returns only the rows that match.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Statement;
use rusqlite::functions::FunctionFlags;

use super::Tables;
use super::access::{Database, TimeSlice};
use super::error::Error;
use super::rows::bytes;
use super::schema::{bounds, check};
use crate::model::{PayloadQuery, PayloadRef, SpanId};
use crate::sources::agno_row::{self, Hits, hit};
use crate::sources::sql::identifier;
use crate::sources::{Progress, Search};

/// How long a slice takes before other requests are handled.
const SLICE_TIME: Duration = Duration::from_millis(25);
/// How long a transaction may block the writer; twice as long while another reader is still reading.
const BLOCKING_TIME: Duration = Duration::from_millis(4);
/// The rows between two readings of the clock.
const CLOCK_ROWS: u32 = 32;
/// The least row ids in a part.
const MIN_PART: i64 = 32_768;
/// The most parts of a table, because there may be large gaps between row ids.
const MAX_PARTS: i64 = 128;

/// The condition on the start time. A time in another format than Agno's passes; the receiver of the hits checks it again. The unary `+`
/// prevents the use of an index on the time, which would return rows in another order.
const TIME_CONDITION: &str = "(+start_time NOT GLOB '????-??-??T??:??:??*+00:00' OR (+start_time >= ?3 AND +start_time < ?4)) AND";

/// The row ids from the first up to, not including, the second.
pub(super) type Part = (i64, i64);

/// A running search.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// The oldest row to search; `None` for all.
    oldest: Option<i64>,
    /// All row ids to search; `None` before the first slice.
    range: Option<Part>,
    /// The parts being searched in parallel, the newer rows first.
    pub(super) parts: Vec<Part>,
    /// The rows below this id are searched afterwards.
    below: i64,
    /// The hits in the older part, until the newer one is searched.
    held_back: Hits,
}

impl Scan {
    /// Creates a search of the rows from `oldest` on.
    pub(super) fn new(search: Search, oldest: Option<i64>) -> Self {
        Self { search, oldest, range: None, parts: Vec::new(), below: 0, held_back: Hits::new() }
    }

    /// Returns the progress in row ids.
    pub(super) fn progress(&self) -> Progress {
        let Some(range) = self.range else { return Progress { done: 0, total: 1 } };
        let rows = |(from, before): Part| u64::try_from(before.saturating_sub(from)).unwrap_or(0);
        let remaining = self.parts.iter().copied().map(rows).fold(rows((range.0, self.below)), u64::saturating_add);
        Progress { done: rows(range).saturating_sub(remaining), total: rows(range) }
    }

    /// Whether all rows are searched.
    #[cfg(test)]
    fn is_done(&self) -> bool {
        let Progress { done, total } = self.progress();
        done >= total
    }

    /// Whether the range of row ids is known.
    pub(super) fn has_begun(&self) -> bool {
        self.range.is_some()
    }

    /// Reads the range of row ids.
    pub(super) fn begin(&mut self, database: &Database, tables: &Tables) -> Result<(), Error> {
        check(&database.connection, tables)?;
        let range = bounds(&database.connection, tables)?
            .map(|(lowest, highest)| (self.oldest.unwrap_or(lowest).clamp(lowest, highest), highest.saturating_add(1)));
        let (from, before) = range.unwrap_or_default();
        (self.range, self.below) = (Some((from, before)), before);
        self.next_parts();
        Ok(())
    }

    /// Adds the hits in the parts, each with the row id down to which it was searched. Returns the hits to report: those in the older part
    /// only after the newer one is searched.
    pub(super) fn add(&mut self, newer: (Hits, i64), older: Option<(Hits, i64)>) -> Hits {
        let (mut hits, row) = newer;
        let (older_hits, older_row) = older.unzip();
        self.held_back.extend(older_hits.unwrap_or_default());
        if self.parts.first().is_none_or(|(from, _)| row <= *from) {
            hits.append(&mut self.held_back);
        }
        self.set_reached(&[Some(row), older_row].into_iter().flatten().collect::<Vec<_>>());
        hits
    }

    /// Records that the parts were searched down to these rows.
    fn set_reached(&mut self, rows: &[i64]) {
        self.parts.iter_mut().zip(rows).for_each(|((_, before), reached)| *before = *reached);
        self.parts.retain(|(from, before)| from < before);
        self.next_parts();
    }

    fn next_parts(&mut self) {
        let Some((lowest, highest)) = self.range.filter(|_| self.parts.is_empty()) else { return };
        let size = (highest.saturating_sub(lowest) / MAX_PARTS).max(MIN_PART);
        for _ in 0..2 {
            let from = self.below.saturating_sub(size).max(lowest);
            self.parts.extend((from < self.below).then_some((from, self.below)));
            self.below = from;
        }
    }
}

/// Tells when a transaction has taken too long. It is asked for each row.
#[derive(Debug)]
struct Clock {
    slice: TimeSlice,
    /// When the transaction began, and how long it may take.
    transaction: Mutex<(Instant, Duration)>,
    rows: AtomicU32,
    is_late: AtomicBool,
}

impl Clock {
    fn new(slice: TimeSlice) -> Self {
        Self { slice, transaction: Mutex::new((Instant::now(), Duration::MAX)), rows: AtomicU32::new(0), is_late: AtomicBool::new(false) }
    }

    /// Starts the clock for a transaction with a time limit.
    fn start(&self, limit: Duration) {
        *self.transaction.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), limit);
        self.rows.store(0, Relaxed);
        self.is_late.store(false, Relaxed);
    }

    fn is_late(&self) -> bool {
        let reads_clock = self.rows.fetch_add(1, Relaxed) % CLOCK_ROWS == CLOCK_ROWS - 1;
        if reads_clock {
            let (begun, limit) = *self.transaction.lock().unwrap_or_else(PoisonError::into_inner);
            self.is_late.store(self.slice.is_over(begun.elapsed(), limit), Relaxed);
        }
        self.is_late.load(Relaxed)
    }
}

/// Searches a part for the time of a slice. Also returns the row id down to which it has searched.
pub(super) fn slice(database: &Database, tables: &Tables, search: &Search, (from, before): Part) -> Result<(Hits, i64), Error> {
    let connection = &database.connection;
    check(connection, tables)?;
    let (begun, clock) = (Instant::now(), Arc::new(Clock::new(database.time_slice())));
    let (row_clock, query) = (clock.clone(), search.query.clone());
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("agno_top_is_late", 0, flags, move |_| Ok(row_clock.is_late()))?;
    connection.create_scalar_function("agno_top_holds", 2, flags, move |values| {
        Ok(query.matches_json(&bytes(values.get_raw(0)), &bytes(values.get_raw(1))))
    })?;
    let time_condition = if search.since.is_some() || search.until.is_some() { TIME_CONDITION } else { "" };
    let sql = format!(
        "SELECT rowid, span_id, trace_id FROM {} WHERE rowid < ?1 AND rowid >= ?2 \
         AND (agno_top_is_late() OR ({time_condition} agno_top_holds(attributes, status_message))) ORDER BY rowid DESC",
        identifier(&tables.spans)
    );
    let mut statement = connection.prepare(&sql)?;
    statement.raw_bind_parameter(2, from)?;
    if !time_condition.is_empty() {
        let since = search.since.map_or_else(String::new, |at| agno_row::second(at, false));
        let until = search.until.map_or_else(|| "~".to_owned(), |at| agno_row::second(at, true));
        statement.raw_bind_parameter(3, since)?;
        statement.raw_bind_parameter(4, until)?;
    }
    let (mut hits, mut reached) = (Hits::new(), before);
    loop {
        statement.raw_bind_parameter(1, reached)?;
        clock.start(if database.blocks_writer { BLOCKING_TIME } else { SLICE_TIME });
        reached = search_rows(&mut statement, &clock, &mut hits)?.unwrap_or(from);
        if reached <= from || begun.elapsed() > SLICE_TIME || database.renew().is_err() {
            return Ok((hits, reached));
        }
    }
}

/// Searches until the clock runs out, and then returns the row id down to which it has searched.
fn search_rows(statement: &mut Statement<'_>, clock: &Clock, hits: &mut Hits) -> Result<Option<i64>, Error> {
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        if clock.is_late.load(Relaxed) {
            // This row was not searched.
            return Ok(Some(row.get::<_, i64>(0)?.saturating_add(1)));
        }
        hits.extend(hit(&bytes(row.get_ref(2)?), &bytes(row.get_ref(1)?)));
    }
    Ok(None)
}

/// Searches the payloads of some spans.
pub(super) fn check_rows(
    database: &Database,
    tables: &Tables,
    spans: &[(PayloadRef, SpanId)],
    query: &PayloadQuery,
) -> Result<Hits, Error> {
    check(&database.connection, tables)?;
    let columns = format!("SELECT trace_id, attributes, status_message FROM {}", identifier(&tables.spans));
    let mut by_id = database.connection.prepare(&format!("{columns} WHERE span_id = ?1"))?;
    let mut hits = Hits::new();
    for (_, span) in spans {
        let id = span.to_string();
        let mut rows = by_id.query([&id])?;
        if let Some(row) = rows.next()?
            && query.matches_json(&bytes(row.get_ref(1)?), &bytes(row.get_ref(2)?))
        {
            hits.extend(hit(&bytes(row.get_ref(0)?), id.as_bytes()));
        }
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_row_is_searched_once_newest_parts_first(
            lowest in -1i64 << 40..1 << 40,
            rows in prop_oneof![1..100_000i64, 1..1i64 << 62],
            shares in prop::collection::vec((1..=4i64, 1..=4i64), 1..5),
        ) {
            let search = Search { ticket: 1, query: Arc::default(), since: None, until: None };
            let mut scan = Scan::new(search, None);
            let range = (lowest, lowest.saturating_add(rows));
            (scan.range, scan.below) = (Some(range), range.1);
            scan.next_parts();
            let mut searched = Vec::new();
            for shares in shares.iter().cycle().take(10_000) {
                let at = |share: i64, (from, before): Part| if share == 4 || before - from < 100 { from } else { before - (before - from) / 4 * share };
                let rows: Vec<i64> = scan.parts.iter().zip([shares.0, shares.1]).map(|(part, share)| at(share, *part)).collect();
                searched.extend(scan.parts.iter().zip(&rows).map(|((_, before), reached)| (*reached, *before)));
                let before = scan.progress().done;
                scan.set_reached(&rows);
                prop_assert!(scan.progress().done > before);
                if scan.is_done() {
                    break;
                }
            }
            prop_assert!(scan.is_done() && scan.parts.is_empty());
            searched.sort_unstable();
            prop_assert_eq!((searched[0].0, searched[searched.len() - 1].1), range);
            prop_assert!(searched.windows(2).all(|pair| pair[0].1 == pair[1].0));
        }
    }
}
