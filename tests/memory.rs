//! `max_memory` bounds what is really held: the heap, as an allocator counts it, and the arena of request bodies, as the system counts it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking and says what it measured")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Command, Stdio};

use agno_top::model::{Payload, SourceId};
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

/// The memory limit in bytes where tables take most of it.
const LIMIT: usize = 8 << 20;

/// The limit where request bodies take most of it.
const BODIES_LIMIT: usize = 64 << 20;

/// The limit where older bodies are compressed.
const PACKED_LIMIT: usize = 256 << 20;

/// What is free in the arena whatever the limit: parts of the oldest and the newest segment, and one to fill next.
const SEGMENTS: usize = 3 * (4 << 20);

/// The share of the limit that log events may take, as in the program.
const EVENTS_SHARE: usize = 16;

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
    reported: usize,
    limit: usize,
    sent_spans: u64,
    reported_spans: u64,
    /// Whether the last request to the listener was answered.
    is_answered: bool,
    /// The last answer.
    payloads: Vec<Result<Payload, String>>,
}

impl Rig {
    fn new(limit: usize) -> Self {
        let (sender, updates) = channel(1024);
        let options = Options {
            grpc: None,
            http: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
            max_event_bytes: limit / EVENTS_SHARE,
            ..Options::default()
        };
        let listening = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
        let connection = TcpStream::connect(listening.addresses[0]).unwrap();
        let limits = Limits { bytes: (limit - limit / EVENTS_SHARE) as u64, ..Limits::default() };
        let app = App::new(vec![SourceView::new("x")], true, 0);
        Self {
            handle: listening.handle,
            updates,
            connection,
            app,
            store: Store::new(limits),
            reported: 0,
            limit,
            sent_spans: 0,
            reported_spans: 0,
            is_answered: false,
            payloads: Vec::new(),
        }
    }

    /// Sends requests and takes what arrives of them.
    fn send_spans(&mut self, requests: &[Vec<Part>]) {
        self.sent_spans += requests.iter().map(|parts| parts.len() as u64).sum::<u64>();
        self.send("/v1/traces", &requests.iter().map(|parts| spans(parts)).collect::<Vec<_>>());
    }

    fn send(&mut self, path: &str, bodies: &[Vec<u8>]) {
        for bodies in bodies.chunks(PIPELINE) {
            let head = |length| {
                format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-protobuf\r\nContent-Length: {length}\r\n\r\n")
            };
            let requests = bodies.iter().map(|body| [head(body.len()).as_bytes(), body].concat()).collect::<Vec<_>>().concat();
            let mut connection = self.connection.try_clone().unwrap();
            let writer = std::thread::spawn(move || connection.write_all(&requests).unwrap());
            let (mut answers, mut buffer) = (Vec::new(), [0; 4096]);
            while count(&answers, b"HTTP/1.1 200") < bodies.len() {
                let refused = count(&answers, b"HTTP/1.1 ") - count(&answers, b"HTTP/1.1 200");
                assert_eq!(refused, 0, "{}", String::from_utf8_lossy(&answers));
                let length = self.connection.read(&mut buffer).unwrap();
                answers.extend(&buffer[..length]);
                self.take();
            }
            writer.join().unwrap();
            self.take();
        }
    }

    /// Returns the bytes of memory that are held: the heap, and the arena beyond what it always takes.
    fn held(&self) -> usize {
        // Segments are too large to be told apart from a small limit.
        let mapped = if self.limit == BODIES_LIMIT { mapped().saturating_sub(SEGMENTS) } else { 0 };
        HEAP.current_usage() + mapped.max(self.reported)
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
                self.reported_spans = traffic.spans;
                self.reported = traffic.retained_bytes as usize;
                self.app.source_traffic(&mut self.store, 0, traffic);
            }
            Update::Payloads { payloads, .. } => (self.is_answered, self.payloads) = (true, payloads),
            _ => {}
        }
        let released: Vec<_> = self.app.take_released().into_iter().map(|(_, payload)| payload).collect();
        if !released.is_empty() {
            self.handle.requests.send(Request::Release(released)).unwrap();
        }
    }

    /// Sends one more span, and waits until the listener has answered a request and reported all spans.
    fn wait_for_report(&mut self, number: u64) {
        self.send_spans(&[vec![Part { trace: (1 << 40) + number, name: "last".into(), ..Part::default() }]]);
        self.handle.requests.send(Request::Payloads { ticket: 0, addresses: Vec::new() }).unwrap();
        self.is_answered = false;
        while !self.is_answered || self.reported_spans < self.sent_spans {
            let update = self.updates.blocking_recv().unwrap();
            self.update(update);
        }
    }

    /// Waits until all releases are done and reported, and those too that the report causes.
    fn settle(&mut self) {
        self.take();
        for number in 0..8 {
            let evicted = self.store.losses().evicted;
            self.wait_for_report(number);
            if self.store.losses().evicted <= evicted + 1 && number > 0 {
                break;
            }
        }
        self.take();
    }
}

