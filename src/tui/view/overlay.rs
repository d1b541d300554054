//! The popups over the panes; the lists of values to filter by, of sort keys and of actions (the command palette).

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::styling::Styling;
use super::{HitMap, compare, export_dialog, help, popup, put, put_input, put_right, sources};
use crate::format;
use crate::store::Store;
use crate::tui::app::{App, HitTarget, Keymap, Overlay, Palette, Picker, Sorter};

/// The width of the list of sort keys in cells, with its frame.
const SORTER_WIDTH: u16 = 44;

/// The largest size of the palette, with its frame.
const PALETTE_SIZE: (u16, u16) = (82, 18);

/// The most values that are measured for the width of a list.
const MAX_MEASURED: usize = 500;

/// Cells of the names and of the keys in the palette.
const NAME_WIDTH: u16 = 17;
const KEYS_WIDTH: u16 = 16;

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
        Overlay::Help(help) => return help::draw(buffer, area, app, help, styling),
        Overlay::Sources(scroll) => sources::draw(buffer, area, app, *scroll, styling),
        Overlay::Picker(picker) => draw_picker(buffer, area, picker, styling),
        Overlay::Sorter(sorter) => draw_sorter(buffer, hits, area, sorter, styling),
        Overlay::Export(dialog) => export_dialog::draw(buffer, area, dialog, styling),
        Overlay::Compare(compare) => compare::draw(buffer, hits, above_footer(area), compare, store, app.now, styling),
        Overlay::Palette(palette) => return Some(draw_palette(buffer, hits, area, &app.keymap, palette, styling)),
    }
    None
}

/// Returns the screen without its last line, which shows messages.
fn above_footer(area: Rect) -> Rect {
    Rect { height: area.height - u16::from(area.height > 1), ..area }
}

fn draw_picker(buffer: &mut Buffer, area: Rect, picker: &Picker, styling: Styling) {
    let widest = picker.shown().take(MAX_MEASURED).map(|choice| format::width(&format::safe(&choice.value))).max().unwrap_or_default();
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
    let mut x = inner.x + 1;
    if picker.takes_text() {
        x = put(buffer, x, inner.y, room(x), "/ ", styling.key());
        let typed = format::safe(&picker.typed);
        x = put(buffer, x, inner.y, room(x + 1), &format::fit_end(&typed, usize::from(room(x + 12))), Style::new());
        put(buffer, x, inner.y, 1, "_", styling.key());
    }
    let count = format!("{} of {}", format::count(picker.shown().len() as u64), format::count(picker.count() as u64));
    put_right(buffer, inner.right().saturating_sub(1), inner.y, room(x + 2), &count, styling.dim());
    let list = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    if picker.shown().len() == 0 {
        let reason = match picker.count() {
            _ if picker.is_gathering() => "counting …",
            0 => "no values yet",
            _ if picker.is_narrowing() => "",
            _ => "no value matches",
        };
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

fn draw_sorter(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, sorter: &Sorter, styling: Styling) {
    let list = popup::draw(buffer, area, (SORTER_WIDTH, sorter.names.len() as u16 + 2), "Sort by · enter sorts, esc closes", styling);
    for (item, line) in popup::draw_list(buffer, list, sorter.names.len(), Some(sorter.cursor), styling) {
        let y = line.y;
        hits.add(line, HitTarget::Item(item));
        let x = put(buffer, list.x + 2, y, list.width.saturating_sub(3), sorter.names[item], Style::new());
        if item == sorter.current {
            let arrow = if sorter.is_descending { "↓" } else { "↑" };
            let x = put(buffer, x + 1, y, list.right().saturating_sub(x + 1), arrow, styling.key());
            put(buffer, x + 2, y, list.right().saturating_sub(x + 2), "enter reverses", styling.dim());
        }
    }
}

/// Draws the palette; returns the position of the terminal's cursor.
fn draw_palette(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, keymap: &Keymap, palette: &Palette, styling: Styling) -> Position {
    let inner = popup::draw(buffer, area, PALETTE_SIZE, "Actions · enter runs, esc closes", styling);
    let x = put(buffer, inner.x, inner.y, inner.width, ":", styling.key());
    let (_, cursor) = put_input(buffer, x, inner.y, inner.right().saturating_sub(x + 1), &palette.input);
    let list = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    if palette.matches.is_empty() {
        put(buffer, list.x + 1, list.y, list.width.saturating_sub(1), palette.reason_for_nothing(), styling.dim());
    }
    for (item, line) in popup::draw_list(buffer, list, palette.matches.len(), Some(palette.cursor), styling) {
        let (entry_match, y) = (&palette.matches[item], line.y);
        hits.add(line, HitTarget::Item(item));
        let (end, mut x) = (list.right(), list.x + 2);
        for (index, c) in entry_match.entry.name.chars().enumerate() {
            let style = if entry_match.matched.contains(&index) { styling.lit() } else { Style::new() };
            x = put(buffer, x, y, end.saturating_sub(x), c.encode_utf8(&mut [0; 4]), style);
        }
        let keys = keymap.names(entry_match.entry.action);
        let keys_end = (list.x + 2 + NAME_WIDTH + KEYS_WIDTH).min(end);
        put_right(buffer, keys_end, y, KEYS_WIDTH.min(format::width(&keys) as u16), &keys, styling.key());
        let mut x = keys_end + 2;
        if let Some(synonym) = entry_match.synonym {
            x = put(buffer, x, y, end.saturating_sub(x), synonym, styling.lit());
            x = put(buffer, x, y, end.saturating_sub(x), " · ", styling.dim());
        }
        put(buffer, x, y, end.saturating_sub(x), entry_match.entry.help, styling.dim());
    }
    Position::new(cursor, inner.y)
}
