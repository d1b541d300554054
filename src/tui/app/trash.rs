//! What is freed in slices: to free the lines of a view with 100,000 names at once takes longer than a frame.

use std::hint::black_box;

use crate::tui::slices::Slice;

/// Freeing an item is as much work as so many pieces.
const PIECES: usize = 4;

/// How many items are freed before the allocator puts their memory in order.
const UNSORTED: usize = 512;

/// An allocation for which it does so.
const LARGE: usize = 4096;

/// Things to free.
#[derive(Default)]
pub(super) struct Trash {
    left: Vec<Items>,
    /// The items that were freed since the allocator put their memory in order.
    unsorted: usize,
}

/// Each step frees an item.
pub(super) type Items = Box<dyn Iterator<Item = ()> + Send>;

impl std::fmt::Debug for Trash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trash").field(&self.left.len()).finish()
    }
}

impl Trash {
    pub(super) fn put(&mut self, items: impl IntoIterator<Item = Items>) {
        self.left.extend(items);
    }

    /// Frees for a moment. Returns whether anything is left.
    pub(super) fn advance(&mut self, mut slice: Slice) -> bool {
        while let Some(items) = self.left.last_mut() {
            if items.next().is_none() {
                self.sort();
                self.left.pop();
                continue;
            }
            self.unsorted += 1;
            if self.unsorted == UNSORTED {
                self.sort();
            }
            if !slice.goes_on(PIECES) {
                return true;
            }
        }
        false
    }

    /// Lets the allocator put the freed memory in order. glibc puts small pieces aside, and joins all of them when a large one is next asked for
    /// or freed: after half a million of them, that takes 25 ms.
    fn sort(&mut self) {
        self.unsorted = 0;
        drop(black_box(Vec::<u8>::with_capacity(LARGE)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn items_are_freed_in_slices() {
        let item = Arc::new(());
        let mut trash = Trash::default();
        trash.put([Box::new(vec![item.clone(); 1000].into_iter().map(drop)) as Items]);
        assert!(trash.advance(Slice::of(Duration::ZERO)), "more work than a slice has time for");
        let left = Arc::strong_count(&item);
        assert!((2..1000).contains(&left), "{left}");
        while trash.advance(Slice::of(Duration::ZERO)) {}
        assert_eq!(Arc::strong_count(&item), 1);
    }
}
