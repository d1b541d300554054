//! Groups of rows that report one call, among rows with equal token counts.

use super::super::interner::Symbol;
use super::super::model_ids::Reporter;
use super::super::nesting::TOLERANCE;
use super::MAX_REPORTS;
use crate::model::{Nanos, SpanId, TraceId};

/// How far the clock of a gateway may differ from that of the agent that calls it.
const MAX_SKEW: Nanos = 250_000_000;

/// A row that may be paired.
pub(super) struct Call {
    pub(super) id: (TraceId, SpanId),
    /// Its index among the rows of the chain.
    pub(super) index: usize,
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    pub(super) parent: Option<SpanId>,
    pub(super) name: Symbol,
    pub(super) reporter: Reporter,
    /// Whether a log event reports it, whose times are rough.
    pub(super) from_log: bool,
    /// The hash of the stated response id; 0 for none.
    pub(super) response: u32,
    /// Whether it is of an agent's run.
    pub(super) of_run: bool,
    /// Bits by the indexes of the calls that are known to be others.
    pub(super) others: u64,
}

/// Rows that report one call.
#[derive(Clone, Copy)]
pub(super) struct Group {
    /// Bits by the indexes of the calls.
    pub(super) calls: u64,
    /// Bits by the index of the first call of each reporter.
    reporters: u64,
    /// The stated response; 0 for none.
    pub(super) response: u32,
    /// Bits by the indexes of the calls that are known to be others.
    others: u64,
    latest_start: Nanos,
    earliest_end: Nanos,
}

/// Groups calls. Calls with the same stated response are a group from the start, and so are twins; then the nearest groups that may report one call are
/// merged, step by step; last, those that only a clock that differs sets apart. Returns merged groups, too, without calls.
pub(super) fn groups(calls: &[Call]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut group_of: Vec<usize> = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        let reporter = calls.iter().position(|other| other.reporter == call.reporter).unwrap_or(index);
        let single = Group {
            calls: 1 << index,
            reporters: 1 << reporter,
            response: call.response,
            others: call.others,
            latest_start: call.start,
            earliest_end: call.end,
        };
        let has_response = |group: &Group| call.response != 0 && group.response == call.response;
        let has_twin = |group: &Group| {
            let is_twin = |(other, _): (usize, &usize)| group.calls >> other & 1 != 0 && calls[other].is_twin(call);
            group_of.iter().enumerate().any(is_twin) && group.states_at_most_one_with(&single)
        };
        if let Some(group) = groups.iter().position(has_response).or_else(|| groups.iter().position(has_twin)) {
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
    for (to, from) in skewed(calls, &groups) {
        groups[to] = groups[to].union(&groups[from]);
        groups[from].calls = 0;
    }
    groups
}

/// Returns the pairs of groups, the reports of an agent and those of a gateway, that may report one call if a clock differs: of which each
/// has no other group that it may be paired with.
fn skewed(calls: &[Call], groups: &[Group]) -> Vec<(usize, usize)> {
    let members = |group: &Group| {
        let is_member = |(index, _): &(usize, &Call)| group.calls >> index & 1 != 0;
        calls.iter().enumerate().filter(is_member).map(|(_, call)| call).collect::<Vec<_>>()
    };
    let groups_of_one: Vec<(usize, Vec<&Call>)> = groups
        .iter()
        .map(members)
        .enumerate()
        .filter(|(_, calls)| calls.first().is_some_and(|first| calls.iter().all(|call| call.reporter.1 == first.reporter.1)))
        .collect();
    let mut candidates = Vec::new();
    for (at, (one, calls)) in groups_of_one.iter().enumerate() {
        for (other, other_calls) in &groups_of_one[..at] {
            let is_skewed = |call: &&Call| other_calls.iter().any(|other| call.is_skewed_report_of(other));
            if groups[*one].may_merge(&groups[*other]) && calls.iter().any(is_skewed) {
                candidates.push((*other, *one));
            }
        }
    }
    let uses = |group: usize| candidates.iter().filter(|(one, other)| [*one, *other].contains(&group)).count();
    candidates.iter().copied().filter(|&(one, other)| uses(one) == 1 && uses(other) == 1).collect()
}

impl Group {
    fn union(&self, other: &Self) -> Self {
        Self {
            calls: self.calls | other.calls,
            reporters: self.reporters | other.reporters,
            response: self.response | other.response,
            others: self.others | other.others,
            latest_start: self.latest_start.max(other.latest_start),
            earliest_end: self.earliest_end.min(other.earliest_end),
        }
    }

    fn states_at_most_one_with(&self, other: &Self) -> bool {
        self.response == 0 || other.response == 0 || self.response == other.response
    }

    /// Returns whether both may report one call: no reporter twice, at most one stated response, no calls that are known to be two, and all
    /// rows overlap in time.
    fn may_merge(&self, other: &Self) -> bool {
        let union = self.union(other);
        let states_one = self.response == 0 || other.response == 0;
        let overlap = union.latest_start <= union.earliest_end;
        let may_be_one = self.reporters & other.reporters == 0 && union.others & union.calls == 0;
        may_be_one && states_one && overlap && union.calls.count_ones() as usize <= MAX_REPORTS
    }
}

impl Call {
    /// Returns whether both are one span that was sent with two ids.
    fn is_twin(&self, other: &Self) -> bool {
        (self.id.0, self.parent, self.name, self.start, self.end) == (other.id.0, other.parent, other.name, other.start, other.end)
    }

    /// Returns whether the call ran within the time of another one, which may differ by `tolerance`.
    fn contains(&self, other: &Self, tolerance: Nanos) -> bool {
        self.start <= other.start.saturating_add(tolerance) && other.end <= self.end.saturating_add(tolerance)
    }

    /// Returns whether one of two calls is an agent's and the other, of another service and trace, would run within its time if a clock was
    /// set.
    fn is_skewed_report_of(&self, other: &Self) -> bool {
        let [service, other_service] = [self, other].map(|call| call.reporter.1);
        let are_apart = self.id.0 != other.id.0 && service != other_service && !service.is_empty() && !other_service.is_empty();
        let (upper, lower) = if self.of_run { (self, other) } else { (other, self) };
        are_apart && self.of_run != other.of_run && upper.contains(lower, MAX_SKEW)
    }

    /// Returns the time distance of two calls that may be one; `None` if they cannot be. Parent and child have distance 0.
    fn distance(&self, other: &Self) -> Option<u64> {
        let contains = |one: &Self, other: &Self| one.contains(other, TOLERANCE);
        let overlap = self.start <= other.end.saturating_add(TOLERANCE) && other.start <= self.end.saturating_add(TOLERANCE);
        let (starts, ends) = (self.start.abs_diff(other.start), self.end.abs_diff(other.end));
        // An unknown scope or service differs from every known one.
        let may_be_one = self.reporter != other.reporter
            && (self.response == 0 || other.response == 0)
            && (contains(self, other) || contains(other, self) || (self.from_log != other.from_log && overlap));
        let is_parent = |one: &Self, other: &Self| one.id.0 == other.id.0 && other.parent == Some(one.id.1);
        let are_linked = is_parent(self, other) || is_parent(other, self);
        may_be_one.then(|| if are_linked { 0 } else { starts.saturating_add(ends) })
    }
}
