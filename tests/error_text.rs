//! The error text of a row: the same from every source.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;

use agno_top::model::SourceId;
use agno_top::semconv::ERROR_PREVIEW;
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{Handle, State, Update, UpdateSender, file};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

/// Reads a source to its end. Returns the error texts by span id.
fn errors(start: impl FnOnce(UpdateSender) -> std::io::Result<Handle>) -> BTreeMap<String, String> {
    let (sender, mut updates) = tokio::sync::mpsc::channel(64);
    let _handle = start(UpdateSender::new(SourceId(0), sender)).unwrap();
    let mut errors = BTreeMap::new();
    loop {
        match updates.blocking_recv().unwrap() {
            Update::Batch(batch) => {
                assert_eq!(batch.skipped, []);
                errors.extend(batch.spans.iter().map(|span| (span.id.to_string(), batch.text(span.error).to_owned())));
            }
            Update::State(_, State::Watching { .. } | State::Ended) => return errors,
            Update::State(_, State::Failing(message)) => assert_eq!(message, "", "failed"),
            _ => {}
        }
    }
}

/// A span for each place of the error text: the status, an exception, an attribute.
fn request(text: &str) -> serde_json::Value {
    let attribute = |key: &str| serde_json::json!([{"key": key, "value": {"stringValue": text}}]);
    let span = |id: u8, member: &str, value: serde_json::Value| {
        let mut span = serde_json::json!({
            "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": format!("{id:016x}"), "name": "a", "kind": 1, "traceState": "",
            "startTimeUnixNano": "1768435200000000000", "endTimeUnixNano": "1768435201000000000", "attributes": [],
            "droppedAttributesCount": 0, "events": [], "droppedEventsCount": 0, "links": [], "droppedLinksCount": 0, "parentSpanId": "",
            "flags": 0, "status": {"code": 2, "message": ""}
        });
        span[member] = value;
        span
    };
    let exception = serde_json::json!([
        {"timeUnixNano": "1768435200000000000", "name": "exception", "attributes": attribute("exception.message"), "droppedAttributesCount": 0}
    ]);
    let spans = [
        span(1, "status", serde_json::json!({"code": 2, "message": text})),
        span(2, "events", exception),
        span(3, "attributes", attribute("error.message")),
    ];
    serde_json::json!({"resourceSpans": [{"scopeSpans": [{"spans": spans, "schemaUrl": ""}], "schemaUrl": ""}]})
}

fn write_sqlite(path: &Path, text: &str) {
    let database = rusqlite::Connection::open(path).unwrap();
    database
        .execute_batch(
            "CREATE TABLE agno_spans (span_id, trace_id, parent_span_id, name, status_code, status_message, start_time, end_time, attributes)",
        )
        .unwrap();
    let insert = "INSERT INTO agno_spans VALUES (?1, '0af7651916cd43dd8448eb211c80319c', NULL, 'a', 'ERROR', ?2, '2026-01-15T00:00:00Z', \
        '2026-01-15T00:00:01Z', ?3)";
    let attributes = serde_json::json!({"error.message": text}).to_string();
    for (id, message, attributes) in [(1, Some(text), "{}"), (3, None, attributes.as_str())] {
        database.execute(insert, (format!("{id:016x}"), message, attributes)).unwrap();
    }
}

#[test]
fn an_error_text_has_the_same_length_from_every_source() {
    let dir = tempfile::tempdir().unwrap();
    let text = "no route\n to host ".repeat(100);
    let folded = "no route to host ".repeat(100);
    let expected = folded.get(..ERROR_PREVIEW).unwrap().trim_end();

    let [json, protobuf, database] = ["spans.json", "spans.pb", "traces.db"].map(|name| dir.path().join(name));
    let request = request(&text);
    std::fs::write(&json, request.to_string()).unwrap();
    let decoded: ExportTraceServiceRequest = serde_json::from_value(request).unwrap();
    std::fs::write(&protobuf, decoded.encode_to_vec()).unwrap();
    write_sqlite(&database, &text);

    for path in [json, protobuf] {
        let found = errors(|updates| file::start(path.clone(), updates));
        let spans = (1..=3).map(|id| (format!("{id:016x}"), expected.to_owned()));
        assert_eq!(found, spans.collect(), "{}", path.display());
    }
    let found = errors(|updates| sqlite::start(database, Tables::default(), u64::MAX, updates));
    assert_eq!(found, [1, 3].map(|id| (format!("{id:016x}"), expected.to_owned())).into());
}
