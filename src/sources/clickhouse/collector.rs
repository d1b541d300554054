//! Rows of the table that the OpenTelemetry collector's exporter writes.
//!
//! Attributes are a `Map(String, String)`, whose numbers are texts, or of the type `JSON`. What the columns do not hold, such as what the
//! sender dropped, is not known.

use super::answer::{attributes, number, text};
use super::table::Table;
use crate::model::json::items;
use crate::model::{Event, Link, Nanos, Payload, SpanId, SpanKind, Status, TraceId, Value};
use crate::otlp::encode::SpanData;

/// The attribute of the resource that names the service.
const SERVICE: &str = "service.name";
/// Where the oldest tables keep the scope.
const SCOPE: [&str; 2] = ["otel.scope.name", "otel.scope.version"];

/// Returns the expressions of the columns, in the order in which [`span`] reads them.
pub(super) fn columns(table: &Table) -> String {
    let column = |name, otherwise| table.column(name, otherwise);
    let times = match column("Events.Timestamp", "") {
        "" => "[]".to_owned(),
        times => format!("arrayMap(time -> toUnixTimestamp64Nano(time), {times})"),
    };
    let plain = [
        "ParentSpanId",
        "SpanName",
        "StatusCode",
        column("StatusMessage", "''"),
        column("SpanKind", "''"),
        column("TraceState", "''"),
        "SpanAttributes",
        column("ResourceAttributes", "map()"),
        column("ServiceName", "''"),
        column("ScopeName", "''"),
        column("ScopeVersion", "''"),
        column("Events.Name", "[]"),
        column("Events.Attributes", "[]"),
        column("Links.TraceId", "[]"),
        column("Links.SpanId", "[]"),
        column("Links.Attributes", "[]"),
    ];
    format!("{}, {times}", plain.join(", "))
}

/// Returns the expression of everything that a search looks at, as one text.
pub(super) fn searched(table: &Table) -> String {
    let json = |name, otherwise| match table.column(name, "") {
        "" => otherwise,
        // The function escapes slashes.
        column => format!("replaceAll(toJSONString({column}), '\\\\/', '/')"),
    };
    let nothing = || "''".to_owned();
    format!(
        "concat({}, ' ', {}, ' ', {}, ' ', {}, ' ', {}, ' ', {})",
        json("SpanAttributes", nothing()),
        json("ResourceAttributes", nothing()),
        json("Events.Name", nothing()),
        json("Events.Attributes", nothing()),
        json("Links.Attributes", nothing()),
        table.column("StatusMessage", "''"),
    )
}

/// Builds a span from the cells of [`columns`]. The error says why it is not valid.
pub(super) fn span(cells: &[&[u8]], start: Nanos, end: Nanos, trace: &str, id: &str) -> Result<SpanData, String> {
    let cell = |column: usize| cells.get(column).copied().unwrap_or(b"null");
    let text = |column: usize| text(cell(column)).unwrap_or_default();
    let trace = TraceId::parse(trace.as_bytes()).ok_or_else(|| format!("TraceId is not 32 hex digits: {:?}", short(trace)))?;
    let id = SpanId::parse(id.as_bytes()).ok_or_else(|| format!("SpanId is not 16 hex digits: {:?}", short(id)))?;
    let parent = text(0);
    let parent = match parent.as_str() {
        "" | "0000000000000000" => None,
        text => Some(SpanId::parse(text.as_bytes()).ok_or_else(|| format!("ParentSpanId is not 16 hex digits: {:?}", short(text)))?),
    };
    let attributes_of_span = attributes(cell(6));
    let mut resource = attributes(cell(7));
    let service = text(8);
    if !service.is_empty() && resource.iter().all(|(name, _)| name != SERVICE) {
        resource.push((SERVICE.to_owned(), Value::Text(service)));
    }
    let stated = |name: &str| match attributes_of_span.iter().find(|(key, _)| key == name) {
        Some((_, Value::Text(text))) => text.clone(),
        _ => String::new(),
    };
    let or_stated = |text: String, name| if text.is_empty() { stated(name) } else { text };
    let scope = (or_stated(text(9), SCOPE[0]), or_stated(text(10), SCOPE[1]));
    let payload = Payload {
        status_message: text(3),
        span_kind: SpanKind::parse(&text(4)),
        trace_state: text(5),
        events: events(cell(11), cell(12), cell(16)),
        links: links(cell(13), cell(14), cell(15)),
        attributes: attributes_of_span,
        resource,
        scope,
        ..Payload::default()
    };
    Ok(SpanData { trace, id, parent, start, end: Some(end), status: Status::parse(&text(2)).unwrap_or_default(), name: text(1), payload })
}

