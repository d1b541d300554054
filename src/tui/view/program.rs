//! The pane with the output of the program that `run` started.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::widgets::Block;

use super::styling::Styling;
use super::{HitMap, put, put_right};
use crate::format;
use crate::tui::app::{Action, App, HitTarget, Program};
use crate::tui::widget::put_grapheme;

/// The smallest height of a screen with the pane beside the traces; on a lower one it has the whole screen while it has the keys.
const MIN_HEIGHT: u16 = 16;

/// The most lines of the pane with its frame.
const MAX_PANE: u16 = 24;

/// Splits the screen: the part for everything else, and the pane.
pub(super) fn split(area: Rect, app: &App) -> (Rect, Rect) {
    let height = match &app.program {
        Some(_) if area.height >= MIN_HEIGHT => (area.height * 2 / 5).min(MAX_PANE),
        Some(program) if program.is_focused => area.height,
        _ => 0,
    };
    let above = Rect { height: area.height - height, ..area };
    (above, Rect { y: above.bottom(), height, ..area })
}

/// Returns the size of the program's terminal in lines and columns.
pub(super) fn size(area: Rect) -> (u16, u16) {
    (area.height.saturating_sub(2), area.width.saturating_sub(2))
}

/// Draws the pane; returns the position of the program's cursor if it has the keys.
pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, styling: Styling) -> Option<Position> {
    let program = app.program.as_ref().filter(|_| area.height > 2 && area.width > 2)?;
    let inner = styling.draw_frame(buffer, area, Block::new(), program.is_focused);
    hits.add(area, HitTarget::Program);
    draw_title(buffer, area, app, program, styling);
    let screen = program.screen();
    for row in 0..inner.height {
        let mut column = 0;
        while column < inner.width {
            let Some(cell) = screen.cell(row, column) else { break };
            let width = if cell.is_wide() { 2 } else { 1 };
            let text = format::safe(cell.contents());
            let fits = column + width <= inner.width && format::width(&text) <= usize::from(width) && !text.is_empty();
            put_grapheme(buffer, (inner.x + column, inner.y + row), if fits { &text } else { " " }, style(cell, styling));
            column += width;
        }
    }
    let (row, column) = screen.cursor_position();
    let has_keys = program.is_focused && program.end.is_none();
    let is_shown = has_keys && !screen.hide_cursor() && screen.scrollback() == 0 && row < inner.height && column < inner.width;
    is_shown.then(|| Position::new(inner.x + column, inner.y + row))
}

fn draw_title(buffer: &mut Buffer, area: Rect, app: &App, program: &Program, styling: Styling) {
    let key = app.keymap.keys(Action::ViewOutput).first().map(|key| key.short()).unwrap_or_default();
    let end = area.right().saturating_sub(2);
    let state = match &program.end {
        Some(end) => format!(" {end} "),
        None if program.is_focused => " Ctrl-] leaves ".to_owned(),
        None => " running ".to_owned(),
    };
    let title = format!(" {key} Output  {} ", program.name);
    let x = area.x + 2;
    let state_width = (format::width(&state) as u16).min(end.saturating_sub(x));
    put(buffer, x, area.y, end.saturating_sub(x + state_width), &title, styling.text());
    let style = if program.end.is_some() { styling.text() } else { styling.running() };
    put_right(buffer, end, area.y, end.saturating_sub(x), &state, style);
}

fn style(cell: &vt100::Cell, styling: Styling) -> Style {
    let color = |color| match color {
        vt100::Color::Default => None,
        vt100::Color::Idx(index) => Some(Color::Indexed(index)),
        vt100::Color::Rgb(red, green, blue) => Some(Color::Rgb(red, green, blue)),
    };
    let mut style = styling.text();
    if let Some(color) = color(cell.fgcolor()) {
        style = style.fg(color);
    }
    if let Some(color) = color(cell.bgcolor()) {
        style = style.bg(color);
    }
    let modifiers = [
        (cell.bold(), Modifier::BOLD),
        (cell.dim(), Modifier::DIM),
        (cell.italic(), Modifier::ITALIC),
        (cell.underline(), Modifier::UNDERLINED),
        (cell.inverse(), Modifier::REVERSED),
    ];
    modifiers.into_iter().filter(|(is_set, _)| *is_set).fold(style, |style, (_, modifier)| style.add_modifier(modifier))
}
