//! Columns for people: aligned, with a heading, the last one as wide as it likes.

use std::io::{self, Write};

use super::output::{Output, Style, StyledText};

/// Blanks between columns.
const GAP: usize = 2;

/// Cells for the last column, at least, as long as others can be left out for it.
const LAST: usize = 16;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its heading.
    pub(crate) name: &'static str,
    /// Whether it holds numbers, which end at one place.
    pub(crate) right: bool,
    /// Whether it is left out where there is little room.
    pub(crate) spare: bool,
}

impl Column {
    /// The column, to be left out where there is little room.
    pub(crate) const fn spare(self) -> Self {
        Self { spare: true, ..self }
    }
}

/// A column of numbers.
#[must_use]
pub(crate) const fn number(name: &'static str) -> Column {
    Column { name, right: true, spare: false }
}

/// A column of words.
#[must_use]
pub(crate) const fn words(name: &'static str) -> Column {
    Column { name, right: false, spare: false }
}

/// A table that is being filled.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    lines: Vec<Vec<Vec<StyledText>>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, lines: Vec::new() }
    }

    /// Adds a line: the pieces of each column.
    pub(crate) fn push(&mut self, line: Vec<Vec<StyledText>>) {
        self.lines.push(line);
    }

    /// Writes heading and lines.
    pub(crate) fn write(&self, out: &mut impl Write, look: Output) -> io::Result<()> {
        let heading = self.columns.iter().map(|column| vec![StyledText::new(column.name, Style::Dim)]).collect();
        let lines: Vec<&Vec<Vec<StyledText>>> = std::iter::once(&heading).chain(&self.lines).collect();
        let widest = |at: usize| lines.iter().map(|line| width(&line[at])).max().unwrap_or_default();
        let widths: Vec<usize> = (0..self.columns.len()).map(widest).collect();
        let left_out = self.left_out(&widths, look);
        for line in lines {
            let mut pieces = Vec::new();
            for (at, (column, cell)) in self.columns.iter().zip(line).enumerate().filter(|(at, _)| !left_out.contains(at)) {
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

impl Table {
    /// The spare columns that there is no room for, the rightmost first.
    fn left_out(&self, widths: &[usize], look: Output) -> Vec<usize> {
        let room = look.width.unwrap_or(usize::MAX).saturating_sub(LAST);
        let mut taken: usize = widths.iter().rev().skip(1).map(|width| width + GAP).sum();
        let mut left_out = Vec::new();
        for (at, _) in self.columns.iter().enumerate().rev().filter(|(_, column)| column.spare) {
            if taken > room {
                taken -= widths[at] + GAP;
                left_out.push(at);
            }
        }
        left_out
    }
}

fn width(cell: &[StyledText]) -> usize {
    cell.iter().map(StyledText::width).sum()
}

fn blanks(count: usize) -> StyledText {
    StyledText::from(" ".repeat(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(table: &Table, look: Output) -> String {
        let mut out = Vec::new();
        table.write(&mut out, look).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_stand_one_under_the_other_and_a_line_is_cut_at_the_edge() {
        let mut table = Table::new(vec![number("N"), words("WHAT").spare(), words("REST")]);
        for (n, what, rest) in [("1", "研究", "long enough to be cut"), ("1000", "a", "\u{1b}[2Jhi")] {
            table.push(vec![
                vec![StyledText::new(n, Style::Plain)],
                vec![StyledText::new(what, Style::Strong)],
                vec![StyledText::new(rest, Style::Plain)],
            ]);
        }
        assert_eq!(text(&table, Output::default()), "   N  WHAT  REST\n   1  研究  long enough to be cut\n1000  a     hi\n");
        let narrow = |width| text(&table, Output { width: Some(width), ..Output::default() }).lines().nth(1).map(str::to_owned);
        assert_eq!(narrow(28).as_deref(), Some("   1  研究  long enough to …"));
        assert_eq!(narrow(20).as_deref(), Some("   1  long enough t…"));
        assert!(text(&table, Output { colour: true, ..Output::default() }).contains("\u{1b}["));
    }
}
