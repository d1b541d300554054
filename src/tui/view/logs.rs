//! The view of logs: a line for each record, and the page about the one under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Block;

use super::styling::Styling;
use super::table::nothing_matches;
use super::{HitMap, detail, layout, put, tabs};
use crate::format;
use crate::logs::LogStore;
use crate::model::payload_query::value_text;
use crate::model::{Attribute, LogRecord, Nanos, Value};
use crate::sources::log_content;
use crate::tui::app::{App, Focus, HitTarget, LogLine, LogList};
use crate::tui::display::log;
use crate::tui::widget::text::{Document, TextRole};

/// The widths of the columns with a blank after each.
const TIME: u16 = 13;
const LEVEL: u16 = 6;
const SERVICE: u16 = 14;
const EVENT: u16 = 26;

/// The smallest widths of a pane with the names of services and events.
const WITH_SERVICE: u16 = 100;
const WITH_EVENT: u16 = 60;

/// Cells before the values of a page.
const LABEL_WIDTH: usize = 15;

/// The most bytes of a body on a page.
const MAX_BODY: usize = 1 << 20;

/// What is shown where no logs came.
const NOTHING: &str = "No logs yet. Programs send them over OTLP, as they send spans.";

pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, list: &LogList, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = styling.draw_frame(buffer, area, Block::new(), app.focus == Focus::Traces);
    let len = list.len(&app.logs);
    let count = format::count(len as u64);
    let place = if len == 0 { count } else { format!("{} of {count}", format::count(list.pane.cursor as u64 + 1)) };
    tabs::draw(buffer, hits, area, app, &place, styling);
    let (heading, inner) = layout::split_heading(inner, area.height);
    let columns = columns(inner.width);
    let mut x = inner.x + 1;
    for (title, width) in columns.iter().filter(|_| !heading.is_empty()) {
        put(buffer, x, heading.y, width.saturating_sub(1), title, styling.dim());
        x += width;
    }
    if len == 0 {
        let why = if list.is_filtered() && !app.logs.is_empty() { nothing_matches(app) } else { NOTHING.to_owned() };
        put(buffer, inner.x + 1, inner.y, inner.width.saturating_sub(1), &why, styling.dim());
    }
    let notes = notes(app, list);
    let lines = inner.height.saturating_sub(u16::from(!notes.is_empty()));
    for ((line, record), y) in list.visible(&app.logs, usize::from(lines)).zip(inner.y..) {
        let area = Rect { y, height: 1, ..inner };
        hits.add(area, HitTarget::Line(line));
        if line == list.pane.cursor {
            buffer.set_style(area, styling.cursor());
            put(buffer, inner.x, y, 1, "▎", styling.key());
        }
        draw_record(buffer, inner.x + 1, y, &columns, record, styling);
    }
    if !notes.is_empty() && inner.height > 1 {
        put(buffer, inner.x + 1, inner.bottom() - 1, inner.width.saturating_sub(2), &notes, styling.running());
    }
}

/// Says what the list leaves out; empty if nothing.
pub(super) fn notes(app: &App, list: &LogList) -> String {
    let filter = if list.leaves_filter_aside() { "part of the filter is about spans only and is left aside" } else { "" };
    let gone = app.logs.first();
    let gone =
        if gone > 0 { format!("{} dropped to stay within the memory limit", format::plural(gone, "older record")) } else { String::new() };
    [filter, &gone].into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join(" · ")
}

/// Returns the titles and the widths of the columns.
fn columns(width: u16) -> Vec<(&'static str, u16)> {
    let mut columns = vec![("TIME", TIME), ("LEVEL", LEVEL)];
    columns.extend((width >= WITH_SERVICE).then_some(("SERVICE", SERVICE)));
    columns.extend((width >= WITH_EVENT).then_some(("EVENT", EVENT)));
    let taken: u16 = columns.iter().map(|(_, width)| width).sum();
    columns.push(("RECORD", width.saturating_sub(taken + 1)));
    columns
}

