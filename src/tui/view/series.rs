//! The view of metrics: a line for each series, and the page about the one under the cursor.

mod page;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::Block;

use super::styling::Styling;
use super::table::nothing_matches;
use super::{HitMap, detail, layout, put, put_right, tabs};
use crate::format;
use crate::metrics::{Comparison, Series, UsageCounter};
use crate::model::MetricKind;
use crate::tui::app::{App, Focus, HitTarget, SeriesList, SeriesSort};
use crate::tui::display::{counted, metric};
use crate::tui::widget::sparkline;
pub(super) use page::page;

/// The widths of the columns with a blank after each; that of values among which are percentiles.
const VALUE: u16 = 14;
const PERCENTILES: u16 = 22;
const UNIT: u16 = 8;
const RATE: u16 = 11;
const SEEN: u16 = 10;

/// The widths of the chart, where there is room.
const CHARTS: [u16; 3] = [31, 21, 13];

/// The column of the chart.
const CHART: &str = "LAST HOUR";

/// The smallest widths of the name and of the attributes.
const NAME: u16 = 24;
const ATTRIBUTES: u16 = 14;

/// What the attributes take before the chart does: some names with their values.
const MORE_ATTRIBUTES: u16 = 16;

/// The smallest width of names that are short.
const SHORT_NAME: u16 = 12;

/// The most series whose names are measured for the width of their column.
const MAX_MEASURED: usize = 500;

/// A column with its title, its first cell and its width.
struct Column {
    title: &'static str,
    sort: Option<SeriesSort>,
    x: u16,
    width: u16,
}

pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, list: &SeriesList, styling: Styling) {
    if area.is_empty() {
        return;
    }
    let inner = styling.draw_frame(buffer, area, Block::new(), app.focus == Focus::Traces);
    let count = format::count(list.len() as u64);
    let place = if list.is_empty() { count } else { format!("{} of {count}", format::count(list.pane.cursor as u64 + 1)) };
    tabs::draw(buffer, hits, area, app, &place, styling);
    let (heading, inner) = layout::split_heading(inner, area.height);
    let measured = || app.metrics.series().iter().take(MAX_MEASURED).map(|series| &series.metric);
    let longest = measured().map(|metric| format::width(&format::safe(&metric.name))).max().unwrap_or_default();
    let has_percentiles = measured().any(|metric| !matches!(metric.kind, MetricKind::Gauge | MetricKind::Sum(..)));
    let columns = columns(inner, u16::try_from(longest).unwrap_or(u16::MAX), has_percentiles);
    for column in columns.iter().filter(|_| !heading.is_empty()) {
        let is_sorted = column.sort == Some(list.sorted);
        let arrow = match (is_sorted, list.is_descending()) {
            (true, true) => "↓",
            (true, false) => "↑",
            (false, _) => "",
        };
        let style = if is_sorted { styling.key() } else { styling.dim() };
        let title = if column.title == CHART { metric::hour_title(&app.metrics, app.now) } else { column.title };
        let text = format!("{title}{arrow}");
        if is_right(column) {
            put_right(buffer, column.x + column.width - 1, heading.y, column.width - 1, &text, style);
        } else {
            put(buffer, column.x, heading.y, column.width.saturating_sub(1), &text, style);
        }
    }
    if list.is_empty() {
        let why = if list.is_filtered() && !app.metrics.series().is_empty() { nothing_matches(app) } else { NOTHING.to_owned() };
        put(buffer, inner.x + 1, inner.y, inner.width.saturating_sub(1), &why, styling.dim());
    }
    let notes = notes(app, list);
    let lines = inner.height.saturating_sub(u16::from(!notes.is_empty()));
    for ((line, series), y) in list.visible(&app.metrics, usize::from(lines)).zip(inner.y..) {
        let area = Rect { y, height: 1, ..inner };
        hits.add(area, HitTarget::Line(line));
        if line == list.pane.cursor {
            buffer.set_style(area, styling.cursor());
            put(buffer, inner.x, y, 1, "▎", styling.key());
        }
        draw_series(buffer, y, &columns, app, series, styling);
    }
    if !notes.is_empty() && inner.height > 1 {
        put(buffer, inner.x + 1, inner.bottom() - 1, inner.width.saturating_sub(2), &notes, styling.running());
    }
}

/// What is shown where no metrics came.
const NOTHING: &str = "No metrics yet. Programs send them over OTLP, as they send spans.";

