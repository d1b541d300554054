//! Long text in colours: lines of segments that are laid out only where they are looked at.
//!
//! A [`Document`] is written once and never changes with the screen. Where its rows break depends on a [`Layout`] and is worked
//! out for the rows that are shown: no line is longer than a few screens (a longer one is continued on the next), so that
//! neither a frame nor a step depends on how long the text is.

mod search;
mod wrap;

pub use search::Search;
pub use wrap::{Layout, Position, row};

use std::borrow::Cow;
use std::ops::Range;

use crate::format::{safe_lines, width};

/// Bytes of text that a document holds at most; [`Document::left_out`] counts the rest.
pub const CAPACITY: usize = 32 << 20;
/// Lines that a document holds at most.
const LINES: usize = 1 << 20;
/// Bytes after which a line is continued on the next one.
const LINE: usize = 16 << 10;

/// What a piece of text is; whoever draws it picks the colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TextRole {
    /// Running text.
    #[default]
    Plain,
    /// A name that something has.
    Key,
    /// A string's content, with its quotes.
    String,
    /// A number.
    Number,
    /// `true`, `None` and their like.
    Keyword,
    /// Brackets, commas, colons.
    Punct,
    /// Who speaks.
    Label,
    /// What is called.
    Call,
    /// What matters less.
    Faint,
    /// What went wrong.
    Error,
}

/// Safe text in lines; each line has an indent for its first row and one for the rows it is wrapped into, in cells.
#[derive(Clone, Debug, Default)]
pub struct Document {
    text: String,
    lines: Vec<Line>,
    segments: Vec<Segment>,
    left_out: usize,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    start: u32,
    segment: u32,
    indent: u8,
    hang: u8,
    /// It goes on with what was too long for the line before.
    continues: bool,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    end: u32,
    role: TextRole,
}

/// How long a document was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    text: usize,
    lines: usize,
    segments: usize,
    left_out: usize,
}

