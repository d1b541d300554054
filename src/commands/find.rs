//! Finds a trace by the beginning of its id.

use eyre::{Report, bail};

use super::print_message;
use crate::cli::LAST;
use crate::format;
use crate::model::Nanos;
use crate::store::{Store, TraceIx};
use crate::tui::display;

/// The maximum number of traces to name if an id prefix is ambiguous.
const MAX_NAMED: usize = 8;

/// Returns the trace whose id starts with `prefix`, or the newest one for [`LAST`]. If there is none, prints so and returns `None`. The error describes several traces.
///
/// `sources` names what was searched.
pub(super) fn trace(store: &Store, prefix: &str, sources: &str, now: Nanos) -> Result<Option<TraceIx>, Report> {
    if prefix == LAST {
        let newest = newest(store);
        if newest.is_none() {
            print_message(&format!("no traces in {sources}"));
        }
        return Ok(newest);
    }
    let starts = |trace: &TraceIx| store.trace(*trace).id.to_string().starts_with(prefix);
    let found: Vec<TraceIx> = store.traces().rev().filter(starts).collect();
    match found.as_slice() {
        [] => {
            print_message(&format!("no trace id in {sources} starts with {prefix}"));
            Ok(None)
        }
        [trace] => Ok(Some(*trace)),
        several => bail!("{} trace ids start with {prefix}: {}", several.len(), describe(store, several, now)),
    }
}

/// Returns the newest trace, one without agents, models and tools only if there is no other.
fn newest(store: &Store) -> Option<TraceIx> {
    let newest = store.traces().rev().find(|&trace| !store.is_ordinary(trace)).or_else(|| store.traces().next_back())?;
    let is_alike = |trace: &TraceIx| store.is_ordinary(*trace) == store.is_ordinary(newest);
    let began_then = store.traces().rev().skip_while(|&trace| store.trace(trace).start > store.trace(newest).start);
    let began_then = began_then.take_while(|&trace| store.trace(trace).start == store.trace(newest).start);
    began_then.filter(is_alike).min_by_key(|&trace| store.trace(trace).id)
}

/// Describes traces for a message, so that the user can choose one.
fn describe(store: &Store, traces: &[TraceIx], now: Nanos) -> String {
    let describe = |&trace: &TraceIx| {
        let data = store.trace(trace);
        let name = display::lead_name(store, trace);
        format!("{} ({name}, {})", data.id, format::moment(data.start, now))
    };
    let more = if traces.len() > MAX_NAMED { ", …" } else { "" };
    format::safe(&traces.iter().take(MAX_NAMED).map(describe).collect::<Vec<_>>().join(", ")).into_owned() + more
}
