//! The spans of a trace with their payloads, read in slices: all payloads of a trace may exceed the memory.

use eyre::Report;

use super::print_message;
use super::snapshot::Snapshot;
use crate::export::{self, ExportedSpan, Format};
use crate::format;
use crate::store::{RowIx, TraceIx};

/// Payloads in memory at a time.
pub(super) const SLICE: usize = 256;

/// Calls `f` with each span of a trace that has arrived and that a format holds, in tree order. Returns the number of spans whose payload could not be read.
///
/// The error is that of `f`, or says why payloads can't be requested.
pub(super) fn for_each<E: Into<Report>>(
    snapshot: &mut Snapshot,
    trace: TraceIx,
    format: Format,
    mut f: impl FnMut(ExportedSpan) -> Result<(), E>,
) -> Result<u64, Report> {
    let mut missing = 0;
    for slice in export::rows(&snapshot.store, trace, format).chunks(SLICE) {
        let rows: Vec<RowIx> = slice.iter().map(|&(row, _)| row).collect();
        let payloads = snapshot.payloads(&rows)?;
        for (&(row, depth), payload) in slice.iter().zip(payloads) {
            let mut span = export::span_of_row(&snapshot.store, row, depth);
            match payload {
                Ok(payload) => span.payload = payload,
                Err(_) => missing += 1,
            }
            f(span).map_err(Into::into)?;
        }
    }
    Ok(missing)
}

/// Prints how many spans lack attributes, if any do.
pub(super) fn report_missing(missing: u64) {
    if missing > 0 {
        print_message(&format!("{} without attributes, which could not be read", format::plural(missing, "span")));
    }
}
