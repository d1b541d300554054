//! Decodes downloads of Jaeger's user interface and query service: `{"data": [{"traceID", "spans": […], "processes": {…}}]}`.
//!
//! Times are in microseconds. Jaeger stores some fields of OpenTelemetry as tags, such as `otel.status_code`; they become fields again.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::index::Position;
use super::spans::DecodedSpans;
use crate::model::{Attribute, Event, Link, Nanos, Payload, SpanId, SpanKind, Status, TraceId, Value};
use crate::otlp::encode::SpanData;
use crate::otlp::json::parse;

/// The resources of a trace's processes, by the id of the process.
type Processes = HashMap<String, Vec<Attribute>>;

#[derive(Deserialize)]
struct Download<'a> {
    #[serde(borrow)]
    data: Option<Vec<Trace<'a>>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Trace<'a> {
    spans: Option<Vec<&'a RawValue>>,
    processes: Option<HashMap<String, Process<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Process<'a> {
    service_name: Option<String>,
    #[serde(borrow)]
    tags: Option<Vec<Tag<'a>>>,
}

#[derive(Deserialize)]
struct Tag<'a> {
    key: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "these are the keys of the download")]
struct Span<'a> {
    #[serde(rename = "traceID")]
    trace_id: Option<String>,
    #[serde(rename = "spanID")]
    span_id: Option<String>,
    #[serde(rename = "parentSpanID")]
    parent_span_id: Option<String>,
    operation_name: Option<String>,
    references: Option<Vec<Reference>>,
    start_time: Option<&'a RawValue>,
    duration: Option<&'a RawValue>,
    tags: Option<Vec<Tag<'a>>>,
    logs: Option<Vec<Log<'a>>>,
    #[serde(rename = "processID")]
    process_id: Option<String>,
    process: Option<Process<'a>>,
    warnings: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    ref_type: Option<String>,
    #[serde(rename = "traceID")]
    trace_id: Option<String>,
    #[serde(rename = "spanID")]
    span_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Log<'a> {
    timestamp: Option<&'a RawValue>,
    fields: Option<Vec<Tag<'a>>>,
}

/// Decodes the spans of a download. Fails if the text is no download.
pub(super) fn decode(text: &str) -> Result<DecodedSpans, String> {
    let download: Download<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let (mut spans, mut number) = (DecodedSpans::default(), 0);
    for trace in download.data.unwrap_or_default() {
        let processes = trace.processes.unwrap_or_default().into_iter().map(|(id, process)| (id, resource(process))).collect();
        for raw in trace.spans.unwrap_or_default() {
            number += 1;
            let decoded = decode_span(raw.get(), &processes);
            if let Ok((_, warnings)) = &decoded
                && !warnings.is_empty()
            {
                spans.warnings.insert(number, warnings.clone());
            }
            spans.push(Position::Span(number), decoded.map(|(span, _)| span.into()));
        }
    }
    Ok(spans)
}

/// Whether this is a response of Jaeger or Phoenix without spans.
pub(super) fn is_empty(text: &str) -> bool {
    #[derive(Deserialize)]
    struct Response {
        data: Vec<Trace>,
    }
    #[derive(Deserialize)]
    struct Trace {
        spans: [serde::de::IgnoredAny; 0],
    }
    serde_json::from_str::<Response>(text).is_ok_and(|response| response.data.iter().all(|trace| trace.spans.is_empty()))
}

/// Decodes a span and its warnings.
fn decode_span(text: &str, processes: &Processes) -> Result<(SpanData, Vec<String>), String> {
    let span: Span<'_> = parse(text)?;
    let trace_id = id(span.trace_id.as_deref(), 32).and_then(|id| TraceId::parse(id.as_bytes()));
    let trace_id = trace_id.ok_or_else(|| format!("the trace id {:?} is not up to 32 hex digits", span.trace_id.unwrap_or_default()))?;
    let parse = |text: Option<&str>| id(text, 16).and_then(|id| SpanId::parse(id.as_bytes()));
    let span_id = parse(span.span_id.as_deref())
        .ok_or_else(|| format!("the span id {:?} is not up to 16 hex digits", span.span_id.clone().unwrap_or_default()))?;
    let start = micros(span.start_time).filter(|start| *start > 0).ok_or("it has no start time")?;
    let duration = micros(span.duration).ok_or("it has no duration")?;
    let resource_of = |process: String| processes.get(&process).cloned();
    let mut payload = Payload {
        attributes: tags(span.tags),
        events: span.logs.unwrap_or_default().into_iter().map(event).collect(),
        resource: span.process.map(resource).or_else(|| resource_of(span.process_id?)).unwrap_or_default(),
        ..Payload::default()
    };
    let mut parent = parse(span.parent_span_id.as_deref());
    for reference in span.references.unwrap_or_default() {
        let other_trace = id(reference.trace_id.as_deref(), 32).and_then(|id| TraceId::parse(id.as_bytes()));
        let (Some(other_trace), Some(other_span)) = (other_trace, parse(reference.span_id.as_deref())) else { continue };
        if other_trace == trace_id && parent.is_none() && reference.ref_type.as_deref() == Some("CHILD_OF") {
            parent = Some(other_span);
        } else if (other_trace, Some(other_span)) != (trace_id, parent) {
            payload.links.push(Link { trace: other_trace, span: other_span, trace_state: String::new(), attributes: Vec::new() });
        }
    }
    let status = take_fields(&mut payload);
    let end = start.checked_add(duration).ok_or("it ends after the year 2262")?;
    let name = span.operation_name.unwrap_or_default();
    let data = SpanData { trace: trace_id, id: span_id, parent, start, end: Some(end), status, name, payload };
    Ok((data, span.warnings.unwrap_or_default()))
}

