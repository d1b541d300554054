//! The bar of a line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::put;
use super::columns::{LOGGED, full_amount};
use super::line::Line;
use crate::format;
use crate::model::Ending;
use crate::model::sort;
use crate::store::{Phase, RunStatus};
use crate::tui::app::{Measure, TraceTree};
use crate::tui::display::{log, row_bar};
use crate::tui::widget::{Axis, Bar, gauge};

/// A line of the ruler behind the bars of an open trace, and the time that a run waits for a person.
const RULER: &str = "┆";
const WAITING: &str = "┄";

/// The most records of a span that are examined for marks, the newest: a frame must not cost what one span logged.
pub(super) const MAX_EXAMINED_LOGS: usize = 256;

/// The smallest distance of the ruler's lines in cells.
const RULER_CELLS: u16 = 7;

impl Line<'_> {
    /// Draws the bar, or nothing for an unknown amount. Returns whether the ruler of an open trace still lacks its times.
    pub(super) fn draw_bar(&self, buffer: &mut Buffer, area: Rect, lacks_times: bool) -> bool {
        let Self { app, styling, .. } = *self;
        let style = match self.store.run_status(self.row) {
            _ if self.is_off_critical_path() => styling.dim(),
            RunStatus::Error => styling.error(),
            RunStatus::Running => styling.running(),
            RunStatus::Lost => styling.dim(),
            RunStatus::Ok | RunStatus::Paused | RunStatus::Cut => {
                styling.span_type(self.store.row(app.tree.telling(self.store, self.row)).span_type)
            }
        };
        match app.tree.measure {
            Measure::Time => self.draw_time(buffer, area, style, lacks_times),
            measure => {
                let bar = self.amount(measure).map(|(part, full)| gauge(part, full, usize::from(area.width), styling.glyphs()));
                put(buffer, area.x, area.y, area.width, &bar.unwrap_or_default(), style);
                lacks_times
            }
        }
    }

    fn draw_time(&self, buffer: &mut Buffer, area: Rect, style: Style, lacks_times: bool) -> bool {
        let Self { app, store, styling, row, data, .. } = *self;
        let (tree, trace) = (&app.tree, data.trace());
        let hides_children = !tree.is_open(store, row);
        // The time of a trace is without the runs that leaked into it.
        let (children, count) = tree.bar_children(store, row);
        let children = children.filter(|&child| !store.is_leaked(child));
        let bar = row_bar(store, row, children, count, hides_children, app.now);
        if TraceTree::uses_trace_axis(store, row) {
            let axis = tree.axis(store, trace, app.now);
            self.draw_ruler(buffer, area, axis);
            bar.render(axis, styling.glyphs(), style, area, buffer);
            self.draw_waiting(buffer, area, axis);
            self.draw_logs(buffer, area, axis);
            return lacks_times && !self.draw_ticks(buffer, area, axis);
        }
        let axis = tree.shared_axis(store, trace);
        let bar = if data.phase == Phase::Ended { self.trace_bar(bar) } else { bar };
        bar.render(axis, styling.glyphs(), style, area, buffer);
        self.draw_waiting(buffer, area, axis);
        self.draw_logs(buffer, area, axis);
        let axis = tree.axis(store, trace, app.now);
        tree.is_in_open_trace(store, row) && !self.draw_ticks(buffer, area, axis) && !self.draw_distance(buffer, area)
    }

    /// Writes times over the ruler of the bars of an open trace, where the line is blank. Returns whether it wrote one.
    fn draw_ticks(&self, buffer: &mut Buffer, area: Rect, axis: Axis) -> bool {
        let mut has_time = false;
        let mut ticks = self.ticks(area, axis).peekable();
        while let Some((x, time)) = ticks.next() {
            let label = format!("{RULER}{}", format::round_duration(time));
            let room = ticks.peek().map_or(area.right(), |&(next, _)| next).saturating_sub(x);
            // A blank keeps a bar and the label apart.
            let mut cells = x.saturating_sub(1).max(area.x)..(x + room.min(format::width(&label) as u16 + 1));
            if format::width(&label) <= usize::from(room) && cells.all(|x| is_blank(buffer, x, area.y)) {
                put(buffer, x, area.y, room, &label, self.styling.dim());
                has_time = true;
            }
        }
        has_time
    }

    /// Writes the distance of the ruler's lines at the right edge, for want of room for times. Returns whether there was room.
    fn draw_distance(&self, buffer: &mut Buffer, area: Rect) -> bool {
        let distance = format!("{RULER} {}", format::round_duration(self.ruler_step(area.width).cast_signed()));
        let left = area.right().saturating_sub(format::width(&distance) as u16);
        let has_room = left > area.x && (left - 1..area.right()).all(|x| is_blank(buffer, x, area.y));
        if has_room {
            put(buffer, left, area.y, area.right() - left, &distance, self.styling.dim());
        }
        has_room
    }

    /// Returns the bar of a trace that ended: folded or open, it is as long as the time beside it.
    fn trace_bar(&self, mut bar: Bar) -> Bar {
        let Self { app, store, data, .. } = *self;
        let start = store.trace(data.trace()).start;
        let end = start.saturating_add(store.length(data.trace(), app.now));
        let outside = [(start, bar.start), (bar.end.max(bar.start), end)];
        bar.children.extend(outside.into_iter().filter(|(from, to)| from < to));
        Bar { with_children: true, ..bar }
    }

    /// Returns the distance of the ruler's lines in a bar of `width` cells.
    fn ruler_step(&self, width: u16) -> u64 {
        let most = u64::from(width / RULER_CELLS).max(2);
        self.app.tree.ruler_step(self.store, self.data.trace(), most, self.app.now)
    }

    /// Returns the lines of the ruler in a bar on the scale of an open trace: their columns, and the times from the start of the trace.
    fn ticks(&self, area: Rect, axis: Axis) -> impl Iterator<Item = (u16, i64)> {
        let start = TraceTree::full_axis(self.store, self.data.trace(), self.app.now).start;
        let step = i64::try_from(self.ruler_step(area.width)).unwrap_or(i64::MAX);
        // The first line is after the left edge of the axis.
        let first = (axis.start.saturating_sub(start) / step + 1).saturating_mul(step);
        let times = std::iter::successors(Some(first), move |time| time.checked_add(step));
        let times = times.take_while(move |&time| start.saturating_add(time) < axis.end);
        times.map(move |time| (area.x + axis.cell(start.saturating_add(time), usize::from(area.width)) as u16, time))
    }

    /// Draws the lines that tell the scale of an open trace from the shared one.
    fn draw_ruler(&self, buffer: &mut Buffer, area: Rect, axis: Axis) {
        for (x, _) in self.ticks(area, axis) {
            put(buffer, x, area.y, 1, RULER, self.styling.frame(false));
        }
    }

    /// Draws the time for which a paused run waits for a person, until it continued or until now.
    fn draw_waiting(&self, buffer: &mut Buffer, area: Rect, axis: Axis) {
        let Self { app, store, row, data, styling, .. } = *self;
        let until = match store.continuations(row).1 {
            Some(after) => store.row(after).start,
            None if data.ending() == Ending::Paused => app.now,
            None => return,
        };
        let width = usize::from(area.width);
        for cell in axis.cell(data.end, width)..=axis.cell(until, width) {
            let x = area.x + cell as u16;
            if is_blank(buffer, x, area.y) && until > data.end {
                put(buffer, x, area.y, 1, WAITING, styling.running());
            }
        }
    }

    /// Marks where a warning, an error or a line on standard error was logged in the span.
    fn draw_logs(&self, buffer: &mut Buffer, area: Rect, axis: Axis) {
        let Self { app, store, data, styling, .. } = *self;
        let numbers = app.logs.of_span(store.trace(data.trace()).id, data.id).rev().take(MAX_EXAMINED_LOGS);
        let mut marked: Vec<(u16, bool)> = Vec::new();
        for record in numbers.filter_map(|number| app.logs.get(number)).filter(|record| log::is_marked(record)) {
            if (axis.start..=axis.end).contains(&record.time) {
                let x = area.x + (axis.cell(record.time, usize::from(area.width)) as u16).min(area.width.saturating_sub(1));
                marked.push((x, record.severity >= log::ERROR));
            }
        }
        // An error is drawn over a warning.
        sort::by_key(&mut marked, |&(_, is_error)| is_error);
        for (x, is_error) in marked {
            put(buffer, x, area.y, 1, LOGGED, if is_error { styling.error() } else { styling.running() });
        }
    }

    /// Returns the amount of the row and the amount of a full bar; `None` if either is unknown.
    fn amount(&self, measure: Measure) -> Option<(u64, u64)> {
        let Self { app, store, row, .. } = *self;
        let totals = self.totals();
        let part = match measure {
            Measure::Time | Measure::Own => u64::try_from(store.own_time(row, app.now)).ok(),
            Measure::Tokens => totals.tokens(),
            Measure::Cost => totals.cost().and_then(|cost| u64::try_from(cost).ok()),
        };
        let full = if TraceTree::uses_trace_axis(store, row) { full_amount(measure, store, row, app.now) } else { Some(app.tree.scale()) };
        Some((part?, full?))
    }
}

/// Whether a cell has neither a part of a bar nor a mark.
fn is_blank(buffer: &Buffer, x: u16, y: u16) -> bool {
    [" ", RULER].contains(&buffer[(x, y)].symbol())
}
