//! Writes spans and traces as Agno does: see `agno/tracing/schemas.py` and `SqliteDb.upsert_trace`.

use std::collections::HashMap;

use chrono::Utc;
use rusqlite::{Connection, Statement, params};

use crate::model::attributes::AttributeMap;
use crate::model::time::{now, to_isoformat};
use crate::model::{Batch, Nanos, Origin, Payload, SourceId, Span, Status, TraceId, Withdrawn};
use crate::otlp::{payload, rows};
use crate::semconv::log_events::LOG_EVENT_KEY;
use crate::semconv::{agno_context, set_sender, stored_attributes};
use crate::sources::sql::identifier;
use crate::sources::sqlite::Tables;

/// Returns the condition that a row was made from log events.
fn from_log(row: &str) -> String {
    format!("instr(coalesce({row}.attributes, ''), '\"{LOG_EVENT_KEY}\":') > 0")
}

/// Returns the statement that inserts a span and keeps an existing one. A span made from log events gives way to a real one and to its own
/// later report, which may also have moved to another trace.
pub(super) fn insert_span(tables: &Tables) -> String {
    let spans = identifier(&tables.spans);
    let columns = ["trace_id", "parent_span_id", "name", "span_kind", "status_code", "status_message", "start_time", "end_time"];
    let columns = columns.into_iter().chain(["duration_ms", "attributes"]);
    let later = columns.map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO {spans} (span_id, trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, \
         duration_ms, attributes, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
         ON CONFLICT (span_id) DO UPDATE SET {later} \
         WHERE {} AND (excluded.end_time >= {spans}.end_time OR NOT {})",
        from_log(&spans),
        from_log("excluded")
    )
}

/// Returns the statement that inserts a trace or extends an existing one: the times widen, known context stays, and the name becomes that
/// of the workflow, team or agent run at the top.
pub(super) fn upsert_trace(tables: &Tables) -> String {
    let traces = identifier(&tables.traces);
    let level = |row: &str| {
        let named = format!("({row}.name LIKE '%.run%' OR {row}.name LIKE '%.arun%')");
        let when = |column: &str, level: u8| format!("WHEN {row}.{column} IS NOT NULL AND {named} THEN {level}");
        format!("CASE {} {} {} ELSE 0 END", when("workflow_id", 3), when("team_id", 2), when("agent_id", 1))
    };
    let kept = ["run_id", "session_id", "user_id", "agent_id", "team_id", "workflow_id"]
        .map(|column| format!("{column} = coalesce({traces}.{column}, excluded.{column})"))
        .join(", ");
    let (end, start) = (format!("max({traces}.end_time, excluded.end_time)"), format!("min({traces}.start_time, excluded.start_time)"));
    format!(
        "INSERT INTO {traces} (trace_id, name, status, start_time, end_time, duration_ms, run_id, session_id, user_id, agent_id, \
         team_id, workflow_id, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
         ON CONFLICT (trace_id) DO UPDATE SET end_time = {end}, start_time = {start}, \
         duration_ms = max(0, (julianday({end}) - julianday({start})) * 86400000), status = excluded.status, \
         name = CASE WHEN {} > {} THEN excluded.name ELSE {traces}.name END, {kept}",
        level("excluded"),
        level(&traces)
    )
}

/// Deletes spans that log events told and tell no more, and traces of which nothing is left.
pub(super) fn withdraw(withdrawn: &[Withdrawn], tables: &Tables, connection: &Connection) -> rusqlite::Result<()> {
    let (spans, traces) = (identifier(&tables.spans), identifier(&tables.traces));
    let (is_of_trace, is_from_log) = (format!("{spans}.trace_id = ?1"), from_log(&spans));
    let delete_span = format!("DELETE FROM {spans} WHERE {is_of_trace} AND (?2 IS NULL OR span_id = ?2) AND {is_from_log}");
    let delete_trace = format!("DELETE FROM {traces} WHERE trace_id = ?1 AND NOT EXISTS (SELECT 1 FROM {spans} WHERE {is_of_trace})");
    for Withdrawn { trace, span } in withdrawn {
        let trace = trace.to_string();
        if connection.prepare_cached(&delete_span)?.execute(params![trace, span.map(|span| span.to_string())])? > 0 {
            connection.prepare_cached(&delete_trace)?.execute(params![trace])?;
        }
    }
    Ok(())
}

