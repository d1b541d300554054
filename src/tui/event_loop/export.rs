//! Exports: requests the payloads, and writes the file on another thread.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Finished, Loop, Pending};
use crate::export::{self, ContextPlan, ExportedSpan, Exporter, NewFile, Options, Palette, TraceRecord, WhyRecord};
use crate::format;
use crate::model::time::now;
use crate::model::{LogRecord, Payload};
use crate::sources::PayloadRequest;
use crate::store::RowIx;
use crate::tui::app::Export;
use crate::tui::display;

/// An export that waits for its payloads.
#[derive(Debug)]
pub(super) struct PendingExport {
    export: Export,
    palette: Palette,
    traces: Vec<PendingTrace>,
    spans: Vec<ExportedSpan>,
    logs: Vec<LogRecord>,
}

/// A trace that is exported.
#[derive(Debug)]
struct PendingTrace {
    record: TraceRecord,
    /// What stands out in it.
    findings: Option<WhyRecord>,
    /// Its runs, if the format says what fills their contexts.
    contexts: Vec<ContextPlan>,
    /// The number of its spans.
    spans: usize,
    /// The number of those after them that are only read to compare contexts with.
    compared: usize,
}

impl Loop<'_> {
    /// Requests the payloads of an export.
    pub(super) fn start_export(&mut self, export: Export) {
        let store = &self.session.store;
        let (mut traces, mut spans, mut payloads) = (Vec::new(), Vec::new(), Vec::new());
        // A trace may have been evicted while the dialog was open.
        let chosen: Vec<_> = export.traces.iter().copied().filter(|&trace| store.is_trace_held(trace)).collect();
        let logs = export::logs_of(store, &self.session.app.logs, &chosen);
        let palette = self.session.app.themes.current().palette();
        for &trace in &chosen {
            let mut rows = export::rows(store, trace, export.format);
            let own = rows.len();
            let findings = export.format.holds_findings().then(|| WhyRecord::new(store, trace, now()));
            let contexts = if export.format.holds_contexts() {
                let mut read: Vec<RowIx> = rows.iter().map(|&(row, _)| row).collect();
                let contexts = ContextPlan::of_trace(store, trace, &mut read, |run| display::name(store, store.row(run)));
                rows.extend(read.drain(own..).map(|row| (row, 0)));
                contexts
            } else {
                Vec::new()
            };
            let record = TraceRecord::for_report(store, trace, "", now());
            traces.push(PendingTrace { record, findings, contexts, spans: own, compared: rows.len() - own });
            for (row, depth) in rows {
                let data = store.row(row);
                payloads.push(PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id });
                spans.push(export::span_of_row(store, row, depth));
            }
        }
        self.request(payloads, Pending::Export(Box::new(PendingExport { export, palette, traces, spans, logs })));
    }

    /// Writes an export with the payloads of its spans on another thread.
    pub(super) fn write_export(&mut self, mut export: PendingExport, payloads: Vec<Result<Payload, String>>) {
        let mut missing = 0;
        for (span, payload) in export.spans.iter_mut().zip(payloads) {
            match payload {
                Ok(payload) => span.payload = payload,
                Err(_) => missing += 1,
            }
        }
        let (finished, directory) = (self.finished.clone(), self.session.directory.clone());
        let patterns = self.session.redact_patterns.clone();
        tokio::task::spawn_blocking(move || {
            let spans: usize = export.traces.iter().map(|trace| trace.spans).sum();
            let note = if missing == 0 { String::new() } else { format!("; {missing} without payload, which is no longer available") };
            let (message, is_error) = match write(&directory, export, &patterns) {
                Ok(path) => (format!("wrote {} to {}{note}", format::plural(spans as u64, "span"), shown(&path, &directory)), missing > 0),
                Err(error) => (format!("can't export: {error}"), true),
            };
            // Without a receiver the program is ending.
            let _ = finished.send(Finished::Export { message, is_error });
        });
    }
}

/// Returns a path as the user knows it: without the folder that the program was started in.
fn shown(path: &Path, directory: &Path) -> String {
    path.strip_prefix(directory).unwrap_or(path).display().to_string()
}

fn write(directory: &Path, export: PendingExport, patterns: &[String]) -> io::Result<PathBuf> {
    let PendingExport { export, palette, traces, spans, logs } = export;
    let redactor = export.redaction.redactor(patterns).map_err(io::Error::other)?;
    let mut file = NewFile::create(&directory.join(&export.path))?;
    let mut exporter = Exporter::new(&Options { format: export.format, redactor, max_chars: None, palette }, file.writer());
    let mut spans = spans.into_iter();
    for PendingTrace { record, findings, contexts, spans: count, compared } in traces {
        exporter.trace(record)?;
        if let Some(why) = findings {
            exporter.findings(why);
        }
        let mut of_trace: Vec<ExportedSpan> = spans.by_ref().take(count + compared).collect();
        if !contexts.is_empty() {
            exporter.context(&contexts.into_iter().map(|run| run.markdown(|at| &of_trace[at].payload)).collect::<String>());
        }
        of_trace.truncate(count);
        of_trace.into_iter().try_for_each(|span| exporter.span(span))?;
    }
    if exporter.holds_logs() {
        logs.iter().try_for_each(|record| exporter.log(record))?;
    }
    exporter.finish()?.flush()?;
    file.keep()
}
