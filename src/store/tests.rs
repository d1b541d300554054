#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use std::sync::Arc;

use super::*;
use crate::model::{Origin, PayloadRef, SpanFacts, SpanType, Status, Text, TraceId};

const SECOND: Nanos = 1_000_000_000;

fn trace_id(n: u8) -> TraceId {
    TraceId::new([n; 16]).unwrap()
}

fn span_id(n: u64) -> SpanId {
    SpanId::new(n.to_be_bytes()).unwrap()
}

/// A span in the terms that the store cares for.
#[derive(Clone, Debug)]
struct Given {
    trace: u8,
    id: u64,
    parent: Option<u64>,
    start: Nanos,
    failed: bool,
    tokens: Option<(u32, u32)>,
    running: bool,
}

fn given(id: u64, parent: Option<u64>) -> Given {
    Given { trace: 1, id, parent, start: id as Nanos * SECOND, failed: false, tokens: None, running: false }
}

fn batch(spans: &[Given]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for given in spans {
        let name = batch.intern(&format!("span {}", given.id));
        let usage = given.tokens.map(|(input, output)| Usage { input: Some(input), output: Some(output), ..Usage::default() });
        let kind = if usage.is_some() { SpanType::Model } else { SpanType::Tool };
        batch.spans.push(Span {
            trace: trace_id(given.trace),
            id: span_id(given.id),
            parent: given.parent.map(span_id),
            start: given.start,
            end: (!given.running).then_some(given.start + SECOND),
            status: if given.failed { Status::Error } else { Status::Ok },
            name,
            facts: SpanFacts { span_type: kind, usage, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(given.id as i64),
            retained_bytes: 0,
        });
    }
    batch
}

fn store(spans: &[Given]) -> Store {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(spans), 100 * SECOND);
    store
}

fn row(store: &Store, id: u64) -> RowIx {
    store.find(store.find_trace(trace_id(1)).unwrap(), span_id(id)).unwrap()
}

#[test]
fn a_parent_that_has_not_come_runs_and_keeps_its_row_when_it_comes() {
    let mut store = Store::new(Limits::default());
    let changes = store.apply(&batch(&[given(2, Some(1))]), 3 * SECOND);
    assert_eq!(changes.rows.len(), 2);
    let parent = row(&store, 1);
    assert!(store.row(parent).placeholder);
    assert_eq!(store.row(parent).standing(), RunStatus::Running);
    assert_eq!(store.row(parent).start, 2 * SECOND, "it began no later than its child");
    assert_eq!(store.all().spans, 1, "a placeholder is no span");

    store.apply(&batch(&[given(1, None)]), 4 * SECOND);
    assert_eq!(row(&store, 1), parent);
    assert!(!store.row(parent).placeholder);
    assert_eq!(store.children(parent), [row(&store, 2)]);
    assert_eq!((store.all().spans, store.all().running), (2, 0));
}

#[test]
fn what_runs_is_lost_after_a_while_without_news_and_wakes_with_the_next() {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&[given(2, Some(1))]), 3 * SECOND);
    assert!(store.expire(63 * SECOND).rows.is_empty());
    assert_eq!(store.expire(64 * SECOND).rows, [row(&store, 1)]);
    assert_eq!(store.row(row(&store, 1)).standing(), RunStatus::Lost);
    assert_eq!((store.all().running, store.all().lost), (0, 1));
    store.apply(&batch(&[given(3, Some(1))]), 65 * SECOND);
    assert_eq!((store.all().running, store.all().lost), (1, 0));
}

#[test]
fn what_is_lost_was_last_heard_of_when_its_last_child_ended() {
    let store = store(&[given(5, Some(1)), given(2, Some(1))]);
    assert_eq!(store.row(row(&store, 1)).end, 6 * SECOND);
}

#[test]
fn what_was_already_old_when_it_was_read_is_lost_at_once() {
    let mut store = Store::new(Limits::default());
    let mut old = batch(&[given(2, Some(1))]);
    old.origin = Origin::History;
    store.apply(&old, 1000 * SECOND);
    assert_eq!((store.all().running, store.all().lost), (0, 1));
}

#[test]
fn a_span_that_ends_replaces_its_running_record() {
    let mut store = store(&[Given { running: true, ..given(1, None) }]);
    assert_eq!(store.all().running, 1);
    store.apply(&batch(&[given(1, None)]), 100 * SECOND);
    assert_eq!((store.all().running, store.all().spans), (0, 1));
}

