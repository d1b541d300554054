//! Long styled text: lines of segments, wrapped into rows only where they are shown.
//!
//! A [`Document`] does not depend on the size of the screen. A [`Layout`] determines the rows, which are computed only for what is
//! shown. No line is longer than a few screens (longer ones continue on the next), so that the cost of a frame or a step does not
//! depend on the length of the text.

mod search;
mod wrap;

pub use search::Search;
pub use wrap::{Layout, Position, row};

use std::borrow::Cow;
use std::ops::Range;

use crate::format::{safe_lines, width};

/// The largest size of a document in bytes; [`Document::omitted_bytes`] counts the rest.
pub const CAPACITY: usize = 32 << 20;
/// The largest number of lines of a document.
const MAX_LINES: usize = 1 << 20;
/// Bytes after which a line continues on the next one.
const MAX_LINE: usize = 16 << 10;

/// The role of a segment of text, for its style.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TextRole {
    /// Running text.
    #[default]
    Plain,
    /// The name of a value.
    Key,
    /// A string with its quotes.
    String,
    /// A number.
    Number,
    /// A literal such as `true` or `None`.
    Keyword,
    /// Brackets, commas, colons.
    Punct,
    /// The label of a line, such as a role.
    Label,
    /// The name of a called tool.
    Call,
    /// Less important text.
    Faint,
    /// An error.
    Error,
}

/// Safe text in lines. Each line has an indent for its first row and a hanging indent for the rows that it wraps into, in cells.
#[derive(Clone, Debug, Default)]
pub struct Document {
    text: String,
    lines: Vec<Line>,
    segments: Vec<Segment>,
    omitted_bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    start: u32,
    segment: u32,
    indent: u8,
    hang: u8,
    /// Whether it continues a line that was too long.
    is_continuation: bool,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    end: u32,
    role: TextRole,
}

/// A length of a document to rewind to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkpoint {
    text: usize,
    lines: usize,
    segments: usize,
    omitted_bytes: usize,
}

impl Document {
    /// Returns an empty document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a document of plain text.
    #[must_use]
    pub fn plain(text: &str) -> Self {
        let mut document = Self::new();
        document.push(text, TextRole::Plain);
        document
    }

    /// Begins a line, indented by `indent` cells. Rows that it wraps into, and lines after line breaks in its text, are indented by `hang`.
    pub fn begin_line(&mut self, indent: usize, hang: usize) {
        self.push_line(indent.min(255) as u8, hang.min(255) as u8, false);
    }

    /// Makes text safe and appends it to the last line. Line breaks begin new lines.
    pub fn push(&mut self, text: &str, role: TextRole) {
        match safe_lines(text) {
            Cow::Borrowed(text) => self.push_safe(text, role),
            Cow::Owned(text) => self.push_safe(&text, role),
        }
    }

    /// Appends text that [`safe_lines`] has returned.
    pub(super) fn push_safe(&mut self, text: &str, role: TextRole) {
        if self.lines.is_empty() {
            self.begin_line(0, 0);
        }
        let mut rest = text;
        while let Some(at) = memchr::memchr(b'\n', rest.as_bytes()) {
            self.append(&rest[..at], role);
            let hang = self.lines.last().map_or(0, |line| line.hang);
            self.push_line(hang, hang, false);
            rest = &rest[at + 1..];
        }
        self.append(rest, role);
    }

    /// Returns the current length, for [`Document::rewind`].
    pub(super) fn checkpoint(&self) -> Checkpoint {
        Checkpoint { text: self.text.len(), lines: self.lines.len(), segments: self.segments.len(), omitted_bytes: self.omitted_bytes }
    }

    /// Removes everything that was appended after `checkpoint`.
    pub(super) fn rewind(&mut self, checkpoint: Checkpoint) {
        self.text.truncate(checkpoint.text);
        self.lines.truncate(checkpoint.lines);
        self.segments.truncate(checkpoint.segments);
        // Later text may have extended the last segment.
        if let Some(last) = self.segments.last_mut() {
            last.end = checkpoint.text as u32;
        }
        self.omitted_bytes = checkpoint.omitted_bytes;
    }

    /// Returns the number of lines.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// Returns the text of a line without its indent; empty if there is no such line.
    #[must_use]
    pub fn line_text(&self, line: usize) -> &str {
        &self.text[self.range(line)]
    }

