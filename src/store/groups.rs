//! Groups: traces that are parts of what another trace began.
//!
//! Some senders split one run into several traces. Three rules find them, where ids or times prove it:
//!
//! 1. A *turn*: traces of one conversation and one service that hold only calls. The call of a tool follows the model's call that asked
//!    for it, and a model's call follows the tool's result or a failed call, within [`TURN_GAP`]. A turn made from log events begins a turn
//!    and follows none.
//! 2. A *side call*: a call without a session, of a sender that [misplaces](crate::model::SpanFacts::misplaced) spans, belongs to the
//!    only run of that service that was open from the call's start to its end.
//!
//! 3. A trace that *continues* the paused run of another one (`continued`).
//!
//! A run of an agent is a part by the last rule only. Groups join: a run is followed by its side calls, then by what continues it. The first trace of a group is its main trace. The decision depends only on facts of the trace and of
//! those beside it, not on the order of arrival, except that a group has at most [`MAX_TRACES`] traces.

mod continued;

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::ops::Bound::{Excluded, Unbounded};

use hashbrown::HashMap;

use super::hash_index::fit;
use super::ix::{NONE, RowIx, TraceIx};
use super::memory::TREE;
use super::nesting::TOLERANCE;
use super::row::Phase;
use super::totals::Totals;
use super::trace::Counts;
use super::{Changes, Store};
use crate::model::Nanos;

/// The longest time between the parts of a turn.
const TURN_GAP: Nanos = 5_000_000_000;

/// The most traces of a group.
const MAX_TRACES: usize = 256;

/// The most spans of a trace that may be a part.
const MAX_SPANS: u32 = 64;

/// The most runs that began before a side call, and the most side calls in a run, that are examined.
const MAX_EXAMINED: usize = 256;

/// What a trace can be in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// A part of a turn, by the hash of conversation and service.
    Turn(u64),
    /// A side call, by its service.
    SideCall(u16),
    /// A run that may make side calls, by its service.
    Run(u16),
}

/// The role of a trace, its start and its id.
type Place = (Role, Nanos, [u8; 16]);

/// The ids before and after all others.
const FIRST_ID: [u8; 16] = [0; 16];
const LAST_ID: [u8; 16] = [u8::MAX; 16];

/// The calls in a trace without a run.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
struct Calls {
    model: bool,
    tool: bool,
    misplaced: bool,
    /// Whether a turn made from log events is among them.
    begins_turn: bool,
}

/// The traces that may belong to a group.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_place: BTreeMap<Place, TraceIx>,
    places: HashMap<TraceIx, Place>,
    /// The hashes of the ids of the runs of which traces are parts, by trace.
    runs: HashMap<TraceIx, u64>,
}

/// Returns the trace that a link leads to.
fn joined(link: u32) -> Option<TraceIx> {
    (link != NONE).then_some(TraceIx(link))
}

impl Groups {
    /// Returns the bytes that the tables take.
    pub(super) fn memory(&self) -> usize {
        self.places.len() * (TREE * size_of::<(Place, TraceIx)>() + 2 * size_of::<(TraceIx, Place)>())
    }
}

impl Store {
    /// Returns the main trace of the group that a trace belongs to; the trace itself if it stands alone.
    #[must_use]
    pub fn main_of(&self, trace: TraceIx) -> TraceIx {
        std::iter::successors(Some(trace), |trace| joined(self.trace(*trace).previous)).last().unwrap_or(trace)
    }

    /// Returns whether a trace is part of what another trace began.
    #[must_use]
    pub fn is_part(&self, trace: TraceIx) -> bool {
        self.trace(trace).previous != NONE
    }

    /// Returns whether a trace is a call that a run made outside its own trace.
    #[must_use]
    pub fn is_side_call(&self, trace: TraceIx) -> bool {
        self.is_part(trace) && matches!(self.groups.places.get(&trace), Some((Role::SideCall(_), ..)))
    }

    /// Returns a trace and those of its group after it, in the order of their starts. With a main trace, these are all of the group.
    pub fn group(&self, trace: TraceIx) -> impl Iterator<Item = TraceIx> {
        std::iter::successors(Some(trace), |trace| joined(self.trace(*trace).next))
    }

