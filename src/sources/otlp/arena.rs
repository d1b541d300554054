//! Memory for what is kept: one long row of bytes, in pieces that the system maps by large pages and gets back one by one.
//!
//! Bodies that are kept each in memory of its own cost more in page faults than in all the rest of taking them in.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use memmap2::MmapMut;

/// Bytes in one piece: two large pages.
pub(super) const SEGMENT_SIZE: usize = 4 << 20;

/// Where something lies on the shelf.
pub(super) type Extent = Range<u64>;

/// Bytes one behind the other. What lies where is the caller's to know.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// Pieces that are full, by number.
    full: BTreeMap<u64, Full>,
    /// The piece that is being filled.
    open: Option<MmapMut>,
    /// Bytes in use in the open piece.
    open_used: usize,
    end: u64,
    /// Full pieces of which less than half is in use, by number.
    sparse: Vec<u64>,
    /// Bytes in use in all full pieces.
    full_used: u64,
    spare: Spare,
}

/// Pieces that nobody needs any more, a few of them: at its limit a shelf frees as many as it fills, and new memory costs more than old.
type Spare = Arc<Mutex<Vec<MmapMut>>>;

/// Pieces that are kept for later.
const SPARE: usize = 2;

/// The memory of a full piece, which comes back when its last reader is gone.
#[derive(Debug)]
struct Memory {
    /// `None` only while it is dropped.
    bytes: Option<MmapMut>,
    spare: Spare,
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE {
            spare.extend(self.bytes.take());
        }
    }
}

#[derive(Debug)]
struct Full {
    memory: Bytes,
    used: usize,
}

impl Arena {
    /// Copies `bytes` to the end. `Err` if the system has no more memory; then nothing is kept.
    pub(super) fn insert(&mut self, mut bytes: &[u8]) -> io::Result<Extent> {
        let start = self.end;
        while !bytes.is_empty() {
            let at = (self.end % SEGMENT_SIZE as u64) as usize;
            let open = match &mut self.open {
                Some(open) => open,
                none => match piece(&self.spare) {
                    Ok(piece) => none.insert(piece),
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
                self.close();
            }
        }
        Ok(start..self.end)
    }

    fn close(&mut self) {
        let used = std::mem::take(&mut self.open_used);
        if let Some(memory) = self.open.take()
            && used > 0
        {
            let number = (self.end - 1) / SEGMENT_SIZE as u64;
            let memory = Memory { bytes: Some(memory), spare: self.spare.clone() };
            self.full_used += used as u64;
            self.full.insert(number, Full { memory: Bytes::from_owner(memory), used });
            if used < SEGMENT_SIZE / 2 {
                self.sparse.push(number);
            }
        }
    }

    /// The bytes at a place: as they lie if they lie in one full piece, else copied.
    pub(super) fn get(&self, place: &Extent) -> Bytes {
        let mut parts = parts(place);
        if let (Some((number, part)), None) = (parts.next(), parts.next())
            && let Some(full) = self.full.get(&number)
        {
            return full.memory.slice(part);
        }
        let mut bytes = Vec::with_capacity((place.end - place.start) as usize);
        for (number, part) in self::parts(place) {
            match (self.full.get(&number), &self.open) {
                (Some(full), _) => bytes.extend_from_slice(&full.memory[part]),
                (None, Some(open)) => bytes.extend_from_slice(&open[part]),
                (None, None) => {}
            }
        }
        bytes.into()
    }

    /// Frees a place.
    pub(super) fn free(&mut self, place: &Extent) {
        for (number, part) in parts(place) {
            let Some(full) = self.full.get_mut(&number) else {
                self.open_used = self.open_used.saturating_sub(part.len());
                continue;
            };
            let before = full.used;
            full.used = before.saturating_sub(part.len());
            self.full_used -= (before - full.used) as u64;
            if full.used == 0 {
                self.full.remove(&number);
                self.sparse.retain(|sparse| *sparse != number);
            } else if full.used < SEGMENT_SIZE / 2 && before >= SEGMENT_SIZE / 2 {
                self.sparse.push(number);
            }
        }
    }

    /// A piece of which less than half is in use, each once: what lies there is to be put again, so that its memory goes back. `None`
    /// while all pieces together are well in use: what is left in one goes soon by itself where the oldest goes first.
    pub(super) fn fragmented(&mut self) -> Option<Extent> {
        let memory = (self.full.len() * SEGMENT_SIZE) as u64;
        if memory <= self.full_used + self.full_used / 2 + SEGMENT_SIZE as u64 {
            return None;
        }
        self.sparse.pop().map(|number| number * SEGMENT_SIZE as u64..(number + 1) * SEGMENT_SIZE as u64)
    }

    /// Bytes of memory in all pieces.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        (self.full.len() + usize::from(self.open.is_some())) * SEGMENT_SIZE
    }
}

