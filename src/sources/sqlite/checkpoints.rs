//! What a tail by row id holds on to.
//!
//! A new row gets the highest row id plus one. After the newest rows are deleted, that is an id that was there before, and `VACUUM`
//! may number all rows anew. So a row id counts only together with the span that was seen there.

use super::rows::Checkpoint;

/// Marks kept at most.
const MOST: usize = 96;
/// The newest marks, which are never thinned out.
const NEWEST: usize = 32;

/// Marks of rows that were read, oldest first: dense among the newest, ever sparser before.
#[derive(Clone, Debug, Default)]
pub(super) struct Checkpoints {
    marks: Vec<Checkpoint>,
}

impl Checkpoints {
    /// A row was read that is newer than all others.
    pub(super) fn push(&mut self, mark: Checkpoint) {
        self.marks.push(mark);
        self.thin();
    }

    /// A row was read that is older than the newest.
    pub(super) fn insert(&mut self, mark: Checkpoint) {
        let at = self.marks.partition_point(|other| other.row < mark.row);
        self.marks.insert(at, mark);
        self.thin();
    }

    /// The newest row that was read.
    pub(super) fn newest(&self) -> Option<Checkpoint> {
        self.marks.last().copied()
    }

    /// The oldest row that was read.
    pub(super) fn oldest(&self) -> Option<Checkpoint> {
        self.marks.first().copied()
    }

    /// The newest row is gone, or another took its place.
    pub(super) fn drop_newest(&mut self) {
        self.marks.pop();
    }

    fn thin(&mut self) {
        if self.marks.len() > MOST {
            let newest = self.marks.split_off(self.marks.len() - NEWEST);
            self.marks = self.marks.iter().copied().step_by(2).chain(newest).collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::types::ValueRef;

    use super::*;

    #[test]
    fn marks_are_few_and_reach_from_the_oldest_to_the_newest() {
        let mut ladder = Checkpoints::default();
        (1..10_000).for_each(|row| ladder.push(Checkpoint::new(row, ValueRef::Null)));
        ladder.insert(Checkpoint::new(0, ValueRef::Null));
        let rows: Vec<i64> = ladder.marks.iter().map(|mark| mark.row).collect();
        assert!(rows.len() <= MOST && rows.is_sorted());
        assert_eq!((rows.first(), rows.last()), (Some(&0), Some(&9_999)));
        assert!((9_968..10_000).all(|row| rows.contains(&row)));
        for row in (0..10_000).rev() {
            while ladder.newest().is_some_and(|mark| mark.row > row) {
                ladder.drop_newest();
            }
            assert!(ladder.newest().is_some());
        }
    }
}
