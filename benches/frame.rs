//! Frames, keys and batches with 300,000 spans held and a trace of 50,000 spans open; then frames of every view with a million spans.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod crowd;
mod grown;

use std::time::{Duration, Instant};

use agno_top::logs::LogStore;
use agno_top::metrics::{MAX_SERIES, MetricLimits, MetricStore};
use agno_top::model::time::now;
use agno_top::model::{
    self, Batch, Nanos, Origin, Payload, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage,
};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::{Action, App, Slice};
use agno_top::tui::view::{self, HitMap, PaneLayout};
use criterion::{Criterion, criterion_group, criterion_main};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use serde_json::{Value, json};

/// The size of the screen.
const AREA: Rect = Rect::new(0, 0, 200, 60);

const OPEN: u64 = 50_000;

/// The spans that are held when the views are measured.
const SPANS: u32 = 1_000_000;

const RECORDS: u64 = 1_000_000;

/// Frames to measure of each view. A debug build takes minutes for more.
const FRAMES: usize = if cfg!(debug_assertions) { 30 } else { 300 };

/// Returns spans of one long trace: agents below the root, and tool calls below each agent.
fn spans(trace: u8, ids: std::ops::Range<u64>, start: Nanos) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let label = batch.intern("Researcher");
    for id in ids {
        let parent = if id == 1 { None } else { Some(if id % 5 == 2 { 1 } else { id - (id + 3) % 5 }) };
        let kind = if id % 5 == 2 || id == 1 { SpanType::Agent } else { SpanType::Tool };
        batch.spans.push(Span {
            trace: TraceId::new([trace; 16]).unwrap(),
            id: SpanId::new(id.to_be_bytes()).unwrap(),
            parent: parent.and_then(|parent| SpanId::new(parent.to_be_bytes())),
            start: start + id as Nanos * 1_000_000,
            end: Some(start + id as Nanos * 1_000_000 + 700_000),
            status: Status::Ok,
            name: label,
            facts: SpanFacts { span_type: kind, agent: label, tool: label, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(id as i64),
            retained_bytes: 0,
        });
    }
    batch
}

struct Screen {
    app: App,
    store: Store,
    terminal: Terminal<TestBackend>,
    hits: HitMap,
}

impl Screen {
    fn new(mut app: App, mut store: Store) -> Self {
        app.receive(&mut store, spans(7, 1..OPEN + 1, now()), now());
        let panes = PaneLayout::new(AREA, app.focus);
        app.tree.set_height(panes.trace_lines());
        app.detail.set_size(panes.detail_size());
        Self { app, store, terminal: Terminal::new(TestBackend::new(200, 60)).unwrap(), hits: HitMap::default() }
    }

    /// Draws a frame. Returns whether work is left for further frames.
    fn draw(&mut self) -> bool {
        let Self { app, store, terminal, hits } = self;
        let has_more = view::prepare_frame(app, store, AREA);
        terminal.draw(|frame| view::draw(frame, app, store, hits)).unwrap();
        has_more
    }

    /// Works as the event loop does until the next frame.
    fn work(&mut self, slices: &mut Vec<Duration>) {
        let end = Instant::now() + Duration::from_millis(12);
        while Instant::now() < end {
            let mut has_more = false;
            slices.push(time(|| has_more = self.app.work(&mut self.store, Slice::of(Duration::from_millis(2)))));
            if !has_more {
                break;
            }
        }
    }

    fn act(&mut self, action: Action) {
        self.app.update(&mut self.store, action, now());
    }

    fn press(&mut self, key: KeyCode) {
        view::write_pages(&mut self.app, &self.store);
        self.app.key(&mut self.store, KeyEvent::new(key, KeyModifiers::NONE), now());
    }
}

fn frame(criterion: &mut Criterion) {
    // `cargo bench --bench frame views` measures the views alone, and reads no database.
    if std::env::args().any(|argument| argument == "views") {
        return views(&mut Screen::new(App::new(Vec::new(), true, now()), Store::new(Limits::default())));
    }
    // `cargo bench --bench frame contexts` does so while the contexts of a long run are read.
    if std::env::args().any(|argument| argument == "contexts") {
        return contexts();
    }
    let (app, store) = grown::read(&grown::grown(), |_, _| true);
    let mut screen = Screen::new(app, store);
    screen.draw();
    assert!(screen.terminal.backend().to_string().contains("50,000 spans"));
    let mut group = criterion.benchmark_group("frame");
    group.bench_function("top of the open trace", |bench| bench.iter(|| screen.draw()));
    screen.act(Action::HalfPageDown);
    group.bench_function("after a key", |bench| {
        let mut down = false;
        bench.iter(|| {
            down = !down;
            screen.act(if down { Action::Down } else { Action::Up });
            screen.draw();
        });
    });
    screen.act(Action::Bottom);
    group.bench_function("bottom", |bench| bench.iter(|| screen.draw()));
    screen.act(Action::Top);
    let mut next = OPEN + 1;
    group.bench_function("batch of 512 into the open trace, and a frame", |bench| {
        bench.iter(|| {
            let batch = spans(7, next..next + 512, 1_800_000_000_000_000_000);
            next += 512;
            screen.app.receive(&mut screen.store, batch, now());
            screen.draw();
        });
    });
    group.finish();
    slowest(&mut screen);
    views(&mut screen);
    contexts();
}

