//! Texts that many rows share, kept once and counted, so that eviction gives their memory back.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::hash_index::HashIndex;

/// A text in the [`Interner`]. The default is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(u32);

impl Symbol {
    /// The empty text: "not stated".
    pub const EMPTY: Self = Self(0);

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// The place in tables that hold something for each symbol.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct Entry {
    text: Box<str>,
    uses: u32,
}

/// Every distinct text of the store's rows, with the number of rows that use it.
#[derive(Debug)]
pub struct Interner {
    entries: Vec<Entry>,
    free: Vec<u32>,
    table: HashIndex,
    hasher: DefaultHashBuilder,
    reused: u64,
}

impl Default for Interner {
    fn default() -> Self {
        let empty = Entry { text: Box::default(), uses: 1 };
        Self { entries: vec![empty], free: Vec::new(), table: HashIndex::default(), hasher: DefaultHashBuilder::default(), reused: 0 }
    }
}

impl Interner {
    /// The symbol of `text`, used once more than before.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if text.is_empty() {
            return Symbol::EMPTY;
        }
        let hash = self.hasher.hash_one(text);
        if let Some(&at) = self.table.find(hash, |&at| &*self.entries[at as usize].text == text) {
            self.entries[at as usize].uses += 1;
            return Symbol(at);
        }
        let entry = Entry { text: text.into(), uses: 1 };
        let at = if let Some(at) = self.free.pop() {
            self.entries[at as usize] = entry;
            self.reused += 1;
            at
        } else {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.table.insert_unique(hash, at, |&at| hasher.hash_one(&*entries[at as usize].text));
        Symbol(at)
    }

    /// As [`Interner::take`]; quicker if the text is what `guess` means or meant.
    pub(super) fn intern_again(&mut self, text: &str, guess: Symbol) -> Symbol {
        match self.entries.get_mut(guess.index()) {
            // A forgotten text is empty.
            Some(entry) if !text.is_empty() && *entry.text == *text => {
                entry.uses += 1;
                guess
            }
            _ => self.intern(text),
        }
    }

    /// Counts one use more of a symbol in use.
    pub(super) fn hold(&mut self, symbol: Symbol) {
        if !symbol.is_empty() {
            self.entries[symbol.index()].uses += 1;
        }
    }

    /// Counts one use less; a text that nobody uses is forgotten and its symbol given to another.
    pub fn release(&mut self, symbol: Symbol) {
        if symbol.is_empty() {
            return;
        }
        let entry = &mut self.entries[symbol.index()];
        entry.uses -= 1;
        if entry.uses > 0 {
            return;
        }
        let text = std::mem::take(&mut entry.text);
        let hash = self.hasher.hash_one(&*text);
        self.table.remove(hash, |&at| at == symbol.0);
        self.free.push(symbol.0);
    }

    /// The text of a symbol in use.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        &self.entries[symbol.index()].text
    }

    /// One more than the highest symbol's [`Symbol::index`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How often a symbol came to mean another text: what was remembered of symbols before is void after.
    #[must_use]
    pub fn reused(&self) -> u64 {
        self.reused
    }

    /// Whether no text was ever taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_forgotten_with_its_last_use() {
        let mut interner = Interner::default();
        let first = interner.intern("gpt-5");
        assert_eq!(interner.intern("gpt-5"), first);
        assert_eq!(interner.text(first), "gpt-5");
        interner.release(first);
        assert_eq!(interner.text(first), "gpt-5");
        interner.release(first);
        let other = interner.intern("gpt-4o");
        assert_eq!(other, first, "the place is used again");
        assert_ne!(interner.intern("gpt-5"), other);
        assert_eq!(interner.len(), 3);
    }

    #[test]
    fn the_empty_text_is_nobody_s() {
        let mut interner = Interner::default();
        assert!(interner.intern("").is_empty());
        interner.release(Symbol::EMPTY);
        assert_eq!(interner.text(Symbol::EMPTY), "");
    }
}
