//! Checks every derived value of a store against one computed from scratch.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::model::{Ending, Naming, SpanType};
use crate::store::ix::{NONE, RowIx};
use crate::store::outcome::Mark;
use crate::store::row::Phase;
use crate::store::{Idle, Stats, Store, Symbol, TraceIx};

impl Store {
    /// Panics if a derived value differs from one computed from scratch. Costs the number of rows.
    pub(in crate::store) fn check_invariants(&self) {
        self.check_traces();
        self.check_rows();
        self.check_namings();
        self.check_tree();
        self.check_places();
        self.check_groups();
        self.check_calls_and_duplicates();
        self.check_running_totals();
        self.check_recurring_ids();
        self.check_lent();
        self.check_text_uses();
        assert_eq!(self.stats, self.recomputed_stats(|_| true), "statistics over all traces");
        if let Some(selection) = &self.selection {
            assert_eq!(**selection, self.recomputed_stats(|trace| self.is_selected(trace)), "statistics over the selection");
        }
    }

    /// Returns statistics over some traces, computed row by row.
    pub(in crate::store) fn recomputed_stats(&self, includes: impl Fn(TraceIx) -> bool) -> Stats {
        let mut stats = self.stats.empty_like();
        for trace in self.traces().filter(|&trace| includes(trace)) {
            self.add_trace(trace, &mut stats, true);
        }
        stats
    }

    fn check_traces(&self) {
        for &(start, trace) in &self.by_start {
            let data = self.trace(trace);
            assert_eq!(data.start, start);
            assert_eq!(self.find_trace(data.id), Some(trace));
            let sum = self.sum(data.roots());
            assert_eq!(self.totals_of(trace), sum, "totals of a trace");
            assert_eq!(data.sums.is_some(), data.roots().len() > 1);
            assert_eq!(data.work as usize, self.rows_of(trace).into_iter().filter(|&row| self.row(row).is_work()).count());
            assert_eq!(data.runs as usize, self.rows_of(trace).into_iter().filter(|&row| self.row(row).is_real_run()).count());
            assert_eq!(data.leaked as usize, data.roots().iter().filter(|&&root| self.is_leaked(root)).count());
            let counts = data.counts;
            assert_eq!((counts.spans, counts.failed, counts.fatal), (sum.spans, sum.failed, sum.fatal));
            assert_eq!((counts.running, counts.lost), (sum.running, sum.lost));
            assert!(counts.running > 0 || self.first_evictable <= (start, trace), "an ended trace is evictable");
        }
    }

    fn check_rows(&self) {
        let rows: Vec<RowIx> = self.rows().collect();
        let in_traces: HashSet<RowIx> = self.traces().flat_map(|trace| self.rows_of(trace)).collect();
        assert_eq!(rows.len(), in_traces.len(), "every row is in the tree of its trace");
        assert!(rows.iter().all(|&row| self.find(self.row(row).trace(), self.row(row).id) == Some(row)), "every row is found");
        for &row in &rows {
            let data = self.row(row);
            let is_failure = data.outcome.has_own_failure() && !data.span_type.is_agent_work();
            let watches = self.watches(row);
            let is_harmless = watches || (is_failure && !self.services.counts_failure(row));
            assert_eq!(data.outcome.has(Mark::Harmless), is_harmless, "failures that harm no agent");
            if data.ending() == Ending::Watching {
                let expected = if self.is_hook(row) { SpanType::Other } else { SpanType::Tool };
                assert_eq!(data.span_type, expected, "what only names a tool within a call of it is no call");
            }
            assert!(data.outcome.has(Mark::Continued) || !self.pauses.is_continued(row), "pauses end");
            let fails_below = |&child: &RowIx| self.row(child).own_failure() && self.is_same_operation(row, child);
            let has_failed_below = data.span_type == SpanType::Tool && self.children(row).iter().any(fails_below);
            let fails_above = |&above: &RowIx| self.failed_nested_call(above, &self.nested_calls(above)) == Some(row);
            let has_failed_above = data.span_type == SpanType::Model && data.parent().as_ref().is_some_and(fails_above);
            assert_eq!(data.outcome.has(Mark::FailedElsewhere), has_failed_below || has_failed_above, "calls that failed elsewhere");
            assert_eq!(self.cost_models.get(&row).copied(), self.cost_model(row), "models of what is added to calls below");
            assert_eq!(data.was_retried(), self.was_answered_later(row), "failed attempts of requests");
            assert_eq!(data.has_own_reason(), self.has_own_reason(row), "runs that failed for reasons of their own");
        }
        let running: BTreeSet<RowIx> = rows.iter().copied().filter(|&row| self.row(row).phase == Phase::Running).collect();
        assert_eq!(self.running, running);
        assert_eq!(self.retained_bytes, rows.iter().map(|&row| u64::from(self.row(row).retained_bytes)).sum::<u64>());
        assert!(self.stated_parents.keys().all(|&row| self.is_held(row)));
    }

