//! OTLP: one trace export request, in JSON or in protobuf. In JSON, log records stand beside the spans.
//!
//! Consecutive spans with equal resource and scope share a group. OTLP has no times before 1970: such a time becomes 0.

mod json;
mod logs;

pub use logs::{redacted_log, write_logs};

use std::io::{self, Write};

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;

use super::{ExportedSpan, SpanWriter};
use crate::model::LogRecord;
use crate::otlp::encode::{SpanData, SpanMessages, TracesEncoder};

impl From<ExportedSpan> for SpanMessages {
    fn from(span: ExportedSpan) -> Self {
        let ExportedSpan { record, status, depth: _, payload } = span;
        let data = SpanData {
            trace: record.trace_id,
            id: record.span_id,
            parent: record.parent_id,
            start: record.start,
            end: record.end,
            status,
            name: record.name,
            payload,
        };
        data.into()
    }
}

/// Writes OTLP/JSON: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.
#[derive(Debug, Default)]
pub(super) struct OtlpJson {
    /// The resource and the scope of the open group.
    group: Option<(Resource, InstrumentationScope)>,
    /// The log records, which follow the spans.
    logs: Vec<LogRecord>,
}

impl<W: Write> SpanWriter<W> for OtlpJson {
    fn span(&mut self, span: ExportedSpan, out: &mut W) -> io::Result<()> {
        let SpanMessages { resource, scope, span } = span.into();
        match &self.group {
            Some(open) if open.0 == resource && open.1 == scope => out.write_all(b",")?,
            Some(open) if open.0 == resource => {
                out.write_all(b"]},")?;
                open_scope(&scope, out)?;
            }
            open => {
                out.write_all(if open.is_some() { b"]}]}," } else { b"{\"resourceSpans\":[" })?;
                out.write_all(b"{\"resource\":")?;
                json::write(&resource, json::non_finite(&resource.attributes), out)?;
                out.write_all(b",\"scopeSpans\":[")?;
                open_scope(&scope, out)?;
            }
        }
        self.group = Some((resource, scope));
        // The order in which `Span` serializes its fields.
        let events = span.events.iter().flat_map(|event| json::non_finite(&event.attributes));
        let links = span.links.iter().flat_map(|link| json::non_finite(&link.attributes));
        json::write(&span, json::non_finite(&span.attributes).into_iter().chain(events).chain(links), out)
    }

    fn holds_logs(&self) -> bool {
        true
    }

    fn log(&mut self, record: LogRecord) {
        self.logs.push(record);
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.group.is_some() { b"]}]}]" } else { b"{\"resourceSpans\":[]" })?;
        if !self.logs.is_empty() {
            out.write_all(b",\"resourceLogs\":")?;
            logs::write_groups(&self.logs, out)?;
        }
        out.write_all(b"}\n")
    }
}

fn open_scope(scope: &InstrumentationScope, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"scope\":")?;
    json::write(scope, json::non_finite(&scope.attributes), out)?;
    out.write_all(b",\"spans\":[")
}

/// Writes `TracesData` in protobuf, which on the wire is an `ExportTraceServiceRequest`.
#[derive(Debug, Default)]
pub(super) struct OtlpProto {
    encoder: TracesEncoder,
    encoded: Vec<u8>,
}

impl<W: Write> SpanWriter<W> for OtlpProto {
    fn span(&mut self, span: ExportedSpan, out: &mut W) -> io::Result<()> {
        self.encoder.push_messages(span.into(), &mut self.encoded);
        self.write(out)
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        self.encoder.flush(&mut self.encoded);
        self.write(out)
    }
}

impl OtlpProto {
    fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.encoded)?;
        self.encoded.clear();
        Ok(())
    }
}
