//! Prepares and draws the screen, one pane per file. Drawing only reads the app and the store; its cost depends on the size of the screen alone.

mod compare;
mod completions;
mod detail;
mod export_dialog;
mod footer;
mod header;
mod help;
mod hit_map;
mod layout;
mod logs;
mod overlay;
mod popup;
mod program;
mod series;
mod sources;
mod styling;
mod table;
mod tabs;
mod title;
mod totals;
mod tour;
mod trace_tree;
mod welcome;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use tui_input::Input;

use crate::format;
use crate::store::Store;
use crate::tui::app::{App, Help, HitTarget, Overlay, View};
use crate::tui::widget::put_grapheme;
pub use detail::{exchange_texts, parameters};
pub use hit_map::HitMap;
pub use layout::PaneLayout;
use styling::Styling;
pub use title::title;

/// Draws the screen, and replaces the mouse targets in `hits` by those of this frame.
pub fn draw(frame: &mut Frame<'_>, app: &App, store: &Store, hits: &mut HitMap) {
    hits.clear();
    let (area, tour_line) = tour::split(frame.area(), app);
    let (area, output) = program::split(area, app);
    let styling = Styling { theme: app.themes.current(), ascii: app.ascii };
    let panes = PaneLayout::new(area, app.focus);
    let buffer = frame.buffer_mut();
    buffer.set_style(*buffer.area(), styling.screen());
    tour::draw(buffer, tour_line, app, styling);
    header::draw(buffer, panes.header, app, store, styling);
    if store.trace_count() == 0 && app.series_list.is_none() && app.log_list.is_none() {
        welcome::draw(buffer, panes.traces.union(panes.detail), app, styling);
    } else {
        hits.add(panes.traces, HitTarget::Traces);
        hits.add(panes.detail, HitTarget::Detail);
        // These lists use the place of the totals, too.
        let is_wide = (app.series_list.is_some() || app.log_list.is_some()) && panes.wide_traces() != panes.traces;
        match (&app.table, &app.series_list, &app.log_list) {
            (_, _, Some(list)) => logs::draw(buffer, hits, panes.wide_traces(), app, list, styling),
            (_, Some(list), None) => series::draw(buffer, hits, panes.wide_traces(), app, list, styling),
            (Some(table), None, None) => table::draw(buffer, hits, panes.traces, app, table, styling),
            (None, None, None) => trace_tree::draw(buffer, hits, panes.traces, app, store, styling),
        }
        if !is_wide {
            totals::draw_tokens(buffer, panes.tokens, app, store, styling);
            totals::draw_cost(buffer, panes.cost, app, store, styling);
            totals::draw_latency(buffer, panes.latency, app, store, styling);
        }
        match (&app.table, &app.series_list, &app.log_list) {
            (_, _, Some(list)) => logs::draw_page(buffer, panes.detail, app, list, styling),
            (_, Some(list), None) => series::draw_page(buffer, panes.detail, app, list, styling),
            (Some(table), None, None) => table::draw_page(buffer, panes.detail, app, table, styling),
            (None, None, None) => detail::draw(buffer, hits, panes.detail, app, store, styling),
        }
    }
    let mut cursor = program::draw(buffer, hits, output, app, styling);
    cursor = footer::draw(buffer, panes.footer, app, styling).or(cursor);
    if let Some(editor) = &app.editor {
        completions::draw(buffer, area, panes.footer, editor, styling);
    }
    if let Some(overlay) = &app.overlay {
        cursor = overlay::draw(buffer, hits, area, app, store, overlay, styling).or(cursor);
    }
    footer::draw_message(buffer, panes.footer, app, styling);
    if app.ascii {
        styling::to_ascii(buffer);
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Prepares the app for a frame of this size. Returns whether work is left for further frames.
pub fn prepare_frame(app: &mut App, store: &mut Store, area: Rect) -> bool {
    let (area, _) = tour::split(area, app);
    let (area, output) = program::split(area, app);
    if let Some(program) = app.program.as_mut().filter(|_| !output.is_empty()) {
        program.resize(program::size(output));
    }
    let end = max_scroll(app, area);
    if let Some(Overlay::Help(Help { scroll: line, .. }) | Overlay::Sources(line)) = &mut app.overlay {
        *line = end.min(*line);
    }
    let panes = PaneLayout::new(area, app.focus);
    app.has_totals = !panes.cost.is_empty();
    let more = app.prepare_frame(store, panes.trace_lines(), panes.detail_size());
    write_pages(app, store);
    more
}

/// Writes the text of the lower pane if it is outdated. Call this before the app handles a key: scrolling and copying depend on the text.
pub fn write_pages(app: &mut App, store: &Store) {
    // Another view hides the detail.
    if app.detail.is_outdated() && app.view() == View::Traces {
        let page = detail::page(&app.detail, store, &app.logs, &app.keymap, app.now);
        app.detail.set_page(page);
    }
    if let Some(list) = app.log_list.as_mut().filter(|list| list.pane.is_page_outdated) {
        let page = logs::page(list, &app.logs, app.now);
        list.pane.set_page(page);
    }
    let glyphs = Styling { theme: app.themes.current(), ascii: app.ascii }.glyphs();
    if let Some(list) = app.series_list.as_mut().filter(|list| list.pane.is_page_outdated) {
        let page = series::page(list, &app.metrics, app.now, glyphs);
        list.pane.set_page(page);
    }
    if let Some(open) = app.table.as_mut().filter(|open| open.pane.is_page_outdated) {
        let page = table::page(open, store, &app.aggregates, &app.detail.payload, app.now);
        open.pane.set_page(page);
    }
}

/// Returns the largest scroll position, in lines, of the open popup on a screen of this size; 0 if it does not scroll.
fn max_scroll(app: &App, area: Rect) -> usize {
    match &app.overlay {
        Some(Overlay::Help(help)) => help::max_scroll(area, app, &help.searched()),
        Some(Overlay::Sources(_)) => sources::max_scroll(app, area, Styling { theme: app.themes.current(), ascii: app.ascii }),
        _ => 0,
    }
}

/// Writes the beginning of `text` that fits into `cells` cells from column `x`, made safe; returns the column after it.
fn put(buffer: &mut Buffer, x: u16, y: u16, cells: u16, text: &str, style: Style) -> u16 {
    let area = buffer.area;
    if y < area.top() || y >= area.bottom() || x >= area.right() {
        return x;
    }
    let cells = cells.min(area.right() - x);
    let safe = format::safe(text);
    let fitted = format::fit(&safe, usize::from(cells));
    format::cells(&fitted).fold(x, |x, (grapheme, _)| x + put_grapheme(buffer, (x, y), grapheme, style))
}

/// Writes `text` so that it ends before column `end`; returns its first column.
fn put_right(buffer: &mut Buffer, end: u16, y: u16, cells: u16, text: &str, style: Style) -> u16 {
    let width = (format::width(text) as u16).min(cells);
    let x = end.saturating_sub(width);
    put(buffer, x, y, width, text, style);
    x
}

/// Draws a text field in `cells` cells, scrolled to its cursor; returns the cells scrolled out and the column of the cursor.
fn put_input(buffer: &mut Buffer, x: u16, y: u16, cells: u16, input: &Input) -> (usize, u16) {
    let scroll = input.visual_scroll(usize::from(cells));
    let mut skipped = 0;
    let is_scrolled_out = |(_, width): &(&str, usize)| {
        skipped += width;
        skipped <= scroll
    };
    let shown: String = format::cells(input.value()).skip_while(is_scrolled_out).map(|(grapheme, _)| grapheme).collect();
    put(buffer, x, y, cells, &shown, Style::new());
    (scroll, x + input.visual_cursor().saturating_sub(scroll).min(usize::from(cells)) as u16)
}
