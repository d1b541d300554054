//! Reads new rows, then a page of older rows, in one transaction.

use std::time::{Duration, Instant};

use hashbrown::HashSet;
use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::progress::{Load, Progress};
use super::rows::{self, RowInfo};
use super::session::{Session, number};
use super::table::{TableDefinition, TableState, inspect, split};
use super::{tail, view};
use crate::model::{Batch, SpanId};

/// The rows in the first page, which the first frame waits for.
const FIRST_PAGE: usize = 512;
/// The most levels of parents that are looked up.
const MAX_LEVELS: usize = 32;
/// Up to this estimate, the rows of the table are counted exactly.
const MAX_COUNTED: u64 = 2_000_000;
/// The estimated rows in a block of a table that was never analyzed.
const ROWS_PER_BLOCK: u64 = 8;

/// Reads new rows and a page of older rows into `batches`. After an error these are valid, too.
pub(super) async fn read(session: &Session, location: &Location, progress: &mut Progress, batches: &mut Vec<Batch>) -> Result<(), Error> {
    let outcome = read_in_transaction(session, location, progress, batches).await;
    session.end(outcome).await
}

async fn read_in_transaction(
    session: &Session,
    location: &Location,
    progress: &mut Progress,
    batches: &mut Vec<Batch>,
) -> Result<(), Error> {
    let state = inspect(session, location).await?;
    if progress.table.is_some_and(|table| table != state.oid) {
        progress.start_over();
    }
    progress.table = Some(state.oid);
    let definition = match &progress.definition {
        Some(definition) if definition.is_of(&state) => definition.clone(),
        _ => TableDefinition::read(session, &state).await?,
    };
    let reader = Reader { session, location, definition: &definition, state: &state };
    if progress.last.is_some() {
        let [late, mut new] = if state.is_view {
            view::read(session, location, &definition, &state, progress).await?
        } else {
            tail::read(session, location, &definition, &state, progress).await?
        };
        let parents = reader.parents(&mut new, progress).await;
        batches.extend([late, new].into_iter().filter_map(non_empty));
        parents?;
    } else {
        let rows = definition.rows_written(session).await?;
        progress.begin(&state);
        progress.reset_row_count(rows);
    }
    if let Some(load) = progress.load.clone() {
        reader.page(load, progress, batches).await?;
    }
    progress.definition = Some(definition);
    Ok(())
}

struct Reader<'a> {
    session: &'a Session,
    location: &'a Location,
    definition: &'a TableDefinition,
    state: &'a TableState,
}

