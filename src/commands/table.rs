//! Tables: aligned columns with headings. The last column takes the remaining width.

use std::borrow::Cow;
use std::io::{self, Write};

use super::output::{Output, Style, StyledText};

/// Spaces between columns.
const GAP: usize = 2;

/// The width that optional columns leave for the last column.
const MIN_LAST: usize = 16;

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Its heading, which is shown in capitals.
    pub(crate) name: Cow<'static, str>,
    /// Whether the cells are aligned to the right.
    pub(crate) is_right: bool,
    /// Whether a narrow terminal leaves it out.
    pub(crate) is_optional: bool,
}

impl Column {
    /// Returns the column as one that a narrow terminal leaves out.
    pub(crate) fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }
}

/// Returns a column of numbers, aligned to the right.
pub(crate) fn number(name: &'static str) -> Column {
    Column { name: Cow::Borrowed(name), is_right: true, is_optional: false }
}

/// Returns a column of text, aligned to the left.
pub(crate) fn text(name: impl Into<Cow<'static, str>>) -> Column {
    Column { name: name.into(), is_right: false, is_optional: false }
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    lines: Vec<Vec<Vec<StyledText>>>,
}

impl Table {
    /// Creates an empty table.
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, lines: Vec::new() }
    }

    /// Adds a line, with the pieces of each cell.
    pub(crate) fn push(&mut self, line: Vec<Vec<StyledText>>) {
        self.lines.push(line);
    }

    /// Writes the headings and the lines.
    pub(crate) fn write(&self, out: &mut impl Write, output: Output) -> io::Result<()> {
        let heading = self.columns.iter().map(|column| vec![StyledText::new(&column.name.to_uppercase(), Style::Dim)]).collect();
        let lines: Vec<&Vec<Vec<StyledText>>> = std::iter::once(&heading).chain(&self.lines).collect();
        let widest = |at: usize| lines.iter().map(|line| width(&line[at])).max().unwrap_or_default();
        let widths: Vec<usize> = (0..self.columns.len()).map(widest).collect();
        let left_out = self.left_out(&widths, output);
        for line in lines {
            let mut pieces = Vec::new();
            for (at, (column, cell)) in self.columns.iter().zip(line).enumerate().filter(|(at, _)| !left_out.contains(at)) {
                let pad = spaces(widths[at] - width(cell));
                let last = at + 1 == self.columns.len();
                if column.is_right {
                    pieces.push(pad);
                    pieces.extend(cell.iter().cloned());
                } else {
                    pieces.extend(cell.iter().cloned());
                    pieces.extend((!last).then_some(pad));
                }
                pieces.extend((!last).then(|| spaces(GAP)));
            }
            output.line(out, &pieces)?;
        }
        Ok(())
    }

    /// Returns the indexes of the optional columns that do not fit, from the right.
    fn left_out(&self, widths: &[usize], output: Output) -> Vec<usize> {
        let room = output.width.unwrap_or(usize::MAX).saturating_sub(MIN_LAST);
        let mut used: usize = widths.iter().rev().skip(1).map(|width| width + GAP).sum();
        let mut left_out = Vec::new();
        for (at, _) in self.columns.iter().enumerate().rev().filter(|(_, column)| column.is_optional) {
            if used > room {
                used -= widths[at] + GAP;
                left_out.push(at);
            }
        }
        left_out
    }
}

fn width(cell: &[StyledText]) -> usize {
    cell.iter().map(StyledText::width).sum()
}

fn spaces(count: usize) -> StyledText {
    StyledText::from(" ".repeat(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table, output: Output) -> String {
        let mut out = Vec::new();
        table.write(&mut out, output).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_are_aligned_and_lines_are_cut_to_the_width() {
        let mut table = Table::new(vec![number("N"), super::text("WHAT").optional(), super::text("REST")]);
        for (n, what, rest) in [("1", "研究", "long enough to be cut"), ("1000", "a", "\u{1b}[2Jhi")] {
            table.push(vec![
                vec![StyledText::new(n, Style::Plain)],
                vec![StyledText::new(what, Style::Strong)],
                vec![StyledText::new(rest, Style::Plain)],
            ]);
        }
        assert_eq!(written(&table, Output::default()), "   N  WHAT  REST\n   1  研究  long enough to be cut\n1000  a     hi\n");
        let narrow = |width| written(&table, Output { width: Some(width), ..Output::default() }).lines().nth(1).map(str::to_owned);
        assert_eq!(narrow(28).as_deref(), Some("   1  研究  long enough to …"));
        assert_eq!(narrow(20).as_deref(), Some("   1  long enough t…"));
        assert!(written(&table, Output { colour: true, ..Output::default() }).contains("\u{1b}["));
    }
}
