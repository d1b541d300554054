//! The models and agents with the most tokens or the highest cost, for the panes beside the traces. They are looked for in slices.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::refresh::Pace;
use crate::model::sort;
use crate::store::{By, Group, Stats, Store, Symbol, TraceIx};
use crate::tui::slices::Slice;

/// How many are kept; no pane has so many lines.
const KEPT: usize = 128;

/// What groups are ranked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranked {
    /// Models by their tokens.
    ModelTokens,
    /// Models by their cost.
    ModelCost,
    /// Agents by their cost.
    AgentCost,
}

impl Ranked {
    const ALL: [Self; 3] = [Self::ModelTokens, Self::ModelCost, Self::AgentCost];

    fn by(self) -> By {
        if self == Self::AgentCost { By::Agent } else { By::Model }
    }

    /// Returns the tokens or the cost of a group; `None` if it is unknown.
    fn amount(self, group: &Group) -> Option<i64> {
        match self {
            Self::ModelTokens => group.usage.tokens().map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX)),
            Self::ModelCost | Self::AgentCost => group.usage.cost(),
        }
    }
}

/// The first ones of a ranking.
#[derive(Clone, Debug, Default)]
struct Ranking {
    first: Vec<Symbol>,
    /// The number of groups with an amount.
    count: usize,
}

/// An unfinished pass over the groups.
#[derive(Debug, Default)]
struct Pass {
    /// The index of the ranking, and the next place.
    at: (usize, u32),
    found: Vec<(i64, Symbol)>,
    count: usize,
    rankings: Vec<Ranking>,
    took: Duration,
}

/// The rankings.
#[derive(Debug)]
pub(super) struct Ranks {
    /// The trace that they are about; `None` for all shown ones.
    scope: Option<TraceIx>,
    rankings: Vec<Ranking>,
    pass: Option<Pass>,
    pace: Pace,
}

impl Default for Ranks {
    fn default() -> Self {
        Self { scope: None, rankings: Vec::new(), pass: None, pace: Pace::due() }
    }
}

impl Ranks {
    /// Notes that the statistics have changed.
    pub(super) fn invalidate(&mut self) {
        self.pace.invalidate();
    }

    /// Whether the rankings wait to be found again.
    pub(super) fn is_stale(&self) -> bool {
        self.pace.is_stale()
    }

    /// Looks on for a moment, if that is due. Returns whether work is left.
    pub(super) fn refresh(&mut self, store: &Store, stats: &Stats, scope: Option<TraceIx>, slice: &mut Slice) -> bool {
        if self.scope != scope {
            *self = Self { scope, ..Self::default() };
        }
        if self.pass.is_none() && self.pace.is_due() {
            self.pass = Some(Pass::default());
            self.pace.begin();
        }
        let Some(pass) = &mut self.pass else { return false };
        if !pass.advance(store, stats, slice) {
            return true;
        }
        self.pace.finish_slices(pass.took);
        self.rankings = std::mem::take(&mut pass.rankings);
        self.pass = None;
        false
    }

    /// Returns the `count` first groups with their amounts, which are those of now, and the number of all groups with an amount.
    pub(super) fn first<'a>(&self, store: &'a Store, stats: &'a Stats, by: Ranked, count: usize) -> (Vec<(Symbol, i64, &'a Group)>, usize) {
        let Some(ranking) = self.rankings.get(by as usize) else { return (Vec::new(), 0) };
        let with_group = |&name: &Symbol| Some((name, stats.group(by.by(), name)?));
        let groups = ranking.first.iter().filter_map(with_group);
        let mut first: Vec<_> = groups.filter_map(|(name, group)| Some((name, by.amount(group)?, group))).collect();
        sort::by(&mut first, |one, other| (other.1, Reverse(store.text(other.0))).cmp(&(one.1, Reverse(store.text(one.0)))));
        let gone = ranking.first.len() - first.len();
        first.truncate(count);
        (first, ranking.count - gone)
    }
}

impl Pass {
    /// Goes on. Returns whether all groups are ranked.
    fn advance(&mut self, store: &Store, stats: &Stats, slice: &mut Slice) -> bool {
        let begun = Instant::now();
        let is_done = self.rank(store, stats, slice);
        self.took += begun.elapsed();
        is_done
    }

    fn rank(&mut self, store: &Store, stats: &Stats, slice: &mut Slice) -> bool {
        while let Some(ranked) = Ranked::ALL.get(self.at.0) {
            while self.at.1 < stats.group_places(ranked.by()) {
                let found = stats.group_at(ranked.by(), self.at.1).and_then(|(name, group)| Some((ranked.amount(group)?, name)));
                self.at.1 += 1;
                self.count += usize::from(found.is_some());
                self.found.extend(found);
                if self.found.len() >= 4 * KEPT {
                    self.keep_first(store);
                }
                if !slice.goes_on(1) {
                    return false;
                }
            }
            self.keep_first(store);
            let first = std::mem::take(&mut self.found).into_iter().map(|(_, name)| name).collect();
            self.rankings.push(Ranking { first, count: std::mem::take(&mut self.count) });
            self.at = (self.at.0 + 1, 0);
        }
        true
    }

    fn keep_first(&mut self, store: &Store) {
        self.found.sort_by(|one, other| (other.0, Reverse(store.text(other.1))).cmp(&(one.0, Reverse(store.text(one.1)))));
        self.found.truncate(KEPT);
    }
}
