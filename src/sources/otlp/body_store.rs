//! The bodies that came, kept as long as a span of theirs is held, and thinned out as spans go.

use std::collections::{BTreeMap, HashMap};
use std::io;

use bytes::Bytes;

use super::arena::{Arena, Extent, SEGMENT_SIZE};
use super::compact::{Compacted, SpanExtent, spots};
use super::search::Places;
use crate::model::PayloadRef;

/// Bytes that must be to gain before a body is made anew; what is noted of one takes nearly as much.
const WORTH: u64 = 512;

/// Bodies by number. An address is a body's number and, in its lower half, where in it a span began as it came.
#[derive(Debug, Default)]
pub(super) struct BodyStore {
    by_number: HashMap<u32, Body>,
    /// Their numbers, by where they begin on the shelf.
    by_place: BTreeMap<u64, u32>,
    shelf: Arena,
    next: u32,
    retained_bytes: u64,
}

#[derive(Debug)]
struct Body {
    place: Extent,
    spans: Spans,
    /// Bytes of the spans that are held.
    left: u64,
}

/// A body's spans, in order: those that are held, and those let go since it was last made.
#[derive(Debug)]
enum Spans {
    /// As the body came, in four bytes a span and a bit as soon as one is let go.
    Whole { begins: Box<[u32]>, gone: Box<[u64]> },
    /// Of a body that was made anew.
    Thinned(Vec<SpanExtent>),
}

impl Spans {
    /// The number of the span that began at `was`.
    fn find(&self, was: usize) -> Option<usize> {
        match self {
            Self::Whole { begins, .. } => begins.binary_search_by_key(&was, |begin| *begin as usize).ok(),
            Self::Thinned(spots) => spots.binary_search_by_key(&was, |spot| spot.was as usize).ok(),
        }
    }

    /// Where the span that began at `was` lies now.
    fn place(&self, was: usize) -> Option<usize> {
        let span = self.find(was)?;
        Some(if let Self::Thinned(spots) = self { spots[span].at as usize } else { was })
    }

    /// Lets go of the span that began at `was`, in a body of `len` bytes. Its bytes; 0 if it is none or was let go before.
    fn let_go(&mut self, was: usize, len: u64) -> u32 {
        match (self.find(was), self) {
            (None, _) => 0,
            (Some(span), Self::Thinned(spots)) => std::mem::take(&mut spots[span].bytes),
            (Some(span), Self::Whole { begins, gone }) => {
                if gone.is_empty() {
                    *gone = vec![0; begins.len().div_ceil(64)].into();
                }
                let (word, bit) = (&mut gone[span / 64], 1 << (span % 64));
                if std::mem::replace(word, *word | bit) & bit != 0 {
                    return 0;
                }
                // As `thin::spots` has it.
                let begin = if span == 0 { 0 } else { begins[span] };
                begins.get(span + 1).copied().unwrap_or(len as u32) - begin
            }
        }
    }

    fn spots(&self, len: u64) -> Vec<SpanExtent> {
        match self {
            Self::Thinned(spots) => spots.clone(),
            Self::Whole { begins, gone } => {
                let mut spots = spots(len as usize, begins.iter().map(|begin| *begin as usize));
                let is_gone = |span: usize| gone.get(span / 64).is_some_and(|word| word >> (span % 64) & 1 != 0);
                spots.iter_mut().enumerate().filter(|(span, _)| is_gone(*span)).for_each(|(_, spot)| spot.bytes = 0);
                spots
            }
        }
    }
}

impl Body {
    fn len(&self) -> u64 {
        self.place.end - self.place.start
    }

    /// Whether less than half of it is held.
    fn is_sparse(&self) -> bool {
        self.left * 2 < self.len() && self.len() - self.left >= WORTH
    }
}

