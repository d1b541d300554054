//! What the numbers cover: how many traces, and in which period they began.

use serde::Serialize;

use crate::cli::Selection;
use crate::export::record::rfc3339;
use crate::format;
use crate::model::Nanos;
use crate::store::{Store, TraceIx};

/// The counted traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Covered {
    traces: u64,
    /// The beginning and the end of the period that was asked for, else when the first and the last of the traces began.
    from: Nanos,
    /// `None` for now.
    to: Option<Nanos>,
}

/// The same as JSON.
#[derive(Clone, Serialize)]
pub(super) struct CoveredRecord {
    traces: u64,
    from: String,
    to: Option<String>,
}

impl Covered {
    pub(super) fn new(store: &Store, traces: &[TraceIx], selection: &Selection, now: Nanos) -> Self {
        let starts = || traces.iter().map(|&trace| store.trace(trace).start);
        let since = selection.since.as_ref().map(|since| since.resolve(now));
        let until = selection.until.as_ref().map(|until| until.resolve(now));
        Self {
            traces: traces.len() as u64,
            from: since.or_else(|| starts().min()).unwrap_or(now),
            to: until.or_else(|| if since.is_none() { starts().max() } else { None }),
        }
    }

    pub(super) fn sentence(&self) -> String {
        let traces = format::plural(self.traces, "trace");
        let from = format::date_time(self.from);
        match self.to.map(format::date_time) {
            None => format!("{traces} that began since {from}"),
            Some(to) if to == from => format!("{traces} that began at {from}"),
            Some(to) => format!("{traces} that began between {from} and {to}"),
        }
    }

    pub(super) fn record(&self) -> CoveredRecord {
        CoveredRecord { traces: self.traces, from: rfc3339(self.from), to: self.to.map(rfc3339) }
    }
}
