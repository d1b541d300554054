//! Reads new rows, then a page of older rows, in one transaction.

use std::time::{Duration, Instant};

use hashbrown::HashSet;
use rusqlite::{Params, Statement};
use tokio::sync::mpsc::error::TrySendError;

use super::Tables;
use super::access::Database;
use super::checkpoints::Checkpoints;
use super::error::Error;
use super::progress::{Page, Progress, RowRange, Sent};
use super::rows::{self, Checkpoint, Rows};
use super::schema::{bounds, check, select};
use crate::model::{Batch, Nanos, Origin, SpanId};
use crate::sources::sql::identifier;
use crate::sources::{Update, UpdateSender, agno_row};

/// Rows in the first page, which the first frame waits for.
const FIRST_PAGE: usize = 512;
/// The most rows in any other page: so many that two parallel readers stop because of the time, and so together.
const PAGE: usize = 32_768;
/// The most bytes of values in a page, roughly: single values may have megabytes.
const PAGE_BYTES: usize = 64 << 20;
/// How long a page may take.
const PAGE_TIME: Duration = Duration::from_millis(30);
/// Fewer rows than this in the time of a page come from a disk.
const SLOW: u64 = 2048;
/// How long a transaction may block the writer; twice as long while another reader is still reading.
const BLOCKING_TIME: Duration = Duration::from_millis(10);
/// The most levels of parents that are looked up.
const MAX_LEVELS: usize = 32;

/// The result of a read transaction.
#[derive(Debug, Default)]
pub(super) struct ReadResult {
    /// New spans, or the newest ones.
    pub(super) batches: Vec<Batch>,
    /// Older spans: a page of the first range.
    pub(super) page: Option<Page>,
}

/// Reads rows in one transaction.
pub(super) struct Reader<'a> {
    pub(super) database: &'a Database,
    pub(super) tables: &'a Tables,
    pub(super) sent: &'a Sent,
    pub(super) updates: &'a UpdateSender,
    /// Whether the rows that exist are new.
    pub(super) origin: Origin,
}

