//! The mouse: what is done where it points.

use super::{App, Focus, Overlay, Tab};
use crate::store::{RowIx, Store};

/// What lies under the pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
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
    pub fn click(&mut self, store: &Store, spot: Spot) {
        match spot {
            Spot::Line(line) => {
                self.focus = Focus::Forest;
                if let Some(table) = &mut self.table {
                    table.go_to(store, &self.scope, line, self.now);
                }
            }
            Spot::Row(row) => {
                self.focus = Focus::Forest;
                self.forest.reveal(store, row);
            }
            Spot::Fold(row) => {
                self.focus = Focus::Forest;
                self.forest.reveal(store, row);
                self.forest.toggle(store);
            }
            Spot::Detail if self.focus == Focus::Forest => {
                self.forest.follow = false;
                self.focus = Focus::Detail;
            }
            Spot::Nothing | Spot::Forest | Spot::Overlay | Spot::Detail => {}
            Spot::Tab(tab) => {
                self.forest.follow = false;
                self.detail.open(store, tab, self.now);
            }
            Spot::Item(item) => match &mut self.overlay {
                Some(Overlay::Palette(palette)) => palette.cursor = item,
                Some(Overlay::Sorter(sorter)) => sorter.cursor = item,
                Some(Overlay::Compare(compare)) => compare.go_to(item),
                _ => {}
            },
        }
        self.look(store);
    }

    /// The wheel was turned by so many notches, down if positive.
    pub fn wheel(&mut self, store: &Store, spot: Spot, notches: isize) {
        let lines = notches * NOTCH;
        match (spot, &mut self.overlay) {
            (Spot::Overlay | Spot::Item(_), Some(Overlay::Help(line) | Overlay::Sources(line))) => {
                *line = line.saturating_add_signed(lines);
            }
            (Spot::Overlay | Spot::Item(_), Some(Overlay::Picker(picker))) => picker.step(notches),
            (Spot::Overlay | Spot::Item(_), Some(Overlay::Palette(palette))) => palette.step(notches),
            (Spot::Overlay | Spot::Item(_), Some(Overlay::Sorter(sorter))) => sorter.step(notches),
            (Spot::Overlay | Spot::Item(_), Some(Overlay::Compare(compare))) => compare.step(lines),
            (Spot::Forest | Spot::Line(_) | Spot::Detail, _) if self.table.is_some() => {
                let Some(table) = &mut self.table else { return };
                if spot == Spot::Detail {
                    table.reader.scroll(lines);
                } else {
                    table.go_to(store, &self.scope, table.cursor.saturating_add_signed(notches), self.now);
                }
            }
            (Spot::Forest | Spot::Row(_) | Spot::Fold(_), _) => self.forest.scroll(store, lines),
            (Spot::Detail | Spot::Tab(_), _) => self.detail.reader.scroll(lines),
            _ => {}
        }
        self.look(store);
    }
}
