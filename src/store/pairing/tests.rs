#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::dedup::TELLERS;
use super::super::{Limits, Stats};
use super::*;
use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, Status, Text, TraceId, Usage};

const MILLI: Nanos = 1_000_000;
const NOW: Nanos = 1_000_000 * MILLI;

/// A model's call as one instrument tells of it.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    trace: u8,
    id: u64,
    parent: Option<u64>,
    /// Milliseconds.
    start: i64,
    end: i64,
    by: &'static str,
    /// The answer that it names; 0: none.
    answer: u16,
    counts: (u32, u32),
    reasoning: Option<u32>,
}

/// Of trace and span `id`.
fn told(id: u8, by: &'static str, times: (i64, i64), answer: u16) -> Told {
    let (start, end) = times;
    Told { trace: id, id: id.into(), parent: None, start, end, by, answer, counts: (100, 7), reasoning: None }
}

fn batch(calls: &[Told]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for told in calls {
        let name = if told.answer == 0 { String::new() } else { format!("msg_{}", told.answer) };
        let (instrument, response) = (batch.intern_scope(told.by), batch.intern(&name));
        let usage = Some(Usage { input: Some(told.counts.0), output: Some(told.counts.1), reasoning: told.reasoning, ..Usage::default() });
        batch.spans.push(Span {
            trace: TraceId::new([told.trace; 16]).unwrap(),
            id: SpanId::new(told.id.to_be_bytes()).unwrap(),
            parent: told.parent.and_then(|parent| SpanId::new(parent.to_be_bytes())),
            start: told.start * MILLI,
            end: Some(told.end * MILLI),
            status: Status::Ok,
            name: Text::default(),
            facts: SpanFacts { span_type: SpanType::Model, usage, scope: instrument, response, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
    }
    batch
}

fn store(calls: &[Told]) -> Store {
    let mut store = Store::new(Limits::default());
    for told in calls {
        store.apply(&batch(std::slice::from_ref(told)), NOW);
    }
    store
}

fn row(store: &Store, told: &Told) -> Option<RowIx> {
    let trace = store.find_trace(TraceId::new([told.trace; 16]).unwrap())?;
    store.find(trace, SpanId::new(told.id.to_be_bytes()).unwrap())
}

/// Calls and echoes, whatever came first.
fn counted(calls: &[Told]) -> (u32, u32) {
    let backwards: Vec<Told> = calls.iter().rev().cloned().collect();
    let [one, other] = [calls, &backwards].map(|calls| *store(calls).all());
    assert_eq!(one, other);
    (one.calls, one.duplicates)
}

#[test]
fn a_call_counts_once_though_one_of_two_instruments_names_no_answer() {
    let outer = Told { parent: Some(77), reasoning: Some(3), ..told(1, "langchain", (0, 100), 0) };
    let inner = told(2, "anthropic", (10, 60), 9);
    assert_eq!(counted(&[outer.clone(), inner.clone()]), (1, 1));
    let mut store = store(&[inner.clone(), outer.clone()]);
    let (outer_row, inner_row) = (row(&store, &outer).unwrap(), row(&store, &inner).unwrap());
    assert_eq!(store.primary_of(inner_row), Some(outer_row), "it counts in the user's tree");
    assert_eq!(store.usage(inner_row).unwrap().reasoning, None);
    // It was another call after all.
    store.apply(&batch(&[Told { counts: (100, 8), ..outer }]), NOW);
    assert_eq!((store.all().calls, store.all().duplicates), (2, 0));
    let neither = [told(1, "langchain", (0, 100), 0), told(2, "anthropic", (10, 60), 0), told(3, "httpx", (11, 59), 0)];
    assert_eq!(counted(&neither), (1, 2), "of three of whom none names it");
}

#[test]
fn calls_of_one_instrument_of_none_or_of_another_time_each_count() {
    let at_once = |by| [told(1, by, (0, 100), 0), told(2, by, (0, 100), 0), told(3, by, (10, 60), 9)];
    assert_eq!(counted(&at_once("langchain")), (3, 0));
    assert_eq!(counted(&at_once("")), (3, 0));
    let [outer, inner] = [told(1, "langchain", (0, 100), 0), told(2, "anthropic", (10, 60), 9)];
    for (what, other) in [
        ("nobody says who tells of it", Told { by: "", ..inner.clone() }),
        ("it came later", Told { start: 110, end: 160, ..inner.clone() }),
        ("it outlasts the other", Told { end: 106, ..inner.clone() }),
        ("it counts otherwise", Told { counts: (100, 8), ..inner.clone() }),
        ("it counts nothing", Told { counts: (100, 0), ..inner.clone() }),
    ] {
        assert_eq!(counted(&[outer.clone(), other]).0, 2, "{what}");
    }
    assert_eq!(counted(&[Told { answer: 8, ..outer.clone() }, inner.clone()]), (2, 0), "they are of two answers");
    assert_eq!(counted(&[outer.clone(), Told { end: 104, ..inner.clone() }]), (1, 1), "clocks are not read at once");
    let far = Told { start: -5000, ..outer };
    assert_eq!(counted(&[Told { end: 1060, ..far.clone() }, inner.clone()]), (1, 1));
    assert_eq!(counted(&[Told { end: 1061, ..far }, inner]), (2, 0), "it ended long after");
}

#[test]
fn calls_at_once_are_paired_one_to_one() {
    let both =
        |lag: i64| [told(1, "a", (0, 150), 0), told(2, "a", (0, 160), 0), told(3, "b", (1, 150 - lag), 8), told(4, "b", (1, 160 - lag), 9)];
    for lag in [1, 10, 50] {
        assert_eq!(counted(&both(lag)), (2, 2));
    }
    let [one, other, inner, _] = both(10);
    assert_eq!(counted(&[one, other, inner]), (2, 1), "one of them was told of once");
}

#[test]
fn of_rows_that_hang_under_each_other_the_lowest_counts_and_those_beside_it_do_not() {
    let outer = told(1, "agno", (0, 100), 0);
    let upper = Told { id: 2, parent: Some(1), reasoning: Some(5), ..told(1, "openinference", (1, 99), 9) };
    let lower = Told { id: 3, parent: Some(2), ..told(1, "anthropic", (2, 98), 9) };
    assert_eq!(counted(&[outer.clone(), upper.clone(), lower.clone()]), (1, 0));
    let beside = Told { parent: Some(1), ..lower.clone() };
    assert_eq!(counted(&[outer.clone(), upper.clone(), beside]), (1, 1));
    // A row between them comes last.
    let between = Told { id: 4, parent: Some(2), counts: (0, 0), ..told(1, "chain", (1, 99), 0) };
    let lower = Told { parent: Some(4), ..lower };
    let elsewhere = told(5, "sdk", (3, 97), 9);
    assert_eq!(counted(&[outer.clone(), upper.clone(), lower.clone(), between.clone()]), (1, 0));
    assert_eq!(counted(&[elsewhere, lower, outer, upper, between]), (1, 1));
}

#[test]
fn a_call_counts_again_when_who_else_told_of_it_is_gone() {
    let mut store = Store::new(Limits { spans: 2, ..Limits::default() });
    for told in [told(1, "a", (0, 100), 0), told(2, "b", (1, 99), 9), told(3, "b", (300, 400), 0)] {
        store.apply(&batch(&[told]), NOW);
    }
    assert_eq!((store.all().spans, store.all().calls, store.all().duplicates), (2, 2, 0));
    store.apply(&batch(&[told(4, "a", (299, 401), 0)]), NOW);
    assert_eq!((store.all().spans, store.all().calls, store.all().duplicates), (2, 1, 1));
}

#[test]
fn in_a_crowd_nobody_is_paired_until_it_is_gone() {
    let crowd = |count: u8| -> Vec<Told> {
        let pair = |at: u8| {
            let (start, trace) = (i64::from(at) * 10, at % 100);
            [("a", 0, 0), ("b", 1, u16::from(at) + 1)].map(|(by, inner, answer)| Told {
                trace: trace + 1,
                id: u64::from(at) * 2 + 1 + inner as u64,
                start: start + inner,
                end: start + 9 - inner,
                ..told(1, by, (0, 0), answer)
            })
        };
        (0..count).flat_map(pair).collect()
    };
    assert_eq!(counted(&crowd(32)), (32, 32));
    assert_eq!(counted(&crowd(33)), (66, 0));
    assert_eq!(counted(&crowd(99)), (198, 0));
    let mut store = Store::new(Limits { spans: 64, ..Limits::default() });
    for told in crowd(99) {
        store.apply(&batch(&[told]), NOW);
    }
    assert_eq!(store.stats(), &swept(&store));
    let later = [told(150, "a", (50_000, 50_100), 0), told(151, "b", (50_001, 50_099), 9)];
    store.apply(&batch(&later), NOW);
    assert!(store.is_duplicate(row(&store, &later[0]).unwrap()) != store.is_duplicate(row(&store, &later[1]).unwrap()));
}

#[test]
fn an_id_that_many_calls_bear_is_no_answer_s_and_they_are_paired_without() {
    let pair = |at: u8| {
        let start = i64::from(at) * 10_000;
        [told(at * 2 + 1, "a", (start, start + 100), 1), told(at * 2 + 2, "b", (start + 1, start + 99), 1)]
    };
    let calls: Vec<Told> = (0..20).flat_map(pair).collect();
    assert_eq!(counted(&calls), (20, 20));
}

fn swept(store: &Store) -> Stats {
    let mut stats = Stats::begin_at(store.stats());
    store.traces().for_each(|trace| store.sweep(trace, &mut stats, false));
    stats
}

/// Calls that ran at about the same time: of three instruments or an unknown one, with the same answers or none, some under others.
fn calls() -> impl Strategy<Value = Vec<Told>> {
    let by = prop::sample::select(vec!["a", "a", "b", "b", "c", ""]);
    let parts = (0..4u32, prop::option::of(3..6u32));
    let one = (1..4u8, 0..12u64, (0..20i64, 0..8i64), by, (any::<bool>(), 1..6u16), parts, 0..2000i64);
    prop::collection::vec(one, 2..40).prop_map(|all| {
        let mut calls: Vec<Told> = Vec::new();
        for (at, (trace, parent, (start, takes), by, (is_named, answer), (output, reasoning), late)) in all.into_iter().enumerate() {
            let (start, id) = (start * 7 + if late < 400 { late * 10 } else { 0 }, at as u64 + 1);
            let answer = (start / 50) as u16 * 5 + answer;
            let bearers = calls.iter().filter(|told| told.answer == answer).count();
            let answer = if is_named && bearers < TELLERS { answer } else { 0 };
            let parent = calls.iter().rev().take(parent as usize / 3).find(|told| told.trace == trace).map(|told| told.id);
            let counts = (100, output.max(1) + 6);
            calls.push(Told { trace, id, parent, start, end: start + takes * 7, by, answer, counts, reasoning });
        }
        calls
    })
}

/// The rule, read anew: which calls are echoes.
fn echoes(calls: &[Told]) -> Vec<u64> {
    let id = |told: &Told| (told.trace, told.id);
    let may_pair = |told: &Told| !told.by.is_empty();
    let mut sets: Vec<Vec<&Told>> = Vec::new();
    for told in calls {
        match sets.iter_mut().find(|set| {
            may_pair(set[0]) && may_pair(told) && told.answer != 0 && set[0].answer == told.answer && set[0].counts == told.counts
        }) {
            Some(set) => set.push(told),
            None => sets.push(vec![told]),
        }
    }
    let mut pairs = Vec::new();
    for one in calls {
        for other in calls.iter().filter(|other| id(one) < id(other)) {
            let holds = |one: &Told, other: &Told| one.start <= other.start + 5 && other.end <= one.end + 5;
            let apart = (one.start - other.start).abs() + (one.end - other.end).abs();
            let hangs = one.trace == other.trace && (one.parent == Some(other.id) || other.parent == Some(one.id));
            let known = may_pair(one) && may_pair(other) && one.by != other.by;
            let near = (holds(one, other) || holds(other, one)) && (one.end - other.end).abs() <= 1000;
            if known && near && one.counts == other.counts && (one.answer == 0 || other.answer == 0) {
                pairs.push((if hangs { 0 } else { apart }, id(one), id(other)));
            }
        }
    }
    pairs.sort_unstable();
    for (_, one, other) in pairs {
        let find = |of| sets.iter().position(|set| set.iter().any(|told| id(told) == of)).unwrap();
        let (to, from) = (find(one), find(other));
        if to == from {
            continue;
        }
        let both: Vec<&Told> = sets[to].iter().chain(&sets[from]).copied().collect();
        let again = sets[to].iter().any(|one| sets[from].iter().any(|other| one.by == other.by));
        let names = sets[to].iter().any(|told| told.answer != 0) && sets[from].iter().any(|told| told.answer != 0);
        let at_once = both.iter().map(|told| told.start).max() <= both.iter().map(|told| told.end).min();
        if !again && !names && at_once && both.len() <= TELLERS {
            sets[to] = both;
            sets[from].clear();
        }
    }
    let above = |told: &Told| {
        let mut ids = Vec::new();
        let mut at = told.parent;
        while let Some(parent) = at {
            ids.push((told.trace, parent));
            at = calls.iter().find(|other| id(other) == (told.trace, parent)).and_then(|other| other.parent);
        }
        ids
    };
    // Those who name an answer tell of the same call even if they count otherwise.
    let answer = |set: &[&Told]| set.iter().map(|told| told.answer).max().unwrap_or_default();
    for at in (1..sets.len()).rev() {
        if answer(&sets[at]) != 0
            && let Some(to) = (0..at).find(|&to| answer(&sets[to]) == answer(&sets[at]))
        {
            let set = std::mem::take(&mut sets[at]);
            sets[to].extend(set);
        }
    }
    let mut echoes = Vec::new();
    for set in sets.iter().filter(|set| set.len() > 1) {
        let at_once = set.iter().map(|told| told.start).max() <= set.iter().map(|told| told.end).min();
        let lowest = set.iter().filter(|told| !set.iter().any(|other| above(other).contains(&id(told))));
        let known = |told: &Told| 2 + u8::from(told.reasoning.is_some_and(|count| count > 0));
        let rank = |told: &&&Told| (told.parent.is_some(), known(told), told.start, -told.end, id(told));
        if let Some(counts) = lowest.max_by_key(rank).filter(|_| at_once) {
            echoes.extend(set.iter().filter(|told| **told != *counts && !above(counts).contains(&id(told))).map(|told| told.id));
        }
    }
    echoes.sort_unstable();
    echoes
}

proptest! {
    #[test]
    fn rows_are_paired_as_the_rule_says_whatever_the_order((calls, arrival) in calls().prop_flat_map(|calls| {
        let twice: Vec<Told> = calls.iter().chain(calls.iter().take(9)).cloned().collect();
        (Just(calls), Just(twice).prop_shuffle())
    }), limit in 3..60usize) {
        let found = |store: &Store| {
            let id = |row: RowIx| u64::from_str_radix(&store.row(row).id.to_string(), 16).unwrap();
            let mut ids: Vec<u64> = store.rows().filter(|&row| store.is_duplicate(row)).map(id).collect();
            ids.sort_unstable();
            ids
        };
        let (one, mut other) = (store(&calls), store(&arrival));
        prop_assert_eq!(found(&one), echoes(&calls));
        prop_assert_eq!(found(&other), echoes(&calls));
        prop_assert_eq!(one.all(), other.all());
        prop_assert_eq!(one.all().duplicates as usize, echoes(&calls).len());
        prop_assert_eq!(one.stats(), &swept(&one));
        // Counts that change, and traces that go.
        let mut held: HashMap<u64, Told> = calls.iter().map(|told| (told.id, told.clone())).collect();
        other.limits.spans = limit;
        for told in &arrival {
            let told = Told { counts: (100, 7), ..told.clone() };
            other.apply(&batch(std::slice::from_ref(&told)), NOW);
            held.insert(told.id, told);
            let left: Vec<Told> = (1..=40).filter_map(|id| held.get(&id)).filter(|told| {
                row(&other, told).is_some_and(|row| !other.row(row).placeholder)
            }).cloned().collect();
            prop_assert_eq!(found(&other), echoes(&left));
            prop_assert_eq!(other.stats(), &swept(&other));
        }
    }
}
