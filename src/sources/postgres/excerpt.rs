//! Reads the traces of a [`Wanted`] from a database.

use std::collections::HashSet;

use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::rows::{self, RowInfo};
use super::session::{Session, text};
use super::table::{TableDefinition, inspect};
use crate::model::{Batch, Nanos, Origin, time};
use crate::sources::UpdateSender;
use crate::sources::excerpt::{INDEXED, Plan, Wanted, has_lost, nth_newest, oldest, spellings};

/// The ids of traces in a statement.
const IDS: usize = 64;
/// The spans in a batch.
const BATCH: usize = 512;
/// The columns that are compared as text.
const TEXTS: [&str; 4] = ["trace_id", "start_time", "end_time", "created_at"];

/// What was read.
pub(super) struct Found {
    pub(super) batches: Vec<Batch>,
    /// The ids of the traces, as the table has them.
    pub(super) ids: Vec<String>,
    /// See [`Update::Read`](crate::sources::Update::Read).
    pub(super) from: Nanos,
}

/// Reads traces without those in `sent`; `None` if only a read of everything can tell.
pub(super) async fn read(
    session: &Session,
    location: &Location,
    wanted: &Wanted,
    sent: &HashSet<String>,
    updates: &UpdateSender,
) -> Result<Option<Found>, Error> {
    let outcome = read_in_transaction(session, location, wanted, sent, updates).await;
    session.end(outcome).await
}

async fn read_in_transaction(
    session: &Session,
    location: &Location,
    wanted: &Wanted,
    sent: &HashSet<String>,
    updates: &UpdateSender,
) -> Result<Option<Found>, Error> {
    let state = inspect(session, location).await?;
    let definition = TableDefinition::read(session, &state).await?;
    if !has_indexes(session, state.oid).await? {
        return Ok(None);
    }
    let table = location.spans();
    let (wanted, from) = match wanted {
        Wanted::Newest(n) => {
            let Some((since, from)) = newest(session, &table, *n).await? else { return Ok(None) };
            (&Wanted::Period(since, None), from)
        }
        Wanted::Period(from, _) => (wanted, *from),
        Wanted::Ids(_) | Wanted::Beside(_) | Wanted::Sessions(_) | Wanted::Holding { .. } => (wanted, Nanos::MIN),
    };
    let Some(plan) = Plan::new(&table, &location.traces(), wanted) else { return Ok(None) };
    for guard in &plan.guards {
        if !session.query(guard, &[]).await?.is_empty() {
            return Ok(None);
        }
    }
    let mut ids = HashSet::new();
    for statement in &plan.ids {
        ids.extend(texts(session, statement).await?);
    }
    let ids: Vec<String> = ids.into_iter().filter(|id| !sent.contains(id)).collect();
    let sql = definition.select(location, "WHERE trace_id = ANY ($1)");
    let mut batches = vec![updates.batch(Origin::History)];
    for ids in ids.chunks(IDS) {
        for row in &session.query(&sql, &[(&spellings(ids), Type::TEXT_ARRAY)]).await? {
            if batches.last().is_none_or(|batch| batch.spans.len() >= BATCH) {
                batches.push(updates.batch(Origin::History));
            }
            if let Some(batch) = batches.last_mut() {
                rows::read(row, &RowInfo::new(row, &state.snapshot), batch);
            }
        }
    }
    Ok(Some(Found { batches, ids, from }))
}

/// Returns the start of the `n`th newest span, and from when on that reads every span; `None` if that cannot be told.
async fn newest(session: &Session, table: &str, n: u64) -> Result<Option<(Nanos, Nanos)>, Error> {
    if let Some(text) = texts(session, &nth_newest(table, n)).await?.first() {
        return Ok(time::parse(text.as_bytes()).map(|start| (start, start)));
    }
    if !session.query(&has_lost(table), &[]).await?.is_empty() {
        return Ok(None);
    }
    // Of no span, any time is the oldest.
    let oldest = texts(session, &oldest(table)).await?.first().map_or(Some(0), |text| time::parse(text.as_bytes()));
    Ok(oldest.map(|start| (start, Nanos::MIN)))
}

/// Whether the table has the indexes that the statements need, and texts in the columns that they compare.
async fn has_indexes(session: &Session, oid: u32) -> Result<bool, Error> {
    let sql = "SELECT a.attname::text, format_type(a.atttypid, NULL), \
        EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indisvalid \
            AND i.indpred IS NULL)::text \
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1::text::oid AND a.attnum > 0 AND NOT a.attisdropped";
    let rows = session.query(sql, &[(&oid.to_string(), Type::TEXT)]).await?;
    let has = |name: &str, column: usize, values: &[&str]| {
        rows.iter().any(|row| text(row, 0) == Some(name) && text(row, column).is_some_and(|value| values.contains(&value)))
    };
    Ok(TEXTS.iter().all(|name| has(name, 1, &["text", "character varying"])) && INDEXED.iter().all(|name| has(name, 2, &["true"])))
}

/// Returns the texts of the only column.
async fn texts(session: &Session, sql: &str) -> Result<Vec<String>, Error> {
    Ok(session.query(sql, &[]).await?.iter().filter_map(|row| text(row, 0)).map(ToOwned::to_owned).collect())
}
