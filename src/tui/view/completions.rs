//! What could be typed next, in a list above the line that is typed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Block;

use super::styling::Styling;
use super::{popup, put, put_right};
use crate::format;
use crate::tui::app::LineEditor;

/// Lines of the list at most.
const LINES: usize = 8;
/// Cells of the list at most.
const WIDEST: u16 = 60;
/// Cells of a count.
const COUNT: u16 = 7;
/// Lines and columns of the frame.
const FRAME: u16 = 2;

/// Paints the list so that it ends above `line`.
pub(super) fn draw(buffer: &mut Buffer, screen: Rect, line: Rect, editing: &LineEditor, theme: Styling) {
    let offers = &editing.completions;
    let lines = offers.list.len().min(LINES).min(usize::from(line.y.saturating_sub(screen.y + FRAME)));
    if lines == 0 || editing.is_search {
        return;
    }
    let first = offers.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(lines));
    let shown = &offers.list[first..first + lines];
    let name = shown.iter().map(|offer| format::width(&format::safe(&offer.name))).max().unwrap_or_default() as u16;
    let help = shown.iter().map(|offer| format::width(offer.help)).max().unwrap_or_default() as u16;
    let width = (name + help.max(COUNT) + 4 + FRAME).min(WIDEST).min(screen.width);
    let height = lines as u16 + FRAME;
    // Names stand below each other and above what is typed of them.
    let x = (line.x + u16::try_from(offers.start).unwrap_or(u16::MAX).min(screen.width)).min(screen.right().saturating_sub(width));
    let outer = Rect { x, y: line.y - height, width, height };
    let more = offers.list.len() - lines;
    let note = if more > 0 { format!(" {} more ", format::count(more as u64)) } else { String::new() };
    let area = popup::draw_at(buffer, outer, Block::new().title_bottom(note), theme);
    for (y, (number, offer)) in (area.top()..).zip(shown.iter().enumerate()) {
        let chosen = offers.chosen == Some(first + number);
        buffer.set_style(Rect { y, height: 1, ..area }, if chosen { theme.cursor() } else { Style::new() });
        put(buffer, area.x, y, 1, if chosen { "▸" } else { " " }, theme.key());
        let end = area.right().saturating_sub(1);
        let right = match offer.count {
            Some(count) => put_right(buffer, end, y, COUNT, &format::count(count), theme.dim()),
            None => put_right(buffer, end, y, area.width.saturating_sub(name + 3), offer.help, theme.dim()),
        };
        put(buffer, area.x + 1, y, right.saturating_sub(area.x + 2), &offer.name, Style::new());
    }
}
