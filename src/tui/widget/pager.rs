//! A document being read: where one is in it, what is searched, and how it is drawn.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::Glyphs;
use super::json::LazyTail;
use super::text::{Document, Layout, Position, Search, TextRole};
use crate::format::cells;

/// A document, the row at the top of the screen, and the search in it.
#[derive(Clone, Debug)]
pub struct Pager {
    document: Document,
    /// What of a long value is not in the document yet.
    rest: Option<LazyTail>,
    top: Position,
    layout: Layout,
    height: u16,
    /// Cells by which unwrapped lines are moved to the left.
    shift: usize,
    search: Option<Search>,
}

/// Lines that are laid out beyond those wanted: more than any screen has.
const REACH: usize = 1000;

/// The colours in which a document is drawn.
pub struct Styles<'a> {
    /// Each role's.
    pub role: &'a dyn Fn(TextRole) -> Style,
    /// Laid over what was found.
    pub found: Style,
    /// Laid over the place that is looked at.
    pub current: Style,
}

impl Pager {
    /// Opens a document at its beginning, wrapped. [`Reader::resize`] must say how much of it can be seen.
    #[must_use]
    pub fn new(document: Document) -> Self {
        Self {
            document,
            rest: None,
            top: Position::default(),
            layout: Layout { width: 80, wrap: true },
            height: 24,
            shift: 0,
            search: None,
        }
    }

    /// Reads another text from the same place on; what was found before is forgotten.
    pub fn replace(&mut self, document: Document) {
        self.open(document, None);
    }

    /// Reads a long value likewise, of which `rest` is laid out when it is wanted.
    pub fn open(&mut self, document: Document, rest: Option<LazyTail>) {
        (self.document, self.rest) = (document, rest);
        self.search = None;
        self.reach(self.top.line);
        self.show(self.top);
    }

    /// Lays out what can be seen from `line` on, and some more.
    fn reach(&mut self, line: usize) {
        self.lay_out_while(|document| document.lines() <= line.saturating_add(REACH));
    }

    fn lay_out_while(&mut self, wanted: impl Fn(&Document) -> bool) {
        while wanted(&self.document)
            && let Some(rest) = &mut self.rest
        {
            if !rest.lay_out(&mut self.document) {
                self.rest = None;
            }
        }
    }

    /// What is read.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Says how many cells there are. What was at the top stays there if it can.
    pub fn resize(&mut self, width: u16, height: u16) {
        if (self.layout.width, self.height) != (width, height) {
            self.layout.width = width;
            self.height = height;
            self.show(self.top);
        }
    }

    /// Whether long lines are wrapped.
    #[must_use]
    pub fn wraps(&self) -> bool {
        self.layout.wrap
    }

    /// Wraps long lines or lets them run out of sight.
    pub fn set_wrap(&mut self, wrap: bool) {
        self.layout.wrap = wrap;
        self.shift = 0;
        self.show(self.top);
    }

    /// Moves down by `rows`, up if they are negative; not beyond the first and last screen.
    pub fn scroll(&mut self, rows: isize) {
        let by = rows.unsigned_abs();
        if rows < 0 {
            self.top = self.document.up(self.top, by, self.layout);
        } else {
            self.reach(self.top.line.saturating_add(by));
            self.show(self.document.down(self.top, by, self.layout));
        }
    }

    /// Moves unwrapped lines by `cells` to the left, to the right if they are negative.
    pub fn shift(&mut self, cells: isize) {
        if !self.layout.wrap {
            self.shift = self.shift.saturating_add_signed(cells).min(1 << 14);
        }
    }

    /// Goes to the beginning.
    pub fn to_top(&mut self) {
        self.top = Position::default();
    }

    /// Goes to the end.
    pub fn to_end(&mut self) {
        self.lay_out_while(|_| true);
        self.top = self.document.last(usize::from(self.height), self.layout);
    }

