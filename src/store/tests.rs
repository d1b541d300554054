#![allow(clippy::unwrap_used)]

mod counting;
mod failure;
mod gateway;
mod invariants;
mod log_spans;
mod parts;
mod processes;
mod reviews;
mod sessions;
mod surroundings;

use proptest::prelude::*;

use std::sync::Arc;

use super::*;
use crate::model::usage::RareTokens;
use crate::model::{Batch, Origin, PayloadRef, Span, SpanFacts, SpanType, Status, Text, TraceId, Withdrawn};

const SECOND: Nanos = 1_000_000_000;

fn trace_id(n: u8) -> TraceId {
    TraceId::new([n; 16]).unwrap()
}

fn span_id(n: u64) -> SpanId {
    SpanId::new(n.to_be_bytes()).unwrap()
}

/// The facts of a span that the store depends on.
#[derive(Clone, Debug)]
struct SpanSpec {
    trace: u8,
    id: u64,
    parent: Option<u64>,
    start: Nanos,
    failed: bool,
    tokens: Option<(u32, u32)>,
    running: bool,
    length: Nanos,
    /// `None`: a model call if it states tokens, else a tool call.
    kind: Option<SpanType>,
}

fn spec(id: u64, parent: Option<u64>) -> SpanSpec {
    SpanSpec { trace: 1, id, parent, start: id as Nanos * SECOND, failed: false, tokens: None, running: false, length: SECOND, kind: None }
}

fn batch(spans: &[SpanSpec]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for spec in spans {
        let name = batch.intern(&format!("span {}", spec.id));
        let usage = spec.tokens.map(|(input, output)| Usage { input: Some(input), output: Some(output), ..Usage::default() });
        let kind = spec.kind.unwrap_or(if usage.is_some() { SpanType::Model } else { SpanType::Tool });
        batch.spans.push(Span {
            trace: trace_id(spec.trace),
            id: span_id(spec.id),
            parent: spec.parent.map(span_id),
            start: spec.start,
            end: (!spec.running).then_some(spec.start + spec.length),
            status: if spec.failed { Status::Error } else { Status::Ok },
            name,
            facts: SpanFacts { span_type: kind, usage, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(spec.id as i64),
            retained_bytes: 0,
        });
    }
    batch
}

fn store(spans: &[SpanSpec]) -> Store {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(spans), 100 * SECOND);
    store
}

fn row(store: &Store, id: u64) -> RowIx {
    store.find(store.find_trace(trace_id(1)).unwrap(), span_id(id)).unwrap()
}

#[test]
fn a_missing_parent_is_a_running_placeholder_and_keeps_its_row_when_it_arrives() {
    let mut store = Store::new(Limits::default());
    let changes = store.apply(&batch(&[spec(2, Some(1))]), 3 * SECOND);
    assert_eq!(changes.rows.len(), 2);
    let parent = row(&store, 1);
    assert!(store.row(parent).placeholder);
    assert_eq!(store.run_status(parent), RunStatus::Running);
    assert_eq!(store.row(parent).start, 2 * SECOND, "it starts no later than its child");
    assert_eq!(store.all().spans, 1, "a placeholder does not count as a span");

    store.apply(&batch(&[spec(1, None)]), 4 * SECOND);
    assert_eq!(row(&store, 1), parent);
    assert!(!store.row(parent).placeholder);
    assert_eq!(store.children(parent), [row(&store, 2)]);
    assert_eq!((store.all().spans, store.all().running), (2, 0));
}

#[test]
fn a_run_that_delegates_is_a_team_before_it_arrives() {
    let guessed = |tools: &str, misplaced| {
        let mut batch = batch(&[SpanSpec { kind: Some(SpanType::Model), ..spec(2, Some(1)) }]);
        batch.spans[0].facts.calls = batch.intern(tools);
        batch.spans[0].facts.misplaced = misplaced;
        let mut store = Store::new(Limits::default());
        store.apply(&batch, 3 * SECOND);
        store.row(row(&store, 1)).span_type
    };
    assert_eq!(guessed("think, delegate_task_to_member", true), SpanType::Team);
    assert_eq!(guessed("think", true), SpanType::Agent);
    assert_eq!(guessed("delegate_task_to_member", false), SpanType::Agent, "a tool of another framework");
}

#[test]
fn a_span_is_a_root_while_its_remote_parent_is_absent() {
    let called = |id, parent| {
        let mut batch = batch(&[spec(id, Some(parent))]);
        batch.spans[0].facts.has_remote_parent = true;
        batch
    };
    let mut store = Store::new(Limits::default());
    store.apply(&called(2, 1), 3 * SECOND);
    store.apply(&called(3, 1), 3 * SECOND);
    let [absent, child] = [span_id(1), span_id(2)].map(|id| store.find(store.find_trace(trace_id(1)).unwrap(), id));
    assert_eq!((absent, store.all().running), (None, 0), "nothing runs");
    let called_row = child.unwrap();
    assert!(store.has_absent_caller(called_row) && !store.has_invalid_parent(called_row));
    assert_eq!((store.row(called_row).parent(), store.stated_parent(called_row)), (None, Some(span_id(1))));
    // A child in the caller's own process tells that the caller runs and is going to be sent.
    store.apply(&batch(&[spec(4, Some(1))]), 4 * SECOND);
    assert_eq!((store.children(row(&store, 1)).len(), store.all().running), (3, 1));
    store.apply(&batch(&[spec(1, None)]), 5 * SECOND);
    assert_eq!((store.children(row(&store, 1)).len(), store.all().running), (3, 0));
    assert!(!store.has_absent_caller(called_row));
    store.check_invariants();
    // In a circle, no link is possible.
    let mut store = Store::new(Limits::default());
    store.apply(&called(2, 1), 3 * SECOND);
    store.apply(&batch(&[spec(1, Some(2))]), 3 * SECOND);
    assert!(store.has_invalid_parent(row(&store, 2)));
    store.check_invariants();
}

#[test]
fn a_running_row_is_lost_without_news_and_runs_again_with_the_next_span() {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&[spec(2, Some(1))]), 3 * SECOND);
    assert!(store.expire(63 * SECOND).rows.is_empty());
    assert_eq!(store.expire(64 * SECOND).rows, [row(&store, 1)]);
    assert_eq!(store.run_status(row(&store, 1)), RunStatus::Lost);
    assert_eq!((store.all().running, store.all().lost), (0, 1));
    store.apply(&batch(&[spec(3, Some(1))]), 65 * SECOND);
    assert_eq!((store.all().running, store.all().lost), (1, 0));
}

