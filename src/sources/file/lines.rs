//! Line numbers.

/// Counts the lines of a text up to offsets that increase.
#[derive(Debug)]
pub(super) struct LineCounter<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> LineCounter<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    /// Returns the number, from 1, of the line at an offset.
    pub(super) fn line_at(&mut self, offset: usize) -> usize {
        let skipped = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', skipped).count();
        self.offset = self.offset.max(offset);
        self.line
    }

    /// Returns the number, from 1, of the line on which a part of the text begins.
    pub(super) fn line_of(&mut self, part: &[u8]) -> u32 {
        self.line_at((part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize)) as u32
    }
}
