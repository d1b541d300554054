//! What is exported and opened again is what it was; and no file, however broken, is more than a message.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;

use agno_top::export::{Exported, otlp, write_file};
use agno_top::model::{Address, Batch, Dropped, Event, Kind, Payload, Skipped, SourceId, Span, SpanId, Status, TraceId, Usage, Value};
use agno_top::source::{Handle, Outlet, Request, State, Update, file};
use proptest::prelude::*;
use tokio::sync::mpsc::Receiver;

/// What a file source said: spans with their names and errors, pieces skipped, and its last state.
struct Read {
    spans: Vec<(Span, String, String)>,
    skipped: Vec<Skipped>,
    batches: Vec<Batch>,
    state: State,
    handle: Handle,
    updates: Receiver<Update>,
}

fn open(path: &Path) -> Read {
    let (sender, updates) = tokio::sync::mpsc::channel(64);
    let handle = file::start(path.to_owned(), Outlet { id: SourceId(3), updates: sender }).unwrap();
    let mut read =
        Read { spans: Vec::new(), skipped: Vec::new(), batches: Vec::new(), state: State::Waiting(String::new()), handle, updates };
    while !matches!(read.state, State::Ended | State::Failing(_)) {
        match read.updates.blocking_recv().unwrap() {
            Update::Batch(batch) => {
                assert!(batch.spans.len() <= 2048);
                read.skipped.extend(batch.skipped.iter().cloned());
                read.spans.extend(
                    batch.spans.iter().map(|span| (span.clone(), batch.text(span.name).to_owned(), batch.text(span.error).to_owned())),
                );
                read.batches.push(batch);
            }
            Update::State(id, state) => {
                assert_eq!(id, SourceId(3));
                read.state = state;
            }
            other => panic!("{other:?}"),
        }
    }
    read
}

fn open_text(text: impl AsRef<[u8]>) -> Read {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.json");
    std::fs::write(&path, text).unwrap();
    open(&path)
}

impl Read {
    fn payloads(&mut self, addresses: Vec<Address>) -> Vec<Result<Payload, String>> {
        // The file does not change: an address alone says which span it is.
        let any = SpanId::new([9; 8]).unwrap();
        let addresses = addresses.into_iter().map(|address| (address, any)).collect();
        self.handle.requests.send(Request::Payloads { ticket: 7, addresses }).unwrap();
        match self.updates.blocking_recv().unwrap() {
            Update::Payloads { ticket: 7, payloads } => payloads,
            other => panic!("{other:?}"),
        }
    }

    fn exported(&mut self) -> Vec<Exported> {
        let payloads = self.payloads(self.spans.iter().map(|(span, ..)| span.address).collect());
        let spans = self.spans.iter().zip(payloads);
        spans
            .map(|((span, name, _), payload)| {
                let payload = payload.unwrap();
                let Span { trace, id, parent, start, end, status, .. } = *span;
                Exported { trace, id, parent, start, end, status, name: name.clone(), payload }
            })
            .collect()
    }

    fn failure(&self) -> &str {
        match &self.state {
            State::Failing(message) => message,
            other => panic!("{other:?}"),
        }
    }
}

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

const SPAN: &str = r#"{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","startTimeUnixNano":"5","name":"a""#;

fn request(span: &str) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#)
}

fn one_payload(fields: &str) -> Payload {
    let mut read = open_text(request(&format!("{SPAN},{fields}}}")));
    assert_eq!(read.skipped, []);
    read.payloads(vec![Address(0)]).remove(0).unwrap()
}

#[test]
fn other_writers_spellings_are_read() {
    let payload = one_payload(
        r#""kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR","message":"m"},"links":[{},{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}],"droppedAttributesCount":3,"droppedLinksCount":"4","new":{"x":[1]},"endTimeUnixNano":7,
        "attributes":[{"key":"a","value":{"intValue":5}},{"key":"b","value":{"intValue":"-5"}},{"key":"c","value":{"doubleValue":"NaN"}},{"key":"d","value":{"arrayValue":{}}},
        {"key":"e","value":{"intValue":5.0}},{"key":"f"},{"key":"g","value":null},{"key":"h","value":{"bytesValue":"_-8"}}],"events":null"#,
    );
    let values: Vec<_> = payload.attributes.into_iter().map(|(_, value)| value).collect();
    assert!(matches!(values[2], Value::Float(float) if float.is_nan()));
    assert_eq!(values[..2], [Value::Int(5), Value::Int(-5)]);
    assert_eq!(values[3..], [Value::List(vec![]), Value::Int(5), Value::Null, Value::Null, Value::Bytes(vec![255, 239])]);
    assert_eq!(payload.status_message, "m");
    let notes: Vec<_> = payload.notes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(notes, [("span kind", "client")]);
    assert_eq!(payload.dropped, Dropped { attributes: 3, events: 0, links: 4 });
    assert_eq!(payload.links.iter().map(|link| link.span.to_string()).collect::<Vec<_>>(), ["b7ad6b7169203331"]);
}

