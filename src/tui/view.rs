//! Draws the screen, one pane per file. Drawing only reads the app and the store; its cost depends on the size of the screen alone.

mod compare;
mod completions;
mod cost;
mod detail;
mod exchange;
mod export_dialog;
mod footer;
mod header;
mod help;
mod hit_map;
mod latency;
mod layout;
mod overlay;
mod palette;
mod popup;
mod prepare;
mod rankings;
mod sorter;
mod sources;
mod styling;
mod table;
mod tokens;
mod trace_tree;
mod welcome;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::format;
use crate::store::Store;
use crate::tui::app::{App, HitTarget, Overlay};
pub use exchange::texts as exchange_texts;
pub use hit_map::HitMap;
pub use layout::PaneLayout;
pub use prepare::{prepare_frame, write_pages};
use styling::Styling;

/// Draws the screen, and replaces the mouse targets in `hits` by those of this frame.
pub fn draw(frame: &mut Frame<'_>, app: &App, store: &Store, hits: &mut HitMap) {
    hits.clear();
    let area = frame.area();
    let styling = Styling { theme: app.themes.current(), ascii: app.ascii };
    let panes = PaneLayout::new(area, app.focus);
    let buffer = frame.buffer_mut();
    buffer.set_style(area, styling.screen());
    header::draw(buffer, panes.header, app, store, styling);
    if store.trace_count() == 0 {
        welcome::draw(buffer, panes.traces.union(panes.detail), app, styling);
    } else {
        hits.add(panes.traces, HitTarget::Traces);
        hits.add(panes.detail, HitTarget::Detail);
        match &app.table {
            Some(table) => table::draw(buffer, hits, panes.traces, app, table, styling),
            None => trace_tree::draw(buffer, hits, panes.traces, app, store, styling),
        }
        tokens::draw(buffer, panes.tokens, app, store, styling);
        cost::draw(buffer, panes.cost, app, store, styling);
        latency::draw(buffer, panes.latency, app, store, styling);
        match &app.table {
            Some(table) => table::draw_page(buffer, panes.detail, app, table, styling),
            None => detail::draw(buffer, hits, panes.detail, app, store, styling),
        }
    }
    let mut cursor = footer::draw(buffer, panes.footer, app, styling);
    if let Some(editor) = &app.editor {
        completions::draw(buffer, area, panes.footer, editor, styling);
    }
    if let Some(overlay) = &app.overlay {
        cursor = overlay::draw(buffer, hits, area, app, store, overlay, styling).or(cursor);
    }
    if app.ascii {
        styling::to_ascii(buffer);
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Returns the largest scroll position, in lines, of the open popup on a screen of this size; 0 if it does not scroll.
#[must_use]
pub fn max_scroll(app: &App, area: Rect) -> usize {
    match &app.overlay {
        Some(Overlay::Help(_)) => help::max_scroll(area),
        Some(Overlay::Sources(_)) => sources::max_scroll(app, area, Styling { theme: app.themes.current(), ascii: app.ascii }),
        _ => 0,
    }
}

/// Writes the beginning of `text` that fits into `cells` cells from column `x`, made safe; returns the column after it.
fn put(buffer: &mut Buffer, x: u16, y: u16, cells: u16, text: &str, style: Style) -> u16 {
    let area = buffer.area;
    if y < area.top() || y >= area.bottom() || x >= area.right() {
        return x;
    }
    let cells = cells.min(area.right() - x);
    let safe = format::safe(text);
    let fitted = format::fit(&safe, usize::from(cells));
    buffer.set_stringn(x, y, &fitted, usize::from(cells), style).0
}

/// Writes `text` so that it ends before column `end`; returns its first column.
fn put_right(buffer: &mut Buffer, end: u16, y: u16, cells: u16, text: &str, style: Style) -> u16 {
    let width = (format::width(text) as u16).min(cells);
    let x = end.saturating_sub(width);
    put(buffer, x, y, width, text, style);
    x
}
