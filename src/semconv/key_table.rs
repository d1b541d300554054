//! A hash table of attribute keys, which the compiler builds.

/// Finds the place of a key in a list.
pub(super) struct KeyTable<const SLOTS: usize> {
    keys: &'static [&'static str],
    /// An open-addressing table of the first place of each key.
    slots: [u16; SLOTS],
}

impl<const SLOTS: usize> KeyTable<SLOTS> {
    /// Builds the table of a list. Of a key that is in it twice, the first place is found.
    pub(super) const fn new(keys: &'static [&'static str]) -> Self {
        // A table that is more than half full would be slow.
        assert!(SLOTS.is_power_of_two() && keys.len() * 2 <= SLOTS);
        let mut slots = [EMPTY; SLOTS];
        let mut at = 0;
        while at < keys.len() {
            let key = keys[at].as_bytes();
            let mut slot = hash(key);
            while slots[slot % SLOTS] != EMPTY && !is_same(keys[slots[slot % SLOTS] as usize].as_bytes(), key) {
                slot += 1;
            }
            if slots[slot % SLOTS] == EMPTY {
                slots[slot % SLOTS] = at as u16;
            }
            at += 1;
        }
        Self { keys, slots }
    }

    /// Returns the place of a key; `None` if the list lacks it.
    #[inline]
    pub(super) fn find(&self, key: &[u8]) -> Option<u16> {
        let mut slot = hash(key);
        loop {
            let at = self.slots[slot % SLOTS];
            if self.keys.get(usize::from(at))?.as_bytes() == key {
                return Some(at);
            }
            slot += 1;
        }
    }
}

pub(super) const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    at == a.len() && at == b.len()
}

const EMPTY: u16 = u16::MAX;

/// Hashes the last eight bytes and the length, which differ between most keys.
#[inline]
const fn hash(key: &[u8]) -> usize {
    let word = match key.last_chunk::<8>() {
        Some(tail) => u64::from_le_bytes(*tail),
        None => key.len() as u64,
    };
    ((word ^ (key.len() as u64) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize
}
