//! What one read transaction does: first what is new, then a page of what is old.

use std::time::{Duration, Instant};

use hashbrown::HashSet;
use rusqlite::{OptionalExtension, Params, Statement};
use tokio::sync::mpsc::error::TrySendError;

use super::Tables;
use super::access::Database;
use super::checkpoints::Checkpoints;
use super::error::Error;
use super::progress::{Load, Page, Progress, RowRange, Sent};
use super::rows::{self, Checkpoint, Rows};
use super::schema::{check, quoted, select};
use crate::model::{Batch, Nanos, Origin, SpanId};
use crate::sources::{Update, UpdateSender, agno_row};

/// Rows of the first page, which the first frame waits for.
const FIRST: usize = 512;
/// Rows of any other page, at most: so many that two readers stop for the time, and so neither before the other.
const PAGE: usize = 32_768;
/// Bytes of a page's values, about, as they lie in the file: they may be megabytes long.
const PAGE_BYTES: usize = 64 << 20;
/// How long a page may take.
const PAGE_TIME: Duration = Duration::from_millis(30);
/// Fewer rows than these in that time come from a disk.
const SLOW: u64 = 2048;
/// How long the writer may have to wait for a part of a page; twice as long while another reader is held up.
const PAGE_TIME_BLOCKING: Duration = Duration::from_millis(10);
/// Levels of parents that are looked up.
const LEVELS: usize = 32;
/// Nanoseconds of a day.
const DAY: Nanos = 86_400_000_000_000;

/// What a visit brings home.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// New spans, or the newest.
    pub(super) batches: Vec<Batch>,
    /// Old ones: a page of the first stretch.
    pub(super) page: Option<Page>,
}

/// Reads what is new and a page of what is old.
pub(super) fn read(
    database: &Database,
    tables: &Tables,
    sent: &Sent,
    outlet: &UpdateSender,
    progress: &mut Progress,
) -> Result<Found, Error> {
    check(&database.connection, tables)?;
    let visit = Visit { database, tables, sent, outlet };
    let mut found = Found::default();
    if progress.load.as_ref().is_none_or(|load| !load.stretches.is_empty()) {
        found.batches = visit.tail(progress)?;
    }
    match progress.load.as_ref().map(|load| load.stretches.first().copied()) {
        None => {}
        Some(None) => found.batches.extend(visit.first_page(progress)?),
        Some(Some(stretch)) => found.page = Some(visit.page(stretch, progress.wanted())?),
    }
    Ok(found)
}

/// Reads a page of a stretch, of at most `wanted` rows. Some of them may be sent at once.
pub(super) fn page(
    database: &Database,
    tables: &Tables,
    sent: &Sent,
    outlet: &UpdateSender,
    stretch: RowRange,
    wanted: u64,
) -> Result<Page, Error> {
    Visit { database, tables, sent, outlet }.page(stretch, wanted)
}

/// Rows that were read, page after page of one order.
#[derive(Debug)]
struct Read {
    rows: Rows,
    /// The rows, in the order in which they were read.
    marks: Vec<Checkpoint>,
    /// There were no more.
    all: bool,
    /// Batches may be sent as soon as they are full.
    early: bool,
}

impl Read {
    fn new(batch: Batch) -> Self {
        Self { rows: Rows::new(batch), marks: Vec::new(), all: false, early: false }
    }
}

struct Visit<'a> {
    database: &'a Database,
    tables: &'a Tables,
    sent: &'a Sent,
    outlet: &'a UpdateSender,
}

