//! What fills the contexts of a run's calls, as Markdown.

use std::fmt::Write;

use super::context::call_facts;
use super::markdown::plain;
use crate::context::{CallFacts, Comparer, PART_KINDS, RECENT, RunReport};
use crate::format;
use crate::model::usage::NanoUsd;
use crate::model::{Payload, SpanType};
use crate::store::{PaidCall, RowIx, RunCall, Store, TraceIx};

/// Returns lines of Markdown: one of the run, and below it one of each call. `title` is safe, and `is_cut` tells that only the first calls
/// were read.
#[must_use]
pub fn context_markdown(title: &str, report: &RunReport, is_cut: bool, cost: Option<NanoUsd>) -> String {
    let mut text = String::new();
    let cost = cost.map(|cost| format!(" · misses cost {}", format::money(Some(cost)))).unwrap_or_default();
    let cut = if is_cut { " · only the first calls were read" } else { "" };
    let _ = writeln!(text, "- {title}: {}{cost}{cut}", report.summary().words());
    let unused: Vec<String> = report.unused_tools().iter().map(|(tool, _)| plain(tool)).collect();
    if !unused.is_empty() {
        let _ = writeln!(text, "  - tools that no call used: {}", unused.join(", "));
    }
    for (number, call) in (1..).zip(report.calls()) {
        let input = call.facts.input.map_or_else(|| format::UNKNOWN.to_owned(), |input| format::count(input.into()));
        let parts: Vec<String> = call
            .parts
            .tokens()
            .into_iter()
            .flat_map(|tokens| PART_KINDS.iter().zip(tokens))
            .filter(|(_, tokens)| *tokens > 0)
            .map(|((_, name), tokens)| format!("{name} ~{}", format::count(tokens)))
            .collect();
        let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
        let _ = writeln!(text, "  - call {number}: {input} in{parts}; {}", plain(&call.verdict.words(&call.facts)));
    }
    text
}

/// The calls of a run, to be read without the store.
#[derive(Debug)]
pub struct ContextPlan {
    title: String,
    is_cut: bool,
    /// The calls before the run in its session.
    earlier: Vec<PlannedCall>,
    is_first: bool,
    calls: Vec<PlannedCall>,
}

#[derive(Debug)]
struct PlannedCall {
    facts: CallFacts,
    paid: Option<PaidCall>,
    /// The spans that report the call, as indexes.
    reports: Vec<usize>,
}

impl ContextPlan {
    /// Returns the plan of each run of a trace that made calls. `rows` are those whose payloads will be read, in their order, to which it adds those
    /// before in the session; `name` names a run.
    pub fn of_trace(store: &Store, trace: TraceIx, rows: &mut Vec<RowIx>, name: impl Fn(RowIx) -> String) -> Vec<Self> {
        let mut indexes: std::collections::HashMap<RowIx, usize> = rows.iter().copied().zip(0..).collect();
        let mut index = |&row: &RowIx| {
            *indexes.entry(row).or_insert_with(|| {
                rows.push(row);
                rows.len() - 1
            })
        };
        let plan = |run: RowIx| {
            let (calls, is_cut) = store.calls_of_run(run);
            let before = store.calls_before(run, RECENT);
            let mut planned = |call: &RunCall| PlannedCall {
                facts: call_facts(store, call.row),
                paid: store.paid_call(call.row),
                reports: call.reports.iter().map(&mut index).collect(),
            };
            let earlier = before.calls.iter().map(&mut planned).collect();
            let calls = calls.iter().map(planned).collect();
            Self { title: run_title(store.row(run).span_type, &name(run)), is_cut, earlier, is_first: before.is_first, calls }
        };
        let plans = store.runs_with_calls(trace).into_iter().map(plan);
        plans.filter(|plan| !plan.calls.is_empty()).collect()
    }

    /// Returns the Markdown of the run. `payload` returns that of a span.
    pub fn markdown<'p>(self, payload: impl Fn(usize) -> &'p Payload) -> String {
        let (mut comparer, mut report) = (Comparer::default(), RunReport::default());
        let mut paid = Vec::with_capacity(self.calls.len());
        for call in self.earlier {
            report.add_earlier(comparer.read_earlier(call.facts, call.reports.iter().map(|&at| payload(at))));
        }
        if self.is_first {
            report.set_first();
        }
        for call in self.calls {
            report.add(comparer.read_payloads(call.facts, call.reports.iter().map(|&at| payload(at))));
            paid.push(call.paid);
        }
        let missed = paid.iter().zip(report.calls()).filter(|(_, call)| call.verdict.rebuilt > 0);
        let costs = missed.map(|(paid, call)| paid.as_ref()?.cost_of_rebuilding(call.verdict.rebuilt));
        let cost = costs.reduce(|sum, cost| sum?.checked_add(cost?)).flatten();
        context_markdown(&self.title, &report, self.is_cut, cost)
    }
}

/// Returns what a report calls a run.
#[must_use]
pub fn run_title(kind: SpanType, name: &str) -> String {
    format!("{} {}", kind.name(), plain(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::model::{Attribute, Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, Status, Text, TraceId, Usage, Value};
    use crate::store::Limits;

    #[test]
    fn a_planned_run_tells_what_its_payloads_say() {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        let (agent, model) = (batch.intern("*Clerk*"), batch.intern("m"));
        let facts = |read: u32| SpanFacts {
            span_type: SpanType::Model,
            model,
            usage: Some(Usage { input: Some(2000), cache_read: Some(read), output: Some(1), ..Usage::default() }),
            ..SpanFacts::default()
        };
        let run = SpanFacts { span_type: SpanType::Agent, agent, ..SpanFacts::default() };
        for (id, facts) in (1_u64..).zip([run, facts(1900), facts(0)]) {
            batch.spans.push(Span {
                trace: TraceId::new([1; 16]).unwrap(),
                id: SpanId::new(id.to_be_bytes()).unwrap(),
                parent: SpanId::new(u64::from(id > 1).to_be_bytes()),
                start: id as i64 * 10,
                end: Some(id as i64 * 10 + 5),
                status: Status::Unset,
                name: Text::default(),
                facts,
                error: Text::default(),
                payload_ref: PayloadRef(0),
                retained_bytes: 0,
            });
        }
        let mut store = Store::new(Limits::default());
        store.apply(&batch, 0);
        let trace = store.traces().next().unwrap();
        let mut rows = store.rows_of(trace);
        let payload = |text: &str| Payload {
            attributes: [("role", "system"), ("content", text)]
                .map(|(key, value)| -> Attribute { (format!("llm.input_messages.0.message.{key}"), Value::Text(value.to_owned())) })
                .into(),
            ..Payload::default()
        };
        let payloads = [Payload::default(), payload("Be kind to all."), payload("Be kind to some.")];
        let plans = ContextPlan::of_trace(&store, trace, &mut rows, |run| store.text(store.row(run).label).to_owned());
        let text: String = plans.into_iter().map(|plan| plan.markdown(|at| &payloads[at])).collect();
        assert!(
            text.starts_with("- agent \\*Clerk\\*: 2 calls · 4,000 tokens in · 1,900 reused (48%) · 2,000 rebuilt by 1 miss\n"),
            "{text}"
        );
        assert!(text.ends_with("2,000 tokens read again: message 0 (system) changed at character 11\n"), "{text}");
    }
}
