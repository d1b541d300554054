//! A JSON object per trace and line: `{"trace": …, "spans": […]}`, with the dictionaries that `to_dict()` of Agno's `Trace` and `Span`
//! returns and `from_dict()` reads (`agno/tracing/schemas.py`).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use super::{ExportedSpan, SpanWriter, TraceRecord};
use crate::model::Attribute;
use crate::model::attributes::AttributeMap;
use crate::model::time::to_isoformat;
use crate::semconv::{agno_context, stored_attributes};
use crate::store::RunStatus;

#[derive(Debug, Default)]
pub(super) struct Agno {
    /// The trace whose first span is not written yet.
    next: Option<TraceRecord>,
    open: bool,
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names, reason = "these are the keys of the dictionary")]
struct Span<'a> {
    span_id: String,
    trace_id: String,
    parent_span_id: Option<String>,
    name: &'a str,
    span_kind: &'static str,
    status_code: &'static str,
    status_message: Option<&'a str>,
    start_time: String,
    end_time: String,
    duration_ms: i64,
    attributes: AttributeMap<'a>,
    created_at: String,
}

impl<W: Write> SpanWriter<W> for Agno {
    fn trace(&mut self, trace: &TraceRecord, out: &mut W) -> io::Result<()> {
        SpanWriter::<W>::finish(self, out)?;
        self.next = Some(trace.clone());
        Ok(())
    }

    fn span(&mut self, span: ExportedSpan, out: &mut W) -> io::Result<()> {
        if let Some(trace) = self.next.take() {
            out.write_all(b"{\"trace\":")?;
            serde_json::to_writer(&mut *out, &trace_dict(&trace, &span))?;
            out.write_all(b",\"spans\":[")?;
            self.open = true;
        } else {
            out.write_all(b",")?;
        }
        serde_json::to_writer(&mut *out, &span_dict(&span, &stored_attributes(&span.payload)))?;
        Ok(())
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        self.next = None;
        if std::mem::take(&mut self.open) { out.write_all(b"]}\n") } else { Ok(()) }
    }
}

/// Builds a trace as Agno does: its run, session, agent and so on are those of the first span, if that is a root.
fn trace_dict(trace: &TraceRecord, first: &ExportedSpan) -> Value {
    let root = first.record.parent_id.is_none().then_some(&first.payload.attributes);
    let context = |column| root.and_then(|attributes| agno_context(attributes, column));
    let end = trace.end.unwrap_or(trace.start);
    json!({
        "trace_id": trace.trace_id.to_string(),
        "name": trace.name,
        "status": if trace.status == RunStatus::Error { "ERROR" } else { "OK" },
        "start_time": to_isoformat(trace.start),
        "end_time": to_isoformat(end),
        "duration_ms": end.saturating_sub(trace.start).max(0) / 1_000_000,
        "total_spans": trace.spans,
        "error_count": trace.errors,
        "run_id": context("run_id"),
        "session_id": context("session_id"),
        "user_id": context("user_id"),
        "agent_id": context("agent_id"),
        "team_id": context("team_id"),
        "workflow_id": context("workflow_id"),
        "created_at": to_isoformat(end),
    })
}

fn span_dict<'a>(span: &'a ExportedSpan, attributes: &'a [Attribute]) -> Span<'a> {
    let (record, payload) = (&span.record, &span.payload);
    // Agno has no running spans.
    let end = record.end.unwrap_or(record.start);
    Span {
        span_id: record.span_id.to_string(),
        trace_id: record.trace_id.to_string(),
        parent_span_id: record.parent_id.map(|parent| parent.to_string()),
        name: &record.name,
        span_kind: payload.span_kind.or_internal().name(),
        status_code: span.status.name(),
        status_message: Some(payload.status_message.as_str()).filter(|message| !message.is_empty()),
        start_time: to_isoformat(record.start),
        end_time: to_isoformat(end),
        duration_ms: end.saturating_sub(record.start).max(0) / 1_000_000,
        attributes: AttributeMap(attributes),
        created_at: to_isoformat(end),
    }
}
