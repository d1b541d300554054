//! Rows and payloads of spans, and how long payloads stay in memory.

use agno_top::model::{Dropped, SpanId, SpanKind, SpanType, Status, TraceId, Value};
use agno_top::sources::Request;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use crate::FIXTURE;
use crate::listener::Listener;

pub(crate) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

pub(crate) fn span(id: u8) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: vec![id; 8],
        name: format!("span {id}"),
        start_time_unix_nano: 1_790_000_000_000_000_000,
        end_time_unix_nano: 1_790_000_001_000_000_000,
        ..Span::default()
    }
}

pub(crate) fn request(spans: Vec<Span>) -> Vec<u8> {
    let scope = InstrumentationScope { name: "s".to_owned(), version: "2".to_owned(), ..InstrumentationScope::default() };
    let resource = Resource { attributes: vec![attribute("service.name", "shop")], ..Resource::default() };
    let spans = ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() };
    let spans = ResourceSpans { resource: Some(resource), scope_spans: vec![spans], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec()
}

#[test]
fn agno_spans_have_facts_and_exceptions() {
    let mut listener = Listener::start();
    listener.post(FIXTURE);
    let spans = listener.spans();
    let count = |kind| spans.iter().filter(|(span, _)| span.facts.span_type == kind).count();
    assert!(count(SpanType::Agent) > 3 && count(SpanType::Model) > 10 && count(SpanType::Tool) > 3, "{}", count(SpanType::Model));
    assert!(spans.iter().any(|(span, _)| span.facts.usage.is_some_and(|usage| usage.input > Some(0))));
    let failed: Vec<_> = spans.iter().filter(|(span, _)| span.status == Status::Error).cloned().collect();
    let mut stacks = 0;
    for (span, name) in &failed {
        assert!(!listener.batches[0].text(span.error).is_empty(), "{name}");
        let payload = listener.payload(span);
        assert!(!payload.status_message.is_empty());
        stacks += payload.events.iter().filter(|event| event.attributes.iter().any(|(name, _)| name == "exception.stacktrace")).count();
    }
    assert_eq!(stacks, 2);
    let payload = listener.payload(&spans[0].0);
    assert_eq!(payload.scope.0, "openinference.instrumentation.agno");
    assert!(payload.resource.iter().any(|(name, _)| name == "service.name"));
}

#[test]
fn a_payload_holds_everything_of_the_span() {
    let nested = ArrayValue { values: vec![attribute("", "x").value.unwrap(), AnyValue { value: Some(any_value::Value::IntValue(-5)) }] };
    let nested = AnyValue { value: Some(any_value::Value::ArrayValue(nested)) };
    let one = Span {
        links: vec![Link { trace_id: vec![9; 16], span_id: vec![8; 8], attributes: vec![attribute("why", "retry")], ..Link::default() }],
        dropped_attributes_count: 3,
        dropped_events_count: 2,
        dropped_links_count: 1,
        kind: 3,
        attributes: vec![attribute("a", "b"), KeyValue { key: "list".to_owned(), value: Some(nested), ..KeyValue::default() }],
        ..span(1)
    };
    let mut listener = Listener::start();
    listener.post(&request(vec![one]));
    let payload = {
        let one = listener.spans()[0].0.clone();
        listener.payload(&one)
    };
    assert_eq!(payload.dropped, Dropped { attributes: 3, events: 2, links: 1 });
    assert_eq!((payload.links[0].trace, payload.links[0].span), (TraceId::new([9; 16]).unwrap(), SpanId::new([8; 8]).unwrap()));
    assert_eq!(payload.links[0].attributes, [("why".to_owned(), Value::Text("retry".to_owned()))]);
    assert_eq!(payload.attributes[1].1, Value::List(vec![Value::Text("x".to_owned()), Value::Int(-5)]));
    assert_eq!((payload.notes.len(), payload.span_kind), (0, SpanKind::Client));
    assert_eq!(payload.scope, ("s".to_owned(), "2".to_owned()));
    assert_eq!(payload.resource, [("service.name".to_owned(), Value::Text("shop".to_owned()))]);
}

