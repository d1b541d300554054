//! The screen: one pane a file. Painting reads the app and the store and changes neither; what it costs goes with the lines on the screen.

mod detail;
mod export_dialog;
mod footer;
mod forest;
mod header;
mod offers;
mod overlay;
mod theme;
mod welcome;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;

use crate::app::{App, Focus};
use crate::format;
use crate::store::Store;
pub use forest::name;
use theme::Theme;
pub use theme::glyph;

/// Where the panes are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panes {
    header: Rect,
    forest: Rect,
    detail: Rect,
    footer: Rect,
}

/// Below this height the detail gives way to the traces unless it is focused.
const DETAIL_FROM: u16 = 16;

impl Panes {
    /// Divides a screen of this size.
    #[must_use]
    pub fn new(area: Rect, focus: Focus) -> Self {
        let [header, body, footer] = area.layout(&Layout::vertical([
            Constraint::Length(u16::from(area.height > 3)),
            Constraint::Fill(1),
            Constraint::Length(u16::from(area.height > 1)),
        ]));
        let height = match focus {
            Focus::FullDetail => body.height,
            Focus::Forest if area.height < DETAIL_FROM => 0,
            Focus::Forest => (body.height * 2 / 5).max(6),
            Focus::Detail => (body.height * 3 / 5).max(6).min(body.height),
        };
        let [forest, detail] = body.layout(&Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]));
        Self { header, forest, detail, footer }
    }

    /// Lines for rows in the forest.
    #[must_use]
    pub fn forest_lines(&self) -> usize {
        usize::from(self.forest.height.saturating_sub(2))
    }

    /// The size of the detail's text: columns and lines.
    #[must_use]
    pub fn detail_size(&self) -> (u16, u16) {
        (self.detail.width.saturating_sub(2), self.detail.height.saturating_sub(1))
    }
}

/// Paints everything.
pub fn draw(frame: &mut Frame<'_>, app: &App, store: &Store) {
    let area = frame.area();
    let theme = Theme { ascii: app.ascii };
    let panes = Panes::new(area, app.focus);
    let buffer = frame.buffer_mut();
    header::draw(buffer, panes.header, app, store, theme);
    if store.trace_count() == 0 {
        welcome::draw(buffer, panes.forest.union(panes.detail), app, theme);
    } else {
        forest::draw(buffer, panes.forest, app, store, theme);
        detail::draw(buffer, panes.detail, app, store, theme);
    }
    let cursor = footer::draw(buffer, panes.footer, app, theme);
    if let Some(editing) = &app.editing {
        offers::draw(buffer, area, panes.footer, editing, theme);
    }
    if let Some(overlay) = &app.overlay {
        overlay::draw(buffer, area, overlay, theme);
    }
    if app.ascii {
        theme::to_ascii(buffer);
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Writes as much of `text` as fits into `cells` from `x`; returns the column behind it. The text is made safe here.
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

/// Writes `text` so that it ends before column `end`; returns the column where it begins.
fn put_right(buffer: &mut Buffer, end: u16, y: u16, cells: u16, text: &str, style: Style) -> u16 {
    let width = (format::width(text) as u16).min(cells);
    let x = end.saturating_sub(width);
    put(buffer, x, y, width, text, style);
    x
}

/// A number of things.
fn plural(count: u64, what: &str) -> String {
    format!("{} {what}{}", format::count(count), if count == 1 { "" } else { "s" })
}
