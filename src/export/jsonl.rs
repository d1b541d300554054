//! A JSON object per span and line: the fields of its [`SpanRecord`], then everything else that it states.

use std::io::{self, Write};

use serde::Serialize;

use super::record::rfc3339;
use super::{ExportedSpan, SpanRecord, SpanWriter};
use crate::model::attributes::AttributeMap;
use crate::model::{Event, Link, SpanKind};

#[derive(Debug)]
pub(super) struct Jsonl;

impl<W: Write> SpanWriter<W> for Jsonl {
    fn span(&mut self, mut span: ExportedSpan, out: &mut W) -> io::Result<()> {
        // The file is read as a source, too, where every line needs an id.
        span.record.stated_id = Some(span.record.span_id);
        serde_json::to_writer(&mut *out, &Line::new(&span))?;
        out.write_all(b"\n")
    }
}

/// A line. The fields after `status_code` are omitted if they are empty.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    record: &'a SpanRecord,
    attributes: AttributeMap<'a>,
    events: Vec<EventRecord<'a>>,
    /// `UNSET`, `OK` or `ERROR`, as the sender set it.
    status_code: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    status_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    flags: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<ScopeRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<AttributeMap<'a>>,
}

/// An event of a span as a JSON object.
#[derive(Debug, Serialize)]
pub struct EventRecord<'a> {
    name: &'a str,
    time: String,
    attributes: AttributeMap<'a>,
}

impl<'a> EventRecord<'a> {
    /// Returns the record of an event.
    #[must_use]
    pub fn new(event: &'a Event) -> Self {
        Self { name: &event.name, time: rfc3339(event.time), attributes: AttributeMap(&event.attributes) }
    }
}

#[derive(Serialize)]
struct LinkRecord<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    attributes: AttributeMap<'a>,
}

#[derive(Serialize)]
struct ScopeRecord<'a> {
    name: &'a str,
    version: &'a str,
    attributes: AttributeMap<'a>,
}

impl<'a> Line<'a> {
    fn new(span: &'a ExportedSpan) -> Self {
        let payload = &span.payload;
        let (name, version) = &payload.scope;
        let scope = ScopeRecord { name, version, attributes: AttributeMap(&payload.scope_attributes) };
        Self {
            record: &span.record,
            attributes: AttributeMap(&payload.attributes),
            events: payload.events.iter().map(EventRecord::new).collect(),
            status_code: span.status.name(),
            status_message: &payload.status_message,
            span_kind: (payload.span_kind != SpanKind::Unspecified).then(|| payload.span_kind.name()),
            trace_state: &payload.trace_state,
            flags: payload.flags,
            links: payload.links.iter().map(link).collect(),
            scope: (!name.is_empty() || !version.is_empty() || !payload.scope_attributes.is_empty()).then_some(scope),
            resource: (!payload.resource.is_empty()).then_some(AttributeMap(&payload.resource)),
        }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(flags: &u32) -> bool {
    *flags == 0
}

fn link(link: &Link) -> LinkRecord<'_> {
    LinkRecord {
        trace_id: link.trace.to_string(),
        span_id: link.span.to_string(),
        trace_state: &link.trace_state,
        attributes: AttributeMap(&link.attributes),
    }
}
