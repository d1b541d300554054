//! What one read transaction does: first what is new, then a page of what is old.

use std::time::{Duration, Instant};

use hashbrown::HashSet;
use rusqlite::{OptionalExtension, Params};

use super::Tables;
use super::access::Database;
use super::ladder::Ladder;
use super::rows::{self, Mark};
use super::schema::{check, quoted, select};
use super::signature::FileId;
use super::trouble::Trouble;
use crate::model::{Batch, Origin, SourceId, SpanId};
use crate::source::State;

/// Rows of the first page, which the first frame waits for.
const FIRST: usize = 512;
/// Rows of any other page, at most.
const PAGE: usize = 4096;
/// Rows of a batch: few enough that its memory is used again for the next but one.
const BATCH: usize = 512;
/// How long a page may take.
const PAGE_TIME: Duration = Duration::from_millis(20);
/// How long a page may take while the writer has to wait for it.
const PAGE_TIME_BLOCKING: Duration = Duration::from_millis(4);
/// Ids remembered as sent, so that a live child's parent is not looked up again.
const REMEMBERED: usize = 1 << 16;
/// Levels of parents that are looked up.
const LEVELS: usize = 32;

/// How far a database has been read.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    source: SourceId,
    limit: u64,
    file: Option<FileId>,
    ladder: Ladder,
    load: Option<Load>,
    /// The table holds rows that are newer than the ladder's newest.
    newer: bool,
    left_out: u64,
    /// The file or its table was seen missing: what appears in it is new.
    awaited: bool,
}

/// Reading what was there before, newest first.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    /// The oldest row read so far.
    oldest: Option<Mark>,
    done: u64,
    total: u64,
}

/// Spans that were sent not long ago.
#[derive(Debug, Default)]
pub(super) struct Sent(HashSet<SpanId>);

impl Progress {
    pub(super) fn new(source: SourceId, limit: u64) -> Self {
        let (ladder, load) = (Ladder::default(), Some(Load::default()));
        Self { source, limit: limit.max(1), file: None, ladder, load, newer: false, left_out: 0, awaited: false }
    }

    /// Starts over if this is another file.
    pub(super) fn look_at(&mut self, file: FileId) {
        if self.file != Some(file) {
            *self = Self { file: Some(file), awaited: self.awaited, ..Self::new(self.source, self.limit) };
        }
    }

    /// The file or its table is not there.
    pub(super) fn await_new(&mut self) {
        *self = Self { file: self.file, awaited: true, ..Self::new(self.source, self.limit) };
    }

    /// Whether the file was there before.
    pub(super) fn was_there(&self) -> bool {
        self.file.is_some()
    }

    /// Whether there is more to read at once.
    pub(super) fn is_behind(&self) -> bool {
        self.newer || self.load.is_some()
    }

    pub(super) fn state(&self) -> State {
        match self.load {
            Some(Load { done, total, .. }) => State::Loading { done, total: total.max(done) },
            None => State::Watching { left_out: self.left_out },
        }
    }
}

impl Sent {
    pub(super) fn remember(&mut self, batch: &Batch) {
        if self.0.len() + batch.spans.len() > REMEMBERED {
            self.0.clear();
        }
        self.0.extend(batch.spans.iter().map(|span| span.id));
    }
}

/// Reads what is new and a page of what is old.
pub(super) fn visit(database: &Database, tables: &Tables, sent: &Sent, progress: &mut Progress) -> Result<Vec<Batch>, Trouble> {
    check(&database.connection, tables)?;
    let visit = Visit { database, tables, sent };
    let mut batches = Vec::new();
    if progress.load.is_none_or(|load| load.oldest.is_some()) {
        batches.extend(visit.tail(progress)?);
    }
    if let Some(load) = progress.load {
        batches.extend(visit.page(load, progress)?);
    }
    Ok(batches)
}

