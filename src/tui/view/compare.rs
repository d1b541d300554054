//! Two traces side by side: their steps, and below them what the two steps under the cursor were given and answered.

use std::collections::HashSet;
use std::fmt::Write;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Widget};

use super::styling::Styling;
use super::{HitMap, popup, put, put_right};
use crate::format;
use crate::model::Nanos;
use crate::store::{RowIx, RunStatus, Store};
use crate::tui::app::compare::{Differences, TextLine, Texts, totals};
use crate::tui::app::{Compare, HitTarget};
use crate::tui::display;
use crate::tui::widget::text;

/// Levels of the trees that are indented.
const LEVELS: usize = 12;

/// Where the parts are.
struct Parts {
    /// The names of the traces and of the columns, two lines.
    head: Rect,
    pairs: Rect,
    texts: Rect,
}

impl Parts {
    fn new(area: Rect, pairs: usize) -> Self {
        let inner = Block::bordered().inner(area);
        let head = Rect { height: inner.height.min(2), ..inner };
        // Two fifths, and what the steps leave.
        let left = usize::from(inner.height - head.height).saturating_sub(pairs) as u16;
        let texts = if inner.height < 14 { 0 } else { (inner.height * 2 / 5).max(left) };
        let pairs = Rect { y: head.bottom(), height: inner.height - head.height - texts, ..inner };
        Self { head, pairs, texts: Rect { y: pairs.bottom(), height: texts, ..inner } }
    }
}

/// The columns of one side, by its width.
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
            cost: if width >= 48 && priced { 8 } else { 0 },
        }
    }

    fn numbers(self) -> u16 {
        self.time + self.tokens + self.cost
    }
}

/// Cells between the sides, for a sign.
const BETWEEN: u16 = 3;

/// The two sides of a stretch of lines.
fn sides(area: Rect) -> [Rect; 2] {
    let width = area.width.saturating_sub(BETWEEN) / 2;
    [Rect { width, ..area }, Rect { x: area.right() - width, width, ..area }]
}

pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, compare: &Compare, store: &Store, now: Nanos, theme: Styling) {
    let differing = compare.difference_count(store, now);
    let title = match differing {
        0 => "Compare · nothing differs".to_owned(),
        count => format!("Compare · {} of {} steps differ", format::count(count as u64), compare.pairs.len()),
    };
    popup::draw(buffer, area, (area.width, area.height), &title, theme);
    let parts = Parts::new(area, compare.pairs.len());
    let columns = Columns::new(sides(area)[0].width, store.all().cost().is_some());
    head(buffer, parts.head, compare, store, now, columns, theme);
    let (height, count) = (usize::from(parts.pairs.height), compare.pairs.len());
    let first = compare.cursor.saturating_sub(height / 2).min(count.saturating_sub(height));
    for (y, at) in (parts.pairs.top()..parts.pairs.bottom()).zip(first..compare.pairs.len()) {
        let line = Rect { y, height: 1, ..parts.pairs };
        hits.add(line, HitTarget::Item(at));
        if at == compare.cursor {
            buffer.set_style(line, theme.cursor());
        }
        pair(buffer, line, compare, store, at, now, columns, theme);
    }
    if parts.texts.height > 0 {
        texts(buffer, parts.texts, compare, store, theme);
        put_right(buffer, parts.texts.right().saturating_sub(1), parts.texts.y, parts.texts.width, &gaps(compare, store, now), theme.key());
    }
}