impl Document {
    /// A document with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A document of running text.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        let mut document = Self::new();
        document.push(text, TextRole::Plain);
        document
    }

    /// Begins a line, indented by `indent` cells; where it is wrapped or goes on after a line break in its text, by `hang` cells.
    pub fn line(&mut self, indent: usize, hang: usize) {
        self.begin(indent.min(255) as u8, hang.min(255) as u8, false);
    }

    /// Adds text from anywhere to the last line. Line breaks in it begin new lines.
    pub fn push(&mut self, text: &str, role: TextRole) {
        match safe_lines(text) {
            Cow::Borrowed(text) => self.push_safe(text, role),
            Cow::Owned(text) => self.push_safe(&text, role),
        }
    }

    /// Adds text that has been through [`safe_lines`].
    pub(super) fn push_safe(&mut self, text: &str, role: TextRole) {
        if self.lines.is_empty() {
            self.line(0, 0);
        }
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'\n', rest.as_bytes()) {
            self.append(&rest[..at], role);
            let hang = self.lines.last().map_or(0, |line| line.hang);
            self.begin(hang, hang, false);
            rest = &rest[at + 1..];
        }
        self.append(rest, role);
    }

    /// The document as it is, to [`Document::rewind`] to.
    pub(super) fn mark(&self) -> Mark {
        Mark { text: self.text.len(), lines: self.lines.len(), segments: self.segments.len(), left_out: self.left_out }
    }

    /// Takes back all that was added since the mark.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.text.truncate(mark.text);
        self.lines.truncate(mark.lines);
        self.segments.truncate(mark.segments);
        // What came after the mark may have prolonged it.
        if let Some(last) = self.segments.last_mut() {
            last.end = mark.text as u32;
        }
        self.left_out = mark.left_out;
    }

    /// How many lines there are.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// The text of a line, without its indent; empty if there is no such line.
    #[must_use]
    pub fn line_text(&self, line: usize) -> &str {
        &self.text[self.range(line)]
    }

    /// All of the text, with its indents; lines that were too long for one are whole again.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.text.len() + self.lines.len());
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 && !line.continues {
                text.push('\n');
            }
            if !line.continues {
                text.extend(std::iter::repeat_n(' ', usize::from(line.indent)));
            }
            text.push_str(self.line_text(at));
        }
        text
    }

    /// A line's pieces, in order.
    pub fn segments(&self, line: usize) -> impl Iterator<Item = (&str, TextRole)> {
        self.segments_in(line, self.range(line)).map(|(range, role)| (&self.text[range], role))
    }

    /// The indent of a line's first row, in cells.
    #[must_use]
    pub fn indent(&self, line: usize) -> usize {
        self.lines.get(line).map_or(0, |line| usize::from(line.indent))
    }

    /// The indent of the rows that a line is wrapped into, in cells.
    #[must_use]
    pub fn hang(&self, line: usize) -> usize {
        self.lines.get(line).map_or(0, |line| usize::from(line.hang))
    }

    /// Bytes of text that did not fit in.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    fn begin(&mut self, indent: u8, hang: u8, continues: bool) {
        if self.lines.len() < LINES && self.left_out == 0 {
            let (start, segment) = (self.text.len() as u32, self.segments.len() as u32);
            self.lines.push(Line { start, segment, indent, hang, continues });
        } else {
            self.left_out += 1;
        }
    }

    /// Adds text without line breaks, continued on further lines if it is long.
    fn append(&mut self, text: &str, role: TextRole) {
        let mut rest = text;
        while !rest.is_empty() {
            let Some(&line) = self.lines.last() else { return };
            // Once something is left out, so is all that follows: text with a hole in it misleads.
            if self.left_out > 0 || self.text.len() + rest.len() > CAPACITY {
                self.left_out += rest.len();
                return;
            }
            let room = LINE.saturating_sub(self.text.len() - line.start as usize);
            let cut = if rest.len() <= room { rest.len() } else { wrap::boundary(rest, room) };
            self.write(&rest[..cut], role);
            rest = &rest[cut..];
            if !rest.is_empty() {
                self.begin(line.hang, line.hang, true);
            }
        }
    }

    fn write(&mut self, text: &str, role: TextRole) {
        self.text.push_str(text);
        let end = self.text.len() as u32;
        let first = self.lines.last().map_or(0, |line| line.segment as usize);
        match self.segments[first..].last_mut() {
            Some(last) if last.role == role => last.end = end,
            _ if text.is_empty() => {}
            _ => self.segments.push(Segment { end, role }),
        }
    }

    /// Where a line's text lies.
    fn range(&self, line: usize) -> Range<usize> {
        let start = |line: usize| self.lines.get(line).map_or(self.text.len(), |line| line.start as usize);
        start(line)..start(line + 1)
    }

    /// The pieces of a line that `range`, which lies in it, cuts out.
    fn segments_in(&self, line: usize, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, TextRole)> {
        let first = |line: usize| self.lines.get(line).map_or(self.segments.len(), |line| line.segment as usize);
        let segments = &self.segments[first(line)..first(line + 1)];
        let skip = segments.partition_point(|segment| segment.end as usize <= range.start);
        let mut at = range.start;
        segments[skip..].iter().map_while(move |segment| {
            let piece = at..range.end.min(segment.end as usize);
            at = piece.end;
            (!piece.is_empty()).then_some((piece, segment.role))
        })
    }

    /// The pieces of a row that begins at `row` and ends at the byte `end` of its line, by their place in the text.
    pub(super) fn pieces(&self, row: Position, end: usize) -> impl Iterator<Item = (Range<usize>, TextRole)> {
        let line = self.range(row.line);
        let start = (line.start + row.byte).min(line.end);
        self.segments_in(row.line, start..(line.start + end).min(line.end))
    }

    /// A piece of the text.
    pub(super) fn slice(&self, range: Range<usize>) -> &str {
        &self.text[range]
    }

    /// The cells before `place` in its unwrapped line.
    pub(super) fn column(&self, place: Position) -> usize {
        self.indent(place.line) + width(self.line_text(place.line).get(..place.byte).unwrap_or_default())
    }

    /// The line that a byte of the text lies in.
    fn line_of(&self, byte: usize) -> usize {
        self.lines.partition_point(|line| line.start as usize <= byte).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests;
