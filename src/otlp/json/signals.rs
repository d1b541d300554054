//! Decodes logs and metrics of OTLP/JSON, as far as they are read: log records that may be events of a span, and the number of data points.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::logs::v1 as logs;
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use prost::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::ResourceGroup;
use super::span::{id, time};
use super::value::{AnyValue, KeyValue, attributes, parse, value};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logs<'a> {
    #[serde(borrow)]
    resource_logs: Option<Vec<ResourceGroup<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics<'a> {
    #[serde(borrow)]
    resource_metrics: Option<Vec<ResourceGroup<'a>>>,
}

/// Returns the log records or metrics of all groups.
fn items(groups: Option<Vec<ResourceGroup<'_>>>) -> impl Iterator<Item = &RawValue> {
    let scopes = groups.into_iter().flatten().flat_map(|group| group.scopes.unwrap_or_default());
    scopes.flat_map(|scope| scope.items.unwrap_or_default())
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
    let log_records = items(request.resource_logs).map(|raw| log_record(raw.get()).unwrap_or_default()).collect();
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
    let request: Metrics<'_> = parse(text)?;
    let mut count = 0;
    for raw in items(request.resource_metrics) {
        let Metric { gauge, sum, histogram, exponential_histogram, summary } = parse(raw.get())?;
        let kinds = [gauge, sum, histogram, exponential_histogram, summary].into_iter().flatten();
        count += kinds.map(|points| points.data_points.map_or(0, |points| points.len())).sum::<usize>();
    }
    let gauge = metrics::Gauge { data_points: vec![metrics::NumberDataPoint::default(); count] };
    let metric = metrics::Metric { data: Some(metrics::metric::Data::Gauge(gauge)), ..metrics::Metric::default() };
    let scope_metrics = vec![metrics::ScopeMetrics { metrics: vec![metric], ..metrics::ScopeMetrics::default() }];
    let resource_metrics = vec![metrics::ResourceMetrics { scope_metrics, ..metrics::ResourceMetrics::default() }];
    Ok(ExportMetricsServiceRequest { resource_metrics }.encode_to_vec())
}
