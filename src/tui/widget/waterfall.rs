//! A flame bar: where a span stands in its trace's time, to an eighth of a cell.
//!
//! Each cell is a byte whose bits are its eighths, the lowest at the left; bars and children are runs of bits.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::Glyphs;
use super::gauge::EIGHTHS;

/// The stretch of time that a row of cells shows, in nanoseconds. One without length is shown as a nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The left edge of the first cell.
    pub start: i64,
    /// The right edge of the last cell.
    pub end: i64,
}

/// What has become of the span that a bar stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It ended.
    #[default]
    Done,
    /// It runs: the bar is open to the right.
    Running,
    /// It failed.
    Error,
}

/// A span's bar.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bar<'a> {
    /// When the span began, nanoseconds.
    pub start: i64,
    /// When it ended; the present while it runs. One before `start` counts as `start`.
    pub end: i64,
    /// What has become of it.
    pub state: State,
    /// When its children ran, in any order; they may overlap. Left empty, all time is the span's own.
    pub children: &'a [(i64, i64)],
    /// Whether children's time outside of the span's own is drawn too, as suits a row that hides its children.
    pub whole: bool,
}

/// What a cell shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shade {
    /// Nothing.
    Blank,
    /// Mostly the span's own time.
    Own,
    /// Mostly its children's time.
    Child,
    /// That the bar goes on beyond the axis or is still growing.
    Mark,
}

/// One cell of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// What is written into it, one cell wide.
    pub symbol: char,
    /// What it shows.
    pub shade: Shade,
    /// Whether foreground and background change places: the symbol fills what the bar leaves free.
    pub reversed: bool,
}

/// How the shades look; a blank cell is left as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    /// The span's own time.
    pub own: Style,
    /// Its children's time.
    pub child: Style,
    /// Marks at the edges.
    pub mark: Style,
}

const BLANK: Cell = Cell { symbol: ' ', shade: Shade::Blank, reversed: false };

impl Axis {
    /// The boundary between eighths of a cell that is nearest to `time`, of `eighths` in all.
    fn place(self, time: i64, eighths: usize) -> usize {
        let length = (i128::from(self.end) - i128::from(self.start)).max(1);
        let from = i128::from(time) - i128::from(self.start);
        let place = (from * eighths as i128 * 2 + length).div_euclid(length * 2);
        place.clamp(0, eighths as i128) as usize
    }
}

