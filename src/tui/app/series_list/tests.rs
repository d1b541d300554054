#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crossterm::event::KeyCode;

use crate::model::metric::{Exemplar, Number, PointData, Temporality};
use crate::model::{Metric, MetricBatch, MetricKind, MetricPoint, SourceId, Value};
use crate::store::Limits;
use crate::tui::app::test_harness::{TestHarness, trace_id};
use crate::tui::app::{Focus, View};

fn batch(names: &[(&str, i64)]) -> MetricBatch {
    let resource = Arc::new(vec![("service.name".to_owned(), Value::Text("app".to_owned()))]);
    let point = |&(name, value): &(&str, i64)| {
        let metric = Metric {
            name: name.to_owned(),
            kind: MetricKind::Sum(Temporality::Delta, true),
            resource: resource.clone(),
            ..Metric::default()
        };
        let exemplar =
            |number: u8| Exemplar { value: Number::Int(1), time: None, trace: Some(trace_id(number)), span: None, attributes: Vec::new() };
        MetricPoint {
            metric: Arc::new(metric),
            attributes: vec![("session.id".to_owned(), Value::Text(format!("of {name}")))],
            start: Some(1),
            time: Some(2),
            data: PointData::Number(Number::Int(value)),
            exemplars: vec![exemplar(1), exemplar(2)],
        }
    };
    MetricBatch { source: SourceId(0), received: 3, points: names.iter().map(point).collect(), invalid: 0 }
}

impl TestHarness {
    fn names(&mut self) -> Vec<String> {
        self.app.prepare_frame(&mut self.store, 10, (80, 10));
        let list = self.app.series_list.as_ref().unwrap();
        list.visible(&self.app.metrics, 10).map(|(_, series)| series.metric.name.clone()).collect()
    }

    fn current(&self) -> &str {
        let list = self.app.series_list.as_ref().unwrap();
        list.current(&self.app.metrics).map_or("", |series| &series.metric.name)
    }
}

fn harness() -> TestHarness {
    let mut harness = TestHarness::new(Limits::default());
    harness.app.receive_metrics(batch(&[("b", 5), ("c", 9), ("a", 1)]));
    harness.press(KeyCode::Char('8'));
    harness
}

#[test]
fn series_are_sorted_and_the_cursor_stays_on_its_series() {
    let mut harness = harness();
    assert_eq!((harness.app.view(), harness.names()), (View::Metrics, ["a", "b", "c"].map(str::to_owned).to_vec()));
    harness.press(KeyCode::Char('j'));
    assert_eq!(harness.current(), "b");
    harness.app.receive_metrics(batch(&[("aa", 2)]));
    assert_eq!(harness.names(), ["a", "aa", "b", "c"]);
    assert_eq!(harness.current(), "b");
    harness.press(KeyCode::Char('s'));
    assert_eq!(harness.names(), ["c", "b", "aa", "a"], "by value");
    harness.press(KeyCode::Char('I'));
    assert_eq!(harness.names(), ["a", "aa", "b", "c"]);
    harness.press(KeyCode::Esc);
    assert_eq!(harness.app.view(), View::Traces);
}

#[test]
fn the_filter_of_the_traces_chooses_series_too() {
    let mut harness = harness();
    for (filter, shown) in [
        ("service:app b", vec!["b"]),
        ("session:\"of c\"", vec!["c"]),
        ("service:other", vec![]),
        ("status:error -session:\"of a\"", vec!["b", "c"]),
    ] {
        harness.app.set_filter(&harness.store, filter.to_owned());
        assert_eq!(harness.names(), shown, "{filter}");
        assert_eq!(harness.app.series_list.as_ref().unwrap().leaves_filter_aside(), filter.contains("status"));
    }
}

#[test]
fn an_exemplar_leads_to_its_trace() {
    let mut harness = harness();
    harness.press(KeyCode::Enter);
    assert_eq!(harness.app.focus, Focus::Detail);
    harness.press(KeyCode::Char('n'));
    harness.press(KeyCode::Enter);
    assert_eq!((harness.app.view(), harness.app.filter.clone()), (View::Traces, format!("trace:{}", trace_id(1))));
}
