//! The terminal's title.

use crate::store::{RunStatus, Store};
use crate::tui::app::App;
use crate::tui::display;

/// Returns the title: the state of what the filter shows (runs that wait for a person, failed runs, cost), as far as there is any, and the
/// sources. The text is not yet safe for a terminal.
#[must_use]
pub fn title(app: &App, store: &Store) -> String {
    let shown = app.aggregates.shown(store);
    let (all, runs) = (shown.totals(), shown.runs());
    let counts = [(RunStatus::Paused, runs.paused), (RunStatus::Error, runs.failed)];
    let mut state: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{}{count}", display::status_symbol(status)))
        .collect();
    state.extend(all.cost().map(|_| display::cost(all)));
    if app.ascii {
        let ascii = |c: char| display::ascii_symbol(c.encode_utf8(&mut [0; 4])).map_or_else(|| c.to_string(), str::to_owned);
        for part in &mut state {
            *part = part.chars().map(ascii).collect();
        }
    }
    let names = app.sources.iter().map(|source| source.name.clone());
    state.into_iter().chain(["agno-top".to_owned()]).chain(names).collect::<Vec<_>>().join(" ")
}
