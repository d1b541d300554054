//! What is exported and opened again is what it was.

use agno_top::export::{Exported, otlp, write_file};
use agno_top::model::{Event, Payload, SourceId, SpanId, Status, TraceId, Value};
use agno_top::source::sqlite::{self, Tables};
use agno_top::source::{Outlet, Request, Update};
use proptest::prelude::*;

use super::{open, open_text};

fn value() -> impl Strategy<Value = Value> {
    let float =
        prop_oneof![any::<f64>().prop_filter("NaN is unequal to itself", |f| !f.is_nan()), Just(0.1), Just(f64::INFINITY), Just(1e300)];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        float.prop_map(Value::Float),
        any::<String>().prop_map(Value::Text),
        any::<Vec<u8>>().prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let entries = prop::collection::vec((any::<String>(), inner.clone()), 0..5);
        prop_oneof![prop::collection::vec(inner, 0..5).prop_map(Value::List), entries.prop_map(Value::Map)]
    })
}

fn attributes() -> impl Strategy<Value = Vec<(String, Value)>> {
    prop::collection::vec((any::<String>(), value()), 0..6)
}

fn payload() -> impl Strategy<Value = Payload> {
    let event = (any::<String>(), 0..i64::MAX, attributes()).prop_map(|(name, time, attributes)| Event { name, time, attributes });
    let resource = prop_oneof![Just(Vec::new()), Just(vec![("service.name".to_owned(), Value::Text("shop".to_owned()))]), attributes()];
    let scope = prop_oneof![Just((String::new(), String::new())), Just(("agno".to_owned(), "1.0".to_owned()))];
    (attributes(), prop::collection::vec(event, 0..3), any::<String>(), resource, scope).prop_map(
        |(attributes, events, status_message, resource, scope)| Payload {
            attributes,
            events,
            status_message,
            resource,
            scope,
            ..Payload::default()
        },
    )
}

fn exported() -> impl Strategy<Value = Exported> {
    let status = prop_oneof![Just(Status::Unset), Just(Status::Ok), Just(Status::Error)];
    let id = any::<[u8; 8]>().prop_filter_map("zero", SpanId::new);
    let trace = any::<[u8; 16]>().prop_filter_map("zero", TraceId::new);
    let times = (1..i64::MAX, prop::option::of(1..i64::MAX));
    (trace, id.clone(), prop::option::of(id), times, status, any::<String>(), payload()).prop_map(
        |(trace, id, parent, (start, end), status, name, payload)| Exported { trace, id, parent, start, end, status, name, payload },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_exported_is_reopened_as_it_was(mut spans in prop::collection::vec(exported(), 1..12)) {
        let dir = tempfile::tempdir().unwrap();
        let path = write_file(dir.path(), "export", &spans).unwrap();
        let mut read = open(&path);
        prop_assert_eq!(&read.skipped, &[]);
        let mut again = read.exported();
        let key = |span: &Exported| (span.start, span.trace, span.id);
        prop_assert!(again.is_sorted_by_key(|span| span.start));
        spans.sort_by_key(key);
        again.sort_by_key(key);
        prop_assert_eq!(again, spans);
    }

    #[test]
    fn cut_or_altered_anywhere_it_is_read_or_told(span in exported(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut text = Vec::new();
        otlp::write(&[span.clone(), span], &mut text).unwrap();
        let at = at.index(text.len());
        if cut { text.truncate(at) } else { text[at] = byte }
        let read = open_text(&text);
        prop_assert!(read.spans.len() <= 2);
    }
}

/// An independent reader agrees.
#[test]
fn opentelemetrys_own_types_read_an_export() {
    use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Proto};
    let attributes = vec![
        ("text".to_owned(), Value::Text("\u{1b}[2J\u{202e}語".to_owned())),
        ("int".to_owned(), Value::Int(i64::MIN)),
        ("list".to_owned(), Value::List(vec![Value::Bool(true), Value::Null])),
        ("map".to_owned(), Value::Map(vec![("a".to_owned(), Value::Bytes(vec![0, 255]))])),
        ("null".to_owned(), Value::Null),
    ];
    let events = vec![Event { name: "exception".to_owned(), time: 5, attributes: attributes.clone() }];
    let payload =
        Payload { attributes, events, status_message: "no".to_owned(), scope: ("s".to_owned(), "1".to_owned()), ..Payload::default() };
    let span = Exported {
        trace: TraceId::new([0xab; 16]).unwrap(),
        id: SpanId::new([0xcd; 8]).unwrap(),
        parent: SpanId::new([0xef; 8]),
        start: 1_700_000_000_000_000_001,
        end: Some(i64::MAX),
        status: Status::Error,
        name: "Report_Team.run".to_owned(),
        payload,
    };
    let mut text = Vec::new();
    otlp::write(&[span.clone(), span], &mut text).unwrap();
    let request: ExportTraceServiceRequest = serde_json::from_slice(&text).unwrap();
    let [group] = request.resource_spans.as_slice() else { panic!() };
    let [scope] = group.scope_spans.as_slice() else { panic!() };
    assert_eq!(scope.scope.as_ref().map(|scope| (scope.name.as_str(), scope.version.as_str())), Some(("s", "1")));
    let [span, _] = scope.spans.as_slice() else { panic!() };
    assert_eq!(
        (span.trace_id.as_slice(), span.span_id.as_slice(), span.parent_span_id.as_slice()),
        (&[0xab; 16][..], &[0xcd; 8][..], &[0xef; 8][..])
    );
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano, span.kind), (1_700_000_000_000_000_001, i64::MAX as u64, 1));
    assert_eq!(span.status.as_ref().map(|status| (status.code, status.message.as_str())), Some((2, "no")));
    let value = |n: usize| span.attributes[n].value.clone().unwrap().value;
    assert_eq!(value(0), Some(Proto::StringValue("\u{1b}[2J\u{202e}語".to_owned())));
    assert_eq!(value(1), Some(Proto::IntValue(i64::MIN)));
    assert!(matches!(value(2), Some(Proto::ArrayValue(list)) if list.values.len() == 2));
    assert!(
        matches!(value(3), Some(Proto::KvlistValue(map)) if map.values[0].value.as_ref().unwrap().value == Some(Proto::BytesValue(vec![0, 255])))
    );
    assert_eq!(value(4), None);
    assert_eq!((span.events[0].name.as_str(), span.events[0].time_unix_nano, span.events[0].attributes.len()), ("exception", 5, 5));
}

