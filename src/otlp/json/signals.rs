//! Decodes logs and metrics of OTLP/JSON, as far as they are read: log records that may be events of a span, and the number of data points.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::logs::v1 as logs;
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use prost::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::span::{id, time};
use super::value::{AnyValue, KeyValue, attributes, parse, value};

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
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
struct LogRecord<'a> {
    trace_id: Option<String>,
    span_id: Option<String>,
    event_name: Option<String>,
    time_unix_nano: Option<&'a RawValue>,
    observed_time_unix_nano: Option<&'a RawValue>,
    attributes: Option<Vec<KeyValue<'a>>>,
    body: Option<AnyValue<'a>>,
}

/// Encodes an `ExportLogsServiceRequest` as protobuf. An invalid record becomes an empty one, so that it is counted.
pub(super) fn encode_logs(text: &str) -> Result<Vec<u8>, String> {
    let request: Logs<'_> = parse(text)?;
    let scopes = request.resource_logs.unwrap_or_default().into_iter().flat_map(|logs| logs.scope_logs.unwrap_or_default());
    let records = scopes.flat_map(|scope| scope.log_records.unwrap_or_default());
    let log_records = records.map(|raw| log_record(raw.get()).unwrap_or_default()).collect();
    let scope_logs = vec![logs::ScopeLogs { log_records, ..logs::ScopeLogs::default() }];
    let resource_logs = vec![logs::ResourceLogs { scope_logs, ..logs::ResourceLogs::default() }];
    Ok(ExportLogsServiceRequest { resource_logs }.encode_to_vec())
}

fn log_record(text: &str) -> Result<logs::LogRecord, String> {
    let record: LogRecord<'_> = parse(text)?;
    Ok(logs::LogRecord {
        time_unix_nano: time(record.time_unix_nano, "time").unwrap_or_default(),
        observed_time_unix_nano: time(record.observed_time_unix_nano, "time").unwrap_or_default(),
        trace_id: id(&record.trace_id.unwrap_or_default(), "trace")?,
        span_id: id(&record.span_id.unwrap_or_default(), "span")?,
        event_name: record.event_name.unwrap_or_default(),
        attributes: attributes(record.attributes)?,
        body: record.body.map(|body| value(Some(body))).transpose()?,
        ..logs::LogRecord::default()
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
    gauge: Option<DataPoints>,
    sum: Option<DataPoints>,
    histogram: Option<DataPoints>,
    exponential_histogram: Option<DataPoints>,
    summary: Option<DataPoints>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataPoints {
    data_points: Option<Vec<IgnoredAny>>,
}

/// Encodes an `ExportMetricsServiceRequest` as protobuf, with as many data points, all of them empty.
pub(super) fn encode_metrics(text: &str) -> Result<Vec<u8>, String> {
    let request: Metrics = parse(text)?;
    let scopes = request.resource_metrics.unwrap_or_default().into_iter().flat_map(|metrics| metrics.scope_metrics.unwrap_or_default());
    let points = scopes.flat_map(|scope| scope.metrics.unwrap_or_default()).flat_map(|metric| {
        [metric.gauge, metric.sum, metric.histogram, metric.exponential_histogram, metric.summary].into_iter().flatten()
    });
    let count = points.map(|points| points.data_points.map_or(0, |points| points.len())).sum();
    let gauge = metrics::Gauge { data_points: vec![metrics::NumberDataPoint::default(); count] };
    let metric = metrics::Metric { data: Some(metrics::metric::Data::Gauge(gauge)), ..metrics::Metric::default() };
    let scope_metrics = vec![metrics::ScopeMetrics { metrics: vec![metric], ..metrics::ScopeMetrics::default() }];
    let resource_metrics = vec![metrics::ResourceMetrics { scope_metrics, ..metrics::ResourceMetrics::default() }];
    Ok(ExportMetricsServiceRequest { resource_metrics }.encode_to_vec())
}
