//! A span with times as text and attributes as a map: a line of agno-top's exports `jsonl` and `agno`, a span of Phoenix or MLflow, an object
//! that OpenTelemetry's `ConsoleSpanExporter` for Python prints.

use super::fields::Fields;
use super::phoenix::flatten_attributes;
use crate::model::json::parse;
use crate::model::{Event, Link, Nanos, Payload, SpanId, SpanKind, Status, TraceId, Value, time};
use crate::otlp::encode::SpanData;
use crate::otlp::json::{self, brief};
use crate::semconv::{SPAN_KIND_KEY, restore_attributes};

/// Whether a kind is one of OpenInference's, none of OpenTelemetry's.
fn is_openinference_kind(kind: &str) -> bool {
    ["AGENT", "LLM", "TOOL", "CHAIN", "RETRIEVER", "RERANKER", "EMBEDDING", "GUARDRAIL", "EVALUATOR", "PROMPT"].contains(&kind)
}

/// Decodes a span. `trace` is the id of the trace that the span stands in, for spans that don't name it.
pub(super) fn decode(fields: Fields<'_>, trace: Option<&str>) -> Result<SpanData, String> {
    let context = fields.object("context");
    let trace = context.text(&["trace_id"]).or_else(|| fields.text(&["trace_id", "context.trace_id"])).or(trace);
    let span = context.text(&["span_id"]).or_else(|| fields.text(&["span_id", "context.span_id"]));
    // What Phoenix calls the kind is the type of the span, and OpenTelemetry's kind is `kind`.
    let is_phoenix = (!context.0.is_empty() || fields.get(&["context.trace_id", "context.span_id"]).is_some())
        && fields.get(&["kind", "parent_span_id"]).is_none();
    let parent = fields.text(&["parent_id", "parent_span_id"]).filter(|parent| !parent.is_empty());
    let time = |names: &[&str], what: &str| match fields.get(names) {
        None => Ok(None),
        Some(value) => parse_time(value).map(Some).ok_or_else(|| format!("the {what} time {:?} is not a time", brief(&value.to_json()))),
    };
    let (scope, status, resource) = (fields.object("scope"), fields.object("status"), fields.object("resource"));
    let has_schema = resource.get(&["schema_url"]).is_some() && resource.get(&["attributes"]).is_some();
    let mut payload = Payload {
        // A database may have them as text.
        attributes: match fields.text(&["attributes"]) {
            Some(text) => parse(text.as_bytes()).map_err(|error| format!("attributes are no JSON object: {error}"))?,
            None => fields.map("attributes"),
        },
        events: fields.list("events").iter().map(event).collect(),
        links: fields.list("links").iter().filter_map(link).collect(),
        status_message: fields
            .text(&["status_message"])
            .or_else(|| status.text(&["description", "message"]))
            .unwrap_or_default()
            .to_owned(),
        resource: if has_schema { resource.map("attributes") } else { resource.0.to_vec() },
        trace_state: if context.get(&["trace_state"]).is_some() { trace_state(context) } else { trace_state(fields) },
        flags: match fields.get(&["flags"]) {
            Some(Value::Int(flags)) => u32::try_from(*flags).unwrap_or_default(),
            _ => 0,
        },
        scope: (scope.owned_text("name"), scope.owned_text("version")),
        scope_attributes: scope.map("attributes"),
        ..Payload::default()
    };
    restore_attributes(&mut payload);
    if is_phoenix {
        payload.attributes = flatten_attributes(payload.attributes, fields);
    }
    if let Some(kind) = fields.text(&["span_kind", "kind"]) {
        // The spans in Phoenix's list of traces look like others, but for that.
        if is_phoenix || is_openinference_kind(kind) {
            let is_stated = payload.attributes.iter().any(|(name, _)| name == SPAN_KIND_KEY);
            if !kind.is_empty() && kind != "UNKNOWN" && !is_stated {
                payload.attributes.insert(0, (SPAN_KIND_KEY.to_owned(), Value::Text(kind.to_owned())));
            }
        } else {
            payload.span_kind = SpanKind::parse(kind);
        }
    }
    let start = time(&["start", "start_time", "start_time_unix_nano"], "start")?;
    let is_log = || fields.get(&["severity_number", "severity_text", "body"]).is_some();
    let new_trace = |bytes| TraceId::new(bytes).ok_or("the trace id is zero");
    let new_span = |bytes| SpanId::new(bytes).ok_or("the span id is zero");
    Ok(SpanData {
        trace: new_trace(id(trace, "trace")?)?,
        id: new_span(id(span, "span")?)?,
        parent: parent.map(|parent| id(Some(parent), "parent span")).transpose()?.and_then(SpanId::new),
        start: start.ok_or_else(|| if is_log() { "it is a log record" } else { "it has no start time" })?,
        end: time(&["end", "end_time", "end_time_unix_nano"], "end")?,
        status: fields.text(&["status_code"]).or_else(|| status.text(&["status_code", "code"])).and_then(Status::parse).unwrap_or_default(),
        name: fields.owned_text("name"),
        payload,
    })
}

/// Parses a time: ISO 8601, or a number since 1970 in seconds, milliseconds, microseconds or nanoseconds. The magnitude decides the unit.
fn parse_time(value: &Value) -> Option<Nanos> {
    let number = match value {
        Value::Text(text) => return time::parse(text.as_bytes()),
        Value::Int(number) => *number,
        Value::Float(number) if number.is_finite() && *number < 1e11 => return Some((number * 1e9) as i64),
        Value::Float(number) if number.is_finite() => *number as i64,
        _ => return None,
    };
    let unit = match number {
        ..0 => return None,
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1000,
        _ => 1,
    };
    number.checked_mul(unit)
}

fn event(value: &Value) -> Event {
    let fields = Fields::of(Some(value));
    Event {
        name: fields.owned_text("name"),
        time: fields.get(&["time", "timestamp", "time_unix_nano"]).and_then(parse_time).unwrap_or_default(),
        attributes: fields.map("attributes"),
    }
}

fn link(value: &Value) -> Option<Link> {
    let fields = Fields::of(Some(value));
    let context = fields.object("context");
    let ids = if context.0.is_empty() { fields } else { context };
    Some(Link {
        trace: TraceId::new(id(ids.text(&["trace_id"]), "trace").ok()?)?,
        span: SpanId::new(id(ids.text(&["span_id"]), "span").ok()?)?,
        trace_state: trace_state(ids),
        attributes: fields.map("attributes"),
    })
}

/// Returns the trace state. Python prints its list of pairs, which is left out.
fn trace_state(fields: Fields<'_>) -> String {
    fields.text(&["trace_state"]).filter(|state| !state.starts_with('[')).unwrap_or_default().to_owned()
}

/// Decodes an id of `N` bytes.
fn id<const N: usize>(text: Option<&str>, what: &str) -> Result<[u8; N], String> {
    let text = text.filter(|text| !text.is_empty()).ok_or_else(|| format!("it has no {what} id"))?;
    // A UUID has hyphens.
    let bytes = json::id_bytes(&text.replace('-', ""));
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok()).filter(|bytes| *bytes != [0; N]);
    bytes.ok_or_else(|| format!("the {what} id {:?} is not {} hex digits", brief(text), 2 * N))
}
