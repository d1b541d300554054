#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

use crate::metrics::{MetricLimits, MetricStore};
use crate::model::distribution::Shape;
use crate::model::metric::{Number, PointData, Temporality};
use crate::model::{Attribute, Distribution, Metric, MetricBatch, MetricKind, MetricPoint, Nanos, SourceId, Value};
use crate::store::{Limits, Store};
use crate::tui::app::App;
use crate::tui::view::{self, HitMap};

const MINUTE: Nanos = 60_000_000_000;
const NOW: Nanos = 1_795_330_800_000_000_000;

fn text(name: &str, value: &str) -> Attribute {
    (name.to_owned(), Value::Text(value.to_owned()))
}

fn point(metric: &Arc<Metric>, attributes: Vec<Attribute>, minutes: Nanos, data: PointData) -> MetricPoint {
    let time = NOW - minutes * MINUTE;
    MetricPoint { metric: metric.clone(), attributes, start: Some(time - MINUTE), time: Some(time), data, exemplars: Vec::new() }
}

fn metric(name: &str, unit: &str, kind: MetricKind) -> Arc<Metric> {
    let resource = Arc::new(vec![text("service.name", "app")]);
    Arc::new(Metric { name: name.to_owned(), unit: unit.to_owned(), kind, resource, ..Metric::default() })
}

struct Screen {
    app: App,
    store: Store,
    terminal: Terminal<TestBackend>,
    hits: HitMap,
}

impl Screen {
    fn new(points: Vec<MetricPoint>, limits: MetricLimits, (width, height): (u16, u16)) -> Self {
        let mut app = App::new(Vec::new(), false, NOW);
        app.metrics = MetricStore::new(limits);
        app.receive_metrics(MetricBatch { source: SourceId(0), received: NOW, points, invalid: 0 });
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut screen = Self { app, store: Store::new(Limits::default()), terminal, hits: HitMap::default() };
        screen.key(KeyCode::Char('8'));
        screen
    }

    fn key(&mut self, code: KeyCode) {
        self.app.key(&mut self.store, KeyEvent::new(code, KeyModifiers::NONE), NOW);
    }

    fn draw(&mut self) {
        let area = self.terminal.size().unwrap();
        view::prepare_frame(&mut self.app, &mut self.store, Rect::new(0, 0, area.width, area.height));
        self.terminal.draw(|frame| view::draw(frame, &self.app, &self.store, &mut self.hits)).unwrap();
    }

    fn text(&mut self) -> String {
        self.draw();
        let buffer = self.terminal.backend().buffer();
        let rows = buffer.content().chunks(usize::from(buffer.area.width));
        rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>().trim_end().to_owned() + "\n").collect()
    }
}

fn few() -> Vec<MetricPoint> {
    let tokens = metric("app.token.usage", "tokens", MetricKind::Sum(Temporality::Delta, true));
    let load = metric("load", "1", MetricKind::Gauge);
    let latency = metric("latency", "ms", MetricKind::Histogram(Temporality::Delta));
    let values =
        Distribution { count: 20, sum: Some(200.0), min: Some(1.0), max: Some(20.0), shape: Shape::Explicit(vec![10.0], vec![10, 10]) };
    let int = |value| PointData::Number(Number::Int(value));
    vec![
        point(&tokens, vec![text("a.same", "x"), text("type", "input")], 30, int(1_234_500)),
        point(&tokens, vec![text("a.same", "x"), text("type", "input")], 1, int(67)),
        point(&tokens, vec![text("a.same", "x"), text("type", "out\u{1b}[2Jput")], 1, int(50)),
        point(&load, Vec::new(), 0, PointData::Number(Number::Float(f64::NAN))),
        point(&latency, Vec::new(), 2, PointData::Distribution(values)),
    ]
}

