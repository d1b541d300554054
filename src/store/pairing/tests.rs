#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::Limits;
use super::MAX_REPORTS;
use super::*;
use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, Status, Text, TraceId, Usage};

const MILLI: Nanos = 1_000_000;
/// The counts of a failed call.
const FAILED: (u32, u32) = (0, 0);

const NOW: Nanos = 1_000_000 * MILLI;

/// A model call as one instrumentation reports it.
#[derive(Clone, Debug, PartialEq)]
struct Report {
    trace: u8,
    id: u64,
    parent: Option<u64>,
    /// In milliseconds, like `end`.
    start: i64,
    end: i64,
    scope: &'static str,
    service: &'static str,
    /// The number of the stated response id; 0 for none.
    response: u16,
    /// 0 if the call failed.
    counts: (u32, u32),
    reasoning: Option<u32>,
}

/// A report in a trace of its own: trace and span have the id `id`.
fn report(id: u8, scope: &'static str, times: (i64, i64), response: u16) -> Report {
    let (start, end) = times;
    Report { trace: id, id: id.into(), parent: None, start, end, scope, service: "", response, counts: (100, 7), reasoning: None }
}

fn batch(calls: &[Report]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for report in calls {
        let response = if report.response == 0 { String::new() } else { format!("msg_{}", report.response) };
        let (scope, response) = (batch.intern_scope(report.scope), batch.intern(&response));
        let [service, model] = [report.service, "gpt-5"].map(|text| batch.intern(text));
        let has_failed = report.counts == FAILED;
        let usage =
            Some(Usage { input: Some(report.counts.0), output: Some(report.counts.1), reasoning: report.reasoning, ..Usage::default() });
        batch.spans.push(Span {
            trace: TraceId::new([report.trace; 16]).unwrap(),
            id: SpanId::new(report.id.to_be_bytes()).unwrap(),
            parent: report.parent.and_then(|parent| SpanId::new(parent.to_be_bytes())),
            start: report.start * MILLI,
            end: Some(report.end * MILLI),
            status: if has_failed { Status::Error } else { Status::Ok },
            name: Text::default(),
            facts: SpanFacts {
                span_type: SpanType::Model,
                usage: usage.filter(|_| !has_failed),
                scope,
                service,
                model,
                response,
                ..SpanFacts::default()
            },
            error: Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
    }
    batch
}

fn store(calls: &[Report]) -> Store {
    let mut store = Store::new(Limits::default());
    for report in calls {
        store.apply(&batch(std::slice::from_ref(report)), NOW);
    }
    store
}

fn row(store: &Store, report: &Report) -> Option<RowIx> {
    let trace = store.find_trace(TraceId::new([report.trace; 16]).unwrap())?;
    store.find(trace, SpanId::new(report.id.to_be_bytes()).unwrap())
}

/// The numbers of calls and duplicates, which must not depend on the order of arrival.
fn counted(calls: &[Report]) -> (u32, u32) {
    let backwards: Vec<Report> = calls.iter().rev().cloned().collect();
    let [one, other] = [calls, &backwards].map(|calls| *store(calls).all());
    assert_eq!(one, other);
    (one.calls, one.duplicates)
}

#[test]
fn a_call_counts_once_although_one_of_two_reports_lacks_the_response_id() {
    let outer = Report { parent: Some(77), reasoning: Some(3), ..report(1, "langchain", (0, 100), 0) };
    let inner = report(2, "anthropic", (10, 60), 9);
    assert_eq!(counted(&[outer.clone(), inner.clone()]), (1, 1));
    let mut store = store(&[inner.clone(), outer.clone()]);
    let (outer_row, inner_row) = (row(&store, &outer).unwrap(), row(&store, &inner).unwrap());
    assert_eq!(store.primary_of(inner_row), Some(outer_row), "the primary row has a parent");
    assert_eq!(store.usage(inner_row).unwrap().reasoning, None);
    // The outer row turns out to be another call.
    store.apply(&batch(&[Report { counts: (100, 8), ..outer }]), NOW);
    assert_eq!((store.all().calls, store.all().duplicates), (2, 0));
    let neither = [report(1, "langchain", (0, 100), 0), report(2, "anthropic", (10, 60), 0), report(3, "httpx", (11, 59), 0)];
    assert_eq!(counted(&neither), (1, 2), "three reports without response id");
}

#[test]
fn a_report_that_leaves_the_reasoning_out_is_of_the_same_call() {
    let whole = Report { counts: (100, 65), reasoning: Some(25), ..report(1, "events", (1, 99), 0) };
    let rest = Report { counts: (100, 40), parent: Some(77), ..report(2, "spans", (0, 100), 0) };
    assert_eq!(counted(&[whole.clone(), rest.clone()]), (1, 1));
    let one = store(&[whole.clone(), rest.clone()]);
    let usage = one.usage(row(&one, &rest).unwrap()).unwrap();
    assert_eq!((one.primary_of(row(&one, &whole).unwrap()), usage.output, usage.reasoning), (row(&one, &rest), Some(65), Some(25)));
    assert_eq!((one.all().output, one.all().reasoning), (65, 25));
    for (what, other) in [
        ("it states reasoning", Report { reasoning: Some(0), ..rest.clone() }),
        ("another output", Report { counts: (100, 41), ..rest.clone() }),
        ("another input", Report { counts: (99, 40), ..rest.clone() }),
        ("the same sender", Report { scope: "events", ..rest.clone() }),
        ("another time", Report { start: 200, end: 300, ..rest.clone() }),
    ] {
        assert_eq!(counted(&[whole.clone(), other]), (2, 0), "{what}");
    }
    // Where a report has the same output, it is that one.
    let same = Report { counts: (100, 65), ..report(3, "spans", (0, 100), 0) };
    assert_eq!(counted(&[whole.clone(), rest.clone(), same.clone()]), (2, 1));
    // Several at once, each with its own.
    let at_once = [whole.clone(), rest.clone(), Report { trace: 4, id: 4, ..whole.clone() }, Report { trace: 5, id: 5, ..rest.clone() }];
    assert_eq!(counted(&at_once), (2, 2));
    // The report that leaves it out turns out to have other counts, then goes.
    let mut store = store(&[whole.clone(), rest.clone()]);
    store.apply(&batch(&[Report { counts: (100, 50), ..rest.clone() }]), NOW);
    store.check_invariants();
    assert_eq!((store.all().calls, store.all().output), (2, 115));
    let mut full = Store::new(Limits { spans: 2, ..Limits::default() });
    for report in [rest, whole, Report { start: 300, end: 400, ..same }] {
        full.apply(&batch(&[report]), NOW);
        full.check_invariants();
    }
    assert_eq!((full.all().calls, full.all().output), (2, 130));
}

#[test]
fn calls_of_the_same_scope_or_at_other_times_each_count() {
    let at_once = |scope| [report(1, scope, (0, 100), 0), report(2, scope, (0, 100), 0), report(3, scope, (10, 60), 9)];
    assert_eq!(counted(&at_once("langchain")), (3, 0));
    assert_eq!(counted(&at_once("")), (3, 0));
    let [outer, inner] = [report(1, "langchain", (0, 100), 0), report(2, "anthropic", (10, 60), 9)];
    for (what, other) in [
        ("it starts later", Report { start: 110, end: 160, ..inner.clone() }),
        ("it ends later", Report { end: 106, ..inner.clone() }),
        ("other counts", Report { counts: (100, 8), ..inner.clone() }),
        ("no output tokens", Report { counts: (100, 0), ..inner.clone() }),
    ] {
        assert_eq!(counted(&[outer.clone(), other]).0, 2, "{what}");
    }
    assert_eq!(counted(&[outer.clone(), Report { scope: "", ..inner.clone() }]), (1, 1), "an unknown scope is another one");
    assert_eq!(counted(&[Report { response: 8, ..outer.clone() }, inner.clone()]), (2, 0), "two response ids");
    assert_eq!(counted(&[outer.clone(), Report { end: 104, ..inner.clone() }]), (1, 1), "within the tolerance");
    let slow = Report { start: -5000, end: 90_000, ..outer };
    assert_eq!(counted(&[slow, inner]), (1, 1), "the reader of a streamed answer is slow");
}

#[test]
fn a_span_sent_with_two_ids_counts_once() {
    let [one, other] = [1, 2].map(|id| Report { id, parent: Some(9), ..report(1, "litellm", (0, 100), 0) });
    assert_eq!(counted(&[one.clone(), other.clone()]), (1, 1));
    assert_eq!(counted(&[Report { scope: "", ..one.clone() }, Report { scope: "", ..other.clone() }]), (1, 1));
    let third = Report { id: 3, ..other.clone() };
    assert_eq!(counted(&[one.clone(), other.clone(), third]), (1, 2));
    let gateway = Report { parent: Some(8), ..report(2, "gateway", (3, 97), 4) };
    assert_eq!(counted(&[one.clone(), other.clone(), gateway]), (1, 2));
    for (what, other) in [
        ("another parent", Report { parent: Some(8), ..other.clone() }),
        ("another end", Report { end: 101, ..other.clone() }),
        ("other counts", Report { counts: (100, 8), ..other.clone() }),
        ("another trace", Report { trace: 2, ..other.clone() }),
    ] {
        assert_eq!(counted(&[one.clone(), other]), (2, 0), "{what}");
    }
    let [one, other] = [(one, 3), (other, 4)].map(|(report, response)| Report { response, ..report });
    assert_eq!(counted(&[one, other]), (2, 0), "two response ids");
}

#[test]
fn concurrent_calls_are_paired_one_to_one() {
    let both = |lag: i64| {
        [report(1, "a", (0, 150), 0), report(2, "a", (0, 160), 0), report(3, "b", (1, 150 - lag), 8), report(4, "b", (1, 160 - lag), 9)]
    };
    for lag in [1, 10, 50] {
        assert_eq!(counted(&both(lag)), (2, 2));
    }
    let [one, other, inner, _] = both(10);
    assert_eq!(counted(&[one, other, inner]), (2, 1), "one call has a single report");
}

#[test]
fn the_lowest_of_nested_rows_counts_and_reports_beside_it_are_duplicates() {
    let outer = report(1, "agno", (0, 100), 0);
    let upper = Report { id: 2, parent: Some(1), reasoning: Some(5), ..report(1, "openinference", (1, 99), 9) };
    let lower = Report { id: 3, parent: Some(2), ..report(1, "anthropic", (2, 98), 9) };
    assert_eq!(counted(&[outer.clone(), upper.clone(), lower.clone()]), (1, 0));
    let beside = Report { parent: Some(1), ..lower.clone() };
    assert_eq!(counted(&[outer.clone(), upper.clone(), beside]), (1, 1));
    // A row between them arrives last.
    let between = Report { id: 4, parent: Some(2), counts: (0, 0), ..report(1, "chain", (1, 99), 0) };
    let lower = Report { parent: Some(4), ..lower };
    let elsewhere = report(5, "sdk", (3, 97), 9);
    assert_eq!(counted(&[outer.clone(), upper.clone(), lower.clone(), between.clone()]), (1, 0));
    assert_eq!(counted(&[elsewhere, lower, outer, upper, between]), (1, 1));
}

#[test]
fn a_duplicate_counts_again_after_its_primary_row_is_evicted() {
    let mut store = Store::new(Limits { spans: 2, ..Limits::default() });
    for report in [report(1, "a", (0, 100), 0), report(2, "b", (1, 99), 9), report(3, "b", (300, 400), 0)] {
        store.apply(&batch(&[report]), NOW);
    }
    assert_eq!((store.all().spans, store.all().calls, store.all().duplicates), (2, 2, 0));
    store.apply(&batch(&[report(4, "a", (299, 401), 0)]), NOW);
    assert_eq!((store.all().spans, store.all().calls, store.all().duplicates), (2, 1, 1));
}

#[test]
fn rows_of_a_long_chain_are_not_paired_until_it_is_evicted() {
    let long_chain = |count: u8| -> Vec<Report> {
        let pair = |at: u8| {
            let (start, trace) = (i64::from(at) * 8, at % 100);
            [("a", 0, 0), ("b", 1, u16::from(at) + 1)].map(|(scope, inner, response)| Report {
                trace: trace + 1,
                id: u64::from(at) * 2 + 1 + inner as u64,
                start: start + inner,
                end: start + 9 - inner,
                ..report(1, scope, (0, 0), response)
            })
        };
        (0..count).flat_map(pair).collect()
    };
    assert_eq!(counted(&long_chain(32)), (32, 32));
    assert_eq!(counted(&long_chain(33)), (66, 0));
    assert_eq!(counted(&long_chain(99)), (198, 0));
    let mut store = Store::new(Limits { spans: 64, ..Limits::default() });
    for report in long_chain(99) {
        store.apply(&batch(&[report]), NOW);
    }
    store.check_invariants();
    let later = [report(150, "a", (50_000, 50_100), 0), report(151, "b", (50_001, 50_099), 9)];
    store.apply(&batch(&later), NOW);
    assert!(store.is_duplicate(row(&store, &later[0]).unwrap()) != store.is_duplicate(row(&store, &later[1]).unwrap()));
}

#[test]
fn an_id_that_recurs_is_the_id_of_several_calls() {
    let of = |id: u8, scope, service, times| Report { service, ..report(id, scope, times, 1) };
    let pair = |id: u8, start: i64| [of(id, "sdk", "app", (start, start + 100)), of(id + 1, "proxy", "gateway", (start + 10, start + 60))];
    let calls = |starts: &[i64]| starts.iter().zip(0u8..).flat_map(|(&start, at)| pair(at * 2 + 1, start)).collect::<Vec<_>>();
    for (what, starts) in [
        ("one after the other", &[0, 200][..]),
        ("in a row", &[0, 100, 200]),
        ("overlapping", &[0, 20, 40]),
        ("at the same time", &[0, 0, 0]),
        ("often", &[0, 10, 20, 30, 40, 50, 60, 70, 80, 300, 310, 900]),
    ] {
        assert_eq!(counted(&calls(starts)), (starts.len() as u32, starts.len() as u32), "{what}");
    }
    // Only the gateway states the id.
    let unstated =
        calls(&[0, 200, 220]).into_iter().map(|report| Report { response: report.response * u16::from(report.scope == "proxy"), ..report });
    assert_eq!(counted(&unstated.collect::<Vec<_>>()), (3, 3));
    // One of two calls with the id is reported with other counts.
    let [one, other] = pair(1, 0);
    assert_eq!(counted(&[one, Report { counts: (100, 8), ..other }, of(3, "proxy", "gateway", (500, 600))]), (2, 1));
}

#[test]
fn many_calls_with_one_id_each_count() {
    let call =
        |at: i64, step: i64| Report { trace: (at % 200) as u8 + 1, id: at as u64 + 1, ..report(1, "sdk", (at * step, at * step + 50), 1) };
    for step in [0, 10, 100] {
        let calls: Vec<Report> = (0..30_000).map(|at| call(at, step)).collect();
        let mut store = Store::new(Limits::default());
        store.apply(&batch(&calls), NOW);
        assert_eq!((store.all().calls, store.all().duplicates), (30_000, 0));
    }
}

#[test]
fn an_ambiguous_response_id_is_ignored_and_its_calls_are_paired_without_it() {
    let pair = |at: u8| {
        let start = i64::from(at) * 10_000;
        [report(at * 2 + 1, "a", (start, start + 100), 1), report(at * 2 + 2, "b", (start + 1, start + 99), 1)]
    };
    let calls: Vec<Report> = (0..20).flat_map(pair).collect();
    assert_eq!(counted(&calls), (20, 20));
}

/// Calls at about the same time, of three scopes or an unknown one, with equal response ids or none, some nested.
fn calls() -> impl Strategy<Value = Vec<Report>> {
    let scope = prop::sample::select(vec!["a", "a", "b", "b", "c", ""]);
    let reporter = (scope, prop::sample::select(vec!["", "", "app", "gateway"]));
    let parts = (0..6u32, prop::option::of(3..6u32));
    let one = (1..4u8, 0..12u64, (0..20i64, 0..8i64), reporter, (any::<bool>(), 1..6u16), parts, 0..2000i64);
    prop::collection::vec(one, 2..40).prop_map(|all| {
        let mut calls: Vec<Report> = Vec::new();
        for (at, (trace, parent, (start, takes), (scope, service), (states_response, response), (output, reasoning), late)) in
            all.into_iter().enumerate()
        {
            let (start, id) = (start * 7 + if late < 400 { late * 10 } else { 0 }, at as u64 + 1);
            let response = if late % 3 == 0 { response } else { (start / 50) as u16 * 5 + response };
            let uses = calls.iter().filter(|report| report.response == response).count();
            let response = if states_response && uses < 2 * MAX_REPORTS { response } else { 0 };
            let parent = calls.iter().rev().take(parent as usize / 3).find(|report| report.trace == trace).map(|report| report.id);
            let (counts, reasoning) = if output > 3 { (FAILED, None) } else { ((100, output.max(1) + 6), reasoning) };
            calls.push(Report { trace, id, parent, start, end: start + takes * 7, scope, service, response, counts, reasoning });
        }
        calls
    })
}

/// The reports with a number for each response: equal ids at different times are two, and ids that cannot be of one call are none.
fn with_distinct_responses(calls: &[Report]) -> Vec<Report> {
    let mut found: Vec<Report> = calls.to_vec();
    found.sort_by_key(|report| (report.response, report.start, report.end));
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for at in (0..found.len()).filter(|&at| found[at].response != 0) {
        let before = (0..at).rev().take_while(|&other| found[other].response == found[at].response).take(MAX_REPORTS);
        match chains.last_mut().filter(|_| before.into_iter().any(|other| found[other].end >= found[at].start)) {
            Some(chain) => chain.push(at),
            None => chains.push(vec![at]),
        }
    }
    for (number, chain) in chains.iter().enumerate() {
        let reports = || chain.iter().map(|&at| &found[at]);
        let at_once = reports().map(|report| report.start).max() <= reports().map(|report| report.end).min();
        let is_again = |one: &Report, other: &Report| {
            let is_known = !one.scope.is_empty() && !one.service.is_empty();
            is_known && one.trace != other.trace && (one.scope, one.service) == (other.scope, other.service)
        };
        let is_apart = reports().any(|one| reports().any(|other| is_again(one, other)));
        let is_one = chain.len() <= MAX_REPORTS && at_once && !is_apart;
        for &at in chain {
            found[at].response = if is_one { number as u16 + 1 } else { 0 };
        }
    }
    found
}

/// The ids of the duplicates: an independent implementation of the rule.
fn duplicates(calls: &[Report]) -> Vec<u64> {
    let calls = &with_distinct_responses(calls)[..];
    let id = |report: &Report| (report.trace, report.id);
    // The number of the chain of each report: of those with equal counts, the ones that run at a time.
    let mut by_start: Vec<&Report> = calls.iter().collect();
    by_start.sort_by_key(|report| (report.counts, report.start));
    let (mut chains, mut chain, mut running) = (HashMap::new(), 0, ((0, 0), i64::MIN));
    for report in by_start {
        let is_connected = running.0 == report.counts && running.1 >= report.start;
        chain += usize::from(!is_connected);
        running = (report.counts, if is_connected { running.1.max(report.end) } else { report.end });
        chains.insert(id(report), chain);
    }
    let mut sets: Vec<Vec<&Report>> = Vec::new();
    let mut sorted: Vec<&Report> = calls.iter().collect();
    sorted.sort_by_key(|report| id(report));
    for report in sorted {
        let is_near = |set: &Vec<&Report>| chains[&id(set[0])] == chains[&id(report)];
        let response = |set: &[&Report]| set.iter().map(|report| report.response).max().unwrap_or_default();
        let has_response = |set: &Vec<&Report>| report.response != 0 && response(set) == report.response;
        let is_twin =
            |one: &&Report| (one.trace, one.parent, one.start, one.end) == (report.trace, report.parent, report.start, report.end);
        let has_twin = |set: &Vec<&Report>| set.iter().any(is_twin) && (response(set) == 0 || report.response == 0);
        let found = sets.iter().position(|set| is_near(set) && has_response(set));
        match found.or_else(|| sets.iter().position(|set| is_near(set) && has_twin(set))) {
            Some(set) => sets[set].push(report),
            None => sets.push(vec![report]),
        }
    }
    let reporter = |report: &Report| (report.scope, report.service);
    let mut pairs = Vec::new();
    for one in calls {
        for other in calls.iter().filter(|other| id(one) < id(other)) {
            let holds = |one: &Report, other: &Report| one.start <= other.start + 5 && other.end <= one.end + 5;
            let apart = (one.start - other.start).abs() + (one.end - other.end).abs();
            let hangs = one.trace == other.trace && (one.parent == Some(other.id) || other.parent == Some(one.id));
            let differs = reporter(one) != reporter(other);
            let near = holds(one, other) || holds(other, one);
            if differs && near && one.counts == other.counts && (one.response == 0 || other.response == 0) {
                pairs.push((if hangs { 0 } else { apart }, id(one), id(other)));
            }
        }
    }
    pairs.sort_unstable();
    for (_, one, other) in pairs {
        let find = |of| sets.iter().position(|set| set.iter().any(|report| id(report) == of)).unwrap();
        let (to, from) = (find(one), find(other));
        if to == from {
            continue;
        }
        let both: Vec<&Report> = sets[to].iter().chain(&sets[from]).copied().collect();
        let again = sets[to].iter().any(|one| sets[from].iter().any(|other| reporter(one) == reporter(other)));
        let names = sets[to].iter().any(|report| report.response != 0) && sets[from].iter().any(|report| report.response != 0);
        let at_once = both.iter().map(|report| report.start).max() <= both.iter().map(|report| report.end).min();
        if !again && !names && at_once && both.len() <= MAX_REPORTS {
            sets[to] = both;
            sets[from].clear();
        }
    }
    // All reports above a report, and those of them that give way to it: each lies within the time of the next one, or may do so by the
    // clock of another service.
    let above = |report: &Report| {
        let (mut all, mut giving_way, mut at, mut lower) = (Vec::new(), Vec::new(), report.parent, report);
        while let Some(parent) = at {
            let Some(upper) = calls.iter().find(|other| id(other) == (report.trace, parent)) else { break };
            all.push(id(upper));
            let is_within = upper.start <= lower.start + 5 && lower.start <= upper.end && lower.end <= upper.end + 5;
            let has_other_clock = [upper, lower].iter().all(|report| !report.service.is_empty()) && upper.service != lower.service;
            let may_be_within = has_other_clock && lower.end - lower.start <= upper.end - upper.start + 5;
            if giving_way.len() + 1 == all.len() && (is_within || may_be_within || lower.start == lower.end) {
                giving_way.push(id(upper));
            }
            (at, lower) = (upper.parent, upper);
        }
        (all, giving_way)
    };
    // Reports with the same response id report one call even if their counts differ.
    let response = |set: &[&Report]| set.iter().map(|report| report.response).max().unwrap_or_default();
    for at in (1..sets.len()).rev() {
        if response(&sets[at]) != 0
            && let Some(to) = (0..at).find(|&to| response(&sets[to]) == response(&sets[at]))
        {
            let set = std::mem::take(&mut sets[at]);
            sets[to].extend(set);
        }
    }
    let mut duplicates = Vec::new();
    for set in sets.iter().filter(|set| set.len() > 1) {
        let at_once = set.iter().map(|report| report.start).max() <= set.iter().map(|report| report.end).min();
        let lowest = set.iter().filter(|report| !set.iter().any(|other| above(other).0.contains(&id(report))));
        let known = |report: &Report| match report.counts {
            FAILED => 0,
            _ => 2 + u8::from(report.reasoning.is_some_and(|count| count > 0)),
        };
        let rank = |report: &&&Report| (report.parent.is_some(), known(report), report.start, -report.end, id(report));
        if let Some(counts) = lowest.max_by_key(rank).filter(|_| at_once) {
            duplicates
                .extend(set.iter().filter(|report| **report != *counts && !above(counts).1.contains(&id(report))).map(|report| report.id));
        }
    }
    duplicates.sort_unstable();
    duplicates
}

proptest! {
    #[test]
    fn rows_are_paired_by_the_rule_in_any_order((calls, arrival) in calls().prop_flat_map(|calls| {
        let twice: Vec<Report> = calls.iter().chain(calls.iter().take(9)).cloned().collect();
        (Just(calls), Just(twice).prop_shuffle())
    }), limit in 3..60usize) {
        let found = |store: &Store| {
            let id = |row: RowIx| u64::from_str_radix(&store.row(row).id.to_string(), 16).unwrap();
            let mut ids: Vec<u64> = store.rows().filter(|&row| store.is_duplicate(row)).map(id).collect();
            ids.sort_unstable();
            ids
        };
        let (one, mut other) = (store(&calls), store(&arrival));
        prop_assert_eq!(found(&one), duplicates(&calls));
        prop_assert_eq!(found(&other), duplicates(&calls));
        prop_assert_eq!(one.all(), other.all());
        prop_assert_eq!(one.all().duplicates as usize, duplicates(&calls).len());
        one.check_invariants();
        // Counts change, and traces are evicted.
        let mut held: HashMap<u64, Report> = calls.iter().map(|report| (report.id, report.clone())).collect();
        other.limits.spans = limit;
        for report in &arrival {
            let report = Report { counts: (100, 7), ..report.clone() };
            other.apply(&batch(std::slice::from_ref(&report)), NOW);
            held.insert(report.id, report);
            let left: Vec<Report> = (1..=40).filter_map(|id| held.get(&id)).filter(|report| {
                row(&other, report).is_some_and(|row| !other.row(row).placeholder)
            }).cloned().collect();
            prop_assert_eq!(found(&other), duplicates(&left));
            other.check_invariants();
        }
    }

    #[test]
    fn counts_are_lent_by_the_rule_in_any_order((calls, arrival) in (calls(), 2..12usize).prop_flat_map(|(mut calls, count)| {
        calls.truncate(count);
        let twice: Vec<Report> = calls.iter().chain(calls.iter().take(5)).cloned().collect();
        (Just(calls), Just(twice).prop_shuffle())
    }), limit in 1..12usize) {
        let part = |report: &Report| {
            let mut batch = batch(std::slice::from_ref(report));
            let facts = &mut batch.spans[0].facts;
            if report.id.is_multiple_of(3) && report.counts != FAILED {
                let output = if report.id.is_multiple_of(2) { None } else { facts.usage.and_then(|usage| usage.output) };
                facts.usage = output.map(|_| Usage { output, ..Usage::default() });
            }
            batch
        };
        let arrive = |reports: &[Report]| {
            let mut store = Store::new(Limits::default());
            for report in reports {
                store.apply(&part(report), NOW);
                store.check_invariants();
            }
            store
        };
        let (one, mut other) = (arrive(&calls), arrive(&arrival));
        prop_assert_eq!(one.all(), other.all());
        for report in &calls {
            let of = |store: &Store| row(store, report).map(|row| (store.is_duplicate(row), store.usage(row)));
            prop_assert_eq!(of(&one), of(&other));
        }
        other.limits.spans = limit;
        for report in &arrival {
            other.apply(&batch(std::slice::from_ref(report)), NOW);
            other.check_invariants();
        }
    }
}
