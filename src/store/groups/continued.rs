//! Runs that paused: the traces that continue them. Each part of such a run has the same run id, and is what its trace is named after.

use smallvec::SmallVec;

use super::{MAX_TRACES, joined};
use crate::model::Nanos;
use crate::store::ix::TraceIx;
use crate::store::{Changes, Store};

impl Store {
    /// Returns whether a trace continues the run of an earlier trace of its group.
    #[must_use]
    pub fn continues_run(&self, trace: TraceIx) -> bool {
        self.is_part(trace) && self.groups.runs.contains_key(&trace)
    }

    /// Returns the traces of a main trace's group that are parts of one run: the main trace and those that continue it.
    pub fn run_parts(&self, main: TraceIx) -> impl Iterator<Item = TraceIx> {
        self.group(main).filter(move |&part| part == main || self.continues_run(part))
    }

    /// Returns how long the run had waited when a trace continued it; `None` if the trace continues none.
    #[must_use]
    pub fn waited(&self, trace: TraceIx) -> Option<Nanos> {
        let before = self.part_before(trace)?;
        let ends = self.side_calls(before).chain([before]).map(|part| self.trace(part).end);
        Some(self.trace(trace).start.saturating_sub(ends.max()?).max(0))
    }

    /// Decides which traces a changed trace continues, and which continue it.
    pub(super) fn decide_continued(&mut self, trace: TraceIx, changes: &mut Changes) {
        let run = self.paused_run(trace);
        if self.groups.runs.get(&trace).copied() != run {
            self.leave_run(trace, changes);
        }
        if let Some(run) = run {
            self.groups.runs.insert(trace, run);
            self.link_parts(run, changes);
        }
    }

    /// Returns the run of which a trace is a part: of the row that it is named after.
    pub(in crate::store) fn paused_run(&self, trace: TraceIx) -> Option<u64> {
        if self.pauses.is_empty() {
            return None;
        }
        let lead = self.lead(trace).filter(|&lead| self.row(lead).is_agent())?;
        self.pauses.run(lead)
    }

    /// Removes a trace from its run, and links the other parts.
    pub(super) fn leave_run(&mut self, trace: TraceIx, changes: &mut Changes) {
        let Some(run) = self.groups.runs.remove(&trace) else { return };
        let last = self.side_calls(trace).last().unwrap_or(trace);
        if let Some(next) = joined(self.trace(last).next) {
            self.cut(next, changes);
        }
        self.cut(trace, changes);
        self.link_parts(run, changes);
    }

    /// Links the parts of a run in their order.
    fn link_parts(&mut self, run: u64, changes: &mut Changes) {
        let mut before = None;
        for part in self.parts(run) {
            if self.part_before(part) != before {
                self.cut(part, changes);
                if let Some(before) = before {
                    let last = self.side_calls(before).last().unwrap_or(before);
                    if let Some(next) = joined(self.trace(last).next) {
                        self.cut(next, changes);
                    }
                    self.link_after(part, last, changes);
                }
            }
            before = Some(part);
        }
    }

    /// Returns the traces that are parts of a run, in the order of these parts.
    fn parts(&self, run: u64) -> SmallVec<[TraceIx; 4]> {
        let mut parts = SmallVec::new();
        for row in self.pauses.rows(run).take(MAX_TRACES) {
            let trace = self.row(row).trace();
            if self.groups.runs.get(&trace) == Some(&run) && !parts.contains(&trace) {
                parts.push(trace);
            }
        }
        parts
    }

    /// Returns the trace whose run a trace continues.
    pub(in crate::store) fn part_before(&self, trace: TraceIx) -> Option<TraceIx> {
        joined(self.trace(trace).previous).filter(|_| self.continues_run(trace)).map(|before| self.caller(before))
    }

    /// Returns the run of which a trace is known to be a part.
    #[cfg(test)]
    pub(in crate::store) fn run_part(&self, trace: TraceIx) -> Option<u64> {
        self.groups.runs.get(&trace).copied()
    }

    /// Returns the trace that a trace is to continue.
    #[cfg(test)]
    pub(in crate::store) fn part_to_continue(&self, trace: TraceIx) -> Option<TraceIx> {
        let parts = self.parts(*self.groups.runs.get(&trace)?);
        parts.iter().position(|&part| part == trace)?.checked_sub(1).map(|at| parts[at])
    }
}