/// Moves the tags that stand for fields of OpenTelemetry into these fields, and returns the status.
fn take_fields(payload: &mut Payload) -> Status {
    let mut take = |name: &str| take_text(&mut payload.attributes, name);
    let code = take("otel.status_code");
    payload.status_message = take("otel.status_description").unwrap_or_default();
    payload.span_kind = take("span.kind").map_or(SpanKind::Unspecified, |kind| SpanKind::parse(&kind));
    payload.trace_state = take("w3c.tracestate").unwrap_or_default();
    let scope = take("otel.scope.name").or_else(|| take("otel.library.name"));
    let version = take("otel.scope.version").or_else(|| take("otel.library.version"));
    payload.scope = (scope.unwrap_or_default(), version.unwrap_or_default());
    let failed = payload.attributes.iter().position(|(key, value)| key == "error" && matches!(value, Value::Bool(true)));
    if let (Some("ERROR"), Some(at)) = (code.as_deref(), failed) {
        payload.attributes.remove(at);
    }
    match (code.as_deref(), failed) {
        (Some("ERROR"), _) | (_, Some(_)) => Status::Error,
        (Some("OK"), None) => Status::Ok,
        _ => Status::Unset,
    }
}

/// Removes an attribute that is text and returns it.
fn take_text(attributes: &mut Vec<Attribute>, name: &str) -> Option<String> {
    let at = attributes.iter().position(|(key, value)| key == name && matches!(value, Value::Text(_)))?;
    if let Value::Text(text) = attributes.remove(at).1 { Some(text) } else { None }
}

/// Restores the leading zeros of an id, which Jaeger omits.
fn id(text: Option<&str>, digits: usize) -> Option<String> {
    text.filter(|text| !text.is_empty() && text.is_ascii() && text.len() <= digits).map(|text| format!("{text:0>digits$}"))
}

fn micros(raw: Option<&RawValue>) -> Option<Nanos> {
    let text = raw?.get().trim_matches('"');
    let micros =
        text.parse::<i64>().ok().or_else(|| text.parse::<f64>().ok().filter(|float| float.is_finite()).map(|float| float as i64))?;
    micros.checked_mul(1000).filter(|nanos| *nanos >= 0)
}

fn resource(process: Process<'_>) -> Vec<Attribute> {
    let name = process.service_name.filter(|name| !name.is_empty()).map(|name| ("service.name".to_owned(), Value::Text(name)));
    name.into_iter().chain(tags(process.tags)).collect()
}

fn event(log: Log<'_>) -> Event {
    let mut attributes = tags(log.fields);
    let name = take_text(&mut attributes, "event").unwrap_or_default();
    Event { name, time: micros(log.timestamp).unwrap_or_default(), attributes }
}

fn tags(tags: Option<Vec<Tag<'_>>>) -> Vec<Attribute> {
    tags.unwrap_or_default().into_iter().map(|tag| (tag.key.unwrap_or_default(), value(tag.kind.as_deref(), tag.value))).collect()
}

/// Returns the value of a tag in its declared type. Jaeger writes integers that JavaScript can't represent as text.
fn value(kind: Option<&str>, raw: Option<&RawValue>) -> Value {
    let value = raw.and_then(|raw| crate::model::json::parse_value(raw.get().as_bytes()).ok()).unwrap_or_default();
    match (kind, value) {
        (Some("int64"), Value::Text(text)) => text.parse().map_or(Value::Text(text), Value::Int),
        (Some("float64"), Value::Text(text)) => text.parse().map_or(Value::Text(text), Value::Float),
        (Some("float64"), Value::Int(number)) => Value::Float(number as f64),
        (Some("bool"), Value::Text(text)) => text.parse().map_or(Value::Text(text), Value::Bool),
        (Some("binary"), Value::Text(text)) => BASE64.decode(&text).map_or(Value::Text(text), Value::Bytes),
        (_, value) => value,
    }
}
