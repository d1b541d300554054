//! Decodes a span of OTLP/JSON.

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{self as proto, span};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{KeyValue, attributes, base64, brief, integer, parse, unquoted};
use crate::model::{SpanKind, Status};

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "these are the keys of the span")]
struct Span<'a> {
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
    #[serde(alias = "span_id")]
    span_id: Option<String>,
    #[serde(alias = "parent_span_id")]
    parent_span_id: Option<String>,
    #[serde(alias = "trace_state")]
    trace_state: Option<String>,
    name: Option<String>,
    kind: Option<&'a RawValue>,
    #[serde(alias = "start_time_unix_nano")]
    start_time_unix_nano: Option<&'a RawValue>,
    #[serde(alias = "end_time_unix_nano")]
    end_time_unix_nano: Option<&'a RawValue>,
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Option<&'a RawValue>,
    events: Option<Vec<Event<'a>>>,
    #[serde(alias = "dropped_events_count")]
    dropped_events_count: Option<&'a RawValue>,
    links: Option<Vec<Link<'a>>>,
    #[serde(alias = "dropped_links_count")]
    dropped_links_count: Option<&'a RawValue>,
    status: Option<SpanStatus<'a>>,
    flags: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
struct Event<'a> {
    #[serde(alias = "time_unix_nano")]
    time_unix_nano: Option<&'a RawValue>,
    name: Option<String>,
    attributes: Option<Vec<KeyValue<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link<'a> {
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
    #[serde(alias = "span_id")]
    span_id: Option<String>,
    #[serde(alias = "trace_state")]
    trace_state: Option<String>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

#[derive(Deserialize)]
struct SpanStatus<'a> {
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    message: Option<String>,
}

/// An `InstrumentationScope`, or a `Resource`, which has only attributes.
#[derive(Deserialize)]
struct Scope<'a> {
    name: Option<String>,
    version: Option<String>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

/// Decodes a span. Fails only on what protobuf can't express; whether ids and times are valid is decided where its row is built.
pub(crate) fn decode(text: &str) -> Result<proto::Span, String> {
    let span: Span<'_> = parse(text)?;
    let (code, message) = span.status.map_or((None, None), |status| (status.code, status.message));
    let parent = span.parent_span_id.filter(|parent| parent.bytes().any(|byte| byte != b'0'));
    Ok(proto::Span {
        trace_id: id(&span.trace_id.unwrap_or_default(), "trace")?,
        span_id: id(&span.span_id.unwrap_or_default(), "span")?,
        parent_span_id: id(&parent.unwrap_or_default(), "parent span")?,
        trace_state: span.trace_state.unwrap_or_default(),
        name: span.name.unwrap_or_default(),
        kind: span.kind.map_or(SpanKind::Unspecified, kind).code().into(),
        start_time_unix_nano: time(span.start_time_unix_nano, "start time")?,
        end_time_unix_nano: time(span.end_time_unix_nano, "end time")?,
        attributes: attributes(span.attributes)?,
        dropped_attributes_count: count(span.dropped_attributes_count),
        events: span.events.unwrap_or_default().into_iter().map(event).collect::<Result<_, _>>()?,
        dropped_events_count: count(span.dropped_events_count),
        links: span.links.unwrap_or_default().into_iter().filter_map(link).collect(),
        dropped_links_count: count(span.dropped_links_count),
        status: Some(proto::Status { message: message.unwrap_or_default(), code: code.map_or(Ok(Status::Unset), status)?.code().into() }),
        flags: count(span.flags),
    })
}

/// Decodes a resource; empty if it is invalid.
pub(super) fn resource(raw: Option<&RawValue>) -> Resource {
    Resource { attributes: scope(raw).attributes, ..Resource::default() }
}

/// Decodes an instrumentation scope; empty if it is invalid.
pub(super) fn scope(raw: Option<&RawValue>) -> InstrumentationScope {
    let Some(scope) = raw.and_then(|raw| parse::<Scope<'_>>(raw.get()).ok()) else { return InstrumentationScope::default() };
    InstrumentationScope {
        name: scope.name.unwrap_or_default(),
        version: scope.version.unwrap_or_default(),
        attributes: attributes(scope.attributes).unwrap_or_default(),
        ..InstrumentationScope::default()
    }
}

/// Decodes an id.
pub(super) fn id(text: &str, what: &str) -> Result<Vec<u8>, String> {
    id_bytes(text).ok_or_else(|| format!("the {what} id {:?} is not a number of bytes in hex digits", brief(text)))
}

/// Decodes an id: hex digits, as OTLP/JSON has it, with or without `0x`, or base64, as protobuf's own JSON has it.
pub(crate) fn id_bytes(text: &str) -> Option<Vec<u8>> {
    // 16 or 8 bytes in base64 end so; no hex digits do.
    if text.ends_with('=') && matches!(text.len(), 24 | 12) {
        return base64(text).ok();
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.strip_prefix("0x").unwrap_or(text).as_bytes().chunks(2);
    let bytes = pairs.map(|pair| match *pair {
        [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
        _ => None,
    });
    bytes.collect()
}

fn kind(raw: &RawValue) -> SpanKind {
    let kind = unquoted(raw);
    kind.parse().map_or_else(|_| SpanKind::parse(kind), SpanKind::from_code)
}

pub(super) fn count(raw: Option<&RawValue>) -> u32 {
    raw.and_then(|raw| integer(unquoted(raw))).map_or(0, |count| u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

/// Decodes a link; `None` if it is invalid.
fn link(link: Link<'_>) -> Option<span::Link> {
    Some(span::Link {
        trace_id: id(&link.trace_id?, "trace").ok()?,
        span_id: id(&link.span_id?, "span").ok()?,
        trace_state: link.trace_state.unwrap_or_default(),
        attributes: attributes(link.attributes).ok()?,
        ..span::Link::default()
    })
}

fn event(event: Event<'_>) -> Result<span::Event, String> {
    Ok(span::Event {
        time_unix_nano: time(event.time_unix_nano, "time of an event")?,
        name: event.name.unwrap_or_default(),
        attributes: attributes(event.attributes)?,
        ..span::Event::default()
    })
}

fn status(raw: &RawValue) -> Result<Status, String> {
    let code = unquoted(raw);
    Status::parse(code).ok_or_else(|| format!("{:?} is no status code", brief(code)))
}

/// Decodes a time in nanoseconds since 1970; 0 if it is absent.
pub(super) fn time(raw: Option<&RawValue>, what: &str) -> Result<u64, String> {
    let Some(text) = raw.map(unquoted).filter(|text| !text.is_empty()) else { return Ok(0) };
    text.parse().map_err(|_| format!("the {what} {:?} is not a number of nanoseconds since 1970", brief(text)))
}
