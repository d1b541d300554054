//! The overview page: the facts and totals of a span.

mod anomalies;
mod outcome;
mod reviews;
mod usage;

use super::preview::{self, Preview};
use crate::format;
use crate::model::{self, Dropped, Nanos, Payload, SpanType, Value};
use crate::semconv::log_events::LOG_EVENT_KEY;
use crate::semconv::{self, parameters};
use crate::store::{RowIx, Store, Symbol};
use crate::tui::app::PayloadState;
use crate::tui::display;
use crate::tui::widget::text::{Document, TextRole};

/// Cells before the values.
const LABEL_WIDTH: usize = 15;

pub(super) fn page(store: &Store, row: RowIx, payload: &PayloadState, now: Nanos) -> Document {
    let mut page = Page(Document::new());
    page.status(store, row, payload, now);
    page.times(store, row, now);
    page.skew(store, row);
    page.totals(store, row, payload);
    page.speed(store, row);
    page.reviews(store, row, now);
    if let PayloadState::Ready(payload) = payload {
        page.run_metrics(store, row, payload);
    }
    page.anomalies(store, row, now);
    match payload {
        PayloadState::Ready(payload) => page.previews(payload, store.row(row).span_type == SpanType::Tool),
        PayloadState::Failed(reason) => page.fact("payload", reason, TextRole::Error),
        PayloadState::Missing | PayloadState::Loading => {}
    }
    page.title(store, row);
    page.context(store, row);
    if let Some(waited) = display::waited(store, row, now) {
        page.fact("permission", &waited, TextRole::Plain);
    }
    if let PayloadState::Ready(payload) = payload {
        page.surroundings(payload);
        page.parameters(store, row, payload);
        let (scope, version) = &payload.scope;
        if !scope.is_empty() {
            page.fact("scope", &format!("{scope} {version}"), TextRole::Plain);
        }
        if let Some(host) = semconv::host(&payload.resource) {
            page.fact("host", host, TextRole::Plain);
        }
        page.origin(payload);
        page.payload_fields(payload);
        page.notes(store, row, &payload.notes);
    }
    page.0
}

struct Page(Document);

impl Page {
    fn fact(&mut self, name: &str, value: &str, role: TextRole) {
        self.0.begin_line(0, LABEL_WIDTH);
        self.0.push(&format::pad_right(&format::fit(name, LABEL_WIDTH - 1), LABEL_WIDTH), TextRole::Label);
        self.0.push(value, role);
    }

    /// Says that the row was made from a log event.
    fn origin(&mut self, payload: &Payload) {
        if let Some((_, Value::Text(event))) = payload.attributes.iter().find(|(key, _)| key == LOG_EVENT_KEY) {
            self.fact("from logs", event, TextRole::Plain);
        }
    }

    /// Writes where the step ran, how its command ended, and which attempt it was.
    fn surroundings(&mut self, payload: &Payload) {
        if let Some(directory) = semconv::directory(&payload.attributes, &payload.resource) {
            self.fact("directory", directory, TextRole::Plain);
        }
        if let Some(status) = semconv::exit_status(&payload.attributes) {
            self.fact("exit status", &status.to_string(), TextRole::Plain);
        }
        if let Some(attempt) = semconv::attempt(&payload.attributes) {
            self.fact("attempt", &attempt.to_string(), TextRole::Plain);
        }
    }

    /// Writes the parameters of a model call.
    fn parameters(&mut self, store: &Store, row: RowIx, payload: &Payload) {
        let parameters = if store.row(row).span_type.calls_model() { parameters(&payload.attributes) } else { Vec::new() };
        if !parameters.is_empty() {
            self.fact("parameters", &display::parameters(&parameters), TextRole::Plain);
        }
    }

    /// Writes the payload's fields other than attributes and events: kind, trace state, links and dropped counts.
    fn payload_fields(&mut self, payload: &Payload) {
        if !matches!(payload.span_kind, model::SpanKind::Unspecified | model::SpanKind::Internal) {
            self.fact("span kind", &payload.span_kind.name().to_lowercase(), TextRole::Faint);
        }
        if !payload.trace_state.is_empty() {
            self.fact("trace state", &payload.trace_state, TextRole::Faint);
        }
        for link in &payload.links {
            self.fact("link to", &format!("span {} of trace {}", link.span, link.trace), TextRole::Faint);
        }
        let Dropped { attributes, events, links } = payload.dropped;
        for (count, noun) in [(attributes, "attributes"), (events, "events"), (links, "links")] {
            if count > 0 {
                self.fact("dropped", &format!("{count} {noun}, by the sender"), TextRole::Faint);
            }
        }
    }

