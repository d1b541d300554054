//! Spans and traces as one flat record each: the fields that programs read, whose names and meaning stay.
//!
//! Times are RFC 3339 in UTC, durations milliseconds, money US dollars. What is not known is `null`.

use chrono::{DateTime, SecondsFormat};
use serde::{Serialize, Serializer};

use crate::model::{Nanos, SpanId, SpanType, TraceId};
use crate::store::{By, Phase, RowIx, RunStatus, Store, Symbol, Totals, TraceIx};

/// Tokens and money. Tokens in include what came from a cache or went into one; tokens out include reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct UsageRecord {
    /// Tokens in.
    pub input_tokens: Option<u64>,
    /// The part of them that came from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// The part of them that was written to the provider's cache.
    pub cache_write_tokens: Option<u64>,
    /// Tokens out.
    pub output_tokens: Option<u64>,
    /// The part of them that was reasoning.
    pub reasoning_tokens: Option<u64>,
    /// What it cost.
    pub cost_usd: Option<f64>,
}

impl UsageRecord {
    /// What the row itself states.
    #[must_use]
    pub fn of_row(store: &Store, row: RowIx) -> Self {
        let Some(usage) = store.usage(row) else { return Self::default() };
        let count = |count: Option<u32>| count.map(u64::from);
        Self {
            input_tokens: count(usage.input),
            cached_tokens: count(usage.cache_read),
            cache_write_tokens: count(usage.cache_write),
            output_tokens: count(usage.output),
            reasoning_tokens: count(usage.reasoning),
            cost_usd: usage.cost.map(dollars),
        }
    }

    /// A sum over rows. A part of tokens in or out that comes to nothing is not known: a sum does not say whether anybody stated it.
    #[must_use]
    pub fn of_totals(totals: &Totals) -> Self {
        let part = |count| (count > 0).then_some(count);
        Self {
            input_tokens: (totals.inputs > 0).then_some(totals.input),
            cached_tokens: part(totals.cache_read),
            cache_write_tokens: part(totals.cache_write),
            output_tokens: (totals.outputs > 0).then_some(totals.output),
            reasoning_tokens: part(totals.reasoning),
            cost_usd: totals.cost().map(dollars),
        }
    }
}

/// A span without its attributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpanRecord {
    /// The trace that it belongs to, 32 hex digits.
    #[serde(serialize_with = "display")]
    pub trace_id: TraceId,
    /// Its id, 16 hex digits.
    #[serde(serialize_with = "display")]
    pub span_id: SpanId,
    /// The span that it says it runs under.
    #[serde(serialize_with = "display_some")]
    pub parent_id: Option<SpanId>,
    /// Its name, as it came; empty (null) of a span of which only the id is known.
    #[serde(serialize_with = "filled")]
    pub name: String,
    /// What it does: `agent`, `model`, `tool` and so on.
    #[serde(serialize_with = "kind")]
    pub kind: SpanType,
    /// `ok`, `error`, `running` or `lost`; of this very span.
    #[serde(serialize_with = "standing")]
    pub status: RunStatus,
    /// The beginning of what went wrong.
    pub error: Option<String>,
    /// When it began.
    #[serde(serialize_with = "time")]
    pub start: Nanos,
    /// When it ended; `None` while it runs.
    #[serde(serialize_with = "time_some")]
    pub end: Option<Nanos>,
    /// How long it took, in milliseconds; `None` while it runs.
    pub duration_ms: Option<f64>,
    /// The part of it in which no span under it ran.
    pub self_ms: Option<f64>,
    /// The agent, team or workflow that it is or runs under.
    pub agent: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// Who serves the model.
    pub provider: Option<String>,
    /// The tool's name.
    pub tool: Option<String>,
    /// The conversation, of this span or of one above it.
    pub session: Option<String>,
    /// The person the agent works for, likewise.
    pub user: Option<String>,
    /// What this very span states; the same call may be stated by a span above it too.
    #[serde(flatten)]
    pub usage: UsageRecord,
}

impl SpanRecord {
    /// A span of which little is known.
    #[must_use]
    pub fn new(trace_id: TraceId, span_id: SpanId, name: impl Into<String>, start: Nanos, end: Option<Nanos>) -> Self {
        Self {
            trace_id,
            span_id,
            parent_id: None,
            name: name.into(),
            kind: SpanType::Other,
            status: if end.is_some() { RunStatus::Ok } else { RunStatus::Running },
            error: None,
            start,
            end,
            duration_ms: end.and_then(|end| lasted(start, end)),
            self_ms: None,
            agent: None,
            model: None,
            provider: None,
            tool: None,
            session: None,
            user: None,
            usage: UsageRecord::default(),
        }
    }

