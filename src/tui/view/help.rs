//! The help popup: signs, keys by group and filter words, in as few columns as show everything at once.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::styling::Styling;
use super::{popup, put, put_input, put_right};
use crate::format;
use crate::keymap::{ENTRIES, Entry, GROUPS};
use crate::tui::app::{Action, App, Help, Key, synonyms};

/// Cells of a column, of its keys, and of its filter words.
const COLUMN: u16 = 49;
const KEYS: u16 = 8;
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
    Line::Text("A trace is shown if one step has every word."),
    Line::Words("status:error kind:tool", "on the same step"),
    Line::Words("agent:ann|bob", "one or the other"),
    Line::Words("-agent:ann", "another agent"),
    Line::Words("time:>2s cost:>$0.01", "numbers, with units"),
    Line::Words("name:\"a b*\" /time.?out/", "exact, *, regex"),
    Line::Words("since:15m until:2026-11-22", "start time"),
    Line::Words("text:refund attr.NAME:x", "in the payloads"),
    Line::Words("param.temperature:>0.5", "a model's parameter"),
];

/// The lines about signs.
const SIGNS: [Line; 7] = [
    Line::Text("◆ agent  ◈ team  ▣ workflow  ▫ step  · other"),
    Line::Text("✦ model  ⚙ tool  ⌕ retriever  ⛨ guardrail"),
    Line::Text("◐ running  ◌ lost  ✗ failed  ‖ paused  ⊘ cut"),
    Line::Text(BAR_SIGNS),
    Line::Text(END_SIGNS),
    Line::Text("┄ awaits a person  ┆ ruler  ✓ marked  ~ likely"),
    Line::Text("┊ parent unseen or over  – unknown  ≥ at least"),
];

/// The lines about words on the screen.
const WORDS_SHOWN: [Line; 1] = [Line::Text("leaked context: began after its parent ended")];

/// The shades of bars, and the same with ASCII characters only.
const BAR_SIGNS: &str = "█ own time  ▒ time of the steps in it";
const ASCII_BAR_SIGNS: &str = "= own time  - time of the steps in it";

/// The signs at the ends of bars, and the same with ASCII characters only.
const END_SIGNS: &str = "‹ › goes on beyond the scale  ▸ still runs";
const ASCII_END_SIGNS: &str = "< > goes on beyond the scale, or still runs";

/// Returns the lines in order that contain `searched`, a text in lower case, with the titles of their groups.
fn lines(app: &App, searched: &str) -> Vec<Line> {
    let contains = |line: &Line| match line {
        Line::Blank | Line::Title(_) => false,
        Line::Key(entry) => {
            let words = synonyms(entry.action).join(" ");
            format!("{} {} {} {words}", entry.name, entry.help, keys(app, entry)).to_lowercase().contains(searched)
        }
        Line::Words(words, meaning) => format!("{words} {meaning}").to_lowercase().contains(searched),
        Line::Text(text) => text.to_lowercase().contains(searched),
    };
    let mut lines = Vec::new();
    let mut group = |title, group: &mut dyn Iterator<Item = Line>| {
        let mut found = group.filter(|line| contains(line)).peekable();
        if found.peek().is_some() {
            lines.extend((!lines.is_empty()).then_some(Line::Blank));
            lines.push(Line::Title(title));
            lines.extend(found);
        }
    };
    let signs = SIGNS.map(|line| match line {
        Line::Text(BAR_SIGNS) if app.ascii => Line::Text(ASCII_BAR_SIGNS),
        Line::Text(END_SIGNS) if app.ascii => Line::Text(ASCII_END_SIGNS),
        line => line,
    });
    group("Signs", &mut signs.into_iter());
    let is_offered = |entry: &&Entry| app.tour.is_some() || entry.action != Action::Replay;
    let first = |at: usize| GROUPS.get(at).map_or(ENTRIES.len(), |(_, action)| *action as usize);
    for (at, (title, _)) in GROUPS.iter().enumerate() {
        group(title, &mut ENTRIES[first(at)..first(at + 1)].iter().filter(|entry| is_offered(entry)).map(Line::Key));
    }
    group("Filters", &mut FILTER.into_iter());
    group("Words", &mut WORDS_SHOWN.into_iter());
    lines
}