/// Returns the resident bytes of the arena's segments, which alone are mapped with the advice to use large pages. 0 where the system can't tell.
fn mapped() -> usize {
    let (mut resident, mut sum) = (0, 0);
    for line in std::fs::read_to_string("/proc/self/smaps").unwrap_or_default().lines() {
        if let Some(size) = line.strip_prefix("Rss:") {
            resident = size.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10;
        } else if line.strip_prefix("VmFlags:").is_some_and(|flags| flags.split(' ').any(|flag| flag == "hg")) {
            sum += resident;
        }
    }
    sum
}

/// Returns the bytes of memory that are resident and belong to no file. 0 where the system can't tell.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

fn count(bytes: &[u8], part: &[u8]) -> usize {
    memchr::memmem::find_iter(bytes, part).count()
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

/// Encodes spans, each with its own resource and scope, or that of the spans before it if they have the same names.
fn spans(parts: &[Part]) -> Vec<u8> {
    let span = |part: &Part| Span {
        trace_id: trace_id(part.trace),
        span_id: span_id(part),
        parent_span_id: if part.index == 0 { Vec::new() } else { span_id(&Part { index: 0, ..part.clone() }) },
        name: part.name.clone(),
        start_time_unix_nano: part.trace * 1_000 + part.index + 1,
        end_time_unix_nano: part.trace * 1_000 + part.index + 500,
        attributes: pairs(&part.attributes),
        ..Span::default()
    };
    let resource_spans = |parts: &[Part]| ResourceSpans {
        resource: Some(Resource { attributes: pairs(&[("service.name", parts[0].service.clone())]), ..Resource::default() }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope { name: parts[0].scope.clone(), ..InstrumentationScope::default() }),
            spans: parts.iter().map(span).collect(),
            ..ScopeSpans::default()
        }],
        ..ResourceSpans::default()
    };
    let groups = parts.chunk_by(|one, other| one.service == other.service && one.scope == other.scope);
    ExportTraceServiceRequest { resource_spans: groups.map(resource_spans).collect() }.encode_to_vec()
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

/// A phase: what is sent, and how much of it.
struct Phase<'a> {
    requests: u64,
    /// Spans of a request.
    size: u64,
    /// Makes a span from its number.
    part: &'a dyn Fn(u64) -> Part,
    /// Log events of each span.
    events: usize,
}

/// Sends requests and compares what is held with the limit.
fn check(what: &str, requests: u64, size: u64, part: impl Fn(u64) -> Part, events: usize) {
    check_phases(what, LIMIT, &[Phase { requests, size, part: &part, events }]);
}

/// The same with the limit for bodies.
fn check_bodies(what: &str, requests: u64, size: u64, part: impl Fn(u64) -> Part) {
    check_phases(what, BODIES_LIMIT, &[Phase { requests, size, part: &part, events: 0 }]);
}

