//! What is freed in slices: to free the lines of a view with 100,000 names at once takes longer than a frame.

use crate::tui::slices::Slice;

/// Freeing an item is as much work as so many pieces.
const PIECES: usize = 4;

/// Things to free.
#[derive(Default)]
pub(super) struct Trash(Vec<Items>);

/// Each step frees an item.
pub(super) type Items = Box<dyn Iterator<Item = ()> + Send>;

impl std::fmt::Debug for Trash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Trash").field(&self.0.len()).finish()
    }
}

impl Trash {
    pub(super) fn put(&mut self, items: impl IntoIterator<Item = Items>) {
        self.0.extend(items);
    }

    /// Frees for a moment. Returns whether anything is left.
    pub(super) fn advance(&mut self, mut slice: Slice) -> bool {
        while let Some(items) = self.0.last_mut() {
            while items.next().is_some() {
                if !slice.goes_on(PIECES) {
                    return true;
                }
            }
            self.0.pop();
        }
        false
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