    /// Returns the whole text with its indents; continued lines are joined.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(self.text.len() + self.lines.len());
        for (at, line) in self.lines.iter().enumerate() {
            if at > 0 && !line.is_continuation {
                text.push('\n');
            }
            if !line.is_continuation {
                text.extend(std::iter::repeat_n(' ', usize::from(line.indent)));
            }
            text.push_str(self.line_text(at));
        }
        text
    }

    /// Returns the segments of a line with their roles, in order.
    pub fn segments(&self, line: usize) -> impl Iterator<Item = (&str, TextRole)> {
        self.segments_in(line, self.range(line)).map(|(range, role)| (&self.text[range], role))
    }

    /// Returns the indent of a line's first row, in cells.
    #[must_use]
    pub fn indent(&self, line: usize) -> usize {
        self.lines.get(line).map_or(0, |line| usize::from(line.indent))
    }

    /// Returns the hanging indent of a line, in cells.
    #[must_use]
    pub fn hang(&self, line: usize) -> usize {
        self.lines.get(line).map_or(0, |line| usize::from(line.hang))
    }

    /// Returns the number of bytes that did not fit.
    #[must_use]
    pub fn omitted_bytes(&self) -> usize {
        self.omitted_bytes
    }

    fn push_line(&mut self, indent: u8, hang: u8, is_continuation: bool) {
        if self.lines.len() < MAX_LINES && self.omitted_bytes == 0 {
            let (start, segment) = (self.text.len() as u32, self.segments.len() as u32);
            self.lines.push(Line { start, segment, indent, hang, is_continuation });
        } else {
            self.omitted_bytes += 1;
        }
    }

    /// Appends text without line breaks; long text continues on further lines.
    fn append(&mut self, text: &str, role: TextRole) {
        let mut rest = text;
        while !rest.is_empty() {
            let Some(&line) = self.lines.last() else { return };
            // After the first omission everything is omitted: text with a gap would mislead.
            if self.omitted_bytes > 0 || self.text.len() + rest.len() > CAPACITY {
                self.omitted_bytes += rest.len();
                return;
            }
            let room = MAX_LINE.saturating_sub(self.text.len() - line.start as usize);
            let cut = if rest.len() <= room { rest.len() } else { wrap::boundary(rest, room) };
            self.write(&rest[..cut], role);
            rest = &rest[cut..];
            if !rest.is_empty() {
                self.push_line(line.hang, line.hang, true);
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

    /// Returns the byte range of a line in the text.
    fn range(&self, line: usize) -> Range<usize> {
        let start = |line: usize| self.lines.get(line).map_or(self.text.len(), |line| line.start as usize);
        start(line)..start(line + 1)
    }

    /// Returns the parts of a line's segments within `range`, which must be inside the line.
    fn segments_in(&self, line: usize, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, TextRole)> {
        let first = |line: usize| self.lines.get(line).map_or(self.segments.len(), |line| line.segment as usize);
        let segments = &self.segments[first(line)..first(line + 1)];
        let first_segment = segments.partition_point(|segment| segment.end as usize <= range.start);
        let mut at = range.start;
        segments[first_segment..].iter().map_while(move |segment| {
            let part = at..range.end.min(segment.end as usize);
            at = part.end;
            (!part.is_empty()).then_some((part, segment.role))
        })
    }

    /// Returns the segments of the row from `row` to the byte `end` of its line, as ranges of the text.
    pub(super) fn row_segments(&self, row: Position, end: usize) -> impl Iterator<Item = (Range<usize>, TextRole)> {
        let line = self.range(row.line);
        let start = (line.start + row.byte).min(line.end);
        self.segments_in(row.line, start..(line.start + end).min(line.end))
    }

    /// Returns a range of the text.
    pub(super) fn slice(&self, range: Range<usize>) -> &str {
        &self.text[range]
    }

    /// Returns the cells before `position` in its unwrapped line.
    pub(super) fn column(&self, position: Position) -> usize {
        self.indent(position.line) + width(self.line_text(position.line).get(..position.byte).unwrap_or_default())
    }

    /// Returns the line that contains a byte of the text.
    fn line_of(&self, byte: usize) -> usize {
        self.lines.partition_point(|line| line.start as usize <= byte).saturating_sub(1)
    }
}

#[cfg(test)]
mod tests;
