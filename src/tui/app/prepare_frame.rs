//! The work that is done once per frame instead of once per change.

use super::{App, Overlay};
use crate::store::Store;

impl App {
    /// Prepares the state for a frame with this many lines for rows, and this size of the detail pane in columns and lines. Returns whether
    /// work is left for further frames.
    pub fn prepare_frame(&mut self, store: &mut Store, lines: usize, detail: (u16, u16)) -> bool {
        self.advance_filter(store);
        self.tree.set_height(lines);
        self.detail.set_size(detail);
        if let Some(table) = &mut self.table {
            table.set_size(lines, detail);
        }
        if let Some(Overlay::Compare(compare)) = &mut self.overlay {
            compare.refresh_if_due(store);
        }
        self.update_aggregates(store) || self.tree.is_filtering()
    }

    /// Updates the totals, the open table and the insights for a moment. Returns whether work is left.
    fn update_aggregates(&mut self, store: &mut Store) -> bool {
        if std::mem::take(&mut self.is_refiltered) {
            self.aggregates.restart(store, &mut self.tree);
            if let Some(table) = &mut self.table {
                table.restart(&self.tree);
            }
        }
        let changes = self.tree.take_visibility_changes();
        let mut has_more = self.aggregates.advance(store, &self.tree, &changes);
        if let Some(table) = &mut self.table {
            table.traces_changed(&changes);
            has_more |= table.refresh(store, &self.tree, &self.aggregates);
        } else {
            let (rows, _) = self.tree.window(store, self.tree.height());
            self.insights.update(store, &rows, self.now);
        }
        self.aggregates.update_trace(store, self.tree.cursor().map(|row| store.row(row).trace()), self.now);
        has_more
    }
}
