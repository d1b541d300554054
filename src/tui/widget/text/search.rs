//! Finding text in a document, upper and lower case alike.

use std::ops::Range;

use super::{Document, Position};

/// Places that are found at most.
const MOST: usize = 10_000;

/// Where something was found in a document, in order, and which of these places is looked at.
#[derive(Clone, Debug, Default)]
pub struct Search {
    found: Vec<Range<usize>>,
    current: usize,
}

impl Search {
    /// Every place where `needle` stands in `document`, ten thousand at most. Nothing is found nowhere.
    #[must_use]
    pub fn new(document: &Document, needle: &str) -> Self {
        let found = if needle.is_ascii() { ascii(document, needle.as_bytes()) } else { folded(document, needle) };
        Self { found, current: 0 }
    }

    /// How many places there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Which of them is looked at, from 0.
    #[must_use]
    pub fn current(&self) -> usize {
        self.current
    }

    /// Looks at the first place at or behind `place`, else at the first of all, and says where it is.
    pub fn go(&mut self, document: &Document, place: Position) -> Option<Position> {
        let byte = document.range(place.line).start + place.byte;
        self.current = self.found.partition_point(|found| found.start < byte);
        if self.current == self.found.len() {
            self.current = 0;
        }
        self.place(document)
    }

    /// Looks at the place after the one looked at, round and round.
    pub fn forward(&mut self, document: &Document) -> Option<Position> {
        self.current = if self.current + 1 < self.found.len() { self.current + 1 } else { 0 };
        self.place(document)
    }

    /// Looks at the place before.
    pub fn backward(&mut self, document: &Document) -> Option<Position> {
        self.current = self.current.checked_sub(1).unwrap_or(self.found.len().saturating_sub(1));
        self.place(document)
    }

    /// Where the place looked at is; `None` if nothing was found.
    #[must_use]
    pub fn place(&self, document: &Document) -> Option<Position> {
        let byte = self.found.get(self.current)?.start;
        let line = document.line_of(byte);
        Some(Position { line, byte: byte - document.range(line).start })
    }

    /// The places that lie in or reach into `range` of the text; whether each is the one looked at.
    pub(in crate::tui::widget) fn within(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, bool)> {
        let first = self.found.partition_point(|found| found.end <= range.start);
        (first..)
            .zip(&self.found[first..])
            .take_while(move |(_, found)| found.start < range.end)
            .map(|(at, found)| (found.clone(), at == self.current))
    }
}

impl Document {
    /// Whether `range` of the text is read as one line.
    fn is_one_line(&self, range: &Range<usize>) -> bool {
        let (first, last) = (self.line_of(range.start), self.line_of(range.end - 1));
        self.lines[first + 1..=last].iter().all(|line| line.continues)
    }
}

fn ascii(document: &Document, needle: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Some(first) = needle.first() else { return found };
    let text = document.text.as_bytes();
    let mut at = 0;
    while let Some(step) = memchr::memchr2(first.to_ascii_lowercase(), first.to_ascii_uppercase(), &text[at..]) {
        at += step;
        let range = at..at + needle.len();
        let Some(candidate) = text.get(range.clone()) else { break };
        if candidate.eq_ignore_ascii_case(needle) && document.is_one_line(&range) {
            at = range.end;
            found.push(range);
        } else {
            at += 1;
        }
        if found.len() == MOST {
            break;
        }
    }
    found
}

fn folded(document: &Document, needle: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let needle: Vec<char> = needle.chars().map(fold).collect();
    let mut at = 0;
    while let Some(c) = document.text[at..].chars().next() {
        let mut rest = document.text[at..].chars();
        let range = needle
            .iter()
            .all(|&wanted| rest.next().is_some_and(|c| fold(c) == wanted))
            .then(|| at..document.text.len() - rest.as_str().len());
        match range.filter(|range| document.is_one_line(range)) {
            Some(range) => {
                at = range.end;
                found.push(range);
            }
            None => at += c.len_utf8(),
        }
        if found.len() == MOST {
            break;
        }
    }
    found
}

fn fold(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}
