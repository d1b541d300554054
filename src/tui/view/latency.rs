//! The latency pane: the time breakdown of the trace under the cursor, and percentiles by agents, models and tools.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::rankings::draw_frame;
use super::styling::Styling;
use super::{put, put_right};
use crate::format;
use crate::model::SpanType;
use crate::store::{By, Store, TimeBreakdown};
use crate::tui::app::App;

/// Cells of a duration column, with the blank before it.
const TIME: u16 = 7;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, store: &Store, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = draw_frame(buffer, area, "Latency", app, styling);
    if let Some(breakdown) = app.aggregates.time_breakdown() {
        draw_breakdown(buffer, inner, breakdown, styling);
    }
    let columns = usize::from(inner.width.saturating_sub(8) / TIME).min(5);
    let titles = ["p50", "p95", "p99", "max", "calls"];
    let has_titles = inner.height > 3;
    if has_titles {
        for (at, head) in titles.iter().take(columns).enumerate() {
            put_right(buffer, inner.x + 8 + TIME * (at as u16 + 1), inner.y + 1, TIME, head, styling.dim());
        }
    }
    let first = inner.y + 1 + u16::from(has_titles);
    let stats = app.aggregates.stats(store);
    let lines = [(By::Agent, "agents", SpanType::Agent), (By::Model, "models", SpanType::Model), (By::Tool, "tools", SpanType::Tool)];
    for (y, (by, name, kind)) in (first..inner.bottom()).zip(lines) {
        put(buffer, inner.x, y, 8, name, styling.span_type(kind));
        let times = stats.times(by);
        let texts = [times.quantile(500), times.quantile(950), times.quantile(990), times.max()]
            .map(|time| time.map_or_else(|| "–".to_owned(), format::duration))
            .into_iter()
            .chain([format::tokens(Some(times.count()))]);
        for (at, text) in texts.take(columns).enumerate() {
            put_right(buffer, inner.x + 8 + TIME * (at as u16 + 1), y, TIME, &text, Style::new());
        }
    }
}

/// Draws the shares of models, tools and the rest in the time of the trace.
fn draw_breakdown(buffer: &mut Buffer, area: Rect, breakdown: &TimeBreakdown, styling: Styling) {
    let total = breakdown.total();
    if total <= 0 {
        return;
    }
    let percent = |part: i64| format::percent(part.unsigned_abs(), total.unsigned_abs());
    let parts = [
        (format!("model {}", percent(breakdown.model)), styling.span_type(SpanType::Model)),
        (format!("tool {}", percent(breakdown.tool)), styling.span_type(SpanType::Tool)),
        (format!("rest {}", percent(breakdown.other)), styling.dim()),
    ];
    let mut x = area.x;
    for (text, style) in parts {
        x = put(buffer, x, area.y, area.right().saturating_sub(x), &text, style) + 2;
    }
}
