//! What people and judges say of runs: approvals and evaluations. Agno keeps them in tables beside the traces.

use super::Nanos;

/// Everything that a source knows of reviews. It replaces what the source knew before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reviews {
    /// The approvals.
    pub approvals: Vec<Approval>,
    /// The evaluations of runs.
    pub evaluations: Vec<Evaluation>,
}

/// A person is asked whether a run may call a tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// Its id.
    pub id: Box<str>,
    /// The id of the run.
    pub run: Box<str>,
    /// The answer: `pending`, `approved`, `rejected` and so on.
    pub status: Box<str>,
    /// Whether the run waits for the answer.
    pub waits: bool,
    /// The tool.
    pub tool: Box<str>,
    /// The arguments of the call, as JSON; of long ones the beginning.
    pub arguments: Box<str>,
    /// When it was asked.
    pub asked: Option<Nanos>,
    /// When it was answered.
    pub answered: Option<Nanos>,
    /// Who answered.
    pub answered_by: Box<str>,
}

/// A judgement of one or more runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Its kind: `accuracy`, `agent_as_judge` and so on.
    pub kind: Box<str>,
    /// Its name; empty if it has none.
    pub name: Box<str>,
    /// The judgements of single runs.
    pub verdicts: Vec<Verdict>,
}

/// The judgement of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The id of the run, or of the session that holds nothing else.
    pub subject: Box<str>,
    /// The score, on the scale of the evaluation.
    pub score: Option<f64>,
    /// Whether the run passed.
    pub passed: Option<bool>,
}

/// What the record of a run or of a session states, beside the spans.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RunMetrics {
    /// Input tokens.
    pub input: Option<u64>,
    /// Output tokens.
    pub output: Option<u64>,
    /// The cost in US dollars.
    pub cost_usd: Option<f64>,
    /// The time to the first token of a run, in nanoseconds.
    pub first_token: Option<Nanos>,
}
