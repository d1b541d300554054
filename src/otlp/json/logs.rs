//! Decodes log records of OTLP/JSON.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1 as proto;
use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ResourceGroup;
use super::span::{count, id, resource, scope, time};
use super::value::{AnyValue, KeyValue, attributes, parse, unquoted, value};

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
pub(super) struct Logs<'a> {
    #[serde(alias = "resource_logs")]
    resource_logs: Option<Vec<ResourceGroup<'a>>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
struct LogRecord<'a> {
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
    #[serde(alias = "span_id")]
    span_id: Option<String>,
    #[serde(alias = "event_name")]
    event_name: Option<String>,
    #[serde(alias = "time_unix_nano")]
    time_unix_nano: Option<&'a RawValue>,
    #[serde(alias = "observed_time_unix_nano")]
    observed_time_unix_nano: Option<&'a RawValue>,
    #[serde(alias = "severity_number")]
    severity_number: Option<&'a RawValue>,
    #[serde(alias = "severity_text")]
    severity_text: Option<String>,
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(alias = "dropped_attributes_count")]
    dropped_attributes_count: Option<&'a RawValue>,
    flags: Option<&'a RawValue>,
    body: Option<AnyValue<'a>>,
}

/// Encodes an `ExportLogsServiceRequest` as protobuf. An invalid record becomes an empty one, so that it is counted.
pub(super) fn encode(text: &str) -> Result<Vec<u8>, String> {
    let request: Logs<'_> = parse(text)?;
    Ok(encode_groups(request.resource_logs.unwrap_or_default()))
}

/// Encodes the log records of resource groups as an `ExportLogsServiceRequest`.
pub(super) fn encode_groups(groups: Vec<ResourceGroup<'_>>) -> Vec<u8> {
    let resource_logs = groups.into_iter().map(|group| {
        let scopes = group.scopes.unwrap_or_default().into_iter();
        let scope_logs = scopes.map(|group| proto::ScopeLogs {
            scope: Some(scope(group.scope)),
            log_records: group.items.unwrap_or_default().into_iter().map(|raw| record(raw.get()).unwrap_or_default()).collect(),
            ..proto::ScopeLogs::default()
        });
        proto::ResourceLogs { resource: Some(resource(group.resource)), scope_logs: scope_logs.collect(), ..proto::ResourceLogs::default() }
    });
    ExportLogsServiceRequest { resource_logs: resource_logs.collect() }.encode_to_vec()
}

/// Decodes a record. Times and ids that can't be read are none.
fn record(text: &str) -> Result<proto::LogRecord, String> {
    let record: LogRecord<'_> = parse(text)?;
    Ok(proto::LogRecord {
        time_unix_nano: time(record.time_unix_nano, "time").unwrap_or_default(),
        observed_time_unix_nano: time(record.observed_time_unix_nano, "time").unwrap_or_default(),
        severity_number: record.severity_number.map_or(0, severity),
        severity_text: record.severity_text.unwrap_or_default(),
        trace_id: id(&record.trace_id.unwrap_or_default(), "trace").unwrap_or_default(),
        span_id: id(&record.span_id.unwrap_or_default(), "span").unwrap_or_default(),
        event_name: record.event_name.unwrap_or_default(),
        attributes: attributes(record.attributes)?,
        body: record.body.map(|body| value(Some(body))).transpose()?,
        dropped_attributes_count: count(record.dropped_attributes_count),
        flags: count(record.flags),
    })
}

/// Reads a severity: its number, or its name in protobuf's JSON.
fn severity(raw: &RawValue) -> i32 {
    let text = unquoted(raw);
    let named = || proto::SeverityNumber::from_str_name(text).map_or(0, |severity| severity as i32);
    text.parse().unwrap_or_else(|_| named())
}
