//! What providers' caches missed, in all traces. Once a filter asks for it, the runs whose counts allow a miss are read in the background, the
//! newest traces first, and those that end later, too.

use std::collections::{HashMap, HashSet, VecDeque};

use super::context::{Reader, RunContext};
use super::miss_sums::{Group, Sums};
use super::{Aggregates, App, ContextSlice, ReadSlice, TraceTree};
use crate::export::{Miss, may_have_missed, misses_of};
use crate::sources::PayloadRequest;
use crate::store::{RowIx, Store, TraceIx};
use crate::tui::slices::Slice;

/// The search for misses.
#[derive(Debug)]
pub(super) struct Survey {
    is_on: bool,
    /// Traces to look into.
    queue: VecDeque<TraceIx>,
    /// The traces in `queue`.
    queued: HashSet<TraceIx>,
    /// Traces that the queue has held since it was last empty.
    total: usize,
    /// The trace in work, its runs that are left, and what was found in it.
    current: Option<(TraceIx, Vec<RowIx>, Vec<Miss>)>,
    /// Reads the calls of a run.
    reader: RunContext,
    is_reading: bool,
    found: HashMap<TraceIx, Vec<Miss>>,
    /// The sums over the shown traces in work: the traces that are left, and what was added.
    pass: Option<(Vec<TraceIx>, Sums)>,
    is_outdated: bool,
}

impl Default for Survey {
    fn default() -> Self {
        Self {
            is_on: false,
            queue: VecDeque::new(),
            queued: HashSet::new(),
            total: 0,
            current: None,
            reader: RunContext::of(Reader::Survey),
            is_reading: false,
            found: HashMap::new(),
            pass: None,
            is_outdated: false,
        }
    }
}

impl Survey {
    fn turn_on(&mut self, store: &Store) {
        if !self.is_on {
            self.is_on = true;
            self.traces_changed(store.traces().rev());
        }
    }

    pub(super) fn traces_changed(&mut self, traces: impl IntoIterator<Item = TraceIx>) {
        if self.is_on {
            let Self { queue, queued, .. } = self;
            queue.extend(traces.into_iter().filter(|trace| queued.insert(*trace)));
            self.total = self.total.max(self.queue.len());
        }
    }

    /// Forgets traces that the store evicted, before it reuses the indexes of their rows.
    pub(super) fn forget(&mut self, traces: &[TraceIx]) {
        for trace in traces {
            self.is_outdated |= self.found.remove(trace).is_some();
            if self.current.as_ref().is_some_and(|(current, ..)| current == trace) {
                (self.current, self.is_reading) = (None, false);
                self.reader = std::mem::take(&mut self.reader).restarted();
            }
        }
        if !traces.is_empty() {
            self.pass = None;
        }
    }

    /// Notes that the filter shows other traces.
    pub(super) fn outdate(&mut self) {
        self.is_outdated = true;
        self.pass = None;
    }

    /// Whether traces are left to look into.
    fn is_incomplete(&self) -> bool {
        self.current.is_some() || !self.queue.is_empty()
    }

    /// Looks into traces for a moment, until one has to be read. Returns the misses that it found, and whether it can go on at once.
    fn advance(&mut self, store: &Store, slice: &mut Slice) -> (Vec<Miss>, bool) {
        let mut news = Vec::new();
        while !self.is_reading {
            let Some((trace, runs, misses)) = &mut self.current else {
                let Some(&trace) = self.queue.front() else {
                    self.total = 0;
                    return (news, false);
                };
                let is_held = store.is_trace_held(trace);
                let pieces = if is_held { 1 + store.trace(trace).counts().spans as usize } else { 1 };
                if !slice.allows(pieces) {
                    return (news, true);
                }
                self.queue.pop_front();
                self.queued.remove(&trace);
                // What runs changes again and again; it is read when it has ended.
                if is_held && store.trace(trace).counts().running == 0 {
                    self.current = Some((trace, store.runs_with_calls(trace), Vec::new()));
                }
                if !slice.goes_on(pieces) {
                    return (news, true);
                }
                continue;
            };
            if let Some(run) = runs.pop() {
                let (calls, _) = store.calls_of_run(run);
                if may_have_missed(store, &calls) {
                    self.is_reading = true;
                    self.reader.turn_to(store, run);
                }
                continue;
            }
            let (trace, misses) = (*trace, std::mem::take(misses));
            self.current = None;
            news.extend(&misses);
            let before = if misses.is_empty() { self.found.remove(&trace) } else { self.found.insert(trace, misses) };
            self.is_outdated |= before.is_some() || self.found.contains_key(&trace);
        }
        (news, false)
    }