#[test]
fn a_clock_that_is_set_makes_no_trace_silent() {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&[spec(2, Some(1))]), 3 * SECOND);
    for by in [86_400, -80_000] {
        store.clock_was_set(by * SECOND);
    }
    assert!(store.expire((6400 + 63) * SECOND).rows.is_empty());
    assert_eq!(store.expire((6400 + 64) * SECOND).rows, [row(&store, 1)]);
    // What was news before the clock was set back is not news of the future.
    store.apply(&batch(&[spec(3, Some(1))]), 6500 * SECOND);
    store.clock_was_set(-6500 * SECOND);
    assert_eq!(store.all().running, 1);
    assert_eq!(store.expire(61 * SECOND).rows, [row(&store, 1)]);
}

#[test]
fn a_lost_placeholder_ends_with_its_last_child() {
    let store = store(&[spec(5, Some(1)), spec(2, Some(1))]);
    assert_eq!(store.row(row(&store, 1)).end, 6 * SECOND);
}

#[test]
fn a_placeholder_of_old_history_is_lost_at_once() {
    let mut store = Store::new(Limits::default());
    let mut old = batch(&[spec(2, Some(1))]);
    old.origin = Origin::History;
    store.apply(&old, 1000 * SECOND);
    assert_eq!((store.all().running, store.all().lost), (0, 1));
}

#[test]
fn a_span_that_ends_replaces_its_running_record() {
    let mut store = store(&[SpanSpec { running: true, ..spec(1, None) }]);
    assert_eq!(store.all().running, 1);
    store.apply(&batch(&[spec(1, None)]), 100 * SECOND);
    assert_eq!((store.all().running, store.all().spans), (0, 1));
}

#[test]
fn calls_below_each_other_count_once_with_the_larger_of_their_facts() {
    let model = |id, parent, tokens| SpanSpec { tokens: Some(tokens), length: (20 - 2 * id as Nanos) * SECOND, ..spec(id, parent) };
    let mut store = store(&[model(1, None, (60, 10)), model(2, Some(1), (60, 5)), model(3, Some(2), (61, 6))]);
    assert_eq!((store.all().input, store.all().output, store.all().calls), (61, 10, 1));
    store.apply(&batch(&[model(4, Some(1), (30, 5))]), 100 * SECOND);
    let totals = store.totals(row(&store, 1));
    assert_eq!((totals.input, totals.output, totals.calls), (91, 11, 2));
}

#[test]
fn an_embedding_within_a_call_is_another_call() {
    let model = |id, parent, tokens, kind| SpanSpec {
        tokens: Some(tokens),
        kind: Some(kind),
        length: (20 - 2 * id as Nanos) * SECOND,
        ..spec(id, parent)
    };
    let chat = model(1, None, (1000, 50), SpanType::Model);
    let embedding = model(2, Some(1), (8, 0), SpanType::Embedding);
    let library = model(3, Some(2), (8, 0), SpanType::Embedding);
    for order in [[&chat, &embedding, &library], [&library, &chat, &embedding], [&embedding, &library, &chat]] {
        let mut store = Store::new(Limits::default());
        for (spec, model) in order.into_iter().map(|spec| (spec, if spec.id == 1 { "gpt-5" } else { "embed-3" })) {
            let mut batch = batch(std::slice::from_ref(spec));
            let model = batch.intern(model);
            batch.spans[0].facts.model = model;
            store.apply(&batch, 100 * SECOND);
            store.check_invariants();
        }
        assert_eq!((store.all().input, store.all().output, store.all().calls), (1008, 50, 2));
        let of = |name| {
            let group = group(store.stats(), &store, By::Model, name);
            (group.calls, group.usage.input, group.usage.output)
        };
        assert_eq!((of("gpt-5"), of("embed-3")), ((1, 1000, 50), (1, 8, 0)));
    }
}

#[test]
fn each_fact_comes_from_the_lowest_row_that_states_it_or_is_what_a_run_states_beyond() {
    let mut agent = batch(&[spec(1, None), spec(2, Some(1))]);
    agent.spans[0].facts.usage = Some(Usage { input: Some(1000), output: Some(100), ..Usage::default() });
    agent.spans[1].facts.usage = Some(Usage { output: Some(50), cost: Some(7), ..Usage::default() });
    let mut store = Store::new(Limits::default());
    store.apply(&agent, 10 * SECOND);
    let all = store.all();
    assert_eq!((all.input, all.output, all.cost(), all.calls), (1000, 100, Some(7), 2));
}

#[test]
fn unknown_tokens_are_not_zero() {
    let store = store(&[spec(1, None)]);
    assert_eq!((store.all().tokens(), store.all().cost()), (None, None));
}

#[test]
fn a_span_that_is_its_own_ancestor_becomes_a_root() {
    let store = store(&[spec(1, Some(1)), spec(2, Some(3)), spec(3, Some(4)), spec(4, Some(2))]);
    let trace = store.find_trace(trace_id(1)).unwrap();
    assert_eq!(store.rows_of(trace).len(), 4);
    assert!(store.has_invalid_parent(row(&store, 1)));
    assert!([2, 3, 4].iter().any(|&id| store.has_invalid_parent(row(&store, id))));
    assert_eq!(store.all().running, 0);
}

#[test]
fn a_chain_beyond_the_maximum_depth_is_held_and_keeps_its_stated_parents() {
    let deep = 1_100;
    let chain: Vec<SpanSpec> =
        (1..=deep).map(|id| SpanSpec { tokens: Some((id as u32, 0)), ..spec(id, (id > 1).then(|| id - 1)) }).collect();
    for order in [chain.clone(), chain.iter().rev().cloned().collect()] {
        let store = store(&order);
        assert_eq!(u64::from(store.all().spans), deep);
        let last = row(&store, deep);
        assert_eq!(store.stated_parent(last), Some(span_id(deep - 1)));
        assert_eq!(store.rows_of(store.row(last).trace()).len() as u64, deep);
    }
}

