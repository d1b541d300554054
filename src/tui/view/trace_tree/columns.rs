//! The columns of the lines, chosen by the width of the pane, and their titles.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::styling::Styling;
use super::super::{put, put_right};
use crate::format;
use crate::model::Nanos;
use crate::store::{RowIx, Store};
use crate::tui::app::{Column, Measure, TraceTree};
use crate::tui::widget::Axis;

/// Where a warning or an error was logged.
pub(super) const LOGGED: &str = "!";

/// The largest width of the tree; on a wider screen the bars grow.
const TREE_WIDTH: u16 = 90;

/// Cells of the cost, with the blank before it.
const COST_WIDTH: u16 = 10;

/// Cells of the name of a service, with the blank before it.
pub(super) const SERVICE_WIDTH: u16 = 17;

/// The titles of [`Column::OF_ANSWERS`], their cells, with the blank before them, and the width of the pane from which they are shown.
const ANSWERS: [(&str, u16, u16); Column::OF_ANSWERS.len()] =
    [("CACHED", 8, 92), ("CONTEXT", 8, 92), ("TTFT", 8, 92), ("TOK/S", 8, 92), ("SCORE", 10, 76)];

/// The widths of the columns in cells; 0 for a column that is not shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnWidths {
    pub(super) tree: u16,
    pub(super) service: u16,
    pub(super) when: u16,
    pub(super) time: u16,
    pub(super) tokens: u16,
    pub(super) cost: u16,
    /// Those of [`Column::OF_ANSWERS`].
    pub(super) answers: [u16; Column::OF_ANSWERS.len()],
    pub(super) bar: u16,
}

impl ColumnWidths {
    /// Chooses those of the `enabled` columns that fit. The cost is shown only if a cost is known (`priced`); it is kept longer than the
    /// tokens, except with `tokens_first`. The start is wider if a trace is `dated`: started on another day.
    pub(super) fn new(width: u16, priced: bool, tokens_first: bool, dated: bool, enabled: &[Column]) -> Self {
        let column = |column: Column, from: u16, cells: u16| if width >= from && enabled.contains(&column) { cells } else { 0 };
        let time = column(Column::Time, 30, 7);
        let (tokens_from, cost_from) = if priced && !tokens_first { (80, 56) } else { (56, 80) };
        let tokens = column(Column::Tokens, tokens_from, 7);
        let cost = if priced { column(Column::Cost, cost_from, COST_WIDTH) } else { 0 };
        let when = column(Column::Began, 104, if dated { 13 } else { 9 });
        let service = column(Column::Service, 92, SERVICE_WIDTH);
        let mut answers = [0; Column::OF_ANSWERS.len()];
        for ((width, answer), (_, cells, from)) in answers.iter_mut().zip(Column::OF_ANSWERS).zip(ANSWERS) {
            *width = column(answer, from, cells);
        }
        let numbers = service + when + time + tokens + cost + answers.iter().sum::<u16>() + 1;
        let bar = if width >= 44 { (width * 3 / 10).max(width.saturating_sub(numbers + TREE_WIDTH)).max(10) } else { 0 };
        Self { tree: width.saturating_sub(numbers + bar), service, when, time, tokens, cost, answers, bar }
    }

    /// Draws the heading: the column titles, and over the bars where the scale of the line under the cursor begins and ends.
    pub(super) fn draw_titles(self, buffer: &mut Buffer, heading: Rect, bars: Option<&BarScale>, styling: Styling) {
        if heading.is_empty() {
            return;
        }
        let y = heading.y;
        put(buffer, heading.x + 4, y, self.tree.saturating_sub(4), "TRACE", styling.dim());
        let mut end = heading.x + self.tree;
        put(buffer, end + 1, y, self.service.saturating_sub(1), "SERVICE", styling.dim());
        end += self.service;
        let usual = [("BEGAN", self.when), ("TIME", self.time), ("TOK", self.tokens), ("COST", self.cost)];
        for (name, width) in usual.into_iter().chain(ANSWERS.map(|(title, ..)| title).into_iter().zip(self.answers)) {
            end += width;
            put_right(buffer, end.saturating_sub(1), y, width, if width == 0 { "" } else { name }, styling.dim());
        }
        let Some(bars) = bars.filter(|_| self.bar > 0) else { return };
        let left = heading.right() - self.bar;
        let x = put(buffer, left, y, self.bar, &format!("{} ", bars.from), bars.style(styling));
        put_right(buffer, heading.right(), y, self.bar.saturating_sub(x - left), &format!(" {}", bars.to), bars.style(styling));
    }

