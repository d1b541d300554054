//! What one read transaction does: first what is new, then a page of what is old.

use std::time::{Duration, Instant};

use hashbrown::HashSet;
use rusqlite::{OptionalExtension, Params};

use super::Tables;
use super::access::Database;
use super::ladder::Ladder;
use super::progress::{Load, Progress, Sent};
use super::rows::{Mark, Raw};
use super::schema::{check, quoted, select};
use super::trouble::Trouble;
use crate::model::{Batch, Nanos, Origin, SpanId};
use crate::source::agno_row;

/// Rows of the first page, which the first frame waits for.
const FIRST: usize = 512;
/// Rows of any other page, at most.
const PAGE: usize = 4096;
/// Bytes of a page, about: values may be megabytes long.
const PAGE_BYTES: usize = 8 << 20;
/// How long a page may take.
const PAGE_TIME: Duration = Duration::from_millis(20);
/// How long a page may take while the writer has to wait for it.
const PAGE_TIME_BLOCKING: Duration = Duration::from_millis(4);
/// Levels of parents that are looked up.
const LEVELS: usize = 32;
/// Nanoseconds of a day.
const DAY: Nanos = 86_400_000_000_000;

/// What a visit brings home.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// New spans, or the newest.
    pub(super) batches: Vec<Batch>,
    /// Old ones, not yet read.
    pub(super) old: Option<Raw>,
}

/// Reads what is new and a page of what is old.
pub(super) fn visit(database: &Database, tables: &Tables, sent: &Sent, progress: &mut Progress) -> Result<Found, Trouble> {
    check(&database.connection, tables)?;
    let visit = Visit { database, tables, sent };
    let mut found = Found::default();
    if progress.load.is_none_or(|load| load.oldest.is_some()) {
        found.batches = visit.tail(progress)?;
    }
    if let Some(load) = progress.load {
        visit.page(load, progress, &mut found)?;
    }
    Ok(found)
}

/// Rows that were read together.
#[derive(Debug)]
struct Page {
    raw: Raw,
    /// The rows, in the order in which they were read.
    marks: Vec<Mark>,
    /// There were no more.
    all: bool,
}

struct Visit<'a> {
    database: &'a Database,
    tables: &'a Tables,
    sent: &'a Sent,
}

