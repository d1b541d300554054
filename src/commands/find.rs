//! Finds a trace by the beginning of its id.

use color_eyre::eyre::{Report, bail};

use super::print_message;
use super::snapshot::Snapshot;
use crate::format;
use crate::store::TraceIx;
use crate::tui::display;

/// The maximum number of traces to name if an id prefix is ambiguous.
const MAX_NAMED: usize = 8;

/// Returns the trace whose id starts with `prefix`. If there is none, prints so and returns `None`. The error describes several traces.
pub(super) fn trace(snapshot: &Snapshot, prefix: &str) -> Result<Option<TraceIx>, Report> {
    let starts = |trace: &TraceIx| snapshot.store.trace(*trace).id.to_string().starts_with(prefix);
    let found: Vec<TraceIx> = snapshot.store.traces().rev().filter(starts).collect();
    match found.as_slice() {
        [] => {
            print_message(&format!("no trace id in {} starts with {prefix}", snapshot.names()));
            Ok(None)
        }
        [trace] => Ok(Some(*trace)),
        several => bail!("{} trace ids start with {prefix}: {}", several.len(), describe(snapshot, several)),
    }
}

/// Describes traces for a message, so that the user can choose one.
fn describe(snapshot: &Snapshot, traces: &[TraceIx]) -> String {
    let describe = |&trace: &TraceIx| {
        let data = snapshot.store.trace(trace);
        let name = display::lead_name(&snapshot.store, trace);
        format!("{} ({name}, {})", data.id, format::moment(data.start, snapshot.now))
    };
    let more = if traces.len() > MAX_NAMED { ", …" } else { "" };
    format::safe(&traces.iter().take(MAX_NAMED).map(describe).collect::<Vec<_>>().join(", ")).into_owned() + more
}
