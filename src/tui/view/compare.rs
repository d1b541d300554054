//! Compares two traces side by side: their steps, and below them the input and output of the steps under the cursor.

mod texts;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Block;

use super::styling::Styling;
use super::{HitMap, popup, put, put_right};
use crate::format;
use crate::model::Nanos;
use crate::store::{RowIx, RunStatus, Store};
use crate::tui::app::compare::Differences;
use crate::tui::app::{Compare, HitTarget};
use crate::tui::display;

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
        // Narrow columns leave more of the names.
        let is_narrow = width < 48;
        Self {
            time: if width >= 18 { 8 - u16::from(is_narrow) } else { 0 },
            tokens: if width >= 32 { 7 - u16::from(is_narrow) } else { 0 },
            cost: if width >= 36 && priced { 10 - u16::from(is_narrow) } else { 0 },
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
    let found = match differing {
        0 => "no differences".to_owned(),
        count => format!("{} of {} steps differ", format::count(count as u64), compare.pairs.len()),
    };
    let unread = match compare.unreadable() {
        _ if compare.is_reading() => " · reading parameters…".to_owned(),
        0 => String::new(),
        count => format!(" · parameters of {} unknown", format::plural(count as u64, "call")),
    };
    let title = format!("Compare · A is the earlier run · {found}{unread}");
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
        texts::draw(buffer, parts.texts, compare, store, styling);
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

/// The number of ways to tell the traces of the two sides apart.
const FORMS: usize = 4;

/// Returns when the trace of a side began, its id and the steps left out, the longest form first.
fn side_details(compare: &Compare, store: &Store, side: usize, now: Nanos) -> [String; FORMS] {
    let trace = store.trace(compare.traces[side]);
    let left_out = match compare.omitted[side] {
        0 => String::new(),
        count => format!(" · the last {} steps left out", format::count(count as u64)),
    };
    let (began, id) = (format::moment(trace.start, now), &trace.id.to_string()[..8]);
    [format!("{began} · {id}{left_out}"), format!("{began}{left_out}"), began.clone(), id.to_owned()]
}

/// Draws the names of the traces and the column titles.
fn draw_head(buffer: &mut Buffer, area: Rect, compare: &Compare, store: &Store, now: Nanos, columns: Columns, styling: Styling) {
    let details = [0, 1].map(|side| side_details(compare, store, side, now));
    let name = |side: usize| display::lead_name(store, compare.traces[side]);
    let fits = |side: usize, form: usize| {
        let width = 4 + format::width(&format::safe(&name(side))) + format::width(&details[side][form]);
        width <= usize::from(sides(area)[side].width)
    };
    // Both sides state the same, for what one side alone states can't be compared.
    let form = (0..FORMS).find(|&form| fits(0, form) && fits(1, form));
    for (side, part) in sides(area).into_iter().enumerate() {
        let x = put(buffer, part.x, area.y, part.width, ["A ", "B "][side], styling.key());
        let x = put(buffer, x, area.y, part.right().saturating_sub(x), &name(side), styling.title()) + 2;
        let text = form.map_or("", |form| &details[side][form]);
        put(buffer, x, area.y, part.right().saturating_sub(x), text, styling.dim());
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
    let standing = store.run_status(row);
    if standing != RunStatus::Ok {
        x = put(buffer, x, area.y, room(x), display::status_symbol(standing), lit(styling.run_status(standing), differences.status)) + 1;
    }
    if differences.parameters {
        x = put(buffer, x, area.y, room(x), "parameters", styling.lit()) + 1;
    }
    let error = store.text(store.error(row));
    let details = if error.is_empty() { (store.text(data.input), styling.dim()) } else { (error, styling.error()) };
    put(buffer, x, area.y, room(x), details.0, lit(details.1, differences.text));
    let amounts = store.shown_totals(row);
    let cost = display::cost(&amounts);
    let cost = if usize::from(columns.cost) > format::MONEY_WIDTH { format::align_money(&cost) } else { cost };
    let mut end = end;
    for (text, width, differences) in [
        (display::time(store, row, now), columns.time, differences.time),
        (display::tokens(&amounts), columns.tokens, differences.tokens),
        (cost, columns.cost, differences.cost),
    ] {
        end += width;
        let style = if text == format::UNKNOWN { styling.dim() } else { Style::new() };
        // The blanks that align an amount are not underlined.
        let shown = if width == 0 { "" } else { text.trim_end() };
        let blanks = (text.len() - text.trim_end().len()) as u16;
        put_right(buffer, end.saturating_sub(blanks), area.y, width, shown, lit(style, differences));
    }
}

/// Says how the steps under the cursor differ.
fn difference(compare: &Compare, store: &Store, now: Nanos) -> String {
    let Some([Some(a), Some(b)]) = compare.pairs.get(compare.cursor).map(|pair| pair.rows) else { return String::new() };
    format!(" {} ", display::difference(store, a, b, now))
}
