//! `max_memory` bounds what is really held: the heap, as an allocator counts it, and the arena of request bodies.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking and says what it measured")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use agno_top::model::SourceId;
use agno_top::sources::otlp::{self, Options};
use agno_top::sources::{Handle, Request, Update, UpdateSender};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::{App, SourceView};
use agno_top::tui::view;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use peak_alloc::PeakAlloc;
use prost::Message;
use ratatui::layout::Rect;
use tokio::sync::mpsc::{Receiver, channel};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// The memory limit in bytes.
const LIMIT: usize = 8 << 20;

/// Spans that fill every table for the first time.
const WARM_UP: u64 = 600;

/// Requests that are sent before their answers are read.
const PIPELINE: usize = 50;

struct Rig {
    handle: Handle,
    updates: Receiver<Update>,
    connection: TcpStream,
    app: App,
    store: Store,
    /// The payloads in the arena in bytes, as last reported.
    arena: usize,
}

impl Rig {
    fn new() -> Self {
        let (sender, updates) = channel(1024);
        let options = Options {
            grpc: None,
            http: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            max_event_bytes: LIMIT / 16,
            ..Options::default()
        };
        let listening = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
        let connection = TcpStream::connect(listening.addresses[0]).unwrap();
        let limits = Limits { bytes: LIMIT as u64, ..Limits::default() };
        let app = App::new(vec![SourceView::new("x")], true, 0);
        Self { handle: listening.handle, updates, connection, app, store: Store::new(limits), arena: 0 }
    }

    /// Sends requests and takes what arrives of them.
    fn send(&mut self, path: &str, bodies: &[Vec<u8>]) {
        for bodies in bodies.chunks(PIPELINE) {
            let head = |length| {
                format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Length: {length}\r\n\r\n")
            };
            let requests: Vec<u8> = bodies.iter().flat_map(|body| [head(body.len()).as_bytes(), body].concat()).collect();
            let mut connection = self.connection.try_clone().unwrap();
            let writer = std::thread::spawn(move || connection.write_all(&requests).unwrap());
            let (mut answers, mut buffer) = (Vec::new(), [0; 4096]);
            while count(&answers, b"HTTP/1.1 200") < bodies.len() {
                assert_eq!(count(&answers, b"HTTP/1.1 "), count(&answers, b"HTTP/1.1 200"), "a request was refused");
                let length = self.connection.read(&mut buffer).unwrap();
                answers.extend(&buffer[..length]);
                self.take();
            }
            writer.join().unwrap();
            self.take();
        }
    }

    fn take(&mut self) {
        while let Ok(update) = self.updates.try_recv() {
            self.update(update);
        }
        while view::prepare_frame(&mut self.app, &mut self.store, Rect::new(0, 0, 120, 36)) {}
    }

    fn update(&mut self, update: Update) {
        match update {
            Update::Batch(batch) => self.app.receive(&mut self.store, batch, 1),
            Update::Traffic(_, traffic) => {
                self.arena = traffic.retained_bytes as usize;
                self.app.source_traffic(&mut self.store, 0, traffic);
            }
            _ => {}
        }
        let released: Vec<_> = self.app.take_released().into_iter().map(|(_, payload)| payload).collect();
        if !released.is_empty() {
            self.handle.requests.send(Request::Release(released)).unwrap();
        }
    }

    /// Waits until the listener has reported the memory of its payloads twice, so that all releases are done.
    fn settle(&mut self) {
        self.take();
        for number in 0..2 {
            self.send("/v1/traces", &[spans(&[Part { trace: (1 << 40) + number, name: "last".into(), ..Part::default() }])]);
            loop {
                let update = self.updates.blocking_recv().unwrap();
                let is_report = matches!(update, Update::Traffic(..));
                self.update(update);
                if is_report {
                    break;
                }
            }
        }
        self.take();
    }
}

fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|window| *window == part).count()
}

/// A span to send.
#[derive(Clone, Default)]
struct Part {
    trace: u64,
    index: u64,
    name: String,
    service: String,
    scope: String,
    attributes: Vec<(&'static str, String)>,
}

fn text(value: String) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(value)) }
}

fn pairs(pairs: &[(&str, String)]) -> Vec<KeyValue> {
    let pair = |(key, value): &(&str, String)| KeyValue { key: (*key).to_owned(), value: Some(text(value.clone())), ..KeyValue::default() };
    pairs.iter().map(pair).collect()
}

fn trace_id(trace: u64) -> Vec<u8> {
    [[1; 8], trace.to_be_bytes()].concat()
}

fn span_id(part: &Part) -> Vec<u8> {
    (part.trace.wrapping_mul(1000) + part.index + 1).to_be_bytes().to_vec()
}

