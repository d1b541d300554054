//! The contexts of the model calls in a trace.

use std::collections::{HashMap, HashSet};

use eyre::Report;
use serde::Serialize;

use super::snapshot::Snapshot;
use crate::context::{Comparer, RunReport};
use crate::export::{CallContextRecord, RunContextRecord, call_facts, context_markdown, cost_of_misses, run_title};
use crate::model::usage::NanoUsd;
use crate::model::{Payload, SpanType};
use crate::store::{CallsBefore, RowIx, RunCall, Store};
use crate::tui::display;

/// Payloads of model calls in memory at a time; each may hold a whole conversation.
const SLICE: usize = 32;

/// The context of a call, or of the calls of a run together.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum ContextRecord {
    Call(Box<CallContextRecord>),
    Run(RunContextRecord),
}

/// The contexts of a run's calls.
struct Run {
    row: RowIx,
    calls: Vec<RunCall>,
    report: RunReport,
    /// Whether the run has more spans than were examined.
    is_cut: bool,
    /// What misses cost.
    cost: Option<NanoUsd>,
}

/// The contexts of the calls in a trace.
pub(super) struct Contexts(Vec<Run>);

impl Contexts {
    /// Reads the contexts of all calls among the rows.
    pub(super) fn read(snapshot: &mut Snapshot, rows: &[(RowIx, usize)]) -> Result<Self, Report> {
        let calls = rows.iter().map(|&(row, _)| row).filter(|&row| snapshot.store.row(row).span_type == SpanType::Model);
        let mut runs: Vec<RowIx> = Vec::new();
        let mut known = HashSet::new();
        for run in calls.map(|row| snapshot.store.run_of(row)) {
            if known.insert(run) {
                runs.push(run);
            }
        }
        runs.into_iter().map(|run| Run::read(snapshot, run)).collect::<Result<_, _>>().map(Self)
    }

    /// Returns the records by row: of each span that reports a call, and of each run that made calls.
    pub(super) fn records(&self, store: &Store) -> HashMap<RowIx, ContextRecord> {
        let mut records = HashMap::new();
        for Run { row, calls, report, is_cut, cost } in &self.0 {
            if store.row(*row).span_type != SpanType::Model && !calls.is_empty() {
                records.insert(*row, ContextRecord::Run(RunContextRecord::new(report, !is_cut, *cost)));
            }
            for (call, report) in calls.iter().zip(report.calls()) {
                let record = |&row: &RowIx| (row, ContextRecord::Call(Box::new(CallContextRecord::new(report))));
                records.extend(call.reports.iter().map(record));
            }
        }
        records
    }

    /// Returns lines of Markdown: a list of the runs, and below each its calls; no text if no call was made.
    pub(super) fn markdown(&self, store: &Store) -> String {
        let runs = self.0.iter().filter(|run| !run.calls.is_empty());
        let text = |run: &Run| {
            let data = store.row(run.row);
            context_markdown(&run_title(data.span_type, &display::name(store, data)), &run.report, run.is_cut, run.cost)
        };
        runs.map(text).collect()
    }
}

impl Run {
    fn read(snapshot: &mut Snapshot, row: RowIx) -> Result<Self, Report> {
        let (calls, is_cut) = snapshot.store.calls_of_run(row);
        let before = snapshot.calls_before(row);
        let report = snapshot.read_calls(&before, &calls)?;
        let cost = cost_of_misses(&snapshot.store, &calls, &report);
        Ok(Self { row, calls, report, is_cut, cost })
    }
}

impl Snapshot {
    /// Reads the calls of a run, after those before it in its session.
    pub(super) fn read_calls(&mut self, before: &CallsBefore, calls: &[RunCall]) -> Result<RunReport, Report> {
        let (mut comparer, mut report) = (Comparer::default(), RunReport::default());
        if before.is_first {
            report.set_first();
        }
        let facts = |store: &Store, call: &RunCall| call_facts(store, call.row);
        self.for_each_call(&before.calls, |store, call, payloads| report.add_earlier(comparer.read_earlier(facts(store, call), payloads)))?;
        self.for_each_call(calls, |store, call, payloads| report.add(comparer.read_payloads(facts(store, call), payloads)))?;
        Ok(report)
    }

    /// Reads the payloads of the spans that report each call, a few calls at a time.
    pub(super) fn for_each_call(&mut self, calls: &[RunCall], mut take: impl FnMut(&Store, &RunCall, &[Payload])) -> Result<(), Report> {
        for slice in calls.chunks(SLICE) {
            let reports: Vec<RowIx> = slice.iter().flat_map(|call| call.reports.iter().copied()).collect();
            let mut payloads = self.payloads(&reports)?.into_iter();
            for call in slice {
                let of_call: Vec<Payload> = payloads.by_ref().take(call.reports.len()).flatten().collect();
                take(&self.store, call, &of_call);
            }
        }
        Ok(())
    }
}