/// Says what of the points and of the filter the list leaves out; empty if nothing.
fn notes(app: &App, list: &SeriesList) -> String {
    let filter = if list.leaves_filter_aside() { "part of the filter is about spans only and is left aside" } else { "" };
    let losses = metric::losses(&app.metrics);
    let differs = |(counter, differs): (&UsageCounter, &Comparison)| format!("{}: {}", counter.metric, counted::comparison(differs));
    let difference = list.difference().map(differs).unwrap_or_default();
    [filter, &difference, &losses].into_iter().filter(|note| !note.is_empty()).collect::<Vec<_>>().join(" · ")
}

fn is_right(column: &Column) -> bool {
    matches!(column.sort, Some(SeriesSort::Value | SeriesSort::Rate | SeriesSort::Seen))
}

/// Returns the columns that fit: the name, the value, then as many others as there is room for. `longest` is the width of the longest name.
fn columns(inner: Rect, longest: u16, has_percentiles: bool) -> Vec<Column> {
    let width = inner.width.saturating_sub(2);
    let mut left = width.saturating_sub(NAME);
    let mut take = |needed: u16, is_wanted: bool| {
        let is_taken = is_wanted && needed <= left;
        left -= if is_taken { needed } else { 0 };
        if is_taken { needed } else { 0 }
    };
    let value = take(if has_percentiles { PERCENTILES } else { VALUE }, true);
    let mut attributes = take(ATTRIBUTES, true);
    let rate = take(RATE, true);
    let unit = take(UNIT, true);
    attributes += take(MORE_ATTRIBUTES, attributes > 0);
    let chart = CHARTS.into_iter().map(|cells| take(cells, true)).find(|&cells| cells > 0).unwrap_or_default();
    let seen = take(SEEN, true);
    // Names take what they need and at most one half of the rest; the attributes take what is left.
    let (least, needed) = (NAME.min(width), longest.saturating_add(1).max(SHORT_NAME));
    let name = if attributes > 0 { needed.min(least + left / 2) } else { least + left };
    let attributes = if attributes > 0 { attributes + least + left - name } else { 0 };
    let widths = [
        ("METRIC", Some(SeriesSort::Name), name),
        ("ATTRIBUTES", None, attributes),
        ("VALUE", Some(SeriesSort::Value), value),
        ("UNIT", None, unit),
        ("RATE", Some(SeriesSort::Rate), rate),
        (CHART, None, chart),
        ("SEEN", Some(SeriesSort::Seen), seen),
    ];
    let mut x = inner.x + 1;
    let mut columns = Vec::new();
    for (title, sort, width) in widths.into_iter().filter(|&(.., width)| width > 0) {
        columns.push(Column { title, sort, x, width });
        x += width;
    }
    columns
}

fn draw_series(buffer: &mut Buffer, y: u16, columns: &[Column], app: &App, series: &Series, styling: Styling) {
    let name = if series.metric.name.is_empty() { "(no name)" } else { &series.metric.name };
    for column in columns {
        let room = column.width.saturating_sub(1);
        let mut left = |text: &str, style| {
            put(buffer, column.x, y, room, text, style);
        };
        match column.title {
            "METRIC" => left(&format::fit_middle(&format::safe(name), usize::from(room)), Style::new().add_modifier(Modifier::BOLD)),
            "ATTRIBUTES" => left(&app.metrics.label(series), styling.dim()),
            "UNIT" => left(&series.metric.unit, styling.dim()),
            CHART => {
                let chart = series.chart(app.metrics.chart_end(app.now), usize::from(room));
                left(&sparkline(&metric::heights(&chart), usize::from(room), styling.glyphs()), styling.good());
            }
            "VALUE" => {
                let value = metric::value(series);
                // A median alone says more than a number that is cut.
                let value = if format::width(&value) > usize::from(room) { value.split(" p95 ").next().unwrap_or(&value) } else { &value };
                put_right(buffer, column.x + room, y, room, value, Style::new());
            }
            "RATE" => {
                put_right(buffer, column.x + room, y, room, &metric::rate(series, app.now), Style::new());
            }
            _ => {
                let seen = format::short_moment(series.time, app.now, usize::from(room));
                put_right(buffer, column.x + room, y, room, &seen, styling.dim());
            }
        }
    }
}

/// Draws the page about the series under the cursor.
pub(super) fn draw_page(buffer: &mut Buffer, area: Rect, app: &App, list: &SeriesList, styling: Styling) {
    let Some(series) = list.current(&app.metrics).filter(|_| area.height > 0) else { return };
    put(buffer, area.x, area.y, area.width, &"─".repeat(usize::from(area.width)), styling.frame(app.focus != Focus::Traces));
    let name = format!(" {} ", series.metric.name);
    put(buffer, area.x + 1, area.y, area.width.saturating_sub(2), &name, styling.text().patch(styling.title()));
    detail::draw_text(buffer, area, &list.pane.pager, styling);
}