impl Bar<'_> {
    /// The bar in exactly `width` cells of `axis`.
    #[must_use]
    pub fn cells(&self, axis: Axis, width: usize, glyphs: Glyphs) -> Vec<Cell> {
        let mut cells = vec![BLANK; width];
        if width == 0 {
            return cells;
        }
        let (start, end) = self.extent();
        let right = axis.end.max(axis.start);
        if end < axis.start {
            cells[0] = mark('‹', '<', glyphs);
            return cells;
        }
        if start > right {
            cells[width - 1] = mark('›', '>', glyphs);
            return cells;
        }
        let (from, to) = lit((start, end), axis, width);
        self.shade(&mut cells, axis, (from, to), glyphs);
        if self.state == State::Running {
            cells[(to - 1) / 8] = mark('▸', '>', glyphs);
        } else if end > right {
            cells[width - 1] = mark('›', '>', glyphs);
        }
        if start < axis.start && (width > 1 || self.state != State::Running) {
            cells[0] = mark('‹', '<', glyphs);
        }
        cells
    }

    /// From where to where it is drawn.
    fn extent(&self) -> (i64, i64) {
        let own = (self.start, self.end.max(self.start));
        let children = self.children.iter().filter(|_| self.whole);
        children.fold(own, |(start, end), &(from, to)| (start.min(from), end.max(to)))
    }

    /// Draws the bar into the first line of `area`. The cells' background stays as it is.
    pub fn render(&self, axis: Axis, glyphs: Glyphs, palette: &Palette, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        for (x, cell) in (area.x..).zip(self.cells(axis, usize::from(area.width), glyphs)) {
            let style = match cell.shade {
                Shade::Blank => continue,
                Shade::Own => palette.own,
                Shade::Child => palette.child,
                Shade::Mark => palette.mark,
            };
            let style = if cell.reversed { style.add_modifier(Modifier::REVERSED) } else { style };
            buffer[(x, area.y)].set_char(cell.symbol).set_style(style);
        }
    }

    fn shade(&self, cells: &mut [Cell], axis: Axis, (from, to): (usize, usize), glyphs: Glyphs) {
        let eighths = cells.len() * 8;
        let (mut bar, mut children) = (vec![0_u8; cells.len()], vec![0_u8; cells.len()]);
        let (own_from, own_to) = lit((self.start, self.end.max(self.start)), axis, cells.len());
        fill(&mut bar, own_from, own_to);
        for &(start, end) in self.children {
            let (from, to) =
                if self.whole { lit((start, end), axis, cells.len()) } else { (axis.place(start, eighths), axis.place(end, eighths)) };
            fill(&mut children, from, to);
        }
        let narrow = to - from < 8;
        for (at, cell) in cells.iter_mut().enumerate().take((to - 1) / 8 + 1).skip(from / 8) {
            let drawn = if self.whole { bar[at] | children[at] } else { bar[at] };
            if drawn == 0 {
                continue;
            }
            let own = (bar[at] & !children[at]).count_ones();
            let shade = if own * 2 >= drawn.count_ones() { Shade::Own } else { Shade::Child };
            *cell = if glyphs == Glyphs::Unicode {
                self.block(drawn, shade)
            } else if narrow && at == from / 8 {
                Cell { symbol: '|', shade, reversed: false }
            } else if narrow || (drawn.count_ones() < 4 && !self.whole) {
                BLANK
            } else {
                Cell { symbol: self.letter(shade), shade, reversed: false }
            };
        }
    }

    /// A cell with these eighths filled. A left edge is drawn by what the bar leaves free, colours reversed.
    fn block(&self, bits: u8, shade: Shade) -> Cell {
        let filled = bits.count_ones() as usize;
        let first = bits.trailing_zeros() as usize;
        let (symbol, reversed) = match (first, filled) {
            (0, 8) => (self.solid(shade), false),
            (0, _) => (EIGHTHS[filled], false),
            (7, _) => ('▕', false),
            (4, 4) => ('▐', false),
            (_, _) if first + filled == 8 => (EIGHTHS[first], true),
            (_, _) if first * 2 + filled < 8 => (EIGHTHS[filled], false),
            (_, 3..) => ('▐', false),
            _ => ('▕', false),
        };
        Cell { symbol, shade, reversed }
    }

    /// A state and a shade can be told without colour.
    fn solid(&self, shade: Shade) -> char {
        match (self.state, shade) {
            (State::Done, Shade::Own) => '█',
            (State::Error, Shade::Own) => '▓',
            (State::Running, Shade::Child) => '░',
            _ => '▒',
        }
    }

    fn letter(&self, shade: Shade) -> char {
        match (self.state, shade) {
            (_, Shade::Child) => '-',
            (State::Error, _) => 'x',
            _ => '=',
        }
    }
}

/// The eighths that this time fills: at least one.
fn lit((start, end): (i64, i64), axis: Axis, width: usize) -> (usize, usize) {
    let eighths = width * 8;
    let from = axis.place(start, eighths).min(eighths - 1);
    (from, axis.place(end, eighths).max(from + 1))
}

fn mark(unicode: char, ascii: char, glyphs: Glyphs) -> Cell {
    let symbol = if glyphs == Glyphs::Ascii { ascii } else { unicode };
    Cell { symbol, shade: Shade::Mark, reversed: false }
}

/// Sets the bits `from..to`.
fn fill(cells: &mut [u8], from: usize, to: usize) {
    if from >= to {
        return;
    }
    let (first, last) = (from / 8, (to - 1) / 8);
    let head = 0xff_u8 << (from % 8);
    let tail = 0xff_u8 >> (7 - (to - 1) % 8);
    if first == last {
        cells[first] |= head & tail;
        return;
    }
    cells[first] |= head;
    cells[first + 1..last].fill(0xff);
    cells[last] |= tail;
}

#[cfg(test)]
mod tests;