/// Sends phases one after the other and compares what is held with the limit after each.
fn check_phases(what: &str, limit: usize, phases: &[Phase]) {
    let mut rig = Rig::new(limit);
    let first = &phases[0];
    let warm_up = (0..WARM_UP).step_by(first.size as usize).map(|from| (from..from + first.size).map(first.part).collect());
    rig.send_spans(&warm_up.collect::<Vec<_>>());
    let mut number = WARM_UP.next_multiple_of(first.size);
    // The connection's buffer is as large as the largest request was, whatever the limit.
    for Phase { size, part, .. } in &phases[1..] {
        rig.send_spans(&[(number..number + size).map(part).collect()]);
        number += size;
    }
    rig.settle();
    // The first growth of the tables takes a fixed part of the memory.
    let before = rig.held() - rig.store.held_bytes() as usize;
    for Phase { requests, size, part, events: event_count } in phases {
        for first in (0..*requests).step_by(PIPELINE) {
            let parts: Vec<Vec<Part>> = (first..(first + PIPELINE as u64).min(*requests))
                .map(|_| {
                    let parts = (number..number + size).map(part).collect();
                    number += size;
                    parts
                })
                .collect();
            rig.send_spans(&parts);
            if *event_count > 0 {
                rig.send("/v1/logs", &parts.iter().flatten().map(|part| events(part, *event_count)).collect::<Vec<_>>());
            }
        }
        rig.settle();
        let held = rig.held() - before;
        let (spans, evicted) = (rig.store.all().spans, rig.store.losses().evicted);
        eprintln!("{what}: {} % of the limit, {spans} spans, {evicted} evicted", held * 100 / limit);
        assert!(evicted > 0, "{what}: the limit was not reached");
        // Tables give memory back once less than a quarter of them is in use: the room that is left is not counted.
        assert!(held <= limit + limit / 7, "{what}: {held} bytes");
        // Spans that arrive before bodies are compacted may evict more than needed.
        assert!(held >= limit / 2, "{what}: evicts too early at {held} bytes");
    }
    let Rig { handle, updates, .. } = rig;
    drop(updates);
    drop(handle.stop());
}

/// Sends spans of texts that compress to half until the limit is exceeded, and compares what is resident with it.
fn check_packed() {
    let mut state = 7_u64;
    let mut digit = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        b"0123456789abcdef"[(state >> 60) as usize]
    };
    let noise: Vec<u8> = (0..64 << 20).map(|_| digit()).collect();
    let input = |number: u64| {
        let at = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 38) as usize;
        String::from_utf8(noise[at.min(noise.len() - 30_000)..][..30_000].to_vec()).unwrap()
    };
    let with_noise = |number| Part { attributes: vec![("input.value", input(number))], ..tiny(number) };
    let mut rig = Rig::new(PACKED_LIMIT);
    let before = resident();
    let mut number = 1;
    while rig.store.losses().evicted < 3_000 {
        assert!(number < 60_000, "nothing is evicted");
        let requests: Vec<Vec<Part>> =
            (0..20).map(|request| (0..5).map(|span| with_noise(number + request * 5 + span)).collect()).collect();
        number += 100;
        rig.send_spans(&requests);
        // What is sent may arrive faster than it is compressed. While that goes on, the reports become smaller.
        let mut reported = usize::MAX;
        while rig.reported > PACKED_LIMIT / 4 * 3 && rig.reported < reported && rig.store.retained_bytes() < PACKED_LIMIT as u64 / 2 * 3 {
            reported = rig.reported;
            rig.wait_for_report(0);
        }
    }
    let excess = |rig: &mut Rig| {
        rig.settle();
        resident().saturating_sub(before + PACKED_LIMIT + PACKED_LIMIT / 10 + 4 * SEGMENTS)
    };
    // What came last may not be compressed yet.
    let rounds = (0..100).take_while(|_| excess(&mut rig) > 0).count();
    let (held, retained) = (resident().saturating_sub(before), rig.store.retained_bytes() as usize);
    eprintln!(
        "compressed bodies: {} % of the limit, {} % before compression, {rounds} rounds",
        held * 100 / PACKED_LIMIT,
        retained * 100 / PACKED_LIMIT
    );
    assert!(rounds < 100, "{held} bytes");
    assert!(retained > PACKED_LIMIT * 13 / 10, "evicts too early at {retained} bytes");
    let rows: Vec<_> = rig.store.rows().map(|row| rig.store.row(row)).map(|row| (row.payload_ref, row.id)).collect();
    let some: Vec<_> = rows.iter().copied().step_by(97).collect();
    rig.handle.requests.send(Request::Payloads { ticket: 0, addresses: some.clone() }).unwrap();
    rig.is_answered = false;
    while !rig.is_answered {
        let update = rig.updates.blocking_recv().unwrap();
        rig.update(update);
    }
    for ((_, id), payload) in some.iter().zip(&rig.payloads) {
        let number = (u64::from_be_bytes(id.bytes()) - 1) / 1000;
        let attributes = &payload.as_ref().unwrap().attributes;
        assert!(number >= 1 << 40 || attributes[0].1 == agno_top::model::Value::Text(input(number)), "{number}");
    }
}

