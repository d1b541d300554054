//! An append-only arena for bodies: one address space of bytes in mapped segments, which are unmapped or reused one by one.
//!
//! Allocating every body by itself costs more in page faults than all other work of ingesting it.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use memmap2::MmapMut;

/// The size of a segment in bytes: two huge pages.
pub(super) const SEGMENT_SIZE: usize = 4 << 20;

/// A range of addresses in the arena.
pub(super) type Extent = Range<u64>;

/// The arena. It does not know what its extents hold.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// The segments that are full, by number.
    sealed: BTreeMap<u64, Segment>,
    /// The segment that is being filled.
    open: Option<MmapMut>,
    /// Bytes in use in the open segment.
    open_used: usize,
    /// The address at which the next bytes are inserted.
    end: u64,
    /// The numbers of the sealed segments from which an eighth or more was freed since they were last moved.
    sparse: Vec<u64>,
    /// Bytes in use in all sealed segments.
    sealed_used: u64,
    pool: SegmentPool,
}

/// Free segments to reuse: an arena at its memory limit frees as many as it fills, and new memory costs page faults.
type SegmentPool = Arc<Mutex<Vec<MmapMut>>>;

/// The most segments in the pool: they count towards no limit.
const POOL_SIZE: usize = 1;

/// A segment is worth moving once this much of it is free, in bytes. A byte that is freed then costs at most seven moved ones.
const SPARSE: usize = SEGMENT_SIZE / 8;

/// The memory of a sealed segment; it returns to the pool when the last reader drops it.
#[derive(Debug)]
struct SegmentMemory {
    /// `None` only during the drop.
    bytes: Option<MmapMut>,
    pool: SegmentPool,
}

impl AsRef<[u8]> for SegmentMemory {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}

impl Drop for SegmentMemory {
    fn drop(&mut self) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOL_SIZE {
            pool.extend(self.bytes.take());
        }
    }
}

/// A sealed segment.
#[derive(Debug)]
struct Segment {
    memory: Bytes,
    /// Bytes in use.
    used: usize,
}

impl Arena {
    /// Appends a copy of `bytes`. Fails if the system has no memory; then nothing is inserted.
    pub(super) fn insert(&mut self, mut bytes: &[u8]) -> io::Result<Extent> {
        let start = self.end;
        while !bytes.is_empty() {
            let at = (self.end % SEGMENT_SIZE as u64) as usize;
            let open = match &mut self.open {
                Some(open) => open,
                none => match allocate_segment(&self.pool) {
                    Ok(segment) => none.insert(segment),
                    Err(error) => {
                        self.free(&(start..self.end));
                        return Err(error);
                    }
                },
            };
            let (now, later) = bytes.split_at(bytes.len().min(SEGMENT_SIZE - at));
            open[at..at + now.len()].copy_from_slice(now);
            self.end += now.len() as u64;
            self.open_used += now.len();
            bytes = later;
            if at + now.len() == SEGMENT_SIZE {
                self.seal();
            }
        }
        Ok(start..self.end)
    }

    fn seal(&mut self) {
        let used = std::mem::take(&mut self.open_used);
        if let Some(memory) = self.open.take()
            && used > 0
        {
            let number = (self.end - 1) / SEGMENT_SIZE as u64;
            let memory = SegmentMemory { bytes: Some(memory), pool: self.pool.clone() };
            self.sealed_used += used as u64;
            self.sealed.insert(number, Segment { memory: Bytes::from_owner(memory), used });
            if used <= SEGMENT_SIZE - SPARSE {
                self.sparse.push(number);
            }
        }
    }

    /// Returns the bytes of an extent: without a copy if it is inside one sealed segment.
    pub(super) fn get(&self, extent: &Extent) -> Bytes {
        let mut parts = segment_parts(extent);
        if let (Some((number, part)), None) = (parts.next(), parts.next())
            && let Some(segment) = self.sealed.get(&number)
        {
            return segment.memory.slice(part);
        }
        let mut bytes = Vec::with_capacity((extent.end - extent.start) as usize);
        for (number, part) in segment_parts(extent) {
            match (self.sealed.get(&number), &self.open) {
                (Some(segment), _) => bytes.extend_from_slice(&segment.memory[part]),
                (None, Some(open)) => bytes.extend_from_slice(&open[part]),
                (None, None) => {}
            }
        }
        bytes.into()
    }

    /// Frees an extent.
    pub(super) fn free(&mut self, extent: &Extent) {
        for (number, part) in segment_parts(extent) {
            let Some(segment) = self.sealed.get_mut(&number) else {
                self.open_used = self.open_used.saturating_sub(part.len());
                continue;
            };
            let before = segment.used;
            segment.used = before.saturating_sub(part.len());
            self.sealed_used -= (before - segment.used) as u64;
            if segment.used == 0 {
                self.sealed.remove(&number);
                self.sparse.retain(|sparse| *sparse != number);
            } else if (SEGMENT_SIZE - segment.used) / SPARSE > (SEGMENT_SIZE - before) / SPARSE && !self.sparse.contains(&number) {
                self.sparse.push(number);
            }
        }
    }