#[test]
fn spans_are_found_while_their_trace_grows_and_not_after_its_eviction() {
    let mut store = Store::new(Limits { spans: 300, ..Limits::default() });
    // The last parent arrives after the trace was scattered over the index.
    let all: Vec<SpanSpec> = (2..=200).chain([1]).map(|id| spec(id, Some(id / 2).filter(|parent| *parent > 0))).collect();
    for (already, one) in all.iter().enumerate() {
        store.apply(&batch(std::slice::from_ref(one)), 300 * SECOND);
        assert!(all[..=already].iter().all(|one| store.row(row(&store, one.id)).id == span_id(one.id)));
    }
    let mut rows = store.rows_of(store.find_trace(trace_id(1)).unwrap());
    rows.sort();
    assert_eq!(rows.len(), 200, "each span once");
    let other: Vec<SpanSpec> = (300..=500).map(|id| SpanSpec { trace: 2, ..spec(id, None) }).collect();
    let mut freed = store.apply(&batch(&other), 600 * SECOND).freed;
    freed.sort();
    assert_eq!(freed, rows);
    store.apply(&batch(&[spec(600, None)]), 600 * SECOND);
    let trace = store.find_trace(trace_id(1)).unwrap();
    assert!((1..=200).all(|id| store.find(trace, span_id(id)).is_none()));
}

#[test]
fn the_oldest_ended_trace_is_evicted_first_and_its_memory_is_reused() {
    let mut store = Store::new(Limits { spans: 3, ..Limits::default() });
    let of = |trace, id: u64, parent| SpanSpec { trace, ..spec(id, parent) };
    store.apply(&batch(&[of(1, 1, Some(9)), of(2, 2, None), of(2, 3, None)]), 10 * SECOND);
    let changes = store.apply(&batch(&[of(3, 4, None)]), 10 * SECOND);
    assert_eq!(changes.evicted.len(), 1);
    assert!(store.find_trace(trace_id(2)).is_none(), "trace 1 is older but runs");
    assert_eq!(store.losses().evicted, 2);
    assert_eq!((store.all().spans, store.trace_count()), (2, 2));
    let texts = store.texts().end();
    for id in 5..50 {
        store.apply(&batch(&[of(id as u8, id, None)]), 10 * SECOND);
    }
    assert_eq!(store.all().spans, 3);
    assert!(store.texts().end() <= texts + 3);
}

#[test]
fn if_all_traces_run_the_oldest_is_evicted_and_changes_name_no_evicted_trace() {
    let mut store = Store::new(Limits { spans: 2, ..Limits::default() });
    let of = |trace, id: u64| SpanSpec { trace, running: true, ..spec(id, None) };
    let first = store.apply(&batch(&[of(5, 5), of(6, 6)]), 10 * SECOND);
    assert_eq!((first.evicted.len(), first.traces.len()), (0, 2));
    let changes = store.apply(&batch(&[of(1, 1), of(2, 2), of(3, 3), of(4, 4), of(7, 7)]), 10 * SECOND);
    let left: Vec<TraceId> = store.traces().map(|trace| store.trace(trace).id).collect();
    assert_eq!(left, [trace_id(6), trace_id(7)]);
    assert_eq!((changes.evicted.len(), changes.freed.len()), (5, 5));
    assert_eq!(changes.traces, [store.find_trace(trace_id(7)).unwrap()]);
    assert_eq!(changes.rows.len(), 1);
}

#[test]
fn an_ended_trace_is_evicted_before_older_running_ones_even_if_its_start_moved() {
    let mut store = Store::new(Limits { spans: 4, ..Limits::default() });
    let of = |trace, id: u64, running| SpanSpec { trace, running, ..spec(id, None) };
    store.apply(&batch(&[of(1, 1, true), of(2, 3, true), of(3, 4, true)]), 10 * SECOND);
    store.apply(&batch(&[of(2, 2, false)]), 10 * SECOND);
    store.apply(&batch(&[of(2, 3, false)]), 10 * SECOND);
    store.apply(&batch(&[of(4, 5, true)]), 10 * SECOND);
    let left: Vec<TraceId> = store.traces().map(|trace| store.trace(trace).id).collect();
    assert_eq!(left, [trace_id(1), trace_id(3), trace_id(4)]);
}

/// A batch whose spans retain bytes.
fn retaining_batch(spans: &[SpanSpec], retained_bytes: u32, source: u16, rich: bool) -> Batch {
    let mut batch = batch(spans);
    (batch.source, batch.rich) = (SourceId(source), rich);
    batch.spans.iter_mut().for_each(|span| span.retained_bytes = retained_bytes);
    batch
}

#[test]
fn retained_bytes_are_limited_and_evicted_payloads_are_released() {
    let mut store = Store::new(Limits { bytes: 250_000, ..Limits::default() });
    let of = |trace, id: u64| SpanSpec { trace, ..spec(id, None) };
    store.apply(&retaining_batch(&[of(1, 1), of(2, 2)], 100_000, 7, true), 10 * SECOND);
    let changes = store.apply(&retaining_batch(&[of(3, 3)], 100_000, 7, true), 10 * SECOND);
    assert_eq!(changes.released, [(SourceId(7), PayloadRef(1))]);
    assert_eq!((store.retained_bytes(), store.trace_count()), (200_000, 2));
}

#[test]
fn texts_count_towards_the_limit_until_they_are_freed() {
    let mut store = Store::new(Limits { bytes: 5_000, ..Limits::default() });
    for number in 1..=9_u8 {
        let mut batch = batch(&[SpanSpec { trace: number, ..spec(u64::from(number), None) }]);
        batch.spans[0].name = batch.intern(&format!("{number}{}", "x".repeat(1000)));
        store.apply(&batch, 10 * SECOND);
        assert!(store.held_bytes() <= 5_000, "{}", store.held_bytes());
    }
    assert_eq!((store.trace_count(), store.losses().evicted), (3, 6));
}

#[test]
fn rows_and_traces_without_texts_and_payloads_count_towards_the_limit() {
    let mut store = Store::new(Limits { bytes: 50_000, ..Limits::default() });
    for number in 1..=250_u8 {
        store.apply(&batch(&[SpanSpec { trace: number, ..spec(u64::from(number), None) }]), 10 * SECOND);
    }
    assert!(store.held_bytes() <= 50_000 && (50..200).contains(&store.trace_count()), "{} {}", store.held_bytes(), store.trace_count());
}

#[test]
fn the_richer_payload_of_two_sources_is_kept() {
    let mut store = Store::new(Limits::default());
    store.apply(&retaining_batch(&[spec(1, None)], 0, 0, false), 10 * SECOND);
    let changes = store.apply(&retaining_batch(&[spec(1, None)], 100, 7, true), 10 * SECOND);
    assert_eq!((store.row(row(&store, 1)).source, store.retained_bytes()), (SourceId(7), 100));
    assert!(changes.released.is_empty());
    store.apply(&retaining_batch(&[spec(1, None)], 0, 0, false), 10 * SECOND);
    assert_eq!((store.row(row(&store, 1)).source, store.retained_bytes(), store.all().spans), (SourceId(7), 100, 1));
    let again = store.apply(&retaining_batch(&[SpanSpec { running: true, ..spec(1, None) }], 30, 7, true), 10 * SECOND);
    assert_eq!(again.released, [(SourceId(7), PayloadRef(1))], "a late record of the running span is ignored");
    assert_eq!((store.retained_bytes(), store.all().running), (100, 0));
}

