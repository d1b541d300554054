//! The names of the views in the upper frame of the traces pane, and at its right the place of the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::styling::Styling;
use super::{HitMap, put, put_right};
use crate::format;
use crate::tui::app::{App, HitTarget, View};

/// How the tabs are shortened, the longest form first: whether names are short, the cells after each tab, and whether the place is kept.
const FORMS: [(bool, usize, bool); 6] =
    [(false, 1, true), (false, 0, true), (true, 1, true), (true, 0, true), (false, 0, false), (true, 0, false)];

/// Draws the tabs and `place` into the first line of `area`. Without room for all names they are shortened; without room for short names
/// only the open view has its name, and the others their keys.
pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, place: &str, styling: Styling) {
    let line = Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: 1, ..area };
    let place = if place.is_empty() { String::new() } else { format!(" {place} ") };
    let label = |view: View, name: &str| {
        let key = app.keymap.keys(view.action()).first().map(|key| key.short());
        let name = Some(name.to_owned()).filter(|name| !name.is_empty() || key.is_none());
        (view, [key, name].into_iter().flatten().collect::<Vec<_>>().join(" "))
    };
    // Where there are no approvals, logs or metrics, their views need no place.
    let has_metrics = app.series_list.is_some() || !app.metrics.series().is_empty();
    let has_logs = app.log_list.is_some() || !app.logs.is_empty();
    let views = || {
        View::ALL.into_iter().map(|(view, _)| view).filter(|view| match view {
            View::Metrics => has_metrics,
            View::Logs => has_logs,
            View::Approvals => app.has_approvals || app.view() == View::Approvals,
            _ => true,
        })
    };
    let named =
        |is_short: bool| views().map(|view| label(view, if is_short { view.short_name() } else { view.name() })).collect::<Vec<_>>();
    let fits = |labels: &[(View, String)], gap: usize, has_place: bool| {
        let tabs: usize = labels.iter().map(|(_, label)| format::width(label) + 1 + gap).sum();
        tabs + if has_place { format::width(&place) } else { 0 } <= usize::from(line.width)
    };
    let forms = FORMS.iter().map(|&(is_short, gap, has_place)| (named(is_short), gap, has_place));
    let (labels, gap) = forms
        .into_iter()
        .find_map(|(labels, gap, has_place)| fits(&labels, gap, has_place).then_some((labels, gap)))
        .unwrap_or_else(|| (views().map(|view| label(view, if view == app.view() { view.name() } else { "" })).collect(), 1));
    let mut x = line.x;
    for (view, label) in &labels {
        let style = if *view == app.view() { styling.tab() } else { styling.dim() };
        let start = x;
        x = put(buffer, x, line.y, line.right().saturating_sub(x), &format!(" {label}{:gap$}", ""), styling.text().patch(style));
        hits.add(Rect { x: start, width: x - start, ..line }, HitTarget::View(*view));
    }
    if gap == 0 {
        // The frame does not touch the last name.
        put(buffer, x, line.y, line.right().saturating_sub(x), " ", styling.text());
    }
    if format::width(&place) <= usize::from(line.right().saturating_sub(x)) {
        put_right(buffer, line.right(), line.y, line.right().saturating_sub(x), &place, styling.text());
    }
}
