//! One span's OTLP/JSON, read with tolerance: 64-bit numbers as text or bare, enumerations by number or name, `null` for absent.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{KeyValue, attributes, brief, read, unquoted, whole};
use crate::model::{Dropped, Event, Link, Nanos, Payload, SpanId, SpanKind, Status, TraceId};

/// A span, decoded.
#[derive(Debug)]
pub(in crate::sources) struct Decoded {
    pub(in crate::sources) trace: TraceId,
    pub(in crate::sources) id: SpanId,
    pub(in crate::sources) parent: Option<SpanId>,
    pub(in crate::sources) start: Nanos,
    pub(in crate::sources) end: Option<Nanos>,
    pub(in crate::sources) status: Status,
    pub(in crate::sources) name: String,
    pub(in crate::sources) payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    trace_id: Option<String>,
    span_id: Option<String>,
    parent_span_id: Option<String>,
    trace_state: Option<String>,
    name: Option<String>,
    #[serde(borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    start_time_unix_nano: Option<&'a RawValue>,
    #[serde(borrow)]
    end_time_unix_nano: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(borrow)]
    dropped_attributes_count: Option<&'a RawValue>,
    #[serde(borrow)]
    events: Option<Vec<WireEvent<'a>>>,
    #[serde(borrow)]
    dropped_events_count: Option<&'a RawValue>,
    #[serde(borrow)]
    links: Option<Vec<WireLink<'a>>>,
    #[serde(borrow)]
    dropped_links_count: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<WireStatus<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireEvent<'a> {
    #[serde(borrow)]
    time_unix_nano: Option<&'a RawValue>,
    name: Option<String>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireLink<'a> {
    trace_id: Option<String>,
    span_id: Option<String>,
    trace_state: Option<String>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

#[derive(Deserialize)]
struct WireStatus<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Bag<'a> {
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

#[derive(Deserialize)]
struct Scope<'a> {
    name: Option<String>,
    version: Option<String>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

/// Decodes one span. `Err` says what is wrong with it.
pub(in crate::sources) fn decode(text: &str) -> Result<Decoded, String> {
    let wire: Wire<'_> = read(text)?;
    let role = wire.kind.map_or(SpanKind::Unspecified, role);
    let id = |text: &str, what| {
        format!("the {what} id {:?} is not {} hex digits that are not all zero", brief(text), if what == "trace" { 32 } else { 16 })
    };
    let trace = wire.trace_id.unwrap_or_default();
    let span = wire.span_id.unwrap_or_default();
    let parent = wire.parent_span_id.filter(|parent| parent.bytes().any(|byte| byte != b'0'));
    let status = wire.status.as_ref();
    let dropped = Dropped {
        attributes: count(wire.dropped_attributes_count),
        events: count(wire.dropped_events_count),
        links: count(wire.dropped_links_count),
    };
    let links = wire.links.unwrap_or_default().into_iter().filter_map(link).collect();
    let events = wire.events.unwrap_or_default().into_iter().map(event).collect::<Result<_, _>>()?;
    Ok(Decoded {
        trace: TraceId::parse(trace.as_bytes()).ok_or_else(|| id(&trace, "trace"))?,
        id: SpanId::parse(span.as_bytes()).ok_or_else(|| id(&span, "span"))?,
        parent: parent.map(|parent| SpanId::parse(parent.as_bytes()).ok_or_else(|| id(&parent, "parent span"))).transpose()?,
        start: time(wire.start_time_unix_nano, "start time")?.ok_or("it has no start time")?,
        end: time(wire.end_time_unix_nano, "end time")?,
        status: status.and_then(|status| status.code).map_or(Ok(Status::Unset), status_code)?,
        name: wire.name.unwrap_or_default(),
        payload: Payload {
            attributes: attributes(wire.attributes, 0)?,
            events,
            links,
            dropped,
            status_message: wire.status.and_then(|status| status.message).unwrap_or_default(),
            span_kind: role,
            trace_state: wire.trace_state.unwrap_or_default(),
            ..Payload::default()
        },
    })
}

/// When a span began, for sorting; 0 if that can't be read.
pub(super) fn start(text: &str) -> Nanos {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Start<'a> {
        #[serde(borrow)]
        start_time_unix_nano: Option<&'a RawValue>,
    }
    read::<Start<'_>>(text).ok().and_then(|start| time(start.start_time_unix_nano, "").ok().flatten()).unwrap_or(0)
}

/// Writes a resource's attributes into a payload; none if they can't be read.
pub(super) fn resource(text: &str, payload: &mut Payload) {
    payload.resource = read::<Bag<'_>>(text).and_then(|bag| attributes(bag.attributes, 0)).unwrap_or_default();
}

/// Writes a scope into a payload; nothing if it can't be read.
pub(super) fn scope(text: &str, payload: &mut Payload) {
    let Ok(scope) = read::<Scope<'_>>(text) else { return };
    payload.scope = (scope.name.unwrap_or_default(), scope.version.unwrap_or_default());
    payload.scope_attributes = attributes(scope.attributes, 0).unwrap_or_default();
}

fn role(raw: &RawValue) -> SpanKind {
    let kind = unquoted(raw);
    kind.parse().map_or_else(|_| SpanKind::parse(kind), SpanKind::from_code)
}

fn count(raw: Option<&RawValue>) -> u32 {
    raw.and_then(|raw| whole(unquoted(raw))).map_or(0, |count| u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

/// A link; `None` if it points at nothing.
fn link(wire: WireLink<'_>) -> Option<Link> {
    let trace = TraceId::parse(wire.trace_id?.as_bytes())?;
    let span = SpanId::parse(wire.span_id?.as_bytes())?;
    Some(Link { trace, span, trace_state: wire.trace_state.unwrap_or_default(), attributes: attributes(wire.attributes, 0).ok()? })
}

fn event(wire: WireEvent<'_>) -> Result<Event, String> {
    Ok(Event {
        name: wire.name.unwrap_or_default(),
        time: time(wire.time_unix_nano, "time of an event")?.unwrap_or(0),
        attributes: attributes(wire.attributes, 0)?,
    })
}

fn status_code(raw: &RawValue) -> Result<Status, String> {
    let code = unquoted(raw);
    Status::parse(code).ok_or_else(|| format!("{:?} is no status code", brief(code)))
}

/// A time; `None` if it is absent or 0, which is how a span that still runs has no end.
pub(super) fn time(raw: Option<&RawValue>, what: &str) -> Result<Option<Nanos>, String> {
    let Some(text) = raw.map(unquoted).filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse::<Nanos>() {
        Ok(0) => Ok(None),
        Ok(time) if time > 0 => Ok(Some(time)),
        _ => Err(format!("the {what} {:?} is not a number of nanoseconds since 1970, before 2262", brief(text))),
    }
}