#[test]
fn a_single_trace_beyond_the_limit_refuses_and_counts() {
    let mut store = Store::new(Limits { spans: 2, ..Limits::default() });
    store.apply(&batch(&[spec(1, None), spec(2, Some(1)), spec(3, Some(1))]), 10 * SECOND);
    assert_eq!((store.all().spans, store.losses().refused), (2, 1));
}

/// Trees of any shape in two traces, of few kinds, so that calls are often within calls. Some parents never arrive.
fn span_trees() -> impl Strategy<Value = Vec<SpanSpec>> {
    let types = [SpanType::Agent, SpanType::Other, SpanType::Model, SpanType::Embedding].map(Some);
    let kinds = [None, None].into_iter().chain(types).collect::<Vec<_>>();
    prop::sample::subsequence(kinds, 1..=6).prop_flat_map(span_trees_of)
}

fn span_trees_of(kinds: Vec<Option<SpanType>>) -> impl Strategy<Value = Vec<SpanSpec>> {
    let kind = prop::sample::select(kinds);
    let tokens = proptest::option::of((0..1000u32, 0..1000u32));
    let times = (0..50i64, prop::sample::select(vec![0, 1, 1, 20, 60]));
    let span = (0..2u8, any::<prop::sample::Index>(), times, any::<bool>(), tokens, 0..8u8, kind);
    proptest::collection::vec(span, 1..60).prop_map(|spans| {
        let mut specs: Vec<SpanSpec> = Vec::new();
        for (at, (trace, parent, (start, length), failed, tokens, rare, kind)) in spans.into_iter().enumerate() {
            let id = at as u64 + 1;
            let in_trace: Vec<u64> = specs.iter().filter(|other| other.trace == trace + 1).map(|other| other.id).collect();
            let parent = match rare {
                0 => Some(1000 + id % 3),
                1 => None,
                _ if in_trace.is_empty() => None,
                _ => Some(*parent.get(&in_trace)),
            };
            let (start, length) = (start * SECOND, length * SECOND);
            specs.push(SpanSpec { trace: trace + 1, id, parent, start, failed, tokens, running: false, length, kind });
        }
        specs
    })
}

/// Input tokens, output tokens, calls, and the rows whose input and output tokens count.
type Used = [u64; 5];

/// What the span and the spans below it use and are, computed from scratch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Recount {
    usage: Used,
    errors: u32,
    spans: u32,
}

impl SpanSpec {
    fn span_type(&self) -> SpanType {
        self.kind.unwrap_or(if self.tokens.is_some() { SpanType::Model } else { SpanType::Tool })
    }

    fn is_run_or_tool(&self) -> bool {
        matches!(self.span_type(), SpanType::Agent | SpanType::Tool)
    }

    fn reports_call(&self) -> bool {
        self.span_type().calls_model() || (self.tokens.is_some() && !self.is_run_or_tool())
    }

    fn is_kind_of(&self, above: &Self) -> bool {
        let kinds = [self, above].map(SpanSpec::span_type);
        !kinds.iter().all(|kind| kind.calls_model()) || kinds[0] == kinds[1]
    }

    fn lies_within(&self, above: &Self) -> bool {
        self.length == 0 || (above.start <= self.start && self.start + self.length <= above.start + above.length)
    }
}

fn plus(one: Used, other: Used) -> Used {
    [0, 1, 2, 3, 4].map(|at| one[at] + other[at])
}

fn minus(one: Used, other: Used) -> Used {
    [0, 1, 2, 3, 4].map(|at| one[at] - other[at])
}

/// Adds the stated tokens to those of a call: each fact is the larger one.
fn completed(call: Used, (input, output): (u32, u32)) -> Used {
    let [input, output] = [input, output].map(u64::from);
    let [more_input, more_output] = [input > call[0], output > call[1]].map(u64::from);
    let [inputs, outputs] = [call[3] + more_input, call[4] + more_output].map(|count| count.max(1));
    [call[0].max(input), call[1].max(output), call[2].max(1), inputs, outputs]
}

/// Counts at and below a span, by the rules in the module documentation of `nesting`.
fn recount(specs: &[SpanSpec], trace: u8, id: u64) -> Recount {
    let own = specs.iter().find(|spec| spec.trace == trace && spec.id == id);
    let mut sum = Recount::default();
    for child in specs.iter().filter(|spec| spec.trace == trace && spec.parent == Some(id)) {
        let below = recount(specs, trace, child.id);
        sum = Recount { usage: plus(sum.usage, below.usage), errors: sum.errors + below.errors, spans: sum.spans + below.spans };
    }
    let Some(own) = own else { return sum };
    if let Some(stated) = own.tokens {
        if own.span_type().calls_model() {
            let inner = inner_usage(specs, own, own);
            sum.usage = plus(minus(sum.usage, inner), completed(inner, stated));
        } else if sum.usage[2] == 0 {
            sum.usage = completed(sum.usage, stated);
        } else {
            let [input, output] = [stated.0, stated.1].map(u64::from);
            let [more_input, more_output] = [input > sum.usage[0], output > sum.usage[1]].map(u64::from);
            let [_, _, calls, inputs, outputs] = sum.usage;
            let calls = calls + more_input.max(more_output);
            sum.usage = [input.max(sum.usage[0]), output.max(sum.usage[1]), calls, inputs + more_input, outputs + more_output];
        }
    }
    Recount { errors: sum.errors + u32::from(own.failed), spans: sum.spans + 1, ..sum }
}

/// The usage of the calls below `spec` that `above` reports, too.
fn inner_usage(specs: &[SpanSpec], spec: &SpanSpec, above: &SpanSpec) -> Used {
    let mut sum = [0; 5];
    for child in specs.iter().filter(|child| child.trace == spec.trace && child.parent == Some(spec.id)) {
        if child.reports_call() {
            if child.lies_within(above) && child.is_kind_of(above) {
                sum = plus(sum, reported_usage(specs, child));
            }
        } else if !child.is_run_or_tool() {
            sum = plus(sum, inner_usage(specs, child, above));
        }
    }
    sum
}

