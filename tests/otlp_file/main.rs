//! What is exported and opened again is what it was; and no file, however broken, is more than a message.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod reading;
mod roundtrip;

use std::path::Path;

use agno_top::export::Exported;
use agno_top::model::{Address, Batch, Payload, Skipped, SourceId, Span, SpanId};
use agno_top::source::{Handle, Outlet, Request, State, Update, file};
use tokio::sync::mpsc::Receiver;

/// What a file source said: spans with their names and errors, pieces skipped, and its last state.
struct Read {
    spans: Vec<(Span, String, String)>,
    skipped: Vec<Skipped>,
    batches: Vec<Batch>,
    state: State,
    handle: Handle,
    updates: Receiver<Update>,
}

fn open(path: &Path) -> Read {
    let (sender, updates) = tokio::sync::mpsc::channel(64);
    let handle = file::start(path.to_owned(), Outlet { id: SourceId(3), updates: sender }).unwrap();
    let mut read =
        Read { spans: Vec::new(), skipped: Vec::new(), batches: Vec::new(), state: State::Waiting(String::new()), handle, updates };
    while !matches!(read.state, State::Ended | State::Failing(_)) {
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
            other => panic!("{other:?}"),
        }
    }
    read
}

fn open_text(text: impl AsRef<[u8]>) -> Read {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.json");
    std::fs::write(&path, text).unwrap();
    open(&path)
}

impl Read {
    fn payloads(&mut self, addresses: Vec<Address>) -> Vec<Result<Payload, String>> {
        // The file does not change: an address alone says which span it is.
        let any = SpanId::new([9; 8]).unwrap();
        let addresses = addresses.into_iter().map(|address| (address, any)).collect();
        self.handle.requests.send(Request::Payloads { ticket: 7, addresses }).unwrap();
        match self.updates.blocking_recv().unwrap() {
            Update::Payloads { ticket: 7, payloads } => payloads,
            other => panic!("{other:?}"),
        }
    }

    fn exported(&mut self) -> Vec<Exported> {
        let payloads = self.payloads(self.spans.iter().map(|(span, ..)| span.address).collect());
        let spans = self.spans.iter().zip(payloads);
        spans
            .map(|((span, name, _), payload)| {
                let payload = payload.unwrap();
                let Span { trace, id, parent, start, end, status, .. } = *span;
                Exported { trace, id, parent, start, end, status, name: name.clone(), payload }
            })
            .collect()
    }

    fn failure(&self) -> &str {
        match &self.state {
            State::Failing(message) => message,
            other => panic!("{other:?}"),
        }
    }
}
