//! Work in slices: what takes longer than a frame may goes on between frames and in the next ones.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

/// Pieces of work between two readings of the clock. So many are always done, whatever the time: small lists are complete at once.
const PIECES: usize = 512;

/// How long a key works on the list that it opens or sorts.
const ON_KEY: Duration = Duration::from_millis(2);

/// The most pieces of work that can't be divided and are still done in a frame.
const PIECES_IN_FRAME: usize = 4096;

/// A slice of time for work.
#[derive(Clone, Copy, Debug)]
pub struct Slice {
    end: Instant,
    pieces: usize,
    is_in_frame: bool,
}

impl Slice {
    /// Begins a slice of this length between two frames.
    #[must_use]
    pub fn of(time: Duration) -> Self {
        Self { end: Instant::now() + time, pieces: 0, is_in_frame: false }
    }

    /// Begins a slice of this length in a frame.
    #[must_use]
    pub fn in_frame(time: Duration) -> Self {
        Self { is_in_frame: true, ..Self::of(time) }
    }

    /// Begins the slice of a key that opens or sorts a list.
    #[must_use]
    pub fn on_key() -> Self {
        Self::in_frame(ON_KEY)
    }

    /// Whether so many pieces of work can be done at once. Otherwise they wait until the frame is drawn.
    #[must_use]
    pub fn allows(&self, pieces: usize) -> bool {
        !self.is_in_frame || pieces <= PIECES_IN_FRAME
    }

    /// Returns a slice for another kind of work with the same end.
    #[must_use]
    pub fn share(self) -> Self {
        Self { pieces: 0, ..self }
    }

    /// Notes so many pieces of work. Returns whether time is left.
    pub fn goes_on(&mut self, pieces: usize) -> bool {
        self.pieces += pieces;
        if self.pieces < PIECES {
            return true;
        }
        self.pieces = 0;
        Instant::now() < self.end
    }
}

/// Items that are sorted together before they are merged.
const RUN: usize = 256;

/// A list that is sorted in slices: short runs are sorted and then merged, the same number of items at a time.
#[derive(Clone, Debug)]
pub struct SlicedSort<T> {
    items: Vec<T>,
    /// What the current round of merges has written.
    merged: Vec<T>,
    /// The length of the sorted runs; 0 while they are sorted.
    width: usize,
    /// The next item of the left and of the right run.
    next: [usize; 2],
}

impl<T: Copy> SlicedSort<T> {
    /// Returns a list to sort.
    #[must_use]
    pub fn new(items: Vec<T>) -> Self {
        let merged = Vec::with_capacity(items.len());
        Self { items, merged, width: 0, next: [0; 2] }
    }

    /// Sorts on. Returns whether the list is sorted.
    pub fn advance(&mut self, slice: &mut Slice, compare: impl Fn(&T, &T) -> Ordering) -> bool {
        while self.width == 0 {
            let from = self.next[0];
            let to = (from + RUN).min(self.items.len());
            self.items[from..to].sort_by(&compare);
            self.next[0] = to;
            if to == self.items.len() {
                (self.width, self.next) = (RUN, [0, RUN]);
            }
            if !slice.goes_on(RUN) {
                return false;
            }
        }
        while self.width < self.items.len() {
            let begun = self.merged.len() / (2 * self.width) * 2 * self.width;
            let [left_end, right_end] = [begun + self.width, begun + 2 * self.width].map(|end| end.min(self.items.len()));
            let [left, right] = &mut self.next;
            let takes_left = match (*left < left_end, *right < right_end) {
                (true, true) => compare(&self.items[*right], &self.items[*left]).is_ge(),
                (is_left, _) => is_left,
            };
            let next = if takes_left { left } else { right };
            self.merged.push(self.items[*next]);
            *next += 1;
            if self.merged.len() == right_end {
                self.next = [right_end, (right_end + self.width).min(self.items.len())];
            }
            if self.merged.len() == self.items.len() {
                std::mem::swap(&mut self.items, &mut self.merged);
                self.merged.clear();
                self.width *= 2;
                self.next = [0, self.width.min(self.items.len())];
            }
            if !slice.goes_on(1) {
                return self.width >= self.items.len();
            }
        }
        true
    }

    /// Returns the list.
    #[must_use]
    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_list_is_sorted_in_any_number_of_slices(keys in prop::collection::vec(0_u16..200, 0..3000)) {
            let items: Vec<(u16, usize)> = keys.iter().copied().zip(0..).collect();
            let mut sort = SlicedSort::new(items.clone());
            let mut slices = 0;
            while !sort.advance(&mut Slice::of(Duration::ZERO), |one, other| one.0.cmp(&other.0)) {
                slices += 1;
            }
            let mut expected = items;
            expected.sort_by_key(|item| item.0);
            prop_assert!(slices >= expected.len() / 1024);
            prop_assert_eq!(sort.into_items(), expected);
        }
    }

    #[test]
    fn a_slice_always_does_some_work() {
        let mut slice = Slice::of(Duration::ZERO);
        assert_eq!((1..2000).find(|_| !slice.goes_on(1)), Some(PIECES));
        assert!(slice.goes_on(1), "the next pieces");
        let mut slice = Slice::of(Duration::from_hours(1));
        assert!((0..2000).all(|_| slice.goes_on(7)));
        assert!(slice.allows(1_000_000) && !Slice::in_frame(Duration::from_hours(1)).allows(1_000_000));
    }
}
