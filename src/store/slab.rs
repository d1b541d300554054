//! A growing table with holes: it never moves what it holds, and uses freed places again.

const PAGE: usize = 1024;

/// Values of one type under `u32` indexes that stay valid until freed. Grows a page at a time, so that growth never copies.
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
    /// Puts `value` into a free place.
    pub(super) fn insert(&mut self, value: T) -> u32 {
        if let Some(at) = self.free.pop() {
            self[at] = value;
            return at;
        }
        let at = self.len;
        if at as usize / PAGE == self.pages.len() {
            self.pages.push(Vec::with_capacity(PAGE));
        }
        self.pages[at as usize / PAGE].push(value);
        self.len += 1;
        at
    }

    /// Frees a place; its value stays until the place is used again, unless `T` is replaced here.
    pub(super) fn free(&mut self, at: u32) {
        self.free.push(at);
    }

    /// One more than the highest index ever used.
    pub(super) fn end(&self) -> u32 {
        self.len
    }
}

impl<T> std::ops::Index<u32> for Slab<T> {
    type Output = T;
    fn index(&self, at: u32) -> &T {
        &self.pages[at as usize / PAGE][at as usize % PAGE]
    }
}

impl<T> std::ops::IndexMut<u32> for Slab<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.pages[at as usize / PAGE][at as usize % PAGE]
    }
}
