//! A paged slab: values under stable `u32` indexes that are reused after being freed.

const PAGE_SIZE: usize = 1024;

/// Values under indexes that stay valid until freed. It grows by pages, so that growth moves no value.
#[derive(Debug)]
pub(super) struct Slab<T> {
    pages: Vec<Vec<T>>,
    free: Vec<u32>,
    len: u32,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { pages: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    /// Inserts a value and returns its index.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self[index] = value;
            return index;
        }
        let index = self.len;
        if index as usize / PAGE_SIZE == self.pages.len() {
            self.pages.push(Vec::with_capacity(PAGE_SIZE));
        }
        self.pages[index as usize / PAGE_SIZE].push(value);
        self.len += 1;
        index
    }

    /// Frees an index. The value is dropped only when the index is reused; the caller replaces values that own memory.
    pub(super) fn free(&mut self, index: u32) {
        self.free.push(index);
    }

    /// Returns the number of indexes in use.
    pub(super) fn live(&self) -> usize {
        self.len as usize - self.free.len()
    }

    /// Returns one more than the highest index ever used.
    pub(super) fn end(&self) -> u32 {
        self.len
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    fn index(&self, index: u32) -> &T {
        &self.pages[index as usize / PAGE_SIZE][index as usize % PAGE_SIZE]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.pages[index as usize / PAGE_SIZE][index as usize % PAGE_SIZE]
    }
}
