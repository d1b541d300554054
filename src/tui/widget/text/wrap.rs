//! Wraps lines into rows, and moves from row to row.

use unicode_width::UnicodeWidthChar;

use super::Document;
use crate::format::cells;

/// Bytes before the end of a line that are searched for a good position to cut.
const SLACK: usize = 256;

/// The layout of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Cells in a row.
    pub width: u16,
    /// Whether longer lines wrap into the next row.
    pub wrap: bool,
}

/// A position in a document; that of a row is its first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, from 0.
    pub line: usize,
    /// The byte in the line.
    pub byte: usize,
}

impl Document {
    /// Returns the row `rows` below `position`, or the last one.
    #[must_use]
    pub fn down(&self, position: Position, rows: usize, layout: Layout) -> Position {
        let mut position = position;
        if !layout.wrap {
            return Position { line: position.line.saturating_add(rows).min(self.lines.len().saturating_sub(1)), byte: 0 };
        }
        for _ in 0..rows {
            let Some(next) = self.next(position, layout) else { break };
            position = next;
        }
        position
    }

    /// Returns the row `rows` above `position`, or the first one.
    #[must_use]
    pub fn up(&self, position: Position, rows: usize, layout: Layout) -> Position {
        if !layout.wrap {
            return Position { line: position.line.saturating_sub(rows), byte: 0 };
        }
        let (mut line, mut byte, mut rows) = (position.line, position.byte, rows);
        loop {
            let row_starts = self.row_starts(line, layout);
            let row = row_starts.partition_point(|&start| start <= byte).saturating_sub(1);
            if rows <= row {
                return Position { line, byte: row_starts[row - rows] };
            }
            if line == 0 {
                return Position::default();
            }
            rows -= row + 1;
            line -= 1;
            byte = usize::MAX;
        }
    }

    /// Returns the topmost row of the last screen of `height` rows.
    #[must_use]
    pub fn last(&self, height: usize, layout: Layout) -> Position {
        let end = Position { line: self.lines.len().saturating_sub(1), byte: usize::MAX };
        self.up(end, height.saturating_sub(1), layout)
    }

    /// Returns the row that contains `position`.
    #[must_use]
    pub fn row_of(&self, position: Position, layout: Layout) -> Position {
        let line = position.line.min(self.lines.len().saturating_sub(1));
        self.up(Position { line, byte: position.byte }, 0, layout)
    }

    /// Returns the row after `position`.
    pub(in crate::tui::widget) fn next(&self, position: Position, layout: Layout) -> Option<Position> {
        let end = self.row_end(position, layout);
        if layout.wrap && end < self.line_text(position.line).len() {
            Some(Position { line: position.line, byte: end })
        } else {
            (position.line + 1 < self.lines.len()).then_some(Position { line: position.line + 1, byte: 0 })
        }
    }

    /// Returns the byte of the line at which the row ends.
    pub(in crate::tui::widget) fn row_end(&self, position: Position, layout: Layout) -> usize {
        let text = self.line_text(position.line);
        if !layout.wrap {
            return text.len();
        }
        let room = usize::from(layout.width).saturating_sub(self.row_indent(position, layout)).max(1);
        position.byte + text.get(position.byte..).map_or(0, |rest| row(rest, room))
    }

    /// Returns the indent of a row in cells, at most half of the width.
    pub(in crate::tui::widget) fn row_indent(&self, position: Position, layout: Layout) -> usize {
        let indent = self.lines.get(position.line).map_or(0, |line| if position.byte == 0 { line.indent } else { line.hang });
        usize::from(indent).min(usize::from(layout.width) / 2)
    }

    /// Returns the bytes of a line at which its rows begin; at least one.
    fn row_starts(&self, line: usize, layout: Layout) -> Vec<usize> {
        let mut row_starts = vec![0];
        let length = self.line_text(line).len();
        let mut byte = self.row_end(Position { line, byte: 0 }, layout);
        while byte < length {
            row_starts.push(byte);
            byte = self.row_end(Position { line, byte }, layout);
        }
        row_starts
    }
}

/// Returns the bytes of `text` that fill a row of `room` cells: whole words with their trailing blanks. A word that would leave more than
/// half of the row empty is broken. Never 0, except for empty text.
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

/// Returns the best position to cut text that is longer than `room` bytes: after a blank, else between two ASCII characters, else before a
/// character that does not combine with the previous one. 0 only if nothing fits.
pub(super) fn boundary(text: &str, room: usize) -> usize {
    let bytes = text.as_bytes();
    let candidates = room.saturating_sub(SLACK).max(1)..room + 1;
    let find = |good: &dyn Fn(usize) -> bool| candidates.clone().rev().find(|&at| at < bytes.len() && good(at));
    find(&|at| bytes[at - 1] == b' ' && bytes[at].is_ascii())
        .or_else(|| find(&|at| bytes[at - 1].is_ascii() && bytes[at].is_ascii()))
        .or_else(|| find(&|at| text.is_char_boundary(at) && text[at..].chars().next().and_then(UnicodeWidthChar::width) != Some(0)))
        .or_else(|| (0..=room).rev().find(|&at| text.is_char_boundary(at)))
        .unwrap_or(0)
}