    /// The line at the top, from 0, and how many lines there are.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        (self.top.line, self.document.lines())
    }

    /// The line that is looked at: the one with what was found if that is on the screen, else the one at the top.
    #[must_use]
    pub fn line(&self) -> usize {
        let bottom = self.document.down(self.top, usize::from(self.height.saturating_sub(1)), self.layout);
        let found = self.search.as_ref().and_then(|search| search.position(&self.document)).map(|place| place.line);
        found.filter(|line| (self.top.line..=bottom.line).contains(line)).unwrap_or(self.top.line)
    }

    /// Whether all lines are known and counted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rest.is_none()
    }

    /// Whether there is more below.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.top < self.document.last(usize::from(self.height), self.layout)
    }

    /// Looks for `needle` and goes to the first place from here on; an empty one ends the search.
    pub fn search(&mut self, needle: &str) {
        if !needle.is_empty() {
            self.lay_out_while(|_| true);
        }
        let mut search = Search::new(&self.document, needle);
        let place = search.select_from(&self.document, self.top);
        self.search = (!needle.is_empty()).then_some(search);
        self.reveal(place);
    }

    /// Goes to the next place found.
    pub fn next_found(&mut self) {
        let place = self.search.as_mut().and_then(|search| search.select_next(&self.document));
        self.reveal(place);
    }

    /// Goes to the place found before.
    pub fn previous_found(&mut self) {
        let place = self.search.as_mut().and_then(|search| search.select_previous(&self.document));
        self.reveal(place);
    }

    /// Which place is looked at, from 1, and how many were found; `None` while nothing is searched.
    #[must_use]
    pub fn found(&self) -> Option<(usize, usize)> {
        self.search.as_ref().map(|search| ((search.current() + 1).min(search.count()), search.count()))
    }

    /// Draws what can be seen into `area`. The cost is that of the cells.
    pub fn render(&self, area: Rect, buffer: &mut Buffer, styles: &Styles<'_>, glyphs: Glyphs) {
        let area = area.intersection(buffer.area);
        if area.is_empty() || self.document.lines() == 0 {
            return;
        }
        let layout = Layout { width: area.width, ..self.layout };
        let mut place = Some(self.top);
        for y in area.y..area.bottom() {
            let Some(row) = place else { break };
            self.render_row(row, layout, Rect { y, height: 1, ..area }, buffer, styles, glyphs);
            place = self.document.next(row, layout);
        }
    }

    fn render_row(&self, row: Position, layout: Layout, area: Rect, buffer: &mut Buffer, styles: &Styles<'_>, glyphs: Glyphs) {
        let end = self.document.row_end(row, layout);
        // Negative while what is passed over stands left of the first cell.
        let mut x = self.document.row_indent(row, layout) as isize - self.shift as isize;
        let room = isize::try_from(area.width).unwrap_or_default();
        for (range, role) in self.document.pieces(row, end) {
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
                        let mark = if glyphs == Glyphs::Ascii { '>' } else { '›' };
                        buffer[(area.right() - 1, area.y)].set_char(mark).set_style((styles.role)(TextRole::Faint));
                    }
                    return;
                }
                if x >= 0 {
                    put(buffer, area.x + x as u16, area.y, grapheme, width, style);
                }
                x = next;
            }
        }
    }

    /// Puts the row with `place` at the top, or the last screen if that comes before.
    fn show(&mut self, place: Position) {
        let row = self.document.row_of(place, self.layout);
        self.top = row.min(self.document.last(usize::from(self.height), self.layout));
    }

    /// Brings `place` into sight if it is not: a third of the screen below the top.
    fn reveal(&mut self, place: Option<Position>) {
        let Some(place) = place else { return };
        let row = self.document.row_of(place, self.layout);
        let bottom = self.document.down(self.top, usize::from(self.height.saturating_sub(1)), self.layout);
        if row < self.top || row > bottom {
            self.show(self.document.up(row, usize::from(self.height / 3), self.layout));
        }
        if !self.layout.wrap {
            let before = self.document.column(place);
            if before < self.shift || before + 8 > self.shift + usize::from(self.layout.width) {
                self.shift = before.saturating_sub(usize::from(self.layout.width / 2));
            }
        }
    }
}

fn put(buffer: &mut Buffer, x: u16, y: u16, grapheme: &str, width: usize, style: Style) {
    if width == 0 {
        return;
    }
    buffer[(x, y)].set_symbol(grapheme).set_style(style);
    for covered in 1..width as u16 {
        buffer[(x + covered, y)].set_symbol(" ").set_style(style);
    }
}

#[cfg(test)]
mod tests;
