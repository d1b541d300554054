//! The list of what can be sorted by.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::Block;

use super::overlay::{frame, middle};
use super::put;
use super::styling::Styling;
use crate::tui::app::{HitTarget, Sorter};

/// Cells of the box, frame included.
const WIDTH: u16 = 44;

fn size(sorter: &Sorter) -> (u16, u16) {
    (WIDTH, sorter.names.len() as u16 + 2)
}

/// The item at the top of the list.
fn first(sorter: &Sorter, list: Rect) -> usize {
    (sorter.cursor + 1).saturating_sub(usize::from(list.height))
}

/// The item at a place.
pub(super) fn hit_test(area: Rect, sorter: &Sorter, place: Position) -> HitTarget {
    let list = Block::bordered().inner(middle(area, size(sorter)));
    let item = first(sorter, list) + usize::from(place.y.saturating_sub(list.y));
    if list.contains(place) && item < sorter.names.len() { HitTarget::Item(item) } else { HitTarget::Overlay }
}

/// Paints the list.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, sorter: &Sorter, theme: Styling) {
    let list = frame(buffer, area, size(sorter), "Sort by · enter sorts, esc closes", theme);
    for (y, (at, name)) in (list.top()..list.bottom()).zip(sorter.names.iter().enumerate().skip(first(sorter, list))) {
        let style = if at == sorter.cursor { theme.cursor() } else { Style::new() };
        buffer.set_style(Rect { y, height: 1, ..list }, style);
        put(buffer, list.x, y, 1, if at == sorter.cursor { "▸" } else { " " }, theme.key());
        let x = put(buffer, list.x + 2, y, list.width.saturating_sub(3), name, Style::new());
        if at == sorter.current {
            let arrow = if sorter.reversed { "↑" } else { "↓" };
            let x = put(buffer, x + 1, y, list.right().saturating_sub(x + 1), arrow, theme.key());
            put(buffer, x + 2, y, list.right().saturating_sub(x + 2), "enter turns it round", theme.dim());
        }
    }
}
