//! How far what is known of a trace reaches beyond it: which time must be held completely so that its numbers are those of a store of
//! everything.
//!
//! A store that holds only the traces of some time decides about a trace as a store of all traces does, if every row that influences it is
//! held: the other reports of its calls, the parts of its turn, the run before it. Those overlap in time or follow each other closely, except
//! for a few facts about the whole store, such as whether a service ever sent an agent's step. Where the answer may depend on one of
//! those, the reach is *open*.

use super::Store;
use super::ix::{NONE, RowIx, TraceIx};
use super::pairing::{MAX_CHAIN, MAX_REPORTS};
use super::timeline::Chain;
use crate::model::Nanos;

/// The most traces that may influence one. Then nothing but the whole store decides.
const MAX_TRACES: usize = 64;

/// The time that decides about a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The start of the earliest row that influences it.
    pub from: Nanos,
    /// The end of the latest row that does.
    pub to: Nanos,
    /// Whether rows of any time may influence it.
    pub is_open: bool,
}

impl Reach {
    fn add(&mut self, from: Nanos, to: Nanos) {
        self.from = self.from.min(from);
        self.to = self.to.max(to);
    }
}

impl Store {
    /// Returns the time that decides about a trace, as far as the rows that are held tell. It is the whole answer if the store holds every
    /// trace with a row in that time, and some seconds around it.
    #[must_use]
    pub fn reach(&self, trace: TraceIx) -> Reach {
        let data = self.trace(trace);
        let mut reach = Reach { from: data.start, to: data.end, is_open: false };
        let mut traces = vec![trace];
        let mut at = 0;
        // What decides about a trace decides about those that it influences.
        while let Some(&trace) = traces.get(at) {
            self.add_trace_to(&mut reach, trace, &mut traces);
            at += 1;
            if reach.is_open || traces.len() > MAX_TRACES {
                return Reach { is_open: true, ..reach };
            }
        }
        reach
    }

    /// Adds what decides about a trace. Adds the traces that influence it to `others`.
    fn add_trace_to(&self, reach: &mut Reach, trace: TraceIx, others: &mut Vec<TraceIx>) {
        let data = self.trace(trace);
        for part in self.group(self.main_of(trace)) {
            reach.add(self.trace(part).start, self.trace(part).end);
            add(others, part);
        }
        for part in self.turn_neighbors(trace) {
            reach.add(self.trace(part).start, self.trace(part).end);
            add(others, part);
        }
        reach.is_open |= data.idle.is_some_and(|(service, _)| !self.services.is_working(service));
        for run in self.runs_open_around(trace).into_iter().flatten() {
            reach.add(self.trace(run).start, data.end);
        }
        for (row, _) in self.walk(trace) {
            self.add_reports(row, reach, others);
            self.add_chains(row, reach, others);
            self.add_run_before(row, reach, others);
            reach.is_open |= self.has_made_up_session(row) || self.counts_with_another_tool_call(row) || self.may_be_harmless(row);
            if self.pauses.has(row) {
                // A part of the run may come at any time.
                match self.pauses.around(row).0 {
                    Some(before) => reach.add(self.row(before).start, Nanos::MAX),
                    None => reach.is_open = true,
                }
            }
        }
    }

    /// Adds the rows that report the same response.
    fn add_reports(&self, row: RowIx, reach: &mut Reach, others: &mut Vec<TraceIx>) {
        let response = self.response(row);
        if response != 0 {
            for report in self.reports_of(response) {
                reach.add(self.row(report).start, self.row(report).end);
                add(others, self.row(report).trace());
            }
        }
    }

    /// Adds the rows with equal counts or with the same recurring id that form a chain with the row.
    fn add_chains(&self, row: RowIx, reach: &mut Reach, others: &mut Vec<TraceIx>) {
        for chain in self.recurring_chains(row) {
            self.add_chain(row, &chain, MAX_REPORTS, reach, others);
        }
        if self.pairing.is_active() {
            for chain in self.slot_chains(row) {
                self.add_chain(row, &chain, MAX_CHAIN, reach, others);
            }
        }
    }

    fn add_chain(&self, row: RowIx, chain: &Chain, max: usize, reach: &mut Reach, others: &mut Vec<TraceIx>) {
        // A chain that is too long stays so, whatever joins it.
        if chain.rows.contains(&row) && chain.rows.len() > 1 && chain.rows.len() <= max {
            for &other in &chain.rows {
                reach.add(self.row(other).start, self.row(other).end);
                if self.is_of_another_reporter(row, other) {
                    add(others, self.row(other).trace());
                }
            }
        }
    }

    /// Whether two rows with usage may be paired, directly or by others.
    fn is_of_another_reporter(&self, row: RowIx, other: RowIx) -> bool {
        let usage = |row: RowIx| &self.usages[self.row(row).usage];
        let reporter = |row: RowIx| self.model_ids.reporter(usage(row).model_id);
        reporter(row) != reporter(other) || [row, other].iter().any(|&row| usage(row).response() != 0)
    }

    /// Adds the run before a run, of the same agent and session, if what the run states may include that one's usage.
    fn add_run_before(&self, row: RowIx, reach: &mut Reach, others: &mut Vec<TraceIx>) {
        if self.row(row).session.is_empty() || self.row(row).usage == NONE {
            return;
        }
        let (Some(stated), below) = (self.stated_tokens(row), self.below(row)) else { return };
        let stated = (u64::from(stated.0), u64::from(stated.1));
        let exceeds = stated.0 >= below.input && stated.1 >= below.output && stated != (below.input, below.output);
        if below.calls > 0 && exceeds {
            match self.run_before(row) {
                Some(before) => {
                    reach.add(self.row(before).start, self.row(row).end);
                    add(others, self.row(before).trace());
                }
                None => reach.is_open |= self.is_run_with_totals(row),
            }
        }
    }

    /// Whether a failure may harm no agent, if its service sends an agent's steps at another time.
    fn may_be_harmless(&self, row: RowIx) -> bool {
        self.services.service_of(row).is_some_and(|service| !self.services.is_agentic(service))
    }
}

/// Adds a trace unless it is there.
fn add(traces: &mut Vec<TraceIx>, trace: TraceIx) {
    if !traces.contains(&trace) {
        traces.push(trace);
    }
}

#[cfg(test)]
mod tests;
