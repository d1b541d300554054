//! The traces pane: one line per row, with the tree, the numbers and the bar.

mod bar;
mod columns;
mod foot;
pub(super) mod line;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Block;

use super::styling::Styling;
use super::{HitMap, layout, put, tabs};
use crate::format;
use crate::query::Query;
use crate::store::Store;
use crate::tui::app::{Action, App, Focus, HitTarget, Measure, Sort, TreeLine};
use crate::tui::widget::text::row;
use bar::MAX_EXAMINED_LOGS;
use columns::{BarScale, ColumnWidths, mark_lines};
use line::Line;

pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let mut block = Block::new();
    let notes = notes(app, store);
    if !notes.is_empty() {
        block = block.title_bottom(format!(" {} ", notes.join(" · ")));
    }
    let inner = styling.draw_frame(buffer, area, block, app.focus == Focus::Traces);
    tabs::draw(buffer, hits, area, app, &place(app, store), styling);
    let (heading, inner) = layout::split_heading(inner, area.height);
    let tokens_first = app.tree.sorting().by == Sort::Tokens || app.tree.measure == Measure::Tokens;
    let inner = foot::draw(buffer, hits, inner, app, store, styling);
    let (lines, cursor) = app.tree.window(store, usize::from(inner.height));
    let dated = lines.iter().filter_map(|line| line.row()).any(|row| !format::is_same_day(store.row(row).start, app.now));
    let columns = ColumnWidths::new(inner.width, store.all().cost().is_some(), tokens_first, dated, &app.columns.0);
    if lines.is_empty() && app.tree.is_filtered() {
        let room = inner.width.saturating_sub(2);
        let reasons = no_match_reasons(app);
        let lines = reasons.iter().flat_map(|reason| wrapped(reason, usize::from(room)));
        for (line, y) in lines.zip(inner.y + 1..inner.bottom()) {
            put(buffer, inner.x + 2, y, room, line, styling.dim());
        }
    }
    let bars = lines.get(cursor).and_then(|line| line.row()).map(|row| BarScale::new(&app.tree, store, row, app.now));
    columns.draw_titles(buffer, heading, bars.as_ref(), styling);
    let axis = lines.get(cursor).and_then(|line| line.row()).and_then(|row| BarScale::times(&app.tree, store, row, app.now));
    if let Some(axis) = axis.filter(|_| columns.bar > 0 && !heading.is_empty()) {
        let bars = Rect { x: heading.right() - columns.bar, width: columns.bar, ..heading };
        mark_lines(buffer, bars, axis, app.logs.loose_lines(axis.start, axis.end).rev().take(MAX_EXAMINED_LOGS), styling);
    }
    if let Some(bars) = &bars {
        columns.draw_scale(buffer, heading, bars, styling);
    }
    let mut lacks_times = true;
    for (at, shown) in lines.into_iter().enumerate() {
        let line = Rect { y: inner.y + at as u16, height: 1, ..inner };
        let row = match shown {
            TreeLine::Row(row) => row,
            TreeLine::Internal(trace, folded) => {
                let parts = [(folded.internal, "internal"), (folded.retold, "told twice")];
                let parts = parts.iter().filter(|(spans, _)| *spans > 0).map(|(spans, name)| format!("+{} {name}", format::count(*spans)));
                let text = format!("  └{} ({} shows)", parts.collect::<Vec<_>>().join(", "), app.keymap.hint(Action::Ordinary));
                put(buffer, line.x, line.y, line.width, &text, styling.dim());
                hits.add(line, HitTarget::Internal(trace));
                continue;
            }
        };
        let is_cursor = at == cursor && !app.tree.is_at_foot();
        if is_cursor {
            buffer.set_style(line, styling.cursor());
        }
        let row = Line { app, store, styling, row, data: store.row(row), is_cursor };
        lacks_times = row.draw(buffer, hits, line, columns, lacks_times);
    }
}

/// Returns the place of the cursor among the shown traces.
fn place(app: &App, store: &Store) -> String {
    let shown = if app.tree.is_filtered() { " shown" } else { "" };
    let count = format::count(app.tree.len() as u64);
    app.tree.rank(store).map_or_else(|| format!("{count}{shown}"), |rank| format!("{} of {count}{shown}", format::count(rank as u64 + 1)))
}

/// Divides a text into lines of at most `cells` cells.
fn wrapped(text: &str, cells: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (line, after) = (!rest.is_empty()).then(|| rest.split_at(row(rest, cells.max(1))))?;
        rest = after;
        Some(line.trim_end())
    })
}

/// Says that no trace matches, and what may be the reason.
fn no_match_reasons(app: &App) -> Vec<String> {
    let mut lines = vec![format!("No trace matches the filter; {} clears it.", app.keymap.hint(Action::Back))];
    lines.extend(app.tree.query().into_iter().flat_map(Query::reasons_for_nothing).map(|reason| format!("· {reason}")));
    lines
}

/// Returns what differs from the usual list: its order, hidden traces, a highlighted path.
fn notes(app: &App, store: &Store) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(words) = app.tree.query().and_then(Query::word_in_payloads).filter(|_| !app.tree.is_empty()) {
        notes.push(format!("{words} searches all payloads"));
    }
    let hidden = app.tree.hidden(store);
    if hidden > 0 {
        notes.push(format!("{} more without agents ({})", format::count(hidden), app.keymap.hint(Action::Ordinary)));
    }
    let sorting = app.tree.sorting();
    if !sorting.is_newest_first() {
        notes.push(format!("by {}{}", sorting.by.name(), if sorting.is_reversed { ", reversed" } else { "" }));
    }
    if app.tree.shows_critical_path {
        notes.push("critical path".to_owned());
    }
    notes
}
