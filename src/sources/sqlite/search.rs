//! A search through the payloads of a whole database: the probe is a function of the statement's, so that SQLite hands out nothing but
//! what is found. It goes a slice at a time, so that the database's writer waits no longer than for any other look.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

use rusqlite::Statement;
use rusqlite::functions::FunctionFlags;

use super::Tables;
use super::access::{Database, Turn};
use super::error::Error;
use super::rows::bytes;
use super::schema::{check, quoted};
use crate::model::{PayloadQuery, PayloadRef, SpanId, TraceId};
use crate::sources::{Progress, Search, agno_row};

/// How long a search goes on before other things are looked after.
const VISIT: Duration = Duration::from_millis(25);
/// How long the writer may have to wait for it; twice as long while another reader is held up.
const BLOCKING: Duration = Duration::from_millis(4);
/// Rows that are looked at between two looks at the clock.
const STRETCH: u32 = 32;
/// Row ids of a part, at least.
const PART: i64 = 32_768;
/// Parts of a whole table, at most: row ids may lie far apart.
const PARTS: i64 = 128;

/// What keeps spans out that began too early or too late. A time that is not written as Agno writes it is let through: whoever asked
/// looks at it again. The signs keep an index on the time out of it, which would hand the rows out in another order.
const BOUNDED: &str = "(+start_time NOT GLOB '????-??-??T??:??:??*+00:00' OR (+start_time >= ?3 AND +start_time < ?4)) AND";

/// Spans whose payloads hold what is looked for.
pub(super) type Hits = Vec<(TraceId, SpanId)>;

/// Row ids from the first to before the second, not yet searched.
pub(super) type Part = (i64, i64);

/// A search under way.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// The oldest row that is of interest, if not every one is.
    oldest: Option<i64>,
    /// The rows; `None` before it is known.
    range: Option<Part>,
    /// What is being searched, the newer rows first: two parts side by side.
    pub(super) parts: Vec<Part>,
    /// The rows below are to be searched afterwards.
    below: i64,
    /// What was found in the older part, until the newer one is through.
    held: Hits,
}

