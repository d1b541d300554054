//! The contexts of the model calls of the run under the cursor. They are read in the background, a few calls at a time, while the tab is open.

use std::collections::VecDeque;

use super::App;
use crate::context::{CallFacts, Comparer, EarlierCall, RECENT, ReadCall, RunReport};
use crate::export::call_facts;
use crate::model::{Payload, SpanType, TraceId};
use crate::sources::PayloadRequest;
use crate::store::{RowIx, RunCall, Store};

/// Calls whose payloads are requested at a time.
const SLICE: usize = 8;

/// What calls are read for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Reader {
    /// The tab of contexts.
    #[default]
    Tab,
    /// The search for what caches missed.
    Survey,
}

/// The contexts of a run's calls, as far as they are read.
#[derive(Debug, Default)]
pub struct RunContext {
    reader: Reader,
    /// The run, and its trace with the version from which `calls` was made.
    run: Option<(RowIx, TraceId, u32)>,
    calls: Vec<RunCall>,
    is_cut: bool,
    report: RunReport,
    /// The calls before the run in its session that are to be read first. Rows of another trace may be gone by then.
    earlier: Vec<(CallFacts, Vec<PayloadRequest>)>,
    /// The calls that were requested.
    requested: usize,
    /// Compares the next calls; `None` while it does so on another thread.
    comparer: Option<Comparer>,
    /// Distinguishes the runs that were read; what arrives for an earlier one is dropped.
    generation: u64,
    /// Whether it was kept while another run was shown, without the texts that further calls would be compared with.
    was_kept: bool,
    /// The runs that were read before, the last one first.
    kept: VecDeque<RunContext>,
}

/// Runs whose contexts are kept while others are shown.
const KEPT: usize = 8;

/// Calls to be read on another thread: one may hold megabytes.
#[derive(Debug)]
pub struct ContextSlice {
    reader: Reader,
    generation: u64,
    comparer: Comparer,
    /// What the rows of the calls before the run and of its calls state, each with the number of its requests, in their order.
    earlier: Vec<(CallFacts, usize)>,
    facts: Vec<(CallFacts, usize)>,
}

/// Calls that were read.
#[derive(Debug)]
pub struct ReadSlice {
    reader: Reader,
    generation: u64,
    comparer: Comparer,
    earlier: Vec<EarlierCall>,
    calls: Vec<ReadCall>,
}

impl ContextSlice {
    /// Reads the calls from the payloads that were requested, in their order. Costs their size.
    #[must_use]
    pub fn read(self, payloads: Vec<Result<Payload, String>>) -> ReadSlice {
        let Self { reader, generation, mut comparer, earlier, facts } = self;
        let mut payloads = payloads.into_iter();
        let mut of_call = |count: usize| payloads.by_ref().take(count).flatten().collect::<Vec<Payload>>();
        let earlier = earlier.into_iter().map(|(facts, count)| comparer.read_earlier(facts, &of_call(count))).collect();
        let calls = facts.into_iter().map(|(facts, count)| comparer.read_payloads(facts, &of_call(count))).collect();
        ReadSlice { reader, generation, comparer, earlier, calls }
    }
}

impl RunContext {
    /// Returns a reader that has read nothing.
    pub(super) fn of(reader: Reader) -> Self {
        Self { reader, ..Self::default() }
    }

    /// Returns a reader that drops what this one still waits for.
    pub(super) fn restarted(self) -> Self {
        Self { reader: self.reader, generation: self.generation + 1, ..Self::default() }
    }

    /// Returns the calls of the run.
    #[must_use]
    pub fn calls(&self) -> &[RunCall] {
        &self.calls
    }

    /// Returns what is known of the calls that were read.
    #[must_use]
    pub fn report(&self) -> &RunReport {
        &self.report
    }

