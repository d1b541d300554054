//! Counters of tokens and cost beside the calls of the same service.

use std::collections::HashMap;

use crate::format;
use crate::metrics::{CallUsage, Comparison, MetricStore, UsageCounter, usage_counters};
use crate::store::{Store, Totals};

/// Returns the counters, each with what differs and what agrees. Costs the number of series and spans.
#[must_use]
pub fn compare(metrics: &MetricStore, store: &Store) -> Vec<(UsageCounter, Vec<Comparison>)> {
    let counters = usage_counters(metrics);
    if counters.is_empty() {
        return Vec::new();
    }
    let mut by_service: HashMap<&str, Totals> = HashMap::new();
    for (row, _) in store.traces().flat_map(|trace| store.walk(trace)) {
        let mut own = store.totals(row);
        own.subtract(&store.below(row));
        by_service.entry(store.service(row)).or_default().add(&own);
    }
    let usage = |totals: &Totals| CallUsage {
        input: (totals.inputs > 0).then_some(totals.input),
        output: (totals.outputs > 0).then_some(totals.output),
        cost: totals.cost().filter(|_| !totals.is_cost_incomplete()).map(|nano| nano as f64 / 1e9),
    };
    let compared = |counter: UsageCounter| {
        let calls = by_service.get(counter.service.as_str()).map(usage).unwrap_or_default();
        let comparisons = counter.compare(&calls);
        (counter, comparisons)
    };
    counters.into_iter().map(compared).collect()
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
