//! The bars of a waterfall chart: the time of a span within its trace, to an eighth of a cell.
//!
//! Internally a cell is a byte; its bits are the cell's eighths, the lowest bit at the left.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::Glyphs;
use super::gauge::EIGHTHS;

/// The interval that a row of cells shows, in nanoseconds. An empty interval counts as one nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The left edge of the first cell.
    pub start: i64,
    /// The right edge of the last cell.
    pub end: i64,
}

/// The state of a bar's span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It ended.
    #[default]
    Done,
    /// It is running: the bar is open to the right.
    Running,
    /// It failed.
    Error,
}

/// The bar of a span.
#[derive(Clone, Debug, Default)]
pub struct Bar {
    /// The start of the span in nanoseconds.
    pub start: i64,
    /// The end of the span, or the current time while it runs. An end before `start` counts as `start`.
    pub end: i64,
    /// The state of the span.
    pub state: State,
    /// The intervals of the children, in any order; they may overlap.
    pub children: Vec<(i64, i64)>,
    /// Whether the bar covers children outside of the span too, for a row that hides its children.
    pub with_children: bool,
}

/// The meaning of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shade {
    /// Nothing.
    Blank,
    /// Mostly the span's own time.
    Own,
    /// Mostly its children's time.
    Child,
    /// The bar continues beyond the axis, or still grows.
    Mark,
}

/// One cell of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// The character, one cell wide.
    pub symbol: char,
    /// The meaning.
    pub shade: Shade,
    /// Whether foreground and background are swapped, since the symbol fills the part that the bar leaves free.
    pub reversed: bool,
}

const BLANK: Cell = Cell { symbol: ' ', shade: Shade::Blank, reversed: false };

impl Axis {
    /// Returns the cell of `width` cells that contains `time`, or the nearest one.
    #[must_use]
    pub fn cell(self, time: i64, width: usize) -> usize {
        let length = (i128::from(self.end) - i128::from(self.start)).max(1);
        let cell = ((i128::from(time) - i128::from(self.start)) * width as i128).div_euclid(length);
        cell.clamp(0, width.saturating_sub(1) as i128) as usize
    }

    /// Returns the boundary that is nearest to `time`, if the axis is divided into `eighths` eighths of a cell.
    fn boundary(self, time: i64, eighths: usize) -> usize {
        let length = (i128::from(self.end) - i128::from(self.start)).max(1);
        let from = i128::from(time) - i128::from(self.start);
        let boundary = (from * eighths as i128 * 2 + length).div_euclid(length * 2);
        boundary.clamp(0, eighths as i128) as usize
    }
}

impl Bar {
    /// Returns the bar in exactly `width` cells of `axis`.
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
        let (from, to) = filled_eighths((start, end), axis, width);
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

    /// Returns the interval that the bar covers.
    fn extent(&self) -> (i64, i64) {
        let own = (self.start, self.end.max(self.start));
        let children = self.children.iter().filter(|_| self.with_children);
        children.fold(own, |(start, end), &(from, to)| (start.min(from), end.max(to)))
    }

    /// Draws the bar into the first line of `area`, on the background of the cells.
    pub fn render(&self, axis: Axis, glyphs: Glyphs, style: Style, area: Rect, buffer: &mut Buffer) {
        let area = area.intersection(buffer.area);
        if area.is_empty() {
            return;
        }
        for (x, cell) in (area.x..).zip(self.cells(axis, usize::from(area.width), glyphs)) {
            if cell.shade != Shade::Blank {
                let style = if cell.reversed { style.add_modifier(Modifier::REVERSED) } else { style };
                buffer[(x, area.y)].set_char(cell.symbol).set_style(style);
            }
        }
    }

    fn shade(&self, cells: &mut [Cell], axis: Axis, (from, to): (usize, usize), glyphs: Glyphs) {
        let eighths = cells.len() * 8;
        let (mut bar, mut children) = (vec![0_u8; cells.len()], vec![0_u8; cells.len()]);
        let (own_from, own_to) = filled_eighths((self.start, self.end.max(self.start)), axis, cells.len());
        fill(&mut bar, own_from, own_to);
        for &(start, end) in &self.children {
            let (from, to) = if self.with_children {
                filled_eighths((start, end), axis, cells.len())
            } else {
                (axis.boundary(start, eighths), axis.boundary(end, eighths))
            };
            fill(&mut children, from, to);
        }
        let narrow = to - from < 8;
        for (at, cell) in cells.iter_mut().enumerate().take((to - 1) / 8 + 1).skip(from / 8) {
            let drawn = if self.with_children { bar[at] | children[at] } else { bar[at] };
            if drawn == 0 {
                continue;
            }
            let own = (bar[at] & !children[at]).count_ones();
            let shade = if own * 2 >= drawn.count_ones() { Shade::Own } else { Shade::Child };
            *cell = if glyphs == Glyphs::Unicode {
                self.block(drawn, shade)
            } else if narrow && at == from / 8 {
                Cell { symbol: '|', shade, reversed: false }
            } else if narrow || (drawn.count_ones() < 4 && !self.with_children) {
                BLANK
            } else {
                Cell { symbol: self.ascii_char(shade), shade, reversed: false }
            };
        }
    }

    /// Returns the cell with these eighths filled. A left edge is drawn as the reversed block of the free part.
    fn block(&self, bits: u8, shade: Shade) -> Cell {
        let filled = bits.count_ones() as usize;
        let first = bits.trailing_zeros() as usize;
        let (symbol, reversed) = match (first, filled) {
            (0, 8) => (self.full_block(shade), false),
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

    /// Returns the character of a full cell; it distinguishes states and shades without colour.
    fn full_block(&self, shade: Shade) -> char {
        match (self.state, shade) {
            (State::Done, Shade::Own) => '█',
            (State::Error, Shade::Own) => '▓',
            (State::Running, Shade::Child) => '░',
            _ => '▒',
        }
    }

    fn ascii_char(&self, shade: Shade) -> char {
        match (self.state, shade) {
            (_, Shade::Child) => '-',
            (State::Error, _) => 'x',
            _ => '=',
        }
    }
}

/// Returns the eighths that an interval fills, at least one.
fn filled_eighths((start, end): (i64, i64), axis: Axis, width: usize) -> (usize, usize) {
    let eighths = width * 8;
    let from = axis.boundary(start, eighths).min(eighths - 1);
    (from, axis.boundary(end, eighths).max(from + 1))
}

fn mark(unicode: char, ascii: char, glyphs: Glyphs) -> Cell {
    let symbol = if glyphs == Glyphs::Ascii { ascii } else { unicode };
    Cell { symbol, shade: Shade::Mark, reversed: false }
}

/// Sets the bits `from..to` of `cells`.
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
