//! Rows by time, and the chains that they form.
//!
//! A *chain* consists of rows with the same key, each of which begins before an earlier one ended. Whether rows of equal counts or with the
//! same response id report one call depends on the rows of their chain only. So a change costs the length of a chain, not the number of
//! rows with the key, and chains beyond a maximum are not searched.

use std::collections::BTreeSet;

use super::ix::RowIx;
use crate::model::Nanos;

/// The start and the end of a row.
type Times = (Nanos, Nanos);

/// Rows by key, start and end.
#[derive(Debug)]
pub(super) struct Timeline<K>(BTreeSet<(K, Nanos, Nanos, RowIx)>);

impl<K: Ord> Default for Timeline<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

/// Rows that can influence each other, in the order of their starts.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) rows: Vec<RowIx>,
    /// Whether it has more rows than the maximum. Some of them may be missing.
    pub(super) is_too_long: bool,
}

impl<K: Copy + Ord> Timeline<K> {
    pub(super) fn insert(&mut self, key: K, (start, end): Times, row: RowIx) {
        self.0.insert((key, start, end, row));
    }

    pub(super) fn remove(&mut self, key: K, (start, end): Times, row: RowIx) {
        self.0.remove(&(key, start, end, row));
    }

    /// Returns whether there is a row with the key.
    pub(super) fn contains(&self, key: K) -> bool {
        self.0.range((key, Nanos::MIN, Nanos::MIN, RowIx(0))..).next().is_some_and(|first| first.0 == key)
    }

    /// Returns the chains that a row with these times is part of or may connect. A row begins a new chain if none of the `max` rows before
    /// it runs at its start. So a row influences only the chain it is in, and rows within that distance after it.
    pub(super) fn chains_around(&self, key: K, (start, end): Times, max: usize) -> Vec<Chain> {
        let boundary = (key, start, Nanos::MIN, RowIx(0));
        // The rows before these times, the nearest one first.
        let before = |count| {
            let rows = self.0.range((key, Nanos::MIN, Nanos::MIN, RowIx(0))..boundary).rev().take(count);
            rows.map(|&(_, start, end, row)| (row, start, end)).collect::<Vec<_>>()
        };
        let runs_at = |rows: &[(RowIx, Nanos, Nanos)], start: Nanos| rows.iter().take(max).any(|(.., end)| *end >= start);
        let (mut earlier, mut members) = (before(max), 0);
        if runs_at(&earlier, start) {
            earlier = before(2 * max);
            members = 1;
            while members <= max && earlier.get(members - 1).is_some_and(|row| runs_at(&earlier[members..], row.1)) {
                members += 1;
            }
        }
        let mut chains = Vec::new();
        let mut chain = Chain { rows: earlier[..members.min(earlier.len())].iter().rev().map(|row| row.0).collect(), is_too_long: false };
        // All rows so far, in the order of their starts.
        let mut all: Vec<(RowIx, Nanos, Nanos)> = earlier.into_iter().rev().collect();
        let later = self.0.range(boundary..=(key, Nanos::MAX, Nanos::MAX, RowIx(u32::MAX))).take(2 * max);
        for (position, &(_, row_start, row_end, row)) in later.enumerate() {
            let reach = |rows: usize| all.iter().rev().take(rows).any(|(.., end)| *end >= row_start);
            if !reach(max) {
                chains.push(std::mem::take(&mut chain));
                // The row one farther was among the nearest ones before these times' row came, or will be after it went.
                if position >= max || (row_start > end && !reach(max + 1)) {
                    break;
                }
            }
            chain.rows.push(row);
            all.push((row, row_start, row_end));
        }
        chains.push(chain);
        chains.retain(|chain| !chain.rows.is_empty());
        for chain in &mut chains {
            chain.is_too_long = chain.rows.len() > max;
        }
        chains
    }
}
