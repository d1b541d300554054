//! Everything that the file holds of one span.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Tables;
use super::access::Database;
use super::rows::bytes;
use super::schema::{check, quoted};
use super::trouble::Trouble;
use crate::model::{Address, Payload, SpanId, Value, json};

/// What a trace's row says, and what it is called for a person.
const NOTES: [(&str, &str); 9] = [
    ("name", "stored trace name"),
    ("status", "stored trace status"),
    ("duration_ms", "stored trace duration"),
    ("run_id", "run"),
    ("session_id", "session"),
    ("user_id", "user"),
    ("agent_id", "agent id"),
    ("team_id", "team id"),
    ("workflow_id", "workflow id"),
];

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
    let attributes = bytes(row.get_ref(0)?);
    let attributes = match json::parse(if attributes.is_empty() { b"null" } else { &attributes }) {
        Ok(attributes) => attributes,
        // The row was good when it was indexed and has changed since.
        Err(_) => vec![("attributes".to_owned(), Value::Text(String::from_utf8_lossy(&attributes).into_owned()))],
    };
    let status_message = String::from_utf8_lossy(&bytes(row.get_ref(1)?)).into_owned();
    Ok((Payload { attributes, status_message, ..Payload::default() }, bytes(row.get_ref(2)?).into_owned()))
}

fn notes(connection: &Connection, tables: &Tables, trace: &[u8]) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {} WHERE trace_id = ?1", quoted(&tables.traces)))?;
    let names: Vec<String> = statement.column_names().map(str::to_ascii_lowercase).collect();
    let mut rows = statement.query([String::from_utf8_lossy(trace)])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    let mut notes = Vec::new();
    for (column, title) in NOTES {
        let Some(index) = names.iter().position(|name| name == column) else { continue };
        let value = bytes(row.get_ref(index)?);
        let unit = if column == "duration_ms" { " ms" } else { "" };
        if !value.is_empty() {
            notes.push((title.to_owned(), format!("{}{unit}", String::from_utf8_lossy(&value))));
        }
    }
    Ok(notes)
}