impl Reader<'_> {
    /// Reads new rows and a page of older rows.
    pub(super) fn read(&self, progress: &mut Progress) -> Result<ReadResult, Error> {
        check(&self.database.connection, self.tables)?;
        let mut found = ReadResult::default();
        if progress.load.as_ref().is_none_or(|load| !load.ranges.is_empty()) {
            found.batches = self.tail(progress)?;
        }
        match progress.load.as_ref().map(|load| load.ranges.first().copied()) {
            None => {}
            Some(None) => found.batches.extend(self.first_page(progress)?),
            Some(Some(range)) => found.page = Some(self.page(range, progress.remaining())?),
        }
        Ok(found)
    }

    /// Reads rows that are newer than the newest checkpoint. If no checkpoint is valid any more, everything is read again.
    fn tail(&self, progress: &mut Progress) -> Result<Vec<Batch>, Error> {
        let had_rows = progress.checkpoints.newest().is_some();
        while let Some(newest) = progress.checkpoints.newest() {
            if self.is_valid(newest)? {
                break;
            }
            progress.checkpoints.drop_newest();
        }
        let newest = progress.checkpoints.newest();
        if had_rows && newest.is_none() {
            progress.load_again(bounds(&self.database.connection, self.tables)?.is_some());
            return Ok(Vec::new());
        }
        let after = newest.map_or(i64::MIN, |checkpoint| checkpoint.row);
        let mut read = Rows::new(self.updates.batch(Origin::Live));
        self.rows(&mut self.select("WHERE rowid > ?1 ORDER BY rowid")?, [after], PAGE, &mut read)?;
        progress.has_newer_rows = !read.is_last;
        read.checkpoints.iter().for_each(|checkpoint| progress.checkpoints.push(*checkpoint));
        self.with_parents(read.into_batches())
    }

    /// Reads a page of a range, of at most `wanted` rows. Full batches may be sent at once.
    pub(super) fn page(&self, range: RowRange, wanted: u64) -> Result<Page, Error> {
        let Some((lowest, _)) = bounds(&self.database.connection, self.tables)? else {
            return Ok(Page { is_last: true, lowest: i64::MAX, ..Page::default() });
        };
        if !self.is_valid(range.checkpoint)? && lowest < range.before {
            return Ok(Page { renumbered: true, ..Page::default() });
        }
        let limit = usize::try_from(wanted).unwrap_or(PAGE).min(PAGE);
        let begun = Instant::now();
        let mut statement = self.select("WHERE rowid < ?1 AND rowid >= ?2 ORDER BY rowid DESC")?;
        let mut read = Rows::new(self.updates.batch(self.origin));
        // Only where no parents must come along. If the rest of the page fails, these rows are sent again, which is harmless.
        read.sends_early = !self.database.may_change && wanted > PAGE as u64 && !range.cut;
        let mut before = range.before;
        let mut is_full;
        loop {
            is_full = self.rows(&mut statement, [before, range.from], limit, &mut read)?;
            let Some(checkpoint) = read.checkpoints.last().filter(|_| !is_full && !read.is_last && begun.elapsed() < PAGE_TIME) else {
                break;
            };
            before = checkpoint.row;
            // Reopening the file for each part would cost much more than reading the part.
            if self.database.renew().is_err() || !self.is_valid(*checkpoint).unwrap_or_default() {
                break;
            }
        }
        let (rows, oldest, is_last) = (read.checkpoints.len() as u64, read.checkpoints.last().copied(), read.is_last);
        let mut batches = read.into_batches();
        if rows == wanted || (is_last && range.cut) {
            // The limit may cut a trace in two. Parents beyond it are read, too, because a span without its parent would seem to run.
            batches = self.with_parents(batches)?;
        }
        let slow = !is_full && !is_last && rows < SLOW;
        Ok(Page { batches, rows, oldest, is_last, slow, lowest, renumbered: false })
    }

    /// Reads the newest rows and their parents, however old these are.
    fn first_page(&self, progress: &mut Progress) -> Result<Vec<Batch>, Error> {
        let Some((lowest, highest)) = bounds(&self.database.connection, self.tables)? else {
            progress.load = None;
            return Ok(Vec::new());
        };
        progress.origin = if std::mem::take(&mut progress.was_missing) { Origin::Live } else { Origin::History };
        let wanted = usize::try_from(progress.limits.limit).unwrap_or(FIRST_PAGE).min(FIRST_PAGE);
        progress.floor = progress.limits.since.map_or(Ok(i64::MIN), |since| self.floor(since))?;
        let mut read = Rows::new(self.updates.batch(progress.origin));
        self.rows(&mut self.select("WHERE rowid <= ?1 ORDER BY rowid DESC")?, [highest], wanted, &mut read)?;
        progress.checkpoints = Checkpoints::default();
        read.checkpoints.iter().rev().for_each(|checkpoint| progress.checkpoints.push(*checkpoint));
        let total = u64::try_from(highest.saturating_sub(lowest)).unwrap_or(0).saturating_add(1).min(progress.limits.limit);
        progress.first_page_read(total, &read.checkpoints, read.is_last, lowest);
        self.with_parents(read.into_batches())
    }

    /// Reads until there are `wanted` rows, or until the time or the size limit of a page. Returns whether the page is full.
    fn rows(&self, statement: &mut Statement<'_>, after: impl Params, wanted: usize, read: &mut Rows) -> Result<bool, Error> {
        let slice_time = match self.database.blocks_writer {
            _ if wanted <= FIRST_PAGE => Duration::MAX,
            true => BLOCKING_TIME,
            false => PAGE_TIME,
        };
        let (begun, slice) = (Instant::now(), self.database.time_slice());
        let mut rows = statement.query(after)?;
        while let Some(row) = rows.next()? {
            let count = read.checkpoints.len();
            let is_full = count == wanted || read.bytes > PAGE_BYTES;
            if is_full || (count % 16 == 15 && slice.is_over(begun.elapsed(), slice_time)) {
                return Ok(is_full);
            }
            if read.sends_early && read.is_batch_full() {
                read.send_with(|batch| self.send_early(batch));
            }
            read.push(row)?;
        }
        read.is_last = true;
        Ok(true)
    }

    /// Sends a batch, or returns it if the channel is full: waiting would block the writer, too.
    fn send_early(&self, batch: Batch) -> Option<Batch> {
        match self.updates.updates.try_send(Update::Batch(batch)) {
            Err(TrySendError::Full(Update::Batch(batch)) | TrySendError::Closed(Update::Batch(batch))) => Some(batch),
            _ => None,
        }
    }

    fn select(&self, clauses: &str) -> Result<Statement<'_>, Error> {
        select(&self.database.connection, self.tables, clauses)
    }

    /// Reads the missing parents of the spans, and their parents, into the first batch.
    fn with_parents(&self, mut batches: Vec<Batch>) -> Result<Vec<Batch>, Error> {
        let mut known: HashSet<SpanId> = batches.iter().flat_map(|batch| &batch.spans).map(|span| span.id).collect();
        let mut parents: Vec<SpanId> = batches.iter().flat_map(|batch| &batch.spans).filter_map(|span| span.parent).collect();
        let Some(batch) = batches.first_mut() else { return Ok(batches) };
        let mut statement = self.select("WHERE span_id = ?1")?;
        for _ in 0..MAX_LEVELS {
            let known_spans = batch.spans.len();
            for parent in parents.into_iter().filter(|parent| !self.sent.contains(*parent)) {
                if known.insert(parent)
                    && let Some(row) = statement.query([parent.to_string()])?.next()?
                {
                    rows::read(row, batch, &mut 0)?;
                }
            }
            parents = batch.spans.iter().skip(known_spans).filter_map(|span| span.parent).collect();
            if parents.is_empty() {
                break;
            }
        }
        Ok(batches)
    }

    fn is_valid(&self, checkpoint: Checkpoint) -> Result<bool, Error> {
        let sql = format!("SELECT span_id FROM {} WHERE rowid = ?1", identifier(&self.tables.spans));
        let mut statement = self.database.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([checkpoint.row])?;
        rows.next()?.map_or(Ok(false), |row| Ok(Checkpoint::new(checkpoint.row, row.get_ref(0)?) == checkpoint))
    }

    /// Returns the lowest row id of a span that started at `since` or later. It includes one more day, because texts in different time zones
    /// and formats compare only roughly.
    fn floor(&self, since: Nanos) -> Result<i64, Error> {
        let sql = format!("SELECT min(rowid) FROM {} WHERE start_time >= ?1", identifier(&self.tables.spans));
        let lowest: Option<i64> = self.database.connection.query_row(&sql, [agno_row::day_before(since)], |row| row.get(0))?;
        Ok(lowest.unwrap_or(i64::MAX))
    }
}