/// The usage of the call that `spec` reports.
fn reported_usage(specs: &[SpanSpec], spec: &SpanSpec) -> Used {
    let all = recount(specs, spec.trace, spec.id).usage;
    let below = specs.iter().filter(|child| child.trace == spec.trace && child.parent == Some(spec.id));
    let below = below.fold([0; 5], |sum, child| plus(sum, recount(specs, child.trace, child.id).usage));
    plus(minus(all, below), inner_usage(specs, spec, spec))
}

proptest! {
    #[test]
    fn totals_equal_recomputed_ones_in_any_order((specs, arrival) in span_trees().prop_flat_map(|specs| {
        let twice: Vec<SpanSpec> = specs.iter().chain(specs.iter().take(5)).cloned().collect();
        (Just(specs), Just(twice).prop_shuffle())
    }), size in 1..20usize) {
        let mut store = Store::new(Limits::default());
        for part in arrival.chunks(size) {
            store.apply(&batch(part), 100 * SECOND);
            store.check_invariants();
        }
        prop_assert_eq!(store.all().spans as usize, specs.len());
        for spec in &specs {
            let trace = store.find_trace(trace_id(spec.trace)).unwrap();
            let row = store.find(trace, span_id(spec.id)).unwrap();
            let totals = store.totals(row);
            let usage = [totals.input, totals.output, totals.calls.into(), totals.inputs.into(), totals.outputs.into()];
            let found = Recount { usage, errors: totals.errors, spans: totals.spans };
            prop_assert_eq!(found, recount(&specs, spec.trace, spec.id));
            prop_assert_eq!(store.row(row).parent().map(|parent| store.row(parent).id), spec.parent.map(span_id));
            prop_assert!(store.children(row).is_sorted_by_key(|&child| store.row(child).order()));
            prop_assert!(!store.row(row).placeholder);
        }
        for trace in store.traces() {
            let rows = store.rows_of(trace);
            let placeholders = rows.iter().filter(|&&row| store.row(row).placeholder).count();
            let Counts { spans, failed, fatal, running, lost, paused, cut } = *store.trace(trace).counts();
            prop_assert_eq!((running + lost) as usize, placeholders);
            let totals = store.totals_of(trace);
            prop_assert_eq!((spans, failed, fatal), (totals.spans, totals.failed, totals.fatal));
            prop_assert_eq!((running, lost), (totals.running, totals.lost));
            prop_assert_eq!((paused, cut), (totals.paused, totals.cut));
            let mut sum = Totals::default();
            store.trace(trace).roots().iter().for_each(|&top| sum.add(&store.totals(top)));
            prop_assert_eq!(totals, sum);
            let spans: Vec<&SpanSpec> = specs.iter().filter(|spec| trace_id(spec.trace) == store.trace(trace).id).collect();
            prop_assert_eq!(rows.len() - placeholders, spans.len());
            prop_assert_eq!(store.trace(trace).start, spans.iter().map(|spec| spec.start).min().unwrap());
        }
    }
}

#[test]
fn a_row_has_88_bytes() {
    assert_eq!(size_of::<Row>(), 88);
}

/// A batch of spans with types and usage; all models are gpt-4o, agents and tools are named by type and id.
fn typed_batch(spans: &[(u64, Option<u64>, SpanType, Option<Usage>)]) -> Batch {
    let spec: Vec<SpanSpec> = spans.iter().map(|&(id, parent, ..)| spec(id, parent)).collect();
    let mut batch = batch(&spec);
    for (index, &(id, _, span_type, usage)) in spans.iter().enumerate() {
        let [name, model, provider] = [&format!("{span_type:?} {id}"), "gpt-4o", "openai"].map(|text| batch.intern(text));
        let facts = &mut batch.spans[index].facts;
        *facts = SpanFacts { span_type, usage, agent: name, tool: name, model, provider, ..SpanFacts::default() };
    }
    batch
}

/// The spans with times that contain those of all later spans.
fn nested(mut batch: Batch) -> Batch {
    for span in &mut batch.spans {
        let id = span.payload_ref.0;
        (span.start, span.end) = (id * MINUTE / 1000, Some(MINUTE - id * MINUTE / 1000));
    }
    batch
}

#[expect(clippy::unnecessary_wraps, reason = "some spans of the tables state no usage")]
fn tokens(input: u32, output: u32) -> Option<Usage> {
    Some(Usage { input: Some(input), output: Some(output), ..Usage::default() })
}

fn group<'a>(stats: &'a Stats, store: &Store, by: By, name: &str) -> &'a Group {
    stats.groups(by).find(|&(symbol, _)| store.text(symbol) == name).unwrap().1
}

#[test]
fn usage_is_attributed_to_the_nearest_agent_and_tool() {
    let spans = [
        (1, None, SpanType::Team, tokens(99, 9)),
        (2, Some(1), SpanType::Model, tokens(100, 10)),
        (3, Some(1), SpanType::Tool, None),
        (4, Some(3), SpanType::Agent, None),
        (5, Some(4), SpanType::Model, tokens(30, 3)),
        (6, Some(4), SpanType::Tool, None),
    ];
    for order in [spans.to_vec(), spans.iter().rev().copied().collect()] {
        let mut store = Store::new(Limits::default());
        for span in order {
            store.apply(&typed_batch(&[span]), 10 * SECOND);
        }
        let tokens = |by, name| group(store.stats(), &store, by, name).usage.tokens();
        assert_eq!(tokens(By::Agent, "Team 1"), Some(110));
        assert_eq!(tokens(By::Agent, "Agent 4"), Some(33));
        assert_eq!(tokens(By::Tool, "Tool 3"), Some(33));
        assert_eq!(tokens(By::Tool, "Tool 6"), None);
        let model = group(store.stats(), &store, By::Model, "gpt-4o");
        assert_eq!((model.calls, model.usage.tokens()), (2, Some(143)));
        assert!((model.times.quantile(500).unwrap() - SECOND).abs() < SECOND / 4096);
    }
}

#[test]
fn nested_rows_of_one_model_call_count_once() {
    let spans = [
        (1, None, SpanType::Agent, None),
        (2, Some(1), SpanType::Model, tokens(5, 10)),
        (3, Some(2), SpanType::Model, tokens(130, 10)),
        (4, Some(1), SpanType::Model, None),
        (5, Some(4), SpanType::Model, None),
        (6, Some(1), SpanType::Model, tokens(7, 7)),
        (7, Some(6), SpanType::Model, None),
    ];
    for order in [spans.to_vec(), spans.iter().rev().copied().collect()] {
        let mut store = Store::new(Limits::default());
        for span in order {
            store.apply(&nested(typed_batch(&[span])), 10 * SECOND);
        }
        assert_eq!(group(store.stats(), &store, By::Model, "gpt-4o").calls, 3, "rows 3, 5 and 6");
        assert_eq!(store.all().tokens(), Some(154));
    }
}