#[test]
fn usage_is_counted_on_the_lowest_row_that_states_it() {
    let model = |id, parent, tokens| Given { tokens: Some(tokens), ..given(id, parent) };
    let mut store = store(&[model(1, None, (100, 10)), model(2, Some(1), (60, 5)), model(3, Some(2), (61, 6))]);
    assert_eq!(store.all().tokens(), Some(67));
    store.apply(&batch(&[model(4, Some(1), (30, 1))]), 100 * SECOND);
    assert_eq!(store.totals(row(&store, 1)).tokens(), Some(98));
    assert_eq!(store.totals(row(&store, 1)).calls, 2);
}

#[test]
fn each_fact_comes_from_the_lowest_row_that_states_it() {
    let mut agent = batch(&[given(1, None), given(2, Some(1))]);
    agent.spans[0].facts.usage = Some(Usage { input: Some(1000), output: Some(100), ..Usage::default() });
    agent.spans[1].facts.usage = Some(Usage { output: Some(50), cost: Some(7), ..Usage::default() });
    let mut store = Store::new(Limits::default());
    store.apply(&agent, 10 * SECOND);
    let all = store.all();
    assert_eq!((all.input, all.output, all.cost(), all.calls), (1000, 50, Some(7), 1));
}

#[test]
fn unknown_tokens_are_not_zero() {
    let store = store(&[given(1, None)]);
    assert_eq!((store.all().tokens(), store.all().cost()), (None, None));
}

#[test]
fn a_span_that_is_its_own_ancestor_stands_at_the_top() {
    let store = store(&[given(1, Some(1)), given(2, Some(3)), given(3, Some(4)), given(4, Some(2))]);
    let trace = store.find_trace(trace_id(1)).unwrap();
    assert_eq!(store.rows_of(trace).len(), 4);
    assert!(store.has_odd_parent(row(&store, 1)));
    assert!([2, 3, 4].iter().any(|&id| store.has_odd_parent(row(&store, id))));
    assert_eq!(store.all().running, 0);
}

#[test]
fn a_chain_without_end_is_held_and_says_what_it_names() {
    let deep = 20_000;
    let chain: Vec<Given> = (1..=deep).map(|id| Given { tokens: Some((id as u32, 0)), ..given(id, (id > 1).then(|| id - 1)) }).collect();
    for order in [chain.clone(), chain.iter().rev().cloned().collect()] {
        let store = store(&order);
        assert_eq!(u64::from(store.all().spans), deep);
        let last = row(&store, deep);
        assert_eq!(store.stated_parent(last), Some(span_id(deep - 1)));
        assert_eq!(store.rows_of(store.row(last).trace()).len() as u64, deep);
    }
}

#[test]
fn spans_are_found_while_their_trace_grows_and_not_after_it_went() {
    let mut store = Store::new(Limits { spans: 300, ..Limits::default() });
    // A parent that has not come when its trace grows beyond what is found close together comes last.
    let all: Vec<Given> = (2..=200).chain([1]).map(|id| given(id, Some(id / 2).filter(|parent| *parent > 0))).collect();
    for (already, one) in all.iter().enumerate() {
        store.apply(&batch(std::slice::from_ref(one)), 300 * SECOND);
        assert!(all[..=already].iter().all(|one| store.row(row(&store, one.id)).id == span_id(one.id)));
    }
    let mut rows = store.rows_of(store.find_trace(trace_id(1)).unwrap());
    rows.sort();
    assert_eq!(rows.len(), 200, "each once");
    let other: Vec<Given> = (300..=500).map(|id| Given { trace: 2, ..given(id, None) }).collect();
    let mut freed = store.apply(&batch(&other), 600 * SECOND).freed;
    freed.sort();
    assert_eq!(freed, rows);
    store.apply(&batch(&[given(600, None)]), 600 * SECOND);
    let trace = store.find_trace(trace_id(1)).unwrap();
    assert!((1..=200).all(|id| store.find(trace, span_id(id)).is_none()));
}

