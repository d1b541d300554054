//! The payload of a span: everything beyond its row, read from the source on demand.

use super::review::RunMetrics;
use super::{Attribute, Nanos, SpanId, SpanKind, TraceId};

/// Everything a source knows about a span beyond its row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Payload {
    /// The attributes in stored order.
    pub attributes: Vec<Attribute>,
    /// The events; Agno's databases hold none.
    pub events: Vec<Event>,
    /// The links to other spans; Agno's databases hold none.
    pub links: Vec<Link>,
    /// How much the sender dropped because of its own limits.
    pub dropped: Dropped,
    /// The complete status message.
    pub status_message: String,
    /// The attributes of the resource: the program that made the span.
    pub resource: Vec<Attribute>,
    /// The name and the version of the instrumentation scope.
    pub scope: (String, String),
    /// The attributes of the instrumentation scope.
    pub scope_attributes: Vec<Attribute>,
    /// The span kind.
    pub span_kind: SpanKind,
    /// The W3C `tracestate`.
    pub trace_state: String,
    /// The flags of OTLP: those of the trace, and whether the parent is in another process.
    pub flags: u32,
    /// What else the source knows about the span or its trace, for display: name and value.
    pub notes: Vec<(String, String)>,
    /// What the record of the run states that the span is, if the source has one.
    pub run_metrics: Option<RunMetrics>,
    /// What the record of its session states, over all runs.
    pub session_metrics: Option<RunMetrics>,
}

/// How much memory payloads take that are held in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadMemory {
    /// The bytes that their spans count for: those that arrived.
    pub counted: u64,
    /// The bytes of memory: more where parts of requests are of no use any more, less where they are compressed.
    pub taken: u64,
}

impl PayloadMemory {
    /// Returns the memory in bytes once the spans count for `counted` bytes: what goes takes its share with it, what comes is not compressed yet.
    #[must_use]
    pub fn estimate(self, counted: u64) -> u64 {
        if counted < self.counted {
            (u128::from(self.taken) * u128::from(counted) / u128::from(self.counted)) as u64
        } else {
            self.taken + (counted - self.counted)
        }
    }
}

/// A span event.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Its name, such as `exception`.
    pub name: String,
    /// When it happened.
    pub time: Nanos,
    /// Its attributes, such as `exception.type`, `exception.message` and `exception.stacktrace`.
    pub attributes: Vec<Attribute>,
}

/// A link to another span, mostly of another trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The trace of the other span.
    pub trace: TraceId,
    /// The other span.
    pub span: SpanId,
    /// The W3C `tracestate` of the other trace.
    pub trace_state: String,
    /// The attributes of the link.
    pub attributes: Vec<Attribute>,
}

/// How many parts of a span its sender dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Dropped attributes.
    pub attributes: u32,
    /// Dropped events.
    pub events: u32,
    /// Dropped links.
    pub links: u32,
}
