//! Decodes spans that are one JSON object each: agno-top's exports `jsonl` and `agno`, and the spans of Phoenix's client, the rows of its
//! `get_spans_dataframe()` and the responses of its REST API.
//!
//! The objects may be on a line each, in a list, or in a list under `spans` or `data`.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::index::Position;
use super::lines::LineCounter;
use super::spans::DecodedSpans;
use crate::model::attributes::MAX_NESTING;
use crate::model::json::parse_to_depth;
use crate::model::{Attribute, Event, Link, Nanos, Payload, SpanId, SpanKind, Status, TraceId, Value, time};
use crate::otlp::encode::{SpanData, SpanMessages};
use crate::otlp::json::{self, brief};
use crate::semconv::{JSON_TEXT_KEYS, SPAN_KIND_KEY};

/// How deep the attributes of an event are nested in a record: `{"events": [{"attributes": {}}]}`. Their values may be [`MAX_NESTING`] deep.
const ENVELOPE: usize = 3;

#[derive(Default, Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct Wrapper<'a> {
    spans: Option<Vec<&'a RawValue>>,
    data: Option<Vec<&'a RawValue>>,
}

/// Decodes spans. Fails if the text is not JSON.
pub(super) fn decode(text: &str) -> Result<DecodedSpans, String> {
    let mut spans = DecodedSpans::default();
    let first = text.trim_start().lines().next().unwrap_or_default().trim_end();
    // Lines are decoded one by one, because Python writes `NaN` into them, which `serde_json` refuses.
    if first.starts_with('{') && first.ends_with('}') && first.len() > 2 {
        for (number, line) in (1..).zip(text.lines()) {
            push(&mut spans, number, line.trim());
        }
    } else if text.trim_start().starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let mut lines = LineCounter::new(text);
        for item in items {
            push(&mut spans, lines.line_of(item.get()), item.get());
        }
    } else {
        let item: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
        push(&mut spans, LineCounter::new(text).line_of(item.get()), item.get());
    }
    Ok(spans)
}

/// Decodes a span, or an object with a list of spans, that begins on this line.
fn push(spans: &mut DecodedSpans, line: u32, item: &str) {
    if item.is_empty() {
        return;
    }
    let wrapper: Wrapper<'_> = serde_json::from_str(item).unwrap_or_default();
    match wrapper.spans.or(wrapper.data) {
        Some(list) => {
            let mut lines = LineCounter::new(item);
            for span in list {
                spans.push(Position::Line(line + lines.line_of(span.get()) - 1), decode_span(span.get()));
            }
        }
        None => spans.push(Position::Line(line), decode_span(item)),
    }
}

/// Decodes a span.
fn decode_span(text: &str) -> Result<SpanMessages, String> {
    let object = parse_to_depth(text.as_bytes(), MAX_NESTING + ENVELOPE).map_err(|error| error.to_string())?;
    let fields = Fields(&object);
    if fields.get(&["traceId"]).is_some() {
        return json::decode_span(text).map(|span| SpanMessages { span, ..SpanMessages::default() });
    }
    let context = fields.object("context");
    let trace = context.text(&["trace_id"]).or_else(|| fields.text(&["trace_id", "context.trace_id"])).unwrap_or_default();
    let id = context.text(&["span_id"]).or_else(|| fields.text(&["span_id", "context.span_id"])).unwrap_or_default();
    let is_phoenix = !context.0.is_empty() || fields.get(&["context.trace_id", "context.span_id"]).is_some();
    let parent = fields.text(&["parent_id", "parent_span_id"]).filter(|parent| !parent.is_empty());
    let time = |names: &[&str], what: &str| match fields.get(names) {
        None => Ok(None),
        Some(value) => parse_time(value).map(Some).ok_or_else(|| format!("the {what} time {:?} is not a time", brief(&value.to_json()))),
    };
    let scope = fields.object("scope");
    let mut payload = Payload {
        attributes: fields.map("attributes"),
        events: fields.list("events").iter().map(event).collect(),
        links: fields.list("links").iter().filter_map(link).collect(),
        status_message: fields.owned_text("status_message"),
        resource: fields.map("resource"),
        trace_state: fields.owned_text("trace_state"),
        scope: (scope.owned_text("name"), scope.owned_text("version")),
        scope_attributes: scope.map("attributes"),
        ..Payload::default()
    };
    if is_phoenix {
        payload.attributes = flatten_attributes(payload.attributes, fields);
    }
    match (fields.text(&["span_kind"]), is_phoenix) {
        (Some(kind), true)
            if !kind.is_empty() && kind != "UNKNOWN" && !payload.attributes.iter().any(|(name, _)| name == SPAN_KIND_KEY) =>
        {
            payload.attributes.insert(0, (SPAN_KIND_KEY.to_owned(), Value::Text(kind.to_owned())));
        }
        (Some(kind), false) => payload.span_kind = SpanKind::parse(kind),
        _ => {}
    }
    let bad = |text: &str, what: &str, digits: usize| format!("the {what} id {:?} is not {digits} hex digits", brief(text));
    let data = SpanData {
        trace: TraceId::parse(trace.replace('-', "").as_bytes()).ok_or_else(|| bad(trace, "trace", 32))?,
        id: SpanId::parse(id.as_bytes()).ok_or_else(|| bad(id, "span", 16))?,
        parent: parent.map(|parent| SpanId::parse(parent.as_bytes()).ok_or_else(|| bad(parent, "parent span", 16))).transpose()?,
        start: time(&["start", "start_time"], "start")?.ok_or("it has no start time")?,
        end: time(&["end", "end_time"], "end")?,
        status: fields.text(&["status_code"]).and_then(Status::parse).unwrap_or_default(),
        name: fields.owned_text("name"),
        payload,
    };
    Ok(data.into())
}

