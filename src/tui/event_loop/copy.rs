//! Copying to the clipboard, through tmux if the program runs in it, else through the terminal.

use super::{Finished, Loop, Pending};
use crate::export::{self, ExportedSpan, Exporter, Options};
use crate::format;
use crate::model::Payload;
use crate::model::time::now;
use crate::sources::PayloadRequest;
use crate::store::RowIx;
use crate::tui::clipboard;

impl Loop<'_> {
    /// Requests the payload of a span in order to copy the span as JSON.
    pub(super) fn copy_span(&mut self, row: RowIx) {
        let data = self.session.store.row(row);
        let request = PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id };
        let span = Box::new(export::span_of_row(&self.session.store, row, 0));
        self.request([request], Pending::Copy(span));
    }

    /// Copies a span whose payload has arrived.
    pub(super) fn copy_exported(&mut self, mut span: ExportedSpan, payload: Result<Payload, String>) {
        let what = format!("span {} as OTLP/JSON", span.record.span_id);
        let mut exporter = Exporter::new(&Options::default(), Vec::new());
        let json = payload.and_then(|payload| {
            span.payload = payload;
            exporter.span(span).and_then(|()| exporter.finish()).map_err(|error| error.to_string())
        });
        match json {
            Ok(json) => self.copy(what, String::from_utf8_lossy(&json).trim_end()),
            Err(error) => self.session.app.show_message(format!("can't copy: {error}"), true, now()),
        }
    }

    /// Copies a text without the characters that could harm where it is pasted. Refuses a text that is too long.
    pub(super) fn copy(&mut self, what: String, text: &str) {
        let text = format::plain(text).into_owned();
        if text.is_empty() || text.len() > clipboard::MAX_SIZE {
            let reason = match text.len() {
                0 => "it is empty".to_owned(),
                size => format!("terminals take at most 1 MB and it has {}; x exports it", format::bytes(size as u64)),
            };
            return self.session.app.show_message(format!("can't copy {what}: {reason}"), true, now());
        }
        if std::env::var_os("TMUX").is_none_or(|tmux| tmux.is_empty()) {
            return self.report_copy(&what, text.len(), Some(&text));
        }
        let finished = self.finished.clone();
        tokio::task::spawn_blocking(move || {
            let (size, text) = (text.len(), Some(text).filter(|text| clipboard::copy_to_tmux(text).is_err()));
            // Without a receiver the program is ending.
            let _ = finished.send(Finished::Copy { what, size, text });
        });
    }

    /// Writes a text to the terminal's clipboard unless tmux took it, and reports the result.
    pub(super) fn report_copy(&mut self, what: &str, size: usize, text: Option<&str>) {
        let app = &mut self.session.app;
        match text.map_or(Ok(()), |text| clipboard::copy_to_terminal(&self.output, text)) {
            Ok(()) => {
                let is_risky = text.is_some() && size > clipboard::PORTABLE_SIZE;
                let warning = if is_risky { "; some terminals take at most 74 KB" } else { "" };
                app.show_message(format!("copied {}{warning}", format::safe(what)), false, now());
            }
            Err(error) => app.show_message(format!("can't copy: {error}"), true, now()),
        }
    }
}