/// Returns the short names of an action's keys.
fn keys(app: &App, entry: &Entry) -> String {
    app.keymap.keys(entry.action).iter().copied().map(Key::short).collect::<Vec<_>>().join(" ")
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
fn columns(area: Rect, lines: &[Line]) -> Vec<Vec<Line>> {
    let room = usize::from((area.width.saturating_sub(FRAME) / COLUMN).max(1)).min(MAX_COLUMNS);
    let fits = |columns: &Vec<Vec<Line>>| height(columns) <= usize::from(area.height.saturating_sub(FRAME));
    (1..room).map(|columns| divide(lines, columns)).find(fits).unwrap_or_else(|| divide(lines, room))
}

fn height(columns: &[Vec<Line>]) -> usize {
    columns.iter().map(Vec::len).max().unwrap_or_default()
}

/// Returns the largest scroll position, in lines, on a screen of this size.
pub(super) fn max_scroll(area: Rect, app: &App, searched: &str) -> usize {
    height(&columns(area, &lines(app, searched))).saturating_sub(usize::from(area.height.saturating_sub(FRAME)))
}

/// Draws the popup; returns the position of the terminal's cursor during a search.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, help: &Help, styling: Styling) -> Option<Position> {
    let searched = help.searched();
    let lines = lines(app, &searched);
    let (columns, end) = (columns(area, &lines), max_scroll(area, app, &searched));
    let size = (columns.len() as u16 * COLUMN + FRAME, height(&columns).max(1) as u16 + FRAME);
    let title = if help.search.is_some() { "Help · esc shows all" } else { "Help · / searches, esc closes" };
    let inner = popup::draw(buffer, area, size, title, styling);
    if lines.is_empty() {
        put(buffer, inner.x + 1, inner.y, inner.width.saturating_sub(1), "nothing found", styling.dim());
    }
    let first = help.scroll.min(end);
    for (column, lines) in (0..).zip(&columns) {
        let x = inner.x + column * COLUMN;
        let room = inner.right().saturating_sub(x).min(COLUMN);
        for (y, line) in (inner.top()..inner.bottom()).zip(lines.iter().skip(first)) {
            draw_line(buffer, Rect { x, y, width: room, height: 1 }, app, *line, styling);
        }
    }
    let foot = Rect { y: inner.bottom(), height: 1, ..inner };
    if end > first {
        let more = format!(" ↓ {} more ", format::plural((end - first) as u64, "line"));
        put_right(buffer, foot.right(), foot.y, foot.width, &more, styling.key());
    }
    help.search.as_ref().filter(|_| area.contains(foot.as_position())).map(|input| {
        let x = put(buffer, foot.x + 1, foot.y, foot.width.saturating_sub(1), " / ", styling.key());
        let (_, cursor) = put_input(buffer, x, foot.y, (foot.width / 3).min(foot.right().saturating_sub(x)), input);
        Position::new(cursor, foot.y)
    })
}

fn draw_line(buffer: &mut Buffer, area: Rect, app: &App, line: Line, styling: Styling) {
    let Rect { x, y, width, .. } = area;
    let room = |x: u16| area.right().saturating_sub(x + 1);
    match line {
        Line::Blank => {}
        Line::Title(title) => drop(put(buffer, x + 1, y, room(x + 1), title, styling.title())),
        Line::Key(entry) => {
            put_right(buffer, x + 1 + KEYS, y, KEYS.min(width), &styling.keys(&keys(app, entry)), styling.key());
            put(buffer, x + KEYS + 3, y, room(x + KEYS + 3), entry.help, Style::new());
        }
        Line::Words(words, meaning) => {
            put(buffer, x + 2, y, room(x + 2).min(WORDS), words, styling.key());
            put(buffer, x + WORDS + 3, y, room(x + WORDS + 3), meaning, Style::new());
        }
        Line::Text(text) => drop(put(buffer, x + 2, y, room(x + 2), text, styling.dim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_columns_shows_every_line_and_keeps_titles_with_their_lines() {
        let lines = lines(&App::default(), "");
        let count = |wanted: fn(&Line) -> bool, lines: &[Line]| lines.iter().filter(|line| wanted(line)).count();
        assert_eq!(count(|line| matches!(line, Line::Key(_)), &lines), ENTRIES.len() - 1, "only the demo can be played again");
        assert_eq!(count(|line| matches!(line, Line::Title(_)), &lines), GROUPS.len() + 3);
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
    fn small_screens_scroll_and_wide_ones_show_everything() {
        let app = App::default();
        let max_scroll = |width, height| super::max_scroll(Rect { x: 0, y: 0, width, height }, &app, "");
        assert_eq!((max_scroll(200, 60), max_scroll(150, 37)), (0, 0));
        let lines = lines(&app, "").len();
        assert_eq!(max_scroll(80, 24), lines - 22);
        assert_eq!(max_scroll(20, 5), lines - 3);
    }

    #[test]
    fn a_search_keeps_the_lines_with_the_text_and_their_titles() {
        let app = App::default();
        let words = |searched: &str| {
            let text = |line: &Line| match line {
                Line::Title(text) | Line::Text(text) => (*text).to_owned(),
                Line::Key(entry) => entry.name.to_owned(),
                Line::Words(words, _) => (*words).to_owned(),
                Line::Blank => String::new(),
            };
            lines(&app, searched).iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(words("compare"), ["Mark, export and copy", "compare"]);
        assert_eq!(words("diff"), ["Mark, export and copy", "compare"], "other words for it find an action, too");
        assert_eq!(words("cache"), ["Read", "detail", "", "Views", "view-models"]);
        assert_eq!(words("leaked"), ["Words", "leaked context: began after its parent ended"]);
        assert_eq!(words("guardrail"), ["Signs", "✦ model  ⚙ tool  ⌕ retriever  ⛨ guardrail"]);
        assert!(words("zzzz").is_empty());
    }

    #[test]
    fn no_line_is_cut() {
        for line in lines(&App::default(), "") {
            let (start, text) = match line {
                Line::Blank | Line::Title(_) => continue,
                Line::Key(entry) => (KEYS + 3, entry.help),
                Line::Words(words, meaning) => {
                    assert!(format::width(words) <= usize::from(WORDS), "{words}");
                    (WORDS + 3, meaning)
                }
                Line::Text(text) => (2, text),
            };
            assert!(format::width(text) + usize::from(start) < usize::from(COLUMN), "{text}");
        }
    }
}