/// The fields of a JSON object.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [Attribute]);

impl<'a> Fields<'a> {
    fn of(value: Option<&'a Value>) -> Self {
        if let Some(Value::Map(entries)) = value { Self(entries) } else { Self(&[]) }
    }

    /// Returns the first of these fields that is neither missing nor null.
    fn get(self, names: &[&str]) -> Option<&'a Value> {
        names
            .iter()
            .find_map(|name| self.0.iter().find(|(other, value)| other == name && !matches!(value, Value::Null)))
            .map(|(_, value)| value)
    }

    fn text(self, names: &[&str]) -> Option<&'a str> {
        if let Value::Text(text) = self.get(names)? { Some(text) } else { None }
    }

    fn owned_text(self, name: &str) -> String {
        self.text(&[name]).unwrap_or_default().to_owned()
    }

    fn object(self, name: &str) -> Self {
        Self::of(self.get(&[name]))
    }

    fn map(self, name: &str) -> Vec<Attribute> {
        self.object(name).0.to_vec()
    }

    fn list(self, name: &str) -> &'a [Value] {
        if let Some(Value::List(items)) = self.get(&[name]) { items } else { &[] }
    }
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
        time: fields.get(&["time", "timestamp"]).and_then(parse_time).unwrap_or_default(),
        attributes: fields.map("attributes"),
    }
}

fn link(value: &Value) -> Option<Link> {
    let fields = Fields::of(Some(value));
    Some(Link {
        trace: TraceId::parse(fields.text(&["trace_id"])?.as_bytes())?,
        span: SpanId::parse(fields.text(&["span_id"])?.as_bytes())?,
        trace_state: fields.owned_text("trace_state"),
        attributes: fields.map("attributes"),
    })
}

/// Restores the names under which Phoenix received attributes: it nests them at the dots, and returns a map, or columns
/// `attributes.<name>`.
fn flatten_attributes(attributes: Vec<Attribute>, fields: Fields<'_>) -> Vec<Attribute> {
    let mut flat = Vec::new();
    for (name, value) in attributes {
        flatten(name, value, &mut flat);
    }
    for (name, value) in fields.0 {
        // A row has every column of its table; the columns that its span lacks are null, or NaN in Python.
        let is_missing = matches!(value, Value::Null) || matches!(value, Value::Float(number) if number.is_nan());
        if let (Some(name), false) = (name.strip_prefix("attributes."), is_missing) {
            flatten(name.to_owned(), value.clone(), &mut flat);
        }
    }
    join_json_texts(flat)
}

/// Restores attributes that are JSON as text and were flattened, too: `tool.parameters.city` belongs to `tool.parameters`.
fn join_json_texts(flat: Vec<Attribute>) -> Vec<Attribute> {
    let mut joined: Vec<Attribute> = Vec::new();
    for (name, value) in flat {
        let part = JSON_TEXT_KEYS.iter().find_map(|json| Some((*json, name.strip_prefix(json)?.strip_prefix('.')?)));
        match part {
            None => joined.push((name, value)),
            Some((json, path)) => nest(&mut joined, json, path, value),
        }
    }
    for (name, value) in &mut joined {
        if JSON_TEXT_KEYS.contains(&name.as_str()) && matches!(value, Value::Map(_)) {
            *value = Value::Text(value.to_json());
        }
    }
    joined
}

/// Inserts a value into the map `name`, at a path of keys separated by dots.
fn nest(entries: &mut Vec<Attribute>, name: &str, path: &str, value: Value) {
    let at = entries.iter().rposition(|(other, value)| other == name && matches!(value, Value::Map(_))).unwrap_or_else(|| {
        entries.push((name.to_owned(), Value::Map(Vec::new())));
        entries.len() - 1
    });
    let Value::Map(inner) = &mut entries[at].1 else { return };
    // The limit bounds the recursion. A longer path stays one key.
    match path.split_once('.').filter(|(_, rest)| rest.split('.').count() < 32) {
        Some((first, rest)) => nest(inner, first, rest, value),
        None => inner.push((path.to_owned(), value)),
    }
}

/// Appends an attribute, or the attributes that it becomes when it is flattened.
fn flatten(name: String, value: Value, flat: &mut Vec<Attribute>) {
    let are_maps = |items: &[Value]| !items.is_empty() && items.iter().all(|item| matches!(item, Value::Map(_)));
    match value {
        Value::Map(_) if JSON_TEXT_KEYS.iter().any(|json| name == *json || name.ends_with(&format!(".{json}"))) => {
            flat.push((name, Value::Text(value.to_json())));
        }
        Value::Map(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                flatten(format!("{name}.{key}"), value, flat);
            }
        }
        Value::List(items) if are_maps(&items) => {
            for (number, item) in items.into_iter().enumerate() {
                flatten(format!("{name}.{number}"), item, flat);
            }
        }
        other => flat.push((name, other)),
    }
}

/// Describes a list without trace ids, which is no list of spans.
pub(super) fn describe_list(text: &str) -> String {
    match serde_json::from_str::<Vec<IgnoredAny>>(text) {
        Ok(items) if items.is_empty() => "it is an empty list".to_owned(),
        Ok(_) => "it is a list, and what it lists has no trace ids".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Returns the reason why a text is not JSON.
pub(super) fn syntax_error(text: &str) -> Option<String> {
    json::parse::<IgnoredAny>(text).err()
}
