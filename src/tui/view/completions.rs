//! The list of completions above the filter line; examples above an empty one.

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

/// Filters that show what a line can ask for, with their meanings.
const EXAMPLES: [(&str, &str); 4] = [
    ("refund", "in names, or at the beginning of an input"),
    ("text:refund", "anywhere in inputs, outputs and attributes"),
    ("agent:ann status:error", "failed steps of the agent ann"),
    ("cost:>0.01 since:1h", "expensive steps of the last hour"),
];

/// Draws the examples so that they end above `line`.
fn draw_examples(buffer: &mut Buffer, screen: Rect, line: Rect, styling: Styling) {
    let room = line.y.saturating_sub(screen.y + FRAME);
    let height = (EXAMPLES.len() as u16).min(room);
    if height == 0 {
        return;
    }
    let outer = Rect { x: line.x, y: line.y - height - FRAME, width: (MAX_WIDTH + 14).min(screen.width), height: height + FRAME };
    let block = Block::new().title(" Examples ").title_bottom(" tab lists the fields, ↑ earlier filters ");
    let area = popup::draw_at(buffer, outer, block, styling);
    let words = EXAMPLES.iter().map(|(words, _)| words.len()).max().unwrap_or_default() as u16;
    for ((words_text, meaning), y) in EXAMPLES.iter().zip(area.top()..area.bottom()) {
        put(buffer, area.x + 1, y, words.min(area.width.saturating_sub(1)), words_text, styling.key());
        let x = area.x + words + 4;
        put(buffer, x, y, area.right().saturating_sub(x), meaning, styling.dim());
    }
}

/// Draws the list so that it ends above `line`.
pub(super) fn draw(buffer: &mut Buffer, screen: Rect, line: Rect, editor: &LineEditor, styling: Styling) {
    if editor.input.value().is_empty() && editor.completions.list.is_empty() && !editor.is_search {
        return draw_examples(buffer, screen, line, styling);
    }
    let completions = &editor.completions;
    let lines = completions.list.len().min(MAX_LINES).min(usize::from(line.y.saturating_sub(screen.y + FRAME)));
    if lines == 0 || editor.is_search {
        return;
    }
    let first = completions.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(lines));
    let shown = &completions.list[first..first + lines];
    let name = shown.iter().map(|completion| format::width(&format::safe(&completion.name))).max().unwrap_or_default() as u16;
    let help = shown.iter().map(|completion| format::width(completion.help)).max().unwrap_or_default() as u16;
    let width = (name + help.max(COUNT_WIDTH) + 4 + FRAME).min(MAX_WIDTH).min(screen.width);
    let height = lines as u16 + FRAME;
    // The names are aligned with the word that they complete.
    let x = (line.x + u16::try_from(completions.start).unwrap_or(u16::MAX).min(screen.width)).min(screen.right().saturating_sub(width));
    let outer = Rect { x, y: line.y - height, width, height };
    let more = completions.list.len() - lines + completions.unlisted;
    let note = if more > 0 { format!(" {} more ", format::count(more as u64)) } else { String::new() };
    let area = popup::draw_at(buffer, outer, Block::new().title_bottom(note), styling);
    for (item, Rect { y, .. }) in popup::draw_list(buffer, area, completions.list.len(), completions.chosen, styling) {
        let completion = &completions.list[item];
        let end = area.right().saturating_sub(1);
        let right = match completion.count {
            Some(count) => put_right(buffer, end, y, COUNT_WIDTH, &format::count(count), styling.dim()),
            None => put_right(buffer, end, y, area.width.saturating_sub(name + 3), completion.help, styling.dim()),
        };
        put(buffer, area.x + 1, y, right.saturating_sub(area.x + 2), &completion.name, Style::new());
    }
}
