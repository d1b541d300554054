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
use super::table::{PLACE, Part, TableDefinition, TableState, split};
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
    progress.set_parts(state);
    if progress.sweep_if_due(state) {
        progress.reset_row_count(definition.rows_written(session).await?);
    }
    let from = progress.last.as_ref().and_then(|last| last.first_ended_since(&state.snapshot));
    let search = Search { location, snapshot: &state.snapshot, exclude_old: exclude_old(definition, progress) };
    let mut parts = Vec::new();
    if let Some(from) = from {
        let margin = MARGIN / state.parts.len().max(1) as u64;
        for part in &state.parts {
            match &part.name {
                Some(name) => {
                    let start = end_of_part(part, from, margin, progress);
                    parts.push(search.blocks(name, &state.snapshot.condition(from), start, None));
                }
                // The whole table has no order by block: a sweep and the times find the rows.
                None => progress.sweeps.is_due = true,
            }
        }
        parts.extend(search.by_time(from));
    }
    let step = (SWEEP_BLOCKS / state.parts.len().max(1) as u64).max(1);
    let swept = progress.sweep.as_ref().map(|sweep| (sweep.next, (sweep.next + step).min(sweep.end)));
    if let Some((next, end)) = swept {
        let mut condition = state.snapshot.condition(progress.base);
        let attached = progress.attached();
        if !attached.is_empty() {
            condition = format!("({condition} OR tableoid IN ({}))", attached.iter().map(u32::to_string).collect::<Vec<_>>().join(","));
        }
        parts.push(search.blocks(&location.spans(), &condition, next, Some(end)));
    }
    let mut batches = [Origin::History, Origin::Live].map(|origin| progress.updates.batch(origin));
    let begun = Instant::now();
    if !parts.is_empty() {
        let candidates = session.query(&parts.join(" UNION ALL "), &[]).await?;
        let places = unsent(&candidates, &state.snapshot, progress);
        let found = fetch(session, location, definition, &places).await?;
        // All rows have arrived, so that each row that is recorded as sent is sent.
        for row in &found {
            let info = RowInfo::new(row, &state.snapshot);
            if progress.insert_sent(info.key, info.transaction) {
                let is_old = progress.is_old(&info);
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
fn end_of_part(part: &Part, from: u64, margin: u64, progress: &mut Progress) -> u64 {
    let before = progress.parts.get(&part.oid).map_or(0, |known| known.sizes.before(from).unwrap_or(0).min(known.blocks));
    let start = before.saturating_sub(margin);
    let earliest = part.blocks.saturating_sub(MAX_BLOCKS);
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
    fn blocks(&self, table: &str, condition: &str, start: u64, end: Option<u64>) -> String {
        let end = end.map_or_else(String::new, |end| format!(" AND ctid < '({end},0)'::tid"));
        format!(
            "SELECT '{BY_BLOCK}', {PLACE}, xmin::text, span_id::text FROM {table} WHERE ctid >= '({start},0)'::tid{end} AND {condition}{}",
            self.exclude_old
        )
    }

    /// Returns statements that read the newest rows by `created_at`, and those around the server's time.
    fn by_time(&self, from: u64) -> [String; 2] {
        // In the format of Python's `isoformat()`.
        let now = "WHERE created_at::text < to_char(now() AT TIME ZONE 'UTC' + interval '2 s', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')";
        ["", now].map(|condition| {
            format!(
                "SELECT '{BY_TIME}', {PLACE}, xmin::text, span_id::text FROM \
                 (SELECT tableoid, ctid, xmin, span_id, created_at FROM {} {condition} ORDER BY created_at DESC LIMIT {WINDOW}) AS newest WHERE {}{}",
                self.location.spans(),
                self.snapshot.condition(from),
                self.exclude_old
            )
        })
    }
}

/// Returns the places of rows that were not sent yet.
fn unsent(candidates: &[Row], snapshot: &Snapshot, progress: &mut Progress) -> Vec<String> {
    let (mut places, mut by_time) = (HashSet::new(), 0);
    for row in candidates {
        let (Some(place), Some(transaction)) = (text(row, 1), number(row, 2)) else { continue };
        if progress.was_sent(rows::key(text(row, 3), place), snapshot.widen(transaction)) {
            continue;
        }
        by_time += usize::from(text(row, 0) == Some(BY_TIME) && !places.contains(place));
        places.insert(place.to_owned());
    }
    // So many rows are in freed space that there may be more.
    progress.sweeps.is_due |= by_time > WINDOW / 2;
    places.into_iter().collect()
}

/// Reads rows by their places, which are valid in this transaction.
async fn fetch(session: &Session, location: &Location, definition: &TableDefinition, places: &[String]) -> Result<Vec<Row>, Error> {
    let sql = definition.select(location, &format!("WHERE ctid = ANY ($1::text[]::tid[]) AND {PLACE} = ANY ($2)"));
    let mut found = Vec::new();
    for places in places.chunks(PAGE) {
        let ctids: Vec<&str> = places.iter().map(|place| split(place).1).collect();
        found.extend(session.query(&sql, &[(&ctids, Type::TEXT_ARRAY), (&places, Type::TEXT_ARRAY)]).await?);
    }
    Ok(found)
}
