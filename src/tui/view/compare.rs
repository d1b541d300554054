//! Compares two traces side by side: their steps, and below them the input and output of the steps under the cursor.

use std::cmp::Ordering;
use std::collections::HashSet;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Widget};

use super::styling::Styling;
use super::{HitMap, popup, put, put_right};
use crate::format;
use crate::model::Nanos;
use crate::store::{RowIx, RunStatus, Store};
use crate::tui::app::compare::{Differences, TextLine, Texts};
use crate::tui::app::{Compare, HitTarget};
use crate::tui::display;
use crate::tui::widget::text;

/// Indented levels of the trees; deeper steps are drawn at the last of them.
const LEVELS: usize = 12;

/// The areas of the popup.
struct Parts {
    /// Two lines: the traces and the column titles.
    head: Rect,
    pairs: Rect,
    texts: Rect,
}

impl Parts {
    fn new(area: Rect, pairs: usize) -> Self {
        let inner = Block::bordered().inner(area);
        let head = Rect { height: inner.height.min(2), ..inner };
        // Two fifths, and all lines that the steps leave free.
        let left = usize::from(inner.height - head.height).saturating_sub(pairs) as u16;
        let texts = if inner.height < 14 { 0 } else { (inner.height * 2 / 5).max(left) };
        let pairs = Rect { y: head.bottom(), height: inner.height - head.height - texts, ..inner };
        Self { head, pairs, texts: Rect { y: pairs.bottom(), height: texts, ..inner } }
    }
}

/// The widths of one side's columns; 0 for a column without room.
#[derive(Clone, Copy)]
struct Columns {
    time: u16,
    tokens: u16,
    cost: u16,
}

impl Columns {
    fn new(width: u16, priced: bool) -> Self {
        Self {
            time: if width >= 18 { 8 } else { 0 },
            tokens: if width >= 32 { 7 } else { 0 },
            cost: if width >= 48 && priced { 10 } else { 0 },
        }
    }

    fn numbers(self) -> u16 {
        self.time + self.tokens + self.cost
    }
}

/// Cells between the sides, for the symbol of the comparison.
const GUTTER: u16 = 3;

/// Divides an area into its two sides.
fn sides(area: Rect) -> [Rect; 2] {
    let width = area.width.saturating_sub(GUTTER) / 2;
    [Rect { width, ..area }, Rect { x: area.right() - width, width, ..area }]
}

pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, compare: &Compare, store: &Store, now: Nanos, styling: Styling) {
    let differing = compare.difference_count(store, now);
    let title = match differing {
        0 => "Compare · no differences".to_owned(),
        count => format!("Compare · {} of {} steps differ", format::count(count as u64), compare.pairs.len()),
    };
    popup::draw(buffer, area, (area.width, area.height), &title, styling);
    let parts = Parts::new(area, compare.pairs.len());
    let columns = Columns::new(sides(area)[0].width, store.all().cost().is_some());
    draw_head(buffer, parts.head, compare, store, now, columns, styling);
    let (height, count) = (usize::from(parts.pairs.height), compare.pairs.len());
    let first = compare.cursor.saturating_sub(height / 2).min(count.saturating_sub(height));
    for (y, at) in (parts.pairs.top()..parts.pairs.bottom()).zip(first..compare.pairs.len()) {
        let line = Rect { y, height: 1, ..parts.pairs };
        hits.add(line, HitTarget::Item(at));
        if at == compare.cursor {
            buffer.set_style(line, styling.cursor());
        }
        pair(buffer, line, compare, store, at, now, columns, styling);
    }
    if parts.texts.height > 0 {
        texts(buffer, parts.texts, compare, store, styling);
        put_right(
            buffer,
            parts.texts.right().saturating_sub(1),
            parts.texts.y,
            parts.texts.width,
            &difference(compare, store, now),
            styling.key(),
        );
    }
}

