//! Finds new rows without reading the whole table.
//!
//! A row is new if its transaction had not ended at the last read ([`super::snapshot`]). That is exact, but there is no index on it. So the
//! source searches where new rows usually are:
//!
//! - at the end of the table, from its end before the oldest of those transactions began;
//! - in freed space, which may be anywhere: the newest rows by `created_at`, and those around the server's own time, because a writer whose
//!   clock is ahead would hide the others.
//!
//! A sweep over all blocks finds the other rows, in freed space *and* written by a wrong clock. [`super::progress`] decides when one is due.

use std::collections::HashSet;
use std::time::Instant;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::progress::Progress;
use super::rows::{self, RowInfo};
use super::session::{Session, number, text};
use super::snapshot::Snapshot;
use super::table::{TableDefinition, TableState};
use crate::model::{Batch, Origin};

/// Blocks read before the former end, because new rows also fill the free space of the last blocks.
const MARGIN: u64 = 64;
/// The most blocks read at the end; a sweep reads the others.
const MAX_BLOCKS: u64 = 8192;
/// The rows read by `created_at`, around each of the two times.
const WINDOW: usize = 128;
/// The blocks of one step of a sweep.
const SWEEP_BLOCKS: u64 = 128;
/// The rows read by one statement: few enough that large ones stay within its timeout.
const PAGE: usize = 256;

/// How a candidate was found: by its block, or by its time.
const BY_BLOCK: &str = "p";
const BY_TIME: &str = "t";

/// Reads the rows that are new since the last read, and the next blocks of a sweep. Returns rows that existed at the start, and new rows.
pub(super) async fn read(
    session: &Session,
    location: &Location,
    definition: &TableDefinition,
    state: &TableState,
    progress: &mut Progress,
) -> Result<[Batch; 2], Error> {
    if progress.file != state.file {
        // The table was rewritten: every row has another `ctid`, and may seem to be of the transaction that rewrote it.
        progress.file = state.file;
        progress.rewritten.get_or_insert(progress.read_at);
        progress.sizes = super::snapshot::SizeHistory::default();
        progress.blocks = 0;
        progress.sweeps.is_due = true;
        progress.sweep = None;
    }
    if progress.sweep_if_due(state) {
        progress.reset_row_count(definition.rows_written(session).await?);
    }
    let from = progress.last.as_ref().and_then(|last| last.first_ended_since(&state.snapshot));
    let search = Search { location, snapshot: &state.snapshot, exclude_old: exclude_old(definition, progress) };
    let mut parts = Vec::new();
    if let Some(from) = from {
        parts.push(search.blocks(from, end_of_table(state, from, progress), None));
        parts.extend(search.by_time(from));
    }
    let swept = progress.sweep.as_ref().map(|sweep| (sweep.next, (sweep.next + SWEEP_BLOCKS).min(sweep.end)));
    if let Some((next, end)) = swept {
        parts.push(search.blocks(progress.base, next, Some(end)));
    }
    let mut batches = [Origin::History, Origin::Live].map(|origin| progress.updates.batch(origin));
    let begun = Instant::now();
    if !parts.is_empty() {
        let candidates = session.query(&parts.join(" UNION ALL "), &[]).await?;
        let ctids = unsent(&candidates, &state.snapshot, progress);
        let found = fetch(session, location, definition, &ctids).await?;
        // All rows have arrived, so that each row that is recorded as sent is sent.
        for row in &found {
            let info = RowInfo::new(row, &state.snapshot);
            if progress.insert_sent(info.key, info.transaction) {
                let is_old = progress.first.as_ref().is_some_and(|first| first.sees(info.transaction));
                let [old, new] = &mut batches;
                if is_old {
                    rows::read(row, &info, old);
                    continue;
                }
                let count = new.spans.len();
                rows::read(row, &info, new);
                // After a rewrite only the times tell that a row is old.
                let read = new.spans.get(count).and_then(|span| span.end);
                if read.zip(progress.rewritten).is_some_and(|(end, read_at)| end < read_at) {
                    new.spans.truncate(count);
                    rows::read(row, &info, old);
                }
            }
        }
    }
    progress.set_read(state);
    if let Some((_, end)) = swept {
        progress.set_swept(end, begun.elapsed());
    }
    Ok(batches)
}