    /// Returns the sums over a main trace and its parts.
    #[must_use]
    pub fn group_totals(&self, main: TraceIx) -> Totals {
        let mut totals = self.totals_of(main);
        self.group(main).skip(1).for_each(|part| totals.add(&self.totals_of(part)));
        totals
    }

    /// Returns the counts of a main trace and its parts.
    #[must_use]
    pub fn group_counts(&self, main: TraceIx) -> Counts {
        let mut counts = *self.trace(main).counts();
        self.group(main).skip(1).for_each(|part| counts.join(self.trace(part).counts()));
        counts
    }

    /// Returns when the last span of a main trace and its parts ended.
    #[must_use]
    pub fn group_end(&self, main: TraceIx) -> Nanos {
        self.group(main).map(|trace| self.trace(trace).end).max().unwrap_or_default()
    }

    /// Returns the time that a main trace and its parts took, like [`Store::length`], without the time that a paused run waited.
    #[must_use]
    pub fn group_length(&self, main: TraceIx, now: Nanos) -> Nanos {
        let end = |trace: TraceIx| self.trace(trace).start.saturating_add(self.length(trace, now));
        let (mut length, mut start, mut last): (Nanos, _, _) = (0, self.trace(main).start, Nanos::MIN);
        for trace in self.group(main) {
            if self.continues_run(trace) {
                length = length.saturating_add(last.saturating_sub(start).max(0));
                (start, last) = (self.trace(trace).start, Nanos::MIN);
            }
            last = last.max(end(trace));
        }
        length.saturating_add(last.saturating_sub(start).max(0))
    }

    /// Returns the time that a main trace and its parts took, like [`Store::group_length`]; `None` if that of the main trace is unknown.
    #[must_use]
    pub fn group_time(&self, main: TraceIx, now: Nanos) -> Option<Nanos> {
        self.trace_time(main, now).map(|_| self.group_length(main, now))
    }

    /// Decides which group a changed trace belongs to.
    pub(super) fn decide_group(&mut self, trace: TraceIx, changes: &mut Changes) {
        let place = self.role(trace).map(|role| (role, self.trace(trace).start, self.trace(trace).id.bytes()));
        self.decide_continued(trace, changes);
        if self.groups.places.get(&trace).copied() != place {
            self.leave_place(trace, changes);
            if let Some(place) = place {
                self.groups.by_place.insert(place, trace);
                self.groups.places.insert(trace, place);
            }
        }
        match place {
            Some(place @ (role @ Role::Turn(_), ..)) => {
                let after = self.groups.by_place.range((Excluded(place), Unbounded)).next();
                let after = after.filter(|(after, _)| after.0 == role).map(|(_, &after)| after);
                self.decide_turn(trace, changes);
                if let Some(after) = after {
                    self.decide_turn(after, changes);
                }
            }
            Some((Role::SideCall(_), ..)) => self.decide_side_call(trace, changes),
            Some((Role::Run(service), ..)) => self.decide_side_calls(trace, service, changes),
            None => {}
        }
        let main = self.main_of(trace);
        self.touch(main, changes);
    }

    /// Removes a trace from its group, and decides again for the traces beside it.
    pub(super) fn leave_group(&mut self, trace: TraceIx, changes: &mut Changes) {
        self.leave_run(trace, changes);
        self.leave_place(trace, changes);
    }

    fn leave_place(&mut self, trace: TraceIx, changes: &mut Changes) {
        let Some(place) = self.groups.places.remove(&trace) else { return };
        fit(&mut self.groups.places);
        self.groups.by_place.remove(&place);
        match place.0 {
            Role::Turn(_) => {
                let next = joined(self.trace(trace).next);
                self.cut(trace, changes);
                if let Some(next) = next {
                    self.cut(next, changes);
                    self.decide_turn(next, changes);
                }
            }
            Role::SideCall(_) => self.cut_alone(trace, changes),
            Role::Run(service) => self.decide_side_calls(trace, service, changes),
        }
    }

    fn role(&self, trace: TraceIx) -> Option<Role> {
        let &head = self.trace(trace).roots().first()?;
        let service = self.service_number(head)?;
        match self.only_calls(trace) {
            Some(calls) => {
                let roots = self.trace(trace).roots().iter();
                let session = roots.map(|&root| self.row(root).session).find(|session| !session.is_empty());
                let conversation = session.map(|session| Role::Turn(self.hasher.hash_one((self.text(session), service))));
                conversation.or(calls.misplaced.then_some(Role::SideCall(service)))
            }
            None => (self.row(head).is_agent() && self.row(head).is_misplaced()).then_some(Role::Run(service)),
        }
    }

