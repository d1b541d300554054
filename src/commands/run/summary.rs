//! What a program did, in a line.

use crate::format;
use crate::store::{RunStatus, Store, TraceIx};
use crate::tui::display;

/// The maximum number of traces to name.
const MAX_NAMED: usize = 5;

/// Sums up traces: `5 traces, 2 failed, 12.3k tokens, $0.03`. What is unknown is left out.
pub(super) fn summary(store: &Store, mains: &[TraceIx]) -> String {
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
    if let Some(tokens) = totals.tokens() {
        parts.push(format!("{} tokens", format::tokens(Some(tokens))));
    }
    if totals.cost().is_some() {
        parts.push(display::cost(totals));
    }
    parts.join(", ")
}

/// Names traces: what ran, and the beginning of the id.
pub(super) fn names(store: &Store, traces: &[TraceIx]) -> String {
    let name = |&trace: &TraceIx| {
        let id = store.trace(trace).id.to_string();
        format!("{} ({})", display::lead_name(store, trace), &id[..8])
    };
    let more = if traces.len() > MAX_NAMED { ", …" } else { "" };
    traces.iter().take(MAX_NAMED).map(name).collect::<Vec<_>>().join(", ") + more
}
