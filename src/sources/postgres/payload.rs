//! Reads the payloads of spans.

use std::collections::HashMap;

use tokio_postgres::types::Type;

use super::Location;
use super::error::Error;
use super::reviews;
use super::session::{Session, bytes, text};
use crate::model::{Payload, SpanId, Value, json};
use crate::sources::agno_reviews::{RUN_METRICS, SESSION_METRICS};
use crate::sources::agno_row;

/// The most spans that are read at once.
const PAGE: usize = 64;

/// Reads payloads. Spans that are gone are missing from the result.
pub(super) async fn read(session: &Session, location: &Location, spans: &[SpanId]) -> Result<HashMap<SpanId, Payload>, Error> {
    let mut found = HashMap::new();
    for spans in spans.chunks(PAGE) {
        let ids: Vec<String> = spans.iter().map(ToString::to_string).collect();
        let outcome = page(session, location, &ids, &mut found).await;
        session.end(outcome).await?;
    }
    Ok(found)
}

async fn page(session: &Session, location: &Location, ids: &[String], found: &mut HashMap<SpanId, Payload>) -> Result<(), Error> {
    let sql = format!(
        "SELECT span_id::text, attributes::text, status_message::text, trace_id::text FROM {} WHERE span_id = ANY ($1)",
        location.spans()
    );
    let rows = session.begin(&sql, &[(&ids, Type::TEXT_ARRAY)]).await?;
    let traces: Vec<&str> = rows.iter().filter_map(|row| text(row, 3)).collect();
    // The table of traces may be missing, of another version, or denied to this user.
    let notes = notes(session, location, &traces).await.unwrap_or_default();
    for row in &rows {
        let bytes = |column| bytes(row, column).unwrap_or_default();
        let Some(id) = SpanId::parse(bytes(0)) else { continue };
        let mut payload = agno_row::payload(bytes(1), bytes(2));
        payload.notes.extend_from_slice(text(row, 3).and_then(|trace| notes.get(trace)).map(Vec::as_slice).unwrap_or_default());
        found.insert(id, payload);
    }
    let runs: Vec<&str> = found.values().filter(|payload| payload.run_metrics.is_none()).filter_map(agno_row::run_id).collect();
    if !runs.is_empty() {
        let sessions: Vec<&str> = found.values().filter_map(agno_row::session_id).collect();
        // The tables may be of another version.
        let of_runs = reviews::stored_metrics(session, location, RUN_METRICS, &runs).await.unwrap_or_default();
        let of_sessions = reviews::stored_metrics(session, location, SESSION_METRICS, &sessions).await.unwrap_or_default();
        for payload in found.values_mut() {
            let of_run = agno_row::run_id(payload).and_then(|run| of_runs.get(run)).copied();
            let of_session = agno_row::session_id(payload).and_then(|session| of_sessions.get(session)).copied();
            payload.run_metrics = payload.run_metrics.or(of_run);
            payload.session_metrics = payload.session_metrics.or(of_session);
        }
    }
    Ok(())
}

type Notes = Vec<(String, String)>;

async fn notes(session: &Session, location: &Location, traces: &[&str]) -> Result<HashMap<String, Notes>, Error> {
    let sql = format!("SELECT trace_id::text, row_to_json(trace)::text FROM {} AS trace WHERE trace_id = ANY ($1)", location.traces());
    let rows = session.query(&sql, &[(&traces, Type::TEXT_ARRAY)]).await?;
    let read = |row: &tokio_postgres::Row| {
        let values = json::parse(text(row, 1)?.as_bytes()).ok()?;
        let value = |column: &str| match values.iter().find(|(name, _)| name == column)? {
            (_, Value::Null) => None,
            (_, Value::Text(text)) => Some(text.clone()),
            (_, other) => Some(other.to_json()),
        };
        Some((text(row, 0)?.to_owned(), agno_row::notes(value)))
    };
    Ok(rows.iter().filter_map(read).collect())
}