impl BodyStore {
    /// Keeps a body for its spans, of which there must be one at least, and gives it a number. `begins` are where they begin, in order. `Err`
    /// if the system has no more memory.
    pub(super) fn insert(&mut self, bytes: &[u8], begins: Box<[u32]>) -> io::Result<u32> {
        let place = self.shelf.insert(bytes)?;
        // Half of the numbers, so that an address is never negative. They start anew after two billion bodies.
        while self.by_number.contains_key(&self.next) {
            self.next = (self.next + 1) & 0x7fff_ffff;
        }
        let number = self.next;
        self.next = (self.next + 1) & 0x7fff_ffff;
        self.retained_bytes += bytes.len() as u64;
        self.by_place.insert(place.start, number);
        let spans = Spans::Whole { begins, gone: Box::default() };
        self.by_number.insert(number, Body { place, spans, left: bytes.len() as u64 });
        self.compact();
        Ok(number)
    }

    /// The body that an address lies in, and where in it.
    pub(super) fn find(&self, address: PayloadRef) -> Option<(Bytes, usize)> {
        let (number, was) = split(address);
        let body = self.by_number.get(&number)?;
        Some((self.shelf.get(&body.place), body.spans.place(was)?))
    }

    /// A body by its number, and where in it those spans lie that began at these places when it came.
    pub(super) fn places(&self, number: u32, places: &[usize]) -> Option<Places> {
        let body = self.by_number.get(&number)?;
        let now = places.iter().filter_map(|&was| body.spans.place(was)).collect();
        Some((self.shelf.get(&body.place), now))
    }

    /// The numbers of all bodies, the newest last.
    pub(super) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.by_number.keys().copied().collect();
        // Numbers start anew after the highest; those from the next one on are older.
        numbers.sort_unstable_by_key(|number| (*number < self.next, *number));
        numbers
    }

    /// A body by its number.
    pub(super) fn body(&self, number: u32) -> Option<Bytes> {
        self.by_number.get(&number).map(|body| self.shelf.get(&body.place))
    }

    /// Lets go of the spans at these addresses, and of bodies that have none left. Returns the bodies of which little is left now, to be
    /// made anew before [`Self::tidy`], which else would move them whole.
    pub(super) fn release(&mut self, addresses: &[PayloadRef]) -> Vec<u32> {
        let mut sparse = Vec::new();
        for (number, was) in addresses.iter().copied().map(split) {
            let Some(body) = self.by_number.get_mut(&number) else { continue };
            let (before, len) = (body.is_sparse(), body.len());
            body.left -= u64::from(body.spans.let_go(was, len));
            if body.left == 0 {
                self.retained_bytes -= body.len();
                self.by_place.remove(&body.place.start);
                self.shelf.free(&body.place);
                self.by_number.remove(&number);
            } else if body.is_sparse() && !before {
                sparse.push(number);
            }
        }
        sparse
    }

    /// A body of which little is left, and its spans.
    pub(super) fn fragmented(&self, number: u32) -> Option<(Bytes, Vec<SpanExtent>)> {
        let body = self.by_number.get(&number).filter(|body| body.is_sparse())?;
        Some((self.shelf.get(&body.place), body.spans.spots(body.len())))
    }

    /// Keeps a body as it was made anew from one with these spans; it stays if it has others by now.
    pub(super) fn replace(&mut self, number: u32, spots: &[SpanExtent], thinned: Compacted) {
        let Some(body) = self.by_number.get_mut(&number).filter(|body| body.spans.spots(body.len()) == spots) else { return };
        let Ok(place) = self.shelf.insert(&thinned.bytes) else { return };
        self.retained_bytes -= body.len();
        self.shelf.free(&body.place);
        self.by_place.remove(&body.place.start);
        self.by_place.insert(place.start, number);
        body.place = place;
        body.spans = Spans::Thinned(thinned.spots);
        body.left = body.len();
        self.retained_bytes += body.len();
    }

    /// Moves what lies where little is left, so that memory is never much more than what is held. Large bodies stay: they fill their pieces
    /// well enough, and moving them costs.
    pub(super) fn compact(&mut self) {
        // Pieces that this leaves with little are for the next time; else two could take turns for ever.
        let sparse: Vec<Extent> = std::iter::from_fn(|| self.shelf.fragmented()).collect();
        for sparse in sparse {
            let lying = self.by_place.range(..sparse.end).rev().map(|(_, number)| *number);
            let lying: Vec<u32> =
                lying.take_while(|number| self.by_number.get(number).is_some_and(|body| body.place.end > sparse.start)).collect();
            for number in lying {
                let Some(body) = self.by_number.get_mut(&number) else { continue };
                if body.len() >= SEGMENT_SIZE as u64 / 2 {
                    continue;
                }
                let Ok(place) = self.shelf.insert(&self.shelf.get(&body.place)) else { return };
                self.shelf.free(&body.place);
                self.by_place.remove(&body.place.start);
                self.by_place.insert(place.start, number);
                body.place = place;
            }
        }
    }

    /// Bytes held.
    pub(super) fn retained_bytes(&self) -> u64 {
        self.retained_bytes
    }
}

