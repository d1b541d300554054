//! A row of Agno's table of spans, from SQLite or PostgreSQL (`agno/tracing/schemas.py`).

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;

use chrono::DateTime;

use crate::model::json::{self, Scalar};
use crate::model::{Batch, Nanos, Payload, PayloadRef, Span, SpanId, SpanKind, Status, TraceId, Value, time};
use crate::semconv::{SpanBuilder, SpanHeader, beginning, ends_span, is_stored_events, restore_attributes, stored_exception};

/// The columns that a span is read from, in the order of [`AgnoRow`].
pub(super) const COLUMNS: [&str; 9] =
    ["span_id", "trace_id", "parent_span_id", "name", "status_code", "status_message", "start_time", "end_time", "attributes"];

/// The columns of Agno's table of traces, and the names that the user sees.
pub(super) const NOTES: [(&str, &str); 9] = [
    ("name", "stored name"),
    ("status", "stored status"),
    ("duration_ms", "stored time"),
    ("run_id", "run"),
    ("session_id", "session"),
    ("user_id", "user"),
    ("agent_id", "agent id"),
    ("team_id", "team id"),
    ("workflow_id", "workflow id"),
];

/// The attribute that holds the id of the run that a span is.
const RUN_ATTRIBUTE: &str = "agno.run.id";
/// The attribute that names the session of a run.
const SESSION_ATTRIBUTE: &str = "session.id";

/// The most tables that a message lists.
const LISTED_TABLES: usize = 8;

/// The most bytes of an invalid value that a message quotes.
const MAX_QUOTED: usize = 60;

/// The spans whose payloads match a search.
pub(super) type Hits = Vec<(TraceId, SpanId)>;

/// The values of [`COLUMNS`] as text; `None` for null.
pub(super) struct AgnoRow<'a>(pub(super) [Option<&'a [u8]>; 9]);

impl AgnoRow<'_> {
    /// Builds the row of a span, with its texts in `batch`. The error says why the span is not valid.
    pub(super) fn span(&self, payload_ref: PayloadRef, batch: &mut Batch) -> Result<Span, String> {
        let [id, trace, parent, name, status, message, start, end, attributes] = self.0;
        let id = SpanId::parse(id.unwrap_or_default()).ok_or_else(|| invalid("span_id", "16 hex digits", id))?;
        let trace = TraceId::parse(trace.unwrap_or_default()).ok_or_else(|| invalid("trace_id", "32 hex digits", trace))?;
        let parent = match parent {
            None | Some(b"") => None,
            Some(text) => Some(SpanId::parse(text).ok_or_else(|| invalid("parent_span_id", "16 hex digits", parent))?),
        };
        let start = time::parse(start.unwrap_or_default()).ok_or_else(|| invalid("start_time", "a time", start))?;
        let end = time::parse(end.unwrap_or_default()).ok_or_else(|| invalid("end_time", "a time", end))?;
        let mut builder = SpanBuilder::default();
        builder.name(name.unwrap_or_default());
        let status = status.and_then(|code| Status::parse(std::str::from_utf8(code).ok()?));
        builder.status(status.unwrap_or_default(), message.unwrap_or_default());
        let events = scan(attributes.unwrap_or(b"null"), &mut builder)?;
        builder.name_agent_by_service(parent.is_none());
        let exception = events.and_then(stored_exception);
        if let Some((kind, message, time)) = &exception {
            builder.exception(kind.as_bytes(), message.as_bytes());
            if ends_span(*time, end) {
                builder.ends_by_exception();
            }
        }
        Ok(builder.build(SpanHeader { trace, id, parent, start, end: Some(end) }, None, payload_ref, batch))
    }
}

/// Builds the payload of a span. `status_message` is empty if there is none.
pub(super) fn payload(attributes: &[u8], status_message: &[u8]) -> Payload {
    let attributes = match json::parse(if attributes.is_empty() { b"null" } else { attributes }) {
        Ok(attributes) => attributes,
        // The row was valid when it was indexed, and has changed since.
        Err(_) => vec![("attributes".to_owned(), Value::Text(String::from_utf8_lossy(attributes).into_owned()))],
    };
    // Agno writes no other kind, and the column may be missing.
    let span_kind = SpanKind::Internal;
    let status_message = String::from_utf8_lossy(status_message).into_owned();
    let mut payload = Payload { attributes, status_message, span_kind, ..Payload::default() };
    restore_attributes(&mut payload);
    let stack = ("stack trace", "none: Agno's database stores none; send OTLP to get it");
    if !payload.status_message.is_empty() && payload.events.is_empty() {
        payload.notes.push((stack.0.to_owned(), stack.1.to_owned()));
    }
    payload
}

