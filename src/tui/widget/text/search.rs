//! Case-insensitive search in a document.

use std::ops::Range;

use regex::RegexBuilder;

use super::{Document, Position};

/// The largest number of matches of one search.
const MAX_MATCHES: usize = 10_000;

/// The matches of a text in a document, in order, and the current one.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Byte ranges of the document's text.
    matches: Vec<Range<usize>>,
    current: usize,
}

impl Search {
    /// Searches `document` for `needle`. Only the first ten thousand matches count; an empty needle has none.
    #[must_use]
    pub fn new(document: &Document, needle: &str) -> Self {
        Self { matches: find(document, needle), current: 0 }
    }

    /// Returns the number of matches.
    #[must_use]
    pub fn count(&self) -> usize {
        self.matches.len()
    }

    /// Returns the index of the current match, from 0.
    #[must_use]
    pub fn current(&self) -> usize {
        self.current
    }

    /// Selects the first match at or after `position`, else the first of all, and returns its position.
    pub fn select_from(&mut self, document: &Document, position: Position) -> Option<Position> {
        let byte = document.range(position.line).start + position.byte;
        self.current = self.matches.partition_point(|found| found.start < byte);
        if self.current == self.matches.len() {
            self.current = 0;
        }
        self.position(document)
    }

    /// Selects the next match, after the last the first, and returns its position.
    pub fn select_next(&mut self, document: &Document) -> Option<Position> {
        self.current = if self.current + 1 < self.matches.len() { self.current + 1 } else { 0 };
        self.position(document)
    }

    /// Selects the previous match, before the first the last, and returns its position.
    pub fn select_previous(&mut self, document: &Document) -> Option<Position> {
        self.current = self.current.checked_sub(1).unwrap_or(self.matches.len().saturating_sub(1));
        self.position(document)
    }

    /// Returns the position of the current match, or `None` without matches.
    #[must_use]
    pub fn position(&self, document: &Document) -> Option<Position> {
        let byte = self.matches.get(self.current)?.start;
        let line = document.line_of(byte);
        Some(Position { line, byte: byte - document.range(line).start })
    }

    /// Returns the matches that overlap `range` of the document's text, each with whether it is the current one.
    pub(in crate::tui::widget) fn overlapping(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, bool)> {
        let first = self.matches.partition_point(|found| found.end <= range.start);
        (first..)
            .zip(&self.matches[first..])
            .take_while(move |(_, found)| found.start < range.end)
            .map(|(at, found)| (found.clone(), at == self.current))
    }
}

impl Document {
    /// Whether `range` of the text crosses no line break.
    fn is_one_line(&self, range: &Range<usize>) -> bool {
        let (first, last) = (self.line_of(range.start), self.line_of(range.end - 1));
        self.lines[first + 1..=last].iter().all(|line| line.is_continuation)
    }
}

/// Returns at most [`MAX_MATCHES`] places of `needle`, in order. An empty needle, or one too long for the regex engine, has none.
fn find(document: &Document, needle: &str) -> Vec<Range<usize>> {
    let mut matches = Vec::new();
    let regex = RegexBuilder::new(&regex::escape(needle)).case_insensitive(true).build();
    let Some(regex) = regex.ok().filter(|_| !needle.is_empty()) else { return matches };
    let mut start = 0;
    while matches.len() < MAX_MATCHES
        && let Some(found) = regex.find_at(&document.text, start)
    {
        if document.is_one_line(&found.range()) {
            start = found.end();
            matches.push(found.range());
        } else {
            // Lines are stored without the breaks between them: a match may begin one character later.
            start = found.start() + document.text[found.start()..].chars().next().map_or(1, char::len_utf8);
        }
    }
    matches
}
