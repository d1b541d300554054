//! A running listener, and a plain HTTP client for it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use agno_top::model::{Batch, LogBatch, MetricBatch, Payload, PayloadRef, Skipped, SourceId, Span, SpanId};
use agno_top::sources::otlp::{self, Options};
use agno_top::sources::{Handle, Request, SearchHits, State, Traffic, Update, UpdateSender};
use tokio::sync::mpsc::{Receiver, channel};

pub(crate) struct Listener {
    pub(crate) handle: Handle,
    pub(crate) grpc: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) updates: Receiver<Update>,
    pub(crate) batches: Vec<Batch>,
    pub(crate) metrics: Vec<MetricBatch>,
    pub(crate) logs: Vec<LogBatch>,
    pub(crate) states: Vec<State>,
    pub(crate) traffic: Traffic,
    /// The hits of searches.
    pub(crate) hits: Vec<SearchHits>,
    /// Spans whose payloads changed.
    pub(crate) changed: Vec<SpanId>,
}

pub(crate) fn any_port() -> Options {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Options { grpc: Some(any), http: Some(any), ..Options::default() }
}

impl Listener {
    pub(crate) fn start() -> Self {
        Self::with(any_port(), 64)
    }

    pub(crate) fn with(options: Options, room: usize) -> Self {
        let (sender, updates) = channel(room);
        let listening = otlp::start(options, UpdateSender::new(SourceId(3), sender)).unwrap();
        assert_eq!(listening.failed, []);
        let own: Vec<_> = listening.addresses.iter().filter(|address| address.is_ipv4()).collect();
        let (grpc, http) = (*own[0], *own[1]);
        Self {
            handle: listening.handle,
            grpc,
            http,
            updates,
            batches: vec![],
            logs: vec![],
            metrics: vec![],
            states: vec![],
            traffic: Traffic::default(),
            hits: vec![],
            changed: vec![],
        }
    }

    /// Handles the updates that have arrived.
    pub(crate) fn receive(&mut self) {
        while let Ok(update) = self.updates.try_recv() {
            self.handle(update);
        }
    }

    fn handle(&mut self, update: Update) -> Option<Vec<Result<Payload, String>>> {
        match update {
            Update::Batch(batch) => self.batches.push(batch),
            Update::Logs(batch) => self.logs.push(batch),
            Update::Metrics(batch) => self.metrics.push(batch),
            Update::State(id, state) => {
                assert_eq!(id, SourceId(3));
                self.states.push(state);
            }
            Update::Traffic(_, traffic) => self.traffic = traffic,
            Update::SearchHits(hits) => self.hits.push(hits),
            Update::PayloadChanged(_, spans) => self.changed.extend(spans),
            Update::Payloads { payloads, .. } => return Some(payloads),
            Update::Read { .. } => {}
        }
        None
    }

    /// Waits until the reported traffic matches.
    pub(crate) fn traffic(&mut self, matches: impl Fn(&Traffic) -> bool) -> Traffic {
        let started = Instant::now();
        while !matches(&self.traffic) {
            assert!(started.elapsed() < Duration::from_secs(10), "{:?}", self.traffic);
            self.receive();
            std::thread::sleep(Duration::from_millis(10));
        }
        self.traffic.clone()
    }

    /// Returns all spans so far with their names.
    pub(crate) fn spans(&mut self) -> Vec<(Span, String)> {
        self.receive();
        let named = |batch: &Batch, span: &Span| (span.clone(), batch.text(span.name).to_owned());
        self.batches.iter().flat_map(|batch| batch.spans.iter().map(move |span| named(batch, span))).collect()
    }

    pub(crate) fn skipped(&mut self) -> Vec<Skipped> {
        self.receive();
        self.batches.iter().flat_map(|batch| batch.skipped.clone()).collect()
    }

    pub(crate) fn payloads(&mut self, spans: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>> {
        self.handle.requests.send(Request::Payloads { ticket: 7, addresses: spans.to_vec() }).unwrap();
        loop {
            let update = self.updates.blocking_recv().unwrap();
            if let Some(payloads) = self.handle(update) {
                return payloads;
            }
        }
    }

    /// Runs a search to its end and returns the hits.
    pub(crate) fn search(&mut self, request: Request) -> Vec<SpanId> {
        self.hits.clear();
        self.handle.requests.send(request).unwrap();
        while self.hits.last().is_none_or(|hits| hits.progress.is_some_and(|progress| progress.done < progress.total)) {
            let update = self.updates.blocking_recv().unwrap();
            self.handle(update);
        }
        self.hits.iter().flat_map(|hits| &hits.spans).map(|(_, span)| *span).collect()
    }

    pub(crate) fn payload(&mut self, span: &Span) -> Payload {
        self.payloads(&[(span.payload_ref, span.id)]).remove(0).unwrap()
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.http)
    }

    /// Posts protobuf on a new connection.
    pub(crate) fn post(&self, body: &[u8]) -> Response {
        self.client().post("/v1/traces", &[("content-type", "application/x-protobuf")], body)
    }
}

/// An HTTP response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A persistent connection.
pub(crate) struct Client(pub(crate) BufReader<TcpStream>);

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.send("POST", path, headers, body)
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").unwrap();
        }
        head.push_str("\r\n");
        let stream = self.0.get_mut();
        stream.write_all(head.as_bytes()).unwrap();
        // The listener may reject the head and close before it has read the body.
        let _ = stream.write_all(body);
        self.response()
    }

    pub(crate) fn response(&mut self) -> Response {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            lines.push(line.to_owned());
        }
        let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> =
            lines[1..].iter().map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, length)| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        Response { status, headers, body }
    }
}
