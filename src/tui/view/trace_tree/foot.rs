//! The lines at the foot of the traces pane: the ordinary traces of each service.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::styling::Styling;
use super::super::{HitMap, put};
use crate::format;
use crate::store::Store;
use crate::tui::app::{Action, App, FootLine, HitTarget};

/// Draws the lines at the foot of `area`. Returns the area above them.
pub(super) fn draw(buffer: &mut Buffer, hits: &mut HitMap, area: Rect, app: &App, store: &Store, styling: Styling) -> Rect {
    let lines = app.tree.foot(store, usize::from(area.height));
    let above = Rect { height: area.height.saturating_sub(lines.len() as u16), ..area };
    for (at, line) in (0..).zip(&lines) {
        let place = Rect { y: above.bottom() + at, height: 1, ..area };
        if line.is_cursor {
            buffer.set_style(place, styling.cursor());
            put(buffer, place.x, place.y, 1, "▎", styling.key());
        }
        put(buffer, place.x + 1, place.y, place.width.saturating_sub(1), &text(app, store, line), styling.dim());
        hits.add(place, HitTarget::Foot(line.idle.service));
    }
    above
}

fn text(app: &App, store: &Store, line: &FootLine) -> String {
    let count = format::plural(u64::from(line.idle.traces), "ordinary trace");
    let of = match store.service_name(line.idle.service) {
        "" => " of unnamed services".to_owned(),
        name => format!(" of {name}"),
    };
    let key = if line.is_cursor {
        format!(", {} {}", app.keymap.hint(Action::Detail), if line.is_open { "hides" } else { "lists" })
    } else {
        String::new()
    };
    let sign = if line.is_open { "▾ " } else { "▸ +" };
    let state = if line.is_open { "listed above" } else { "no agent, model or tool" };
    let failed = if line.idle.failed > 0 { format!(", {} failed", format::count(line.idle.failed.into())) } else { String::new() };
    format!("{sign}{count}{of}: {state}{failed}{key}")
}
