//! The list of completions above the filter line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Block;

use super::styling::Styling;
use super::{popup, put, put_right};
use crate::format;
use crate::tui::app::LineEditor;

/// The largest number of visible completions.
const MAX_LINES: usize = 8;
/// The largest width in cells.
const MAX_WIDTH: u16 = 60;
/// Cells of the column with counts.
const COUNT_WIDTH: u16 = 7;
/// Lines and columns of the frame.
const FRAME: u16 = 2;

/// Draws the list so that it ends above `line`.
pub(super) fn draw(buffer: &mut Buffer, screen: Rect, line: Rect, editing: &LineEditor, styling: Styling) {
    let offers = &editing.completions;
    let lines = offers.list.len().min(MAX_LINES).min(usize::from(line.y.saturating_sub(screen.y + FRAME)));
    if lines == 0 || editing.is_search {
        return;
    }
    let first = offers.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(lines));
    let shown = &offers.list[first..first + lines];
    let name = shown.iter().map(|offer| format::width(&format::safe(&offer.name))).max().unwrap_or_default() as u16;
    let help = shown.iter().map(|offer| format::width(offer.help)).max().unwrap_or_default() as u16;
    let width = (name + help.max(COUNT_WIDTH) + 4 + FRAME).min(MAX_WIDTH).min(screen.width);
    let height = lines as u16 + FRAME;
    // The names are aligned with the word that they complete.
    let x = (line.x + u16::try_from(offers.start).unwrap_or(u16::MAX).min(screen.width)).min(screen.right().saturating_sub(width));
    let outer = Rect { x, y: line.y - height, width, height };
    let more = offers.list.len() - lines;
    let note = if more > 0 { format!(" {} more ", format::count(more as u64)) } else { String::new() };
    let area = popup::draw_at(buffer, outer, Block::new().title_bottom(note), styling);
    for (y, (number, offer)) in (area.top()..).zip(shown.iter().enumerate()) {
        let chosen = offers.chosen == Some(first + number);
        buffer.set_style(Rect { y, height: 1, ..area }, if chosen { styling.cursor() } else { Style::new() });
        put(buffer, area.x, y, 1, if chosen { "▸" } else { " " }, styling.key());
        let end = area.right().saturating_sub(1);
        let right = match offer.count {
            Some(count) => put_right(buffer, end, y, COUNT_WIDTH, &format::count(count), styling.dim()),
            None => put_right(buffer, end, y, area.width.saturating_sub(name + 3), offer.help, styling.dim()),
        };
        put(buffer, area.x + 1, y, right.saturating_sub(area.x + 2), &offer.name, Style::new());
    }
}