#[test]
fn what_tells_series_apart_is_seen_before_whose_they_are_and_percentiles_are_whole() {
    let tokens = metric("app.token.usage", "tokens", MetricKind::Sum(Temporality::Delta, true));
    let latency = metric("latency", "ms", MetricKind::Histogram(Temporality::Delta));
    let shape = Shape::Explicit(vec![0.5, 0.534], vec![5, 10, 5]);
    let values = Distribution { count: 20, sum: Some(10.0), min: Some(0.123), max: Some(0.987), shape };
    let session = |n: usize| text("a.session.id", &format!("362d8e52-5353-4f36-a3d9-5bb8185867{n:02}"));
    let mut points: Vec<_> = ["input", "output"]
        .into_iter()
        .enumerate()
        .map(|(n, kind)| point(&tokens, vec![session(n), text("type", kind)], 1, PointData::Number(Number::Int(5))))
        .collect();
    points.push(point(&latency, Vec::new(), 2, PointData::Distribution(values)));
    let memory = metric("memory", "By", MetricKind::Histogram(Temporality::Delta));
    let shape = Shape::Explicit(vec![112_000_000.0, 272_000_000.0], vec![5, 10, 5]);
    let values = Distribution { count: 20, sum: None, min: Some(1e8), max: Some(3e8), shape };
    points.push(point(&memory, Vec::new(), 2, PointData::Distribution(values)));
    for size in [(80, 24), (120, 36), (160, 48)] {
        let text = Screen::new(points.clone(), MetricLimits::default(), size).text();
        assert!(text.contains(" type=input ") && text.contains(" type=output "), "{text}");
        for name in ["latency ", "memory "] {
            let line = text.lines().find(|line| line.contains(name)).unwrap();
            assert!(line.contains("p50 ~") && !line.split("p50").nth(1).unwrap().contains('…'), "{line}");
        }
    }
}

#[test]
fn the_hour_of_old_points_is_not_called_the_last_one() {
    let load = metric("load", "1", MetricKind::Gauge);
    for (minutes, title) in [(59, "LAST HOUR"), (61, "NEWEST HOUR")] {
        let points = vec![point(&load, Vec::new(), minutes, PointData::Number(Number::Int(3)))];
        let text = Screen::new(points, MetricLimits::default(), (120, 36)).text();
        assert!(text.contains(title) && text.contains(&title.to_lowercase()), "{text}");
    }
}

#[test]
fn the_screen_shows_series_and_the_page_of_one() {
    let mut screen = Screen::new(few(), MetricLimits::default(), (160, 40));
    let text = screen.text();
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('│').nth(1).unwrap_or_default().split_whitespace().collect()).collect();
    assert_eq!(lines[2], ["METRIC↑", "ATTRIBUTES", "VALUE", "UNIT", "RATE", "LAST", "HOUR"]);
    assert_eq!(lines[3], ["▎app.token.usage", "type=input", "a.same=x", "…", "1,234,567", "tokens", "67/min", "█", "▁"]);
    assert_eq!(lines[5], ["latency", "app", "p50", "~10", "p95", "~19", "ms", "20/min", "█"]);
    assert_eq!(lines[6], ["load", "app", "–", "1", "–"]);
    assert!(text.contains("total          1,234,567 tokens") && !text.contains('\u{1b}'), "{text}");
    for key in [KeyCode::Char('j'), KeyCode::Char('j'), KeyCode::Enter, KeyCode::Enter] {
        screen.key(key);
    }
    let text = screen.text();
    for part in [
        "type           histogram, delta",
        "values         20  sum 200  mean 10  min 1  max 20",
        "estimates      p50 ~10  p95 ~19  p99 ~19.8, from the buckets",
        "≤ 10         10  ██████████████████████████████",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn what_is_left_out_is_said_and_hides_no_series() {
    let gauge = metric("g", "", MetricKind::Gauge);
    let points =
        (0..40).map(|number| point(&gauge, vec![text("n", &format!("{number:02}"))], 0, PointData::Number(Number::Int(1)))).collect();
    let mut screen = Screen::new(points, MetricLimits { series: 30, bytes: 1 << 20 }, (100, 24));
    screen.key(KeyCode::Char('G'));
    let text = screen.text();
    assert!(text.contains("10 points of other series left out (limit of 30 series)"), "{text}");
    assert!(text.contains("▎g") && text.contains("n=29") && text.contains("30 of 30"), "the cursor is on the screen: {text}");
}
