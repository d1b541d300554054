//! The terminal's title.

use crate::format;
use crate::store::{RunStatus, Store};
use crate::tui::app::App;
use crate::tui::display;

/// Returns the title: the state of what the filter shows (runs that wait for a person, failed runs, cost), as far as there is any, and the
/// sources. The text is not yet safe for a terminal.
#[must_use]
pub fn title(app: &App, store: &Store) -> String {
    let shown = app.aggregates.shown(store);
    let (all, runs) = (shown.totals(), shown.runs());
    let sign = |status| {
        let sign = display::status_symbol(status);
        if app.ascii { display::ascii_symbol(sign).unwrap_or(sign) } else { sign }
    };
    let counts = [(RunStatus::Paused, runs.paused), (RunStatus::Error, runs.failed)];
    let mut parts: Vec<String> =
        counts.into_iter().filter(|(_, count)| *count > 0).map(|(status, count)| format!("{}{count}", sign(status))).collect();
    parts.extend(all.cost().map(|cost| format::money(Some(cost))));
    parts.push("agno-top".to_owned());
    parts.extend(app.sources.iter().map(|source| source.name.clone()));
    parts.join(" ")
}