#[test]
fn neighbors_are_recounted_when_a_row_changes_its_type() {
    let model = |id, parent, usage| (id, Some(parent), SpanType::Model, usage);
    for ([upper, lower], other) in [([tokens(5, 10), None], 2), ([None, None], 3)] {
        let mut store = Store::new(Limits::default());
        store.apply(&nested(typed_batch(&[(1, None, SpanType::Agent, None), model(2, 1, upper), model(3, 2, lower)])), 10 * SECOND);
        let counted = |store: &Store| [2, 3].map(|id| store.row(row(store, id)).counted);
        assert_eq!(counted(&store), [upper.is_some(), upper.is_none()]);
        store.apply(&nested(typed_batch(&[(other, Some(other - 1), SpanType::Other, None)])), 10 * SECOND);
        assert_eq!(counted(&store), [other == 3, other == 2]);
        assert_eq!(group(store.stats(), &store, By::Model, "gpt-4o").calls, 1);
    }
}

#[test]
fn a_model_row_without_usage_is_no_call_if_a_row_below_states_usage() {
    let mut store = Store::new(Limits::default());
    store.apply(&nested(typed_batch(&[(2, None, SpanType::Model, None), (3, Some(2), SpanType::Other, None)])), 10 * SECOND);
    assert!(store.row(row(&store, 2)).counted);
    store.apply(&nested(typed_batch(&[(4, Some(3), SpanType::Model, tokens(5, 10))])), 10 * SECOND);
    assert_eq!([2, 4].map(|id| store.row(row(&store, id)).counted), [false, true]);
}

#[test]
fn calls_are_priced_once_prices_are_set_and_a_stated_cost_takes_precedence() {
    let mut store = Store::new(Limits::default());
    store.apply(&typed_batch(&[(1, None, SpanType::Agent, None), (2, Some(1), SpanType::Model, tokens(1000, 100))]), 10 * SECOND);
    assert_eq!((store.all().cost(), store.all().calls), (None, 1));
    let changes = store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
    assert_eq!(changes.rows, [row(&store, 2)]);
    assert_eq!(store.totals(row(&store, 1)).cost(), Some(3_500_000));
    store.apply(
        &typed_batch(&[
            (3, Some(1), SpanType::Model, tokens(1000, 0)),
            (4, Some(1), SpanType::Model, Some(Usage { output: Some(5), ..Usage::default() })),
        ]),
        10 * SECOND,
    );
    assert_eq!((store.all().cost(), store.all().calls, store.all().priced), (Some(6_000_000), 3, 2));
    assert_eq!(store.quote(row(&store, 2)).unwrap().priced_as, "openai gpt-4o");
    let stated = Usage { input: Some(2000), cost: Some(5), ..Usage::default() };
    store.apply(&typed_batch(&[(1, None, SpanType::Agent, Some(stated))]), 10 * SECOND);
    assert_eq!((store.all().cost(), store.all().priced), (Some(5), 3), "a stated cost replaces computed ones");
    assert_eq!(store.quote(row(&store, 1)), None);
    assert_eq!(store.unpriced_model(row(&store, 1)), None, "the lists know the model of the incomplete call");
    let mut unknown = typed_batch(&[(5, Some(1), SpanType::Model, tokens(1000, 10))]);
    unknown.spans[0].facts.model = unknown.intern("no-such-model");
    store.apply(&unknown, 10 * SECOND);
    assert_eq!(store.unpriced_model(row(&store, 1)).unwrap().0, "no-such-model");
    assert_eq!(store.unpriced_model(row(&store, 2)), None);
}

#[test]
fn minutes_are_refilled_after_the_clock_was_ahead() {
    let day = 24 * 60 * MINUTE;
    let now = 30 * day;
    let at = |trace, id, start| SpanSpec { trace, start, tokens: Some((100, 10)), ..spec(id, None) };
    let mut store = Store::new(Limits { spans: 3, ..Limits::default() });
    store.begin_selection();
    store.apply(&batch(&[at(1, 1, now - 5 * MINUTE)]), now);
    let first = store.traces().next().unwrap();
    store.select(first, true);
    store.expire(now + 3 * day);
    assert_eq!(store.stats().minutes(now, 10), [MinuteTotals::default(); 10]);
    store.expire(now);
    let spans = |stats: &Stats| stats.minutes(now, 10).iter().map(|flow| flow.spans).collect::<Vec<_>>();
    assert_eq!(spans(store.stats()), [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(spans(store.selection().unwrap()), spans(store.stats()));
    store.apply(&batch(&[at(2, 2, now - 5 * MINUTE), at(2, 3, now - MINUTE), at(3, 4, now)]), now + 1);
    assert_eq!(spans(store.stats()), [0, 0, 0, 0, 1, 0, 0, 0, 1, 1], "the first trace was evicted and subtracted once");
    store.check_invariants();
}

#[test]
fn a_trace_is_in_no_selection_after_the_one_it_was_added_to() {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&[spec(1, None), spec(2, Some(1))]), 10 * SECOND);
    let trace = store.traces().next().unwrap();
    for number in [1, u16::MAX] {
        store.selection_number = number - 1;
        store.begin_selection();
        store.select(trace, true);
        assert!(store.is_selected(trace) && !store.selection().unwrap().totals.is_zero());
        store.begin_selection();
        assert!(!store.is_selected(trace) && store.selection_number > 0, "the numbers begin again at 1");
        store.check_invariants();
        store.end_selection();
        assert!(!store.is_selected(trace));
    }
    assert_eq!(store.begin_selection().map(|ended| ended.into_groups().count()), None, "it has ended");
}

#[test]
fn a_span_that_ends_in_the_far_future_does_not_keep_its_trace_running() {
    for origin in [Origin::Live, Origin::History] {
        let mut store = Store::new(Limits::default());
        let mut far = batch(&[spec(2, Some(1))]);
        (far.origin, far.spans[0].end) = (origin, Some(i64::MAX));
        store.apply(&far, 10 * SECOND);
        assert_eq!(store.all().running, 1);
        store.expire(71 * SECOND);
        assert_eq!((store.all().running, store.all().lost), (0, 1));
    }
}