/// Returns the block from which on the transaction and later ones appended rows.
fn end_of_table(state: &TableState, from: u64, progress: &mut Progress) -> u64 {
    let start = progress.sizes.before(from).unwrap_or(0).min(progress.blocks).saturating_sub(MARGIN);
    let earliest = state.blocks.saturating_sub(MAX_BLOCKS);
    progress.sweeps.is_due |= start < earliest;
    start.max(earliest)
}

/// Returns a condition that excludes rows that the limit left out or that are not loaded yet; empty if there are none. They look new if a
/// transaction was running at the start.
fn exclude_old(definition: &TableDefinition, progress: &Progress) -> String {
    let loaded_to = progress.load.as_ref().and_then(|load| Some(&load.last.as_ref()?.0));
    match (&progress.first, loaded_to.or(progress.oldest.as_ref())) {
        (Some(first), Some(oldest)) => {
            format!(" AND ({} OR {})", definition.created_since(oldest), first.unseen())
        }
        _ => String::new(),
    }
}

/// The common parts of the statements that search for rows.
struct Search<'a> {
    location: &'a Location,
    snapshot: &'a Snapshot,
    exclude_old: String,
}

impl Search<'_> {
    /// Returns a statement that reads a range of blocks. Their numbers are literals, because with parameters the planner reads all blocks.
    fn blocks(&self, from: u64, start: u64, end: Option<u64>) -> String {
        let end = end.map_or_else(String::new, |end| format!(" AND ctid < '({end},0)'::tid"));
        format!(
            "SELECT '{BY_BLOCK}', ctid::text, xmin::text, span_id::text FROM {} WHERE ctid >= '({start},0)'::tid{end} AND {}{}",
            self.location.spans(),
            self.snapshot.condition(from),
            self.exclude_old
        )
    }

    /// Returns statements that read the newest rows by `created_at`, and those around the server's time.
    fn by_time(&self, from: u64) -> [String; 2] {
        // In the format of Python's `isoformat()`.
        let now = "WHERE created_at::text < to_char(now() AT TIME ZONE 'UTC' + interval '2 s', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')";
        ["", now].map(|condition| {
            format!(
                "SELECT '{BY_TIME}', ctid::text, xmin::text, span_id::text FROM \
                 (SELECT ctid, xmin, span_id, created_at FROM {} {condition} ORDER BY created_at DESC LIMIT {WINDOW}) AS newest WHERE {}{}",
                self.location.spans(),
                self.snapshot.condition(from),
                self.exclude_old
            )
        })
    }
}

/// Returns the `ctid`s of rows that were not sent yet.
fn unsent(candidates: &[Row], snapshot: &Snapshot, progress: &mut Progress) -> Vec<String> {
    let (mut ctids, mut by_time) = (HashSet::new(), 0);
    for row in candidates {
        let (Some(ctid), Some(transaction)) = (text(row, 1), number(row, 2)) else { continue };
        if progress.was_sent(rows::key(text(row, 3), ctid), snapshot.widen(transaction)) {
            continue;
        }
        by_time += usize::from(text(row, 0) == Some(BY_TIME) && !ctids.contains(ctid));
        ctids.insert(ctid.to_owned());
    }
    // So many rows are in freed space that there may be more.
    progress.sweeps.is_due |= by_time > WINDOW / 2;
    ctids.into_iter().collect()
}

/// Reads rows by their `ctid`s, which are valid in this transaction.
async fn fetch(session: &Session, location: &Location, definition: &TableDefinition, ctids: &[String]) -> Result<Vec<Row>, Error> {
    let sql = definition.select(location, "WHERE ctid = ANY ($1::text[]::tid[])");
    let mut found = Vec::new();
    for ctids in ctids.chunks(PAGE) {
        found.extend(session.query(&sql, &[(&ctids, Type::TEXT_ARRAY)]).await?);
    }
    Ok(found)
}
