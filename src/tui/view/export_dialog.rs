//! The export dialog.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::styling::Styling;
use super::{popup, put, put_input};
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
            ExportField::Path => {
                let (_, cursor) = put_input(buffer, value.x, y, value.width.saturating_sub(1), &dialog.path);
                if focused {
                    buffer.set_style(Rect { x: cursor, y, width: 1, height: 1 }, styling.found());
                }
            }
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
