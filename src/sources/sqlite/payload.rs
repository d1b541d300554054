//! Reads the payloads of spans.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Row};

use super::Tables;
use super::access::Database;
use super::error::Error;
use super::reviews::stored_metrics;
use super::rows::bytes;
use super::schema::check;
use crate::model::{Payload, PayloadRef, SpanId};
use crate::sources::agno_reviews::{RUN_METRICS, SESSION_METRICS};
use crate::sources::agno_row;
use crate::sources::sql::identifier;

/// The names and values in the row of a trace.
type Notes = Vec<(String, String)>;

/// Reads the payloads of spans, each from its row or, if another span reuses that row id, by its span id. `None` if a span is gone.
pub(super) fn read(database: &Database, tables: &Tables, spans: &[(PayloadRef, SpanId)]) -> Result<Vec<Option<Payload>>, Error> {
    let connection = &database.connection;
    check(connection, tables)?;
    let columns = format!("SELECT attributes, status_message, trace_id FROM {}", identifier(&tables.spans));
    let mut by_row = connection.prepare(&format!("{columns} WHERE rowid = ?1 AND lower(span_id) = ?2"))?;
    let mut by_id = connection.prepare(&format!("{columns} WHERE span_id = ?1"))?;
    let mut notes_of: HashMap<Vec<u8>, Notes> = HashMap::new();
    let mut payloads = Vec::with_capacity(spans.len());
    for (payload_ref, span) in spans {
        let span = span.to_string();
        let found = match by_row.query_row((payload_ref.0, &span), read_row).optional()? {
            Some(found) => Some(found),
            None => by_id.query_row([&span], read_row).optional()?,
        };
        payloads.push(found.map(|(mut payload, trace)| {
            // A file may lack the table of traces, or have one of another version.
            let notes = |trace: &Vec<u8>| notes(connection, tables, trace).unwrap_or_default();
            payload.notes.extend_from_slice(notes_of.entry(trace).or_insert_with_key(notes));
            payload.run_metrics = agno_row::run_id(&payload).and_then(|run| stored_metrics(connection, RUN_METRICS, run));
            payload.session_metrics =
                agno_row::session_id(&payload).and_then(|session| stored_metrics(connection, SESSION_METRICS, session));
            payload
        }));
    }
    Ok(payloads)
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<(Payload, Vec<u8>)> {
    let payload = agno_row::payload(&bytes(row.get_ref(0)?), &bytes(row.get_ref(1)?));
    Ok((payload, bytes(row.get_ref(2)?).into_owned()))
}

fn notes(connection: &Connection, tables: &Tables, trace: &[u8]) -> rusqlite::Result<Notes> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {} WHERE trace_id = ?1", identifier(&tables.traces)))?;
    let names: Vec<String> = statement.column_names().map(str::to_ascii_lowercase).collect();
    let mut rows = statement.query([String::from_utf8_lossy(trace)])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    Ok(agno_row::notes(|column| {
        let index = names.iter().position(|name| name == column)?;
        Some(String::from_utf8_lossy(&bytes(row.get_ref(index).ok()?)).into_owned())
    }))
}
