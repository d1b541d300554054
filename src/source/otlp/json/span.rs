//! One span's OTLP/JSON, read with tolerance: 64-bit numbers as text or bare, enumerations by number or name, `null` for absent.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Attribute, Dropped, Event, Link, Nanos, Payload, SpanId, Status, TraceId, Value};

/// How deep lists and maps may lie in each other.
const DEPTH: usize = 128;

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// A span, decoded.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) start: Nanos,
    pub(super) end: Option<Nanos>,
    pub(super) status: Status,
    pub(super) name: String,
    pub(super) payload: Payload,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    trace_id: Option<String>,
    span_id: Option<String>,
    parent_span_id: Option<String>,
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
pub(super) struct KeyValue<'a> {
    key: Option<String>,
    #[serde(borrow)]
    value: Option<AnyValue<'a>>,
}

#[derive(Deserialize)]
pub(super) struct AnyValue<'a> {
    #[serde(rename = "stringValue")]
    text: Option<String>,
    #[serde(rename = "boolValue", borrow)]
    truth: Option<&'a RawValue>,
    #[serde(rename = "intValue", borrow)]
    int: Option<&'a RawValue>,
    #[serde(rename = "doubleValue", borrow)]
    double: Option<&'a RawValue>,
    #[serde(rename = "bytesValue")]
    bytes: Option<String>,
    // Left as text, so that nesting costs no stack in the parser: `value` counts it.
    #[serde(rename = "arrayValue", borrow)]
    list: Option<&'a RawValue>,
    #[serde(rename = "kvlistValue", borrow)]
    map: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Values<T> {
    values: Option<Vec<T>>,
}

#[derive(Deserialize)]
struct Bag<'a> {
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
}

#[derive(Deserialize)]
struct Scope {
    name: Option<String>,
    version: Option<String>,
}

/// Decodes one span. `Err` says what is wrong with it.
pub(super) fn decode(text: &str) -> Result<Decoded, String> {
    let wire: Wire<'_> = read(text)?;
    let notes = notes(&wire);
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
            notes,
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

/// A resource's attributes; none if they can't be read.
pub(super) fn resource(text: &str) -> Vec<Attribute> {
    read::<Bag<'_>>(text).and_then(|bag| attributes(bag.attributes, 0)).unwrap_or_default()
}

/// A scope's name and version; empty if they can't be read.
pub(super) fn scope(text: &str) -> (String, String) {
    read::<Scope>(text).map(|scope| (scope.name.unwrap_or_default(), scope.version.unwrap_or_default())).unwrap_or_default()
}

pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    // The place in the message would be one in the span's own text, which nobody can look up.
    serde_json::from_str(text).map_err(|error| error.to_string().split(" at line ").next().unwrap_or_default().to_owned())
}

/// What the model has no place for.
fn notes(wire: &Wire<'_>) -> Vec<(String, String)> {
    let kind = wire.kind.map(unquoted).map(|kind| match kind.trim_start_matches("SPAN_KIND_") {
        "2" => "SERVER",
        "3" => "CLIENT",
        "4" => "PRODUCER",
        "5" => "CONSUMER",
        "0" | "1" | "UNSPECIFIED" | "INTERNAL" => "",
        other => other,
    });
    let kind = kind.filter(|kind| !kind.is_empty()).map(|kind| brief(&kind.to_lowercase()));
    kind.into_iter().map(|kind| ("span kind".to_owned(), kind)).collect()
}

fn count(raw: Option<&RawValue>) -> u32 {
    raw.and_then(|raw| whole(unquoted(raw))).map_or(0, |count| u32::try_from(count.max(0)).unwrap_or(u32::MAX))
}

/// A link; `None` if it points at nothing.
fn link(wire: WireLink<'_>) -> Option<Link> {
    let trace = TraceId::parse(wire.trace_id?.as_bytes())?;
    let span = SpanId::parse(wire.span_id?.as_bytes())?;
    Some(Link { trace, span, attributes: attributes(wire.attributes, 0).ok()? })
}

fn event(wire: WireEvent<'_>) -> Result<Event, String> {
    Ok(Event {
        name: wire.name.unwrap_or_default(),
        time: time(wire.time_unix_nano, "time of an event")?.unwrap_or(0),
        attributes: attributes(wire.attributes, 0)?,
    })
}

fn status_code(raw: &RawValue) -> Result<Status, String> {
    match unquoted(raw).trim_start_matches("STATUS_CODE_") {
        "0" | "UNSET" => Ok(Status::Unset),
        "1" | "OK" => Ok(Status::Ok),
        "2" | "ERROR" => Ok(Status::Error),
        other => Err(format!("{:?} is no status code", brief(other))),
    }
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

pub(super) fn attributes(wire: Option<Vec<KeyValue<'_>>>, depth: usize) -> Result<Vec<Attribute>, String> {
    wire.unwrap_or_default()
        .into_iter()
        .map(|entry| {
            let key = entry.key.unwrap_or_default();
            match value(entry.value, depth) {
                Ok(value) => Ok((key, value)),
                Err(error) if depth == 0 => Err(format!("attribute {:?}: {error}", brief(&key))),
                Err(error) => Err(error),
            }
        })
        .collect()
}

pub(super) fn value(wire: Option<AnyValue<'_>>, depth: usize) -> Result<Value, String> {
    let Some(wire) = wire else { return Ok(Value::Null) };
    if let Some(text) = wire.text {
        return Ok(Value::Text(text));
    }
    if let Some(raw) = wire.truth {
        return unquoted(raw).parse().map(Value::Bool).map_err(|_| bad(raw, "true or false"));
    }
    if let Some(raw) = wire.int {
        return whole(unquoted(raw)).map(Value::Int).ok_or_else(|| bad(raw, "a whole number of 64 bits"));
    }
    if let Some(raw) = wire.double {
        return unquoted(raw).parse().map(Value::Float).map_err(|_| bad(raw, "a number"));
    }
    if let Some(text) = wire.bytes {
        return BASE64.decode(text.replace('-', "+").replace('_', "/")).map(Value::Bytes).map_err(|error| format!("bad base64: {error}"));
    }
    if (wire.list.is_some() || wire.map.is_some()) && depth == DEPTH {
        return Err(format!("lists and maps lie more than {DEPTH} deep in each other"));
    }
    if let Some(raw) = wire.list {
        let list: Values<AnyValue<'_>> = read(raw.get())?;
        let values = list.values.unwrap_or_default().into_iter().map(|item| value(Some(item), depth + 1));
        return values.collect::<Result<_, _>>().map(Value::List);
    }
    if let Some(raw) = wire.map {
        let list: Values<KeyValue<'_>> = read(raw.get())?;
        return attributes(list.values, depth + 1).map(Value::Map);
    }
    Ok(Value::Null)
}

/// A whole number, also as some writers have it: `5.0`, `5e3`.
fn whole(text: &str) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    text.parse()
        .ok()
        .or_else(|| text.parse::<f64>().ok().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT).map(|float| float as i64))
}

fn unquoted(raw: &RawValue) -> &str {
    raw.get().trim_matches('"')
}

fn bad(raw: &RawValue, what: &str) -> String {
    format!("{} is not {what}", brief(raw.get()))
}

/// The beginning of a text, for a message.
fn brief(text: &str) -> String {
    let cut = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    if cut == text.len() { text.to_owned() } else { format!("{}…", &text[..cut]) }
}
