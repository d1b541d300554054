//! What the inputs of model calls begin with.

use std::collections::HashMap;

use eyre::Report;

use crate::commands::progress::progress_bar;
use crate::commands::snapshot::Snapshot;
use crate::context::Content;
use crate::store::{RowIx, TraceIx};

/// Returns the prefix of each model call of the traces that records one, by its row.
pub(super) fn read(snapshot: &mut Snapshot, traces: &[TraceIx]) -> Result<HashMap<RowIx, String>, Report> {
    let mut prefixes = HashMap::new();
    let progress = progress_bar(traces.len() as u64, "traces", "read for their prefixes");
    for &trace in traces {
        progress.inc(1);
        for run in snapshot.store.runs_with_calls(trace) {
            let (calls, _) = snapshot.store.calls_of_run(run);
            snapshot.for_each_call(&calls, |_, call, payloads| {
                let prefix = Content::fullest(payloads).and_then(|content| content.prefix());
                prefixes.extend(prefix.map(|prefix| (call.row, prefix)));
            })?;
        }
    }
    progress.finish_and_clear();
    Ok(prefixes)
}
