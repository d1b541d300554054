//! Spans and traces as flat records. Programs read their fields, so the names and meanings are stable.
//!
//! Times are RFC 3339 in UTC, durations are in milliseconds, costs in US dollars. An unknown value is `null`.

mod review;
mod text;
mod why;

pub use review::{ApprovalRecord, ScoreRecord, StoredRunRecord};
pub use text::{rfc3339, status_name};
pub use why::{FindingRecord, StepRecord, WhyRecord};

use serde::Serialize;
use text::{display, display_all, display_some, kind, non_empty, non_empty_text, status, time, time_some};

use crate::format;
use crate::model::{Nanos, SpanId, SpanType, TraceId};
use crate::store::{By, Phase, RowIx, RunStatus, Store, Symbol, Totals, TraceIx};

/// Tokens and cost. Input tokens include cached ones; output tokens include reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct UsageRecord {
    /// Input tokens.
    pub input_tokens: Option<u64>,
    /// Input tokens read from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// Input tokens written to the provider's cache.
    pub cache_write_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// Output tokens spent on reasoning.
    pub reasoning_tokens: Option<u64>,
    /// The cost in US dollars.
    pub cost_usd: Option<f64>,
    /// Whether cached tokens are missing from a call whose provider counts them apart. Its input may then be higher.
    pub cache_unstated: bool,
    /// Whether the cost is a lower bound: the cost of a call is unknown, or was computed without some of its tokens.
    pub cost_incomplete: bool,
    /// Whether the tokens are lower bounds: a total holds more than they do, or requests that made up a call state nothing.
    pub tokens_incomplete: bool,
}

impl UsageRecord {
    /// Returns the usage that the row itself states.
    #[must_use]
    pub fn from_row(store: &Store, row: RowIx) -> Self {
        let Some(usage) = store.usage(row) else { return Self::default() };
        let count = |count: Option<u32>| count.map(u64::from);
        Self {
            input_tokens: count(usage.input),
            cached_tokens: count(usage.cache_read),
            cache_write_tokens: count(usage.cache_write),
            output_tokens: count(usage.output),
            reasoning_tokens: count(usage.reasoning),
            cost_usd: usage.cost.map(dollars),
            cache_unstated: usage.cache_unstated,
            cost_incomplete: (usage.cache_unstated || store.are_tokens_incomplete(row))
                && usage.cost.is_some()
                && store.quote(row).is_some(),
            tokens_incomplete: store.are_tokens_incomplete(row),
        }
    }

    /// Returns a sum over rows. Cached and reasoning tokens are unknown if their sum is 0, which may mean that no row states them.
    #[must_use]
    pub fn from_totals(totals: &Totals) -> Self {
        let part = |count| (count > 0).then_some(count);
        Self {
            input_tokens: (totals.inputs > 0 || totals.input > 0).then_some(totals.input),
            cached_tokens: part(totals.cache_read),
            cache_write_tokens: part(totals.cache_write),
            output_tokens: (totals.outputs > 0 || totals.output > 0).then_some(totals.output),
            reasoning_tokens: part(totals.reasoning),
            cost_usd: totals.cost().map(dollars),
            cache_unstated: totals.cache_unstated > 0,
            cost_incomplete: totals.is_cost_incomplete(),
            tokens_incomplete: totals.are_tokens_incomplete() && totals.tokens().is_some(),
        }
    }
}

/// How a model answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AnswerRecord {
    /// The model that was asked for, if one of another name answered.
    pub requested_model: Option<String>,
    /// The time in milliseconds to the first token, if the span states it.
    pub first_token_ms: Option<f64>,
    /// The output tokens per second of the whole call.
    pub tokens_per_second: Option<f64>,
    /// Whether the span states that its answer reached the limit of tokens.
    pub truncated: bool,
    /// Whether the stream of the answer nearly stood still: a token a second or less, for ten seconds or more.
    pub stalled: bool,
}

impl AnswerRecord {
    fn from_row(store: &Store, row: RowIx) -> Self {
        Self {
            requested_model: store.requested_model(row).and_then(|model| non_empty(store.text(model))),
            first_token_ms: store.first_token(row).map(millis),
            tokens_per_second: store.output_rate(row).map(|rate| (rate * 1e3).round() / 1e3),
            truncated: store.is_truncated(row),
            stalled: store.is_stalled(row),
        }
    }
}

