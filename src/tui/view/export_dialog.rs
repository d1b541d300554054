//! The export dialog.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::styling::Styling;
use super::{popup, put, put_input};
use crate::export::{Format, Redaction};
use crate::format;
use crate::tui::app::{ExportDialog, ExportField};

/// Cells of the column with the names of the fields.
const LABEL_WIDTH: u16 = 10;

/// The most cells of what is exported, in the title.
const MAX_WHAT: usize = 26;

pub(super) fn draw(buffer: &mut Buffer, area: Rect, dialog: &ExportDialog, styling: Styling) {
    let title = format!("Export {} · tab ←→ choose, enter writes, esc cancels", format::fit_middle(&format::safe(&dialog.what), MAX_WHAT));
    let inner = popup::draw(buffer, area, (78, 5), &title, styling);
    for (y, field) in (inner.top()..inner.bottom()).zip(ExportField::ALL) {
        let focused = field == dialog.field;
        if focused {
            buffer.set_style(Rect { y, height: 1, ..inner }, styling.cursor());
        }
        let name = match field {
            ExportField::Format => "format",
            ExportField::Path => "file",
            ExportField::Redaction => "hide",
        };
        put(buffer, inner.x + 1, y, LABEL_WIDTH, name, if focused { styling.key() } else { styling.dim() });
        let value = Rect { x: inner.x + LABEL_WIDTH, y, width: inner.width.saturating_sub(LABEL_WIDTH + 1), height: 1 };
        match field {
            ExportField::Format => {
                draw_choices(buffer, value, Format::ALL.map(|format| (format.name(), format == dialog.format)), styling);
            }
            ExportField::Path => {
                let (_, cursor) = put_input(buffer, value.x, y, value.width.saturating_sub(1), &dialog.path);
                if focused {
                    buffer.set_style(Rect { x: cursor, y, width: 1, height: 1 }, styling.found());
                }
            }
            ExportField::Redaction => {
                let x = draw_choices(
                    buffer,
                    value,
                    Redaction::ALL.map(|redaction| (redaction_name(redaction), redaction == dialog.redaction)),
                    styling,
                );
                let hint = match dialog.redaction {
                    Redaction::Off => "– writes everything as it is",
                    Redaction::Secrets => "– keys, tokens, passwords, e-mail",
                    Redaction::Personal => "– also cards, accounts, phones, IPs",
                };
                put(buffer, x, y, value.right().saturating_sub(x), hint, styling.text());
            }
        }
    }
}

fn redaction_name(redaction: Redaction) -> &'static str {
    match redaction {
        Redaction::Off => "nothing",
        Redaction::Secrets => "secrets",
        Redaction::Personal => "personal",
    }
}

/// Draws names side by side, each with whether it is chosen. Returns the cell after them.
fn draw_choices<const N: usize>(buffer: &mut Buffer, area: Rect, choices: [(&str, bool); N], styling: Styling) -> u16 {
    let mut x = area.x;
    for (name, is_chosen) in choices {
        let style = if is_chosen { styling.mark() } else { styling.dim() };
        x = put(buffer, x, area.y, area.right().saturating_sub(x), name, style) + 2;
    }
    x
}
