//! What providers' caches missed in the traces of a snapshot.

use std::collections::HashMap;

use eyre::Report;

use super::print_message;
use super::progress::progress_bar;
use super::snapshot::Snapshot;
use crate::export::{Miss, may_have_missed, misses_of};
use crate::format;
use crate::model::SpanType;
use crate::query::Matcher;
use crate::store::{RowIx, TraceIx};

impl Snapshot {
    /// Returns the calls of the traces that missed the cache, by row. Reads the contents of the runs whose counts allow a miss, and reports runs
    /// that are too long to be examined whole.
    pub(super) fn misses(&mut self, traces: &[TraceIx]) -> Result<HashMap<RowIx, Miss>, Report> {
        self.read_sessions(traces)?;
        let (mut misses, mut cut) = (HashMap::new(), 0);
        let progress = progress_bar(traces.len() as u64, "traces", "searched for cache misses");
        for &trace in traces {
            progress.inc(1);
            for run in self.store.runs_with_calls(trace) {
                let (calls, is_cut) = self.store.calls_of_run(run);
                cut += u64::from(is_cut);
                let before = self.calls_before(run);
                if may_have_missed(&self.store, &before.calls, &calls) {
                    let report = self.read_calls(&before, &calls)?;
                    misses.extend(misses_of(&self.store, &calls, &report).map(|miss| (miss.row, miss)));
                }
            }
        }
        progress.finish_and_clear();
        if cut > 0 {
            let runs = format::plural(cut, "run");
            print_message(&format!("only the first calls of {runs} were examined for cache misses: they are very long"));
        }
        Ok(misses)
    }

    /// Adds the calls that a cache missed to the matcher, of the traces that may match otherwise.
    pub(super) fn find_misses(&mut self, matcher: &mut Matcher) -> Result<(), Report> {
        let mut others = Matcher::new(matcher.query().without_misses());
        let mut may_match = |trace: &TraceIx| {
            let rows = self.store.rows_of(*trace);
            let mut calls = rows.into_iter().filter(|&row| self.store.row(row).span_type == SpanType::Model);
            calls.any(|row| others.may_match(&self.store, row, self.now))
        };
        let traces: Vec<TraceIx> = self.store.traces().filter(|trace| may_match(trace)).collect();
        for row in self.misses(&traces)?.into_keys() {
            let data = self.store.row(row);
            matcher.add_miss(self.store.trace(data.trace()).id, data.id);
        }
        Ok(())
    }
}
