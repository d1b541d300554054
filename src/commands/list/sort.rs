//! The order of traces.

use super::super::snapshot::Snapshot;
use super::super::sort::LargestFirst;
use crate::cli::ListSort;
use crate::model::sort;
use crate::store::TraceIx;
use crate::tui::display;

/// Sorts traces, which are in the order of [`ListSort::Began`]: numbers with the largest first, unknown ones last. Equal ones keep their order.
pub(super) fn sort(snapshot: &Snapshot, traces: &mut [TraceIx], column: ListSort) {
    match column {
        ListSort::Began => {}
        ListSort::Trace => sort::by_key(traces, |&trace| display::lead_name(&snapshot.store, trace)),
        _ => sort::by_key(traces, |&trace| LargestFirst(number(snapshot, trace, column))),
    }
}

/// Returns the number of a column; `None` if it is unknown.
fn number(snapshot: &Snapshot, trace: TraceIx, column: ListSort) -> Option<f64> {
    let totals = snapshot.store.group_totals(trace);
    match column {
        ListSort::Began | ListSort::Trace => None,
        ListSort::Time => snapshot.store.group_time(trace, snapshot.now).map(|time| time as f64),
        ListSort::Spans => Some(totals.spans.into()),
        ListSort::Errors => Some(totals.failed.into()),
        ListSort::Tokens => totals.tokens().map(|tokens| tokens as f64),
        ListSort::Cost => totals.cost().map(|cost| cost as f64),
    }
}
