//! Layers over the panes: the keys, and lists to choose from.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::export_dialog;
use super::theme::Theme;
use super::{put, put_right};
use crate::app::action::ENTRIES;
use crate::app::{Overlay, Picker};
use crate::format;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, overlay: &Overlay, theme: Theme) {
    match overlay {
        Overlay::Help(scroll) => help(buffer, area, *scroll, theme),
        Overlay::Picker(picker) => pick(buffer, area, picker, theme),
        Overlay::Export(dialog) => export_dialog::draw(buffer, area, dialog, theme),
    }
}

/// A framed box in the middle; returns its inside.
pub(super) fn frame(buffer: &mut Buffer, area: Rect, (width, height): (u16, u16), title: &str, theme: Theme) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let outer = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(outer, buffer);
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(theme.frame(true)).title(format!(" {title} "));
    let inner = block.inner(outer);
    block.render(outer, buffer);
    inner
}

/// Cells of one column of keys.
const KEYS: u16 = 58;

/// What the symbols of the traces mean.
const LEGEND: [&str; 2] =
    ["◆ agent  ◈ team  ▣ workflow  ▫ step  ✦ model  ⚙ tool", "◐ runs  ◌ lost  ✗ failed  ┊ parent not seen  █ own  ▒ children's time"];

fn help(buffer: &mut Buffer, area: Rect, scroll: usize, theme: Theme) {
    let wanted = if usize::from(area.height) >= ENTRIES.len() + 5 { 1 } else { 2 };
    let columns = wanted.min((area.width.saturating_sub(2) / KEYS).max(1));
    let keys = ENTRIES.len().div_ceil(usize::from(columns));
    let lines = keys + 1 + LEGEND.len();
    let fits = usize::from(area.height) >= lines + 2;
    let title = if fits { "Keys · esc closes" } else { "Keys · j k scroll, esc closes" };
    let inner = frame(buffer, area, (columns * KEYS + 2, lines as u16 + 2), title, theme);
    let first = scroll.min(lines.saturating_sub(usize::from(inner.height)));
    for (column, entries) in (0..).zip(ENTRIES.chunks(keys)) {
        let x = inner.x + column * KEYS;
        for (y, entry) in (inner.top()..inner.bottom()).zip(&entries[first.min(entries.len())..]) {
            put_right(buffer, x + 16, y, 16, &entry.keys.join(" "), theme.key());
            put(buffer, x + 18, y, inner.right().saturating_sub(x + 18).min(KEYS - 18), entry.help, Style::new());
        }
    }
    for (at, legend) in (keys + 1..).zip(LEGEND) {
        if let Some(y) = at.checked_sub(first).map(|line| inner.y + line as u16).filter(|y| *y < inner.bottom()) {
            put(buffer, inner.x + 2, y, inner.width.saturating_sub(2), legend, theme.dim());
        }
    }
}

fn pick(buffer: &mut Buffer, area: Rect, picker: &Picker, theme: Theme) {
    let widest = picker.choices.iter().map(|choice| format::width(&format::safe(&choice.value))).max().unwrap_or_default();
    let size = ((widest as u16 + 16).clamp(44, 70), picker.choices.len().max(1) as u16 + 2);
    let title = format!("{} · space chooses, enter applies", picker.field);
    let height = area.height.saturating_sub(4).max(3);
    let inner = frame(buffer, area, (size.0, size.1.min(height)), &title, theme);
    if picker.choices.is_empty() {
        put(buffer, inner.x + 1, inner.y, inner.width, "none seen yet", theme.dim());
    }
    let first = (picker.cursor + 1).saturating_sub(usize::from(inner.height));
    for (y, (at, choice)) in (inner.top()..inner.bottom()).zip(picker.choices.iter().enumerate().skip(first)) {
        let style = if at == picker.cursor { theme.cursor() } else { Style::new() };
        buffer.set_style(Rect { y, height: 1, ..inner }, style);
        let cursor = if at == picker.cursor { "▸" } else { " " };
        put(buffer, inner.x, y, 1, cursor, theme.key());
        let (sign, sign_style) = if choice.chosen { ("[x]", theme.mark()) } else { ("[ ]", theme.dim()) };
        put(buffer, inner.x + 2, y, 3, sign, sign_style);
        put(buffer, inner.x + 6, y, inner.width.saturating_sub(15), &choice.value, Style::new());
        put_right(buffer, inner.right().saturating_sub(1), y, 8, &format::count(choice.count), theme.dim());
    }
}
