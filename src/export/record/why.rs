//! Records of what stands out in a trace.

use serde::Serialize;

use super::millis;
use super::text::{display, display_all};
use crate::model::{Nanos, SpanId, TraceId};
use crate::store::{RowIx, Store, TraceIx};
use crate::why::{self, Finding, Why};

/// Something that stands out in a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingRecord {
    /// What it is about: `failure`, `loop`, `slow` and so on.
    pub cause: &'static str,
    /// One sentence.
    pub sentence: String,
    /// The spans that it rests on; the first is the one to look at.
    #[serde(serialize_with = "display_all")]
    pub spans: Vec<SpanId>,
}

impl FindingRecord {
    /// Returns the record of a finding.
    #[must_use]
    pub fn new(store: &Store, finding: &Finding) -> Self {
        let spans = finding.rows.iter().map(|&row| store.row(row).id).collect();
        Self { cause: finding.cause.name(), sentence: finding.sentence.clone(), spans }
    }
}

/// A step on the critical path of a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepRecord {
    /// The span id.
    #[serde(serialize_with = "display")]
    pub span_id: SpanId,
    /// The kind and the name: `tool look_up`.
    pub name: String,
    /// The time in milliseconds in which the step decided: while no step below it on the path ran.
    pub ms: f64,
}

/// What stands out in a trace, and what decided its time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhyRecord {
    /// The trace id: 32 hex digits.
    #[serde(serialize_with = "display")]
    pub trace_id: TraceId,
    /// What stands out, the most important first.
    pub findings: Vec<FindingRecord>,
    /// The steps on the critical path, the one that decided the most time first.
    pub critical_path: Vec<StepRecord>,
    /// The findings that were left out: less important than others with the same cause, of which there are many.
    pub left_out: usize,
    /// Whether the trace is so large that only its first spans were analysed.
    pub truncated: bool,
}

impl WhyRecord {
    /// Returns what stands out in a trace up to `now`.
    #[must_use]
    pub fn new(store: &Store, trace: TraceIx, now: Nanos) -> Self {
        let Why { findings, times, left_out, is_truncated } = why::why(store, trace, now);
        let step = |(row, time): (RowIx, Nanos)| StepRecord { span_id: store.row(row).id, name: why::name(store, row), ms: millis(time) };
        Self {
            trace_id: store.trace(trace).id,
            findings: findings.iter().map(|finding| FindingRecord::new(store, finding)).collect(),
            critical_path: times.into_iter().map(step).collect(),
            left_out,
            truncated: is_truncated,
        }
    }
}