    /// Returns what is called in a trace that holds calls and no run; `None` for any other trace.
    fn only_calls(&self, trace: TraceIx) -> Option<Calls> {
        if self.trace(trace).counts().spans > MAX_SPANS {
            return None;
        }
        let mut calls = Calls { model: false, tool: false, misplaced: true, begins_turn: false };
        for (row, _) in self.walk(trace) {
            let data = self.row(row);
            if data.placeholder || (data.span_type.is_agentic() && !data.is_from_log()) {
                return None;
            }
            calls.begins_turn |= data.span_type.is_agentic();
            calls.model |= data.span_type.calls_model();
            calls.tool |= data.span_type.calls_tool();
            calls.misplaced &= data.is_misplaced();
        }
        (calls.model || calls.tool).then_some(calls)
    }

    /// Links a trace to the one before it in its conversation if it goes on with the same turn.
    fn decide_turn(&mut self, trace: TraceIx, changes: &mut Changes) {
        let before = self.turn_before(trace);
        if joined(self.trace(trace).previous) == before {
            return;
        }
        self.cut(trace, changes);
        let Some(before) = before else { return };
        if let Some(next) = joined(self.trace(before).next) {
            self.cut(next, changes);
        }
        self.link_after(trace, before, changes);
    }

    /// Returns the trace whose turn a trace goes on with.
    pub(super) fn turn_before(&self, trace: TraceIx) -> Option<TraceIx> {
        let place @ (role @ Role::Turn(_), ..) = *self.groups.places.get(&trace)? else { return None };
        let (_, &before) = self.groups.by_place.range(..place).next_back().filter(|(before, _)| before.0 == role)?;
        self.follows(trace, before).then_some(before)
    }

    /// Returns the traces before and after a trace that may be of the same turn, whatever happened in them.
    pub(super) fn turn_neighbors(&self, trace: TraceIx) -> impl Iterator<Item = TraceIx> {
        let place = self.groups.places.get(&trace).copied().filter(|place| matches!(place.0, Role::Turn(_)));
        let beside = place.map(|place| {
            let places = &self.groups.by_place;
            [places.range(..place).next_back(), places.range((Excluded(place), Unbounded)).next()]
        });
        let is_of_conversation = move |(other, _): &(&Place, &TraceIx)| place.is_some_and(|place| place.0 == other.0);
        let is_near = move |other: &TraceIx| {
            let (one, other) = (self.trace(trace), self.trace(*other));
            one.start.max(other.start).saturating_sub(one.end.min(other.end)) <= TURN_GAP
        };
        beside.into_iter().flatten().flatten().filter(is_of_conversation).map(|(_, &other)| other).filter(is_near)
    }

    /// Returns whether a trace goes on with the turn of the one before it.
    fn follows(&self, trace: TraceIx, before: TraceIx) -> bool {
        let gap = self.trace(trace).start.saturating_sub(self.trace(before).end);
        let (Some(calls), Some(earlier)) = (self.only_calls(trace), self.only_calls(before)) else { return false };
        let is_one_call = calls.model != calls.tool && earlier.model != earlier.tool && !calls.begins_turn;
        gap <= TURN_GAP && is_one_call && (calls.tool || earlier.tool || self.trace(before).counts().failed > 0)
    }

    fn decide_side_calls(&mut self, run: TraceIx, service: u16, changes: &mut Changes) {
        let Some(&head) = self.trace(run).roots().first() else { return };
        let from = (Role::SideCall(service), self.trace(run).start.saturating_sub(TOLERANCE), FIRST_ID);
        let to = (Role::SideCall(service), self.row(head).end.saturating_add(TOLERANCE), LAST_ID);
        let within = (from <= to).then(|| self.groups.by_place.range(from..=to).take(MAX_EXAMINED));
        let calls: Vec<TraceIx> = self.side_calls(run).chain(within.into_iter().flatten().map(|(_, &call)| call)).collect();
        for call in calls {
            self.decide_side_call(call, changes);
        }
    }

