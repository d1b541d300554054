//! A million spans arrive over HTTP while the screen is drawn at 200x60: the longest frame, and the memory per span.
//!
//! A frame is the longest time a key press waits: handling updates, then drawing. The CPU time of the thread is printed, too, since other
//! load on the machine does not affect it. Runs with limits that hold all spans, and with the default limits, which evict most of them.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark fails by panicking and prints")]

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use agno_top::model::SourceId;
use agno_top::model::time::now;
use agno_top::sources::otlp::{self, Options};
use agno_top::sources::{Request, Update, UpdateSender};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::{Action, App, SourceView};
use agno_top::tui::view::{self, HitMap};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use rustix::time::{ClockId, clock_gettime};

const FIXTURE: &[u8] = include_bytes!("../tests/fixtures/agno-3.1.10.otlp.pb");
const SPANS: usize = 1_000_000;
const COPIES: usize = 7;

/// As in the event loop.
const FRAME: Duration = Duration::from_millis(16);
const MAX_UPDATE_TIME: Duration = Duration::from_millis(6);

/// A request whose ids and times are replaced in place.
struct Template {
    body: Vec<u8>,
    /// The positions of ids, in parts of eight bytes, and of times.
    ids: Vec<usize>,
    times: Vec<usize>,
    spans: usize,
}

impl Template {
    fn new() -> Self {
        let mut request = ExportTraceServiceRequest::decode(FIXTURE).unwrap();
        let spans = &mut request.resource_spans[0].scope_spans[0].spans;
        let run = std::mem::take(spans);
        let mut last_id = 0_u64;
        let mut next = || {
            last_id += 1;
            last_id.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()
        };
        let (mut ids, mut times) = (HashSet::new(), HashSet::new());
        for copy in 0..COPIES as u64 {
            let mut known: HashMap<Vec<u8>, Vec<u8>> = HashMap::new();
            for span in &run {
                let mut span = span.clone();
                for id in [&mut span.trace_id, &mut span.span_id, &mut span.parent_span_id] {
                    let new = known.entry(id.clone()).or_insert_with(|| (0..id.len() / 8).flat_map(|_| next()).collect());
                    id.clone_from(new);
                    ids.extend(id.chunks(8).map(<[u8]>::to_vec));
                }
                for time in [&mut span.start_time_unix_nano, &mut span.end_time_unix_nano] {
                    *time += copy * 10_000_000_000;
                    times.insert(time.to_le_bytes());
                }
                spans.push(span);
            }
        }
        let spans = spans.len();
        let body = request.encode_to_vec();
        let positions = |is_match: &dyn Fn(&[u8]) -> bool| {
            body.windows(8).enumerate().filter(|(_, bytes)| is_match(bytes)).map(|(position, _)| position).collect()
        };
        let (ids, times): (Vec<usize>, _) = (positions(&|bytes| ids.contains(bytes)), positions(&|bytes| times.contains(bytes)));
        assert!(ids.len() >= spans * 3, "every id is found");
        Self { body, ids, times, spans }
    }

    /// Turns the body into the next request: other ids, later times.
    fn advance(&mut self) {
        for at in &self.ids {
            let id = u64::from_be_bytes(self.body[*at..at + 8].try_into().unwrap());
            self.body[*at..at + 8].copy_from_slice(&id.wrapping_add(0x517c_c1b7_2722_0a95).to_be_bytes());
        }
        for at in &self.times {
            let time = u64::from_le_bytes(self.body[*at..at + 8].try_into().unwrap());
            self.body[*at..at + 8].copy_from_slice(&(time + COPIES as u64 * 10_000_000_000).to_le_bytes());
        }
    }
}

/// Sends requests until [`SPANS`] spans are accepted, retrying when the server is busy. Returns the bytes sent.
fn send(address: SocketAddr, template: &mut Template) -> u64 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut spans, mut bytes) = (0, 0);
    let mut response = [0; 4096];
    while spans < SPANS {
        let length = template.body.len();
        let head =
            format!("POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ncontent-length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&template.body).unwrap();
        let read = stream.read(&mut response).unwrap();
        if response[..read].starts_with(b"HTTP/1.1 429") {
            continue;
        }
        assert!(response[..read].starts_with(b"HTTP/1.1 200"));
        (spans, bytes) = (spans + template.spans, bytes + length as u64);
        template.advance();
    }
    bytes
}

/// Returns the CPU time of this thread.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// Returns the resident memory of this process in bytes; 0 if unknown.
fn resident() -> i64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<i64>().ok()).unwrap_or_default() * 4096
}

/// The work of the event loop between two key presses.
struct Screen {
    app: App,
    store: Store,
    terminal: Terminal<TestBackend>,
    drawn: Instant,
    ticked: Instant,
    keys: usize,
}