    /// Returns the extents of at most `count` segments, the emptiest first: if the caller moves what is in them, they are freed. Each is
    /// returned again only after more of it was freed. Returns nothing while the segments together are well used: where the oldest bodies are
    /// freed first, sparse segments soon become empty by themselves.
    pub(super) fn take_sparse(&mut self, count: usize) -> Vec<Extent> {
        let memory = (self.sealed.len() * SEGMENT_SIZE) as u64;
        let enough = self.sealed_used + self.sealed_used / 7 + SEGMENT_SIZE as u64;
        let Some(mut excess) = memory.checked_sub(enough).filter(|excess| *excess > 0 && !self.sparse.is_empty()) else {
            return Vec::new();
        };
        let free = |number: &u64| self.sealed.get(number).map_or(0, |segment| SEGMENT_SIZE - segment.used);
        self.sparse.sort_by_cached_key(|number| free(number));
        let mut taken = Vec::new();
        while excess > 0
            && taken.len() < count
            && let Some(number) = self.sparse.pop()
        {
            excess = excess.saturating_sub(free(&number) as u64);
            taken.push(number * SEGMENT_SIZE as u64..(number + 1) * SEGMENT_SIZE as u64);
        }
        taken
    }

    /// Returns the size of all segments in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        (self.sealed.len() + usize::from(self.open.is_some())) * SEGMENT_SIZE
    }

    /// Returns the bytes of memory that the arena takes, except what is free up to two segments: the oldest and the newest one are partly free
    /// whatever the limit. The pool is not counted either.
    pub(super) fn held_memory(&self) -> usize {
        let segments = self.sealed.len() * SEGMENT_SIZE + (self.end % SEGMENT_SIZE as u64) as usize;
        (self.sealed_used as usize + self.open_used).max(segments.saturating_sub(2 * SEGMENT_SIZE))
    }
}

fn allocate_segment(pool: &SegmentPool) -> io::Result<MmapMut> {
    if let Some(segment) = pool.lock().unwrap_or_else(PoisonError::into_inner).pop() {
        return Ok(segment);
    }
    let memory = MmapMut::map_anon(SEGMENT_SIZE)?;
    // An optimization: a kernel without huge pages ignores it.
    #[cfg(target_os = "linux")]
    let _ = memory.advise(memmap2::Advice::HugePage);
    Ok(memory)
}

/// Returns the segments of an extent: their numbers, and the ranges within them.
fn segment_parts(extent: &Extent) -> impl Iterator<Item = (u64, Range<usize>)> {
    let (mut at, end) = (extent.start, extent.end);
    std::iter::from_fn(move || {
        let number = at / SEGMENT_SIZE as u64;
        let until = end.min((number + 1) * SEGMENT_SIZE as u64);
        let from = number * SEGMENT_SIZE as u64;
        let part = (at - from) as usize..(until - from) as usize;
        at = until;
        (!part.is_empty()).then_some((number, part))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_span_segments_and_are_freed_with_them() {
        let mut arena = Arena::default();
        let bodies: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; SEGMENT_SIZE / 3 + usize::from(n)]).collect();
        let extents: Vec<_> = bodies.iter().map(|body| arena.insert(body).unwrap()).collect();
        for (body, extent) in bodies.iter().zip(&extents) {
            assert_eq!(arena.get(extent), body[..]);
        }
        let all = arena.memory();
        let kept = arena.get(&extents[0]);
        (0..20).filter(|n| ![3, 6, 10].contains(n)).for_each(|n| arena.free(&extents[n]));
        let sparse = arena.take_sparse(9);
        assert!(sparse.iter().all(|sparse| [3, 6, 10].iter().any(|n| sparse.contains(&extents[*n].start))), "{sparse:?}");
        assert_eq!((sparse.len(), arena.take_sparse(1).len()), (2, 1), "as many as are needed");
        assert_eq!(arena.take_sparse(9), [], "each once");
        arena.free(&extents[3]);
        arena.free(&extents[6]);
        assert_eq!((all, arena.memory()), (7 * SEGMENT_SIZE, 2 * SEGMENT_SIZE), "its own segment, and the open one");
        assert_eq!(kept, bodies[0][..], "a reader keeps the bytes of a freed segment");
        assert_eq!(arena.get(&extents[10]), bodies[10][..]);
    }

    #[test]
    fn freeing_the_oldest_first_moves_nothing_and_reuses_segments() {
        let mut arena = Arena::default();
        let insert = |arena: &mut Arena, n: u8| arena.insert(&vec![n; SEGMENT_SIZE / 5]).unwrap();
        let mut extents: Vec<Extent> = (0..50).map(|n| insert(&mut arena, n)).collect();
        let before = arena.memory();
        for n in 50..250 {
            arena.free(&extents.remove(0));
            assert_eq!(arena.take_sparse(9), []);
            extents.push(insert(&mut arena, n));
            assert!(arena.memory() <= before + SEGMENT_SIZE && arena.sparse.len() <= 1);
            // Equal neighbors are compared at once: a test without optimization takes seconds for each byte.
            let is_filled = |bytes: &[u8], n: u8| bytes[0] == n && bytes[1..] == bytes[..bytes.len() - 1];
            assert!(extents.iter().zip(n - 49..).all(|(extent, n)| is_filled(&arena.get(extent), n)));
        }
        assert_eq!(arena.pool.lock().unwrap().len(), 0, "freed segments are reused at once");
        arena.free(&(extents[0].start..extents[49].end));
        assert_eq!(arena.pool.lock().unwrap().len(), POOL_SIZE);
    }

    #[test]
    fn a_body_larger_than_a_segment_is_read_back() {
        let mut arena = Arena::default();
        let body: Vec<u8> = (0..SEGMENT_SIZE * 2 + 7).map(|n| (n % 251) as u8).collect();
        let extent = arena.insert(&body).unwrap();
        assert_eq!(arena.get(&extent), body[..]);
        arena.free(&extent);
        assert_eq!(arena.memory(), SEGMENT_SIZE, "the open segment");
        assert_eq!(arena.insert(b"").unwrap().count(), 0);
    }
}