/// The address of the span at `at` in a body.
pub(super) fn address(number: u32, at: usize) -> PayloadRef {
    PayloadRef(i64::from(number) << 32 | at as i64 & 0xffff_ffff)
}

/// An address's body, and where in it the span begins.
pub(super) fn split(PayloadRef(address): PayloadRef) -> (u32, usize) {
    ((address >> 32) as u32, (address & 0xffff_ffff) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(bodies: &mut BodyStore, bytes: &[u8], spans: &[usize]) -> u32 {
        bodies.insert(bytes, spans.iter().map(|begin| *begin as u32).collect()).unwrap()
    }

    #[test]
    fn a_body_goes_with_its_last_span() {
        let mut bodies = BodyStore::default();
        let one = keep(&mut bodies, b"one", &[0, 2]);
        let two = keep(&mut bodies, b"other", &[4]);
        assert_eq!(bodies.retained_bytes(), 8);
        assert_eq!(bodies.find(address(two, 4)), Some((Bytes::from_static(b"other"), 4)));
        bodies.release(&[address(one, 0), address(two, 4), address(one, 0), address(one, 1), address(two, 4)]);
        assert_eq!((bodies.retained_bytes(), bodies.find(address(two, 4))), (3, None));
        bodies.release(&[address(one, 2)]);
        bodies.release(&[address(one, 2)]);
        assert_eq!((bodies.retained_bytes(), bodies.by_number.len(), bodies.by_place.len()), (0, 0, 0));
    }

    #[test]
    fn tidying_ends_though_what_moves_leaves_little_behind() {
        const MIB: usize = 1 << 20;
        let mut bodies = BodyStore::default();
        for (first, second) in [(3 * MIB, 4 * MIB), (3 * MIB, 2 * MIB - 1), (7 * MIB, 8 * MIB + 1), (5 * MIB, MIB)] {
            let one = keep(&mut bodies, &vec![1; first], &[0]);
            let two = keep(&mut bodies, &vec![2; second], &[0]);
            bodies.release(&[address(one, 0)]);
            bodies.compact();
            assert_eq!(bodies.find(address(two, 0)).unwrap().0, vec![2; second]);
        }
        // What is large stays, with a piece at each of its ends.
        let (held, memory) = (bodies.retained_bytes() as usize, bodies.shelf.memory());
        assert!(memory <= held * 4 + (8 << 20), "{memory} for {held}");
    }

    #[test]
    fn memory_follows_what_is_held() {
        let mut bodies = BodyStore::default();
        let body = |n: usize| vec![n as u8; 100_000 + n];
        let numbers: Vec<u32> = (0..400).map(|n| keep(&mut bodies, &body(n), &[7])).collect();
        // One in ten lives long, as a trace that runs does.
        let (keep, go): (Vec<usize>, Vec<usize>) = (0..400).partition(|n| n % 10 == 0);
        for n in go {
            bodies.release(&[address(numbers[n], 7)]);
            bodies.compact();
        }
        let (held, memory) = (bodies.retained_bytes() as usize, bodies.shelf.memory());
        assert!(memory <= held * 2 + (8 << 20), "{memory} for {held}");
        for n in keep {
            assert_eq!(bodies.find(address(numbers[n], 7)).unwrap().0, body(n)[..]);
        }
    }
}