    /// Takes calls that were read.
    fn load(&mut self, store: &Store, slice: ReadSlice) {
        self.reader.load(slice);
        if self.is_reading && !self.reader.is_reading() {
            self.is_reading = false;
            if let Some((_, _, misses)) = &mut self.current {
                misses.extend(misses_of(store, self.reader.calls(), self.reader.report()));
            }
            // The texts of its last calls are of no more use.
            self.reader = std::mem::take(&mut self.reader).restarted();
        }
    }

    /// Sums the misses of the shown traces for a moment. Returns the sums when they are done, and whether work is left.
    fn sum(&mut self, store: &Store, tree: &TraceTree, slice: &mut Slice) -> (Option<Sums>, bool) {
        if self.pass.is_none() && std::mem::take(&mut self.is_outdated) {
            self.pass = Some((self.found.keys().copied().collect(), Sums::new()));
        }
        let Some((traces, sums)) = &mut self.pass else { return (None, false) };
        while let Some(trace) = traces.pop() {
            let misses = self.found.get(&trace).map(Vec::as_slice).unwrap_or_default();
            let is_shown = store.is_trace_held(trace) && tree.counts(store, trace);
            for miss in misses.iter().filter(|miss| is_shown && store.is_held(miss.row)) {
                let names = [
                    (Group::Agent, store.agent(miss.row)),
                    (Group::Model, store.counted_model(miss.row)),
                    (Group::Session, store.session(miss.row)),
                ];
                for key in names {
                    sums.entry(key).or_default().add(miss.rebuilt, miss.cost);
                }
            }
            if !slice.goes_on(1 + misses.len()) {
                return (None, true);
            }
        }
        (self.pass.take().map(|(_, sums)| sums), false)
    }
}

impl App {
    /// Begins to search for misses, if the filter asks for them, and tells it those that are known.
    pub(super) fn ask_for_misses(&mut self, store: &Store) {
        if self.tree.query().is_some_and(crate::query::Query::needs_misses) {
            self.survey.turn_on(store);
            let rows = self.survey.found.values().flatten().map(|miss| miss.row);
            self.tree.add_misses(store, rows, self.now);
        }
    }

    /// Goes on with the search for misses for a moment. Returns whether work is left that can be done at once.
    pub(super) fn advance_survey(&mut self, store: &Store, slice: Slice) -> bool {
        if !self.survey.is_on {
            return false;
        }
        let (news, has_more) = self.survey.advance(store, &mut slice.share());
        if !news.is_empty() {
            self.tree.add_misses(store, news.iter().map(|miss| miss.row), self.now);
        }
        let (sums, is_summing) = self.survey.sum(store, &self.tree, &mut slice.share());
        let Aggregates { misses, .. } = &mut self.aggregates;
        let before = (misses.is_known, misses.is_incomplete);
        (misses.is_known, misses.is_incomplete) = (true, self.survey.is_incomplete() || is_summing);
        let is_changed = sums.is_some() || before != (misses.is_known, misses.is_incomplete);
        if let Some(sums) = sums {
            misses.sums = sums;
        }
        if let Some(table) = self.table.as_mut().filter(|_| is_changed) {
            table.outdate();
        }
        has_more || is_summing
    }

    /// Returns the next calls to read for the search for misses.
    pub(super) fn take_survey_slice(&mut self, store: &Store) -> Option<(ContextSlice, Vec<PayloadRequest>)> {
        if self.survey.is_reading { self.survey.reader.next_slice(store) } else { None }
    }

    /// Takes calls that were read for the search for misses.
    pub(super) fn load_survey(&mut self, store: &Store, slice: ReadSlice) {
        self.survey.load(store, slice);
    }

    /// Returns how far the search for misses is, in percent; `None` if it is over, or was not asked for.
    #[must_use]
    pub fn survey_progress(&self) -> Option<u64> {
        let Survey { queue, total, .. } = &self.survey;
        self.survey.is_incomplete().then(|| (total - queue.len().min(*total)) as u64 * 100 / (*total).max(1) as u64)
    }
}