/// The facts of a span, without its attributes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpanRecord {
    /// The trace id: 32 hex digits.
    #[serde(serialize_with = "display")]
    pub trace_id: TraceId,
    /// The span id: 16 hex digits. Written as null if the row stands for a trace whose spans are not told.
    #[serde(rename = "span_id", serialize_with = "display_some")]
    pub stated_id: Option<SpanId>,
    /// The id by which the row is found.
    #[serde(skip)]
    pub span_id: SpanId,
    /// The parent span id that the span states.
    #[serde(serialize_with = "display_some")]
    pub parent_id: Option<SpanId>,
    /// The name as received; empty, written as null, if only the id of the span is known.
    #[serde(serialize_with = "non_empty_text")]
    pub name: String,
    /// The type: `agent`, `model`, `tool` and so on.
    #[serde(serialize_with = "kind")]
    pub kind: SpanType,
    /// `ok`, `error`, `running`, `paused`, `cut` or `lost`, of this span alone.
    #[serde(serialize_with = "status")]
    pub status: RunStatus,
    /// Whether it is a failed step. A span of another kind than an agent's work may have an error that harms no agent.
    pub failed: bool,
    /// The number of failed steps at and below it. A failure that travels up counts where it began.
    pub failed_steps: u32,
    /// The beginning of the error text.
    pub error: Option<String>,
    /// The start time.
    #[serde(serialize_with = "time")]
    pub start: Nanos,
    /// The end time; `None` while the span runs.
    #[serde(serialize_with = "time_some")]
    pub end: Option<Nanos>,
    /// The latest time at which the span is known to have run.
    #[serde(skip)]
    pub until: Nanos,
    /// The duration in milliseconds; `None` while the span runs.
    pub duration_ms: Option<f64>,
    /// The time in milliseconds in which no descendant ran.
    pub self_ms: Option<f64>,
    /// The agent, team or workflow that the span is or belongs to.
    pub agent: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The provider of the model.
    pub provider: Option<String>,
    /// The name of the tool.
    pub tool: Option<String>,
    /// The session, of this span or of an ancestor.
    pub session: Option<String>,
    /// The user for whom the agent works, of this span or of an ancestor.
    pub user: Option<String>,
    /// The usage that this span states. An ancestor may state the same call.
    #[serde(flatten)]
    pub usage: UsageRecord,
    /// How the model answered.
    #[serde(flatten)]
    pub answer: AnswerRecord,
    /// Whether its model call is one that another span reports, too, and counts there.
    pub duplicate: bool,
}

impl SpanRecord {
    /// Returns a record without facts.
    #[must_use]
    pub fn new(trace_id: TraceId, span_id: SpanId, name: impl Into<String>, start: Nanos, end: Option<Nanos>) -> Self {
        Self {
            trace_id,
            stated_id: Some(span_id),
            span_id,
            parent_id: None,
            name: name.into(),
            kind: SpanType::Other,
            status: if end.is_some() { RunStatus::Ok } else { RunStatus::Running },
            failed: false,
            failed_steps: 0,
            error: None,
            start,
            end,
            until: end.unwrap_or(start),
            duration_ms: end.and_then(|end| duration_ms(start, end)),
            self_ms: None,
            agent: None,
            model: None,
            provider: None,
            tool: None,
            session: None,
            user: None,
            usage: UsageRecord::default(),
            duplicate: false,
            answer: AnswerRecord::default(),
        }
    }

    /// Returns when the span ended; of one that was cut by the end of its process, when that lived last. `None` if it runs, or if that is unknown.
    #[must_use]
    pub fn known_end(&self) -> Option<Nanos> {
        self.end.or((self.status == RunStatus::Cut && self.until > self.start).then_some(self.until))
    }

    /// Returns how long the span took, in words; with `≥` if it was cut by the end of its process.
    #[must_use]
    pub fn took(&self) -> Option<String> {
        self.known_end().map(|end| format::duration_at_least(end.saturating_sub(self.start), self.end.is_none()))
    }

