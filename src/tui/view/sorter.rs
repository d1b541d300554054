//! The list of sort keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::styling::Styling;
use super::{HitMap, popup, put};
use crate::tui::app::{HitTarget, Sorter};

/// The width of the popup in cells, with its frame.
const WIDTH: u16 = 44;

/// Draws the list.
pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, sorter: &Sorter, styling: Styling) {
    let list = popup::draw(buffer, area, (WIDTH, sorter.names.len() as u16 + 2), "Sort by · enter sorts, esc closes", styling);
    for (item, line) in popup::draw_list(buffer, list, sorter.names.len(), Some(sorter.cursor), styling) {
        let y = line.y;
        hits.add(line, HitTarget::Item(item));
        let x = put(buffer, list.x + 2, y, list.width.saturating_sub(3), sorter.names[item], Style::new());
        if item == sorter.current {
            let arrow = if sorter.is_reversed { "↑" } else { "↓" };
            let x = put(buffer, x + 1, y, list.right().saturating_sub(x + 1), arrow, styling.key());
            put(buffer, x + 2, y, list.right().saturating_sub(x + 2), "enter reverses", styling.dim());
        }
    }
}
