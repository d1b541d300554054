//! Reads metrics that the listener recorded beside Agno's tables.

use rusqlite::OptionalExtension;

use super::access::Database;
use super::error::Error;
use crate::model::{MetricBatch, Nanos, SourceId};
use crate::otlp::metrics;
use crate::sources::sql::METRICS_TABLE;

/// The most requests that are read in one transaction.
const REQUESTS: usize = 64;

/// Reads the metrics after a row, the oldest first. Returns a batch for each request and the last row; the row before if there are none.
pub(super) fn read(database: &Database, source: SourceId, after: i64) -> Result<(Vec<MetricBatch>, i64), Error> {
    let connection = &database.connection;
    let exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    if connection.query_row(exists, [METRICS_TABLE], |_| Ok(())).optional()?.is_none() {
        return Ok((Vec::new(), after));
    }
    let sql = format!("SELECT rowid, received_at, body FROM {METRICS_TABLE} WHERE rowid > ?1 ORDER BY rowid LIMIT {REQUESTS}");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([after])?;
    let (mut batches, mut last) = (Vec::new(), after);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let received: Option<Nanos> = row.get(1).ok();
        let mut batch = MetricBatch { source, received: received.unwrap_or_default(), ..MetricBatch::default() };
        // Another program may have written the row.
        let body = row.get_ref(2)?.as_blob().unwrap_or_default();
        if metrics::read(body, &mut batch).is_err() {
            batch.invalid += 1;
        }
        batches.push(batch);
    }
    Ok((batches, last))
}