    /// Returns the record of a row.
    #[must_use]
    pub fn from_row(store: &Store, row: RowIx) -> Self {
        let data = store.row(row);
        let text = |symbol: Symbol| non_empty(store.text(symbol));
        let end = (data.phase == Phase::Ended).then_some(data.end);
        Self {
            stated_id: (!store.stands_for_trace(row)).then_some(data.id),
            parent_id: store.stated_parent(row),
            kind: data.span_type,
            status: if data.has_failed_harmlessly() { RunStatus::Error } else { store.run_status(row) },
            failed: store.has_failed(row),
            failed_steps: store.totals(row).failed,
            error: text(store.error(row)),
            self_ms: end.filter(|end| *end >= data.start).map(|end| millis(store.own_time(row, end))),
            agent: text(store.agent(row)),
            model: text(store.label(By::Model, row)),
            provider: text(store.provider(row)),
            tool: text(store.label(By::Tool, row)),
            session: text(store.session(row)),
            user: text(store.inherited(row, |data| data.user)),
            usage: UsageRecord::from_row(store, row),
            duplicate: data.span_type.calls_model() && store.call_of(row).is_none(),
            answer: AnswerRecord::from_row(store, row),
            until: data.end,
            ..Self::new(store.trace(data.trace()).id, data.id, store.text(data.name), data.start, end)
        }
    }
}

/// The facts of a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceRecord {
    /// The name of its source.
    pub source: String,
    /// The trace id: 32 hex digits.
    #[serde(serialize_with = "display")]
    pub trace_id: TraceId,
    /// The name of the span that it is named after: the first root or, if that is an HTTP request or the like, the first agent's in it.
    #[serde(serialize_with = "non_empty_text")]
    pub name: String,
    /// The name that the screen shows: that of the agent, the model or the tool that it is named after. Empty, written as null, if it has none.
    #[serde(serialize_with = "non_empty_text")]
    pub label: String,
    /// The name of its first root span.
    #[serde(serialize_with = "non_empty_text")]
    pub root: String,
    /// `error` if any step failed, `running` while any span runs, else `paused`, `cut`, `lost` or `ok`.
    #[serde(serialize_with = "status")]
    pub status: RunStatus,
    /// The earliest start time of its spans.
    #[serde(serialize_with = "time")]
    pub start: Nanos,
    /// The latest end time of its spans; `None` while one runs.
    #[serde(serialize_with = "time_some")]
    pub end: Option<Nanos>,
    /// The time that it took in milliseconds, without runs that leaked; `None` while a span runs.
    pub duration_ms: Option<f64>,
    /// The number of received spans.
    pub spans: u32,
    /// The number of spans whose status is an error.
    pub errors: u32,
    /// The number of failed steps.
    pub failed_steps: u32,
    /// Whether any step failed.
    pub failed: bool,
    /// The agent, team or workflow of the first span with one.
    pub agent: Option<String>,
    /// The session of the first span with one.
    pub session: Option<String>,
    /// The user of the first span with one.
    pub user: Option<String>,
    /// The ids of other traces that are parts of the same run.
    #[serde(serialize_with = "display_all")]
    pub other_traces: Vec<TraceId>,
    /// Whether status, times, counts and usage cover these, too.
    pub covers_other_traces: bool,
    /// The usage of all spans, each call counted once.
    #[serde(flatten)]
    pub usage: UsageRecord,
    /// The latest time that is known of it: its end or, while it runs, now. Not written.
    #[serde(skip)]
    pub until: Nanos,
    /// What its numbers leave out, or hold beside its run, in sentences. Not written as JSON.
    #[serde(skip)]
    pub scope: Vec<String>,
    /// The approvals of its runs.
    pub approvals: Vec<ApprovalRecord>,
    /// The scores of its runs.
    pub scores: Vec<ScoreRecord>,
}

impl TraceRecord {
    /// Returns the heading of a report: the name that the screen shows, else that of the span.
    pub(super) fn title(&self) -> &str {
        [&*self.label, &*self.name].into_iter().find(|name| !name.is_empty()).unwrap_or("Trace")
    }

