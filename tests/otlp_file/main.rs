//! Files of spans: every format is read, exports are read back unchanged, and a broken file gives a message.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking and prints why it is skipped")]

mod agno;
mod followed;
mod formats;
mod forms;
mod hostile;
mod reading;
#[path = "../agno/mod.rs"]
mod real;
mod roundtrip;
mod store;
mod values;
mod zipkin;

use std::path::Path;

use agno_top::export::{ExportedSpan, Exporter, Format, Options, SpanRecord, TraceRecord, UsageRecord};
use agno_top::model::{Batch, Payload, PayloadRef, Skipped, SourceId, Span, SpanId};
use agno_top::sources::{Handle, Request, State, Update, UpdateSender, file};
use agno_top::store::RunStatus;
use tokio::sync::mpsc::Receiver;

/// The updates of a file source.
struct Read {
    /// The spans with their names and errors.
    spans: Vec<(Span, String, String)>,
    skipped: Vec<Skipped>,
    batches: Vec<Batch>,
    state: State,
    handle: Handle,
    updates: Receiver<Update>,
}

fn open(path: &Path) -> Read {
    let (sender, updates) = tokio::sync::mpsc::channel(64);
    let handle = file::start(path.to_owned(), UpdateSender::new(SourceId(3), sender)).unwrap();
    let mut read =
        Read { spans: Vec::new(), skipped: Vec::new(), batches: Vec::new(), state: State::Waiting(String::new()), handle, updates };
    while matches!(&read.state, State::Waiting(why) if why.is_empty()) || matches!(read.state, State::Loading { .. }) {
        match read.updates.blocking_recv().unwrap() {
            Update::Batch(batch) => {
                assert!(batch.spans.len() <= 2048);
                read.skipped.extend(batch.skipped.iter().cloned());
                read.spans.extend(
                    batch.spans.iter().map(|span| (span.clone(), batch.text(span.name).to_owned(), batch.text(span.error).to_owned())),
                );
                read.batches.push(batch);
            }
            Update::State(id, state) => {
                assert_eq!(id, SourceId(3));
                read.state = state;
            }
            Update::Logs(_) | Update::Metrics(_) => {}
            other => panic!("{other:?}"),
        }
    }
    read
}

/// Returns the exported form of a span, without what only a store knows and without notes, which are not exported.
fn exported(span: &Span, name: &str, payload: Payload) -> ExportedSpan {
    let record = SpanRecord { parent_id: span.parent, ..SpanRecord::new(span.trace, span.id, name, span.start, span.end) };
    ExportedSpan { record, status: span.status, depth: 0, payload: Payload { notes: Vec::new(), ..payload } }
}

/// Exports spans.
fn written(spans: &[ExportedSpan], format: Format) -> Vec<u8> {
    let mut exporter = Exporter::new(&Options { format, ..Options::default() }, Vec::new());
    let mut last = None;
    for span in spans {
        if last.replace(span.record.trace_id) != Some(span.record.trace_id) {
            exporter.trace(trace(&span.record)).unwrap();
        }
        exporter.span(span.clone()).unwrap();
    }
    exporter.finish().unwrap()
}

/// Returns the trace whose first span this is.
fn trace(first: &SpanRecord) -> TraceRecord {
    TraceRecord {
        source: String::new(),
        trace_id: first.trace_id,
        name: first.name.clone(),
        root: String::new(),
        label: String::new(),
        status: RunStatus::Error,
        start: first.start,
        end: first.end,
        duration_ms: None,
        spans: 1,
        errors: 1,
        failed_steps: 1,
        failed: true,
        agent: None,
        session: None,
        user: None,
        other_traces: Vec::new(),
        covers_other_traces: false,
        until: first.start,
        scope: Vec::new(),
        usage: UsageRecord::default(),
        approvals: Vec::new(),
        scores: Vec::new(),
    }
}

/// Sorts spans by start time and ids.
fn sorted(mut spans: Vec<ExportedSpan>) -> Vec<ExportedSpan> {
    spans.sort_by_key(|span| (span.record.start, span.record.trace_id, span.record.span_id));
    spans
}

fn open_text(text: impl AsRef<[u8]>) -> Read {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.json");
    std::fs::write(&path, text).unwrap();
    open(&path)
}

impl Read {
    fn payloads(&mut self, addresses: Vec<PayloadRef>) -> Vec<Result<Payload, String>> {
        // A file source identifies a span by its payload reference alone.
        let any = SpanId::new([9; 8]).unwrap();
        let addresses = addresses.into_iter().map(|address| (address, any)).collect();
        self.handle.requests.send(Request::Payloads { ticket: 7, addresses }).unwrap();
        match self.updates.blocking_recv().unwrap() {
            Update::Payloads { ticket: 7, payloads } => payloads,
            other => panic!("{other:?}"),
        }
    }

    fn exported(&mut self) -> Vec<ExportedSpan> {
        let payloads = self.payloads(self.spans.iter().map(|(span, ..)| span.payload_ref).collect());
        let spans = self.spans.iter().zip(payloads);
        spans.map(|((span, name, _), payload)| exported(span, name, payload.unwrap())).collect()
    }

    fn failure(&self) -> &str {
        match &self.state {
            State::Failing(message) => message,
            other => panic!("{other:?}"),
        }
    }
}
