//! What the inputs of model calls begin with.

use std::collections::HashMap;

use eyre::Report;

use crate::commands::snapshot::Snapshot;
use crate::context::Content;
use crate::model::Payload;
use crate::store::{RowIx, TraceIx};

/// Payloads of model calls in memory at a time; each may hold a whole conversation.
const SLICE: usize = 32;

/// Returns the prefix of each model call of the traces that records one, by its row.
pub(super) fn read(snapshot: &mut Snapshot, traces: &[TraceIx]) -> Result<HashMap<RowIx, String>, Report> {
    let mut prefixes = HashMap::new();
    for &trace in traces {
        for run in snapshot.store.runs_with_calls(trace) {
            let (calls, _) = snapshot.store.calls_of_run(run);
            for slice in calls.chunks(SLICE) {
                let reports: Vec<RowIx> = slice.iter().flat_map(|call| call.reports.iter().copied()).collect();
                let mut payloads = snapshot.payloads(&reports)?.into_iter();
                for call in slice {
                    let of_call: Vec<Payload> = payloads.by_ref().take(call.reports.len()).flatten().collect();
                    let prefix = Content::fullest(&of_call).and_then(|content| content.prefix());
                    prefixes.extend(prefix.map(|prefix| (call.row, prefix)));
                }
            }
        }
    }
    Ok(prefixes)
}
