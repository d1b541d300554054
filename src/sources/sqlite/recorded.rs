//! Reads requests that the listener recorded beside Agno's tables: metrics and log records.

use rusqlite::OptionalExtension;

use super::access::Database;
use super::error::Error;
use crate::model::Nanos;

/// The most requests that are read in one transaction.
const REQUESTS: usize = 64;

/// A request in protobuf, and when it came.
pub(super) type Request = (Nanos, Vec<u8>);

/// Reads the requests in a table after a row, the oldest first. Returns them and the last row; the row before if there are none.
pub(super) fn read(database: &Database, table: &str, after: i64) -> Result<(Vec<Request>, i64), Error> {
    let connection = &database.connection;
    let exists = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
    if connection.query_row(exists, [table], |_| Ok(())).optional()?.is_none() {
        return Ok((Vec::new(), after));
    }
    let sql = format!("SELECT rowid, received_at, body FROM {table} WHERE rowid > ?1 ORDER BY rowid LIMIT {REQUESTS}");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query([after])?;
    let (mut requests, mut last) = (Vec::new(), after);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let received: Option<Nanos> = row.get(1).ok();
        // Another program may have written the row.
        let body = row.get_ref(2)?.as_blob().unwrap_or_default();
        requests.push((received.unwrap_or_default(), body.to_vec()));
    }
    if requests.is_empty() && after > 0 {
        // After all rows were deleted, SQLite counts them from 1 again.
        let newest: Option<i64> = connection.query_row(&format!("SELECT max(rowid) FROM {table}"), [], |row| row.get(0))?;
        if newest.unwrap_or_default() < after {
            drop(rows);
            return read(database, table, 0);
        }
    }
    Ok((requests, last))
}
