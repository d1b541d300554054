//! Spans as one JSON object each: agno-top's own `jsonl` and `agno`, and what comes out of Phoenix: its client's spans, rows of
//! `get_spans_dataframe()`, answers of its REST interface.
//!
//! Each may stand on a line of its own, in a list, or in an object under `spans` or `data`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::format::{Position, without_place};
use crate::model::json::{parse, parse_value};
use crate::model::{Attribute, Event, Link, Nanos, Payload, SpanId, SpanKind, Status, TraceId, Value, time};
use crate::semconv::{JSON_TEXTS, SPAN_KIND};
use crate::sources::otlp::json::span::{self, Decoded};

#[derive(Default, Deserialize)]
struct Wrapper<'a> {
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    data: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Start<'a> {
    #[serde(borrow, alias = "start_time", alias = "startTimeUnixNano")]
    start: Option<&'a RawValue>,
}

/// Finds the spans. `Err` says why there can't be any.
pub(super) fn index(text: &str) -> Result<Vec<Position>, String> {
    let mut places = Vec::new();
    let first = text.trim_start().lines().next().unwrap_or_default().trim_end();
    // Lines are taken one by one, since Python writes numbers into them that strict JSON has none of.
    if first.starts_with('{') && first.ends_with('}') && first.len() > 2 {
        lines(text, 0, &mut places);
    } else if text.trim_start().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for item in items {
            push(text, item.get(), &mut places);
        }
    } else {
        let item: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
        push(text, item.get(), &mut places);
    }
    Ok(places)
}

/// Finds the spans of the lines from the given place on.
pub(super) fn lines(text: &str, from: usize, places: &mut Vec<Position>) {
    for line in text[from..].lines().map(str::trim).filter(|line| !line.is_empty()) {
        push(text, line, places);
    }
}

fn push(text: &str, item: &str, places: &mut Vec<Position>) {
    let wrapper: Wrapper<'_> = serde_json::from_str(item).unwrap_or_default();
    match wrapper.spans.or(wrapper.data) {
        Some(spans) => places.extend(spans.into_iter().map(|span| place(text, span.get()))),
        None => places.push(place(text, item)),
    }
}

fn place(text: &str, span: &str) -> Position {
    let start = serde_json::from_str::<Start<'_>>(span).ok().and_then(|start| when(&parse_value(start.start?.get().as_bytes()).ok()?));
    Position::of(text, span, 0, start.unwrap_or_default())
}

/// Decodes a span.
pub(super) fn decode(text: &str) -> Result<Decoded, String> {
    let fields = Fields(parse(text.as_bytes()).map_err(|broken| broken.to_string())?);
    if fields.get(&["traceId"]).is_some() {
        return span::decode(text);
    }
    let context = match fields.get(&["context"]) {
        Some(Value::Map(context)) => Fields(context.clone()),
        _ => Fields(Vec::new()),
    };
    let trace = context.text(&["trace_id"]).or_else(|| fields.text(&["trace_id", "context.trace_id"])).unwrap_or_default();
    let id = context.text(&["span_id"]).or_else(|| fields.text(&["span_id", "context.span_id"])).unwrap_or_default();
    let phoenix = !context.0.is_empty() || fields.get(&["context.trace_id", "context.span_id"]).is_some();
    let parent = fields.text(&["parent_id", "parent_span_id"]).filter(|parent| !parent.is_empty());
    let time = |names: &[&str], what: &str| match fields.get(names) {
        None => Ok(None),
        Some(value) => when(value).map(Some).ok_or_else(|| format!("the {what} time {} is none", brief(&value.to_json()))),
    };
    let mut payload = Payload {
        attributes: fields.map(&["attributes"]),
        events: fields.list(&["events"]).iter().map(event).collect(),
        links: fields.list(&["links"]).iter().filter_map(link).collect(),
        status_message: fields.text(&["status_message"]).unwrap_or_default().to_owned(),
        resource: fields.map(&["resource"]),
        trace_state: fields.text(&["trace_state"]).unwrap_or_default().to_owned(),
        ..Payload::default()
    };
    if let Some(Value::Map(scope)) = fields.get(&["scope"]) {
        let scope = Fields(scope.clone());
        let text = |name| scope.text(&[name]).unwrap_or_default().to_owned();
        payload.scope = (text("name"), text("version"));
        payload.scope_attributes = scope.map(&["attributes"]);
    }
    if phoenix {
        payload.attributes = flat(payload.attributes, &fields);
    }
    match (fields.text(&["span_kind"]), phoenix) {
        (Some(kind), true) if !kind.is_empty() && kind != "UNKNOWN" && !payload.attributes.iter().any(|(name, _)| name == SPAN_KIND) => {
            payload.attributes.insert(0, (SPAN_KIND.to_owned(), Value::Text(kind.to_owned())));
        }
        (Some(kind), false) => payload.span_kind = SpanKind::parse(kind),
        _ => {}
    }
    let bad = |text: &str, what: &str, digits: usize| format!("the {what} id {} is not {digits} hex digits", brief(text));
    Ok(Decoded {
        trace: TraceId::parse(trace.replace('-', "").as_bytes()).ok_or_else(|| bad(trace, "trace", 32))?,
        id: SpanId::parse(id.as_bytes()).ok_or_else(|| bad(id, "span", 16))?,
        parent: parent.map(|parent| SpanId::parse(parent.as_bytes()).ok_or_else(|| bad(parent, "parent span", 16))).transpose()?,
        start: time(&["start", "start_time"], "start")?.ok_or("it has no start time")?,
        end: time(&["end", "end_time"], "end")?,
        status: fields.text(&["status_code"]).and_then(Status::parse).unwrap_or_default(),
        name: fields.text(&["name"]).unwrap_or_default().to_owned(),
        payload,
    })
}