/// Every span of a database that Agno wrote, with its payload.
fn agnos_own() -> Vec<Exported> {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("traces.db");
    std::fs::copy("tests/fixtures/agno-3.1.10.sqlite", &database).unwrap();
    let (sender, mut updates) = tokio::sync::mpsc::channel(16);
    let handle = sqlite::start(database, Tables::default(), 1_000_000, Outlet { id: SourceId(0), updates: sender }).unwrap();
    let mut exported = Vec::new();
    while exported.len() < 75 {
        let Some(Update::Batch(batch)) = updates.blocking_recv() else { continue };
        let addresses = batch.spans.iter().map(|span| (span.address, span.id)).collect();
        handle.requests.send(Request::Payloads { ticket: 1, addresses }).unwrap();
        let payloads = loop {
            if let Some(Update::Payloads { payloads, .. }) = updates.blocking_recv() {
                break payloads;
            }
        };
        exported.extend(batch.spans.iter().zip(payloads).map(|(span, payload)| Exported {
            trace: span.trace,
            id: span.id,
            parent: span.parent,
            start: span.start,
            end: span.end,
            status: span.status,
            name: batch.text(span.name).to_owned(),
            // Notes are the database's words about a span, not the span's.
            payload: Payload { notes: Vec::new(), ..payload.unwrap() },
        }));
    }
    exported
}

#[test]
fn what_agno_stored_survives_export_and_reopening() {
    let mut spans = agnos_own();
    let directory = tempfile::tempdir().unwrap();
    let mut read = open(&write_file(directory.path(), "agno", &spans).unwrap());
    assert_eq!(read.skipped, []);
    let mut again = read.exported();
    spans.sort_by_key(|span| (span.start, span.id));
    again.sort_by_key(|span| (span.start, span.id));
    assert_eq!(again, spans);
    assert!(spans.iter().all(|span| !span.payload.attributes.is_empty()));
}
