//! The commands `export`, `send`, `archive`, `prune` and `restore`.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking and prints why it is skipped")]

mod archive;
mod export;
mod phoenix;
mod send;

use std::path::{Path, PathBuf};

use agno_top::export::{ExportedSpan, SpanRecord};
use agno_top::model::{Payload, SourceId};
use agno_top::sources::{Request, State, Update, UpdateSender, file};
use assert_cmd::Command;

/// Prepares the program without the user's settings.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("agno-top").unwrap();
    let empty_home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("empty-home");
    command.env_clear().env("HOME", &empty_home).env("XDG_CONFIG_HOME", &empty_home).env("XDG_STATE_HOME", &empty_home);
    command.args(arguments);
    command
}

fn fixture(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).display().to_string()
}

/// Copies a database of Agno 3.1.10 and returns its path.
fn database(directory: &Path) -> PathBuf {
    let path = directory.join("traces.db");
    std::fs::copy(fixture("agno-3.1.10.sqlite"), &path).unwrap();
    path
}

/// Reads all spans of a file with their payloads, sorted by trace and id.
fn read(path: &Path) -> Vec<ExportedSpan> {
    let (sender, mut updates) = tokio::sync::mpsc::channel(16);
    let handle = file::start(path.to_owned(), UpdateSender::new(SourceId(0), sender)).unwrap();
    let mut spans = Vec::new();
    loop {
        match updates.blocking_recv().unwrap() {
            Update::Batch(batch) => {
                assert_eq!(batch.skipped, []);
                spans.extend(batch.spans.iter().map(|span| (span.clone(), batch.text(span.name).to_owned())));
            }
            Update::State(_, State::Ended | State::Watching { .. }) => break,
            Update::State(_, State::Loading { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    let addresses = spans.iter().map(|(span, _)| (span.payload_ref, span.id)).collect();
    handle.requests.send(Request::Payloads { ticket: 1, addresses }).unwrap();
    let Some(Update::Payloads { payloads, .. }) = updates.blocking_recv() else { panic!() };
    let mut exported: Vec<_> = spans
        .into_iter()
        .zip(payloads)
        .map(|((span, name), payload)| ExportedSpan {
            record: SpanRecord { parent_id: span.parent, ..SpanRecord::new(span.trace, span.id, name, span.start, span.end) },
            status: span.status,
            depth: 0,
            payload: Payload { notes: Vec::new(), ..payload.unwrap() },
        })
        .collect();
    exported.sort_by_key(|span| (span.record.trace_id, span.record.span_id));
    exported
}