fn piece(spare: &Spare) -> io::Result<MmapMut> {
    if let Some(piece) = spare.lock().unwrap_or_else(PoisonError::into_inner).pop() {
        return Ok(piece);
    }
    let memory = MmapMut::map_anon(SEGMENT_SIZE)?;
    // Only for speed: where the system knows no such pages, the small ones do.
    #[cfg(target_os = "linux")]
    let _ = memory.advise(memmap2::Advice::HugePage);
    Ok(memory)
}

/// The pieces that a place touches: number, and where in it.
fn parts(place: &Extent) -> impl Iterator<Item = (u64, Range<usize>)> {
    let (mut at, end) = (place.start, place.end);
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
    fn bytes_lie_across_pieces_and_go_with_their_piece() {
        let mut shelf = Arena::default();
        let bodies: Vec<Vec<u8>> = (0..20_u8).map(|n| vec![n; SEGMENT_SIZE / 3 + usize::from(n)]).collect();
        let places: Vec<_> = bodies.iter().map(|body| shelf.insert(body).unwrap()).collect();
        for (body, place) in bodies.iter().zip(&places) {
            assert_eq!(shelf.get(place), body[..]);
        }
        let all = shelf.memory();
        let kept = shelf.get(&places[0]);
        (0..20).filter(|n| ![3, 6, 10].contains(n)).for_each(|n| shelf.free(&places[n]));
        let sparse: Vec<Extent> = std::iter::from_fn(|| shelf.fragmented()).collect();
        assert!([3, 6, 10].iter().all(|n| sparse.iter().any(|sparse| sparse.contains(&places[*n].start))), "{sparse:?}");
        shelf.free(&places[3]);
        shelf.free(&places[6]);
        assert_eq!((all, shelf.memory()), (7 * SEGMENT_SIZE, 2 * SEGMENT_SIZE), "its own, and the one that is being filled");
        assert_eq!(kept, bodies[0][..], "who reads still, reads on");
        assert_eq!(shelf.get(&places[10]), bodies[10][..]);
    }

    #[test]
    fn where_the_oldest_goes_first_nothing_moves_and_memory_is_used_again() {
        let mut shelf = Arena::default();
        let put = |shelf: &mut Arena, n: u8| shelf.insert(&vec![n; SEGMENT_SIZE / 5]).unwrap();
        let mut places: Vec<Extent> = (0..50).map(|n| put(&mut shelf, n)).collect();
        let before = shelf.memory();
        for n in 50..250 {
            shelf.free(&places.remove(0));
            assert_eq!(shelf.fragmented(), None);
            places.push(put(&mut shelf, n));
            assert!(shelf.memory() <= before + SEGMENT_SIZE && shelf.sparse.len() <= 1);
            assert!(places.iter().zip(n - 49..).all(|(place, n)| shelf.get(place).iter().all(|byte| *byte == n)));
        }
        assert_eq!(shelf.spare.lock().unwrap().len(), 0, "what one leaves the next takes");
        shelf.free(&(places[0].start..places[49].end));
        assert_eq!(shelf.spare.lock().unwrap().len(), SPARE);
    }

    #[test]
    fn a_body_larger_than_a_piece_comes_back_whole() {
        let mut shelf = Arena::default();
        let body: Vec<u8> = (0..SEGMENT_SIZE * 2 + 7).map(|n| (n % 251) as u8).collect();
        let place = shelf.insert(&body).unwrap();
        assert_eq!(shelf.get(&place), body[..]);
        shelf.free(&place);
        assert_eq!(shelf.memory(), SEGMENT_SIZE, "the one that is being filled");
        assert_eq!(shelf.insert(b"").unwrap().count(), 0);
    }
}
