//! Everything that the file holds of one span.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Tables;
use super::access::Database;
use super::error::Error;
use super::rows::bytes;
use super::schema::{check, quoted};
use crate::model::{Payload, PayloadRef, SpanId};
use crate::sources::agno_row;

/// What the database says of a trace beside its spans.
type Notes = Vec<(String, String)>;

/// Reads spans' payloads, each from its row or, where another span took that row, from wherever it is now.
pub(super) fn read(database: &Database, tables: &Tables, wanted: &[(PayloadRef, SpanId)]) -> Result<Vec<Option<Payload>>, Error> {
    let connection = &database.connection;
    check(connection, tables)?;
    let columns = format!("SELECT attributes, status_message, trace_id FROM {}", quoted(&tables.spans));
    let mut at_row = connection.prepare(&format!("{columns} WHERE rowid = ?1 AND lower(span_id) = ?2"))?;
    let mut anywhere = connection.prepare(&format!("{columns} WHERE span_id = ?1"))?;
    let mut last: Option<(Vec<u8>, Notes)> = None;
    let mut payloads = Vec::with_capacity(wanted.len());
    for (address, span) in wanted {
        let span = span.to_string();
        let found = match at_row.query_row((address.0, &span), row).optional()? {
            Some(found) => Some(found),
            None => anywhere.query_row([&span], row).optional()?,
        };
        payloads.push(found.map(|(mut payload, trace)| {
            // Spans are mostly asked for trace by trace. A file may hold spans alone, or a table of traces from another version.
            let (_, notes) = if let Some(known) = last.take().filter(|(other, _)| *other == trace) {
                last.insert(known)
            } else {
                let notes = notes(connection, tables, &trace).unwrap_or_default();
                last.insert((trace, notes))
            };
            payload.notes.clone_from(notes);
            payload
        }));
    }
    Ok(payloads)
}

fn row(row: &Row<'_>) -> rusqlite::Result<(Payload, Vec<u8>)> {
    let payload = agno_row::payload(&bytes(row.get_ref(0)?), &bytes(row.get_ref(1)?));
    Ok((payload, bytes(row.get_ref(2)?).into_owned()))
}

fn notes(connection: &Connection, tables: &Tables, trace: &[u8]) -> rusqlite::Result<Notes> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {} WHERE trace_id = ?1", quoted(&tables.traces)))?;
    let names: Vec<String> = statement.column_names().map(str::to_ascii_lowercase).collect();
    let mut rows = statement.query([String::from_utf8_lossy(trace)])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    Ok(agno_row::notes(|column| {
        let index = names.iter().position(|name| name == column)?;
        Some(String::from_utf8_lossy(&bytes(row.get_ref(index).ok()?)).into_owned())
    }))
}