impl Reader<'_> {
    /// Reads the next page.
    async fn page(&self, mut load: Load, progress: &mut Progress, batches: &mut Vec<Batch>) -> Result<(), Error> {
        let is_first = load.last.is_none();
        let remaining = usize::try_from(progress.limits.limit - load.done).unwrap_or(usize::MAX);
        let wanted = remaining.min(if is_first { FIRST_PAGE.min(progress.page) } else { progress.page });
        let begun = Instant::now();
        let floor = progress.limits.since.and_then(|since| self.definition.earliest_created(since));
        let found = match &load.last {
            None => self.session.query(&self.definition.select_newest(self.location), &[(&wanted.to_string(), Type::TEXT)]).await?,
            Some((created, place)) => {
                let (table, ctid) = split(place);
                let sql = self.definition.select_before(self.location, floor.as_deref());
                self.session
                    .query(&sql, &[(created, Type::TEXT), (&table, Type::TEXT), (&ctid, Type::TEXT), (&wanted.to_string(), Type::TEXT)])
                    .await?
            }
        };
        progress.adapt_page(begun.elapsed());
        if is_first && found.is_empty() && self.definition.hides_rows(self.session).await? {
            return Err(Error::Hidden);
        }
        let mut batch = progress.updates.batch(load.origin);
        let mut taken: Vec<_> = found.iter().map(|row| (row, RowInfo::new(row, &self.state.snapshot))).collect();
        // Of a database without an encoding the time may be unreadable: then the next page begins at an earlier row of this one.
        load.last = taken.iter().rev().find_map(|(_, info)| Some((info.created?.to_owned(), info.place.to_owned())));
        let is_last = found.len() < wanted || load.last.is_none();
        // The order by time does not reach rows without `created_at`.
        let sql = self.definition.select_without_time(self.location);
        let without_time = if is_last && self.definition.is_nullable { self.session.query(&sql, &[]).await? } else { Vec::new() };
        taken.extend(without_time.iter().map(|row| (row, RowInfo::new(row, &self.state.snapshot))));
        if self.state.is_view && rows::are_ambiguous(taken.iter().map(|(_, info)| info)) {
            return Err(Error::NotATable("a view with several rows of one span"));
        }
        let is_full = load.done + taken.len() as u64 >= progress.limits.limit;
        let left_out = if is_full && !is_last { self.rows().await?.saturating_sub(load.done + taken.len() as u64) } else { 0 };
        for (row, info) in &taken {
            let is_new = info.transaction >= progress.base;
            if if is_new { progress.insert_sent(info.key, info.transaction) } else { !progress.was_sent(info.key, info.transaction) } {
                rows::read(row, info, &mut batch);
            }
        }
        load.done += taken.len() as u64;
        progress.has_had_rows |= !taken.is_empty();
        progress.left_out = left_out;
        if left_out > 0 {
            progress.oldest = load.last.as_ref().map(|(created, _)| created.clone());
        } else if is_last {
            progress.oldest = floor;
        }
        progress.load = (!is_last && !is_full).then_some(load);
        // What came to a view while it was loaded may have any time.
        progress.sweeps.is_due |= self.state.is_view && progress.load.is_none() && progress.first.as_ref() != Some(&self.state.snapshot);
        let parents = if is_first { self.parents(&mut batch, progress).await } else { Ok(()) };
        // Rows that are recorded as sent must be sent, even after an error.
        batches.extend(non_empty(batch));
        parents
    }

    /// Returns the number of rows, of a very large table estimated.
    async fn rows(&self) -> Result<u64, Error> {
        let estimate = self.state.rows.unwrap_or(self.state.blocks() * ROWS_PER_BLOCK);
        if estimate > MAX_COUNTED {
            return Ok(estimate);
        }
        self.session.query("SAVEPOINT counting", &[]).await?;
        match self.session.query(&format!("SELECT count(*)::text FROM {}", self.location.spans()), &[]).await {
            Ok(rows) => Ok(rows.first().and_then(|row| number(row, 0)).unwrap_or(0)),
            Err(Error::Slow) => {
                self.session.query("ROLLBACK TO SAVEPOINT counting", &[]).await?;
                Ok(estimate)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the missing parents of the spans, and their parents, because a span without its parent would seem to run.
    async fn parents(&self, batch: &mut Batch, progress: &mut Progress) -> Result<(), Error> {
        let mut known: HashSet<SpanId> = batch.spans.iter().map(|span| span.id).collect();
        let sql = self.definition.select(self.location, "WHERE span_id = ANY ($1)");
        let (begun, mut known_spans) = (Instant::now(), 0);
        for _ in 0..MAX_LEVELS {
            let missing = |parent: &SpanId| known.insert(*parent);
            let parents = batch.spans.iter().skip(known_spans).filter_map(|span| span.parent).filter(missing);
            let parents: Vec<String> = parents.map(|parent| parent.to_string()).collect();
            known_spans = batch.spans.len();
            if parents.is_empty() || begun.elapsed() > Duration::from_secs(1) {
                break;
            }
            for row in &self.session.query(&sql, &[(&parents, Type::TEXT_ARRAY)]).await? {
                let info = RowInfo::new(row, &self.state.snapshot);
                if progress.insert_sent(info.key, info.transaction) {
                    rows::read(row, &info, batch);
                }
            }
        }
        Ok(())
    }
}

fn non_empty(batch: Batch) -> Option<Batch> {
    (!batch.spans.is_empty() || !batch.skipped.is_empty()).then_some(batch)
}