impl Screen {
    fn new(limits: Limits) -> Self {
        let (app, store) = (App::new(vec![SourceView::new("otlp")], true, now()), Store::new(limits));
        let terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
        Self { app, store, terminal, drawn: Instant::now(), ticked: Instant::now(), keys: 0 }
    }

    fn handle(&mut self, update: Update) {
        match update {
            Update::Batch(batch) => self.app.receive(&mut self.store, batch, now()),
            Update::State(source, state) => self.app.source_state(usize::from(source.0), state),
            Update::Traffic(source, traffic) => self.app.source_traffic(&mut self.store, usize::from(source.0), traffic),
            Update::Payloads { .. }
            | Update::SearchHits(_)
            | Update::PayloadChanged(..)
            | Update::Logs(_)
            | Update::Metrics(_)
            | Update::Read { .. } => {}
        }
    }

    /// Draws a frame, after a key press now and then.
    fn draw(&mut self) {
        if self.ticked.elapsed() > Duration::from_secs(1) {
            self.app.tick(&mut self.store, now());
            self.ticked = Instant::now();
        }
        self.keys += 1;
        let key = match self.keys % 20 {
            0 => Some(Action::Bottom),
            10 => Some(Action::Top),
            at if at % 2 == 1 => Some(Action::Down),
            _ => None,
        };
        if let Some(key) = key {
            self.app.update(&mut self.store, key, now());
        }
        view::prepare_frame(&mut self.app, &mut self.store, Rect::new(0, 0, 200, 60));
        let Self { app, store, terminal, .. } = self;
        terminal.draw(|frame| view::draw(frame, app, store, &mut HitMap::default())).unwrap();
        self.drawn = Instant::now();
    }
}

fn stream(name: &str, limits: Limits, template: &mut Template) {
    let (updates, mut received) = tokio::sync::mpsc::channel(16);
    let any = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let options = Options { grpc: None, http: any, ..Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), updates)).unwrap();
    let address = *listening.addresses.iter().find(|address| address.is_ipv4()).unwrap();
    let mut screen = Screen::new(limits);
    let (mut frames, mut cpu_times) = (Vec::new(), Vec::new());
    let before = resident();
    let start = Instant::now();
    let bytes = std::thread::scope(|scope| {
        let sender = scope.spawn(move || send(address, template));
        let mut spans = 0;
        while spans < SPANS {
            let mut next = received.blocking_recv();
            let (frame_start, cpu_start) = (Instant::now(), cpu_time());
            while let Some(update) = next {
                if let Update::Batch(batch) = &update {
                    spans += batch.spans.len();
                }
                screen.handle(update);
                next = if frame_start.elapsed() > MAX_UPDATE_TIME { None } else { received.try_recv().ok() };
            }
            let released = screen.app.take_released().into_iter().map(|(_, address)| address).collect();
            listening.handle.requests.send(Request::Release(released)).unwrap();
            if screen.drawn.elapsed() >= FRAME {
                screen.draw();
            }
            frames.push(frame_start.elapsed());
            cpu_times.push(cpu_time().saturating_sub(cpu_start));
        }
        sender.join().unwrap()
    });
    let (seconds, held) = (start.elapsed().as_secs_f64(), screen.store.retained_bytes());
    let spans = i64::from(screen.store.all().spans);
    let memory = resident() - before;
    let worst = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        format!("longest {:.1?}, 99th percentile {:.1?}", times[times.len() - 1], times[times.len() * 99 / 100])
    };
    println!(
        "{name}: {SPANS} spans, {:.0} MB in {seconds:.1} s; {} frames: {}; CPU: {}",
        bytes as f64 / 1e6,
        frames.len(),
        worst(&mut frames),
        worst(&mut cpu_times)
    );
    println!(
        "{name}: {spans} spans held, {:.0} MB of bodies, {:.0} MB of memory: {} bytes per span without the bodies; {} evicted, {} refused",
        held as f64 / 1e6,
        memory as f64 / 1e6,
        (memory - held as i64) / spans,
        screen.store.losses().evicted,
        screen.store.losses().refused
    );
}

/// Runs each case in a process of its own, which starts with empty memory.
fn main() {
    let runs = [("no eviction", Limits { spans: 2 * SPANS, bytes: 8 << 30, ..Limits::default() }), ("default limits", Limits::default())];
    let selected = std::env::var("RUN").ok();
    for (name, limits) in runs {
        match &selected {
            None => drop(Command::new(std::env::current_exe().unwrap()).env("RUN", name).status().unwrap()),
            Some(selected) if selected == name => stream(name, limits, &mut Template::new()),
            Some(_) => {}
        }
    }
}
