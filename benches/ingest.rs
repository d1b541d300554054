//! The CPU time per span and per log record of the OTLP listener, compared with `prost` decoding the same bytes.
//!
//! The time of the listener includes the kernel's share of receiving, HTTP or gRPC, the walk, the channel, and the store on another
//! thread. It excludes the sender, which has threads of its own. Linux only: it reads the CPU time of each thread from `/proc`.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark fails by panicking and prints")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use agno_top::logs::LogStore;
use agno_top::model::SourceId;
use agno_top::sources::otlp::{self, Options};
use agno_top::sources::{Update, UpdateSender};
use agno_top::store::{Limits, Store};
use bytes::{Buf, BufMut, Bytes};
use hyper::http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use prost::Message;
use rustix::time::{ClockId, clock_gettime};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

const FIXTURE: &[u8] = include_bytes!("../tests/fixtures/agno-3.1.10.otlp.pb");
const LOGS: &[u8] = include_bytes!("../tests/fixtures/coding/claude-code-logs-only/0001.logs.pb");
const REQUESTS: usize = 100;
const ITEMS: usize = 512;
const ROUNDS: usize = 9;

/// Builds requests of 512 spans each from a real run, with new ids.
fn requests() -> Vec<ExportTraceServiceRequest> {
    let source = ExportTraceServiceRequest::decode(FIXTURE).unwrap();
    let spans = &source.resource_spans[0].scope_spans[0].spans;
    let mut counter = 0_u64;
    let mut request = || {
        let mut request = source.clone();
        let out = &mut request.resource_spans[0].scope_spans[0].spans;
        out.clear();
        while out.len() < ITEMS {
            let (mut traces, mut ids) = (HashMap::new(), HashMap::new());
            let mut next = || {
                counter += 1;
                counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
            };
            for span in spans.iter().take(ITEMS - out.len()) {
                let mut span = span.clone();
                span.trace_id.clone_from(traces.entry(span.trace_id.clone()).or_insert_with(|| [next(), next()].concat()));
                span.span_id.clone_from(ids.entry(span.span_id.clone()).or_insert_with(|| next().to_vec()));
                if !span.parent_span_id.is_empty() {
                    span.parent_span_id.clone_from(ids.entry(span.parent_span_id.clone()).or_insert_with(|| next().to_vec()));
                }
                out.push(span);
            }
        }
        request
    };
    (0..REQUESTS).map(|_| request()).collect()
}

/// Builds requests of 512 records each: as a web service logs them, with a span in every second one, or the events of a coding agent.
fn log_requests(of_agent: bool) -> Vec<ExportLogsServiceRequest> {
    let source = ExportLogsServiceRequest::decode(LOGS).unwrap();
    let events = &source.resource_logs[0].scope_logs[0].log_records;
    let mut counter = 0_u64;
    let mut record = || {
        counter += 1;
        let time = 1_764_500_000_000_000_000 + counter * 1_000_000;
        if of_agent {
            let mut record = events[counter as usize % events.len()].clone();
            record.time_unix_nano = time;
            return record;
        }
        let text = |text: String| Some(AnyValue { value: Some(Value::StringValue(text)) });
        let attribute = |key: &str, value: String| KeyValue { key: key.to_owned(), value: text(value), ..KeyValue::default() };
        let id = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let has_span = counter.is_multiple_of(2);
        LogRecord {
            time_unix_nano: time,
            observed_time_unix_nano: time + 20_000,
            severity_number: 9,
            severity_text: "INFO".to_owned(),
            body: text(format!("GET /orders/{counter} 200 in {} ms", counter % 97)),
            attributes: vec![
                attribute("code.file.path", "/srv/shop/app/middleware/access.py".to_owned()),
                attribute("code.function.name", "log_request".to_owned()),
                attribute("http.request.method", "GET".to_owned()),
                attribute("url.path", format!("/orders/{counter}")),
                attribute("thread.name", "MainThread".to_owned()),
                attribute("enduser.id", format!("user-{}", counter % 31)),
            ],
            trace_id: if has_span { [id, id].concat() } else { Vec::new() },
            span_id: if has_span { id.to_vec() } else { Vec::new() },
            ..LogRecord::default()
        }
    };
    let mut request = || {
        let mut request = source.clone();
        request.resource_logs.truncate(1);
        request.resource_logs[0].scope_logs.truncate(1);
        request.resource_logs[0].scope_logs[0].log_records = (0..ITEMS).map(|_| record()).collect();
        request
    };
    (0..REQUESTS).map(|_| request()).collect()
}

fn thread_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Returns the CPU time of the threads of listener and store so far. They must be asleep, or the last tick is missing.
fn listener_time() -> Duration {
    std::thread::sleep(Duration::from_millis(50));
    let mut sum = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let name = std::fs::read_to_string(path.join("comm")).unwrap();
        if ["source otlp", "otlp server", "store"].contains(&name.trim()) {
            let stat = std::fs::read_to_string(path.join("schedstat")).unwrap();
            sum += stat.split(' ').next().unwrap().parse::<u64>().unwrap();
        }
    }
    Duration::from_nanos(sum)
}