/// The fields of an object.
struct Fields(Vec<Attribute>);

impl Fields {
    /// The first of these that is there and not null.
    fn get(&self, names: &[&str]) -> Option<&Value> {
        names
            .iter()
            .find_map(|name| self.0.iter().find(|(other, value)| other == name && !matches!(value, Value::Null)))
            .map(|(_, value)| value)
    }

    fn text(&self, names: &[&str]) -> Option<&str> {
        match self.get(names)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn map(&self, names: &[&str]) -> Vec<Attribute> {
        match self.get(names) {
            Some(Value::Map(entries)) => entries.clone(),
            _ => Vec::new(),
        }
    }

    fn list(&self, names: &[&str]) -> &[Value] {
        match self.get(names) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }
}

/// A time: ISO 8601, or a number since 1970 in seconds, milliseconds, microseconds or nanoseconds, whichever makes it one of these days.
fn when(value: &Value) -> Option<Nanos> {
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
    let Value::Map(entries) = value else { return Event::default() };
    let fields = Fields(entries.clone());
    Event {
        name: fields.text(&["name"]).unwrap_or_default().to_owned(),
        time: fields.get(&["time", "timestamp"]).and_then(when).unwrap_or_default(),
        attributes: fields.map(&["attributes"]),
    }
}

fn link(value: &Value) -> Option<Link> {
    let Value::Map(entries) = value else { return None };
    let fields = Fields(entries.clone());
    Some(Link {
        trace: TraceId::parse(fields.text(&["trace_id"])?.as_bytes())?,
        span: SpanId::parse(fields.text(&["span_id"])?.as_bytes())?,
        trace_state: fields.text(&["trace_state"]).unwrap_or_default().to_owned(),
        attributes: fields.map(&["attributes"]),
    })
}

/// Phoenix's attributes under the names that they were sent with: it keeps them nested by the dots, and hands them out as a map, or as
/// columns of their own.
fn flat(attributes: Vec<Attribute>, fields: &Fields) -> Vec<Attribute> {
    let mut flat = Vec::new();
    for (name, value) in attributes {
        flatten(name, value, &mut flat);
    }
    for (name, value) in &fields.0 {
        // A row has every column of the table; what its span lacks is null, or in Python no number.
        let lacks = matches!(value, Value::Null) || matches!(value, Value::Float(number) if number.is_nan());
        if let (Some(name), false) = (name.strip_prefix("attributes."), lacks) {
            flatten(name.to_owned(), value.clone(), &mut flat);
        }
    }
    texts(flat)
}

/// Puts together again what was JSON as text and comes in pieces: `tool.parameters.city` is of `tool.parameters`.
fn texts(flat: Vec<Attribute>) -> Vec<Attribute> {
    let mut whole: Vec<Attribute> = Vec::new();
    for (name, value) in flat {
        let piece = JSON_TEXTS.iter().find_map(|json| Some((*json, name.strip_prefix(json)?.strip_prefix('.')?)));
        match piece {
            None => whole.push((name, value)),
            Some((json, path)) => nest(&mut whole, json, path, value),
        }
    }
    for (name, value) in &mut whole {
        if JSON_TEXTS.contains(&name.as_str()) && matches!(value, Value::Map(_)) {
            *value = Value::Text(value.to_json());
        }
    }
    whole
}

/// Puts a value under `name` at a path of names with dots between them.
fn nest(entries: &mut Vec<Attribute>, name: &str, path: &str, value: Value) {
    let at = entries.iter().rposition(|(other, value)| other == name && matches!(value, Value::Map(_))).unwrap_or_else(|| {
        entries.push((name.to_owned(), Value::Map(Vec::new())));
        entries.len() - 1
    });
    let Value::Map(inner) = &mut entries[at].1 else { return };
    // What lies deeper than anybody nests keeps its dots.
    match path.split_once('.').filter(|(_, rest)| rest.split('.').count() < 32) {
        Some((first, rest)) => nest(inner, first, rest, value),
        None => inner.push((path.to_owned(), value)),
    }
}

fn flatten(name: String, value: Value, flat: &mut Vec<Attribute>) {
    let maps = |items: &[Value]| !items.is_empty() && items.iter().all(|item| matches!(item, Value::Map(_)));
    match value {
        Value::Map(_) if JSON_TEXTS.iter().any(|json| name == *json || name.ends_with(&format!(".{json}"))) => {
            flat.push((name, Value::Text(value.to_json())));
        }
        Value::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                flatten(format!("{name}.{key}"), value, flat);
            }
        }
        Value::List(items) if maps(&items) => {
            for (number, item) in items.into_iter().enumerate() {
                flatten(format!("{name}.{number}"), item, flat);
            }
        }
        other => flat.push((name, other)),
    }
}

fn brief(text: &str) -> String {
    let cut: String = text.chars().take(40).collect();
    if cut.len() == text.len() { format!("{text:?}") } else { format!("{cut:?}…") }
}

/// Why a list in which no trace id is seen is no list of spans.
pub(super) fn no_spans(text: &str) -> String {
    match serde_json::from_str::<Vec<serde::de::IgnoredAny>>(text) {
        Ok(items) if items.is_empty() => "it is an empty list".to_owned(),
        Ok(_) => "it is a list, and what it lists has no trace ids".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What is wrong with a text that holds no span.
pub(super) fn trouble(text: &str) -> Option<String> {
    serde_json::from_str::<serde::de::IgnoredAny>(text).err().map(|error| without_place(&error))
}
