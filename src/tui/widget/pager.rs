//! A pager: a document with its scroll position and its search.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Glyphs;
use super::cell::put_grapheme;
use super::json::LazyTail;
use super::text::{Document, Layout, Position, Search, TextRole};
use crate::format::cells;

/// A document, its topmost row on the screen, and the search in it.
#[derive(Clone, Debug)]
pub struct Pager {
    document: Document,
    /// The part of a long value that is not in the document yet.
    tail: Option<LazyTail>,
    top: Position,
    layout: Layout,
    height: u16,
    /// Cells by which unwrapped lines are scrolled to the left.
    shift: usize,
    search: Option<Search>,
}

/// Lines to lay out ahead: more than any screen has.
const LINES_AHEAD: usize = 1000;

/// The styles of a drawn document.
pub struct Styles<'a> {
    /// Returns the style of a role.
    pub role: &'a dyn Fn(TextRole) -> Style,
    /// Patches the style of matches.
    pub found: Style,
    /// Patches the style of the current match.
    pub current: Style,
}

impl Pager {
    /// Opens a document at its beginning, wrapped to 80 columns until [`Pager::resize`].
    #[must_use]
    pub fn new(document: Document) -> Self {
        Self {
            document,
            tail: None,
            top: Position::default(),
            layout: Layout { width: 80, wrap: true },
            height: 24,
            shift: 0,
            search: None,
        }
    }

    /// Replaces the document, keeps the position and ends the search.
    pub fn replace(&mut self, document: Document) {
        self.open(document, None);
    }

    /// Replaces the document by the beginning of a long value, whose `tail` is laid out on demand.
    pub fn open(&mut self, document: Document, tail: Option<LazyTail>) {
        (self.document, self.tail) = (document, tail);
        self.search = None;
        self.lay_out_from(self.top.line);
        self.show(self.top);
    }

    /// Lays out the lines that are visible from `line` on, and some more.
    fn lay_out_from(&mut self, line: usize) {
        self.lay_out_while(|document| document.lines() <= line.saturating_add(LINES_AHEAD));
    }

    fn lay_out_while(&mut self, is_needed: impl Fn(&Document) -> bool) {
        while is_needed(&self.document)
            && let Some(tail) = &mut self.tail
        {
            if !tail.lay_out(&mut self.document) {
                self.tail = None;
            }
        }
    }

    /// Returns the document.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Sets the size in columns and lines; the topmost line stays if possible.
    pub fn resize(&mut self, width: u16, height: u16) {
        if (self.layout.width, self.height) != (width, height) {
            self.layout.width = width;
            self.height = height;
            self.show(self.top);
        }
    }

    /// Whether long lines are wrapped.
    #[must_use]
    pub fn is_wrapped(&self) -> bool {
        self.layout.wrap
    }

    /// Sets whether long lines are wrapped or clipped.
    pub fn set_wrap(&mut self, wrap: bool) {
        self.layout.wrap = wrap;
        self.shift = 0;
        self.show(self.top);
    }

    /// Scrolls down by `rows`, or up if negative, as far as the first or last screen.
    pub fn scroll(&mut self, rows: isize) {
        let by = rows.unsigned_abs();
        if rows < 0 {
            self.top = self.document.up(self.top, by, self.layout);
        } else {
            self.lay_out_from(self.top.line.saturating_add(by));
            self.show(self.document.down(self.top, by, self.layout));
        }
    }

    /// Scrolls so that a line is the topmost one, as far as the last screen.
    pub fn scroll_to_line(&mut self, line: usize) {
        self.lay_out_from(line);
        self.show(Position { line, byte: 0 });
    }

    /// Scrolls so that the beginning of a line is visible; a hidden one appears a third of the screen below the top.
    pub fn reveal_line(&mut self, line: usize) {
        self.lay_out_from(line);
        self.reveal(Some(Position { line: line.min(self.document.lines().saturating_sub(1)), byte: 0 }));
    }

    /// Scrolls unwrapped lines to the left by `cells`, or to the right if negative.
    pub fn shift(&mut self, cells: isize) {
        if !self.layout.wrap {
            self.shift = self.shift.saturating_add_signed(cells).min(1 << 14);
        }
    }

    /// Scrolls to the beginning.
    pub fn scroll_to_top(&mut self) {
        self.top = Position::default();
    }

    /// Scrolls to the end.
    pub fn scroll_to_end(&mut self) {
        self.lay_out_while(|_| true);
        self.top = self.document.last(usize::from(self.height), self.layout);
    }