/// Measures decoding with `prost`, without and with dropping the result.
fn prost_time<M: Message + Default>(bodies: &[Bytes]) -> [Duration; 2] {
    let mut sums = [Duration::ZERO; 2];
    for body in bodies {
        let before = thread_time();
        let request = M::decode(&body[..]).unwrap();
        let decoded = thread_time();
        drop(request);
        sums[0] += decoded.saturating_sub(before);
        sums[1] += thread_time().saturating_sub(before);
    }
    sums
}

fn over_http(address: SocketAddr, path: &str, bodies: &[Bytes]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut response = [0; 4096];
    for body in bodies {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let read = stream.read(&mut response).unwrap();
        assert!(response[..read].starts_with(b"HTTP/1.1 200"));
    }
}

/// A codec for encoded messages. The sender must do as little as possible: its memory traffic would slow the listener.
#[derive(Clone, Copy)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, response: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        response.advance(response.remaining());
        Ok(Some(()))
    }
}

fn over_grpc(address: SocketAddr, path: &'static str, bodies: &[Bytes]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let mut client = tonic::client::Grpc::new(channel);
        let path = PathAndQuery::from_static(path);
        for body in bodies {
            client.ready().await.unwrap();
            client.unary(tonic::Request::new(body.clone()), path.clone(), Encoded).await.unwrap();
        }
    });
}

/// Returns the CPU time of a listener and a store for the requests that `send` sends.
fn listen(send: impl FnOnce([SocketAddr; 2]) + Send) -> Duration {
    let (updates, mut received) = tokio::sync::mpsc::channel(16);
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let options = Options { grpc: any, http: any, ..Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), updates)).unwrap();
    let own: Vec<_> = listening.addresses.iter().copied().filter(SocketAddr::is_ipv4).collect();
    let store = std::thread::Builder::new().name("store".to_owned());
    let (done, ready) = std::sync::mpsc::channel();
    let store = store.spawn(move || {
        let (mut store, mut logs) = (Store::new(Limits::default()), LogStore::default());
        let mut items = 0;
        let mut count = |added: usize| {
            items += added;
            if added > 0 && items == REQUESTS * ITEMS {
                done.send(()).unwrap();
            }
        };
        while let Some(update) = received.blocking_recv() {
            match update {
                // Spans that log events tell of are not counted: their records are.
                Update::Batch(batch) => {
                    let is_told = batch.spans.iter().any(|span| span.facts.from_log);
                    store.apply(&batch, 0);
                    count(if is_told { 0 } else { batch.spans.len() });
                }
                Update::Logs(batch) => {
                    let records = batch.records.len();
                    logs.apply(batch);
                    count(records);
                }
                _ => {}
            }
        }
    });
    let before = listener_time();
    std::thread::scope(|scope| scope.spawn(|| send([own[0], own[1]])).join().unwrap());
    ready.recv().unwrap();
    let time = listener_time().saturating_sub(before);
    drop(listening);
    store.unwrap().join().unwrap();
    time
}

/// Measures requests of one kind, and prints the medians of the rounds.
fn measure<M: Message + Default>(name: &str, paths: [&'static str; 2], requests: &[M]) {
    let bodies: Vec<Bytes> = requests.iter().map(|request| request.encode_to_vec().into()).collect();
    let bytes: usize = bodies.iter().map(Bytes::len).sum();
    println!("{name}: {REQUESTS} requests of {ITEMS}, {} bytes each; µs of CPU time for each", bytes / REQUESTS / ITEMS);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / (REQUESTS * ITEMS) as f64;
    let mut ratios = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let [before, with_drop] = prost_time::<M>(&bodies);
        let http = listen(|[_, http]| over_http(http, paths[0], &bodies));
        let [between, _] = prost_time::<M>(&bodies);
        let grpc = listen(|[grpc, _]| over_grpc(grpc, paths[1], &bodies));
        let [after, _] = prost_time::<M>(&bodies);
        if round == 0 {
            continue;
        }
        // The machine's speed varies, so each measurement is compared with those of prost around it.
        let http_ratio = http.as_secs_f64() * 2.0 / (before + between).as_secs_f64();
        let grpc_ratio = grpc.as_secs_f64() * 2.0 / (between + after).as_secs_f64();
        println!(
            "prost {:.2} (with drop {:.2})   HTTP {:.2} = {http_ratio:.2} x   prost {:.2}   gRPC {:.2} = {grpc_ratio:.2} x   prost {:.2}",
            each(before),
            each(with_drop),
            each(http),
            each(between),
            each(grpc),
            each(after),
        );
        ratios[0].push(http_ratio);
        ratios[1].push(grpc_ratio);
    }
    for (protocol, mut all) in ["HTTP", "gRPC"].into_iter().zip(ratios) {
        all.sort_by(f64::total_cmp);
        println!("{name} over {protocol}: median {:.2} x prost decoding the same bytes", all[ROUNDS / 2]);
    }
}

fn main() {
    let traces = ["/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export"];
    let logs = ["/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export"];
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    if is_wanted("spans") {
        measure("spans", traces, &requests());
    }
    for (name, of_agent) in [("log records of a service", false), ("log events of a coding agent", true)] {
        if is_wanted(name) {
            measure(name, logs, &log_requests(of_agent));
        }
    }
}