    /// Links a side call to the only run that was open around it.
    fn decide_side_call(&mut self, call: TraceIx, changes: &mut Changes) {
        let run = self.run_around(call);
        if run.unwrap_or(call) == self.caller(call) {
            return;
        }
        self.cut_alone(call, changes);
        if let Some(run) = run {
            let place = |trace: TraceIx| self.groups.places.get(&trace);
            let before = self.side_calls(run).take_while(|&part| place(part) < place(call)).last();
            self.link_after(call, before.unwrap_or(run), changes);
        }
    }

    /// Returns how many runs may have made a side call that is no part of any; `None` for other traces.
    #[must_use]
    pub fn possible_runs(&self, call: TraceIx) -> Option<usize> {
        (!self.is_part(call)).then(|| self.runs_open_around(call)).flatten().map(Iterator::count)
    }

    /// Returns the only run that was open from the start of a side call to its end.
    pub(super) fn run_around(&self, call: TraceIx) -> Option<TraceIx> {
        let mut open = self.runs_open_around(call)?;
        open.next().filter(|_| open.next().is_none())
    }

    /// Returns the runs that were open from the start of a side call to its end; `None` for a trace that is none.
    pub(super) fn runs_open_around(&self, call: TraceIx) -> Option<impl Iterator<Item = TraceIx>> {
        let (Role::SideCall(service), start, _) = *self.groups.places.get(&call)? else { return None };
        let latest = (Role::Run(service), start.saturating_add(TOLERANCE), LAST_ID);
        let runs = self.groups.by_place.range(..=latest).rev().take_while(move |(run, _)| run.0 == latest.0).take(MAX_EXAMINED);
        let end = self.trace(call).end;
        let is_open = move |run: &TraceIx| self.trace(*run).roots().first().is_some_and(|&head| self.was_open_until(head, end));
        Some(runs.map(|(_, &run)| run).filter(is_open))
    }

    fn was_open_until(&self, run: RowIx, end: Nanos) -> bool {
        let data = self.row(run);
        data.phase == Phase::Ended && data.end.saturating_add(TOLERANCE) >= end
    }

    /// Returns the side calls of a run, in the order of their starts.
    pub fn side_calls(&self, run: TraceIx) -> impl Iterator<Item = TraceIx> {
        self.group(run).skip(1).take_while(|&part| self.is_side_call(part))
    }

    /// Returns the run that made a side call; for any other trace the trace itself.
    #[must_use]
    pub fn caller(&self, trace: TraceIx) -> TraceIx {
        let mut at = trace;
        while let Some(before) = joined(self.trace(at).previous).filter(|_| self.is_side_call(at)) {
            at = before;
        }
        at
    }

    /// Takes a single trace out of its group.
    fn cut_alone(&mut self, trace: TraceIx, changes: &mut Changes) {
        let Some(before) = joined(self.trace(trace).previous) else { return };
        let next = joined(self.trace(trace).next);
        self.cut(trace, changes);
        if let Some(next) = next {
            (self.traces[trace.0].next, self.traces[next.0].previous) = (NONE, before.0);
            self.traces[before.0].next = next.0;
        }
    }

    /// Takes a trace, with what follows it, out of its group.
    fn cut(&mut self, trace: TraceIx, changes: &mut Changes) {
        let Some(before) = joined(self.trace(trace).previous) else { return };
        self.traces[before.0].next = NONE;
        self.traces[trace.0].previous = NONE;
        let main = self.main_of(before);
        self.touch(main, changes);
        self.touch(trace, changes);
    }

    /// Puts a trace, with what follows it, into the group of another one, right after that.
    fn link_after(&mut self, trace: TraceIx, before: TraceIx, changes: &mut Changes) {
        let main = self.main_of(before);
        if self.group(main).chain(self.group(trace)).take(MAX_TRACES + 1).count() > MAX_TRACES {
            return;
        }
        if let Some(next) = joined(self.trace(before).next) {
            self.traces[trace.0].next = next.0;
            self.traces[next.0].previous = trace.0;
        }
        self.traces[before.0].next = trace.0;
        self.traces[trace.0].previous = before.0;
        self.touch(main, changes);
        self.touch(trace, changes);
    }
}

#[cfg(test)]
mod tests;