    /// Returns the topmost line, from 0, and the number of lines.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.top.line, self.document.lines())
    }

    /// Returns the line of the current match if it is on the screen, else the topmost line.
    #[must_use]
    pub fn line(&self) -> usize {
        let bottom = self.document.down(self.top, usize::from(self.height.saturating_sub(1)), self.layout);
        let found = self.search.as_ref().and_then(|search| search.position(&self.document)).map(|position| position.line);
        found.filter(|line| (self.top.line..=bottom.line).contains(line)).unwrap_or(self.top.line)
    }

    /// Whether the document holds all lines.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.tail.is_none()
    }

    /// Whether there is more below.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.top < self.document.last(usize::from(self.height), self.layout)
    }

    /// Searches for `needle` and scrolls to the first match from here on; an empty needle ends the search.
    pub fn search(&mut self, needle: &str) {
        if !needle.is_empty() {
            self.lay_out_while(|_| true);
        }
        let mut search = Search::new(&self.document, needle);
        let position = search.select_from(&self.document, self.top);
        self.search = (!needle.is_empty()).then_some(search);
        self.reveal(position);
    }

    /// Scrolls to the next match.
    pub fn next_match(&mut self) {
        let position = self.search.as_mut().and_then(|search| search.select_next(&self.document));
        self.reveal(position);
    }

    /// Scrolls to the previous match.
    pub fn previous_match(&mut self) {
        let position = self.search.as_mut().and_then(|search| search.select_previous(&self.document));
        self.reveal(position);
    }

    /// Returns the number of the current match, from 1, and the number of matches; `None` without a search.
    #[must_use]
    pub fn matches(&self) -> Option<(usize, usize)> {
        self.search.as_ref().map(|search| ((search.current() + 1).min(search.count()), search.count()))
    }

    /// Draws the visible rows into `area`. The cost depends on the size of the area alone.
    pub fn render(&self, area: Rect, buffer: &mut Buffer, styles: &Styles<'_>, glyphs: Glyphs) {
        let area = area.intersection(buffer.area);
        if area.is_empty() || self.document.lines() == 0 {
            return;
        }
        let layout = Layout { width: area.width, ..self.layout };
        let mut position = Some(self.top);
        for y in area.y..area.bottom() {
            let Some(row) = position else { break };
            self.render_row(row, layout, Rect { y, height: 1, ..area }, buffer, styles, glyphs);
            position = self.document.next(row, layout);
        }
    }

    fn render_row(&self, row: Position, layout: Layout, area: Rect, buffer: &mut Buffer, styles: &Styles<'_>, glyphs: Glyphs) {
        let end = self.document.row_end(row, layout);
        // Negative for graphemes left of the area.
        let mut x = self.document.row_indent(row, layout) as isize - self.shift as isize;
        let room = isize::try_from(area.width).unwrap_or_default();
        for (range, role) in self.document.row_segments(row, end) {
            let style = (styles.role)(role);
            let mut found = self.search.iter().flat_map(|search| search.overlapping(range.clone())).peekable();
            let mut byte = range.start;
            for (grapheme, width) in cells(self.document.slice(range.clone())) {
                while found.next_if(|(found, _)| found.end <= byte).is_some() {}
                let style = match found.peek() {
                    Some((found, current)) if found.contains(&byte) => style.patch(if *current { styles.current } else { styles.found }),
                    _ => style,
                };
                byte += grapheme.len();
                let next = x + width as isize;
                if next > room {
                    if !layout.wrap {
                        let symbol = if glyphs == Glyphs::Ascii { '>' } else { '›' };
                        buffer[(area.right() - 1, area.y)].set_char(symbol).set_style((styles.role)(TextRole::Faint));
                    }
                    return;
                }
                if x >= 0 {
                    put_grapheme(buffer, (area.x + x as u16, area.y), grapheme, style);
                }
                x = next;
            }
        }
    }

    /// Scrolls so that the row of `position` is the topmost one, or to the last screen.
    fn show(&mut self, position: Position) {
        let row = self.document.row_of(position, self.layout);
        self.top = row.min(self.document.last(usize::from(self.height), self.layout));
    }

    /// Scrolls so that `position` is visible; a hidden one appears a third of the screen below the top.
    fn reveal(&mut self, position: Option<Position>) {
        let Some(position) = position else { return };
        let row = self.document.row_of(position, self.layout);
        let bottom = self.document.down(self.top, usize::from(self.height.saturating_sub(1)), self.layout);
        if row < self.top || row > bottom {
            self.show(self.document.up(row, usize::from(self.height / 3), self.layout));
        }
        if !self.layout.wrap {
            let before = self.document.column(position);
            if before < self.shift || before + 8 > self.shift + usize::from(self.layout.width) {
                self.shift = before.saturating_sub(usize::from(self.layout.width / 2));
            }
        }
    }
}

#[cfg(test)]
mod tests;
