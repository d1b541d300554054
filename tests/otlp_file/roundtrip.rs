//! Exports are read back unchanged.

use agno_top::export::{ExportedSpan, Format, SpanRecord};
use agno_top::model::attributes::keep_last;
use agno_top::model::{Attribute, Dropped, Event, Link, Payload, SourceId, SpanId, SpanKind, Status, TraceId, Value};
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{Request, Update, UpdateSender};
use proptest::prelude::*;

use super::{exported as of, open, open_text, sorted, written};

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
        let entries = prop::collection::vec((any::<String>(), inner.clone()), 0..5).prop_map(unique);
        prop_oneof![prop::collection::vec(inner, 0..5).prop_map(Value::List), entries.prop_map(Value::Map)]
    })
}

/// Attributes with unique names, as OTLP requires.
fn unique(mut attributes: Vec<Attribute>) -> Vec<Attribute> {
    keep_last(&mut attributes);
    attributes
}

fn attributes() -> impl Strategy<Value = Vec<Attribute>> {
    prop::collection::vec((any::<String>(), value()), 0..6).prop_map(unique)
}

fn payload() -> impl Strategy<Value = Payload> {
    let event = (any::<String>(), 0..i64::MAX, attributes()).prop_map(|(name, time, attributes)| Event { name, time, attributes });
    let resource = prop_oneof![Just(Vec::new()), Just(vec![("service.name".to_owned(), Value::Text("shop".to_owned()))]), attributes()];
    let scope = prop_oneof![Just((String::new(), String::new())), Just(("agno".to_owned(), "1.0".to_owned()))];
    let link = (trace(), id(), any::<String>(), attributes()).prop_map(|(trace, span, trace_state, attributes)| Link {
        trace,
        span,
        trace_state,
        attributes,
    });
    let dropped = (0..3_u32, 0..3_u32, 0..3_u32).prop_map(|(attributes, events, links)| Dropped { attributes, events, links });
    let rest = (any::<String>(), resource, scope, attributes(), 0..6_u64, any::<String>());
    (attributes(), prop::collection::vec(event, 0..3), prop::collection::vec(link, 0..2), dropped, rest).prop_map(
        |(attributes, events, links, dropped, (status_message, resource, scope, scope_attributes, role, trace_state))| Payload {
            attributes,
            events,
            links,
            dropped,
            status_message,
            resource,
            scope,
            scope_attributes,
            span_kind: SpanKind::from_code(role),
            trace_state,
            flags: (role as u32) << 8,
            notes: Vec::new(),
            run_metrics: None,
            session_metrics: None,
        },
    )
}

fn id() -> impl Strategy<Value = SpanId> {
    any::<[u8; 8]>().prop_filter_map("zero", SpanId::new)
}

fn trace() -> impl Strategy<Value = TraceId> {
    any::<[u8; 16]>().prop_filter_map("zero", TraceId::new)
}

