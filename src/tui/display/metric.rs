//! Values of metrics as text.

use crate::format;
use crate::metrics::{HOUR, MetricLosses, MetricStore, Series, Value};
use crate::model::metric::Number;
use crate::model::{Distribution, Nanos};

/// Returns a number: integers exactly.
#[must_use]
pub fn number(number: Number) -> String {
    match number {
        Number::Int(number) if number < 0 => format!("−{}", format::count(number.unsigned_abs())),
        Number::Int(number) => format::count(number.unsigned_abs()),
        Number::Float(number) => format::decimal(number),
    }
}

/// Returns the value of a series in few cells: the number, the total, or the median and the 95th percentile, which are estimates.
#[must_use]
pub fn value(series: &Series) -> String {
    match series.value() {
        Value::None => format::UNKNOWN.to_owned(),
        Value::Number(value) => number(value),
        Value::Distribution(values) => quantiles(&values),
        Value::Summary(count, _, values) => {
            let of =
                |share: f64| values.iter().find(|(quantile, _)| (quantile - share).abs() < 1e-9).map(|&(_, value)| format::decimal(value));
            match (of(0.5), of(0.95)) {
                (Some(p50), Some(p95)) => format!("p50 {p50} p95 {p95}"),
                _ => format!("n {}", format::count(count)),
            }
        }
    }
}

/// Returns the median and the 95th percentile of a histogram, or their number if the buckets do not tell them.
fn quantiles(values: &Distribution) -> String {
    let of = |share: f64| values.quantile(share).map_or_else(|| format::UNKNOWN.to_owned(), |value| format!("~{}", short(value)));
    match [0.5, 0.95].map(|share| values.quantile(share)) {
        [None, None] => format!("n {}", format::count(values.count)),
        _ => format!("p50 {} p95 {}", of(0.5), of(0.95)),
    }
}

/// Returns an estimate with three significant digits.
#[must_use]
pub fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format::decimal(value);
    }
    let scale = 10_f64.powi(2 - value.abs().log10().floor() as i32);
    let rounded = (value * scale).round() / scale;
    format::decimal(if rounded.is_finite() && rounded != 0.0 { rounded } else { value })
}

/// Returns how much a series counted in its last minute; unknown when it had no point for an hour.
#[must_use]
pub fn rate(series: &Series, now: Nanos) -> String {
    let recent = series.per_minute().filter(|_| now.saturating_sub(series.time) < HOUR);
    recent.map_or_else(|| format::UNKNOWN.to_owned(), |rate| format!("{}/min", short(rate)))
}

/// Returns what the hour is called that charts show. After an hour without a point it is the one that ended with the newest.
#[must_use]
pub fn hour_title(store: &MetricStore, now: Nanos) -> &'static str {
    if store.chart_end(now) == now { "LAST HOUR" } else { "NEWEST HOUR" }
}

/// Returns [`rate`] with the unit of the series.
#[must_use]
pub fn rate_in_unit(series: &Series, now: Nanos) -> String {
    let rate = rate(series, now);
    match (rate.strip_suffix("/min"), series.metric.unit.as_str()) {
        (Some(number), unit) if !unit.is_empty() => format!("{number} {unit}/min"),
        _ => rate,
    }
}

/// Returns the heights of a chart's columns, up to 800; 0 where there is no value.
#[must_use]
pub fn heights(chart: &[Option<f64>]) -> Vec<u64> {
    let values = || chart.iter().flatten().copied();
    let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
    let height = |value: f64| {
        let share = (value - low) / (high - low);
        // Only where nothing came is nothing drawn, except for sums of zero.
        if share.is_finite() { ((share * 800.0) as u64).max(u64::from(value != 0.0)) } else { 0 }
    };
    chart.iter().map(|value| value.map_or(0, height)).collect()
}

/// Says what of the points is not in the series; empty if all are.
#[must_use]
pub fn losses(store: &MetricStore) -> String {
    let MetricLosses { invalid, refused, duplicates, late, shortened, evicted } = store.losses();
    let limit = if store.series().len() >= store.max_series() {
        format!("limit of {} series", format::count(store.max_series() as u64))
    } else {
        "memory limit".to_owned()
    };
    let parts = [
        (refused, format!("{} of other series left out ({limit})", format::plural(refused, "point"))),
        (evicted, format!("{} without points for an hour dropped", plural_series(evicted))),
        (invalid, format!("{} invalid", format::plural(invalid, "point"))),
        (duplicates, format!("{} sent again", format::plural(duplicates, "point"))),
        (late, format!("{} out of order", format::plural(late, "point"))),
        (shortened, format!("{} of charts dropped (memory limit)", format::plural(shortened, "minute"))),
    ];
    parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, text)| text).collect::<Vec<_>>().join(" · ")
}

/// Returns a number of series.
#[must_use]
pub fn plural_series(count: u64) -> String {
    format!("{} series", format::count(count))
}
