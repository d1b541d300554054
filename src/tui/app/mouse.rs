//! The mouse: what is done where it points.

use super::{App, Focus, Overlay, Tab};
use crate::store::{RowIx, Store};

/// What lies under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HitTarget {
    /// Nothing that answers.
    Nothing,
    /// The traces, where no row is.
    Forest,
    /// A line of the table that is open instead of the traces.
    Line(usize),
    /// A row.
    Row(RowIx),
    /// A row's fold.
    Fold(RowIx),
    /// The detail's text.
    Detail,
    /// The name of a tab.
    Tab(Tab),
    /// The layer over the panes.
    Overlay,
    /// An item of the layer's list.
    Item(usize),
}

/// Lines by which a notch of the wheel scrolls.
const NOTCH: isize = 3;

impl App {
    /// The left button was pressed.
    pub fn click(&mut self, store: &Store, target: HitTarget) {
        match target {
            HitTarget::Line(line) => {
                self.focus = Focus::Forest;
                if let Some(table) = &mut self.table {
                    table.go_to(store, &self.scope, line, self.now);
                }
            }
            // The store may have evicted the row since the frame was drawn.
            HitTarget::Row(row) | HitTarget::Fold(row) if !self.forest.is_visible(store, row) => {}
            HitTarget::Row(row) => {
                self.focus = Focus::Forest;
                self.forest.reveal(store, row);
            }
            HitTarget::Fold(row) => {
                self.focus = Focus::Forest;
                self.forest.reveal(store, row);
                self.forest.toggle(store);
            }
            HitTarget::Detail if self.focus == Focus::Forest => {
                self.forest.follow = false;
                self.focus = Focus::Detail;
            }
            HitTarget::Nothing | HitTarget::Forest | HitTarget::Overlay | HitTarget::Detail => {}
            HitTarget::Tab(tab) => {
                self.forest.follow = false;
                self.detail.open(store, tab, self.now);
            }
            HitTarget::Item(item) => match &mut self.overlay {
                Some(Overlay::Palette(palette)) => palette.go_to(item),
                Some(Overlay::Sorter(sorter)) => sorter.go_to(item),
                Some(Overlay::Compare(compare)) => compare.go_to(item),
                _ => {}
            },
        }
        self.look(store);
    }

    /// The wheel was turned by so many notches, down if positive.
    pub fn wheel(&mut self, store: &Store, target: HitTarget, notches: isize) {
        let lines = notches * NOTCH;
        match (target, &mut self.overlay) {
            (HitTarget::Overlay | HitTarget::Item(_), Some(Overlay::Help(line) | Overlay::Sources(line))) => {
                *line = line.saturating_add_signed(lines);
            }
            (HitTarget::Overlay | HitTarget::Item(_), Some(Overlay::Picker(picker))) => picker.step(notches),
            (HitTarget::Overlay | HitTarget::Item(_), Some(Overlay::Palette(palette))) => palette.step(notches),
            (HitTarget::Overlay | HitTarget::Item(_), Some(Overlay::Sorter(sorter))) => sorter.step(notches),
            (HitTarget::Overlay | HitTarget::Item(_), Some(Overlay::Compare(compare))) => compare.step(lines),
            (HitTarget::Forest | HitTarget::Line(_) | HitTarget::Detail, _) if self.table.is_some() => {
                let Some(table) = &mut self.table else { return };
                if target == HitTarget::Detail {
                    table.reader.scroll(lines);
                } else {
                    table.go_to(store, &self.scope, table.cursor.saturating_add_signed(notches), self.now);
                }
            }
            (HitTarget::Forest | HitTarget::Row(_) | HitTarget::Fold(_), _) => self.forest.scroll(store, lines),
            (HitTarget::Detail | HitTarget::Tab(_), _) => self.detail.reader.scroll(lines),
            _ => {}
        }
        self.look(store);
    }
}
