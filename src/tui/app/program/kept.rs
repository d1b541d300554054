//! The output of a program as text for another terminal, with its colours.

use std::fmt::Write as _;

use vt100::{Cell, Color, Parser};

use crate::format;

/// Ends all styles.
const RESET: &str = "\x1b[0m";

/// Returns the lines that a terminal holds, the scrolled ones first, each with an end, and whether older ones are gone. Of a program that took the whole
/// screen, it is what the screen showed before.
pub(super) fn lines(terminal: &mut Parser) -> (String, bool) {
    terminal.process(b"\x1b[?1049l");
    let screen = terminal.screen_mut();
    let (scrolled, height) = (screen.scrollback_len(), screen.size().0.get());
    let is_cut = scrolled > 0 && scrolled == screen.scrollback_capacity();
    let (mut text, mut blank) = (String::new(), 0);
    let mut add = |screen: &vt100::Screen, row: u16| {
        let line = line(screen, row);
        if line.is_empty() {
            blank += 1;
            return;
        }
        // Blank lines at the end are the empty part of the screen.
        text.extend(std::iter::repeat_n('\n', std::mem::take(&mut blank)));
        text.push_str(&line);
        if !screen.row_wrapped(row) {
            text.push('\n');
        }
    };
    for above in (1..=scrolled).rev() {
        screen.set_scrollback(above);
        add(screen, 0);
    }
    screen.set_scrollback(0);
    for row in 0..height {
        add(screen, row);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    (text, is_cut)
}

/// Returns a line without what is blank at its end.
fn line(screen: &vt100::Screen, row: u16) -> String {
    let (mut line, mut last, mut blank) = (String::new(), String::new(), 0);
    for column in 0..screen.size().1.get() {
        let Some(cell) = screen.cell(row, column) else { break };
        if cell.is_wide_continuation() {
            continue;
        }
        let (text, style) = (format::safe(cell.contents()), style(cell));
        if (text.is_empty() || text == " ") && style.is_empty() {
            line.push_str(if last.is_empty() { "" } else { RESET });
            last.clear();
            blank += 1;
            continue;
        }
        line.extend(std::iter::repeat_n(' ', std::mem::take(&mut blank)));
        if style != last {
            let _ = write!(line, "\x1b[0{style}m");
            last = style;
        }
        line.push_str(if text.is_empty() { " " } else { &text });
    }
    line.push_str(if last.is_empty() { "" } else { RESET });
    line
}

/// Returns the parameters that set a cell's style after a reset.
fn style(cell: &Cell) -> String {
    let mut style = String::new();
    let flags = [(cell.bold(), 1), (cell.dim(), 2), (cell.italic(), 3), (cell.underline(), 4), (cell.inverse(), 7)];
    for (_, number) in flags.into_iter().filter(|(is_set, _)| *is_set) {
        let _ = write!(style, ";{number}");
    }
    for (color, number) in [(cell.fgcolor(), 38), (cell.bgcolor(), 48)] {
        let _ = match color {
            Color::Default => Ok(()),
            Color::Idx(index) => write!(style, ";{number};5;{index}"),
            Color::Rgb(red, green, blue) => write!(style, ";{number};2;{red};{green};{blue}"),
        };
    }
    style
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    fn kept(output: &str, scrollback: usize) -> (String, bool) {
        let cells = |number| NonZeroU16::new(number).unwrap();
        let mut terminal = Parser::new(cells(3), cells(10), scrollback);
        terminal.process(output.as_bytes());
        lines(&mut terminal)
    }

    #[test]
    fn everything_that_is_held_is_there_without_the_empty_part_of_the_screen() {
        assert_eq!(kept("", 9), (String::new(), false));
        assert_eq!(kept("one\r\n\r\ntwo", 9), ("one\n\ntwo\n".to_owned(), false));
        assert_eq!(kept("1\r\n2\r\n3\r\n4\r\n5\r\n", 9), ("1\n2\n3\n4\n5\n".to_owned(), false));
        assert_eq!(kept("1\r\n2\r\n3\r\n4\r\n5\r\n6", 2), ("2\n3\n4\n5\n6\n".to_owned(), true));
        assert_eq!(kept("longer than ten\r\nx", 9).0, "longer than ten\nx\n", "a line that was wrapped is one");
        assert_eq!(kept("before\r\n\x1b[?1049hwhole screen", 9).0, "before\n");
    }

    #[test]
    fn colours_end_with_their_line_and_no_control_is_passed_on() {
        assert_eq!(kept("a \x1b[1;31mb\x1b[0m c", 9).0, "a \x1b[0;1;38;5;1mb\x1b[0m c\n");
        assert_eq!(kept("\x1b[44mx", 9).0, "\x1b[0;48;5;4mx\x1b[0m\n");
        let text = kept("\x1b]0;title\x07a\x1b[5nb\u{202e}c\u{9b}2J", 9).0;
        assert!(!text.contains(['\u{7}', '\u{202e}', '\u{9b}', '\u{1b}']), "{text:?}");
    }
}
