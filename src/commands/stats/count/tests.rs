#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use std::collections::HashMap;

use super::*;
use crate::commands::snapshot::Snapshot;
use crate::config::Config;
use crate::model::usage::Usage;
use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use crate::store::{Group as Totalled, Limits, Stats};
use crate::tui::app::{Action, App, Cell, Table};

const GROUPED: [(GroupBy, By); 3] = [(GroupBy::Agent, By::Agent), (GroupBy::Model, By::Model), (GroupBy::Tool, By::Tool)];

/// Calls, failed ones, tokens and cost of a group.
type Sums = (u64, u64, [u64; 5], Option<i64>);

fn sums_of(calls: u64, failed: u64, usage: &Totals) -> Sums {
    let Totals { input, output, cache_read, cache_write, reasoning, .. } = *usage;
    (calls, failed, [input, output, cache_read, cache_write, reasoning], usage.cost())
}

/// Asserts that the groups equal the screen's, over all traces and over each with its parts.
fn assert_equal_to_screen(store: &mut Store) {
    let traces: Vec<TraceIx> = store.traces().collect();
    assert_equal(store, &traces, &store.stats().clone());
    for trace in traces {
        let parts: Vec<TraceIx> = store.group(trace).collect();
        assert_equal(store, &parts, &store.stats_of(trace));
    }
}

/// Asserts that the groups equal `stats`, and add up to its totals.
fn assert_equal(store: &mut Store, traces: &[TraceIx], stats: &Stats) {
    for (by, grouped) in GROUPED {
        let counted = count(store, traces, by, &HashMap::new());
        let groups: HashMap<String, Totalled> =
            stats.groups(grouped).map(|(symbol, group)| (store.text(symbol).to_owned(), group.clone())).collect();
        let named: HashMap<&str, &Group> = counted.iter().filter_map(|group| Some((group.key.as_deref()?, group))).collect();
        for (name, group) in groups.iter().filter(|(name, _)| !name.is_empty()) {
            let exact_group = named.get(name.as_str()).unwrap_or_else(|| panic!("no group {name:?}: {group:?}"));
            let screen = sums_of(group.calls.into(), group.failed.into(), &group.usage);
            assert_eq!(sums_of(exact_group.calls, exact_group.failed, &exact_group.usage), screen, "{name}");
            for (percent, shown) in [(50, group.times.quantile(500)), (95, group.times.quantile(950)), (100, group.times.max())] {
                let exact = exact_group.percentile(percent);
                let is_near = |(exact, shown): (Nanos, Nanos)| (exact - shown).abs() <= exact / 4096 + 1;
                assert!(exact.is_some() == shown.is_some() && exact.zip(shown).is_none_or(is_near), "{name}: {exact:?} {shown:?}");
            }
        }
        assert_eq!(named.len(), groups.keys().filter(|name| !name.is_empty()).count(), "{:?} {:?}", named.keys(), groups.keys());
        let mut sums = Totals::default();
        for group in &counted {
            sums.add(&group.usage);
        }
        assert_eq!(sums_of(0, 0, &sums), sums_of(0, 0, stats.totals()), "{by:?}");
        assert_eq!(sums.is_cost_incomplete(), stats.totals().is_cost_incomplete(), "{by:?}");
    }
    for by in [GroupBy::Session, GroupBy::User, GroupBy::Provider, GroupBy::Service, GroupBy::Hour, GroupBy::Day, GroupBy::Month] {
        let total = Group::total(&count(store, traces, by, &HashMap::new()));
        assert_eq!(sums_of(0, 0, &total.usage), sums_of(0, 0, stats.totals()), "{by:?}");
    }
    let runs: Vec<u64> = [GroupBy::Hour, GroupBy::Month].map(|by| Group::total(&count(store, traces, by, &HashMap::new())).calls).to_vec();
    assert_eq!(runs[0], runs[1]);
}

#[test]
fn the_cost_per_token_is_over_the_calls_of_which_both_are_known() {
    let call = |id, tokens, cost| (id, 3, 1, false, Some(5), tokens, cost, (0, 0));
    let rate = |spans: &[Given]| {
        let mut store = Store::new(Limits::default());
        store.apply(&batch(spans), 1_000_000);
        let traces: Vec<TraceIx> = store.traces().collect();
        let rates =
            [GroupBy::Model, GroupBy::Day].map(|by| Group::total(&count(&mut store, &traces, by, &HashMap::new())).cost_per_1k_tokens());
        assert_eq!(rates[0], rates[1]);
        rates[0]
    };
    let (known, unpriced) = (call(0, (Some(400), Some(100)), Some(1_000_000)), call(0, (Some(9000), Some(1)), None));
    assert_eq!(rate(&[known]), Some(2_000_000.0));
    assert_eq!(rate(&[known, unpriced]), Some(2_000_000.0), "tokens without a cost are left out");
    assert_eq!(rate(&[unpriced]), None);
    assert_eq!(rate(&[call(0, (None, None), Some(5))]), None, "a cost without tokens");
}

