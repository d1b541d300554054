//! What a program that has ended left: spans that it could not send any more, and those that it did not end.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use eyre::Report;

use crate::commands::print_message;
use crate::commands::snapshot::Snapshot;
use crate::export::{self, ExportedSpan, Exporter, Format, Options, TraceRecord};
use crate::model::SourceId;
use crate::run::{UnsentSpans, read_unsent};
use crate::sources::{Request, TakenSpans};
use crate::store::{Phase, RowIx, RunStatus};

/// The most bytes of unsent spans that are taken.
const MAX_UNSENT: u64 = 512 << 20;

/// How long the listener may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The number of spans whose payloads are in memory at once.
const PART: usize = 500;

/// Has the listener take what processes could not send. Somebody else must receive updates meanwhile.
pub(super) fn take_unsent(folder: &Path, listener: &Sender<Request>) {
    let unsent = read_unsent(folder, MAX_UNSENT).into_iter();
    let taken = |UnsentSpans { body, is_forwarded, process, written }| TakenSpans {
        body,
        is_json: true,
        is_forwarded,
        process,
        lived_until: written,
    };
    let spans: Vec<_> = unsent.map(taken).collect();
    if let Err(reason) = take(spans, listener) {
        print_message(&format!("spans that were not sent are lost: {reason}"));
    }
}

fn take(spans: Vec<TakenSpans>, listener: &Sender<Request>) -> Result<(), String> {
    if spans.is_empty() {
        return Ok(());
    }
    let (done, answer) = channel();
    let is_sent = listener.send(Request::Take(spans, done)).is_ok();
    let answer = is_sent.then(|| answer.recv_timeout(PATIENCE).ok()).flatten();
    answer.unwrap_or_else(|| Err("the listener does not answer".to_owned()))
}

/// Records the spans whose process ended first: without them, their trace would have no root.
pub(super) fn record_cut(snapshot: &mut Snapshot) -> Result<(), Report> {
    let store = &snapshot.store;
    let is_cut = |&row: &RowIx| {
        let data = store.row(row);
        !data.placeholder && data.phase == Phase::Lost && data.own_status() == RunStatus::Cut
    };
    let rows: Vec<RowIx> = store.rows().filter(is_cut).collect();
    let Some(listener) = snapshot.hub.requests(SourceId(0)) else { return Ok(()) };
    for part in rows.chunks(PART) {
        let payloads = snapshot.payloads(part)?;
        let store = &snapshot.store;
        let mut exporter = Exporter::new(&Options { format: Format::OtlpProto, ..Options::default() }, Vec::new());
        for (&row, payload) in part.iter().zip(payloads) {
            let Ok(payload) = payload else { continue };
            let trace = store.row(row).trace();
            exporter.trace(TraceRecord::from_trace(store, trace, ""))?;
            exporter.span(ExportedSpan { payload, ..export::span_of_row(store, row, 0) })?;
        }
        let body = exporter.finish()?;
        if let Err(reason) = take(vec![TakenSpans { body, is_json: false, is_forwarded: false, process: 0, lived_until: 0 }], &listener) {
            print_message(&format!("spans that were cut are not recorded: {reason}"));
        }
    }
    Ok(())
}