/// Returns the id of the run that a span is.
pub(super) fn run_id(payload: &Payload) -> Option<&str> {
    text_of(payload, RUN_ATTRIBUTE)
}

/// Returns the id of the session of the run that a span is.
pub(super) fn session_id(payload: &Payload) -> Option<&str> {
    run_id(payload).and_then(|_| text_of(payload, SESSION_ATTRIBUTE))
}

fn text_of<'a>(payload: &'a Payload, name: &str) -> Option<&'a str> {
    payload.attributes.iter().find_map(|(key, value)| match value {
        Value::Text(text) if key == name => Some(text.as_str()),
        _ => None,
    })
}

/// Returns the names and values of a trace's columns for the user. `value` reads a column, or returns `None` if there is none.
pub(super) fn notes(value: impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let note = |(column, title): &(&str, &str)| {
        let value = value(column).filter(|value| !value.is_empty())?;
        let unit = if *column == "duration_ms" { " ms" } else { "" };
        Some(((*title).to_owned(), format!("{value}{unit}")))
    };
    NOTES.iter().filter_map(note).collect()
}

/// Parses the ids of a row that matches a search.
pub(super) fn hit(trace_id: &[u8], span_id: &[u8]) -> Option<(TraceId, SpanId)> {
    TraceId::parse(trace_id).zip(SpanId::parse(span_id))
}

/// Returns the message for a database without Agno's table of spans; `others` are the tables that it has.
pub(super) fn missing_table(database: &str, table: &str, others: &[String]) -> String {
    let listed: Vec<&str> = others.iter().take(LISTED_TABLES).map(String::as_str).collect();
    let more = if others.len() > LISTED_TABLES { ", …" } else { "" };
    let hint =
        if listed.is_empty() { String::new() } else { format!(" (it has {}{more}; --spans-table names another)", listed.join(", ")) };
    format!("{database} has no table {table} yet; Agno creates it with the first trace{hint}")
}

/// Returns the message for a table that lacks a column of [`COLUMNS`].
pub(super) fn missing_column(database: &str, table: &str, column: &str) -> String {
    format!("{table} in {database} has no column {column}; it is not a table of spans as Agno 2.5 to 3 writes it")
}

/// Formats a time as Agno writes it, to the second: the second that contains it, or the `next` one.
pub(super) fn second(at: Nanos, next: bool) -> String {
    let seconds = at.div_euclid(1_000_000_000).saturating_add(i64::from(next));
    DateTime::from_timestamp(seconds, 0).map_or_else(String::new, |time| time.format("%Y-%m-%dT%H:%M:%S").to_string())
}

/// Returns the day before a time, as Agno writes it.
pub(super) fn day_before(at: Nanos) -> Option<String> {
    second(at.saturating_sub(86_400_000_000_000), false).get(..10).map(str::to_owned)
}

fn invalid(column: &str, expected: &str, value: Option<&[u8]>) -> String {
    format!("{column} is not {expected}: {}", quote(value))
}

/// Adds attributes to the row. Returns the one that holds the events.
fn scan<'a>(attributes: &'a [u8], builder: &mut SpanBuilder<'a>) -> Result<Option<Scalar<'a>>, String> {
    let mut events = None;
    let add = |key: &[u8], value| if is_stored_events(key) { events = Some(value) } else { builder.attribute(key, value) };
    json::scan(attributes, add).map_err(|error| format!("attributes are no JSON object: {error}"))?;
    Ok(events)
}

fn quote(value: Option<&[u8]>) -> String {
    let Some(bytes) = value else { return "null".to_owned() };
    let quoted: String = beginning(json::chars(Scalar::Text(bytes)), MAX_QUOTED).collect();
    let more = if quoted.len() + 4 > MAX_QUOTED { "…" } else { "" };
    format!("{quoted:?}{more}")
}
