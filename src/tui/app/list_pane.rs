//! What the lists beside the traces have in common: a cursor, the part on the screen, and a page about the line under the cursor.

use super::Action;
use crate::tui::widget::pager::Pager;
use crate::tui::widget::text::Document;

/// The place in a list, and the page about it.
#[derive(Debug)]
pub struct ListPane {
    /// The index of the line under the cursor.
    pub cursor: usize,
    /// The index of the first line on the screen.
    pub top: usize,
    /// The number of lines that the screen shows.
    pub height: usize,
    /// The page about the line under the cursor.
    pub pager: Pager,
    /// Whether the page must be written again.
    pub is_page_outdated: bool,
}

impl ListPane {
    /// Returns the top of a list, with an empty page.
    pub(super) fn new() -> Self {
        Self { cursor: 0, top: 0, height: 0, pager: Pager::new(Document::new()), is_page_outdated: true }
    }

    /// Replaces the page.
    pub fn set_page(&mut self, page: Document) {
        self.pager.replace(page);
        self.is_page_outdated = false;
    }

    /// Sets the number of lines below the heading, and the size of the page.
    pub(super) fn set_size(&mut self, lines: usize, (width, height): (u16, u16)) {
        self.height = lines;
        self.pager.resize(width, height);
    }

    /// Keeps the cursor within a list of so many lines, and on the screen.
    pub(super) fn clamp(&mut self, lines: usize) {
        let height = self.height.max(1);
        self.cursor = self.cursor.min(lines.saturating_sub(1));
        self.top = self.top.min(self.cursor).min(lines.saturating_sub(height)).max((self.cursor + 1).saturating_sub(height));
    }

    /// Moves the cursor to a line, or to the last one.
    pub(super) fn go_to(&mut self, line: usize, lines: usize) {
        self.cursor = line;
        self.clamp(lines);
        self.pager.scroll_to_top();
    }

    /// Returns the line that an action moves the cursor to, perhaps behind the last one; `None` if it moves none.
    pub(super) fn target(&self, action: Action) -> Option<usize> {
        let page = self.height.saturating_sub(1).max(1) as isize;
        match action {
            Action::Top => Some(0),
            Action::Bottom => Some(usize::MAX),
            _ => action.rows(page).map(|by| self.cursor.saturating_add_signed(by)),
        }
    }

    /// Scrolls the page. Returns whether the page handles the action.
    pub(super) fn scroll_page(&mut self, action: Action) -> bool {
        match action {
            Action::Top => self.pager.scroll_to_top(),
            Action::Bottom => self.pager.scroll_to_end(),
            _ => match action.rows(self.height.max(2) as isize - 1) {
                Some(rows) => self.pager.scroll(rows),
                None => return false,
            },
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_in_the_list_and_on_the_screen() {
        let mut pane = ListPane::new();
        pane.set_size(10, (40, 5));
        pane.go_to(usize::MAX, 100);
        assert_eq!((pane.cursor, pane.top), (99, 90));
        assert_eq!(pane.target(Action::PageUp), Some(90));
        // Half of the lines are gone: no line of the screen is left empty.
        pane.clamp(50);
        assert_eq!((pane.cursor, pane.top), (49, 40));
        pane.clamp(4);
        assert_eq!((pane.cursor, pane.top), (3, 0));
        pane.clamp(0);
        assert_eq!((pane.cursor, pane.top, pane.target(Action::Up)), (0, 0, Some(0)));
        assert_eq!(pane.target(Action::Fold), None);
    }
}
