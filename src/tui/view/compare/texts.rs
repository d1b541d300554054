//! The parameters, the input and the output of the steps under the cursor, side by side.

use std::collections::HashSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Borders, Widget};

use super::super::put;
use super::super::styling::Styling;
use super::sides;
use crate::store::{RowIx, Store};
use crate::tui::app::Compare;
use crate::tui::app::compare::{TextLine, Texts};
use crate::tui::widget::text;

/// Draws the input and output of the steps under the cursor; words that the other side lacks are highlighted.
pub(super) fn draw(buffer: &mut Buffer, area: Rect, compare: &Compare, store: &Store, styling: Styling) {
    let block = Block::new().borders(Borders::TOP).border_type(BorderType::Plain).border_style(styling.frame(false));
    block.render(area, buffer);
    let Some(pair) = compare.pairs.get(compare.cursor) else { return };
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let preview = |row: RowIx| vec![TextLine { text: store.text(store.row(row).input).to_owned(), ..TextLine::default() }];
    let texts_by_side: [Option<Texts>; 2] = [0, 1].map(|side| {
        let row = pair.rows[side]?;
        Some(compare.texts[side].clone().unwrap_or_else(|| Texts { input: preview(row), ..Texts::default() }))
    });
    // The parameters take the lines that they need, the texts share the others.
    let parameters = texts_by_side.iter().flatten().map(|texts| texts.parameters.len()).max().unwrap_or_default();
    let first = if parameters == 0 { 0 } else { (parameters as u16).saturating_add(1).min(area.height / 3) };
    // The input takes half of the rest, or what it or the output leaves free.
    let rest = area.height - first;
    let rows = |lines: fn(&Texts) -> &Vec<TextLine>| {
        let rows = |texts: &Texts| lines(texts).iter().flat_map(|line| wrapped(line, sides(area)[0].width)).take(usize::from(rest)).count();
        1 + texts_by_side.iter().flatten().map(rows).max().unwrap_or_default() as u16
    };
    let [input, output] = [rows(|texts| &texts.input), rows(|texts| &texts.output)].map(|rows| (rows + 1).min(rest));
    let upper = input.min((rest / 2).max(rest - output));
    let parts = [(0, first), (first, upper), (first + upper, area.height - first - upper)];
    let parts = parts.map(|(above, height)| Rect { y: area.y + above, height, ..area });
    for (part, name, lines) in [
        (parts[0], "parameters", texts_by_side.each_ref().map(|texts| texts.as_ref().map(|texts| &texts.parameters))),
        (parts[1], "input", texts_by_side.each_ref().map(|texts| texts.as_ref().map(|texts| &texts.input))),
        (parts[2], "output", texts_by_side.each_ref().map(|texts| texts.as_ref().map(|texts| &texts.output))),
    ] {
        if part.height == 0 {
            continue;
        }
        put(buffer, part.x, part.y, part.width, name, styling.key());
        let body = Rect { y: part.y + 1, height: part.height.saturating_sub(1), ..part };
        for (side, column) in sides(body).into_iter().enumerate() {
            let Some(own) = lines[side] else { continue };
            let other: HashSet<&TextLine> = lines[1 - side].into_iter().flatten().collect();
            let words: HashSet<&str> = other.iter().flat_map(|line| line.text.split_whitespace()).collect();
            let rows = own.iter().flat_map(|line| wrapped(line, column.width).map(move |row| (line, row)));
            for (y, (line, (indent, row))) in (column.top()..column.bottom()).zip(rows) {
                let row_area = Rect { x: column.x + indent, y, width: column.width - indent, height: 1 };
                if other.contains(line) {
                    put(buffer, row_area.x, y, row_area.width, row, styling.dim());
                } else {
                    let is_other_order = line.text.split_whitespace().all(|word| words.contains(word));
                    draw_words(buffer, row_area, row, |word| is_other_order || !words.contains(word), styling);
                }
            }
        }
    }
}

/// Draws a row of a line that differs; highlights its `changed` words.
fn draw_words(buffer: &mut Buffer, area: Rect, row: &str, is_changed: impl Fn(&str) -> bool, styling: Styling) {
    let mut x = area.x;
    for piece in row.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        let style = if !word.is_empty() && is_changed(word) { styling.lit() } else { Style::new() };
        x = put(buffer, x, area.y, area.right().saturating_sub(x), word, style);
        x += piece[word.len()..].chars().count() as u16;
    }
}

/// Wraps a line into rows of `width` cells; returns each row with its indent. An empty line is one row.
fn wrapped(line: &TextLine, width: u16) -> impl Iterator<Item = (u16, &str)> {
    let [first, hang] = [line.indent, line.hang].map(|indent| indent.min(usize::from(width) / 2) as u16);
    let (mut rest, mut indent) = (Some(line.text.as_str()).filter(|_| width > 1), first);
    std::iter::from_fn(move || {
        let (row, after) = rest?.split_at(text::row(rest?, usize::from(width - indent)));
        rest = Some(after).filter(|after| !after.is_empty());
        Some((std::mem::replace(&mut indent, hang), row.trim_end_matches(' ')))
    })
}