#[test]
fn the_oldest_ended_trace_goes_first_and_its_memory_is_used_again() {
    let mut store = Store::new(Limits { spans: 3, ..Limits::default() });
    let of = |trace, id: u64, parent| Given { trace, ..given(id, parent) };
    store.apply(&batch(&[of(1, 1, Some(9)), of(2, 2, None), of(2, 3, None)]), 10 * SECOND);
    let changes = store.apply(&batch(&[of(3, 4, None)]), 10 * SECOND);
    assert_eq!(changes.evicted.len(), 1);
    assert!(store.find_trace(trace_id(2)).is_none(), "trace 1 is older, but runs");
    assert_eq!(store.losses().evicted, 2);
    assert_eq!((store.all().spans, store.trace_count()), (2, 2));
    let texts = store.texts().len();
    for id in 5..50 {
        store.apply(&batch(&[of(id as u8, id, None)]), 10 * SECOND);
    }
    assert_eq!(store.all().spans, 3);
    assert!(store.texts().len() <= texts + 3);
}

#[test]
fn where_all_run_the_oldest_goes_and_what_came_in_the_same_call_is_told_as_gone_only() {
    let mut store = Store::new(Limits { spans: 2, ..Limits::default() });
    let of = |trace, id: u64| Given { trace, running: true, ..given(id, None) };
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
fn a_trace_that_ends_goes_before_older_ones_that_run_wherever_its_start_moved() {
    let mut store = Store::new(Limits { spans: 4, ..Limits::default() });
    let of = |trace, id: u64, running| Given { trace, running, ..given(id, None) };
    store.apply(&batch(&[of(1, 1, true), of(2, 3, true), of(3, 4, true)]), 10 * SECOND);
    store.apply(&batch(&[of(2, 2, false)]), 10 * SECOND);
    store.apply(&batch(&[of(2, 3, false)]), 10 * SECOND);
    store.apply(&batch(&[of(4, 5, true)]), 10 * SECOND);
    let left: Vec<TraceId> = store.traces().map(|trace| store.trace(trace).id).collect();
    assert_eq!(left, [trace_id(1), trace_id(3), trace_id(4)]);
}

/// The spans with this weight, in a batch that says whether its payloads are rich.
fn heavy(spans: &[Given], weight: u32, source: u16, rich: bool) -> Batch {
    let mut batch = batch(spans);
    (batch.source, batch.rich) = (SourceId(source), rich);
    batch.spans.iter_mut().for_each(|span| span.retained_bytes = weight);
    batch
}

#[test]
fn bytes_are_bounded_too_and_what_goes_is_released() {
    let mut store = Store::new(Limits { bytes: 250, ..Limits::default() });
    let of = |trace, id: u64| Given { trace, ..given(id, None) };
    store.apply(&heavy(&[of(1, 1), of(2, 2)], 100, 7, true), 10 * SECOND);
    let changes = store.apply(&heavy(&[of(3, 3)], 100, 7, true), 10 * SECOND);
    assert_eq!(changes.released, [(SourceId(7), PayloadRef(1))]);
    assert_eq!((store.retained_bytes(), store.trace_count()), (200, 2));
}

#[test]
fn of_two_sources_the_richer_payload_stays() {
    let mut store = Store::new(Limits::default());
    store.apply(&heavy(&[given(1, None)], 0, 0, false), 10 * SECOND);
    let changes = store.apply(&heavy(&[given(1, None)], 100, 7, true), 10 * SECOND);
    assert_eq!((store.row(row(&store, 1)).source, store.retained_bytes()), (SourceId(7), 100));
    assert!(changes.released.is_empty());
    store.apply(&heavy(&[given(1, None)], 0, 0, false), 10 * SECOND);
    assert_eq!((store.row(row(&store, 1)).source, store.retained_bytes(), store.all().spans), (SourceId(7), 100, 1));
    let again = store.apply(&heavy(&[Given { running: true, ..given(1, None) }], 30, 7, true), 10 * SECOND);
    assert_eq!(again.released, [(SourceId(7), PayloadRef(1))], "a late record of its beginning is of no use");
    assert_eq!((store.retained_bytes(), store.all().running), (100, 0));
}

#[test]
fn a_single_trace_beyond_the_limit_refuses_and_counts() {
    let mut store = Store::new(Limits { spans: 2, ..Limits::default() });
    store.apply(&batch(&[given(1, None), given(2, Some(1)), given(3, Some(1))]), 10 * SECOND);
    assert_eq!((store.all().spans, store.losses().refused), (2, 1));
}

/// Trees of any shape, over two traces, with parents that may never come.
fn forests() -> impl Strategy<Value = Vec<Given>> {
    let span = (0..2u8, any::<prop::sample::Index>(), 0..50i64, any::<bool>(), proptest::option::of((0..1000u32, 0..1000u32)), 0..8u8);
    proptest::collection::vec(span, 1..60).prop_map(|spans| {
        let mut forest: Vec<Given> = Vec::new();
        for (at, (trace, parent, start, failed, tokens, rare)) in spans.into_iter().enumerate() {
            let id = at as u64 + 1;
            let in_trace: Vec<u64> = forest.iter().filter(|other| other.trace == trace + 1).map(|other| other.id).collect();
            let parent = match rare {
                0 => Some(1000 + id % 3),
                1 => None,
                _ if in_trace.is_empty() => None,
                _ => Some(*parent.get(&in_trace)),
            };
            forest.push(Given { trace: trace + 1, id, parent, start: start * SECOND, failed, tokens, running: false });
        }
        forest
    })
}

/// Tokens under a span by the count-once rule, computed from scratch.
fn recount(forest: &[Given], trace: u8, id: u64) -> (u64, u32, u32, u32) {
    let own = forest.iter().find(|given| given.trace == trace && given.id == id);
    let mut sum = (0, 0, 0, 0);
    for child in forest.iter().filter(|given| given.trace == trace && given.parent == Some(id)) {
        let below = recount(forest, trace, child.id);
        sum = (sum.0 + below.0, sum.1 + below.1, sum.2 + below.2, sum.3 + below.3);
    }
    if let Some(own) = own {
        if let (0, Some((input, output))) = (sum.1, own.tokens) {
            (sum.0, sum.1) = (u64::from(input) + u64::from(output), 1);
        }
        sum.2 += u32::from(own.failed);
        sum.3 += 1;
    }
    sum
}

proptest! {
    #[test]
    fn totals_equal_a_recount_whatever_the_order((forest, arrival) in forests().prop_flat_map(|forest| {
        let twice: Vec<Given> = forest.iter().chain(forest.iter().take(5)).cloned().collect();
        (Just(forest), Just(twice).prop_shuffle())
    }), size in 1..20usize) {
        let mut store = Store::new(Limits::default());
        for part in arrival.chunks(size) {
            store.apply(&batch(part), 100 * SECOND);
        }
        prop_assert_eq!(store.all().spans as usize, forest.len());
        for given in &forest {
            let trace = store.find_trace(trace_id(given.trace)).unwrap();
            let row = store.find(trace, span_id(given.id)).unwrap();
            let totals = store.totals(row);
            let found = (totals.input + totals.output, totals.calls, totals.errors, totals.spans);
            prop_assert_eq!(found, recount(&forest, given.trace, given.id));
            prop_assert_eq!(store.row(row).parent().map(|parent| store.row(parent).id), given.parent.map(span_id));
            prop_assert!(store.children(row).is_sorted_by_key(|&child| store.row(child).order()));
            prop_assert!(!store.row(row).placeholder);
        }
        for trace in store.traces() {
            let rows = store.rows_of(trace);
            let placeholders = rows.iter().filter(|&&row| store.row(row).placeholder).count();
            let Counts { spans, errors, running, lost } = *store.trace(trace).counts();
            prop_assert_eq!((running + lost) as usize, placeholders);
            let totals = store.totals_of(trace);
            prop_assert_eq!((spans, errors, running, lost), (totals.spans, totals.errors, totals.running, totals.lost));
            let mut sum = Totals::default();
            store.trace(trace).roots().iter().for_each(|&top| sum.add(&store.totals(top)));
            prop_assert_eq!(totals, sum);
            let spans: Vec<&Given> = forest.iter().filter(|given| trace_id(given.trace) == store.trace(trace).id).collect();
            prop_assert_eq!(rows.len() - placeholders, spans.len());
            prop_assert_eq!(store.trace(trace).start, spans.iter().map(|given| given.start).min().unwrap());
        }
    }
}

#[test]
fn a_row_is_as_small_as_it_says() {
    assert_eq!(size_of::<Row>(), 88);
}

/// A store priced by the list that comes with the program, and a batch of spans of a kind each, all of gpt-4o or named by their ids.
fn of_kinds(spans: &[(u64, Option<u64>, SpanType, Option<Usage>)]) -> Batch {
    let given: Vec<Given> = spans.iter().map(|&(id, parent, ..)| given(id, parent)).collect();
    let mut batch = batch(&given);
    for (at, &(id, _, kind, usage)) in spans.iter().enumerate() {
        let [name, model, provider] = [&format!("{kind:?} {id}"), "gpt-4o", "openai"].map(|text| batch.intern(text));
        let facts = &mut batch.spans[at].facts;
        *facts = SpanFacts { span_type: kind, usage, agent: name, tool: name, model, provider, ..SpanFacts::default() };
    }
    batch
}

#[expect(clippy::unnecessary_wraps, reason = "a row of a table, some of whose rows use nothing")]
fn used(input: u32, output: u32) -> Option<Usage> {
    Some(Usage { input: Some(input), output: Some(output), ..Usage::default() })
}

fn group<'a>(stats: &'a Stats, store: &Store, by: By, name: &str) -> &'a Group {
    stats.groups(by).find(|&(symbol, _)| store.text(symbol) == name).unwrap().1
}