fn events(names: &[u8], all_attributes: &[u8], times: &[u8]) -> Vec<Event> {
    let (all_attributes, times) = (list(all_attributes), list(times));
    let event = |(at, name): (usize, &&[u8])| Event {
        name: text(name).unwrap_or_default(),
        time: times.get(at).and_then(|time| number(time)).unwrap_or_default(),
        attributes: all_attributes.get(at).map(|cell| attributes(cell)).unwrap_or_default(),
    };
    list(names).iter().enumerate().map(event).collect()
}

fn links(traces: &[u8], spans: &[u8], all_attributes: &[u8]) -> Vec<Link> {
    let (spans, all_attributes) = (list(spans), list(all_attributes));
    let link = |(at, trace): (usize, &&[u8])| {
        Some(Link {
            trace: TraceId::parse(text(trace)?.as_bytes())?,
            span: SpanId::parse(text(spans.get(at)?)?.as_bytes())?,
            trace_state: String::new(),
            attributes: all_attributes.get(at).map(|cell| attributes(cell)).unwrap_or_default(),
        })
    };
    list(traces).iter().enumerate().filter_map(link).collect()
}

fn list(cell: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let _ = items(cell, |item| found.push(item));
    found
}

/// Returns the beginning of an invalid id.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells() -> Vec<&'static [u8]> {
        let cells: [&str; 17] = [
            "\"\"",
            "\"chat gpt\"",
            "\"STATUS_CODE_ERROR\"",
            "\"no\"",
            "\"SPAN_KIND_CLIENT\"",
            "\"\"",
            r#"{"gen_ai.usage.input_tokens": "5", "otel.scope.name": "old", "llm": {"model": "m"}}"#,
            "{}",
            "\"shop\"",
            "\"\"",
            "\"\"",
            r#"["exception", "late"]"#,
            r#"[{"exception.type": "E"}]"#,
            r#"["0af7651916cd43dd8448eb211c80319c", "x"]"#,
            r#"["b7ad6b7169203331", "y"]"#,
            "[{}, {}]",
            r#"[17, "18"]"#,
        ];
        cells.iter().map(|cell| cell.as_bytes()).collect()
    }

    #[test]
    fn a_row_becomes_a_span_with_events_and_links() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let span = span(&cells(), 10, 20, trace, "b7ad6b7169203331").unwrap();
        assert_eq!((span.start, span.end, span.parent, span.status), (10, Some(20), None, Status::Error));
        let payload = &span.payload;
        assert_eq!((payload.span_kind, payload.scope.0.as_str(), payload.status_message.as_str()), (SpanKind::Client, "old", "no"));
        assert_eq!(payload.resource, [(SERVICE.to_owned(), Value::Text("shop".to_owned()))]);
        assert_eq!(payload.attributes[2], ("llm.model".to_owned(), Value::Text("m".to_owned())));
        assert_eq!(
            payload.events.iter().map(|event| (event.name.as_str(), event.time)).collect::<Vec<_>>(),
            [("exception", 17), ("late", 18)]
        );
        assert_eq!((payload.events[0].attributes.len(), payload.events[1].attributes.len(), payload.links.len()), (1, 0, 1));
    }

    #[test]
    fn a_row_without_valid_ids_is_refused() {
        let parse = |trace: &str, id: &str| span(&cells(), 0, 0, trace, id).map(drop);
        assert_eq!(parse("x", "b7ad6b7169203331"), Err("TraceId is not 32 hex digits: \"x\"".to_owned()));
        assert_eq!(parse("0af7651916cd43dd8448eb211c80319c", "é"), Err("SpanId is not 16 hex digits: \"é\"".to_owned()));
        assert!(span(&[], 0, 0, "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331").is_ok());
    }
}