impl Visit<'_> {
    /// Reads rows that are newer than what was read. If no row is left where it was, everything is read again.
    fn tail(&self, progress: &mut Progress) -> Result<Vec<Batch>, Trouble> {
        let had = progress.ladder.newest().is_some();
        while let Some(newest) = progress.ladder.newest() {
            if self.is_there(newest)? {
                break;
            }
            progress.ladder.drop_newest();
        }
        let newest = progress.ladder.newest();
        if had && newest.is_none() {
            progress.load = self.bounds()?.map(|_| Load::default());
            return Ok(Vec::new());
        }
        let after = newest.map_or(i64::MIN, |mark| mark.row);
        let page = self.rows("WHERE rowid > ?1 ORDER BY rowid", [after], PAGE, Raw::new(progress.source, Origin::Live))?;
        progress.newer = !page.all;
        page.marks.iter().for_each(|mark| progress.ladder.push(*mark));
        self.with_parents(&page.raw)
    }

    /// Reads the page that is next to last.
    fn page(&self, load: Load, progress: &mut Progress, found: &mut Found) -> Result<(), Trouble> {
        let Some((lowest, highest)) = self.bounds()? else {
            progress.load = None;
            return Ok(());
        };
        let Some(oldest) = load.oldest else {
            found.batches.extend(self.first_page(lowest, highest, progress)?);
            return Ok(());
        };
        if !self.is_there(oldest)? && lowest < oldest.row {
            // The rows have been numbered anew: nobody knows which were read.
            progress.load = Some(Load::default());
            return Ok(());
        }
        let wanted = usize::try_from(progress.limit - load.done).unwrap_or(PAGE).min(PAGE);
        let mut raw = Raw::new(progress.source, Origin::History);
        raw.reserve(wanted, PAGE_BYTES);
        let page = self.rows("WHERE rowid < ?1 AND rowid >= ?2 ORDER BY rowid DESC", [oldest.row, progress.floor], wanted, raw)?;
        if let Some(oldest) = page.marks.last() {
            progress.ladder.push_older(*oldest);
        }
        progress.loaded(load, &page.marks, page.all, lowest);
        if progress.load.is_none() && progress.left_out > 0 {
            // The limit cuts traces in two; the parents beyond it come along, so that none seems to run.
            found.batches.extend(self.with_parents(&page.raw)?);
        } else {
            found.old = Some(page.raw);
        }
        Ok(())
    }

    /// Reads the newest rows, and their parents though they may lie far back.
    fn first_page(&self, lowest: i64, highest: i64, progress: &mut Progress) -> Result<Vec<Batch>, Trouble> {
        let origin = if std::mem::take(&mut progress.awaited) { Origin::Live } else { Origin::History };
        let wanted = usize::try_from(progress.limit).unwrap_or(FIRST).min(FIRST);
        progress.floor = progress.since.map_or(Ok(i64::MIN), |since| self.floor(since))?;
        let page = self.rows("WHERE rowid <= ?1 ORDER BY rowid DESC", [highest], wanted, Raw::new(progress.source, origin))?;
        progress.ladder = Ladder::default();
        page.marks.iter().rev().for_each(|mark| progress.ladder.push(*mark));
        let total = u64::try_from(highest.saturating_sub(lowest)).unwrap_or(0).saturating_add(1).min(progress.limit);
        progress.loaded(Load { total, ..Load::default() }, &page.marks, page.all, lowest);
        self.with_parents(&page.raw)
    }

    /// Takes up to `wanted` rows into `raw`; if these are many, as long as time and space allow.
    fn rows(&self, rest: &str, after: impl Params, wanted: usize, raw: Raw) -> Result<Page, Trouble> {
        let time = match self.database.blocks_writer {
            _ if wanted <= FIRST => Duration::MAX,
            true => PAGE_TIME_BLOCKING,
            false => PAGE_TIME,
        };
        let begun = Instant::now();
        let mut statement = select(&self.database.connection, self.tables, rest)?;
        let mut rows = statement.query(after)?;
        let mut page = Page { raw, marks: Vec::new(), all: true };
        while let Some(row) = rows.next()? {
            let read = page.raw.rows();
            if read == wanted || page.raw.bytes() > PAGE_BYTES || (read % 16 == 15 && begun.elapsed() > time) {
                page.all = false;
                break;
            }
            page.marks.push(page.raw.push(row)?);
        }
        Ok(page)
    }

    /// Reads the rows, and the parents that they name and that are not at hand, and their parents, so that none seems to run.
    /// Parents come with the first batch.
    fn with_parents(&self, raw: &Raw) -> Result<Vec<Batch>, Trouble> {
        let mut batches: Vec<Batch> = raw.batches().collect();
        let mut known: HashSet<SpanId> = batches.iter().flat_map(|batch| &batch.spans).map(|span| span.id).collect();
        let mut named: Vec<SpanId> = batches.iter().flat_map(|batch| &batch.spans).filter_map(|span| span.parent).collect();
        let Some(batch) = batches.first_mut() else { return Ok(batches) };
        let mut statement = select(&self.database.connection, self.tables, "WHERE span_id = ?1")?;
        for _ in 0..LEVELS {
            let mut parents = Raw::new(batch.source, batch.origin);
            for parent in named.into_iter().filter(|parent| !self.sent.holds(*parent)) {
                if known.insert(parent)
                    && let Some(row) = statement.query([parent.to_string()])?.next()?
                {
                    parents.push(row)?;
                }
            }
            if parents.rows() == 0 {
                break;
            }
            let from = batch.spans.len();
            parents.read_into(batch);
            named = batch.spans.iter().skip(from).filter_map(|span| span.parent).collect();
        }
        Ok(batches)
    }

    fn is_there(&self, mark: Mark) -> Result<bool, Trouble> {
        let sql = format!("SELECT span_id FROM {} WHERE rowid = ?1", quoted(&self.tables.spans));
        let mut statement = self.database.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([mark.row])?;
        rows.next()?.map_or(Ok(false), |row| Ok(Mark::new(mark.row, row.get_ref(0)?) == mark))
    }

    /// The lowest row of a span that began at `since` or later. Times compare as text only roughly (zones, forms), so a day more is taken.
    fn floor(&self, since: Nanos) -> Result<i64, Trouble> {
        let sql = format!("SELECT min(rowid) FROM {} WHERE start_time >= ?1", quoted(&self.tables.spans));
        let day = agno_row::second(since.saturating_sub(DAY), false).get(..10).map(str::to_owned);
        let lowest: Option<i64> = self.database.connection.query_row(&sql, [day], |row| row.get(0))?;
        Ok(lowest.unwrap_or(i64::MAX))
    }

    /// The lowest and the highest row id, if there are rows.
    fn bounds(&self) -> Result<Option<(i64, i64)>, Trouble> {
        // Two subqueries, because SQLite walks the whole table for `min` and `max` together.
        let table = quoted(&self.tables.spans);
        let sql = format!("SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})");
        let bounds = self.database.connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        Ok(bounds.and_then(|(lowest, highest): (Option<i64>, Option<i64>)| lowest.zip(highest)))
    }
}
