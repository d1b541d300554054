//! The line of the demo's guide, below all others.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::put;
use super::styling::Styling;
use crate::tui::app::App;

/// The smallest height of a screen with the line.
const MIN_HEIGHT: u16 = 12;

/// Splits the screen: all but the line, and the line; the line is empty if there is no guide or no room.
pub(super) fn split(area: Rect, app: &App) -> (Rect, Rect) {
    let height = u16::from(app.tour.is_some() && area.height >= MIN_HEIGHT);
    let above = Rect { height: area.height - height, ..area };
    (above, Rect { y: above.bottom(), height, ..area })
}

pub(super) fn draw(buffer: &mut Buffer, area: Rect, app: &App, styling: Styling) {
    if let Some(tour) = app.tour.filter(|_| area.height > 0) {
        let style = if tour.is_over() { styling.running() } else { styling.good() };
        put(buffer, area.x + 1, area.y, area.width.saturating_sub(2), &tour.line(&app.keymap), style);
    }
}
