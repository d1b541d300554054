//! Everything that the file holds of one span.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Tables;
use super::access::Database;
use super::rows::bytes;
use super::schema::{check, quoted};
use super::trouble::Trouble;
use crate::model::{Address, Payload, SpanId};
use crate::source::agno_row;

/// Reads a span's payload from its row, or, where another span took that row, from wherever it is now.
pub(super) fn read(database: &Database, tables: &Tables, address: Address, span: SpanId) -> Result<Option<Payload>, Trouble> {
    let connection = &database.connection;
    check(connection, tables)?;
    let columns = format!("SELECT attributes, status_message, trace_id FROM {}", quoted(&tables.spans));
    let at = connection
        .query_row(&format!("{columns} WHERE rowid = ?1 AND lower(span_id) = ?2"), (address.0, span.to_string()), row)
        .optional()?;
    let found = match at {
        Some(found) => Some(found),
        None => connection.query_row(&format!("{columns} WHERE span_id = ?1"), [span.to_string()], row).optional()?,
    };
    Ok(found.map(|(mut payload, trace)| {
        // A file may hold spans alone, or a table of traces from another version.
        payload.notes = notes(connection, tables, &trace).unwrap_or_default();
        payload
    }))
}

fn row(row: &Row<'_>) -> rusqlite::Result<(Payload, Vec<u8>)> {
    let payload = agno_row::payload(&bytes(row.get_ref(0)?), &bytes(row.get_ref(1)?));
    Ok((payload, bytes(row.get_ref(2)?).into_owned()))
}

fn notes(connection: &Connection, tables: &Tables, trace: &[u8]) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {} WHERE trace_id = ?1", quoted(&tables.traces)))?;
    let names: Vec<String> = statement.column_names().map(str::to_ascii_lowercase).collect();
    let mut rows = statement.query([String::from_utf8_lossy(trace)])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    Ok(agno_row::notes(|column| {
        let index = names.iter().position(|name| name == column)?;
        Some(String::from_utf8_lossy(&bytes(row.get_ref(index).ok()?)).into_owned())
    }))
}
