//! The hosts that spans ran on, where their senders state them.

use std::hash::BuildHasher;

use hashbrown::HashMap;

use super::ix::RowIx;

/// The most hosts that are told apart. Those of further ones are unknown.
const MAX_HOSTS: usize = 4096;

/// The most characters of a name that are kept.
const MAX_NAME: usize = 100;

/// A row whose host is unknown.
const UNKNOWN: u16 = u16::MAX;

/// The host of each row.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    /// The number of each host, by the hash of its name.
    numbers: HashMap<u64, u16>,
    names: Vec<Box<str>>,
    by_row: Vec<u16>,
}

impl Hosts {
    /// Sets the host of a row; an empty name is none.
    pub(super) fn set(&mut self, row: RowIx, name: &str, hasher: &impl BuildHasher) {
        let Some(number) = (!name.is_empty()).then(|| self.number(name, hasher.hash_one(name))).flatten() else { return };
        let row = row.0 as usize;
        if self.by_row.len() <= row {
            self.by_row.resize(row + 1, UNKNOWN);
        }
        self.by_row[row] = number;
    }

    fn number(&mut self, name: &str, hash: u64) -> Option<u16> {
        if let Some(&number) = self.numbers.get(&hash) {
            return Some(number);
        }
        let number = u16::try_from(self.names.len()).ok().filter(|_| self.names.len() < MAX_HOSTS)?;
        self.numbers.insert(hash, number);
        self.names.push(name.chars().take(MAX_NAME).collect());
        Some(number)
    }

    pub(super) fn remove(&mut self, row: RowIx) {
        if let Some(slot) = self.by_row.get_mut(row.0 as usize) {
            *slot = UNKNOWN;
        }
    }

    /// Returns the number of a row's host; `None` if it is unknown.
    pub(super) fn of(&self, row: RowIx) -> Option<u16> {
        self.by_row.get(row.0 as usize).copied().filter(|&number| number != UNKNOWN)
    }

    /// Returns the name of a host.
    pub(super) fn name(&self, number: u16) -> &str {
        self.names.get(usize::from(number)).map_or("", |name| name)
    }
}
