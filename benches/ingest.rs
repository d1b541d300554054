//! The CPU time per span of the OTLP listener, compared with `prost` decoding the same bytes.
//!
//! The time of the listener includes the kernel's share of receiving, HTTP or gRPC, the walk, the channel, and the store on another
//! thread. It excludes the sender, which has threads of its own. Linux only: it reads the CPU time of each thread from `/proc`.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark fails by panicking and prints")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use agno_top::model::SourceId;
use agno_top::sources::otlp::{self, Options};
use agno_top::sources::{Update, UpdateSender};
use agno_top::store::{Limits, Store};
use bytes::{Buf, BufMut, Bytes};
use hyper::http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rustix::time::{ClockId, clock_gettime};
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

const FIXTURE: &[u8] = include_bytes!("../tests/fixtures/agno-3.1.10.otlp.pb");
const REQUESTS: usize = 100;
const SPANS: usize = 512;
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
        while out.len() < SPANS {
            let (mut traces, mut ids) = (HashMap::new(), HashMap::new());
            let mut next = || {
                counter += 1;
                counter.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
            };
            for span in spans.iter().take(SPANS - out.len()) {
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
fn prost_time(bodies: &[Bytes]) -> [Duration; 2] {
    let mut sums = [Duration::ZERO; 2];
    for body in bodies {
        let before = thread_time();
        let request = ExportTraceServiceRequest::decode(&body[..]).unwrap();
        let decoded = thread_time();
        drop(request);
        sums[0] += decoded.saturating_sub(before);
        sums[1] += thread_time().saturating_sub(before);
    }
    sums
}

fn over_http(address: SocketAddr, bodies: &[Bytes]) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut response = [0; 4096];
    for body in bodies {
        let length = body.len();
        let head =
            format!("POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n");
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

fn over_grpc(address: SocketAddr, bodies: &[Bytes]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
        let mut client = tonic::client::Grpc::new(channel);
        let path = PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
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
        let mut store = Store::new(Limits::default());
        let mut spans = 0;
        while let Some(update) = received.blocking_recv() {
            if let Update::Batch(batch) = update {
                spans += batch.spans.len();
                store.apply(&batch, 0);
                if spans == REQUESTS * SPANS {
                    done.send(()).unwrap();
                }
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

fn main() {
    let bodies: Vec<Bytes> = requests().iter().map(|request| request.encode_to_vec().into()).collect();
    let bytes: usize = bodies.iter().map(Bytes::len).sum();
    println!("{REQUESTS} requests of {SPANS} spans, {} bytes per span; µs of CPU time per span", bytes / REQUESTS / SPANS);
    let each = |time: Duration| time.as_secs_f64() * 1e6 / (REQUESTS * SPANS) as f64;
    let mut ratios = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let [before, with_drop] = prost_time(&bodies);
        let http = listen(|[_, http]| over_http(http, &bodies));
        let [between, _] = prost_time(&bodies);
        let grpc = listen(|[grpc, _]| over_grpc(grpc, &bodies));
        let [after, _] = prost_time(&bodies);
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
    for (name, mut all) in ["HTTP", "gRPC"].into_iter().zip(ratios) {
        all.sort_by(f64::total_cmp);
        println!("{name}: median {:.2} x prost decoding the same bytes", all[ROUNDS / 2]);
    }
}
