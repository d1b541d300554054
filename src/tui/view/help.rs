//! The help popup: keys by group, filter words and symbols, in as few columns as show everything at once.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::styling::Styling;
use super::{popup, put, put_right};
use crate::keymap::{ENTRIES, Entry, GROUPS};
use crate::tui::app::{App, Key};

/// Cells of a column, of its keys, and of its filter words.
const COLUMN: u16 = 58;
const KEYS: u16 = 11;
const WORDS: u16 = 26;

/// The largest number of columns.
const MAX_COLUMNS: usize = 3;

/// Lines and columns of the frame.
const FRAME: u16 = 2;

/// A line of the popup.
#[derive(Clone, Copy)]
enum Line {
    Blank,
    Title(&'static str),
    Key(&'static Entry),
    /// Filter words and their meaning.
    Words(&'static str, &'static str),
    Text(&'static str),
}

/// The lines about filters.
const FILTER: [Line; 9] = [
    Line::Text("A trace is shown if one span matches every word."),
    Line::Words("status:error kind:tool", "both, on the same span"),
    Line::Words("agent:ann|bob", "one or the other"),
    Line::Words("-agent:ann", "a span of another agent"),
    Line::Words("dur:>2s cost:>$0.01", "numbers, with units"),
    Line::Words("name:\"a b*\" /time.?out/", "exact, wildcard, regex"),
    Line::Words("since:15m until:2026-11-22", "start time"),
    Line::Words("text:refund attr.NAME:x", "text in payloads"),
    Line::Words("param.temperature:>0.5", "a model's parameter"),
];

/// The lines about symbols.
const SYMBOLS: [Line; 5] = [
    Line::Text("◆ agent  ◈ team  ▣ workflow  ▫ step  ✦ model  ⚙ tool"),
    Line::Text("⌕ retriever  ⛨ guardrail  · other"),
    Line::Text("◐ running  ◌ lost  ✗ failed  ‖ paused  ⊘ cut"),
    Line::Text("┊ parent not seen"),
    Line::Text("█ own time  ▒ children's time"),
];

/// Returns all lines in order.
fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    let group = |lines: &mut Vec<Line>, title| {
        if !lines.is_empty() {
            lines.push(Line::Blank);
        }
        lines.push(Line::Title(title));
    };
    for entry in ENTRIES {
        if let Some((title, _)) = GROUPS.iter().find(|(_, first)| *first == entry.action) {
            group(&mut lines, title);
        }
        lines.push(Line::Key(entry));
    }
    group(&mut lines, "Filters");
    lines.extend(FILTER);
    group(&mut lines, "Symbols");
    lines.extend(SYMBOLS);
    lines
}

/// Divides the lines into at most `columns` columns of similar height. No column ends with a title or begins with a blank line.
fn divide(lines: &[Line], columns: usize) -> Vec<Vec<Line>> {
    let mut height = lines.len().div_ceil(columns);
    loop {
        let mut filled: Vec<Vec<Line>> = vec![Vec::new()];
        for (at, line) in lines.iter().enumerate() {
            let is_title = |line: Option<&Line>| matches!(line, Some(Line::Title(_)));
            let column = filled.last().map_or(0, Vec::len);
            let is_cut = column + 1 == height && (is_title(Some(line)) || is_title(lines.get(at + 1)));
            if column == height || is_cut {
                filled.push(Vec::new());
            }
            if let Some(column) = filled.last_mut()
                && !(column.is_empty() && matches!(line, Line::Blank))
            {
                column.push(*line);
            }
        }
        if filled.len() <= columns {
            return filled;
        }
        height += 1;
    }
}

/// Returns the columns for a screen of this size: the fewest that show all lines, limited by the width.
fn columns(area: Rect) -> Vec<Vec<Line>> {
    let room = usize::from((area.width.saturating_sub(FRAME) / COLUMN).max(1)).min(MAX_COLUMNS);
    let lines = lines();
    let fits = |columns: &Vec<Vec<Line>>| height(columns) <= usize::from(area.height.saturating_sub(FRAME));
    (1..room).map(|columns| divide(&lines, columns)).find(fits).unwrap_or_else(|| divide(&lines, room))
}

fn height(columns: &[Vec<Line>]) -> usize {
    columns.iter().map(Vec::len).max().unwrap_or_default()
}

/// Returns the largest scroll position, in lines, on a screen of this size.
pub(super) fn max_scroll(area: Rect) -> usize {
    height(&columns(area)).saturating_sub(usize::from(area.height.saturating_sub(FRAME)))
}

/// Draws the popup from the line `scroll` on.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, scroll: usize, styling: Styling) {
    let (columns, end) = (columns(area), max_scroll(area));
    let title = if end == 0 { "Keys · esc closes" } else { "Keys · j k scroll, esc closes" };
    let size = (columns.len() as u16 * COLUMN + FRAME, height(&columns) as u16 + FRAME);
    let inner = popup::draw(buffer, area, size, title, styling);
    let first = scroll.min(end);
    for (column, lines) in (0..).zip(&columns) {
        let x = inner.x + column * COLUMN;
        let room = inner.right().saturating_sub(x).min(COLUMN);
        for (y, line) in (inner.top()..inner.bottom()).zip(lines.iter().skip(first)) {
            draw_line(buffer, Rect { x, y, width: room, height: 1 }, app, *line, styling);
        }
    }
}

fn draw_line(buffer: &mut Buffer, area: Rect, app: &App, line: Line, styling: Styling) {
    let Rect { x, y, width, .. } = area;
    let room = |x: u16| area.right().saturating_sub(x + 1);
    match line {
        Line::Blank => {}
        Line::Title(title) => drop(put(buffer, x + 1, y, room(x + 1), title, styling.title())),
        Line::Key(entry) => {
            let keys: Vec<String> = app.keymap.keys(entry.action).iter().copied().map(Key::short).collect();
            put_right(buffer, x + 1 + KEYS, y, KEYS.min(width), &styling.keys(&keys.join(" ")), styling.key());
            put(buffer, x + KEYS + 3, y, room(x + KEYS + 3), entry.help, Style::new());
        }
        Line::Words(words, meaning) => {
            put(buffer, x + 2, y, room(x + 2).min(WORDS), words, styling.key());
            put(buffer, x + WORDS + 4, y, room(x + WORDS + 4), meaning, Style::new());
        }
        Line::Text(text) => drop(put(buffer, x + 2, y, room(x + 2), text, styling.dim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_columns_shows_every_line_and_keeps_titles_with_their_lines() {
        let lines = lines();
        let count = |wanted: fn(&Line) -> bool, lines: &[Line]| lines.iter().filter(|line| wanted(line)).count();
        assert_eq!(count(|line| matches!(line, Line::Key(_)), &lines), ENTRIES.len());
        assert_eq!(count(|line| matches!(line, Line::Title(_)), &lines), GROUPS.len() + 2);
        for columns in 1..=4 {
            let divide = divide(&lines, columns);
            assert!(divide.len() <= columns);
            let kept = |line: &Line| !matches!(line, Line::Blank);
            assert_eq!(count(kept, &divide.concat()), count(kept, &lines));
            for column in divide {
                assert!(!matches!(column.first(), Some(Line::Blank)) && !matches!(column.last(), Some(Line::Title(_))));
            }
        }
    }

    #[test]
    fn small_screens_scroll() {
        let max_scroll = |width, height| super::max_scroll(Rect { x: 0, y: 0, width, height });
        assert_eq!((max_scroll(200, 60), max_scroll(180, 36)), (0, 0));
        assert_eq!(max_scroll(80, 24), lines().len() - 22);
        assert_eq!(max_scroll(20, 5), lines().len() - 3);
    }
}