/// Encodes spans, each with its own resource and scope.
fn spans(parts: &[Part]) -> Vec<u8> {
    let resource_spans = |part: &Part| ResourceSpans {
        resource: Some(Resource { attributes: pairs(&[("service.name", part.service.clone())]), ..Resource::default() }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: part.scope.clone(), ..InstrumentationScope::default() }),
            spans: vec![Span {
                trace_id: trace_id(part.trace),
                span_id: span_id(part),
                parent_span_id: if part.index == 0 { Vec::new() } else { span_id(&Part { index: 0, ..part.clone() }) },
                name: part.name.clone(),
                start_time_unix_nano: part.trace * 1_000 + part.index + 1,
                end_time_unix_nano: part.trace * 1_000 + part.index + 500,
                attributes: pairs(&part.attributes),
                ..Span::default()
            }],
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: parts.iter().map(resource_spans).collect() }.encode_to_vec()
}

/// Encodes log events of a span.
fn events(part: &Part, count: usize) -> Vec<u8> {
    let record = LogRecord {
        trace_id: trace_id(part.trace),
        span_id: span_id(part),
        event_name: "gen_ai.choice".to_owned(),
        body: Some(text("x".repeat(100))),
        attributes: pairs(&[("index", "1".to_owned())]),
        ..LogRecord::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record; count], ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }.encode_to_vec()
}

/// Sends `requests` requests of `size` spans made by `part` from their number, each span with log events, then compares what is held with the
/// limit.
fn check(what: &str, requests: u64, size: u64, part: impl Fn(u64) -> Part, event_count: usize) {
    let mut rig = Rig::new();
    let warm_up: Vec<Part> = (0..WARM_UP).map(|number| part((1 << 30) + number)).collect();
    rig.send("/v1/traces", &[spans(&warm_up)]);
    rig.settle();
    // The first growth of the tables takes a fixed part of the memory.
    let before = HEAP.current_usage() + rig.arena - rig.store.held_bytes() as usize;
    for first in (0..requests).step_by(PIPELINE) {
        let numbers = first..(first + PIPELINE as u64).min(requests);
        let parts: Vec<Vec<Part>> = numbers.map(|request| (0..size).map(|index| part(request * size + index)).collect()).collect();
        rig.send("/v1/traces", &parts.iter().map(|parts| spans(parts)).collect::<Vec<_>>());
        if event_count > 0 {
            rig.send("/v1/logs", &parts.iter().flatten().map(|part| events(part, event_count)).collect::<Vec<_>>());
        }
    }
    rig.settle();
    let held = HEAP.current_usage() + rig.arena - before;
    let (spans, evicted) = (rig.store.all().spans, rig.store.losses().evicted);
    eprintln!("{what}: {} % of the limit, {spans} spans, {evicted} evicted", held * 100 / LIMIT);
    assert!(evicted > 0, "{what}: the limit was not reached");
    assert!(held <= LIMIT + LIMIT / 10, "{what}: {held} bytes");
    assert!(held >= LIMIT * 3 / 4, "{what}: evicts too early at {held} bytes");
    let Rig { handle, updates, .. } = rig;
    drop(updates);
    drop(handle.stop());
}

#[test]
fn what_is_held_stays_within_the_limit_at_any_mix() {
    let tiny = |number: u64| Part { trace: number, name: "a".into(), ..Part::default() };
    check("spans that are traces", 280, 100, tiny, 0);
    check("requests of one span", 17_000, 1, tiny, 0);
    check("traces of 50 spans", 1_000, 50, |number| Part { trace: number / 50, index: number % 50, ..tiny(number) }, 0);
    let named = |number: u64| Part { name: format!("{number} {}", "n".repeat(900)), ..tiny(number) };
    check("long names", 120, 50, named, 0);
    let big = |number: u64| Part { attributes: vec![("input.value", "x".repeat(20_000))], ..tiny(number) };
    check("big payloads", 100, 5, big, 0);
    let new = |number: u64| Part {
        service: format!("service {number}"),
        scope: format!("scope {number}"),
        attributes: vec![
            ("openinference.span.kind", "LLM".to_owned()),
            ("session.id", format!("session {number}")),
            ("user.id", format!("user {number}")),
            ("agent.name", format!("agent {number}")),
            ("llm.model_name", format!("model {number}")),
            ("llm.token_count.prompt", "500".to_owned()),
        ],
        ..tiny(number)
    };
    check("resources, scopes, sessions, agents and models that are all new", 200, 50, new, 0);
    // Of each request, the nine spans that began first are evicted, the others stay.
    let split = |number: u64| Part { trace: if number % 20 < 9 { number } else { (1 << 35) + number }, ..tiny(number) };
    check("requests of which half is evicted", 1_600, 20, split, 0);
    check("log events", 400, 20, new, 10);
    let any = |number: u64| match number % 5 {
        0 => big(number),
        1 => named(number),
        2 => new(number),
        _ => tiny(number),
    };
    check("everything", 100, 50, any, 1);
}