/// Asserts that turns, tokens and cost of sessions equal the screen's. (Errors differ: failed turns here, failed spans there.)
fn assert_equal_sessions(store: &mut Store, table: &Table) {
    let traces: Vec<TraceIx> = store.traces().collect();
    let groups = count(store, &traces, GroupBy::Session, &HashMap::new());
    let column = |title: &str| table.columns().iter().position(|column| column.title(table.view) == title).unwrap();
    let [turns, tokens, cost] = ["TURNS", "TOK", "COST"].map(column);
    let screen: HashMap<&str, _> =
        table.shown().iter().map(|line| (line.key.name(), [turns, tokens, cost].map(|at| line.cells[at].clone()))).collect();
    let named: HashMap<&str, _> = groups
        .iter()
        .filter_map(|group| {
            let cells = [Cell::Count(group.calls), Cell::tokens(&group.usage), Cell::cost(&group.usage)];
            Some((group.key.as_deref()?, cells))
        })
        .collect();
    assert_eq!(named, screen);
}

/// Returns the files and databases one by one, and the requests of each framework together.
fn fixtures() -> Vec<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let is_source = |path: &PathBuf| {
        let has_extension = |name: &str| path.extension().is_some_and(|extension| extension == name);
        has_extension("sqlite")
            || has_extension("pb")
            || has_extension("gz")
            || has_extension("jsonl")
            || (has_extension("json") && !path.ends_with("truth.json"))
    };
    let files = |directory: &Path| {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let mut all: Vec<Vec<PathBuf>> = files(&root).into_iter().filter(is_source).map(|path| vec![path]).collect();
    for framework in files(&root.join("frameworks")) {
        let (databases, bodies): (Vec<PathBuf>, Vec<PathBuf>) = files(&framework)
            .into_iter()
            .filter(is_source)
            .partition(|path| path.extension().is_some_and(|extension| extension == "sqlite"));
        all.extend([databases, bodies].into_iter().filter(|paths| !paths.is_empty()));
    }
    all
}

#[test]
fn groups_of_recorded_traces_equal_the_screen_s() {
    let fixtures = fixtures();
    assert!(fixtures.len() > 12, "{fixtures:?}");
    for paths in fixtures {
        let mut snapshot = Snapshot::read(&paths, None, &Config::default(), false).unwrap();
        assert!(snapshot.store.all().spans > 0);
        for (_, model) in snapshot.store.stats().groups(By::Model) {
            let has_tokens = model.usage.tokens().is_some_and(|tokens| tokens > 0);
            assert!(has_tokens || model.usage.cost().is_none(), "a cost stands where its tokens are: {model:?} in {paths:?}");
        }
        assert_equal_to_screen(&mut snapshot.store);
    }
}

/// A span: parent (0: none), type, name, whether it failed, duration if it ended, input and output tokens, cost, trace and session.
type Given = (u8, usize, u8, bool, Option<Nanos>, (Option<u32>, Option<u32>), Option<i64>, (u8, u8));

const KINDS: [SpanType; 8] = [
    SpanType::Agent,
    SpanType::Team,
    SpanType::Workflow,
    SpanType::Model,
    SpanType::Model,
    SpanType::Tool,
    SpanType::Embedding,
    SpanType::Other,
];

fn batch(spans: &[Given]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for (id, &(parent, kind, name, failed, took, (input, output), cost, (trace, session))) in (1_u8..).zip(spans) {
        let label = if name == 0 { Text::default() } else { batch.intern(&format!("name {name}")) };
        let session = if session == 0 { Text::default() } else { batch.intern(&format!("session {session}")) };
        let usage = Usage { input, output, cost, ..Usage::default() };
        let usage = (usage != Usage::default()).then_some(usage);
        let start = Nanos::from(id) * 1000;
        batch.spans.push(Span {
            trace: TraceId::new([1 + trace; 16]).unwrap(),
            id: SpanId::new(u64::from(id).to_be_bytes()).unwrap(),
            parent: SpanId::new(u64::from(parent).to_be_bytes()),
            start,
            end: took.map(|took| start + took),
            status: if failed { Status::Error } else { Status::Ok },
            name: label,
            facts: SpanFacts { span_type: KINDS[kind], agent: label, model: label, tool: label, session, usage, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(i64::from(id)),
            retained_bytes: 0,
        });
    }
    batch
}

fn given() -> impl Strategy<Value = Given> {
    let some = |most: u32| prop::option::of(0..most);
    let took = prop::option::weighted(0.8, prop_oneof![0..5000_i64, 0..20_000_000_000_i64]);
    (
        0..12_u8,
        0..KINDS.len(),
        0..4_u8,
        any::<bool>(),
        took,
        (some(9000), some(9000)),
        prop::option::of(0..9_000_000_i64),
        (0..2_u8, 0..3_u8),
    )
}

proptest! {
    #[test]
    fn groups_of_arbitrary_traces_equal_the_screen_s(spans in prop::collection::vec(given(), 1..14), cut in any::<prop::sample::Index>()) {
        let (mut app, mut store) = (App::new(Vec::new(), false, 0), Store::new(Limits::default()));
        let mut later = batch(&spans);
        let mut sooner = batch(&spans);
        sooner.spans.truncate(cut.index(spans.len()));
        later.spans.drain(..sooner.spans.len());
        app.receive(&mut store, later, 1_000_000);
        app.receive(&mut store, sooner, 1_000_000);
        assert_equal_to_screen(&mut store);
        app.update(&mut store, Action::ViewSessions, 1_000_000);
        while app.prepare_frame(&mut store, 40, (80, 20)) {}
        assert_equal_sessions(&mut store, app.table.as_ref().unwrap());
    }
}
