//! Framed popups over the panes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, Clear, Widget};

use super::put;
use super::styling::Styling;

/// Draws a popup of at most this size (width, height) in the middle of `area`; returns the area inside its frame.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, (width, height): (u16, u16), title: &str, styling: Styling) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let outer = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    draw_at(buffer, outer, Block::new().title(format!(" {title} ")), styling)
}

/// Draws a popup that covers `outer`, framed by `block`; returns the area inside its frame.
pub(super) fn draw_at(buffer: &mut Buffer, outer: Rect, block: Block, styling: Styling) -> Rect {
    Clear.render(outer, buffer);
    buffer.set_style(outer, styling.screen());
    styling.draw_frame(buffer, outer, block, true)
}

/// Draws the cursor of a list with `count` items, scrolled so that the item under the cursor is visible; returns the visible items, each
/// with its line.
pub(super) fn draw_list(
    buffer: &mut Buffer,
    list: Rect,
    count: usize,
    cursor: Option<usize>,
    styling: Styling,
) -> impl Iterator<Item = (usize, Rect)> + use<> {
    let first = cursor.map_or(0, |cursor| (cursor + 1).saturating_sub(usize::from(list.height)));
    let line = move |y| Rect { y, height: 1, ..list };
    if let Some(cursor) = cursor.filter(|cursor| (first..count).contains(cursor)) {
        let line = line(list.y + (cursor - first) as u16);
        buffer.set_style(line, styling.cursor());
        put(buffer, line.x, line.y, 1, "▸", styling.key());
    }
    (first..count).zip((list.top()..list.bottom()).map(line))
}
