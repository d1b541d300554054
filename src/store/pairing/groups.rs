//! Which calls at one time with the same counts are one.

use super::super::dedup::TELLERS;
use super::super::interner::Symbol;
use super::FAR;
use crate::model::{Nanos, SpanId, TraceId};

/// How far one of a pair may reach beyond the other: clocks are read one after the other.
const SLACK: Nanos = 5_000_000;

/// A row that may be paired.
pub(super) struct Call {
    pub(super) id: (TraceId, SpanId),
    /// Its place among the rows that are looked at.
    pub(super) at: usize,
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    pub(super) parent: Option<SpanId>,
    pub(super) instrument: Symbol,
    /// The answer that it names; 0: none.
    pub(super) named: u32,
}

/// Calls that are one: bits by their numbers, and by those of the first call of each one's instrument.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) calls: u64,
    instruments: u64,
    pub(super) named: u32,
    began: Nanos,
    ended: Nanos,
}

/// The calls in groups of those that are one. Each call's first group is that of its answer; then the nearest groups are joined.
pub(super) fn groups(calls: &[Call]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut of: Vec<usize> = Vec::with_capacity(calls.len());
    for (at, call) in calls.iter().enumerate() {
        let instrument = calls.iter().position(|other| other.instrument == call.instrument).unwrap_or(at);
        let own = Group { calls: 1 << at, instruments: 1 << instrument, named: call.named, began: call.start, ended: call.end };
        if let Some(group) = groups.iter().position(|group| call.named != 0 && group.named == call.named) {
            groups[group] = groups[group].with(&own);
            of.push(group);
        } else {
            of.push(groups.len());
            groups.push(own);
        }
    }
    let pairs = (0..calls.len()).flat_map(|one| (0..one).map(move |other| (other, one)));
    let mut near: Vec<(u64, usize, usize)> =
        pairs.filter_map(|(one, other)| Some((calls[one].distance(&calls[other])?, one, other))).collect();
    near.sort_unstable();
    for (_, one, other) in near {
        let (to, from) = (of[one], of[other]);
        if to != from && groups[to].may_join(&groups[from]) {
            groups[to] = groups[to].with(&groups[from]);
            groups[from].calls = 0;
            of.iter_mut().filter(|group| **group == from).for_each(|group| *group = to);
        }
    }
    groups
}

impl Group {
    fn with(&self, other: &Self) -> Self {
        Self {
            calls: self.calls | other.calls,
            instruments: self.instruments | other.instruments,
            named: self.named | other.named,
            began: self.began.max(other.began),
            ended: self.ended.min(other.ended),
        }
    }

    /// Whether both may be one call: told of by other instruments, of one answer at most, and at one time.
    fn may_join(&self, other: &Self) -> bool {
        let both = self.with(other);
        let names_one = self.named == 0 || other.named == 0;
        self.instruments & other.instruments == 0 && names_one && both.began <= both.ended && both.calls.count_ones() as usize <= TELLERS
    }
}

impl Call {
    /// How far apart the times of two that may be one call are; `None` if they can't be.
    fn distance(&self, other: &Self) -> Option<u64> {
        let holds = |one: &Self, other: &Self| one.start <= other.start.saturating_add(SLACK) && other.end <= one.end.saturating_add(SLACK);
        let (starts, ends) = (self.start.abs_diff(other.start), self.end.abs_diff(other.end));
        let is_one = self.instrument != other.instrument
            && (self.named == 0 || other.named == 0)
            && ends <= FAR.unsigned_abs()
            && (holds(self, other) || holds(other, self));
        let is_parent = |one: &Self, other: &Self| one.id.0 == other.id.0 && other.parent == Some(one.id.1);
        let is_near = is_parent(self, other) || is_parent(other, self);
        is_one.then(|| if is_near { 0 } else { starts.saturating_add(ends) })
    }
}
