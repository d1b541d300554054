//! What an agent's run does over and over: tools called again with the same arguments, model calls tried again after they failed, and how
//! what its models are given grows.

use std::collections::HashMap;

use super::interner::Symbol;
use super::row::{Phase, RowIx};
use super::{Store, Totals};
use crate::model::{Nanos, SpanType, Status};

/// Rows of a run that are looked at; of a longer one, the first.
pub const LOOKED_AT: usize = 4096;

/// The same call so often is worth a flag.
const OFTEN: usize = 3;

/// What was noticed in a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Anomalies {
    /// Tools that were called at least three times with the same arguments: the uses, in order.
    pub repeated: Vec<Vec<RowIx>>,
    /// Model calls that failed, with the next call of the same model.
    pub retried: Vec<(RowIx, RowIx)>,
    /// The run's own model calls that say what went in, in order.
    pub growth: Vec<RowIx>,
    /// Whether the run is longer than what was looked at.
    pub more: bool,
}

impl Anomalies {
    /// The uses of a tool with the same arguments as `row`, if there are so many that it is flagged.
    #[must_use]
    pub fn repeats(&self, row: RowIx) -> Option<&[RowIx]> {
        self.repeated.iter().map(Vec::as_slice).find(|uses| uses.contains(&row))
    }

    /// The call that `row` is another try of.
    #[must_use]
    pub fn retry_of(&self, row: RowIx) -> Option<RowIx> {
        self.retried.iter().find(|(_, again)| *again == row).map(|(failed, _)| *failed)
    }

    /// The call that tried again what `row` failed to.
    #[must_use]
    pub fn retried_by(&self, row: RowIx) -> Option<RowIx> {
        self.retried.iter().find(|(failed, _)| *failed == row).map(|(_, again)| *again)
    }
}

impl Store {
    /// The agent's run that the row is or belongs to: the nearest agent, team or workflow, else the top of its trace.
    #[must_use]
    pub fn run_of(&self, row: RowIx) -> RowIx {
        let is_run = |row: &RowIx| self.row(*row).span_type.is_agentic();
        let up = || std::iter::successors(Some(row), |&row| self.row(row).parent());
        up().find(is_run).or_else(|| up().last()).unwrap_or(row)
    }

    /// What a run does over and over. Costs its rows, those of runs below it left out.
    #[must_use]
    pub fn habits(&self, run: RowIx) -> Anomalies {
        let (mut rows, mut more) = (Vec::new(), false);
        // Runs below it count as looked at, and of many children no more are taken than can be.
        let some = |row| self.children(row).iter().take(LOOKED_AT + 1).rev();
        let (mut open, mut looked_at): (Vec<RowIx>, usize) = (some(run).copied().collect(), 0);
        while let Some(row) = open.pop() {
            if looked_at == LOOKED_AT {
                more = true;
                break;
            }
            looked_at += 1;
            if !self.row(row).span_type.is_agentic() {
                rows.push(row);
                open.extend(some(row));
            }
        }
        rows.sort_by_key(|&row| self.row(row).order());
        Anomalies { repeated: self.repeated(&rows), retried: self.retried(&rows), growth: self.growth(&rows), more }
    }

    fn repeated(&self, rows: &[RowIx]) -> Vec<Vec<RowIx>> {
        let mut uses: HashMap<(Symbol, Symbol), Vec<RowIx>> = HashMap::new();
        for &row in rows {
            let data = self.row(row);
            if data.span_type == SpanType::Tool && !data.label.is_empty() && !data.input.is_empty() {
                let hash = data.argument_hash();
                let arguments = if hash.is_empty() { data.input } else { hash };
                uses.entry((data.label, arguments)).or_default().push(row);
            }
        }
        let mut repeated: Vec<_> = uses.into_values().filter(|uses| uses.len() >= OFTEN).collect();
        repeated.sort_unstable();
        repeated
    }

    /// Of model calls in order, each that failed with the next of the same model, unless that began before it had failed.
    fn retried(&self, rows: &[RowIx]) -> Vec<(RowIx, RowIx)> {
        let mut failed: HashMap<Symbol, RowIx> = HashMap::new();
        let mut retried = Vec::new();
        for &row in rows.iter().filter(|&&row| self.row(row).span_type == SpanType::Model) {
            let data = self.row(row);
            // Of nested rows of one call the outer one comes first, and is the one that failed.
            if failed.get(&data.label).is_some_and(|&before| data.start >= self.row(before).end)
                && let Some(before) = failed.remove(&data.label)
            {
                retried.push((before, row));
            }
            if data.status == Status::Error && data.phase == Phase::Ended {
                failed.entry(data.label).or_insert(row);
            }
        }
        retried
    }

    fn growth(&self, rows: &[RowIx]) -> Vec<RowIx> {
        let own = |row: RowIx| self.usage(row).is_some_and(|usage| usage.input.is_some()) && self.below(row).inputs == 0;
        rows.iter().copied().filter(|&row| self.row(row).span_type == SpanType::Model && own(row)).collect()
    }

    /// How long rows took together, at `now`.
    #[must_use]
    pub fn time(&self, rows: &[RowIx], now: Nanos) -> Nanos {
        rows.iter().fold(0, |time, &row| time.saturating_add(self.row(row).duration(now)))
    }

    /// Sums over rows of which none lies under another.
    #[must_use]
    pub fn sums(&self, rows: &[RowIx]) -> Totals {
        let mut sums = Totals::default();
        for &row in rows {
            sums.add(&self.totals(row));
        }
        sums
    }
}