#[test]
fn what_ran_is_given_to_the_nearest_agent_and_tool() {
    let spans = [
        (1, None, SpanType::Team, used(999, 999)),
        (2, Some(1), SpanType::Model, used(100, 10)),
        (3, Some(1), SpanType::Tool, None),
        (4, Some(3), SpanType::Agent, None),
        (5, Some(4), SpanType::Model, used(30, 3)),
        (6, Some(4), SpanType::Tool, None),
    ];
    for order in [spans.to_vec(), spans.iter().rev().copied().collect()] {
        let mut store = Store::new(Limits::default());
        for span in order {
            store.apply(&of_kinds(&[span]), 10 * SECOND);
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
fn one_call_that_two_instruments_tell_of_is_one_call() {
    let spans = [
        (1, None, SpanType::Agent, None),
        (2, Some(1), SpanType::Model, used(5, 10)),
        (3, Some(2), SpanType::Model, used(130, 10)),
        (4, Some(1), SpanType::Model, None),
        (5, Some(4), SpanType::Model, None),
        (6, Some(1), SpanType::Model, used(7, 7)),
        (7, Some(6), SpanType::Model, None),
    ];
    for order in [spans.to_vec(), spans.iter().rev().copied().collect()] {
        let mut store = Store::new(Limits::default());
        for span in order {
            store.apply(&of_kinds(&[span]), 10 * SECOND);
        }
        assert_eq!(group(store.stats(), &store, By::Model, "gpt-4o").calls, 3, "3 for 2; 5 for 4, which states nothing; 6, which does");
        assert_eq!(store.all().tokens(), Some(154));
    }
}

#[test]
fn what_hangs_by_a_span_that_is_no_model_call_after_all_is_counted_again() {
    let model = |id, parent, usage| (id, Some(parent), SpanType::Model, usage);
    for ([upper, lower], other) in [([used(5, 10), None], 2), ([None, None], 3)] {
        let mut store = Store::new(Limits::default());
        store.apply(&of_kinds(&[(1, None, SpanType::Agent, None), model(2, 1, upper), model(3, 2, lower)]), 10 * SECOND);
        let counted = |store: &Store| [2, 3].map(|id| store.row(row(store, id)).counted);
        assert_eq!(counted(&store), [upper.is_some(), upper.is_none()]);
        store.apply(&of_kinds(&[(other, Some(other - 1), SpanType::Other, None)]), 10 * SECOND);
        assert_eq!(counted(&store), [other == 3, other == 2]);
        assert_eq!(group(store.stats(), &store, By::Model, "gpt-4o").calls, 1);
    }
}

#[test]
fn a_model_row_that_states_nothing_is_no_call_once_calls_come_further_below() {
    let mut store = Store::new(Limits::default());
    store.apply(&of_kinds(&[(2, None, SpanType::Model, None), (3, Some(2), SpanType::Tool, None)]), 10 * SECOND);
    assert!(store.row(row(&store, 2)).counted);
    store.apply(&of_kinds(&[(4, Some(3), SpanType::Model, used(5, 10))]), 10 * SECOND);
    assert_eq!([2, 4].map(|id| store.row(row(&store, id)).counted), [false, true]);
}

#[test]
fn calls_are_priced_when_the_prices_are_known_and_a_stated_cost_goes_before() {
    let mut store = Store::new(Limits::default());
    store.apply(&of_kinds(&[(1, None, SpanType::Agent, None), (2, Some(1), SpanType::Model, used(1000, 100))]), 10 * SECOND);
    assert_eq!((store.all().cost(), store.all().calls), (None, 1));
    let changes = store.set_prices(Arc::new(crate::model::price::Prices::bundled()));
    assert_eq!(changes.rows, [row(&store, 2)]);
    assert_eq!(store.totals(row(&store, 1)).cost(), Some(3_500_000));
    store.apply(
        &of_kinds(&[
            (3, Some(1), SpanType::Model, used(1000, 0)),
            (4, Some(1), SpanType::Model, Some(Usage { output: Some(5), ..Usage::default() })),
        ]),
        10 * SECOND,
    );
    assert_eq!((store.all().cost(), store.all().calls, store.all().priced), (Some(6_000_000), 3, 2));
    assert_eq!(store.quote(row(&store, 2)).unwrap().priced_as, "openai gpt-4o");
    let stated = Usage { input: Some(2000), cost: Some(5), ..Usage::default() };
    store.apply(&of_kinds(&[(1, None, SpanType::Agent, Some(stated))]), 10 * SECOND);
    assert_eq!((store.all().cost(), store.all().priced), (Some(5), 3), "whoever states a cost knows it");
    assert_eq!(store.quote(row(&store, 1)), None);
}

#[test]
fn minutes_fill_again_when_the_clock_was_ahead_for_once() {
    let day = 24 * 60 * MINUTE;
    let now = 30 * day;
    let at = |trace, id, start| Given { trace, start, tokens: Some((100, 10)), ..given(id, None) };
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
    assert_eq!(spans(store.stats()), [0, 0, 0, 0, 1, 0, 0, 0, 1, 1], "the first trace went, and was taken out once");
    assert_eq!(store.stats(), &swept(&store, |_| true));
    assert_eq!(store.selection().unwrap(), &swept(&store, |_| false));
}

#[test]
fn a_span_that_ends_in_the_far_future_does_not_keep_its_trace_running() {
    for origin in [Origin::Live, Origin::History] {
        let mut store = Store::new(Limits::default());
        let mut far = batch(&[given(2, Some(1))]);
        (far.origin, far.spans[0].end) = (origin, Some(i64::MAX));
        store.apply(&far, 10 * SECOND);
        assert_eq!(store.all().running, 1);
        store.expire(71 * SECOND);
        assert_eq!((store.all().running, store.all().lost), (0, 1));
    }
}

#[test]
fn spans_at_either_end_of_time_are_summed_and_taken_out_again() {
    let ends = [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX), (0, i64::MAX), (-1, 1)];
    let of = |trace: u8| {
        let span =
            |at: usize| (u64::from(trace) * 100 + at as u64, (at > 0).then_some(u64::from(trace) * 100), SpanType::Model, used(1000, 10));
        let mut batch = of_kinds(&(0..=ends.len()).map(span).collect::<Vec<_>>());
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
            assert_eq!(store.stats(), &swept(&store, |_| true));
        }
        assert_eq!((store.trace_count(), store.all().calls, store.all().priced), (2, 12, 12));
        let _ = store.stats().minutes(now, 10);
        for trace in store.traces() {
            let _ = store.split_of(trace, now);
            for row in store.rows_of(trace) {
                let _ = store.own_time(row, now);
                let _ = store.habits(store.run_of(row));
            }
        }
    }
}

/// Everything that is summed, counted anew.
fn swept(store: &Store, of: impl Fn(TraceIx) -> bool) -> Stats {
    let mut stats = Stats::begin_at(store.stats());
    for trace in store.traces().filter(|&trace| of(trace)) {
        store.sweep(trace, &mut stats, false);
    }
    stats
}

/// An id for a call that ran then: spans of the same second or two tell of the same.
fn answer(given: &Given) -> String {
    format!("answer {} {}", given.start / (2 * SECOND), given.id % 2)
}

proptest! {
    #[test]
    fn of_calls_told_twice_the_same_count_whatever_the_order((forest, arrival) in forests().prop_flat_map(|forest| {
        let twice: Vec<Given> = forest.iter().chain(forest.iter().take(9)).cloned().collect();
        (Just(forest), Just(twice).prop_shuffle())
    }), size in 1..9usize) {
        let told = |spans: &[Given]| {
            let mut batch = batch(spans);
            for (at, given) in spans.iter().enumerate() {
                let response = batch.intern(&answer(given));
                let facts = &mut batch.spans[at].facts;
                (facts.response, facts.usage) = (response, facts.usage.map(|usage| Usage { output: Some(7), ..usage }));
            }
            batch
        };
        let (mut one, mut other) = (Store::new(Limits::default()), Store::new(Limits::default()));
        one.apply(&told(&forest), 100 * SECOND);
        for part in arrival.chunks(size) {
            other.apply(&told(part), 100 * SECOND);
        }
        let echoes = |store: &Store| {
            let mut ids: Vec<SpanId> = store.rows().filter(|&row| store.is_duplicate(row)).map(|row| store.row(row).id).collect();
            ids.sort_unstable();
            ids
        };
        prop_assert_eq!(echoes(&one), echoes(&other));
        prop_assert_eq!(one.all(), other.all());
        prop_assert_eq!(one.all().duplicates as usize, echoes(&one).len());
    }

    #[test]
    fn groups_equal_a_recount_whatever_the_order(
        (arrival, kinds) in forests().prop_flat_map(|forest| {
            let twice: Vec<Given> = forest.iter().chain(forest.iter().take(9)).cloned().collect();
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
            for (at, given) in part.iter().enumerate() {
                let (kind, name, states) = kinds[(given.id as usize * 7 + at) % kinds.len()];
                let [label, model, provider] = [&format!("name {name}"), "gpt-4o", "openai"].map(|text| batch.intern(text));
                let cost = (states && name == 3).then_some(7);
                let input = Some(100 + u32::from(name));
                let usage = batch.spans[at].facts.usage.map(|usage| Usage { input, output: Some(7), cost, ..usage });
                let response = if given.id % 3 == 0 { Text::default() } else { batch.intern(&answer(given)) };
                let scope = batch.intern_scope(["", "a", "b"][given.id as usize / 3 % 3]);
                batch.spans[at].facts =
                    SpanFacts { span_type: kind, usage, agent: label, tool: label, model, provider, response, scope, ..SpanFacts::default() };
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
            let ended = store.age.iter().find(|&&(_, trace)| store.trace(trace).counts().running == 0);
            prop_assert!(ended.is_none_or(|&ended| store.ended_from <= ended));
            prop_assert!(store.rows().all(|row| store.row(row).counted == store.is_call(row)));
            let counts = |row: RowIx| store.teller(&store.tellers(store.usages[store.row(row).usage].response()));
            let tells = |row: &RowIx| store.row(*row).usage != NONE && store.usages[store.row(*row).usage].response() != 0;
            let repeats = |row: RowIx| counts(row).is_some_and(|counts| store.repeats(row, counts));
            prop_assert!(store.rows().filter(tells).all(|row| store.is_duplicate(row) == repeats(row)));
            let selected = |trace: TraceIx| store.trace(trace).selected;
            prop_assert_eq!(store.stats(), &swept(&store, |_| true));
            prop_assert_eq!(store.selection().unwrap(), &swept(&store, selected));
        }
    }
}

/// A model's call that states usage, told of in a trace of its own or under a parent.
fn told(trace: u8, id: u64, parent: Option<u64>, start: Nanos, response: &str) -> Batch {
    let mut batch = batch(&[Given { trace, start, tokens: Some((100, 7)), ..given(id, parent) }]);
    batch.spans[0].facts.response = batch.intern(response);
    let label = batch.intern("gpt-5");
    batch.spans[0].facts.model = label;
    batch
}

#[test]
fn a_call_told_of_in_two_traces_counts_once_and_in_the_agent_s() {
    let mut store = Store::new(Limits { spans: 4, ..Limits::default() });
    store.apply(&told(2, 9, None, 5 * SECOND + 10, "chatcmpl-1"), 100 * SECOND);
    assert_eq!((store.all().calls, store.all().input), (1, 100));
    let changes = store.apply(&told(1, 1, Some(5), 5 * SECOND, "chatcmpl-1"), 100 * SECOND);
    let alone = store.find(store.find_trace(trace_id(2)).unwrap(), span_id(9)).unwrap();
    assert!(changes.rows.contains(&alone) && store.is_duplicate(alone));
    assert_eq!(store.primary_of(alone), Some(row(&store, 1)));
    assert_eq!((store.all().calls, store.all().input, store.all().duplicates), (1, 100, 1));
    assert_eq!(store.totals(alone).tokens(), None, "its trace does not count it");
    assert_eq!(store.usage(alone).unwrap().input, Some(100), "and still shows it");
    let mut thinking = told(4, 30, None, 5 * SECOND, "chatcmpl-1");
    thinking.spans[0].facts.usage = Some(Usage { input: Some(100), output: Some(8), reasoning: Some(5), ..Usage::default() });
    store.apply(&thinking, 100 * SECOND);
    assert_eq!((store.all().calls, store.all().output, store.all().reasoning), (1, 7, 5), "what others know is taken over");
    let model = store.row(alone).label;
    assert_eq!(store.stats().group(By::Model, model).unwrap().calls, 1);
    // When the trace that counts it goes, the other one counts it.
    store.apply(&told(1, 5, None, 4 * SECOND, ""), 100 * SECOND);
    store.apply(&told(3, 20, None, 60 * SECOND, ""), 100 * SECOND);
    let of = |trace, id| store.find(store.find_trace(trace_id(trace)).unwrap(), span_id(id)).unwrap();
    assert!(store.find_trace(trace_id(1)).is_none() && store.is_duplicate(alone) != store.is_duplicate(of(4, 30)));
    assert_eq!((store.all().calls, store.all().duplicates), (2, 1));
    assert_eq!(store.stats(), &swept(&store, |_| true));
}

#[test]
fn an_id_that_several_calls_bear_is_no_answer_s() {
    let mut store = Store::new(Limits::default());
    // One after the other.
    for id in 1..4 {
        store.apply(&told(id as u8, id, None, id as Nanos * 10 * SECOND, "chatcmpl-x"), 100 * SECOND);
    }
    assert_eq!((store.all().calls, store.all().duplicates), (3, 0));
    // At once, but too many.
    for id in 11..31 {
        store.apply(&told(id as u8, id, None, 0, "chatcmpl-y"), 100 * SECOND);
    }
    assert_eq!((store.all().calls, store.all().duplicates), (23, 0));
    assert_eq!(store.stats(), &swept(&store, |_| true));
}

#[test]
fn calls_with_the_same_arguments_and_retries_are_noticed() {
    let tool = |id| (id, Some(1), SpanType::Tool, None);
    let model = |id, usage| (id, Some(1), SpanType::Model, usage);
    let spans = [
        (1, None, SpanType::Agent, None),
        model(2, used(100, 1)),
        tool(3),
        tool(4),
        tool(5),
        tool(6),
        model(7, None),
        model(8, used(300, 1)),
    ];
    let mut batch = of_kinds(&spans);
    let [same, other, search] = ["{\"q\": 1}", "{\"q\": 2}", "search"].map(|text| batch.intern(text));
    for (at, arguments) in [(2, same), (3, same), (4, other), (5, same)] {
        (batch.spans[at].facts.tool, batch.spans[at].facts.input) = (search, arguments);
    }
    batch.spans[6].status = Status::Error;
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 10 * SECOND);
    let habits = store.habits(store.run_of(row(&store, 4)));
    let [same, failed, again] = [&[3, 4, 6][..], &[7], &[8]].map(|ids| ids.iter().map(|&id| row(&store, id)).collect::<Vec<_>>());
    assert_eq!(habits.repeats(row(&store, 4)), Some(&same[..]));
    assert_eq!(habits.repeats(row(&store, 5)), None, "other arguments");
    assert_eq!((habits.retry_of(again[0]), habits.retried_by(failed[0])), (Some(failed[0]), Some(again[0])));
    assert_eq!(habits.growth, [row(&store, 2), row(&store, 8)]);
    assert!(!habits.more);
}

#[test]
fn time_that_overlaps_counts_once_and_models_go_first() {
    let at = |id, parent, kind, start: Nanos, end: Nanos| (id, parent, kind, start, end);
    let spans = [
        at(1, None, SpanType::Agent, 0, 100),
        at(2, Some(1), SpanType::Model, 10, 40),
        at(3, Some(1), SpanType::Model, 30, 50),
        at(4, Some(1), SpanType::Tool, 45, 70),
    ];
    let mut batch = of_kinds(&spans.map(|(id, parent, kind, ..)| (id, parent, kind, None)));
    for (span, (_, _, _, start, end)) in batch.spans.iter_mut().zip(spans) {
        (span.start, span.end) = (start, Some(end));
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, SECOND);
    assert_eq!(store.split_of(store.row(row(&store, 1)).trace(), SECOND), TimeBreakdown { model: 40, tool: 20, rest: 40 });
    assert_eq!(store.own_time(row(&store, 1), SECOND), 40);
}