    /// Writes the beginnings of the input and the output.
    fn previews(&mut self, payload: &Payload, is_tool: bool) {
        let previews = preview::of(payload, is_tool);
        for Preview { label, text, left_out } in previews {
            self.fact(&label, &text, TextRole::Plain);
            if left_out > 0 {
                self.fact("", &format!("… {} more in the tabs", format::bytes(left_out as u64)), TextRole::Faint);
            }
        }
        self.0.begin_line(0, 0);
    }

    fn title(&mut self, store: &Store, row: RowIx) {
        let data = store.row(row);
        let (label, name) = (store.text(data.label), store.text(data.name));
        let title = match (label.is_empty(), data.placeholder) {
            (false, _) => label,
            (true, true) => "its name comes when it ends",
            (true, false) => name,
        };
        self.fact(data.span_type.noun(), title, if data.placeholder && label.is_empty() { TextRole::Faint } else { TextRole::Key });
        if data.placeholder {
            self.fact("", "its type is a guess from the steps in it", TextRole::Faint);
        }
        if !label.is_empty() && label != name {
            self.fact("span", name, TextRole::Plain);
        }
    }

    /// Writes the notes of the database. The stored status of a trace comes from its last batch, so it is shown where it is wrong.
    fn notes(&mut self, store: &Store, row: RowIx, notes: &[(String, String)]) {
        let data = store.row(row);
        let failed = store.trace(data.trace()).counts().failed;
        for (name, value) in notes {
            match name.as_str() {
                "stored status" if value == "OK" && failed > 0 && data.parent().is_none() => {
                    let text = format!("{value} in the database, though {} failed", format::plural(u64::from(failed), "step"));
                    self.fact(name, &text, TextRole::Faint);
                }
                // The row's own facts are better.
                "stored status" | "stored name" | "stored time" | "session" | "user" => {}
                _ => self.fact(name, value, TextRole::Faint),
            }
        }
    }

    fn context(&mut self, store: &Store, row: RowIx) {
        let data = store.row(row);
        let trace = store.trace(data.trace());
        for (name, symbol) in [
            ("agent", if data.span_type.is_agentic() { Symbol::EMPTY } else { store.agent(row) }),
            ("provider", store.provider(row)),
            ("session", store.session(row)),
            ("user id", store.inherited(row, |data| data.user)),
        ] {
            if !symbol.is_empty() {
                self.fact(name, store.text(symbol), TextRole::Plain);
            }
        }
        let service = store.service(row);
        if !service.is_empty() {
            self.fact("service", service, TextRole::Plain);
        }
        self.fact("trace", &format!("{}, {}", trace.id, format::plural(trace.counts().spans.into(), "span")), TextRole::Plain);
        if let Some(note) = display::group_note(store, data.trace()) {
            self.fact("", &note, TextRole::Faint);
        }
        if let Some(note) = display::continuation_note(store, row) {
            self.fact("", &note, TextRole::Faint);
        }
        let parent = match (store.stated_parent(row), data.parent()) {
            (Some(stated), _) if store.has_invalid_parent(row) => format!(", states the parent {stated}, which can't be shown"),
            (Some(stated), None) if store.has_absent_caller(row) => {
                format!(", called by {stated} in another process, which has not arrived")
            }
            (Some(stated), None) if store.is_leaked(row) => format!(", leaked context: began after its parent {stated} had ended"),
            (Some(stated), Some(parent)) if store.is_moved(row) => format!(", names the parent {stated}, ran in {}", store.row(parent).id),
            (Some(stated), Some(parent)) if store.row(parent).placeholder => format!(", under {stated}, which has not arrived"),
            (Some(stated), _) => format!(", under {stated}"),
            (None, _) => String::new(),
        };
        if store.stands_for_trace(row) {
            return self.fact("span id", "–, the line stands for the trace, whose spans are not told", TextRole::Plain);
        }
        self.fact("span id", &format!("{}{parent}", data.id), TextRole::Plain);
    }
}

#[cfg(test)]
mod tests;
