//! A table that replaces the traces, and the page of its line under the cursor, which replaces the detail.

mod page;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Block;

use super::styling::Styling;
use super::{HitMap, detail, layout, put, put_right, tabs};
use crate::format;
use crate::model::sort;
use crate::tui::app::{Action, App, Cell, Focus, HitTarget, Table, TableColumn, View};
pub(super) use page::page;

/// The smallest widths of the first column, which gets the free cells: a name, or a message.
const NAME_WIDTH: u16 = 16;
const MESSAGE_WIDTH: u16 = 40;

/// Cells of a column of moments with dates.
const DATED_WIDTH: u16 = 13;

pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, table: &Table, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = styling.draw_frame(buffer, area, Block::new(), app.focus == Focus::Traces);
    let count = format::count(table.len() as u64);
    let place = if table.is_empty() { count } else { format!("{} of {count}", format::count(table.pane.cursor as u64 + 1)) };
    tabs::draw(buffer, hits, area, app, &place, styling);
    let (heading, inner) = layout::split_heading(inner, area.height);
    let columns = fit_columns(table, app, inner);
    let lines = (table.pane.top..).zip(table.shown()).take(usize::from(inner.height));
    let mut x = inner.x + 1;
    for &(at, column, width) in columns.iter().filter(|_| !heading.is_empty()) {
        let arrow = match (table.sorted == at, table.is_descending()) {
            (true, true) => "↓",
            (true, false) => "↑",
            (false, _) => "",
        };
        let text = format!("{}{arrow}", column.title(table.view));
        let style = if arrow.is_empty() { styling.dim() } else { styling.key() };
        // The arrow takes the place of the blank before the next column.
        let arrow_width = u16::from(!arrow.is_empty() && !is_text(table, at));
        cell(buffer, Rect { x, width: width + arrow_width, ..heading }, &text, is_text(table, at), style);
        x += width;
    }
    if table.is_empty() {
        put(buffer, inner.x + 1, inner.y, inner.width.saturating_sub(1), &empty_reason(app, table), styling.dim());
    }
    for (line, y) in lines.zip(inner.y..) {
        let line_area = Rect { y, height: 1, ..inner };
        hits.add(line_area, HitTarget::Line(line.0));
        if line.0 == table.pane.cursor {
            buffer.set_style(line_area, styling.cursor());
            put(buffer, inner.x, y, 1, "▎", styling.key());
        }
        let mut x = inner.x + 1;
        for &(at, column, width) in &columns {
            let value = &line.1.cells[at];
            let style = match (column, value) {
                (TableColumn::Errors | TableColumn::Count, Cell::Count(1..)) => styling.error(),
                (_, Cell::Answer(_, true)) => styling.key(),
                (_, Cell::Text(_)) if at == 0 => Style::new().add_modifier(Modifier::BOLD),
                (_, Cell::Text(_) | Cell::Moment(_) | Cell::Answer(..)) => styling.dim(),
                _ => Style::new(),
            };
            cell(buffer, Rect { x, y, width, height: 1 }, &text(value, width - 1, app), is_text(table, at), style);
            x += width;
        }
    }
}

/// Explains why the table is empty.
fn empty_reason(app: &App, table: &Table) -> String {
    if table.view == View::Approvals {
        return "No run asked for an approval.".to_owned();
    }
    match (table.is_stale(), app.tree.is_filtered()) {
        (true, _) => "Reading…".to_owned(),
        (false, true) => nothing_matches(app),
        (false, false) => "Nothing yet.".to_owned(),
    }
}

/// Says that the filter leaves nothing to list, and which key clears it.
pub(super) fn nothing_matches(app: &App) -> String {
    format!("Nothing matches the filter; {} clears it.", app.keymap.hint(Action::Back))
}

/// Returns how many columns beside the first come before names in full, and how wide those get.
fn priorities(view: View) -> (usize, u16) {
    if matches!(view, View::Errors | View::Approvals) { (3, 80) } else { (5, 40) }
}

