//! The traces pane: one line per row, with the tree, the numbers and the bar.

mod bar;
mod columns;
mod foot;
pub(super) mod line;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Block;

use super::styling::Styling;
use super::{HitMap, put};
use crate::format;
use crate::store::Store;
use crate::tui::app::{Action, App, Focus, Measure, Sort};
use columns::{BarScale, ColumnWidths};
use line::Line;

pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = styling.draw_frame(buffer, area, Block::new().title(title(app, store)), app.focus == Focus::Traces);
    let cost_first = app.tree.sorting().by == Sort::Cost || app.tree.measure == Measure::Cost;
    let inner = foot::draw(buffer, hits, inner, app, store, styling);
    let (rows, cursor) = app.tree.window(store, usize::from(inner.height));
    let dated = rows.iter().any(|&row| !format::is_same_day(store.row(row).start, app.now));
    let columns = ColumnWidths::new(inner.width, store.all().cost().is_some(), cost_first, dated, &app.columns.0);
    if rows.is_empty() && app.tree.is_filtered() {
        let empty = format!("No trace matches the filter; {} clears it.", app.keymap.hint(Action::Back));
        put(buffer, inner.x + 2, inner.y + 1, inner.width.saturating_sub(2), &empty, styling.dim());
    }
    let bars = rows.get(cursor).map(|&row| BarScale::new(&app.tree, store, row, app.now));
    columns.draw_titles(buffer, inner, area.y, bars.as_ref(), styling);
    for (at, &row) in rows.iter().enumerate() {
        let line = Rect { y: inner.y + at as u16, height: 1, ..inner };
        let is_cursor = at == cursor && !app.tree.is_at_foot();
        if is_cursor {
            buffer.set_style(line, styling.cursor());
        }
        Line { app, store, styling, row, data: store.row(row), is_cursor }.draw(buffer, hits, line, columns);
    }
}

fn title(app: &App, store: &Store) -> String {
    let shown = app.tree.len();
    let of = if app.tree.is_filtered() { format!(" of {}", format::count(store.trace_count() as u64)) } else { String::new() };
    let rank = app.tree.rank(store).map_or(String::new(), |rank| format!("{}/", format::count(rank as u64 + 1)));
    let sorting = app.tree.sorting();
    let by = match (sorting.is_newest_first(), sorting.is_reversed) {
        (true, _) => String::new(),
        (false, false) => format!("· by {} ", sorting.by.name()),
        (false, true) => format!("· by {}, reversed ", sorting.by.name()),
    };
    let hidden = match app.tree.hidden(store) {
        0 => String::new(),
        hidden => format!("· {} ordinary ({}) ", format::count(hidden), app.keymap.hint(Action::Ordinary)),
    };
    let path = if app.tree.shows_critical_path { "· critical path " } else { "" };
    format!(" Traces {rank}{}{of} {hidden}{by}{path}", format::count(shown as u64))
}
