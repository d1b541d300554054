//! Spans of Zipkin's API v2: <https://zipkin.io/zipkin-api/#/default/get_trace__traceId_>.
//!
//! `{"traceId", "id", "parentId", "name", "kind", "timestamp", "duration", "localEndpoint", "annotations", "tags"}`, with times in
//! microseconds and tags that are all text. OpenTelemetry's exporters keep fields that Zipkin lacks as tags, such as `otel.status_code`
//! (<https://opentelemetry.io/docs/specs/otel/trace/sdk_exporters/zipkin/>); they become fields again.

use std::collections::HashMap;

use super::fields::Fields;
use crate::model::json::parse;
use crate::model::{Attribute, Event, Nanos, Payload, SpanId, SpanKind, Status, TraceId, Value};
use crate::otlp::encode::SpanData;
use crate::otlp::json::brief;
use crate::sources::file::index::Position;
use crate::sources::file::spans::DecodedSpans;

/// The beginnings of the names of attributes that OpenTelemetry gives to a resource. Exporters add them to the tags of every span.
const RESOURCE: [&str; 12] =
    ["service.", "telemetry.", "deployment.", "host.", "os.", "process.", "container.", "k8s.", "cloud.", "device.", "faas.", "webengine."];

/// The bit that tells the server's half of a call from the client's half, which has the same id.
const SERVER_HALF: u64 = 1 << 63;

/// The most attributes, and the most events, to which parts of a span are joined: each is compared with all before it.
const MAX_JOINED: usize = 1024;

/// Spans, of which several may be parts of one.
#[derive(Debug, Default)]
pub(super) struct Spans {
    parts: Vec<(Position, SpanData)>,
    /// The index of each span in `parts`.
    known: HashMap<(TraceId, SpanId), usize>,
}

/// Whether an object is a span of Zipkin's: it has its id under `id`.
pub(super) fn is_span(fields: Fields<'_>) -> bool {
    fields.get(&["traceId"]).is_some() && fields.get(&["id"]).is_some() && fields.get(&["spanId", "startTime"]).is_none()
}

impl Spans {
    /// Adds a span, or joins it with the part of it that was added before.
    pub(super) fn push(&mut self, position: Position, fields: Fields<'_>, spans: &mut DecodedSpans) {
        let span = match decode(fields) {
            Ok(span) => span,
            Err(reason) => return spans.push(position, Err(reason)),
        };
        if let Some((_, known)) = self.known.get(&(span.trace, span.id)).and_then(|at| self.parts.get_mut(*at)) {
            join(known, span);
        } else {
            self.known.insert((span.trace, span.id), self.parts.len());
            self.parts.push((position, span));
        }
    }

    /// Hands over the spans.
    pub(super) fn finish(self, spans: &mut DecodedSpans) {
        for (position, span) in self.parts {
            spans.push(position, Ok(span.into()));
        }
    }
}

/// Adds what another part of the span states.
fn join(span: &mut SpanData, other: SpanData) {
    span.start = span.start.min(other.start);
    span.end = span.end.max(other.end);
    span.parent = span.parent.or(other.parent);
    span.status = if other.status == Status::Unset { span.status } else { other.status };
    if span.name.is_empty() {
        span.name = other.name;
    }
    let payload = &mut span.payload;
    if payload.status_message.is_empty() {
        payload.status_message = other.payload.status_message;
    }
    for (name, value) in other.payload.attributes {
        if payload.attributes.len() >= MAX_JOINED {
            payload.dropped.attributes = payload.dropped.attributes.saturating_add(1);
        } else if !payload.attributes.iter().any(|(known, _)| *known == name) {
            payload.attributes.push((name, value));
        }
    }
    for event in other.payload.events {
        if payload.events.len() >= MAX_JOINED {
            payload.dropped.events = payload.dropped.events.saturating_add(1);
        } else if !payload.events.contains(&event) {
            payload.events.push(event);
        }
    }
}

