//! What ran, in a line.

use super::{cost, tokens};
use crate::format;
use crate::store::{RunStatus, Store, TraceIx};

/// Sums up all traces: `5 traces, 2 failed, 12.3k tokens, $0.03`. What is unknown is left out. Costs the number of traces.
#[must_use]
pub fn summary(store: &Store) -> String {
    let mains: Vec<TraceIx> = store.traces().filter(|&trace| !store.is_part(trace)).collect();
    let count = |status| mains.iter().filter(|&&trace| store.group_counts(trace).run_status() == status).count() as u64;
    let mut parts = vec![if mains.is_empty() { "no traces".to_owned() } else { format::plural(mains.len() as u64, "trace") }];
    let counted = [
        (RunStatus::Error, "failed"),
        (RunStatus::Cut, "cut"),
        (RunStatus::Paused, "paused"),
        (RunStatus::Running, "still running"),
        (RunStatus::Lost, "lost"),
    ];
    let counted = counted.map(|(status, word)| (count(status), word)).into_iter().filter(|(count, _)| *count > 0);
    parts.extend(counted.map(|(count, word)| format!("{} {word}", format::count(count))));
    let totals = store.all();
    if totals.tokens().is_some() {
        parts.push(format::with_noun(&tokens(totals), "token"));
    }
    if totals.cost().is_some() {
        parts.push(cost(totals));
    }
    parts.join(", ")
}
