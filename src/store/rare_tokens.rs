//! The token counts that few rows have, stored apart from their usage.

use hashbrown::HashMap;

use crate::model::Usage;
use crate::model::usage::RareTokens;

/// Rare tokens by the index of the row's usage.
#[derive(Debug, Default)]
pub(super) struct RareTable(HashMap<u32, Entry>);

#[derive(Debug, Default)]
struct Entry {
    /// What the span states.
    stated: RareTokens,
    /// What its duplicates state.
    filled: RareTokens,
}

impl RareTable {
    /// Whether no row has any, as is mostly so.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets what a span states, for usage that has no entry.
    pub(super) fn insert(&mut self, index: u32, stated: RareTokens) {
        if stated.is_some() {
            self.0.insert(index, Entry { stated, filled: RareTokens::default() });
        }
    }

    pub(super) fn remove(&mut self, index: u32) {
        self.0.remove(&index);
    }

    /// Returns what the span itself states.
    pub(super) fn stated(&self, index: u32) -> RareTokens {
        self.0.get(&index).map(|entry| entry.stated).unwrap_or_default()
    }

    /// Returns what the duplicates of a span state.
    pub(super) fn filled(&self, index: u32) -> RareTokens {
        self.0.get(&index).map(|entry| entry.filled).unwrap_or_default()
    }

    /// Returns what the span states, and what its duplicates state beyond it.
    pub(super) fn get(&self, index: u32) -> RareTokens {
        self.0.get(&index).map(|entry| entry.stated.or(entry.filled)).unwrap_or_default()
    }

    /// Sets what the duplicates of a span state. Returns whether that changes anything.
    pub(super) fn fill(&mut self, index: u32, filled: RareTokens) -> bool {
        let before = self.get(index);
        let stated = self.stated(index);
        if stated.is_some() || filled.is_some() {
            self.0.insert(index, Entry { stated, filled });
        } else {
            self.0.remove(&index);
        }
        self.get(index) != before
    }
}

/// Returns the rare tokens that can be parts of the usage.
pub(super) fn parts_of(usage: &Usage, rare: RareTokens) -> RareTokens {
    let part = |count: u32, whole: Option<u32>| if whole.is_some_and(|whole| count <= whole) { count } else { 0 };
    let audio_input = part(rare.audio_input, usage.input);
    RareTokens {
        audio_input,
        audio_output: part(rare.audio_output, usage.output),
        cached_audio: rare.cached_audio.filter(|cached| *cached <= audio_input && usage.cache_read.is_some_and(|read| *cached <= read)),
        cache_write_1h: part(rare.cache_write_1h, usage.cache_write),
    }
}
