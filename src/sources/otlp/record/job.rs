//! What the ingest path gives to the recorder.

use bytes::Bytes;

use crate::model::{Nanos, Span, SpanId, Status, TraceId};

/// A request to record, in protobuf.
#[derive(Debug)]
pub(in crate::sources::otlp) struct WriteJob {
    pub(in crate::sources::otlp) body: Bytes,
    pub(in crate::sources::otlp) spans: Vec<FinishedSpan>,
}

/// The columns of a finished span that come from its row, and its offset in the body.
#[derive(Clone, Debug)]
pub(in crate::sources::otlp) struct FinishedSpan {
    pub(super) offset: usize,
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    pub(super) status: Status,
    pub(super) name: String,
}

impl FinishedSpan {
    /// Copies a finished span; returns `None` for a running one. The payload reference must still be the offset in the body.
    pub(in crate::sources::otlp) fn new(span: &Span, name: &str) -> Option<Self> {
        let &Span { trace, id, parent, start, end, status, payload_ref, .. } = span;
        Some(Self { offset: payload_ref.0 as usize, trace, id, parent, start, end: end?, status, name: name.to_owned() })
    }
}