    /// Returns the record of a trace alone for a report at `now`; `source` is the name of its source.
    #[must_use]
    pub fn for_report(store: &Store, trace: TraceIx, source: &str, now: Nanos) -> Self {
        let record = Self::from_trace(store, trace, source);
        let until = if record.end.is_none() { record.until.max(now) } else { record.until };
        Self { until, scope: crate::why::scope(store, trace, now), ..record }
    }

    /// Returns how long a trace took at least that was cut by the end of a process, in words; of another one it is unknown.
    #[must_use]
    pub fn least_time(&self) -> String {
        let is_known = self.status == RunStatus::Cut && self.until > self.start;
        if is_known { format::duration_at_least(self.until - self.start, true) } else { format::UNKNOWN.to_owned() }
    }

    /// Returns the record of a trace and of the traces that are parts of it; `source` is the name of its source.
    #[must_use]
    pub fn from_group(store: &Store, main: TraceIx, source: &str) -> Self {
        let record = Self::from_trace(store, main, source);
        if record.other_traces.is_empty() {
            return record;
        }
        let totals = store.group_totals(main);
        let end = (totals.running == 0).then(|| store.group_end(main));
        let is_bound = store.is_group_time_bound(main);
        Self {
            status: store.group_counts(main).run_status(),
            end,
            duration_ms: end.filter(|_| !is_bound).and_then(|end| store.group_time(main, end)).map(millis),
            spans: totals.spans,
            errors: totals.errors,
            failed_steps: totals.failed,
            failed: totals.fatal > 0,
            covers_other_traces: true,
            usage: UsageRecord::from_totals(&totals),
            ..record
        }
    }

    /// Returns the record of a trace alone; `source` is the name of its source.
    #[must_use]
    pub fn from_trace(store: &Store, trace: TraceIx, source: &str) -> Self {
        let data = store.trace(trace);
        let totals = store.totals_of(trace);
        let end = (totals.running == 0).then_some(data.end);
        let others = store.group(store.main_of(trace)).filter(|&other| other != trace);
        let first = |fact: &dyn Fn(RowIx) -> Symbol| {
            let text = store.walk(trace).map(|(row, _)| fact(row)).find(|text| !text.is_empty())?;
            non_empty(store.text(text))
        };
        let name = |row: Option<RowIx>| row.map_or_else(String::new, |row| store.text(store.row(row).name).to_owned());
        Self {
            source: source.to_owned(),
            trace_id: data.id,
            name: name(store.lead(trace)),
            root: name(data.roots().first().copied()),
            status: data.run_status(),
            start: data.start,
            end,
            duration_ms: end.filter(|_| !store.is_time_bound(trace)).and_then(|end| store.trace_time(trace, end)).map(millis),
            spans: totals.spans,
            errors: totals.errors,
            failed_steps: totals.failed,
            failed: totals.fatal > 0,
            agent: first(&|row| store.agent(row)),
            session: first(&|row| store.stated_session(row)),
            user: first(&|row| store.row(row).user),
            other_traces: others.map(|other| store.trace(other).id).collect(),
            covers_other_traces: false,
            usage: UsageRecord::from_totals(&totals),
            until: data.end,
            label: store.lead(trace).map_or_else(String::new, |lead| store.text(store.row(store.telling(lead)).label).to_owned()),
            scope: Vec::new(),
            approvals: store.reviewed(trace).flat_map(|row| ApprovalRecord::of(store, row)).collect(),
            scores: store.reviewed(trace).flat_map(|row| ScoreRecord::of(store, row)).collect(),
        }
    }
}

/// Returns the milliseconds between two times; `None` if the clock jumped and the end is before the start.
fn duration_ms(start: Nanos, end: Nanos) -> Option<f64> {
    let duration = end.saturating_sub(start);
    (duration >= 0).then(|| millis(duration))
}

/// Converts nanoseconds to milliseconds.
#[must_use]
pub fn millis(nanos: Nanos) -> f64 {
    nanos as f64 / 1e6
}

fn dollars(cost: crate::model::usage::NanoUsd) -> f64 {
    cost as f64 / 1e9
}

#[cfg(test)]
mod tests;