    /// Draws over the bars what their scale is, near the middle, where that is written over nothing.
    pub(super) fn draw_scale(self, buffer: &mut Buffer, heading: Rect, bars: &BarScale, styling: Styling) {
        let label = format!(" {} ", bars.label);
        let width = format::width(&label) as u16;
        if heading.is_empty() || self.bar < width {
            return;
        }
        let is_free = |x: &u16| buffer[(*x, heading.y)].symbol() == " ";
        let mut free = (heading.right() - self.bar..heading.right()).filter(is_free);
        // A blank stays at either end.
        let (Some(first), Some(last)) = (free.next(), free.next_back()) else { return };
        let Some(room) = (last - first - 1).checked_sub(width) else { return };
        let middle = last - width - room / 2;
        let places = (first + 1..=last - width).filter(|&x| (x..x + width).all(|x| is_free(&x)));
        if let Some(x) = places.min_by_key(|x| x.abs_diff(middle)) {
            put(buffer, x, heading.y, width, &label, bars.style(styling));
        }
    }
}

/// Marks in the heading when the lines on standard error came that belong to no step. What is written there stays.
pub(super) fn mark_lines(buffer: &mut Buffer, bars: Rect, axis: Axis, times: impl Iterator<Item = Nanos>, styling: Styling) {
    let mut last = None;
    for cell in times.map(|time| axis.cell(time, usize::from(bars.width)) as u16) {
        if last.replace(cell) == Some(cell) {
            continue;
        }
        let near = [cell, cell + 1, cell.wrapping_sub(1), cell + 2, cell.wrapping_sub(2), cell + 3, cell.wrapping_sub(3)];
        let is_free = |&at: &u16| at < bars.width && buffer[(bars.x + at, bars.y)].symbol() == " ";
        if let Some(at) = near.into_iter().find(is_free) {
            put(buffer, bars.x + at, bars.y, 1, LOGGED, styling.running());
        }
    }
}

/// The scale of the bars in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BarScale {
    from: String,
    label: String,
    to: String,
    /// Whether it differs from the default scale.
    is_custom: bool,
}

impl BarScale {
    fn style(&self, styling: Styling) -> Style {
        if self.is_custom { styling.key() } else { styling.dim() }
    }

    /// Returns the times that the heading stands for; `None` if it stands for other amounts.
    pub(super) fn times(tree: &TraceTree, store: &Store, row: RowIx, now: Nanos) -> Option<Axis> {
        let trace = store.row(row).trace();
        let is_open = TraceTree::uses_trace_axis(store, row);
        (tree.measure == Measure::Time).then(|| if is_open { tree.axis(store, trace, now) } else { tree.shared_axis(store, trace) })
    }

    /// Describes the scale of the bar of `row`.
    pub(super) fn new(tree: &TraceTree, store: &Store, row: RowIx, now: Nanos) -> Self {
        let trace = store.row(row).trace();
        let measure = tree.measure;
        let open = TraceTree::uses_trace_axis(store, row);
        let axis = TraceTree::full_axis(store, trace, now);
        if let (Measure::Time, true, Some(zoom)) = (measure, open, tree.zoom_axis(store, trace)) {
            let since = |time: Nanos| format!("+{}", format::duration(time.saturating_sub(axis.start)));
            let times = length(axis).checked_div(length(zoom)).unwrap_or_default();
            return Self { from: since(zoom.start), label: format!("×{times}"), to: since(zoom.end), is_custom: true };
        }
        let full = if open { full_amount(measure, store, row, now) } else { Some(tree.scale()) };
        let is_bound = open && store.totals_of(trace).is_cost_incomplete();
        let (zero, to) = match measure {
            // The shared scale is round.
            Measure::Time | Measure::Own => ("0s", full.map(|full| format::round_duration(full.cast_signed()))),
            Measure::Tokens => ("0", full.map(|full| format::tokens(Some(full)))),
            Measure::Cost => ("$0", full.map(|full| format::money_at_least(Some(full.cast_signed()), is_bound))),
        };
        let label = match (open, measure) {
            (true, Measure::Time) => "this trace".to_owned(),
            (false, Measure::Time) => "all traces".to_owned(),
            (true, measure) => format!("{} of this trace", measure.name()),
            (false, measure) => measure.name().to_owned(),
        };
        Self { from: zero.to_owned(), label, to: to.unwrap_or_else(|| "–".to_owned()), is_custom: measure != Measure::Time }
    }
}

/// Returns the amount of a full bar in an open trace: that of the whole trace.
pub(super) fn full_amount(measure: Measure, store: &Store, row: RowIx, now: Nanos) -> Option<u64> {
    let trace = store.main_of(store.row(row).trace());
    let totals = store.group_totals(trace);
    match measure {
        Measure::Time | Measure::Own => u64::try_from(length(TraceTree::full_axis(store, trace, now))).ok(),
        Measure::Tokens => totals.tokens(),
        Measure::Cost => totals.cost().and_then(|cost| u64::try_from(cost).ok()),
    }
}

fn length(axis: Axis) -> Nanos {
    axis.end.saturating_sub(axis.start)
}
