//! What is made ready before a frame is painted.

use super::{App, Overlay};
use crate::store::Store;

impl App {
    /// Makes ready what the next frame shows, with so many lines for rows and so much room for the detail: columns and lines. Whether more
    /// is left to do.
    pub fn prepare_frame(&mut self, store: &mut Store, lines: usize, detail: (u16, u16)) -> bool {
        self.settle(store);
        self.tree.set_height(lines);
        self.detail.set_size(detail);
        if let Some(table) = &mut self.table {
            table.set_size(lines, detail);
        }
        if let Some(Overlay::Compare(compare)) = &mut self.overlay {
            compare.catch_up(store);
        }
        self.sum_up(store) || self.tree.is_judging()
    }

    /// Looks after the sums beside the traces, for a moment. Whether more is left to do.
    fn sum_up(&mut self, store: &mut Store) -> bool {
        if std::mem::take(&mut self.refiltered) {
            self.aggregates.restart(store, &mut self.tree);
            if let Some(table) = &mut self.table {
                table.restart(&self.tree);
            }
        }
        let changes = self.tree.take_visibility_changes();
        let mut more = self.aggregates.advance(store, &self.tree, &changes);
        if let Some(table) = &mut self.table {
            table.traces_changed(&changes);
            more |= table.refresh(store, &self.tree, &self.aggregates);
        }
        if self.table.is_none() {
            let (rows, _) = self.tree.window(store, self.tree.height());
            self.insights.update(store, &rows, self.now);
        }
        self.aggregates.update_trace(store, self.tree.cursor().map(|row| store.row(row).trace()), self.now);
        more
    }
}
