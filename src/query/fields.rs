//! The fields of the filter line, and the names of their values.

use crate::model::SpanType;
use crate::store::RunStatus;

/// Every field by name, with help for the user. After `attr.`, the name of an attribute follows, and after `param.` that of a parameter.
pub const FIELDS: [(&str, &str); 38] = [
    ("status", "error, running, paused, cut, lost, ok"),
    ("kind", "agent, team, workflow, step, model, tool, …"),
    ("agent", "the agent's name"),
    ("model", "the model"),
    ("tool", "the tool"),
    ("name", "the span's name, or the one that is shown"),
    ("error", "the status message"),
    ("failure", "the status message, * for what varies"),
    ("session", "the session"),
    ("user", "the user"),
    ("service", "the service that sent the span"),
    ("host", "the machine that sent the span"),
    ("provider", "the model's provider"),
    ("time", "how long it took: >2s, <150ms"),
    ("self", "the time without its children"),
    ("tokens", "input and output: >5k"),
    ("in", "input tokens"),
    ("out", "output tokens"),
    ("cost", "dollars: >0.01"),
    ("cached", "part of the input from the cache: <50%"),
    ("miss", "whether the cache missed the call: yes, no"),
    ("context", "part of the model's window: >80%"),
    ("ttft", "time to the first token: >2s"),
    ("speed", "output tokens per second: <20"),
    ("finish", "why the model stopped: length, stop, …"),
    ("since", "started since: 15m, today, 2026-11-22"),
    ("until", "started until: yesterday"),
    ("trace", "start of the trace id"),
    ("run", "start of the run id"),
    ("text", "anywhere in the payload"),
    ("level", "of a log record: warn, >=warn, error|fatal"),
    ("event", "the event that a log record tells"),
    ("log", "in the body of a log record"),
    ("approval", "of the run: pending, approved, rejected"),
    ("score", "any score of the run: <5, passed, failed"),
    ("score.", "the same by name or kind: score.accuracy:<5"),
    ("param.", "a parameter of the model: param.temperature:>0.5"),
    ("attr.", "an attribute: attr.NAME:value"),
];

/// The fields that only log records have.
pub(super) const LOG_FIELDS: [&str; 3] = ["level", "event", "log"];

/// The former name of the field `time`.
pub(super) const FORMER_TIME: &str = "dur";

/// Returns whether a field has this name, in lower case.
pub(super) fn is_field(name: &str) -> bool {
    name == FORMER_TIME || FIELDS.iter().any(|(field, _)| *field == name)
}

/// Words that users write for a field.
pub(super) const SYNONYMS: [(&str, &str); 17] = [
    ("duration", "time"),
    ("latency", "time"),
    ("elapsed", "time"),
    ("token", "tokens"),
    ("input", "in"),
    ("prompt", "in"),
    ("output", "out"),
    ("completion", "out"),
    ("price", "cost"),
    ("usd", "cost"),
    ("spend", "cost"),
    ("state", "status"),
    ("type", "kind"),
    ("vendor", "provider"),
    ("thread", "session"),
    ("conversation", "session"),
    ("machine", "host"),
];

/// Every status by name.
pub const STATUSES: [(&str, RunStatus); 6] = [
    ("error", RunStatus::Error),
    ("running", RunStatus::Running),
    ("paused", RunStatus::Paused),
    ("cut", RunStatus::Cut),
    ("lost", RunStatus::Lost),
    ("ok", RunStatus::Ok),
];

/// Every kind by name; a kind stands for one or more span types.
pub const KINDS: [(&str, &[SpanType]); 10] = [
    ("agent", &[SpanType::Agent]),
    ("team", &[SpanType::Team]),
    ("workflow", &[SpanType::Workflow]),
    ("step", &[SpanType::Step]),
    ("model", &[SpanType::Model]),
    ("tool", &[SpanType::Tool]),
    ("retriever", &[SpanType::Retriever, SpanType::Reranker]),
    ("embedding", &[SpanType::Embedding]),
    ("guardrail", &[SpanType::Guardrail]),
    ("other", &[SpanType::Other, SpanType::Evaluator, SpanType::Prompt]),
];