    /// The span of a row.
    #[must_use]
    pub fn of(store: &Store, row: RowIx) -> Self {
        let data = store.row(row);
        let text = |symbol: Symbol| some(store.text(symbol));
        let end = (data.phase == Phase::Ended).then_some(data.end);
        Self {
            parent_id: store.stated_parent(row),
            kind: data.span_type,
            status: data.run_status(),
            error: text(data.error),
            self_ms: end.filter(|end| *end >= data.start).map(|end| millis(store.own_time(row, end))),
            agent: text(store.agent(row)),
            model: text(store.label(By::Model, row)),
            provider: text(store.provider(row)),
            tool: text(store.label(By::Tool, row)),
            session: text(store.inherited(row, |data| data.session)),
            user: text(store.inherited(row, |data| data.user)),
            usage: UsageRecord::of_row(store, row),
            ..Self::new(store.trace(data.trace()).id, data.id, store.text(data.name), data.start, end)
        }
    }
}

/// A trace: its time, its sums, and what its top says of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceRecord {
    /// What a person calls the source that it came from.
    pub source: String,
    /// Its id, 32 hex digits.
    #[serde(serialize_with = "display")]
    pub trace_id: TraceId,
    /// The name of the span at its top.
    #[serde(serialize_with = "filled")]
    pub name: String,
    /// `error` if any span failed, `running` while any runs, else `ok` or `lost`.
    #[serde(serialize_with = "standing")]
    pub status: RunStatus,
    /// The earliest start of its spans.
    #[serde(serialize_with = "time")]
    pub start: Nanos,
    /// The latest end of its spans; `None` while it runs.
    #[serde(serialize_with = "time_some")]
    pub end: Option<Nanos>,
    /// From the first start to the last end, in milliseconds; `None` while it runs.
    pub duration_ms: Option<f64>,
    /// Spans that came.
    pub spans: u32,
    /// Spans that failed.
    pub errors: u32,
    /// The agent, team or workflow at its top.
    pub agent: Option<String>,
    /// The conversation that the first span with one names.
    pub session: Option<String>,
    /// The person that the first span with one names.
    pub user: Option<String>,
    /// Each call counted once.
    #[serde(flatten)]
    pub usage: UsageRecord,
}

impl TraceRecord {
    /// A trace of the store; `source` is the name of the source that it came from.
    #[must_use]
    pub fn of(store: &Store, trace: TraceIx, source: &str) -> Self {
        let data = store.trace(trace);
        let totals = store.totals_of(trace);
        let end = (totals.running == 0).then_some(data.end);
        let first = |fact: &dyn Fn(RowIx) -> Symbol| {
            let text = store.walk(trace).map(|(row, _)| fact(row)).find(|text| !text.is_empty())?;
            some(store.text(text))
        };
        let top = data.roots().first();
        Self {
            source: source.to_owned(),
            trace_id: data.id,
            name: top.map_or_else(String::new, |&top| store.text(store.row(top).name).to_owned()),
            status: data.run_status(),
            start: data.start,
            end,
            duration_ms: end.and_then(|end| lasted(data.start, end)),
            spans: totals.spans,
            errors: totals.errors,
            agent: first(&|row| store.agent(row)),
            session: first(&|row| store.row(row).session),
            user: first(&|row| store.row(row).user),
            usage: UsageRecord::of_totals(&totals),
        }
    }
}

/// Milliseconds between two times; not known where a jumping clock put the end before the start.
fn lasted(start: Nanos, end: Nanos) -> Option<f64> {
    let lasted = end.saturating_sub(start);
    (lasted >= 0).then(|| millis(lasted))
}

/// Nanoseconds as milliseconds.
#[must_use]
pub fn millis(nanos: Nanos) -> f64 {
    nanos as f64 / 1e6
}

fn dollars(cost: crate::model::usage::NanoUsd) -> f64 {
    cost as f64 / 1e9
}

/// A time in RFC 3339, UTC, as exact as it is known.
#[must_use]
pub fn rfc3339(time: Nanos) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A status' name in records.
#[must_use]
pub fn status_name(standing: RunStatus) -> &'static str {
    match standing {
        RunStatus::Error => "error",
        RunStatus::Running => "running",
        RunStatus::Lost => "lost",
        RunStatus::Ok => "ok",
    }
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn display<S: Serializer>(id: &impl std::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

#[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn display_some<S: Serializer>(id: &Option<SpanId>, serializer: S) -> Result<S::Ok, S::Error> {
    id.map(|id| id.to_string()).serialize(serializer)
}

fn filled<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    Some(text).filter(|text| !text.is_empty()).serialize(serializer)
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn kind<S: Serializer>(kind: &SpanType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn standing<S: Serializer>(standing: &RunStatus, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status_name(*standing))
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn time<S: Serializer>(time: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

#[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn time_some<S: Serializer>(time: &Option<Nanos>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(rfc3339).serialize(serializer)
}

#[cfg(test)]
mod tests;