/// Which trace is which, and what the columns are.
fn head(buffer: &mut Buffer, area: Rect, compare: &Compare, store: &Store, now: Nanos, columns: Columns, theme: Styling) {
    for (side, part) in sides(area).into_iter().enumerate() {
        let trace = store.trace(compare.traces[side]);
        let x = put(buffer, part.x, area.y, part.width, ["A ", "B "][side], theme.key());
        let name = display::name(store, store.row(trace.roots()[0]));
        let x = put(buffer, x, area.y, part.right().saturating_sub(x), &name, theme.title()) + 2;
        let left_out = match compare.omitted[side] {
            0 => String::new(),
            count => format!(" · the last {} steps are left out", format::count(count as u64)),
        };
        let about = format!("{} · {}{left_out}", format::moment(trace.start, now), &trace.id.to_string()[..8]);
        put(buffer, x, area.y, part.right().saturating_sub(x), &about, theme.dim());
        let mut end = part.right() - columns.numbers();
        for (name, width) in [("TIME", columns.time), ("TOK", columns.tokens), ("COST", columns.cost)] {
            end += width;
            if width > 0 && area.height > 1 {
                put_right(buffer, end, area.y + 1, width, name, theme.dim());
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a line needs what the whole picture needs, and its place")]
fn pair(buffer: &mut Buffer, line: Rect, compare: &Compare, store: &Store, at: usize, now: Nanos, columns: Columns, theme: Styling) {
    let differences = compare.differences(store, at, now);
    let pair = compare.pairs[at];
    let parts = sides(line);
    let (sign, style) = match pair.rows {
        [Some(_), None] => ("←", theme.running()),
        [None, Some(_)] => ("→", theme.running()),
        _ if differences.any() => ("≠", theme.running()),
        _ => ("=", theme.dim()),
    };
    put(buffer, parts[0].right() + BETWEEN / 2, line.y, 1, sign, style);
    for (side, part) in parts.into_iter().enumerate() {
        match pair.rows[side] {
            Some(row) => step(buffer, part, store, row, pair.depths[side], differences, now, columns, theme),
            None => drop(put(buffer, part.x, line.y, part.width, "–", theme.dim())),
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "a line needs what the whole picture needs, and its place")]
fn step(
    buffer: &mut Buffer,
    area: Rect,
    store: &Store,
    row: RowIx,
    depth: usize,
    differs: Differences,
    now: Nanos,
    columns: Columns,
    theme: Styling,
) {
    let lit = |style: Style, differs: bool| if differs { style.patch(theme.lit()) } else { style };
    let data = store.row(row);
    let end = area.right() - columns.numbers();
    let room = |x: u16| end.saturating_sub(x + 1);
    let x = area.x + 2 * depth.min(LEVELS).min(usize::from(area.width) / 6) as u16;
    let x = put(buffer, x, area.y, room(x), display::span_type_symbol(data.span_type), theme.kind(data.span_type)) + 1;
    let mut x = put(buffer, x, area.y, room(x), &display::name(store, data), lit(Style::new(), differs.step)) + 1;
    if data.run_status() != RunStatus::Ok {
        let standing = data.run_status();
        x = put(buffer, x, area.y, room(x), display::status_symbol(standing), lit(theme.standing(standing), differs.status)) + 1;
    }
    let about = if data.error.is_empty() { (store.text(data.input), theme.dim()) } else { (store.text(data.error), theme.error()) };
    put(buffer, x, area.y, room(x), about.0, lit(about.1, differs.text));
    let sums = totals(store, row);
    let mut end = end;
    for (text, width, differs) in [
        (display::elapsed(data, now), columns.time, differs.time),
        (format::tokens(sums.tokens()), columns.tokens, differs.tokens),
        (format::money(sums.cost()), columns.cost, differs.cost),
    ] {
        end += width;
        let style = if text == format::UNKNOWN { theme.dim() } else { Style::new() };
        put_right(buffer, end, area.y, width, if width == 0 { "" } else { &text }, lit(style, differs));
    }
}

/// By how much the second step under the cursor goes beyond the first.
fn gaps(compare: &Compare, store: &Store, now: Nanos) -> String {
    let Some([Some(a), Some(b)]) = compare.pairs.get(compare.cursor).map(|pair| pair.rows) else { return String::new() };
    let signed = |a: i64, b: i64, format: &dyn Fn(i64) -> String| match b.saturating_sub(a) {
        0 => "same".to_owned(),
        gap if gap < 0 => format!("-{}", format(gap.saturating_neg())),
        gap => format!("+{}", format(gap)),
    };
    let [x, y] = [a, b].map(|row| totals(store, row));
    let time = signed(store.row(a).duration(now), store.row(b).duration(now), &format::duration);
    let mut text = format!(" B to A: time {time}");
    if let (Some(x), Some(y)) = (x.tokens(), y.tokens()) {
        let _ = write!(text, " · tokens {}", signed(x as i64, y as i64, &|gap| format::tokens(Some(gap as u64))));
    }
    if let (Some(x), Some(y)) = (x.cost(), y.cost()) {
        let _ = write!(text, " · cost {}", signed(x, y, &|gap| format::money(Some(gap))));
    }
    text + " "
}

/// What the steps under the cursor were given and answered; lines that the other does not have are lit.
fn texts(buffer: &mut Buffer, area: Rect, compare: &Compare, store: &Store, theme: Styling) {
    let block = Block::new().borders(ratatui::widgets::Borders::TOP).border_type(BorderType::Plain).border_style(theme.frame(false));
    block.render(area, buffer);
    let Some(pair) = compare.pairs.get(compare.cursor) else { return };
    let area = Rect { y: area.y + 1, height: area.height - 1, ..area };
    let upper = area.height / 2;
    let halves = [Rect { height: upper, ..area }, Rect { y: area.y + upper, height: area.height - upper, ..area }];
    let preview = |row: RowIx| vec![TextLine { text: store.text(store.row(row).input).to_owned(), ..TextLine::default() }];
    let known: [Option<Texts>; 2] = [0, 1].map(|side| {
        let row = pair.rows[side]?;
        Some(compare.texts[side].clone().unwrap_or_else(|| Texts { input: preview(row), output: Vec::new() }))
    });
    for (half, name, lines) in [
        (halves[0], "input", known.each_ref().map(|texts| texts.as_ref().map(|texts| &texts.input))),
        (halves[1], "output", known.each_ref().map(|texts| texts.as_ref().map(|texts| &texts.output))),
    ] {
        put(buffer, half.x, half.y, half.width, name, theme.key());
        let body = Rect { y: half.y + 1, height: half.height.saturating_sub(1), ..half };
        for (side, part) in sides(body).into_iter().enumerate() {
            let Some(own) = lines[side] else { continue };
            let other: HashSet<&TextLine> = lines[1 - side].into_iter().flatten().collect();
            let rows = own.iter().flat_map(|line| wrapped(line, part.width).map(move |row| (line, row)));
            for (y, (line, (indent, row))) in (part.top()..part.bottom()).zip(rows) {
                let style = if other.contains(line) { theme.dim() } else { theme.lit() };
                put(buffer, part.x + indent, y, part.width - indent, row, style);
            }
        }
    }
}

/// A line in rows of so many cells, each with its indent; an empty one is a row, too.
fn wrapped(line: &TextLine, width: u16) -> impl Iterator<Item = (u16, &str)> {
    let [first, hang] = [line.indent, line.hang].map(|indent| indent.min(usize::from(width) / 2) as u16);
    let (mut rest, mut indent) = (Some(line.text.as_str()).filter(|_| width > 1), first);
    std::iter::from_fn(move || {
        let (row, after) = rest?.split_at(text::row(rest?, usize::from(width - indent)));
        rest = Some(after).filter(|after| !after.is_empty());
        Some((std::mem::replace(&mut indent, hang), row.trim_end_matches(' ')))
    })
}