#[test]
fn unfinished_and_pending_spans_are_running() {
    let running = Span { end_time_unix_nano: 0, ..span(1) };
    let pending = Span {
        parent_span_id: vec![3; 8],
        attributes: vec![attribute("logfire.span_type", "pending_span"), attribute("logfire.pending_parent_id", "0404040404040404")],
        ..span(2)
    };
    let mut listener = Listener::start();
    listener.post(&request(vec![running, pending, span(3)]));
    let spans: Vec<_> = listener.spans().into_iter().map(|(span, _)| (span.id, span.parent, span.end.is_some())).collect();
    let id = |byte| SpanId::new([byte; 8]).unwrap();
    assert_eq!(spans, [(id(1), None, false), (id(3), Some(id(4)), false), (id(3), None, true)]);
}

#[test]
fn a_body_stays_in_memory_until_its_last_span_is_released() {
    let mut listener = Listener::start();
    let body = request(vec![span(1), span(2), span(3)]);
    listener.post(&body);
    let spans: Vec<_> = listener.spans().into_iter().map(|(span, _)| span).collect();
    assert!(
        spans.iter().map(|span| span.retained_bytes as usize).sum::<usize>() > body.len(),
        "the whole request, and its places in the tables"
    );
    listener.handle.requests.send(Request::Release(vec![spans[0].payload_ref, spans[1].payload_ref])).unwrap();
    assert_eq!(listener.payload(&spans[2]).resource.len(), 1);
    listener.traffic(|traffic| traffic.retained_bytes == body.len() as u64);
    listener.handle.requests.send(Request::Release(vec![spans[2].payload_ref])).unwrap();
    listener.traffic(|traffic| traffic.retained_bytes == 0);
    let answers = listener.payloads(&[(spans[2].payload_ref, spans[2].id)]);
    assert!(answers[0].as_ref().unwrap_err().contains("memory limit"), "{answers:?}");
}

fn log(name: &str, body: &str, time: u64) -> LogRecord {
    LogRecord {
        time_unix_nano: time,
        trace_id: vec![7; 16],
        span_id: vec![1; 8],
        event_name: name.to_owned(),
        body: attribute("", body).value,
        attributes: vec![attribute("gen_ai.system", "openai")],
        ..LogRecord::default()
    }
}

#[test]
fn log_messages_become_events_of_their_span() {
    let mut old_style = log("", "second", 2);
    old_style.attributes.push(attribute("event.name", "gen_ai.choice"));
    let records = vec![old_style, log("gen_ai.user.message", "first", 1), log("app.started", "other", 3), LogRecord::default()];
    let logs = ScopeLogs { log_records: records, ..ScopeLogs::default() };
    let logs = ResourceLogs { scope_logs: vec![logs], ..ResourceLogs::default() };
    let logs = ExportLogsServiceRequest { resource_logs: vec![logs] };
    let expected = [("gen_ai.user.message", 1, "first"), ("gen_ai.choice", 2, "second")];
    for json in [false, true] {
        let mut listener = Listener::start();
        let answer = if json {
            listener.client().post("/v1/logs", &[("content-type", "application/json")], &serde_json::to_vec(&logs).unwrap())
        } else {
            listener.client().post("/v1/logs", &[("content-type", "application/x-protobuf")], &logs.encode_to_vec())
        };
        assert_eq!(answer.status, 200);
        listener.post(&request(vec![span(1), span(2)]));
        let spans = listener.spans();
        assert_eq!(listener.changed, [spans[0].0.id; 2], "the change is reported");
        let events = listener.payload(&spans[0].0).events;
        let events: Vec<_> = events
            .iter()
            .map(|event| {
                let body = event.attributes.iter().find(|(name, _)| name == "body");
                let Some((_, Value::Text(body))) = body else { panic!("{event:?}") };
                (event.name.as_str(), event.time, body.as_str())
            })
            .collect();
        assert_eq!(events, expected);
        assert_eq!(listener.payload(&spans[1].0).events, []);
        assert_eq!(listener.traffic(|traffic| traffic.logs > 0).logs, 4, "all are counted");
    }
}
