//! Checkpoints that reveal reused or renumbered row ids.
//!
//! SQLite gives a new row the highest row id plus one. After the newest rows are deleted, it reuses their ids, and `VACUUM` may renumber
//! all rows. So a row id is valid only as long as its row still has the span id that was read there.

use super::rows::Checkpoint;

/// The most checkpoints kept.
const MAX_CHECKPOINTS: usize = 96;
/// The newest checkpoints, all of which are kept.
const NEWEST: usize = 32;

/// Checkpoints of rows that were read, oldest first: dense among the newest rows, sparse among older ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints {
    rows: Vec<Checkpoint>,
}

impl Checkpoints {
    /// Adds a row that is newer than all others.
    pub(super) fn push(&mut self, checkpoint: Checkpoint) {
        self.rows.push(checkpoint);
        self.thin();
    }

    /// Adds a row that is older than the newest.
    pub(super) fn insert(&mut self, checkpoint: Checkpoint) {
        let index = self.rows.partition_point(|other| other.row < checkpoint.row);
        self.rows.insert(index, checkpoint);
        self.thin();
    }

    /// Returns the newest row.
    pub(super) fn newest(&self) -> Option<Checkpoint> {
        self.rows.last().copied()
    }

    /// Returns the oldest row.
    pub(super) fn oldest(&self) -> Option<Checkpoint> {
        self.rows.first().copied()
    }

    /// Removes the newest row, because it was deleted or renumbered.
    pub(super) fn drop_newest(&mut self) {
        self.rows.pop();
    }

    fn thin(&mut self) {
        if self.rows.len() > MAX_CHECKPOINTS {
            let newest = self.rows.split_off(self.rows.len() - NEWEST);
            self.rows = self.rows.iter().copied().step_by(2).chain(newest).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::types::ValueRef;

    use super::*;

    #[test]
    fn checkpoints_are_few_and_span_all_rows() {
        let mut checkpoints = Checkpoints::default();
        (1..10_000).for_each(|row| checkpoints.push(Checkpoint::new(row, ValueRef::Null)));
        checkpoints.insert(Checkpoint::new(0, ValueRef::Null));
        let rows: Vec<i64> = checkpoints.rows.iter().map(|checkpoint| checkpoint.row).collect();
        assert!(rows.len() <= MAX_CHECKPOINTS && rows.is_sorted());
        assert_eq!((rows.first(), rows.last()), (Some(&0), Some(&9_999)));
        assert!((9_968..10_000).all(|row| rows.contains(&row)));
        for row in (0..10_000).rev() {
            while checkpoints.newest().is_some_and(|checkpoint| checkpoint.row > row) {
                checkpoints.drop_newest();
            }
            assert!(checkpoints.newest().is_some());
        }
    }
}