/// Writes a request of metrics or log records into a table of its own, which is created before the first one.
pub(super) fn write_whole(table: &str, body: &[u8], connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(&format!("CREATE TABLE IF NOT EXISTS {table} (received_at BIGINT NOT NULL, body BLOB NOT NULL)"), [])?;
    let mut insert = connection.prepare_cached(&format!("INSERT INTO {table} (received_at, body) VALUES (?1, ?2)"))?;
    insert.execute(params![now(), body]).map(drop)
}

/// A span that has ended or was cut: its row, its end time and its payload.
type FinishedSpan<'a> = (&'a Span, Nanos, Payload);

/// Writes the finished spans of a request: the row of each trace, then its spans.
pub(super) fn write(body: &[u8], traces: &mut Statement<'_>, spans: &mut Statement<'_>) -> rusqlite::Result<()> {
    let mut batch = Batch::new(SourceId::default(), Origin::Live);
    let mut payloads = HashMap::new();
    // The ingest path has already read the body once.
    let _ = rows::read(body, Vec::new(), &mut batch);
    let _ = payload::for_each(body, |at, payload| drop(payloads.insert(at as i64, payload)));
    let mut by_trace: Vec<(TraceId, Vec<FinishedSpan<'_>>)> = Vec::new();
    for span in &batch.spans {
        let Some(mut payload) = payloads.remove(&span.payload_ref.0) else { continue };
        // Agno's table has no place for a span without an end.
        let Some(end) = span.end.or(span.facts.ran_until.map(|until| until.max(span.start))) else { continue };
        set_sender(&mut payload, batch.text(span.facts.service), batch.text(span.facts.scope));
        match by_trace.iter_mut().find(|(trace, _)| *trace == span.trace) {
            Some((_, spans)) => spans.push((span, end, payload)),
            None => by_trace.push((span.trace, vec![(span, end, payload)])),
        }
    }
    let now = to_isoformat(Utc::now().timestamp_nanos_opt().unwrap_or_default());
    for (trace, members) in by_trace {
        write_trace(trace, &members, &batch, &now, traces)?;
        for member in &members {
            write_span(member, &batch, &now, spans)?;
        }
    }
    Ok(())
}

fn write_trace(trace: TraceId, members: &[FinishedSpan<'_>], batch: &Batch, now: &str, traces: &mut Statement<'_>) -> rusqlite::Result<()> {
    let start = members.iter().map(|(span, ..)| span.start).min().unwrap_or_default();
    let end = members.iter().map(|(_, end, _)| *end).max().unwrap_or_default();
    let failed = members.iter().any(|(span, ..)| span.status == Status::Error);
    let root = members.iter().find(|(span, ..)| span.parent.is_none());
    let context = |column| root.and_then(|(.., payload)| agno_context(&payload.attributes, column));
    traces.execute(params![
        trace.to_string(),
        root.or(members.first()).map(|(span, ..)| batch.text(span.name)),
        if failed { "ERROR" } else { "OK" },
        to_isoformat(start),
        to_isoformat(end),
        end.saturating_sub(start).max(0) / 1_000_000,
        context("run_id"),
        context("session_id"),
        context("user_id"),
        context("agent_id"),
        context("team_id"),
        context("workflow_id"),
        now,
    ])?;
    Ok(())
}

fn write_span((span, end, payload): &FinishedSpan<'_>, batch: &Batch, now: &str, spans: &mut Statement<'_>) -> rusqlite::Result<()> {
    spans.execute(params![
        span.id.to_string(),
        span.trace.to_string(),
        span.parent.map(|parent| parent.to_string()),
        batch.text(span.name),
        payload.span_kind.or_internal().name(),
        span.status.name(),
        Some(&payload.status_message).filter(|message| !message.is_empty()),
        to_isoformat(span.start),
        to_isoformat(*end),
        end.saturating_sub(span.start).max(0) / 1_000_000,
        AttributeMap(&stored_attributes(payload)).to_json(),
        now,
    ])?;
    Ok(())
}