fn decode(fields: Fields<'_>) -> Result<SpanData, String> {
    let trace = padded::<16>(fields, "traceId").and_then(TraceId::new);
    let quoted = |name: &str| brief(fields.text(&[name]).unwrap_or_default());
    let trace = trace.ok_or_else(|| format!("the trace id {:?} is not up to 32 hex digits", quoted("traceId")))?;
    let span_id = |name: &str| padded::<8>(fields, name).and_then(SpanId::new);
    let id = span_id("id").ok_or_else(|| format!("the span id {:?} is not up to 16 hex digits", quoted("id")))?;
    let mut payload = Payload {
        attributes: fields.map("tags"),
        events: fields.list("annotations").iter().map(event).collect(),
        span_kind: fields.text(&["kind"]).map_or(SpanKind::Unspecified, SpanKind::parse),
        ..Payload::default()
    };
    let is_of_otel = payload.attributes.iter().any(|(name, _)| name.starts_with("otel."));
    let status = take_fields(&mut payload);
    take_resource(&mut payload, fields.object("localEndpoint"));
    push_peer(&mut payload.attributes, fields.object("remoteEndpoint"));
    let first_event = payload.events.iter().map(|event| event.time).filter(|time| *time > 0).min();
    let start = micros(fields.get(&["timestamp"])).filter(|start| *start > 0).or(first_event).ok_or("it has no start time")?;
    let end = match micros(fields.get(&["duration"])) {
        Some(duration) => Some(start.checked_add(duration).ok_or("it ends after the year 2262")?),
        // Zipkin leaves a duration of 0 out, and OpenTelemetry sends only spans that have ended.
        None => is_of_otel.then_some(start),
    };
    let parent = span_id("parentId").filter(|parent| *parent != id);
    let is_server_half = matches!(fields.get(&["shared"]), Some(Value::Bool(true))) && payload.span_kind == SpanKind::Server;
    let server_half = SpanId::new((u64::from_be_bytes(id.bytes()) ^ SERVER_HALF).to_be_bytes()).filter(|_| is_server_half);
    let (id, parent) = server_half.map_or((id, parent), |half| (half, Some(id)));
    Ok(SpanData { trace, id, parent, start, end, status, name: fields.owned_text("name"), payload })
}

/// Decodes an id with the leading zeros that Zipkin leaves out.
fn padded<const N: usize>(fields: Fields<'_>, name: &str) -> Option<[u8; N]> {
    let text = fields.text(&[name]).filter(|text| !text.is_empty() && text.is_ascii() && text.len() <= 2 * N)?;
    let digits = format!("{text:0>width$}", width = 2 * N);
    crate::otlp::json::id_bytes(&digits)?.try_into().ok()
}

fn micros(value: Option<&Value>) -> Option<Nanos> {
    let micros = match value? {
        Value::Int(micros) => *micros,
        Value::Float(micros) if micros.is_finite() => *micros as i64,
        Value::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    micros.checked_mul(1000).filter(|nanos| *nanos >= 0)
}

/// Decodes an annotation. OpenTelemetry writes an event with attributes as `{"name": {"attribute": "value"}}`.
fn event(value: &Value) -> Event {
    let fields = Fields::of(Some(value));
    let text = fields.text(&["value"]).unwrap_or_default();
    let time = micros(fields.get(&["timestamp"])).unwrap_or_default();
    match parse(text.as_bytes()).as_deref() {
        Ok([(name, Value::Map(attributes))]) => Event { name: name.clone(), time, attributes: attributes.clone() },
        _ => Event { name: text.to_owned(), time, attributes: Vec::new() },
    }
}

/// Moves the tags that stand for fields of OpenTelemetry into these fields, and returns the status.
fn take_fields(payload: &mut Payload) -> Status {
    let attributes = &mut payload.attributes;
    let mut take = |name: &str| {
        let at = attributes.iter().position(|(key, value)| key == name && matches!(value, Value::Text(_)))?;
        if let Value::Text(text) = attributes.remove(at).1 { Some(text) } else { None }
    };
    let code = take("otel.status_code").and_then(|code| Status::parse(&code));
    // The description of an error, which may be empty. Programs without OpenTelemetry write `true`.
    let error = take("error").filter(|error| error != "false");
    payload.status_message = take("otel.status_description").or_else(|| error.clone().filter(|error| error != "true")).unwrap_or_default();
    payload.trace_state = take("w3c.tracestate").unwrap_or_default();
    let (library, library_version) = (take("otel.library.name"), take("otel.library.version"));
    let (scope, version) = (take("otel.scope.name").or(library), take("otel.scope.version").or(library_version));
    payload.scope = (scope.unwrap_or_default(), version.unwrap_or_default());
    if error.is_some() { Status::Error } else { code.unwrap_or_default() }
}

/// Moves the tags of the resource. The tag with the service's name has the case that the endpoint's name lacks.
fn take_resource(payload: &mut Payload, endpoint: Fields<'_>) {
    let tags = std::mem::take(&mut payload.attributes);
    (payload.resource, payload.attributes) = tags.into_iter().partition(|(name, _)| RESOURCE.iter().any(|known| name.starts_with(known)));
    if let (Some(name), false) = (endpoint.text(&["serviceName"]), payload.resource.iter().any(|(name, _)| name == "service.name")) {
        payload.resource.insert(0, ("service.name".to_owned(), Value::Text(name.to_owned())));
    }
}

/// Adds the other side of a call, under OpenTelemetry's names.
fn push_peer(attributes: &mut Vec<Attribute>, endpoint: Fields<'_>) {
    for (key, name) in
        [("serviceName", "peer.service"), ("ipv4", "network.peer.address"), ("ipv6", "network.peer.address"), ("port", "network.peer.port")]
    {
        if let (Some(value), false) = (endpoint.get(&[key]), attributes.iter().any(|(known, _)| known == name)) {
            attributes.push((name.to_owned(), value.clone()));
        }
    }
}