fn draw_record(buffer: &mut Buffer, mut x: u16, y: u16, columns: &[(&'static str, u16)], record: &LogLine, styling: Styling) {
    let level = log::level_role(record.severity).map_or(Style::new(), |role| styling.theme.style(role));
    for (title, width) in columns {
        let (text, style) = match *title {
            "TIME" => (log::time(record.time), styling.dim()),
            "LEVEL" => (record.level.clone(), level),
            "SERVICE" => (record.service.clone(), styling.dim()),
            "EVENT" => (
                format::fit_middle(&format::safe(&record.event), usize::from(width - 1)).into_owned(),
                Style::new().add_modifier(Modifier::BOLD),
            ),
            _ => (record.text.clone(), level),
        };
        put(buffer, x, y, width.saturating_sub(1), &text, style);
        x += width;
    }
}

/// Draws the page about the record under the cursor.
pub(super) fn draw_page(buffer: &mut Buffer, area: Rect, app: &App, list: &LogList, styling: Styling) {
    let Some(record) = list.current(&app.logs).filter(|_| area.height > 0) else { return };
    put(buffer, area.x, area.y, area.width, &"─".repeat(usize::from(area.width)), styling.frame(app.focus != Focus::Traces));
    let event = record.event();
    let name = if event.is_empty() { " log record ".to_owned() } else { format!(" {event} ") };
    put(buffer, area.x + 1, area.y, area.width.saturating_sub(2), &name, styling.text().patch(styling.title()));
    detail::draw_text(buffer, area, &list.pane.pager, styling);
}

/// Returns the page about the record under the cursor; empty without one.
pub(super) fn page(list: &LogList, logs: &LogStore, now: Nanos) -> Document {
    let mut page = Page(Document::new());
    if let Some(record) = list.current(logs) {
        page.record(record, now);
    }
    page.0
}

struct Page(Document);

impl Page {
    fn fact(&mut self, name: &str, value: &str, role: TextRole) {
        if !value.is_empty() {
            self.0.begin_line(0, LABEL_WIDTH);
            self.0.push(&format::pad_right(&format::fit(name, LABEL_WIDTH - 1), LABEL_WIDTH), TextRole::Label);
            self.0.push(value, role);
        }
    }

    fn record(&mut self, record: &LogRecord, now: Nanos) {
        let content = log_content(record);
        let moment = if record.time > 0 {
            let moment = format::moment(record.time, now);
            let day = moment.rsplit_once(' ').map_or("", |(day, _)| day);
            format!("{day} {}", log::time(record.time)).trim_start().to_owned()
        } else {
            "not stated".to_owned()
        };
        self.fact("time", &moment, TextRole::Plain);
        let role = if record.severity >= log::ERROR { TextRole::Error } else { TextRole::Plain };
        self.fact("level", &log::level(record, &content), role);
        self.fact("event", &record.event(), TextRole::Key);
        self.fact("service", &record.group.service, TextRole::Plain);
        self.fact("logger", &record.group.scope, TextRole::Plain);
        self.fact("trace", &record.trace.map_or_else(String::new, |id| id.to_string()), TextRole::Faint);
        self.fact("span", &record.span.map_or_else(String::new, |id| id.to_string()), TextRole::Faint);
        self.body(&content.body);
        self.attributes("attributes", &content.attributes);
        self.attributes("resource", &record.group.resource);
    }

    /// Writes the body; JSON on lines of its own, indented.
    fn body(&mut self, body: &Value) {
        if *body == Value::Null {
            return;
        }
        let text = value_text(body);
        let parsed = || serde_json::from_str::<serde_json::Value>(&text).ok().filter(|value| value.is_object() || value.is_array());
        let pretty = parsed().and_then(|value| serde_json::to_string_pretty(&value).ok());
        let text = pretty.as_deref().unwrap_or(&text);
        let end = (0..=text.len().min(MAX_BODY)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        for (at, line) in text[..end].lines().enumerate() {
            self.fact(if at == 0 { "body" } else { "" }, line, TextRole::Plain);
        }
        if end < text.len() {
            self.fact("", &format!("… {} more", format::bytes((text.len() - end) as u64)), TextRole::Faint);
        }
    }

    fn attributes(&mut self, title: &str, attributes: &[Attribute]) {
        if attributes.is_empty() {
            return;
        }
        self.0.begin_line(0, 0);
        self.0.push(title, TextRole::Label);
        detail::attribute_table(&mut self.0, attributes, 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_a_body_has_no_line_about_it() {
        let lines = |body: Value| {
            let mut page = Page(Document::new());
            page.body(&body);
            page.0.to_text()
        };
        assert_eq!(lines(Value::Null), "");
        assert!(lines(Value::Text("null".to_owned())).contains("null"), "a text is shown as it is");
    }
}
