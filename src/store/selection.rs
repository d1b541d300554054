//! Statistics over some of the traces: a selection that is kept up to date, and single traces.

use super::Store;
use super::attribution::OWNERS;
use super::interner::Symbol;
use super::ix::{RowIx, TraceIx};
use super::stats::Stats;

/// The number of no selection.
pub(super) const NOT_SELECTED: u16 = 0;

impl Store {
    /// Begins a selection, which is empty: from now on, sums over the selected traces are kept, too. Returns those of the selection before.
    pub fn begin_selection(&mut self) -> Option<Box<Stats>> {
        let ended = self.end_selection();
        self.selection_number = self.selection_number.wrapping_add(1);
        if self.selection_number == NOT_SELECTED {
            // An earlier selection may have had any number.
            let traces: Vec<TraceIx> = self.traces().collect();
            for trace in traces {
                self.traces[trace.0].selected_in = NOT_SELECTED;
            }
            self.selection_number += 1;
        }
        self.selection = Some(Box::new(self.stats.empty_like()));
        ended
    }

    /// Ends the selection. Returns its sums: to free them costs the number of names.
    pub fn end_selection(&mut self) -> Option<Box<Stats>> {
        self.selection.take()
    }

    /// Whether there is a selection and the trace is in it.
    pub(super) fn is_selected(&self, trace: TraceIx) -> bool {
        self.selection.is_some() && self.traces[trace.0].selected_in == self.selection_number
    }

    /// Adds a trace to the selection or removes it. Does nothing if there is no selection. Costs the trace's rows.
    pub fn select(&mut self, trace: TraceIx, selected: bool) {
        if self.is_selected(trace) == selected {
            return;
        }
        let Some(mut selection) = self.selection.take() else { return };
        self.add_trace(trace, &mut selection, selected);
        self.traces[trace.0].selected_in = if selected { self.selection_number } else { NOT_SELECTED };
        self.selection = Some(selection);
    }

    /// Returns the statistics over a trace and its parts. Costs their rows.
    #[must_use]
    pub fn stats_of(&self, trace: TraceIx) -> Stats {
        let mut stats = self.stats.empty_like();
        self.group(trace).for_each(|trace| self.add_trace(trace, &mut stats, true));
        stats
    }

    /// Returns whether the index is that of a trace that is held.
    #[must_use]
    pub fn is_trace_held(&self, trace: TraceIx) -> bool {
        self.traces.get(trace.0).is_some_and(|held| self.find_trace(held.id) == Some(trace))
    }

    /// Adds all rows of a trace to statistics, or removes them if `add` is false.
    pub(super) fn add_trace(&self, trace: TraceIx, stats: &mut Stats, add: bool) {
        let signed = |totals: super::Totals| if add { totals } else { totals.negated() };
        stats.totals.add(&signed(self.totals_of(trace)));
        stats.runs.add(self.trace(trace).run_status(), add);
        let roots = self.trace(trace).roots().iter();
        let mut stack: Vec<(RowIx, [Symbol; 2])> = roots.map(|&root| (root, [Symbol::EMPTY; 2])).collect();
        while let Some((row, mut owners)) = stack.pop() {
            for (owner, by) in owners.iter_mut().zip(OWNERS) {
                *owner = self.owner(by, row).unwrap_or(*owner);
            }
            let own = self.own_totals(row);
            if !own.is_zero() {
                let own = signed(own);
                stats.add_own(self.row(row).end, self.counted_model(row), &own);
                for (&owner, by) in owners.iter().zip(OWNERS).filter(|(owner, _)| !owner.is_empty()) {
                    stats.add_usage(by, owner, &own);
                }
            }
            if self.row(row).counted {
                stats.count_call(&self.as_call(row), add);
            }
            stack.extend(self.children(row).iter().map(|&child| (child, owners)));
        }
    }
}
