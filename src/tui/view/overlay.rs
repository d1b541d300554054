//! The popups over the panes, and the list of values to filter by.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::export_dialog;
use super::styling::Styling;
use super::{HitMap, compare, help, palette, popup, put, put_right, sorter, sources};
use crate::format;
use crate::store::Store;
use crate::tui::app::{App, HitTarget, Overlay, Picker};

/// Draws a popup; returns the position of the terminal's cursor if the popup has a text field.
pub(super) fn draw(
    buffer: &mut Buffer,
    hits: &mut HitMap,
    area: Rect,
    app: &App,
    store: &Store,
    overlay: &Overlay,
    styling: Styling,
) -> Option<Position> {
    hits.add(area, HitTarget::Overlay);
    match overlay {
        Overlay::Help(scroll) => help::draw(buffer, area, app, *scroll, styling),
        Overlay::Sources(scroll) => sources::draw(buffer, area, app, *scroll, styling),
        Overlay::Picker(picker) => draw_picker(buffer, area, picker, styling),
        Overlay::Sorter(sorter) => sorter::draw(buffer, hits, area, sorter, styling),
        Overlay::Export(dialog) => export_dialog::draw(buffer, area, dialog, styling),
        Overlay::Compare(compare) => compare::draw(buffer, hits, above_footer(area), compare, store, app.now, styling),
        Overlay::Palette(palette) => return Some(palette::draw(buffer, hits, area, &app.keymap, palette, styling)),
    }
    None
}

/// Returns the screen without its last line, which shows messages.
fn above_footer(area: Rect) -> Rect {
    Rect { height: area.height - u16::from(area.height > 1), ..area }
}

fn draw_picker(buffer: &mut Buffer, area: Rect, picker: &Picker, styling: Styling) {
    let widest = picker.shown().map(|choice| format::width(&format::safe(&choice.value))).max().unwrap_or_default();
    let width = u16::try_from(widest).unwrap_or(u16::MAX).saturating_add(18).clamp(52, 76);
    let height = u16::try_from(picker.count().max(1) + 3).unwrap_or(u16::MAX).min(area.height.saturating_sub(2).max(4));
    let chosen = match picker.selected_count() {
        0 => String::new(),
        chosen => format!(" · {chosen} chosen"),
    };
    let title = format!("{} by {}{chosen} · space chooses, enter applies", picker.field, picker.counted);
    let inner = popup::draw(buffer, area, (width, height), &title, styling);
    let room = |x: u16| inner.right().saturating_sub(x);
    if inner.is_empty() {
        return;
    }
    let x = put(buffer, inner.x + 1, inner.y, room(inner.x + 1), "/ ", styling.key());
    let typed = format::safe(&picker.typed);
    let x = put(buffer, x, inner.y, room(x + 1), &format::fit_end(&typed, usize::from(room(x + 12))), Style::new());
    put(buffer, x, inner.y, 1, "_", styling.key());
    let count = format!("{} of {}", format::count(picker.shown().len() as u64), format::count(picker.count() as u64));
    put_right(buffer, inner.right().saturating_sub(1), inner.y, room(x + 2), &count, styling.dim());
    let list = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    if picker.shown().len() == 0 {
        let reason = if picker.count() == 0 { "no values yet" } else { "no value matches" };
        put(buffer, list.x + 2, list.y, list.width.saturating_sub(2), reason, styling.dim());
    }
    let mut lines = popup::draw_list(buffer, list, picker.shown().len(), Some(picker.cursor), styling).peekable();
    let first = lines.peek().map_or(0, |(item, _)| *item);
    for (Rect { y, .. }, choice) in lines.map(|(_, line)| line).zip(picker.shown().skip(first)) {
        let (checkbox, checkbox_style) = if choice.is_selected { ("[x]", styling.mark()) } else { ("[ ]", styling.dim()) };
        put(buffer, list.x + 2, y, 3, checkbox, checkbox_style);
        put(buffer, list.x + 6, y, list.width.saturating_sub(16), &choice.value, Style::new());
        put_right(buffer, list.right().saturating_sub(1), y, 8, &format::count(choice.count), styling.dim());
    }
}
