//! The names of the views in the upper frame of the traces pane, and at its right the place of the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::styling::Styling;
use super::{HitMap, put, put_right};
use crate::format;
use crate::tui::app::{App, HitTarget, View};

/// Draws the tabs and `place` into the first line of `area`. Without room for all names only the open view has its name, and the others
/// their keys.
pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, place: &str, styling: Styling) {
    let line = Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: 1, ..area };
    let place = if place.is_empty() { String::new() } else { format!(" {place} ") };
    let label = |view: View, is_named: bool| {
        let key = app.keymap.keys(view.action()).first().map(|key| key.short());
        let name = (is_named || key.is_none()).then(|| view.name().to_owned());
        (view, [key, name].into_iter().flatten().collect::<Vec<_>>().join(" "))
    };
    let width = |labels: &[(View, String)]| labels.iter().map(|(_, label)| format::width(label) + 2).sum::<usize>() + format::width(&place);
    // Where no program sends logs or metrics, their views need no place.
    let has_metrics = app.series_list.is_some() || !app.metrics.series().is_empty();
    let has_logs = app.log_list.is_some() || !app.logs.is_empty();
    let views = || {
        View::ALL.into_iter().map(|(view, _)| view).filter(|view| match view {
            View::Metrics => has_metrics,
            View::Logs => has_logs,
            _ => true,
        })
    };
    let all: Vec<_> = views().map(|view| label(view, true)).collect();
    let labels = if width(&all) <= usize::from(line.width) { all } else { views().map(|view| label(view, view == app.view())).collect() };
    let mut x = line.x;
    for (view, label) in &labels {
        let style = if *view == app.view() { styling.tab() } else { styling.dim() };
        let start = x;
        x = put(buffer, x, line.y, line.right().saturating_sub(x), &format!(" {label} "), styling.text().patch(style));
        hits.add(Rect { x: start, width: x - start, ..line }, HitTarget::View(*view));
    }
    if format::width(&place) <= usize::from(line.right().saturating_sub(x)) {
        put_right(buffer, line.right(), line.y, line.right().saturating_sub(x), &place, styling.text());
    }
}
