//! Logs and metrics in OTLP/JSON.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::span::time;
use super::value::{AnyValue, KeyValue, attributes, read, value};
use crate::model::{Event, SpanId, TraceId};
use crate::sources::otlp::signals::Record;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logs<'a> {
    #[serde(borrow)]
    resource_logs: Option<Vec<ResourceLogs<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceLogs<'a> {
    #[serde(borrow)]
    scope_logs: Option<Vec<ScopeLogs<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ScopeLogs<'a> {
    #[serde(borrow)]
    log_records: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogRecord<'a> {
    trace_id: Option<String>,
    span_id: Option<String>,
    event_name: Option<String>,
    #[serde(borrow)]
    time_unix_nano: Option<&'a RawValue>,
    #[serde(borrow)]
    observed_time_unix_nano: Option<&'a RawValue>,
    #[serde(borrow)]
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(borrow)]
    body: Option<AnyValue<'a>>,
}

/// Reads a request, hands out the records that name a span, and returns how many there are in all. A record that can't be read
/// counts and is not handed out.
pub(in crate::sources::otlp) fn logs(text: &str, mut each: impl FnMut(Record)) -> Result<u64, String> {
    let logs: Logs<'_> = read(text)?;
    let mut count = 0;
    let scopes = logs.resource_logs.unwrap_or_default().into_iter().flat_map(|logs| logs.scope_logs.unwrap_or_default());
    for raw in scopes.flat_map(|scope| scope.log_records.unwrap_or_default()) {
        count += 1;
        if let Some(record) = record(raw.get()) {
            each(record);
        }
    }
    Ok(count)
}

fn record(text: &str) -> Option<Record> {
    let wire: LogRecord<'_> = read(text).ok()?;
    let at = |raw| time(raw, "time").ok().flatten();
    Some(Record {
        trace: Some(TraceId::parse(wire.trace_id?.as_bytes())?),
        span: Some(SpanId::parse(wire.span_id?.as_bytes())?),
        event: Event {
            name: wire.event_name.unwrap_or_default(),
            time: at(wire.time_unix_nano).or_else(|| at(wire.observed_time_unix_nano)).unwrap_or(0),
            attributes: attributes(wire.attributes, 0).ok()?,
        },
        body: value(wire.body, 0).ok()?,
        size: text.len(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics {
    resource_metrics: Option<Vec<ResourceMetrics>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceMetrics {
    scope_metrics: Option<Vec<ScopeMetrics>>,
}

#[derive(Deserialize)]
struct ScopeMetrics {
    metrics: Option<Vec<Metric>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    gauge: Option<Points>,
    sum: Option<Points>,
    histogram: Option<Points>,
    exponential_histogram: Option<Points>,
    summary: Option<Points>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Points {
    data_points: Option<Vec<IgnoredAny>>,
}

/// Reads a request and returns how many data points it holds.
pub(in crate::sources::otlp) fn metrics(text: &str) -> Result<u64, String> {
    let metrics: Metrics = read(text)?;
    let scopes = metrics.resource_metrics.unwrap_or_default().into_iter().flat_map(|metrics| metrics.scope_metrics.unwrap_or_default());
    let points = scopes.flat_map(|scope| scope.metrics.unwrap_or_default()).flat_map(|metric| {
        [metric.gauge, metric.sum, metric.histogram, metric.exponential_histogram, metric.summary].into_iter().flatten()
    });
    Ok(points.map(|points| points.data_points.map_or(0, |points| points.len() as u64)).sum())
}