impl Visit<'_> {
    /// Reads rows that are newer than what was read. If no row is left where it was, everything is read again.
    fn tail(&self, progress: &mut Progress) -> Result<Vec<Batch>, Error> {
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
        let mut read = Read::new(self.outlet.batch(Origin::Live));
        self.rows(&mut self.select("WHERE rowid > ?1 ORDER BY rowid")?, [after], PAGE, &mut read)?;
        progress.newer = !read.all;
        read.marks.iter().for_each(|mark| progress.ladder.push(*mark));
        self.with_parents(read.rows.into_batches())
    }

    fn page(&self, stretch: RowRange, wanted: u64) -> Result<Page, Error> {
        let Some((lowest, _)) = self.bounds()? else { return Ok(Page { all: true, lowest: i64::MAX, ..Page::default() }) };
        if !self.is_there(stretch.mark)? && lowest < stretch.before {
            return Ok(Page { moved: true, ..Page::default() });
        }
        let most = usize::try_from(wanted).unwrap_or(PAGE).min(PAGE);
        let begun = Instant::now();
        let mut statement = self.select("WHERE rowid < ?1 AND rowid >= ?2 ORDER BY rowid DESC")?;
        let mut read = Read::new(self.outlet.batch(Origin::History));
        // Where no parents may have to come along. If the rest fails, these rows come once more, which changes nothing.
        read.early = !self.database.may_change && wanted > PAGE as u64 && !stretch.cut;
        let mut before = stretch.before;
        let mut full;
        loop {
            full = self.rows(&mut statement, [before, stretch.from], most, &mut read)?;
            let Some(mark) = read.marks.last().filter(|_| !full && !read.all && begun.elapsed() < PAGE_TIME) else { break };
            before = mark.row;
            // To open the file again for every bit costs much more than to read the bit.
            if self.database.renew().is_err() || !self.is_there(*mark).unwrap_or_default() {
                break;
            }
        }
        let rows = read.marks.len() as u64;
        let mut batches = read.rows.into_batches();
        if rows == wanted || (read.all && stretch.cut) {
            // The limit cuts traces in two; the parents beyond it come along, so that none seems to run.
            batches = self.with_parents(batches)?;
        }
        Ok(Page {
            batches,
            rows,
            oldest: read.marks.last().copied(),
            all: read.all,
            slow: !full && !read.all && rows < SLOW,
            lowest,
            moved: false,
        })
    }

    /// Reads the newest rows, and their parents though they may lie far back.
    fn first_page(&self, progress: &mut Progress) -> Result<Vec<Batch>, Error> {
        let Some((lowest, highest)) = self.bounds()? else {
            progress.load = None;
            return Ok(Vec::new());
        };
        let origin = if std::mem::take(&mut progress.awaited) { Origin::Live } else { Origin::History };
        let wanted = usize::try_from(progress.limit).unwrap_or(FIRST).min(FIRST);
        progress.floor = progress.since.map_or(Ok(i64::MIN), |since| self.floor(since))?;
        let mut read = Read::new(self.outlet.batch(origin));
        self.rows(&mut self.select("WHERE rowid <= ?1 ORDER BY rowid DESC")?, [highest], wanted, &mut read)?;
        progress.ladder = Checkpoints::default();
        read.marks.iter().rev().for_each(|mark| progress.ladder.push(*mark));
        let total = u64::try_from(highest.saturating_sub(lowest)).unwrap_or(0).saturating_add(1).min(progress.limit);
        progress.begun(total, &read.marks, read.all, lowest);
        self.with_parents(read.rows.into_batches())
    }

    /// Reads on until there are `wanted` rows; if these are many, as long as time and space allow. Whether there is no room for more.
    fn rows(&self, statement: &mut Statement<'_>, after: impl Params, wanted: usize, read: &mut Read) -> Result<bool, Error> {
        let time = match self.database.blocks_writer {
            _ if wanted <= FIRST => Duration::MAX,
            true => PAGE_TIME_BLOCKING,
            false => PAGE_TIME,
        };
        let (begun, turn) = (Instant::now(), self.database.turn());
        let mut rows = statement.query(after)?;
        while let Some(row) = rows.next()? {
            let count = read.rows.count();
            let full = count == wanted || read.rows.bytes() > PAGE_BYTES;
            if full || (count % 16 == 15 && turn.is_over(begun.elapsed(), time)) {
                return Ok(full);
            }
            if read.early && read.rows.is_batch_full() {
                read.rows.hand_on(|batch| self.send_early(batch));
            }
            read.marks.push(read.rows.push(row)?);
        }
        read.all = true;
        Ok(true)
    }

    /// Sends a batch unless that would have to wait, which the writer would have to do, too: then gives it back.
    fn send_early(&self, batch: Batch) -> Result<(), Batch> {
        match self.outlet.updates.try_send(Update::Batch(batch)) {
            Err(TrySendError::Full(Update::Batch(batch)) | TrySendError::Closed(Update::Batch(batch))) => Err(batch),
            _ => Ok(()),
        }
    }

    fn select(&self, rest: &str) -> Result<Statement<'_>, Error> {
        select(&self.database.connection, self.tables, rest)
    }

    /// Reads the parents that the spans name and that are not at hand, and their parents, so that none seems to run. They come with the
    /// first batch.
    fn with_parents(&self, mut batches: Vec<Batch>) -> Result<Vec<Batch>, Error> {
        let mut known: HashSet<SpanId> = batches.iter().flat_map(|batch| &batch.spans).map(|span| span.id).collect();
        let mut named: Vec<SpanId> = batches.iter().flat_map(|batch| &batch.spans).filter_map(|span| span.parent).collect();
        let Some(batch) = batches.first_mut() else { return Ok(batches) };
        let mut statement = self.select("WHERE span_id = ?1")?;
        for _ in 0..LEVELS {
            let from = batch.spans.len();
            for parent in named.into_iter().filter(|parent| !self.sent.holds(*parent)) {
                if known.insert(parent)
                    && let Some(row) = statement.query([parent.to_string()])?.next()?
                {
                    rows::read(row, batch, &mut 0)?;
                }
            }
            named = batch.spans.iter().skip(from).filter_map(|span| span.parent).collect();
            if named.is_empty() {
                break;
            }
        }
        Ok(batches)
    }

    fn is_there(&self, mark: Checkpoint) -> Result<bool, Error> {
        let sql = format!("SELECT span_id FROM {} WHERE rowid = ?1", quoted(&self.tables.spans));
        let mut statement = self.database.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([mark.row])?;
        rows.next()?.map_or(Ok(false), |row| Ok(Checkpoint::new(mark.row, row.get_ref(0)?) == mark))
    }

    /// The lowest row of a span that began at `since` or later. Times compare as text only roughly (zones, forms), so a day more is taken.
    fn floor(&self, since: Nanos) -> Result<i64, Error> {
        let sql = format!("SELECT min(rowid) FROM {} WHERE start_time >= ?1", quoted(&self.tables.spans));
        let day = agno_row::second(since.saturating_sub(DAY), false).get(..10).map(str::to_owned);
        let lowest: Option<i64> = self.database.connection.query_row(&sql, [day], |row| row.get(0))?;
        Ok(lowest.unwrap_or(i64::MAX))
    }

    /// The lowest and the highest row id, if there are rows.
    fn bounds(&self) -> Result<Option<(i64, i64)>, Error> {
        // Two subqueries, because SQLite walks the whole table for `min` and `max` together.
        let table = quoted(&self.tables.spans);
        let sql = format!("SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})");
        let bounds = self.database.connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        Ok(bounds.and_then(|(lowest, highest): (Option<i64>, Option<i64>)| lowest.zip(highest)))
    }
}