#[test]
fn a_request_a_line_and_a_broken_line_among_them() {
    let good = request(&format!("{SPAN}}}"));
    let text = format!("\u{feff}{good}\n\n{{\"resourceLogs\":[]}}\n{}\n{good}\r\n{}", &good[..60], &good[..90]);
    let read = open_text(text);
    assert_eq!(read.state, State::Ended);
    assert_eq!(read.spans.len(), 2);
    let places: Vec<_> = read.skipped.iter().map(|skipped| skipped.place.as_str()).collect();
    assert_eq!(places, ["line 3", "line 4 column 60", "line 6 column 90"]);
    assert_eq!(read.skipped[0].reason, "it has no \"resourceSpans\"");
    assert!(read.skipped[2].reason.starts_with("it ends in the middle"), "{:?}", read.skipped[2]);
}

#[test]
fn a_bad_span_is_skipped_and_named() {
    let bad = |fields: &str| request(&format!("{SPAN}}},{{{fields},\"name\":\"b\"}}"));
    let ids = r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331""#;
    for (fields, reason) in [
        (r#""spanId":"b7ad6b7169203331","startTimeUnixNano":1"#.to_owned(), r#"the trace id "" is not 32 hex digits"#),
        (r#""traceId":"00000000000000000000000000000000","spanId":"b7ad6b7169203331","startTimeUnixNano":1"#.to_owned(), "the trace id"),
        (
            r#""traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"xyz","startTimeUnixNano":1"#.to_owned(),
            r#"the span id "xyz" is not 16 hex"#,
        ),
        (format!("{ids},\"startTimeUnixNano\":1,\"parentSpanId\":\"12\""), r#"the parent span id "12""#),
        (ids.to_owned(), "it has no start time"),
        (format!("{ids},\"startTimeUnixNano\":\"99999999999999999999\""), "the start time \"99999999999999999999\""),
        (format!("{ids},\"startTimeUnixNano\":1,\"endTimeUnixNano\":-4"), "the end time \"-4\""),
        (
            format!("{ids},\"startTimeUnixNano\":1,\"attributes\":[{{\"key\":\"k\",\"value\":{{\"intValue\":\"x\"}}}}]"),
            r#"attribute "k": "x" is not a whole"#,
        ),
        (format!("{ids},\"startTimeUnixNano\":1,\"status\":{{\"code\":9}}"), "\"9\" is no status code"),
        (format!("{ids},\"startTimeUnixNano\":1,\"attributes\":5"), "invalid type: integer `5`"),
    ] {
        let mut read = open_text(bad(&fields));
        assert_eq!((read.spans.len(), &read.state), (1, &State::Ended), "{fields}");
        assert_eq!(read.skipped[0].place, "span 2");
        assert!(read.skipped[0].reason.contains(reason), "{:?} lacks {reason}", read.skipped[0]);
        assert!(read.payloads(vec![Address(9), Address(-1)]).iter().all(Result::is_err));
    }
}

#[test]
fn a_file_that_is_no_trace_file_is_one_message() {
    let good = request(&format!("{SPAN}}}"));
    for (text, reason) in [
        (&b""[..], "it is empty"),
        (b"  \n", "it is empty"),
        (b"PK\x03\x04", "expected value (line 1 column 1)"),
        (b"\xff\xfe{", "invalid utf-8"),
        (b"{}", "it has no \"resourceSpans\" (line 1)"),
        (b"[1, 2]", "(line 1 column"),
        (b"{\"resourceSpans\": 7}", "invalid type: integer `7`"),
        (&good.as_bytes()[..good.len() - 9], "it ends in the middle"),
        (&b"[".repeat(1_000_000), "(line 1 column"),
    ] {
        let mut read = open_text(text);
        assert!(read.failure().contains("traces.json: not an OTLP/JSON file: ") && read.failure().contains(reason), "{}", read.failure());
        assert_eq!(read.payloads(vec![Address(0)]), [Err("the file could not be read".to_owned())]);
    }
    assert!(open(Path::new("no/such/file.json")).failure().starts_with("no/such/file.json: "));
    assert!(open(Path::new("/")).failure().starts_with("/: "));
}

#[test]
fn deep_nesting_is_read_to_a_limit_and_told_beyond() {
    let deep = |levels: usize| {
        let open = r#"{"arrayValue":{"values":["#.repeat(levels);
        request(&format!("{SPAN},\"attributes\":[{{\"key\":\"k\",\"value\":{open}{{\"intValue\":1}}{}}}]}}", "]}}".repeat(levels)))
    };
    let read = open_text(deep(128));
    assert_eq!((read.spans.len(), read.skipped.len()), (1, 0));
    for levels in [129, 100_000] {
        let read = open_text(deep(levels));
        assert_eq!(read.spans.len(), 0);
        assert!(read.skipped[0].reason.contains("more than 128 deep"), "{:?}", read.skipped);
    }
    let unknown = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let read = open_text(request(&format!("{SPAN},\"unknown\":{unknown}}}")));
    assert_eq!((read.spans.len(), read.skipped.len()), (1, 0));
}

#[test]
fn many_spans_come_in_batches_and_the_oldest_first() {
    let spans: Vec<_> = (0..5000u32)
        .map(|n| format!(r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{:016x}","startTimeUnixNano":{}}}"#, n + 1, 9000 - n))
        .collect();
    let read = open_text(request(&spans.join(",")));
    assert_eq!(read.spans.len(), 5000);
    assert!(read.spans.is_sorted_by_key(|(span, ..)| span.start));
}

#[test]
fn rows_bear_the_facts_of_their_attributes() {
    let text = |name: &str, value: &str| format!(r#"{{"key":"{name}","value":{{"stringValue":"{value}"}}}}"#);
    let count = |name: &str, value: u32| format!(r#"{{"key":"{name}","value":{{"intValue":"{value}"}}}}"#);
    let attributes = [
        text("openinference.span.kind", "LLM"),
        text("llm.model_name", "gpt-5"),
        text("session.id", "s"),
        count("llm.token_count.prompt", 10),
        count("llm.token_count.completion", 3),
    ];
    let event =
        r#"{"name":"exception","timeUnixNano":6,"attributes":[{"key":"exception.message","value":{"stringValue":"too  many requests"}}]}"#;
    let read = open_text(request(&format!("{SPAN},\"attributes\":[{}],\"events\":[{event}]}}", attributes.join(","))));
    let (batch, span) = (&read.batches[0], &read.batches[0].spans[0]);
    assert_eq!((span.facts.kind, batch.text(span.facts.model), batch.text(span.facts.session)), (Kind::Model, "gpt-5", "s"));
    assert_eq!(span.facts.usage, Some(Usage { input: Some(10), output: Some(3), ..Usage::default() }));
    assert_eq!(batch.text(span.error), "too many requests");
}

#[test]
fn a_record_that_a_span_began_is_that_spans_row() {
    let attributes = r#"[{"key":"logfire.span_type","value":{"stringValue":"pending_span"}},{"key":"logfire.pending_parent_id","value":{"stringValue":"0000000000000000"}}]"#;
    let read =
        open_text(request(&format!("{SPAN},\"parentSpanId\":\"00f067aa0ba902b7\",\"endTimeUnixNano\":5,\"attributes\":{attributes}}}")));
    let (span, ..) = &read.spans[0];
    assert_eq!((span.id.to_string().as_str(), span.parent, span.end), ("00f067aa0ba902b7", None, None));
}

/// What the Vercel AI SDK sent in a real run, a request a line: 24 spans of 7 traces, 3 of them failed.
#[test]
fn another_frameworks_requests_are_read_whole() {
    let read = open(Path::new("tests/data/vercel-ai-5.jsonl"));
    assert_eq!((&read.state, read.skipped.len()), (&State::Ended, 0));
    let traces: std::collections::HashSet<_> = read.spans.iter().map(|(span, ..)| span.trace).collect();
    let failed = read.spans.iter().filter(|(span, ..)| span.status == Status::Error).count();
    assert_eq!((read.spans.len(), traces.len(), failed), (24, 7, 3));
    let models = read.spans.iter().filter(|(span, ..)| span.facts.kind == Kind::Model && span.facts.usage.is_some()).count();
    assert!(models >= 10, "{models} calls with usage");
}