fn exported() -> impl Strategy<Value = ExportedSpan> {
    let status = prop_oneof![Just(Status::Unset), Just(Status::Ok), Just(Status::Error)];
    let times = (1..i64::MAX, prop::option::of(1..i64::MAX));
    (trace(), id(), prop::option::of(id()), times, status, any::<String>(), payload()).prop_map(
        |(trace, id, parent_id, (start, end), status, name, payload)| ExportedSpan {
            record: SpanRecord { parent_id, ..SpanRecord::new(trace, id, name, start, end) },
            status,
            depth: 0,
            payload,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_export_is_read_back_unchanged(spans in prop::collection::vec(exported(), 1..12)) {
        for format in [Format::Otlp, Format::OtlpProto] {
            let mut read = open_text(written(&spans, format));
            prop_assert_eq!(&read.skipped, &[]);
            let again = read.exported();
            prop_assert!(again.is_sorted_by_key(|span| span.record.start));
            prop_assert_eq!(sorted(again), sorted(spans.clone()));
        }
    }

    #[test]
    fn a_damaged_export_is_read_or_reported(span in exported(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        for format in [Format::Otlp, Format::OtlpProto, Format::Jsonl, Format::Agno] {
            let mut text = written(&[span.clone(), span.clone()], format);
            let at = at.index(text.len());
            if cut { text.truncate(at) } else { text[at] = byte }
            let read = open_text(&text);
            prop_assert!(read.spans.len() <= 2);
        }
    }
}

#[test]
fn the_types_of_opentelemetry_proto_read_an_export() {
    use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, common::v1::any_value::Value as Proto};
    let attributes = vec![
        ("text".to_owned(), Value::Text("\u{1b}[2J\u{202e}語".to_owned())),
        ("int".to_owned(), Value::Int(i64::MIN)),
        ("list".to_owned(), Value::List(vec![Value::Bool(true), Value::Null])),
        ("map".to_owned(), Value::Map(vec![("a".to_owned(), Value::Bytes(vec![0, 255]))])),
        ("null".to_owned(), Value::Null),
    ];
    let events = vec![Event { name: "exception".to_owned(), time: 5, attributes: attributes.clone() }];
    let link = Link {
        trace: TraceId::new([1; 16]).unwrap(),
        span: SpanId::new([2; 8]).unwrap(),
        trace_state: "a=b".to_owned(),
        attributes: attributes.clone(),
    };
    let links = vec![link];
    let payload = Payload {
        attributes,
        events,
        status_message: "no".to_owned(),
        scope: ("s".to_owned(), "1".to_owned()),
        span_kind: SpanKind::Client,
        links,
        ..Payload::default()
    };
    let (trace, id) = (TraceId::new([0xab; 16]).unwrap(), SpanId::new([0xcd; 8]).unwrap());
    let record = SpanRecord::new(trace, id, "Report_Team.run", 1_700_000_000_000_000_001, Some(i64::MAX));
    let record = SpanRecord { parent_id: SpanId::new([0xef; 8]), ..record };
    let span = ExportedSpan { record, status: Status::Error, depth: 0, payload };
    let spans = [span.clone(), span];
    let request: ExportTraceServiceRequest = serde_json::from_slice(&written(&spans, Format::Otlp)).unwrap();
    let binary: ExportTraceServiceRequest = prost::Message::decode(&written(&spans, Format::OtlpProto)[..]).unwrap();
    assert_eq!(binary, request);
    let [group] = request.resource_spans.as_slice() else { panic!() };
    let [scope] = group.scope_spans.as_slice() else { panic!() };
    assert_eq!(scope.scope.as_ref().map(|scope| (scope.name.as_str(), scope.version.as_str())), Some(("s", "1")));
    let [span, _] = scope.spans.as_slice() else { panic!() };
    assert_eq!(
        (span.trace_id.as_slice(), span.span_id.as_slice(), span.parent_span_id.as_slice()),
        (&[0xab; 16][..], &[0xcd; 8][..], &[0xef; 8][..])
    );
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano, span.kind), (1_700_000_000_000_000_001, i64::MAX as u64, 3));
    assert_eq!((span.links[0].trace_id[0], span.links[0].trace_state.as_str(), span.links[0].attributes.len()), (1, "a=b", 5));
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

/// Returns every span of a database that Agno wrote.
pub(super) fn agno_spans() -> Vec<ExportedSpan> {
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("traces.db");
    std::fs::copy("tests/fixtures/agno-3.1.10.sqlite", &database).unwrap();
    let (sender, mut updates) = tokio::sync::mpsc::channel(16);
    let handle = sqlite::start(database, Tables::default(), 1_000_000, UpdateSender::new(SourceId(0), sender)).unwrap();
    let mut exported = Vec::new();
    while exported.len() < 75 {
        let Some(Update::Batch(batch)) = updates.blocking_recv() else { continue };
        let addresses = batch.spans.iter().map(|span| (span.payload_ref, span.id)).collect();
        handle.requests.send(Request::Payloads { ticket: 1, addresses }).unwrap();
        let payloads = loop {
            if let Some(Update::Payloads { payloads, .. }) = updates.blocking_recv() {
                break payloads;
            }
        };
        exported.extend(batch.spans.iter().zip(payloads).map(|(span, payload)| of(span, batch.text(span.name), payload.unwrap())));
    }
    exported
}

#[test]
fn spans_that_agno_stored_or_sent_survive_an_export() {
    let sent = open(std::path::Path::new("tests/fixtures/agno-3.1.10.otlp.pb")).exported();
    assert!(sent.len() > 50 && sent.iter().any(|span| !span.payload.events.is_empty()), "{} spans", sent.len());
    for spans in [agno_spans(), sent] {
        assert!(spans.iter().all(|span| !span.payload.attributes.is_empty()));
        for format in [Format::Otlp, Format::OtlpProto, Format::Jsonl] {
            let mut read = open_text(written(&spans, format));
            assert_eq!(read.skipped, [], "{format:?}");
            assert_eq!(sorted(read.exported()), sorted(spans.clone()), "{format:?}");
        }
        // Agno's format has no nanoseconds, events, resource and scope.
        let mut read = open_text(written(&spans, Format::Agno));
        assert_eq!((read.skipped.len(), read.spans.len()), (0, spans.len()));
        let plain = |spans: Vec<ExportedSpan>| {
            let what = |span: ExportedSpan| {
                (span.record.span_id, span.record.parent_id, span.record.start / 1000, span.status, span.payload.attributes)
            };
            sorted(spans).into_iter().map(what).collect::<Vec<_>>()
        };
        assert_eq!(plain(read.exported()), plain(spans));
    }
}
