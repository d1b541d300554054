//! What is made ready before a frame is painted.

use super::{App, Overlay};
use crate::store::Store;

impl App {
    /// Makes ready what the next frame shows, with so many lines for rows and so much room for the detail: columns and lines. Whether more
    /// is left to do.
    pub fn prepare_frame(&mut self, store: &mut Store, lines: usize, detail: (u16, u16)) -> bool {
        self.settle(store);
        self.forest.set_height(lines);
        self.detail.set_size(detail);
        if let Some(table) = &mut self.table {
            table.set_size(lines, detail);
        }
        if let Some(Overlay::Compare(compare)) = &mut self.overlay {
            compare.catch_up(store);
        }
        self.sum_up(store) || self.forest.is_judging()
    }

    /// Looks after the sums beside the traces, for a moment. Whether more is left to do.
    fn sum_up(&mut self, store: &mut Store) -> bool {
        if std::mem::take(&mut self.refiltered) {
            self.scope.restart(store, &mut self.forest);
            if let Some(table) = &mut self.table {
                table.restart(&self.forest);
            }
        }
        let turned = self.forest.turned();
        let mut more = self.scope.follow(store, &self.forest, &turned);
        if let Some(table) = &mut self.table {
            table.traces_changed(&turned);
            more |= table.refresh(store, &self.forest, &self.scope);
        }
        if self.table.is_none() {
            let (rows, _) = self.forest.window(store, self.forest.height());
            self.noticed.look_at(store, &rows, self.now);
        }
        self.scope.look_at(store, self.forest.cursor().map(|row| store.row(row).trace()), self.now);
        more
    }
}
