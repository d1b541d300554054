//! Finds the values that match a typed text, in slices: a list may hold a name for every session of a month.

use std::cmp::Reverse;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::Choice;
use crate::tui::slices::{Slice, SlicedSort};

/// A match: its score, the best first, and the index of the value.
type Match = (Reverse<i64>, usize);

/// A search in progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Narrowing {
    candidates: Vec<usize>,
    /// The next candidate to examine.
    next: usize,
    matches: Vec<Match>,
    sort: Option<SlicedSort<Match>>,
}

impl Narrowing {
    /// Begins a search in these values.
    pub(super) fn new(candidates: Vec<usize>) -> Self {
        Self { candidates, ..Self::default() }
    }

    /// Searches on. Returns whether the matches are known.
    pub(super) fn advance(&mut self, typed: &str, choices: &[Choice], slice: &mut Slice) -> bool {
        let fuzzy = SkimMatcherV2::default().ignore_case();
        while let Some(&at) = self.candidates.get(self.next) {
            self.next += 1;
            let score = if typed.is_empty() { Some(0) } else { fuzzy.fuzzy_match(&choices[at].value, typed) };
            self.matches.extend(score.map(|score| (Reverse(score), at)));
            if !slice.goes_on(if typed.is_empty() { 1 } else { PIECES }) {
                return false;
            }
        }
        let compare = |one: &Match, other: &Match| one.0.cmp(&other.0).then_with(|| choices[one.1].compare(&choices[other.1]));
        let matches = &mut self.matches;
        self.sort.get_or_insert_with(|| SlicedSort::new(std::mem::take(matches))).advance(slice, compare)
    }

    /// Returns the indices of the matching values, the best first.
    pub(super) fn into_matches(self) -> Vec<usize> {
        let sorted = self.sort.map_or(self.matches, SlicedSort::into_items);
        sorted.into_iter().map(|(_, at)| at).collect()
    }
}

/// A comparison with the text is as much work as so many pieces.
const PIECES: usize = 16;
