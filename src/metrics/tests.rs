#![allow(clippy::unwrap_used, clippy::float_cmp)]

use proptest::prelude::*;

use super::*;
use crate::model::metric::{Number, PointData, Temporality};
use crate::model::{MetricKind, SourceId, Value as AttributeValue};

const SECOND: Nanos = 1_000_000_000;

fn metric(name: &str, kind: MetricKind) -> Arc<Metric> {
    Arc::new(Metric { name: name.to_owned(), kind, ..Metric::default() })
}

fn point(metric: &Arc<Metric>, kind: &str, start: Nanos, time: Nanos, data: PointData) -> MetricPoint {
    let attributes = vec![("type".to_owned(), AttributeValue::Text(kind.to_owned()))];
    let stated = |time: Nanos| (time > 0).then_some(time);
    MetricPoint { metric: metric.clone(), attributes, start: stated(start), time: stated(time), data, exemplars: Vec::new() }
}

fn int(value: i64) -> PointData {
    PointData::Number(Number::Int(value))
}

fn apply(store: &mut MetricStore, received: Nanos, points: Vec<MetricPoint>) {
    store.apply(MetricBatch { source: SourceId(0), received, points, invalid: 0 });
}

fn value(store: &MetricStore, at: usize) -> Value {
    store.series()[at].value()
}

#[test]
fn differences_are_added_up_once_in_any_order() {
    let mut store = MetricStore::default();
    let counter = metric("tokens", MetricKind::Sum(Temporality::Delta, true));
    let points = [(10, 20, 5), (20, 30, 7), (20, 30, 7), (5, 10, 1)];
    let points = points.map(|(start, time, grown)| point(&counter, "input", start * SECOND, time * SECOND, int(grown)));
    apply(&mut store, 31 * SECOND, points.into());
    assert_eq!((value(&store, 0), store.losses().duplicates), (Value::Number(Number::Int(13)), 1));
    let series = &store.series()[0];
    assert_eq!((series.points, series.time, series.per_minute()), (3, 30 * SECOND, Some(12.0)));
    assert_eq!(series.chart(store.chart_end(31 * SECOND), 60).last(), Some(&Some(13.0)));
}

#[test]
fn totals_and_differences_of_the_same_counts_are_alike() {
    let mut store = MetricStore::default();
    let kinds = [Temporality::Delta, Temporality::Cumulative].map(|temporality| metric("n", MetricKind::Sum(temporality, true)));
    let mut total = 0;
    for (at, grown) in [3, 0, 4, 9].into_iter().enumerate() {
        total += grown;
        let (before, time) = (100 + at as Nanos * 10, 110 + at as Nanos * 10);
        let delta = point(&kinds[0], "a", before * SECOND, time * SECOND, int(grown));
        let cumulative = point(&kinds[1], "a", 100 * SECOND, time * SECOND, int(total));
        apply(&mut store, time * SECOND, vec![delta, cumulative]);
    }
    assert_eq!(value(&store, 0), value(&store, 1));
    assert_eq!(store.series()[0].per_minute(), store.series()[1].per_minute());
    assert_eq!(store.series()[0].chart(200 * SECOND, 60), store.series()[1].chart(200 * SECOND, 60));
}

#[test]
fn a_gauge_shows_its_last_value_and_nothing_after_its_end() {
    let mut store = MetricStore::default();
    let gauge = metric("load", MetricKind::Gauge);
    apply(&mut store, 9, vec![point(&gauge, "a", 0, 8, int(5)), point(&gauge, "a", 0, 7, int(6))]);
    assert_eq!((value(&store, 0), store.losses().late), (Value::Number(Number::Int(5)), 1));
    apply(&mut store, 9, vec![point(&gauge, "a", 0, 9, PointData::Missing)]);
    assert_eq!((value(&store, 0), store.series()[0].per_minute()), (Value::None, None));
}

