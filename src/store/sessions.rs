//! Traces by session, to find what ran before in a session.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::attribution::MAX_EXAMINED_CHILDREN;
use super::hash_index::fit;
use super::interner::Symbol;
use super::ix::{RowIx, TraceIx};
use super::memory::TREE;
use super::{RunCall, Store};
use crate::model::Nanos;
use crate::model::sort;

/// The most traces and the most rows that are examined for the calls before a run.
const MAX_TRACES: usize = 16;
const MAX_ROWS: usize = 4096;

/// The model calls before a run in its session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallsBefore {
    /// The last calls of the same agent in their order, those of the run before last.
    pub calls: Vec<RunCall>,
    /// Whether the run is known to be the agent's first with calls in its session, of those that are held.
    pub is_first: bool,
}

/// Where traces stand in their sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    by_place: BTreeSet<(Symbol, Nanos, TraceIx)>,
    places: HashMap<TraceIx, (Symbol, Nanos)>,
}

impl Sessions {
    /// Returns the bytes that the tables take.
    pub(super) fn memory(&self) -> usize {
        self.places.len() * (TREE * size_of::<(Symbol, Nanos, TraceIx)>() + 2 * size_of::<(TraceIx, Symbol, Nanos)>())
    }
}

impl Store {
    /// Returns the last model calls, at most `limit`, of the runs of a run's agent that began before it in its session.
    #[must_use]
    pub fn calls_before(&self, run: RowIx, limit: usize) -> CallsBefore {
        let (session, agent, start) = (self.session(run), self.agent(run), self.row(run).start);
        let mut before = CallsBefore::default();
        if session.is_empty() {
            return before;
        }
        let (mut groups, mut found, mut examined): (Vec<Vec<RunCall>>, usize, usize) = (Vec::new(), 0, 0);
        let earlier = self.sessions.by_place.range((session, Nanos::MIN, TraceIx(0))..=(session, start, TraceIx(u32::MAX))).rev();
        let mut is_whole = true;
        for (at, &(_, _, trace)) in earlier.enumerate() {
            examined += self.trace(trace).counts().spans as usize;
            is_whole = at < MAX_TRACES && examined <= MAX_ROWS;
            if !is_whole || found >= limit {
                break;
            }
            let is_before = |&other: &RowIx| {
                other != run && self.row(other).start < start && self.agent(other) == agent && self.session(other) == session
            };
            let mut runs: Vec<RowIx> = self.runs_with_calls(trace).into_iter().filter(is_before).collect();
            sort::by_key(&mut runs, |&run| std::cmp::Reverse(self.row(run).order()));
            for run in runs {
                let (mut calls, _) = self.calls_of_run(run);
                calls.retain(|call| self.row(call.row).start < start);
                calls.drain(..calls.len().saturating_sub(limit - found));
                found += calls.len();
                groups.push(calls);
                if found >= limit {
                    break;
                }
            }
        }
        before.calls = groups.into_iter().rev().flatten().collect();
        before.is_first = is_whole && before.calls.is_empty();
        before
    }

    /// Decides where a changed trace stands in its session.
    pub(super) fn decide_session(&mut self, trace: TraceIx) {
        let (stated, start) = (self.session_of(trace), self.trace(trace).start);
        let place = (!stated.is_empty()).then_some((stated, start));
        if self.sessions.places.get(&trace).copied() != place {
            self.leave_session(trace);
            if let Some((session, start)) = place {
                self.sessions.by_place.insert((session, start, trace));
                self.sessions.places.insert(trace, (session, start));
            }
        }
    }

    /// Removes a trace from its session.
    pub(super) fn leave_session(&mut self, trace: TraceIx) {
        if let Some((session, start)) = self.sessions.places.remove(&trace) {
            self.sessions.by_place.remove(&(session, start, trace));
            fit(&mut self.sessions.places);
        }
    }

    /// Returns the session of a trace: of a root, else of the row that it is named after; empty if unknown.
    #[must_use]
    pub fn session_of(&self, trace: TraceIx) -> Symbol {
        let roots = self.trace(trace).roots().iter().take(MAX_EXAMINED_CHILDREN);
        let mut stated = roots.map(|&root| self.row(root).session).filter(|session| !session.is_empty());
        stated.next().or_else(|| self.lead(trace).map(|lead| self.session(lead))).unwrap_or_default()
    }
}
