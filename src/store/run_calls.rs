//! The model calls of a run.

use std::collections::HashSet;

use super::Store;
use super::ix::{RowIx, TraceIx};
use crate::model::SpanType;

/// The most rows of a call that are looked into.
const MAX_REPORTS: usize = 4;

/// A model call with the rows that report it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunCall {
    /// The row that counts.
    pub row: RowIx,
    /// The rows that may hold its messages, the outermost first: that one, and others above and below it.
    pub reports: Vec<RowIx>,
}

impl Store {
    /// Returns the runs of a trace that made model calls of their own, in the order of the tree. Costs the rows of the trace.
    #[must_use]
    pub fn runs_with_calls(&self, trace: TraceIx) -> Vec<RowIx> {
        let mut known = HashSet::new();
        let calls = self.walk(trace).map(|(row, _)| row).filter(|&row| self.row(row).span_type == SpanType::Model);
        calls.map(|row| self.run_of(row)).filter(|run| known.insert(*run)).collect()
    }

    /// Returns the model calls of a run, without those of runs below it, in the order of their start; and whether the run has more rows
    /// than [`MAX_ANALYZED_ROWS`](super::MAX_ANALYZED_ROWS), of which the first were examined.
    #[must_use]
    pub fn calls_of_run(&self, run: RowIx) -> (Vec<RunCall>, bool) {
        let (mut rows, is_cut) = self.own_rows(run);
        rows.insert(0, run);
        rows.retain(|&row| self.row(row).span_type == SpanType::Model && !self.row(row).placeholder);
        // The rows that report one call are below one another.
        let outermost = |row: RowIx| self.path(row).take_while(|&above| self.row(above).span_type == SpanType::Model).last().unwrap_or(row);
        let mut groups: Vec<(RowIx, Vec<RowIx>)> = Vec::new();
        for row in rows {
            let outer = outermost(row);
            match groups.iter_mut().rev().find(|(other, _)| *other == outer) {
                Some((_, group)) => group.push(row),
                None => groups.push((outer, vec![row])),
            }
        }
        let mut calls = Vec::with_capacity(groups.len());
        for (_, group) in groups {
            let counted: Vec<RowIx> = group.iter().copied().filter(|&row| self.row(row).counted).collect();
            for &row in &counted {
                let mut reports: Vec<RowIx> = match counted.len() {
                    1 => group.clone(),
                    // Of several calls below a row, that row reports none.
                    _ => vec![row],
                };
                if let Some(at) = reports.iter().position(|&other| other == row).filter(|at| *at >= MAX_REPORTS) {
                    reports.swap(0, at);
                }
                reports.truncate(MAX_REPORTS);
                calls.push(RunCall { row, reports });
            }
        }
        (calls, is_cut)
    }
}
