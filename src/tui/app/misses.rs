//! What providers' caches missed, in all traces. Once a filter asks for it, the runs whose counts allow a miss are read in the background, the
//! newest traces first, and those that end later, too.

use std::collections::{HashMap, HashSet, VecDeque};

use super::context::{Reader, RunContext};
use super::miss_sums::{Group, Sums};
use super::{Aggregates, App, ContextSlice, ReadSlice, TraceTree};
use crate::context::RECENT;
use crate::export::{Miss, may_have_missed, misses_of};
use crate::model::Nanos;
use crate::sources::PayloadRequest;
use crate::store::{RowIx, Store, TraceIx};
use crate::tui::slices::Slice;

/// The search for misses.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are facts that do not depend on one another")]
pub(super) struct Survey {
    is_on: bool,
    /// Whether traces are left that were there at the beginning.
    is_sweeping: bool,
    /// The last of them that was looked into, with its start time.
    last: Option<(Nanos, TraceIx)>,
    /// How many of them were looked into, and how many there were.
    swept: usize,
    total: usize,
    /// Traces that changed since.
    queue: VecDeque<TraceIx>,
    /// The traces in `queue`.
    queued: HashSet<TraceIx>,
    /// The next trace, if it is too large to be looked into in a frame.
    waiting: Option<TraceIx>,
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
            is_sweeping: false,
            last: None,
            swept: 0,
            total: 0,
            queue: VecDeque::new(),
            queued: HashSet::new(),
            waiting: None,
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
            (self.is_on, self.is_sweeping, self.total) = (true, true, store.trace_count());
        }
    }

    /// Returns the next trace to look into.
    fn next(&mut self, store: &Store) -> Option<TraceIx> {
        if let Some(trace) = self.queue.pop_front() {
            self.queued.remove(&trace);
            return Some(trace);
        }
        let next = store.newest_before(self.last).filter(|_| self.is_sweeping);
        self.is_sweeping = next.is_some();
        self.swept += usize::from(next.is_some());
        self.last = next.or(self.last);
        next.map(|(_, trace)| trace)
    }

    pub(super) fn traces_changed(&mut self, traces: impl IntoIterator<Item = TraceIx>) {
        if self.is_on {
            let Self { queue, queued, .. } = self;
            queue.extend(traces.into_iter().filter(|trace| queued.insert(*trace)));
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
            self.is_outdated |= self.pass.take().is_some();
        }
    }

    /// Notes that the filter shows other traces.
    pub(super) fn outdate(&mut self) {
        self.is_outdated = true;
        self.pass = None;
    }

    /// Whether traces are left to look into.
    fn is_incomplete(&self) -> bool {
        self.current.is_some() || self.waiting.is_some() || self.is_sweeping || !self.queue.is_empty()
    }

    /// Looks into traces for a moment, until one has to be read. Returns the misses that it found, and whether it can go on at once.
    fn advance(&mut self, store: &Store, slice: &mut Slice) -> (Vec<Miss>, bool) {
        let mut news = Vec::new();
        while !self.is_reading {
            let Some((trace, runs, misses)) = &mut self.current else {
                let Some(trace) = self.waiting.take().or_else(|| self.next(store)) else { return (news, false) };
                let is_held = store.is_trace_held(trace);
                let pieces = if is_held { 1 + store.trace(trace).counts().spans as usize } else { 1 };
                if !slice.allows(pieces) {
                    self.waiting = Some(trace);
                    return (news, true);
                }
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
                let before = store.calls_before(run, RECENT);
                if may_have_missed(store, &before.calls, &calls) {
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
                    sums.entry(key).or_default().add(store.row(miss.row).start, miss);
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

    /// Returns the tokens of a call that were read again since a cache missed them; `None` if none are known.
    #[must_use]
    pub fn rebuilt(&self, store: &Store, row: RowIx) -> Option<u64> {
        let misses = self.survey.found.get(&store.row(row).trace())?;
        misses.iter().find(|miss| miss.row == row).map(|miss| miss.rebuilt)
    }

    /// Returns how far the search for misses is in the traces that were there at its beginning, in percent; `None` if it is over, or was not
    /// asked for.
    #[must_use]
    pub fn survey_progress(&self) -> Option<u64> {
        let Survey { is_sweeping, swept, total, .. } = self.survey;
        is_sweeping.then(|| (swept * 100 / total.max(1)).min(99) as u64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::super::test_harness::{TestHarness, slice, span};
    use super::*;
    use crate::model::{Attribute, Batch, Origin, Payload, SourceId, SpanFacts, SpanType, Text, Usage, Value};
    use crate::store::{By, Limits};

    /// A run of two calls, the second of which reads so many tokens from the cache; it is still running without an end.
    fn run(trace: u8, read: u32, end: Option<Nanos>) -> Batch {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        let (agent, model) = (batch.intern("Clerk"), batch.intern("gpt-4o"));
        let call = |read| {
            let usage = Usage { input: Some(2000), cache_read: Some(read), output: Some(1), ..Usage::default() };
            SpanFacts { span_type: SpanType::Model, model, usage: Some(usage), ..SpanFacts::default() }
        };
        let start = Nanos::from(trace) * 100;
        let facts = SpanFacts { span_type: SpanType::Agent, agent, ..SpanFacts::default() };
        batch.spans.push(span(trace, 1, 0, (start, end.map(|end| start + end)), Text::default(), facts));
        batch.spans.push(span(trace, 2, 1, (start + 1, Some(start + 2)), Text::default(), call(1900)));
        batch.spans.push(span(trace, 3, 1, (start + 3, Some(start + 4)), Text::default(), call(read)));
        batch
    }

    fn payload(number: i64) -> Payload {
        let attribute = |key: &str, value: String| -> Attribute { (format!("llm.input_messages.0.message.{key}"), Value::Text(value)) };
        Payload {
            attributes: vec![attribute("role", "system".to_owned()), attribute("content", format!("Be kind, {number}."))],
            ..Payload::default()
        }
    }

    /// Works until nothing is left, and answers all requests. Returns the number of calls that were read.
    fn settle(harness: &mut TestHarness) -> usize {
        let mut read = 0;
        loop {
            while harness.app.work(&mut harness.store, slice()) {}
            let slices: Vec<_> = harness.app.take_context_slices(&harness.store).collect();
            if slices.is_empty() {
                return read;
            }
            for (slice, requests) in slices {
                read += requests.len();
                let payloads = requests.iter().map(|request| Ok(payload(request.payload_ref.0))).collect();
                harness.app.load_contexts(&harness.store, slice.read(payloads));
            }
        }
    }

    fn of_agent(harness: &TestHarness) -> Option<(u64, u64, bool)> {
        let (agent, _) = harness.store.stats().groups(By::Agent).next()?;
        harness.app.aggregates.misses.of_group(By::Agent, agent).map(|(sum, is_bound)| (sum.count, sum.rebuilt, is_bound))
    }

    #[test]
    fn only_runs_that_may_have_missed_are_read_and_each_once() {
        let mut harness = TestHarness::new(Limits::default());
        for trace in 1..=20 {
            harness.receive(run(trace, if trace % 10 == 0 { 0 } else { 1900 }, Some(10)), 0);
        }
        assert_eq!((settle(&mut harness), of_agent(&harness)), (0, None), "nobody has asked");
        harness.app.set_filter(&harness.store, "miss:yes".to_owned());
        assert_eq!((settle(&mut harness), harness.app.tree.len()), (4, 2));
        assert_eq!((of_agent(&harness), harness.app.survey_progress()), (Some((2, 4000, false)), None));
        harness.app.set_filter(&harness.store, "miss:yes agent:nobody".to_owned());
        assert_eq!((settle(&mut harness), of_agent(&harness)), (0, Some((0, 0, false))), "of the shown traces");
        harness.app.set_filter(&harness.store, "miss:yes".to_owned());
        // What runs is read when it has ended.
        harness.receive(run(30, 0, None), 0);
        assert_eq!((settle(&mut harness), harness.app.tree.len()), (0, 2));
        harness.receive(run(30, 0, Some(10)), 0);
        assert_eq!((settle(&mut harness), harness.app.tree.len(), of_agent(&harness)), (2, 3, Some((3, 6000, false))));
    }

    #[test]
    fn a_trace_that_is_evicted_while_it_is_read_is_forgotten() {
        let mut harness = TestHarness::new(Limits { spans: 6, ..Limits::default() });
        harness.receive(run(1, 0, Some(10)), 0);
        harness.receive(run(2, 1900, Some(10)), 0);
        harness.app.set_filter(&harness.store, "miss:yes".to_owned());
        while harness.app.work(&mut harness.store, slice()) {}
        let (late, requests) = harness.app.take_context_slices(&harness.store).next().unwrap();
        harness.receive(run(3, 0, Some(10)), 0);
        harness.app.load_contexts(&harness.store, late.read(requests.iter().map(|request| Ok(payload(request.payload_ref.0))).collect()));
        assert_eq!((settle(&mut harness), harness.app.tree.len(), of_agent(&harness)), (2, 1, Some((1, 2000, false))));
    }
}
