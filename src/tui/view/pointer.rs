//! What lies where: the other way round from painting.

use ratatui::layout::{Position, Rect};

use super::{Panes, detail, forest, overlay, table};
use crate::store::Store;
use crate::tui::app::{App, Spot};

/// What is painted at a place of a screen of this size.
#[must_use]
pub fn spot(app: &App, store: &Store, area: Rect, place: Position) -> Spot {
    if let Some(layer) = &app.overlay {
        return overlay::spot(area, layer, place);
    }
    let panes = Panes::new(area, app.focus);
    match () {
        () if store.trace_count() == 0 => Spot::Nothing,
        () if panes.forest.contains(place) => match &app.table {
            Some(table) => table::spot(panes.forest, table, place),
            None => forest::spot(panes.forest, app, store, place),
        },
        () if panes.detail.contains(place) && app.table.is_some() => Spot::Detail,
        () if panes.detail.contains(place) => detail::spot(panes.detail, app, store, place),
        () => Spot::Nothing,
    }
}
