//! Exports: payloads are asked for where they lie, and written by a thread of its own.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Loop, Pending, now};
use crate::export::{self, Exported, Exporter, NewFile, Options, Redactor, TraceRecord};
use crate::model::Payload;
use crate::tui::app::Export;

/// An export whose payloads are being read.
#[derive(Debug)]
pub(super) struct Collecting {
    what: Export,
    /// The traces, each with the number of its spans.
    traces: Vec<(TraceRecord, usize)>,
    spans: Vec<Exported>,
    waiting: usize,
    missing: usize,
}

/// An export that was written, or why not; the number of spans whose payload was gone.
#[derive(Debug)]
pub(super) struct Written {
    path: io::Result<PathBuf>,
    spans: usize,
    missing: usize,
}

impl Loop<'_> {
    pub(super) fn start_export(&mut self, what: Export) {
        let store = &self.session.store;
        let (mut traces, mut spans) = (Vec::new(), Vec::new());
        let mut by_source: HashMap<usize, (Vec<_>, Vec<usize>)> = HashMap::new();
        // A trace may have been given up while the dialog was open.
        let held: std::collections::HashSet<_> = store.traces().collect();
        for &trace in what.traces.iter().filter(|trace| held.contains(trace)) {
            let rows = export::rows(store, trace);
            traces.push((TraceRecord::of(store, trace, ""), rows.len()));
            for (row, depth) in rows {
                let data = store.row(row);
                let (wanted, places) = by_source.entry(usize::from(data.source.0)).or_default();
                wanted.push((data.payload_ref, data.id));
                places.push(spans.len());
                spans.push(export::exported(store, row, depth));
            }
        }
        let number = self.ticket + 1;
        let mut collecting = Collecting { what, traces, spans, waiting: 0, missing: 0 };
        for (source, (wanted, places)) in by_source {
            let count = places.len();
            if self.request(source, wanted, Pending::Export { export: number, places }) {
                collecting.waiting += 1;
            } else {
                collecting.missing += count;
            }
        }
        self.exports.insert(number, collecting);
        self.finish_export(number);
    }

    pub(super) fn take_exported(&mut self, number: u64, places: Vec<usize>, payloads: Vec<Result<Payload, String>>) {
        let Some(collecting) = self.exports.get_mut(&number) else { return };
        for (place, payload) in places.into_iter().zip(payloads) {
            match payload {
                Ok(payload) => collecting.spans[place].payload = payload,
                Err(_) => collecting.missing += 1,
            }
        }
        collecting.waiting -= 1;
        self.finish_export(number);
    }

    fn finish_export(&mut self, number: u64) {
        if self.exports.get(&number).is_none_or(|collecting| collecting.waiting > 0) {
            return;
        }
        let Some(collecting) = self.exports.remove(&number) else { return };
        let (done, directory) = (self.written.0.clone(), self.session.directory.clone());
        let patterns = self.session.redact_patterns.clone();
        tokio::task::spawn_blocking(move || {
            let (spans, missing) = (collecting.spans.len(), collecting.missing);
            let _ = done.send(Written { path: write(&directory, collecting, &patterns), spans, missing });
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

fn write(directory: &Path, collecting: Collecting, patterns: &[String]) -> io::Result<PathBuf> {
    let Collecting { what, traces, spans, .. } = collecting;
    let redactor = what.redact.then(|| Redactor::new(patterns)).transpose().map_err(io::Error::other)?;
    let mut file = NewFile::create(&directory.join(&what.path))?;
    let mut exporter = Exporter::new(&Options { format: what.format, redactor, max_chars: None }, file.writer());
    let mut spans = spans.into_iter();
    for (trace, count) in traces {
        exporter.trace(trace)?;
        spans.by_ref().take(count).try_for_each(|span| exporter.span(span))?;
    }
    exporter.finish()?.flush()?;
    file.keep()
}
