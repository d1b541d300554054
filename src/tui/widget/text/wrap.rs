//! Where rows break, and how one gets from row to row.

use unicode_width::UnicodeWidthChar;

use super::Document;
use crate::format::cells;

/// How far before the end of what fits a good place to cut is looked for, in bytes.
const SLACK: usize = 256;

/// How a document is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Cells in a row.
    pub width: u16,
    /// Whether a line that is longer goes on in the next row.
    pub wrap: bool,
}

/// A row of a document: a line, and the byte of it with which the row begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 0.
    pub line: usize,
    /// The byte in the line.
    pub byte: usize,
}

impl Document {
    /// The row `rows` below `place`, or the last.
    #[must_use]
    pub fn down(&self, place: Position, rows: usize, layout: Layout) -> Position {
        let mut place = place;
        if !layout.wrap {
            return Position { line: place.line.saturating_add(rows).min(self.lines.len().saturating_sub(1)), byte: 0 };
        }
        for _ in 0..rows {
            let Some(next) = self.next(place, layout) else { break };
            place = next;
        }
        place
    }

    /// The row `rows` above `place`, or the first.
    #[must_use]
    pub fn up(&self, place: Position, rows: usize, layout: Layout) -> Position {
        if !layout.wrap {
            return Position { line: place.line.saturating_sub(rows), byte: 0 };
        }
        let (mut line, mut byte, mut rows) = (place.line, place.byte, rows);
        loop {
            let starts = self.starts(line, layout);
            let row = starts.partition_point(|&start| start <= byte).saturating_sub(1);
            if rows <= row {
                return Position { line, byte: starts[row - rows] };
            }
            if line == 0 {
                return Position::default();
            }
            rows -= row + 1;
            line -= 1;
            byte = usize::MAX;
        }
    }

    /// The topmost row from which `height` rows reach the end.
    #[must_use]
    pub fn last(&self, height: usize, layout: Layout) -> Position {
        let end = Position { line: self.lines.len().saturating_sub(1), byte: usize::MAX };
        self.up(end, height.saturating_sub(1), layout)
    }

    /// The row that shows what stands at `place`.
    #[must_use]
    pub fn row_of(&self, place: Position, layout: Layout) -> Position {
        let line = place.line.min(self.lines.len().saturating_sub(1));
        self.up(Position { line, byte: place.byte }, 0, layout)
    }

    /// The row after `place`.
    pub(in crate::tui::widget) fn next(&self, place: Position, layout: Layout) -> Option<Position> {
        let end = self.row_end(place, layout);
        if layout.wrap && end < self.line_text(place.line).len() {
            Some(Position { line: place.line, byte: end })
        } else {
            (place.line + 1 < self.lines.len()).then_some(Position { line: place.line + 1, byte: 0 })
        }
    }

    /// The byte of the line at which the row ends.
    pub(in crate::tui::widget) fn row_end(&self, place: Position, layout: Layout) -> usize {
        let text = self.line_text(place.line);
        if !layout.wrap {
            return text.len();
        }
        let room = usize::from(layout.width).saturating_sub(self.row_indent(place, layout)).max(1);
        place.byte + text.get(place.byte..).map_or(0, |rest| row(rest, room))
    }

    /// The indent of a row in cells; never more than half of the width.
    pub(in crate::tui::widget) fn row_indent(&self, place: Position, layout: Layout) -> usize {
        let indent = self.lines.get(place.line).map_or(0, |line| if place.byte == 0 { line.indent } else { line.hang });
        usize::from(indent).min(usize::from(layout.width) / 2)
    }

    /// The bytes of a line at which its rows begin; at least one.
    fn starts(&self, line: usize, layout: Layout) -> Vec<usize> {
        let mut starts = vec![0];
        let length = self.line_text(line).len();
        let mut byte = self.row_end(Position { line, byte: 0 }, layout);
        while byte < length {
            starts.push(byte);
            byte = self.row_end(Position { line, byte }, layout);
        }
        starts
    }
}

/// Bytes of `text` that make a row of `room` cells: up to the last word that fits, blanks behind it included. A word that
/// would leave half of the row empty is broken. More than 0 of any text.
#[must_use]
pub fn row(text: &str, room: usize) -> usize {
    let (mut used, mut at, mut word) = (0, 0, None);
    for (grapheme, width) in cells(text) {
        if grapheme == " " {
            word = (used * 2 >= room).then_some(at + 1);
        } else if used + width > room {
            return word.unwrap_or(if at == 0 { grapheme.len() } else { at });
        }
        used += width;
        at += grapheme.len();
    }
    at
}

/// Where text that is longer than `room` is best cut: behind a blank, else between two ASCII characters, else before a character
/// that does not belong to the one before. At 0 only if nothing fits.
pub(super) fn boundary(text: &str, room: usize) -> usize {
    let bytes = text.as_bytes();
    let near = room.saturating_sub(SLACK).max(1)..room + 1;
    let find = |good: &dyn Fn(usize) -> bool| near.clone().rev().find(|&at| at < bytes.len() && good(at));
    find(&|at| bytes[at - 1] == b' ' && bytes[at].is_ascii())
        .or_else(|| find(&|at| bytes[at - 1].is_ascii() && bytes[at].is_ascii()))
        .or_else(|| find(&|at| text.is_char_boundary(at) && text[at..].chars().next().and_then(UnicodeWidthChar::width) != Some(0)))
        .or_else(|| (0..=room).rev().find(|&at| text.is_char_boundary(at)))
        .unwrap_or(0)
}