/// Draws the names of the traces and the column titles.
fn draw_head(buffer: &mut Buffer, area: Rect, compare: &Compare, store: &Store, now: Nanos, columns: Columns, styling: Styling) {
    for (side, part) in sides(area).into_iter().enumerate() {
        let trace = store.trace(compare.traces[side]);
        let x = put(buffer, part.x, area.y, part.width, ["A ", "B "][side], styling.key());
        let name = display::lead_name(store, compare.traces[side]);
        let x = put(buffer, x, area.y, part.right().saturating_sub(x), &name, styling.title()) + 2;
        let left_out = match compare.omitted[side] {
            0 => String::new(),
            count => format!(" · the last {} steps left out", format::count(count as u64)),
        };
        let details = format!("{} · {}{left_out}", format::moment(trace.start, now), &trace.id.to_string()[..8]);
        put(buffer, x, area.y, part.right().saturating_sub(x), &details, styling.dim());
        let mut end = part.right() - columns.numbers();
        for (name, width) in [("TIME", columns.time), ("TOK", columns.tokens), ("COST", columns.cost)] {
            end += width;
            if width > 0 && area.height > 1 {
                put_right(buffer, end, area.y + 1, width, name, styling.dim());
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a line needs the state of the whole popup and its own position")]
fn pair(buffer: &mut Buffer, line: Rect, compare: &Compare, store: &Store, at: usize, now: Nanos, columns: Columns, styling: Styling) {
    let differences = compare.differences(store, at, now);
    let pair = compare.pairs[at];
    let parts = sides(line);
    let (symbol, style) = match pair.rows {
        [Some(_), None] => ("←", styling.running()),
        [None, Some(_)] => ("→", styling.running()),
        _ if differences.any() => ("≠", styling.running()),
        _ => ("=", styling.dim()),
    };
    put(buffer, parts[0].right() + GUTTER / 2, line.y, 1, symbol, style);
    for (side, part) in parts.into_iter().enumerate() {
        match pair.rows[side] {
            Some(row) => step(buffer, part, store, row, pair.depths[side], differences, now, columns, styling),
            None => drop(put(buffer, part.x, line.y, part.width, "–", styling.dim())),
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a line needs the state of the whole popup and its own position")]
fn step(
    buffer: &mut Buffer,
    area: Rect,
    store: &Store,
    row: RowIx,
    depth: usize,
    differences: Differences,
    now: Nanos,
    columns: Columns,
    styling: Styling,
) {
    let lit = |style: Style, differences: bool| if differences { style.patch(styling.lit()) } else { style };
    let data = store.row(row);
    let end = area.right() - columns.numbers();
    let room = |x: u16| end.saturating_sub(x + 1);
    let x = area.x + 2 * depth.min(LEVELS).min(usize::from(area.width) / 6) as u16;
    let x = put(buffer, x, area.y, room(x), display::span_type_symbol(data.span_type), styling.span_type(data.span_type)) + 1;
    let mut x = put(buffer, x, area.y, room(x), &display::name(store, data), lit(Style::new(), differences.step)) + 1;
    if data.run_status() != RunStatus::Ok {
        let standing = data.run_status();
        x = put(buffer, x, area.y, room(x), display::status_symbol(standing), lit(styling.run_status(standing), differences.status)) + 1;
    }
    let details = if data.error.is_empty() { (store.text(data.input), styling.dim()) } else { (store.text(data.error), styling.error()) };
    put(buffer, x, area.y, room(x), details.0, lit(details.1, differences.text));
    let amounts = store.shown_totals(row);
    let mut end = end;
    for (text, width, differences) in [
        (display::elapsed(data, now), columns.time, differences.time),
        (format::tokens(amounts.tokens()), columns.tokens, differences.tokens),
        (format::align_money(&format::money(amounts.cost())), columns.cost, differences.cost),
    ] {
        end += width;
        let style = if text == format::UNKNOWN { styling.dim() } else { Style::new() };
        put_right(buffer, end, area.y, width, if width == 0 { "" } else { &text }, lit(style, differences));
    }
}

/// Says how the steps under the cursor differ: `B is 732ms faster, 8 tokens fewer, same cost`.
fn difference(compare: &Compare, store: &Store, now: Nanos) -> String {
    let Some([Some(a), Some(b)]) = compare.pairs.get(compare.cursor).map(|pair| pair.rows) else { return String::new() };
    let [x, y] = [a, b].map(|row| store.shown_totals(row));
    let mut parts = vec![match store.row(b).duration(now).saturating_sub(store.row(a).duration(now)) {
        0 => "as fast".to_owned(),
        gap if gap < 0 => format!("{} faster", format::duration(gap.saturating_neg())),
        gap => format!("{} slower", format::duration(gap)),
    }];
    if let (Some(x), Some(y)) = (x.tokens(), y.tokens()) {
        parts.push(match y.cmp(&x) {
            Ordering::Less => format!("{} fewer", format::plural(x - y, "token")),
            Ordering::Equal => "same tokens".to_owned(),
            Ordering::Greater => format!("{} more", format::plural(y - x, "token")),
        });
    }
    if let (Some(x), Some(y)) = (x.cost(), y.cost()) {
        let gap = |gap: i64| format::money(Some(gap));
        parts.push(match y.saturating_sub(x) {
            0 => "same cost".to_owned(),
            less if less < 0 => format!("{} cheaper", gap(less.saturating_neg())),
            more => format!("{} more expensive", gap(more)),
        });
    }
    format!(" B is {} ", parts.join(", "))
}

/// Draws the input and output of the steps under the cursor; words that the other side lacks are highlighted.
fn texts(buffer: &mut Buffer, area: Rect, compare: &Compare, store: &Store, styling: Styling) {
    let block = Block::new().borders(ratatui::widgets::Borders::TOP).border_type(BorderType::Plain).border_style(styling.frame(false));
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
