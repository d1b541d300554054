//! What is worth a flag on the rows that are on the screen.

use std::collections::HashMap;

use crate::model::Nanos;
use crate::store::{Anomalies, RowIx, Store, TraceIx};

/// Runs that are remembered.
const RUNS: usize = 128;

/// Spans of a trace beyond which a run of it is looked at anew once a second only.
const LARGE: u32 = 2000;

/// How long that rests, in nanoseconds.
const REST: Nanos = 1_000_000_000;

#[derive(Debug)]
struct Known {
    trace: TraceIx,
    version: u32,
    at: Nanos,
    anomalies: Anomalies,
}

/// The habits of the runs on the screen.
#[derive(Debug, Default)]
pub struct Insights {
    runs: HashMap<RowIx, Known>,
    /// Whether what is known of a run is what it was, and is to be looked at again.
    stale: bool,
}

impl Insights {
    /// Looks at the runs of these rows, unless that was done since they changed.
    pub(super) fn look_at(&mut self, store: &Store, rows: &[RowIx], now: Nanos) {
        if self.runs.len() > RUNS {
            self.runs.clear();
        }
        self.stale = false;
        for &row in rows {
            let run = store.run_of(row);
            let trace = store.row(run).trace();
            let data = store.trace(trace);
            let good = |known: &Known| {
                let rests = data.counts().spans > LARGE && now.abs_diff(known.at) < REST.unsigned_abs();
                known.trace == trace && (known.version == data.version() || rests)
            };
            if !self.runs.get(&run).is_some_and(good) {
                self.runs.insert(run, Known { trace, version: data.version(), at: now, anomalies: store.habits(run) });
            } else if self.runs.get(&run).is_some_and(|known| known.version != data.version()) {
                self.stale = true;
            }
        }
    }

    /// Whether something on the screen waits to be looked at again.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    /// What was noticed in the run that the row is or belongs to.
    #[must_use]
    pub fn of(&self, store: &Store, row: RowIx) -> Option<&Anomalies> {
        let run = store.run_of(row);
        self.runs.get(&run).filter(|known| known.trace == store.row(run).trace()).map(|known| &known.anomalies)
    }

    /// Forgets runs of traces that are gone.
    pub(super) fn forget(&mut self, evicted: &[TraceIx]) {
        if !evicted.is_empty() {
            self.runs.retain(|_, known| !evicted.contains(&known.trace));
        }
    }
}