#[test]
fn points_without_a_time_or_from_the_future_count_when_they_come() {
    let mut store = MetricStore::default();
    let counter = metric("n", MetricKind::Sum(Temporality::Delta, true));
    apply(&mut store, HOUR, vec![point(&counter, "a", 0, 0, int(1)), point(&counter, "a", 0, Nanos::MAX, int(2))]);
    assert_eq!((value(&store, 0), store.series()[0].time), (Value::Number(Number::Int(3)), HOUR));
}

#[test]
fn a_million_series_are_refused_and_counted_beyond_the_limit() {
    let mut store = MetricStore::new(MetricLimits { series: 1000, bytes: 64 << 20 });
    let gauge = metric("g", MetricKind::Gauge);
    for number in 0..1_000_000 {
        apply(&mut store, 1, vec![point(&gauge, &number.to_string(), 0, 1, int(1))]);
    }
    assert_eq!((store.series().len(), store.losses().refused), (1000, 999_000));
    // Those without points for an hour make room.
    apply(&mut store, HOUR + 2, vec![point(&gauge, "5", 0, HOUR, int(1)), point(&gauge, "new", 0, HOUR, int(7))]);
    assert_eq!((store.series().len(), store.losses().evicted), (2, 999));
    let found = store.series().iter().find(|series| &*series.label == "type=new").unwrap();
    assert_eq!(found.value(), Value::Number(Number::Int(7)));
}

#[test]
fn memory_stays_within_its_limit() {
    let limit = 1 << 20;
    let mut store = MetricStore::new(MetricLimits { series: 100_000, bytes: limit });
    let counter = metric("n", MetricKind::Sum(Temporality::Delta, true));
    for minute in 1..200 {
        let points = (0..2000).map(|number| point(&counter, &number.to_string(), (minute - 1) * HOUR / 60, minute * HOUR / 60, int(1)));
        apply(&mut store, minute * HOUR / 60, points.collect());
    }
    let held: usize = store.series().iter().map(Series::memory).sum();
    assert!(held as u64 <= limit + limit / 8, "{held}");
    assert!(store.losses().refused > 0 && store.losses().shortened > 0, "{:?}", store.losses());
    assert_eq!(value(&store, 0), Value::Number(Number::Int(199)), "totals stay right");
}

#[test]
fn what_tells_series_apart_comes_first() {
    let mut store = MetricStore::default();
    let counter = metric("tokens", MetricKind::Sum(Temporality::Delta, true));
    for kind in ["input", "output"] {
        let mut point = point(&counter, kind, 1, 2, int(1));
        point.attributes.insert(0, ("a".to_owned(), AttributeValue::Int(1)));
        apply(&mut store, 3, vec![point]);
    }
    assert_eq!(store.label(&store.series()[1]), "type=output a=1");
}

proptest! {
    #[test]
    fn any_points_leave_finite_totals_and_charts(
        numbers in prop::collection::vec((0_i64..4, any::<i64>(), any::<i64>(), any::<i64>(), any::<f64>()), 0..60)
    ) {
        let mut store = MetricStore::new(MetricLimits { series: 8, bytes: 20_000 });
        let kinds = [
            MetricKind::Gauge,
            MetricKind::Sum(Temporality::Cumulative, true),
            MetricKind::Sum(Temporality::Delta, false),
            MetricKind::Summary,
        ];
        for (kind, start, time, received, number) in numbers {
            let metric = metric("m", kinds[kind as usize]);
            let data = if kind == 3 { PointData::Summary(1, number, vec![(0.5, number)]) } else { PointData::Number(Number::Float(number)) };
            apply(&mut store, received.saturating_abs(), vec![point(&metric, "a", start, time, data)]);
        }
        for series in store.series() {
            let chart = series.chart(store.chart_end(0), 60);
            prop_assert_eq!(chart.len(), 60);
            prop_assert!(!series.chart(Nanos::MAX, 7).contains(&Some(f64::NAN)));
        }
    }
}
