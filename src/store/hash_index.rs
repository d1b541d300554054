//! A hash table of indexes that grows in parts: growing moves everything that a table holds, and a million at once would be seen.

use hashbrown::HashTable;

const PARTS: usize = 64;

/// Indexes that a part has room for as soon as it has one: most of the costs of growing are those of growing while small.
const ROOM: usize = 448;

/// Indexes under hashes that the caller computes.
#[derive(Debug)]
pub(super) struct HashIndex {
    parts: [HashTable<u32>; PARTS],
    /// Indexes that are expected in all.
    expected: usize,
}

impl Default for HashIndex {
    fn default() -> Self {
        Self { parts: [const { HashTable::new() }; PARTS], expected: 0 }
    }
}

impl HashIndex {
    /// So many indexes are about to come, or to be there with those that are: growing for them at once is cheaper. Takes no memory yet.
    pub(super) fn expect(&mut self, indexes: usize) {
        self.expected = indexes;
    }

    /// The index with this hash that is the one looked for.
    pub(super) fn find(&self, hash: u64, is: impl FnMut(&u32) -> bool) -> Option<&u32> {
        self.parts[part(hash)].find(hash, is)
    }

    /// Every index that may have this hash.
    pub(super) fn all(&self, hash: u64) -> impl Iterator<Item = &u32> {
        self.parts[part(hash)].iter_hash(hash)
    }

    /// Puts in an index that is not there.
    pub(super) fn insert_unique(&mut self, hash: u64, index: u32, rehash: impl Fn(&u32) -> u64) {
        let number = part(hash);
        let part = &mut self.parts[number];
        if part.len() == part.capacity() {
            // A part's share, and a sixteenth more for chance.
            let share = self.expected / PLACES * SHARES[number];
            let room = ROOM.max(share + share / 16);
            part.reserve(room.saturating_sub(part.len()), &rehash);
        }
        part.insert_unique(hash, index, rehash);
    }

    /// Takes an index out; whether it was there.
    pub(super) fn remove(&mut self, hash: u64, is: impl FnMut(&u32) -> bool) -> bool {
        let found = self.parts[part(hash)].find_entry(hash, is);
        found.map(hashbrown::hash_table::OccupiedEntry::remove).is_ok()
    }
}

/// A hash that lies beside `home`, within a few places of the table, and else is as good as `own`.
pub(super) fn near(home: u64, own: u64) -> u64 {
    const OWN: u64 = 0x7f << 57 | 0x1f;
    home & !OWN | own & OWN
}

/// The part that holds a hash. Of the hash, the table under it looks at the lowest bits and at the highest.
///
/// The last part gets twice as much as the first and those between them something between, so that they don't all grow at once: about
/// `log2(1 + x)`, for `x` spread evenly from 0 to 1.
const fn part(hash: u64) -> usize {
    let x = (hash >> 40) as usize % PLACES;
    ((x + ((88 * x * (PLACES - x)) >> 20)) * PARTS) / PLACES
}

/// Places that hashes are spread over evenly.
const PLACES: usize = 1 << 12;

/// How many of [`PLACES`] each part has.
static SHARES: [usize; PARTS] = {
    let (mut shares, mut place) = ([0; PARTS], 0);
    while place < PLACES {
        shares[part((place as u64) << 40)] += 1;
        place += 1;
    }
    shares
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_has_room_at_once() {
        let hash = |index: &u32| u64::from(*index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let moved = |expected| {
            let (mut table, moved) = (HashIndex::default(), std::cell::Cell::new(0));
            table.expect(expected);
            let rehash = |index: &u32| {
                moved.set(moved.get() + 1);
                hash(index)
            };
            (0..100_000).for_each(|index| table.insert_unique(hash(&index), index, rehash));
            assert!((0..100_000).all(|index| table.find(hash(&index), |at| *at == index) == Some(&index)));
            moved.get()
        };
        assert!(moved(100_000) * 100 < moved(0), "{} {}", moved(100_000), moved(0));
    }

    #[test]
    fn indexes_are_spread_found_and_taken_out() {
        let hash = |index: &u32| u64::from(*index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut table = HashIndex::default();
        (0..100_000).for_each(|index| table.insert_unique(hash(&index), index, hash));
        let sizes = table.parts.each_ref().map(HashTable::len);
        assert!(sizes.iter().all(|size| (900..2600).contains(size)), "{sizes:?}");
        assert!(sizes[..8].iter().sum::<usize>() * 17 / 10 < sizes[PARTS - 8..].iter().sum(), "{sizes:?}");
        table.remove(hash(&7), |at| *at == 7);
        assert_eq!(table.find(hash(&7), |at| *at == 7), None);
        assert!((8..100_000).all(|index| table.find(hash(&index), |at| *at == index) == Some(&index)));
    }
}
