//! The export dialog.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::styling::Styling;
use super::{popup, put};
use crate::export::Format;
use crate::format;
use crate::tui::app::{ExportDialog, ExportField};

/// Cells of the column with the names of the fields.
const LABEL_WIDTH: u16 = 10;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, dialog: &ExportDialog, styling: Styling) {
    let title = format!("Export {} · tab next, enter writes, esc cancels", format::plural(dialog.traces.len() as u64, "trace"));
    let inner = popup::draw(buffer, area, (78, 5), &title, styling);
    for (y, field) in (inner.top()..inner.bottom()).zip(ExportField::ALL) {
        let focused = field == dialog.field;
        if focused {
            buffer.set_style(Rect { y, height: 1, ..inner }, styling.cursor());
        }
        let name = match field {
            ExportField::Format => "format",
            ExportField::Path => "file",
            ExportField::Redact => "redact",
        };
        put(buffer, inner.x + 1, y, LABEL_WIDTH, name, if focused { styling.key() } else { styling.dim() });
        let value = Rect { x: inner.x + LABEL_WIDTH, y, width: inner.width.saturating_sub(LABEL_WIDTH + 1), height: 1 };
        match field {
            ExportField::Format => draw_formats(buffer, value, dialog.format, styling),
            ExportField::Path => draw_path(buffer, value, dialog, focused, styling),
            ExportField::Redact => {
                let text =
                    if dialog.redact { "[x] hide keys, tokens, passwords and e-mail addresses" } else { "[ ] write everything as it is" };
                put(buffer, value.x, y, value.width, text, Style::new());
            }
        }
    }
}

fn draw_formats(buffer: &mut Buffer, area: Rect, chosen: Format, styling: Styling) {
    let mut x = area.x;
    for format in Format::ALL {
        let style = if format == chosen { styling.mark() } else { styling.dim() };
        x = put(buffer, x, area.y, area.right().saturating_sub(x), format.name(), style) + 2;
    }
}

/// Draws the path, scrolled to the cursor if it does not fit.
fn draw_path(buffer: &mut Buffer, area: Rect, dialog: &ExportDialog, focused: bool, styling: Styling) {
    let room = usize::from(area.width.saturating_sub(1));
    let scroll = dialog.path.visual_scroll(room);
    let mut skipped = 0;
    let is_scrolled_out = |(_, cells): &(&str, usize)| {
        skipped += cells;
        skipped <= scroll
    };
    let shown: String = format::cells(dialog.path.value()).skip_while(is_scrolled_out).map(|(grapheme, _)| grapheme).collect();
    put(buffer, area.x, area.y, area.width, &shown, Style::new());
    if focused {
        let cursor = area.x + dialog.path.visual_cursor().saturating_sub(scroll).min(room) as u16;
        buffer.set_style(Rect { x: cursor, y: area.y, width: 1, height: 1 }, styling.found());
    }
}
