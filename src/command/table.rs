//! Columns for people: aligned, with a heading, the last one as wide as it likes.

use std::io::{self, Write};

use super::look::{Look, Piece, Tone};

/// Blanks between columns.
const GAP: usize = 2;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its heading.
    pub(crate) name: &'static str,
    /// Whether it holds numbers, which end at one place.
    pub(crate) right: bool,
}

/// A column of numbers.
#[must_use]
pub(crate) const fn number(name: &'static str) -> Column {
    Column { name, right: true }
}

/// A column of words.
#[must_use]
pub(crate) const fn words(name: &'static str) -> Column {
    Column { name, right: false }
}

/// A table that is being filled.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    lines: Vec<Vec<Vec<Piece>>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, lines: Vec::new() }
    }

    /// Adds a line: the pieces of each column.
    pub(crate) fn push(&mut self, line: Vec<Vec<Piece>>) {
        self.lines.push(line);
    }

    /// Writes heading and lines.
    pub(crate) fn write(&self, out: &mut impl Write, look: Look) -> io::Result<()> {
        let heading = self.columns.iter().map(|column| vec![Piece::new(column.name, Tone::Dim)]).collect();
        let lines: Vec<&Vec<Vec<Piece>>> = std::iter::once(&heading).chain(&self.lines).collect();
        let widest = |at: usize| lines.iter().map(|line| width(&line[at])).max().unwrap_or_default();
        let widths: Vec<usize> = (0..self.columns.len()).map(widest).collect();
        for line in lines {
            let mut pieces = Vec::new();
            for (at, (column, cell)) in self.columns.iter().zip(line).enumerate() {
                let pad = blanks(widths[at] - width(cell));
                let last = at + 1 == self.columns.len();
                if column.right {
                    pieces.push(pad);
                    pieces.extend(cell.iter().cloned());
                } else {
                    pieces.extend(cell.iter().cloned());
                    pieces.extend((!last).then_some(pad));
                }
                pieces.extend((!last).then(|| blanks(GAP)));
            }
            look.line(out, &pieces)?;
        }
        Ok(())
    }
}

fn width(cell: &[Piece]) -> usize {
    cell.iter().map(Piece::width).sum()
}

fn blanks(count: usize) -> Piece {
    Piece::from(" ".repeat(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: &Table, look: Look) -> String {
        let mut out = Vec::new();
        table.write(&mut out, look).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_one_under_the_other_and_a_line_is_cut_at_the_edge() {
        let mut table = Table::new(vec![number("N"), words("WHAT"), words("REST")]);
        for (n, what, rest) in [("1", "研究", "long enough to be cut"), ("1000", "a", "\u{1b}[2Jhi")] {
            table.push(vec![vec![Piece::new(n, Tone::Plain)], vec![Piece::new(what, Tone::Strong)], vec![Piece::new(rest, Tone::Plain)]]);
        }
        assert_eq!(text(&table, Look::default()), "   N  WHAT  REST\n   1  研究  long enough to be cut\n1000  a     hi\n");
        let narrow = text(&table, Look { width: Some(20), ..Look::default() });
        assert_eq!(narrow.lines().nth(1), Some("   1  研究  long en…"));
        assert!(text(&table, Look { colour: true, ..Look::default() }).contains("\u{1b}["));
    }
}
