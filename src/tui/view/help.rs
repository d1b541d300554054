//! The keys, by what one does with them; the words of the filter; what the signs mean. In as many columns as it takes to see all at once.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::styling::Styling;
use super::{popup, put, put_right};
use crate::tui::app::action::{ENTRIES, Entry, GROUPS};
use crate::tui::app::{App, Key};

/// Cells of a column, of the keys in it, and of a filter's words.
const COLUMN: u16 = 58;
const KEYS: u16 = 11;
const WORDS: u16 = 26;

/// Columns at most.
const COLUMNS: usize = 3;

/// Lines and columns of the frame.
const FRAME: u16 = 2;

/// A line of it.
#[derive(Clone, Copy)]
enum Line {
    Blank,
    Title(&'static str),
    Key(&'static Entry),
    /// Words of a filter, and what they ask for.
    Words(&'static str, &'static str),
    Text(&'static str),
}

/// What is said of filters.
const FILTER: [Line; 9] = [
    Line::Text("A trace is shown if one of its spans passes every word."),
    Line::Words("status:error kind:tool", "both, of the same span"),
    Line::Words("agent:ann|bob", "one or the other"),
    Line::Words("-agent:ann", "a span that is not ann's,"),
    Line::Words("", "though others there may be"),
    Line::Words("dur:>2s cost:>$0.01", "numbers, with units"),
    Line::Words("name:\"a b*\" /time.?out/", "wholes, gaps, expressions"),
    Line::Words("since:15m until:2026-11-22", "when it began"),
    Line::Words("text:refund attr.NAME:x", "anywhere in payloads"),
];

/// What the symbols of the traces mean.
const SIGNS: [Line; 4] = [
    Line::Text("◆ agent  ◈ team  ▣ workflow  ▫ step  ✦ model  ⚙ tool"),
    Line::Text("⌕ retriever  ⛨ guardrail  · other"),
    Line::Text("◐ runs  ◌ lost  ✗ failed  ┊ parent not seen"),
    Line::Text("█ own time  ▒ its children's"),
];

/// Everything, one line below the other.
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
    group(&mut lines, "What filters ask for");
    lines.extend(FILTER);
    group(&mut lines, "Signs");
    lines.extend(SIGNS);
    lines
}

/// The lines in so many columns, of as equal a height as can be. No column ends with a title, or begins with a blank.
fn divided(lines: &[Line], columns: usize) -> Vec<Vec<Line>> {
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

/// The columns on a screen of this size: as few as show all at once, and no more than there is room for.
fn columns(area: Rect) -> Vec<Vec<Line>> {
    let room = usize::from((area.width.saturating_sub(FRAME) / COLUMN).max(1)).min(COLUMNS);
    let lines = lines();
    let fits = |columns: &Vec<Vec<Line>>| height(columns) <= usize::from(area.height.saturating_sub(FRAME));
    (1..room).map(|columns| divided(&lines, columns)).find(fits).unwrap_or_else(|| divided(&lines, room))
}

fn height(columns: &[Vec<Line>]) -> usize {
    columns.iter().map(Vec::len).max().unwrap_or_default()
}

/// By how many lines it can be scrolled on a screen of this size.
pub(super) fn end(area: Rect) -> usize {
    height(&columns(area)).saturating_sub(usize::from(area.height.saturating_sub(FRAME)))
}

/// Paints it, scrolled by so many lines.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, scroll: usize, theme: Styling) {
    let (columns, end) = (columns(area), end(area));
    let title = if end == 0 { "Keys · esc closes" } else { "Keys · j k scroll, esc closes" };
    let size = (columns.len() as u16 * COLUMN + FRAME, height(&columns) as u16 + FRAME);
    let inner = popup::draw(buffer, area, size, title, theme);
    let first = scroll.min(end);
    for (column, lines) in (0..).zip(&columns) {
        let x = inner.x + column * COLUMN;
        let room = inner.right().saturating_sub(x).min(COLUMN);
        for (y, line) in (inner.top()..inner.bottom()).zip(lines.iter().skip(first)) {
            draw_line(buffer, Rect { x, y, width: room, height: 1 }, app, *line, theme);
        }
    }
}

fn draw_line(buffer: &mut Buffer, area: Rect, app: &App, line: Line, theme: Styling) {
    let Rect { x, y, width, .. } = area;
    let room = |x: u16| area.right().saturating_sub(x + 1);
    match line {
        Line::Blank => {}
        Line::Title(title) => drop(put(buffer, x + 1, y, room(x + 1), title, theme.title())),
        Line::Key(entry) => {
            let keys: Vec<String> = app.keymap.keys(entry.action).iter().copied().map(Key::short).collect();
            put_right(buffer, x + 1 + KEYS, y, KEYS.min(width), &keys.join(" "), theme.key());
            put(buffer, x + KEYS + 3, y, room(x + KEYS + 3), entry.help, Style::new());
        }
        Line::Words(words, meaning) => {
            put(buffer, x + 2, y, room(x + 2).min(WORDS), words, theme.key());
            put(buffer, x + WORDS + 4, y, room(x + WORDS + 4), meaning, Style::new());
        }
        Line::Text(text) => drop(put(buffer, x + 2, y, room(x + 2), text, theme.dim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_there_in_any_number_of_columns_and_no_title_stands_alone() {
        let lines = lines();
        let count = |wanted: fn(&Line) -> bool, lines: &[Line]| lines.iter().filter(|line| wanted(line)).count();
        assert_eq!(count(|line| matches!(line, Line::Key(_)), &lines), ENTRIES.len());
        assert_eq!(count(|line| matches!(line, Line::Title(_)), &lines), GROUPS.len() + 2);
        for columns in 1..=4 {
            let divided = divided(&lines, columns);
            assert!(divided.len() <= columns);
            let kept = |line: &Line| !matches!(line, Line::Blank);
            assert_eq!(count(kept, &divided.concat()), count(kept, &lines));
            for column in divided {
                assert!(!matches!(column.first(), Some(Line::Blank)) && !matches!(column.last(), Some(Line::Title(_))));
            }
        }
    }

    #[test]
    fn it_is_scrolled_where_it_must_be() {
        let end = |width, height| super::end(Rect { x: 0, y: 0, width, height });
        assert_eq!((end(200, 60), end(180, 36)), (0, 0));
        assert_eq!(end(80, 24), lines().len() - 22);
        assert_eq!(end(20, 5), lines().len() - 3);
    }
}
