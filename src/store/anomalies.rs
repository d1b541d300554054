//! Anomalies of an agent's run: tool calls repeated with the same arguments, retried model calls, and growing prompts.

use std::collections::HashMap;

use super::interner::Symbol;
use super::ix::RowIx;
use super::row::Phase;
use super::{Store, Totals};
use crate::model::sort;
use crate::model::{Nanos, SpanType};

/// The maximum number of rows of a run that are analyzed: the first ones.
pub const MAX_ANALYZED_ROWS: usize = 4096;

/// The number of equal tool calls from which they count as repeated.
const MIN_REPEATS: usize = 3;

/// The anomalies of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Anomalies {
    /// The tool calls with the same arguments, in order, for each tool and arguments that occur at least three times.
    pub repeated: Vec<Vec<RowIx>>,
    /// The failed model calls, each with the next call of the same model.
    pub retried: Vec<(RowIx, RowIx)>,
    /// How often a model was called again: after a failed call, or within a call, as it states.
    pub retries: u64,
    /// The run's own model calls, in order; of nested ones the outer one.
    pub calls: Vec<RowIx>,
    /// The run's own model calls that state input tokens, each once, in order.
    pub growth: Vec<RowIx>,
    /// Whether the run has more rows than were analyzed.
    pub is_truncated: bool,
}

impl Anomalies {
    /// Returns the tool calls with the same arguments as `row`, if they count as repeated.
    #[must_use]
    pub fn repeats(&self, row: RowIx) -> Option<&[RowIx]> {
        self.repeated.iter().map(Vec::as_slice).find(|calls| calls.contains(&row))
    }

    /// Returns the failed call that `row` retries.
    #[must_use]
    pub fn retry_of(&self, row: RowIx) -> Option<RowIx> {
        self.retried.iter().find(|(_, retry)| *retry == row).map(|(failed, _)| *failed)
    }

    /// Returns the call that retries the failed call `row`.
    #[must_use]
    pub fn retried_by(&self, row: RowIx) -> Option<RowIx> {
        self.retried.iter().find(|(failed, _)| *failed == row).map(|(_, retry)| *retry)
    }
}

impl Store {
    /// Returns the run that the row is or belongs to: the nearest agent, team or workflow at or above it, else its root.
    #[must_use]
    pub fn run_of(&self, row: RowIx) -> RowIx {
        let is_run = |row: &RowIx| self.row(*row).span_type.is_agentic();
        self.path(row).find(is_run).or_else(|| self.path(row).last()).unwrap_or(row)
    }

    /// Returns the anomalies of a run. Costs its rows, without those of runs below it.
    #[must_use]
    pub fn anomalies(&self, run: RowIx) -> Anomalies {
        let (rows, is_truncated) = self.own_rows(run);
        let retried = self.retried(&rows);
        Anomalies {
            repeated: self.repeated(&rows),
            retries: self.retries(&rows, &retried),
            retried,
            growth: self.growth(&rows),
            calls: self.calls(&rows),
            is_truncated,
        }
    }

    /// Returns the rows of a run, without those of runs below it, in the order of their start; and whether there are more.
    pub(super) fn own_rows(&self, run: RowIx) -> (Vec<RowIx>, bool) {
        let (mut rows, mut is_truncated) = (Vec::new(), false);
        // Runs below count as analyzed, so that a row with many children costs no more than the limit.
        let children = |row| self.children(row).iter().take(MAX_ANALYZED_ROWS + 1).rev();
        let (mut stack, mut analyzed): (Vec<RowIx>, usize) = (children(run).copied().collect(), 0);
        while let Some(row) = stack.pop() {
            if analyzed == MAX_ANALYZED_ROWS {
                is_truncated = true;
                break;
            }
            analyzed += 1;
            if !self.row(row).span_type.is_agentic() {
                rows.push(row);
                stack.extend(children(row));
            }
        }
        sort::by_key(&mut rows, |&row| self.row(row).order());
        (rows, is_truncated)
    }

