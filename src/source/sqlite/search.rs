//! A search through the payloads of a whole database, a slice at a time, so that its writer waits no longer than for any other look.

use std::time::{Duration, Instant};

use super::Tables;
use super::access::Database;
use super::rows::bytes;
use super::schema::{check, quoted};
use super::trouble::Trouble;
use crate::model::{Address, Probe, SpanId, TraceId};
use crate::source::{Progress, Search, agno_row};

/// How long a slice may take.
const SLICE: Duration = Duration::from_millis(20);
/// How long a slice may take while the writer has to wait for it.
const SLICE_BLOCKING: Duration = Duration::from_millis(4);
/// Rows that are read between two looks at the clock.
const STRETCH: usize = 32;

/// What keeps spans out that began too early or too late. A time that is not written as Agno writes it is let through: whoever asked
/// looks at it again. The signs keep an index on the time out of it, which would hand the rows out in another order.
const BOUNDED: &str = "AND (+start_time NOT GLOB '????-??-??T??:??:??*+00:00' OR (+start_time >= ?3 AND +start_time < ?4))";

/// Spans whose payloads hold what is looked for.
pub(super) type Hits = Vec<(TraceId, SpanId)>;

/// A search under way.
#[derive(Clone, Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// The oldest row that is of interest, if not every one is.
    oldest: Option<i64>,
    /// The rows from the lowest to the highest, and the lowest that was read; `None` before the first slice.
    range: Option<(i64, i64, i64)>,
}

impl Scan {
    /// A search through the rows from `oldest` on.
    pub(super) fn new(search: Search, oldest: Option<i64>) -> Self {
        Self { search, oldest, range: None }
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> Progress {
        let Some((lowest, highest, reached)) = self.range else { return Progress { done: 0, total: 1 } };
        let rows = |from: i64, to: i64| u64::try_from(to.saturating_sub(from)).unwrap_or(0);
        Progress { done: rows(reached, highest.saturating_add(1)), total: rows(lowest, highest.saturating_add(1)) }
    }

    /// Whether it is through.
    pub(super) fn is_through(&self) -> bool {
        let Progress { done, total } = self.progress();
        done >= total
    }

    /// The rows to search, if there are any.
    fn bounds(&self, database: &Database, table: &str) -> Result<Option<(i64, i64, i64)>, Trouble> {
        let sql = format!("SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})");
        let (lowest, highest): (Option<i64>, Option<i64>) =
            database.connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let bounds = lowest.zip(highest);
        Ok(bounds.map(|(lowest, highest)| (self.oldest.unwrap_or(lowest).clamp(lowest, highest), highest, highest.saturating_add(1))))
    }

    /// Searches the next rows.
    pub(super) fn slice(&mut self, database: &Database, tables: &Tables) -> Result<Hits, Trouble> {
        check(&database.connection, tables)?;
        let table = quoted(&tables.spans);
        let range = match self.range {
            Some(range) => Some(range),
            None => self.bounds(database, &table)?,
        };
        let Some((lowest, highest, reached)) = range else {
            self.range = Some((0, -1, 0));
            return Ok(Hits::new());
        };
        let time = if database.blocks_writer { SLICE_BLOCKING } else { SLICE };
        let begun = Instant::now();
        let mut hits = Hits::new();
        let bounded = if self.search.since.is_some() || self.search.until.is_some() { BOUNDED } else { "" };
        let sql = format!(
            "SELECT rowid, span_id, trace_id, attributes, status_message FROM {table} \
             WHERE rowid < ?1 AND rowid >= ?2 {bounded} ORDER BY rowid DESC"
        );
        let mut statement = database.connection.prepare(&sql)?;
        let (since, until) =
            (self.search.since.map(|at| agno_row::second(at, false)), self.search.until.map(|at| agno_row::second(at, true)));
        statement.raw_bind_parameter(1, reached)?;
        statement.raw_bind_parameter(2, lowest)?;
        if !bounded.is_empty() {
            statement.raw_bind_parameter(3, since.as_deref().unwrap_or(""))?;
            statement.raw_bind_parameter(4, until.as_deref().unwrap_or("~"))?;
        }
        let mut rows = statement.raw_query();
        let (mut reached, mut read) = (lowest, 0);
        while let Some(row) = rows.next()? {
            if self.search.probe.holds_in_json(&bytes(row.get_ref(3)?), &bytes(row.get_ref(4)?))
                && let Some(hit) = hit(&bytes(row.get_ref(2)?), &bytes(row.get_ref(1)?))
            {
                hits.push(hit);
            }
            read += 1;
            if read % STRETCH == 0 && begun.elapsed() > time {
                reached = row.get(0)?;
                break;
            }
        }
        self.range = Some((lowest, highest, reached));
        Ok(hits)
    }
}

/// Searches some rows, wherever they lie by now.
pub(super) fn check_rows(database: &Database, tables: &Tables, wanted: &[(Address, SpanId)], probe: &Probe) -> Result<Hits, Trouble> {
    check(&database.connection, tables)?;
    let columns = format!("SELECT trace_id, attributes, status_message FROM {}", quoted(&tables.spans));
    let mut anywhere = database.connection.prepare(&format!("{columns} WHERE span_id = ?1"))?;
    let mut hits = Hits::new();
    for (_, span) in wanted {
        let id = span.to_string();
        let mut rows = anywhere.query([&id])?;
        if let Some(row) = rows.next()?
            && probe.holds_in_json(&bytes(row.get_ref(1)?), &bytes(row.get_ref(2)?))
        {
            hits.extend(hit(&bytes(row.get_ref(0)?), id.as_bytes()));
        }
    }
    Ok(hits)
}

fn hit(trace: &[u8], span: &[u8]) -> Option<(TraceId, SpanId)> {
    TraceId::parse(trace).zip(SpanId::parse(span))
}