#[test]
fn spans_with_extreme_times_are_summed_and_evicted() {
    let ends = [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX), (0, i64::MAX), (-1, 1)];
    let of = |trace: u8| {
        let span =
            |at: usize| (u64::from(trace) * 100 + at as u64, (at > 0).then_some(u64::from(trace) * 100), SpanType::Model, tokens(1000, 10));
        let mut batch = typed_batch(&(0..=ends.len()).map(span).collect::<Vec<_>>());
        batch.spans[0].facts.span_type = SpanType::Agent;
        for (span, (start, end)) in batch.spans[1..].iter_mut().zip(ends) {
            (span.start, span.end, span.facts.first_token) = (start, Some(end), Some(end));
        }
        batch.spans.iter_mut().for_each(|span| span.trace = trace_id(trace));
        batch
    };
    for now in [i64::MIN, 0, 10 * SECOND, i64::MAX] {
        let mut store = Store::new(Limits { spans: 15, ..Limits::default() });
        store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
        for trace in 1..=4 {
            store.apply(&of(trace), now);
            store.expire(now);
            store.check_invariants();
        }
        assert_eq!((store.trace_count(), store.all().calls, store.all().priced), (2, 12, 12));
        let _ = store.stats().minutes(now, 10);
        for trace in store.traces() {
            let _ = store.time_breakdown(trace, now);
            for row in store.rows_of(trace) {
                let _ = store.own_time(row, now);
                let _ = store.anomalies(store.run_of(row));
            }
        }
    }
}

/// A response id that spans share if they start within the same two seconds.
fn shared_response(spec: &SpanSpec) -> String {
    format!("answer {} {}", spec.start / (2 * SECOND), spec.id % 2)
}

proptest! {
    #[test]
    fn duplicates_do_not_depend_on_the_order_of_arrival((specs, arrival) in span_trees().prop_flat_map(|specs| {
        let twice: Vec<SpanSpec> = specs.iter().chain(specs.iter().take(9)).cloned().collect();
        (Just(specs), Just(twice).prop_shuffle())
    }), size in 1..9usize) {
        let report_batch = |spans: &[SpanSpec]| {
            let mut batch = batch(spans);
            for (at, spec) in spans.iter().enumerate() {
                let response = batch.intern(&shared_response(spec));
                let facts = &mut batch.spans[at].facts;
                (facts.response, facts.usage) = (response, facts.usage.map(|usage| Usage { output: Some(7), ..usage }));
            }
            batch
        };
        let (mut one, mut other) = (Store::new(Limits::default()), Store::new(Limits::default()));
        one.apply(&report_batch(&specs), 100 * SECOND);
        for part in arrival.chunks(size) {
            other.apply(&report_batch(part), 100 * SECOND);
            other.check_invariants();
        }
        let duplicates = |store: &Store| {
            let mut ids: Vec<SpanId> = store.rows().filter(|&row| store.is_duplicate(row)).map(|row| store.row(row).id).collect();
            ids.sort_unstable();
            ids
        };
        prop_assert_eq!(duplicates(&one), duplicates(&other));
        prop_assert_eq!(one.all(), other.all());
        prop_assert_eq!(one.all().duplicates as usize, duplicates(&one).len());
    }

    #[test]
    fn all_derived_values_equal_recomputed_ones_in_any_order(
        (arrival, kinds) in span_trees().prop_flat_map(|specs| {
            let twice: Vec<SpanSpec> = specs.iter().chain(specs.iter().take(9)).cloned().collect();
            let kind = prop::sample::select(vec![SpanType::Agent, SpanType::Team, SpanType::Tool, SpanType::Model, SpanType::Other]);
            let kinds = proptest::collection::vec((kind, 0..4u8, any::<bool>()), twice.len() + 60);
            (Just(twice).prop_shuffle(), kinds)
        }),
        size in 1..9usize,
        limit in 5..80usize,
        priced_at in 0..20usize,
    ) {
        let mut store = Store::new(Limits { spans: limit, ..Limits::default() });
        store.begin_selection();
        for (step, part) in arrival.chunks(size).enumerate() {
            let mut batch = batch(part);
            for (at, spec) in part.iter().enumerate() {
                let (kind, name, states) = kinds[(spec.id as usize * 7 + at) % kinds.len()];
                let [label, model, provider] = [&format!("name {name}"), "gpt-4o", "openai"].map(|text| batch.intern(text));
                let cost = (states && name == 3).then_some(7);
                let input = Some(100 + u32::from(name));
                let is_least = name == 2;
                let usage = batch.spans[at].facts.usage.map(|usage| Usage { input, output: Some(7), cost, is_least, ..usage });
                let response = if spec.id % 3 == 0 { Text::default() } else { batch.intern(&shared_response(spec)) };
                let scope = batch.intern_scope(["", "a", "b"][spec.id as usize / 3 % 3]);
                let (tool, has_remote_parent) = (label, spec.id % 5 == 0);
                let facts = SpanFacts { span_type: kind, usage, agent: label, tool, model, provider, response, scope, ..SpanFacts::default() };
                batch.spans[at].facts = SpanFacts { has_remote_parent, is_final: kind == SpanType::Model && states, ..facts };
            }
            store.apply(&batch, 100 * SECOND);
            if step == priced_at {
                store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
            }
            store.expire(if step % 5 == 4 { 500 * SECOND } else { 100 * SECOND });
            let trace = store.traces().nth(step % 2);
            if let Some(trace) = trace {
                store.select(trace, step % 3 != 0);
            }
            store.check_invariants();
        }
    }
}

/// A batch with one model call that states usage.
fn report_batch(trace: u8, id: u64, parent: Option<u64>, start: Nanos, response: &str) -> Batch {
    let mut batch = batch(&[SpanSpec { trace, start, tokens: Some((100, 7)), ..spec(id, parent) }]);
    batch.spans[0].facts.response = batch.intern(response);
    let label = batch.intern("gpt-5");
    batch.spans[0].facts.model = label;
    batch
}