/// Returns the leading columns that fit, in the order of [`TableColumn`], each with its index and its width. Cells go to the essential columns, to moments of other days for
/// their dates, to the names in the first column, to further columns, and what is left to the first column.
fn fit_columns(table: &Table, app: &App, inner: Rect) -> Vec<(usize, TableColumn, u16)> {
    let width = inner.width.saturating_sub(2);
    let least = if table.view == View::Errors { MESSAGE_WIDTH } else { NAME_WIDTH }.min(width);
    let (essential, widest) = priorities(table.view);
    let needed = u16::try_from(table.widest_name()).unwrap_or(u16::MAX).saturating_add(1).min(widest);
    let (mut name, mut left) = (least, width - least);
    let shown = table.shown().iter().take(usize::from(inner.height));
    let is_dated = |cell: &Cell| matches!(cell, Cell::Moment(moment) if !format::is_same_day(*moment, app.now));
    let add_dates = |fitting: &mut Vec<(usize, TableColumn, u16)>, left: &mut u16| {
        for (at, _, width) in fitting {
            let extra = DATED_WIDTH.saturating_sub(*width);
            if extra <= *left && shown.clone().any(|line| is_dated(&line.cells[*at])) {
                (*width, *left) = (DATED_WIDTH.max(*width), *left - extra);
            }
        }
    };
    let mut fitting: Vec<(usize, TableColumn, u16)> = Vec::new();
    for (at, &column) in table.columns().iter().enumerate() {
        if at == essential + 1 {
            add_dates(&mut fitting, &mut left);
            let more = needed.saturating_sub(name).min(left);
            (name, left) = (name + more, left - more);
        }
        // The sign of a lower bound takes a cell.
        let has_bound = shown.clone().any(|line| matches!(line.cells[at], Cell::Money(_, true)));
        let width = if at == 0 { 0 } else { column_width(column, table.view) + u16::from(has_bound) };
        if width > left {
            break;
        }
        left -= width;
        fitting.push((at, column, width));
    }
    add_dates(&mut fitting, &mut left);
    if let Some(first) = fitting.first_mut() {
        first.2 = name + left;
    }
    // What belongs together stands together.
    sort::by_key(&mut fitting, |&(_, column, _)| column as usize);
    fitting
}

/// Returns the width of a column other than the first, with a blank between columns.
fn column_width(column: TableColumn, view: View) -> u16 {
    let content = match column {
        TableColumn::Name => 0,
        TableColumn::Errors => 5,
        TableColumn::Turns | TableColumn::Runs | TableColumn::Calls | TableColumn::ErrorRate => 6,
        TableColumn::First | TableColumn::Last | TableColumn::Asked => 9,
        TableColumn::Answer => 11,
        TableColumn::Cost | TableColumn::MissCost | TableColumn::Kind => 10,
        TableColumn::User | TableColumn::By => 14,
        TableColumn::Where => 20,
        _ => 7,
    };
    content.max(column.title(view).len() as u16 + 1)
}

fn is_text(table: &Table, column: usize) -> bool {
    table.shown().first().is_some_and(|line| matches!(line.cells[column], Cell::Text(_) | Cell::Answer(..))) || column == 0
}

fn cell(buffer: &mut Buffer, area: Rect, text: &str, left: bool, style: Style) {
    let room = area.width.saturating_sub(1);
    if left {
        put(buffer, area.x, area.y, room, text, style);
    } else {
        put_right(buffer, area.right() - 1, area.y, room, text, style);
    }
}

fn text(cell: &Cell, room: u16, app: &App) -> String {
    let unknown = || "–".to_owned();
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Answer(_, true) => "⏸ waits".to_owned(),
        Cell::Answer(answer, false) => answer.clone(),
        Cell::Count(count) => format::count(*count),
        Cell::Tokens(tokens, is_bound) => format::tokens_at_least(*tokens, *is_bound),
        Cell::Time(time) => time.map_or_else(unknown, format::duration),
        Cell::Money(money, is_bound) => format::align_money(&format::money_at_least(*money, *is_bound)),
        Cell::Part(_, 0) => unknown(),
        Cell::Part(part, whole) => format::percent(*part, *whole),
        Cell::Since(moment) => format::age(app.now.saturating_sub(*moment)),
        Cell::Moment(moment) => format::short_moment(*moment, app.now, usize::from(room)),
        Cell::Rate(rate) => rate.map_or_else(unknown, |rate| format!("{rate:.0}")),
    }
}

/// Draws the page of the line under the cursor.
pub(super) fn draw_page(buffer: &mut Buffer, area: Rect, app: &App, table: &Table, styling: Styling) {
    let line = table.shown().get(table.pane.cursor.saturating_sub(table.pane.top));
    let Some(line) = line.filter(|_| area.height > 0) else { return };
    put(buffer, area.x, area.y, area.width, &"─".repeat(usize::from(area.width)), styling.frame(app.focus != Focus::Traces));
    let name = line.cells.first().map_or(String::new(), |name| text(name, area.width, app));
    put(buffer, area.x + 1, area.y, area.width.saturating_sub(2), &format!(" {name} "), styling.text().patch(styling.title()));
    detail::draw_text(buffer, area, &table.pane.pager, styling);
}