    fn calls(&self, rows: &[RowIx]) -> Vec<RowIx> {
        let is_model = |row: RowIx| self.row(row).span_type == SpanType::Model;
        rows.iter().copied().filter(|&row| is_model(row) && self.row(row).counted && !self.row(row).placeholder).collect()
    }

    fn repeated(&self, rows: &[RowIx]) -> Vec<Vec<RowIx>> {
        let mut calls: HashMap<(Symbol, Symbol), Vec<RowIx>> = HashMap::new();
        for &row in rows {
            let data = self.row(row);
            // A hook that names the tool that it watches is no call.
            if data.counted && data.span_type == SpanType::Tool && !data.label.is_empty() && !data.input.is_empty() {
                let hash = data.argument_hash();
                let arguments = if hash.is_empty() { data.input } else { hash };
                calls.entry((data.label, arguments)).or_default().push(row);
            }
        }
        let mut repeated: Vec<_> = calls.into_values().filter(|calls| calls.len() >= MIN_REPEATS).collect();
        repeated.sort_unstable();
        repeated
    }

    /// Pairs each failed model call with the next call of the same model that began after the failure.
    fn retried(&self, rows: &[RowIx]) -> Vec<(RowIx, RowIx)> {
        let mut failed: HashMap<Symbol, RowIx> = HashMap::new();
        let mut retried = Vec::new();
        for &row in rows.iter().filter(|&&row| self.row(row).span_type == SpanType::Model) {
            let data = self.row(row);
            if failed.get(&data.label).is_some_and(|&before| data.start >= self.row(before).end)
                && let Some(before) = failed.remove(&data.label)
            {
                retried.push((before, row));
            }
            if data.own_failure() && data.phase == Phase::Ended {
                // Of nested rows of one failed call, the outer one comes first and represents it.
                failed.entry(data.label).or_insert(row);
            }
        }
        retried
    }

    /// Returns how often models were called again. A call that states its attempt counts those before it that no row tells of.
    fn retries(&self, rows: &[RowIx], retried: &[(RowIx, RowIx)]) -> u64 {
        // The number of failed calls before each retry.
        let mut before: HashMap<RowIx, u64> = HashMap::new();
        let mut count = 0;
        for &(failed, retry) in retried {
            let known = before.get(&failed).copied().unwrap_or_default() + 1;
            before.insert(retry, known);
            count += 1;
        }
        let is_last = |row: &RowIx| !retried.iter().any(|(failed, _)| failed == row);
        for row in rows.iter().filter(|row| is_last(row)) {
            let stated = self.attempt(*row).filter(|_| self.row(*row).span_type == SpanType::Model && !self.is_duplicate(*row));
            let known = before.get(row).copied().unwrap_or_default();
            count += stated.map_or(0, |attempt| u64::from(attempt - 1).saturating_sub(known));
        }
        count
    }

    fn growth(&self, rows: &[RowIx]) -> Vec<RowIx> {
        let counts = |row: RowIx| self.inner(row).inputs == 0 && !self.is_duplicate(row);
        let states_input = |row: RowIx| self.usage(row).is_some_and(|usage| usage.input.is_some()) && counts(row);
        rows.iter().copied().filter(|&row| self.row(row).span_type == SpanType::Model && states_input(row)).collect()
    }

    /// Returns the sum of the rows' durations up to `now`.
    #[must_use]
    pub fn total_duration(&self, rows: &[RowIx], now: Nanos) -> Nanos {
        rows.iter().fold(0, |sum, &row| sum.saturating_add(self.row(row).duration(now)))
    }

    /// Returns the sum of the rows' totals. No row may be below another one.
    #[must_use]
    pub fn sum(&self, rows: &[RowIx]) -> Totals {
        let mut sum = Totals::default();
        for &row in rows {
            sum.add(&self.totals(row));
        }
        sum
    }
}