#[test]
fn a_call_reported_in_two_traces_counts_once_in_the_one_with_a_parent() {
    let mut store = Store::new(Limits { spans: 4, ..Limits::default() });
    store.apply(&report_batch(2, 9, None, 5 * SECOND + 10, "chatcmpl-1"), 100 * SECOND);
    assert_eq!((store.all().calls, store.all().input), (1, 100));
    let changes = store.apply(&report_batch(1, 1, Some(5), 5 * SECOND, "chatcmpl-1"), 100 * SECOND);
    let alone = store.find(store.find_trace(trace_id(2)).unwrap(), span_id(9)).unwrap();
    assert!(changes.rows.contains(&alone) && store.is_duplicate(alone));
    assert_eq!(store.primary_of(alone), Some(row(&store, 1)));
    assert_eq!((store.all().calls, store.all().input, store.all().duplicates), (1, 100, 1));
    assert_eq!(store.totals(alone).tokens(), None, "its trace does not count it");
    assert_eq!(store.usage(alone).unwrap().input, Some(100), "its usage still shows");
    let mut thinking = report_batch(4, 30, None, 5 * SECOND, "chatcmpl-1");
    thinking.spans[0].facts.usage = Some(Usage { input: Some(100), output: Some(8), reasoning: Some(5), ..Usage::default() });
    store.apply(&thinking, 100 * SECOND);
    assert_eq!((store.all().calls, store.all().output, store.all().reasoning), (1, 7, 5), "counts are filled from duplicates");
    let model = store.row(alone).label;
    assert_eq!(store.stats().groups(By::Model).find(|(name, _)| *name == model).unwrap().1.calls, 1);
    // After the trace of the primary row is evicted, another report counts.
    store.apply(&report_batch(1, 5, None, 4 * SECOND, ""), 100 * SECOND);
    store.apply(&report_batch(3, 20, None, 60 * SECOND, ""), 100 * SECOND);
    let of = |trace, id| store.find(store.find_trace(trace_id(trace)).unwrap(), span_id(id)).unwrap();
    assert!(store.find_trace(trace_id(1)).is_none() && store.is_duplicate(alone) != store.is_duplicate(of(4, 30)));
    assert_eq!((store.all().calls, store.all().duplicates), (2, 1));
    store.check_invariants();
}

#[test]
fn audio_that_only_a_duplicate_states_is_priced() {
    let report = |trace, id, parent, audio_input| {
        let mut batch = report_batch(trace, id, parent, 5 * SECOND, "chatcmpl-1");
        let names = ["openai", "gpt-audio"].map(|name| batch.intern(name));
        let facts = &mut batch.spans[0].facts;
        [facts.provider, facts.model] = names;
        let rare = RareTokens { audio_input, ..RareTokens::default() };
        facts.usage = facts.usage.map(|usage| Usage { rare, ..usage });
        batch
    };
    let (agent, client) = (report(1, 1, Some(5), 0), report(2, 9, None, 80));
    let [as_text, with_audio] = [100 * 2500 + 7 * 10_000, 20 * 2500 + 80 * 32_000 + 7 * 10_000];
    for batches in [[&agent, &client], [&client, &agent]] {
        let mut store = Store::new(Limits::default());
        store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
        for batch in batches {
            store.apply(batch, 100 * SECOND);
        }
        let counted = row(&store, 1);
        assert_eq!((store.all().calls, store.all().cost(), store.is_duplicate(counted)), (1, Some(with_audio), false));
        assert_eq!(store.quote(counted).unwrap().cost, with_audio);
        store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
        assert_eq!(store.all().cost(), Some(with_audio));
        // The other span turns out to report no audio, and then another call.
        store.apply(&report(2, 9, None, 0), 100 * SECOND);
        assert_eq!((store.all().calls, store.all().cost()), (1, Some(as_text)));
        store.apply(&client, 100 * SECOND);
        let mut other = report(2, 9, None, 80);
        other.spans[0].facts.response = other.intern("chatcmpl-2");
        store.apply(&other, 100 * SECOND);
        assert_eq!((store.all().calls, store.all().cost()), (2, Some(as_text + with_audio)));
        store.check_invariants();
    }
}

#[test]
fn a_response_id_of_several_calls_is_ignored() {
    let mut store = Store::new(Limits::default());
    // The calls do not overlap.
    for id in 1..4 {
        store.apply(&report_batch(id as u8, id, None, id as Nanos * 10 * SECOND, "chatcmpl-x"), 100 * SECOND);
    }
    assert_eq!((store.all().calls, store.all().duplicates), (3, 0));
    // The calls overlap, but there are too many reports.
    for id in 11..31 {
        store.apply(&report_batch(id as u8, id, None, 0, "chatcmpl-y"), 100 * SECOND);
    }
    assert_eq!((store.all().calls, store.all().duplicates), (23, 0));
    store.check_invariants();
}

#[test]
fn repeated_tool_calls_and_retries_are_found() {
    let tool = |id| (id, Some(1), SpanType::Tool, None);
    let model = |id, usage| (id, Some(1), SpanType::Model, usage);
    let spans = [
        (1, None, SpanType::Agent, None),
        model(2, tokens(100, 1)),
        tool(3),
        tool(4),
        tool(5),
        tool(6),
        model(7, None),
        model(8, tokens(300, 1)),
    ];
    let mut batch = typed_batch(&spans);
    let [same, other, search] = ["{\"q\": 1}", "{\"q\": 2}", "search"].map(|text| batch.intern(text));
    for (at, arguments) in [(2, same), (3, same), (4, other), (5, same)] {
        (batch.spans[at].facts.tool, batch.spans[at].facts.input) = (search, arguments);
    }
    batch.spans[6].status = Status::Error;
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 10 * SECOND);
    let anomalies = store.anomalies(store.run_of(row(&store, 4)));
    let [same, failed, again] = [&[3, 4, 6][..], &[7], &[8]].map(|ids| ids.iter().map(|&id| row(&store, id)).collect::<Vec<_>>());
    assert_eq!(anomalies.repeats(row(&store, 4)), Some(&same[..]));
    assert_eq!(anomalies.repeats(row(&store, 5)), None, "other arguments");
    assert_eq!((anomalies.retry_of(again[0]), anomalies.retried_by(failed[0])), (Some(failed[0]), Some(again[0])));
    assert_eq!(anomalies.growth, [row(&store, 2), row(&store, 8)]);
    assert!(!anomalies.is_truncated);
}

#[test]
fn overlapping_time_counts_once_and_as_model_time_first() {
    let at = |id, parent, kind, start: Nanos, end: Nanos| (id, parent, kind, start, end);
    let spans = [
        at(1, None, SpanType::Agent, 0, 100),
        at(2, Some(1), SpanType::Model, 10, 40),
        at(3, Some(1), SpanType::Model, 30, 50),
        at(4, Some(1), SpanType::Tool, 45, 70),
    ];
    let mut batch = typed_batch(&spans.map(|(id, parent, kind, ..)| (id, parent, kind, None)));
    for (span, (_, _, _, start, end)) in batch.spans.iter_mut().zip(spans) {
        (span.start, span.end) = (start, Some(end));
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, SECOND);
    assert_eq!(store.time_breakdown(store.row(row(&store, 1)).trace(), SECOND), TimeBreakdown { model: 40, tool: 20, other: 40 });
    assert_eq!(store.own_time(row(&store, 1), SECOND), 40);
}
