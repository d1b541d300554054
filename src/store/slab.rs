//! A paged slab: values under stable `u32` indexes that are reused after being freed.

/// Values of a page. The tests have small ones, so that pages are freed in all of them.
const PAGE_SIZE: usize = if cfg!(test) { 4 } else { 1024 };

/// Values under indexes that stay valid until freed. It grows and shrinks by pages, so that neither moves a value.
#[derive(Clone, Debug)]
pub(crate) struct Slab<T> {
    pages: Vec<Page<T>>,
    /// Pages with room; the next value goes to the last one. Pages without memory are taken out when they are the last.
    open: Vec<u32>,
    /// Other pages without memory.
    empty: Vec<u32>,
    live: usize,
    /// The number of pages with memory.
    allocated: usize,
}

/// Part of a slab. A page without memory holds no value.
#[derive(Clone, Debug)]
struct Page<T> {
    values: Vec<T>,
    /// The places of freed values.
    free: Vec<u16>,
    is_open: bool,
}

impl<T> Page<T> {
    fn live(&self) -> usize {
        self.values.len() - self.free.len()
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), open: Vec::new(), empty: Vec::new(), live: 0, allocated: 0 }
    }
}

impl<T> Slab<T> {
    /// Returns all values, and those that were freed and not replaced.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.pages.into_iter().flat_map(|page| page.values)
    }

    /// Inserts a value and returns its index.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let number = loop {
            let Some(&number) = self.open.last() else { break self.open_page() };
            if self.pages[number as usize].values.capacity() > 0 {
                break number;
            }
            self.pages[number as usize].is_open = false;
            self.empty.extend(self.open.pop());
        };
        let page = &mut self.pages[number as usize];
        let place = if let Some(place) = page.free.pop() {
            page.values[usize::from(place)] = value;
            usize::from(place)
        } else {
            page.values.push(value);
            page.values.len() - 1
        };
        if page.live() == PAGE_SIZE {
            page.is_open = false;
            self.open.pop();
        }
        self.live += 1;
        number * PAGE_SIZE as u32 + place as u32
    }

    /// Allocates a page and opens it.
    fn open_page(&mut self) -> u32 {
        let number = self.empty.pop().unwrap_or(self.pages.len() as u32);
        if number as usize == self.pages.len() {
            self.pages.push(Page { values: Vec::new(), free: Vec::new(), is_open: false });
        }
        let page = &mut self.pages[number as usize];
        page.values.reserve_exact(PAGE_SIZE);
        page.is_open = true;
        self.open.push(number);
        self.allocated += 1;
        number
    }

    /// Frees an index. The value is dropped only when the index is reused or its page is freed; the caller replaces values that own memory.
    pub(crate) fn free(&mut self, index: u32) {
        let number = index as usize / PAGE_SIZE;
        let page = &mut self.pages[number];
        page.free.push((index as usize % PAGE_SIZE) as u16);
        self.live -= 1;
        if !page.is_open {
            page.is_open = true;
            self.open.push(number as u32);
        }
        // A page of room is kept, so that values that come and go allocate nothing.
        if page.live() == 0 && self.allocated * PAGE_SIZE >= self.live + 2 * PAGE_SIZE {
            (page.values, page.free) = (Vec::new(), Vec::new());
            self.allocated -= 1;
        }
    }

    /// Returns the value at an index that may have been freed; then `None`, or the value as it was left.
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.pages.get(index as usize / PAGE_SIZE)?.values.get(index as usize % PAGE_SIZE)
    }

    /// Returns the value at an index that may have been freed, to change it.
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.pages.get_mut(index as usize / PAGE_SIZE)?.values.get_mut(index as usize % PAGE_SIZE)
    }

    /// Returns one more than the highest index ever used.
    pub(crate) fn end(&self) -> u32 {
        (self.pages.len() * PAGE_SIZE) as u32
    }

    /// Returns the number of indexes in use.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Returns the number of places that take memory, in use or not.
    pub(crate) fn places(&self) -> usize {
        self.allocated * PAGE_SIZE
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    fn index(&self, index: u32) -> &T {
        &self.pages[index as usize / PAGE_SIZE].values[index as usize % PAGE_SIZE]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.pages[index as usize / PAGE_SIZE].values[index as usize % PAGE_SIZE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_under_their_indexes_and_empty_pages_are_freed() {
        let mut slab = Slab::default();
        let indexes: Vec<u32> = (0..100).map(|value| slab.insert(value)).collect();
        assert_eq!((slab.live(), slab.places()), (100, 100));
        // One value in ten stays: those are in five pages more than they need.
        for &index in indexes.iter().filter(|index| *index % 10 != 0) {
            slab.free(index);
        }
        assert!(indexes.iter().filter(|index| *index % 10 == 0).all(|&index| slab[index] == index));
        assert!(slab.live() == 10 && slab.places() <= 11 * PAGE_SIZE, "{} places", slab.places());
        let more: Vec<u32> = (100..200).map(|value| slab.insert(value)).collect();
        assert!(more.iter().zip(100..).all(|(&index, value)| slab[index] == value && (index % 10 != 0 || index > 99)));
        assert!(indexes.iter().filter(|index| *index % 10 == 0).all(|&index| slab[index] == index));
        assert!(slab.places() <= 110 + PAGE_SIZE && slab.end() <= 112, "pages are reused: {} places", slab.places());
        more.iter().chain(indexes.iter().filter(|index| *index % 10 == 0)).for_each(|&index| slab.free(index));
        assert!(slab.live() == 0 && slab.places() <= PAGE_SIZE);
    }

    #[test]
    fn values_that_come_and_go_take_no_more_pages() {
        let mut slab = Slab::default();
        let mut held: std::collections::VecDeque<u32> = (0..40).map(|value| slab.insert(value)).collect();
        for value in 40..1000 {
            held.push_back(slab.insert(value));
            slab.free(held.pop_front().unwrap());
            assert!(slab.places() <= 40 + 3 * PAGE_SIZE && held.iter().zip(value - 39..).all(|(&index, value)| slab[index] == value));
        }
        assert!(slab.end() <= 60);
    }
}
