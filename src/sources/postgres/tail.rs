//! Finding new rows without reading the table.
//!
//! A row is new if a transaction wrote it that had not ended at the last look ([`super::snapshot`]). That is exact, but no index leads
//! there. So a look goes where new rows are:
//!
//! - the end of the table, from where it ended before the oldest of those transactions began;
//! - where space was freed, a row may lie anywhere: the newest by `created_at`, and those around the server's own time, since a writer
//!   whose clock is ahead would hide the others.
//!
//! What lies elsewhere (in freed space *and* written by a clock that is wrong) a sweep over all blocks finds: [`super::progress`] says
//! when one is due.

use std::collections::HashSet;
use std::time::Instant;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::progress::Progress;
use super::rows::{self, Meta};
use super::session::{Session, number, text};
use super::snapshot::Snapshot;
use super::table::{Shape, TableState};
use crate::model::{Batch, Origin};

/// Blocks looked at before the end: rows fill what was left of the last ones.
const BACK: u64 = 64;
/// Blocks at the end that are looked at at most; where there are more, the rest is left to a sweep.
const WIDEST: u64 = 8192;
/// Rows looked at by `created_at`, each way.
const WINDOW: usize = 128;
/// Blocks swept at once.
const STRIDE: u64 = 128;
/// Rows read at once: few enough that long ones take no longer than a statement may.
const PAGE: usize = 256;

/// Where a candidate was found.
const BY_PLACE: &str = "p";
const BY_TIME: &str = "t";

/// Reads what is new since the last look, and the next stretch of a sweep. What was there before and had not been read yet comes apart
/// from what is new.
pub(super) async fn read(
    session: &Session,
    place: &Location,
    shape: &Shape,
    look: &TableState,
    progress: &mut Progress,
) -> Result<[Batch; 2], Error> {
    if progress.file != look.file {
        // Every row lies elsewhere now.
        progress.file = look.file;
        progress.growth = super::snapshot::SizeHistory::default();
        progress.blocks = 0;
        progress.swept.wanted = true;
        progress.sweep = None;
    }
    if progress.sweep_if_due(look) {
        progress.count_from(shape.rows_written(session).await?);
    }
    let from = progress.seen.as_ref().and_then(|seen| seen.first_ended_since(&look.snapshot));
    let search = Search { place, snapshot: &look.snapshot, left_out: left_out(shape, progress) };
    let mut parts = Vec::new();
    if let Some(from) = from {
        parts.push(search.blocks(from, end_of_table(look, from, progress), None));
        parts.extend(search.by_time(from));
    }
    let swept = progress.sweep.as_ref().map(|sweep| (sweep.next, (sweep.next + STRIDE).min(sweep.end)));
    if let Some((next, end)) = swept {
        parts.push(search.blocks(progress.base, next, Some(end)));
    }
    let mut batches = [Origin::History, Origin::Live].map(|origin| progress.outlet.batch(origin));
    let begun = Instant::now();
    if !parts.is_empty() {
        let candidates = session.query(&parts.join(" UNION ALL "), &[]).await?;
        let wanted = choose(&candidates, &look.snapshot, progress);
        let found = fetch(session, place, shape, &wanted).await?;
        // All have come: what is noted as sent is sent.
        for row in &found {
            let meta = Meta::of(row, &look.snapshot);
            if progress.is_new(meta.key, meta.transaction) {
                let old = progress.first.as_ref().is_some_and(|first| first.saw(meta.transaction));
                rows::take(row, &meta, &mut batches[usize::from(!old)]);
            }
        }
    }
    progress.look_ended(look);
    if let Some((_, end)) = swept {
        progress.swept_to(end, begun.elapsed());
    }
    Ok(batches)
}

/// Where the rows of a transaction begin that have been put at the end of the table.
fn end_of_table(look: &TableState, from: u64, progress: &mut Progress) -> u64 {
    let start = progress.growth.before(from).unwrap_or(0).min(progress.blocks).saturating_sub(BACK);
    let widest = look.blocks.saturating_sub(WIDEST);
    progress.swept.wanted |= start < widest;
    start.max(widest)
}

/// Rows that the limit left out or that are still to be loaded, as a condition that they do not meet; empty if there are none. A
/// transaction that ran at the start makes those of later ones look new.
fn left_out(shape: &Shape, progress: &Progress) -> String {
    let loaded_to = progress.load.as_ref().and_then(|load| Some(&load.last.as_ref()?.0));
    match (&progress.first, loaded_to.or(progress.oldest.as_ref())) {
        (Some(first), Some(oldest)) => {
            format!(" AND ({} OR {})", shape.created_since(oldest), first.unseen())
        }
        _ => String::new(),
    }
}

/// What the statements that search for rows have in common.
struct Search<'a> {
    place: &'a Location,
    snapshot: &'a Snapshot,
    left_out: String,
}

impl Search<'_> {
    /// Rows in a range of blocks. The numbers stand in the statement because only so the planner reads no other block.
    fn blocks(&self, from: u64, start: u64, end: Option<u64>) -> String {
        let end = end.map_or_else(String::new, |end| format!(" AND ctid < '({end},0)'::tid"));
        format!(
            "SELECT '{BY_PLACE}', ctid::text, xmin::text, span_id::text FROM {} WHERE ctid >= '({start},0)'::tid{end} AND {}{}",
            self.place.spans(),
            self.snapshot.condition(from),
            self.left_out
        )
    }

    /// Rows that are the newest by `created_at`, and those around the server's present.
    fn by_time(&self, from: u64) -> [String; 2] {
        // As Python writes a time.
        let present = "WHERE created_at::text < to_char(now() AT TIME ZONE 'UTC' + interval '2 s', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')";
        ["", present].map(|rest| {
            format!(
                "SELECT '{BY_TIME}', ctid::text, xmin::text, span_id::text FROM \
                 (SELECT ctid, xmin, span_id, created_at FROM {} {rest} ORDER BY created_at DESC LIMIT {WINDOW}) AS newest WHERE {}{}",
                self.place.spans(),
                self.snapshot.condition(from),
                self.left_out
            )
        })
    }
}

/// The places of rows that were not sent yet.
fn choose(candidates: &[Row], snapshot: &Snapshot, progress: &mut Progress) -> Vec<String> {
    let (mut wanted, mut by_time) = (HashSet::new(), 0);
    for row in candidates {
        let (Some(place), Some(transaction)) = (text(row, 1), number(row, 2)) else { continue };
        if progress.was_sent(rows::key(text(row, 3), place), snapshot.widen(transaction)) {
            continue;
        }
        by_time += usize::from(text(row, 0) == Some(BY_TIME) && !wanted.contains(place));
        wanted.insert(place.to_owned());
    }
    // So many rows in freed space that there may be more.
    progress.swept.wanted |= by_time > WINDOW / 2;
    wanted.into_iter().collect()
}

/// Reads rows by their places, which hold in this transaction.
async fn fetch(session: &Session, place: &Location, shape: &Shape, wanted: &[String]) -> Result<Vec<Row>, Error> {
    let sql = shape.select(place, "WHERE ctid = ANY ($1::text[]::tid[])");
    let mut found = Vec::new();
    for wanted in wanted.chunks(PAGE) {
        found.extend(session.query(&sql, &[(&wanted, Type::TEXT_ARRAY)]).await?);
    }
    Ok(found)
}
