//! What lies where: the other way round from painting.

use ratatui::layout::{Position, Rect};

use super::{PaneLayout, detail, overlay, table, trace_tree};
use crate::store::Store;
use crate::tui::app::{App, HitTarget};

/// What is painted at a place of a screen of this size.
#[must_use]
pub fn hit_test(app: &App, store: &Store, area: Rect, place: Position) -> HitTarget {
    if let Some(layer) = &app.overlay {
        return overlay::hit_test(area, layer, place);
    }
    let panes = PaneLayout::new(area, app.focus);
    match () {
        () if store.trace_count() == 0 => HitTarget::Nothing,
        () if panes.forest.contains(place) => match &app.table {
            Some(table) => table::hit_test(panes.forest, table, place),
            None => trace_tree::hit_test(panes.forest, app, store, place),
        },
        () if panes.detail.contains(place) && app.table.is_some() => HitTarget::Detail,
        () if panes.detail.contains(place) => detail::hit_test(panes.detail, app, store, place),
        () => HitTarget::Nothing,
    }
}
