//! The command palette: every action with its keys and its help.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::styling::Styling;
use super::{HitMap, popup, put, put_right};
use crate::format;
use crate::tui::app::{HitTarget, Keymap, Palette};

/// The largest size of the popup, with its frame.
const SIZE: (u16, u16) = (82, 18);

/// Cells of the names and of the keys.
const NAME_WIDTH: u16 = 17;
const KEYS_WIDTH: u16 = 16;

/// Draws the palette; returns the position of the terminal's cursor.
pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, keymap: &Keymap, palette: &Palette, styling: Styling) -> Position {
    let inner = popup::draw(buffer, area, SIZE, "Actions · enter runs, esc closes", styling);
    let x = put(buffer, inner.x, inner.y, inner.width, ":", styling.key());
    let room = inner.right().saturating_sub(x + 1);
    let scroll = palette.input.visual_scroll(usize::from(room));
    let shown: String = palette.input.value().chars().skip(scroll).collect();
    put(buffer, x, inner.y, room, &shown, Style::new());
    let cursor = Position::new(x + palette.input.visual_cursor().saturating_sub(scroll).min(usize::from(room)) as u16, inner.y);
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    if palette.matches.is_empty() {
        put(buffer, list.x + 1, list.y, list.width.saturating_sub(1), "no such action", styling.dim());
    }
    for (item, line) in popup::draw_list(buffer, list, palette.matches.len(), Some(palette.cursor), styling) {
        let (entry_match, y) = (&palette.matches[item], line.y);
        hits.add(line, HitTarget::Item(item));
        let (end, mut x) = (list.right(), list.x + 2);
        for (index, c) in entry_match.entry.name.chars().enumerate() {
            let style = if entry_match.matched.contains(&index) { styling.lit() } else { Style::new() };
            x = put(buffer, x, y, end.saturating_sub(x), c.encode_utf8(&mut [0; 4]), style);
        }
        let keys = keymap.names(entry_match.entry.action);
        let keys_end = (list.x + 2 + NAME_WIDTH + KEYS_WIDTH).min(end);
        put_right(buffer, keys_end, y, KEYS_WIDTH.min(format::width(&keys) as u16), &keys, styling.key());
        put(buffer, keys_end + 2, y, end.saturating_sub(keys_end + 2), entry_match.entry.help, styling.dim());
    }
    cursor
}