fn tiny(number: u64) -> Part {
    Part { trace: number, name: "a".into(), ..Part::default() }
}

fn with_input(number: u64, bytes: usize) -> Part {
    Part { attributes: vec![("input.value", "x".repeat(bytes))], ..tiny(number) }
}

fn big(number: u64) -> Part {
    with_input(number, 20_000)
}

fn named(number: u64) -> Part {
    Part { name: format!("{number} {}", "n".repeat(900)), ..tiny(number) }
}

/// A span with names that are all new.
fn new(number: u64) -> Part {
    Part {
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
    }
}

/// Makes the span the newest one, so that it stays while others are evicted.
fn kept(part: Part) -> Part {
    Part { trace: (1 << 35) + part.trace, ..part }
}

fn tables() {
    check("spans that are traces", 280, 100, tiny, 0);
    check("requests of one span", 17_000, 1, tiny, 0);
    check("traces of 50 spans", 1_000, 50, |number| Part { trace: number / 50, index: number % 50, ..tiny(number) }, 0);
}

fn names() {
    check("long names", 120, 50, named, 0);
    check("resources, scopes, sessions, agents and models that are all new", 200, 50, new, 0);
    check("log events", 400, 20, new, 10);
}

fn mixes() {
    check("big payloads", 100, 5, big, 0);
    // Of each request, the nine spans that began first are evicted, the others stay.
    check("requests of which half is evicted", 1_600, 20, |number| if number % 20 < 9 { tiny(number) } else { kept(tiny(number)) }, 0);
    let any = |number: u64| match number % 5 {
        0 => big(number),
        1 => named(number),
        2 => new(number),
        _ => tiny(number),
    };
    check("everything", 100, 50, any, 1);
}

fn bodies() {
    check_bodies("requests of which a minority is evicted", 1_200, 20, |number| {
        if number % 20 < 8 { with_input(number, 5_000) } else { kept(with_input(number, 5_000)) }
    });
    check_bodies("a long span beside many small ones that are evicted", 1_500, 50, |number| {
        if number % 50 == 7 { kept(with_input(number, 50_000)) } else { with_input(number, 500) }
    });
    check_bodies("one span of each request stays", 1_500, 20, |number| {
        if number % 20 == 7 { kept(tiny(number)) } else { with_input(number, 5_000) }
    });
}

fn large_bodies() {
    check_bodies("one span of each request stays, and a large resource with it", 1_500, 20, |number| {
        let part = Part { service: "s".repeat(50_000), ..tiny(number) };
        if number % 20 == 7 { kept(part) } else { part }
    });
    check_bodies("requests of megabytes between small ones", 1_500, 2, |number| {
        if number % 20 == 7 { with_input(number, 1_500_000) } else { kept(with_input(number, 30_000)) }
    });
}

fn phases() {
    let phase = |requests, size, part| Phase { requests, size, part, events: 0 };
    check_phases("large payloads after many rows", LIMIT, &[phase(280, 100, &tiny), phase(200, 5, &big), phase(280, 100, &tiny)]);
    // A bounded number of services is told apart for as long as the program runs.
    let new = |number| Part { service: "one".to_owned(), ..new(number) };
    check_phases("large payloads after many names", LIMIT, &[phase(200, 50, &new), phase(200, 5, &big), phase(200, 50, &new)]);
}

/// What is sent, each in a process of its own: the heap is counted as a whole.
const MIXES: [fn(); 7] = [check_packed, large_bodies, bodies, tables, names, mixes, phases];

/// Tells a process which of the mixes it sends.
const MIX: &str = "AGNO_TOP_TEST_MIX";

#[test]
fn what_is_held_stays_within_the_limit_at_any_mix() {
    if let Ok(mix) = std::env::var(MIX) {
        return MIXES[mix.parse::<usize>().unwrap()]();
    }
    // Together, since they mostly wait for the report of each second.
    let start = |mix: usize| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let command = command.args(["--exact", "--nocapture", "what_is_held_stays_within_the_limit_at_any_mix"]).env(MIX, mix.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    for child in (0..MIXES.len()).map(start).collect::<Vec<_>>() {
        let output = child.wait_with_output().unwrap();
        let [out, told] = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        eprint!("{told}");
        assert!(output.status.success() && out.contains("1 passed"), "{out}");
    }
}