impl Scan {
    /// A search through the rows from `oldest` on.
    pub(super) fn new(search: Search, oldest: Option<i64>) -> Self {
        Self { search, oldest, range: None, parts: Vec::new(), below: 0, held: Hits::new() }
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> Progress {
        let Some(range) = self.range else { return Progress { done: 0, total: 1 } };
        let rows = |(from, before): Part| u64::try_from(before.saturating_sub(from)).unwrap_or(0);
        let left = self.parts.iter().copied().map(rows).fold(rows((range.0, self.below)), u64::saturating_add);
        Progress { done: rows(range).saturating_sub(left), total: rows(range) }
    }

    /// Whether it is through.
    pub(super) fn is_through(&self) -> bool {
        let Progress { done, total } = self.progress();
        done >= total
    }

    /// Whether it is known which rows there are.
    pub(super) fn has_begun(&self) -> bool {
        self.range.is_some()
    }

    /// Looks which rows there are.
    pub(super) fn begin(&mut self, database: &Database, tables: &Tables) -> Result<(), Error> {
        check(&database.connection, tables)?;
        let table = quoted(&tables.spans);
        let sql = format!("SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})");
        let (lowest, highest): (Option<i64>, Option<i64>) =
            database.connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let range =
            lowest.zip(highest).map(|(lowest, highest)| (self.oldest.unwrap_or(lowest).clamp(lowest, highest), highest.saturating_add(1)));
        let (from, before) = range.unwrap_or_default();
        (self.range, self.below) = (Some((from, before)), before);
        self.go_on();
        Ok(())
    }

    /// What was found in the parts, and down to which rows they were searched. Gives what can be told: of the older part nothing before
    /// the newer one is through.
    pub(super) fn take(&mut self, newer: (Hits, i64), older: Option<(Hits, i64)>) -> Hits {
        let (mut hits, row) = newer;
        let (found, other) = older.unzip();
        self.held.extend(found.unwrap_or_default());
        if self.parts.first().is_none_or(|(from, _)| row <= *from) {
            hits.append(&mut self.held);
        }
        self.reached(&[Some(row), other].into_iter().flatten().collect::<Vec<_>>());
        hits
    }

    /// The parts have been searched down to these rows.
    fn reached(&mut self, rows: &[i64]) {
        self.parts.iter_mut().zip(rows).for_each(|((_, before), reached)| *before = *reached);
        self.parts.retain(|(from, before)| from < before);
        self.go_on();
    }

    fn go_on(&mut self) {
        let Some((lowest, highest)) = self.range.filter(|_| self.parts.is_empty()) else { return };
        let size = (highest.saturating_sub(lowest) / PARTS).max(PART);
        for _ in 0..2 {
            let from = self.below.saturating_sub(size).max(lowest);
            self.parts.extend((from < self.below).then_some((from, self.below)));
            self.below = from;
        }
    }
}

/// Says when a look has taken too long; asked for each row.
#[derive(Debug)]
struct Clock {
    begun: Instant,
    turn: Turn,
    /// When the look began, and how long it may take: microseconds.
    look: AtomicU64,
    time: AtomicU64,
    rows: AtomicU32,
    late: AtomicBool,
}

impl Clock {
    fn new(turn: Turn) -> Self {
        let (look, time, rows, late) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU32::new(0), AtomicBool::new(false));
        Self { begun: Instant::now(), turn, look, time, rows, late }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Begins a look that may take so long.
    fn set(&self, time: Duration) {
        self.look.store(self.micros(), Relaxed);
        self.time.store(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
        self.rows.store(0, Relaxed);
        self.late.store(false, Relaxed);
    }

    fn is_late(&self) -> bool {
        let looks = self.rows.fetch_add(1, Relaxed) % STRETCH == STRETCH - 1;
        if looks {
            let [taken, time] = [self.micros() - self.look.load(Relaxed), self.time.load(Relaxed)].map(Duration::from_micros);
            self.late.store(self.turn.is_over(taken, time), Relaxed);
        }
        self.late.load(Relaxed)
    }
}

/// Searches on in a part. Also tells down to which row it has come.
pub(super) fn slice(database: &Database, tables: &Tables, search: &Search, (from, before): Part) -> Result<(Hits, i64), Error> {
    let connection = &database.connection;
    check(connection, tables)?;
    let clock = Arc::new(Clock::new(database.turn()));
    let (asked, probe) = (clock.clone(), search.probe.clone());
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("agno_top_is_late", 0, flags, move |_| Ok(asked.is_late()))?;
    connection.create_scalar_function("agno_top_holds", 2, flags, move |values| {
        Ok(probe.matches_json(&bytes(values.get_raw(0)), &bytes(values.get_raw(1))))
    })?;
    let bounded = if search.since.is_some() || search.until.is_some() { BOUNDED } else { "" };
    let sql = format!(
        "SELECT rowid, span_id, trace_id FROM {} WHERE rowid < ?1 AND rowid >= ?2 \
         AND (agno_top_is_late() OR ({bounded} agno_top_holds(attributes, status_message))) ORDER BY rowid DESC",
        quoted(&tables.spans)
    );
    let mut statement = connection.prepare(&sql)?;
    statement.raw_bind_parameter(2, from)?;
    if !bounded.is_empty() {
        let since = search.since.map_or_else(String::new, |at| agno_row::second(at, false));
        let until = search.until.map_or_else(|| "~".to_owned(), |at| agno_row::second(at, true));
        statement.raw_bind_parameter(3, since)?;
        statement.raw_bind_parameter(4, until)?;
    }
    let (mut hits, mut reached) = (Hits::new(), before);
    loop {
        statement.raw_bind_parameter(1, reached)?;
        clock.set(if database.blocks_writer { BLOCKING } else { VISIT });
        reached = look(&mut statement, &clock, &mut hits)?.unwrap_or(from);
        if reached <= from || clock.begun.elapsed() > VISIT || database.renew().is_err() {
            return Ok((hits, reached));
        }
    }
}

/// Searches on until it is late: then it tells down to which row it has come.
fn look(statement: &mut Statement<'_>, clock: &Clock, hits: &mut Hits) -> Result<Option<i64>, Error> {
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next()? {
        if clock.late.load(Relaxed) {
            // This row has not been looked at.
            return Ok(Some(row.get::<_, i64>(0)?.saturating_add(1)));
        }
        hits.extend(hit(&bytes(row.get_ref(2)?), &bytes(row.get_ref(1)?)));
    }
    Ok(None)
}

/// Searches some rows, wherever they lie by now.
pub(super) fn check_rows(
    database: &Database,
    tables: &Tables,
    wanted: &[(PayloadRef, SpanId)],
    probe: &PayloadQuery,
) -> Result<Hits, Error> {
    check(&database.connection, tables)?;
    let columns = format!("SELECT trace_id, attributes, status_message FROM {}", quoted(&tables.spans));
    let mut anywhere = database.connection.prepare(&format!("{columns} WHERE span_id = ?1"))?;
    let mut hits = Hits::new();
    for (_, span) in wanted {
        let id = span.to_string();
        let mut rows = anywhere.query([&id])?;
        if let Some(row) = rows.next()?
            && probe.matches_json(&bytes(row.get_ref(1)?), &bytes(row.get_ref(2)?))
        {
            hits.extend(hit(&bytes(row.get_ref(0)?), id.as_bytes()));
        }
    }
    Ok(hits)
}

fn hit(trace: &[u8], span: &[u8]) -> Option<(TraceId, SpanId)> {
    TraceId::parse(trace).zip(SpanId::parse(span))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_is_searched_once_the_newest_parts_first(
            lowest in -1i64 << 40..1 << 40,
            rows in prop_oneof![1..100_000i64, 1..1i64 << 62],
            shares in prop::collection::vec((1..=4i64, 1..=4i64), 1..5),
        ) {
            let search = Search { ticket: 1, probe: Arc::default(), since: None, until: None };
            let mut scan = Scan::new(search, None);
            let range = (lowest, lowest.saturating_add(rows));
            (scan.range, scan.below) = (Some(range), range.1);
            scan.go_on();
            let mut searched = Vec::new();
            for shares in shares.iter().cycle().take(10_000) {
                let at = |share: i64, (from, before): Part| if share == 4 || before - from < 100 { from } else { before - (before - from) / 4 * share };
                let rows: Vec<i64> = scan.parts.iter().zip([shares.0, shares.1]).map(|(part, share)| at(share, *part)).collect();
                searched.extend(scan.parts.iter().zip(&rows).map(|((_, before), reached)| (*reached, *before)));
                let before = scan.progress().done;
                scan.reached(&rows);
                prop_assert!(scan.progress().done > before);
                if scan.is_through() {
                    break;
                }
            }
            prop_assert!(scan.is_through() && scan.parts.is_empty());
            searched.sort_unstable();
            prop_assert_eq!((searched[0].0, searched[searched.len() - 1].1), range);
            prop_assert!(searched.windows(2).all(|pair| pair[0].1 == pair[1].0));
        }
    }
}
