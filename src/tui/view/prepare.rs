//! Prepares the app for a frame: sizes, scroll positions and the text of the lower pane.

use ratatui::layout::Rect;

use super::{PaneLayout, detail, max_scroll, table};
use crate::store::Store;
use crate::tui::app::{App, Overlay};

/// Prepares the app for a frame of this size. Returns whether work is left for further frames.
pub fn prepare_frame(app: &mut App, store: &mut Store, area: Rect) -> bool {
    let end = max_scroll(app, area);
    if let Some(Overlay::Help(line) | Overlay::Sources(line)) = &mut app.overlay {
        *line = end.min(*line);
    }
    let panes = PaneLayout::new(area, app.focus);
    let more = app.prepare_frame(store, panes.trace_lines(), panes.detail_size());
    write_pages(app, store);
    more
}

/// Writes the text of the lower pane if it is outdated. Call this before the app handles a key: scrolling and copying depend on the text.
pub fn write_pages(app: &mut App, store: &Store) {
    if app.detail.is_outdated() {
        let page = detail::page(&app.detail, store, app.now);
        app.detail.set_page(page);
    }
    if let Some(open) = app.table.as_mut().filter(|open| open.is_page_outdated()) {
        let page = table::page(open, store, &app.aggregates, app.now);
        open.set_page(page);
    }
}