/// Rows that were read together.
#[derive(Debug, Default)]
struct Page {
    batches: Vec<Batch>,
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
        let mut page = self.rows("WHERE rowid > ?1 ORDER BY rowid", [after], PAGE, (progress.source, Origin::Live))?;
        progress.newer = !page.all;
        page.marks.iter().for_each(|mark| progress.ladder.push(*mark));
        self.add_parents(&mut page.batches)?;
        Ok(page.batches)
    }

    /// Reads the page that is next to last.
    fn page(&self, load: Load, progress: &mut Progress) -> Result<Vec<Batch>, Trouble> {
        let Some((lowest, highest)) = self.bounds()? else {
            progress.load = None;
            return Ok(Vec::new());
        };
        let Some(oldest) = load.oldest else { return self.first_page(lowest, highest, progress) };
        if !self.is_there(oldest)? && lowest < oldest.row {
            // The rows have been numbered anew: nobody knows which were read.
            progress.load = Some(Load::default());
            return Ok(Vec::new());
        }
        let wanted = usize::try_from(progress.limit - load.done).unwrap_or(PAGE).min(PAGE);
        let page = self.rows("WHERE rowid < ?1 ORDER BY rowid DESC", [oldest.row], wanted, (progress.source, Origin::History))?;
        if let Some(oldest) = page.marks.last() {
            progress.ladder.push_older(*oldest);
        }
        progress.loaded(load, &page, lowest);
        Ok(page.batches)
    }

    /// Reads the newest rows, and their parents though they may lie far back.
    fn first_page(&self, lowest: i64, highest: i64, progress: &mut Progress) -> Result<Vec<Batch>, Trouble> {
        let origin = if std::mem::take(&mut progress.awaited) { Origin::Live } else { Origin::History };
        let wanted = usize::try_from(progress.limit).unwrap_or(FIRST).min(FIRST);
        let mut page = self.rows("WHERE rowid <= ?1 ORDER BY rowid DESC", [highest], wanted, (progress.source, origin))?;
        progress.ladder = Ladder::default();
        page.marks.iter().rev().for_each(|mark| progress.ladder.push(*mark));
        let total = u64::try_from(highest.saturating_sub(lowest)).unwrap_or(0).saturating_add(1).min(progress.limit);
        progress.loaded(Load { total, ..Load::default() }, &page, lowest);
        self.add_parents(&mut page.batches)?;
        Ok(page.batches)
    }

    /// Reads up to `wanted` rows as long as time allows.
    fn rows(&self, rest: &str, after: impl Params, wanted: usize, (source, origin): (SourceId, Origin)) -> Result<Page, Trouble> {
        let time = if self.database.blocks_writer { PAGE_TIME_BLOCKING } else { PAGE_TIME };
        let begun = Instant::now();
        let mut statement = select(&self.database.connection, self.tables, rest)?;
        let mut rows = statement.query(after)?;
        let mut page = Page { all: true, ..Page::default() };
        while let Some(row) = rows.next()? {
            let read = page.marks.len();
            if read == wanted || (read % 16 == 15 && begun.elapsed() > time) {
                page.all = false;
                break;
            }
            if read % BATCH == 0 {
                page.batches.push(Batch::new(source, origin));
            }
            if let Some(batch) = page.batches.last_mut() {
                page.marks.push(rows::take(row, batch)?);
            }
        }
        Ok(page)
    }

    /// Looks up the parents that spans name and that are not at hand, and their parents, so that none seems to run. They come
    /// with the first batch.
    fn add_parents(&self, batches: &mut [Batch]) -> Result<(), Trouble> {
        let mut known: HashSet<SpanId> = batches.iter().flat_map(|batch| &batch.spans).map(|span| span.id).collect();
        let mut named: Vec<SpanId> = batches.iter().flat_map(|batch| &batch.spans).filter_map(|span| span.parent).collect();
        let Some(batch) = batches.first_mut() else { return Ok(()) };
        let mut statement = select(&self.database.connection, self.tables, "WHERE span_id = ?1")?;
        for _ in 0..LEVELS {
            let from = batch.spans.len();
            for parent in named.into_iter().filter(|parent| !self.sent.0.contains(parent)) {
                if known.insert(parent)
                    && let Some(row) = statement.query([parent.to_string()])?.next()?
                {
                    rows::take(row, batch)?;
                }
            }
            if batch.spans.len() == from {
                break;
            }
            named = batch.spans.iter().skip(from).filter_map(|span| span.parent).collect();
        }
        Ok(())
    }

    fn is_there(&self, mark: Mark) -> Result<bool, Trouble> {
        let sql = format!("SELECT span_id FROM {} WHERE rowid = ?1", quoted(&self.tables.spans));
        let mut statement = self.database.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([mark.row])?;
        rows.next()?.map_or(Ok(false), |row| Ok(Mark::new(mark.row, row.get_ref(0)?) == mark))
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

impl Progress {
    /// A page was read.
    fn loaded(&mut self, load: Load, page: &Page, lowest: i64) {
        let done = load.done + page.marks.len() as u64;
        let oldest = page.marks.last().copied().or(load.oldest);
        let full = done >= self.limit;
        let older = oldest.map_or(0, |mark| mark.row.saturating_sub(lowest));
        self.left_out = if full { u64::try_from(older).unwrap_or(0) } else { 0 };
        self.load = if full || page.all { None } else { Some(Load { oldest, done, total: load.total }) };
    }
}
