//! Records of what Agno keeps beside the spans: approvals, runs and evaluations.

use serde::Serialize;

use super::millis;
use super::text::{display, non_empty, time_some};
use crate::model::review::RunMetrics;
use crate::model::{Nanos, SpanId};
use crate::store::{RowIx, Store};

/// A question whether a run may call a tool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApprovalRecord {
    /// The span of the run.
    #[serde(serialize_with = "display")]
    pub span_id: SpanId,
    /// The answer: `pending`, `approved`, `rejected` and so on.
    pub status: String,
    /// Whether the run waits for the answer.
    pub waits: bool,
    /// The tool.
    pub tool: String,
    /// The beginning of the arguments as JSON.
    pub arguments: Option<String>,
    /// When it was asked.
    #[serde(serialize_with = "time_some")]
    pub asked: Option<Nanos>,
    /// When it was answered.
    #[serde(serialize_with = "time_some")]
    pub answered: Option<Nanos>,
    /// Who answered.
    pub answered_by: Option<String>,
}

impl ApprovalRecord {
    /// Returns the approvals of the run that a row is.
    pub fn of(store: &Store, row: RowIx) -> impl Iterator<Item = Self> {
        let waits = store.awaited(row).is_some();
        store.approvals(row).map(move |approval| Self {
            span_id: store.row(row).id,
            status: approval.status.to_string(),
            waits: approval.waits && waits,
            tool: approval.tool.to_string(),
            arguments: non_empty(&approval.arguments),
            asked: approval.asked,
            answered: approval.answered,
            answered_by: non_empty(&approval.answered_by),
        })
    }
}

/// What the record of a run states, which Agno keeps beside the spans.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StoredRunRecord {
    /// Input tokens.
    pub input_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// The cost in US dollars.
    pub cost_usd: Option<f64>,
    /// The time to the first token of the run, in milliseconds.
    pub first_token_ms: Option<f64>,
}

impl From<RunMetrics> for StoredRunRecord {
    fn from(metrics: RunMetrics) -> Self {
        let RunMetrics { input, output, cost_usd, first_token } = metrics;
        Self { input_tokens: input, output_tokens: output, cost_usd, first_token_ms: first_token.map(millis) }
    }
}

/// A judgement of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreRecord {
    /// The span of the run.
    #[serde(serialize_with = "display")]
    pub span_id: SpanId,
    /// The kind of the evaluation.
    pub kind: String,
    /// The name of the evaluation.
    pub name: Option<String>,
    /// The score, on the scale of the evaluation.
    pub score: Option<f64>,
    /// Whether the run passed.
    pub passed: Option<bool>,
}

impl ScoreRecord {
    /// Returns the scores of the run that a row is.
    pub fn of(store: &Store, row: RowIx) -> impl Iterator<Item = Self> {
        store.scores(row).map(move |score| Self {
            span_id: store.row(row).id,
            kind: score.kind.to_string(),
            name: non_empty(&score.name),
            score: score.value,
            passed: score.passed,
        })
    }
}
