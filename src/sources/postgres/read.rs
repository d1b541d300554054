//! What one transaction does: first what is new, then a page of what is old.

use std::time::{Duration, Instant};

use hashbrown::HashSet;
use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::progress::{Load, Progress};
use super::rows::{self, Meta};
use super::session::{Session, number};
use super::table::{Shape, TableState, inspect};
use super::tail;
use crate::model::{Batch, SpanId};

/// Rows of the first page, which the first frame waits for.
const FIRST: usize = 512;
/// Levels of parents that are looked up.
const LEVELS: usize = 32;
/// Rows that are counted exactly, past which what is left out is told about.
const COUNTED: u64 = 2_000_000;
/// Rows in a block, about, where nobody has counted.
const ROWS_IN_BLOCK: u64 = 8;

/// Reads what is new and a page of what is old, in one transaction, and puts it into `batches`. What is there after an error is good,
/// too.
pub(super) async fn read(session: &Session, place: &Location, progress: &mut Progress, batches: &mut Vec<Batch>) -> Result<(), Error> {
    let outcome = read_in_transaction(session, place, progress, batches).await;
    let ended = session.end().await;
    outcome.and(ended)
}

async fn read_in_transaction(session: &Session, place: &Location, progress: &mut Progress, batches: &mut Vec<Batch>) -> Result<(), Error> {
    let look = inspect(session, place).await?;
    if progress.table.is_some_and(|table| table != look.oid) {
        progress.start_over();
    }
    progress.table = Some(look.oid);
    let shape = match &progress.shape {
        Some(shape) => shape.clone(),
        None => Shape::of(session, look.oid).await?,
    };
    let visit = Visit { session, place, shape: &shape, look: &look };
    if progress.seen.is_some() {
        let [late, mut new] = tail::read(session, place, &shape, &look, progress).await?;
        let parents = visit.parents(&mut new, progress).await;
        batches.extend([late, new].into_iter().filter_map(filled));
        parents?;
    } else {
        let rows = shape.rows_written(session).await?;
        progress.begin(&look);
        progress.count_from(rows);
    }
    if let Some(load) = progress.load.clone() {
        visit.page(load, progress, batches).await?;
    }
    progress.shape = Some(shape);
    Ok(())
}

struct Visit<'a> {
    session: &'a Session,
    place: &'a Location,
    shape: &'a Shape,
    look: &'a TableState,
}

impl Visit<'_> {
    /// Reads the page that is next to last.
    async fn page(&self, mut load: Load, progress: &mut Progress, batches: &mut Vec<Batch>) -> Result<(), Error> {
        let first = load.last.is_none();
        let left = usize::try_from(progress.limit - load.done).unwrap_or(usize::MAX);
        let wanted = left.min(if first { FIRST.min(progress.page) } else { progress.page });
        let begun = Instant::now();
        let floor = progress.since.and_then(|since| self.shape.created_by(since));
        let found = match &load.last {
            None => self.session.query(&self.shape.select_newest(self.place), &[(&wanted.to_string(), Type::TEXT)]).await?,
            Some((created, place)) => {
                let sql = self.shape.select_before(self.place, floor.as_deref());
                self.session.query(&sql, &[(created, Type::TEXT), (place, Type::TEXT), (&wanted.to_string(), Type::TEXT)]).await?
            }
        };
        let all = found.len() < wanted;
        progress.page_took(begun.elapsed());
        let mut batch = progress.outlet.batch(load.origin);
        let mut taken: Vec<_> = found.iter().map(|row| (row, Meta::of(row, &self.look.snapshot))).collect();
        if let Some((_, meta)) = taken.last() {
            load.last = meta.created.map(|created| (created.to_owned(), meta.place.to_owned()));
        }
        let undated = if all && self.shape.may_be_undated() { self.undated().await? } else { Vec::new() };
        taken.extend(undated.iter().map(|row| (row, Meta::of(row, &self.look.snapshot))));
        let full = load.done + taken.len() as u64 >= progress.limit;
        let left_out = if full && !all { self.rows().await?.saturating_sub(load.done + taken.len() as u64) } else { 0 };
        for (row, meta) in &taken {
            let late = meta.transaction >= progress.base;
            if if late { progress.is_new(meta.key, meta.transaction) } else { !progress.was_sent(meta.key, meta.transaction) } {
                rows::take(row, meta, &mut batch);
            }
        }
        load.done += taken.len() as u64;
        progress.left_out = left_out;
        if left_out > 0 {
            progress.oldest = load.last.as_ref().map(|(created, _)| created.clone());
        } else if all {
            progress.oldest = floor;
        }
        progress.load = (!all && !full).then_some(load);
        let parents = if first { self.parents(&mut batch, progress).await } else { Ok(()) };
        // What is noted as sent is sent, whatever came after.
        batches.extend(filled(batch));
        parents
    }

    /// Rows that nobody dated, which no order by time leads to.
    async fn undated(&self) -> Result<Vec<tokio_postgres::Row>, Error> {
        let sql = self.shape.select(self.place, "WHERE created_at IS NULL LIMIT 10000");
        self.session.query(&sql, &[]).await
    }

    /// How many rows there are; of a very large table, about.
    async fn rows(&self) -> Result<u64, Error> {
        let about = self.look.rows.unwrap_or(self.look.blocks * ROWS_IN_BLOCK);
        if about > COUNTED {
            return Ok(about);
        }
        self.session.query("SAVEPOINT counting", &[]).await?;
        match self.session.query(&format!("SELECT count(*)::text FROM {}", self.place.spans()), &[]).await {
            Ok(rows) => Ok(rows.first().and_then(|row| number(row, 0)).unwrap_or(0)),
            Err(Error::Slow) => {
                self.session.query("ROLLBACK TO SAVEPOINT counting", &[]).await?;
                Ok(about)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Looks up the parents that spans name and that are not at hand, and their parents, so that none seems to run.
    async fn parents(&self, batch: &mut Batch, progress: &mut Progress) -> Result<(), Error> {
        let mut known: HashSet<SpanId> = batch.spans.iter().map(|span| span.id).collect();
        let sql = self.shape.select(self.place, "WHERE span_id = ANY ($1)");
        let (begun, mut from) = (Instant::now(), 0);
        for _ in 0..LEVELS {
            let missing = |parent: &SpanId| known.insert(*parent);
            let named = batch.spans.iter().skip(from).filter_map(|span| span.parent).filter(missing);
            let named: Vec<String> = named.map(|parent| parent.to_string()).collect();
            from = batch.spans.len();
            if named.is_empty() || begun.elapsed() > Duration::from_secs(1) {
                break;
            }
            for row in &self.session.query(&sql, &[(&named, Type::TEXT_ARRAY)]).await? {
                let meta = Meta::of(row, &self.look.snapshot);
                if progress.is_new(meta.key, meta.transaction) {
                    rows::take(row, &meta, batch);
                }
            }
        }
        Ok(())
    }
}

fn filled(batch: Batch) -> Option<Batch> {
    (!batch.spans.is_empty() || !batch.skipped.is_empty()).then_some(batch)
}
