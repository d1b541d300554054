//! The list of keys to sort the traces or a table by.

use super::{App, SeriesList, SeriesSort, Sort, Sorting, Table, TraceTree};
use crate::store::Store;

/// The open list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorter {
    /// The names of the sort keys.
    pub names: Vec<&'static str>,
    /// The index of the key under the cursor.
    pub cursor: usize,
    /// The index of the key in effect.
    pub current: usize,
    /// Whether the order in effect is reversed.
    pub is_reversed: bool,
    /// Whether it begins with the largest.
    pub is_descending: bool,
}

impl Sorter {
    /// Returns the columns of a table.
    pub(super) fn of_table(table: &Table) -> Self {
        let names = table.columns().iter().map(|column| column.title(table.view)).collect();
        let (sorted, is_reversed) = (table.sorted, table.is_reversed);
        Self { names, cursor: sorted, current: sorted, is_reversed, is_descending: table.is_descending() }
    }

    /// Returns the sort keys of the series.
    pub(super) fn of_series(list: &SeriesList) -> Self {
        let names = SeriesSort::ALL.map(|(_, name)| name).to_vec();
        let (sorted, is_reversed) = (list.sorted as usize, list.is_reversed);
        Self { names, cursor: sorted, current: sorted, is_reversed, is_descending: list.is_descending() }
    }

    /// Returns the sort keys of the traces.
    pub(super) fn of_traces(tree: &TraceTree) -> Self {
        let Sorting { by, is_reversed } = tree.sorting();
        let names = Sort::ALL.map(|(_, name)| name).to_vec();
        Self { names, cursor: by as usize, current: by as usize, is_reversed, is_descending: tree.sorting().is_descending() }
    }

    /// Moves the cursor to an item, or to the last.
    pub(super) fn go_to(&mut self, item: usize) {
        self.cursor = item.min(self.names.len().saturating_sub(1));
    }

    /// Moves the cursor, stopping at the ends.
    pub(super) fn step(&mut self, by: isize) {
        self.go_to(self.cursor.saturating_add_signed(by));
    }
}

impl App {
    /// Sorts by the key under the cursor; if that is in effect, reverses the order.
    pub(super) fn apply_sorter(&mut self, store: &Store, sorter: &Sorter) {
        let is_reversed = sorter.cursor == sorter.current && !sorter.is_reversed;
        if let Some(list) = &mut self.series_list {
            let (by, _) = SeriesSort::ALL[sorter.cursor.min(SeriesSort::ALL.len() - 1)];
            list.sort_by(&self.metrics, by, is_reversed);
        } else if let Some(table) = &mut self.table {
            table.sort_by(sorter.cursor, is_reversed);
        } else if let Some(&(by, _)) = Sort::ALL.get(sorter.cursor) {
            self.tree.sort(store, Sorting { by, is_reversed }, self.now);
            self.show_detail(store);
        }
    }
}
