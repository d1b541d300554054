//! Counters of tokens and cost beside the calls of the same service.

use std::collections::HashMap;
use std::time::Duration;

use crate::format;
use crate::metrics::{CallUsage, Comparison, MetricStore, UsageCounter, usage_counters};
use crate::model::Nanos;
use crate::store::{Store, Totals, TraceIx};
use crate::tui::slices::Slice;

/// Returns the counters, each with what differs and what agrees. Costs the number of series and spans.
#[must_use]
pub fn compare(metrics: &MetricStore, store: &Store) -> Vec<(UsageCounter, Vec<Comparison>)> {
    let mut pass = Pass::new(metrics);
    while !pass.advance(store, &mut Slice::of(Duration::from_secs(3600))) {}
    pass.into_compared()
}

/// An unfinished comparison of the counters with the calls.
#[derive(Debug)]
pub struct Pass {
    counters: Vec<UsageCounter>,
    by_service: HashMap<String, Totals>,
    /// The last trace that was counted, with its start time.
    last: Option<(Nanos, TraceIx)>,
}

impl Pass {
    /// Begins a comparison. Costs the number of series.
    #[must_use]
    pub fn new(metrics: &MetricStore) -> Self {
        Self { counters: usage_counters(metrics), by_service: HashMap::new(), last: None }
    }

    /// Counts the calls of further traces. Returns whether all are counted.
    pub fn advance(&mut self, store: &Store, slice: &mut Slice) -> bool {
        while !self.counters.is_empty()
            && let Some(next) = store.newest_before(self.last)
        {
            let spans = store.trace(next.1).counts().spans as usize;
            if !slice.allows(spans) {
                return false;
            }
            self.last = Some(next);
            for (row, _) in store.walk(next.1) {
                let mut own = store.totals(row);
                own.subtract(&store.below(row));
                let service = store.service(row);
                match self.by_service.get_mut(service) {
                    Some(totals) => totals.add(&own),
                    None => _ = self.by_service.insert(service.to_owned(), own),
                }
            }
            if !slice.goes_on(1 + spans) {
                return false;
            }
        }
        true
    }

    /// Returns the counters, each with what differs and what agrees.
    #[must_use]
    pub fn into_compared(self) -> Vec<(UsageCounter, Vec<Comparison>)> {
        let usage = |totals: &Totals| CallUsage {
            input: (totals.inputs > 0 && !totals.are_tokens_incomplete()).then_some(totals.input),
            output: (totals.outputs > 0 && !totals.are_tokens_incomplete()).then_some(totals.output),
            cost: totals.cost().filter(|_| !totals.is_cost_incomplete()).map(|nano| nano as f64 / 1e9),
        };
        let compared = |counter: UsageCounter| {
            let calls = self.by_service.get(counter.service.as_str()).map(usage).unwrap_or_default();
            let comparisons = counter.compare(&calls);
            (counter, comparisons)
        };
        self.counters.into_iter().map(compared).collect()
    }
}

/// Says how a counter and the calls compare.
#[must_use]
pub fn comparison(comparison: &Comparison) -> String {
    let Comparison { what, counted, called, agrees } = *comparison;
    let number = |number: f64| if what == "cost" { format!("${}", format::decimal(number)) } else { format::decimal(number) };
    if agrees {
        format!("{what} {} ✓", number(called))
    } else {
        format!("{what} {} counted, {} in calls", number(counted), number(called))
    }
}
