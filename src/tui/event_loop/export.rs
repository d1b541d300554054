//! Exports: payloads are asked for where they lie, and written by a thread of its own.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Loop, Pending};
use crate::export::{self, Exported, Exporter, NewFile, Options, Redactor, TraceRecord};
use crate::model::Payload;
use crate::model::time::now;
use crate::sources::PayloadRequest;
use crate::tui::app::Export;

/// An export whose payloads are being read.
#[derive(Debug)]
pub(super) struct PendingExport {
    export: Export,
    /// The traces, each with the number of its spans.
    traces: Vec<(TraceRecord, usize)>,
    spans: Vec<Exported>,
}

/// An export that was written, or why not; the number of spans whose payload was gone.
#[derive(Debug)]
pub(super) struct Written {
    path: io::Result<PathBuf>,
    spans: usize,
    missing: usize,
}

impl Loop<'_> {
    pub(super) fn start_export(&mut self, export: Export) {
        let store = &self.session.store;
        let (mut traces, mut spans, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
        // A trace may have been evicted while the dialog was open.
        let held: std::collections::HashSet<_> = store.traces().collect();
        for &trace in export.traces.iter().filter(|trace| held.contains(trace)) {
            let rows = export::rows(store, trace);
            traces.push((TraceRecord::of(store, trace, ""), rows.len()));
            for (row, depth) in rows {
                let data = store.row(row);
                payloads.push(PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id });
                spans.push(export::exported(store, row, depth));
            }
        }
        self.request(payloads, Pending::Export(Box::new(PendingExport { export, traces, spans })));
    }

    /// Writes an export with the payloads of its spans, on a thread of its own.
    pub(super) fn write_export(&mut self, mut export: PendingExport, payloads: Vec<Result<Payload, String>>) {
        let mut missing = 0;
        for (span, payload) in export.spans.iter_mut().zip(payloads) {
            match payload {
                Ok(payload) => span.payload = payload,
                Err(_) => missing += 1,
            }
        }
        let (done, directory) = (self.written.0.clone(), self.session.directory.clone());
        let patterns = self.session.redact_patterns.clone();
        tokio::task::spawn_blocking(move || {
            let spans = export.spans.len();
            let _ = done.send(Written { path: write(&directory, export, &patterns), spans, missing });
        });
    }

    pub(super) fn say_written(&mut self, written: Written) {
        let Written { path, spans, missing } = written;
        let app = &mut self.session.app;
        match path {
            Ok(path) => {
                let lost = if missing == 0 { String::new() } else { format!("; {missing} of them without payload, which is gone") };
                app.say(format!("wrote {spans} spans to {}{lost}", path.display()), missing > 0, now());
            }
            Err(error) => app.say(format!("could not export: {error}"), true, now()),
        }
    }
}

fn write(directory: &Path, export: PendingExport, patterns: &[String]) -> io::Result<PathBuf> {
    let PendingExport { export, traces, spans } = export;
    let redactor = export.redact.then(|| Redactor::new(patterns)).transpose().map_err(io::Error::other)?;
    let mut file = NewFile::create(&directory.join(&export.path))?;
    let mut exporter = Exporter::new(&Options { format: export.format, redactor, max_chars: None }, file.writer());
    let mut spans = spans.into_iter();
    for (trace, count) in traces {
        exporter.trace(trace)?;
        spans.by_ref().take(count).try_for_each(|span| exporter.span(span))?;
    }
    exporter.finish()?.flush()?;
    file.keep()
}