/// The model calls of a run, and the bytes of a message; each call has two messages more than the one before.
const CALLS: u64 = 500;
const MESSAGE: usize = 5000;

/// Returns the payload of a call of a long conversation.
fn payload(call: u64) -> Payload {
    let message = |at: u64| json!({"role": if at == 0 { "system" } else { "user" }, "parts": [{"type": "text", "content": format!("{at} {}", "word ".repeat(MESSAGE / 5))}]});
    let messages: Vec<Value> = (0..2 * call + 2).map(message).collect();
    Payload {
        attributes: vec![("gen_ai.input.messages".to_owned(), model::Value::Text(Value::from(messages).to_string()))],
        ..Payload::default()
    }
}

/// Prints what frames cost while the contexts of a run of 500 calls, the last of 5 MB, are read.
fn contexts() {
    let mut screen = Screen::new(App::new(Vec::new(), false, now()), Store::new(Limits::default()));
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let (agent, model) = (batch.intern("Clerk"), batch.intern("gpt-4o"));
    for id in 1..=CALLS + 1 {
        let span_type = if id == 1 { SpanType::Agent } else { SpanType::Model };
        let usage = Usage { input: Some(id as u32 * 2500), cache_read: Some(0), output: Some(10), ..Usage::default() };
        let usage = (id > 1).then_some(usage);
        batch.spans.push(Span {
            trace: TraceId::new([9; 16]).unwrap(),
            id: SpanId::new(id.to_be_bytes()).unwrap(),
            parent: SpanId::new(u64::from(id > 1).to_be_bytes()),
            start: now() + id as Nanos * 1_000_000,
            end: Some(now() + id as Nanos * 1_000_000 + 700_000),
            status: Status::Ok,
            name: agent,
            facts: SpanFacts { span_type, agent, model, usage, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(id as i64),
            retained_bytes: 0,
        });
    }
    screen.app.receive(&mut screen.store, batch, now());
    for action in [Action::Top, Action::Detail, Action::NextTab, Action::NextTab, Action::NextTab] {
        screen.draw();
        screen.act(action);
    }
    let (mut frames, mut loads, begun) = (Vec::new(), Vec::new(), Instant::now());
    loop {
        let slices: Vec<_> = screen.app.take_context_slices(&screen.store).collect();
        if slices.is_empty() {
            break;
        }
        for (slice, requests) in slices {
            let reading = std::thread::spawn(move || {
                slice.read(requests.iter().map(|request| Ok(payload(request.payload_ref.0 as u64 - 2))).collect())
            });
            while !reading.is_finished() {
                frames.extend(times(1, &mut screen, |_| {}));
                std::thread::sleep(Duration::from_millis(16));
            }
            let read = reading.join().unwrap();
            loads.push(time(|| screen.app.load_contexts(&screen.store, read)));
        }
    }
    let took = begun.elapsed();
    let after = times(FRAMES, &mut screen, |_| {});
    assert!(screen.terminal.backend().to_string().contains(&format!("{CALLS} calls")), "{}", screen.terminal.backend());
    eprintln!("contexts of {CALLS} calls, read in {took:.1?}; milliseconds (median, 99th percentile, slowest)");
    eprintln!("frames meanwhile {}, taking what was read {}, frames after {}", quantiles(frames), quantiles(loads), quantiles(after));
}

/// Prints what frames of every view and window cost: over a million spans, a million log records, and 100,000 series and names of each kind.
fn views(screen: &mut Screen) {
    let mut next = 0;
    while screen.store.all().spans < SPANS - 6000 {
        screen.app.receive(&mut screen.store, crowd::traces(next..next + 1000), now());
        next += 1000;
    }
    screen.app.logs = LogStore::new(4 << 30);
    for first in (0..RECORDS).step_by(1000) {
        screen.app.receive_logs(crowd::logs(first..first + 1000));
    }
    let metric = crowd::gauge();
    screen.app.metrics = MetricStore::new(MetricLimits { bytes: 4 << 30, ..MetricLimits::default() });
    screen.app.receive_metrics(crowd::metrics(&metric, 0..MAX_SERIES as u64));
    eprintln!("| view | slowest key | frames while opening | still | after a key | while streaming | slices between frames |");
    eprintln!(
        "{} spans, {} log records, {} series; milliseconds (median, 99th percentile, slowest)",
        screen.store.all().spans,
        screen.app.logs.len(),
        screen.app.metrics.series().len()
    );
    // The keys that open each, from the one before.
    let views = [
        ("traces", "1g"),
        ("sessions", "2"),
        ("agents", "3"),
        ("models", "4"),
        ("tools", "5"),
        ("errors", "6"),
        ("logs", "17"),
        ("metrics", "8"),
        ("sorted metrics", "s"),
        ("sorted tools", "5sI"),
        ("sorted sessions", "2s"),
        ("traces by name", "1sssss"),
        ("reversed", "I"),
        ("traces by start", "s"),
        ("all unfolded", "Zg"),
        ("the next error", "Ze"),
        ("the error before", "E"),
        ("the detail", "1gj\n"),
        ("help", "\x1b?"),
        ("actions", "\x1b:"),
        ("pick agents", "\x1ba"),
        ("pick models", "\x1bo"),
        ("pick tools", "\x1bt"),
        ("pick sessions", "\x1bi"),
        ("ordinary traces", "\x1bA"),
        ("no ordinary traces", "A"),
        ("pick statuses", "\x1bS"),
        ("agents to filter by", "\x1b/agent:"),
        ("names to filter by", "\x1b/name:a"),
        ("sessions to filter by", "\x1b/session:9"),
        ("errors to filter by", "\x1b/error:"),
        ("kinds to filter by", "\x1b/kind:"),
        ("statuses to filter by", "\x1b/status:"),
        ("a comparison", "\x1bMgmJd"),
        ("a filter", "\x1b/kind:tool\n"),
        ("filtered sessions", "2"),
        ("filtered traces by cost", "1sss"),
        ("the next match", "n"),
        ("no filter", "\x1b"),
    ];
    for (name, keys) in views {
        let (mut pressed, mut opening, mut slices) = (Vec::new(), Vec::new(), vec![Duration::ZERO]);
        for key in keys.chars() {
            let code = match key {
                '\x1b' => KeyCode::Esc,
                '\n' => KeyCode::Enter,
                key => KeyCode::Char(key),
            };
            pressed.push(time(|| screen.press(code)));
            opening.push(time(|| _ = screen.draw()));
        }
        loop {
            let mut has_more = false;
            opening.push(time(|| has_more = screen.draw()));
            screen.work(&mut slices);
            if !has_more && opening.len() >= 20 {
                break;
            }
        }
        let still = times(FRAMES, screen, |_| {});
        let mut down = false;
        let keys = times(FRAMES, screen, |screen| {
            down = !down;
            screen.press(if down { KeyCode::Down } else { KeyCode::Up });
        });
        let streaming = times(3 * FRAMES, screen, |screen| {
            screen.app.receive(&mut screen.store, crowd::traces(next..next + 85), now());
            screen.app.receive_logs(crowd::logs(next * 9..next * 9 + 500));
            screen.app.receive_metrics(crowd::metrics(&metric, next % 1000..next % 1000 + 500));
            next += 85;
            screen.work(&mut slices);
        });
        let pressed = pressed.iter().max().map_or(0.0, Duration::as_secs_f64) * 1e3;
        let [opening, still, keys, streaming, slices] = [opening, still, keys, streaming, slices].map(quantiles);
        eprintln!("| {name} | {pressed:.1} | {opening} | {still} | {keys} | {streaming} | {slices} |");
    }
}

/// Returns the times of frames after something else was done.
fn times(count: usize, screen: &mut Screen, mut before: impl FnMut(&mut Screen)) -> Vec<Duration> {
    let frame = |_| {
        before(screen);
        time(|| _ = screen.draw())
    };
    (0..count).map(frame).collect()
}

/// Returns the processor time that something takes.
fn time(work: impl FnOnce()) -> Duration {
    let begun = processor_time();
    work();
    processor_time().saturating_sub(begun)
}

/// Returns the processor time of this thread: other programs may take the processor at any moment.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns the median, the 99th percentile and the maximum in milliseconds.
fn quantiles(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1e3;
    format!("{:.1} {:.1} {:.1}", at(50), at(99), at(100))
}

/// Prints the 99th percentile, which a mean hides.
fn slowest(screen: &mut Screen) {
    let mut times: Vec<_> = (0..2000)
        .map(|at| {
            screen.act(if at % 7 == 0 { Action::PageUp } else { Action::Down });
            let start = Instant::now();
            screen.draw();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    eprintln!("frame: median {:?}, 99th percentile {:?}", times[times.len() / 2], times[times.len() * 99 / 100]);
}

criterion_group!(benches, frame);
criterion_main!(benches);
