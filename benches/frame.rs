//! Frames, keys and batches with 300 000 spans held and a trace of 50 000 spans open.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod grown;

use std::sync::Arc;
use std::time::Instant;

use agno_top::model::metric::{Number, PointData};
use agno_top::model::time::now;
use agno_top::model::{
    Batch, LogBatch, LogRecord, Metric, MetricBatch, MetricKind, MetricPoint, Nanos, Origin, PayloadRef, SourceId, Span,
};
use agno_top::model::{SpanFacts, SpanId, SpanType, Status, Text, TraceId, Value};
use agno_top::store::Store;
use agno_top::tui::app::{Action, App};
use agno_top::tui::view::{self, HitMap, PaneLayout};
use criterion::{Criterion, criterion_group, criterion_main};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs;
use prost::Message;
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
    views(criterion, &mut screen);
}

/// Draws every view, tab and window over the same spans, with 20 000 log records and 2 000 series.
fn views(criterion: &mut Criterion, screen: &mut Screen) {
    screen.app.receive_logs(LogBatch { source: SourceId(0), records: (0..20_000).map(record).collect() });
    let metric = Arc::new(Metric { name: "app.token.usage".to_owned(), kind: MetricKind::Gauge, ..Metric::default() });
    let points = (0..2_000).map(|at| point(&metric, at)).collect();
    screen.app.receive_metrics(MetricBatch { source: SourceId(0), received: now(), points, invalid: 0 });
    let mut group = criterion.benchmark_group("frame of");
    let views = [
        ("traces", &[Action::ViewTraces, Action::Top][..]),
        ("sessions", &[Action::ViewSessions]),
        ("agents", &[Action::ViewAgents]),
        ("models", &[Action::ViewModels]),
        ("tools", &[Action::ViewTools]),
        ("errors", &[Action::ViewErrors]),
        ("logs", &[Action::ViewTraces, Action::ViewSessions, Action::ViewLogs]),
        ("metrics", &[Action::ViewMetrics]),
        ("the detail", &[Action::ViewTraces, Action::Top, Action::Down, Action::Detail]),
        ("help", &[Action::Back, Action::Help]),
        ("actions", &[Action::Palette]),
        ("a picker", &[Action::PickAgents]),
        ("a comparison", &[Action::ClearMarks, Action::Top, Action::Mark, Action::NextTrace, Action::Compare]),
    ];
    for (name, actions) in views {
        screen.app.overlay = None;
        for action in actions {
            screen.act(*action);
        }
        for _ in 0..50 {
            screen.draw();
        }
        group.bench_function(name, |bench| bench.iter(|| screen.draw()));
    }
    group.finish();
}

fn record(at: i64) -> LogRecord {
    let attribute = |key: &str, text: &str| KeyValue { key: key.to_owned(), value: Some(text_value(text)), ..KeyValue::default() };
    let attributes = (0..12).map(|n| attribute(&format!("key.{n}"), "what an agent did and why")).collect();
    let record =
        logs::v1::LogRecord { body: Some(text_value("a request to the model ended")), attributes, ..logs::v1::LogRecord::default() };
    LogRecord {
        time: now() + at,
        severity: 9 + (at % 3 * 4) as u8,
        trace: TraceId::new([7; 16]),
        span: SpanId::new((at as u64 % OPEN + 1).to_be_bytes()),
        session: 0,
        event: (0, 0),
        group: Arc::default(),
        encoded: record.encode_to_vec().into(),
    }
}

fn text_value(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}

fn point(metric: &Arc<Metric>, at: i64) -> MetricPoint {
    let attributes = vec![("type".to_owned(), Value::Text(format!("kind {at}"))), ("session.id".to_owned(), Value::Int(at))];
    let data = PointData::Number(Number::Int(at));
    MetricPoint { metric: metric.clone(), attributes, start: None, time: Some(now()), data, exemplars: Vec::new() }
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
