//! A list of what the traces, or the lines of a table, can be sorted by.

use super::{App, Sort, Sorting, Table, TraceTree};
use crate::store::Store;

/// The open list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorter {
    /// What can be sorted by.
    pub names: Vec<&'static str>,
    /// Which of them the cursor is on.
    pub cursor: usize,
    /// What is sorted by now.
    pub current: usize,
    /// Whether the other end is on top.
    pub reversed: bool,
}

impl Sorter {
    /// For a table.
    pub(super) fn of_table(table: &Table) -> Self {
        let names = table.columns().iter().map(|column| column.title(table.view)).collect();
        Self { names, cursor: table.sorted, current: table.sorted, reversed: table.is_reversed }
    }

    /// For the traces.
    pub(super) fn of_traces(tree: &TraceTree) -> Self {
        let Sorting { by, reversed } = tree.sorting();
        Self { names: Sort::ALL.map(|(_, name)| name).to_vec(), cursor: by as usize, current: by as usize, reversed }
    }

    /// Moves the cursor to an item, or to the last.
    pub(super) fn go_to(&mut self, item: usize) {
        self.cursor = item.min(self.names.len().saturating_sub(1));
    }

    /// Moves the cursor, stopping at the ends.
    pub(super) fn step(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.names.len().saturating_sub(1));
    }
}

impl App {
    /// Sorts by what the cursor of the list is on; by what is sorted by already, the other way round.
    pub(super) fn sort_as_chosen(&mut self, store: &Store, sorter: &Sorter) {
        let reversed = sorter.cursor == sorter.current && !sorter.reversed;
        if let Some(table) = &mut self.table {
            table.sort_by(sorter.cursor, reversed);
        } else if let Some(&(by, _)) = Sort::ALL.get(sorter.cursor) {
            self.tree.sort(store, Sorting { by, reversed }, self.now);
            self.look(store);
        }
    }
}