    /// Whether the run has more spans than are examined.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether calls are still to be read.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        self.report.calls().len() < self.calls.len()
    }

    /// Turns to a run. Calls that are only added to those read so far are read next.
    pub(super) fn turn_to(&mut self, store: &Store, run: RowIx) -> bool {
        let trace = store.trace(store.row(run).trace());
        let key = (run, trace.id, trace.version());
        if self.run == Some(key) {
            return false;
        }
        if let Some(at) = self.kept.iter().position(|known| known.run == Some(key)) {
            self.return_to(at);
            return true;
        }
        let (calls, is_cut) = store.calls_of_run(run);
        let goes_on = self.run.is_some_and(|(before, trace, _)| (before, trace) == (key.0, key.1));
        let goes_on = goes_on && !self.was_kept && calls.starts_with(&self.calls);
        if !goes_on {
            let mut before = std::mem::take(self);
            let kept = std::mem::take(&mut before.kept);
            *self = Self { comparer: Some(Comparer::default()), kept, ..Self::of(before.reader) };
            self.generation = before.generation + 1;
            self.keep(before);
            let before = store.calls_before(run, RECENT);
            self.earlier = before.calls.iter().map(|call| (call_facts(store, call.row), requests(store, call))).collect();
            if before.is_first {
                self.report.set_first();
            }
        }
        (self.run, self.calls, self.is_cut) = (Some(key), calls, is_cut);
        true
    }

    /// Shows a run again that was kept.
    fn return_to(&mut self, at: usize) {
        let Some(known) = self.kept.remove(at) else { return };
        let mut before = std::mem::replace(self, known);
        (self.generation, self.kept) = (before.generation + 1, std::mem::take(&mut before.kept));
        self.keep(before);
    }

    /// Keeps a run that was read to its end, for the tab.
    fn keep(&mut self, before: Self) {
        if before.reader == Reader::Tab && !before.calls.is_empty() && !before.is_reading() {
            self.kept.push_front(Self { comparer: None, was_kept: true, ..before });
            self.kept.truncate(KEPT);
        }
    }

    /// Forgets the runs that are kept: the store may reuse the indexes of their rows.
    pub(super) fn forget_kept(&mut self) {
        self.kept.clear();
    }

    /// Returns the next calls to read, unless others are being read.
    pub(super) fn next_slice(&mut self, store: &Store) -> Option<(ContextSlice, Vec<PayloadRequest>)> {
        let calls = self.calls.get(self.requested..)?;
        let calls = &calls[..calls.len().min(SLICE)];
        if calls.is_empty() {
            return None;
        }
        let comparer = self.comparer.take()?;
        self.requested += calls.len();
        let (mut earlier, mut wanted) = (Vec::new(), Vec::new());
        for (facts, requests) in self.earlier.drain(..) {
            earlier.push((facts, requests.len()));
            wanted.extend(requests);
        }
        let facts = calls.iter().map(|call| (call_facts(store, call.row), call.reports.len())).collect();
        wanted.extend(calls.iter().flat_map(|call| requests(store, call)));
        Some((ContextSlice { reader: self.reader, generation: self.generation, comparer, earlier, facts }, wanted))
    }

    /// Takes what was read of a slice, unless another run is read by now. Returns whether it did.
    pub(super) fn load(&mut self, slice: ReadSlice) -> bool {
        let is_current = self.generation == slice.generation;
        if is_current {
            slice.earlier.into_iter().for_each(|call| self.report.add_earlier(call));
            slice.calls.into_iter().for_each(|call| self.report.add(call));
            self.comparer = Some(slice.comparer);
        }
        is_current
    }
}

/// Returns where the payloads of the spans are that report a call.
fn requests(store: &Store, call: &RunCall) -> Vec<PayloadRequest> {
    let rows = call.reports.iter().map(|&row| store.row(row));
    rows.map(|data| PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id }).collect()
}

impl App {
    /// Returns the next calls to read with their payloads, for the tab of contexts and for the search for misses.
    pub fn take_context_slices(&mut self, store: &Store) -> impl Iterator<Item = (ContextSlice, Vec<PayloadRequest>)> + use<> {
        [self.take_tab_slice(store), self.take_survey_slice(store)].into_iter().flatten()
    }

    fn take_tab_slice(&mut self, store: &Store) -> Option<(ContextSlice, Vec<PayloadRequest>)> {
        let row = self.detail.row().filter(|_| self.detail.shows_context())?;
        let run = store.run_of(row);
        let is_of_run = run == row || store.row(row).span_type == SpanType::Model;
        if !is_of_run {
            return None;
        }
        if self.detail.context.turn_to(store, run) {
            self.detail.outdate_context();
        }
        self.detail.context.next_slice(store)
    }

    /// Takes what was read of a slice, unless another run is read by now.
    pub fn load_contexts(&mut self, store: &Store, slice: ReadSlice) {
        match slice.reader {
            Reader::Survey => self.load_survey(store, slice),
            Reader::Tab if self.detail.context.load(slice) => self.detail.outdate_context(),
            Reader::Tab => {}
        }
    }
}
