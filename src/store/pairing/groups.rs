//! Groups of rows that report one call, among rows with equal token counts.

use super::super::dedup::MAX_REPORTS;
use super::super::interner::Symbol;
use super::super::nesting::TOLERANCE;
use super::MAX_END_DISTANCE;
use crate::model::{Nanos, SpanId, TraceId};

/// A row that may be paired.
pub(super) struct Call {
    pub(super) id: (TraceId, SpanId),
    /// Its index among the rows of the chain.
    pub(super) index: usize,
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    pub(super) parent: Option<SpanId>,
    /// The instrumentation scope.
    pub(super) scope: Symbol,
    /// The hash of the stated response id; 0 for none.
    pub(super) response: u32,
}

/// Rows that report one call.
#[derive(Clone, Copy)]
pub(super) struct Group {
    /// Bits by the indexes of the calls.
    pub(super) calls: u64,
    /// Bits by the index of the first call of each scope.
    scopes: u64,
    /// The stated response; 0 for none.
    pub(super) response: u32,
    latest_start: Nanos,
    earliest_end: Nanos,
}

/// Groups calls. Calls with the same stated response are a group from the start; then the nearest groups that may report one call are
/// merged, step by step. Returns merged groups, too, without calls.
pub(super) fn groups(calls: &[Call]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: Vec<usize> = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        let scope = calls.iter().position(|other| other.scope == call.scope).unwrap_or(index);
        let single =
            Group { calls: 1 << index, scopes: 1 << scope, response: call.response, latest_start: call.start, earliest_end: call.end };
        if let Some(group) = groups.iter().position(|group| call.response != 0 && group.response == call.response) {
            groups[group] = groups[group].union(&single);
            group_of.push(group);
        } else {
            group_of.push(groups.len());
            groups.push(single);
        }
    }
    let pairs = (0..calls.len()).flat_map(|one| (0..one).map(move |other| (other, one)));
    let mut candidates: Vec<(u64, usize, usize)> =
        pairs.filter_map(|(one, other)| Some((calls[one].distance(&calls[other])?, one, other))).collect();
    candidates.sort_unstable();
    for (_, one, other) in candidates {
        let (to, from) = (group_of[one], group_of[other]);
        if to != from && groups[to].may_merge(&groups[from]) {
            groups[to] = groups[to].union(&groups[from]);
            groups[from].calls = 0;
            group_of.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
        }
    }
    groups
}

impl Group {
    fn union(&self, other: &Self) -> Self {
        Self {
            calls: self.calls | other.calls,
            scopes: self.scopes | other.scopes,
            response: self.response | other.response,
            latest_start: self.latest_start.max(other.latest_start),
            earliest_end: self.earliest_end.min(other.earliest_end),
        }
    }

    /// Returns whether both may report one call: no scope twice, at most one stated response, and all rows overlap in time.
    fn may_merge(&self, other: &Self) -> bool {
        let union = self.union(other);
        let states_one = self.response == 0 || other.response == 0;
        let overlap = union.latest_start <= union.earliest_end;
        self.scopes & other.scopes == 0 && states_one && overlap && union.calls.count_ones() as usize <= MAX_REPORTS
    }
}

impl Call {
    /// Returns the time distance of two calls that may be one; `None` if they cannot be. Parent and child have distance 0.
    fn distance(&self, other: &Self) -> Option<u64> {
        let contains =
            |one: &Self, other: &Self| one.start <= other.start.saturating_add(TOLERANCE) && other.end <= one.end.saturating_add(TOLERANCE);
        let (starts, ends) = (self.start.abs_diff(other.start), self.end.abs_diff(other.end));
        let may_be_one = self.scope != other.scope
            && (self.response == 0 || other.response == 0)
            && ends <= MAX_END_DISTANCE.unsigned_abs()
            && (contains(self, other) || contains(other, self));
        let is_parent = |one: &Self, other: &Self| one.id.0 == other.id.0 && other.parent == Some(one.id.1);
        let are_linked = is_parent(self, other) || is_parent(other, self);
        may_be_one.then(|| if are_linked { 0 } else { starts.saturating_add(ends) })
    }
}
