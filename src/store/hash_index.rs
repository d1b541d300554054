//! A hash table of `u32` indexes that grows in parts: growing a single table would move a million entries at once, which the user would
//! notice as a pause.

use std::hash::Hash;

use hashbrown::{HashMap, HashTable};

const PARTS: usize = 64;

/// An entry of a [`HashIndex`] in bytes: an index and a control byte in tables that are three quarters full.
pub(super) const INDEX: usize = 7;

/// The initial capacity of a part. Most of the cost of growing arises while a table is small.
const MIN_CAPACITY: usize = 448;

/// Indexes by hashes that the caller computes.
#[derive(Debug)]
pub(super) struct HashIndex {
    parts: [HashTable<u32>; PARTS],
    /// The expected number of indexes.
    expected: usize,
}

impl Default for HashIndex {
    fn default() -> Self {
        Self { parts: [const { HashTable::new() }; PARTS], expected: 0 }
    }
}

impl HashIndex {
    /// Sets the expected number of indexes. Parts then grow to their share at once. Allocates nothing yet.
    pub(super) fn reserve(&mut self, indexes: usize) {
        self.expected = indexes;
    }

    /// Returns the index with this hash for which `is_equal` holds.
    pub(super) fn find(&self, hash: u64, is_equal: impl FnMut(&u32) -> bool) -> Option<&u32> {
        self.parts[part(hash)].find(hash, is_equal)
    }

    /// Returns all indexes that may have this hash; the caller filters them.
    pub(super) fn all(&self, hash: u64) -> impl Iterator<Item = &u32> {
        self.parts[part(hash)].iter_hash(hash)
    }

    /// Inserts an index that is not in the table.
    pub(super) fn insert_unique(&mut self, hash: u64, index: u32, rehash: impl Fn(&u32) -> u64) {
        let number = part(hash);
        let part = &mut self.parts[number];
        if part.len() == part.capacity() {
            // The expected share of the part, and a sixteenth for variation.
            let share = self.expected / BUCKETS * SHARES[number];
            let capacity = MIN_CAPACITY.max(share + share / 16);
            part.reserve(capacity.saturating_sub(part.len()), &rehash);
        }
        part.insert_unique(hash, index, rehash);
    }

    /// Removes the index with this hash for which `is_equal` holds. Returns whether there was one.
    pub(super) fn remove(&mut self, hash: u64, is_equal: impl FnMut(&u32) -> bool) -> bool {
        let found = self.parts[part(hash)].find_entry(hash, is_equal);
        found.map(hashbrown::hash_table::OccupiedEntry::remove).is_ok()
    }
}

/// The capacity up to which a table keeps its memory.
const KEPT_CAPACITY: usize = 1024;

/// Gives back the memory of a table of which less than a quarter is in use: what is counted is in use.
pub(super) fn fit<K: Eq + Hash, V>(map: &mut HashMap<K, V>) {
    if map.capacity() > KEPT_CAPACITY && map.len() < map.capacity() / 4 {
        map.shrink_to(2 * map.len());
    }
}

/// Returns a hash that puts entries with equal `cluster` hashes within a few buckets of each other; its other bits are those of `own`.
pub(super) fn clustered(cluster: u64, own: u64) -> u64 {
    // hashbrown takes its control byte from the highest bits and the bucket from the lowest ones.
    const OWN: u64 = 0x7f << 57 | 0x1f;
    cluster & !OWN | own & OWN
}

/// Returns the part that holds a hash. It depends on middle bits, since the table uses the lowest and the highest ones.
///
/// The parts have different shares, so that they do not all grow at once: the last part holds twice as much as the first. The part is
/// about `log2(1 + x)` for an `x` that is evenly distributed from 0 to 1.
const fn part(hash: u64) -> usize {
    let x = (hash >> 40) as usize % BUCKETS;
    ((x + ((88 * x * (BUCKETS - x)) >> 20)) * PARTS) / BUCKETS
}

/// The number of buckets that hashes are distributed over evenly.
const BUCKETS: usize = 1 << 12;

/// How many of the [`BUCKETS`] each part has.
static SHARES: [usize; PARTS] = {
    let (mut shares, mut bucket) = ([0; PARTS], 0);
    while bucket < BUCKETS {
        shares[part((bucket as u64) << 40)] += 1;
        bucket += 1;
    }
    shares
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_capacity_avoids_rehashing() {
        let hash = |index: &u32| u64::from(*index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let moved = |expected| {
            let (mut table, moved) = (HashIndex::default(), std::cell::Cell::new(0));
            table.reserve(expected);
            let rehash = |index: &u32| {
                moved.set(moved.get() + 1);
                hash(index)
            };
            (0..100_000).for_each(|index| table.insert_unique(hash(&index), index, rehash));
            assert!((0..100_000).all(|index| table.find(hash(&index), |other| *other == index) == Some(&index)));
            moved.get()
        };
        assert!(moved(100_000) * 100 < moved(0), "{} {}", moved(100_000), moved(0));
    }

    #[test]
    fn indexes_are_distributed_found_and_removed() {
        let hash = |index: &u32| u64::from(*index).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut table = HashIndex::default();
        (0..100_000).for_each(|index| table.insert_unique(hash(&index), index, hash));
        let sizes = table.parts.each_ref().map(HashTable::len);
        assert!(sizes.iter().all(|size| (900..2600).contains(size)), "{sizes:?}");
        assert!(sizes[..8].iter().sum::<usize>() * 17 / 10 < sizes[PARTS - 8..].iter().sum(), "{sizes:?}");
        table.remove(hash(&7), |other| *other == 7);
        assert_eq!(table.find(hash(&7), |other| *other == 7), None);
        assert!((8..100_000).all(|index| table.find(hash(&index), |other| *other == index) == Some(&index)));
    }
}
