//! The log records of a span.

use crate::logs::LogStore;
use crate::model::LogRecord;
use crate::model::sort;
use crate::store::{RowIx, Store};
use crate::tui::app::LogLine;
use crate::tui::display::log;
use crate::tui::widget::text::{Document, TextRole};

/// The most records of a span that are listed.
const MAX_LISTED: usize = 200;

/// Returns the page of a span's records. A run also has those of its session and its time that name no span.
pub(super) fn page(store: &Store, logs: &LogStore, row: RowIx) -> Document {
    let data = store.row(row);
    let mut numbers: Vec<_> = logs.of_span(store.trace(data.trace()).id, data.id).rev().take(MAX_LISTED).collect();
    if data.span_type.is_agentic() {
        let session = store.text(store.session(row));
        numbers.extend(logs.of_session(session, data.start, data.end).take(MAX_LISTED));
    }
    let mut records: Vec<&LogRecord> = numbers.into_iter().filter_map(|number| logs.get(number)).collect();
    sort::by_key(&mut records, |record| record.time);
    let mut page = Document::new();
    for record in &records {
        let line = LogLine::new(record);
        page.begin_line(0, 4);
        page.push(&format!("{}  ", log::time(line.time)), TextRole::Faint);
        page.push(&format!("{:<6}", line.level), if line.severity >= log::ERROR { TextRole::Error } else { TextRole::Label });
        page.push(&format!("{}  ", line.event), TextRole::Key);
        page.push(&line.text, TextRole::Plain);
    }
    if records.is_empty() {
        page.begin_line(0, 0);
        page.push("No log record names this span.", TextRole::Faint);
    } else if records.len() >= MAX_LISTED {
        page.begin_line(0, 0);
        page.push(&format!("the last {MAX_LISTED}; the view of logs has all"), TextRole::Faint);
    }
    page
}
