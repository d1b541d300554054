//! Anomalies in the runs on the screen.

use std::collections::HashMap;

use super::refresh::TraceVersion;
use crate::model::Nanos;
use crate::store::{Anomalies, RowIx, Store, TraceIx};

/// Runs to keep results of; beyond it all results are dropped.
const RUNS: usize = 128;

/// The anomalies of the runs on the screen.
#[derive(Debug, Default)]
pub struct Insights {
    by_run: HashMap<RowIx, (TraceVersion, Anomalies)>,
    is_stale: bool,
}

impl Insights {
    /// Computes the anomalies of the runs of these rows and of those that their traces are named after, except where a usable result is held.
    pub(super) fn update(&mut self, store: &Store, rows: &[RowIx], now: Nanos) {
        if self.by_run.len() > RUNS {
            self.by_run.clear();
        }
        self.is_stale = false;
        let is_head = |row: RowIx| store.trace(store.row(row).trace()).roots().first() == Some(&row);
        let leads = rows.iter().filter(|&&row| is_head(row)).filter_map(|&row| store.lead(store.row(row).trace()));
        for row in rows.iter().copied().chain(leads) {
            let run = store.run_of(row);
            let trace = store.row(run).trace();
            if let Some((version, _)) = self.by_run.get(&run).filter(|(version, _)| version.is_usable(store, trace, now)) {
                self.is_stale |= version.is_stale(store);
            } else {
                self.by_run.insert(run, (TraceVersion::new(store, trace, now), store.anomalies(run)));
            }
        }
    }

    /// Whether a result for the screen waits to be recomputed.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Returns the anomalies of the run that contains the row.
    #[must_use]
    pub fn of_row(&self, store: &Store, row: RowIx) -> Option<&Anomalies> {
        let run = store.run_of(row);
        self.by_run.get(&run).filter(|(version, _)| version.trace == store.row(run).trace()).map(|(_, anomalies)| anomalies)
    }

    /// Forgets the runs of evicted traces.
    pub(super) fn forget(&mut self, evicted: &[TraceIx]) {
        if !evicted.is_empty() {
            self.by_run.retain(|_, (version, _)| !evicted.contains(&version.trace));
        }
    }
}
