//! The page of what stands out in the trace: a sentence per finding, the chosen one marked, and what decided the time.

use crate::format;
use crate::model::Nanos;
use crate::store::{MAX_ANALYZED_ROWS, RowIx, Store};
use crate::tui::app::Page;
use crate::tui::display;
use crate::tui::widget::text::{Document, TextRole};
use crate::why::{self, Cause, Why};

/// Cells before a sentence: the mark of the chosen one and its number.
const INDENT: usize = 6;

/// Cells before the name of a step that decided the time: the mark, its share and its time.
const TIME: usize = 17;

/// The most steps that are named.
const MAX_STEPS: usize = 12;

/// Returns the page about the trace of a row; `chosen` is the number of the chosen line among those that lead to a span, from 0.
pub(super) fn page(store: &Store, row: RowIx, chosen: usize, now: Nanos) -> Page {
    let trace = store.row(row).trace();
    let Why { findings, times, left_out, is_truncated } = why::why(store, trace, now);
    let mut page = Lines { document: Document::new(), targets: Vec::new(), chosen };
    if store.lead(trace) != Some(row) {
        page.faint(&format!("About the whole trace of {}:", display::lead_name(store, trace)));
    }
    for sentence in why::scope(store, trace, now) {
        page.faint(&sentence);
    }
    if findings.is_empty() {
        page.faint("Nothing stands out in this trace.");
    }
    for (finding, number) in findings.iter().zip(1..) {
        let Some(&first) = finding.rows.first() else { continue };
        page.lead_to(first, INDENT, &format::pad_left(&format!("{number}. "), INDENT - 2));
        page.document.push(&finding.sentence, role(finding.cause));
        let more = finding.rows.len() - 1;
        let more = if more > 0 { format!(" and {} more", format::count(more as u64)) } else { String::new() };
        page.document.begin_line(INDENT, INDENT);
        page.document.push(&format!("{} · span {}{more}", finding.cause.name(), store.row(first).id), TextRole::Faint);
    }
    if left_out > 0 {
        page.faint(&format!("{} with the causes above left out", format::plural(left_out as u64, "less important finding")));
    }
    if is_truncated {
        let rows = format::count(MAX_ANALYZED_ROWS as u64);
        page.faint(&format!("Only the first {rows} spans of the trace, or of a run in it, were analysed."));
    }
    page.times(store, &times);
    if page.targets.is_empty() {
        return page.document.into();
    }
    Page { document: page.document, targets: page.targets, ..Page::default() }
}

struct Lines {
    document: Document,
    /// See [`Page::targets`].
    targets: Vec<(usize, RowIx)>,
    chosen: usize,
}

impl Lines {
    fn faint(&mut self, text: &str) {
        self.document.begin_line(0, 0);
        self.document.push(text, TextRole::Faint);
    }

    /// Begins a line that leads to a span.
    fn lead_to(&mut self, row: RowIx, hang: usize, label: &str) {
        let mark = if self.targets.len() == self.chosen { "▸ " } else { "  " };
        self.document.begin_line(0, hang);
        self.targets.push((self.document.lines() - 1, row));
        self.document.push(mark, TextRole::Key);
        self.document.push(label, TextRole::Label);
    }

    fn times(&mut self, store: &Store, times: &[(RowIx, Nanos)]) {
        if times.is_empty() {
            return;
        }
        self.document.begin_line(0, 0);
        self.document.begin_line(0, 0);
        self.document.push("What decided the time", TextRole::Label);
        let total: Nanos = times.iter().map(|(_, time)| *time).sum();
        for &(row, time) in times.iter().take(MAX_STEPS) {
            let share = format::percent(time.unsigned_abs(), total.unsigned_abs());
            let number = format!("{} {}  ", format::pad_left(&share, 4), format::pad_left(&format::duration(time), 8));
            self.lead_to(row, TIME, &number);
            self.document.push(&why::name(store, row), TextRole::Plain);
            self.document.push(&format!("  span {}", store.row(row).id), TextRole::Faint);
        }
        if times.len() > MAX_STEPS {
            self.faint(&format!("  and {}", format::plural((times.len() - MAX_STEPS) as u64, "other step")));
        }
    }
}

fn role(cause: Cause) -> TextRole {
    match cause {
        Cause::Failure | Cause::Refusal => TextRole::Error,
        Cause::Numbers | Cause::Clock => TextRole::Plain,
        _ => TextRole::Keyword,
    }
}
