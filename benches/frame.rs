//! Frames, keys and batches with 300 000 spans held and a trace of 50 000 spans open.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod grown;

use std::time::Instant;

use agno_top::model::time::now;
use agno_top::model::{Batch, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use agno_top::store::Store;
use agno_top::tui::app::{Action, App};
use agno_top::tui::view::{self, HitMap, PaneLayout};
use criterion::{Criterion, criterion_group, criterion_main};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

/// The size of the screen.
const AREA: Rect = Rect::new(0, 0, 200, 60);

const OPEN: u64 = 50_000;

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
    fn new() -> Self {
        let (mut app, mut store) = grown::read(&grown::grown(), |_, _| true);
        app.receive(&mut store, spans(7, 1..OPEN + 1, now()), now());
        let panes = PaneLayout::new(AREA, app.focus);
        app.tree.set_height(panes.trace_lines());
        app.detail.set_size(panes.detail_size());
        Self { app, store, terminal: Terminal::new(TestBackend::new(200, 60)).unwrap(), hits: HitMap::default() }
    }

    fn draw(&mut self) {
        let Self { app, store, terminal, hits } = self;
        view::prepare_frame(app, store, AREA);
        terminal.draw(|frame| view::draw(frame, app, store, hits)).unwrap();
    }

    fn act(&mut self, action: Action) {
        self.app.update(&mut self.store, action, now());
    }
}

fn frame(criterion: &mut Criterion) {
    let mut screen = Screen::new();
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
