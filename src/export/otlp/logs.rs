//! Log records as OTLP: requests of logs in JSON and in protobuf.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord as LogMessage, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use super::json;
use crate::export::{Format, Redactor};
use crate::model::{LogContent, LogRecord};
use crate::otlp::{encode, logs};

/// Writes log records as an `ExportLogsServiceRequest`: a line of JSON, or protobuf, in which requests one after another are one.
///
/// # Errors
///
/// If they can't be written, or if the format has no log records.
pub fn write_logs(records: &[LogRecord], format: Format, out: &mut impl Write) -> io::Result<()> {
    match format {
        Format::Otlp => {
            out.write_all(b"{\"resourceLogs\":")?;
            write_groups(records, out)?;
            out.write_all(b"}\n")
        }
        Format::OtlpProto => {
            let resource_logs = groups(records).map(group).collect();
            out.write_all(&ExportLogsServiceRequest { resource_logs }.encode_to_vec())
        }
        _ => Err(io::Error::other(format!("{} has no log records", format.name()))),
    }
}

/// Returns a log record without the secrets in its texts.
///
/// # Errors
///
/// If the record can't be read.
pub fn redacted_log(record: &LogRecord, redactor: &Redactor) -> io::Result<LogRecord> {
    let mut content = logs::content(&record.encoded).map_err(io::Error::other)?;
    let mut shared = (*record.group).clone();
    redactor.log(&mut content, &mut shared);
    let redacted = LogRecord { group: Arc::new(shared), ..record.clone() };
    let request = ExportLogsServiceRequest { resource_logs: vec![envelope(&redacted, vec![message(&redacted, content)])] };
    let read = logs::records(&Bytes::from(request.encode_to_vec())).map_err(io::Error::other)?;
    // A service that is not stated as text is one by its group only.
    let read = read.into_iter().next().ok_or_else(|| io::Error::other("the record is lost"))?;
    Ok(LogRecord { session: record.session, ..read })
}

/// Writes the `ResourceLogs` messages of records as a JSON list.
pub(super) fn write_groups(records: &[LogRecord], out: &mut impl Write) -> io::Result<()> {
    let mut separator = b"[";
    for records in groups(records) {
        out.write_all(separator)?;
        separator = b",";
        let group = group(records);
        let shared = group.resource.iter().flat_map(|resource| json::non_finite(&resource.attributes));
        let records = group.scope_logs.iter().flat_map(|scope| &scope.log_records);
        let own =
            records.flat_map(|record| json::non_finite_value(record.body.as_ref()).into_iter().chain(json::non_finite(&record.attributes)));
        json::write(&group, shared.chain(own), out)?;
    }
    out.write_all(if separator == b"[" { b"[]" } else { b"]" })
}

/// Returns the parts of consecutive records that share a group.
fn groups(records: &[LogRecord]) -> impl Iterator<Item = &[LogRecord]> {
    records.chunk_by(|one, other| Arc::ptr_eq(&one.group, &other.group) || one.group == other.group)
}

fn group(records: &[LogRecord]) -> ResourceLogs {
    // What can't be read of a record is missing.
    let messages = records.iter().map(|record| message(record, logs::content(&record.encoded).unwrap_or_default())).collect();
    records.first().map(|first| envelope(first, messages)).unwrap_or_default()
}

fn envelope(first: &LogRecord, log_records: Vec<LogMessage>) -> ResourceLogs {
    let resource = Resource { attributes: encode::key_values(first.group.resource.clone()), ..Resource::default() };
    let scope = InstrumentationScope { name: first.group.scope.clone(), ..InstrumentationScope::default() };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records, schema_url: String::new() }];
    ResourceLogs { resource: Some(resource), scope_logs, schema_url: String::new() }
}

fn message(record: &LogRecord, content: LogContent) -> LogMessage {
    let LogContent { severity_text, body, attributes, event_name, times, flags, dropped_attributes } = content;
    LogMessage {
        time_unix_nano: times.0,
        observed_time_unix_nano: times.1,
        severity_number: record.severity.into(),
        severity_text,
        // An empty value: JSON would hold null for none.
        body: Some(encode::value(body)),
        attributes: encode::key_values(attributes),
        dropped_attributes_count: dropped_attributes,
        flags,
        trace_id: record.trace.map(|id| id.bytes().to_vec()).unwrap_or_default(),
        span_id: record.span.map(|id| id.bytes().to_vec()).unwrap_or_default(),
        event_name,
    }
}