    fn check_namings(&self) {
        assert!(self.undecided_frames.is_empty());
        for (&row, naming) in &self.namings {
            assert!(self.is_held(row));
            if *naming == Naming::None {
                let expected = if self.is_frame(row) { SpanType::Workflow } else { SpanType::Agent };
                assert_eq!(self.row(row).span_type, expected, "an agent without a name is a frame or an agent");
            }
        }
    }

    fn check_tree(&self) {
        for row in self.rows() {
            let children = self.children(row);
            assert!(children.is_sorted_by_key(|&child| self.row(child).order()), "children are sorted");
            assert!(children.iter().all(|&child| self.row(child).parent() == Some(row) && self.row(child).trace == self.row(row).trace));
            if self.row(row).children != NONE {
                assert_eq!(self.below(row), self.sum(children), "totals below a row");
                assert_eq!(self.inner(row), self.computed_inner(row), "calls below a row that it reports, too");
            }
        }
        let mut roots = self.traces().map(|trace| self.trace(trace).roots());
        assert!(roots.all(|roots| !roots.is_empty() && roots.is_sorted_by_key(|&root| self.row(root).order())), "roots are sorted");
    }

    /// Checks that every row stands where it is placed anew, and that those that wait for a remote parent are roots.
    fn check_places(&self) {
        for &(trace, parent, row) in &self.waiting {
            assert!(self.is_held(row) && self.row(row).trace() == trace && self.row(row).parent().is_none());
            assert_eq!((self.stated_parent(row), self.find(trace, parent)), (Some(parent), None), "a remote parent is absent");
        }
        for row in self.rows() {
            let stated = match self.stated_parents.get(&row) {
                Some(stated) if stated.is_moved => stated.id.and_then(|id| self.find(self.row(row).trace(), id)),
                Some(_) => None,
                None => self.row(row).parent(),
            };
            let Some(stated) = stated else { continue };
            let place = self.placed(row, stated).0;
            if place.is_none_or(|place| !self.is_at_or_below(place, row)) {
                assert_eq!(self.row(row).parent(), place.map(|place| self.within_depth(place)), "a row stands in its place");
                assert_eq!(self.is_moved(row), place != Some(stated));
            }
        }
    }

    /// Checks that every trace is in its group, and that the idle ones are counted.
    fn check_groups(&self) {
        let mut idle = vec![Idle::default(); self.idle_traces.len()];
        for trace in self.traces() {
            let data = self.trace(trace);
            let before = (data.previous != NONE).then_some(TraceIx(data.previous));
            assert!(before.is_none_or(|before| self.trace(before).next == trace.0), "links agree");
            assert_eq!(self.run_part(trace), self.paused_run(trace), "runs that paused are known");
            if self.is_side_call(trace) {
                assert_eq!(Some(self.caller(trace)), self.run_around(trace), "a side call is part of its run");
            } else if self.run_part(trace).is_some() {
                assert_eq!(self.part_before(trace), self.part_to_continue(trace), "a trace continues its run");
            } else {
                assert_eq!((before, self.run_around(trace)), (self.turn_before(trace), None), "a trace goes on with its turn");
            }
            assert!(data.idle.is_none() || (data.work == 0 && data.counts.failed == 0), "an idle trace does no work and fails nothing");
            if let Some((service, has_failed)) = data.idle {
                assert_eq!(has_failed, self.totals_of(trace).errors > 0);
                let idle = &mut idle[usize::from(service)];
                (idle.traces, idle.failed) = (idle.traces + 1, idle.failed + u32::from(has_failed));
            }
        }
        assert_eq!(idle, self.idle_traces, "idle traces are counted");
    }

    fn check_calls_and_duplicates(&self) {
        for row in self.rows() {
            assert_eq!(self.row(row).counted, self.is_call(row), "a row is counted if it is a call");
            let response = self.response(row);
            let is_duplicate = response != 0 && {
                let reports = self.reports_of(response);
                assert!(reports.contains(&row), "a row with a response is among its reports");
                self.primary(&reports).is_some_and(|primary| self.is_duplicate_of(row, primary))
            };
            assert_eq!(self.is_duplicate(row), is_duplicate, "a report is a duplicate unless it is the primary row or above it");
        }
    }

    fn check_text_uses(&self) {
        let mut uses: HashMap<Symbol, u32> = HashMap::new();
        for row in self.rows() {
            let data = self.row(row);
            for symbol in [data.name, data.label, data.input, data.calls, data.error, data.session, data.user] {
                *uses.entry(symbol).or_default() += 1;
            }
        }
        assert!(uses.into_iter().all(|(symbol, uses)| symbol.is_empty() || self.texts.uses(symbol) >= uses), "texts of rows are retained");
    }
}
