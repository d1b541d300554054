//! The bar of a line.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::put;
use super::columns::full_amount;
use super::line::Line;
use crate::store::RunStatus;
use crate::tui::app::{Measure, TraceTree};
use crate::tui::display::row_bar;
use crate::tui::widget::gauge;

impl Line<'_> {
    /// Draws the bar, or nothing for an unknown amount.
    pub(super) fn draw_bar(&self, buffer: &mut Buffer, area: Rect) {
        let Self { app, styling, data, .. } = *self;
        let style = match self.store.run_status(self.row) {
            _ if self.is_off_critical_path() => styling.dim(),
            RunStatus::Error => styling.error(),
            RunStatus::Running => styling.running(),
            RunStatus::Lost => styling.dim(),
            RunStatus::Ok | RunStatus::Paused | RunStatus::Cut => styling.span_type(data.span_type),
        };
        match app.tree.measure {
            Measure::Time => self.draw_time(buffer, area, style),
            measure => {
                let bar = self.amount(measure).map(|(part, full)| gauge(part, full, usize::from(area.width), styling.glyphs()));
                put(buffer, area.x, area.y, area.width, &bar.unwrap_or_default(), style);
            }
        }
    }

    fn draw_time(&self, buffer: &mut Buffer, area: Rect, style: Style) {
        let Self { app, store, styling, row, data, .. } = *self;
        let (tree, trace) = (&app.tree, data.trace());
        let hides_children = !tree.is_open(store, row);
        let bar = row_bar(store, row, TraceTree::children(store, row), tree.child_count(store, row), hides_children, app.now);
        let axis = if tree.uses_trace_axis(store, row) { tree.axis(store, trace, app.now) } else { tree.shared_axis(store, trace) };
        bar.render(axis, styling.glyphs(), style, area, buffer);
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
        let full = if app.tree.uses_trace_axis(store, row) { full_amount(measure, store, row, app.now) } else { Some(app.tree.scale()) };
        Some((part?, full?))
    }
}
